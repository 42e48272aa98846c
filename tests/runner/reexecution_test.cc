// Attempts done again from what the book recorded: identical, or the first thing that is not.
#include "runner/reexecution.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <filesystem>
#include <fstream>

#include "ledger/codec/event_codec.h"
#include "ledger/payload_store.h"
#include "replay/queries.h"
#include "runner/quarantine.h"
#include "runner/runner.h"
#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;

constexpr std::string_view contract = R"yaml(apiVersion: v3.1.0
kind: DataContract
id: urn:test:items_raw
name: items_raw
version: 1.0.0
status: active
schema:
  - name: items
    logicalType: object
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: name, logicalType: string, required: true}
      - {name: price, logicalType: number, physicalType: "numeric(12,2)", logicalTypeOptions: {minimum: 0}}
)yaml";

std::string pipeline_text(std::string_view sink, std::string_view more = "") {
  return fmt::format(R"yaml(pipeline: items
version: 1
owner: tests
source:
  csv: {{path: "feed/{{day}}/items.csv"}}
contract: raw.odcs.yaml
partition: {{by: day, type: date}}
steps:
  - filter: "name <> 'test'"
  - derive: {{gross: "cast(price * 1.19 as decimal(14,2))"}}
sink:
{}{})yaml",
                     sink, more);
}

constexpr std::string_view replace_sink = "  csv: {path: lake/items}\n  mode: replace\n";
constexpr std::string_view merge_sink = "  jsonl: {path: lake/items}\n  mode: merge\n  key: [id]\n";

class Reexecuted : public ::testing::Test {
 protected:
  void make(std::string_view sink, std::string_view more = "") {
    write("raw.odcs.yaml", contract);
    write("items.pipeline.yaml", pipeline_text(sink, more));
    write("feed/2026-01-01/items.csv",
          "id,name,price\n1,anvil,10.00\n2,test,1.00\n3,bolt,\"0,50\"\n4,drum,5.00\n");
    const BookPaths paths{folder_.path() / ".daybook"};
    const auto made = Keeper::create(paths, {}, executor_, *clock_, *entropy_, local_actor());
    ASSERT_TRUE(made) << made.error().detail;
    auto keeper = Keeper::open(paths, executor_, *clock_, *entropy_);
    ASSERT_TRUE(keeper) << keeper.error().detail;
    keeper_ = std::move(*keeper);
    runner_ = std::make_unique<Runner>(*keeper_);
    run();
  }
  void write(const fs::path& name, std::string_view text) {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name, std::ios::trunc) << text;
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
  void run(RunKind kind = RunKind::normal) {
    Diagnostics diagnostics;
    auto pipeline = read_pipeline((folder_.path() / "items.pipeline.yaml").string(), diagnostics);
    for (const Diagnostic& d : diagnostics) ADD_FAILURE() << render(d);
    RunRequest request;
    request.pipeline = std::make_shared<const Pipeline>(std::move(*pipeline));
    request.actor = local_actor();
    request.kind = kind;
    const auto report = wait(runner_->run(std::move(request)));
    ASSERT_TRUE(report) << report.error().message;
  }
  const Slot& slot() const { return keeper_->state().slots.at(0); }
  std::expected<Reexecution, ReexecutionFailure> again(Generation generation,
                                                       unsigned threads = 1) {
    const auto at = staged_at(keeper_->view(), SlotId{0}, generation);
    EXPECT_TRUE(at) << at.error().detail;
    const auto recorded = recorded_attempt(keeper_->view(), *at);
    EXPECT_TRUE(recorded) << recorded.error().detail;
    StageProgress progress;
    ReexecutionOptions options;
    options.directory = folder_.path() / fmt::format("sandbox-{}", ++sandboxes_);
    options.threads = threads;
    return reexecute(keeper_->view(), *recorded, options, progress);
  }
  void expect_identical(Generation generation) {
    for (const unsigned threads : {1U, 2U}) {
      const auto done = again(generation, threads);
      ASSERT_TRUE(done) << done.error().what << ": " << done.error().detail;
      for (const Difference& d : done->differences)
        ADD_FAILURE() << d.what << ": " << d.recorded << " / " << d.now;
      EXPECT_EQ(done->result.content, slot().generations.at(generation - 1).content);
    }
  }

  TemporaryDirectory folder_;
  SystemExecutor executor_{2};
  std::unique_ptr<Clock> clock_ = make_system_clock(executor_);
  std::unique_ptr<Entropy> entropy_ = make_system_entropy();
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Runner> runner_;
  int sandboxes_ = 0;
};

TEST_F(Reexecuted, IsIdenticalAfterSourceDefinitionAndTargetAreGone) {
  make(replace_sink);
  fs::remove_all(folder_.path() / "feed");
  fs::remove_all(folder_.path() / "lake");
  fs::remove(folder_.path() / "raw.odcs.yaml");
  expect_identical(1);
}

