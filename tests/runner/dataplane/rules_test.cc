// What a broken rule does to its record, and to the batch.
#include "tests/runner/dataplane/pipeline_for_tests.h"

namespace daybook::testing {
namespace {

using Kind = ColumnType::Kind;

RowRule minimum(std::string id, std::string on, std::string bound, OnViolation action) {
  RowRule r = rule(std::move(id), RowRule::Kind::minimum, std::move(on));
  r.bound = std::move(bound);
  r.on_violation = action;
  return r;
}
RowRule expression(std::string id, std::string text, OnViolation action) {
  RowRule r = rule(std::move(id), RowRule::Kind::expression, "");
  r.text = std::move(text);
  r.on_violation = action;
  return r;
}

struct Numbers : Project {
  Numbers() {
    source("a.csv", "id,v\n1,5\n2,-1\n3,7\n4,-2\n");
    columns({column("id", Kind::int32), column("v", Kind::int32)});
  }
  void on_source(RowRule r) { pipeline.contract->row_rules.push_back(std::move(r)); }
  void on_output(RowRule r) {
    if (!pipeline.output) {
      pipeline.output.emplace();
      pipeline.output->columns = pipeline.contract->columns;
    }
    pipeline.output->row_rules.push_back(std::move(r));
  }
};

// The same rule in each place where rules are asked.
enum class Where { reader, steps, output_reader, output_steps };
class Actions : public ::testing::TestWithParam<Where> {
 protected:
  void ask(OnViolation action) {
    switch (GetParam()) {
      case Where::reader: p.on_source(minimum("v.min", "v", "0", action)); break;
      case Where::steps: p.on_source(expression("v.min", "v >= 0", action)); break;
      case Where::output_reader: p.on_output(minimum("v.min", "v", "0", action)); break;
      case Where::output_steps: p.on_output(expression("v.min", "v >= 0", action)); break;
    }
  }
  Numbers p;
};

TEST_P(Actions, QuarantineSetsAside) {
  ask(OnViolation::quarantine);
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "id,v\n1,5\n3,7\n");
  EXPECT_EQ(result->counts, (RowCounts{4, 2, 2, 0, 0}));
  EXPECT_EQ(count_of(*result, "v.min"), 2U);
  EXPECT_EQ(p.quarantine(*result).at(1).bytes, "4,-2");
}

TEST_P(Actions, DropWithRecordCountsAsFiltered) {
  ask(OnViolation::drop_with_record);
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "id,v\n1,5\n3,7\n");
  EXPECT_EQ(result->counts, (RowCounts{4, 2, 0, 2, 0}));
  EXPECT_EQ(count_of(*result, "v.min"), 2U);
  EXPECT_TRUE(result->quarantine_file.empty());
}

TEST_P(Actions, WarnCountsAndKeeps) {
  ask(OnViolation::warn);
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "id,v\n1,5\n2,-1\n3,7\n4,-2\n");
  EXPECT_EQ(result->counts, (RowCounts{4, 4, 0, 0, 0}));
  EXPECT_EQ(count_of(*result, "v.min (warning)"), 2U);
}

TEST_P(Actions, FailRunFailsTheAttempt) {
  ask(OnViolation::fail_run);
  const auto result = p.stage();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error, ErrorClass::contract);
  EXPECT_EQ(result.error().detail, "2 records break the rule v.min, which fails the run");
  EXPECT_EQ(result.error().fingerprint, "rule: v.min");
}

TEST_P(Actions, FailRowIsNotWaivedWhereQuarantineIs) {
  for (const bool strict : {false, true}) {
    Numbers fresh;
    std::swap(p.pipeline.contract, fresh.pipeline.contract);
    p.pipeline.output.reset();
    ask(strict ? OnViolation::fail_row : OnViolation::quarantine);
    p.overlay.clear();
    const auto first = p.stage();
    ASSERT_TRUE(first) << first.error().detail;
    EXPECT_EQ(first->counts.quarantined, 2U);
    p.overlay = {{first->inputs[0].digest, 2, "2,-1", true}};
    const auto result = p.stage(StagedFormat::csv);
    EXPECT_EQ(p.csv(result), strict ? "id,v\n1,5\n3,7\n" : "id,v\n1,5\n2,-1\n3,7\n");
    expect_conserved(*result);
  }
}

