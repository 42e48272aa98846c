#include "replay/ledger_prefix.h"

#include <charconv>

#include "ledger/tiles.h"

namespace daybook {
namespace {

constexpr std::size_t size_digits = 20;

// "checkpoint/00000000000000000063" and what is below it are of 63 entries; a name without a number
// is of no size.
std::uint64_t size_of(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return 0;
  const std::string_view digits = key.substr(slash + 1, size_digits);
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  const bool number =
      error == std::errc() && digits.size() == size_digits && end == digits.data() + digits.size();
  return number ? size : 0;
}

}  // namespace

Result<std::unique_ptr<LedgerPrefix>> LedgerPrefix::open(const Ledger& whole, std::uint64_t size) {
  const TreeHead head = whole.head();
  if (size > head.size)
    return fail(Error::Code::invalid, "the ledger has {} entries, not {}", head.size, size);
  // The head of the whole is known; whether the tiles lead to it is not asked here.
  const Result<Digest> root = size == head.size ? head.root : whole.root_at(size);
  if (!root) return std::unexpected(root.error());
  return std::unique_ptr<LedgerPrefix>(new LedgerPrefix(whole, {size, *root}));
}

Result<void> LedgerPrefix::within(std::uint64_t size) const {
  if (size <= head_.size) return {};
  return fail(Error::Code::invalid, "{} entries of {}", size, head_.size);
}

bool LedgerPrefix::shows(std::string_view key) const { return size_of(key) <= head_.size; }

Result<void> LedgerPrefix::read(std::uint64_t from, std::uint64_t to, const Visit& visit) const {
  if (auto in = within(to); !in) return in;
  return whole_.read(from, to, visit);
}

Result<void> LedgerPrefix::read_groups(std::uint64_t from, std::uint64_t to,
                                       const VisitGroup& visit) const {
  if (auto in = within(to); !in) return in;
  return whole_.read_groups(from, to, visit);
}

Result<Digest> LedgerPrefix::root_at(std::uint64_t size) const {
  if (auto in = within(size); !in) return std::unexpected(in.error());
  return whole_.root_at(size);
}

Result<std::vector<Digest>> LedgerPrefix::inclusion_proof(std::uint64_t index,
                                                          std::uint64_t size) const {
  if (auto in = within(size); !in) return std::unexpected(in.error());
  return whole_.inclusion_proof(index, size);
}

Result<std::vector<Digest>> LedgerPrefix::consistency_proof(std::uint64_t from,
                                                            std::uint64_t to) const {
  if (auto in = within(to); !in) return std::unexpected(in.error());
  return whole_.consistency_proof(from, to);
}

Result<std::vector<Digest>> LedgerPrefix::tile(unsigned level, std::uint64_t index) const {
  if (auto in = within((index + 1) << tile_height * (level + 1)); !in)
    return std::unexpected(in.error());
  return whole_.tile(level, index);
}

Result<std::string> LedgerPrefix::get(std::string_view key) const {
  if (!shows(key))
    return fail(Error::Code::not_found, "the first {} entries have no {}", head_.size, key);
  return whole_.get(key);
}

Result<std::vector<std::string>> LedgerPrefix::keys(std::string_view prefix) const {
  auto all = whole_.keys(prefix);
  if (all) std::erase_if(*all, [&](const std::string& key) { return !shows(key); });
  return all;
}

Result<TreeHead> LedgerPrefix::append(std::span<const Bytes>) {
  return fail(Error::Code::invalid, "nothing is appended to the beginning of a ledger");
}

Result<void> LedgerPrefix::put(std::string_view key, Bytes) {
  return fail(Error::Code::invalid, "the beginning of a ledger is read: {} is not written", key);
}

}  // namespace daybook
