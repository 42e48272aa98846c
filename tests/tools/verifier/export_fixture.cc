// export_fixture events SIZE DIR | book DIR: exports a book into DIR/book, and beside it log.vkey,
// one entry's bytes (entry.bin) and its proof (entry.tlog-proof). For tests that run programs.
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "tests/tools/verifier/exported_books.h"

namespace daybook::testing {
namespace {

void write(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

int run(std::span<char*> words) {
  const std::string_view kind = words.size() > 1 ? words[1] : "";
  MemoryLedger ledger;
  NoteSigner key = vector_key();
  if (kind == "events" && words.size() == 4) {
    const std::string_view text = words[2];
    std::uint64_t size = 0;
    std::from_chars(text.data(), text.data() + text.size(), size);
    grow_events(ledger, size);
  } else if (kind == "book" && words.size() == 3) {
    bench::SampleBook book;
    fill_real_book(book, ledger);
    key = bench::SampleBook::key();
  } else {
    return 2;
  }
  const std::filesystem::path out = words.back();
  std::filesystem::create_directories(out);
  const ExportReport report =
      must(export_tiles(ledger, (out / "book").string(), posix_file_system()));
  write(out / "log.vkey", key.verifier().vkey() + "\n");
  if (report.head.size == 0) return 0;
  const std::uint64_t index = report.head.size / 2;
  write(out / "entry.tlog-proof", must(export_proof(ledger, index)));
  must(ledger.read(index, index + 1, [&](std::uint64_t, Bytes entry) {
    write(out / "entry.bin", {reinterpret_cast<const char*>(entry.data()), entry.size()});
    return true;
  }));
  return 0;
}

}  // namespace
}  // namespace daybook::testing

int main(int argc, char** argv) {
  try {
    return daybook::testing::run(std::span(argv, static_cast<std::size_t>(argc)));
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return 1;
  }
}
