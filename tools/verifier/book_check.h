// Do the entries tell a history that could have happened? Each is decoded, held against the
// invariants and applied; every state and root that the book recorded on its way is reached again.
#pragma once

#include <functional>
#include <optional>

#include "ledger/merkle.h"
#include "statemachine/events.h"
#include "statemachine/state.h"
#include "tools/verifier/judgement.h"

namespace daybook {

// Takes entries in order, up to the first that is wrong: what follows has no state to stand on.
// Memory grows with the state, not with the number of entries.
class BookCheck {
 public:
  // The root over the first `size` entries, of those added so far.
  using RootAt = std::function<Result<Digest>(std::uint64_t size)>;
  // The entries of [from, to) once more, among those added so far.
  using Visit = std::function<bool(std::uint64_t index, Bytes entry)>;
  using ReadAgain = std::function<Result<void>(std::uint64_t from, std::uint64_t to, const Visit&)>;

  BookCheck(RootAt root_at, ReadAgain read_again)
      : root_at_(std::move(root_at)), read_again_(std::move(read_again)) {}

  void add(std::uint64_t index, Bytes entry);
  // After the last entry: is the state sound, and that of the book the checkpoint is of, signed
  // with the key it names (any, where that is empty)? Tells `judgement`; before this, nothing is
  // told.
  void finish(Judgement& judgement, std::string_view log_vkey);
  const State& state() const { return state_; }
  // The keys that vouched for each other so far (replay/log_keys.h).
  const std::string& key_chain() const { return key_chain_; }

 private:
  void refuse(std::uint64_t index, std::string detail, Verdict kind = Verdict::tampered);
  void check_new_key(std::uint64_t index, const Digest& root);
  void check_recorded(std::uint64_t index, const CheckpointSigned& recorded);
  const State* state_at(std::uint64_t index, std::uint64_t size);

  RootAt root_at_;
  ReadAgain read_again_;
  std::optional<Fault> fault_;
  std::uint64_t reached_ = 0;  // recorded states
  std::uint64_t signatures_ = 0, unchecked_ = 0;
  std::string key_chain_;
  Entry entry_;
  State state_;
  State trailing_;  // for checkpoints that were recorded later than what they cover
};

}  // namespace daybook
