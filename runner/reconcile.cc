#include "runner/reconcile.h"

#include <algorithm>
#include <map>
#include <span>

#include "runner/connect/sink.h"
#include "runner/definitions.h"
#include "runner/sink_memory.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

using Standings = std::map<Digest, Standing>;

Standings loads_into(const State& state, const std::string& sink) {
  Standings out;
  for (const Slot& slot : state.slots)
    if (slot.sink == sink)
      for (const GenerationState& g : slot.generations) out[g.load_id] = g.standing;
  return out;
}

// One sink's answer, and how the book stood when it was asked.
struct Asked {
  std::string sink;
  Standings before;
  std::vector<SinkGeneration> found;

  // A run goes on while a sink is asked: of a load that came in, left or was replaced meanwhile the
  // answer says nothing.
  bool tells_of(const GenerationState& g) const {
    const auto load = before.find(g.load_id);
    return load != before.end() &&
           (stands(load->second) ? stands(g.standing) : load->second == g.standing);
  }
  // Nor does it of what readers see of a partition in which something came in or left, or is about
  // to: the book learns of it afterwards.
  bool tells_what_is_seen(const Slot& slot) const {
    return slot.phase != SlotPhase::load_intended && slot.phase != SlotPhase::compensating &&
           std::ranges::all_of(slot.generations,
                               [&](const GenerationState& g) { return tells_of(g); });
  }
};

// One sink's markers against the book's slots.
void compare(const State& state, const Asked& asked, ReconcileReport& report) {
  using Kind = ReconcileFinding::Kind;
  const auto& [sink, before, found] = asked;
  std::map<Digest, const SinkGeneration*> by_load;
  for (const SinkGeneration& one : found) by_load.emplace(one.load_id, &one);
  const auto add = [&](Kind kind, const Slot& slot, Generation generation, const Digest& load_id,
                       std::string detail) {
    report.findings.push_back({.kind = kind,
                               .pipeline = slot.pipeline,
                               .sink = sink,
                               .partition = slot.partition,
                               .slot = *state.slot(slot.pipeline, slot.sink, slot.partition),
                               .generation = generation,
                               .load_id = load_id,
                               .detail = std::move(detail)});
  };
  std::map<Digest, bool> known;
  for (const Slot& slot : state.slots) {
    if (slot.sink != sink) continue;
    const bool seen = asked.tells_what_is_seen(slot);
    for (const GenerationState& g : slot.generations) {
      known[g.load_id] = true;
      if (!asked.tells_of(g)) continue;
      const auto marker = by_load.find(g.load_id);
      const bool lost = stands(g.standing) && marker == by_load.end();
      if (!lost && !seen) continue;
      if (!stands(g.standing)) {
        // A sink that went back behind a compensation shows again what was taken back; and a late
        // writer that held the partition's lock may have brought in what was given up here.
        const bool there =
            marker != by_load.end() && marker->second->current && !marker->second->tombstone;
        if (there && g.standing == Standing::compensated)
          add(Kind::stale, slot, g.number, g.load_id,
              "the book took this generation back, and the sink shows it");
        if (there && g.standing == Standing::aborted)
          add(Kind::stale, slot, g.number, g.load_id,
              "the book says that this load did not come in, and the sink shows it");
        if (there && g.standing == Standing::lost)
          add(Kind::stale, slot, g.number, g.load_id,
              "the book calls this load lost, and the sink shows it or what is left of it");
        continue;
      }
      ++report.checked;
      if (lost) {
        add(Kind::lost, slot, g.number, g.load_id, "the sink has no marker of this load");
        continue;
      }
      const SinkGeneration& there = *marker->second;
      if (there.rows != g.rows || there.content != g.content)
        add(Kind::damaged, slot, g.number, g.load_id,
            fmt::format("the marker says {} rows, the book {}", there.rows, g.rows));
      else if (!there.damage.empty())
        add(there.added_only ? Kind::added : Kind::damaged, slot, g.number, g.load_id,
            there.damage);
      else if (g.number == slot.current && !there.current)
        add(Kind::stale, slot, g.number, g.load_id, "the sink shows another generation");
    }
  }
  // Markers of compensations carry ids of their own.
  for (const CompensationState& compensation : state.compensations)
    for (const CompensationStep& step : compensation.steps) known[step.load_id] = true;
  for (const SinkGeneration& one : found) {
    // A table may be shared: other books' markers are theirs to reconcile.
    if (known.contains(one.load_id) || one.origin != state.origin) continue;
    report.findings.push_back({.kind = Kind::unknown,
                               .pipeline = one.pipeline,
                               .sink = sink,
                               .partition = one.partition,
                               .generation = one.generation,
                               .load_id = one.load_id,
                               .detail =
                                   "the book never intended this load: it was rolled back, or "
                                   "another book writes here"});
  }
}

