// Every step kind, from YAML to rows, with the counts made again from the files.
#include "tests/runner/dataplane/yaml_project.h"
#include "tools/demo/demo_project.h"
#include "tools/demo/feed.h"

namespace daybook::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view contract = R"yaml(apiVersion: v3.1.0
kind: DataContract
id: urn:test:raw
name: raw
version: 1.0.0
status: active
schema:
  - name: items
    logicalType: object
    properties:
      - {name: id, logicalType: integer, physicalType: bigint}
      - {name: a, logicalType: integer, physicalType: integer}
      - {name: b, logicalType: integer, physicalType: integer}
      - {name: name, logicalType: string}
      - {name: price, logicalType: number, physicalType: "numeric(10,2)"}
      - {name: day, logicalType: date}
)yaml";

constexpr std::string_view feed =
    "id,a,b,name,price,day\n"
    "1,10,1,anvil,10.50,2024-01-01\n"
    "2,20,0,bolt,0.25,2024-01-02\n"
    "3,30,3,crate,,2024-01-03\n"
    "2,40,4,,7.00,2024-01-04\n"
    "x,50,5,drum,1.00,2024-01-05\n";

class Steps : public ::testing::Test {
 protected:
  // Stages the feed through these steps.
  std::string run(std::string_view steps, std::string_view more = "") {
    project.write("raw.odcs.yaml", contract);
    if (!fs::exists(project.root / "feed/items.csv")) project.write("feed/items.csv", feed);
    project.write("p.pipeline.yaml", fmt::format(R"yaml(pipeline: p
version: 1
owner: tests
source:
  csv: {{path: "feed/items.csv"}}
contract: raw.odcs.yaml
steps:
{}
sink:
  csv: {{path: "lake/p"}}
{})yaml",
                                                 steps, more));
    project.read();
    if (::testing::Test::HasFatalFailure() || !project.pipeline) return "unread";
    std::string rows = project.rows();
    if (project.result) recount(project, project.partitions[0], *project.result);
    return rows;
  }
  std::uint64_t count(const std::string& rule) const { return count_of(*project.result, rule); }

  YamlProject project;
};

TEST_F(Steps, ExpressionsOfOneDeriveSeeTheColumnsBeforeIt) {
  EXPECT_EQ(run(R"yaml(  - derive: {a: "b", b: "a", c: "a + b"}
  - select: [id, a, b, c])yaml"),
            "id,a,b,c\n1,1,10,11\n2,0,20,20\n3,3,30,33\n2,4,40,44\n");
}

TEST_F(Steps, NumbersThatAreNoneAreSetAsideByTheStepThatMadeThem) {
  EXPECT_EQ(run(R"yaml(  - derive: {r: "a / b", n: "sqrt(price)"}
  - derive: {s: "1 / r"}
  - select: [id, r, s])yaml"),
            "id,r,s\n1,10,0.1\n3,10,0.1\n2,10,0.1\n");
  EXPECT_EQ(count("step 1 derive"), 1U);
  const auto bad = read_quarantine(project.result->quarantine_file);
  ASSERT_TRUE(bad);
  ASSERT_EQ(bad->size(), 2U);  // the other one has no id
  EXPECT_EQ(bad->at(0).violations,
            (std::vector<Violation>{
                {"step 1 derive", "r", "is no finite number: a division by zero, or too large"}}));
  EXPECT_EQ(bad->at(0).bytes, "2,20,0,bolt,0.25,2024-01-02");
  // Too large, and neither larger nor smaller than anything.
  std::string powers = R"yaml(  - derive: {x: "cast(a as double)"})yaml";
  for (int i = 0; i < 9; ++i)
    powers += R"yaml(
  - derive: {x: "x * x"})yaml";
  EXPECT_EQ(run(powers + "\n  - select: [id]"), "id\n");
  EXPECT_EQ(count("step 9 derive") + count("step 10 derive"), 4U);
}

TEST_F(Steps, AggregatesOfWhichNoNumberIsFoundAreSetAside) {
  EXPECT_EQ(run(R"yaml(  - aggregate: {by: [id], columns: {share: "sum(a) / sum(b)"}})yaml"),
            "id,share\n1,10\n2,15\n3,10\n");
  write_file(project.root / "feed/items.csv", "id,a,b,name,price,day\n1,1,0,n,1,2024-01-01\n");
  EXPECT_EQ(run(R"yaml(  - aggregate: {by: [id], columns: {share: "sum(a) / sum(b)"}})yaml"),
            "id,share\n");
  EXPECT_EQ(count("step 1 aggregate"), 1U);
}

