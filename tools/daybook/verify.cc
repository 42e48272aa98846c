#include "replay/verify.h"

#include "runner/keeper.h"
#include "tools/daybook/book_files.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/progress.h"

namespace daybook::commands {

namespace {

std::string covered(EntryIndex size, EntryIndex all) {
  if (size == 0) return fmt::format("no entry of {}", grouped(all));
  return fmt::format("entries 0 to {} of {}", grouped(size - 1), grouped(all));
}

}  // namespace

Outcome verify(Invocation& in) {
  const auto paths = find_book_of(in.arguments);
  if (!paths) return std::unexpected(paths.error());
  const auto config = read_config(*paths);
  if (!config) return std::unexpected(problem_of(config.error()));
  const auto ledger = open_ledger(*paths, *config);
  if (!ledger) return std::unexpected(ledger.error());
  const auto asked = ledger_asked(in, **ledger);
  if (!asked) return std::unexpected(asked.error());
  const bool whole = !in.arguments.has("as-of");
  CountProgress progress(in.output, "verify", "entries");
  const auto payloads = open_payloads(*paths);
  if (!payloads) return std::unexpected(payloads.error());
  // What was erased is not there to be checked against; that is no fault of the book.
  const auto plan = [&](const PayloadRef& text) -> Result<std::string> {
    auto kept = payloads->get(as_address(text));
    if (!kept) return fail(Error::Code::not_found, "{}", kept.error().detail);
    return kept;
  };
  auto report = verify_book(
      **asked, [&](EntryIndex done, EntryIndex size) { progress.show(done, size); }, plan);
  progress.clear();
  if (!report) return std::unexpected(problem_of(report.error()));
  CountProgress reading(in.output, "verify", "payloads");
  const auto files =
      check_book_files(*paths, *config, **ledger, report->size,
                       [&](std::uint64_t done, std::uint64_t all) { reading.show(done, all); });
  reading.clear();
  if (!files) return std::unexpected(problem_of(files.error()));
  report->findings.insert(report->findings.end(), files->findings.begin(), files->findings.end());
  report->findings_total += files->findings.size();
  if (!whole) tell_moment(in, **asked, Snapshots::ignore);
  const std::string covers = covered(report->size, (*ledger)->head().size);

  Document document{.kind = "Verification",
                    .json = {{"good", report->good()},
                             {"size", report->size},
                             {"covers", covers},
                             {"root", hex(report->root)},
                             {"state_root", hex(report->state_root)},
                             {"folded", report->folded},
                             {"checkpoints", report->checkpoints},
                             {"signatures", report->signatures},
                             {"cosignatures", report->cosignatures},
                             {"timestamps", report->timestamps},
                             {"approvals", report->approvals},
                             {"approvals_unchecked", report->unchecked},
                             {"payloads", files->payloads},
                             {"erased", files->erased},
                             {"trustworthy", report->trustworthy},
                             {"findings_total", report->findings_total},
                             {"summary", report->summary()},
                             {"findings", Json::array()}},
                    .text = {},
                    .ledger_size = report->size};
  const std::string mark = report->good() ? in.output.style(Style::good, "good")
                                          : in.output.style(Style::bad, "NOT GOOD");
  document.text = fmt::format(
      "{}  {} entries · {} checkpoints · {} signatures · {} payloads{}\n"
      "  root   sha256:{}\n  state  sha256:{}\n",
      mark, grouped(report->size), grouped(report->checkpoints), grouped(report->signatures),
      grouped(files->payloads),
      files->erased == 0 ? "" : fmt::format(" · {} erased", grouped(files->erased)),
      hex(report->root), hex(report->state_root));
  if (!whole) document.text += fmt::format("  covers {}\n", covers);
  if (report->cosignatures + report->timestamps > 0)
    document.text += fmt::format("  also   {} cosignatures of witnesses · {} time stamps\n",
                                 grouped(report->cosignatures), grouped(report->timestamps));
  if (report->approvals + report->unchecked > 0)
    document.text += fmt::format("  also   {} signed approvals{}\n", grouped(report->approvals),
                                 report->unchecked == 0
                                     ? ""
                                     : fmt::format(" · {} more not checked: their plans are gone",
                                                   grouped(report->unchecked)));
  if (!report->good()) document.text += "\n";
  if (!report->good()) document.text += report->summary() + "\n";
  for (const Finding& finding : report->findings) {
    document.json["findings"].push_back(
        {{"index", finding.index == no_entry ? Json() : Json(finding.index)},
         {"rule", finding.rule},
         {"detail", finding.detail}});
    document.text +=
        fmt::format("  {}  {}: {}\n",
                    finding.index == no_entry ? "book" : fmt::format("entry {}", finding.index),
                    printable(finding.rule), printable(finding.detail));
  }
  if (const auto printed = in.output.print(document); !printed)
    return std::unexpected(printed.error());
  return report->good() ? Exit::good : Exit::integrity;
}

}  // namespace daybook::commands
