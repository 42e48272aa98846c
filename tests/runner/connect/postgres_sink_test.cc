// What holds for tables alone: fit of columns, merge by key, flags, servers that are refused.
#include "runner/connect/postgres_sink.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <thread>

#include "runner/connect/postgres_table.h"
#include "tests/runner/connect/sink_under_test.h"

namespace daybook {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

const std::string day = "2022-06-01";

SinkResult<void> prepare(const std::string& table, LoadMode mode = LoadMode::replace) {
  auto sink = open_postgres_sink({shared_cluster().conninfo(), table});
  if (!sink) return std::unexpected(sink.error());
  return (*sink)->prepare(test_columns(), mode, {"id"}, 7);
}

TEST(PostgresSink, CreatesTheTableFromTheOutputColumns) {
  ASSERT_TRUE(prepare("created"));
  EXPECT_THAT(query("SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM "
                    "pg_attribute WHERE attrelid = 'created'::regclass AND attnum > 0 ORDER BY "
                    "attnum"),
              ElementsAre("id\tinteger\tt", "value\ttext\tf", "_load_id\tbytea\tt"));
  ASSERT_TRUE(prepare("created"));
  EXPECT_THAT(query("SELECT count(*) FROM pg_indexes WHERE tablename = 'created'"),
              ElementsAre("1"));
}

TEST(PostgresSink, NamesEveryDifferenceOfATargetThatDoesNotFit) {
  query("CREATE TABLE public.unfit (id date NOT NULL, other int NOT NULL)");
  auto refused = prepare("unfit");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error, ErrorClass::definition);
  for (const char* part :
       {"column id is date, the output is integer", "column value text is missing",
        "column _load_id bytea is missing", "column other is NOT NULL without a default"}) {
    EXPECT_THAT(refused.error().detail, HasSubstr(part));
  }
  query(
      "CREATE TABLE public.fit (id bigint NOT NULL, value varchar(20), more serial, _load_id "
      "bytea)");
  EXPECT_TRUE(prepare("fit"));
}

TEST(PostgresSink, RefusesTargetsThatDoNotSurviveACrash) {
  query("CREATE UNLOGGED TABLE public.unlogged (id int NOT NULL, value text, _load_id bytea)");
  auto refused = prepare("unlogged");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "target.unlogged");
  query("CREATE VIEW public.viewed AS SELECT 1 AS id");
  EXPECT_FALSE(prepare("viewed"));
}

TEST(PostgresSink, RefusesAServerWithoutFsync) {
  auto cluster = PostgresCluster::create({.fsync = false, .settings = {}});
  ASSERT_TRUE(cluster) << cluster.error().detail;
  auto sink = open_postgres_sink({(*cluster)->conninfo(), "t"});
  ASSERT_TRUE(sink);
  auto refused = (*sink)->prepare(test_columns(), LoadMode::replace, {}, 7);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "fsync");
}

TEST(PostgresSink, TidyingRemovesRetiredRowsOfSupersededLoads) {
  const auto sink = SinkUnderTest::postgres();
  sink->prepare();
  const std::string table = std::get<PostgresSink>(sink->pipeline().sink.to).table;
  const std::string twin = fmt::format("daybook.\"retired:{}\"", table);
  EntryIndex fence = 0;
  LoadPlan last;
  for (Generation generation = 1; generation <= 6; ++generation) {
    last = sink->plan(day, generation, rows(1, 100, "a"), ++fence);
    ASSERT_TRUE(sink->open()->load(last));
    last.fence = ++fence;
    ASSERT_TRUE(sink->open()->tidy(last));
  }
  EXPECT_THAT(query("SELECT count(*) FROM " + twin), ElementsAre("200"));
}

