#include "tools/verifier/book_check.h"

#include "ledger/codec/event_codec.h"
#include "ledger/tiles.h"
#include "replay/log_keys.h"
#include "replay/signatures.h"
#include "replay/state_bytes.h"
#include "statemachine/apply.h"
#include "statemachine/invariants.h"

namespace daybook {

void BookCheck::refuse(std::uint64_t index, std::string detail, Verdict kind) {
  fault_ = Fault{kind, index, index == no_index ? "" : bundle_path(index / tile_width),
                 std::move(detail)};
}

void BookCheck::add(std::uint64_t index, Bytes bytes) {
  if (fault_) return;
  if (const auto decoded = decode(bytes, entry_); !decoded) {
    const bool newer = decoded.error().code == Error::Code::newer_version;
    return refuse(index, decoded.error().detail, newer ? Verdict::unusable : Verdict::tampered);
  }
  if (!is_canonical(bytes)) return refuse(index, "the entry is not in canonical form");
  for (const auto& violation : violations(state_, entry_))
    return refuse(index, fmt::format("{}: {}", violation.rule, violation.detail));
  const SignatureVerdict carried = check_signatures(state_, entry_);
  if (carried.kind == SignatureVerdict::Kind::wrong) return refuse(index, carried.detail);
  if (carried.kind == SignatureVerdict::Kind::good) ++signatures_;
  if (carried.kind == SignatureVerdict::Kind::unchecked) ++unchecked_;
  if (const auto* recorded = std::get_if<CheckpointSigned>(&entry_.event))
    check_recorded(index, *recorded);
  if (const auto* rotated = std::get_if<LogKeyRotated>(&entry_.event)) {
    check_new_key(index, rotated->root);
    key_chain_ += endorsement_note(state_, *rotated);
  } else if (const auto* changed = std::get_if<LogOriginChanged>(&entry_.event)) {
    check_new_key(index, changed->root);
  }
  if (!fault_) apply(state_, entry_);
}

void BookCheck::check_new_key(std::uint64_t index, const Digest& root) {
  const auto before = root_at_(index);
  if (!before) return refuse(index, before.error().detail);
  if (*before != root)
    refuse(index, fmt::format("names a key after root {}; theirs is {}", hex(root), hex(*before)));
}

// The invariants have seen to it that recorded sizes rise and are not ahead of the book.
void BookCheck::check_recorded(std::uint64_t index, const CheckpointSigned& recorded) {
  const auto root = root_at_(recorded.size);
  if (!root) return refuse(index, root.error().detail);
  if (*root != recorded.root)
    return refuse(index, fmt::format("records root {} of {} entries; theirs is {}",
                                     hex(recorded.root), recorded.size, hex(*root)));
  const State* state = recorded.size == state_.size ? &state_ : state_at(index, recorded.size);
  if (state == nullptr) return;
  const Digest reached = state_root(*state);
  if (reached != recorded.state_root)
    return refuse(index, fmt::format("records state {} of {} entries; they fold to {}",
                                     hex(recorded.state_root), recorded.size, hex(reached)));
  ++reached_;
}

const State* BookCheck::state_at(std::uint64_t index, std::uint64_t size) {
  Entry entry;
  const auto read = read_again_(trailing_.size, size, [&](std::uint64_t, Bytes bytes) {
    if (!decode(bytes, entry)) return false;  // it was one when it was added
    apply(trailing_, entry);
    return true;
  });
  if (read && trailing_.size == size) return &trailing_;
  refuse(index, fmt::format("the first {} entries can not be read a second time", size));
  return nullptr;
}

void BookCheck::finish(Judgement& judgement, std::string_view log_vkey) {
  if (!fault_)
    for (const auto& violation : violations(state_))
      refuse(no_index, fmt::format("{}: {}", violation.rule, violation.detail));
  const LogName name = log_name(state_);
  const std::uint64_t since = state_.log_keys.empty() ? 0 : state_.log_keys.back().at;
  if (!fault_ && state_.size > 0 && name.origin != judgement.origin)
    refuse(since,
           fmt::format("the book is {}, the checkpoint is of {}", name.origin, judgement.origin));
  if (!fault_ && state_.size > 0 && !log_vkey.empty() && state_.log_vkey != log_vkey)
    refuse(since, fmt::format("the book names {}, the checkpoint is signed with {}",
                              state_.log_vkey, log_vkey));
  if (fault_) return judgement.found(*fault_);
  judgement.folded = true;
  judgement.state_root = state_root(state_);
  judgement.state_roots = reached_;
  judgement.signatures = signatures_;
  judgement.unchecked = unchecked_;
}

}  // namespace daybook
