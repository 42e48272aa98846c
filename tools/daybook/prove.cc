// Proofs of rows for those who check them elsewhere.
#include <filesystem>
#include <sstream>

#include "runner/row_bundle.h"
#include "tools/daybook/row_question.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

constexpr std::size_t keys_file_bytes_max = 16 << 20;

std::expected<std::vector<std::string>, Problem> keys_of(Invocation& in) {
  std::vector<std::string> keys = in.arguments.all("KEY");
  if (in.arguments.has("keys-file")) {
    const auto text = whole_file(in.arguments.text("keys-file"), keys_file_bytes_max);
    if (!text) return std::unexpected(text.error());
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) keys.push_back(line);
    }
  }
  if (keys.empty()) return usage("KEY, or --keys-file FILE", "no row is named");
  return keys;
}

}  // namespace

Outcome prove(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const BookView view = book->with(*payloads);
  const auto keys = keys_of(in);
  if (!keys) return std::unexpected(keys.error());
  RowScope scope{
      .dataset = in.arguments.text("DATASET"),
      .partition = in.arguments.text("partition"),
      .generation = static_cast<Generation>(in.arguments.number("generation").value_or(0))};
  std::vector<RowQuestion> questions;
  for (const std::string& key : *keys) {
    auto question = row_question(view, scope, key);
    if (!question) return std::unexpected(question.error());
    questions.push_back(std::move(*question));
  }

  // One row into the file that was named, several into a new folder of that name.
  const std::string to = in.arguments.text("to", "proof.zip");
  const bool several = questions.size() > 1;
  std::error_code error;
  if (several && !std::filesystem::create_directory(to, error))
    return std::unexpected(Problem{
        .exit = Exit::conflict,
        .code = "DB-1005",
        .message =
            fmt::format("{}: {}", printable(to), error ? error.message() : "it is there already"),
        .hint = "proofs of several rows go into a new folder; nothing is replaced"});
  std::vector<Json> items(questions.size());
  const auto sources = in.arguments.has("without-source") ? RowBundles::Sources::left_out
                                                          : RowBundles::Sources::shown;
  const auto write = [&](const std::shared_ptr<const Reexecution>& again,
                         const std::vector<std::pair<std::size_t, const RowTold*>>& found)
      -> std::expected<void, Problem> {
    if (found.empty()) return {};
    const auto bundles = RowBundles::open(view, *again);
    if (!bundles) return std::unexpected(problem_of(bundles.error()));
    for (const auto& [i, told] : found) {
      const std::string& said = questions[i].said;
      if (told->outputs.size() > 1)
        return std::unexpected(
            Problem{.exit = Exit::usage,
                    .code = "DB-1002",
                    .message = fmt::format("{} names {} rows of partition {}", printable(said),
                                           told->outputs.size(), again->recorded.partition),
                    .hint = "name more columns: COLUMN=VALUE,COLUMN=VALUE"});
      if (told->outputs.empty() && !told->quarantined)
        return not_found("daybook trace tells why",
                         "{} became no row and is not quarantined: there is nothing to prove",
                         printable(said));
      const auto files = told->outputs.empty() ? bundles->of(*told->quarantined, sources)
                                               : bundles->of(told->outputs.front(), sources);
      if (!files) return std::unexpected(problem_of(files.error()));
      const std::string archive = write_stored_zip(*files);
      const std::string file = several ? fmt::format("{}/{:06}.zip", to, i + 1) : to;
      if (const auto made = new_file(file, archive); !made) return std::unexpected(made.error());
      const LeafProof& leaf =
          told->outputs.empty() ? told->quarantined->proof : told->outputs.front().proof;
      items[i] = {{"key", said},
                  {"file", file},
                  {"bytes", archive.size()},
                  {"partition", again->recorded.partition},
                  {"generation", again->recorded.generation},
                  {"entry", again->recorded.at},
                  {"kind", told->outputs.empty() ? "quarantined" : "row"},
                  {"index", leaf.index},
                  {"count", leaf.count}};
    }
    return {};
  };
  const auto answers = answer_rows(view, questions, false, in.output, write);
  if (!answers) return std::unexpected(answers.error());
  for (std::size_t i = 0; i < answers->size(); ++i)
    if (!(*answers)[i].again)
      return not_found("daybook trace and daybook quarantine list find rows",
                       "{} is no row of {}{}{}", printable(questions[i].said),
                       printable(scope.dataset), scope.partition.empty() ? "" : ", partition ",
                       printable(scope.partition));
  if (several) {
    Listing listing{.kind = "ProofList",
                    .columns = {{.key = "key", .title = "KEY"},
                                {.key = "partition", .title = "PARTITION"},
                                {.key = "kind", .title = "KIND"},
                                {.key = "index", .title = "INDEX", .right = true},
                                {.key = "file", .title = "FILE"}},
                    .items = std::move(items),
                    .ledger_size = book->state.size};
    return printed(in.output.print(listing));
  }
  const Json& item = items.front();
  const auto told = in.output.print(Document{
      .kind = "RowProof",
      .json = item,
      .text = fmt::format("wrote {}  {} bytes\n  {} {} of {} · {} {} · entry {}\n", printable(to),
                          grouped(item["bytes"].get<std::uint64_t>()),
                          item["kind"] == "row" ? "output row" : "quarantined record",
                          item["index"].get<std::uint64_t>(), item["count"].get<std::uint64_t>(),
                          printable(scope.dataset), printable(item["partition"].get<std::string>()),
                          item["entry"].get<std::uint64_t>()),
      .ledger_size = book->state.size});
  if (!told) return std::unexpected(told.error());
  if (!in.output.machine())
    in.output.say(fmt::format("next  {}      daybook-verify {} --key-file log.vkey",
                              key_command(in.arguments, *book->ledger), printable(to)));
  return Exit::good;
}

}  // namespace daybook::commands