TEST_P(Actions, ARuleThatFailsTheRunFailsNothingWhereItHolds) {
  ask(OnViolation::quarantine);
  p.on_source(expression("positive_id", "id > 0", OnViolation::fail_run));
  const auto result = p.stage();
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->counts.quarantined, 2U);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Actions,
                         ::testing::Values(Where::reader, Where::steps, Where::output_reader,
                                           Where::output_steps));

TEST(Rules, TheGravestOfSeveralDecides) {
  Numbers p;
  p.on_source(minimum("drop", "v", "0", OnViolation::drop_with_record));
  p.on_source(minimum("hold", "v", "-1", OnViolation::quarantine));
  p.on_source(minimum("warn", "v", "6", OnViolation::warn));
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "id,v\n1,5\n3,7\n");
  EXPECT_EQ(result->counts, (RowCounts{4, 2, 1, 1, 0}));
  EXPECT_EQ(p.quarantine(*result).at(0).violations.size(), 2U);
  EXPECT_EQ(count_of(*result, "drop"), 2U);
  EXPECT_EQ(count_of(*result, "hold"), 1U);
  EXPECT_EQ(count_of(*result, "warn (warning)"), 3U);
}

TEST(Rules, RepeatedKeysFollowTheirRuleOnBothSides) {
  for (const bool output : {false, true}) {
    for (const OnViolation action : {OnViolation::quarantine, OnViolation::drop_with_record,
                                     OnViolation::warn, OnViolation::fail_run}) {
      Project p;
      p.source("a.csv", "id,v\n1,5\n1,6\n2,7\n");
      p.columns({column("id", Kind::int32), column("v", Kind::int32)});
      RowRule unique = rule("id.unique", RowRule::Kind::unique, "id");
      unique.on_violation = action;
      if (output) {
        p.pipeline.output.emplace();
        p.pipeline.output->columns = p.pipeline.contract->columns;
      }
      (output ? *p.pipeline.output : *p.pipeline.contract).row_rules = {unique};
      const auto result = p.stage(StagedFormat::csv);
      if (action == OnViolation::fail_run) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().error, ErrorClass::contract);
        continue;
      }
      ASSERT_TRUE(result) << result.error().detail;
      const std::uint64_t held = action == OnViolation::quarantine ? 1 : 0;
      const std::uint64_t dropped = action == OnViolation::drop_with_record ? 1 : 0;
      EXPECT_EQ(result->counts, (RowCounts{3, 3 - held - dropped, held, dropped, 0}));
      EXPECT_EQ(
          count_of(*result, action == OnViolation::warn ? "id.unique (warning)" : "id.unique"), 1U);
    }
  }
}

TEST(Rules, ARowThatLeavesAnywayTakesNoKeyFromOneThatStays) {
  for (const bool merge : {false, true}) {
    Project p;
    p.source("a.csv", merge ? "id,v\n1,6\n1,-5\n" : "id,v\n1,-5\n1,6\n");
    p.columns({column("id", Kind::int32), column("v", Kind::int32)});
    p.pipeline.output.emplace();
    p.pipeline.output->columns = p.pipeline.contract->columns;
    p.pipeline.output->row_rules = {minimum("v.min", "v", "0", OnViolation::quarantine)};
    if (merge) {
      p.pipeline.sink.mode = LoadMode::merge;
      p.pipeline.sink.key = {"id"};
    } else {
      p.pipeline.output->row_rules.push_back(rule("id.unique", RowRule::Kind::unique, "id"));
    }
    const auto result = p.stage(StagedFormat::csv);
    EXPECT_EQ(p.csv(result), "id,v\n1,6\n");
    EXPECT_EQ(result->counts, (RowCounts{2, 1, 1, 0, 0}));
  }
}

