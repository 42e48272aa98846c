// Inputs that are wrong, by accident or on purpose: each is an answer, none is a crash.
#include <random>

#include "runner/dataplane/source_parts.h"
#include "tests/runner/dataplane/pipeline_for_tests.h"

namespace daybook::testing {
namespace {

using Kind = ColumnType::Kind;

struct Pairs : Project {
  Pairs() { columns({column("a", Kind::string), column("b", Kind::string)}); }
};

TEST(Header, SaysEverythingThatIsNotAsTheContractHasIt) {
  const auto said = [](std::string_view header, char delimiter = ',') {
    Project p;
    FileSource source;
    source.csv.delimiter = delimiter;
    p.pipeline.source = source;
    p.columns({column("id", ColumnType::Kind::int32), column("name", ColumnType::Kind::string),
               column("price", ColumnType::Kind::string)});
    p.source("a.csv", std::string(header) + "\n1,2,3\n");
    const auto result = p.stage();
    return result ? std::string() : result.error().detail;
  };
  EXPECT_EQ(said("id,name,price"), "");
  EXPECT_EQ(said("\xef\xbb\xbfprice,name,id\r"), "");
  EXPECT_EQ(said("id,ID,id,x"),
            "a.csv: column \"ID\" is not in the contract; column \"x\" is not in the contract; "
            "column \"id\" stands twice; column \"name\" is missing; column \"price\" is missing");
  EXPECT_EQ(
      said("id;name;price"),
      "a.csv: column \"id;name;price\" is not in the contract; column \"id\" is missing; column "
      "\"name\" is missing; column \"price\" is missing (the columns are delimited by \";\": "
      "csv: {path: …, dialect: {delimiter: \";\"}})");
  EXPECT_TRUE(said("id\tname\tprice").ends_with("delimiter: \"\\t\"}})"));
  EXPECT_TRUE(said("id,name,price", ';').ends_with("delimiter: \",\"}})"));
  EXPECT_TRUE(said("id,na\xefme,price").find("is not UTF-8 text") != std::string::npos);
  EXPECT_TRUE(said("a,b,c,d,e,f,g").find("; and 2 more") != std::string::npos);
}

TEST(HostileCsv, AnUnterminatedQuoteCostsOneLine) {
  Pairs p;
  std::string text = "a,b\n\"never closed,1\n";
  for (int i = 0; i < 1'500'000; ++i) text += "row " + std::to_string(i) + ",x\n";
  ASSERT_GT(text.size(), 16U << 20);
  p.source("a.csv", text);
  const auto result = p.stage();
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->counts, (RowCounts{1'500'001, 1'500'000, 1, 0, 0}));
  const auto bad = p.quarantine(*result);
  EXPECT_EQ(bad[0].bytes, "\"never closed,1");
  EXPECT_EQ(bad[0].byte_offset, 4U);
}

TEST(HostileCsv, AQuoteLeftOpenAtTheEndOfTheFileCostsOneLine) {
  Pairs p;
  p.source("a.csv", "a,b\n1,2\n3,\"4\n5,6\n");
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "a,b\n1,2\n5,6\n");
}

TEST(HostileCsv, ARecordBeyondTheLimitIsSetAsideWithoutBeingHeld) {
  Pairs p;
  p.source("a.csv", "a,b\n1," + std::string(20 << 20, 'x') + "\n3,4\n");
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "a,b\n3,4\n");
  EXPECT_EQ(p.quarantine(*result)[0].bytes.size(), dataplane_limits::record_bytes_max);
}

TEST(HostileCsv, AFieldBeyondTheLimitIsSetAside) {
  Pairs p;
  p.source("a.csv", "a,b\n1," + std::string(2 << 20, 'x') + "\n3,4\n");
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "a,b\n3,4\n");
}