TEST_F(Steps, TextsThatGrowWithoutEndAreSetAside) {
  std::string doubled;
  for (int i = 0; i < 40; ++i) doubled += "  - derive: {name: \"name || name\"}\n";
  EXPECT_EQ(run(doubled + "  - select: [id]"), "id\n2\n");  // the one without a name
  const auto bad = read_quarantine(project.result->quarantine_file);
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->at(0).violations,
            (std::vector<Violation>{{"step 18 derive", "name", "is a text longer than 1 MiB"}}));
  EXPECT_EQ(bad->at(0).bytes, "1,10,1,anvil,10.50,2024-01-01");
}

TEST_F(Steps, DeriveSwapsColumnsAlsoWhereARowFails) {
  EXPECT_EQ(
      run(R"yaml(  - derive: {a: "b", b: "a", c: "cast(1000 / b as integer)", d: "cast(a as tinyint)"}
  - select: [id, a, b, c])yaml"),
      "id,a,b,c\n1,1,10,1000\n3,3,30,333\n2,4,40,250\n");  // 1000 / 0 is no integer
  EXPECT_EQ(run(R"yaml(  - derive: {a: "b", b: "a", c: "cast(b * 100 as tinyint)"}
  - select: [id, a, b, c])yaml"),
            "id,a,b,c\n1,1,10,100\n2,0,20,0\n");
  EXPECT_EQ(count("step 1 derive"), 2U);
}

TEST_F(Steps, RenameSwapsNames) {
  EXPECT_EQ(run(R"yaml(  - rename: {a: b, b: a}
  - select: [id, a, b])yaml"),
            "id,a,b\n1,1,10\n2,0,20\n3,3,30\n2,4,40\n");
}

TEST_F(Steps, SelectKeepsTheColumnsNamedInThatOrder) {
  EXPECT_EQ(run("  - select: [name, id]"), "name,id\nanvil,1\nbolt,2\ncrate,3\n,2\n");
}

TEST_F(Steps, FilterDropsWhatIsNotTrueAndCountsIt) {
  EXPECT_EQ(run(R"yaml(  - filter: "price > 1"
  - select: [id, price])yaml"),
            "id,price\n1,10.50\n2,7.00\n");
  EXPECT_EQ(count("step 1 filter"), 2U);
}

TEST_F(Steps, MasksEveryWay) {
  const std::string hash = hex(sha256(bytes_of("10")));
  EXPECT_EQ(run(R"yaml(  - filter: "id <> 3"
  - mask: {columns: [a], method: hash}
  - mask: {columns: [name], method: partial}
  - mask: {columns: [price], method: redact}
  - mask: {columns: [b], method: "null"}
  - select: [id, a, b, name, price])yaml"),
            fmt::format("id,a,b,name,price\n1,{},,*nvil,***\n2,{},,****,***\n2,{},,,***\n", hash,
                        hex(sha256(bytes_of("20"))), hex(sha256(bytes_of("40")))));
}

TEST_F(Steps, FlagsWithoutLosingRows) {
  EXPECT_EQ(run(R"yaml(  - flag: {column: dear, when: "price > 5"}
  - select: [id, dear])yaml"),
            "id,dear\n1,true\n2,false\n3,false\n2,true\n");
}

TEST_F(Steps, DedupeKeepsByAnOrderOfItsOwn) {
  EXPECT_EQ(run(R"yaml(  - dedupe: {key: [id], keep: last, order_by: "price"}
  - select: [id, price])yaml"),
            "id,price\n1,10.50\n3,\n2,7.00\n");
  EXPECT_EQ(run(R"yaml(  - dedupe: {key: [id], keep: first, order_by: "price"}
  - select: [id, price])yaml"),
            "id,price\n1,10.50\n2,0.25\n3,\n");
  EXPECT_EQ(count("step 1 dedupe"), 1U);
}

TEST_F(Steps, LookupMissingIsNullOrFailsOrIsSetAside) {
  project.write("feed/names.csv", "id,label\n01,one\n3,three\n");
  const auto with = [&](std::string_view missing) {
    return run(fmt::format(R"yaml(  - lookup:
      from: {{csv: {{path: "feed/names.csv"}}}}
      on: {{id: id}}
      take: {{label: label}}
      missing: {}
  - select: [id, label])yaml",
                           missing));
  };
  EXPECT_EQ(with("\"null\""), "id,label\n1,one\n2,\n3,three\n2,\n");
  EXPECT_EQ(with("null"), "id,label\n1,one\n2,\n3,three\n2,\n");
  EXPECT_EQ(with("quarantine"), "id,label\n1,one\n3,three\n");
  EXPECT_EQ(count("step 1 lookup"), 2U);
  EXPECT_TRUE(with("fail").starts_with("failed: rule: 2 records break the rule step 1 lookup"));
  EXPECT_EQ(project.result.error().error, ErrorClass::data);
}