TEST(Rules, ATypeThatDoesNotFitLeavesWhateverItsWarningSays) {
  for (const OnViolation action :
       {OnViolation::warn, OnViolation::drop_with_record, OnViolation::fail_run}) {
    Project p;
    p.source("a.csv", "id\n1\nx\n");
    p.columns({column("id", Kind::int32)});
    RowRule type = rule("id.number", RowRule::Kind::type, "id");
    type.on_violation = action;
    p.pipeline.contract->row_rules = {type};
    const auto result = p.stage(StagedFormat::csv);
    if (action == OnViolation::fail_run) {
      EXPECT_FALSE(result);
      continue;
    }
    EXPECT_EQ(p.csv(result), "id\n1\n");
    EXPECT_EQ(count_of(*result, "id.number"), 1U);
    EXPECT_EQ(result->counts.quarantined, action == OnViolation::warn ? 1U : 0U);
  }
}

TEST(Rules, ValuesThatMeanMissingAreMissing) {
  Project p;
  p.source("a.csv", "s,n\nok,1\nN/A,2\nx,-1\n,4\n");
  p.columns({column("s", Kind::string), column("n", Kind::int32)});
  RowRule s = rule("s.missing", RowRule::Kind::not_null_metric, "s");
  s.values = {"N/A", "a text longer than twelve bytes"};
  RowRule n = rule("n.missing", RowRule::Kind::not_null_metric, "n");
  n.values = {"-1"};
  p.pipeline.contract->row_rules = {s, n};
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "s,n\nok,1\n");
  EXPECT_EQ(count_of(*result, "s.missing"), 2U);
  EXPECT_EQ(count_of(*result, "n.missing"), 1U);
}

// --- gates ---------------------------------------------------------------------------------------

Gate gate(std::string id, Gate::Kind kind, Gate::Operator op, std::string low,
          bool percent = false) {
  Gate g;
  g.id = std::move(id);
  g.kind = kind;
  g.op = op;
  g.low = std::move(low);
  g.percent = percent;
  return g;
}
std::map<std::string, GateFinding> findings(
    const std::expected<StageResult, StageFailure>& result) {
  std::map<std::string, GateFinding> by_name;
  if (!result) {
    ADD_FAILURE() << result.error().detail;
    return by_name;
  }
  for (const GateFinding& finding : result->gates) by_name[finding.gate] = finding;
  return by_name;
}

// A contract with a row rule and a gate of every kind; asked as source and as output contract.
class Gates : public ::testing::TestWithParam<bool> {
 protected:
  Gates() {
    p.source("a.csv", "id,s,t\n1,a,x\n2,,x\n3,q,N/A\n1,b,x\n5,b,y\n");
    const std::vector<Column> list{column("id", Kind::int32), column("s", Kind::string),
                                   column("t", Kind::string)};
    p.columns(list);
    Contract c;
    c.columns = list;
    c.row_rules = {rule("nulls", RowRule::Kind::not_null_metric, "s"),
                   rule("missing", RowRule::Kind::not_null_metric, "t"),
                   rule("invalid", RowRule::Kind::allowed, "s"),
                   rule("pattern", RowRule::Kind::pattern, "t"),
                   rule("repeats", RowRule::Kind::unique, "id")};
    c.row_rules[1].values = {"N/A"};
    c.row_rules[2].values = {"a", "b"};
    c.row_rules[3].text = "^x$";
    using enum Gate::Kind;
    using enum Gate::Operator;
    c.gates = {gate("rows", row_count, must_be, "5"),
               gate("nulls", null_values, less, "20", true),
               gate("nulls_2", null_values, less_or_equal, "20", true),
               gate("missing", missing_values, must_be, "0"),
               gate("invalid", invalid_values, less_or_equal, "1"),
               gate("pattern", invalid_values, must_be, "2"),
               gate("repeats", duplicate_values, must_not_be, "1"),
               gate("pattern", error_budget, less_or_equal, "39.9", true),
               gate("query", sql, greater, "1")};
    c.gates[8].query = "SELECT sum(id) FROM output";
    Gate ends = gate("between", row_count, Gate::Operator::between, "5");
    ends.high = "6";
    c.gates.push_back(ends);
    if (GetParam()) {
      p.pipeline.output = c;
    } else {
      p.pipeline.contract = c;
    }
  }
  Project p;
};

