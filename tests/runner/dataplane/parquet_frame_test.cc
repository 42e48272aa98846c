// Parquet files that lie about themselves, written byte by byte after the format's own description.
#include "runner/dataplane/parquet_frame.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "tests/runner/dataplane/pipeline_for_tests.h"
#include "tests/support/sanitized.h"

namespace daybook::testing {
namespace {

// Thrift's compact protocol, as far as Parquet needs it. Fields are given in order of their ids.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}
std::string number(std::int64_t value) {
  return varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

class Struct {
 public:
  Struct& i32(int id, std::int64_t value) { return field(id, 5, number(value)); }
  Struct& i64(int id, std::int64_t value) { return field(id, 6, number(value)); }
  Struct& text(int id, const std::string& value) {
    return field(id, 8, varint(value.size()) + value);
  }
  Struct& inside(int id, const Struct& value) { return field(id, 12, value.bytes()); }
  Struct& list(int id, int type, std::uint64_t count, const std::string& elements) {
    const std::string head = count < 15
                                 ? std::string(1, static_cast<char>((count << 4) | type))
                                 : std::string(1, static_cast<char>(0xf0 | type)) + varint(count);
    return field(id, 9, head + elements);
  }
  Struct& field(int id, int type, const std::string& value) {
    bytes_.push_back(static_cast<char>(((id - last_) << 4) | type));
    last_ = id;
    bytes_ += value;
    return *this;
  }
  std::string bytes() const { return bytes_ + '\0'; }

 private:
  std::string bytes_;
  int last_ = 0;
};

// One file of one required INT32 column and three rows, with what a test wants to be otherwise.
struct Lie {
  std::int64_t file_rows = 3, group_rows = 3, chunk_values = 3, page_values = 3;
  std::int64_t compressed = 12, uncompressed = 12;  // of the page
  std::int64_t chunk_bytes = 0, offset = 4;         // 0: what they are
  std::int64_t children = 1;
  std::string elsewhere = {};
  std::string schema = {};  // instead of the elements; their number is `elements`
  std::uint64_t elements = 2;
  std::uint64_t groups = 1;
  std::int64_t dictionary = 0;
  std::string extra = {};  // an unknown last field of the footer
};

std::string parquet(const Lie& lie) {
  const std::string page =
      Struct()
          .i32(1, 0)
          .i32(2, lie.uncompressed)
          .i32(3, lie.compressed)
          .inside(5, Struct().i32(1, lie.page_values).i32(2, 0).i32(3, 3).i32(4, 3))
          .bytes() +
      std::string("\1\0\0\0\2\0\0\0\3\0\0\0", 12);
  Struct chunk_data;
  chunk_data.i32(1, 1)
      .list(2, 5, 1, number(0))
      .list(3, 8, 1, "\1a")
      .i32(4, 0)
      .i64(5, lie.chunk_values)
      .i64(6, static_cast<std::int64_t>(page.size()))
      .i64(7, lie.chunk_bytes != 0 ? lie.chunk_bytes : static_cast<std::int64_t>(page.size()))
      .i64(9, lie.offset);
  if (lie.dictionary != 0) chunk_data.i64(11, lie.dictionary);
  Struct chunk;
  if (!lie.elsewhere.empty()) chunk.text(1, lie.elsewhere);
  chunk.i64(2, 4).inside(3, chunk_data);
  const std::string group = Struct()
                                .list(1, 12, 1, chunk.bytes())
                                .i64(2, static_cast<std::int64_t>(page.size()))
                                .i64(3, lie.group_rows)
                                .bytes();
  std::string groups;
  for (std::uint64_t i = 0; i < lie.groups; ++i) groups += group;
  const std::string schema = lie.schema.empty()
                                 ? Struct().text(4, "schema").i32(5, lie.children).bytes() +
                                       Struct().i32(1, 1).i32(3, 0).text(4, "a").bytes()
                                 : lie.schema;
  Struct footer;
  footer.i32(1, 1)
      .list(2, 12, lie.elements, schema)
      .i64(3, lie.file_rows)
      .list(4, 12, lie.groups, groups);
  if (!lie.extra.empty())
    footer.field(5, static_cast<unsigned char>(lie.extra[0]), lie.extra.substr(1));
  const std::string end = footer.bytes();
  std::string file = "PAR1" + page + end;
  for (int i = 0; i < 4; ++i) file.push_back(static_cast<char>(end.size() >> (8 * i)));
  return file + "PAR1";
}

std::string fault_of(const std::string& bytes) {
  TemporaryDirectory root;
  const auto file = root / "a.parquet";
  write_file(file, bytes);
  const auto checked = check_parquet_frame(file.string(), "feed/a.parquet");
  if (checked) return {};
  EXPECT_EQ(checked.error().code, "source.malformed");
  EXPECT_TRUE(checked.error().detail.starts_with("feed/a.parquet: ")) << checked.error().detail;
  return checked.error().detail.substr(16);
}

TEST(ParquetFrame, OfASoundFileIsReadByTheEngineToo) {
  Project p;
  p.columns({column("a", ColumnType::Kind::int32)});
  FileSource source;
  source.format = FileFormat::parquet;
  p.pipeline.source = source;
  p.source("a.parquet", parquet({}));
  EXPECT_EQ(fault_of(parquet({})), "");
  EXPECT_EQ(p.csv(p.stage(StagedFormat::csv)), "a\n1\n2\n3\n");
}

TEST(ParquetFrame, CountsAreHeldAgainstEachOtherAndTheSizeOfTheFile) {
  const std::int64_t many = 1'000'000'000'000;
  EXPECT_EQ(fault_of(parquet({.file_rows = many})),
            "it is said to have 1000000000000 rows; its row groups have 3");
  EXPECT_EQ(fault_of(parquet({.file_rows = -1})),
            "it is said to have -1 rows; its row groups have 3");
  EXPECT_THAT(
      fault_of(parquet(
          {.file_rows = many, .group_rows = many, .chunk_values = many, .page_values = many})),
      ::testing::HasSubstr("over 16384 to a byte"));
  EXPECT_THAT(fault_of(parquet({.group_rows = -3})), ::testing::HasSubstr("-3 rows"));
  EXPECT_EQ(fault_of(parquet({.chunk_values = many})),
            "row group 0, column 0: it is said to have 1000000000000 values in 3 rows");
  EXPECT_EQ(fault_of(parquet({.page_values = 4})),
            "row group 0, column 0: the page at 4 is said to have 4 values; 3 are left");
  EXPECT_THAT(fault_of(parquet({.page_values = 2})),
              ::testing::HasSubstr("its pages have 2 values of 3"));
}

TEST(ParquetFrame, OffsetsStayInsideOfTheData) {
  for (const std::int64_t offset :
       {std::int64_t{-4}, std::int64_t{0}, std::int64_t{1'000'000},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_THAT(fault_of(parquet({.offset = offset})),
                ::testing::HasSubstr("are not inside of the data"))
        << offset;
  }
  EXPECT_THAT(fault_of(parquet({.chunk_bytes = std::numeric_limits<std::int64_t>::max()})),
              ::testing::HasSubstr("are not inside of the data"));
  EXPECT_THAT(fault_of(parquet({.compressed = 2'000'000'000, .uncompressed = 2'000'000'000})),
              ::testing::HasSubstr("is said to have 2000000000 bytes; there are 12"));
  EXPECT_THAT(fault_of(parquet({.uncompressed = 2'000'000'000})),
              ::testing::HasSubstr("would grow to 2000000000 bytes, more than 256 MiB"));
  EXPECT_THAT(fault_of(parquet({.elsewhere = "/etc/passwd"})),
              ::testing::HasSubstr("in another file"));
}

TEST(ParquetFrame, PagesAreOfOneColumnOnly) {
  EXPECT_THAT(fault_of(parquet({.file_rows = 6, .groups = 2})),
              ::testing::HasSubstr("its pages are those of other columns too"));
}

TEST(ParquetFrame, SchemaIsATreeAndNothingMore) {
  EXPECT_THAT(fault_of(parquet({.children = 1'000'000'000})),
              ::testing::HasSubstr("a group of 1000000000 elements, which are not there"));
  EXPECT_THAT(fault_of(parquet({.children = 0})), ::testing::HasSubstr("of no group"));
  EXPECT_THAT(fault_of(parquet({.children = -1})), ::testing::HasSubstr("a group of -1 elements"));
  std::string deep = Struct().text(4, "schema").i32(5, 1).bytes();
  for (int i = 0; i < 200; ++i) deep += Struct().text(4, "g").i32(5, 1).bytes();
  deep += Struct().i32(1, 1).text(4, "a").bytes();
  EXPECT_EQ(fault_of(parquet({.schema = deep, .elements = 202})),
            "its schema is nested more than 32 deep");
  std::string wide = Struct().text(4, "schema").i32(5, 5000).bytes();
  for (int i = 0; i < 5000; ++i) wide += Struct().i32(1, 1).text(4, "a").bytes();
  EXPECT_EQ(fault_of(parquet({.schema = wide, .elements = 5001})), "it has more than 4096 columns");
}

TEST(ParquetFrame, ListsAndTextsAreNoLongerThanTheBytesThatAreLeft) {
  EXPECT_THAT(fault_of(parquet({.elements = 2'000'000'000})),
              ::testing::HasSubstr("a list of 2000000000 elements in "));
  EXPECT_THAT(fault_of(parquet({.extra = std::string(1, '\x08') + varint(1ULL << 40)})),
              ::testing::HasSubstr("it ends in the middle"));
  EXPECT_THAT(fault_of(parquet({.extra = std::string(1, '\x0b') + varint(1ULL << 40) + "\x88"})),
              ::testing::HasSubstr("a map of 1099511627776"));
  EXPECT_THAT(fault_of(parquet({.extra = std::string(1, '\x06') + std::string(11, '\xff')})),
              ::testing::HasSubstr("more than 64 bits"));
  EXPECT_THAT(fault_of(parquet({.extra = std::string(1, '\x0c') + std::string(5000, '\x1c')})),
              ::testing::HasSubstr("nested too deeply"));
  EXPECT_THAT(fault_of(parquet({.extra = std::string(1, '\x09') + std::string(5000, '\x19')})),
              ::testing::HasSubstr("nested too deeply"));
}

TEST(ParquetFrame, IsFoundAtBothEndsOfTheFile) {
  EXPECT_EQ(fault_of(""), "0 bytes are no Parquet file");
  EXPECT_EQ(fault_of("PAR1PAR1"), "8 bytes are no Parquet file");
  EXPECT_THAT(fault_of("id,name\n1,anvil\n2,bolt\n"), ::testing::HasSubstr("PAR1"));
  EXPECT_THAT(fault_of("PAR1" + std::string(4, '\xff') + "PAR1"),
              ::testing::HasSubstr("4294967295"));
  EXPECT_THAT(fault_of("PARE" + std::string(4, '\0') + "PARE"), ::testing::HasSubstr("encrypted"));
  const std::string good = parquet({});
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(fault_of(good.substr(0, size)), "") << size;
  }
}

// A footer may be large; what is made of it may not be larger by far.
TEST(ParquetFrame, CostsNoMoreMemoryThanTheFooterHasBytes) {
  const std::string sound = parquet({});
  std::vector<std::string> files;
  for (const int field : {2, 4}) {  // schema elements, row groups: of one byte each
    const std::uint64_t count = 60ULL << 20;
    std::string footer = Struct().bytes();
    Struct all;
    if (field == 4) {
      all.list(2, 12, 2,
               Struct().text(4, "s").i32(5, 1).bytes() + Struct().i32(1, 1).text(4, "a").bytes());
    }
    all.list(field, 12, count, std::string(count, '\0'));
    footer = all.bytes();
    std::string file = "PAR1" + footer;
    for (int i = 0; i < 4; ++i) file.push_back(static_cast<char>(footer.size() >> (8 * i)));
    files.push_back(file + "PAR1");
  }
  TemporaryDirectory root;
  for (const std::string& bytes : files) {
    const auto path = root / "large.parquet";
    write_file(path, bytes);
    const pid_t child = ::fork();
    if (child == 0) {
      rusage before{}, after{};
      ::getrusage(RUSAGE_SELF, &before);
      const auto checked = check_parquet_frame(path.string(), "large.parquet");
      ::getrusage(RUSAGE_SELF, &after);
      const long grown =
          after.ru_maxrss - before.ru_maxrss;  // KiB; of the test's own there is more
      ::_exit(checked ? 1 : grown > (96 << 10) && !sanitized ? 2 : 0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
}

TEST(ParquetFrame, WithAnyByteChangedIsAnAnswer) {
  const std::string good = parquet({});
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      fault_of(bytes);
    }
  }
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    fault_of(bytes);
  }
}

}  // namespace
}  // namespace daybook::testing
