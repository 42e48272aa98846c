#include "runner/dataplane/stage.h"

#include "ledger/merkle.h"
#include "runner/dataplane/leaves.h"
#include "tests/runner/dataplane/pipeline_for_tests.h"

namespace daybook::testing {
namespace {

using Kind = ColumnType::Kind;

struct Orders : Project {
  Orders() {
    source("orders.csv",
           "id,amount,country\n"
           "1,10.50,DE\n"
           "2,x,FR\n"
           "3,-1.00,XX\n"
           "4,7.25,FR\n");
    columns({column("id", Kind::int64), column("amount", Kind::decimal, 10, 2),
             column("country", Kind::string)});
    RowRule minimum = rule("amount.minimum", RowRule::Kind::minimum, "amount");
    minimum.bound = "0";
    RowRule allowed = rule("country.allowed", RowRule::Kind::allowed, "country");
    allowed.values = {"DE", "FR"};
    pipeline.contract->row_rules = {minimum, allowed};
  }
};

TEST(Stage, KeepsGoodRecordsInOrderAndSetsBadOnesAsideWithEveryRuleTheyBreak) {
  Orders p;
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "id,amount,country\n1,10.50,DE\n4,7.25,FR\n");
  EXPECT_EQ(result->counts, (RowCounts{4, 2, 2, 0, 0}));
  const auto bad = p.quarantine(*result);
  ASSERT_EQ(bad.size(), 2U);
  EXPECT_EQ(bad[0].row, 2U);
  EXPECT_EQ(bad[0].bytes, "2,x,FR");
  EXPECT_EQ(bad[0].byte_offset, 29U);
  ASSERT_EQ(bad[0].violations.size(), 1U);
  EXPECT_EQ(bad[0].violations[0].message, "\"x\" is not a DECIMAL(10,2)");
  ASSERT_EQ(bad[1].violations.size(), 2U);
  EXPECT_EQ(bad[1].violations[0].rule, "amount.minimum");
  EXPECT_EQ(bad[1].violations[1].rule, "country.allowed");
}

TEST(Stage, CommitsToEveryRecordWithAnRfc6962Tree) {
  Orders p;
  const auto result = p.stage();
  ASSERT_TRUE(result);
  std::vector<Digest> leaves;
  const LeafSalts salts(Digest{}, record_context);
  for (const std::string record : {"1,10.50,DE", "2,x,FR", "3,-1.00,XX", "4,7.25,FR"}) {
    leaves.push_back(salted_leaf(record_context, salts.of(leaves.size() + 1), bytes_of(record)));
  }
  EXPECT_EQ(hex(result->inputs[0].record_root), hex(merkle_root(leaves)));
  EXPECT_EQ(result->inputs[0].records, 4U);
  EXPECT_EQ(result->inputs[0].digest, sha256(bytes_of(read_file(p.input.files[0]))));
}

TEST(Stage, CountsWhatEveryStepTakesAway) {
  Project p;
  p.source("a.csv", "id,v\n1,1\n2,2\n1,3\n3,4\n4,5\n");
  p.columns({column("id", Kind::int32), column("v", Kind::int32)});
  step::Dedupe dedupe;
  dedupe.key = {"id"};
  dedupe.keep = step::Dedupe::Keep::last;
  p.pipeline.steps = {step::Filter{sql("v < 5")}, dedupe, step::Derive{{{"w", sql("v * 2")}}},
                      step::Assert{"not_eight", sql("w <> 8"), step::Assert::Else::quarantine}};
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "id,v,w\n2,2,4\n1,3,6\n");
  EXPECT_EQ(result->counts, (RowCounts{5, 2, 1, 1, 1}));
  EXPECT_EQ(count_of(*result, "step 1 filter"), 1U);
  EXPECT_EQ(count_of(*result, "step 2 dedupe"), 1U);
  EXPECT_EQ(count_of(*result, "not_eight"), 1U);
  const auto bad = p.quarantine(*result);
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_EQ(bad[0].bytes, "3,4");
  EXPECT_EQ(bad[0].row, 4U);
}