TEST_F(Steps, DecimalsOfAJsonLookupAreWhatIsWritten) {
  project.write("feed/rates.jsonl",
                "{\"id\":1,\"rate\":0.10,\"nested\":{\"rate\":7}}\n"
                "{\"id\":2,\"rate\":12345678901234567.89}\n{\"id\":3,\"rate\":100.0}\n");
  EXPECT_EQ(run(R"yaml(  - lookup:
      from: {jsonl: {path: "feed/rates.jsonl"}}
      on: {id: id}
      take: {rate: rate}
  - select: [id, rate])yaml"),
            "id,rate\n1,0.10\n2,12345678901234567.89\n3,100.0\n2,12345678901234567.89\n");
}

TEST_F(Steps, LookupKeysAreComparedByValue) {
  project.write("feed/names.csv",
                "price,day,label\n10.5,2024-01-01,x\n0.250,2024-01-02,y\n7,2024-01-04,z\n");
  EXPECT_EQ(run(R"yaml(  - lookup:
      from: {csv: {path: "feed/names.csv"}}
      on: {price: price, day: day}
      take: {label: label}
      missing: "null"
  - select: [id, label])yaml"),
            "id,label\n1,x\n2,y\n3,\n2,z\n");
  project.write("feed/names.csv", "price,day,label\n10.5,2024-01-01,x\n10.50,2024-01-01,y\n");
  EXPECT_TRUE(project.rows().starts_with("failed: lookup.duplicate_key")) << project.rows();
}

TEST_F(Steps, ALookupBeyondTheMemoryLimitIsAClearFailure) {
  std::string text = "id,label\n";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{},label of {}\n", i, i);
  project.write("feed/names.csv", text);
  run(R"yaml(  - lookup: {from: {csv: {path: "feed/names.csv"}}, on: {id: id}, take: {label: label}})yaml");
  ASSERT_TRUE(project.result);
  StageRequest request;
  request.pipeline = &*project.pipeline;
  request.input = project.partitions[0];
  request.directory = project.root / "small";
  request.memory_limit_bytes = 16 << 20;
  fs::create_directories(request.directory);
  StageProgress progress;
  const auto result = daybook::stage(request, progress);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "lookup.too_large");
}

TEST_F(Steps, AssertWarnsFailsOrSetsAside) {
  const auto with = [&](std::string_view otherwise) {
    return run(fmt::format(R"yaml(  - assert: {{name: cheap, that: "price < 10", else: {}}}
  - select: [id])yaml",
                           otherwise));
  };
  EXPECT_EQ(with("warn"), "id\n1\n2\n3\n2\n");
  EXPECT_EQ(count("cheap (warning)"), 2U);
  EXPECT_EQ(with("quarantine"), "id\n2\n2\n");
  EXPECT_EQ(count("cheap"), 2U);
  EXPECT_TRUE(with("fail").starts_with("failed: rule: 2 records break the rule cheap"));
  EXPECT_EQ(project.result.error().error, ErrorClass::contract);
}

TEST_F(Steps, AggregatesAndCountsTheRowsOfAGroupAsMerged) {
  EXPECT_EQ(
      run(R"yaml(  - aggregate: {by: [id], columns: {n: "count(*)", total: "sum(price)", most: "max(a)"}})yaml"),
      "id,n,total,most\n1,1,10.50,10\n2,2,7.25,40\n3,1,,30\n");
  EXPECT_EQ(project.result->counts, (RowCounts{5, 3, 1, 0, 1}));
  EXPECT_EQ(count("step 1 aggregate"), 1U);
}

TEST_F(Steps, AQueryReadsItsInputOnceHoweverOftenItNamesIt) {
  EXPECT_EQ(
      run(R"yaml(  - sql: "SELECT x.id AS id, y.a AS a FROM input x JOIN input y ON x.a = y.a WHERE x.a > 10 ORDER BY a")yaml"),
      "id,a\n2,20\n3,30\n2,40\n");
  EXPECT_EQ(project.result->counts, (RowCounts{5, 3, 1, 0, 1}));
  EXPECT_EQ(run(R"yaml(  - filter: "a <> 20"
  - sql: "SELECT id, a FROM input ORDER BY a LIMIT 1")yaml"),
            "id,a\n1,10\n");
  EXPECT_EQ(project.result->counts, (RowCounts{5, 1, 1, 1, 2}));
  EXPECT_EQ(project.result->inputs[0].records, 5U);
}

