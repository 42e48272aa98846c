#include "replay/log_keys.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "ledger/codec/event_codec.h"
#include "ledger/lines.h"

namespace daybook {
namespace {

constexpr std::string_view heading = "daybook/log-key/v1";
constexpr std::size_t text_lines = 6;
constexpr std::size_t chain_bytes_max = std::size_t{1} << 20;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Error::Code::invalid, "key chain: {}", what);
}

Endorsement endorsement_of(const State& before, const std::string& new_vkey, const Digest& root) {
  return {.origin = log_name(before).origin,
          .old_vkey = before.log_vkey,
          .new_vkey = new_vkey,
          .before = {before.size, root}};
}

Result<void> check(const Endorsement& endorsement, const std::string& signature) {
  const auto old_key = parse_vkey(endorsement.old_vkey);
  if (!old_key) return std::unexpected(old_key.error());
  const auto new_key = parse_vkey(endorsement.new_vkey);
  if (!new_key) return std::unexpected(new_key.error());
  const auto bytes = base64_decode(signature);
  if (!bytes || bytes->size() < 5) return fail(Error::Code::invalid, "carries no signature");
  Note note{endorsement_text(endorsement), {{old_key->name, old_key->id(), bytes->substr(4)}}};
  if (const auto good = verify_note(note, std::span(&*old_key, 1)); !good)
    return std::unexpected(good.error());
  const std::string id = fmt::format("{:08x}", old_key->id());
  if (hex(bytes_of(bytes->substr(0, 4))) != id)
    return fail(Error::Code::invalid, "is signed by the key {}, not {}",
                hex(bytes_of(bytes->substr(0, 4))), id);
  return {};
}

struct Link {
  Endorsement endorsement;
  NoteVerifier old_key, new_key;
  Note note;
};

Result<Link> parse_link(std::string_view bytes) {
  auto note = parse_note(bytes);
  if (!note) return std::unexpected(note.error());
  std::string_view text = note->text;
  std::string_view lines[text_lines];
  for (std::string_view& line : lines) {
    const auto taken = take_line(text);
    if (!taken) return malformed("an endorsement has six lines");
    line = *taken;
  }
  if (!text.empty() || lines[0] != heading) return malformed("not an endorsement");
  auto old_key = parse_vkey(lines[2]), new_key = parse_vkey(lines[3]);
  if (!old_key) return std::unexpected(old_key.error());
  if (!new_key) return std::unexpected(new_key.error());
  Link link{{.origin = std::string(lines[1]),
             .old_vkey = std::string(lines[2]),
             .new_vkey = std::string(lines[3]),
             .before = {}},
            std::move(*old_key),
            std::move(*new_key),
            std::move(*note)};
  const auto [end, error] = std::from_chars(lines[4].data(), lines[4].data() + lines[4].size(),
                                            link.endorsement.before.size);
  const auto root = base64_decode(lines[5]);
  if (error != std::errc() || end != lines[4].data() + lines[4].size() || !root ||
      root->size() != sizeof(Digest))
    return malformed("an endorsement names a size and a root");
  std::memcpy(link.endorsement.before.root.data(), root->data(), root->size());
  // One spelling, so that nothing in a chain is without meaning.
  if (endorsement_text(link.endorsement) != link.note.text || format_note(link.note) != bytes ||
      link.note.signatures.size() != 1)
    return malformed("not in the form it is written in");
  if (link.old_key.name != link.endorsement.origin || link.new_key.name != link.endorsement.origin)
    return malformed("the keys are of another origin");
  return link;
}

Result<std::vector<Link>> parse_chain(std::string_view chain) {
  if (chain.size() > chain_bytes_max) return malformed("too long");
  std::vector<Link> out;
  while (!chain.empty()) {
    // Six lines, an empty one, the signature.
    std::string_view rest = chain;
    for (std::size_t line = 0; line < text_lines + 2; ++line)
      if (!take_line(rest)) return malformed("ends within an endorsement");
    auto link = parse_link(chain.substr(0, chain.size() - rest.size()));
    if (!link) return std::unexpected(link.error());
    out.push_back(std::move(*link));
    chain = rest;
  }
  return out;
}

bool holds(std::span<const NoteVerifier> keys, const NoteVerifier& key) {
  return std::ranges::find(keys, key) != keys.end();
}

}  // namespace

