// Writes seeds that need our own code to be made, into FOLDER/<target>/: entries, bundles, rows,
// states and a proof, of the golden book and of a sample of real work's shapes.
//
//   fuzz_seeds FOLDER
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "ledger/codec/event_codec.h"
#include "ledger/memory_ledger.h"
#include "ledger/note.h"
#include "ledger/tiles.h"
#include "replay/checkpoint.h"
#include "replay/export.h"
#include "replay/state_bytes.h"
#include "replay/stored_zip.h"
#include "statemachine/apply.h"
#include "tests/fuzz/fuzz.h"
#include "tools/bench/sample_book.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t proven = 17;  // as proof_fuzz.cc

void write(const fs::path& folder, std::string_view target, const std::string& name, Bytes bytes) {
  fs::create_directories(folder / target);
  std::ofstream out(folder / target / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  DAYBOOK_ASSERT(out.good(), "{} can not be written", name);
}

void seeds_of_book(const fs::path& folder, const std::string& book,
                   std::span<const Bytes> entries) {
  State state;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto entry = decode(entries[i]);
    DAYBOOK_ASSERT(entry.has_value(), "{}", entry.error().detail);
    write(folder, "entry", fmt::format("{}-{}", book, i), entries[i]);
    apply(state, *entry);
    if (i % 16 == 0 || i + 1 == entries.size())
      write(folder, "state", fmt::format("{}-{}", book, i), state_bytes(state));
  }
  for (const std::size_t count : {1, 3, 20, 256}) {
    const auto some = entries.first(std::min(count, entries.size()));
    const std::string bundle = encode_bundle(some);
    write(folder, "fold", fmt::format("{}-{}", book, count), bytes_of(bundle));
    if (count > 20) continue;
    write(folder, "tiles", fmt::format("{}-bundle-{}", book, count), bytes_of(bundle));
    std::string row;
    encode_row(some, row);
    write(folder, "tiles", fmt::format("{}-row-{}", book, count), bytes_of(row));
  }
}

void golden(const fs::path& folder) {
  const std::string bundle = fuzz::source_file("tests/golden/0.1.0/tile/entries/000.p/104");
  const auto entries = *parse_bundle(bytes_of(bundle));
  seeds_of_book(folder, "golden", entries);
  MemoryLedger ledger;
  DAYBOOK_ASSERT(ledger.append(entries).has_value());
  const std::string note = fuzz::source_file("tests/golden/0.1.0/checkpoint");
  const auto signed_head = parse_checkpoint(parse_note(note)->text);
  DAYBOOK_ASSERT(signed_head && signed_head->head == ledger.head());
  const std::string key = fmt::format("checkpoint/{:020}", signed_head->head.size);
  DAYBOOK_ASSERT(ledger.put(key, bytes_of(note)).has_value());
  const Digest zeros{};
  const std::string salt = base64(std::as_bytes(std::span(zeros)));
  StoredFiles files;
  files["checkpoint"] = note;
  files["definition.json"] = "{}\n";
  files["definition.salt"] = salt + "\n";
  files["row"] = std::string(9, '\0');
  files["row.proof"] = "daybook-leaf-proof@v1\nindex 0\ncount 1\nsalt " + salt + "\n";
  files["schema"] = "2 id BIGINT\n";
  for (std::size_t index = 0; index < entries.size(); ++index) {
    const auto proof = export_proof(ledger, index);
    DAYBOOK_ASSERT(proof.has_value(), "{}", proof.error().detail);
    if (index % 20 != proven) continue;
    write(folder, "proof", fmt::format("golden-{}", index), bytes_of(*proof));
    const auto* data = reinterpret_cast<const char*>(entries[index].data());
    files[fmt::format("entries/{}", index)] = std::string(data, entries[index].size());
    files[fmt::format("entries/{}.tlog-proof", index)] = *proof;
  }
  const std::string archive = std::string(1, '\0') + write_stored_zip(files);
  write(folder, "row_proof", "archive", bytes_of(archive));
  std::string plain = "\1";
  for (const auto& [name, content] : files) plain += name + " " + content + "\xff";
  write(folder, "row_proof", "files", bytes_of(plain));
}

void sample(const fs::path& folder) {
  bench::SampleBook book;
  book.run(6);
  book.run(3);
  book.boot();
  MemoryLedger ledger;
  book.checkpoint(ledger);
  std::vector<std::vector<std::byte>> bytes;
  for (const Entry& entry : book.entries) bytes.push_back(encode(entry));
  seeds_of_book(folder, "sample", std::vector<Bytes>(bytes.begin(), bytes.end()));
}

}  // namespace
}  // namespace daybook

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: fuzz_seeds FOLDER\n");
    return 2;
  }
  daybook::golden(argv[1]);
  daybook::sample(argv[1]);
  return 0;
}
