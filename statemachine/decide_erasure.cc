// The rules for what becomes unreadable on purpose, and for what must not.
#include <algorithm>
#include <set>

#include "statemachine/decisions.h"

namespace daybook::decisions {

using enum Refusal::Code;

namespace {

std::string title(const State& state, const ErasureItem& item) {
  const Slot* slot = state.find(item.slot);
  const std::string where = slot == nullptr ? "?" : describe(*slot);
  switch (item.kind) {
    case PayloadKind::quarantine: return fmt::format("batch {} of {}", item.batch, where);
    case PayloadKind::amendment:
      return fmt::format("the amendment of record {} of batch {} of {}",
                         item.records.empty() ? 0 : item.records.front(), item.batch, where);
    case PayloadKind::input: return fmt::format("the retained input of {}", where);
  }
  return where;
}

// Is the payload still the one that stands there, with these records readable?
std::expected<void, Refusal> current(const State& state, const ErasureItem& item) {
  if (item.kind == PayloadKind::input) return {};
  const BatchState* batch = state.find(item.batch);
  if (batch == nullptr) return refuse(unknown, "there is no quarantine batch {}", item.batch);
  if (batch->slot != item.slot || batch->run != item.run)
    return refuse(mismatch, "batch {} is not of that partition and run", item.batch);
  for (std::size_t i = 0; i < item.records.size(); ++i) {
    if (item.records[i] >= batch->records)
      return refuse(unknown, "batch {} has {} records; there is no record {}", item.batch,
                    batch->records, item.records[i]);
    if (i > 0 && item.records[i] <= item.records[i - 1])
      return refuse(mismatch, "record numbers must rise");
    if (item.kind == PayloadKind::quarantine && batch->is_erased(item.records[i]))
      return refuse(already, "record {} of batch {} is erased", item.records[i], item.batch);
  }
  if (item.kind == PayloadKind::quarantine) {
    if (batch->payload != item.payload)
      return refuse(stale, "batch {} has another payload now", item.batch);
    if (item.records.empty() != (item.replacement.bytes == 0))
      return refuse(mismatch, "batch {}: what stays of it must be kept, and nothing else",
                    item.batch);
    return {};
  }
  if (item.records.size() != 1) return refuse(mismatch, "an amendment is of one record");
  const auto touched = batch->touched.find(item.records.front());
  if (touched == batch->touched.end() || touched->second.replacement != item.payload)
    return refuse(stale, "{} is another one now", title(state, item));
  return {};
}

// Whoever erases a record erases what it was amended to.
std::expected<void, Refusal> complete(const State& state, const std::vector<ErasureItem>& items) {
  std::set<Digest> named;
  for (const ErasureItem& item : items) named.insert(item.payload.digest);
  for (const ErasureItem& item : items) {
    if (item.kind != PayloadKind::quarantine) continue;
    for (const auto& [position, record] : state.find(item.batch)->touched) {
      if (!record.replacement || record.replacement->bytes == 0) continue;
      if (!item.records.empty() && !std::ranges::binary_search(item.records, position)) continue;
      if (!named.contains(record.replacement->digest))
        return refuse(stale, "record {} of batch {} was amended: its new bytes belong to it",
                      position, item.batch);
    }
  }
  return {};
}

std::expected<void, Refusal> sound(const State& state, const std::vector<ErasureItem>& items,
                                   std::optional<ErasureId> self) {
  for (const ErasureItem& item : items) {
    if (state.find(item.slot) == nullptr) return refuse(unknown, "there is no slot {}", item.slot);
    if (state.find(item.run) == nullptr) return refuse(unknown, "there is no run {}", item.run);
    if (item.payload.bytes == 0) return refuse(mismatch, "an empty payload can not be erased");
    if (const auto hold = held_by(state, item.slot, item.run))
      return refuse(on_hold, "legal hold {} keeps {}: {}", *hold, title(state, item),
                    state.find(*hold)->reason);
    if (const auto gone = state.erased.find(item.payload.digest); gone != state.erased.end())
      return refuse(already, "{} was erased at entry {}", title(state, item), gone->second);
    if (const auto ok = current(state, item); !ok) return ok;
    for (const ErasureId id : state.open_erasures) {
      if (id == self) continue;
      for (const ErasureItem& other : state.find(id)->items)
        if (other.payload == item.payload)
          return refuse(conflict, "erasure {} is about {} too", id, title(state, item));
    }
  }
  return complete(state, items);
}

std::expected<const ErasureState*, Refusal> proposed(const State& state, ErasureId id) {
  const ErasureState* erasure = state.find(id);
  if (erasure == nullptr) return refuse(unknown, "there is no erasure {}", id);
  if (erasure->phase != ErasureState::Phase::proposed)
    return refuse(wrong_phase, "erasure {} has been started or ended", id);
  return erasure;
}

}  // namespace

Decision on(const State& state, const Context&, const ProposeErasure& c) {
  if (c.items.empty()) return refuse(unknown, "there is nothing to erase");
  if (c.items.size() > limits::payloads_per_erasure_max)
    return refuse(too_large, "at most {} payloads at a time", limits::payloads_per_erasure_max);
  std::size_t records = 0;
  for (const ErasureItem& item : c.items) records += item.records.size();
  if (records > limits::records_per_erasure_max)
    return refuse(too_large, "at most {} records at a time", limits::records_per_erasure_max);
  if (c.reason.empty()) return refuse(mismatch, "an erasure needs a reason");
  if (c.policy.empty()) return refuse(mismatch, "an erasure needs the policy that calls for it");
  if (const auto ok = sound(state, c.items, std::nullopt); !ok) return std::unexpected(ok.error());
  const auto id = next_id<ErasureId>(state.erasures);
  const std::uint32_t approvals = std::max<std::uint32_t>(c.approvals, 1);
  return {{ErasureProposed{.erasure = id,
                           .policy = c.policy,
                           .items = c.items,
                           .plan = c.plan,
                           .text = c.text,
                           .approvals = approvals,
                           .reason = c.reason},
           ApprovalRequested{.approval = next_id<ApprovalId>(state.approvals),
                             .subject = ApprovalSubject::erasure,
                             .slot = no_slot,
                             .compensation = no_compensation,
                             .digest = c.plan,
                             .needed = approvals,
                             .erasure = id}}};
}

Decision on(const State& state, const Context&, const StartErasure& c) {
  const auto erasure = proposed(state, c.erasure);
  if (!erasure) return std::unexpected(erasure.error());
  if ((*erasure)->plan != c.plan) return refuse(stale, "erasure {} has another plan", c.erasure);
  if (state.paused) return refuse(Refusal::Code::paused, "the book is paused");
  const auto& approval = (*erasure)->approval;
  if (!approval || !state.find(*approval)->satisfied())
    return refuse(not_approved, "erasure {} waits for approval{}", c.erasure,
                  approval ? fmt::format(" {}", *approval) : "");
  if (const auto ok = sound(state, (*erasure)->items, c.erasure); !ok)
    return std::unexpected(ok.error());
  return {{ErasureStarted{.erasure = c.erasure}}};
}

Decision on(const State& state, const Context&, const FinishErasure& c) {
  const ErasureState* erasure = state.find(c.erasure);
  if (erasure == nullptr) return refuse(unknown, "there is no erasure {}", c.erasure);
  if (erasure->phase != ErasureState::Phase::executing)
    return refuse(wrong_phase, "erasure {} is not being carried out", c.erasure);
  std::set<PayloadRef> payloads;
  std::uint64_t bytes = 0;
  for (const ErasureItem& item : erasure->items)
    if (payloads.insert(item.payload).second) bytes += item.payload.bytes;
  if (payloads.size() != c.payloads || bytes != c.bytes)
    return refuse(mismatch, "erasure {} is of {} payloads with {} bytes, not {} with {}", c.erasure,
                  payloads.size(), bytes, c.payloads, c.bytes);
  return {{ErasureFinished{.erasure = c.erasure, .payloads = c.payloads, .bytes = c.bytes}}};
}

Decision on(const State& state, const Context&, const WithdrawErasure& c) {
  if (const auto erasure = proposed(state, c.erasure); !erasure)
    return std::unexpected(erasure.error());
  return {{ErasureWithdrawn{.erasure = c.erasure, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const PlaceLegalHold& c) {
  if (c.reason.empty()) return refuse(mismatch, "a legal hold needs a reason");
  const Scope& scope = c.scope;
  if (scope.kind == ScopeKind::pipeline && !state.current_definition.contains(scope.pipeline))
    return refuse(unknown, "there is no pipeline {}", scope.pipeline);
  if (scope.kind == ScopeKind::run && state.find(scope.run) == nullptr)
    return refuse(unknown, "there is no run {}", scope.run);
  if (scope.kind == ScopeKind::partition && state.find(scope.slot) == nullptr)
    return refuse(unknown, "there is no slot {}", scope.slot);
  for (std::uint32_t i = 0; i < state.legal_holds.size(); ++i)
    if (const LegalHold& hold = state.legal_holds[i];
        hold.in_force() && hold.scope == scope && hold.reason == c.reason)
      return refuse(already, "this is legal hold {}", i);
  return {{LegalHoldPlaced{
      .hold = next_id<LegalHoldId>(state.legal_holds), .scope = scope, .reason = c.reason}}};
}

Decision on(const State& state, const Context&, const ReleaseLegalHold& c) {
  const LegalHold* hold = state.find(c.hold);
  if (hold == nullptr) return refuse(unknown, "there is no legal hold {}", c.hold);
  if (!hold->in_force())
    return refuse(already, "legal hold {} was released at entry {}", c.hold, hold->released);
  if (c.reason.empty()) return refuse(mismatch, "the release of a legal hold needs a reason");
  return {{LegalHoldReleased{.hold = c.hold, .reason = c.reason}}};
}

}  // namespace daybook::decisions
