// Bringing a staged load in, asking what became of it, and looking at it a second time.
#include <algorithm>

#include "replay/queries.h"
#include "replay/signatures.h"
#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"
#include "runner/fence.h"
#include "runner/load_attempt.h"
#include "runner/outside.h"
#include "runner/runner.h"
#include "runner/sink_memory.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

SinkFailure unreadable_definition() {
  return sink_failure(ErrorClass::definition, "definition.unreadable",
                      "the definition can not be read back",
                      "the run's definition can not be read back from the book", "runner")
      .error();
}

// The sink holds something else than what was intended: asked again, it says the same.
SinkFailure refused_commit(const Refusal& refusal) {
  return sink_failure(ErrorClass::definition, "commit.refused", "the book refuses the load",
                      refusal.detail, "book")
      .error();
}

}  // namespace

LoadPlan Runner::load_plan(const Slot& slot, const GenerationState& load,
                           const Pipeline& pipeline) const {
  LoadPlan plan;
  plan.origin = keeper_.state().origin;
  plan.pipeline = slot.pipeline;
  plan.partition = slot.partition;
  plan.generation = load.number;
  plan.replaces = load.replaced;
  if (const GenerationState* old = generation(slot, load.replaced))
    plan.replaces_load_id = old->load_id;
  plan.load_id = load.load_id;
  plan.content = load.content;
  plan.rows = load.rows;
  plan.fence = fence_of(keeper_.state().epoch, slot.fence);
  plan.mode = load.mode;
  plan.key = pipeline.sink.key;
  plan.columns = output_columns(pipeline);
  plan.lost = lost_of(slot);
  if (plan.mode != LoadMode::replace)
    for (const GenerationState& g : slot.generations) plan.intended.push_back(g.load_id);
  return plan;
}

const SinkMemory& Runner::memory_of(const std::string& sink) {
  const auto known = memories_.find(sink);
  if (known != memories_.end()) return known->second;
  return memories_.emplace(sink, sink_memory(keeper_.view(), sink)).first->second;
}

asio::awaitable<void> Runner::perform(effect::Load e) {
  const auto staged = staged_.find(e.slot);
  const Slot* slot = keeper_.state().find(e.slot);
  const auto pipeline = definition_of(e.run, DefinitionCache::Match::exact);
  if (staged == staged_.end() || !slot->staged || staged->second.attempt != slot->attempt ||
      !pipeline) {
    // Another runner of this process staged it; its files may be gone.
    const Command lose = LoseAttempt{e.slot, "its staged files are gone"};
    (void)co_await keeper_.ask(system_actor(), lose);
    co_return;
  }
  const Generation number = next_generation(*slot, slot->staged->content);
  const Digest load_id =
      sha256(bytes_of(load_identity(keeper_.state(), *slot, number, slot->staged->content)));
  const Command intend = IntendLoad{.run = e.run,
                                    .slot = e.slot,
                                    .attempt = slot->attempt,
                                    .generation = number,
                                    .load_id = load_id,
                                    .mode = pipeline->sink.mode};
  const auto intended = co_await keeper_.ask(system_actor(), intend);
  if (!intended) co_return;
  DAYBOOK_CRASH_POINT("run.load_intended");

  slot = keeper_.state().find(e.slot);
  LoadPlan plan = load_plan(*slot, slot->generations.back(), *pipeline);
  plan.fence = staged->second.fence;
  plan.staged = staged->second.directory;
  plan.files = staged->second.result.files;
  working_[e.slot] = {.slot = e.slot, .what = "load", .progress = nullptr};
  const Attempt attempt = slot->attempt;
  auto job = [pipeline, plan, memory = memory_of(slot->sink)] {
    return attempt_load(*pipeline, memory, plan);
  };
  const auto load = co_await blocking(keeper_.executor(), std::move(job));
  DAYBOOK_CRASH_POINT("run.load_done");
  std::optional<FailAttempt> failed;
  if (load.failure)
    failed = failure_command(e.slot, attempt, as_stage_failure(*load.failure), pipeline->retry);
  if (load.pushed_back()) concurrency_.pushed_back();
  if (!load.became) {
    // Nobody knows what became of it: the state still owes SettleLoad.
    if (failed) failed_loads_[e.slot] = std::move(*failed);
    ask_again(e.slot, load.became.error(), pipeline.get());
    co_return;
  }
  const std::optional<LoadEvidence>& loaded = *load.became;
  if (!loaded) {
    const std::string_view known =
        load.failure->code == "fenced" ? "" : "; the sink, asked under the fence, does not hold it";
    const Command abort =
        AbortLoad{.slot = e.slot,
                  .load_id = load_id,
                  .evidence = fmt::format("not committed: {}{}", load.failure->code, known),
                  .failure = std::move(failed)};
    (void)co_await keeper_.ask(system_actor(), abort);
    drop_staged(e.slot);
    co_return;
  }
  const Command commit = CommitLoad{.slot = e.slot,
                                    .load_id = load_id,
                                    .rows = loaded->rows,
                                    .recovered = loaded->recovered,
                                    .evidence = loaded->evidence,
                                    .files = loaded->files};
  (void)co_await keeper_.ask(system_actor(), commit);
  if (std::string cluster = cluster_in(loaded->evidence); !cluster.empty())
    memories_[keeper_.state().find(e.slot)->sink] = {std::move(cluster), load_id};
  DAYBOOK_CRASH_POINT("run.load_committed");
  drop_staged(e.slot);
  answered(e.slot);
}

