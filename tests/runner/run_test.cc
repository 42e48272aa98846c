// The whole main job in one process: real files, a real book, the real engine.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runner/compensation.h"
#include "runner/connect/slot_store.h"
#include "runner/definitions.h"
#include "runner/quarantine.h"
#include "runner/reconcile.h"
#include "runner/runner.h"
#include "statemachine/invariants.h"
#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;

constexpr std::string_view raw_contract = R"yaml(apiVersion: v3.1.0
kind: DataContract
id: urn:test:items_raw
name: items_raw
version: 1.0.0
status: active
schema:
  - name: items
    logicalType: object
    properties:
      - {name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: name, logicalType: string, required: true}
      - {name: price, logicalType: number, physicalType: "numeric(12,2)", logicalTypeOptions: {minimum: 0}}
)yaml";

constexpr std::string_view pipeline_file = R"yaml(pipeline: items
version: 1
owner: tests
source:
  csv: {path: "feed/{day}/items.csv"}
contract: raw.odcs.yaml
partition: {by: day, type: date}
steps:
  - filter: "name <> 'test'"
  - derive: {gross: "cast(price * 1.19 as decimal(14,2))"}
sink:
  csv: {path: "lake/items"}
  mode: replace
  compensate: restore_previous
)yaml";

constexpr std::string_view appending_file = R"yaml(pipeline: items
version: 1
owner: tests
source:
  csv: {path: "feed/{day}/items.csv"}
contract: raw.odcs.yaml
partition: {by: day, type: date}
sink:
  csv: {path: "lake/items"}
  mode: append
  compensate: restore_previous
)yaml";

// The same salts each time: two copies of a book then make the same content of the same file. The
// names of payloads, 16 bytes, count up: the partitions of a run keep theirs at the same time.
class SameEntropy : public Entropy {
 public:
  void fill(std::span<std::byte> out) override {
    std::ranges::fill(out, std::byte{7});
    if (out.size() != sizeof(Uuid)) return;
    const std::uint64_t drawn = ++drawn_;
    std::memcpy(out.data(), &drawn, sizeof drawn);
  }

 private:
  std::atomic<std::uint64_t> drawn_ = 0;
};

class Run : public ::testing::Test {
 protected:
  void SetUp() override {
    write("raw.odcs.yaml", raw_contract);
    write("items.pipeline.yaml", pipeline_file);
    write("feed/2026-01-01/items.csv",
          "id,name,price\n1,anvil,10.00\n2,test,1.00\n3,bolt,\"0,50\"\n");
    write("feed/2026-01-02/items.csv", "id,name,price\n4,crate,4.20\n5,drum,5.00\n");
    const auto made = Keeper::create(paths(), {}, executor_, *clock_, *entropy_, local_actor());
    ASSERT_TRUE(made) << made.error().detail;
    open();
  }
  void open() {
    auto keeper = Keeper::open(paths(), executor_, *clock_, *entropy_);
    ASSERT_TRUE(keeper) << keeper.error().detail;
    keeper_ = std::move(*keeper);
    runner_ = std::make_unique<Runner>(*keeper_);
  }
  void reopen() {
    runner_.reset();
    keeper_.reset();
    open();
  }
  void make_content_repeatable() {
    runner_.reset();
    keeper_.reset();
    entropy_ = std::make_unique<SameEntropy>();
    open();
  }
  // The record whose price has a comma, mended; no run is begun.
  void amend_and_release(BatchId batch) {
    const auto kept = keeper_->payloads_put("3,bolt,0.50");
    ASSERT_TRUE(kept) << kept.error().detail;
    ASSERT_TRUE(
        keeper_->ask_now(local_actor(), AmendRecord{.batch = batch,
                                                    .record = 0,
                                                    .replacement = *kept,
                                                    .digest = sha256(bytes_of("3,bolt,0.50")),
                                                    .reason = "decimal point"}));
    ASSERT_TRUE(keeper_->ask_now(
        local_actor(), ReleaseRecords{.batch = batch, .records = {0}, .reason = "fixed"}));
  }
  void TearDown() override {
    if (keeper_) {
      EXPECT_TRUE(violations(keeper_->state()).empty());
    }
  }

