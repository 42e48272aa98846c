// File systems by the magic numbers of statfs(2), as linux/magic.h lists them.
#pragma once

#include <cstdint>
#include <string_view>

namespace daybook {

// The name of one that keeps no atomic rename or hard links over a crash; empty for all others.
inline std::string_view without_atomic_rename(std::uint64_t magic) {
  switch (magic) {
    case 0x6969: return "NFS";
    case 0x517B:
    case 0xFE534D42:
    case 0xFF534D42: return "SMB";
    case 0x4d44: return "FAT";
    case 0x01021997: return "9P";
    default: return "";
  }
}

}  // namespace daybook
