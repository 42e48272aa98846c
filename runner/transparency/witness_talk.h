// What is said to one witness about one checkpoint, and what its answers mean: the client's side of
// https://c2sp.org/tlog-witness, without the network.
//
// Ask for `request()`, POST it to <submission prefix>/add-checkpoint, give the answer to `answer`,
// until there is no request any more. At most four.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/note.h"

namespace daybook {

// What the witness may be told of the log; reads storage.
struct WitnessedLog {
  std::function<Result<std::vector<Digest>>(std::uint64_t from, std::uint64_t to)> consistency;
  // Did this log ever sign a checkpoint of so many entries?
  std::function<bool(std::uint64_t size)> signed_at;
};

enum class WitnessSays : std::uint8_t {
  cosigned,     // its cosignature is good
  newer,        // it has seen a later checkpoint of this log: nothing is wrong
  ahead,        // it has seen more entries than this log has: an old copy
  contradicts,  // it has seen other entries than these: a fork
  unknown_log,  // it does not know the origin, or not this key
  no_answer,    // nobody answered in time, or with something else
};

class WitnessTalk {
 public:
  // `old_guess`: entries it is thought to have seen. `note`: a signed checkpoint.
  WitnessTalk(NoteVerifier witness, std::string note, std::uint64_t old_guess, WitnessedLog log);

  // The body to POST; none: it is over.
  const std::optional<std::string>& request() const { return request_; }
  void answer(unsigned status, std::string_view content_type, std::string_view body);
  void unreachable(std::string detail);

  WitnessSays says() const { return says_; }
  std::uint64_t seen() const { return seen_; }  // entries it said to have seen; 0: none, or unknown
  const std::vector<NoteSignature>& cosignatures() const { return cosignatures_; }
  const std::string& detail() const { return detail_; }  // one sentence without its end

 private:
  void ask(std::uint64_t old_size);
  void end(WitnessSays says, std::string detail);
  void take_cosignatures(std::string_view body);
  void take_size(std::string_view content_type, std::string_view body);

  NoteVerifier witness_;
  std::string note_;
  WitnessedLog log_;
  Checkpoint checkpoint_;
  std::uint64_t old_ = 0, seen_ = 0;
  unsigned asked_ = 0;
  std::optional<std::string> request_;
  WitnessSays says_ = WitnessSays::no_answer;
  std::vector<NoteSignature> cosignatures_;
  std::string detail_;
};

// The cosignatures added to the note, in place of earlier ones of the same keys.
Result<std::string> with_cosignatures(std::string_view note,
                                      const std::vector<NoteSignature>& cosignatures);

}  // namespace daybook
