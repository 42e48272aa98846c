// body    = "old " size "\n" *63(base64(hash) "\n") "\n" signed-checkpoint
// answers = 200 signature lines | 409 text/x.tlog.size "<seen>\n" | 400 | 403 | 404 | 422
#include "runner/transparency/witness_talk.h"

#include <algorithm>
#include <charconv>

#include "ledger/merkle.h"

namespace daybook {
namespace {

constexpr unsigned requests_max = 4;

std::string_view trimmed(std::string_view text) {
  return text.substr(0, std::min(text.size(), text.find_first_of("\r\n")));
}

}  // namespace

WitnessTalk::WitnessTalk(NoteVerifier witness, std::string note, std::uint64_t old_guess,
                         WitnessedLog log)
    : witness_(std::move(witness)), note_(std::move(note)), log_(std::move(log)) {
  const auto parsed = parse_note(note_);
  const auto checkpoint = parsed ? parse_checkpoint(parsed->text) : std::unexpected(parsed.error());
  if (checkpoint) {
    checkpoint_ = *checkpoint;
    ask(std::min(old_guess, checkpoint_.head.size));
  } else {
    end(WitnessSays::no_answer, checkpoint.error().detail);
  }
}

void WitnessTalk::end(WitnessSays says, std::string detail) {
  request_.reset();
  says_ = says;
  detail_ = std::move(detail);
}

void WitnessTalk::ask(std::uint64_t old_size) {
  if (++asked_ > requests_max)
    return end(WitnessSays::no_answer, "says another size each time it is asked");
  std::vector<Digest> proof;
  if (old_size > 0 && old_size < checkpoint_.head.size) {
    auto found = log_.consistency(old_size, checkpoint_.head.size);
    if (!found) return end(WitnessSays::no_answer, found.error().detail);
    proof = std::move(*found);
  }
  old_ = old_size;
  std::string body = fmt::format("old {}\n", old_size);
  for (const Digest& hash : proof) body += base64(std::as_bytes(std::span(hash))) + "\n";
  request_ = body + "\n" + note_;
}

void WitnessTalk::unreachable(std::string detail) {
  end(WitnessSays::no_answer, std::move(detail));
}

void WitnessTalk::answer(unsigned status, std::string_view content_type, std::string_view body) {
  switch (status) {
    case 200: return take_cosignatures(body);
    case 409: return take_size(content_type, body);
    case 422:
      return end(WitnessSays::contradicts,
                 fmt::format("has seen {} other entries than this book holds", old_));
    case 404: return end(WitnessSays::unknown_log, "does not know the log; its keeper adds it");
    case 403:
      return end(WitnessSays::unknown_log, "does not trust the key of the log; its keeper adds it");
    default:
      return end(WitnessSays::no_answer, fmt::format("answered with HTTP status {}", status));
  }
}

void WitnessTalk::take_cosignatures(std::string_view body) {
  auto parsed = parse_note(note_);
  if (!parsed) return end(WitnessSays::no_answer, parsed.error().detail);
  Note note = std::move(*parsed);
  const std::string text = note.text + "\n" + std::string(body);
  const auto lines = parse_note(text);
  if (!lines || lines->text != note.text)
    return end(WitnessSays::no_answer, "answered with something that is no cosignature");
  const auto good = verify_note(*lines, std::span(&witness_, 1));
  if (!good)
    return end(WitnessSays::no_answer,
               fmt::format("answered without its good cosignature: {}", good.error().detail));
  for (const NoteSignature& line : lines->signatures)
    if (line.name == witness_.name && line.key_id == witness_.id()) cosignatures_.push_back(line);
  seen_ = checkpoint_.head.size;
  end(WitnessSays::cosigned, "cosigned");
}

void WitnessTalk::take_size(std::string_view content_type, std::string_view body) {
  const std::string_view digits = trimmed(body);
  std::uint64_t size = 0;
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (!content_type.starts_with("text/x.tlog.size") || error != std::errc() ||
      last != digits.data() + digits.size() || digits.size() > 19)
    return end(WitnessSays::no_answer, "answered with HTTP status 409 and no size");
  seen_ = size;
  // What it saw, this log signed; a checkpoint of a size that this one never signed is of a copy
  // that went on without us, shorter or longer.
  if (size > 0 && !log_.signed_at(size))
    return end(
        WitnessSays::ahead,
        fmt::format("has seen a checkpoint of {} entries, which this book never signed", size));
  if (size > checkpoint_.head.size)
    return end(WitnessSays::newer, fmt::format("has seen {} entries", size));
  if (size == old_) return end(WitnessSays::no_answer, "takes its own size for another");
  ask(size);
}

Result<std::string> with_cosignatures(std::string_view note,
                                      const std::vector<NoteSignature>& cosignatures) {
  auto parsed = parse_note(note);
  if (!parsed) return std::unexpected(parsed.error());
  for (const NoteSignature& line : cosignatures) {
    const auto same = std::ranges::find_if(parsed->signatures, [&](const NoteSignature& one) {
      return one.name == line.name && one.key_id == line.key_id;
    });
    if (same == parsed->signatures.end())
      parsed->signatures.push_back(line);
    else
      *same = line;
  }
  std::string out = format_note(*parsed);
  if (const auto again = parse_note(out); !again) return std::unexpected(again.error());
  return out;
}

}  // namespace daybook
