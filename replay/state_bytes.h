// A State as bytes: one spelling for one state, on every machine.
//
// Whole numbers and enums stand little endian in their width, text and lists behind a 32-bit count,
// maps and sets in ascending order, an optional behind one byte. A struct stands behind the number
// of its fields that are written: up to the last one that differs from its default. So a field
// added at the end of a struct changes the bytes, and the root, of those states alone that use it,
// and the state roots in old books stay reproducible.
//
// Driven by the types themselves: a State with another field needs no change here.
#pragma once

#include <cstddef>
#include <vector>

#include "ledger/digest.h"
#include "ledger/error.h"
#include "statemachine/state.h"

namespace daybook {

std::vector<std::byte> state_bytes(const State& state);

// Total and bounded by the length of the bytes; `corrupt` for whatever state_bytes would not write.
Result<State> state_from_bytes(Bytes bytes);

// SHA-256 over state_bytes, without holding them: what a checkpoint records.
Digest state_root(const State& state);

// Digest of the shape of State and of all it holds. Bytes written under another layout may mean
// something else, so a snapshot carries it and is ignored where it differs.
const Digest& state_layout();

}  // namespace daybook
