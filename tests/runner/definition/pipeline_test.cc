#include "runner/definition/pipeline.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runner/definition/partitions.h"
#include "runner/definition/pipeline_fields.h"
#include "runner/definition/reference_page.h"
#include "tests/support/temporary_directory.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string contract_text =
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"
    "schema:\n  - name: t\n    properties:\n"
    "      - {name: id, logicalType: integer, required: true}\n"
    "      - {name: name, logicalType: string}\n"
    "      - {name: length_ft, logicalType: integer}\n"
    "      - {name: closed, logicalType: boolean}\n"
    "      - {name: seen_on, logicalType: date}\n";

// A folder of its own for each test, gone afterwards.
class Project {
 public:
  Project() { write("in.odcs.yaml", contract_text); }
  fs::path root() const { return root_.path(); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }

 private:
  TemporaryDirectory root_;
};

struct Read {
  std::optional<Pipeline> pipeline;
  Diagnostics diagnostics;
  bool has(const DiagnosticCode& code) const {
    return std::ranges::any_of(diagnostics, [&](const Diagnostic& d) { return d.code == code.id; });
  }
  std::string all() const {
    std::string out;
    for (const Diagnostic& d : diagnostics) out += render(d);
    return out;
  }
};

Read read(const Project& project, const std::string& text) {
  project.write("p.pipeline.yaml", text);
  Read r;
  r.pipeline = read_pipeline((project.root() / "p.pipeline.yaml").string(), r.diagnostics);
  return r;
}

std::string with(const std::string& more, const std::string& path = "feed/{day}/in.csv") {
  return "pipeline: p\nsource: {csv: {path: \"" + path +
         "\"}}\ncontract: in.odcs.yaml\n"
         "partition: {by: day, type: date}\nsink: {parquet: {path: lake/p}}\n" +
         more;
}

TEST(Pipeline, CarriesTheColumnsThroughEveryStep) {
  const Project project;
  const Read r = read(
      project, with("steps:\n"
                    "  - dedupe: {key: [id], keep: last, order_by: seen_on}\n"
                    "  - derive: {length_m: \"round(length_ft * 0.3048, 1)\"}\n"
                    "  - filter: not closed\n"
                    "  - rename: {name: title}\n"
                    "  - lookup: {from: {csv: {path: \"feed/{day}/c.csv\"}}, on: {title: code}, "
                    "take: {country: name}}\n"
                    "  - flag: {column: is_long, when: length_m > 100}\n"
                    "  - assert: {name: positive, that: length_m > 0, else: warn}\n"
                    "  - mask: {columns: [title], method: hash}\n"
                    "  - sql: select id, upper(title) as title, length_m from input\n"
                    "  - aggregate: {by: [title], columns: {n: count(*), total: sum(length_m)}}\n"
                    "  - select: [n, title]\n"));
  ASSERT_TRUE(r.pipeline) << r.all();
  const Pipeline& p = *r.pipeline;
  ASSERT_EQ(p.schema.size(), p.steps.size() + 1);
  EXPECT_EQ(p.schema[0].size(), 5u);
  EXPECT_EQ(p.schema[2].back().name, "length_m");
  EXPECT_EQ(sql_name(p.schema[2].back().type), "DECIMAL(24,1)");
  EXPECT_EQ(step_name(p.steps[4]), "lookup");
  EXPECT_THAT(std::get<step::Lookup>(p.steps[4]).take,
              ElementsAre(std::pair<std::string, std::string>("name", "country")));
  EXPECT_EQ(std::get<step::Filter>(p.steps[2]).keep.sql, "(NOT \"closed\")");
  EXPECT_EQ(p.schema.back().at(0).name, "n");
  EXPECT_EQ(p.sink.name(), "parquet:lake/p");
}