TEST(HostileCsv, BytesThatAreNotTextAreSetAsideWithTheBytes) {
  Pairs p;
  p.source("a.csv", std::string("\xef\xbb\xbf") + "a,b\r\n" + "1,caf\xe9\n" +
                        std::string("2,x\0y\n", 6) + "3,\xed\xa0\x80\n" + "4,one\rtwo\n" +
                        "5,\"one\rtwo\"\r\n" + "6,ab\"c\n" + "7,\"ab\"c\n" + "\n" + "8,b,c\n" +
                        "9,größe\n");
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "a,b\n5,\"one\rtwo\"\n9,größe\n");
  const auto bad = p.quarantine(*result);
  ASSERT_EQ(bad.size(), 8U);
  EXPECT_EQ(bad[0].bytes, "1,caf\xe9");
  EXPECT_EQ(bad[0].violations[0].rule, "encoding");
  EXPECT_EQ(bad[1].bytes, std::string("2,x\0y", 5));
  EXPECT_EQ(bad[3].violations[0].rule, "structure");
  EXPECT_EQ(bad[6].violations[0].message, "is an empty line");
  expect_conserved(*result);
}

TEST(HostileCsv, HeadersMustSayWhatTheContractSays) {
  const auto code = [](const std::string& text) {
    Pairs p;
    p.source("a.csv", text);
    const auto result = p.stage();
    return result ? std::string("fine") : result.error().code;
  };
  EXPECT_EQ(code("b,a\n1,2\n"), "fine");
  EXPECT_EQ(code("a\n1\n"), "source.columns");
  EXPECT_EQ(code("a,b,c\n1,2,3\n"), "source.columns");
  EXPECT_EQ(code("a,a,b\n1,2,3\n"), "source.columns");
  EXPECT_EQ(code("a,b\n"), "source.empty");
  EXPECT_EQ(code(""), "source.empty");
  EXPECT_EQ(code("\xff\xfe"
                 "a"),
            "source.encoding");
  std::string wide = "a,b";
  for (int i = 0; i < 70'000; ++i) wide += ",c" + std::to_string(i);
  EXPECT_EQ(code(wide + "\n"), "source.columns");
  EXPECT_EQ(code("\"a,b\n" + std::string(9 << 20, 'x')), "source.header");
}

TEST(HostileCsv, AnEmptySourceIsAnOutcomeOnlyWhereItIsAllowed) {
  Pairs p;
  p.source("a.csv", "a,b\n");
  p.pipeline.allow_empty = true;
  const auto result = p.stage();
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->counts, RowCounts{});
  EXPECT_EQ(result->files.size(), 1U);
}

TEST(HostileCsv, ValuesAreReadStrictlyByTheirType) {
  Project p;
  p.columns({column("i", Kind::int32), column("d", Kind::decimal, 38, 2),
             column("f", Kind::float64), column("t", Kind::date), column("u", Kind::uint8)});
  p.source("a.csv",
           "i,d,f,t,u\n"
           "-0,12345678901234567890123456789012345.67,1e300,2024-02-29,255\n"
           "0x10,1,1,2024-01-01,1\n"
           "2147483648,1,1,2024-01-01,1\n"
           "１２,1,1,2024-01-01,1\n"
           "1,1.234,1,2024-01-01,1\n"
           "1,1234567890123456789012345678901234567890,1,2024-01-01,1\n"
           "1,1,1e400,2024-01-01,1\n"
           "1,1,inf,2024-01-01,1\n"
           "1,1,1,2024-02-30,1\n"
           "1,1,1,2024-01-01,256\n"
           " 1,1,1,2024-01-01,-1\n"
           "+1,1e2,0x1p3,24-01-01,\n");
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result),
            "i,d,f,t,u\n0,12345678901234567890123456789012345.67,1e+300,2024-02-29,255\n");
  const auto bad = p.quarantine(*result);
  ASSERT_EQ(bad.size(), 11U);
  EXPECT_EQ(bad[10].violations.size(), 4U);
}

TEST(HostileCsv, FormulasStayText) {
  Pairs p;
  p.source("a.csv", "a,b\n=cmd|' /C calc'!A0,@SUM\n+1,\ttab\n");
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "a,b\n=cmd|' /C calc'!A0,@SUM\n+1,\ttab\n");
}

