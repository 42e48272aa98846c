#include "replay/exported_ledger.h"

#include <algorithm>
#include <cstring>

#include "ledger/merkle.h"
#include "ledger/note.h"
#include "ledger/tiles.h"
#include "replay/checkpoint.h"

namespace daybook {
namespace {

constexpr std::size_t note_bytes_max = 1'000'000;
constexpr std::size_t bundle_bytes_max = tile_width * (2 + entry_bytes_max);

}  // namespace

Result<std::unique_ptr<ExportedLedger>> ExportedLedger::open(const std::string& directory,
                                                             FileSystem& files) {
  std::unique_ptr<ExportedLedger> self(new ExportedLedger(directory, files));
  auto note = self->file("checkpoint", note_bytes_max);
  if (!note) return std::unexpected(note.error());
  const auto parsed = parse_note(*note);
  if (!parsed)
    return fail(Error::Code::corrupt, "{}/checkpoint: {}", directory, parsed.error().detail);
  const auto checkpoint = parse_checkpoint(parsed->text);
  if (!checkpoint)
    return fail(Error::Code::corrupt, "{}/checkpoint: {}", directory, checkpoint.error().detail);
  self->note_ = std::move(*note);
  self->origin_ = checkpoint->origin;
  self->head_ = checkpoint->head;
  self->open_.size = self->head_.size;
  for (unsigned level = 0; level * tile_height < 64 && self->head_.size >> level * tile_height > 0;
       ++level) {
    const unsigned width = partial_width(level, self->head_.size);
    auto& open = self->open_.levels.emplace_back();
    if (width == 0) continue;
    const std::uint64_t index = self->head_.size >> level * tile_height >> tile_height;
    auto read = self->hashes(tile_path(level, index, width), width);
    if (!read) return std::unexpected(read.error());
    open = std::move(*read);
  }
  return self;
}

Result<std::string> ExportedLedger::file(const std::string& name, std::size_t bytes_max) const {
  const auto opened = files_.open(directory_ + "/" + name, FileSystem::Open::read);
  if (!opened) return std::unexpected(opened.error());
  const auto size = (*opened)->size();
  if (!size) return std::unexpected(size.error());
  if (*size > bytes_max)
    return fail(Error::Code::corrupt, "{}/{} is larger than it can be", directory_, name);
  return read_whole(**opened);
}

Result<std::vector<Digest>> ExportedLedger::hashes(const std::string& name,
                                                   std::size_t count) const {
  const auto content = file(name, count * sizeof(Digest));
  if (!content) return std::unexpected(content.error());
  if (content->size() != count * sizeof(Digest))
    return fail(Error::Code::corrupt, "{}/{} has {} bytes, not {}", directory_, name,
                content->size(), count * sizeof(Digest));
  std::vector<Digest> out(count);
  std::memcpy(out.data(), content->data(), content->size());
  return out;
}

Result<void> ExportedLedger::read(std::uint64_t from, std::uint64_t to, const Visit& visit) const {
  if (from > to || to > head_.size)
    return fail(Error::Code::invalid, "entries {} to {} of {}", from, to, head_.size);
  std::vector<std::uint64_t> aligned;
  while (from < to) {
    const std::uint64_t bundle = from / tile_width;
    const std::uint64_t width =
        std::min<std::uint64_t>(tile_width, head_.size - bundle * tile_width);
    const std::string name = bundle_path(bundle, static_cast<unsigned>(width));
    const auto content = file(name, bundle_bytes_max);
    if (!content) return std::unexpected(content.error());
    const auto entries = parse_bundle(bytes_of(*content));
    if (!entries)
      return fail(Error::Code::corrupt, "{}/{}: {}", directory_, name, entries.error().detail);
    if (entries->size() != width)
      return fail(Error::Code::corrupt, "{}/{} holds {} entries, not {}", directory_, name,
                  entries->size(), width);
    for (std::uint64_t i = from % tile_width; i < width && from < to; ++i, ++from) {
      const Bytes entry = (*entries)[i];
      aligned.resize((entry.size() + 7) / 8);
      std::memcpy(aligned.data(), entry.data(), entry.size());
      if (!visit(from, std::as_bytes(std::span(aligned)).first(entry.size()))) return {};
    }
  }
  return {};
}

Result<std::vector<Digest>> ExportedLedger::tile(unsigned level, std::uint64_t index) const {
  return hashes(tile_path(level, index), tile_width);
}

SubtreeHash ExportedLedger::subtrees() const {
  return [this](unsigned level, std::uint64_t index) {
    return subtree_hash(
        open_, [this](unsigned l, std::uint64_t i) { return tile(l, i); }, level, index);
  };
}

Result<Digest> ExportedLedger::root_at(std::uint64_t size) const {
  if (size > head_.size)
    return fail(Error::Code::invalid, "the export has {} entries, not {}", head_.size, size);
  return root_of(size, subtrees());
}

Result<std::vector<Digest>> ExportedLedger::inclusion_proof(std::uint64_t index,
                                                            std::uint64_t size) const {
  if (index >= size || size > head_.size)
    return fail(Error::Code::invalid, "entry {} of {}", index, size);
  return prove_inclusion(index, size, subtrees());
}

Result<std::vector<Digest>> ExportedLedger::consistency_proof(std::uint64_t from,
                                                              std::uint64_t to) const {
  if (from > to || to > head_.size)
    return fail(Error::Code::invalid, "from {} to {} of {}", from, to, head_.size);
  return prove_consistency(from, to, subtrees());
}

Result<std::string> ExportedLedger::get(std::string_view key) const {
  if (key == checkpoint_key(head_.size)) return note_;
  return fail(Error::Code::not_found, "an export has no {}", key);
}

Result<std::vector<std::string>> ExportedLedger::keys(std::string_view prefix) const {
  const std::string key = checkpoint_key(head_.size);
  return key.starts_with(prefix) ? std::vector<std::string>{key} : std::vector<std::string>{};
}

Result<TreeHead> ExportedLedger::append(std::span<const Bytes>) {
  return fail(Error::Code::invalid, "{} is an export: nothing is appended to it", directory_);
}

Result<void> ExportedLedger::put(std::string_view key, Bytes) {
  return fail(Error::Code::invalid, "{} is an export: {} is not written", directory_, key);
}

}  // namespace daybook
