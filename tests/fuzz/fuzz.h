// What every fuzz target begins with. A target is one function that takes any bytes and must
// return: libFuzzer calls it where Clang builds it (tools/dev fuzz), driver.cc where g++ does
// (ctest).
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "ledger/assertion.h"
#include "ledger/digest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace daybook::fuzz {

inline Bytes bytes(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return size == 0 ? std::string_view{}
                   : std::string_view(reinterpret_cast<const char*>(data), size);
}

// A file of the source tree that a target needs besides its input.
inline std::string source_file(const std::string& path) {
  std::ifstream in(std::string(DAYBOOK_SOURCE_DIR "/") + path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  DAYBOOK_ASSERT(!content.empty(), "{} is not there", path);
  return content;
}

}  // namespace daybook::fuzz
