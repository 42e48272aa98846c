#include "runner/definition/yaml.h"

#include <fmt/format.h>
#include <libfyaml.h>

#include <memory>
#include <set>

namespace daybook {

namespace {

struct FreeParser {
  void operator()(fy_parser* p) const { fy_parser_destroy(p); }
};
struct FreeDiag {
  void operator()(fy_diag* d) const { fy_diag_destroy(d); }
};

// What must hold of the bytes before a parser sees them.
bool acceptable_text(const SourceText& source, Report& report) {
  const std::string_view bytes = source.bytes();
  if (bytes.size() > YamlLimits::file_bytes) {
    report.error(code::too_large, {0, 0},
                 fmt::format("the file has {} bytes, and a definition may have {}", bytes.size(),
                             YamlLimits::file_bytes));
    return false;
  }
  if (bytes.starts_with("\xEF\xBB\xBF") || bytes.starts_with("\xFF\xFE") ||
      bytes.starts_with("\xFE\xFF")) {
    report.error(code::bad_text, {0, 1}, "the file starts with a byte order mark", "",
                 "save it as UTF-8 without a mark");
    return false;
  }
  if (const std::size_t at = invalid_utf8(bytes); at != std::string_view::npos) {
    report.error(code::bad_text, {at, at + 1}, "the file is not valid UTF-8", "invalid byte",
                 "save it as UTF-8");
    return false;
  }
  bool line_start = true;
  bool before_content = true;
  std::size_t brackets = 0;  // open ones, in texts and comments, too
  for (std::size_t i = 0; i < bytes.size();) {
    const auto [c, length] = code_point(bytes, i);
    const ByteRange here{i, i + length};
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || (c >= 0x7F && c < 0xA0)) {
      report.error(code::bad_text, here, "the file holds a control character",
                   fmt::format("U+{:04X}", static_cast<unsigned>(c)));
      return false;
    }
    if (is_bidi_control(c)) {
      report.error(code::bad_text, here,
                   "the file holds a control character that reorders text on the screen",
                   fmt::format("U+{:04X}", static_cast<unsigned>(c)), "remove it");
      return false;
    }
    if (c == '[' || c == '{') {
      // The parser takes 350 bytes for each before the first is an event that says how deep it is.
      if (++brackets > 32 * YamlLimits::depth) {
        report.error(code::too_large, here,
                     fmt::format("values are nested deeper than {}", YamlLimits::depth));
        return false;
      }
    } else if ((c == ']' || c == '}') && brackets > 0) {
      --brackets;
    }
    if (line_start && c == '\t') {
      report.error(code::bad_yaml, here, "a tab is used for indentation", "tab",
                   "indent with spaces");
      return false;
    }
    if (line_start && c == '%' && before_content && (i == 0 || bytes[i - 1] == '\n')) {
      report.error(code::refused_yaml, here, "a YAML directive is not part of a definition");
      return false;
    }
    if (c == '\n') {
      line_start = true;
    } else if (c != ' ') {
      if (line_start && c != '#' && c != '\r') before_content = false;
      line_start = false;
    }
    i += length;
  }
  return true;
}

class TreeBuilder {
 public:
  explicit TreeBuilder(Report& report) : report_(report) {}

  // False stops the reading.
  bool take(fy_event* event);
  std::optional<YamlNode> result() { return std::move(root_); }

 private:
  struct Frame {
    YamlNode node;
    std::optional<YamlNode> key;
    std::set<std::string, std::less<>> keys;
  };

  ByteRange range_of(fy_event* event) const {
    const fy_mark* start = fy_event_start_mark(event);
    const fy_mark* end = fy_event_end_mark(event);
    const std::size_t begin = start == nullptr ? 0 : start->input_pos;
    return {begin, end == nullptr ? begin + 1 : std::max(end->input_pos, begin)};
  }
  bool refuse(const DiagnosticCode& code, ByteRange at, std::string message,
              std::string hint = "") {
    report_.error(code, at, std::move(message), "", std::move(hint));
    return false;
  }
  bool plain_node(fy_token* anchor, fy_token* tag, ByteRange at);
  bool scalar(fy_event* event);
  bool open(YamlNode::Kind kind, ByteRange at);
  bool close(ByteRange at);
  bool place(YamlNode node);

