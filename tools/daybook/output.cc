#include "tools/daybook/output.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "ledger/codec/event_codec.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

std::string text_of(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array()) {
    std::string out;
    for (const Json& element : value) out += (out.empty() ? "" : ", ") + text_of(element);
    return out;
  }
  return dump(value);
}

std::string pad(std::string text, std::size_t width, bool right) {
  const std::size_t have = columns(text);
  if (have >= width) return text;
  return right ? std::string(width - have, ' ') + text : text + std::string(width - have, ' ');
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  int out = 0;
  if (text.size() < at + count) return std::nullopt;
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + count, out);
  if (error != std::errc() || end != begin + count || out < 0) return std::nullopt;
  return out;
}

// One line a value, for terminals too narrow for the table.
std::string stacked(const Listing& listing, const std::vector<std::vector<std::string>>& cells,
                    const Terminal& terminal, bool& cut) {
  std::size_t widest = 0;
  for (const TableColumn& column : listing.columns)
    widest = std::max(widest, columns(column.title));
  const std::size_t room = terminal.width > widest + 10 ? terminal.width - widest - 2 : 8;
  std::string out;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    if (r != 0) out += '\n';
    for (std::size_t c = 0; c < cells[r].size(); ++c) {
      const TableColumn& column = listing.columns[c];
      if (cells[r][c].empty()) continue;
      cut = cut || columns(cells[r][c]) > room;
      out += styled(terminal, Style::dim, pad(column.title, widest, false)) + "  " +
             styled(terminal, column.style ? column.style(listing.items[r]) : Style::plain,
                    fit(cells[r][c], room)) +
             '\n';
    }
  }
  return out;
}

}  // namespace

std::string dump(const Json& json, bool pretty) {
  return json.dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::int64_t seconds = std::chrono::sys_days(date).time_since_epoch().count() * 86'400LL;
  std::int64_t micros = 0;
  if (text.size() > 10) {
    const auto h = digits(text, 11, 2), m = digits(text, 14, 2), s = digits(text, 17, 2);
    if (!h || !m || !s || *h > 23 || *m > 59 || *s > 60 || text[13] != ':' || text[16] != ':' ||
        (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
      return std::nullopt;
    seconds += *h * 3600 + *m * 60 + *s;
    std::string_view rest = text.substr(19);
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      std::int64_t unit = 100'000;
      bool any = false;
      while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
        micros += unit * (rest.front() - '0');
        unit /= 10;
        any = true;
        rest.remove_prefix(1);
      }
      if (!any) return std::nullopt;
    }
    if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':') {
      const auto oh = digits(rest, 1, 2), om = digits(rest, 4, 2);
      if (!oh || !om || *oh > 14 || *om > 59) return std::nullopt;
      const std::int64_t offset = *oh * 3600 + *om * 60;
      seconds += rest[0] == '+' ? -offset : offset;
    } else if (rest != "Z" && rest != "z") {
      return std::nullopt;  // a time without a zone is two moments
    }
  }
  return seconds * 1'000'000 + micros;
}