  BookPaths paths() const { return {folder_.path() / ".daybook"}; }
  void write(const fs::path& name, std::string_view text) {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name, std::ios::trunc) << text;
  }
  std::string lake(const std::string& day) const {
    std::string all;
    const fs::path folder = folder_.path() / "lake/items" / day;
    if (!fs::exists(folder)) return all;
    for (const auto& file : fs::directory_iterator(folder)) {
      std::ifstream in(file.path());
      std::stringstream text;
      text << in.rdbuf();
      all += text.str();
    }
    return all;
  }
  template <typename T>
  T wait(asio::awaitable<T> work) {
    std::optional<T> out;
    asio::co_spawn(executor_.loop(), std::move(work), [&](std::exception_ptr error, T value) {
      if (error) std::rethrow_exception(error);
      out.emplace(std::move(value));
      executor_.stop();
    });
    executor_.run();
    return std::move(*out);
  }
  RunRequest request_of(RunRequest request = {}) {
    Diagnostics diagnostics;
    auto pipeline = read_pipeline((folder_.path() / "items.pipeline.yaml").string(), diagnostics);
    for (const Diagnostic& d : diagnostics) ADD_FAILURE() << render(d);
    request.pipeline = std::make_shared<const Pipeline>(std::move(*pipeline));
    request.actor = local_actor();
    return request;
  }
  RunReport run(RunRequest wanted = {}) {
    RunRequest request = request_of(std::move(wanted));
    auto report = wait(runner_->run(std::move(request)));
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : RunReport{};
  }
  const Slot& slot(const std::string& day) const {
    for (const Slot& s : keeper_->state().slots)
      if (s.partition == day) return s;
    static const Slot none;
    return none;
  }

  TemporaryDirectory folder_;
  SystemExecutor executor_{2};
  std::unique_ptr<Clock> clock_ = make_system_clock(executor_);
  std::unique_ptr<Entropy> entropy_ = make_system_entropy();
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Runner> runner_;
};

TEST_F(Run, LoadsEveryPartitionAndAccountsForEveryRow) {
  const RunReport report = run();
  EXPECT_EQ(report.outcome, RunOutcome::succeeded);
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
  const RowCounts& n = slot("2026-01-01").generations.at(0).counts;
  EXPECT_EQ(n, (RowCounts{.read = 3, .accepted = 1, .quarantined = 1, .filtered = 1, .merged = 0}));
  EXPECT_NE(lake("2026-01-01").find("11.90"), std::string::npos) << lake("2026-01-01");
  EXPECT_NE(lake("2026-01-02").find("crate"), std::string::npos) << lake("2026-01-02");
}

TEST_F(Run, SkipsWhatIsUnchangedAndReloadsOnlyWhatChanged) {
  run();
  const RunReport again = run();
  EXPECT_EQ(keeper_->state().find(again.run)->skipped, 2U);
  write("feed/2026-01-02/items.csv", "id,name,price\n4,crate,4.20\n5,drum,6.00\n");
  const RunReport third = run();
  EXPECT_EQ(keeper_->state().find(third.run)->skipped, 1U);
  EXPECT_EQ(slot("2026-01-02").current, 2U);
  EXPECT_EQ(slot("2026-01-01").current, 1U);
  EXPECT_NE(lake("2026-01-02").find("7.14"), std::string::npos) << lake("2026-01-02");
}

TEST_F(Run, IsTheSameAfterTheBookWasClosedAndReplayed) {
  run();
  const State before = keeper_->state();
  reopen();
  State after = keeper_->state();
  EXPECT_EQ(after.slots, before.slots);
  const RunReport again = run();
  EXPECT_EQ(keeper_->state().find(again.run)->skipped, 2U);
}

TEST_F(Run, ReleasesAnAmendedRecordAsItsOwnRunExactlyOnce) {
  run();
  const auto batches = open_batches(keeper_->state(), "items");
  ASSERT_EQ(batches.size(), 1U);
  const auto records = read_batch(keeper_->view(), batches[0]);
  ASSERT_TRUE(records) << records.error().detail;
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(records->at(0).record.bytes, "3,bolt,\"0,50\"");
  EXPECT_EQ(records->at(0).record.row, 3U);
  amend_and_release(batches[0]);
  RunRequest release;
  release.kind = RunKind::release;
  release.partitions = {"2026-01-01"};
  const RunReport report = run(std::move(release));
  EXPECT_EQ(report.outcome, RunOutcome::succeeded);
  EXPECT_EQ(slot("2026-01-01").current, 2U);
  EXPECT_NE(lake("2026-01-01").find("bolt"), std::string::npos) << lake("2026-01-01");
  EXPECT_TRUE(open_batches(keeper_->state(), "items").empty());
  const RunReport again = run();
  EXPECT_EQ(keeper_->state().find(again.run)->skipped, 2U);
}