TEST_P(Gates, OfEveryKindAreAskedOfWhatTheRulesFound) {
  const auto result = p.stage();
  auto found = findings(result);
  ASSERT_EQ(result->gates.size(), 10U);
  EXPECT_EQ(result->counts.accepted, 1U);
  EXPECT_EQ(found["rows"].measured, GetParam() ? "1" : "5");
  EXPECT_EQ(found["nulls"].measured, "20 %");
  EXPECT_FALSE(found["nulls"].passed);
  EXPECT_TRUE(found["nulls_2"].passed);
  EXPECT_EQ(found["missing"].measured, "1");
  EXPECT_FALSE(found["missing"].passed);
  EXPECT_EQ(found["invalid"].measured, "1");
  EXPECT_TRUE(found["invalid"].passed);
  EXPECT_FALSE(found["repeats"].passed);
  EXPECT_EQ(found["pattern"].measured, "40 %");  // the budget; the check before has the same name
  EXPECT_FALSE(found["pattern"].passed);
  EXPECT_TRUE(result->gates[5].passed);
  EXPECT_EQ(found["query"].measured, "1");
  EXPECT_FALSE(found["query"].passed);
  EXPECT_FALSE(found["between"].passed);  // without its ends
}

INSTANTIATE_TEST_SUITE_P(SourceAndOutput, Gates, ::testing::Bool());

TEST(Gates, AQueryOfTheSourceContractReadsTheSourceNotTheOutput) {
  Numbers p;
  p.pipeline.contract->gates = {
      gate("sum", Gate::Kind::sql, Gate::Operator::must_be, "9"),
      gate("broken", Gate::Kind::sql, Gate::Operator::must_be, "9"),
      gate("share", Gate::Kind::sql, Gate::Operator::must_be, "50", true)};
  p.pipeline.contract->gates[0].query = "SELECT sum(v) FROM output";
  p.pipeline.contract->gates[1].query = "SELECT CAST('x' AS INTEGER) + sum(v) FROM output";
  p.pipeline.contract->gates[2].query = "SELECT count(*) FROM output WHERE v < 0";
  p.pipeline.steps = {step::Filter{sql("v > 0")}, step::Derive{{{"v", sql("v * 10")}}}};
  const auto result = p.stage();
  auto found = findings(result);
  EXPECT_TRUE(found["sum"].passed) << found["sum"].measured;
  EXPECT_FALSE(found["broken"].passed);
  EXPECT_TRUE(found["broken"].measured.starts_with("can not be computed"))
      << found["broken"].measured;
  EXPECT_TRUE(found["share"].passed) << found["share"].measured;
  EXPECT_EQ(result->counts, (RowCounts{4, 2, 0, 2, 0}));
}

TEST(Gates, TheQuarantineBudgetIsExact) {
  const auto passes = [](const std::string& percent) {
    Project p;
    p.source("a.csv", "id\n1\n2\nx\n");
    p.columns({column("id", Kind::int32)});
    p.pipeline.quarantine_budget_percent = percent;
    auto found = findings(p.stage());
    return found["quarantine_budget"].passed;
  };
  EXPECT_FALSE(passes("33.333333333"));
  EXPECT_TRUE(passes("33.333333334"));
  EXPECT_TRUE(passes("100"));
  EXPECT_FALSE(passes("0"));
}

TEST(Gates, AFileOfWhichNothingIsGoodIsHeldUnlessABudgetSaysOtherwise) {
  const auto found = [](const std::string& percent, const std::string& text) {
    Project p;
    p.source("a.csv", text);
    p.columns({column("id", Kind::int32)});
    p.pipeline.quarantine_budget_percent = percent;
    return findings(p.stage());
  };
  EXPECT_FALSE(found("", "id\nx\ny\n")["quarantine_budget"].passed);
  EXPECT_FALSE(found("", "id\nx\n1\n").contains("quarantine_budget"));
  EXPECT_TRUE(found("100", "id\nx\ny\n")["quarantine_budget"].passed);
}

