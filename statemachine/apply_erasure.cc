// What erasures and legal holds mean.
#include <algorithm>

#include "statemachine/folding.h"

namespace daybook::folding {

ErasureState* Fold::erasure(ErasureId id) { return find(state.erasures, id); }

// Does the item name what is there? Handlers rely on it afterwards.
bool Fold::sound(const ErasureItem& item) {
  if (slot(item.slot) == nullptr || run(item.run) == nullptr) return false;
  if (item.kind == PayloadKind::input) return true;
  const BatchState* b = find(state.batches, item.batch);
  if (b == nullptr) return false;
  if (std::ranges::all_of(item.records, [&](std::uint32_t r) { return r < b->records; }))
    return true;
  ++state.anomalies;
  return false;
}

void Fold::on(const ErasureProposed& e) {
  for (const ErasureItem& item : e.items)
    if (!sound(item)) return;
  ErasureState* x = introduce(state.erasures, e.erasure);
  if (x == nullptr) return;
  x->policy = e.policy;
  x->items = e.items;
  x->plan = e.plan;
  x->text = e.text;
  x->proposer = envelope.actor.principal;
  x->at = index;
  state.open_erasures.insert(e.erasure);
}

void Fold::on(const ErasureStarted& e) {
  ErasureState* x = erasure(e.erasure);
  if (x == nullptr) return;
  x->phase = ErasureState::Phase::executing;
  x->started = index;
  for (const ErasureItem& item : x->items) {
    state.erased.emplace(item.payload.digest, index);
    if (item.kind == PayloadKind::input) continue;
    BatchState& b = batch(item.batch);
    for (const std::uint32_t position : item.records)
      if (const auto touched = b.touched.find(position);
          touched != b.touched.end() && touched->second.replacement == item.payload)
        touched->second.replacement.reset();
    if (item.kind == PayloadKind::amendment) continue;
    b.payload = item.replacement;
    b.erased.insert(item.records.begin(), item.records.end());
    if (item.records.empty()) b.erased_whole = true;
  }
}

void Fold::on(const ErasureFinished& e) {
  ErasureState* x = erasure(e.erasure);
  if (x == nullptr) return;
  x->phase = ErasureState::Phase::finished;
  x->finished = index;
  state.open_erasures.erase(e.erasure);
}

void Fold::on(const ErasureWithdrawn& e) { withdraw(e.erasure); }

void Fold::withdraw(ErasureId id) {
  ErasureState* x = erasure(id);
  if (x == nullptr) return;
  x->phase = ErasureState::Phase::withdrawn;
  x->finished = index;
  state.open_erasures.erase(id);
  if (x->approval) state.approvals[static_cast<std::size_t>(*x->approval)].voided = true;
}

void Fold::on(const LegalHoldPlaced& e) {
  LegalHold* h = introduce(state.legal_holds, e.hold);
  if (h == nullptr) return;
  *h = {.scope = e.scope, .reason = e.reason, .placed_by = envelope.actor.principal, .at = index};
}

void Fold::on(const LegalHoldReleased& e) {
  if (LegalHold* h = find(state.legal_holds, e.hold)) h->released = index;
}

}  // namespace daybook::folding
