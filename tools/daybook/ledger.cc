// What leaves the book for those who check it elsewhere.
#include "ledger/file_system.h"
#include "replay/export.h"
#include "replay/log_keys.h"
#include "tools/daybook/log_answers.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

Outcome ledger_export(Invocation& in) {
  const auto paths = find_book_of(in.arguments);
  if (!paths) return std::unexpected(paths.error());
  const auto config = read_config(*paths);
  if (!config) return std::unexpected(problem_of(config.error()));
  const auto whole = open_ledger(*paths, *config);
  if (!whole) return std::unexpected(whole.error());
  const auto ledger = ledger_asked(in, **whole);
  if (!ledger) return std::unexpected(ledger.error());
  tell_moment(in, **ledger, Snapshots::use);
  const std::string directory = in.arguments.text("DIR");
  const auto report = export_tiles(**ledger, directory, posix_file_system());
  if (!report) return std::unexpected(problem_of(report.error()));
  const TreeHead& head = report->head;
  const auto printed = in.output.print(Document{
      .kind = "Export",
      .json = {{"directory", directory},
               {"size", head.size},
               {"root", hex(head.root)},
               {"before", report->before},
               {"files", report->files},
               {"bytes", report->bytes},
               {"checkpoint", report->checkpoint}},
      .text =
          fmt::format("exported {} entries to {}  {} new in {} files\n  root  "
                      "sha256:{}\n",
                      grouped(head.size), printable(directory), grouped(head.size - report->before),
                      grouped(report->files), hex(head.root)),
      .ledger_size = (*ledger)->head().size});
  if (!printed) return std::unexpected(printed.error());
  if (!in.output.machine())
    in.output.say(fmt::format("next  {}      daybook-verify {} --key-file log.vkey",
                              key_command(in.arguments, **ledger), printable(directory)));
  return Exit::good;
}

Outcome ledger_prove(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto* const ledger = &book->ledger;
  const auto chain = log_key_chain(**ledger, book->state);
  if (!chain) return std::unexpected(problem_of(chain.error()));
  const std::uint64_t index = in.arguments.number("ENTRY").value_or(0);
  const auto proof = export_proof(**ledger, index, *chain);
  if (!proof) return std::unexpected(problem_of(proof.error()));
  std::string bytes;
  const auto read = (*ledger)->read(index, index + 1, [&](std::uint64_t, Bytes entry) {
    bytes.assign(reinterpret_cast<const char*>(entry.data()), entry.size());
    return true;
  });
  if (!read) return std::unexpected(problem_of(read.error()));
  const std::string file = in.arguments.text("FILE"), proof_file = file + ".tlog-proof";
  if (const auto made = new_file(file, bytes); !made) return std::unexpected(made.error());
  if (const auto made = new_file(proof_file, *proof); !made) return std::unexpected(made.error());
  const std::uint64_t tree =
      checkpoint_entries(std::string_view(*proof).substr(proof->find("\n\n") + 2));
  const auto printed = in.output.print(Document{
      .kind = "Proof",
      .json = {{"index", index}, {"entry", file}, {"proof", proof_file}, {"checkpoint", tree}},
      .text = fmt::format("wrote entry {} to {} and its proof to {}\n"
                          "  under the checkpoint of {} entries\n",
                          index, printable(file), printable(proof_file), grouped(tree)),
      .ledger_size = (*ledger)->head().size});
  if (!printed) return std::unexpected(printed.error());
  return Exit::good;
}

Outcome ledger_key(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Json earlier = Json::array();
  for (const LogKeyChange& change : book->state.log_keys)
    earlier.push_back(
        {{"origin", change.old_origin}, {"vkey", change.old_vkey}, {"until", change.at}});
  const LogName name = log_name(book->state);
  if (name.vkey.empty()) return not_found("entry 0 names it", "no entry names a key yet");
  const auto printed = in.output.print(
      Document{.kind = "LogKey",
               .json = {{"origin", name.origin}, {"vkey", name.vkey}, {"earlier", earlier}},
               .text = name.vkey + "\n",
               .ledger_size = book->state.size});
  if (!printed) return std::unexpected(printed.error());
  return Exit::good;
}

}  // namespace daybook::commands
