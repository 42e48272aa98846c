// What goes wrong outside: storage, bytes, other processes. One type for the ledger and all above
// it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace daybook {

struct Error {
  // A code exists only where a caller acts differently on it.
  enum class Code : std::uint8_t {
    io,             // the world failed; nothing is known to be wrong with our bytes
    not_found,      // there is no such book, file, row
    conflict,       // somebody else holds it, or it is not what the caller said it was
    corrupt,        // bytes are not what was committed: never continue, never repair in place
    newer_version,  // written by a newer daybook: stop, do not skip
    invalid,        // the input itself is wrong
    unavailable,    // a dependency does not answer now
  };
  Code code = Code::io;
  std::string detail;
  std::string hint = {};  // what to do next; may be empty
  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = std::expected<T, Error>;

template <typename... Args>
std::unexpected<Error> fail(Error::Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace daybook
