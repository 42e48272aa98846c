// The row rules of a contract, compiled, and asked of typed columns: every rule a row breaks is
// reported, not the first alone. Rules of kind type, unique and expression are asked elsewhere (by
// the reader, by a pass over the keys, by the engine).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
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
  const std::vector<Column>& columns() const { return columns_; }

 private:
  struct Compiled;
  std::vector<Column> columns_;
  std::vector<RowRule> rules_;
  std::vector<std::string> type_ids_;
  std::vector<Compiled> compiled_;
};

}  // namespace daybook