TEST_F(Steps, AQueryThatLooksAtNoRowIsToldApartFromASourceWithoutRows) {
  const std::string rows = run(R"yaml(  - sql: "SELECT 1 AS one FROM input WHERE false")yaml");
  EXPECT_EQ(rows, "one\n");
  EXPECT_EQ(project.result->counts, (RowCounts{5, 0, 1, 0, 4}));
}

TEST_F(Steps, RowsThatAQueryMadeAreSetAsideAsTheyAre) {
  project.write("out.odcs.yaml", R"yaml(apiVersion: v3.1.0
kind: DataContract
id: urn:test:out
name: out
version: 1.0.0
status: active
schema:
  - name: items
    logicalType: object
    properties:
      - {name: id, logicalType: integer, physicalType: bigint}
      - {name: a, logicalType: integer, physicalType: integer, logicalTypeOptions: {maximum: 30}}
)yaml");
  project.write("raw.odcs.yaml", contract);
  project.write("feed/items.csv", feed);
  project.write("p.pipeline.yaml", R"yaml(pipeline: p
version: 1
owner: tests
source: {csv: {path: "feed/items.csv"}}
contract: raw.odcs.yaml
steps:
  - sql: "SELECT id, a FROM input ORDER BY a"
output: out.odcs.yaml
sink: {csv: {path: "lake/p"}}
)yaml");
  project.read();
  EXPECT_EQ(project.rows(), "id,a\n1,10\n2,20\n3,30\n");
  const auto bad = read_quarantine(project.result->quarantine_file);
  ASSERT_EQ(bad->size(), 2U);
  EXPECT_EQ(bad->at(0).bytes, "x,50,5,drum,1.00,2024-01-05");
  EXPECT_EQ(bad->at(1).bytes, "{\"id\":2,\"a\":40}");
  EXPECT_EQ(bad->at(1).row, 4U);
}

TEST_F(Steps, AQueryKeepsItsOwnOrder) {
  EXPECT_EQ(run(R"yaml(  - sql: "SELECT id, a FROM input ORDER BY abs(a - 25)")yaml"),
            "id,a\n2,20\n3,30\n1,10\n2,40\n");
}

// --- what check says -----------------------------------------------------------------------------

class Check : public ::testing::Test {
 protected:
  Diagnostics check(const std::string& steps, std::string_view source = "") {
    project.write("raw.odcs.yaml", contract);
    project.write(
        "p.pipeline.yaml",
        fmt::format("pipeline: p\nversion: 1\nowner: tests\nsource: {}\ncontract: "
                    "raw.odcs.yaml\nsteps:\n{}\nsink: {{csv: {{path: \"lake/p\"}}}}\n",
                    source.empty() ? "{csv: {path: \"feed/items.csv\"}}" : source, steps));
    return project.check();
  }
  YamlProject project;
};

TEST_F(Check, PointsAtTheExpressionTheEngineRefuses) {
  const std::string wrong[] = {
      R"yaml(  - derive: {x: "a + 1", y: "date_trunc('day', a)", z: "b"})yaml",
      R"yaml(  - filter: "starts_with(a, b)")yaml",
      R"yaml(  - sql: "SELECT id, sum(name) AS s FROM input GROUP BY id")yaml",
      R"yaml(  - aggregate: {by: [id], columns: {n: "count(*)", s: "sum(name)"}})yaml",
      R"yaml(  - rename: {a: c}
  - flag: {column: f, when: "levenshtein(c, b) > 1"})yaml"};
  for (const std::string& steps : wrong) {
    const Diagnostics said = check(steps);
    ASSERT_FALSE(said.empty()) << steps;
    EXPECT_GE(said[0].span.line, 7U) << render(said[0]);
    EXPECT_FALSE(said[0].source_line.empty()) << render(said[0]);
    if (said[0].code == "DB-2090") {
      EXPECT_NE(said[0].message.find("Binder Error"), std::string::npos) << said[0].message;
    }
  }
  bool engine = false;
  for (const Diagnostic& d : check(wrong[2])) engine |= d.code == "DB-2090";
  EXPECT_TRUE(engine);
}

