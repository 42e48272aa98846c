// Seeded randomness of one simulation. Each part draws from a stream of its own, so that one more
// draw in one part does not shift what the others draw.
#pragma once

#include <cstdint>
#include <string_view>

namespace daybook::sim {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 0x1234567) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + below(most - least + 1);
  }
  // True in `per_million` of a million draws.
  bool hit(std::uint32_t per_million) { return per_million > 0 && below(1'000'000) < per_million; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  Chance stream(std::string_view name) const {
    std::uint64_t hash = state_ ^ 14695981039346656037ULL;
    for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
    return Chance(hash);
  }

 private:
  std::uint64_t state_;
};

}  // namespace daybook::sim
