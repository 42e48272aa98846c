// One partition's room in a directory sink, behind what readers see:
//
//   .daybook/<slot>/lock                 held while the slot is changed
//   .daybook/<slot>/fence.json           the highest fence taken, and whose slot this is
//   .daybook/<slot>/<gen>.json           manifest: the commit point of a load
//   .daybook/<slot>/<gen>.tombstone.json the commit point of its compensation
//   .daybook/<slot>/<gen>-<load16>/part-<n>   the data, immutable, one directory a generation
//   .stage/<slot>/…                      what is not committed: no reader looks there
//
// <slot> is the start of the SHA-256 of the partition key. Stored data files carry no extension, so
// that even a recursive pattern over the whole root never takes a retained generation for data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runner/connect/files.h"
#include "runner/connect/manifest.h"

namespace daybook {

struct StoredGeneration {
  Manifest manifest;
  Digest digest{};  // of the manifest's bytes: the evidence
  std::optional<Tombstone> tombstone;
  Digest tombstone_digest{};

  std::string directory() const;                // of its data, below the slot's
  static std::string part(std::size_t number);  // of its n-th file, from 0
};

std::string slot_name(const std::string& partition);
std::string generation_directory(Generation generation, const Digest& load_id);

// The history in the form the fold takes.
std::vector<MarkedGeneration> marks(const std::vector<StoredGeneration>& stored);

class SlotStore {
 public:
  // Makes the slot's directories where they are missing.
  static SinkResult<SlotStore> open(const Directory& control, const Directory& stages,
                                    const std::string& partition);
  // nullopt: nothing was ever loaded there.
  static SinkResult<std::optional<SlotStore>> find(const Directory& control,
                                                   const Directory& stages,
                                                   const std::string& slot);

  // Locks, and raises the fence for good: lower ones are refused from here on. Refuses a slot that
  // belongs to another pipeline or book.
  SinkResult<FileLock> take(EntryIndex fence, const std::string& origin,
                            const std::string& pipeline, const std::string& partition) const;
  SinkResult<FileLock> lock() const;
  // Whose it is, is said once and for good.
  SinkResult<bool> is_of_another(const std::string& origin, const std::string& pipeline,
                                 const std::string& partition) const;

  // Committed generations, oldest first.
  SinkResult<std::vector<StoredGeneration>> history() const;

  // Sizes and SHA-256 of one generation's data through fresh descriptors: the first difference from
  // its manifest, or empty.
  SinkResult<std::string> damage(const StoredGeneration& stored) const;

  const Directory& directory() const { return directory_; }
  const Directory& stage() const { return stage_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  Directory directory_, stage_;
};

}  // namespace daybook