std::string csv_field(std::string_view text) {
  std::string out(text);
  if (!out.empty() && std::string_view("=+-@\t\r").find(out.front()) != std::string_view::npos)
    out.insert(0, 1, '\'');
  if (out.find_first_of(",\"\n\r") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

Output::Output(const Arguments& arguments, Terminal out, Terminal err, std::int64_t now)
    : quiet_(arguments.has("quiet")), out_(out), err_(err), now_(now) {
  const std::string format = arguments.text("output", "text");
  format_ = format == "json"    ? Format::json
            : format == "jsonl" ? Format::jsonl
            : format == "csv"   ? Format::csv
            : format == "wide"  ? Format::wide
                                : Format::text;
  const std::string time = arguments.text("time", out.is_terminal ? "relative" : "iso");
  time_ = time == "relative" ? TimeForm::relative : time == "raw" ? TimeForm::raw : TimeForm::iso;
  std::string_view fields;
  const std::string given = arguments.text("fields");
  for (fields = given; !fields.empty();) {
    const std::size_t comma = fields.find(',');
    if (const auto field = fields.substr(0, comma); !field.empty()) fields_.emplace_back(field);
    fields.remove_prefix(comma == std::string_view::npos ? fields.size() : comma + 1);
  }
}

std::string Output::time(std::int64_t at) const {
  if (at == 0) return "";
  if (time_ == TimeForm::raw) return fmt::format("{}", at);
  if (time_ == TimeForm::iso || machine()) return iso_time(at);
  const std::int64_t ago = (now_ - at) / 1'000'000;
  if (ago < 0) return iso_time(at);
  if (ago < 60) return fmt::format("{} s ago", ago);
  if (ago < 3600) return fmt::format("{} min ago", ago / 60);
  if (ago < 86'400) return fmt::format("{} h ago", ago / 3600);
  if (ago < 86'400 * 14) return fmt::format("{} days ago", ago / 86'400);
  return iso_time(at).substr(0, 10);
}

std::string Output::table(const Listing& listing) {
  std::vector<std::size_t> widths;
  std::vector<std::vector<std::string>> cells;
  for (const TableColumn& column : listing.columns) widths.push_back(columns(column.title));
  for (const Json& item : listing.items) {
    auto& row = cells.emplace_back();
    for (std::size_t c = 0; c < listing.columns.size(); ++c) {
      const TableColumn& column = listing.columns[c];
      std::string text = column.show
                             ? column.show(item)
                             : text_of(item.contains(column.key) ? item[column.key] : Json());
      row.push_back(printable(text));
      widths[c] = std::max(widths[c], columns(row.back()));
    }
  }
  // Only a terminal has an edge: there the widest columns give way until the rest fits. Numbers do
  // not: half a number is another one. Where that is not enough, each row stands by itself.
  bool cut = false;
  if (out_.is_terminal && format_ == Format::text && !widths.empty()) {
    constexpr std::size_t narrowest = 8;
    const auto total = [&] {
      std::size_t sum = 2 * (widths.size() - 1);
      for (const std::size_t w : widths) sum += w;
      return sum;
    };
    while (total() > out_.width) {
      std::size_t widest = widths.size();
      for (std::size_t c = 0; c < widths.size(); ++c) {
        if (listing.columns[c].right || widths[c] <= narrowest) continue;
        if (widest == widths.size() || widths[c] > widths[widest]) widest = c;
      }
      if (widest == widths.size()) {
        cut = false;
        std::string out = stacked(listing, cells, out_, cut);
        if (cut) say("values were cut; use -o wide or -o json");
        return out;
      }
      --widths[widest];
      cut = true;
    }
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& row, const Json* item) {
    std::string text;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const TableColumn& column = listing.columns[c];
      std::string cell = fit(row[c], widths[c]);
      const bool last = c + 1 == row.size();
      if (!last || column.right) cell = pad(std::move(cell), widths[c], column.right);
      const Style style = item == nullptr ? Style::dim
                          : column.style  ? column.style(*item)
                                          : Style::plain;
      text += styled(out_, style, cell);
      if (!last) text += "  ";
    }
    out += text + '\n';
  };
  std::vector<std::string> titles;
  for (const TableColumn& column : listing.columns) titles.push_back(column.title);
  line(titles, nullptr);
  for (std::size_t r = 0; r < cells.size(); ++r) line(cells[r], &listing.items[r]);
  if (cut) say("values were cut; use -o wide or -o json");
  return out;
}

void Output::tell_moment(Json& json) const {
  if (!as_of_) return;
  json["asOf"] = {{"entries", as_of_->entries},
                  {"recordedAt", as_of_->recorded_at.empty() ? Json() : Json(as_of_->recorded_at)},
                  {"stateRoot", as_of_->state_root.empty() ? Json() : Json(as_of_->state_root)}};
  if (!as_of_->present.empty()) json["asOf"]["present"] = as_of_->present;
}

void Output::say_moment() {
  if (!as_of_ || format_ == Format::json || format_ == Format::jsonl) return;
  std::string line = as_of_->entries == 0 ? std::string("as of the empty book")
                                          : fmt::format("as of entry {}", as_of_->entries - 1);
  if (!as_of_->recorded_at.empty()) line += ", " + as_of_->recorded_at;
  line += as_of_->state_root.empty() ? "\nstate  not known: the entries can not be folded"
                                     : "\nstate  sha256:" + as_of_->state_root;
  if (!as_of_->present.empty()) line += fmt::format("\nas they are now  {}", as_of_->present);
  say(line);
  as_of_.reset();
}

std::expected<void, Problem> Output::print(const Listing& given) {
  Listing listing = given;
  if (!fields_.empty()) {
    std::vector<std::string> known;
    for (const TableColumn& column : listing.columns) known.push_back(column.key);
    for (const Json& item : listing.items)
      for (const auto& [key, value] : item.items())
        if (std::ranges::find(known, key) == known.end()) known.push_back(key);
    std::vector<TableColumn> chosen;
    for (const std::string& field : fields_) {
      if (std::ranges::find(known, field) == known.end())
        return usage(suggest(field, known, "fields"), "there is no field \"{}\" in {}",
                     printable(field), listing.kind);
      const auto column = std::ranges::find(listing.columns, field, &TableColumn::key);
      chosen.push_back(column == listing.columns.end() ? TableColumn{.key = field, .title = field}
                                                       : *column);
    }
    listing.columns = std::move(chosen);
    for (Json& item : listing.items) {
      Json kept = Json::object();
      for (const std::string& field : fields_)
        if (item.contains(field)) kept[field] = item[field];
      // The text of a chosen column may be made of others; machines get what they named.
      if (machine()) item = std::move(kept);
    }
  }
  switch (format_) {
    case Format::json: {
      Json out = {{"apiVersion", "daybook/v1"}, {"kind", listing.kind}, {"items", Json::array()}};
      for (Json& item : listing.items) out["items"].push_back(std::move(item));
      out["nextCursor"] = nullptr;
      out["more"] = listing.more;
      if (listing.ledger_size) out["ledgerSeq"] = *listing.ledger_size;
      if (!listing.state_root.empty()) out["stateRoot"] = listing.state_root;
      tell_moment(out);
      raw(dump(out, true) + "\n");
      break;
    }
    case Format::jsonl: {
      for (const Json& item : listing.items) stream("row", item);
      Json summary = {
          {"kind", listing.kind}, {"items", listing.items.size()}, {"more", listing.more}};
      if (listing.ledger_size) summary["ledgerSeq"] = *listing.ledger_size;
      if (!listing.state_root.empty()) summary["stateRoot"] = listing.state_root;
      tell_moment(summary);
      stream("summary", summary);
      break;
    }
    case Format::csv: {
      std::string out;
      for (const TableColumn& column : listing.columns)
        out += (out.empty() ? "" : ",") + csv_field(column.key);
      out += "\r\n";
      for (const Json& item : listing.items) {
        std::string line;
        for (std::size_t c = 0; c < listing.columns.size(); ++c) {
          const std::string& key = listing.columns[c].key;
          const Json value = item.contains(key) ? item[key] : Json();
          line += c == 0 ? "" : ",";
          line += value.is_number() ? dump(value) : csv_field(text_of(value));
        }
        out += line + "\r\n";
      }
      raw(out);
      break;
    }
    case Format::text:
    case Format::wide:
      if (listing.items.empty()) {
        if (!listing.empty.empty()) say(listing.empty);
      } else {
        raw(table(listing));
      }
      if (!listing.footer.empty()) say(listing.footer);
      break;
  }
  return {};
}

std::expected<void, Problem> Output::print(const Document& document) {
  Json out = {{"apiVersion", "daybook/v1"}, {"kind", document.kind}};
  if (fields_.empty()) {
    out.update(document.json);
  } else {
    std::vector<std::string> known;
    for (const auto& [key, value] : document.json.items()) known.push_back(key);
    for (const std::string& field : fields_) {
      if (!document.json.contains(field))
        return usage(suggest(field, known, "fields"), "there is no field \"{}\" in {}",
                     printable(field), document.kind);
      out[field] = document.json[field];
    }
  }
  if (document.ledger_size) out["ledgerSeq"] = *document.ledger_size;
  tell_moment(out);
  switch (format_) {
    case Format::json: raw(dump(out, true) + "\n"); break;
    case Format::jsonl: stream("summary", out); break;
    case Format::csv: {
      std::string head, line;
      for (const auto& [key, value] : out.items()) {
        if (value.is_structured()) continue;
        head += (head.empty() ? "" : ",") + csv_field(key);
        line += (line.empty() ? "" : ",") +
                (value.is_number() ? dump(value) : csv_field(text_of(value)));
      }
      raw(head + "\r\n" + line + "\r\n");
      break;
    }
    case Format::text:
    case Format::wide:
      if (fields_.empty()) {
        raw(document.text);
      } else {
        for (const std::string& field : fields_)
          raw(printable(text_of(document.json[field])) + "\n");
      }
      break;
  }
  return {};
}

void Output::stream(std::string_view type, const Json& json) {
  if (format_ != Format::jsonl) return;
  Json out = {{"type", type}};
  out.update(json);
  raw(dump(out) + "\n");
}

void Output::raw(std::string_view text) {
  if (failed_ || std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return;
  failed_ = true;
  error_ = errno;
}

void Output::say(std::string_view text) {
  if (quiet_) return;
  // Where both streams are one, a person reads them in the order they were written.
  if (!failed_ && std::fflush(stdout) != 0) {
    failed_ = true;
    error_ = errno;
  }
  std::string line(text);
  if (!line.ends_with('\n')) line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::expected<void, Problem> Output::finish() {
  say_moment();
  if (!failed_ && std::fflush(stdout) != 0) {
    failed_ = true;
    error_ = errno;
  }
  if (!failed_) return {};
  if (error_ == EPIPE)  // whoever read has seen enough; there is nobody to tell
    return std::unexpected(Problem{.exit = Exit::bad, .code = "", .message = ""});
  return std::unexpected(
      Problem{.exit = Exit::bad,
              .code = "DB-1012",
              .message = fmt::format("the result could not be written: {}", std::strerror(error_)),
              .hint = "what was recorded in the book stays recorded"});
}

}  // namespace daybook