// Which cluster it is is remembered from load to load, across processes.
TEST(PostgresSink, RefusesAnotherClusterThanTheOneItLoadedInto) {
  auto other = PostgresCluster::create();
  ASSERT_TRUE(other) << other.error().detail;
  const auto here = SinkUnderTest::postgres();
  here->prepare();
  const LoadPlan plan = here->plan(day, 1, rows(1, 3, "a"), 1);
  auto loaded = here->open()->load(plan);
  ASSERT_TRUE(loaded);
  const std::size_t at = loaded->evidence.rfind("system ");
  ASSERT_NE(at, std::string::npos);
  const SinkMemory memory{.cluster = loaded->evidence.substr(at + 7), .load_id = plan.load_id};

  Pipeline elsewhere = here->pipeline();
  std::get<PostgresSink>(elsewhere.sink.to).connection = (*other)->conninfo();
  auto there = open_sink(elsewhere, memory);
  ASSERT_TRUE(there);
  auto refused = (*there)->prepare(test_columns(), LoadMode::replace, {}, 7);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "conflict");
  EXPECT_THAT(refused.error().detail, HasSubstr(memory.cluster));
  EXPECT_FALSE((*there)->settle(plan));
  EXPECT_FALSE((*there)->inventory(false));

  // One that brought the markers along is the same target, wherever it runs now.
  auto home = open_sink(here->pipeline(), {.cluster = "1", .load_id = plan.load_id});
  ASSERT_TRUE(home);
  EXPECT_TRUE((*home)->prepare(test_columns(), LoadMode::replace, {}, 7));
}

TEST(PostgresSink, GivesAStatementNoMoreTimeThanTheDefinition) {
  const auto under_test = SinkUnderTest::postgres();
  under_test->prepare();
  Pipeline hasty = under_test->pipeline();
  hasty.retry.timeout = std::chrono::milliseconds(300);
  const std::string table = std::get<PostgresSink>(hasty.sink.to).table;
  query(
      fmt::format("CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                  "PERFORM pg_sleep(5); RETURN NEW; END $$; CREATE TRIGGER slow BEFORE INSERT ON "
                  "{} FOR EACH STATEMENT EXECUTE FUNCTION public.slow()",
                  table));
  auto sink = open_sink(hasty);
  ASSERT_TRUE(sink);
  auto late = (*sink)->load(under_test->plan(day, 1, rows(1, 3, "a"), 1));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "sqlstate.57014");
}

TEST(PostgresSink, QuotesHostileNames) {
  query("CREATE TABLE public.victim (id int)");
  ASSERT_TRUE(prepare(R"(public.x"; DROP TABLE victim;--)"));
  EXPECT_THAT(query("SELECT count(*) FROM public.victim"), ElementsAre("0"));
  EXPECT_TRUE(prepare("public.select"));
  EXPECT_FALSE(prepare("public." + std::string(64, 'a')));
}

TEST(PostgresSink, ALongNameHasATwinOfItsOwn) {
  ASSERT_TRUE(prepare("public." + std::string(63, 'a')));
  ASSERT_TRUE(prepare("public." + std::string(62, 'a') + "b"));
}

TEST(PostgresSink, MovesColumnsOfOthersWithTheRow) {
  query(
      "CREATE TABLE public.extended (id int NOT NULL, value text, seen text DEFAULT 'default', "
      "number int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (id * 2) STORED, "
      "_load_id bytea)");
  auto under_test = SinkUnderTest::postgres();
  auto sink = open_postgres_sink({shared_cluster().conninfo(), "extended"});
  ASSERT_TRUE((*sink)->prepare(test_columns(), LoadMode::replace, {}, 7));
  const LoadPlan first = under_test->plan(day, 1, rows(1, 3, "a"), 1);
  const LoadPlan second = under_test->plan(day, 2, rows(1, 3, "b"), 2);
  ASSERT_TRUE((*sink)->load(first));
  query("UPDATE public.extended SET seen = 'by hand' WHERE id = 2");
  const std::string all =
      "SELECT id, value, seen, number, twice, _load_id FROM public.extended ORDER BY id";
  const Rows before = query(all);
  ASSERT_TRUE((*sink)->load(second));
  auto back = (*sink)->compensate(under_test->compensation(second, &first, 3));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(query(all), before);
}

class PostgresMerge : public testing::Test {
 protected:
  PostgresMerge() : sink_(SinkUnderTest::postgres()) { sink_->prepare(LoadMode::merge); }
  LoadPlan load(const std::string& partition, Generation generation, const Rows& content) {
    const LoadPlan plan = sink_->plan(partition, generation, content, ++fence_, LoadMode::merge);
    auto loaded = sink_->open()->load(plan);
    EXPECT_TRUE(loaded) << loaded.error().detail;
    return plan;
  }
  std::unique_ptr<SinkUnderTest> sink_;
  EntryIndex fence_ = 0;
};

TEST_F(PostgresMerge, OverwritesByKeyAndTakesBackInReverseOrder) {
  const LoadPlan first = load(day, 1, rows(1, 6, "a"));
  const LoadPlan second = load(day, 2, rows(5, 8, "b"));
  const LoadPlan third = load("other", 1, rows(8, 9, "c"));
  EXPECT_THAT(sink_->visible(), ElementsAre("1\ta-1", "2\ta-2", "3\ta-3", "4\ta-4", "5\tb-5",
                                            "6\tb-6", "7\tb-7", "8\tc-8", "9\tc-9"));
  auto early = sink_->open()->compensate(sink_->compensation(second, &first, ++fence_));
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().detail, HasSubstr("compensate load " + hex(third.load_id)));

  auto last = sink_->open()->compensate(sink_->compensation(third, nullptr, ++fence_));
  ASSERT_TRUE(last) << last.error().detail;
  EXPECT_EQ(last->rows_removed, 2U);
  EXPECT_EQ(last->rows_restored, 1U);
  auto then = sink_->open()->compensate(sink_->compensation(second, &first, ++fence_));
  ASSERT_TRUE(then) << then.error().detail;
  EXPECT_EQ(then->rows_restored, 2U);
  EXPECT_THAT(sink_->visible(), ElementsAreArray(rows(1, 6, "a")));
  auto inventory = sink_->open()->inventory(true);
  ASSERT_TRUE(inventory);
  for (const SinkGeneration& each : *inventory) EXPECT_EQ(each.damage, "");
}

