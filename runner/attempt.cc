#include "runner/attempt.h"

#include <algorithm>

#include "ledger/payload_store.h"
#include "runner/connect/sink.h"

namespace daybook {

namespace fs = std::filesystem;

std::vector<RuleCount> bounded_rules(std::vector<RuleCount> rules) {
  if (rules.size() <= limits::list_items_max) return rules;
  std::ranges::stable_sort(rules, std::greater<>{}, &RuleCount::rows);
  RuleCount rest{.rule = "(others)", .rows = 0};
  for (std::size_t i = limits::list_items_max - 1; i < rules.size(); ++i)
    rest.rows += rules[i].rows;
  rules.resize(limits::list_items_max - 1);
  rules.push_back(rest);
  return rules;
}

Result<Digest> read_salts(const PayloadStore& payloads, const PayloadRef& salts) {
  Digest secret{};
  if (salts.bytes != secret.size())
    return fail(Error::Code::not_found, "there are no salts of this attempt");
  const auto bytes = payloads.get(as_address(salts));
  if (!bytes) return std::unexpected(bytes.error());
  std::copy_n(bytes->begin(), secret.size(), secret.begin());
  return secret;
}

StageAttempt stage_command(const AttemptOutcome& outcome, const Pipeline& pipeline) {
  const StageResult& result = outcome.result;
  StageAttempt command;
  command.staged.inputs = result.inputs_digest;
  command.staged.files = result.inputs;
  command.staged.counts = result.counts;
  command.staged.rules = bounded_rules(result.rules);
  command.staged.output_root = result.output_root;
  command.staged.output_rows = result.output_rows;
  command.staged.content = result.content;
  command.staged.quarantine_root = result.quarantine_root;
  command.staged.quarantine = outcome.quarantine;
  command.staged.gates = result.gates;
  command.staged.salts = outcome.salts;
  command.approvals_needed = pipeline.approvals_load;
  return command;
}

std::vector<Column> output_columns(const Pipeline& pipeline) {
  if (pipeline.output) return pipeline.output->columns;
  return pipeline.schema.empty() ? std::vector<Column>{} : pipeline.schema.back();
}

PayloadRef known_copy(const Keeper& keeper, const Digest& source) {
  const auto value = keeper.ledger().get("input/" + hex(source));
  if (!value || value->size() != sizeof(Digest) + sizeof(std::uint64_t)) return {};
  PayloadRef ref;
  std::copy_n(value->begin(), ref.digest.size(), ref.digest.begin());
  for (std::size_t i = 0; i < 8; ++i)
    ref.bytes |= std::uint64_t{static_cast<std::uint8_t>((*value)[32 + i])} << (8 * i);
  return keeper.state().erased.contains(ref.digest) ? PayloadRef{} : ref;
}

Result<void> remember_copy(Keeper& keeper, const Digest& source, const PayloadRef& copy) {
  std::string value(copy.digest.begin(), copy.digest.end());
  for (std::size_t i = 0; i < 8; ++i)
    value += static_cast<char>(static_cast<std::uint8_t>(copy.bytes >> (8 * i)));
  return keeper.remember("input/" + hex(source), value);
}

}  // namespace daybook
