// Entries, runs, partitions, attempts and loads: each column with its name, its type, what it
// means, and how it is made.
#include "replay/book_columns.h"

#include <algorithm>
#include <set>

#include "ledger/codec/event_codec.h"
#include "ledger/digest.h"
#include "replay/book_cells.h"
#include "replay/queries.h"
#include "replay/words.h"
#include "statemachine/batch_name.h"
#include "statemachine/decide.h"

namespace daybook::tables {

using enum CellType;

namespace {

SlotId slot_in(const Event& event) {
  return std::visit(
      [](const auto& e) -> SlotId {
        if constexpr (requires { e.slot; }) return e.slot;
        return no_slot;
      },
      event);
}

}  // namespace

std::span<const ColumnOf<EntryRow>> entries_columns() {
  static const ColumnOf<EntryRow> all[] = {
      {"entry", number, "its number, from 0",
       [](const State&, const auto& row) -> Cell { return as_number(row.index); }},
      {"recorded_at", time, "when it was recorded, UTC",
       [](const State&, const auto& row) -> Cell {
         return time_cell(row.entry.envelope.recorded_at);
       }},
      {"kind", text, "what happened: LoadCommitted, RunStarted …",
       [](const State&, const auto& row) -> Cell { return as_text(event_name(row.entry.event)); }},
      {"actor", text, "who caused it",
       [](const State&, const auto& row) -> Cell {
         return as_text(row.entry.envelope.actor.principal);
       }},
      {"actor_kind", text, "human, service or system",
       [](const State&, const auto& row) -> Cell {
         return as_text(word(row.entry.envelope.actor.kind));
       }},
      {"on_behalf_of", text, "for whom the actor acted; null unless delegated",
       [](const State&, const auto& row) -> Cell {
         return text_or_null(row.entry.envelope.actor.on_behalf_of);
       }},
      {"run", number, "the run it is of; null outside runs",
       [](const State& state, const auto& row) -> Cell {
         const auto run = run_of(state, row.entry.event);
         return run ? as_number(std::to_underlying(*run)) : Cell();
       }},
      {"pipeline", text, "the pipeline it is about; null where it is about none, or several",
       [](const State& state, const auto& row) -> Cell {
         return text_or_null(pipeline_of(state, row.entry.event));
       }},
      {"partition", text, "the partition it is about; null where it is about none, or several",
       [](const State& state, const auto& row) -> Cell {
         return text_or_null(partition_name(state, slot_in(row.entry.event)));
       }},
      {"cause", number, "the entry that led to it; null where none did",
       [](const State&, const auto& row) -> Cell {
         return entry_number(row.entry.envelope.cause);
       }},
      {"trace", text, "UUID of its run, which is also the trace id; null outside runs",
       [](const State&, const auto& row) -> Cell {
         return row.entry.envelope.correlation == Uuid{}
                    ? Cell()
                    : Cell(uuid_text(row.entry.envelope.correlation));
       }},
      {"boot", number, "which start of daybook wrote it, from 1",
       [](const State&, const auto& row) -> Cell { return as_number(row.entry.envelope.epoch); }},
      {"sentence", text, "what it says, in words",
       [](const State& state, const auto& row) -> Cell {
         return as_text(sentence(state, row.entry.event));
       }},
      {"event", text, "all its fields, as JSON",
       [](const State&, const auto& row) -> Cell {
         return as_text(entry_json(row.entry, row.index));
       }},
      {"leaf", text, "its leaf hash in the Merkle tree, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.leaf); }},
  };
  return all;
}

std::span<const ColumnOf<RunOf>> runs_columns() {
  static const ColumnOf<RunOf> all[] = {
      {"run", number, "its number, from 0",
       [](const State&, const auto& row) -> Cell { return as_number(std::to_underlying(row.id)); }},
      {"uuid", text, "its UUID, which is also its trace id",
       [](const State&, const auto& row) -> Cell { return as_text(uuid_text(row.run.uuid)); }},
      {"pipeline", text, "what was run",
       [](const State&, const auto& row) -> Cell { return as_text(row.run.pipeline); }},
      {"version", number, "of the pipeline file",
       [](const State& state, const auto& row) -> Cell {
         const auto* d = state.find_definition(row.run.definition);
         return d == nullptr ? Cell() : as_number(d->version);
       }},
      {"definition", text, "digest of the definition that ran, hex",
       [](const State& state, const auto& row) -> Cell {
         const auto* d = state.find_definition(row.run.definition);
         return d == nullptr ? Cell() : digest_text(d->digest);
       }},
      {"engine", text, "digest of the engine that ran it, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.run.engine); }},
      {"kind", text, "normal, rerun or release",
       [](const State&, const auto& row) -> Cell { return as_text(word(row.run.kind)); }},
      {"state", text, "open, paused, succeeded, failed, held or cancelled",
       [](const State&, const auto& row) -> Cell {
         return as_text(!row.run.open ? word(row.run.outcome) : row.run.paused ? "paused" : "open");
       }},
      {"requester", text, "who asked for it",
       [](const State&, const auto& row) -> Cell { return as_text(row.run.requester); }},
      {"started_at", time, "UTC",
       [](const State&, const auto& row) -> Cell { return time_cell(row.run.started_at); }},
      {"finished_at", time, "UTC; null while it is open",
       [](const State&, const auto& row) -> Cell { return time_cell(row.run.finished_at); }},
      {"partitions", number, "how many it planned or skipped",
       [](const State&, const auto& row) -> Cell { return as_number(row.run.slots.size()); }},
      {"skipped", number, "how many of them it left alone",
       [](const State&, const auto& row) -> Cell { return as_number(row.run.skipped); }},
      {"rows", number, "in the loads it made",
       [](const State& state, const auto& row) -> Cell {
         return as_number(run_row(state, row.id)->rows);
       }},
      {"quarantined", number, "records set aside in the loads it made",
       [](const State& state, const auto& row) -> Cell {
         return as_number(run_row(state, row.id)->quarantined);
       }},
      {"circuit", text, "the failure that stopped it from starting more; null where none did",
       [](const State&, const auto& row) -> Cell { return text_or_null(row.run.circuit); }},
      {"started_entry", number, "its RunStarted",
       [](const State&, const auto& row) -> Cell { return entry_number(row.run.started); }},
      {"finished_entry", number, "its RunFinished",
       [](const State&, const auto& row) -> Cell { return entry_number(row.run.finished); }},
  };
  return all;
}

std::span<const ColumnOf<SlotOf>> partitions_columns() {
  static const ColumnOf<SlotOf> all[] = {
      {"slot", number, "its number in the book, from 0",
       [](const State&, const auto& row) -> Cell { return as_number(std::to_underlying(row.id)); }},
      {"pipeline", text, "whose partition it is",
       [](const State&, const auto& row) -> Cell { return as_text(row.slot.pipeline); }},
      {"partition", text, "its key",
       [](const State&, const auto& row) -> Cell { return as_text(row.slot.partition); }},
      {"sink", text, "where it is loaded to",
       [](const State&, const auto& row) -> Cell { return as_text(row.slot.sink); }},
      {"phase", text, "verified, failed, held, quarantined …",
       [](const State&, const auto& row) -> Cell { return as_text(name(row.slot.phase)); }},
      {"expected", boolean, "it is to exist",
       [](const State&, const auto& row) -> Cell { return row.slot.expected; }},
      {"gap", boolean, "it is to exist, and the target has nothing of it",
       [](const State&, const auto& row) -> Cell {
         return row.slot.expected && row.slot.current == 0;
       }},
      {"paused", boolean, "nothing of it starts",
       [](const State& state, const auto& row) -> Cell { return paused(state, row.slot); }},
      {"run", number, "that works on it, or worked last",
       [](const State&, const auto& row) -> Cell { return id_or_null(row.slot.run, no_run); }},
      {"attempt", number, "the last one; 0: none",
       [](const State&, const auto& row) -> Cell { return as_number(row.slot.attempt); }},
      {"generation", number, "of the load that stands; 0: none",
       [](const State&, const auto& row) -> Cell { return as_number(row.slot.current); }},
      {"rows", number, "in the load that stands",
       [](const State&, const auto& row) -> Cell {
         const GenerationState* g = generation(row.slot, row.slot.current);
         return g == nullptr ? Cell() : as_number(g->rows);
       }},
      {"read", number, "records read",
       [](const State&, const auto& row) -> Cell {
         const GenerationState* g = generation(row.slot, row.slot.current);
         return g == nullptr ? Cell() : as_number(g->counts.read);
       }},
      {"accepted", number, "of them loaded",
       [](const State&, const auto& row) -> Cell {
         const GenerationState* g = generation(row.slot, row.slot.current);
         return g == nullptr ? Cell() : as_number(g->counts.accepted);
       }},
      {"quarantined", number, "of them set aside",
       [](const State&, const auto& row) -> Cell {
         const GenerationState* g = generation(row.slot, row.slot.current);
         return g == nullptr ? Cell() : as_number(g->counts.quarantined);
       }},
      {"filtered", number, "of them filtered out",
       [](const State&, const auto& row) -> Cell {
         const GenerationState* g = generation(row.slot, row.slot.current);
         return g == nullptr ? Cell() : as_number(g->counts.filtered);
       }},
      {"merged", number, "of them folded into others",
       [](const State&, const auto& row) -> Cell {
         const GenerationState* g = generation(row.slot, row.slot.current);
         return g == nullptr ? Cell() : as_number(g->counts.merged);
       }},
      {"error", text, "class of the last failure; null where there was none",
       [](const State&, const auto& row) -> Cell {
         return row.slot.error ? as_text(word(*row.slot.error)) : Cell();
       }},
      {"entry", number, "that put it into its phase",
       [](const State&, const auto& row) -> Cell { return entry_number(row.slot.story); }},
  };
  return all;
}

std::span<const ColumnOf<AttemptRow>> attempts_columns() {
  static const ColumnOf<AttemptRow> all[] = {
      {"run", number, "whose attempt it was",
       [](const State&, const auto& row) -> Cell {
         return as_number(std::to_underlying(row.run));
       }},
      {"slot", number, "the partition, by its number in the book",
       [](const State&, const auto& row) -> Cell {
         return as_number(std::to_underlying(row.slot));
       }},
      {"pipeline", text, "whose partition it is",
       [](const State& state, const auto& row) -> Cell {
         return as_text(pipeline_name(state, row.slot));
       }},
      {"partition", text, "its key",
       [](const State& state, const auto& row) -> Cell {
         return as_text(partition_name(state, row.slot));
       }},
      {"attempt", number, "its number within the partition, from 1",
       [](const State&, const auto& row) -> Cell { return as_number(row.attempt); }},
      {"outcome", text, "running, staged, loaded, failed or lost",
       [](const State&, const auto& row) -> Cell { return as_text(row.outcome); }},
      {"started_at", time, "UTC",
       [](const State&, const auto& row) -> Cell { return time_cell(row.started_at); }},
      {"ended_at", time, "UTC; null while it runs",
       [](const State&, const auto& row) -> Cell { return time_cell(row.ended_at); }},
      {"read", number, "records read",
       [](const State&, const auto& row) -> Cell {
         return row.counts ? as_number(row.counts->read) : Cell();
       }},
      {"accepted", number, "of them loaded",
       [](const State&, const auto& row) -> Cell {
         return row.counts ? as_number(row.counts->accepted) : Cell();
       }},
      {"quarantined", number, "of them set aside",
       [](const State&, const auto& row) -> Cell {
         return row.counts ? as_number(row.counts->quarantined) : Cell();
       }},
      {"filtered", number, "of them filtered out",
       [](const State&, const auto& row) -> Cell {
         return row.counts ? as_number(row.counts->filtered) : Cell();
       }},
      {"merged", number, "of them folded into others",
       [](const State&, const auto& row) -> Cell {
         return row.counts ? as_number(row.counts->merged) : Cell();
       }},
      {"output_rows", number, "staged to be loaded; null where nothing was staged",
       [](const State&, const auto& row) -> Cell {
         return row.counts ? as_number(row.output_rows) : Cell();
       }},
      {"error", text, "class of its failure; null where it did not fail",
       [](const State&, const auto& row) -> Cell {
         return row.error ? as_text(word(*row.error)) : Cell();
       }},
      {"code", text, "stable name of its failure: source.changed, sqlstate.40001 …",
       [](const State&, const auto& row) -> Cell { return text_or_null(row.code); }},
      {"detail", text, "what went wrong, in words",
       [](const State&, const auto& row) -> Cell { return text_or_null(row.detail); }},
      {"started_entry", number, "its AttemptStarted",
       [](const State&, const auto& row) -> Cell { return entry_number(row.started); }},
      {"ended_entry", number, "the last entry about it",
       [](const State&, const auto& row) -> Cell { return entry_number(row.ended); }},
  };
  return all;
}

std::span<const ColumnOf<LoadOf>> loads_columns() {
  static const ColumnOf<LoadOf> all[] = {
      {"slot", number, "the partition, by its number in the book",
       [](const State&, const auto& row) -> Cell { return as_number(std::to_underlying(row.id)); }},
      {"pipeline", text, "whose load it is",
       [](const State&, const auto& row) -> Cell { return as_text(row.slot.pipeline); }},
      {"partition", text, "the key of the partition",
       [](const State&, const auto& row) -> Cell { return as_text(row.slot.partition); }},
      {"sink", text, "where it was loaded to",
       [](const State&, const auto& row) -> Cell { return as_text(row.slot.sink); }},
      {"generation", number, "its number within the partition, from 1",
       [](const State&, const auto& row) -> Cell { return as_number(row.load.number); }},
      {"standing", text, "intended, aborted, committed, verified, superseded, compensated or lost",
       [](const State&, const auto& row) -> Cell { return as_text(word(row.load.standing)); }},
      {"current", boolean, "it is what readers of the target see",
       [](const State&, const auto& row) -> Cell { return row.load.number == row.slot.current; }},
      {"mode", text, "replace, merge or append",
       [](const State&, const auto& row) -> Cell { return as_text(word(row.load.mode)); }},
      {"run", number, "that loaded it",
       [](const State&, const auto& row) -> Cell {
         return as_number(std::to_underlying(row.load.run));
       }},
      {"rows", number, "in the target",
       [](const State&, const auto& row) -> Cell { return as_number(row.load.rows); }},
      {"read", number, "records read",
       [](const State&, const auto& row) -> Cell { return as_number(row.load.counts.read); }},
      {"accepted", number, "of them loaded",
       [](const State&, const auto& row) -> Cell { return as_number(row.load.counts.accepted); }},
      {"quarantined", number, "of them set aside",
       [](const State&, const auto& row) -> Cell {
         return as_number(row.load.counts.quarantined);
       }},
      {"filtered", number, "of them filtered out",
       [](const State&, const auto& row) -> Cell { return as_number(row.load.counts.filtered); }},
      {"merged", number, "of them folded into others",
       [](const State&, const auto& row) -> Cell { return as_number(row.load.counts.merged); }},
      {"batch", text, "of the records it set aside; null where there are none",
       [](const State& state, const auto& row) -> Cell {
         return row.load.batch == no_batch ? Cell() : batch_name(state, row.load.batch);
       }},
      {"definition", text, "digest of the definition it was made by, hex",
       [](const State& state, const auto& row) -> Cell {
         const auto* d = state.find_definition(row.load.definition);
         return d == nullptr ? Cell() : digest_text(d->digest);
       }},
      {"inputs", text, "digest of what it was made from, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.load.inputs); }},
      {"content", text, "digest of its rows, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.load.content); }},
      {"load_id", text, "its marker in the target, hex",
       [](const State&, const auto& row) -> Cell { return digest_text(row.load.load_id); }},
      {"replaced", number, "the generation that stood before it; 0: none",
       [](const State&, const auto& row) -> Cell { return as_number(row.load.replaced); }},
      {"staged_entry", number, "its AttemptStaged",
       [](const State&, const auto& row) -> Cell { return entry_number(row.load.staged_at); }},
      {"intended_entry", number, "its LoadIntended",
       [](const State&, const auto& row) -> Cell { return entry_number(row.load.intended_at); }},
      {"committed_entry", number, "its LoadCommitted; null where it never came to be",
       [](const State&, const auto& row) -> Cell { return entry_number(row.load.committed_at); }},
  };
  return all;
}

}  // namespace daybook::tables
