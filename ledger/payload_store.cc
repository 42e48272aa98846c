#include "ledger/payload_store.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "ledger/assertion.h"

namespace daybook {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 20;
constexpr std::size_t tag_bytes = 16;

enum class Last : std::uint8_t { no = 0, yes = 1 };

struct Secret {
  std::array<std::byte, 32> key;
  std::array<std::byte, 32> salt;
  Secret() = default;
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { OPENSSL_cleanse(this, sizeof *this); }
};

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  DAYBOOK_ASSERT(cipher != nullptr, "OpenSSL offers no AES-256-GCM");
  return cipher;
}

std::array<unsigned char, 12> nonce_of(std::uint64_t piece, Last last) {
  std::array<unsigned char, 12> nonce{};
  for (std::size_t i = 0; i < 8; ++i) {
    nonce[i] = static_cast<unsigned char>(piece >> (56 - 8 * i));
  }
  nonce[11] = static_cast<unsigned char>(last);
  return nonce;
}

unsigned char* octets(std::byte* p) { return reinterpret_cast<unsigned char*>(p); }
const unsigned char* octets(const std::byte* p) {
  return reinterpret_cast<const unsigned char*>(p);
}

// `out` has room for the tag behind the ciphertext.
void seal(const Secret& secret, std::uint64_t piece, Last last, Bytes plain,
          std::span<std::byte> out) {
  const Cipher context(EVP_CIPHER_CTX_new());
  const auto nonce = nonce_of(piece, last);
  int n = 0;
  std::byte* const tag = out.data() + plain.size();
  const bool ok =
      EVP_EncryptInit_ex2(context.get(), aes_256_gcm(), octets(secret.key.data()), nonce.data(),
                          nullptr) == 1 &&
      (plain.empty() ||
       EVP_EncryptUpdate(context.get(), octets(out.data()), &n, octets(plain.data()),
                         static_cast<int>(plain.size())) == 1) &&
      EVP_EncryptFinal_ex(context.get(), octets(tag), &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, octets(tag)) == 1;
  DAYBOOK_ASSERT(ok);
}

bool unseal(const Secret& secret, std::uint64_t piece, Last last, std::span<std::byte> sealed,
            std::span<std::byte> out) {
  const Cipher context(EVP_CIPHER_CTX_new());
  const auto nonce = nonce_of(piece, last);
  int n = 0;
  std::byte* const tag = sealed.data() + out.size();
  return EVP_DecryptInit_ex2(context.get(), aes_256_gcm(), octets(secret.key.data()), nonce.data(),
                             nullptr) == 1 &&
         (out.empty() ||
          EVP_DecryptUpdate(context.get(), octets(out.data()), &n, octets(sealed.data()),
                            static_cast<int>(out.size())) == 1) &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, octets(tag)) == 1 &&
         EVP_DecryptFinal_ex(context.get(), octets(tag), &n) == 1;
}

std::string draft_in(const std::string& folder, const std::string& draft) {
  return folder + "/" + draft + ".new";
}

class Writer : public PayloadWriter {
 public:
  Writer(FileSystem& files, std::string payloads, std::string keys, std::string draft,
         const Secret& secret, std::unique_ptr<File> file)
      : files_(files),
        payloads_(std::move(payloads)),
        keys_(std::move(keys)),
        draft_(std::move(draft)),
        secret_(secret),
        file_(std::move(file)) {
    digest_.update(secret.salt);
  }

  Result<void> write(Bytes data) override {
    digest_.update(data);
    ref_.length += data.size();
    while (!data.empty()) {
      if (plain_.size() == piece_bytes) {
        if (const auto done = put_piece(Last::no); !done) return done;
      }
      const std::size_t take = std::min(data.size(), piece_bytes - plain_.size());
      plain_.insert(plain_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(take));
      data = data.subspan(take);
    }
    return {};
  }

