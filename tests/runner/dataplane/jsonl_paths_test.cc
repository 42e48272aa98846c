// Records of JSON as most writers make them are read by a quick path; all others by the parser.
// Both must say the same of the same values: a blank after the brace is all that tells them apart.
#include <random>
#include <span>

#include "tests/runner/dataplane/pipeline_for_tests.h"

namespace daybook::testing {
namespace {

using Kind = ColumnType::Kind;

const std::vector<Column> columns = {column("i8", Kind::int8),
                                     column("i64", Kind::int64),
                                     column("u16", Kind::uint16),
                                     column("u64", Kind::uint64),
                                     column("small", Kind::decimal, 9, 2),
                                     column("large", Kind::decimal, 38, 9),
                                     column("f", Kind::float64),
                                     column("b", Kind::boolean),
                                     column("s", Kind::string),
                                     column("d", Kind::date),
                                     column("t", Kind::timestamp),
                                     column("tz", Kind::timestamp_tz),
                                     column("clock", Kind::time)};

// Values a reader may take for something else than they are.
const std::vector<std::string> values = {"0",
                                         "-0",
                                         "1",
                                         "-1",
                                         "7",
                                         "127",
                                         "128",
                                         "-128",
                                         "-129",
                                         "255",
                                         "256",
                                         "65535",
                                         "65536",
                                         "2147483648",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "-9223372036854775808",
                                         "-9223372036854775809",
                                         "18446744073709551615",
                                         "18446744073709551616",
                                         "00",
                                         "01",
                                         "-01",
                                         "1.",
                                         ".5",
                                         "1.5",
                                         "-1.50",
                                         "1.005",
                                         "0.000000001",
                                         "1234567.89",
                                         "12345678.90",
                                         "1.2.3",
                                         "--1",
                                         "1-2",
                                         "-",
                                         "+1",
                                         "1e2",
                                         "1E2",
                                         "1e-2",
                                         "1.5e1",
                                         "1e400",
                                         "-1e400",
                                         "1e",
                                         "0x10",
                                         "NaN",
                                         "Infinity",
                                         "nul",
                                         "null",
                                         "nullx",
                                         "NULL",
                                         "true",
                                         "false",
                                         "True",
                                         "tru",
                                         "{}",
                                         "[]",
                                         "[1]",
                                         "{\"a\":1}",
                                         "\"\"",
                                         "\"a\"",
                                         "\"twelve bytes\"",
                                         "\"a text that is longer than twelve bytes\"",
                                         "\"a\\\"b\"",
                                         "\"\\u00e4\"",
                                         "\"\\ud800\"",
                                         "\"\\u0000\"",
                                         "\"\xc3\xa4\"",
                                         "\"\xff\"",
                                         "\"\t\"",
                                         "\"a",
                                         "a\"",
                                         "\"null\"",
                                         "\"1\"",
                                         "\"1.50\"",
                                         "\"-0.5\"",
                                         "\"2024-02-29\"",
                                         "\"2023-02-29\"",
                                         "\"2024-2-9\"",
                                         "\"2024-02-29T12:34:56\"",
                                         "\"2024-02-29 12:34:56.789\"",
                                         "\"2024-02-29T24:00:00\"",
                                         "\"2024-02-29T12:34:56Z\"",
                                         "\"2024-02-29T12:34:56+02:00\"",
                                         "\"2024-02-29T12:34:56+15:00\"",
                                         "\"12:34:56\"",
                                         "\"23:59:60\"",
                                         "\"12:34\"",
                                         "",
                                         " 1",
                                         "1 ",
                                         "\"x\" ",
                                         "1,",
                                         "1}",
                                         "\"}\"",
                                         "\",\""};

std::string good(const Column& column, std::mt19937_64& random) {
  const auto number = std::to_string(random() % 100);
  switch (column.type.kind) {
    case Kind::boolean: return random() % 2 == 0 ? "true" : "false";
    case Kind::string: return "\"text " + number + "\"";
    case Kind::date: return "\"2024-01-" + std::to_string(10 + random() % 20) + "\"";
    case Kind::timestamp: return "\"2024-01-02T03:04:" + std::to_string(10 + random() % 50) + "\"";
    case Kind::timestamp_tz: return "\"2024-01-02T03:04:05Z\"";
    case Kind::time: return "\"03:04:05\"";
    case Kind::decimal: return number + ".25";
    default: return number;
  }
}

struct Told {
  std::string rows;
  std::vector<std::pair<std::uint64_t, std::vector<Violation>>> set_aside;
  std::vector<RuleCount> rules;
  bool operator==(const Told&) const = default;
};

Told told_of(const std::string& text) {
  Project p;
  FileSource source;
  source.format = FileFormat::jsonl;
  p.pipeline.source = source;
  p.columns(columns);
  p.pipeline.quarantine_budget_percent = "100";
  p.source("a.jsonl", text);
  const auto result = p.stage(StagedFormat::csv);
  Told told{.rows = p.csv(result), .set_aside = {}, .rules = {}};
  if (!result) return told;
  expect_conserved(*result);
  told.rules = result->rules;
  for (QuarantinedRecord& record : p.quarantine(*result)) {
    // A sample of the record's bytes holds the blank: what it is a sample of is compared.
    for (Violation& violation : record.violations)
      if (violation.rule == "encoding" && violation.column.empty())
        violation.message.resize(std::min(violation.message.find(':'), violation.message.size()));
    told.set_aside.emplace_back(record.row, record.violations);
  }
  return told;
}

void expect_the_same(std::span<const std::string> records) {
  std::string quick, slow;
  for (const std::string& record : records) {
    quick += "{" + record + "}\n";
    slow += "{ " + record + "}\n";
  }
  const Told a = told_of(quick), b = told_of(slow);
  if (a == b) return;
  const std::size_t half = records.size() / 2;
  if (half > 0) {  // down to the record it is about
    expect_the_same(records.first(half));
    if (!::testing::Test::HasFailure()) expect_the_same(records.subspan(half));
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(a.rows, b.rows) << quick;
  EXPECT_EQ(a.set_aside, b.set_aside) << quick;
  EXPECT_EQ(a.rules, b.rules) << quick;
}

TEST(JsonlPaths, EveryValueInEveryColumnIsReadTheSameWay) {
  std::mt19937_64 random(1);
  std::vector<std::string> records;
  for (std::size_t at = 0; at < columns.size(); ++at) {
    for (const std::string& value : values) {
      std::string record;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        record += (c == 0 ? "\"" : ",\"") + columns[c].name + "\":";
        record += c == at ? value : good(columns[c], random);
      }
      records.push_back(std::move(record));
    }
  }
  expect_the_same(records);
}

TEST(JsonlPaths, DocumentsAtRandomAreReadTheSameWay) {
  std::mt19937_64 random(20261123);
  std::vector<std::string> records;
  for (int i = 0; i < 20'000; ++i) {
    std::string record;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const bool odd = random() % 40 == 0;
      record += (c == 0 ? "\"" : ",\"") + columns[c].name + "\":";
      record += odd ? values[random() % values.size()] : good(columns[c], random);
    }
    // Damaged anywhere, now and then.
    if (random() % 20 == 0) record.erase(random() % record.size(), 1 + random() % 3);
    if (random() % 20 == 0) record[random() % record.size()] = "\",:{}[]\\x0 "[random() % 12];
    records.push_back(std::move(record));
  }
  expect_the_same(records);
}

}  // namespace
}  // namespace daybook::testing