TEST_F(PostgresMerge, RefusesTwoRowsOfOneKey) {
  auto refused =
      sink_->open()->load(sink_->plan(day, 1, {"1\ta", "1\tb"}, ++fence_, LoadMode::merge));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "sqlstate.23505");
  EXPECT_EQ(refused.error().error, ErrorClass::data);
  EXPECT_FALSE(refused.error().ambiguous);
}

TEST(PostgresSink, FlagsTheRowsOfALoadAndLeavesThem) {
  auto under_test = SinkUnderTest::postgres();
  under_test->prepare();
  const LoadPlan plan = under_test->plan(day, 1, rows(1, 4, "a"), 1);
  ASSERT_TRUE(under_test->open()->load(plan));
  auto flagged = under_test->open()->compensate(
      under_test->compensation(plan, nullptr, 2, CompensationAction::flag));
  ASSERT_TRUE(flagged) << flagged.error().detail;
  EXPECT_EQ(flagged->rows_removed, 0U);
  EXPECT_THAT(under_test->visible(), ElementsAreArray(rows(1, 4, "a")));
  const auto sink = std::get<PostgresSink>(under_test->pipeline().sink.to);
  EXPECT_THAT(query("SELECT count(*) FROM " + sink.table + " WHERE _compensated"),
              ElementsAre("4"));
  auto inventory = under_test->open()->inventory(true);
  ASSERT_TRUE(inventory);
  EXPECT_EQ(inventory->front().damage, "");
  EXPECT_TRUE(inventory->front().tombstone);
}

TEST(PostgresSink, EvidenceNamesTransactionPositionAndCluster) {
  auto under_test = SinkUnderTest::postgres();
  under_test->prepare();
  auto loaded = under_test->open()->load(under_test->plan(day, 1, rows(1, 4, "a"), 1));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  const Rows system = query("SELECT system_identifier FROM pg_control_system()");
  EXPECT_THAT(loaded->evidence,
              testing::MatchesRegex("xid [0-9]+ lsn [0-9A-F]+/[0-9A-F]+ timeline 1 system " +
                                    system.front()));
}

TEST(PostgresSink, SaysThatAServerDoesNotAnswer) {
  auto under_test = SinkUnderTest::postgres();
  under_test->prepare();
  const auto refused = [&] {
    EXPECT_TRUE(shared_cluster().stop());
    auto loaded = under_test->open()->load(under_test->plan(day, 1, rows(1, 4, "a"), 1));
    EXPECT_TRUE(shared_cluster().start());
    return loaded;
  }();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error, ErrorClass::dependency_down);
  EXPECT_FALSE(refused.error().ambiguous);
}

