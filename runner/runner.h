// Does what the state says is owed: attempts, loads, verifications, compensations. One loop reads
// the pending effects off the state and performs them; the first run after a crash and every other
// run are the same code.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runner/attempt.h"
#include "runner/concurrency.h"
#include "runner/connect/sink.h"
#include "runner/dataplane/stage.h"
#include "runner/definitions.h"
#include "runner/keeper.h"
#include "runner/owed.h"
#include "runner/wakeup.h"
#include "statemachine/effects.h"

namespace daybook {

struct RunRequest {
  std::shared_ptr<const Pipeline> pipeline;
  RunKind kind = RunKind::normal;
  Actor actor;
  std::vector<std::string> partitions;  // only these; empty: all the source offers
  bool only_failed = false;             // rerun: what failed, is missing, lost, held or set aside
  bool force = false;                   // plan even what is unchanged
  std::string idempotency_key, reason;
};

struct RunProblem {
  enum class Kind : std::uint8_t {
    refused,
    definition,
    source,
    sink,
    storage,
    nothing,
    integrity,  // this is not the book others saw, or not what it signed
  } kind;
  std::string message, hint;
  Diagnostics diagnostics;
  std::optional<Refusal> refusal = {};  // what the rules said, where they refused it
};

// A run that a crash or an interruption had left open, and what was done for it now.
struct ResumedRun {
  RunId run = no_run;
  std::vector<SlotId> slots = {};  // those that went on, in the order of the run
  bool release = false;            // begun now, for records that were released and not delivered
};

// Whether a run is left open because a sink did not say what became of a load, or of its data.
enum class Unsettled : std::uint8_t {
  none,
  no_answer,  // not as long as an attempt may take: it may be asked again
  person,     // asking again changes nothing: somebody has to put the target right first
};

struct RunReport {
  RunId run = no_run;
  RunOutcome outcome = RunOutcome::succeeded;
  bool paused = false, interrupted = false;  // the run is still open and can be resumed
  Unsettled unsettled = Unsettled::none;     // the same
  bool open() const { return paused || interrupted || unsettled != Unsettled::none; }
  std::vector<ResumedRun> resumed = {};  // what came before `run`
};

// One partition at work, for progress displays.
struct Working {
  SlotId slot{};
  std::string what;  // "stage", "load", "verify", "settle"
  std::shared_ptr<const StageProgress> progress;
};

class Runner {
 public:
  explicit Runner(Keeper& keeper);

  // Resumes what is open of this pipeline, then starts a run and drives it to its end (or until it
  // is paused or stop() is called).
  boost::asio::awaitable<std::expected<RunReport, RunProblem>> run(RunRequest request);

  // Drives one open run, or all where none is named: plans what a run left unplanned, then does
  // what is owed. On error what was planned stands, the run is open, and a resume goes on.
  boost::asio::awaitable<std::expected<RunReport, RunProblem>> resume(std::optional<RunId> run);

  // Executes a started compensation to its end or first failure.
  boost::asio::awaitable<Result<void>> compensate(CompensationId id);

  // No new work; staging under way is abandoned, loads under way finish. From the loop.
  void stop();
  bool stopped() const { return stopped_; }

  std::vector<Working> working() const;
  // Why a load can not be settled or verified yet, by slot.
  const std::map<SlotId, std::string>& trouble() const { return last_trouble_; }
  unsigned concurrency() const { return concurrency_.limit(); }

  // What the source offers now. Blocking work happens off the loop.
  boost::asio::awaitable<std::expected<std::vector<Offered>, RunProblem>> offered(
      std::shared_ptr<const Pipeline> pipeline);