// A release whose process was killed before its run: the next one held the partition as changed,
// and to let it in appended all of it again.
TEST_F(Run, DeliversWhatWasReleasedBeforeItAppendsAnythingElse) {
  write("items.pipeline.yaml", appending_file);
  run();
  const auto batches = open_batches(keeper_->state(), "items");
  ASSERT_EQ(batches.size(), 1U);
  amend_and_release(batches[0]);
  const RunReport report = run();
  ASSERT_EQ(report.resumed.size(), 1U);
  EXPECT_TRUE(report.resumed[0].release);
  EXPECT_EQ(keeper_->state().find(report.resumed[0].run)->outcome, RunOutcome::succeeded);
  EXPECT_EQ(keeper_->state().find(report.run)->skipped, 2U);
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
  const std::string all = lake("2026-01-01");
  EXPECT_NE(all.find("bolt"), std::string::npos) << all;
  EXPECT_EQ(all.find("anvil"), all.rfind("anvil")) << all;
  EXPECT_TRUE(run().resumed.empty());
}

TEST_F(Run, TakesALoadBackAndDoesNotLoadItAgainByItself) {
  run();
  const std::string first = lake("2026-01-02");
  write("feed/2026-01-02/items.csv", "id,name,price\n4,crate,99.00\n");
  const RunReport second = run();
  ASSERT_NE(lake("2026-01-02"), first);
  auto plan = wait(plan_compensation(keeper_->view(), executor_,
                                     slots_loaded_by(keeper_->state(), second.run), std::nullopt));
  ASSERT_TRUE(plan) << plan.error().detail;
  ASSERT_TRUE(plan->possible()) << plan->steps.at(0).note;
  EXPECT_EQ(plan->steps.at(0).rows_removed, 1U);
  EXPECT_EQ(plan->steps.at(0).rows_restored, 2U);
  const Digest digest = plan->digest;
  const auto id = wait(propose_compensation(*keeper_, local_actor(), *plan, "wrong price"));
  ASSERT_TRUE(id) << id.error().detail;
  ASSERT_TRUE(keeper_->ask_now(local_actor(), StartCompensation{*id, digest}));
  const auto done = wait(runner_->compensate(*id));
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(lake("2026-01-02"), first);
  EXPECT_EQ(slot("2026-01-02").current, 1U);
  const RunReport again = run();
  EXPECT_EQ(keeper_->state().find(again.run)->skipped, 2U);
  EXPECT_EQ(lake("2026-01-02"), first);
}

// What a run took on it plans itself, however often it dies on the way.
TEST_F(Run, ThatDiedWhileItPlannedPlansTheRestItselfBeforeItEnds) {
  for (int day = 3; day <= 9; ++day)
    write(fmt::format("feed/2026-01-0{}/items.csv", day), "id,name,price\n9,nut,1.00\n");
  // As a process leaves it that died with two of nine partitions planned.
  const RunRequest request = request_of();
  ASSERT_TRUE(wait(register_definition(*keeper_, local_actor(), *request.pipeline)));
  ASSERT_TRUE(keeper_->ask_now(local_actor(), StartRun{.uuid = {1},
                                                       .kind = RunKind::normal,
                                                       .pipeline = "items",
                                                       .definition = request.pipeline->digest,
                                                       .engine = engine_version().digest,
                                                       .idempotency_key = {},
                                                       .reason = {},
                                                       .partitions = 9,
                                                       .force = false,
                                                       .chosen = {}}));
  for (const std::string day : {"2026-01-01", "2026-01-04"})
    ASSERT_TRUE(
        keeper_->ask_now(system_actor(), PlanPartition{.run = RunId{0},
                                                       .sink = request.pipeline->sink.name(),
                                                       .partition = day,
                                                       .inputs = {}}));
  reopen();
  const auto report = wait(runner_->resume(RunId{0}));
  ASSERT_TRUE(report) << report.error().message;
  const RunState& run = *keeper_->state().find(RunId{0});
  EXPECT_FALSE(run.open);
  EXPECT_EQ(run.outcome, RunOutcome::succeeded);
  EXPECT_EQ(run.slots.size(), 9U);
  for (int day = 1; day <= 9; ++day)
    EXPECT_EQ(slot(fmt::format("2026-01-0{}", day)).phase, SlotPhase::verified) << day;
}

