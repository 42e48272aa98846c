// Parquet as a source, and the current generation in every format.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "ledger/merkle.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/leaves.h"
#include "runner/dataplane/replacement.h"
#include "tests/runner/dataplane/pipeline_for_tests.h"
#include "tests/support/sanitized.h"

namespace daybook::testing {
namespace {

using Kind = ColumnType::Kind;

// Orders as Parquet, made by a stage of CSV.
struct Orders : Project {
  Orders() {
    columns({column("id", Kind::int64), column("amount", Kind::string), column("day", Kind::string),
             column("note", Kind::string)});
    source("a.csv",
           "id,amount,day,note\n1,10.50,2024-01-01,fine\n2,x,2024-01-01,\"a\nb\"\n"
           "3,-1.00,2024-01-02,\"say \"\"hi\"\"\"\n4,7.25,soon,\n5,8.00,2024-01-02,ok\n");
    const auto made = stage();
    EXPECT_TRUE(made) << made.error().detail;
    file = directory / made->files.at(0).name;
    FileSource parquet;
    parquet.format = FileFormat::parquet;
    pipeline.source = parquet;
    input.files = {file.string()};
    columns({column("id", Kind::int64), column("amount", Kind::decimal, 10, 2),
             column("day", Kind::date), column("note", Kind::string)});
    RowRule least = rule("amount.min", RowRule::Kind::minimum, "amount");
    least.bound = "0";
    pipeline.contract->row_rules = {least};
  }
  std::filesystem::path file;
};

TEST(Parquet, SetsRecordsAsideAsJsonWithWhatStoodInTheFile) {
  Orders p;
  p.pipeline.steps = {step::Assert{"not_five", sql("id <> 5"), step::Assert::Else::quarantine}};
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result), "id,amount,day,note\n1,10.50,2024-01-01,fine\n");
  EXPECT_EQ(result->counts, (RowCounts{5, 1, 4, 0, 0}));
  const auto bad = p.quarantine(*result);
  ASSERT_EQ(bad.size(), 4U);
  EXPECT_EQ(bad[0].row, 2U);
  EXPECT_EQ(bad[0].bytes, R"({"id":2,"amount":"x","day":"2024-01-01","note":"a\nb"})");
  EXPECT_EQ(bad[0].violations[0].message, "\"x\" is not a DECIMAL(10,2)");
  EXPECT_EQ(bad[1].bytes, R"({"id":3,"amount":-1.00,"day":"2024-01-02","note":"say \"hi\""})");
  EXPECT_EQ(bad[1].violations[0].rule, "amount.min");
  EXPECT_EQ(bad[2].bytes, R"({"id":4,"amount":7.25,"day":"soon","note":null})");
  EXPECT_EQ(bad[3].bytes, R"({"id":5,"amount":8.00,"day":"2024-01-02","note":"ok"})");
  EXPECT_EQ(bad[3].violations[0].rule, "not_five");
}

TEST(Parquet, RecordsAreReplacedByWhatTheyWereAmendedTo) {
  Orders p;
  const auto first = p.stage(StagedFormat::csv);
  ASSERT_TRUE(first) << first.error().detail;
  const Digest source = first->inputs[0].digest;
  const std::string amended = R"({"id":2,"amount":2.00,"day":"2024-01-01","note":"a\nb"})";
  EXPECT_TRUE(validate_record(p.pipeline, "", amended).empty());
  EXPECT_EQ(
      validate_record(p.pipeline, "", R"({"id":2,"amount":"x","day":null,"note":null})").size(),
      1U);
  EXPECT_EQ(validate_record(p.pipeline, "", R"({"id":3,"amount":-1.00})").size(), 1U);
  EXPECT_TRUE(
      validate_replacement(p.pipeline, "", R"({"id":3,"amount":-1.00})", Waive::rules).empty());
  // One amended, one released as it is, one that is still bad, and in the place where it was.
  p.overlay = {
      {source, 2, amended, false},
      {source, 3, R"({"id":3,"amount":-1.00,"day":"2024-01-02","note":"say \"hi\""})", true},
      {source, 4, R"({"id":4,"amount":7.25,"day":"never","note":null})", false}};
  p.pipeline.steps = {step::Assert{"not_five", sql("id <> 5"), step::Assert::Else::quarantine}};
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result),
            "id,amount,day,note\n1,10.50,2024-01-01,fine\n2,2.00,2024-01-01,\"a\nb\"\n"
            "3,-1.00,2024-01-02,\"say \"\"hi\"\"\"\n");
  ASSERT_TRUE(result);
  expect_conserved(*result);
  EXPECT_EQ(result->counts, (RowCounts{5, 3, 2, 0, 0}));
  const auto bad = p.quarantine(*result);
  ASSERT_EQ(bad.size(), 2U);
  EXPECT_EQ(bad[0].row, 4U);
  EXPECT_EQ(bad[0].violations[0].rule, "day.type");
  EXPECT_EQ(bad[1].row, 5U);
  EXPECT_NE(result->inputs_digest, first->inputs_digest);
  // An append-mode release reads nothing else.
  p.overlay.pop_back();
  p.overlay_only = true;
  const auto alone = p.stage(StagedFormat::csv);
  ASSERT_TRUE(alone) << alone.error().detail;
  EXPECT_EQ(alone->counts, (RowCounts{2, 2, 0, 0, 0}));
}

