#include "runner/decision_diff.h"

#include <algorithm>
#include <map>
#include <utility>

namespace daybook {
namespace {

struct SetAside {
  std::string bytes;
  std::vector<std::string> rules;
};
using Records = std::map<std::pair<std::uint32_t, std::uint64_t>, SetAside>;  // (input, row)

Result<Records> quarantined(const Execution& execution) {
  Records out;
  if (execution.result->quarantine_file.empty()) return out;
  auto records = read_quarantine(execution.result->quarantine_file);
  if (!records) return std::unexpected(records.error());
  for (QuarantinedRecord& record : *records) {
    SetAside& one = out[{record.input, record.row}];
    one.bytes = std::move(record.bytes);
    for (Violation& violation : record.violations) one.rules.push_back(std::move(violation.rule));
    std::ranges::sort(one.rules);
  }
  return out;
}

RowFiles files_of(const Execution& execution) {
  RowFiles out{.format = execution.format, .files = {}};
  for (const StagedFile& file : execution.result->files)
    out.files.push_back(execution.output / file.name);
  return out;
}

class Decisions {
 public:
  Decisions(const Execution& before, const Execution& after, std::uint64_t sample)
      : before_(before), after_(after), sample_(sample) {}

  Result<DecisionDiff> compare() {
    diff_.before = before_.result->counts;
    diff_.after = after_.result->counts;
    compare_rules();
    const auto then = quarantined(before_), now = quarantined(after_);
    if (!then) return std::unexpected(then.error());
    if (!now) return std::unexpected(now.error());
    const SetAside passed;
    for (const auto& [at, record] : *now)
      if (!then->contains(at)) add(diff_.newly_quarantined, at, passed, record);
    for (const auto& [at, record] : *then)
      if (!now->contains(at)) add(diff_.no_longer_quarantined, at, record, passed);
    for (const auto& [at, record] : *then)
      if (const auto again = now->find(at); again != now->end())
        if (again->second.rules != record.rules)
          add(diff_.for_other_rules, at, record, again->second);
    return std::move(diff_);
  }

 private:
  void compare_rules() {
    std::map<std::string, DecisionDiff::Rule> rules;
    for (const RuleCount& rule : before_.result->rules) rules[rule.rule].before += rule.rows;
    for (const RuleCount& rule : after_.result->rules) rules[rule.rule].after += rule.rows;
    for (auto& [name, rule] : rules) {
      if (rule.before == rule.after) continue;
      rule.rule = name;
      diff_.rules.push_back(std::move(rule));
    }
  }

  void add(std::uint64_t& count, std::pair<std::uint32_t, std::uint64_t> at, const SetAside& then,
           const SetAside& now) {
    if (count++ >= sample_) return;
    const auto& inputs = after_.result->inputs;
    diff_.sample.push_back({.source = at.first < inputs.size() ? inputs[at.first].name : "",
                            .row = at.second,
                            .bytes = now.bytes.empty() ? then.bytes : now.bytes,
                            .before = then.rules,
                            .after = now.rules});
  }

  const Execution &before_, &after_;
  std::uint64_t sample_;
  DecisionDiff diff_;
};

}  // namespace

Result<DecisionDiff> diff_decisions(const Execution& before, const Execution& after,
                                    const std::vector<std::string>& key, std::uint64_t sample,
                                    const std::filesystem::path& scratch,
                                    std::uint64_t memory_limit_bytes) {
  auto diff = Decisions(before, after, sample).compare();
  if (!diff) return diff;
  auto rows = diff_rows({.a = files_of(before),
                         .b = files_of(after),
                         .key = key,
                         .sample = sample,
                         .directory = scratch,
                         .memory_limit_bytes = memory_limit_bytes});
  if (!rows) return fail(Error::Code::io, "{}", rows.error().detail);
  diff->rows = std::move(*rows);
  return diff;
}

}  // namespace daybook
