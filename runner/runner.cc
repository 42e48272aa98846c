#include "runner/runner.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "replay/queries.h"
#include "replay/signatures.h"
#include "runner/attempt.h"
#include "runner/connect/crash_point.h"
#include "runner/fence.h"
#include "runner/load_attempt.h"
#include "runner/outside.h"
#include "runner/quarantine.h"
#include "runner/sink_memory.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

RetryRule retry_rule(const RetryPolicy& policy) {
  return {.attempts = policy.attempts,
          .initial_ms = static_cast<std::uint64_t>(policy.initial.count()),
          .factor = policy.factor,
          .max_ms = static_cast<std::uint64_t>(policy.max.count())};
}

// What one of `sharers` attempts at a time may use: of the pipeline's limit, or of half the
// machine.
std::uint64_t memory_share(const Pipeline& pipeline, unsigned sharers) {
  std::uint64_t all = pipeline.memory_limit_bytes;
  if (all == 0) {
    const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGE_SIZE);
    if (pages > 0 && page > 0)
      all = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) / 2;
  }
  return all / std::max(1U, sharers);
}

// What people ask for while a run is on its way: nothing that ends by itself would wake the loop.
bool from_outside(const Event& event) {
  return std::holds_alternative<RunCancelled>(event) ||
         std::holds_alternative<SlotCancelled>(event) || std::holds_alternative<Resumed>(event);
}

}  // namespace

Runner::Runner(Keeper& keeper)
    : keeper_(keeper),
      definitions_(keeper.view()),
      concurrency_(keeper.executor().blocking_limit()),
      wakeup_(keeper.executor()),
      watching_(std::make_shared<Watching>(Watching{.drives = {}, .wakeup = wakeup_})) {
  keeper.observe([watching = watching_](EntryIndex, const Entry& entry) {
    for (Owed* owed : watching->drives) owed->see(entry.event);
    if (!watching->drives.empty() && from_outside(entry.event)) watching->wakeup.notify();
  });
}

void Runner::stop() {
  stopped_ = true;
  for (const auto& [slot, progress] : progress_) progress->cancel = true;
  wakeup_.notify();
}

std::vector<Working> Runner::working() const {
  std::vector<Working> out;
  for (const auto& [slot, working] : working_) out.push_back(working);
  return out;
}

std::shared_ptr<const Pipeline> Runner::definition_of(RunId run, DefinitionCache::Match match) {
  const RunState* state = keeper_.state().find(run);
  if (state == nullptr) return nullptr;
  auto found = definitions_.get(state->definition, match);
  return found ? *found : nullptr;
}

// --- the loop
// ---------------------------------------------------------------------------------------

void Runner::spawn(Drive& drive, SlotId slot, bool staging, asio::awaitable<void> work) {
  drive.busy.insert(slot);
  ++drive.in_flight;
  drive.staging += staging;
  asio::co_spawn(keeper_.executor().loop(), std::move(work),
                 [this, &drive, slot, staging](const std::exception_ptr& error) {
                   if (error) std::rethrow_exception(error);
                   drive.busy.erase(slot);
                   --drive.in_flight;
                   drive.staging -= staging;
                   working_.erase(slot);
                   wakeup_.notify();
                 });
}

void Runner::spawn(Drive& drive, std::set<RunId>& at_work, RunId run, asio::awaitable<void> work) {
  at_work.insert(run);
  ++drive.in_flight;
  asio::co_spawn(keeper_.executor().loop(), std::move(work),
                 [this, &drive, &at_work, run](const std::exception_ptr& error) {
                   if (error) std::rethrow_exception(error);
                   at_work.erase(run);
                   --drive.in_flight;
                   wakeup_.notify();
                 });
}

// Partitions merged into one table may write the same keys: they are loaded in the order of their
// keys, whoever was staged first, so that the same run always leaves the same rows.
bool Runner::in_turn(const Drive& drive, const Slot& slot) {
  const auto pipeline = definition_of(slot.run, DefinitionCache::Match::exact);
  return !pipeline || pipeline->sink.mode != LoadMode::merge || !drive.owed.preceded(slot);
}

