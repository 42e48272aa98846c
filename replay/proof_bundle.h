// The proof of one row, as files: what an auditor is given (docs/how-to/prove-a-row.md).
//
//   README.txt               what was proved and what was not   made from the other files
//   checkpoint               signed note
//   definition.json          the pipeline and its contracts; definition.salt: of its digest
//   entries/<n>              bytes of entry n, as stored
//   entries/<n>.tlog-proof   https://c2sp.org/tlog-proof@v1 under `checkpoint`
//   log-keys                 where the log's key was replaced: each key's word for the next
//   prov.json                W3C PROV-JSON                      made from the other files
//   records/<i>-<n>[.proof]  record n of input i
//   row[.proof], schema      an output row; or
//   quarantined[.proof]      a quarantined record, a line of JSON
//
// A .proof says where its leaf is and how it leads to the root that the attempt's entry commits to:
//
//   daybook-leaf-proof@v1
//   index <decimal>
//   count <decimal>
//   salt <base64>
//   <base64 hash>            (0.., leaf sibling first)
//
// Checking is total and rests on the bytes, the signed head and nothing else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/leaf_form.h"
#include "ledger/ledger.h"
#include "replay/stored_zip.h"
#include "statemachine/events.h"

namespace daybook {

struct BundleLeaf {
  std::uint64_t index = 0, count = 0;
  LeafSalt salt{};
  std::string bytes;
  std::vector<Digest> path;
  bool operator==(const BundleLeaf&) const = default;
};

struct ProofBundle {
  std::string checkpoint;
  struct ProvenEntry {
    std::string bytes, proof;
    bool operator==(const ProvenEntry&) const = default;
  };
  std::map<EntryIndex, ProvenEntry> entries;
  std::string definition;
  Digest definition_salt{};
  std::map<std::pair<std::uint32_t, std::uint64_t>, BundleLeaf> records;  // by input and number
  std::optional<BundleLeaf> row, quarantined;                             // one of them
  std::string log_keys;  // a chain (replay/log_keys.h); empty: one key signed all
  std::string schema;    // of a row: "<bytes of the name> <name> <type>\n" for each column
};

// What a bundle proves, once it is checked.
struct ProvenFacts {
  std::string origin;
  TreeHead head;
  std::string pipeline, sink, partition;
  std::uint64_t version = 0;
  Digest definition{}, engine{};
  Uuid run{};
  Attempt attempt = 0;
  EntryIndex staged_at = no_entry;
  Timestamp staged_time = 0;
  RowCounts counts;
  // Of the load, as far as its entries are there.
  Generation generation = 0;
  EntryIndex intended_at = no_entry, committed_at = no_entry, verified_at = no_entry;
  Timestamp committed_time = 0;
  struct Value {
    std::string column, type;
    std::optional<std::string> text;
  };
  std::vector<Value> values;  // of a row
  std::uint64_t index = 0, count = 0;
  bool quarantined = false;
  std::string line;  // of a quarantined record
  struct Record {
    std::string file;
    Digest file_digest{};
    std::uint32_t input = 0;
    std::uint64_t number = 0, count = 0;
    std::string text;         // empty of Parquet: its records have no bytes of their own
    bool whole_file = false;  // the leaf is the file's digest
  };
  std::vector<Record> records;
};

// The exact place and what is wrong there.
struct BundleFault {
  std::string path;  // "row.proof"
  EntryIndex entry = no_entry;
  std::string detail;
};

// Everything but the signature of the checkpoint, which the caller opened: `origin` and `head` are
// what it says. Total.
std::expected<ProvenFacts, BundleFault> check_bundle(const ProofBundle& bundle,
                                                     const std::string& origin,
                                                     const TreeHead& head);

// The two files that are made from the rest.
std::string proof_readme(const ProvenFacts& facts);
std::string proof_prov(const ProvenFacts& facts);

// All files. Adds what is made from the rest.
StoredFiles files_of(const ProofBundle& bundle, const ProvenFacts& facts);
// Refuses files that no bundle has, and forms that are not the one above. Does not look at
// README.txt and prov.json: the caller compares them with what files_of() gives.
std::expected<ProofBundle, BundleFault> parse_bundle(const StoredFiles& files);

}  // namespace daybook
