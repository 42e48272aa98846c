// What people decide about: quarantine, compensations, approvals, erasures and legal holds.
#include <algorithm>
#include <set>

#include "ledger/codec/event_codec.h"
#include "ledger/digest.h"
#include "replay/book_cells.h"
#include "replay/book_columns.h"
#include "replay/queries.h"
#include "replay/words.h"
#include "statemachine/batch_name.h"

namespace daybook::tables {

using enum CellType;

namespace {

std::uint64_t held_records(const BatchState& batch) {
  if (batch.erased_whole) return 0;
  std::uint64_t held = batch.records - std::min<std::uint64_t>(batch.records, batch.touched.size());
  for (const std::uint32_t position : batch.erased) held -= !batch.touched.contains(position);
  return held;
}
std::uint64_t payloads_of(const ErasureState& erasure) {
  std::set<PayloadRef> all;
  for (const ErasureItem& item : erasure.items) all.insert(item.payload);
  return all.size();
}
std::string_view scope_kind(const Scope& scope) {
  switch (scope.kind) {
    case ScopeKind::book: return "book";
    case ScopeKind::pipeline: return "pipeline";
    case ScopeKind::run: return "run";
    case ScopeKind::partition: return "partition";
  }
  return "?";
}
std::string_view scope_pipeline(const State& state, const Scope& scope) {
  if (scope.kind == ScopeKind::pipeline) return scope.pipeline;
  if (scope.kind == ScopeKind::partition) return pipeline_name(state, scope.slot);
  const RunState* run = scope.kind == ScopeKind::run ? state.find(scope.run) : nullptr;
  return run == nullptr ? std::string_view() : run->pipeline;
}

}  // namespace

std::span<const ColumnOf<BatchOf>> quarantine_columns() {
  static const ColumnOf<BatchOf> all[] = {
      {"batch", text, "its name, as `quarantine list` has it",
       [](const State& state, const auto& row) -> Cell { return batch_name(state, row.id); }},
      {"pipeline", text, "whose records they are",
       [](const State& state, const auto& row) -> Cell {
         return as_text(pipeline_name(state, row.batch.slot));
       }},
      {"partition", text, "the partition they are of",
       [](const State& state, const auto& row) -> Cell {
         return as_text(partition_name(state, row.batch.slot));
       }},
      {"run", number, "that set them aside",
       [](const State&, const auto& row) -> Cell {
         return as_number(std::to_underlying(row.batch.run));
       }},
      {"attempt", number, "that set them aside",
       [](const State&, const auto& row) -> Cell { return as_number(row.batch.attempt); }},
      {"records", number, "how many",
       [](const State&, const auto& row) -> Cell { return as_number(row.batch.records); }},
      {"held", number, "of them undecided, with their bytes",
       [](const State&, const auto& row) -> Cell { return as_number(held_records(row.batch)); }},
      {"amended", number, "of them amended and not yet released",
       [](const State&, const auto& row) -> Cell {
         return as_number(static_cast<std::uint64_t>(std::ranges::count_if(
             row.batch.touched,
             [](const auto& one) { return one.second.status == RecordState::Status::amended; })));
       }},
      {"released", number, "of them released and not yet loaded",
       [](const State&, const auto& row) -> Cell {
         return as_number(static_cast<std::uint64_t>(std::ranges::count_if(
             row.batch.touched,
             [](const auto& one) { return one.second.status == RecordState::Status::released; })));
       }},
      {"delivered", number, "of them released and loaded",
       [](const State&, const auto& row) -> Cell {
         return as_number(static_cast<std::uint64_t>(std::ranges::count_if(
             row.batch.touched,
             [](const auto& one) { return one.second.status == RecordState::Status::delivered; })));
       }},
      {"discarded", number, "of them given up",
       [](const State&, const auto& row) -> Cell {
         return as_number(static_cast<std::uint64_t>(std::ranges::count_if(
             row.batch.touched,
             [](const auto& one) { return one.second.status == RecordState::Status::discarded; })));
       }},
      {"erased", number, "of them without their bytes, decided or not",
       [](const State&, const auto& row) -> Cell {
         return as_number(row.batch.erased_whole ? row.batch.records : row.batch.erased.size());
       }},
      {"superseded", boolean, "a later load read the same records again",
       [](const State&, const auto& row) -> Cell { return row.batch.superseded; }},
      {"root", text, "Merkle root over the records, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.batch.root); }},
      {"entry", number, "the AttemptStaged that tells of them",
       [](const State&, const auto& row) -> Cell { return entry_number(row.batch.at); }},
  };
  return all;
}

std::span<const ColumnOf<CompensationOf>> compensations_columns() {
  static const ColumnOf<CompensationOf> all[] = {
      {"compensation", number, "its number, from 0",
       [](const State&, const auto& row) -> Cell { return as_number(std::to_underlying(row.id)); }},
      {"phase", text, "proposed, executing, finished or withdrawn",
       [](const State&, const auto& row) -> Cell { return as_text(word(row.compensation.phase)); }},
      {"action", text, "restore what stood before, remove, or flag",
       [](const State&, const auto& row) -> Cell {
         return as_text(word(row.compensation.action));
       }},
      {"loads", number, "to be taken back",
       [](const State&, const auto& row) -> Cell {
         return as_number(row.compensation.steps.size());
       }},
      {"done", number, "of them taken back",
       [](const State&, const auto& row) -> Cell { return as_number(row.compensation.done); }},
      {"approval", number, "the approval it needs; null where it needs none",
       [](const State&, const auto& row) -> Cell {
         return row.compensation.approval
                    ? as_number(std::to_underlying(*row.compensation.approval))
                    : Cell();
       }},
      {"approved", boolean, "all its signatures are there, or it needs none",
       [](const State& state, const auto& row) -> Cell {
         return !row.compensation.approval || state.find(*row.compensation.approval)->satisfied();
       }},
      {"proposer", text, "who proposed it",
       [](const State&, const auto& row) -> Cell { return as_text(row.compensation.proposer); }},
      {"last_failure", text, "why a step could not be done; null where none failed",
       [](const State&, const auto& row) -> Cell {
         return text_or_null(row.compensation.last_failure);
       }},
      {"plan", text, "digest of the plan that is signed, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.compensation.plan); }},
      {"entry", number, "its CompensationProposed",
       [](const State&, const auto& row) -> Cell { return entry_number(row.compensation.at); }},
  };
  return all;
}

std::span<const ColumnOf<ApprovalOf>> approvals_columns() {
  static const ColumnOf<ApprovalOf> all[] = {
      {"approval", number, "its number, from 0",
       [](const State&, const auto& row) -> Cell { return as_number(std::to_underlying(row.id)); }},
      {"subject", text, "load, compensation or erasure",
       [](const State&, const auto& row) -> Cell { return as_text(word(row.approval.subject)); }},
      {"title", text, "what it is about, in words",
       [](const State& state, const auto& row) -> Cell {
         return as_text(approval_subject(state, row.approval.subject, row.approval.slot,
                                         row.approval.compensation, row.approval.erasure));
       }},
      {"standing", text, "waiting, complete, rejected or void",
       [](const State&, const auto& row) -> Cell { return as_text(standing(row.approval)); }},
      {"given", number, "signatures it has",
       [](const State&, const auto& row) -> Cell {
         return as_number(row.approval.approvers.size());
       }},
      {"needed", number, "signatures it needs",
       [](const State&, const auto& row) -> Cell { return as_number(row.approval.needed); }},
      {"approvers", text, "who signed",
       [](const State&, const auto& row) -> Cell { return list(row.approval.approvers); }},
      {"fingerprints", text, "of the keys they signed with",
       [](const State&, const auto& row) -> Cell { return list(row.approval.fingerprints); }},
      {"may_not", text, "who took part, and so may not sign",
       [](const State&, const auto& row) -> Cell { return list(row.approval.parties); }},
      {"slot", number, "the partition, for a load",
       [](const State&, const auto& row) -> Cell {
         return id_or_null(row.approval.slot, no_slot);
       }},
      {"compensation", number, "for a compensation",
       [](const State&, const auto& row) -> Cell {
         return id_or_null(row.approval.compensation, no_compensation);
       }},
      {"erasure", number, "for an erasure",
       [](const State&, const auto& row) -> Cell {
         return id_or_null(row.approval.erasure, no_erasure);
       }},
      {"digest", text, "of exactly what is signed, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.approval.digest); }},
  };
  return all;
}

std::span<const ColumnOf<ErasureOf>> erasures_columns() {
  static const ColumnOf<ErasureOf> all[] = {
      {"erasure", number, "its number, from 0",
       [](const State&, const auto& row) -> Cell { return as_number(std::to_underlying(row.id)); }},
      {"phase", text, "proposed, executing, finished or withdrawn",
       [](const State&, const auto& row) -> Cell { return as_text(word(row.erasure.phase)); }},
      {"policy", text, "what called for it",
       [](const State&, const auto& row) -> Cell { return as_text(row.erasure.policy); }},
      {"payloads", number, "it is about",
       [](const State&, const auto& row) -> Cell { return as_number(payloads_of(row.erasure)); }},
      {"approval", number, "the approval it needs",
       [](const State&, const auto& row) -> Cell {
         return row.erasure.approval ? as_number(std::to_underlying(*row.erasure.approval))
                                     : Cell();
       }},
      {"proposer", text, "who proposed it",
       [](const State&, const auto& row) -> Cell { return as_text(row.erasure.proposer); }},
      {"plan", text, "digest of the plan that is signed, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.erasure.plan); }},
      {"entry", number, "its ErasureProposed",
       [](const State&, const auto& row) -> Cell { return entry_number(row.erasure.at); }},
      {"started_entry", number, "from which its payloads count as erased",
       [](const State&, const auto& row) -> Cell { return entry_number(row.erasure.started); }},
      {"finished_entry", number, "its receipt; or its withdrawal",
       [](const State&, const auto& row) -> Cell { return entry_number(row.erasure.finished); }},
  };
  return all;
}

std::span<const ColumnOf<HoldOf>> legal_holds_columns() {
  static const ColumnOf<HoldOf> all[] = {
      {"hold", number, "its number, from 0",
       [](const State&, const auto& row) -> Cell { return as_number(std::to_underlying(row.id)); }},
      {"in_force", boolean, "it was not released",
       [](const State&, const auto& row) -> Cell { return row.hold.in_force(); }},
      {"scope", text, "book, pipeline, run or partition",
       [](const State&, const auto& row) -> Cell { return as_text(scope_kind(row.hold.scope)); }},
      {"pipeline", text, "it covers; null where it covers none, or more",
       [](const State& state, const auto& row) -> Cell {
         return text_or_null(scope_pipeline(state, row.hold.scope));
       }},
      {"run", number, "it covers; null unless its scope is one",
       [](const State&, const auto& row) -> Cell {
         return id_or_null(row.hold.scope.run, no_run);
       }},
      {"partition", text, "it covers; null unless its scope is one",
       [](const State& state, const auto& row) -> Cell {
         return text_or_null(partition_name(state, row.hold.scope.slot));
       }},
      {"reason", text, "why",
       [](const State&, const auto& row) -> Cell { return as_text(row.hold.reason); }},
      {"placed_by", text, "who placed it",
       [](const State&, const auto& row) -> Cell { return as_text(row.hold.placed_by); }},
      {"entry", number, "its LegalHoldPlaced",
       [](const State&, const auto& row) -> Cell { return entry_number(row.hold.at); }},
      {"released_entry", number, "its LegalHoldReleased; null while it is in force",
       [](const State&, const auto& row) -> Cell { return entry_number(row.hold.released); }},
  };
  return all;
}

}  // namespace daybook::tables