TEST(Pipeline, EveryFaultOfEveryFileIsToldAtOnce) {
  const Project project;
  project.write("out.odcs.yaml", contract_text + "      - {name: x, logicalType: strin}\n");
  const Read r =
      read(project, with("output: out.odcs.yaml\nretri: {attempts: 3}\nsteps:\n  - filter: clsed\n"
                         "  - derive: {a: now()}\n  - selct: [id]\n  - select: [idd]\n"));
  EXPECT_FALSE(r.pipeline);
  EXPECT_TRUE(r.has(code::unknown_field));
  EXPECT_TRUE(r.has(code::unknown_column));
  EXPECT_TRUE(r.has(code::volatile_function));
  EXPECT_THAT(r.all(), HasSubstr("did you mean \"retry\"?"));
  EXPECT_THAT(r.all(), HasSubstr("did you mean \"select\"?"));
  EXPECT_THAT(r.all(), HasSubstr("did you mean \"closed\"?"));
  EXPECT_THAT(r.all(), HasSubstr("out.odcs.yaml"));
}

TEST(Pipeline, ExpressionFaultsStandAtTheirLineAndColumn) {
  const Project project;
  const Read r = read(project, with("steps:\n  - derive: {m: \"round(lenght_ft * 0.3, 1)\"}\n"));
  ASSERT_EQ(r.diagnostics.size(), 1u) << r.all();
  EXPECT_EQ(r.diagnostics[0].span, (Span{.line = 7, .column = 24, .length = 9}));
  EXPECT_THAT(render(r.diagnostics[0]), HasSubstr("^^^^^^^^^ unknown column"));
}

TEST(Pipeline, PathsNeverLeaveTheProject) {
  const Project project;
  for (const char* path :
       {"../../etc/passwd", "/etc/passwd", "a/../../b", "%2e%2e/x", "a//b", "C:\\\\x", "a./b",
        "a\\\\b", "a/", "./a", "~/a", ".daybook/keys/log.key", "lake/.daybook"})
    EXPECT_TRUE(read(project, with("", path)).has(code::bad_path)) << path;
}

TEST(Pipeline, AContractBehindALinkOutOfTheProjectIsNotRead) {
  const Project project;
  const Project other;
  fs::remove(project.root() / "in.odcs.yaml");
  fs::create_symlink(other.root() / "in.odcs.yaml", project.root() / "in.odcs.yaml");
  const Read r = read(project, with(""));
  EXPECT_TRUE(r.has(code::unreadable));
  EXPECT_THAT(r.all(), HasSubstr("leads out of the project"));
}

TEST(Pipeline, NamesAreIdentifiers) {
  const Project project;
  for (const std::string& name :
       {std::string("'x\"; DROP TABLE y;--'"), std::string(64, 'a'), std::string("''"),
        std::string("null"), std::string("аmount"), std::string("[a]")})
    EXPECT_FALSE(read(project, "pipeline: " + name + with("").substr(11)).pipeline) << name;
  EXPECT_TRUE(
      read(project, with("steps:\n  - derive: {\"x; y\": \"1\"}\n")).has(code::bad_identifier));
}

TEST(Pipeline, NullIsAWordWhereItIsOneToChoose) {
  const Project project;
  const Read r = read(project, with("steps:\n  - mask: {columns: [name], method: null}\n"
                                    "  - mask: {columns: [name], method: \"null\"}\n"));
  ASSERT_TRUE(r.pipeline) << r.all();
  for (const Step& step : r.pipeline->steps)
    EXPECT_EQ(std::get<step::Mask>(step).method, step::Mask::Method::null);
  for (const char* nothing : {"~", "", "nul"})
    EXPECT_FALSE(read(project, with(fmt::format(
                                   "steps:\n  - mask: {{columns: [name], method: {}}}\n", nothing)))
                     .pipeline)
        << nothing;
}