TEST(Stage, QuarantinesTheRecordOnWhichAnExpressionFailsAndNoOther) {
  Project p;
  p.source("a.csv", "id,v\n1,2147483647\n2,2\n3,\n");
  p.columns({column("id", Kind::int32), column("v", Kind::int32)});
  p.pipeline.steps = {step::Derive{{{"w", sql("v + CAST(1 AS INTEGER)")}}}};
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "id,v,w\n2,2,3\n3,,\n");
  EXPECT_EQ(result->counts, (RowCounts{3, 2, 1, 0, 0}));
  EXPECT_EQ(p.quarantine(*result)[0].bytes, "1,2147483647");
}

TEST(Stage, LooksUpAndQuarantinesWhatIsMissing) {
  Project p;
  p.source("a.csv", "id,c\n1,DE\n2,ZZ\n3,FR\n");
  p.columns({column("id", Kind::int32), column("c", Kind::string)});
  write_file(p.root / "countries.csv", "code,name\nFR,France\nDE,Germany\n");
  step::Lookup lookup;
  lookup.from.path = "countries.csv";
  lookup.on = {{"c", "code"}};
  lookup.take = {{"name", "country"}};
  p.pipeline.steps = {lookup};
  p.input.lookup_files = {(p.root / "countries.csv").string()};
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "id,c,country\n1,DE,Germany\n3,FR,France\n");
  EXPECT_EQ(p.quarantine(*result)[0].bytes, "2,ZZ");
  EXPECT_EQ(result->inputs.size(), 2U);
  write_file(p.root / "countries.csv", "code,name\nFR,France\nFR,Gaul\n");
  EXPECT_EQ(p.stage().error().code, "lookup.duplicate_key");
}

TEST(Stage, AggregatesInKeyOrderAndCountsTheRowsOfAGroupAsMerged) {
  Project p;
  p.source("a.csv", "k,v\nb,1\na,2\nb,3\n");
  p.columns({column("k", Kind::string), column("v", Kind::int32)});
  step::Aggregate aggregate;
  aggregate.by = {"k"};
  aggregate.columns = {{"total", sql("sum(v)")}};
  p.pipeline.steps = {step::Filter{sql("v > 0")}, aggregate};
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "k,total\na,2\nb,4\n");
  EXPECT_EQ(result->counts, (RowCounts{3, 2, 0, 0, 1}));
}

TEST(Stage, RunsAWholeQueryOverTheRowsWithoutAccessToFiles) {
  Project p;
  p.source("a.csv", "k,v\nb,1\na,2\nb,3\n");
  p.columns({column("k", Kind::string), column("v", Kind::int32)});
  p.pipeline.steps = {step::Sql{"SELECT k, max(v) AS m FROM input GROUP BY k ORDER BY m DESC", {}}};
  auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "k,m\nb,3\na,2\n");
  p.pipeline.steps = {step::Sql{"SELECT * FROM read_csv('/etc/passwd')", {}}};
  result = p.stage();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().detail.find("disabled"), std::string::npos) << result.error().detail;
}

TEST(Stage, HoldsRepeatedKeysOfAUniqueColumn) {
  Project p;
  p.source("a.csv", "id\n1\nx\n2\n1\n");
  p.columns({column("id", Kind::int32)});
  p.pipeline.contract->row_rules = {rule("id.unique", RowRule::Kind::unique, "id")};
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "id\n1\n2\n");
  EXPECT_EQ(count_of(*result, "id.unique"), 1U);
  EXPECT_EQ(p.quarantine(*result).at(1).row, 4U);
}