TEST(Gates, WhatAFilterLeftOutDoesNotMakeBadRecordsAnOutcome) {
  const auto found = [](const std::string& text) {
    Project p;
    p.source("a.csv", text);
    p.columns({column("id", Kind::int32)});
    p.pipeline.steps = {step::Filter{sql("id > 5")}};
    return findings(p.stage());
  };
  const auto held = found("id\n1\n2\nx\n");
  ASSERT_TRUE(held.contains("quarantine_budget"));
  EXPECT_FALSE(held.at("quarantine_budget").passed);
  EXPECT_EQ(held.at("quarantine_budget").measured, "100 %: 1 of 3 records set aside, none is left");
  EXPECT_FALSE(found("id\n1\n2\n").contains("quarantine_budget")) << "all filtered is no fault";
}

TEST(Gates, APartitionByColumnIsHeldWithTheWholeSourceOrWhenItIsLarge) {
  const auto held = [](const std::string& text, const std::string& key) {
    Project p;
    p.source("a.csv", "day,v\n" + text);
    p.columns({column("day", Kind::date), column("v", Kind::int32)});
    p.pipeline.partition.by = Partitioning::By::column;
    p.pipeline.partition.name = "day";
    p.column_key = key;
    const auto found = findings(p.stage());
    return found.contains("quarantine_budget") && !found.at("quarantine_budget").passed;
  };
  std::string many;
  for (int i = 0; i < 100; ++i) many += "2024-01-01,x\n";
  const std::string good = "2024-01-02,1\n", bad = "2024-01-01,x\n2024-01-02,y\nsoon,1\n";
  EXPECT_FALSE(held(good + "2024-01-01,x\n", "2024-01-01")) << "one bad record of one";
  EXPECT_TRUE(held(bad, "2024-01-01")) << "nothing of the source is good";
  EXPECT_TRUE(held(bad, "unkeyed")) << "nothing of the source is good";
  EXPECT_TRUE(held(good + many, "2024-01-01")) << "a hundred bad records of a hundred";
  std::string unkeyed;
  for (int i = 0; i < 100; ++i) unkeyed += "soon,1\n";
  EXPECT_FALSE(held(good + unkeyed, "unkeyed")) << "records without a key are never good";
}

TEST(Gates, AnEmptyBatchBreaksNoShare) {
  Project p;
  p.source("a.csv", "id\n");
  p.columns({column("id", Kind::int32)});
  p.pipeline.allow_empty = true;
  p.pipeline.quarantine_budget_percent = "0";
  p.pipeline.contract->row_rules = {rule("nulls", RowRule::Kind::not_null_metric, "id")};
  p.pipeline.contract->gates = {
      gate("nulls", Gate::Kind::null_values, Gate::Operator::less, "1", true)};
  for (const auto& [name, finding] : findings(p.stage())) EXPECT_TRUE(finding.passed) << name;
}

// --- partitions by a column ----------------------------------------------------------------------

class Keys : public ::testing::TestWithParam<FileFormat> {
 protected:
  Keys() {
    p.columns({column("day", Kind::date), column("v", Kind::int32)});
    RowRule least = rule("v.min", RowRule::Kind::minimum, "v");
    least.bound = "0";
    p.pipeline.contract->row_rules = {least};
    FileSource source;
    source.format = GetParam();
    p.pipeline.source = source;
    p.pipeline.partition.by = Partitioning::By::column;
    p.pipeline.partition.name = "day";
    if (GetParam() == FileFormat::csv) {
      p.source("a.csv",
               "day,v\n2024-01-01,1\n2024-01-02,2\nsoon,3\n2024-01-03,x\n2024-01-04,-1\n"
               "2024-01-01,4,more\n,5\n2024-01-01,6\n\xff,7\n");
    } else {
      p.source("a.jsonl",
               "{\"day\":\"2024-01-01\",\"v\":1}\n{\"day\":\"2024-01-02\",\"v\":2}\n"
               "{\"day\":\"soon\",\"v\":3}\n{\"day\":\"2024-01-03\",\"v\":\"x\"}\n"
               "{\"day\":\"2024-01-04\",\"v\":-1}\n{\"day\":\"2024-01-01\",\"v\":4,\"w\":1}\n"
               "{\"v\":5}\n{\"v\":6,\"day\":\"2024-01-01\"}\n{\"day\":\n");
    }
  }
  Project p;
};