TEST_F(Run, ThatTookOnChosenPartitionsPlansNoOthersWhenItIsResumed) {
  const RunRequest request = request_of();
  ASSERT_TRUE(wait(register_definition(*keeper_, local_actor(), *request.pipeline)));
  ASSERT_TRUE(keeper_->ask_now(local_actor(), StartRun{.uuid = {1},
                                                       .kind = RunKind::rerun,
                                                       .pipeline = "items",
                                                       .definition = request.pipeline->digest,
                                                       .engine = engine_version().digest,
                                                       .idempotency_key = {},
                                                       .reason = {},
                                                       .partitions = 1,
                                                       .force = false,
                                                       .chosen = {"2026-01-02"}}));
  reopen();
  ASSERT_TRUE(wait(runner_->resume(RunId{0})));
  EXPECT_EQ(keeper_->state().find(RunId{0})->slots.size(), 1U);
  EXPECT_EQ(slot("2026-01-02").phase, SlotPhase::verified);
  EXPECT_EQ(slot("2026-01-01").attempt, 0U);
}

TEST_F(Run, WhoseSourceIsGoneWhileItPlansStaysOpenAndSaysWhy) {
  const RunRequest request = request_of();
  ASSERT_TRUE(wait(register_definition(*keeper_, local_actor(), *request.pipeline)));
  ASSERT_TRUE(keeper_->ask_now(local_actor(), StartRun{.uuid = {1},
                                                       .kind = RunKind::normal,
                                                       .pipeline = "items",
                                                       .definition = request.pipeline->digest,
                                                       .engine = engine_version().digest,
                                                       .idempotency_key = {},
                                                       .reason = {},
                                                       .partitions = 2,
                                                       .force = false,
                                                       .chosen = {}}));
  fs::rename(folder_.path() / "feed", folder_.path() / "elsewhere");
  const auto report = wait(runner_->resume(RunId{0}));
  EXPECT_TRUE(keeper_->state().find(RunId{0})->open);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, RunProblem::Kind::source);
  fs::rename(folder_.path() / "elsewhere", folder_.path() / "feed");
  ASSERT_TRUE(wait(runner_->resume(RunId{0})));
  EXPECT_EQ(keeper_->state().find(RunId{0})->outcome, RunOutcome::succeeded);
}

// One that failed was due at once again: the loop turned without end, and nothing waited for its
// time (simulator, seed 1795787564 on RocksDB: the disk was full).
TEST_F(Run, TriesNoCheckpointThatCanNotBeMadeOverAndOver) {
  const BookPaths other{folder_.path() / "other"};
  ASSERT_TRUE(Keeper::create(other, {.origin = "", .anchor = "", .checkpoint_every = 1}, executor_,
                             *clock_, *entropy_, local_actor()));
  const auto keeper = Keeper::open(other, executor_, *clock_, *entropy_);
  ASSERT_TRUE(keeper) << keeper.error().detail;
  fs::remove(other.log_key());
  ASSERT_TRUE((*keeper)->ask_now(local_actor(), Pause{{}, "looked at"}));
  auto& loop =
      static_cast<asio::io_context&>(asio::query(executor_.loop(), asio::execution::context));
  std::size_t turns = 0;
  while (turns < 100 && loop.poll_one() > 0) ++turns;
  EXPECT_LT(turns, 100U);
}

// A writer that was overtaken, and stands still while it holds the folder's lock, may bring in the
// same load when it goes on: whoever gave the load up meanwhile would be wrong.
TEST_F(Run, LeavesALoadIntendedForAsLongAsAnotherHoldsItsFoldersLock) {
  write("items.pipeline.yaml", std::string(pipeline_file) + "retry: {attempts: 2, timeout: 1s}\n");
  const fs::path folder = folder_.path() / "lake/items/.daybook" / slot_name("2026-01-01");
  fs::create_directories(folder);
  const auto opened = open_directory(folder);
  ASSERT_TRUE(opened);
  {
    const auto frozen = FileLock::take(*opened, "lock", 0);
    ASSERT_TRUE(frozen);
    const RunReport report = run();
    EXPECT_EQ(report.unsettled, Unsettled::no_answer);
    EXPECT_TRUE(keeper_->state().find(report.run)->open);
    EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::load_intended);
    EXPECT_EQ(slot("2026-01-02").phase, SlotPhase::verified);
    ASSERT_EQ(runner_->trouble().size(), 1U);
    EXPECT_NE(runner_->trouble().begin()->second.find(folder.string()), std::string::npos);
  }
  reopen();
  EXPECT_EQ(run().unsettled, Unsettled::none);
  EXPECT_TRUE(runner_->trouble().empty());
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
  EXPECT_NE(lake("2026-01-01").find("anvil"), std::string::npos);
}

