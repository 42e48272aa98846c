#include "ledger/tiles.h"

#include <algorithm>
#include <cstring>

#include "ledger/assertion.h"
#include "ledger/ledger.h"

namespace daybook {
namespace {

std::size_t align8(std::size_t offset) { return (offset + 7) & ~std::size_t{7}; }

std::uint32_t load_u32(const std::byte* from) {
  std::uint32_t value;
  std::memcpy(&value, from, 4);
  return value;
}

std::string index_path(std::uint64_t index, unsigned width) {
  DAYBOOK_ASSERT(width >= 1 && width <= tile_width, "width {}", width);
  std::string path = fmt::format("{:03}", index % 1000);
  while ((index /= 1000) > 0) path = fmt::format("x{:03}/{}", index % 1000, path);
  if (width < tile_width) path += fmt::format(".p/{}", width);
  return path;
}

bool all_zero(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

unsigned partial_width(unsigned level, std::uint64_t size) {
  const unsigned shift = level * tile_height;
  return shift >= 64 ? 0 : static_cast<unsigned>((size >> shift) % tile_width);
}

std::string tile_path(unsigned level, std::uint64_t index, unsigned width) {
  return fmt::format("tile/{}/{}", level, index_path(index, width));
}

std::string bundle_path(std::uint64_t index, unsigned width) {
  return "tile/entries/" + index_path(index, width);
}

std::string encode_bundle(std::span<const Bytes> entries) {
  std::string bundle;
  for (const Bytes& entry : entries) {
    DAYBOOK_ASSERT(!entry.empty() && entry.size() <= entry_bytes_max, "{} bytes", entry.size());
    bundle += static_cast<char>(entry.size() >> 8);
    bundle += static_cast<char>(entry.size() & 0xff);
    bundle.append(reinterpret_cast<const char*>(entry.data()), entry.size());
  }
  return bundle;
}

Result<std::vector<Bytes>> parse_bundle(Bytes bundle) {
  std::vector<Bytes> entries;
  while (!bundle.empty()) {
    if (entries.size() == tile_width) return fail(Error::Code::corrupt, "more than 256 entries");
    const std::size_t size = bundle.size() < 2 ? 0
                                               : std::to_integer<std::size_t>(bundle[0]) << 8 |
                                                     std::to_integer<std::size_t>(bundle[1]);
    if (size == 0 || bundle.size() - 2 < size) {
      return fail(Error::Code::corrupt, "entry {} of the bundle is empty or cut", entries.size());
    }
    entries.push_back(bundle.subspan(2, size));
    bundle = bundle.subspan(2 + size);
  }
  return entries;
}

void encode_row(std::span<const Bytes> entries, std::string& out) {
  DAYBOOK_ASSERT(!entries.empty() && entries.size() <= tile_width, "{} entries", entries.size());
  std::size_t end = 4 + 4 * entries.size();
  for (const Bytes& entry : entries) end = align8(end) + entry.size();
  out.resize(align8(end));
  char* const base = out.data();
  const auto count = static_cast<std::uint32_t>(entries.size());
  std::memcpy(base, &count, 4);
  end = 4 + 4 * entries.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::memset(base + end, 0, align8(end) - end);
    std::memcpy(base + align8(end), entries[i].data(), entries[i].size());
    end = align8(end) + entries[i].size();
    const auto end32 = static_cast<std::uint32_t>(end);
    std::memcpy(base + 4 + 4 * i, &end32, 4);
  }
  std::memset(base + end, 0, align8(end) - end);
}

Result<void> parse_row(Bytes row, std::vector<Bytes>& entries) {
  entries.clear();
  const auto bad = [&](const char* what) {
    entries.clear();
    return fail(Error::Code::corrupt, "row of {} bytes: {}", row.size(), what);
  };
  if (row.size() < 8) return bad("too short");
  const std::size_t count = load_u32(row.data());
  if (count == 0 || count > tile_width || row.size() < 4 + 4 * count) return bad("count");
  std::size_t end = 4 + 4 * count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = align8(end);
    const std::size_t next = load_u32(row.data() + 4 + 4 * i);
    if (next <= begin || next > row.size() || next - begin > entry_bytes_max) return bad("offset");
    if (!all_zero(row.subspan(end, begin - end))) return bad("padding");
    entries.push_back(row.subspan(begin, next - begin));
    end = next;
  }
  if (row.size() != align8(end) || !all_zero(row.subspan(end))) return bad("end");
  return {};
}

}  // namespace daybook
