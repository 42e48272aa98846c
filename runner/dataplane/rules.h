// The row rules of a contract, compiled, and asked of typed columns: every rule a row breaks is
// reported, not the first alone. Rules of kind type, unique and expression are asked elsewhere (by
// the reader, by a pass over the keys, by the engine).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runner/dataplane/stage.h"
#include "runner/dataplane/vectors.h"
#include "runner/definition/contract.h"

namespace daybook {

// A value that did not parse: its column holds null at that row.
struct TypeFault {
  std::uint32_t row = 0;
  std::uint32_t column = 0;
};

struct RuleHit {
  std::uint32_t row = 0;
  std::uint32_t rule = 0;  // index into RuleSet::rules()
};

// What becomes of one record that broke rules: the gravest of what they ask for. A record that is
// set aside or dropped leaves; after a warning it stays.
struct Verdict {
  std::vector<Violation> violations;  // of the rules that make it leave
  std::vector<std::string> warnings;  // rules
  std::vector<std::string> fatal;     // rules that fail the run
  bool kept_for_review = false;       // some rule asks for more than dropping it

  void add(OnViolation action, Violation violation);
  bool stays() const { return violations.empty(); }
  bool dropped() const { return !violations.empty() && !kept_for_review; }
};

// Released as it is: what a person may say of a rule, and what no one may.
inline bool waivable(OnViolation action) {
  return action != OnViolation::fail_row && action != OnViolation::fail_run;
}

struct RuleTally {
  std::unordered_map<std::string, std::uint64_t> rows;
  std::unordered_set<std::string> dropping;  // rules that made records leave without a review
  std::unordered_set<std::string> fatal;     // rules whose violation fails the run

  void count(const Verdict& verdict);  // one record, once for every rule it broke
  void add(const RuleTally& other);
};

class RuleSet {
 public:
  RuleSet(std::vector<Column> columns, const std::vector<RowRule>& rules);
  ~RuleSet();
  RuleSet(RuleSet&&) noexcept;

  // Appends the rules broken by rows [0, n). Nulls break `required` alone; values named in faults
  // break nothing here. Thread-safe.
  void check(std::span<const VectorView> columns, std::uint32_t n,
             std::span<const TypeFault> faults, std::vector<RuleHit>& hits) const;

  const std::vector<RowRule>& rules() const { return rules_; }
  // What is said of the value that broke the rule.
  Violation violation(const RuleHit& hit, std::span<const VectorView> columns) const;
  Violation type_violation(std::uint32_t column, std::string_view text) const;
  // A value that does not parse can not stay: a warning about it is a quarantine.
  OnViolation type_action(std::uint32_t column) const { return type_actions_[column]; }
  const std::vector<Column>& columns() const { return columns_; }

 private:
  struct Compiled;
  void missing_texts(const Compiled& c, const VectorView& view, Physical physical, std::uint32_t n,
                     std::uint32_t rule, std::vector<RuleHit>& hits) const;
  std::vector<Column> columns_;
  std::vector<RowRule> rules_;
  std::vector<std::string> type_ids_;
  std::vector<OnViolation> type_actions_;
  std::vector<Compiled> compiled_;
};

}  // namespace daybook