TEST(Stage, ChecksTheOutputContractAndItsGates) {
  Project p;
  p.source("a.csv", "id,v\n1,100\n2,300\n3,5\n");
  p.columns({column("id", Kind::int32), column("v", Kind::int32)});
  p.pipeline.output.emplace();
  p.pipeline.output->columns = {column("v", Kind::uint8), column("id", Kind::int32)};
  RowRule minimum = rule("v.minimum", RowRule::Kind::minimum, "v");
  minimum.bound = "10";
  p.pipeline.output->row_rules = {minimum};
  Gate gate;
  gate.id = "rows";
  gate.op = Gate::Operator::greater_or_equal;
  gate.low = "2";
  Gate sum;
  sum.id = "sum";
  sum.kind = Gate::Kind::sql;
  sum.query = "SELECT sum(v) FROM output";
  sum.low = "100";
  p.pipeline.output->gates = {gate, sum};
  p.pipeline.quarantine_budget_percent = "66.5";
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_EQ(p.csv(result), "v,id\n100,1\n");
  EXPECT_EQ(count_of(*result, "v.type"), 1U);
  EXPECT_EQ(count_of(*result, "v.minimum"), 1U);
  ASSERT_EQ(result->gates.size(), 3U);
  EXPECT_FALSE(result->gates[0].passed);
  EXPECT_EQ(result->gates[0].measured, "1");
  EXPECT_EQ(result->gates[0].required, ">= 2");
  EXPECT_TRUE(result->gates[1].passed);
  EXPECT_FALSE(result->gates[2].passed);
}

TEST(Stage, GivesTheSameBytesAndDigestsWithAnyNumberOfThreads) {
  Project p;
  std::string text = "id,amount,note\n";
  for (int i = 0; i < 1'600'000; ++i) {
    text += std::to_string(i) + (i % 1000 == 7 ? ",bad,x\n" : ",1.25,\"some, text of a row\"\n");
  }
  p.source("big.csv", text);
  p.columns({column("id", Kind::int64), column("amount", Kind::decimal, 12, 2),
             column("note", Kind::string)});
  p.pipeline.steps = {step::Derive{{{"twice", sql("amount * 2")}}},
                      step::Filter{sql("id % 3 <> 0")}};
  const auto one = p.stage(StagedFormat::parquet, 1);
  ASSERT_TRUE(one) << one.error().detail;
  const auto two = p.stage(StagedFormat::parquet, 2);
  ASSERT_TRUE(two);
  EXPECT_GT(one->files.size(), 1U);
  EXPECT_EQ(one->counts, two->counts);
  expect_conserved(*one);
  EXPECT_EQ(one->counts.quarantined, 1600U);
  EXPECT_EQ(one->inputs, two->inputs);
  EXPECT_EQ(one->output_root, two->output_root);
  EXPECT_EQ(one->content, two->content);
  EXPECT_EQ(one->quarantine_root, two->quarantine_root);
  ASSERT_EQ(one->files.size(), two->files.size());
  for (std::size_t i = 0; i < one->files.size(); ++i) {
    EXPECT_EQ(hex(one->files[i].digest), hex(two->files[i].digest)) << i;
  }
}

TEST(Stage, WritesEveryFormWithNullsToldFromEmptyText) {
  Project p;
  p.source("a.csv", "a,b\n,x\n\"\",\"t\"\"q\"\n");
  p.columns({column("a", Kind::string), column("b", Kind::string)});
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "a,b\n,x\n\"\",\"t\"\"q\"\n");
  EXPECT_EQ(p.csv(p.stage(StagedFormat::jsonl)),
            "{\"a\":null,\"b\":\"x\"}\n{\"a\":\"\",\"b\":\"t\\\"q\"}\n");
  EXPECT_EQ(p.csv(p.stage(StagedFormat::postgres_copy)), "\\N\tx\n\tt\"q\n");
}

