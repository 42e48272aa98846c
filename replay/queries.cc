#include "replay/queries.h"

#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "replay/sentences.h"

namespace daybook {
namespace {

SlotRow row_of(const State& state, SlotId id, const Slot& slot) {
  SlotRow row{.slot = id,
              .pipeline = slot.pipeline,
              .sink = slot.sink,
              .partition = slot.partition,
              .phase = slot.phase,
              .expected = slot.expected,
              .paused = paused(state, slot),
              .gap = slot.expected && slot.current == 0,
              .run = slot.run,
              .attempt = slot.attempt,
              .current = slot.current,
              .rows = 0,
              .counts = {},
              .error = slot.error,
              .not_before = slot.phase == SlotPhase::retry_waiting ? slot.not_before : 0,
              .story = slot.story};
  if (const GenerationState* current = generation(slot, slot.current)) {
    row.rows = current->rows;
    row.counts = current->counts;
  }
  if (slot.staged) row.counts = slot.staged->counts;
  return row;
}

RunRow row_of(const State& state, RunId id, const RunState& run) {
  RunRow row{.run = id,
             .uuid = run.uuid,
             .kind = run.kind,
             .pipeline = run.pipeline,
             .requester = run.requester,
             .version = 0,
             .started_at = run.started_at,
             .finished_at = run.finished_at,
             .started = run.started,
             .finished = run.finished,
             .open = run.open,
             .cancelled = run.cancelled,
             .paused = run.paused,
             .outcome = run.outcome,
             .partitions = {},
             .skipped = run.skipped,
             .rows = 0,
             .quarantined = 0,
             .circuit = run.circuit};
  if (const DefinitionState* definition = state.find_definition(run.definition))
    row.version = definition->version;
  for (const SlotId slot : run.slots) {
    const Slot* s = state.find(slot);
    if (s == nullptr) continue;
    if (s->run == id) ++row.partitions[s->phase];
    for (const GenerationState& g : s->generations) {
      if (g.run != id || g.committed_at == no_entry) continue;
      row.rows += g.rows;
      row.quarantined += g.counts.quarantined;
    }
  }
  return row;
}

// Does an event belong to the story of `slot`?
struct About {
  const State& state;
  SlotId slot;

  bool operator()(const Event& event) const {
    return std::visit([&](const auto& e) { return about(e); }, event);
  }

