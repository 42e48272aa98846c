#include "tools/daybook/problem.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "tools/daybook/terminal.h"

namespace daybook {

namespace {

constexpr std::array exits = {
    ExitMeaning{Exit::good, "good", "done, and the outcome is good"},
    ExitMeaning{Exit::bad, "bad",
                "done, and the outcome is bad (a run failed), or a plain failure"},
    ExitMeaning{Exit::usage, "usage", "the command line is wrong; nothing was done"},
    ExitMeaning{Exit::invalid, "invalid", "a pipeline, a contract or another input is not valid"},
    ExitMeaning{Exit::not_allowed, "not-allowed", "not authenticated, or not allowed"},
    ExitMeaning{Exit::not_found, "not-found", "there is no such book, run, partition or record"},
    ExitMeaning{Exit::conflict, "conflict",
                "another process works on it, or it has changed or been decided meanwhile"},
    ExitMeaning{Exit::gate, "gate", "a quality gate holds a partition: a person is to decide"},
    ExitMeaning{Exit::pending, "pending", "waits for an approval or another decision of a person"},
    ExitMeaning{Exit::integrity, "integrity",
                "verification failed: what is stored is not what was committed"},
    ExitMeaning{Exit::unreachable, "unreachable",
                "a source, a sink or the keeper does not answer, or not in time"},
    ExitMeaning{Exit::differs, "differs", "--exit-code was given, and there is a difference"},
    ExitMeaning{Exit::internal, "internal", "a fault in daybook itself"},
    ExitMeaning{Exit::interrupted, "interrupted", "stopped by Ctrl-C; the same command resumes"},
    ExitMeaning{Exit::terminated, "terminated",
                "stopped by SIGTERM or with its terminal; the same command resumes"},
};

constexpr std::array codes = {
    ProblemCode{"DB-1001", "something outside failed: a file, the disk, another program"},
    ProblemCode{"DB-1002", "the command line is wrong"},
    ProblemCode{"DB-1003", "there is no book here"},
    ProblemCode{"DB-1004", "what was named does not exist"},
    ProblemCode{"DB-1005", "another process works on it, or it has changed meanwhile"},
    ProblemCode{"DB-1006", "the rules of the book refuse it"},
    ProblemCode{"DB-1007", "not allowed"},
    ProblemCode{"DB-1008", "a definition does not pass its check"},
    ProblemCode{"DB-1009", "stored bytes are not what was committed"},
    ProblemCode{"DB-1010", "the book was written by a newer daybook"},
    ProblemCode{"DB-1011", "a source, a sink or the keeper does not answer"},
    ProblemCode{"DB-1012", "the result could not be written"},
    ProblemCode{"DB-1013", "an input other than a definition is not valid"},
    ProblemCode{"DB-1014", "a run ended badly"},
    ProblemCode{"DB-1015", "a person is to decide first"},
    ProblemCode{"DB-1099", "a fault in daybook itself"},
};

}  // namespace

std::span<const ExitMeaning> exit_meanings() { return exits; }
std::span<const ProblemCode> problem_codes() { return codes; }

Problem problem_of(const Error& error) {
  Problem out{.message = error.detail, .hint = error.hint};
  switch (error.code) {
    case Error::Code::io: out.exit = Exit::bad, out.code = "DB-1001"; break;
    case Error::Code::not_found: out.exit = Exit::not_found, out.code = "DB-1004"; break;
    case Error::Code::conflict: out.exit = Exit::conflict, out.code = "DB-1005"; break;
    case Error::Code::corrupt: out.exit = Exit::integrity, out.code = "DB-1009"; break;
    case Error::Code::newer_version:
      out.exit = Exit::conflict, out.code = "DB-1010";
      if (out.hint.empty()) out.hint = "install a newer daybook; nothing was changed";
      break;
    case Error::Code::invalid: out.exit = Exit::invalid, out.code = "DB-1013"; break;
    case Error::Code::unavailable: out.exit = Exit::unreachable, out.code = "DB-1011"; break;
  }
  return out;
}

Problem problem_of(const Refusal& refusal) {
  using enum Refusal::Code;
  Problem out{.exit = Exit::conflict, .code = "DB-1006", .message = refusal.detail};
  switch (refusal.code) {
    case no_book:
    case unknown: out.exit = Exit::not_found, out.code = "DB-1004"; break;
    case not_allowed: out.exit = Exit::not_allowed, out.code = "DB-1007"; break;
    case not_approved:
      out.exit = Exit::pending, out.code = "DB-1015";
      out.hint = "daybook approvals list shows what waits, and for how many";
      break;
    case too_large:
    case mismatch: out.exit = Exit::invalid, out.code = "DB-1013"; break;
    case paused: out.hint = "daybook resume lets it go on"; break;
    case on_hold:
      out.exit = Exit::not_allowed, out.code = "DB-1007";
      out.hint = "daybook legal-hold list shows what is kept, and why";
      break;
    case book_exists:
    case already:
    case conflict:
    case wrong_phase:
    case cancelled:
    case circuit_open:
    case too_early:
    case stale: break;
  }
  return out;
}

Problem problem_of(const Diagnostics& diagnostics) {
  const auto errors = std::ranges::count_if(
      diagnostics, [](const Diagnostic& d) { return d.severity == Severity::error; });
  return {.exit = Exit::invalid,
          .code = "DB-1008",
          .message = fmt::format("{} error{}; nothing was run", errors, errors == 1 ? "" : "s"),
          .diagnostics = diagnostics};
}

std::string render_text(const Problem& problem) {
  std::string out;
  for (const Diagnostic& diagnostic : problem.diagnostics) {
    out += render(diagnostic);
    if (!out.ends_with('\n')) out += '\n';
    out += '\n';
  }
  out += fmt::format("error[{}]: {}\n", problem.code, printable(problem.message));
  if (!problem.hint.empty()) out += fmt::format("   = hint: {}\n", printable(problem.hint));
  return out;
}

std::string render_json(const Problem& problem) {
  nlohmann::ordered_json json;
  json["type"] = "urn:daybook:problem:" + problem.code;
  const auto found = std::ranges::find(codes, std::string_view(problem.code), &ProblemCode::id);
  json["title"] = found == codes.end() ? std::string("problem") : std::string(found->meaning);
  json["detail"] = problem.message;
  json["code"] = problem.code;
  json["exitCode"] = static_cast<int>(problem.exit);
  if (!problem.hint.empty()) json["hint"] = problem.hint;
  if (!problem.diagnostics.empty()) {
    auto& list = json["errors"] = nlohmann::ordered_json::array();
    for (const Diagnostic& d : problem.diagnostics)
      list.push_back({{"severity", d.severity == Severity::error ? "error" : "warning"},
                      {"code", d.code},
                      {"message", d.message},
                      {"file", d.file},
                      {"line", d.span.line},
                      {"column", d.span.column},
                      {"length", d.span.length},
                      {"hint", d.hint}});
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace daybook