TEST(Pipeline, SchedulesAskForWhatThereIs) {
  const Project project;
  const auto told = [&](const std::string& cron, const std::string& zone,
                        const std::string& avoid = "mon-fri 09:00-17:00") {
    const Read r = read(
        project, with(fmt::format("schedule: {{cron: \"{}\", timezone: {}, avoid: [\"{}\"]}}\n",
                                  cron, zone, avoid)));
    return r.pipeline ? std::string() : r.all();
  };
  for (const char* cron :
       {"0 6 * * *", "*/15 8-18/2 1,15 jan-mar MON-FRI", "0 0 29 2 *", "5 4 L * *", "0 9 * * 5#2",
        "0 9 * * friL", "@daily", "0 0 31 2 1", "59 23 31 12 7"})
    EXPECT_EQ(told(cron, "Europe/Berlin"), "") << cron;
  for (const auto& [cron, said] : std::vector<std::pair<std::string, std::string>>{
           {"60 6 * * *", "\"60\" is no minute"},
           {"0 24 * * *", "\"24\" is no hour"},
           {"0 0 0 * *", "\"0\" is no day"},
           {"0 0 31 2,4 *", "none of these months has a day 31"},
           {"0 0 * 13 *", "\"13\" is no month"},
           {"0 0 * * 8", "\"8\" is no weekday"},
           {"0 0 * * fri-mon", "ends before it begins"},
           {"*/0 0 * * *", "does not step by"},
           {"0 0 * *", "five fields, and this has 4"},
           {"0 0 0 * * *", "there are no seconds"},
           {"1,,2 0 * * *", "empty place"},
           {"@dayly", "did you mean \"@daily\"?"},
           {"0 6 * * * ; rm -rf /", "five fields"}})
    EXPECT_THAT(told(cron, "UTC"), HasSubstr(said)) << cron;
  EXPECT_THAT(told("0 6 * * *", "Europe/Berlni"), HasSubstr("did you mean \"Europe/Berlin\"?"));
  for (const char* zone : {"CEST+25", "../../etc/passwd", "Mars/Base", "'Europe/Berlin '"})
    EXPECT_THAT(told("0 6 * * *", zone), HasSubstr("is not the name of a time zone")) << zone;
  for (const char* avoid : {"22:00-06:00", "sat,sun 00:00-24:00"})
    EXPECT_EQ(told("0 6 * * *", "UTC", avoid), "") << avoid;
  for (const char* avoid : {"", "mon-fri", "mon-fri 9-17", "mon 10:00-10:00", "mon 25:00-26:00",
                            "holidays 09:00-17:00", "mon fri 09:00-17:00"})
    EXPECT_THAT(told("0 6 * * *", "UTC", avoid), HasSubstr("DB-2045")) << avoid;
  // The place is that of the part.
  EXPECT_THAT(told("0 24 * * *", "UTC"), HasSubstr("p.pipeline.yaml:6:21"));
}

TEST(Pipeline, SecretsStandInConnectionsAlone) {
  const Project project;
  EXPECT_TRUE(read(project, with("owner: secret://env/X\n")).has(code::bad_secret));
  EXPECT_TRUE(read(project, with("steps:\n  - filter: secret('db') = 'x'\n"))
                  .has(code::forbidden_function));
  const Read r = read(
      project,
      "pipeline: p\nsource: {postgres: {connection: 'host=a password=hunter2', query: select 1}}\n"
      "sink: {parquet: {path: lake/p}}\n");
  EXPECT_TRUE(r.has(code::bad_secret));
  EXPECT_EQ(r.all().find("hunter2"), std::string::npos);
}

TEST(Pipeline, ThePostgresQueryIsOneSelectWithItsRange) {
  const Project project;
  const auto text = [](const std::string& query) {
    return "pipeline: p\nsource: {postgres: {connection: secret://env/DB, query: \"" + query +
           "\"}}\n"
           "partition: {range: {column: d, start: 2024-01-01, end: 2024-04-01, every: 1 month}}\n"
           "sink: {postgres: {connection: secret://env/DB, table: a.b}, mode: append}\n";
  };
  const Read r = read(project, text("select * from t where d >= {from} and d < {to}"));
  ASSERT_TRUE(r.pipeline) << r.all();
  EXPECT_EQ(r.pipeline->sink.name(), "postgres:a.b");
  Diagnostics diagnostics;
  const auto inputs = find_partitions(*r.pipeline, diagnostics);
  ASSERT_TRUE(inputs);
  ASSERT_EQ(inputs->size(), 3u);
  EXPECT_EQ(inputs->at(1).from, "2024-02-01");
  EXPECT_EQ(inputs->at(1).to, "2024-03-01");
  EXPECT_FALSE(read(project, text("select 1; drop table x")).pipeline);
  EXPECT_FALSE(read(project, text("delete from t where d >= {from} and d < {to}")).pipeline);
  EXPECT_TRUE(read(project, text("select 1")).has(code::bad_partition));
}

