// C2SP signed notes, checkpoints and cosignatures: what others sign and check without Daybook.
// Formats: https://c2sp.org/signed-note, /tlog-checkpoint, /tlog-cosignature. Ed25519 only;
// signature lines of other kinds and of unknown keys are kept out of the way, as the format asks.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/error.h"
#include "ledger/ledger.h"

namespace daybook {

using Ed25519Seed = std::array<std::uint8_t, 32>;
using Ed25519PublicKey = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

Ed25519PublicKey ed25519_public_key(const Ed25519Seed& seed);
Ed25519Signature ed25519_sign(const Ed25519Seed& seed, Bytes message);
bool ed25519_verify(const Ed25519PublicKey& key, Bytes message, const Ed25519Signature& signature);

enum class NoteKeyKind : std::uint8_t { note = 0x01, cosignature = 0x04 };

// Who may sign a note, and how.
struct NoteVerifier {
  std::string name;
  NoteKeyKind kind = NoteKeyKind::note;
  Ed25519PublicKey key{};
  std::uint32_t id() const;  // first 4 bytes of SHA-256(name || "\n" || kind || key), big-endian
  std::string vkey() const;  // name+id+base64(kind || key)
  bool operator==(const NoteVerifier&) const = default;
};
Result<NoteVerifier> parse_vkey(std::string_view text);

struct NoteSigner {
  std::string name;
  NoteKeyKind kind = NoteKeyKind::note;
  Ed25519Seed seed{};
  NoteVerifier verifier() const { return {name, kind, ed25519_public_key(seed)}; }
};

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  std::string signature;  // raw, after the key id
};

struct Note {
  std::string text;  // ends in '\n'; what is signed
  std::vector<NoteSignature> signatures;
};

// Strict: UTF-8 without control bytes, a blank line, then only signature lines; at most 100 of them
// and 1 MB.
Result<Note> parse_note(std::string_view bytes);
std::string format_note(const Note& note);

// `text` ends in '\n'. A cosignature carries `time` (POSIX seconds) and signs it; a note's
// signature does not.
Result<NoteSignature> sign_note(const NoteSigner& signer, std::string_view text,
                                std::uint64_t time = 0);

struct VerifiedSignature {
  NoteVerifier by;
  std::uint64_t time = 0;  // of a cosignature
};
// The signatures by `known` keys, in the order of the lines. A known key whose signature is wrong
// refuses the whole note, and so does a note that no known key signed.
Result<std::vector<VerifiedSignature>> verify_note(const Note& note,
                                                   std::span<const NoteVerifier> known);

struct Checkpoint {
  std::string origin;
  TreeHead head;
  bool operator==(const Checkpoint&) const = default;
};
std::string format_checkpoint(const Checkpoint& checkpoint);  // the note's text
// Extension lines are refused: nothing we write has them, and nobody could check them.
Result<Checkpoint> parse_checkpoint(std::string_view text);

// Requires signer.name == checkpoint.origin.
Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer);
// The note is a checkpoint of `log.name`, and `log` signed it. Cosignatures are a separate
// question.
Result<Checkpoint> open_checkpoint(std::string_view note, const NoteVerifier& log);

}  // namespace daybook
