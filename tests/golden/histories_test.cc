// Histories that earlier versions wrote: every kind of entry, in the orders that faults bring
// about. They decode, keep every invariant and reach the roots they had.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ledger/codec/event_codec.h"
#include "ledger/memory_ledger.h"
#include "replay/fold.h"
#include "replay/state_bytes.h"
#include "statemachine/apply.h"
#include "statemachine/invariants.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

std::string whole(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Takes what pick_histories.py wrote apart.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  bool at_end() const { return left_.empty(); }
  std::uint32_t number() {
    const std::string_view bytes = take(4);
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  std::string_view take(std::size_t size) {
    if (left_.size() < size) throw std::runtime_error("the histories end in the middle of one");
    const std::string_view out = left_.substr(0, size);
    left_.remove_prefix(size);
    return out;
  }

 private:
  std::string_view left_;
};

// Size, root of the tree and root of the state, of each history a line.
std::vector<std::string> replay(const std::string& histories) {
  std::vector<std::string> out;
  std::size_t checkpoints = 0;
  for (Reader reader(histories); !reader.at_end();) {
    MemoryLedger ledger;
    for (std::uint32_t left = reader.number(); left > 0; --left) {
      const Bytes entry = bytes_of(reader.take(reader.number()));
      EXPECT_TRUE(ledger.append({&entry, 1}));
    }
    const TreeHead head = ledger.head();
    State state;
    const auto visited = ledger.read(0, head.size, [&](EntryIndex index, Bytes bytes) {
      const auto entry = decode(bytes);
      if (!entry) throw std::runtime_error(entry.error().detail);
      if (const auto* signed_here = std::get_if<CheckpointSigned>(&entry->event)) {
        const auto then = fold(ledger, signed_here->size);
        EXPECT_TRUE(then && state_root(*then) == signed_here->state_root)
            << "history " << out.size() << ", entry " << index;
        EXPECT_EQ(ledger.root_at(signed_here->size), signed_here->root)
            << "history " << out.size() << ", entry " << index;
        ++checkpoints;
      }
      apply(state, *entry);
      return true;
    });
    EXPECT_TRUE(visited);
    EXPECT_TRUE(violations(state).empty()) << "history " << out.size();
    out.push_back(fmt::format("{} {} {}", head.size, hex(head.root), hex(state_root(state))));
  }
  EXPECT_GE(checkpoints, out.size());
  return out;
}

TEST(Golden, HistoriesOfEveryVersionReachTheirRoots) {
  std::size_t histories = 0;
  for (const auto& file : fs::directory_iterator(DAYBOOK_GOLDEN_DIR)) {
    if (file.path().extension() != ".histories") continue;
    const std::vector<std::string> reached = replay(whole(file.path()));
    histories += reached.size();
    if (const char* write = std::getenv("DAYBOOK_GOLDEN_ROOTS")) {
      std::ofstream out(write);
      for (const std::string& line : reached) out << line << "\n";
      continue;
    }
    std::istringstream recorded(whole(fs::path(file.path()).replace_extension(".roots")));
    std::size_t at = 0;
    for (std::string line; std::getline(recorded, line); ++at) {
      ASSERT_LT(at, reached.size()) << file.path();
      EXPECT_EQ(reached[at], line) << file.path() << ", history " << at;
    }
    EXPECT_EQ(at, reached.size()) << file.path();
  }
  EXPECT_GE(histories, 50U);
}

}  // namespace
}  // namespace daybook
