// Payloads too large or too personal for an entry: encrypted files that an entry refers to, and
// that can be erased without breaking a proof, because the entry holds only a salted digest.
//
// `<book>/payloads/<digest>`: for each 1 MiB of plaintext (the last piece is shorter, maybe empty)
// its AES-256-GCM ciphertext || tag[16]. Nonce: u64 big-endian piece number | 0 0 0 | 1 on the last
// piece, else 0; so pieces can not be moved, dropped or cut off.
// `<book>/keys/payloads/<digest>`: key[32] || salt[32], one for each payload, never used again.
// Files are 0600, synced, and only then renamed to their names.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ledger/digest.h"
#include "ledger/error.h"
#include "ledger/file_system.h"
#include "ledger/keys.h"

namespace daybook {

struct PayloadAddress {
  Digest digest{};           // SHA-256(salt || plaintext)
  std::uint64_t length = 0;  // of the plaintext, bytes
  bool operator==(const PayloadAddress&) const = default;
};

// One payload on its way in, in memory that does not grow with it. Dropped without finish(), it
// leaves only files that nothing refers to.
class PayloadWriter {
 public:
  virtual ~PayloadWriter() = default;
  virtual Result<void> write(Bytes data) = 0;
  // The payload and its key are on stable storage when this returns. Once.
  virtual Result<PayloadAddress> finish() = 0;
};

// Any thread may use a store; a writer belongs to one.
class PayloadStore {
 public:
  // Makes the folders below `book` where they are absent. `files` and `entropy` outlive the store.
  static Result<PayloadStore> open(FileSystem& files, const std::string& book, RandomBytes entropy);

  Result<std::unique_ptr<PayloadWriter>> begin();
  Result<PayloadAddress> put(Bytes plaintext);
  // `plain_digest`, where given, receives SHA-256 of the bytes as they were read.
  Result<PayloadAddress> put_file(const std::string& path, Digest* plain_digest = nullptr);

  // Calls `visit` with each piece, authenticated, in order. When this succeeds the whole payload
  // was what `ref` says; on `corrupt` throw away what came. not_found after erase.
  using Visit = std::function<Result<void>(Bytes piece)>;
  Result<void> read(const PayloadAddress& ref, const Visit& visit) const;
  Result<std::string> get(const PayloadAddress& ref) const;
  bool contains(const PayloadAddress& ref) const;  // and its key
  // What its digest is salted with: who is shown a payload checks with it that it is the one that
  // an entry refers to. not_found after erase.
  Result<Digest> salt_of(const PayloadAddress& ref) const;

  // Overwrites and removes the key, then removes the payload. Durable when this returns; success
  // where it was erased before. What backups and the medium itself keep is outside its reach.
  Result<void> erase(const PayloadAddress& ref);

 private:
  PayloadStore(FileSystem& files, const std::string& book, RandomBytes entropy)
      : files_(&files),
        payloads_(book + "/payloads"),
        keys_(book + "/keys/payloads"),
        entropy_(std::move(entropy)) {}

  FileSystem* files_;
  std::string payloads_;
  std::string keys_;
  RandomBytes entropy_;
};

}  // namespace daybook
