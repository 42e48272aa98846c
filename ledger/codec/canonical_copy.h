// Cap'n Proto's canonical form, made by copying: no schema needed.
#pragma once

#include <cstdint>
#include <span>

namespace daybook {

// Copies the message in `words` (one segment, root pointer first) to `out` in canonical form and
// returns the words written, never more than were read; `out` has room for as many as `words`
// holds.
//
// Canonical: objects in preorder without gaps, sections cut after their last non-zero word (in a
// struct list, alike for all elements). Beyond that, an empty list and a text of nothing but its
// terminator become null pointers.
//
// Requires a message our own builder has just made: pointers are followed unchecked. Never call it
// on bytes that were read.
std::size_t canonical_copy(std::span<const std::uint64_t> words, std::uint64_t* out);

}  // namespace daybook