TEST(Parquet, ReplacementsAreOfThePartitionWhoseRecordTheyReplaceAndKeepKeysUnique) {
  Orders p;
  p.pipeline.partition.by = Partitioning::By::column;
  p.pipeline.partition.name = "day";
  p.column_key = "unkeyed";
  const auto first = p.stage(StagedFormat::csv);
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->counts, (RowCounts{1, 0, 1, 0, 0}));
  p.overlay = {{first->inputs[0].digest, 4,
                R"({"id":4,"amount":7.25,"day":"2024-01-02","note":null})", false}};
  EXPECT_EQ(p.stage(StagedFormat::csv)->counts, (RowCounts{1, 1, 0, 0, 0}));
  p.pipeline.partition = {};
  p.column_key.clear();
  RowRule once = rule("id.unique", RowRule::Kind::unique, "id");
  p.pipeline.contract->row_rules.push_back(once);
  p.overlay[0].bytes = R"({"id":1,"amount":7.25,"day":"2024-01-02","note":null})";
  const auto result = p.stage(StagedFormat::csv);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(count_of(*result, "id.unique"), 1U);
}

TEST(Parquet, AColumnMayBeNamedLikeTheReadersOwn) {
  Orders p;
  for (const char* name : {"file_row_number", "FILE_ROW_NUMBER", "filename"}) {
    Project made;
    made.columns({column("id", Kind::int64), column(name, Kind::int64)});
    made.source("a.csv", std::string("id,") + name + "\n1,70\n2,60\n3,50\n");
    const auto parquet = made.stage();
    ASSERT_TRUE(parquet) << parquet.error().detail;
    FileSource source;
    source.format = FileFormat::parquet;
    made.pipeline.source = source;
    made.input.files = {(made.directory / parquet->files.at(0).name).string()};
    RowRule least = rule("small", RowRule::Kind::maximum, name);
    least.bound = "65";
    made.pipeline.contract->row_rules = {least};
    const auto result = made.stage(StagedFormat::csv);
    EXPECT_EQ(made.csv(result), std::string("id,") + name + "\n2,60\n3,50\n");
    ASSERT_TRUE(result);
    EXPECT_EQ(made.quarantine(*result).at(0).row, 1U);
    made.pipeline.contract.reset();
    EXPECT_EQ(made.stage()->counts.accepted, 3U);
  }
}

TEST(Parquet, IsFixedByDigestBeforeItIsRead) {
  Orders p;
  const auto result = p.stage();
  ASSERT_TRUE(result);
  const InputFile& input = result->inputs[0];
  EXPECT_EQ(input.digest, sha256(bytes_of(read_file(p.file))));
  EXPECT_EQ(input.records, 5U);
  // One leaf: the file's digest.
  EXPECT_EQ(hex(input.record_root),
            hex(salted_leaf(record_context, LeafSalts(Digest{}, record_context).of(0),
                            std::as_bytes(std::span(input.digest)))));
  StageProgress progress;
  const auto digest = inputs_digest_of(p.pipeline, p.input, "", {}, progress);
  EXPECT_EQ(hex(*digest), hex(result->inputs_digest));

  const auto fixed = fix_input(p.file.string(), "", progress);
  ASSERT_TRUE(fixed);
  EXPECT_TRUE(fixed->unchanged());
  const std::string bytes = read_file(p.file);
  std::filesystem::remove(p.file);
  write_file(p.file, bytes);
  const auto changed = fixed->unchanged();
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, "source.changed");
}