 private:
  // What an attempt staged, until it is loaded. Lost with the process: the attempt is then
  // abandoned.
  struct Staged {
    Attempt attempt = 0;
    EntryIndex fence = 0;
    StageResult result;
    std::filesystem::path directory;
  };
  // A sink that was asked what became of a load, or of its data, and did not say.
  struct Unanswered {
    unsigned tries = 0;
    Monotonic since = 0, not_before = 0;
    Unsettled given_up = Unsettled::none;
  };
  using Offers = std::map<std::string, Offered>;  // by partition key
  struct Drive {
    std::set<RunId> runs;
    Owed owed;
    std::set<SlotId> busy = {};
    std::set<RunId> finishing = {}, planning = {};
    unsigned staging = 0, in_flight = 0;
    std::optional<RunProblem> problem = {};  // why a run can not be planned
  };

  boost::asio::awaitable<void> drive(Drive& drive);
  std::optional<Monotonic> launch(Drive& drive);
  bool in_turn(const Drive& drive, const Slot& slot);
  void spawn(Drive& drive, SlotId slot, bool staging, boost::asio::awaitable<void> work);
  void spawn(Drive& drive, std::set<RunId>& at_work, RunId run, boost::asio::awaitable<void> work);

  boost::asio::awaitable<void> perform(effect::AbandonAttempt effect);
  boost::asio::awaitable<void> perform(effect::ExecuteAttempt effect);
  boost::asio::awaitable<void> perform(effect::Load effect);
  boost::asio::awaitable<void> perform(effect::SettleLoad effect);
  boost::asio::awaitable<void> perform(effect::VerifyLoaded effect);
  boost::asio::awaitable<void> finish(RunId run);
  boost::asio::awaitable<void> plan(Drive& drive, RunId run);
  boost::asio::awaitable<void> mark_drained(std::set<RunId> runs);

  boost::asio::awaitable<void> fail_attempt(SlotId slot, Attempt attempt, StageFailure failure,
                                            RetryPolicy retry);
  FailAttempt failure_command(SlotId slot, Attempt attempt, const StageFailure& failure,
                              const RetryPolicy& retry);
  boost::asio::awaitable<std::expected<std::shared_ptr<const Offers>, RunProblem>> offered_to(
      RunId run, std::shared_ptr<const Pipeline> pipeline);
  static std::shared_ptr<const Offers> by_key(std::vector<Offered> all);
  boost::asio::awaitable<std::expected<Offered, StageFailure>> find_input(
      RunId run, std::shared_ptr<const Pipeline> pipeline, std::string key);
  boost::asio::awaitable<std::expected<void, RunProblem>> plan_rest(RunId run);
  boost::asio::awaitable<std::expected<void, RunProblem>> plan_these(
      RunId run, std::shared_ptr<const Pipeline> pipeline, std::shared_ptr<const Offers> offers,
      std::vector<std::string> keys);
  std::shared_ptr<const Pipeline> definition_of(RunId run, DefinitionCache::Match match);
  LoadPlan load_plan(const Slot& slot, const GenerationState& load, const Pipeline& pipeline) const;
  const SinkMemory& memory_of(const std::string& sink);
  void ask_again(SlotId slot, const SinkFailure& failure, const Pipeline* pipeline);
  void answered(SlotId slot);
  Unsettled unsettled_in(const RunState& run) const;
  void drop_staged(SlotId slot);

  Keeper& keeper_;
  DefinitionCache definitions_;
  Concurrency concurrency_;
  Wakeup wakeup_;
  bool stopped_ = false;
  std::map<SlotId, Staged> staged_;
  std::map<SlotId, Working> working_;
  std::map<SlotId, std::shared_ptr<StageProgress>> progress_;
  // Of open runs. Whoever plans holds what it plans: a run may be cancelled, and end, meanwhile.
  std::map<RunId, std::shared_ptr<const Offers>> offers_;
  std::map<SlotId, Unanswered> unanswered_;
  std::map<SlotId, FailAttempt> failed_loads_;  // whose absence is not established yet
  std::map<std::string, SinkMemory> memories_;  // by sink
  std::map<SlotId, std::string> last_trouble_;
  // The keeper's observer outlives the runner: it touches `wakeup` only while there are drives.
  struct Watching {
    std::set<Owed*> drives;
    Wakeup& wakeup;
  };
  std::shared_ptr<Watching> watching_;
};

}  // namespace daybook