// Starts what may start now. The time at which something more may, where that is known.
std::optional<Monotonic> Runner::launch(Drive& drive) {
  std::optional<Monotonic> next;
  const auto later = [&](Monotonic when) { next = next ? std::min(*next, when) : when; };
  const auto waits = [&](SlotId slot) {
    const auto found = unanswered_.find(slot);
    if (found == unanswered_.end()) return false;
    const Unanswered& asked = found->second;
    if (asked.given_up != Unsettled::none) return true;
    if (asked.not_before <= keeper_.clock().mono()) return false;
    later(asked.not_before);
    return true;
  };
  for (const Effect& effect : drive.owed.first())
    std::visit(
        [&](const auto& e) {
          if constexpr (
              requires { perform(e); } && requires { e.slot; })
            if (!drive.busy.contains(e.slot) && !waits(e.slot))
              spawn(drive, e.slot, false, perform(e));
        },
        effect);
  // Whose partition was cancelled works for nothing.
  for (const auto& [slot, progress] : progress_)
    if (keeper_.state().find(slot)->phase != SlotPhase::running) progress->cancel = true;
  if (!stopped_) {
    for (const effect::Load& load : drive.owed.loads())
      if (!drive.busy.contains(load.slot) && in_turn(drive, *keeper_.state().find(load.slot)))
        spawn(drive, load.slot, true, perform(load));
    for (const auto& [not_before, slot] : drive.owed.attempts()) {
      if (drive.staging >= concurrency_.limit()) break;
      if (drive.busy.contains(slot)) continue;
      if (const Timestamp wait = not_before - keeper_.now(); wait > 0) {
        later(keeper_.clock().mono() + wait);
        break;
      }
      const effect::ExecuteAttempt attempt{keeper_.state().find(slot)->run, slot, not_before};
      spawn(drive, slot, true, perform(attempt));
    }
    if (!drive.problem)
      for (const RunId run : drive.owed.to_plan())
        if (!drive.planning.contains(run)) spawn(drive, drive.planning, run, plan(drive, run));
  }
  for (const RunId run : drive.owed.to_finish())
    if (!drive.finishing.contains(run)) spawn(drive, drive.finishing, run, finish(run));
  return next;
}

asio::awaitable<void> Runner::drive(Drive& drive) {
  watching_->drives.insert(&drive.owed);
  while (true) {
    const std::optional<Monotonic> next = launch(drive);
    const bool open = std::ranges::any_of(
        drive.runs, [&](RunId run) { return keeper_.state().open_runs.contains(run); });
    // Nothing is at work and nothing will be: finished, stopped, or paused.
    if (drive.in_flight == 0 && (!open || stopped_ || (!next && drive.owed.attempts().empty())))
      break;
    co_await wakeup_.wait(keeper_.clock(), next);
  }
  watching_->drives.erase(&drive.owed);
}

asio::awaitable<void> Runner::finish(RunId run) {
  const Command finish_run = FinishRun{run};
  const auto answer = co_await keeper_.ask(system_actor(), finish_run);
  // Refused: something was added to the run meanwhile; the loop looks again.
  if (answer) offers_.erase(run);
}

asio::awaitable<void> Runner::plan(Drive& drive, RunId run) {
  auto planned = co_await plan_rest(run);
  if (!planned) drive.problem = std::move(planned.error());
}

// --- effects
// ------------------------------------------------------------------------------------------

asio::awaitable<void> Runner::perform(effect::AbandonAttempt e) {
  const Command lose = LoseAttempt{e.slot, "the process that ran it ended before it was done"};
  (void)co_await keeper_.ask(system_actor(), lose);
}

FailAttempt Runner::failure_command(SlotId slot, Attempt attempt, const StageFailure& failure,
                                    const RetryPolicy& retry) {
  const auto cut = [](std::string text) {
    if (text.size() > limits::text_bytes_max) {
      text.resize(limits::text_bytes_max - 3);
      text += "...";
    }
    return text;
  };
  return {.run = keeper_.state().find(slot)->run,
          .slot = slot,
          .attempt = attempt,
          .error = failure.error,
          .code = cut(failure.code),
          .fingerprint = cut(failure.fingerprint),
          .detail = cut(failure.detail),
          .classified_by = cut(failure.classified_by),
          .retry = retry_rule(retry),
          .seed = keeper_.entropy().number()};
}

asio::awaitable<void> Runner::fail_attempt(SlotId slot, Attempt attempt, StageFailure failure,
                                           RetryPolicy retry) {
  if (pushes_back(failure.error)) concurrency_.pushed_back();
  const Command failed = failure_command(slot, attempt, failure, retry);
  (void)co_await keeper_.ask(system_actor(), failed);
}

