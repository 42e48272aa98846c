#include "ledger/anchor.h"

#include <cstring>
#include <optional>

namespace daybook {
namespace {

constexpr std::size_t slot_bytes = 512;
constexpr char magic[8] = {'D', 'A', 'Y', 'B', 'O', 'O', 'K', 'A'};
using Slot = std::array<std::byte, slot_bytes>;

struct Read {
  AnchorHead head;
  std::uint64_t turn = 0;
};

template <typename T>
void store(Slot& slot, std::size_t at, const T& value) {
  std::memcpy(slot.data() + at, &value, sizeof value);
}

template <typename T>
T load(const Slot& slot, std::size_t at) {
  T value;
  std::memcpy(&value, slot.data() + at, sizeof value);
  return value;
}

constexpr std::size_t digest_at = slot_bytes - 32;

Digest slot_digest(const Slot& slot) { return sha256(Bytes(slot).first(digest_at)); }

Slot encode(const AnchorHead& head, std::uint64_t turn) {
  Slot slot{};
  std::memcpy(slot.data(), magic, sizeof magic);
  store(slot, 8, turn);
  store(slot, 16, head.head.size);
  store(slot, 24, head.boot_epoch);
  store(slot, 32, head.ledger);
  store(slot, 48, head.head.root);
  store(slot, digest_at, slot_digest(slot));
  return slot;
}

std::optional<Read> decode(const Slot& slot) {
  if (std::memcmp(slot.data(), magic, sizeof magic) != 0) return std::nullopt;
  if (load<Digest>(slot, digest_at) != slot_digest(slot)) return std::nullopt;
  return Read{{load<LedgerId>(slot, 32),
               {load<std::uint64_t>(slot, 16), load<Digest>(slot, 48)},
               load<std::uint64_t>(slot, 24)},
              load<std::uint64_t>(slot, 8)};
}

Result<Read> read_slots(const File& file, const std::string& path) {
  std::optional<Read> best;
  for (std::uint64_t i = 0; i < 2; ++i) {
    Slot slot{};
    const Result<std::size_t> got = file.read_at(i * slot_bytes, slot);
    if (!got) return std::unexpected(got.error());
    const std::optional<Read> read = decode(slot);
    if (read && (!best || read->turn > best->turn)) best = read;
  }
  if (!best) {
    return std::unexpected(Error{
        Error::Code::corrupt, fmt::format("{}: neither slot of the anchor is valid", path),
        "restore the anchor from its own device, or compare with a checkpoint kept elsewhere"});
  }
  return *best;
}

}  // namespace

Result<Anchor> Anchor::create(FileSystem& files, const std::string& path, const AnchorHead& head) {
  auto file = files.open(path, FileSystem::Open::create_new);
  if (!file) return std::unexpected(file.error());
  for (std::uint64_t turn = 0; turn < 2; ++turn) {
    const Slot slot = encode(head, turn);
    if (const auto written = (*file)->write_at(turn * slot_bytes, slot); !written) {
      return std::unexpected(written.error());
    }
  }
  if (const auto synced = (*file)->sync(); !synced) return std::unexpected(synced.error());
  if (const auto named = files.sync_dir(parent_of(path)); !named) {
    return std::unexpected(named.error());
  }
  return Anchor(std::move(*file), head, 1);
}

Result<Anchor> Anchor::open(FileSystem& files, const std::string& path) {
  auto file = files.open(path, FileSystem::Open::write);
  if (!file) return std::unexpected(file.error());
  const Result<Read> read = read_slots(**file, path);
  if (!read) return std::unexpected(read.error());
  return Anchor(std::move(*file), read->head, read->turn);
}

Result<AnchorHead> Anchor::read(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Open::read);
  if (!file) return std::unexpected(file.error());
  const Result<Read> read = read_slots(**file, path);
  if (!read) return std::unexpected(read.error());
  return read->head;
}

Result<void> Anchor::advance(const AnchorHead& head) {
  const Slot slot = encode(head, turn_ + 1);
  if (const auto done = file_->write_at((turn_ + 1) % 2 * slot_bytes, slot); !done) return done;
  if (const auto synced = file_->sync(); !synced) return synced;
  ++turn_;
  head_ = head;
  return {};
}

}  // namespace daybook