 private:
  bool compensates(CompensationId id) const {
    const CompensationState* c = state.find(id);
    return c != nullptr &&
           std::ranges::find(c->steps, slot, &CompensationStep::slot) != c->steps.end();
  }
  bool erases(ErasureId id) const {
    const ErasureState* x = state.find(id);
    return x != nullptr && std::ranges::find(x->items, slot, &ErasureItem::slot) != x->items.end();
  }
  bool approves(ApprovalId id) const {
    const ApprovalState* a = state.find(id);
    return a != nullptr && (a->slot == slot || compensates(a->compensation) || erases(a->erasure));
  }
  bool holds(BatchId id) const {
    const BatchState* b = state.find(id);
    return b != nullptr && b->slot == slot;
  }
  bool works(RunId id) const {
    const RunState* r = state.find(id);
    return r != nullptr && std::ranges::find(r->slots, slot) != r->slots.end();
  }
  bool covers(const Scope& scope) const {
    switch (scope.kind) {
      case ScopeKind::book: return true;
      case ScopeKind::pipeline: return state.find(slot)->pipeline == scope.pipeline;
      case ScopeKind::run: return works(scope.run);
      case ScopeKind::partition: return scope.slot == slot;
    }
    return false;
  }
  bool about(const PartitionsExpected& e) const {
    return std::ranges::any_of(e.keys, [&](const std::string& key) {
      return state.slot(e.pipeline, e.sink, key) == slot;
    });
  }
  // The ids an event carries decide; a slot before a run.
  template <typename E>
  bool about(const E& e) const {
    if constexpr (requires { e.approval; })
      return approves(e.approval);
    else if constexpr (requires { e.compensation; })
      return compensates(e.compensation);
    else if constexpr (requires { e.erasure; })
      return erases(e.erasure);
    else if constexpr (requires { e.slot; })
      return e.slot == slot;
    else if constexpr (requires { e.batch; })
      return holds(e.batch);
    else if constexpr (requires { e.scope; })
      return covers(e.scope);
    else if constexpr (requires { e.hold; })
      return state.find(e.hold) != nullptr && covers(state.find(e.hold)->scope);
    else if constexpr (requires { e.run; })
      return works(e.run);
    else
      return false;
  }
};

bool is_pause_of_many(const Event& event) {
  return std::visit(
      [](const auto& e) {
        if constexpr (requires { e.scope; })
          return e.scope.kind == ScopeKind::book || e.scope.kind == ScopeKind::pipeline;
        else
          return false;
      },
      event);
}

}  // namespace

bool is_about(const State& state, const Event& event, SlotId slot) {
  return state.find(slot) != nullptr && About{state, slot}(event);
}

std::optional<RunId> run_of(const State& state, const Event& event) {
  return std::visit(
      [&](const auto& e) -> std::optional<RunId> {
        if constexpr (requires { e.run; }) {
          return e.run;
        } else if constexpr (requires { e.scope; }) {
          if (e.scope.kind == ScopeKind::run) return e.scope.run;
        } else if constexpr (requires { e.batch; }) {
          if (const BatchState* batch = state.find(e.batch)) return batch->run;
        }
        return std::nullopt;
      },
      event);
}

namespace {

std::string_view pipeline_of(const State& state, SlotId id) {
  const Slot* slot = state.find(id);
  return slot == nullptr ? std::string_view() : slot->pipeline;
}
std::string_view pipeline_of(const State& state, RunId id) {
  const RunState* run = state.find(id);
  return run == nullptr ? std::string_view() : run->pipeline;
}
std::string_view pipeline_of(const State& state, CompensationId id) {
  const CompensationState* c = state.find(id);
  return c == nullptr || c->steps.empty() ? std::string_view()
                                          : pipeline_of(state, c->steps.front().slot);
}
// Of one that takes from several pipelines: none.
std::string_view pipeline_of(const State& state, ErasureId id) {
  const ErasureState* x = state.find(id);
  if (x == nullptr || x->items.empty()) return {};
  const std::string_view first = pipeline_of(state, x->items.front().slot);
  return std::ranges::all_of(
             x->items, [&](const auto& item) { return pipeline_of(state, item.slot) == first; })
             ? first
             : std::string_view();
}
std::string_view pipeline_of(const State& state, ApprovalId id) {
  const ApprovalState* a = state.find(id);
  if (a == nullptr) return {};
  switch (a->subject) {
    case ApprovalSubject::load: return pipeline_of(state, a->slot);
    case ApprovalSubject::compensation: return pipeline_of(state, a->compensation);
    case ApprovalSubject::erasure: return pipeline_of(state, a->erasure);
  }
  return {};
}

}  // namespace

std::string_view pipeline_of(const State& state, const Event& event) {
  return std::visit(
      [&](const auto& e) -> std::string_view {
        if constexpr (requires { e.pipeline; }) {
          return e.pipeline;
        } else if constexpr (requires { e.scope; }) {
          if (e.scope.kind == ScopeKind::pipeline) return e.scope.pipeline;
          if (e.scope.kind == ScopeKind::run) return pipeline_of(state, e.scope.run);
          if (e.scope.kind == ScopeKind::partition) return pipeline_of(state, e.scope.slot);
          return {};
        } else if constexpr (requires { e.approval; }) {
          return pipeline_of(state, e.approval);
        } else if constexpr (requires { e.compensation; }) {
          return pipeline_of(state, e.compensation);
        } else if constexpr (requires { e.erasure; }) {
          return pipeline_of(state, e.erasure);
        } else if constexpr (requires { e.slot; }) {
          return pipeline_of(state, e.slot);
        } else if constexpr (requires { e.batch; }) {
          const BatchState* batch = state.find(e.batch);
          return batch == nullptr ? std::string_view() : pipeline_of(state, batch->slot);
        } else if constexpr (requires { e.run; }) {
          return pipeline_of(state, e.run);
        } else {
          return {};
        }
      },
      event);
}

Result<Entry> entry_at(const Ledger& ledger, EntryIndex index) {
  Result<Entry> entry = fail(Error::Code::not_found, "there is no entry {}", index);
  if (index >= ledger.head().size) return entry;
  const auto read = ledger.read(index, index + 1, [&](EntryIndex, Bytes bytes) {
    entry = decode(bytes);
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return entry;
}

Result<std::vector<OutputFile>> loaded_files(const Ledger& ledger, EntryIndex committed) {
  auto entry = entry_at(ledger, committed);
  if (!entry) return std::unexpected(entry.error());
  auto* load = std::get_if<LoadCommitted>(&entry->event);
  if (load == nullptr) return fail(Error::Code::corrupt, "entry {} is no LoadCommitted", committed);
  if (load->files_listed == 0) return std::move(load->files);
  std::vector<OutputFile> files;
  for (EntryIndex index = committed; files.size() < load->files_listed && index > 0;) {
    const auto before = entry_at(ledger, --index);
    if (!before) return std::unexpected(before.error());
    const auto* listed = std::get_if<LoadFilesListed>(&before->event);
    if (listed == nullptr || listed->load_id != load->load_id) break;
    files.insert(files.begin(), listed->files.begin(), listed->files.end());
  }
  if (files.size() != load->files_listed)
    return fail(Error::Code::corrupt, "before entry {} stand {} of {} files of the load", committed,
                files.size(), load->files_listed);
  return files;
}

std::vector<SlotRow> slot_rows(const State& state, const std::string& pipeline) {
  std::vector<SlotRow> rows;
  for (std::uint32_t i = 0; i < state.slots.size(); ++i)
    if (pipeline.empty() || state.slots[i].pipeline == pipeline)
      rows.push_back(row_of(state, SlotId{i}, state.slots[i]));
  return rows;
}

std::vector<SlotRow> slot_rows_of(const State& state, RunId run) {
  std::vector<SlotRow> rows;
  if (const RunState* r = state.find(run))
    for (const SlotId id : r->slots)
      if (const Slot* slot = state.find(id)) rows.push_back(row_of(state, id, *slot));
  return rows;
}

std::vector<RunRow> run_rows(const State& state) {
  std::vector<RunRow> rows;
  for (auto i = static_cast<std::uint32_t>(state.runs.size()); i-- > 0;)
    rows.push_back(row_of(state, RunId{i}, state.runs[i]));
  return rows;
}

std::optional<RunRow> run_row(const State& state, RunId run) {
  const RunState* r = state.find(run);
  if (r == nullptr) return std::nullopt;
  return row_of(state, run, *r);
}

Result<std::vector<QuarantineBatch>> quarantine_batches(const State& state, const Ledger& ledger) {
  std::vector<QuarantineBatch> batches;
  for (std::uint32_t i = 0; i < state.batches.size(); ++i) {
    const BatchState& b = state.batches[i];
    QuarantineBatch batch{.batch = BatchId{i},
                          .slot = b.slot,
                          .run = b.run,
                          .attempt = b.attempt,
                          .records = b.records,
                          .held = b.records - std::min<std::uint64_t>(b.records, b.touched.size()),
                          .amended = 0,
                          .released = 0,
                          .delivered = 0,
                          .discarded = 0,
                          .erased = b.erased_whole ? b.records : b.erased.size(),
                          .superseded = b.superseded,
                          .payload = b.payload,
                          .at = b.at,
                          .rules = {}};
    for (const std::uint32_t position : b.erased) batch.held -= !b.touched.contains(position);
    if (b.erased_whole) batch.held = 0;
    for (const auto& [position, record] : b.touched) {
      switch (record.status) {
        case RecordState::Status::amended: ++batch.amended; break;
        case RecordState::Status::released: ++batch.released; break;
        case RecordState::Status::delivered: ++batch.delivered; break;
        case RecordState::Status::discarded: ++batch.discarded; break;
      }
    }
    auto entry = entry_at(ledger, b.at);
    if (!entry) return std::unexpected(entry.error());
    // Counts of filters and of rows merged stand there too, named by their step.
    if (auto* staged = std::get_if<AttemptStaged>(&entry->event))
      std::ranges::copy_if(staged->rules, std::back_inserter(batch.rules),
                           [](const RuleCount& r) { return !r.rule.starts_with("step "); });
    batches.push_back(std::move(batch));
  }
  return batches;
}

std::vector<QuarantineGroup> quarantine_by_rule(const State& state,
                                                const std::vector<QuarantineBatch>& batches) {
  std::map<std::pair<std::string, std::string>, QuarantineGroup> groups;
  for (const QuarantineBatch& batch : batches) {
    const Slot* slot = state.find(batch.slot);
    if (slot == nullptr || batch.superseded || batch.held + batch.amended == 0) continue;
    for (const RuleCount& rule : batch.rules) {
      QuarantineGroup& group = groups[{slot->pipeline, rule.rule}];
      group.pipeline = slot->pipeline;
      group.rule = rule.rule;
      group.records += rule.rows;
      group.batches.push_back(batch.batch);
    }
  }
  std::vector<QuarantineGroup> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

std::vector<ApprovalRow> approval_rows(const State& state) {
  std::vector<ApprovalRow> rows;
  for (std::uint32_t i = 0; i < state.approvals.size(); ++i) {
    const ApprovalState& a = state.approvals[i];
    rows.push_back({.approval = ApprovalId{i},
                    .subject = a.subject,
                    .slot = a.slot,
                    .compensation = a.compensation,
                    .erasure = a.erasure,
                    .title = approval_subject(state, a.subject, a.slot, a.compensation, a.erasure),
                    .digest = a.digest,
                    .needed = a.needed,
                    .approvers = a.approvers,
                    .barred = a.parties,
                    .status = a.rejected      ? ApprovalRow::Status::rejected
                              : a.voided      ? ApprovalRow::Status::voided
                              : a.satisfied() ? ApprovalRow::Status::given
                                              : ApprovalRow::Status::waiting});
  }
  return rows;
}

std::vector<CompensationRow> compensation_rows(const State& state) {
  std::vector<CompensationRow> rows;
  for (std::uint32_t i = 0; i < state.compensations.size(); ++i) {
    const CompensationState& c = state.compensations[i];
    const ApprovalState* approval = c.approval ? state.find(*c.approval) : nullptr;
    rows.push_back({.compensation = CompensationId{i},
                    .phase = c.phase,
                    .action = c.action,
                    .steps = static_cast<std::uint32_t>(c.steps.size()),
                    .done = c.done,
                    .approval = c.approval,
                    .approved = approval == nullptr || approval->satisfied(),
                    .proposer = c.proposer,
                    .last_failure = c.last_failure,
                    .at = c.at});
  }
  return rows;
}

Result<std::vector<StoryLine>> explain(const State& state, const Ledger& ledger, SlotId slot) {
  if (state.find(slot) == nullptr) return fail(Error::Code::not_found, "there is no slot {}", slot);
  std::vector<StoryLine> story;
  std::optional<Error> wrong;
  const About about{state, slot};
  Entry entry;
  const auto read = ledger.read(0, state.size, [&](std::uint64_t index, Bytes bytes) {
    if (auto decoded = decode(bytes, entry); !decoded) {
      wrong = std::move(decoded.error());
      wrong->detail = fmt::format("entry {}: {}", index, wrong->detail);
      return false;
    }
    // A pause of everything is no beginning of a story.
    const bool begun = !story.empty() || !is_pause_of_many(entry.event);
    if (begun && about(entry.event))
      story.push_back({.index = index,
                       .at = entry.envelope.recorded_at,
                       .who = entry.envelope.actor,
                       .cause = entry.envelope.cause,
                       .kind = event_name(entry.event),
                       .text = sentence(state, entry.event)});
    return true;
  });
  if (wrong) return std::unexpected(std::move(*wrong));
  if (!read) return std::unexpected(read.error());
  return story;
}

}  // namespace daybook