  Result<PayloadAddress> finish() override {
    if (const auto done = put_piece(Last::yes); !done) return std::unexpected(done.error());
    if (const auto done = file_->sync(); !done) return std::unexpected(done.error());
    ref_.digest = digest_.finish();
    // The key before the payload: a payload that is there can be read.
    for (const std::string& folder : {keys_, payloads_}) {
      const auto done = files_.rename(draft_in(folder, draft_), folder + "/" + hex(ref_.digest));
      if (!done) return std::unexpected(done.error());
      if (folder == keys_) {
        if (const auto synced = files_.sync_dir(keys_); !synced)
          return std::unexpected(synced.error());
      }
    }
    if (const auto done = files_.sync_dir(payloads_); !done) return std::unexpected(done.error());
    return ref_;
  }

 private:
  Result<void> put_piece(Last last) {
    // Most payloads are small: room grows with what comes, up to one piece.
    if (sealed_.size() < plain_.size() + tag_bytes) sealed_.resize(plain_.size() + tag_bytes);
    const std::span<std::byte> out = std::span(sealed_).first(plain_.size() + tag_bytes);
    seal(secret_, piece_, last, plain_, out);
    const auto done = file_->write_at(piece_ * (piece_bytes + tag_bytes), out);
    ++piece_;
    plain_.clear();
    return done;
  }

  FileSystem& files_;
  std::string payloads_;
  std::string keys_;
  std::string draft_;  // name of both files until the digest is known
  PayloadAddress ref_;
  Secret secret_;
  std::unique_ptr<File> file_;
  Sha256 digest_;
  std::uint64_t piece_ = 0;
  std::vector<std::byte> plain_;
  std::vector<std::byte> sealed_;
};

std::string key_path(const std::string& keys, const PayloadAddress& ref) {
  return keys + "/" + hex(ref.digest);
}

Result<Secret> read_secret(FileSystem& files, const std::string& path, const PayloadAddress& ref) {
  const auto key_file = files.open(path, FileSystem::Open::read);
  if (!key_file) return std::unexpected(key_file.error());
  Result<std::string> stored = read_whole(**key_file);
  if (!stored) return std::unexpected(stored.error());
  if (stored->size() != 64)
    return fail(Error::Code::corrupt, "payload {}: its key file has a wrong length",
                hex(ref.digest));
  Secret secret;
  std::memcpy(secret.key.data(), stored->data(), 32);
  std::memcpy(secret.salt.data(), stored->data() + 32, 32);
  OPENSSL_cleanse(stored->data(), stored->size());
  return secret;
}

}  // namespace

Result<PayloadStore> PayloadStore::open(FileSystem& files, const std::string& book,
                                        RandomBytes entropy) {
  for (const char* name : {"/payloads", "/keys", "/keys/payloads"}) {
    if (const auto made = files.make_dir(book + name); !made) {
      return std::unexpected(made.error());
    }
  }
  for (const std::string& dir : {book, book + "/keys"}) {
    if (const auto synced = files.sync_dir(dir); !synced) return std::unexpected(synced.error());
  }
  return PayloadStore(files, book, std::move(entropy));
}

Result<std::unique_ptr<PayloadWriter>> PayloadStore::begin() {
  Secret secret;
  std::array<std::byte, 16> name;
  entropy_(name);
  const std::string draft = hex(name);
  entropy_(secret.key);
  entropy_(secret.salt);
  std::array<std::byte, 64> stored;
  std::ranges::copy(secret.key, stored.begin());
  std::ranges::copy(secret.salt, stored.begin() + 32);
  const auto kept = replace_file(*files_, draft_in(keys_, draft), stored);
  OPENSSL_cleanse(stored.data(), stored.size());
  if (!kept) return std::unexpected(kept.error());
  auto file = files_->open(draft_in(payloads_, draft), FileSystem::Open::create_new);
  if (!file) return std::unexpected(file.error());
  return std::make_unique<Writer>(*files_, payloads_, keys_, draft, secret, std::move(*file));
}

Result<PayloadAddress> PayloadStore::put(Bytes plaintext) {
  const auto writer = begin();
  if (!writer) return std::unexpected(writer.error());
  if (const auto done = (*writer)->write(plaintext); !done) return std::unexpected(done.error());
  return (*writer)->finish();
}

