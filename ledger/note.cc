// note      = text "\n" 1*signature          text ends in "\n"; split at the last blank line
// signature = "— " name " " base64(key id [4] || signature) "\n"
#include "ledger/note.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "ledger/assertion.h"
#include "ledger/utf8.h"

namespace daybook {
namespace {

constexpr std::string_view dash = "\xE2\x80\x94 ";
constexpr std::size_t signatures_max = 100;
constexpr std::size_t note_bytes_max = 1'000'000;
constexpr std::uint64_t size_max = ~std::uint64_t{0} >> 1;  // others hold sizes in an int64

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

template <std::size_t N>
std::string_view text_of(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

std::string big_endian(std::uint64_t value, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    text[bytes - 1 - i] = static_cast<char>(value >> 8 * i);
  }
  return text;
}

std::uint64_t from_big_endian(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

template <typename Allowed>
bool every_point(std::string_view text, const Allowed& allowed) {
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (c.length == 0 || !allowed(c.value)) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

bool valid_name(std::string_view name) {
  return !name.empty() &&
         every_point(name, [](char32_t c) { return c >= 0x20 && c != '+' && !is_space(c); });
}

std::string cosigned_message(std::uint64_t time, std::string_view text) {
  return fmt::format("cosignature/v1\ntime {}\n{}", time, text);
}

std::unexpected<Error> invalid(std::string_view what) {
  return fail(Error::Code::invalid, "{}", what);
}

// Digits without sign or leading zero.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > size_max ||
      (text.size() > 1 && text[0] == '0')) {
    return std::nullopt;
  }
  return value;
}

std::optional<NoteSignature> parse_signature_line(std::string_view line) {
  if (!line.starts_with(dash)) return std::nullopt;
  line.remove_prefix(dash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !valid_name(line.substr(0, space))) return std::nullopt;
  const std::optional<std::string> bytes = base64_decode(line.substr(space + 1));
  if (!bytes || bytes->size() < 5) return std::nullopt;
  return NoteSignature{std::string(line.substr(0, space)),
                       static_cast<std::uint32_t>(from_big_endian(bytes->substr(0, 4))),
                       bytes->substr(4)};
}

}  // namespace

Ed25519PublicKey ed25519_public_key(const Ed25519Seed& seed) {
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  Ed25519PublicKey out;
  std::size_t size = out.size();
  const bool ok = key && EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) == 1;
  DAYBOOK_ASSERT(ok && size == out.size());
  return out;
}

Ed25519Signature ed25519_sign(const Ed25519Seed& seed, Bytes message) {
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Ed25519Signature out;
  std::size_t size = out.size();
  const bool ok =
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), out.data(), &size,
                     reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
  DAYBOOK_ASSERT(ok && size == out.size());
  return out;
}

bool ed25519_verify(const Ed25519PublicKey& key, Bytes message, const Ed25519Signature& signature) {
  const std::unique_ptr<EVP_PKEY, FreeKey> pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  return pkey && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                          reinterpret_cast<const unsigned char*>(message.data()),
                          message.size()) == 1;
}

std::uint32_t NoteVerifier::id() const {
  const std::string input = fmt::format("{}\n{}{}", name, static_cast<char>(kind), text_of(key));
  return static_cast<std::uint32_t>(from_big_endian(text_of(sha256(bytes_of(input))).substr(0, 4)));
}

std::string NoteVerifier::vkey() const {
  const std::string bytes = std::string(1, static_cast<char>(kind)).append(text_of(key));
  return fmt::format("{}+{:08x}+{}", name, id(), base64(bytes_of(bytes)));
}

Result<NoteVerifier> parse_vkey(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return invalid("a verifier key is name+id+key");
  const std::optional<std::string> bytes = base64_decode(text.substr(second + 1));
  if (!bytes || bytes->size() != 33) return invalid("verifier key: not an Ed25519 key");
  const auto kind = static_cast<NoteKeyKind>((*bytes)[0]);
  if (kind != NoteKeyKind::note && kind != NoteKeyKind::cosignature) {
    return invalid("verifier key: unknown kind");
  }
  NoteVerifier verifier{std::string(text.substr(0, first)), kind, {}};
  std::memcpy(verifier.key.data(), bytes->data() + 1, verifier.key.size());
  if (!valid_name(verifier.name)) return invalid("verifier key: bad name");
  if (verifier.vkey() != text) return invalid("verifier key: the id is not that of the key");
  return verifier;
}