TEST_F(Run, WaitsForAPersonWhereTheSinksOwnWordsCanNotBeRead) {
  const fs::path fence =
      folder_.path() / "lake/items/.daybook" / slot_name("2026-01-01") / "fence.json";
  write(fence, "no fence");
  const RunReport report = run();
  EXPECT_EQ(report.unsettled, Unsettled::person);
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::load_intended);
  EXPECT_EQ(slot("2026-01-02").phase, SlotPhase::verified);
  ASSERT_EQ(runner_->trouble().size(), 1U);
  EXPECT_NE(runner_->trouble().begin()->second.find(fence.string()), std::string::npos);
  fs::remove(fence);
  EXPECT_EQ(run().unsettled, Unsettled::none);
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
}

// Settling answered with what was wrong with the data, and was asked again without end.
TEST_F(Run, LosesWhatWasHarmedBeforeItsLoadWasSettledAndLoadsItAgain) {
  make_content_repeatable();
  const fs::path book = folder_.path() / ".daybook", before = folder_.path() / "before";
  runner_.reset();
  keeper_.reset();
  fs::copy(book, before, fs::copy_options::recursive);
  open();
  run();
  const std::string whole = lake("2026-01-01");
  runner_.reset();
  keeper_.reset();
  fs::remove_all(book);
  fs::rename(before, book);
  for (const auto& file : fs::recursive_directory_iterator(folder_.path() / "lake/items"))
    if (file.is_regular_file() && file.path().filename() == "part-0")
      fs::resize_file(file.path(), 1);
  open();
  reopen();  // a later epoch than that of the fence which the first load left in the target
  run();
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::lost);
  EXPECT_EQ(slot("2026-01-01").generations.size(), 1U);
  run();
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
  EXPECT_EQ(lake("2026-01-01"), whole);
}

// What a late writer brings in although it was given up goes out of sight with the next load.
TEST_F(Run, CountsWhatItGaveUpForNothingWhateverTheTargetHas) {
  make_content_repeatable();
  write("items.pipeline.yaml",
        std::string(appending_file) +
            "retry: {attempts: 5, backoff: {initial: 100ms, factor: 1, max: 100ms}}\n");
  const fs::path book = folder_.path() / ".daybook", before = folder_.path() / "before";
  const RunRequest request = request_of();
  runner_.reset();
  keeper_.reset();
  fs::copy(book, before, fs::copy_options::recursive);
  open();
  // The fence of another keeper, far above.
  const fs::path fence =
      folder_.path() / "lake/items/.daybook" / slot_name("2026-01-01") / "fence.json";
  write(fence, fmt::format(R"({{"fence": {}, "origin": "{}", "pipeline": "items", )"
                           R"("partition": "2026-01-01"}})",
                           EntryIndex{9} << 40U, keeper_->state().origin));
  run();
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::quarantined);
  ASSERT_EQ(slot("2026-01-01").generations.size(), 1U);
  EXPECT_EQ(slot("2026-01-01").generations[0].standing, Standing::aborted);
  runner_.reset();
  keeper_.reset();
  // The late writer: the same book as of before, and the same content.
  const fs::path ours = folder_.path() / "ours";
  fs::rename(book, ours);
  fs::rename(before, book);
  fs::remove(fence);
  open();
  run();
  runner_.reset();
  keeper_.reset();
  fs::remove_all(book);
  fs::rename(ours, book);
  open();
  ASSERT_NE(lake("2026-01-01").find("anvil"), std::string::npos);
  write("feed/2026-01-01/items.csv", "id,name,price\n1,anvil,11.00\n");
  ASSERT_TRUE(keeper_->ask_now(
      local_actor(),
      ReleaseSlot{*keeper_->state().slot("items", request.pipeline->sink.name(), "2026-01-01"),
                  "again"}));
  run();
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
  EXPECT_EQ(lake("2026-01-01").find("10.00"), std::string::npos) << lake("2026-01-01");
  EXPECT_NE(lake("2026-01-01").find("11.00"), std::string::npos) << lake("2026-01-01");
}