TEST_F(Check, SaysNothingAgainstWhatIsRight) {
  const std::string right[] = {
      R"yaml(  - derive: {x: "a + b", y: "upper(name)", z: "coalesce(price, 0) * 2"}
  - filter: "x > 1 and day >= date '2024-01-01'"
  - dedupe: {key: [id], order_by: "z"}
  - mask: {columns: [name], method: hash}
  - lookup: {from: {csv: {path: "feed/n.csv"}}, on: {id: id}, take: {label: label}}
  - flag: {column: f, when: "label is null"}
  - assert: {name: ok, that: "f or x > 0"}
  - select: [id, x, y, z, f]
  - rename: {x: y, y: x}
  - aggregate: {by: [id], columns: {n: "count(*)", m: "max(z)"}})yaml",
      R"yaml(  - sql: "SELECT id, avg(price) AS p FROM input GROUP BY id ORDER BY p")yaml"};
  for (const std::string& steps : right) {
    for (const Diagnostic& d : check(steps)) ADD_FAILURE() << render(d);
  }
}

TEST_F(Check, WarnsOfAQueryWithoutAnOrder) {
  const auto codes = [&](const std::string& query) {
    std::string all;
    for (const Diagnostic& d :
         check("  - filter: \"a > 0\"",
               fmt::format("\n  postgres: {{connection: \"dbname=x\", query: \"{}\"}}", query))) {
      all += d.code + " ";
    }
    return all;
  };
  EXPECT_EQ(codes("SELECT id, a, b, name, price, day FROM t"), "DB-2091 ");
  EXPECT_EQ(codes("SELECT id, a, b, name, price, day FROM (SELECT * FROM t ORDER BY id) x"),
            "DB-2091 ");
  EXPECT_EQ(
      codes(
          "SELECT id, a, b, name, price, day FROM t WHERE name <> 'order by' ORDER  BY lower(id)"),
      "");
}

TEST(Examples, TheDemoAddsUpOnEveryDay) {
  YamlProject project;
  for (const DemoFile& file : demo_project()) project.write(std::string(file.path), file.text);
  ASSERT_TRUE(write_demo_feed(project.root / "feed", 23'000, 5));
  project.read("orders.pipeline.yaml");
  EXPECT_TRUE(project.warnings.empty()) << project.warnings[0];
  ASSERT_EQ(project.partitions.size(), 5U);
  std::uint64_t read = 0, accepted = 0;
  for (std::size_t i = 0; i < project.partitions.size(); ++i) {
    project.result = project.stage(i);
    ASSERT_TRUE(project.result) << project.result.error().detail;
    const RowCounts& n = project.result->counts;
    EXPECT_EQ(n.read, n.accepted + n.quarantined + n.filtered + n.merged);
    EXPECT_GT(n.quarantined, 0U);
    EXPECT_GT(n.filtered, 0U);
    read += n.read;
    accepted += n.accepted;
    // The last word of every order that is no test order.
    std::set<std::string> ids;
    std::istringstream rows(read_file(project.directory / "part-00000.csv"));
    std::string line;
    std::getline(rows, line);
    while (std::getline(rows, line)) EXPECT_TRUE(ids.insert(line.substr(0, 12)).second) << line;
    EXPECT_EQ(ids.size(), n.accepted);
    for (const GateFinding& gate : project.result->gates) {
      EXPECT_TRUE(gate.passed) << gate.gate << " " << gate.measured << " " << gate.required;
    }
  }
  EXPECT_GE(read, 23'000U);
  EXPECT_GT(accepted, 22'000U);
}

TEST(Examples, OurairportsAddUpInEverySnapshot) {
  const fs::path data = fs::path(DAYBOOK_SOURCE_DIR) / "../shared/data/ourairports";
  if (!fs::exists(data)) GTEST_SKIP() << "no data beside the repository";
  YamlProject project;
  fs::copy(fs::path(DAYBOOK_SOURCE_DIR) / "tests/runner/definition/examples/ourairports",
           project.root.path(), fs::copy_options::recursive);
  for (const auto& folder : fs::directory_iterator(data)) {
    if (!folder.is_directory()) continue;
    fs::create_directories(project.root / "feed");
    fs::copy(folder.path(), project.root / "feed" / folder.path().filename());
  }
  for (const std::string file : {"runways.pipeline.yaml", "navaids.pipeline.yaml"}) {
    project.read(file);
    EXPECT_EQ(project.partitions.size(), 5U);
    for (std::size_t i = 0; i < project.partitions.size(); ++i) {
      project.result = project.stage(i);
      ASSERT_TRUE(project.result) << project.result.error().detail;
      recount(project, project.partitions[i], *project.result);
      EXPECT_GT(project.result->counts.accepted, 10'000U);
    }
  }
}

}  // namespace
}  // namespace daybook::testing
