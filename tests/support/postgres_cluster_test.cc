#include "tests/support/postgres_cluster.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <filesystem>
#include <memory>
#include <string>

namespace daybook {
namespace {

// First value of the first row, or the server's words.
std::string ask(const std::string& conninfo, const std::string& query) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(conninfo.c_str()),
                                                              PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
      PQexec(connection.get(), query.c_str()), PQclear);
  if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) return PQcmdStatus(result.get());
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return PQresultErrorMessage(result.get());
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

TEST(PostgresCluster, AnswersOverSocketAndLoopbackAndKeepsWhatWasCommittedOverACrash) {
  std::filesystem::path directory;
  {
    auto cluster = PostgresCluster::create();
    ASSERT_TRUE(cluster) << cluster.error().detail;
    const PostgresCluster& server = **cluster;
    EXPECT_EQ(ask(server.conninfo(), "select 1"), "1");
    EXPECT_EQ(ask(server.tcp_conninfo(), "select 2"), "2");
    EXPECT_EQ(ask(server.conninfo(), "show fsync"), "on");
    directory = ask(server.conninfo(), "show data_directory");

    ASSERT_EQ(ask(server.conninfo(), "create table kept as select 42 as n"), "SELECT 1");
    const std::uint16_t port = server.port();
    for (const auto how : {PostgresCluster::Stop::immediate, PostgresCluster::Stop::kill,
                           PostgresCluster::Stop::fast}) {
      auto back = (*cluster)->restart(how);
      ASSERT_TRUE(back) << back.error().detail;
      EXPECT_EQ(ask(server.conninfo(), "select n from kept"), "42");
    }
    EXPECT_EQ(server.port(), port);
    EXPECT_TRUE(std::filesystem::exists(directory));
  }
  EXPECT_FALSE(std::filesystem::exists(directory)) << "the cluster outlived its test";
}

TEST(PostgresCluster, TakesSettings) {
  auto cluster = PostgresCluster::create(
      {.fsync = false, .settings = {"max_connections=7", "max_prepared_transactions=3"}});
  ASSERT_TRUE(cluster) << cluster.error().detail;
  EXPECT_EQ(ask((*cluster)->conninfo(), "show fsync"), "off");
  EXPECT_EQ(ask((*cluster)->conninfo(), "show max_connections"), "7");
  EXPECT_EQ(ask((*cluster)->conninfo(), "show max_prepared_transactions"), "3");
}

}  // namespace
}  // namespace daybook
