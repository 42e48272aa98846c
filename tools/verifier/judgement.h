// What the verifier says of what it was given, and how it says it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"

namespace daybook {

// The exit codes. What is wrong with what was handed over is `tampered`; what is wrong with the
// question itself (arguments, keys, files that are not there or can not be read) is `unusable`.
enum class Verdict : std::uint8_t { good = 0, tampered = 1, unusable = 2, unmet = 3 };

inline constexpr std::uint64_t no_index = ~std::uint64_t{0};

struct Fault {
  Verdict kind = Verdict::tampered;
  std::uint64_t index = no_index;  // of the entry it is about; none: of the file as a whole
  std::string path;                // of the file, below the directory; empty: none in particular
  std::string detail;
  bool operator==(const Fault&) const = default;
};

class Judgement {
 public:
  static constexpr std::size_t faults_max = 20;

  // "export", "proof", "row", "evidence", "completeness" or "conservation"
  std::string subject;
  std::string origin;  // as signed; empty until a signature was good
  TreeHead head;       // as signed
  std::vector<std::string> signed_by;
  std::string log_key;          // vkey of the log's key that signed
  std::uint64_t rotations = 0;  // from a key that was asked for to the one that signed

  // Of an export.
  std::uint64_t files = 0;        // read and compared
  std::uint64_t bytes = 0;        // of entries
  bool folded = false;            // every entry was decoded and applied
  Digest state_root{};            // of the fold
  std::uint64_t state_roots = 0;  // recorded in the book, and reached again
  std::uint64_t signatures = 0;   // of approvals, that are good
  std::uint64_t unchecked = 0;    // approvals that only their plan's text can show

  // Time stamps (RFC 3161) of checkpoints: about them, and of those the ones that the authority
  // asked for made; the earliest of these, in POSIX seconds.
  std::uint64_t timestamps = 0, timestamps_checked = 0;
  std::int64_t stamped_at = 0;

  // Of a proof.
  std::uint64_t index = 0;
  std::string
      proven;  // of a row: which one; of evidence: what it is about; of a claim: what it says

  // Of evidence.
  std::uint64_t entries = 0;  // under the signed head; `signatures` and `files` count here, too

  // Keeps the first `faults_max`, and the one of the lowest index.
  void found(Fault fault);

  // One that is tampered outweighs a policy that is not met, and that what could not be read.
  Verdict verdict() const;
  const Fault* first() const;  // of the lowest index; else the first found; null: none
  const std::vector<Fault>& faults() const { return faults_; }
  std::uint64_t faults_total() const { return total_; }

  std::string text() const;  // lines
  std::string json() const;  // one object, one line

 private:
  Fault first_;
  std::vector<Fault> faults_;
  std::uint64_t total_ = 0;
  bool kinds_[4] = {};
};

// A fault of reading: what is absent or is no plain file is `tampered`, what the machine did not
// give is `unusable`.
Fault fault_of(const Error& error, std::uint64_t index, std::string path);

// Without control characters: safe to print.
std::string printable(std::string_view text);

}  // namespace daybook
