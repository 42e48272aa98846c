// interop_books OUT SIZE...: one real book on disk, grown through the sizes (ascending). At each it
// is signed and exported twice: into OUT/<size>, which is new, and into OUT/growing, which holds
// the smaller ones. Beside them: log.vkey, and for each size its middle entry and that one's proof.
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "ledger/rocksdb_ledger.h"
#include "tests/tools/verifier/exported_books.h"

namespace daybook::testing {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << content)) throw std::runtime_error("can not write " + path.string());
}

class GrowingBook {
 public:
  explicit GrowingBook(const fs::path& out) : out_(out) {
    const std::string dir = (out / "ledger").string();
    must(create_ledger(dir, LedgerId{1, 2, 3}));
    ledger_ = must(RocksdbLedger::open(dir));
  }

  void export_at(std::uint64_t size) {
    while (book_.entries.size() < size) book_.run(90);
    std::vector<std::vector<std::byte>> bytes;
    for (std::uint64_t i = ledger_->head().size; i < size; ++i)
      bytes.push_back(encode(book_.entries[i]));
    if (!bytes.empty()) must(ledger_->append(std::vector<Bytes>(bytes.begin(), bytes.end())));
    sign_head(*ledger_, bench::SampleBook::key());
    const fs::path fresh = out_ / fmt::format("{}", size);
    for (const fs::path& place : {fresh, out_ / "growing"})
      must(export_tiles(*ledger_, place.string(), posix_file_system()));
    if (size == 0) return;
    write(fresh.string() + ".tlog-proof", must(export_proof(*ledger_, size / 2)));
    write(fresh.string() + ".entry", as_text(bytes_of_entry(size / 2)));
  }

 private:
  std::vector<std::byte> bytes_of_entry(std::uint64_t index) const {
    return encode(book_.entries[index]);
  }
  static std::string as_text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  fs::path out_;
  std::unique_ptr<RocksdbLedger> ledger_;
  bench::SampleBook book_;
};

int run(std::span<char*> words) {
  if (words.size() < 3) return 2;
  const fs::path out = words[1];
  fs::create_directories(out);
  write(out / "log.vkey", bench::SampleBook::key().verifier().vkey() + "\n");
  GrowingBook book(out);
  for (const std::string_view word : words.subspan(2)) {
    std::uint64_t size = 0;
    std::from_chars(word.data(), word.data() + word.size(), size);
    book.export_at(size);
  }
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
