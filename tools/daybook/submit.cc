#include "tools/daybook/submit.h"

#include <unistd.h>

#include <cstdio>

#include "ledger/codec/event_codec.h"
#include "replay/words.h"
#include "statemachine/apply.h"
#include "tools/daybook/run.h"

namespace daybook {

Problem problem_of(const RequestFailure& failure) {
  return std::visit([](const auto& one) { return problem_of(one); }, failure);
}

std::expected<Json, Problem> submit(const BookPaths& paths, Output& output,
                                    const Request& request) {
  if (auto answer = ask_keeper(paths, request)) {
    if (!*answer) return std::unexpected(problem_of(answer->error()));
    return Json::parse((*answer)->dump());
  }
  auto host = become_keeper(paths);
  if (!host) {
    // It may have begun to listen between the two questions.
    if (host.error().exit == Exit::conflict)
      if (auto answer = ask_keeper(paths, request)) {
        if (!*answer) return std::unexpected(problem_of(answer->error()));
        return Json::parse((*answer)->dump());
      }
    return std::unexpected(host.error());
  }
  Watch watch;
  watch.interrupted = [&](int) { output.say("stopping: what is under way is finished"); };
  const auto answer = (*host)->handle(request, watch);
  if (!answer) return std::unexpected(problem_of(answer.error()));
  return Json::parse(answer->dump());
}

std::expected<Json, Problem> ask_reading(const ReadBook& book, const Request& request) {
  const auto payloads = open_payloads(book.paths);
  if (!payloads) return std::unexpected(payloads.error());
  const auto answer = answer_reading(book.with(*payloads), request);
  if (!answer) return std::unexpected(problem_of(answer.error()));
  return Json::parse(answer->dump());
}

namespace {

Outcome report_events(Invocation& in, std::string_view kind, const Json& json, std::string text,
                      std::uint64_t size) {
  const Document document{
      .kind = std::string(kind), .json = json, .text = std::move(text), .ledger_size = size};
  return printed(in.output.print(document));
}

}  // namespace

Outcome decide_and_report(Invocation& in, const ReadBook& book, const Request& request,
                          std::string done, std::vector<std::string> next) {
  if (in.arguments.has("dry-run")) {
    const auto command = command_of(request);
    if (!command) return std::unexpected(problem_of(command.error()));
    const Context context{.now = book.state.now, .actor = local_actor()};
    const Decision decision = decide(book.state, context, *command);
    if (!decision) return std::unexpected(problem_of(decision.error()));
    State copy = book.state;
    Json json = {{"dry_run", true}, {"entries", Json::array()}};
    std::string text = "dry run: nothing was recorded. It would be:\n";
    for (const Event& event : *decision) {
      Entry entry{.envelope = {}, .event = event};
      entry.envelope.recorded_at = context.now;
      entry.envelope.actor = context.actor;
      const EntryIndex index = copy.size;
      apply(copy, entry);
      json["entries"].push_back(Json::parse(entry_json(entry, index)));
      text += fmt::format("  {:>6}  {}  {}\n", index, printable(context.actor.principal),
                          printable(sentence(copy, event)));
    }
    return report_events(in, "DryRun", json, std::move(text), book.state.size);
  }
  const auto answer = submit(book.paths, in.output, request);
  if (!answer) return std::unexpected(answer.error());
  std::uint64_t size = book.state.size;
  if (answer->contains("entries") && !(*answer)["entries"].empty())
    size = (*answer)["entries"].back()["index"].get<std::uint64_t>() + 1;
  std::string text = printable(done);
  if (answer->contains("first"))
    text += fmt::format("  (entry {})", (*answer)["first"].get<std::uint64_t>());
  const auto reported = report_events(in, "Recorded", *answer, text + "\n", size);
  if (reported && !in.output.machine())
    for (const std::string& line : next) in.output.say("next  " + line);
  return reported;
}

std::expected<void, Problem> confirm(Invocation& in, const std::string& question) {
  if (in.arguments.has("yes") || in.arguments.has("dry-run")) return {};
  if (in.arguments.has("no-input") || ::isatty(0) != 1)
    return usage("--yes does it without a question", "{} That needs a yes, and nobody can be asked",
                 question);
  std::fprintf(stderr, "%s [y/N] ", printable(question).c_str());
  std::fflush(stderr);
  char answer[16] = {};
  if (std::fgets(answer, sizeof(answer), stdin) != nullptr &&
      (answer[0] == 'y' || answer[0] == 'Y'))
    return {};
  return std::unexpected(
      Problem{.exit = Exit::bad, .code = "DB-1001", .message = "not confirmed; nothing was done"});
}

}  // namespace daybook