TEST(Stage, PutsReleasedAndAmendedRecordsInTheirPlace) {
  Orders p;
  const auto first = p.stage();
  ASSERT_TRUE(first);
  const Digest source = first->inputs[0].digest;
  p.overlay = {{source, 2, "2,20.00,FR", false}, {source, 3, "3,-1.00,XX", true}};
  auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "id,amount,country\n1,10.50,DE\n2,20.00,FR\n3,-1.00,XX\n4,7.25,FR\n");
  EXPECT_EQ(result->inputs[0].record_root, first->inputs[0].record_root);
  EXPECT_NE(result->inputs_digest, first->inputs_digest);
  p.overlay_only = true;
  result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "id,amount,country\n2,20.00,FR\n3,-1.00,XX\n");
  EXPECT_EQ(result->counts.read, 2U);
}

TEST(Stage, MergesWithTheCurrentGenerationByKey) {
  Project p;
  p.source("a.csv", "id,v\n2,new\n5,five\n2,newer\n");
  p.columns({column("id", Kind::int32), column("v", Kind::string)});
  p.pipeline.sink.mode = LoadMode::merge;
  p.pipeline.sink.key = {"id"};
  auto first = p.stage();
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->counts, (RowCounts{3, 2, 0, 0, 1}));
  p.current_files = {p.directory / first->files[0].name};
  p.input.files.clear();
  p.source("b.csv", "id,v\n9,nine\n5,V\n");
  const auto second = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(second), "id,v\n2,newer\n5,V\n9,nine\n");
  EXPECT_EQ(second->counts.accepted, 2U);
  EXPECT_EQ(second->output_rows, 3U);
}

TEST(Stage, ReadsParquetUnderTheSameRules) {
  Orders p;
  p.pipeline.contract->row_rules.clear();
  const auto made = p.stage();
  ASSERT_TRUE(made) << made.error().detail;
  Orders q;
  FileSource source;
  source.format = FileFormat::parquet;
  q.pipeline.source = source;
  q.input.files = {(p.directory / made->files[0].name).string()};
  const auto result = q.stage(StagedFormat::csv);
  EXPECT_EQ(q.csv(result), "id,amount,country\n1,10.50,DE\n4,7.25,FR\n");
  EXPECT_EQ(result->counts, (RowCounts{3, 2, 1, 0, 0}));
}

TEST(Stage, ReadsOnePartitionOfAColumn) {
  Project p;
  p.source("a.csv", "day,v\n2024-01-01,1\n2024-01-02,2\n2024-01-01,3\nsoon,4\n");
  p.columns({column("day", Kind::date), column("v", Kind::int32)});
  p.pipeline.partition.by = Partitioning::By::column;
  p.pipeline.partition.name = "day";
  p.pipeline.partition.unit = Partitioning::Unit::month;
  StageProgress progress;
  EXPECT_EQ(*discover_partitions(p.pipeline, p.input, progress),
            (std::vector<std::string>{"2024-01", "unkeyed"}));
  p.pipeline.partition.unit = Partitioning::Unit::value;
  p.column_key = "2024-01-01";
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "day,v\n2024-01-01,1\n2024-01-01,3\n");
  EXPECT_EQ(result->counts.read, 2U);
  EXPECT_EQ(result->inputs[0].records, 4U);
  p.column_key = "unkeyed";
  EXPECT_EQ(p.stage()->counts, (RowCounts{1, 0, 1, 0, 0}));
}

TEST(Stage, ValidatesOneReplacementRecord) {
  Orders p;
  EXPECT_TRUE(validate_record(p.pipeline, "id,amount,country", "1,2.00,DE").empty());
  const auto broken = validate_record(p.pipeline, "id,amount,country", "1,-2,XX");
  ASSERT_EQ(broken.size(), 2U);
  EXPECT_EQ(broken[0].rule, "amount.minimum");
}

TEST(Stage, StopsWhenAskedTo) {
  Orders p;
  StageRequest request;
  request.pipeline = &p.pipeline;
  request.input = p.input;
  request.directory = p.root / "cancelled";
  std::filesystem::create_directories(request.directory);
  StageProgress progress;
  progress.cancel = true;
  EXPECT_EQ(stage(request, progress).error().code, "cancelled");
}

}  // namespace
}  // namespace daybook::testing
