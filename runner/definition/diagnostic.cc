#include "runner/definition/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/definition/diagnostic_codes.h"
#include "runner/definition/schedule_text.h"
#include "runner/definition/source_text.h"

namespace daybook {

namespace {

constexpr std::size_t shown_bytes = 160;

constexpr DiagnosticCode all_codes[] = {
    code::unreadable,
    code::too_large,
    code::bad_text,
    code::bad_yaml,
    code::refused_yaml,
    code::duplicate_key,
    code::unknown_field,
    code::missing_field,
    code::bad_value,
    code::bad_identifier,
    code::bad_path,
    code::bad_secret,
    code::bad_expression,
    code::unknown_column,
    code::unknown_function,
    code::volatile_function,
    code::forbidden_function,
    code::bad_argument,
    code::misplaced_aggregate,
    code::bad_pattern,
    code::bad_type,
    code::forbidden_sql,
    code::contract_version,
    code::contract_type,
    code::contract_rule,
    code::contract_unused,
    code::contract_ambiguous,
    code::output_mismatch,
    code::merge_key,
    code::bad_partition,
    code::unsupported,
    code::no_contract,
    code::bad_schedule,
    code::partition_value,
    code::too_many_partitions,
    code::missing_lookup,
    code::no_input,
    code::engine_refuses,
    code::unordered_query,
};

struct Window {
  std::string text;
  std::size_t caret = 0;   // code points before the caret
  std::size_t length = 1;  // of the underline
};

// The part of a long line around the caret, at most `shown_bytes` bytes of it.
Window window(const std::string& line, Span span) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < line.size(); i += code_point(line, i).length) starts.push_back(i);
  starts.push_back(line.size());
  const std::size_t points = starts.size() - 1;
  const std::size_t caret = std::min<std::size_t>(span.column == 0 ? 0 : span.column - 1, points);
  std::size_t first = 0;
  std::size_t last = points;
  if (line.size() > shown_bytes) {
    first = caret;
    last = caret;
    while (last < points && starts[last + 1] - starts[first] <= shown_bytes * 2 / 3) ++last;
    while (first > 0 && starts[last] - starts[first - 1] <= shown_bytes) --first;
  }
  Window shown;
  if (first > 0) shown.text += "…";
  shown.text += line.substr(starts[first], starts[last] - starts[first]);
  if (last < points) shown.text += "…";
  shown.caret = caret - first + (first > 0 ? 1 : 0);
  shown.length = std::clamp<std::size_t>(span.length, 1, std::max<std::size_t>(1, last - caret));
  return shown;
}

}  // namespace

std::span<const DiagnosticCode> diagnostic_codes() { return all_codes; }

bool has_errors(const Diagnostics& diagnostics) {
  return std::ranges::any_of(diagnostics,
                             [](const auto& d) { return d.severity == Severity::error; });
}

std::string render(const Diagnostic& diagnostic) {
  std::string out =
      fmt::format("{}[{}]: {}\n", diagnostic.severity == Severity::error ? "error" : "warning",
                  diagnostic.code, excerpt(diagnostic.message, 1000));
  const std::string file = excerpt(diagnostic.file, 400);
  if (diagnostic.span.line == 0) {
    out += fmt::format("  --> {}\n", file);
  } else {
    out += fmt::format("  --> {}:{}:{}\n", file, diagnostic.span.line, diagnostic.span.column);
  }
  const std::string number = std::to_string(diagnostic.span.line);
  const std::string margin(
      diagnostic.span.line == 0 ? 2 : std::max<std::size_t>(3, number.size() + 1), ' ');
  if (diagnostic.span.line != 0 && !diagnostic.source_line.empty()) {
    const Window shown = window(diagnostic.source_line, diagnostic.span);
    out += fmt::format("{}|\n", margin);
    out += fmt::format("{:<{}}| {}\n", number, margin.size(), shown.text);
    out += fmt::format("{}| {}{}", margin, std::string(shown.caret, ' '),
                       std::string(shown.length, '^'));
    out += diagnostic.label.empty() ? "\n" : " " + excerpt(diagnostic.label, 200) + "\n";
    if (!diagnostic.hint.empty()) out += fmt::format("{}|\n", margin);
  }
  if (!diagnostic.hint.empty())
    out += fmt::format("{}= hint: {}\n", margin, excerpt(diagnostic.hint, 1000));
  return out;
}

}  // namespace daybook