  Report& report_;
  std::vector<Frame> stack_;
  std::optional<YamlNode> root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

// Marks of properties and aliases stand on the name or after it; a person looks for the sign.
ByteRange back_to_sign(std::string_view bytes, std::size_t at, char sign) {
  const std::size_t line = at == 0 ? 0 : bytes.rfind('\n', at - 1) + 1;
  const std::size_t found = bytes.substr(0, std::min(at + 1, bytes.size())).rfind(sign);
  return found == std::string_view::npos || found < line ? ByteRange{at, at + 1}
                                                         : ByteRange{found, at + 1};
}

bool TreeBuilder::plain_node(fy_token* anchor, fy_token* tag, ByteRange at) {
  if (++nodes_ > YamlLimits::nodes)
    return refuse(code::too_large, at,
                  fmt::format("the file has more than {} values", YamlLimits::nodes));
  auto place_of = [&](fy_token* token, char sign) {
    const fy_mark* mark = fy_token_start_mark(token);
    return back_to_sign(report_.text().bytes(), mark == nullptr ? at.begin : mark->input_pos, sign);
  };
  if (anchor != nullptr)
    return refuse(code::refused_yaml, place_of(anchor, '&'),
                  "an anchor (&name) is not part of a definition",
                  "write the value where it is used");
  if (tag != nullptr) {
    // The first sign of `!!str`.
    ByteRange where = place_of(tag, '!');
    if (where.begin > 0 && report_.text().bytes()[where.begin - 1] == '!') --where.begin;
    return refuse(code::refused_yaml, where, "a tag (!name) is not part of a definition",
                  "write the value without it; the field decides its type");
  }
  return true;
}

bool TreeBuilder::place(YamlNode node) {
  if (stack_.empty()) {
    root_ = std::move(node);
    return true;
  }
  Frame& frame = stack_.back();
  if (frame.node.is_sequence()) {
    frame.node.items.push_back(std::move(node));
    return true;
  }
  if (frame.key) {
    frame.node.entries.push_back({std::move(*frame.key), std::move(node)});
    frame.key.reset();
    return true;
  }
  if (!node.is_scalar())
    return refuse(code::refused_yaml, node.range, "a key must be a plain word");
  if (node.text.size() > YamlLimits::key_bytes)
    return refuse(code::too_large, node.range,
                  fmt::format("a key has more than {} bytes", YamlLimits::key_bytes));
  if (node.plain && node.text == "<<")
    return refuse(code::refused_yaml, node.range, "a merge key (<<) is not part of a definition");
  for (std::size_t i = 0; i < node.text.size(); i += code_point(node.text, i).length) {
    if (is_invisible(code_point(node.text, i).value))
      return refuse(code::bad_text, node.range, "a key holds an invisible character");
  }
  if (!frame.keys.insert(node.text).second)
    return refuse(code::duplicate_key, node.range,
                  fmt::format("the key \"{}\" stands twice", excerpt(node.text)));
  frame.key = std::move(node);
  return true;
}

bool TreeBuilder::scalar(fy_event* event) {
  const ByteRange at = range_of(event);
  if (!plain_node(event->scalar.anchor, event->scalar.tag, at)) return false;
  std::size_t size = 0;
  const char* text = fy_token_get_text(event->scalar.value, &size);
  if (size > YamlLimits::scalar_bytes)
    return refuse(code::too_large, at,
                  fmt::format("a value has more than {} bytes", YamlLimits::scalar_bytes));
  YamlNode node;
  if (text != nullptr) node.text.assign(text, size);
  const auto style =
      event->scalar.value == nullptr ? FYSS_PLAIN : fy_token_scalar_style(event->scalar.value);
  node.plain = style == FYSS_PLAIN;
  node.range = at;
  const std::string_view bytes = report_.text().bytes();
  if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && at.begin > 0) {
    // Marks stand inside the quotes in some versions of the library and outside in others.
    const char quote = style == FYSS_SINGLE_QUOTED ? '\'' : '"';
    if (bytes[at.begin] != quote ||
        (at.end < bytes.size() && bytes[at.end] == quote && bytes[at.begin - 1] == quote)) {
      --node.range.begin;
      node.range.end = std::min(at.end + 1, bytes.size());
    }
  }
  return place(std::move(node));
}

bool TreeBuilder::open(YamlNode::Kind kind, ByteRange at) {
  if (stack_.size() >= YamlLimits::depth)
    return refuse(code::too_large, at,
                  fmt::format("values are nested deeper than {}", YamlLimits::depth));
  Frame frame;
  frame.node.kind = kind;
  frame.node.range = at;
  stack_.push_back(std::move(frame));
  return true;
}

bool TreeBuilder::close(ByteRange at) {
  YamlNode node = std::move(stack_.back().node);
  stack_.pop_back();
  if (!node.entries.empty())
    node.range.begin = std::min(node.range.begin, node.entries[0].key.range.begin);
  node.range.end = std::max(node.range.begin, at.end);
  return place(std::move(node));
}

bool TreeBuilder::take(fy_event* event) {
  switch (event->type) {
    case FYET_DOCUMENT_START:
      if (++documents_ > 1)
        return refuse(code::refused_yaml, range_of(event), "the file holds a second document",
                      "one definition per file");
      return true;
    case FYET_ALIAS:
      return refuse(
          code::refused_yaml, back_to_sign(report_.text().bytes(), range_of(event).begin, '*'),
          "an alias (*name) is not part of a definition", "write the value where it is used");
    case FYET_SCALAR: return scalar(event);
    case FYET_MAPPING_START:
      return plain_node(event->mapping_start.anchor, event->mapping_start.tag, range_of(event)) &&
             open(YamlNode::Kind::mapping, range_of(event));
    case FYET_SEQUENCE_START:
      return plain_node(event->sequence_start.anchor, event->sequence_start.tag, range_of(event)) &&
             open(YamlNode::Kind::sequence, range_of(event));
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: return close(range_of(event));
    default: return true;
  }
}

void report_syntax(fy_diag* diag, Report& report) {
  const std::string_view bytes = report.text().bytes();
  void* previous = nullptr;
  const fy_diag_error* fault = fy_diag_errors_iterate(diag, &previous);
  if (fault == nullptr) {
    report.error(code::bad_yaml, {0, 0}, "the file is not well-formed YAML");
    return;
  }
  std::size_t at = 0;
  for (int line = 1; line < fault->line && at != std::string_view::npos; ++line) {
    at = bytes.find('\n', at);
    if (at != std::string_view::npos) ++at;
  }
  if (at == std::string_view::npos) at = bytes.size();
  for (int column = 1; column < fault->column && at < bytes.size() && bytes[at] != '\n'; ++column)
    at += code_point(bytes, at).length;
  report.error(code::bad_yaml, {at, at + 1},
               fmt::format("not well-formed YAML: {}",
                           excerpt(fault->msg == nullptr ? "" : fault->msg, 200)));
}

}  // namespace

