// Records out as JSONL, and decisions about them back in.
#include <algorithm>
#include <map>
#include <set>

#include "replay/words.h"
#include "tools/daybook/decision_lines.h"
#include "tools/daybook/record_items.h"
#include "tools/daybook/submit.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

constexpr std::size_t import_bytes_max = std::size_t{256} << 20;

struct Decided {
  HeldRecord record;
  std::optional<std::string> amended;  // else: discarded
};

std::unexpected<Problem> bad_line(std::size_t number, std::string what, std::string hint = {}) {
  return std::unexpected(
      Problem{.exit = Exit::invalid,
              .code = "DB-1013",
              .message = fmt::format("line {}: {}; nothing of the file was done", number, what),
              .hint = std::move(hint)});
}

// Every line is checked before the first is done.
std::expected<std::vector<Decided>, Problem> read_decisions(const ReadBook& book,
                                                            const std::string& text) {
  const auto payloads = open_payloads(book.paths);
  if (!payloads) return std::unexpected(payloads.error());
  ReplacementCheck check(book.with(*payloads));
  std::map<BatchId, std::vector<HeldRecord>> batches;
  std::set<std::pair<BatchId, std::uint32_t>> seen;
  std::vector<Decided> out;
  const auto lines = parse_decisions(text);
  if (!lines) return bad_line(lines.error().line, lines.error().what, lines.error().hint);
  for (const DecisionLine& line : *lines) {
    const std::size_t number = line.line;
    const std::string& name = line.record;
    const std::optional<std::string>& amended = line.amended;
    const auto range = record_range(book.state, name);
    if (!range || range->first != range->last)
      return bad_line(number, "there is no record " + printable(name.substr(0, 40)));
    if (!seen.emplace(range->batch, range->first).second)
      return bad_line(number, "record " + printable(name) + " stands twice");
    if (!batches.contains(range->batch)) {
      auto records = read_batch(book.with(*payloads), range->batch);
      if (!records) return std::unexpected(problem_of(records.error()));
      batches.emplace(range->batch, std::move(*records));
    }
    const HeldRecord& record = batches[range->batch].at(range->first);
    if (line.bytes != record.record.bytes)
      return bad_line(number, "its bytes are not those of record " + printable(name),
                      "leave \"bytes\" as export wrote it, and put the new text into \"amended\"");
    if (record.status != RecordStatus::held && record.status != RecordStatus::amended)
      return bad_line(number,
                      fmt::format("record {} is {} already", printable(name), word(record.status)));
    if (amended) {
      const auto broken = check(record, *amended, Waive::nothing);
      if (!broken) return std::unexpected(problem_of(broken.error()));
      if (!broken->empty())
        return bad_line(number, fmt::format("record {} would still break {}: {}", printable(name),
                                            broken->front().rule, broken->front().message));
      if (record.amendment == amended) continue;  // imported before
    }
    out.push_back({record, amended});
  }
  return out;
}

}  // namespace

Outcome quarantine_export(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto wish = record_wish(in, book->state);
  if (!wish) return std::unexpected(wish.error());
  std::optional<NewFile> file;
  if (in.arguments.has("file") && in.arguments.text("file") != "-") {
    auto made = NewFile::open(in.arguments.text("file"));
    if (!made) return std::unexpected(made.error());
    file.emplace(std::move(*made));
  }
  // A whole document, where one is asked for; lines as import reads them otherwise.
  const Format format = in.output.format();
  const bool document = !file && (format == Format::json || format == Format::csv);
  std::vector<HeldRecord> records;
  std::uint64_t count = 0;
  const auto done = each_record(
      book->with(*payloads), *wish,
      [&](const PassingRecord&, const WholeRecord& whole) -> std::expected<bool, Problem> {
        const auto record = whole();
        if (!record) return std::unexpected(problem_of(record.error()));
        ++count;
        if (document) {
          records.push_back(*record);
          return true;
        }
        const std::string line = dump(record_item(book->state, *record)) + "\n";
        if (file)
          file->write(line);
        else
          in.output.raw(line);
        return true;
      });
  if (!done) return std::unexpected(done.error());
  if (document) return printed(in.output.print(record_listing(book->state, records)));
  if (file)
    if (const auto written = file->finish(); !written) return std::unexpected(written.error());
  in.output.say(fmt::format("{} record{}{}", grouped(count), count == 1 ? "" : "s",
                            in.arguments.has("file") ? " in " + in.arguments.text("file") : ""));
  return Exit::good;
}

Outcome quarantine_import(Invocation& in) {
  const auto text = whole_file(in.arguments.text("FILE"), import_bytes_max);
  if (!text) return std::unexpected(text.error());
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto decisions = read_decisions(*book, *text);
  if (!decisions) return std::unexpected(decisions.error());
  const auto amended = static_cast<std::size_t>(std::ranges::count_if(
      *decisions, [](const Decided& one) { return one.amended.has_value(); }));
  const std::size_t discarded = decisions->size() - amended;
  const bool dry = in.arguments.has("dry-run");
  if (!dry) {
    const std::string reason = in.arguments.text("reason");
    for (const Decided& one : *decisions) {
      Request request;
      if (one.amended) {
        request = {"amend",
                   {{"batch", static_cast<std::uint32_t>(one.record.batch)},
                    {"record", one.record.position},
                    {"bytes", base64(bytes_of(*one.amended))},
                    {"reason", reason}}};
      } else {
        request = {"discard",
                   {{"batch", static_cast<std::uint32_t>(one.record.batch)},
                    {"records", std::vector<std::uint32_t>{one.record.position}},
                    {"reason", reason}}};
      }
      const auto answer = submit(book->paths, in.output, request);
      if (!answer) return std::unexpected(answer.error());
    }
  }
  const Document document{
      .kind = "Imported",
      .json = {{"dry_run", dry}, {"amended", amended}, {"discarded", discarded}},
      .text =
          fmt::format("{}amended {} record{}, discarded {}\n", dry ? "dry run: would have " : "",
                      amended, amended == 1 ? "" : "s", discarded),
      .ledger_size = {}};
  if (const auto printed = in.output.print(document); !printed)
    return std::unexpected(printed.error());
  if (!dry && amended > 0 && !in.output.machine())
    in.output.say("next  daybook quarantine release --all-amended --reason …");
  return Exit::good;
}

}  // namespace daybook::commands