// Whether the next run is to load it again: no marker, or the data behind it is not what was
// loaded, now or when it was recorded as lost. A load takes what is left of lost ones out of sight
// as it comes in, by their load ids. Of one that merged that would take rows along which others
// share keys with: that is a person's.
bool is_gone(const State& state, const ReconcileFinding& finding) {
  if (finding.kind == ReconcileFinding::Kind::lost) return true;
  const Slot* slot = state.find(finding.slot);
  if (slot == nullptr) return false;
  const GenerationState* load = generation(*slot, finding.generation);
  if (load == nullptr) return false;
  if (load->standing == Standing::lost) return slot->phase == SlotPhase::lost;
  return finding.kind == ReconcileFinding::Kind::damaged && load->number == slot->current &&
         load->mode != LoadMode::merge;
}

asio::awaitable<std::expected<void, Refusal>> record(Keeper& keeper, Actor actor,
                                                     const std::string& sink, std::uint32_t checked,
                                                     std::span<const ReconcileFinding> findings) {
  const Command done = RecordReconciliation{
      .sink = sink, .checked = checked, .findings = static_cast<std::uint32_t>(findings.size())};
  if (const auto recorded = co_await keeper.ask(actor, done); !recorded)
    co_return std::unexpected(recorded.error());
  for (const ReconcileFinding& finding : findings) {
    const bool recorded_before = finding.kind == ReconcileFinding::Kind::stale;
    if (!finding.loads_again || recorded_before) continue;
    const Command lost =
        LoseLoad{.slot = finding.slot, .load_id = finding.load_id, .evidence = finding.detail};
    (void)co_await keeper.ask(actor, lost);
  }
  co_return std::expected<void, Refusal>{};
}

// Without a recorder nothing is written.
asio::awaitable<ReconcileAnswer> each_sink(BookView book, Executor& executor, Keeper* recorder,
                                           Actor actor, std::string pipeline, bool deep) {
  ReconcileReport report;
  DefinitionCache definitions(book);
  std::map<std::string, DefinitionId> sinks;  // the newest definition that loads into it
  for (const auto& [name, id] : book.state.current_definition) {
    if (!pipeline.empty() && name != pipeline) continue;
    const auto definition = definitions.get(id);
    if (!definition) co_return std::unexpected(definition.error());
    sinks.insert_or_assign((*definition)->sink.name(), id);
  }
  if (sinks.empty())
    co_return fail(Error::Code::not_found, "{}",
                   pipeline.empty() ? std::string("no pipeline has run yet")
                                    : fmt::format("there is no pipeline {}", pipeline));
  // All of them before anything is recorded: a sink that does not answer ends this without a
  // report, and what is recorded as lost may be no finding again.
  std::vector<Asked> answers;
  for (const auto& [name, id] : sinks) {
    const auto definition = *definitions.get(id);
    auto job = [definition, deep,
                memory = sink_memory(book, name)]() -> SinkResult<std::vector<SinkGeneration>> {
      auto sink = open_sink(*definition, memory);
      if (!sink) return std::unexpected(sink.error());
      return (*sink)->inventory(deep);
    };
    Asked asked{.sink = name, .before = loads_into(book.state, name), .found = {}};
    auto found = co_await blocking(executor, std::move(job));
    if (!found) co_return fail(Error::Code::unavailable, "{}: {}", name, found.error().detail);
    asked.found = std::move(*found);
    answers.push_back(std::move(asked));
  }
  for (const Asked& asked : answers) {
    const std::size_t before = report.findings.size();
    const std::uint32_t checked = report.checked;
    compare(book.state, asked, report);
    const auto here = std::span(report.findings).subspan(before);
    for (ReconcileFinding& finding : here) finding.loads_again = is_gone(book.state, finding);
    ++report.sinks;
    if (recorder == nullptr) continue;
    const auto recorded =
        co_await record(*recorder, actor, asked.sink, report.checked - checked, here);
    if (!recorded) co_return std::unexpected(recorded.error());
  }
  co_return report;
}

}  // namespace

asio::awaitable<ReconcileAnswer> compare_with_sinks(BookView book, Executor& executor,
                                                    std::string pipeline, bool deep) {
  return each_sink(book, executor, nullptr, {}, std::move(pipeline), deep);
}

asio::awaitable<ReconcileAnswer> reconcile(Keeper& keeper, Actor actor, std::string pipeline,
                                           bool deep) {
  return each_sink(keeper.view(), keeper.executor(), &keeper, std::move(actor), std::move(pipeline),
                   deep);
}

}  // namespace daybook
