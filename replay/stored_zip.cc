// archive := (local name content)* (central name)* end      PKWARE APPNOTE 6.3, little endian
#include "replay/stored_zip.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "ledger/assertion.h"

namespace daybook {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50,
                        end_signature = 0x06054b50;
constexpr std::uint16_t version = 10, no_time = 0, first_day = 0x0021;  // 1980-01-01
constexpr std::size_t local_bytes = 30, central_bytes = 46, end_bytes = 22;

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
    table[i] = crc;
  }
  return table;
}();

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char c : bytes)
    crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

void put(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

std::uint64_t get(std::string_view bytes, std::size_t at, unsigned count) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < count; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  for (const char c : name)
    if (c <= ' ' || c > '~' || c == '\\') return false;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

// What the headers of a file have in common.
std::string common(std::string_view name, std::string_view content) {
  std::string out;
  put(out, version, 2);
  put(out, 0, 2);  // flags
  put(out, 0, 2);  // stored
  put(out, no_time, 2);
  put(out, first_day, 2);
  put(out, crc32(content), 4);
  put(out, content.size(), 4);
  put(out, content.size(), 4);
  put(out, name.size(), 2);
  put(out, 0, 2);  // extra
  return out;
}

}  // namespace

std::string write_stored_zip(const StoredFiles& files) {
  DAYBOOK_ASSERT(files.size() <= stored_files_max, "{} files", files.size());
  std::string out, central;
  for (const auto& [name, content] : files) {
    DAYBOOK_ASSERT(is_name(name), "a file is named {}", name);
    const std::string header = common(name, content);
    put(central, central_signature, 4);
    put(central, version, 2);
    central += header;
    put(central, 0, 2);           // comment
    put(central, 0, 2);           // disk
    put(central, 0, 2);           // internal attributes
    put(central, 0, 4);           // external attributes
    put(central, out.size(), 4);  // of the local header
    central += name;
    put(out, local_signature, 4);
    out += header + name + content;
  }
  const std::size_t begin = out.size();
  out += central;
  put(out, end_signature, 4);
  put(out, 0, 4);  // disks
  put(out, files.size(), 2);
  put(out, files.size(), 2);
  put(out, central.size(), 4);
  put(out, begin, 4);
  put(out, 0, 2);  // comment
  DAYBOOK_ASSERT(out.size() <= stored_bytes_max, "{} bytes", out.size());
  return out;
}

Result<StoredFiles> read_stored_zip(std::string_view bytes) {
  const auto refuse = [](std::size_t at, std::string_view what) {
    return fail(Error::Code::corrupt, "byte {}: {}", at, what);
  };
  if (bytes.size() > stored_bytes_max)
    return fail(Error::Code::corrupt, "{} bytes are too many for a bundle", bytes.size());
  StoredFiles files;
  std::size_t at = 0;
  while (at + 4 <= bytes.size() && get(bytes, at, 4) == local_signature) {
    if (bytes.size() - at < local_bytes) return refuse(at, "the archive is cut off");
    const std::size_t size = get(bytes, at + 18, 4), name_size = get(bytes, at + 26, 2);
    const std::size_t left = bytes.size() - at - local_bytes;
    if (name_size > left || size > left - name_size) return refuse(at, "a file is cut off");
    const std::string_view name = bytes.substr(at + local_bytes, name_size);
    if (!is_name(name)) return refuse(at + local_bytes, "no name of a file");
    if (!files.empty() && std::string_view(files.rbegin()->first) >= name)
      return refuse(at + local_bytes, "a file stands twice, or out of order");
    if (files.size() == stored_files_max) return refuse(at, "too many files");
    files.emplace(name, bytes.substr(at + local_bytes + name_size, size));
    at += local_bytes + name_size + size;
  }
  // What the directory would need may not fit any more: then it is not there.
  std::size_t whole = at + end_bytes;
  for (const auto& [name, content] : files) whole += central_bytes + name.size();
  if (whole > stored_bytes_max) return refuse(at, "the archive is cut off");
  // There is one archive of these files.
  const std::string expected = write_stored_zip(files);
  const std::size_t same = static_cast<std::size_t>(
      std::mismatch(bytes.begin(), bytes.end(), expected.begin(), expected.end()).first -
      bytes.begin());
  if (same < bytes.size() || same < expected.size())
    return refuse(same, same == expected.size() ? "bytes after the end"
                        : same == bytes.size()  ? "the archive is cut off"
                                                : "not what belongs here");
  return files;
}

}  // namespace daybook
