// The evidence of an incident or an audit, as files that are checked without the book
// (docs/how-to/evidence-for-an-audit.md):
//
//   manifest                  signed note: what it is about, when it was made, every file's digest
//   checkpoint                signed note: the head that everything stands under
//   entries                   "<number> <base64>" a line: bytes of entries, as stored
//   entries.proof             that they are in the tree of that head (ledger/slice_proof.h)
//   checkpoints/<size>        signed notes that these entries record, each with its
//   checkpoints/<size>.consistency                          way to the head
//   timestamps/<size>-<n>.checkpoint, .tsr    of the head or one of those checkpoints: the exact
//                             bytes that an authority stamped (RFC 3161), and what it said
//   log-keys                  where the log's key was replaced: each key's word for the next
//   definitions/<n>.json      pipeline and contracts of definition n; <n>.salt of its digest
//   approvals/<n>.txt         exactly what approval n was asked for
//   quarantine/<n>.jsonl      records of batch n: place, rules, and a salted digest of each
//   records/<n>.jsonl         the records themselves, where they were asked for; <n>.salt
//   entries.jsonl, allowed_signers, approvals/<n>-<k>.sig, README.txt, report.html
//                             made from the others
//
// Checking is total and rests on the bytes and the log's keys alone.
#pragma once

#include <expected>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ledger/note.h"
#include "replay/stored_zip.h"
#include "statemachine/state.h"

namespace daybook {

struct SaltedText {
  std::string text;
  Digest salt{};
};

struct Evidence {
  std::string about;    // one line: "run 3 of orders"
  std::string made_at;  // RFC 3339; as told by whoever made it
  std::string checkpoint;
  std::map<EntryIndex, std::string> entries;  // bytes
  std::vector<Digest> path;
  struct Kept {
    std::string note;
    std::vector<Digest> consistency;
  };
  std::map<EntryIndex, Kept> checkpoints;  // by size
  std::map<DefinitionId, SaltedText> definitions;
  std::map<ApprovalId, std::string> approvals;
  std::map<BatchId, std::string> quarantine;
  std::map<BatchId, SaltedText> records;
  std::map<std::string, std::pair<std::string, std::string>> timestamps;  // "42-0": note, response
  std::string log_keys;  // a chain (replay/log_keys.h); empty: one key signed all
};

struct EvidenceFault {
  std::string path;  // of the file; empty: the archive as a whole
  EntryIndex entry = no_entry;
  std::string detail;
};
template <typename T>
using Checked = std::expected<T, EvidenceFault>;

// What evidence says, once it is checked.
struct EvidenceFacts {
  std::string origin;
  TreeHead head;
  std::map<EntryIndex, Entry> entries;
  State names;  // the names behind the ids in these entries, and nothing else
  struct Signed {
    ApprovalId approval{};
    std::string approver, fingerprint, signature;
    EntryIndex at = no_entry;
  };
  std::vector<Signed> signatures;       // good ones of approvals, in order
  std::set<ApprovalId> unsigned_texts;  // approvals whose text is not here
  std::map<EntryIndex, std::vector<std::string>> checkpoint_signers;
};

// Everything but the signatures of `checkpoint` and the manifest, which the caller opened; `logs`
// are the keys whose signatures under kept checkpoints count.
Checked<EvidenceFacts> check_evidence(const Evidence& evidence, const std::string& origin,
                                      const TreeHead& head, std::span<const NoteVerifier> logs);

// All files but the manifest.
StoredFiles files_of(const Evidence& evidence, const EvidenceFacts& facts);
// Refuses files that no evidence has and forms that are not the one above. Files that are made from
// others are not looked at: the caller compares all with what files_of() gives.
Checked<Evidence> parse_evidence(const StoredFiles& files, const std::string& manifest_text);

// The text of the manifest, to be signed.
std::string manifest_text(const Evidence& evidence, const std::string& origin,
                          const StoredFiles& files);
inline constexpr std::string_view manifest_name = "manifest";
inline constexpr std::string_view manifest_header = "daybook evidence, version 1";

// The list of a batch's records without their bytes. `records` is the payload as it was kept.
Result<std::string> quarantine_listing(const SaltedText& records, const AttemptStaged& staged);

}  // namespace daybook
