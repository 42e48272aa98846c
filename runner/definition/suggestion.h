// "Did you mean": the nearest of the names that would have been right.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

// The nearest candidate within a third of the word's length of edits (transpositions count one), or
// empty.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

// `did you mean "amount"?  columns: a, b, c`, either half left out when there is nothing to say.
std::string suggest(std::string_view word, std::span<const std::string> candidates,
                    std::string_view what);

}  // namespace daybook
