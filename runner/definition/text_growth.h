// How many times as long as the longest text it reads a text of an expression can be, about: what
// decides how many rows are worked on at once.
#pragma once

#include <cstdint>

#include "runner/definition/expression.h"

namespace daybook {

inline constexpr std::uint32_t growth_max = 1 << 20;  // stands for no bound
std::uint32_t text_growth(const SyntaxNode& tree);

}  // namespace daybook
