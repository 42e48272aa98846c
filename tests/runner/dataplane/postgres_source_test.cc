// PostgreSQL as a source, with a real server.
#include "runner/dataplane/postgres_source.h"

#include <libpq-fe.h>

#include <chrono>
#include <thread>

#include "tests/runner/dataplane/pipeline_for_tests.h"
#include "tests/support/postgres_cluster.h"

namespace daybook::testing {
namespace {

using Kind = ColumnType::Kind;

class PostgresSourceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (PostgresCluster::find_programs().empty()) return;
    PostgresCluster::Options options;
    options.fsync = false;
    auto made = PostgresCluster::create(options);
    ASSERT_TRUE(made) << made.error().detail;
    cluster = made->release();
  }
  static void TearDownTestSuite() {
    delete cluster;
    cluster = nullptr;
  }
  void SetUp() override {
    if (cluster == nullptr) GTEST_SKIP() << "no PostgreSQL server is installed";
    query("SELECT 1");
  }
  void execute(const std::string& sql) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
        PQconnectdb(cluster->conninfo().c_str()), PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(
        PQexec(connection.get(), sql.c_str()), PQclear);
    const auto status = PQresultStatus(result.get());
    ASSERT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        << PQerrorMessage(connection.get());
  }
  void query(const std::string& sql, std::string connection = "") {
    p.pipeline.source =
        PostgresSource{connection.empty() ? cluster->conninfo() : std::move(connection), sql};
  }
  Digest identity() {
    StageProgress progress;
    const auto digest = inputs_digest_of(p.pipeline, p.input, p.column_key, {}, progress);
    EXPECT_TRUE(digest) << digest.error().detail;
    return digest.value_or(Digest{});
  }

  static inline PostgresCluster* cluster = nullptr;
  Project p;
};

TEST_F(PostgresSourceTest, ReadsEveryValueAsItIs) {
  execute(
      "DROP TABLE IF EXISTS t; CREATE TABLE t (id bigint, s text, n numeric(30,10), f double "
      "precision, b boolean, d date, ts timestamp, tz timestamptz);"
      "INSERT INTO t VALUES"
      "(1, 'plain', 1.5, 0.1, true, '2024-02-29', '2024-02-29 12:34:56.789012', '2024-02-29 "
      "12:00:00+02'),"
      "(2, '', 0, -1e300, false, '0001-01-01', '9999-12-31 23:59:59.999999', '2024-01-01 "
      "00:00:00Z'),"
      "(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
      "(4, E'quote \" comma , line\\nend\\r\\n\\\\ tab\\t', 12345678901234567890.1234567891, "
      "1e-300, "
      "true, '1970-01-01', '1970-01-01 00:00:00', '1970-01-01 00:00:00+00'),"
      "(5, 'größe 漢字 🦀 \\N \\.', -1, 3, true, '2024-01-01', '2024-01-01', '2024-01-01')");
  p.columns({column("id", Kind::int64), column("s", Kind::string),
             column("n", Kind::decimal, 30, 10), column("f", Kind::float64),
             column("b", Kind::boolean), column("d", Kind::date), column("ts", Kind::timestamp),
             column("tz", Kind::timestamp_tz)});
  query("SELECT * FROM t ORDER BY id");
  const auto result = p.stage(StagedFormat::jsonl);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(
      p.csv(result),
      "{\"id\":1,\"s\":\"plain\",\"n\":1.5000000000,\"f\":0.1,\"b\":true,\"d\":\"2024-02-29\","
      "\"ts\":\"2024-02-29 12:34:56.789012\",\"tz\":\"2024-02-29 10:00:00+00\"}\n"
      "{\"id\":2,\"s\":\"\",\"n\":0.0000000000,\"f\":-1e+300,\"b\":false,\"d\":\"0001-01-01\","
      "\"ts\":\"9999-12-31 23:59:59.999999\",\"tz\":\"2024-01-01 00:00:00+00\"}\n"
      "{\"id\":3,\"s\":null,\"n\":null,\"f\":null,\"b\":null,\"d\":null,\"ts\":null,\"tz\":null}\n"
      "{\"id\":4,\"s\":\"quote \\\" comma , line\\u000aend\\u000d\\u000a\\\\ tab\\u0009\","
      "\"n\":12345678901234567890.1234567891,\"f\":1e-300,\"b\":true,\"d\":\"1970-01-01\","
      "\"ts\":\"1970-01-01 00:00:00\",\"tz\":\"1970-01-01 00:00:00+00\"}\n"
      "{\"id\":5,\"s\":\"größe 漢字 🦀 \\\\N \\\\.\",\"n\":-1.0000000000,\"f\":3,\"b\":true,"
      "\"d\":\"2024-01-01\",\"ts\":\"2024-01-01 00:00:00\",\"tz\":\"2024-01-01 00:00:00+00\"}\n");
  EXPECT_EQ(result->counts, (RowCounts{5, 5, 0, 0, 0}));
}

TEST_F(PostgresSourceTest, ValuesNoTypeOfOursHoldsAreSetAside) {
  p.columns({column("n", Kind::decimal, 10, 2), column("t", Kind::timestamp)});
  query(
      "SELECT * FROM (VALUES ('NaN'::numeric, 'infinity'::timestamp), (1, '2024-01-01'), (2, "
      "'0044-03-15 BC')) v(n, t)");
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "n,t\n1.00,2024-01-01 00:00:00\n");
  EXPECT_EQ(result->counts.quarantined, 2U);
}