TEST(Parquet, HasPartitionsOfAColumn) {
  Orders p;
  p.pipeline.partition.by = Partitioning::By::column;
  p.pipeline.partition.name = "day";
  StageProgress progress;
  const auto keys = discover_partitions(p.pipeline, p.input, progress);
  ASSERT_TRUE(keys) << keys.error().detail;
  EXPECT_EQ(*keys, (std::vector<std::string>{"2024-01-01", "2024-01-02", "unkeyed"}));
  std::uint64_t read = 0;
  for (const std::string& key : *keys) {
    p.column_key = key;
    const auto result = p.stage();
    ASSERT_TRUE(result) << result.error().detail;
    expect_conserved(*result);
    read += result->counts.read;
  }
  EXPECT_EQ(read, 5U);
}

TEST(Parquet, HasTheColumnsOfTheContractInEveryFile) {
  Orders p;
  p.pipeline.contract->columns.push_back(column("more", Kind::string));
  EXPECT_EQ(p.stage().error().code, "source.columns");
  p.pipeline.contract->columns.resize(3);
  EXPECT_EQ(p.stage().error().code, "source.columns");
}

TEST(Parquet, ColumnsAreNotMadeOfFolderNames) {
  Orders p;
  const auto to = p.root / "day=1999-01-01" / "a.parquet";
  write_file(to, read_file(p.file));
  p.input.files = {to.string()};
  const auto result = p.stage(StagedFormat::csv);
  EXPECT_EQ(p.csv(result).substr(0, 60),
            "id,amount,day,note\n1,10.50,2024-01-01,fine\n5,8.00,2024-01-02");
}

// Stages a damaged file in a child: 0 an answer, 1 a wrong one; a crash is a signal.
int staged_in_child(Project& p, const std::string& bytes) {
  const auto file = p.root / "bad.parquet";
  write_file(file, bytes);
  p.input.files = {file.string()};
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit memory{4ULL << 30, 4ULL << 30};
    if (!sanitized) ::setrlimit(RLIMIT_AS, &memory);
    const auto result = p.stage();
    bool good = true;
    if (result) {
      const RowCounts& n = result->counts;
      good = n.read == n.accepted + n.quarantined + n.filtered + n.merged;
    }
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ++p.stages;
  return status;
}

TEST(Parquet, DamagedAnywhereIsAnAnswerAndNoCrash) {
  Project p;
  std::string text = "a,b,c\n";
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i)
    text += fmt::format("{},text {},{}\n", i, random(), random() % 97);
  p.source("a.csv", text);
  p.columns({column("a", Kind::int64), column("b", Kind::string), column("c", Kind::int32)});
  const auto made = p.stage();
  ASSERT_TRUE(made);
  const std::string good = read_file(p.directory / made->files[0].name);
  FileSource source;
  source.format = FileFormat::parquet;
  p.pipeline.source = source;
  ASSERT_EQ(staged_in_child(p, good), 0);
  int cut = 0;
  for (std::size_t size = 0; size < good.size(); size += 4096, ++cut) {
    EXPECT_EQ(staged_in_child(p, good.substr(0, size)), 0) << "cut at " << size;
  }
  // The footer, where every count and offset stands.
  std::uint32_t footer = 0;
  std::memcpy(&footer, good.data() + good.size() - 8, 4);
  ASSERT_LT(footer, good.size());
  for (int i = 0; i < 120; ++i) {
    std::string bytes = good;
    const std::size_t at =
        i < 80 ? good.size() - 8 - footer + random() % (footer + 8) : random() % good.size();
    bytes[at] = static_cast<char>(random());
    const int status = staged_in_child(p, bytes);
    EXPECT_EQ(status, 0) << "byte " << at << " of " << good.size() << ": signal "
                         << (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
  EXPECT_GT(cut, 20);
}

TEST(Merge, KeepsTheCurrentRowsWhateverTheirFormat) {
  for (const StagedFormat format :
       {StagedFormat::parquet, StagedFormat::csv, StagedFormat::jsonl}) {
    Project p;
    p.columns({column("id", Kind::int32), column("s", Kind::string),
               column("d", Kind::decimal, 20, 3), column("t", Kind::timestamp),
               column("f", Kind::float64), column("b", Kind::boolean)});
    p.pipeline.sink.mode = LoadMode::merge;
    p.pipeline.sink.key = {"id"};
    p.source(
        "a.csv",
        "id,s,d,t,f,b\n1,\"a,\"\"q\"\"\nline\",12345678901234567.125,2024-01-01 10:00:00.5,0.1,"
        "true\n2,\"\",,,,\n3,,1,2024-01-01 00:00:00,1e300,false\n4,old,1,,,\n");
    const auto first = p.stage(format);
    ASSERT_TRUE(first) << first.error().detail;
    p.current_files = {p.directory / first->files[0].name};
    p.input.files.clear();
    p.source("b.csv", "id,s,d,t,f,b\n5,new,,,,\n4,newer,2,,,\n");
    const auto second = p.stage(StagedFormat::csv);
    EXPECT_EQ(p.csv(second),
              "id,s,d,t,f,b\n1,\"a,\"\"q\"\"\nline\",12345678901234567.125,2024-01-01 "
              "10:00:00.500000,0.1,true\n2,\"\",,,,\n3,,1.000,2024-01-01 00:00:00,1e+300,false\n"
              "4,newer,2.000,,,\n5,new,,,,\n")
        << static_cast<int>(format);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->counts, (RowCounts{2, 2, 0, 0, 0}));
    EXPECT_EQ(second->output_rows, 5U);
  }
}

