#include "replay/timestamps.h"

#include <charconv>

#include "ledger/timestamp.h"

namespace daybook {
namespace {

constexpr std::string_view prefix = "timestamp/";
constexpr std::string_view pending_key = "timestamp-pending";
constexpr std::string_view note_suffix = ".checkpoint", response_suffix = ".tsr";
constexpr std::uint32_t numbers_max = 10'000;

std::string key_of(std::uint64_t size, std::uint32_t number) {
  return fmt::format("{}{:020}/{:04}", prefix, size, number);
}

template <typename T>
bool parse_decimal(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size() &&
         (text.size() == 1 || text[0] != '0');
}

}  // namespace

std::string KeptTimestamp::name() const { return fmt::format("{}-{}", size, number); }

std::optional<std::pair<std::uint64_t, std::uint32_t>> parse_timestamp_name(std::string_view name) {
  const std::size_t dash = name.find('-');
  std::pair<std::uint64_t, std::uint32_t> out;
  if (dash == std::string_view::npos || !parse_decimal(name.substr(0, dash), out.first) ||
      !parse_decimal(name.substr(dash + 1), out.second) || out.second >= numbers_max)
    return std::nullopt;
  return out;
}

Result<std::vector<KeptTimestamp>> kept_timestamps(const Ledger& ledger, std::uint64_t size) {
  const auto keys = ledger.keys(prefix);
  if (!keys) return std::unexpected(keys.error());
  std::vector<KeptTimestamp> out;
  for (const std::string& key : *keys) {
    if (!key.ends_with(response_suffix)) continue;
    const std::string stem = key.substr(0, key.size() - response_suffix.size());
    KeptTimestamp one;
    const char* digits = stem.data() + prefix.size();
    std::from_chars(digits, digits + 20, one.size);
    std::from_chars(digits + 21, stem.data() + stem.size(), one.number);
    if (key_of(one.size, one.number) != stem)
      return fail(Error::Code::corrupt, "{} names no checkpoint", key);
    if (one.size > size) break;
    auto note = ledger.get(stem + std::string(note_suffix)), response = ledger.get(key);
    if (!note) return std::unexpected(note.error());
    if (!response) return std::unexpected(response.error());
    one.note = std::move(*note);
    one.response = std::move(*response);
    out.push_back(std::move(one));
  }
  return out;
}

Result<KeptTimestamp> keep_timestamp(const Ledger& ledger, const KeepValue& keep, std::string note,
                                     std::string response) {
  if (const auto read = read_timestamp(response, bytes_of(note)); !read)
    return std::unexpected(read.error());
  const auto parsed = parse_note(note);
  const auto checkpoint = parsed ? parse_checkpoint(parsed->text) : std::unexpected(parsed.error());
  if (!checkpoint) return std::unexpected(checkpoint.error());
  KeptTimestamp one{checkpoint->head.size, 0, std::move(note), std::move(response)};
  const auto known = kept_timestamps(ledger, one.size);
  if (!known) return std::unexpected(known.error());
  for (const KeptTimestamp& other : *known)
    if (other.size == one.size) one.number = other.number + 1;
  if (one.number >= numbers_max)
    return fail(Error::Code::invalid, "{} time stamps of one checkpoint are enough", numbers_max);
  const std::string stem = key_of(one.size, one.number);
  // The response last: it counts, and what it is about is there by then.
  for (const auto& [suffix, value] :
       {std::pair(note_suffix, &one.note), std::pair(response_suffix, &one.response)})
    if (const auto done = keep(stem + std::string(suffix), *value); !done)
      return std::unexpected(done.error());
  return one;
}

Result<void> keep_pending_timestamp(const KeepValue& keep, const PendingTimestamp& pending) {
  return keep(pending_key,
              fmt::format("{}\n{}{}", pending.note.size(), pending.note, pending.request));
}

Result<std::optional<PendingTimestamp>> pending_timestamp(const Ledger& ledger) {
  const auto kept = ledger.get(pending_key);
  if (!kept && kept.error().code == Error::Code::not_found) return std::nullopt;
  if (!kept) return std::unexpected(kept.error());
  const std::size_t line = kept->find('\n');
  std::size_t size = 0;
  if (line == std::string::npos || !parse_decimal(std::string_view(*kept).substr(0, line), size) ||
      size > kept->size() - line - 1)
    return fail(Error::Code::corrupt, "{} is not what was kept", pending_key);
  return PendingTimestamp{kept->substr(line + 1, size), kept->substr(line + 1 + size)};
}

Result<TreeHead> stamped_head(const std::string& note, const std::string& response,
                              std::span<const NoteVerifier> logs) {
  const auto parsed = parse_note(note);
  if (!parsed) return std::unexpected(parsed.error());
  if (const auto by = verify_note(*parsed, logs); !by) return std::unexpected(by.error());
  const auto checkpoint = parse_checkpoint(parsed->text);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  if (const auto read = read_timestamp(response, bytes_of(note)); !read)
    return std::unexpected(read.error());
  return checkpoint->head;
}

}  // namespace daybook
