// Randomness, as the runner sees it: ids, jitter seeds, salts and keys come from here.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "statemachine/ids.h"

namespace daybook {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::byte> out) = 0;  // never fails; cryptographic in production
  std::uint64_t number();
};

std::unique_ptr<Entropy> make_system_entropy();  // getrandom(2)

// RFC 9562 UUIDv7: 48 bits of milliseconds, then randomness.
Uuid make_uuid7(Timestamp now, Entropy& entropy);

}  // namespace daybook