bool YamlNode::is_null() const {
  return is_scalar() && plain && (text.empty() || text == "~" || text == "null");
}

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key.text == key) return &entry.value;
  }
  return nullptr;
}

std::optional<YamlNode> parse_yaml(const SourceText& source, Diagnostics& diagnostics) {
  Report report(source, diagnostics);
  if (!acceptable_text(source, report)) return std::nullopt;

  fy_diag_cfg diag_config;
  fy_diag_cfg_default(&diag_config);
  diag_config.fp = nullptr;
  diag_config.level = FYET_ERROR;
  const std::unique_ptr<fy_diag, FreeDiag> diag(fy_diag_create(&diag_config));
  if (diag != nullptr) fy_diag_set_collect_errors(diag.get(), true);
  fy_parse_cfg config{};
  config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2);
  config.diag = diag.get();
  const std::unique_ptr<fy_parser, FreeParser> parser(fy_parser_create(&config));
  if (parser == nullptr ||
      fy_parser_set_string(parser.get(), source.bytes().data(), source.bytes().size()) != 0) {
    report.error(code::bad_yaml, {0, 0}, "the YAML reader could not be started");
    return std::nullopt;
  }
  TreeBuilder tree(report);
  while (fy_event* event = fy_parser_parse(parser.get())) {
    const bool end = event->type == FYET_STREAM_END;
    const bool proceed = tree.take(event);
    fy_parser_event_free(parser.get(), event);
    if (!proceed) return std::nullopt;
    if (end) {
      auto root = tree.result();
      if (!root) report.error(code::bad_yaml, {0, 0}, "the file is empty");
      return root;
    }
  }
  report_syntax(diag.get(), report);
  return std::nullopt;
}

ByteRange range_in_file(const SourceText& source, const YamlNode& scalar, ByteRange part) {
  const std::string_view raw = source.bytes();
  const std::string_view text = scalar.text;
  const std::size_t end = std::min(scalar.range.end, raw.size());
  std::size_t at = scalar.range.begin;
  const char style = !scalar.plain && at < end ? raw[at] : '\0';
  const bool quoted = style == '"' || style == '\'';
  if (quoted) {
    ++at;
  } else if (!scalar.plain) {
    // A block: skip its sign and the rest of that line when the range starts there.
    if (style == '|' || style == '>') {
      at = raw.find('\n', at);
      at = at == std::string_view::npos ? end : at + 1;
    }
  }
  ByteRange found{end, end};
  auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  for (std::size_t i = 0; i <= text.size() && at < end; ++i) {
    while (i < text.size() && at < end && !blank(text[i]) && blank(raw[at])) ++at;
    if (i == part.begin) found.begin = at;
    if (i == part.end) {
      found.end = at;
      return found;
    }
    if (i >= text.size() || at >= end) break;
    if (style == '"' && raw[at] == '\\') {
      const char kind = at + 1 < end ? raw[at + 1] : '\\';
      at += kind == 'x' ? 4 : kind == 'u' ? 6 : kind == 'U' ? 10 : 2;
    } else if (style == '\'' && raw[at] == '\'' && at + 1 < end && raw[at + 1] == '\'') {
      at += 2;
    } else if (raw[at] == text[i] || !blank(text[i])) {
      ++at;
    } else {
      // A folded line end: many blanks in the file, one in the text.
      while (at < end && blank(raw[at])) ++at;
    }
  }
  if (found.begin == end && quoted && end > scalar.range.begin + 1) found.begin = end - 1;
  found.end = std::max(found.begin, quoted && end > 0 ? end - 1 : end);
  return found;
}

}  // namespace daybook