TEST_F(Reexecuted, PutsReleasedRecordsWhereTheyWereThenAndNotBefore) {
  make(replace_sink);
  const BatchId batch = slot().batches.at(0);
  const auto text = keeper_->payloads_put("3,bolt,0.50");
  ASSERT_TRUE(text);
  ASSERT_TRUE(keeper_->ask_now(local_actor(), AmendRecord{.batch = batch,
                                                          .record = 0,
                                                          .replacement = *text,
                                                          .digest = sha256(bytes_of("3,bolt,0.50")),
                                                          .reason = "decimal point"}));
  ASSERT_TRUE(keeper_->ask_now(local_actor(), ReleaseRecords{batch, {0}, "asked the shop"}));
  run(RunKind::release);
  ASSERT_EQ(slot().current, 2U);
  expect_identical(1);
  expect_identical(2);
}

TEST_F(Reexecuted, MergesWithTheGenerationThatStoodThenWithoutAskingTheTarget) {
  make(merge_sink);
  write("feed/2026-01-01/items.csv", "id,name,price\n4,drum,6.00\n5,crate,4.20\n");
  run();
  ASSERT_EQ(slot().current, 2U) << describe(*entry_at(keeper_->ledger(), slot().story - 1));
  ASSERT_EQ(slot().generations.at(1).rows, 3U);
  fs::remove_all(folder_.path() / "lake");
  expect_identical(1);
  expect_identical(2);
}

TEST_F(Reexecuted, NamesAReferencedInputThatIsGoneOrChanged) {
  make(replace_sink, "retain: reference\n");
  expect_identical(1);
  write("feed/2026-01-01/items.csv",
        "id,name,price\n1,anvil,10.01\n2,test,1.00\n3,bolt,\"0,50\"\n4,drum,5.00\n");
  auto done = again(1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ReexecutionFailure::Kind::changed);
  EXPECT_EQ(done.error().what, "feed/2026-01-01/items.csv");
  fs::remove(folder_.path() / "feed/2026-01-01/items.csv");
  done = again(1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ReexecutionFailure::Kind::missing);
}

TEST_F(Reexecuted, NeedsTheSaltsAndSaysSoWhenTheyAreErased) {
  make(replace_sink);
  const auto at = staged_at(keeper_->view(), SlotId{0}, 1);
  const auto recorded = recorded_attempt(keeper_->view(), *at);
  ASSERT_TRUE(keeper_->payloads().erase(as_address(recorded->staged.salts)));
  const auto done = again(1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ReexecutionFailure::Kind::missing);
  EXPECT_EQ(done.error().what, "the salts of the attempt");
}

TEST_F(Reexecuted, SaysTheFirstRuleRowAndColumnThatAnotherDefinitionMakesDifferent) {
  make(replace_sink);
  std::string text = pipeline_text(replace_sink);
  text.replace(text.find("1.19"), 4, "1.07");
  write("items.pipeline.yaml", text);
  Diagnostics diagnostics;
  auto other = read_pipeline((folder_.path() / "items.pipeline.yaml").string(), diagnostics);
  ASSERT_TRUE(other);
  const auto recorded =
      recorded_attempt(keeper_->view(), *staged_at(keeper_->view(), SlotId{0}, 1));
  StageProgress progress;
  ReexecutionOptions options;
  options.directory = folder_.path() / "what-if";
  options.instead = std::make_shared<const Pipeline>(std::move(*other));
  const auto done = reexecute(keeper_->view(), *recorded, options, progress);
  ASSERT_TRUE(done) << done.error().detail;
  std::vector<std::string> whats;
  for (const Difference& d : done->differences) whats.push_back(d.what);
  EXPECT_EQ(whats, (std::vector<std::string>{"definition", "output root", "content",
                                             "row 1, column gross"}));
  EXPECT_EQ(done->differences.back().recorded, "11.90");
  EXPECT_EQ(done->differences.back().now, "10.70");
}

TEST_F(Reexecuted, KeepsItsSaltsUntilItIsLoadedAndDrawsNewOnesThen) {
  make(replace_sink);
  const auto first = recorded_attempt(keeper_->view(), *staged_at(keeper_->view(), SlotId{0}, 1));
  EXPECT_EQ(slot().salts, PayloadRef{});
  write("feed/2026-01-01/items.csv", "id,name,price\n1,anvil,10.01\n");
  run();
  const auto second = recorded_attempt(keeper_->view(), *staged_at(keeper_->view(), SlotId{0}, 2));
  EXPECT_EQ(first->staged.salts.bytes, 32U);
  EXPECT_NE(first->staged.salts, second->staged.salts);
}

}  // namespace
}  // namespace daybook