asio::awaitable<void> Runner::perform(effect::ExecuteAttempt e) {
  const Command start = StartAttempt{e.run, e.slot};
  const auto started = co_await keeper_.ask(system_actor(), start);
  if (!started) co_return;
  DAYBOOK_CRASH_POINT("run.attempt_started");
  const Attempt attempt = std::get<AttemptStarted>(started->events.front()).attempt;
  const EntryIndex fence = fence_of(keeper_.state().epoch, started->first);
  const std::string key = keeper_.state().find(e.slot)->partition;

  const auto pipeline = definition_of(e.run, DefinitionCache::Match::exact);
  if (!pipeline) {
    StageFailure failure{.error = ErrorClass::definition,
                         .code = "definition.unreadable",
                         .fingerprint = "definition.unreadable",
                         .detail = "the run's definition can not be read back from the book",
                         .classified_by = "runner"};
    const RetryPolicy none;
    co_await fail_attempt(e.slot, attempt, std::move(failure), none);
    co_return;
  }
  const auto offered = co_await find_input(e.run, pipeline, key);
  if (!offered) {
    co_await fail_attempt(e.slot, attempt, offered.error(), pipeline->retry);
    co_return;
  }

  if (const std::size_t files = offered->input.files.size(); files > limits::list_items_max) {
    StageFailure failure{
        .error = ErrorClass::definition,
        .code = "source.too_many_files",
        .fingerprint = "source.too_many_files",
        .detail = fmt::format("partition {} is made of {} files, and at most {} are recorded: "
                              "partition more finely, or put small files together",
                              key, files, limits::list_items_max),
        .classified_by = "runner"};
    co_await fail_attempt(e.slot, attempt, std::move(failure), pipeline->retry);
    co_return;
  }

  AttemptWork work;
  work.pipeline = pipeline;
  work.offered = *offered;
  work.directory =
      keeper_.paths().staging() / fmt::format("{}-{}", std::to_underlying(e.slot), attempt);
  work.payloads = &keeper_.payloads();
  work.release = keeper_.state().find(e.run)->kind == RunKind::release;
  work.threads =
      keeper_.state().find(e.run)->slots.size() > 1 ? 1 : keeper_.executor().blocking_limit();
  work.memory_limit_bytes = memory_share(*pipeline, keeper_.executor().blocking_limit());
  work.salts = keeper_.state().find(e.slot)->salts;
  keeper_.entropy().fill(std::as_writable_bytes(std::span(work.fresh_salts)));
  work.known_copies = [this](const Digest& source) { return known_copy(keeper_, source); };
  const bool only_undelivered = work.release && pipeline->sink.mode == LoadMode::append;
  auto overlay = only_undelivered ? undelivered_of(keeper_.view(), e.slot)
                                  : overlay_of(keeper_.view(), e.slot);
  if (!overlay) {
    StageFailure failure{.error = ErrorClass::internal,
                         .code = "quarantine.unreadable",
                         .fingerprint = "quarantine.unreadable",
                         .detail = overlay.error().detail,
                         .classified_by = "runner"};
    co_await fail_attempt(e.slot, attempt, std::move(failure), pipeline->retry);
    co_return;
  }
  work.overlay = std::move(*overlay);
  work.overlay_only = only_undelivered;
  work.base = merge_base(*keeper_.state().find(e.slot));
  work.memory = memory_of(keeper_.state().find(e.slot)->sink);

  auto progress = std::make_shared<StageProgress>();
  progress_[e.slot] = progress;
  working_[e.slot] = {.slot = e.slot, .what = "stage", .progress = progress};
  auto timed_out = std::make_shared<bool>(false);
  auto done = std::make_shared<bool>(false);
  keeper_.clock().call_at(
      keeper_.clock().mono() +
          std::chrono::duration_cast<std::chrono::microseconds>(pipeline->retry.timeout).count(),
      [progress, timed_out, done] {
        if (*done) return;
        *timed_out = true;
        progress->cancel = true;
      });
  auto job = [work = std::move(work), progress] { return execute_attempt(work, *progress); };
  auto outcome = co_await blocking(keeper_.executor(), std::move(job));
  *done = true;
  progress_.erase(e.slot);
  DAYBOOK_CRASH_POINT("run.staged");

  if (!outcome) {
    StageFailure failure = std::move(outcome.error());
    if (failure.code == "cancelled" && stopped_ && !*timed_out) {
      // Not the partition's failure: the run was told to stop. A resume starts it anew.
      const Command lose = LoseAttempt{e.slot, "the run was interrupted"};
      (void)co_await keeper_.ask(system_actor(), lose);
      co_return;
    }
    if (*timed_out)
      failure = {.error = ErrorClass::transient,
                 .code = "timeout",
                 .fingerprint = "timeout",
                 .detail = fmt::format("the attempt took longer than {} s",
                                       pipeline->retry.timeout.count() / 1000),
                 .classified_by = "retry.timeout"};
    co_await fail_attempt(e.slot, attempt, std::move(failure), pipeline->retry);
    co_return;
  }

  StageAttempt command = stage_command(*outcome, *pipeline);
  command.staged.run = e.run;
  command.staged.slot = e.slot;
  command.staged.attempt = attempt;
  const Slot& slot = *keeper_.state().find(e.slot);
  if (pipeline->approvals_load > 0)
    command.approval_digest =
        sha256(bytes_of(load_approval_text(keeper_.state(), slot, pipeline->digest,
                                           outcome->result.content, outcome->result.output_rows)));
  staged_[e.slot] = {.attempt = attempt,
                     .fence = fence,
                     .result = std::move(outcome->result),
                     .directory = outcome->directory};
  const auto recorded = co_await keeper_.ask(system_actor(), std::move(command));
  if (!recorded) {
    staged_.erase(e.slot);
    StageFailure failure{.error = ErrorClass::internal,
                         .code = "stage.refused",
                         .fingerprint = "stage.refused",
                         .detail = recorded.error().detail,
                         .classified_by = "book"};
    co_await fail_attempt(e.slot, attempt, std::move(failure), pipeline->retry);
    co_return;
  }
  for (const InputFile& input : std::get<AttemptStaged>(recorded->events.front()).files)
    if (input.copy.bytes > 0) (void)remember_copy(keeper_, input.digest, input.copy);
  concurrency_.succeeded();
}

}  // namespace daybook
