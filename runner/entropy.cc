#include "runner/entropy.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "ledger/assertion.h"

namespace daybook {
namespace {

class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      DAYBOOK_ASSERT(got > 0, "getrandom: {}", std::strerror(errno));
      out = out.subspan(static_cast<std::size_t>(got));
    }
  }
};

}  // namespace

std::unique_ptr<Entropy> make_system_entropy() { return std::make_unique<SystemEntropy>(); }

std::uint64_t Entropy::number() {
  std::uint64_t value = 0;
  fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

Uuid make_uuid7(Timestamp now, Entropy& entropy) {
  Uuid uuid;
  entropy.fill(std::as_writable_bytes(std::span(uuid)));
  const auto ms = static_cast<std::uint64_t>(now / 1000);
  for (std::size_t i = 0; i < 6; ++i) uuid[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  uuid[6] = static_cast<std::uint8_t>(0x70 | (uuid[6] & 0x0f));
  uuid[8] = static_cast<std::uint8_t>(0x80 | (uuid[8] & 0x3f));
  return uuid;
}

}  // namespace daybook