std::string endorsement_text(const Endorsement& e) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n", heading, e.origin, e.old_vkey, e.new_vkey,
                     e.before.size, base64(std::as_bytes(std::span(e.before.root))));
}

Result<std::string> sign_endorsement(const Endorsement& endorsement, const NoteSigner& old_key) {
  if (old_key.verifier().vkey() != endorsement.old_vkey)
    return fail(Error::Code::invalid, "the key at hand is not {}", endorsement.old_vkey);
  const auto line = sign_note(old_key, endorsement_text(endorsement));
  if (!line) return std::unexpected(line.error());
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(line->key_id >> (24 - 8 * i));
  return base64(bytes_of(bytes + line->signature));
}

Result<void> check_endorsement(const State& before, const LogKeyRotated& e) {
  const auto key = parse_vkey(e.log_vkey);
  if (!key) return std::unexpected(key.error());
  if (key->name != log_name(before).origin || key->kind != NoteKeyKind::note)
    return fail(Error::Code::invalid, "the key of {} does not sign for {}", key->name,
                log_name(before).origin);
  return check(endorsement_of(before, e.log_vkey, e.root), e.signature);
}

Result<void> check_endorsement(const State& before, const LogOriginChanged& e) {
  const auto key = parse_vkey(e.log_vkey);
  if (!key) return std::unexpected(key.error());
  if (key->name != e.origin || key->kind != NoteKeyKind::note)
    return fail(Error::Code::invalid, "the key of {} does not sign for {}", key->name, e.origin);
  if (e.signature.empty()) return {};
  return check(endorsement_of(before, e.log_vkey, e.root), e.signature);
}

std::string endorsement_note(const State& before, const LogKeyRotated& e) {
  const auto old_key = parse_vkey(before.log_vkey);
  const std::string bytes = base64_decode(e.signature).value_or("");
  Note note{endorsement_text(endorsement_of(before, e.log_vkey, e.root)), {}};
  if (old_key && bytes.size() > 4)
    note.signatures.push_back({old_key->name, old_key->id(), bytes.substr(4)});
  return format_note(note);
}

Result<std::string> log_key_chain(const Ledger& ledger, const State& state) {
  std::string out;
  for (const LogKeyChange& change : state.log_keys) {
    Result<Entry> entry = fail(Error::Code::corrupt, "entry {} can not be read", change.at);
    const auto read = ledger.read(change.at, change.at + 1, [&](std::uint64_t, Bytes bytes) {
      entry = decode(bytes);
      return true;
    });
    if (!read) return std::unexpected(read.error());
    if (!entry) return std::unexpected(entry.error());
    const auto* rotated = std::get_if<LogKeyRotated>(&entry->event);
    if (rotated == nullptr) continue;
    State before;
    before.size = change.at;
    before.origin = change.old_origin;
    before.log_vkey = change.old_vkey;
    out += endorsement_note(before, *rotated);
  }
  return out;
}

Result<std::vector<NoteVerifier>> follow_keys(std::span<const NoteVerifier> trusted,
                                              std::string_view chain) {
  const auto links = parse_chain(chain);
  if (!links) return std::unexpected(links.error());
  std::vector<NoteVerifier> known(trusted.begin(), trusted.end()), out;
  for (const Link& link : *links) {
    if (!holds(known, link.old_key)) continue;
    if (const auto good = verify_note(link.note, std::span(&link.old_key, 1)); !good)
      return std::unexpected(good.error());
    if (holds(known, link.new_key)) continue;
    known.push_back(link.new_key);
    out.push_back(link.new_key);
  }
  return out;
}

Result<std::vector<NoteVerifier>> earlier_keys(std::span<const NoteVerifier> trusted,
                                               std::string_view chain) {
  const auto links = parse_chain(chain);
  if (!links) return std::unexpected(links.error());
  std::vector<NoteVerifier> known(trusted.begin(), trusted.end()), out;
  for (auto link = links->rbegin(); link != links->rend(); ++link) {
    if (!holds(known, link->new_key)) continue;
    if (const auto good = verify_note(link->note, std::span(&link->old_key, 1)); !good)
      return std::unexpected(good.error());
    if (holds(known, link->old_key)) continue;
    known.push_back(link->old_key);
    out.push_back(link->old_key);
  }
  return out;
}

}  // namespace daybook
