#include "tests/runner/connect/sink_under_test.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <stdexcept>

#include "runner/connect/visible.h"

namespace daybook {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view book = "book.test/1", pipeline_name = "things";

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Rows lines_of(const std::string& text) {
  Rows lines;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
    end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
  }
  return lines;
}

class DirectoryUnderTest : public SinkUnderTest {
 public:
  std::string crash_prefix() const override { return "dir."; }
  Pipeline pipeline() const override {
    Pipeline pipeline;
    pipeline.name = pipeline_name;
    pipeline.project = work_.path().string();
    pipeline.sink.to = DirectorySink{FileFormat::parquet, "lake/things"};
    return pipeline;
  }
  // What the documented pattern <root>/*/*.parquet finds.
  Rows visible() const override {
    Rows all;
    for (const auto& partition : fs::directory_iterator(root())) {
      if (!partition.is_directory()) continue;
      for (const auto& file : fs::directory_iterator(partition.path())) {
        if (file.path().extension() != ".parquet") continue;
        const Rows lines = lines_of(slurp(file.path()));
        all.insert(all.end(), lines.begin(), lines.end());
      }
    }
    std::ranges::sort(all);
    return all;
  }
  void harm(const LoadPlan& load, Harm harm) const override {
    const fs::path shown = root() / load.partition;
    // Named, not just any: in append mode the folder holds other loads' files too.
    const fs::path first = shown / visible_name(load.generation, load.load_id, 0, "parquet");
    switch (harm) {
      case Harm::change: {
        std::fstream file(first, std::ios::in | std::ios::out | std::ios::binary);
        file.put('X');
        return;
      }
      case Harm::remove: fs::remove(first); return;
      case Harm::add: std::ofstream(shown / "extra.parquet") << "9\textra\n"; return;
    }
  }
  void add_foreign(const std::string& partition) const override {
    fs::create_directories(root() / partition);
    std::ofstream(root() / partition / "foreign.parquet") << "foreign\n";
  }

 private:
  fs::path root() const { return work_ / "lake/things"; }
};

class PostgresUnderTest : public SinkUnderTest {
 public:
  PostgresUnderTest() {
    static std::atomic<int> tables{0};
    table_ = fmt::format("things_{}_{}", ::getpid(), ++tables);
  }
  std::string crash_prefix() const override { return "pg."; }
  Pipeline pipeline() const override {
    Pipeline pipeline;
    pipeline.name = pipeline_name;
    pipeline.project = work_.path().string();
    pipeline.sink.to = PostgresSink{shared_cluster().conninfo(), "public." + table_};
    return pipeline;
  }
  Rows visible() const override {
    Rows all = query(fmt::format("SELECT id, value FROM public.{}", table_));
    for (std::string& row : all) {
      if (row.ends_with("\tforeign")) row = "foreign";
    }
    std::ranges::sort(all);
    return all;
  }
  void harm(const LoadPlan& load, Harm harm) const override {
    const std::string mine = fmt::format("_load_id = '\\x{}'", hex(load.load_id));
    switch (harm) {
      case Harm::change:
        query(
            fmt::format("UPDATE public.{0} SET value = 'X' WHERE id = (SELECT min(id) FROM "
                        "public.{0} WHERE {1})",
                        table_, mine));
        return;
      case Harm::remove:
        query(
            fmt::format("DELETE FROM public.{0} WHERE id = (SELECT min(id) FROM public.{0} "
                        "WHERE {1})",
                        table_, mine));
        return;
      case Harm::add:
        query(fmt::format("INSERT INTO public.{} VALUES (9, 'extra', '\\x{}')", table_,
                          hex(load.load_id)));
        return;
    }
  }
  void add_foreign(const std::string&) const override {
    query(fmt::format("INSERT INTO public.{} VALUES (-1, 'foreign', '\\x00')", table_));
  }

 private:
  std::string table_;
};

}  // namespace

Rows rows(int first, int last, const std::string& tag) {
  Rows made;
  for (int id = first; id <= last; ++id) made.push_back(fmt::format("{}\t{}-{}", id, tag, id));
  std::ranges::sort(made);
  return made;
}

