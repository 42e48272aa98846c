// The worked examples of docs/ledger_format.md are made again, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "ledger/anchor.h"
#include "ledger/leaf_form.h"
#include "ledger/merkle.h"
#include "ledger/rocksdb_log.h"
#include "ledger/tiles.h"
#include "tests/support/sim_disk.h"

namespace daybook {
namespace {

std::string page() {
  std::ifstream in(PROJECT_SOURCE_DIR "/docs/ledger_format.md");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Sixteen bytes a line; lines of zeros in the middle are left out, as hexdump does.
std::string dump(Bytes data) {
  std::string out;
  bool starred = false;
  for (std::size_t at = 0; at < data.size(); at += 16) {
    const Bytes line = data.subspan(at, std::min<std::size_t>(16, data.size() - at));
    const auto zero = [](std::byte b) { return b == std::byte{0}; };
    if (at > 0 && at + 16 < data.size() && std::ranges::all_of(line, zero)) {
      if (!starred) out += "*\n";
      starred = true;
      continue;
    }
    starred = false;
    out += fmt::format("{:04x} ", at);
    for (const std::byte b : line) out += fmt::format(" {:02x}", std::to_integer<unsigned>(b));
    out += '\n';
  }
  return out;
}

void expect_on_page(const std::string& name, const std::string& example) {
  EXPECT_NE(page().find("```\n" + example + "```\n"), std::string::npos) << name << " is to be\n"
                                                                         << example;
}

const std::vector<std::string_view> texts = {"a", "entry", "12345678"};

TEST(LedgerFormatPage, ShowsARow) {
  std::vector<Bytes> entries;
  for (const std::string_view text : texts) entries.push_back(bytes_of(text));
  std::string row;
  encode_row(entries, row);
  expect_on_page("the row", dump(bytes_of(row)));
}

TEST(LedgerFormatPage, ShowsKeys) {
  const auto of = [](const rocksdb_log::Key& key) { return dump(std::as_bytes(std::span(key))); };
  expect_on_page("the keys", of(rocksdb_log::row_key(515)) + of(rocksdb_log::tile_key(0, 1)) +
                                 of(rocksdb_log::tile_key(1, 0)));
}

TEST(LedgerFormatPage, ShowsAnAnchorSlot) {
  std::vector<Digest> leaves;
  for (const std::string_view text : texts) leaves.push_back(hash_leaf(bytes_of(text)));
  LedgerId id;
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(0xa0 + i);
  SimDisk disk;
  auto anchor = Anchor::create(disk.files(), "/anchor", {id, {0, empty_root()}, 0});
  ASSERT_TRUE(anchor);
  ASSERT_TRUE(anchor->advance({id, {3, merkle_root(leaves)}, 1}));
  const auto file = disk.files().open("/anchor", FileSystem::Open::read);
  ASSERT_TRUE(file);
  const auto content = read_whole(**file);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->size(), 1024U);
  expect_on_page("the slot", dump(bytes_of(std::string_view(*content).substr(0, 512))));
}

// The page's figures were made with Python's hmac and the openssl command.
TEST(LedgerFormatPage, ShowsLeaves) {
  Digest secret;
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::uint8_t>(i);
  std::string example;
  const auto add = [&](std::string_view name, std::string_view context, std::uint64_t number) {
    const LeafSalt salt = LeafSalts(secret, context).of(number);
    example += fmt::format("{} {} {}\n", name, hex(std::as_bytes(std::span(salt))),
                           hex(salted_leaf(context, salt, bytes_of("7,anvil,10.00"))));
  };
  add("record", record_context, 7);
  add("row", row_context, 7);
  add("quarantine", quarantine_context, 0);
  expect_on_page("the leaves", example);
}

}  // namespace
}  // namespace daybook