// --- memory --------------------------------------------------------------------------------------

// Peak resident MiB of a child that stages the project.
long peak_of_child(Project& p, std::uint64_t memory_limit, std::string& said) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const auto directory = p.root / "limited";
  std::filesystem::create_directories(directory);
  const pid_t child = ::fork();
  if (child == 0) {
    StageRequest request;
    request.pipeline = &p.pipeline;
    request.input = p.input;
    request.directory = directory;
    request.memory_limit_bytes = memory_limit;
    StageProgress progress;
    const auto result = stage(request, progress);
    const std::string text = result ? fmt::format("{} {} {}", result->counts.read,
                                                  result->counts.accepted, result->counts.merged)
                                    : result.error().code + ": " + result.error().detail;
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  char buffer[512];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  rusage usage{};
  int status = 0;
  ::wait4(child, &status, 0, &usage);
  EXPECT_EQ(status, 0);
  return usage.ru_maxrss >> 10;
}

TEST(Memory, DedupeAndAggregateOfAFileBeyondTheLimitSpill) {
  Project p;
  p.columns({column("id", Kind::int64), column("k", Kind::string), column("v", Kind::int64)});
  const auto file = p.root / "big.csv";
  {
    std::ofstream out(file, std::ios::binary);
    std::string text = "id,k,v\n";
    for (std::uint64_t i = 0; i < 3'000'000; ++i) {
      text += fmt::format("{},key {:04} of a customer with a rather long name here,{}\n",
                          i % 2'900'000, i * 7919 % 5'000, i);
      if (text.size() > (1 << 20)) out << text, text.clear();
    }
    out << text;
  }
  ASSERT_GT(std::filesystem::file_size(file), 190U << 20);
  p.input.files = {file.string()};
  step::Dedupe dedupe;
  dedupe.key = {"id"};
  dedupe.keep = step::Dedupe::Keep::last;
  step::Aggregate aggregate;
  aggregate.by = {"k"};
  aggregate.columns = {{"n", sql("count(*)")}, {"total", sql("sum(v)")}};
  p.pipeline.steps = {dedupe, aggregate};
  std::string said;
  const long peak = peak_of_child(p, 128 << 20, said);
  EXPECT_EQ(said, "3000000 5000 2995000");
  RecordProperty("peak_mib", std::to_string(peak));
  if (!sanitized) {
    EXPECT_LT(peak, 400);
  }
}

TEST(Memory, AQuoteThatNeverClosesAtTheFirstByteHoldsNothing) {
  Project p;
  p.columns({column("a", Kind::string)});
  FileSource source;
  source.csv.header = false;
  p.pipeline.source = source;
  const auto file = p.root / "big.csv";
  {
    std::ofstream out(file, std::ios::binary);
    std::string piece;
    for (int i = 0; i < 16'384; ++i)
      piece += "a line of some text without anything else in it ok\n";
    out << "\"";
    for (int i = 0; i < 120; ++i) out << piece;
  }
  p.input.files = {file.string()};
  std::string said;
  const long peak = peak_of_child(p, 128 << 20, said);
  EXPECT_TRUE(said.starts_with(std::to_string(120 * 16384))) << said;
  if (!sanitized) {
    EXPECT_LT(peak, 400);
  }
}

}  // namespace
}  // namespace daybook::testing