const std::vector<Column>& test_columns() {
  static const std::vector<Column> columns = [] {
    Column id, value;
    id.name = "id";
    id.type.kind = ColumnType::Kind::int32;
    id.required = true;
    value.name = "value";
    return std::vector<Column>{id, value};
  }();
  return columns;
}

std::unique_ptr<SinkUnderTest> SinkUnderTest::directory() {
  return std::make_unique<DirectoryUnderTest>();
}

std::unique_ptr<SinkUnderTest> SinkUnderTest::postgres() {
  return std::make_unique<PostgresUnderTest>();
}

std::unique_ptr<SinkDriver> SinkUnderTest::open() const {
  auto sink = open_sink(pipeline());
  if (!sink) throw std::runtime_error("open_sink: " + sink.error().detail);
  return std::move(*sink);
}

void SinkUnderTest::prepare(LoadMode mode) const {
  auto prepared = open()->prepare(test_columns(), mode, {"id"}, 7);
  if (!prepared) throw std::runtime_error("prepare: " + prepared.error().detail);
}

LoadPlan SinkUnderTest::plan(const std::string& partition, Generation generation,
                             const Rows& content, EntryIndex fence, LoadMode mode) const {
  std::string text;
  for (const std::string& row : content) text += row + "\n";
  LoadPlan plan;
  plan.origin = book;
  plan.pipeline = pipeline_name;
  plan.partition = partition;
  plan.generation = generation;
  plan.content = sha256(bytes_of(text));
  plan.load_id =
      sha256(bytes_of(fmt::format("{} {} {} {} {} {}", book, pipeline_name, work_.path().string(),
                                  partition, generation, hex(plan.content))));
  plan.rows = content.size();
  plan.fence = fence;
  plan.mode = mode;
  plan.key = {"id"};
  plan.columns = test_columns();
  intended_[partition].push_back(plan.load_id);
  plan.intended = intended_[partition];
  plan.staged =
      work_ / fmt::format("staged/{}-{}-{}", hex(plan.load_id).substr(0, 8), fence, ::getpid());
  fs::create_directories(plan.staged);
  for (std::size_t part = 0; part < 2; ++part) {
    const std::size_t half = content.size() / 2;
    std::string bytes;
    std::uint64_t count = 0;
    for (std::size_t i = part == 0 ? 0 : half; i < (part == 0 ? half : content.size()); ++i) {
      bytes += content[i] + "\n";
      ++count;
    }
    const std::string name = fmt::format("out-{}", part);
    const fs::path path = plan.staged / name;
    fs::remove(path);
    std::ofstream(path, std::ios::binary) << bytes;
    plan.files.push_back({name, bytes.size(), count, sha256(bytes_of(bytes))});
  }
  return plan;
}

CompensationPlan SinkUnderTest::compensation(const LoadPlan& load, const LoadPlan* restored,
                                             EntryIndex fence, CompensationAction action) const {
  CompensationPlan plan;
  plan.origin = load.origin;
  plan.pipeline = load.pipeline;
  plan.partition = load.partition;
  plan.action = action;
  plan.generation = load.generation;
  plan.generation_load_id = load.load_id;
  if (restored != nullptr) {
    plan.restores = restored->generation;
    plan.restores_load_id = restored->load_id;
  }
  plan.load_id = sha256(bytes_of("take back " + hex(load.load_id)));
  plan.fence = fence;
  return plan;
}

PostgresCluster& shared_cluster() {
  static const std::unique_ptr<PostgresCluster> cluster = [] {
    auto made = PostgresCluster::create();
    if (!made) throw std::runtime_error(made.error().detail);
    return std::move(*made);
  }();
  return *cluster;
}

Rows query(const std::string& sql) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(
      PQconnectdb(shared_cluster().conninfo().c_str()), PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), sql.c_str()),
                                                              PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  Rows found;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    std::string line;
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      line += (column > 0 ? "\t" : "") + std::string(PQgetvalue(result.get(), row, column));
    }
    found.push_back(std::move(line));
  }
  return found;
}

pid_t start_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  return child;
}

ChildEnd wait_child(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status), .status = 0};
  return {.signal = 0, .status = WEXITSTATUS(status)};
}

ChildEnd in_child(const std::function<int()>& act) { return wait_child(start_child(act)); }

}  // namespace daybook