Result<Note> parse_note(std::string_view bytes) {
  if (bytes.size() > note_bytes_max) return invalid("note: too long");
  if (!every_point(bytes, [](char32_t c) { return c >= 0x20 || c == '\n'; })) {
    return invalid("note: not UTF-8, or a control byte");
  }
  const std::size_t blank = bytes.rfind("\n\n");
  if (blank == std::string_view::npos) return invalid("note: no blank line");
  Note note{std::string(bytes.substr(0, blank + 1)), {}};
  std::string_view lines = bytes.substr(blank + 2);
  if (lines.empty() || lines.back() != '\n') return invalid("note: no complete signature line");
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    std::optional<NoteSignature> signature = parse_signature_line(lines.substr(0, end));
    if (!signature) return invalid("note: malformed signature line");
    if (note.signatures.size() == signatures_max) return invalid("note: too many signatures");
    note.signatures.push_back(std::move(*signature));
    lines.remove_prefix(end + 1);
  }
  return note;
}

std::string format_note(const Note& note) {
  std::string out = note.text + "\n";
  for (const NoteSignature& s : note.signatures) {
    const std::string bytes = big_endian(s.key_id, 4) + s.signature;
    out += fmt::format("{}{} {}\n", dash, s.name, base64(bytes_of(bytes)));
  }
  return out;
}

Result<NoteSignature> sign_note(const NoteSigner& signer, std::string_view text,
                                std::uint64_t time) {
  if (!valid_name(signer.name)) return invalid("signer: bad name");
  if (text.empty() || text.back() != '\n') return invalid("note: the text ends in a newline");
  const NoteVerifier verifier = signer.verifier();
  NoteSignature out{signer.name, verifier.id(), {}};
  if (signer.kind == NoteKeyKind::cosignature) {
    out.signature = big_endian(time, 8);
    out.signature += text_of(ed25519_sign(signer.seed, bytes_of(cosigned_message(time, text))));
  } else {
    out.signature = text_of(ed25519_sign(signer.seed, bytes_of(text)));
  }
  return out;
}

Result<std::vector<VerifiedSignature>> verify_note(const Note& note,
                                                   std::span<const NoteVerifier> known) {
  std::vector<VerifiedSignature> good;
  for (const NoteSignature& s : note.signatures) {
    const auto by = std::ranges::find_if(
        known, [&](const NoteVerifier& v) { return v.name == s.name && v.id() == s.key_id; });
    if (by == known.end()) continue;
    const std::size_t prefix = by->kind == NoteKeyKind::cosignature ? 8 : 0;
    Ed25519Signature signature;
    if (s.signature.size() != prefix + signature.size()) {
      return invalid("note: a known key's signature has the wrong length");
    }
    std::memcpy(signature.data(), s.signature.data() + prefix, signature.size());
    const std::uint64_t time = from_big_endian(std::string_view(s.signature).substr(0, prefix));
    const std::string message = prefix > 0 ? cosigned_message(time, note.text) : note.text;
    if (!ed25519_verify(by->key, bytes_of(message), signature)) {
      return fail(Error::Code::invalid, "note: the signature of {} is wrong", by->name);
    }
    good.push_back({*by, time});
  }
  if (good.empty()) return invalid("note: signed by no known key");
  return good;
}

std::string format_checkpoint(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.head.size,
                     base64(std::as_bytes(std::span(checkpoint.head.root))));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  std::array<std::string_view, 3> lines;
  for (std::string_view& line : lines) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return invalid("checkpoint: three lines are needed");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) return invalid("checkpoint: extension lines");
  const auto size = parse_size(lines[1]);
  const auto root = base64_decode(lines[2]);
  if (!valid_name(lines[0])) return invalid("checkpoint: bad origin");
  if (!size) return invalid("checkpoint: bad size");
  if (!root || root->size() != sizeof(Digest)) return invalid("checkpoint: bad root");
  Checkpoint checkpoint{std::string(lines[0]), {*size, {}}};
  std::memcpy(checkpoint.head.root.data(), root->data(), root->size());
  return checkpoint;
}

Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer) {
  DAYBOOK_ASSERT(signer.name == checkpoint.origin && signer.kind == NoteKeyKind::note);
  Note note{format_checkpoint(checkpoint), {}};
  const Result<NoteSignature> signature = sign_note(signer, note.text);
  if (!signature) return std::unexpected(signature.error());
  note.signatures.push_back(*signature);
  return format_note(note);
}

Result<Checkpoint> open_checkpoint(std::string_view bytes, const NoteVerifier& log) {
  const Result<Note> note = parse_note(bytes);
  if (!note) return std::unexpected(note.error());
  if (const auto signed_by = verify_note(*note, std::span(&log, 1)); !signed_by) {
    return std::unexpected(signed_by.error());
  }
  Result<Checkpoint> checkpoint = parse_checkpoint(note->text);
  if (checkpoint && checkpoint->origin != log.name) {
    return fail(Error::Code::invalid, "checkpoint of {}, not of {}", checkpoint->origin, log.name);
  }
  return checkpoint;
}

}  // namespace daybook