Result<PayloadAddress> PayloadStore::put_file(const std::string& path, Digest* plain_digest) {
  const auto source = files_->open(path, FileSystem::Open::read);
  if (!source) return std::unexpected(source.error());
  const auto writer = begin();
  if (!writer) return std::unexpected(writer.error());
  std::vector<std::byte> piece(piece_bytes);
  Sha256 plain;
  for (std::uint64_t offset = 0;; offset += piece.size()) {
    const auto got = (*source)->read_at(offset, piece);
    if (!got) return std::unexpected(got.error());
    if (plain_digest != nullptr) plain.update(Bytes(piece).first(*got));
    if (const auto done = (*writer)->write(Bytes(piece).first(*got)); !done) {
      return std::unexpected(done.error());
    }
    if (*got < piece.size()) break;
  }
  if (plain_digest != nullptr) *plain_digest = plain.finish();
  return (*writer)->finish();
}

Result<Digest> PayloadStore::salt_of(const PayloadAddress& ref) const {
  const auto secret = read_secret(*files_, key_path(keys_, ref), ref);
  if (!secret) return std::unexpected(secret.error());
  Digest salt{};
  std::memcpy(salt.data(), secret->salt.data(), salt.size());
  return salt;
}

Result<void> PayloadStore::read(const PayloadAddress& ref, const Visit& visit) const {
  const auto bad = [&](std::string_view what) {
    return fail(Error::Code::corrupt, "payload {}: {}", hex(ref.digest), what);
  };
  const auto found = read_secret(*files_, key_path(keys_, ref), ref);
  if (!found) return std::unexpected(found.error());
  const Secret& secret = *found;
  const auto file = files_->open(payloads_ + "/" + hex(ref.digest), FileSystem::Open::read);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  const std::uint64_t pieces =
      std::max<std::uint64_t>(1, ref.length / piece_bytes + (ref.length % piece_bytes != 0));
  if (*size != ref.length + pieces * tag_bytes) return bad("the file has a wrong length");
  Sha256 digest;
  digest.update(secret.salt);
  const std::size_t longest = std::min<std::uint64_t>(piece_bytes, ref.length);
  std::vector<std::byte> sealed(longest + tag_bytes);
  std::vector<std::byte> plain(longest);
  for (std::uint64_t i = 0; i < pieces; ++i) {
    const bool last = i + 1 == pieces;
    const std::size_t length = last ? ref.length - i * piece_bytes : piece_bytes;
    const auto in = std::span(sealed).first(length + tag_bytes);
    const auto got = (*file)->read_at(i * (piece_bytes + tag_bytes), in);
    if (!got) return std::unexpected(got.error());
    const auto out = std::span(plain).first(length);
    if (*got != in.size() || !unseal(secret, i, last ? Last::yes : Last::no, in, out)) {
      return bad(fmt::format("piece {} does not authenticate", i));
    }
    digest.update(out);
    if (const auto visited = visit(out); !visited) return visited;
  }
  if (digest.finish() != ref.digest) return bad("the digest differs");
  return {};
}

Result<std::string> PayloadStore::get(const PayloadAddress& ref) const {
  std::string content;
  const auto done = read(ref, [&](Bytes piece) -> Result<void> {
    content.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return content;
}

bool PayloadStore::contains(const PayloadAddress& ref) const {
  return files_->exists(key_path(keys_, ref)) && files_->exists(payloads_ + "/" + hex(ref.digest));
}

Result<void> PayloadStore::erase(const PayloadAddress& ref) {
  const std::string path = key_path(keys_, ref);
  if (files_->exists(path)) {
    const auto file = files_->open(path, FileSystem::Open::write);
    if (!file) return std::unexpected(file.error());
    const std::array<std::byte, 64> zeros{};
    if (const auto done = (*file)->write_at(0, zeros); !done) return done;
    if (const auto done = (*file)->sync(); !done) return done;
    if (const auto done = files_->remove(path); !done) return done;
  }
  // Also where the key is gone: whoever removed it may have ended before this.
  if (const auto done = files_->sync_dir(keys_); !done) return done;
  if (const auto done = files_->remove(payloads_ + "/" + hex(ref.digest)); !done) return done;
  return files_->sync_dir(payloads_);
}

}  // namespace daybook