// Stands between client and server for one connection and cuts it at COMMIT: before the server has
// seen it, or after, so that only the answer is lost.
class CuttingProxy {
 public:
  enum class Cut : std::uint8_t { before_server, after_server };
  explicit CuttingProxy(Cut cut) : cut_(cut), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { forward(); });
  }
  ~CuttingProxy() {
    thread_.join();
    ::close(listener_);
  }
  std::string conninfo() const {
    return fmt::format(
        "host=127.0.0.1 port={} user=daybook dbname=postgres sslmode=disable "
        "gssencmode=disable",
        port_);
  }

 private:
  void forward() const {
    const int client = ::accept(listener_, nullptr, nullptr);
    const int server = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(shared_cluster().port());
    EXPECT_EQ(::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    std::array<char, 65'536> buffer{};
    std::array<pollfd, 2> ends = {{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    bool cut = false;
    while (!cut && ::poll(ends.data(), ends.size(), 30'000) > 0) {
      for (std::size_t from = 0; from < 2 && !cut; ++from) {
        if (ends[from].revents == 0) continue;
        const ssize_t got = ::read(ends[from].fd, buffer.data(), buffer.size());
        if (got <= 0) {
          cut = true;
          break;
        }
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
        cut = from == 0 && bytes.find(std::string_view("\x0b"
                                                       "COMMIT\0",
                                                       8)) != std::string_view::npos;
        if (cut && cut_ == Cut::before_server) break;
        EXPECT_EQ(::write(ends[1 - from].fd, bytes.data(), bytes.size()), got);
        if (cut) (void)::read(server, buffer.data(), buffer.size());  // it answered, to nobody
      }
    }
    ::close(client);
    ::close(server);
  }

  Cut cut_;
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(PostgresSink, LeavesALostAnswerToCommitToSettle) {
  for (const auto cut : {CuttingProxy::Cut::before_server, CuttingProxy::Cut::after_server}) {
    auto under_test = SinkUnderTest::postgres();
    under_test->prepare();
    const auto direct = std::get<PostgresSink>(under_test->pipeline().sink.to);
    const CuttingProxy proxy(cut);
    auto sink = open_postgres_sink({proxy.conninfo(), direct.table});
    auto lost = (*sink)->load(under_test->plan(day, 1, rows(1, 9, "a"), 1));
    ASSERT_FALSE(lost);
    EXPECT_TRUE(lost.error().ambiguous);
    EXPECT_EQ(lost.error().error, ErrorClass::dependency_down);
    auto settled = under_test->open()->settle(under_test->plan(day, 1, rows(1, 9, "a"), 2));
    ASSERT_TRUE(settled) << settled.error().detail;
    EXPECT_EQ(settled->has_value(), cut == CuttingProxy::Cut::after_server);
    auto loaded = under_test->open()->load(under_test->plan(day, 1, rows(1, 9, "a"), 2));
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded->recovered, cut == CuttingProxy::Cut::after_server);
    EXPECT_THAT(under_test->visible(), ElementsAreArray(rows(1, 9, "a")));
  }
}

TEST(PostgresTypes, TakeOnlyWhatLosesNothing) {
  const ColumnType text{ColumnType::Kind::string, 0, 0}, small{ColumnType::Kind::int8, 0, 0},
      amount{ColumnType::Kind::decimal, 12, 2}, real{ColumnType::Kind::float64, 0, 0};
  EXPECT_TRUE(postgres_fits(text, "character varying(10)"));
  EXPECT_TRUE(postgres_fits(small, "bigint"));
  EXPECT_TRUE(postgres_fits(amount, "numeric(12,2)"));
  EXPECT_TRUE(postgres_fits(amount, "numeric"));
  EXPECT_FALSE(postgres_fits(amount, "numeric(12,1)"));
  EXPECT_FALSE(postgres_fits(amount, "double precision"));
  EXPECT_FALSE(postgres_fits(real, "real"));
  EXPECT_FALSE(postgres_fits(small, "text"));
}

}  // namespace
}  // namespace daybook
