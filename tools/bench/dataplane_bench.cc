// An audited stage() beside plain DuckDB without any audit: same rows, same types, same checks,
// same derived columns, same number of threads; each in a process of its own, in turns.
//
//   daybook_bench_dataplane [rows [threads [rounds [directory [csv|jsonl|parquet|all]]]]]
//   daybook_bench_dataplane ours|plain FILE DIRECTORY THREADS        one run, for a profiler
//   daybook_bench_dataplane generate ROWS FILE                       the CSV alone
//
// Prints one line a format: median wall seconds, median processor seconds (user and system), peak
// memory, and their ratios; the raw figures of every run go to DIRECTORY/dataplane.jsonl. Both
// sides write Parquet with snappy and row groups of 122,880 rows (DuckDB's defaults), the rows in
// the order of the source (its default); plain DuckDB has its default settings otherwise and the
// same number of threads.
#include <duckdb.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "runner/dataplane/stage.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using Kind = ColumnType::Kind;

struct Random {
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  std::uint32_t below(std::uint32_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::uint32_t>((state >> 11) % n);
  }
};

const char* const names[] = {"trip_id",    "vendor",   "pickup_ts", "dropoff_ts",
                             "passengers", "distance", "pu_zone",   "do_zone",
                             "rate_code",  "payment",  "fare",      "tip",
                             "tolls",      "total",    "plate",     "note"};

