// ledger key rotate, ledger new-origin: who signs the log, and under which name.
#include "tools/daybook/log_answers.h"
#include "tools/daybook/submit.h"

namespace daybook::commands {

namespace {

Outcome report(Invocation& in, std::string_view kind, const Json& answer, std::string first,
               std::uint64_t size) {
  const auto shown = in.output.print(Document{.kind = std::string(kind),
                                              .json = answer,
                                              .text = std::move(first) + checkpoint_lines(answer),
                                              .ledger_size = size});
  if (!shown) return std::unexpected(shown.error());
  return Exit::good;
}

std::string key_of(const Json& answer) { return printable(answer["vkey"].get<std::string>()); }

}  // namespace

Outcome ledger_rotate_key(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  if (const auto sure = confirm(in, "The key that signs the book is replaced and destroyed.");
      !sure)
    return std::unexpected(sure.error());
  const auto answer =
      submit(book->paths, in.output, {"log-key-rotate", {{"reason", in.arguments.text("reason")}}});
  if (!answer) return std::unexpected(answer.error());
  const auto shown =
      report(in, "LogKeyRotated", *answer,
             fmt::format("the log is signed with another key from entry {} on\n  key  {}\n",
                         (*answer)["entry"].get<std::uint64_t>(), key_of(*answer)),
             book->state.size);
  if (shown && !in.output.machine()) {
    in.output.say("next  hand the new key to the witnesses, and to verifiers of single files");
    in.output.say(
        "      who has the old one verifies exports, evidence and proofs with it as before");
  }
  return shown;
}

Outcome ledger_new_origin(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const LogName now = log_name(book->state);
  if (const auto sure = confirm(
          in, fmt::format("What was signed as {} and is not in this copy is given up for good.",
                          now.origin));
      !sure)
    return std::unexpected(sure.error());
  Json arguments = {{"reason", in.arguments.text("reason")}};
  if (in.arguments.has("origin")) arguments["origin"] = in.arguments.text("origin");
  const auto answer = submit(book->paths, in.output, {"log-origin-new", std::move(arguments)});
  if (!answer) return std::unexpected(answer.error());
  const auto shown = report(
      in, "LogOriginChanged", *answer,
      fmt::format("the log goes on as {} from entry {} on; it was {}\n  key  {}\n",
                  printable((*answer)["origin"].get<std::string>()),
                  (*answer)["entry"].get<std::uint64_t>(), printable(now.origin), key_of(*answer)),
      book->state.size);
  if (shown && !in.output.machine()) {
    in.output.say("next  daybook reconcile --deep finds what the lost copy loaded");
    in.output.say("      hand the new key to witnesses and auditors: they know the log by it");
  }
  return shown;
}

}  // namespace daybook::commands