TEST_F(PostgresSourceTest, HasTheIdentityOfItsDataBeforeAndAfterItIsStaged) {
  execute("DROP TABLE IF EXISTS u; CREATE TABLE u (id int); INSERT INTO u VALUES (1), (2)");
  p.columns({column("id", Kind::int32)});
  query("SELECT id FROM u ORDER BY id");
  const Digest before = identity();
  const auto result = p.stage();
  ASSERT_TRUE(result);
  EXPECT_EQ(hex(result->inputs_digest), hex(before));
  EXPECT_EQ(result->inputs[0].name, "captured.csv");
  EXPECT_EQ(result->inputs[0].digest, sha256(bytes_of(read_file(p.directory / "captured.csv"))));
  EXPECT_EQ(hex(identity()), hex(before));
  // Settings of the session, the role or the database change nothing.
  execute(
      "ALTER ROLE daybook SET DateStyle = 'German'; ALTER ROLE daybook SET TimeZone = "
      "'Asia/Tokyo'");
  query("SELECT id FROM u ORDER BY id");
  EXPECT_EQ(hex(identity()), hex(before));
  execute("ALTER ROLE daybook RESET ALL; UPDATE u SET id = 3 WHERE id = 2");
  EXPECT_NE(hex(identity()), hex(before));
}

TEST_F(PostgresSourceTest, ReadsInOneReadOnlySnapshot) {
  execute("DROP TABLE IF EXISTS w; CREATE TABLE w (id int)");
  p.columns({column("a", Kind::string), column("b", Kind::string)});
  query(
      "SELECT current_setting('transaction_isolation') AS a, "
      "current_setting('transaction_read_only') AS b");
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "a,b\nrepeatable read,on\n");
  query("WITH x AS (INSERT INTO w VALUES (1) RETURNING id) SELECT id FROM x");
  const auto result = p.stage();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "sqlstate.25006") << result.error().detail;
}

TEST_F(PostgresSourceTest, ReadsRangesWhoseValuesStayValues) {
  p.columns({column("f", Kind::string), column("t", Kind::string)});
  query("SELECT {from}::text AS f, {to}::text AS t");
  p.input.from = "2024-01-01";
  p.input.to = "it's {from}; DROP TABLE w;--";
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "f,t\n2024-01-01,it's {from}; DROP TABLE w;--\n");
  p.columns({column("i", Kind::int64)});
  query("SELECT i FROM generate_series(1, 100) i WHERE i >= {from} AND i < {to} ORDER BY i");
  p.input.from = "10";
  p.input.to = "13";
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "i\n10\n11\n12\n");
}

TEST_F(PostgresSourceTest, ClassifiesWhatGoesWrong) {
  const auto fails = [&](const std::string& sql, ErrorClass error, const std::string& code,
                         const std::string& connection = "") {
    query(sql, connection);
    const auto result = p.stage();
    ASSERT_FALSE(result) << sql;
    EXPECT_EQ(result.error().error, error) << result.error().detail;
    EXPECT_EQ(result.error().code, code) << result.error().detail;
    EXPECT_EQ(result.error().detail.find("c4nary"), std::string::npos) << result.error().detail;
  };
  p.pipeline.retry.timeout = std::chrono::milliseconds(300);
  fails("SELECT pg_sleep(20)", ErrorClass::transient, "sqlstate.57014");
  p.pipeline.retry.timeout = std::chrono::minutes(1);
  fails("SELECT nothing FROM nowhere", ErrorClass::definition, "sqlstate.42P01");
  fails("SELECT 1/0", ErrorClass::data, "sqlstate.22012");
  execute(
      "DROP TABLE IF EXISTS hidden; CREATE TABLE hidden (id int); DROP ROLE IF EXISTS reader; "
      "CREATE "
      "ROLE reader LOGIN");
  fails("SELECT * FROM hidden", ErrorClass::permission, "sqlstate.42501",
        cluster->conninfo() + " user=reader password=c4nary");
  fails("SELECT 1", ErrorClass::definition, "connection",
        cluster->conninfo() + " dbname=none password=c4nary");
  fails("SELECT 1", ErrorClass::dependency_down, "connection",
        "host=127.0.0.1 port=1 password=c4nary user=x");
  ::setenv("DAYBOOK_TEST_PG", "c4nary nonsense", 1);
  fails("SELECT 1", ErrorClass::definition, "connection.string", "secret://env/DAYBOOK_TEST_PG");
  ::unsetenv("DAYBOOK_TEST_PG");
  fails("SELECT 1", ErrorClass::permission, "secret", "secret://env/DAYBOOK_TEST_PG");
}

TEST_F(PostgresSourceTest, TakesItsConnectionFromASecret) {
  p.columns({column("i", Kind::int64)});
  ::setenv("DAYBOOK_TEST_PG", cluster->conninfo().c_str(), 1);
  query("SELECT 7 AS i", "secret://env/DAYBOOK_TEST_PG");
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "i\n7\n");
  ::unsetenv("DAYBOOK_TEST_PG");
  write_file(p.root / "connection", cluster->conninfo() + "\n");
  query("SELECT 8 AS i", "secret://file" + (p.root / "connection").string());
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "i\n8\n");
}

TEST_F(PostgresSourceTest, StopsAQueryThatRunsWhenAskedTo) {
  query("SELECT pg_sleep(60)");
  StageProgress progress;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    progress.cancel = true;
  });
  const auto begun = std::chrono::steady_clock::now();
  const auto digest = inputs_digest_of(p.pipeline, p.input, "", {}, progress);
  stopper.join();
  ASSERT_FALSE(digest);
  EXPECT_EQ(digest.error().code, "cancelled");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

TEST_F(PostgresSourceTest, AQueryWithoutRowsIsEmptyAndNotNothing) {
  p.columns({column("i", Kind::int64)});
  query("SELECT 1::bigint AS i WHERE false");
  EXPECT_EQ(p.stage().error().code, "source.empty");
  p.pipeline.allow_empty = true;
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "i\n");
}

}  // namespace
}  // namespace daybook::testing