std::string moment(std::uint64_t seconds) {
  const auto day = seconds / 86'400;
  return fmt::format("2024-{:02}-{:02} {:02}:{:02}:{:02}", 1 + day / 28 % 12, 1 + day % 28,
                     seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

// One row in 200 is bad, in one of several ways.
void generate(bool json, std::uint64_t rows, const fs::path& to) {
  std::FILE* out = std::fopen(to.c_str(), "wb");
  if (out == nullptr) std::exit(1);
  std::string text;
  if (!json) {
    for (int i = 0; i < 16; ++i) text += fmt::format("{}{}", i == 0 ? "" : ",", names[i]);
    text += '\n';
  }
  Random random;
  const char* const vendors[] = {"CMT", "VTS", "DDS", "HLX"};
  const char* const payments[] = {"card", "cash", "app", "dispute", "free"};
  for (std::uint64_t i = 0; i < rows; ++i) {
    const std::uint64_t start = i * 28'000'000 / rows + random.below(600);
    const unsigned distance = 30 + random.below(3000), fare = 300 + distance * 2;
    const unsigned tip = random.below(3) != 0 ? random.below(1000) : 0;
    const unsigned toll = random.below(20) == 0 ? 655 : 0, total = fare + tip + toll;
    const auto money = [](unsigned cents) {
      return fmt::format("{}.{:02}", cents / 100, cents % 100);
    };
    std::string f[16] = {
        fmt::to_string(1'000'000'000 + i),
        vendors[random.below(4)],
        moment(start),
        moment(start + 120 + random.below(3000)),
        random.below(50) == 0 ? "" : fmt::to_string(1 + random.below(6)),
        money(distance),
        fmt::to_string(1 + random.below(265)),
        fmt::to_string(1 + random.below(265)),
        fmt::to_string(1 + random.below(6)),
        payments[random.below(10) < 6 ? 0 : random.below(5)],
        money(fare),
        money(tip),
        money(toll),
        money(total),
        fmt::format("{}{}{}-{:04}", static_cast<char>('A' + random.below(26)),
                    static_cast<char>('A' + random.below(26)),
                    static_cast<char>('A' + random.below(26)), random.below(10'000)),
        ""};
    const unsigned note = random.below(1000);
    if (note < 100) f[15] = fmt::format("waited {} min", random.below(30));
    if (note < 30) f[15] = fmt::format("called, waited {} min", random.below(30));
    if (random.below(200) == 0) {
      switch (random.below(5)) {
        case 0: f[10] = "12.x4"; break;
        case 1: f[2].replace(5, 2, "17"); break;
        case 2: f[4] = "99"; break;
        case 3: f[1] = "ZZZ"; break;
        default: f[14] = "abc1234"; break;
      }
    }
    if (json) text += '{';
    for (int c = 0; c < 16; ++c) {
      if (c != 0) text += ',';
      if (json) {
        const bool number = (c == 0 || (c >= 4 && c <= 8) || (c >= 10 && c <= 13)) &&
                            f[c].find('x') == std::string::npos;
        text += fmt::format("\"{}\":", names[c]);
        text += f[c].empty() ? "null" : number ? f[c] : "\"" + f[c] + "\"";
      } else {
        text += f[c].find(',') == std::string::npos ? f[c] : "\"" + f[c] + "\"";
      }
    }
    text += json ? "}\n" : "\n";
    if (text.size() > (1 << 20)) {
      std::fwrite(text.data(), 1, text.size(), out);
      text.clear();
    }
  }
  std::fwrite(text.data(), 1, text.size(), out);
  std::fclose(out);
}

Column column(const char* name, Kind kind, int precision = 0, int scale = 0) {
  Column c;
  c.name = name;
  c.type = {kind, static_cast<std::uint8_t>(precision), static_cast<std::uint8_t>(scale)};
  return c;
}

Pipeline trips(FileFormat format) {
  Pipeline p;
  p.name = "trips";
  FileSource source;
  source.format = format;
  p.source = source;
  p.contract.emplace();
  p.contract->columns = {
      column("trip_id", Kind::int64),        column("vendor", Kind::string),
      column("pickup_ts", Kind::timestamp),  column("dropoff_ts", Kind::timestamp),
      column("passengers", Kind::int16),     column("distance", Kind::decimal, 9, 2),
      column("pu_zone", Kind::int16),        column("do_zone", Kind::int16),
      column("rate_code", Kind::int8),       column("payment", Kind::string),
      column("fare", Kind::decimal, 10, 2),  column("tip", Kind::decimal, 10, 2),
      column("tolls", Kind::decimal, 10, 2), column("total", Kind::decimal, 10, 2),
      column("plate", Kind::string),         column("note", Kind::string)};
  const auto add = [&](const char* on, RowRule::Kind kind, std::string text,
                       std::vector<std::string> values = {}) {
    RowRule rule;
    rule.id = fmt::format("{}.{}", on, p.contract->row_rules.size());
    rule.kind = kind;
    rule.column = on;
    rule.text = text;
    rule.bound = text;
    rule.values = std::move(values);
    p.contract->row_rules.push_back(std::move(rule));
  };
  for (const char* name : {"trip_id", "vendor", "pickup_ts", "dropoff_ts", "plate"}) {
    add(name, RowRule::Kind::required, "");
  }
  add("vendor", RowRule::Kind::allowed, "", {"CMT", "VTS", "DDS", "HLX"});
  add("payment", RowRule::Kind::allowed, "", {"card", "cash", "app", "dispute", "free"});
  add("passengers", RowRule::Kind::minimum, "0");
  add("passengers", RowRule::Kind::maximum, "8");
  add("pu_zone", RowRule::Kind::minimum, "1");
  add("pu_zone", RowRule::Kind::maximum, "265");
  add("do_zone", RowRule::Kind::minimum, "1");
  add("do_zone", RowRule::Kind::maximum, "265");
  add("fare", RowRule::Kind::minimum, "0");
  add("plate", RowRule::Kind::pattern, "^[A-Z]{3}-[0-9]{4}$");
  Expression duration, extra;
  duration.sql = "CAST(date_diff('second', pickup_ts, dropoff_ts) AS INTEGER)";
  extra.sql = "CAST(total - fare AS DECIMAL(10,2))";
  p.steps = {step::Derive{{{"duration_s", duration}, {"extras", extra}}}};
  return p;
}

int ours(FileFormat format, const fs::path& in, const fs::path& out, unsigned threads) {
  const Pipeline pipeline = trips(format);
  StageRequest request;
  request.pipeline = &pipeline;
  request.input.files = {in.string()};
  request.directory = out;
  request.threads = threads;
  StageProgress progress;
  const auto result = stage(request, progress);
  if (!result) {
    fmt::print(stderr, "{}: {}\n", result.error().code, result.error().detail);
    return 1;
  }
  fmt::print(stderr, "    read {} accepted {} quarantined {} root {}\n", result->counts.read,
             result->counts.accepted, result->counts.quarantined, hex(result->output_root));
  return 0;
}

// With `derived` the columns of the steps too.
int plain_query(FileFormat format, const fs::path& in, const fs::path& out, unsigned threads,
                bool derived) {
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  duckdb_set_config(config, "threads", std::to_string(threads).c_str());
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  if (duckdb_open_ext(nullptr, &database, config, nullptr) != DuckDBSuccess) return 1;
  duckdb_connect(database, &connection);
  std::string columns;
  const Pipeline pipeline = trips(format);
  for (const Column& c : pipeline.contract->columns) {
    columns += fmt::format("{}'{}': '{}'", columns.empty() ? "" : ", ", c.name, sql_name(c.type));
  }
  const std::string source =
      format == FileFormat::csv
          ? fmt::format("read_csv('{}', header = true, columns = {{{}}}, ignore_errors = true)",
                        in.string(), columns)
      : format == FileFormat::jsonl
          ? fmt::format(
                "read_json('{}', format = 'newline_delimited', columns = {{{}}}, "
                "ignore_errors = true)",
                in.string(), columns)
          : fmt::format("read_parquet('{}')", in.string());
  const std::string sql = fmt::format(
      "COPY (SELECT *{} FROM {} WHERE trip_id IS NOT NULL AND vendor "
      "IN "
      "('CMT','VTS','DDS','HLX') AND pickup_ts IS NOT NULL AND dropoff_ts IS NOT NULL AND "
      "(payment IS NULL OR payment IN ('card','cash','app','dispute','free')) AND (passengers IS "
      "NULL "
      "OR passengers BETWEEN 0 AND 8) AND (pu_zone IS NULL OR pu_zone BETWEEN 1 AND 265) AND "
      "(do_zone "
      "IS NULL OR do_zone BETWEEN 1 AND 265) AND (fare IS NULL OR fare >= 0) AND "
      "regexp_matches(plate, '^[A-Z]{{3}}-[0-9]{{4}}$')) TO '{}' (FORMAT parquet, COMPRESSION "
      "snappy, "
      "ROW_GROUP_SIZE 122880)",
      derived ? ", CAST(date_diff('second', pickup_ts, dropoff_ts) AS INTEGER) AS duration_s, "
                "CAST(total - fare AS DECIMAL(10,2)) AS extras"
              : "",
      source, (out / "plain.parquet").string());
  duckdb_result result{};
  if (duckdb_query(connection, sql.c_str(), &result) != DuckDBSuccess) {
    fmt::print(stderr, "{}\n", duckdb_result_error(&result));
    return 1;
  }
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return 0;
}

int plain(FileFormat format, const fs::path& in, const fs::path& out, unsigned threads) {
  return plain_query(format, in, out, threads, true);
}

struct Measured {
  double seconds = 0, cpu = 0, mebibytes = 0;
};

template <typename Work>
Measured in_child(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(work());
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  if (status != 0) {
    fmt::print(stderr, "a run failed\n");
    std::exit(1);
  }
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          seconds(usage.ru_utime) + seconds(usage.ru_stime),
          static_cast<double>(usage.ru_maxrss) / 1024};
}

// Each figure for itself; of memory the most.
Measured median(const std::vector<Measured>& all) {
  const auto middle = [&](double Measured::*figure) {
    std::vector<double> values;
    for (const Measured& one : all) values.push_back(one.*figure);
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  Measured out{middle(&Measured::seconds), middle(&Measured::cpu), 0};
  for (const Measured& one : all) out.mebibytes = std::max(out.mebibytes, one.mebibytes);
  return out;
}

int compare(std::uint64_t rows, unsigned threads, int rounds, const fs::path& directory,
            const std::string& only) {
  fs::create_directories(directory);
  std::FILE* raw = std::fopen((directory / "dataplane.jsonl").c_str(), "ae");
  if (raw == nullptr) return 1;
  fmt::print("{:8} {:>10} {:>8} {:>8} {:>7} {:>8} {:>8} {:>7} {:>9} {:>9} {:>7}\n", "source",
             "rows", "ours s", "plain s", "ratio", "cpu s", "cpu s", "ratio", "ours MiB",
             "plain MiB", "ratio");
  struct Case {
    FileFormat format;
    const char* name;
    std::uint64_t rows;
  };
  for (const Case& c :
       {Case{FileFormat::csv, "csv", rows}, Case{FileFormat::jsonl, "jsonl", rows / 5},
        Case{FileFormat::parquet, "parquet", rows}}) {
    if (only != "all" && only != c.name) continue;
    const fs::path in = directory / fmt::format("trips-{}.{}", c.rows, c.name);
    if (!fs::exists(in)) {
      const auto made = in_child([&] {
        if (c.format != FileFormat::parquet) {
          generate(c.format == FileFormat::jsonl, c.rows, in);
          return 0;
        }
        const fs::path csv = directory / fmt::format("trips-{}.csv", c.rows);
        if (!fs::exists(csv)) generate(false, c.rows, csv);
        const int status = plain_query(FileFormat::csv, csv, directory, threads, false);
        fs::rename(directory / "plain.parquet", in);
        return status;
      });
      (void)made;
    }
    std::vector<Measured> mine, theirs;
    const auto note = [&](const char* side, const Measured& m) {
      fmt::print(raw,
                 "{{\"source\":\"{}\",\"rows\":{},\"threads\":{},\"side\":\"{}\",\"wall_s\":{:.3f},"
                 "\"cpu_s\":{:.3f},\"peak_mib\":{:.1f}}}\n",
                 c.name, c.rows, threads, side, m.seconds, m.cpu, m.mebibytes);
    };
    for (int round = 0; round < rounds; ++round) {
      const fs::path out = directory / "out";
      fs::remove_all(out);
      fs::create_directories(out);
      mine.push_back(in_child([&] { return ours(c.format, in, out, threads); }));
      note("daybook", mine.back());
      fs::remove_all(out);
      fs::create_directories(out);
      theirs.push_back(in_child([&] { return plain(c.format, in, out, threads); }));
      note("duckdb", theirs.back());
      fs::remove_all(out);
    }
    const Measured a = median(mine), b = median(theirs);
    fmt::print(
        "{:8} {:>10} {:>8.2f} {:>8.2f} {:>7.2f} {:>8.2f} {:>8.2f} {:>7.2f} {:>9.0f} {:>9.0f} "
        "{:>7.2f}\n",
        c.name, c.rows, a.seconds, b.seconds, a.seconds / b.seconds, a.cpu, b.cpu, a.cpu / b.cpu,
        a.mebibytes, b.mebibytes, a.mebibytes / b.mebibytes);
    std::fflush(stdout);
  }
  std::fclose(raw);
  return 0;
}

}  // namespace
}  // namespace daybook

int main(int argc, char** argv) {
  const auto number = [&](int at, std::uint64_t otherwise) {
    return argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  };
  const std::string mode = argc == 5 ? argv[1] : "";
  if (mode == "ours" || mode == "plain") {
    const std::filesystem::path in = argv[2];
    std::filesystem::create_directories(argv[3]);
    const auto format = in.extension() == ".csv"     ? daybook::FileFormat::csv
                        : in.extension() == ".jsonl" ? daybook::FileFormat::jsonl
                                                     : daybook::FileFormat::parquet;
    const auto run = mode == "ours" ? daybook::ours : daybook::plain;
    return run(format, in, argv[3], static_cast<unsigned>(number(4, 1)));
  }
  if (argc == 4 && std::string_view(argv[1]) == "generate") {
    daybook::generate(false, number(2, 0), argv[3]);
    return 0;
  }
  return daybook::compare(number(1, 10'000'000), static_cast<unsigned>(number(2, 2)),
                          static_cast<int>(number(3, 3)), argc > 4 ? argv[4] : "build/bench",
                          argc > 5 ? argv[5] : "all");
}