TEST(HostileSource, ThatChangesWhileItIsReadVoidsTheAttempt) {
  Pairs p;
  p.source("a.csv", "a,b\n1,2\n");
  StageProgress progress;
  std::vector<Column> columns = p.pipeline.contract->columns;
  auto parts = SourceParts::open(FileSource{}, p.input.files, "", columns, progress);
  ASSERT_TRUE(parts);
  std::ofstream(p.input.files[0], std::ios::app) << "3,4\n";
  const auto finished = (*parts)->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, "source.changed");
  EXPECT_EQ(finished.error().error, ErrorClass::transient);
}

TEST(HostileSource, ThatIsNotAFileIsMissing) {
  Pairs p;
  p.input.files = {p.root.path().string()};
  EXPECT_EQ(p.stage().error().code, "source.missing");
  p.input.files = {(p.root / "nowhere.csv").string()};
  EXPECT_EQ(p.stage().error().code, "source.missing");
}

TEST(HostileJson, EveryBrokenRecordIsSetAsideAndTheRestIsRead) {
  Project p;
  FileSource source;
  source.format = FileFormat::jsonl;
  p.pipeline.source = source;
  p.columns({column("i", Kind::int64), column("d", Kind::decimal, 20, 3), column("s", Kind::string),
             column("f", Kind::float64)});
  p.source("a.jsonl",
           "{\"i\":1,\"d\":0.100,\"s\":\"caf\\u00e9\",\"f\":-0}\n"
           "{\"s\":null,\"d\":12345678901234567.125,\"i\":9007199254740993}\n"
           "{\"i\":2,\"d\":1.5e3,\"s\":\"\",\"f\":1.5}\n" +
               std::string(100'000, '[') +
               "\n"
               "{\"i\":1,\"i\":2}\n"
               "{\"i\":1,\"x\":2}\n"
               "{\"i\":\"1\"}\n"
               "{\"i\":1e999}\n"
               "{\"f\":1e999}\n"
               "{\"s\":\"\\ud800\"}\n"
               "{\"i\":1,}\n"
               "{\"f\":NaN}\n"
               "{\"i\":1}{\"i\":2}\n"
               "{\"s\":\"\xff\"}\n"
               "{\"s\":{\"deep\":1}}\n"
               "{\"i\":01}\n"
               "[1]\n"
               "\n"
               "{\"s\":\"cut\n");
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result),
            "i,d,s,f\n1,0.100,café,-0\n9007199254740993,12345678901234567.125,,\n"
            "2,1500.000,\"\",1.5\n");
  EXPECT_EQ(result->counts.quarantined, 16U);
  expect_conserved(*result);
}

TEST(HostileParquet, AnyBytesAreAnAnswer) {
  Project p;
  p.source("a.csv", "a,b\n1,2\n3,4\n");
  p.columns({column("a", Kind::int64), column("b", Kind::string)});
  const auto made = p.stage();
  ASSERT_TRUE(made);
  const std::string good = read_file(p.directory / made->files[0].name);
  FileSource source;
  source.format = FileFormat::parquet;
  p.pipeline.source = source;
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    std::string bytes = good;
    if (round == 0) bytes.clear();
    if (round == 1) bytes = "PAR1PAR1";
    if (round > 1 && round < 10) bytes.resize(random() % bytes.size());
    for (int i = 0; round >= 10 && i < 3; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    write_file(p.root / "bad.parquet", bytes);
    p.input.files = {(p.root / "bad.parquet").string()};
    const auto result = p.stage();
    if (result) expect_conserved(*result);
  }
}

TEST(RealData, RunwaysAreReadWholeAndAddUp) {
  const std::filesystem::path data =
      std::filesystem::path(DAYBOOK_SOURCE_DIR) / "../shared/data/ourairports/2025-06-01";
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "no data beside the repository";
  Project p;
  p.input.files = {(data / "runways.csv").string()};
  const auto result = p.stage();
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->counts.read, result->counts.accepted);
  EXPECT_GT(result->counts.read, 40'000U);
  EXPECT_EQ(result->columns.size(), 20U);
}

}  // namespace
}  // namespace daybook::testing
