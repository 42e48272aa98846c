// What a stage tells of single rows: the same digests as without, and proofs that hold.
#include "runner/dataplane/lineage.h"

#include "ledger/merkle.h"
#include "tests/runner/dataplane/pipeline_for_tests.h"

namespace daybook::testing {
namespace {

using Kind = ColumnType::Kind;

class Told : public ::testing::Test {
 protected:
  RowWish key(std::string column, std::string value) {
    RowWish one;
    one.key = {{std::move(column), std::move(value)}};
    return one;
  }
  RowWish record(std::uint64_t number) {
    RowWish one;
    one.by = RowWish::By::record;
    one.number = number;
    return one;
  }
  StageResult stage(std::vector<RowWish> wishes, bool steps = true) {
    const auto plain = p.stage();
    EXPECT_TRUE(plain) << plain.error().detail;
    wish.rows = std::move(wishes);
    wish.steps = steps;
    StageRequest request;
    request.pipeline = &p.pipeline;
    request.input = p.input;
    request.current_files = p.current_files;
    request.directory = p.root / ("lineage-" + std::to_string(++p.stages));
    std::filesystem::create_directories(request.directory);
    p.directory = request.directory;
    request.lineage = &wish;
    StageProgress progress;
    auto result = daybook::stage(request, progress);
    EXPECT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->content, plain->content);
    EXPECT_EQ(result->inputs[0].record_root, plain->inputs[0].record_root);
    EXPECT_EQ(result->quarantine_root, plain->quarantine_root);
    for (const RowTold& told : wish.told) {
      for (const OutputTold& row : told.outputs) {
        expect_under(row.proof, row_context, result->output_root);
        for (const RecordTold& one : row.records)
          expect_under(*one.proof, record_context, result->inputs[0].record_root);
      }
      if (told.quarantined)
        expect_under(told.quarantined->proof, quarantine_context, result->quarantine_root);
    }
    return std::move(*result);
  }
  static void expect_under(const LeafProof& proof, std::string_view context, const Digest& root) {
    EXPECT_TRUE(verify_inclusion(salted_leaf(context, proof.salt, bytes_of(proof.bytes)),
                                 proof.index, proof.count, proof.path, root));
  }

  Project p;
  LineageWish wish;
};

TEST_F(Told, TheMembersOfAGroupAndTheGroupOfAMember) {
  p.source("a.csv", "k,v\nb,1\na,2\nb,3\na,0\n");
  p.columns({column("k", Kind::string), column("v", Kind::int32)});
  step::Aggregate aggregate;
  aggregate.by = {"k"};
  aggregate.columns = {{"total", sql("sum(v)")}};
  p.pipeline.steps = {step::Filter{sql("v > 0")}, aggregate};
  stage({key("k", "b"), record(3), record(4)});
  ASSERT_EQ(wish.told[0].outputs.size(), 1U);
  std::vector<std::uint64_t> rows;
  for (const RecordTold& one : wish.told[0].outputs[0].records) rows.push_back(one.row);
  EXPECT_EQ(rows, (std::vector<std::uint64_t>{1, 3}));
  ASSERT_EQ(wish.told[1].outputs.size(), 1U);
  EXPECT_EQ(wish.told[1].outputs[0].index, 1U);
  EXPECT_TRUE(wish.told[2].outputs.empty());
  ASSERT_FALSE(wish.told[2].steps.empty());
  EXPECT_EQ(wish.told[2].steps.back().left, "filtered");
  EXPECT_EQ(wish.told[2].record->text, "a,0");
}

TEST_F(Told, WhichRowsAMergeKeptAndWhichAreNew) {
  p.columns({column("id", Kind::int32), column("v", Kind::string)});
  p.pipeline.sink.mode = LoadMode::merge;
  p.pipeline.sink.key = {"id"};
  p.source("a.csv", "id,v\n5,old\n2,kept\n");
  const auto first = p.stage();
  ASSERT_TRUE(first);
  p.current_files = {p.directory / first->files[0].name};
  p.input.files.clear();
  p.source("b.csv", "id,v\n9,nine\n5,V\n9,again\n");
  const StageResult result = stage({key("id", "2"), key("id", "5"), key("id", "9"), record(1)});
  EXPECT_EQ(result.output_rows, 3U);
  EXPECT_TRUE(wish.told[0].outputs.at(0).kept);
  EXPECT_TRUE(wish.told[0].outputs[0].records.empty());
  EXPECT_FALSE(wish.told[1].outputs.at(0).kept);
  EXPECT_EQ(wish.told[1].outputs[0].records.at(0).text, "5,V");
  EXPECT_EQ(wish.told[2].outputs.at(0).records.at(0).row, 3U);
  const StepTold& last = wish.told[2].steps.back();
  EXPECT_TRUE(last.won);
  EXPECT_EQ(last.rivals, (std::vector<std::pair<std::uint32_t, std::uint64_t>>{{0, 1}}));
  EXPECT_EQ(wish.told[3].steps.back().left, "merged");
}

TEST_F(Told, AQuarantinedRecordWithItsBytesAndADroppedOneWithItsRule) {
  p.source("a.csv", "id,v\n1,x\n2,7\n3,-1\n");
  p.columns({column("id", Kind::int32), column("v", Kind::int32)});
  RowRule least = rule("v.minimum", RowRule::Kind::minimum, "v");
  least.bound = "0";
  least.on_violation = OnViolation::drop_with_record;
  p.pipeline.contract->row_rules = {least};
  RowWish held;
  held.by = RowWish::By::quarantined;
  stage({held, record(3), key("id", "2")});
  ASSERT_TRUE(wish.told[0].quarantined);
  EXPECT_EQ(wish.told[0].quarantined->source->text, "1,x");
  EXPECT_EQ(wish.told[0].quarantined->source->byte_offset, 5U);
  ASSERT_EQ(wish.told[1].steps.size(), 1U);
  EXPECT_EQ(wish.told[1].steps[0].left, "dropped");
  EXPECT_EQ(wish.told[1].steps[0].rule, "v.minimum");
  EXPECT_EQ(wish.told[2].outputs.at(0).records.at(0).text, "2,7");
}

TEST_F(Told, NothingOfARowThatIsNotThere) {
  p.source("a.csv", "id\n1\n");
  p.columns({column("id", Kind::int32)});
  stage({key("id", "2"), key("id", "no number"), record(9)});
  for (const RowTold& told : wish.told) {
    EXPECT_TRUE(told.outputs.empty());
    EXPECT_FALSE(told.record);
  }
}

}  // namespace
}  // namespace daybook::testing
