// Verifies an exported directory, rests on nothing but its bytes and the keys, and repairs nothing.
// Good means: the checkpoint is signed as asked; the directory holds exactly the files of a tree of
// that size, byte for byte; the entries hash to the signed root; and, unless they are to be taken
// as opaque bytes, they are a book whose every step the rules allow and whose recorded states are
// reached again.
#pragma once

#include <string>

#include "statemachine/state.h"
#include "tools/verifier/judgement.h"
#include "tools/verifier/trust.h"

namespace daybook {

enum class Entries : std::uint8_t { fold, opaque };

// Total: any directory gives a judgement. Holds one bundle at a time (16.8 MB at most). `state`,
// where given, receives what the entries fold to; it says nothing unless the judgement is good.
Judgement verify_export(const std::string& directory, const TrustPolicy& policy,
                        Entries entries = Entries::fold, State* state = nullptr);

}  // namespace daybook
