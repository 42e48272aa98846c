// What entries carry that somebody signed: approvals with a person's SSH key, the naming of the
// next signing key with the one before it. And which keys had to sign which checkpoint.
#pragma once

#include <functional>
#include <string>

#include "ledger/error.h"
#include "statemachine/events.h"
#include "statemachine/state.h"

namespace daybook {

// The exact text a load approval is about; its SHA-256 is what is signed for.
std::string load_approval_text(const State& state, const Slot& slot, const Digest& definition,
                               const Digest& content, std::uint64_t rows);

struct SignatureVerdict {
  enum class Kind : std::uint8_t { none, good, wrong, unchecked };
  Kind kind = Kind::none;  // none: the entry carries no signature
  std::string detail = {};
};
// The text of a plan (of a compensation, of an erasure); `not_found` where it is not at hand any
// more.
using PlanText = std::function<Result<std::string>(const PayloadRef&)>;
// Checks what the entry carries against the state before it. `unchecked` where that takes a plan's
// text and `text` does not give it. Total.
SignatureVerdict check_signatures(const State& before, const Entry& entry,
                                  const PlanText& text = {});

}  // namespace daybook