void Runner::drop_staged(SlotId slot) {
  const auto staged = staged_.find(slot);
  if (staged == staged_.end()) return;
  discard(staged->second.directory);
  staged_.erase(staged);
}

// The sink is asked again, with growing pauses, for as long as an attempt may take; not where that
// changes nothing. Then the run is left open, for another time.
void Runner::ask_again(SlotId slot, const SinkFailure& failure, const Pipeline* pipeline) {
  const RetryRule rule{.attempts = 0, .initial_ms = 200, .factor = 2, .max_ms = 10'000};
  const Monotonic now = keeper_.clock().mono();
  const auto [found, first] = unanswered_.try_emplace(slot);
  Unanswered& asked = found->second;
  if (first) asked.since = now;
  ++asked.tries;
  asked.not_before =
      now +
      static_cast<Monotonic>(retry_delay_ms(rule, asked.tries, keeper_.entropy().number())) * 1000;
  last_trouble_[slot] = failure.detail;
  const auto patience = pipeline != nullptr ? pipeline->retry.timeout : RetryPolicy{}.timeout;
  if (waits_for_a_person(failure))
    asked.given_up = Unsettled::person;
  else if (now - asked.since >=
           std::chrono::duration_cast<std::chrono::microseconds>(patience).count())
    asked.given_up = Unsettled::no_answer;
}

void Runner::answered(SlotId slot) {
  unanswered_.erase(slot);
  failed_loads_.erase(slot);
  last_trouble_.erase(slot);
}

asio::awaitable<void> Runner::perform(effect::SettleLoad e) {
  const Slot* slot = keeper_.state().find(e.slot);
  const auto pipeline = definition_of(slot->run, DefinitionCache::Match::any);
  if (!pipeline) {
    ask_again(e.slot, unreadable_definition(), nullptr);
    co_return;
  }
  LoadPlan plan = load_plan(*slot, slot->generations.back(), *pipeline);
  // Strictly above the fence of whoever intended it, so that a writer that still lives is stopped.
  plan.fence = fence_of(keeper_.state().epoch, keeper_.state().size);
  const Digest load_id = plan.load_id;
  working_[e.slot] = {.slot = e.slot, .what = "settle", .progress = nullptr};
  auto job = [pipeline, plan,
              memory = memory_of(slot->sink)]() -> SinkResult<std::optional<LoadEvidence>> {
    auto sink = open_sink(*pipeline, memory);
    if (!sink) return std::unexpected(sink.error());
    return (*sink)->settle(plan);
  };
  auto settled = co_await blocking(keeper_.executor(), std::move(job));
  if (!settled) {
    // A later keeper of this book holds the fence: what became of the load is for it to say, and
    // this one has nothing to do any more.
    if (settled.error().code == "fenced") stop();
    ask_again(e.slot, settled.error(), pipeline.get());
    co_return;
  }
  if (*settled) {
    const Command commit = CommitLoad{.slot = e.slot,
                                      .load_id = load_id,
                                      .rows = (*settled)->rows,
                                      .recovered = true,
                                      .evidence = (*settled)->evidence,
                                      .files = (*settled)->files};
    if (const auto noted = co_await keeper_.ask(system_actor(), commit); !noted) {
      ask_again(e.slot, refused_commit(noted.error()), pipeline.get());
      co_return;
    }
  } else {
    // An attempt of ours that failed before anybody could say this has failed now.
    const Slot& now = *keeper_.state().find(e.slot);
    const auto failed = failed_loads_.find(e.slot);
    const bool ours = failed != failed_loads_.end() && failed->second.attempt == now.attempt &&
                      now.attempt_epoch == keeper_.state().epoch;
    const Command abort = AbortLoad{.slot = e.slot,
                                    .load_id = load_id,
                                    .evidence = "the sink, asked under the fence, does not hold it",
                                    .failure = ours ? std::optional(failed->second) : std::nullopt};
    (void)co_await keeper_.ask(system_actor(), abort);
  }
  drop_staged(e.slot);
  answered(e.slot);
}

asio::awaitable<void> Runner::perform(effect::VerifyLoaded e) {
  const Slot* slot = keeper_.state().find(e.slot);
  const auto pipeline = definition_of(slot->run, DefinitionCache::Match::any);
  const GenerationState* load = generation(*slot, slot->current);
  if (!pipeline || load == nullptr) {
    ask_again(e.slot, unreadable_definition(), nullptr);
    co_return;
  }
  LoadPlan plan = load_plan(*slot, *load, *pipeline);
  if (const auto files = loaded_files(keeper_.ledger(), load->committed_at))
    for (const OutputFile& file : *files)
      plan.files.push_back({file.name, file.bytes, file.rows, file.digest});
  // Tidying needs a fence no lower than that of whoever settled it.
  plan.fence = fence_of(keeper_.state().epoch, keeper_.state().size);
  const Digest load_id = plan.load_id;
  working_[e.slot] = {.slot = e.slot, .what = "verify", .progress = nullptr};
  auto job = [pipeline, plan, memory = memory_of(slot->sink)]() -> SinkResult<std::uint64_t> {
    auto sink = open_sink(*pipeline, memory);
    if (!sink) return std::unexpected(sink.error());
    auto rows = (*sink)->verify(plan);
    // Leftovers of overtaken attempts. One that stays costs space and nothing else.
    if (rows) (void)(*sink)->tidy(plan);
    return rows;
  };
  auto rows = co_await blocking(keeper_.executor(), std::move(job));
  if (!rows && !says_what_is_there(rows.error())) {
    ask_again(e.slot, rows.error(), pipeline.get());
    co_return;
  }
  const Slot& now = *keeper_.state().find(e.slot);
  const GenerationState* current = generation(now, now.current);
  if (current == nullptr || current->load_id != load_id) co_return;
  if (rows && *rows == current->rows) {
    const Command verified = VerifyLoad{e.slot, load_id, *rows};
    (void)co_await keeper_.ask(system_actor(), verified);
  } else {
    const std::string found =
        rows ? fmt::format("{} rows were committed, {} are there", current->rows, *rows)
             : rows.error().detail;
    const Command lost = LoseLoad{e.slot, load_id, found};
    (void)co_await keeper_.ask(system_actor(), lost);
  }
  answered(e.slot);
}

}  // namespace daybook
