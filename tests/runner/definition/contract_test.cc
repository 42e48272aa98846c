#include "runner/definition/contract.h"

#include <gmock/gmock.h>

#include <fstream>

namespace daybook {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string file_text(const std::string& path) {
  std::ifstream in(std::string(PROJECT_SOURCE_DIR) + "/tests/runner/definition/examples/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Read {
  std::optional<Contract> contract;
  Diagnostics diagnostics;
  bool says(const std::string& text) const {
    for (const Diagnostic& d : diagnostics) {
      if ((d.message + " " + d.hint).find(text) != std::string::npos) return true;
    }
    return false;
  }
};

Read read(const std::string& bytes) {
  Read r;
  r.contract = read_contract("c.odcs.yaml", bytes, r.diagnostics);
  return r;
}

std::string contract_with(const std::string& properties) {
  return "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"
         "schema:\n  - name: t\n    properties:\n" +
         properties;
}

TEST(Contract, ReadsTheOrdersSampleFully) {
  const Read r = read(file_text("orders.odcs.yaml"));
  for (const Diagnostic& d : r.diagnostics) EXPECT_EQ(d.severity, Severity::warning) << render(d);
  ASSERT_TRUE(r.contract);
  const Contract& c = *r.contract;
  EXPECT_EQ(c.version, "2.1.0");
  EXPECT_EQ(c.object, "orders");
  EXPECT_EQ(c.physical_name, "orders_clean");
  ASSERT_EQ(c.columns.size(), 4u);
  EXPECT_EQ(sql_name(c.columns[1].type), "DECIMAL(12,2)");
  EXPECT_EQ(sql_name(c.columns[3].type), "DATE");
  EXPECT_THAT(c.primary_key, ElementsAre("order_id"));
  std::vector<std::string> ids;
  for (const RowRule& rule : c.row_rules) ids.push_back(rule.id);
  EXPECT_THAT(ids, ElementsAre("order_id.required", "order_id.maxLength", "order_id.pattern",
                               "amount.required", "amount.minimum", "amount.exclusiveMaximum",
                               "amount_null_pct", "currency.required", "currency_iso",
                               "order_date.required", "order_date.minimum", "order_id.unique",
                               "orders_unique"));
  ids.clear();
  for (const Gate& gate : c.gates) ids.push_back(gate.id);
  EXPECT_THAT(ids, ElementsAre("amount_null_pct", "amount_null_pct", "currency_iso", "orders_rows",
                               "orders_unique"));
  EXPECT_EQ(c.gates[1].kind, Gate::Kind::error_budget);
  EXPECT_EQ(c.gates[1].low, "0.5");
  EXPECT_EQ(c.gates[3].severity, Severity::warning);
  EXPECT_EQ(c.row_rules.back().on_violation, OnViolation::fail_run);
  EXPECT_EQ(c.custom.at("compatibility"), "backward");
}

TEST(Contract, UnknownKeysAreErrorsAtTheirPlace) {
  const Read r =
      read(contract_with("      - name: a\n        logicalType: string\n        requird: true\n"));
  EXPECT_FALSE(r.contract);
  ASSERT_EQ(r.diagnostics.size(), 1u);
  EXPECT_EQ(r.diagnostics[0].span, (Span{.line = 11, .column = 9, .length = 7}));
  EXPECT_THAT(r.diagnostics[0].hint, HasSubstr("did you mean \"required\"?"));
}

TEST(Contract, EveryFaultIsToldAtOnce) {
  const Read r = read(contract_with(
      "      - {name: a, logicalType: strin}\n      - {name: a b, logicalType: string}\n"
      "      - {name: c, logicalType: array}\n      - {logicalType: string}\n"));
  EXPECT_FALSE(r.contract);
  EXPECT_GE(r.diagnostics.size(), 4u);
}

TEST(Contract, TypesFollowTheLogicalAndThePhysicalType) {
  const std::pair<std::string, std::string> table[] = {
      {"logicalType: integer", "BIGINT"},
      {"logicalType: integer, logicalTypeOptions: {format: u16}", "USMALLINT"},
      {"logicalType: integer, physicalType: smallint", "SMALLINT"},
      {"logicalType: number", "DOUBLE"},
      {"logicalType: number, physicalType: 'numeric(12,2)'", "DECIMAL(12,2)"},
      {"logicalType: timestamp", "TIMESTAMP"},
      {"logicalType: timestamp, physicalType: timestamptz", "TIMESTAMPTZ"},
      {"logicalType: time", "TIME"},
      {"logicalType: boolean", "BOOLEAN"},
      {"physicalType: varchar(12)", "VARCHAR"}};
  for (const auto& [text, type] : table) {
    const Read r = read(contract_with("      - {name: a, " + text + "}\n"));
    ASSERT_TRUE(r.contract) << text << (r.diagnostics.empty() ? "" : render(r.diagnostics[0]));
    EXPECT_EQ(sql_name(r.contract->columns[0].type), type) << text;
  }
}

TEST(Contract, RefusesPatternsAndFormatsItCanNotApply) {
  EXPECT_TRUE(
      read(contract_with(
               "      - {name: a, logicalType: string, logicalTypeOptions: {pattern: '(?=x)'}}\n"))
          .says("no look-ahead"));
  EXPECT_TRUE(
      read(contract_with(
               "      - {name: a, logicalType: date, logicalTypeOptions: {format: 'EEE dd'}}\n"))
          .says("is not read"));
  EXPECT_TRUE(read(contract_with("      - {name: a, logicalType: date, logicalTypeOptions: "
                                 "{minimum: '2024-02-30'}}\n"))
                  .says("is not a date"));
}

TEST(Contract, TwoOperatorsAreTwoChecksAndBetweenIsExclusive) {
  const Read r =
      read(contract_with("      - {name: a, logicalType: string}\n    quality:\n"
                         "      - {metric: rowCount, mustBeGreaterThan: 1, mustBeLessThan: 9}\n"
                         "      - {metric: rowCount, mustBeBetween: [1, 9]}\n"));
  ASSERT_TRUE(r.contract);
  EXPECT_EQ(r.contract->gates.size(), 3u);
  EXPECT_EQ(r.contract->gates[2].op, Gate::Operator::between);
  EXPECT_TRUE(r.says("two operators"));
  EXPECT_TRUE(r.says("without its two ends"));
}

TEST(Contract, SqlAndCustomChecksAreChecked) {
  const Read good = read(contract_with(
      "      - {name: a, logicalType: integer}\n    quality:\n"
      "      - {type: sql, query: 'select count(*) as n from {object}', mustBe: 0}\n"
      "      - {id: positive, type: custom, engine: daybook, implementation: 'a > 0'}\n"
      "      - {type: text, description: be nice}\n"));
  ASSERT_TRUE(good.contract) << render(good.diagnostics.at(0));
  EXPECT_EQ(good.contract->gates.at(0).query, "select count ( * ) as n from output");
  EXPECT_EQ(good.contract->row_rules.at(0).text, "(\"a\" > 0)");
  EXPECT_TRUE(
      read(contract_with("      - {name: a, logicalType: integer}\n    quality:\n"
                         "      - {type: custom, engine: daybook, implementation: 'b > 0'}\n"))
          .says("there is no column \"b\""));
  EXPECT_FALSE(
      read(contract_with(
               "      - {name: a, logicalType: integer}\n    quality:\n"
               "      - {type: sql, query: 'select 1 as x from read_csv(1)', mustBe: 0}\n"))
          .contract);
}

TEST(Contract, NamesThatOnlyDifferInCaseAreOneName) {
  EXPECT_FALSE(
      read(contract_with(
               "      - {name: a, logicalType: string}\n      - {name: A, logicalType: string}\n"))
          .contract);
}

TEST(Contract, AnotherStandardIsRefused) {
  EXPECT_FALSE(read("dataContractSpecification: 1.1.0\nid: x\n").contract);
  EXPECT_TRUE(
      read("apiVersion: v4.0.0\nkind: DataContract\nid: a\nversion: 1\nstatus: a\nschema: []\n")
          .says("is not known"));
}

}  // namespace
}  // namespace daybook