TEST_F(Run, AppendsAPartlyLostLoadAgainWithoutDoublingWhatIsLeftOfIt) {
  write("items.pipeline.yaml", appending_file);
  write("feed/2026-01-01/items.csv", "id,name,price\n1,anvil,10.00\n2,bolt,1.00\n");
  run();
  const std::string whole = lake("2026-01-01");
  ASSERT_NE(whole.find("bolt"), std::string::npos) << whole;
  // Half of it is gone: the stored file, which is the visible one too, is cut after its first row.
  for (const auto& file : fs::recursive_directory_iterator(folder_.path() / "lake/items"))
    if (file.is_regular_file() && file.path().filename() == "part-0") {
      std::ifstream in(file.path());
      const std::string text(std::istreambuf_iterator<char>(in), {});
      if (text.find("bolt") != std::string::npos) fs::resize_file(file.path(), text.find("2,bolt"));
    }
  ASSERT_EQ(lake("2026-01-01").find("bolt"), std::string::npos);
  const auto report = wait(reconcile(*keeper_, local_actor(), "items", true));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->findings.size(), 1U);
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::lost);
  const auto still = wait(reconcile(*keeper_, local_actor(), "items", false));
  ASSERT_TRUE(still);
  ASSERT_EQ(still->findings.size(), 1U);
  EXPECT_EQ(still->findings[0].kind, ReconcileFinding::Kind::stale);
  EXPECT_TRUE(still->findings[0].loads_again);
  run();
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
  EXPECT_EQ(lake("2026-01-01"), whole);
  const auto after = wait(reconcile(*keeper_, local_actor(), "items", true));
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->findings.empty()) << after->findings[0].detail;
}

// A stray file beside what was loaded made a deep look record the load as lost: each run loaded it
// again, and the file stayed.
TEST_F(Run, LosesNothingToAFileThatSomebodyPutBesideIt) {
  run();
  write("lake/items/2026-01-01/notes.txt", "do not delete");
  const auto report = wait(reconcile(*keeper_, local_actor(), "items", true));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->findings.size(), 1U);
  EXPECT_EQ(report->findings[0].kind, ReconcileFinding::Kind::added);
  EXPECT_EQ(slot("2026-01-01").phase, SlotPhase::verified);
  const RunReport again = run();
  EXPECT_EQ(keeper_->state().find(again.run)->skipped, 2U);
  EXPECT_NE(lake("2026-01-01").find("do not delete"), std::string::npos);
}

// Does what blocks at once, and lets the answer wait until it is fetched.
class Unhurried final : public Executor {
 public:
  asio::any_io_executor loop() override { return answers_.get_executor(); }
  void run_blocking(std::move_only_function<void()> work) override {
    work();
    done_ = true;
  }
  unsigned blocking_limit() const override { return 1; }
  void ask() {
    while (!done_) answers_.run_one();
  }
  void fetch() { answers_.run(); }

 private:
  asio::io_context answers_;
  bool done_ = false;
};

TEST_F(Run, IsNoFindingWhatComesInWhileItsSinkIsAsked) {
  run();
  Unhurried asked;
  std::optional<ReconcileAnswer> answer;
  asio::co_spawn(asked.loop(), compare_with_sinks(keeper_->view(), asked, "items", true),
                 [&](std::exception_ptr, ReconcileAnswer found) { answer = std::move(found); });
  asked.ask();
  write("feed/2026-01-02/items.csv", "id,name,price\n4,crate,4.20\n5,drum,5.50\n");
  write("feed/2026-01-03/items.csv", "id,name,price\n6,elbow,6.00\n");
  run();
  ASSERT_EQ(slot("2026-01-02").current, 2U);
  ASSERT_EQ(slot("2026-01-03").current, 1U);
  ASSERT_FALSE(answer);
  asked.fetch();
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->checked, 1U);
  for (const ReconcileFinding& finding : (*answer)->findings)
    ADD_FAILURE() << finding.partition << " generation " << finding.generation << ": "
                  << finding.detail;
}

}  // namespace
}  // namespace daybook
