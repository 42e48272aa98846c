// Checkpoints that others cosign (https://c2sp.org/tlog-witness): asked before one is signed, so
// that an old copy of a book does not contradict the newer one, and after, for the cosignature.
//
// A witness that does not answer fails nothing: it is asked again at the next checkpoint. One that
// has seen entries this book does not hold stops the signing.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "runner/keeper.h"
#include "runner/transparency/witness_talk.h"

namespace daybook {

struct WitnessAnswer {
  std::string name;
  WitnessSays says = WitnessSays::no_answer;
  std::uint64_t seen = 0;  // entries; 0: none, or not said
  std::string detail;      // "has seen …"
};

struct WitnessedCheckpoint {
  TreeHead head;     // of the latest kept checkpoint; size 0: none
  std::string note;  // with the cosignatures that came
  std::vector<WitnessAnswer> witnesses;
};

// Shows every witness the latest kept checkpoint and keeps the cosignatures that come; signs
// nothing that says anything of this book. On the keeper's loop; does not hold it up.
boost::asio::awaitable<Result<WitnessedCheckpoint>> ask_witnesses(Keeper& keeper);

// `corrupt` where one has seen more than this book holds, or something else: this is an old copy of
// it, or a fork.
Result<void> not_overtaken(const WitnessedCheckpoint& checkpoint);

// Asks them, then signs a checkpoint of everything durable (Keeper::checkpoint), then asks for
// cosignatures of it. Where one has seen
// more, nothing is signed.
boost::asio::awaitable<Result<WitnessedCheckpoint>> witnessed_checkpoint(Keeper& keeper);

// "witness w1 …" for each that did not cosign.
std::vector<std::string> warnings_of(const WitnessedCheckpoint& checkpoint);

}  // namespace daybook