TEST(Pipeline, TheOutputContractNamesMissingAndExtraColumns) {
  const Project project;
  project.write("out.odcs.yaml", contract_text);
  const Read r = read(project, with("output: out.odcs.yaml\nsteps:\n  - rename: {name: nam}\n"));
  EXPECT_TRUE(r.has(code::output_mismatch));
  EXPECT_THAT(r.all(), HasSubstr("missing: name; not in the contract: nam"));
}

TEST(Pipeline, AMergeNeedsAKey) {
  const Project project;
  std::string text = with("");
  text.replace(text.find("lake/p}}"), 8, "lake/p}, mode: merge}");
  EXPECT_TRUE(read(project, text).has(code::merge_key));
  text.replace(text.find("mode: merge"), 11, "mode: merge, key: [id]");
  EXPECT_TRUE(read(project, text).pipeline);
}

TEST(Pipeline, ASqlStepIsOneSelectOverItsInput) {
  const Project project;
  for (const char* sql :
       {"select id from input; drop table x", "select id from 'x.csv'",
        "select id from input, other", "select id from read_csv('x')",
        "select random() as r from input", "select id from input limit 1", "copy input to 'x'",
        "select id from input -- c", "select count(*) from input", "select * from input",
        "with recursive a as (select 1 as x) select x from a", "select getenv('X') as x from input",
        "select row_number() over () as n from input", "select current_date as d from input",
        "select id from information_schema.tables", "select id from (select id from pg_catalog)",
        "from input select id", "insert into input select 1"})
    EXPECT_FALSE(read(project, with("steps:\n  - sql: \"" + std::string(sql) + "\"\n")).pipeline)
        << sql;
  for (const char* sql :
       {"select id, upper(name) as n from input where not closed order by id limit 5",
        "with a as (select id, name from input) select a.id from a join input i on i.id = a.id",
        "select id, row_number() over (partition by name order by id) as n from input",
        "select name, count(*) as n from (select name from input) s group by name having count(*) "
        "> 1"}) {
    const Read r = read(project, with("steps:\n  - sql: \"" + std::string(sql) + "\"\n"));
    EXPECT_TRUE(r.pipeline) << sql << "\n" << r.all();
  }
}

TEST(Pipeline, HostileSizesAreRefused) {
  const Project project;
  std::string steps = "steps:\n";
  for (int i = 0; i < 1001; ++i) steps += "  - filter: closed\n";
  EXPECT_TRUE(read(project, with(steps)).has(code::too_large));
  EXPECT_TRUE(read(project, with("version: 99999999999999999999\n")).has(code::bad_value));
  EXPECT_TRUE(read(project, with("version: 0o17\n")).has(code::bad_value));
  EXPECT_TRUE(read(project, with("allow_empty: yes\n")).has(code::bad_value));
  EXPECT_TRUE(read(project, std::string(4 << 20, '[')).has(code::too_large));
  EXPECT_FALSE(read(project,
                    "pipeline: p\nsource: {postgres: {connection: secret://env/DB, query: 'select "
                    "{from}, {to}'}}\n"
                    "partition: {range: {column: d, start: 0, end: 1000000000, every: 1}}\n"
                    "sink: {parquet: {path: lake/p}}\n")
                   .pipeline);
}

TEST(Pipeline, TheDigestFollowsTheFileAndItsContracts) {
  const Project project;
  const Read a = read(project, with(""));
  const Read b = read(project, with("owner: x\n"));
  project.write("in.odcs.yaml", contract_text + "# changed\n");
  const Read c = read(project, with(""));
  ASSERT_TRUE(a.pipeline && b.pipeline && c.pipeline) << a.all();
  EXPECT_NE(a.pipeline->digest, b.pipeline->digest);
  EXPECT_NE(a.pipeline->digest, c.pipeline->digest);
  Diagnostics diagnostics;
  const auto recorded =
      read_pipeline(DefinitionFiles{"p.pipeline.yaml", with(""), {{"in.odcs.yaml", contract_text}}},
                    "/", diagnostics);
  ASSERT_TRUE(recorded);
  EXPECT_EQ(recorded->digest, a.pipeline->digest);
}