TEST_P(Keys, EveryRecordIsOfExactlyOnePartition) {
  StageProgress progress;
  const auto keys = discover_partitions(p.pipeline, p.input, progress);
  ASSERT_TRUE(keys);
  EXPECT_EQ(*keys, (std::vector<std::string>{"2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04",
                                             "unkeyed"}));
  std::uint64_t read = 0, good = 0, bad = 0;
  std::set<std::uint64_t> rows;
  for (const std::string& key : *keys) {
    p.column_key = key;
    const auto result = p.stage();
    ASSERT_TRUE(result) << key << ": " << result.error().detail;
    expect_conserved(*result);
    EXPECT_GT(result->counts.read, 0U) << key;
    read += result->counts.read;
    good += result->counts.accepted;
    bad += result->counts.quarantined;
    for (const QuarantinedRecord& record : p.quarantine(*result)) {
      EXPECT_TRUE(rows.insert(record.row).second) << record.row;
    }
  }
  EXPECT_EQ(read, 9U);
  EXPECT_EQ(good, 4U);  // the one without a day among them
  EXPECT_EQ(bad, 5U);
}

TEST_P(Keys, AReplacementIsOfThePartitionWhoseRecordItReplaces) {
  p.column_key = "unkeyed";
  const auto first = p.stage();
  ASSERT_TRUE(first);
  const Digest source = first->inputs[0].digest;
  const bool csv = GetParam() == FileFormat::csv;
  p.overlay = {{source, 3, csv ? "2024-01-01,3" : "{\"day\":\"2024-01-01\",\"v\":3}", false}};
  const auto result = p.stage();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.read, first->counts.read);
  EXPECT_EQ(result->counts.accepted, first->counts.accepted + 1);
  // Nor is it lost where it can not be read.
  p.column_key = "2024-01-04";
  p.overlay = {{source, 5, csv ? "1,2,3" : "[]", false}};
  EXPECT_EQ(p.stage()->counts, (RowCounts{1, 0, 1, 0, 0}));
}

TEST_P(Keys, APartitionWithoutUnkeyedRecordsHasNoneFound) {
  write_file(p.input.files[0], GetParam() == FileFormat::csv
                                   ? "day,v\n2024-01-03,x\n"
                                   : "{\"day\":\"2024-01-03\",\"v\":\"x\"}\n");
  StageProgress progress;
  EXPECT_EQ(*discover_partitions(p.pipeline, p.input, progress),
            (std::vector<std::string>{"2024-01-03"}));
}

INSTANTIATE_TEST_SUITE_P(Formats, Keys, ::testing::Values(FileFormat::csv, FileFormat::jsonl));

// --- replacements --------------------------------------------------------------------------------

TEST(Replacements, ThatAreNotOneRecordAreRefusedWithTheirBytes) {
  Numbers p;
  const auto first = p.stage();
  ASSERT_TRUE(first);
  const std::pair<std::string, std::string> cases[] = {
      {"2,1\n9,9", "the replacement is 2 records, not one"},
      {"2,\"1", "the replacement opens a quote that it does not close"},
      {"", "is an empty line"},
      {"2", "has 1 fields, the header has 2"}};
  for (const auto& [bytes, message] : cases) {
    const auto said = validate_record(p.pipeline, "id,v", bytes);
    ASSERT_EQ(said.size(), 1U) << bytes;
    EXPECT_EQ(said[0].message, message);
    for (const bool alone : {false, true}) {
      p.overlay = {{first->inputs[0].digest, 2, bytes, true},
                   {first->inputs[0].digest, 3, "3,70", false}};
      p.overlay_only = alone;
      const auto result = p.stage(StagedFormat::csv);
      EXPECT_EQ(p.csv(result), alone ? "id,v\n3,70\n" : "id,v\n1,5\n3,70\n4,-2\n") << bytes;
      const auto bad = p.quarantine(*result);
      ASSERT_EQ(bad.size(), 1U);
      EXPECT_EQ(bad[0].row, 2U);
      EXPECT_EQ(bad[0].bytes, bytes);
      EXPECT_EQ(bad[0].violations.at(0).message, message);
    }
  }
}