TEST(Partitions, AreFoundByThePlaceholderOfThePath) {
  const Project project;
  for (const char* day : {"2024-02-01", "2024-01-01"}) {
    project.write(std::string("feed/") + day + "/b.csv", "x\n");
    project.write(std::string("feed/") + day + "/a.csv", "x\n");
  }
  const Read r = read(project, with("", "feed/{day}/*.csv"));
  ASSERT_TRUE(r.pipeline) << r.all();
  Diagnostics diagnostics;
  const auto inputs = find_partitions(*r.pipeline, diagnostics);
  ASSERT_TRUE(inputs);
  ASSERT_EQ(inputs->size(), 2u);
  EXPECT_EQ(inputs->at(0).key, "2024-01-01");
  ASSERT_EQ(inputs->at(0).files.size(), 2u);
  EXPECT_THAT(inputs->at(0).files[0], testing::EndsWith("feed/2024-01-01/a.csv"));
  EXPECT_EQ(inputs->at(0).placeholders.at("day"), "2024-01-01");
}

TEST(Partitions, WhatIsNoPartitionIsItsOwnFault) {
  const Project project;
  for (const char* day : {"2024-01-01", "2024-02-30", "old stuff", "tmp"})
    project.write(std::string("feed/") + day + "/a.csv", "x\n");
  const Read r = read(project, with("", "feed/{day}/*.csv"));
  ASSERT_TRUE(r.pipeline) << r.all();
  Diagnostics diagnostics;
  const auto inputs = find_partitions(*r.pipeline, diagnostics);
  ASSERT_TRUE(inputs);
  ASSERT_EQ(inputs->size(), 4u);
  EXPECT_EQ(partition_fault(*r.pipeline, inputs->at(0)), "");
  EXPECT_THAT(partition_fault(*r.pipeline, inputs->at(1)),
              HasSubstr("\"2024-02-30\" in feed/2024-02-30/a.csv is not a date"));
  EXPECT_EQ(inputs->at(2).key, "tmp");
  EXPECT_THAT(partition_fault(*r.pipeline, inputs->at(2)),
              HasSubstr("\"tmp\" in feed/tmp/a.csv is not a date"));
  EXPECT_THAT(inputs->at(3).key, testing::StartsWith("x-"));
  EXPECT_THAT(partition_fault(*r.pipeline, inputs->at(3)),
              HasSubstr("\"old stuff\" in feed/old stuff/a.csv"));
}

TEST(Partitions, AKeyThatNothingHasIsToldOnce) {
  const Project project;
  std::string text = with("", "feed/{day}/in.csv");
  text.replace(text.find("by: day"), 7, "by: dya");
  const Read r = read(project, text);
  EXPECT_EQ(r.diagnostics.size(), 1u) << r.all();
  EXPECT_TRUE(r.has(code::bad_partition));
}

TEST(Partitions, DoNotFollowLinksOutOfTheProject) {
  const Project project;
  const Project other;
  other.write("2024-01-01/in.csv", "x\n");
  fs::create_directory_symlink(other.root(), project.root() / "feed");
  const Read r = read(project, with(""));
  ASSERT_TRUE(r.pipeline);
  Diagnostics diagnostics;
  EXPECT_FALSE(find_partitions(*r.pipeline, diagnostics));
  EXPECT_EQ(diagnostics.at(0).code, code::no_input.id);
}

TEST(Partitions, AFileThatCanNotBeReadIsNotPassedOverInSilence) {
  const Project project;
  const Project other;
  other.write("in.csv", "x\n");
  project.write("feed/2024-01-01/in.csv", "x\n");
  fs::create_directory(project.root() / "feed/2024-01-02");
  const Read r = read(project, with(""));
  ASSERT_TRUE(r.pipeline);
  Diagnostics diagnostics;
  ASSERT_TRUE(
      find_partitions(*r.pipeline, diagnostics));  // a folder without a file is no partition
  fs::create_symlink(other.root() / "in.csv", project.root() / "feed/2024-01-02/in.csv");
  EXPECT_FALSE(find_partitions(*r.pipeline, diagnostics));
  EXPECT_THAT(diagnostics.at(0).message, HasSubstr("feed/2024-01-02/in.csv can not be read"));
}

TEST(Partitions, AMissingLookupFileOfAllPartitionsIsAFault) {
  const Project project;
  project.write("feed/2024-01-01/in.csv", "x\n");
  const Read r = read(project, with("steps:\n  - lookup: {from: {csv: {path: \"c.csv\"}}, on: "
                                    "{name: code}, take: [country]}\n"));
  ASSERT_TRUE(r.pipeline) << r.all();
  Diagnostics diagnostics;
  EXPECT_FALSE(find_partitions(*r.pipeline, diagnostics));
  EXPECT_EQ(diagnostics.at(0).code, code::missing_lookup.id);
}

TEST(Partitions, AMissingLookupFileOfOnePartitionIsFoundWhenItIsRead) {
  const Project project;
  project.write("feed/2024-01-01/in.csv", "x\n");
  const Read r =
      read(project, with("steps:\n  - lookup: {from: {csv: {path: \"feed/{day}/c.csv\"}}, on: "
                         "{name: code}, take: [country]}\n"));
  ASSERT_TRUE(r.pipeline) << r.all();
  Diagnostics diagnostics;
  const auto inputs = find_partitions(*r.pipeline, diagnostics);
  ASSERT_TRUE(inputs);
  EXPECT_THAT(inputs->at(0).lookup_files.at(0), testing::EndsWith("feed/2024-01-01/c.csv"));
}

TEST(Examples, OfOurairportsAreReadAndFindTheirSnapshots) {
  const std::string source = PROJECT_SOURCE_DIR;
  const char* given = std::getenv("DAYBOOK_TEST_DATA");
  const fs::path data =
      fs::path(given != nullptr ? given : source + "/../shared/data") / "ourairports";
  const Project project;
  fs::copy(source + "/tests/runner/definition/examples/ourairports", project.root(),
           fs::copy_options::recursive);
  for (const char* name : {"runways", "navaids"}) {
    Diagnostics diagnostics;
    const auto pipeline = read_pipeline(
        (project.root() / (std::string(name) + ".pipeline.yaml")).string(), diagnostics);
    std::string all;
    for (const Diagnostic& d : diagnostics) all += render(d);
    ASSERT_TRUE(pipeline) << all;
    EXPECT_EQ(all, "");
    if (!fs::is_directory(data)) continue;
    fs::remove_all(project.root() / "feed");
    for (const auto& snapshot : fs::directory_iterator(data)) {
      if (!snapshot.is_directory()) continue;
      const fs::path to = project.root() / "feed" / snapshot.path().filename();
      fs::create_directories(to);
      for (const auto& file : fs::directory_iterator(snapshot))
        std::ofstream(to / file.path().filename()) << "x\n";
      std::ifstream csv(snapshot.path() / (std::string(name) + ".csv"));
      std::string header;
      std::getline(csv, header);
      for (const Column& column : pipeline->contract->columns)
        EXPECT_THAT(header, HasSubstr("\"" + column.name + "\""));
    }
    const auto inputs = find_partitions(*pipeline, diagnostics);
    ASSERT_TRUE(inputs) << render(diagnostics.at(0));
    EXPECT_GE(inputs->size(), 4u);
  }
}

TEST(PipelineSchema, IsTheOneInTheRepository) {
  std::ifstream in(std::string(PROJECT_SOURCE_DIR) + "/runner/definition/pipeline.schema.json");
  const std::string stored{std::istreambuf_iterator<char>(in), {}};
  if (const char* update = std::getenv("DAYBOOK_UPDATE_SCHEMA"); update != nullptr)
    std::ofstream(std::string(PROJECT_SOURCE_DIR) + "/runner/definition/pipeline.schema.json")
        << pipeline_json_schema();
  EXPECT_EQ(stored, pipeline_json_schema())
      << "set DAYBOOK_UPDATE_SCHEMA=1 and run this test again";
  EXPECT_THAT(pipeline_reference_markdown(), HasSubstr("| `dedupe` |"));
}

}  // namespace
}  // namespace daybook