TEST(Replacements, OfOneColumnAreRefusedTooWhereAnEmptyLineWouldBeARecord) {
  Project p;
  p.source("a.csv", "s\na\nb\n");
  p.columns({column("s", Kind::string)});
  const auto first = p.stage();
  ASSERT_TRUE(first) << first.error().detail;
  p.overlay = {{first->inputs[0].digest, 2, "x\ny", true}};
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "s\na\n");
  EXPECT_EQ(p.quarantine(*result).at(0).bytes, "x\ny");
}

TEST(Replacements, OfJsonAreOneLine) {
  Project p;
  FileSource source;
  source.format = FileFormat::jsonl;
  p.pipeline.source = source;
  p.columns({column("v", Kind::int32)});
  EXPECT_TRUE(validate_record(p.pipeline, "", "{\"v\":1}").empty());
  EXPECT_EQ(validate_record(p.pipeline, "", "{\"v\":1}\n{\"v\":2}").at(0).message,
            "the replacement is 2 records, not one");
}

TEST(QuarantineFile, IsInSourceOrderWhateverFoundTheFault) {
  Numbers p;
  write_file(p.input.files[0], "id,v\n1,-1\n2,3,4\n3,x\n4,8\n\xff,1\n6,-2\n");
  p.on_source(minimum("v.min", "v", "0", OnViolation::quarantine));
  p.pipeline.steps = {step::Assert{"not_eight", sql("v <> 8"), step::Assert::Else::quarantine}};
  const auto result = p.stage();
  ASSERT_TRUE(result);
  std::vector<std::uint64_t> rows;
  for (const QuarantinedRecord& record : p.quarantine(*result)) rows.push_back(record.row);
  EXPECT_EQ(rows, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

TEST(TypeRule, SaysInWordsWhatPeopleMostOftenMeet) {
  Project p;
  p.columns({column("n", Kind::decimal, 10, 2), column("at", Kind::timestamp),
             column("zoned", Kind::timestamp_tz)});
  p.source("a.csv",
           "n,at,zoned\n"
           "\"8,90\",2026-01-01T00:00:00Z,2026-01-01T00:00:00\n"
           " 1,2026-01-01 00:00:00+01:00,2026-01-01T00:00:00Z\n"
           "eight,yesterday,2026-01-01T00:00:00+02:00\n");
  const auto result = p.stage();
  ASSERT_TRUE(result) << result.error().detail;
  const auto bad = p.quarantine(*result);
  ASSERT_EQ(bad.size(), 3U);
  const auto said = [&](std::size_t record, std::size_t violation) {
    return bad[record].violations.at(violation).message;
  };
  EXPECT_EQ(
      said(0, 0),
      "\"8,90\" is not a DECIMAL(10,2): a number has a decimal point, and nothing between its "
      "thousands");
  EXPECT_EQ(
      said(0, 1),
      "\"2026-01-01T00:00:00Z\" is not a TIMESTAMP: it names a time zone, the column has none "
      "(logicalTypeOptions: {timezone: true})");
  EXPECT_EQ(said(0, 2), "\"2026-01-01T00:00:00\" is not a TIMESTAMPTZ: it names no time zone");
  EXPECT_EQ(said(1, 0), "\" 1\" is not a DECIMAL(10,2): there are blanks around it");
  EXPECT_TRUE(said(1, 1).find("it names a time zone") != std::string::npos);
  EXPECT_EQ(said(2, 0), "\"eight\" is not a DECIMAL(10,2)");
  EXPECT_EQ(said(2, 1), "\"yesterday\" is not a TIMESTAMP");
  EXPECT_EQ(bad[2].violations.size(), 2U);
}

}  // namespace
}  // namespace daybook::testing
