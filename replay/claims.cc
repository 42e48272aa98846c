#include "replay/claims.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "ledger/codec/event_codec.h"
#include "ledger/digest.h"
#include "statemachine/effects.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view completeness_format = "daybook completeness 1";
constexpr std::string_view conservation_format = "daybook conservation 1";
constexpr std::size_t calendar_keys_max = 100'000;

std::string text_of(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<std::string> text_field(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// --- calendars

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "2026-01-31" or "2026-01"; nothing where there is no such day.
std::optional<std::chrono::year_month_day> parse_day(std::string_view text, Calendar calendar) {
  if (text.size() != (calendar == Calendar::day ? 10U : 7U) || text[4] != '-') return std::nullopt;
  const auto year = number(text.substr(0, 4)), month = number(text.substr(5, 2));
  const auto day = calendar == Calendar::day ? number(text.substr(8, 2)) : std::optional(1);
  if (!year || !month || !day || *month < 1 || *day < 1) return std::nullopt;
  if (calendar == Calendar::day && text[7] != '-') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return date;
}

Result<std::vector<std::string>> calendar_keys(const CompletenessQuestion& question) {
  std::vector<std::string> keys;
  if (question.calendar == Calendar::book) return keys;
  const auto from = parse_day(question.from, question.calendar),
             to = parse_day(question.to, question.calendar);
  if (!from || !to)
    return fail(Error::Code::invalid, "a calendar by {} needs two of them, not \"{}\" and \"{}\"",
                name(question.calendar), question.from, question.to);
  const auto key = [&](const std::chrono::year_month_day& date) {
    std::string out = fmt::format("{:04}-{:02}", static_cast<int>(date.year()),
                                  static_cast<unsigned>(date.month()));
    if (question.calendar == Calendar::day)
      out += fmt::format("-{:02}", static_cast<unsigned>(date.day()));
    return out;
  };
  for (auto date = *from; date <= *to;) {
    if (keys.size() == calendar_keys_max)
      return fail(Error::Code::invalid, "the calendar has more than {} keys", calendar_keys_max);
    keys.push_back(key(date));
    if (question.calendar == Calendar::day)
      date = std::chrono::sys_days(date) + std::chrono::days(1);
    else
      date += std::chrono::months(1);
  }
  return keys;
}

// --- conservation

struct Chain {
  std::optional<SlotOpened> slot;
  std::optional<AttemptStaged> staged;
  std::optional<LoadIntended> intended;
  std::optional<LoadCommitted> committed;
  std::optional<LoadVerified> verified;
};

template <typename E>
bool take(std::optional<E>& place, const Event& event) {
  const auto* found = std::get_if<E>(&event);
  if (found == nullptr || place) return false;
  place = *found;
  return true;
}

Result<Chain> chain_of(const std::vector<ProvenEntry>& entries) {
  Chain chain;
  EntryIndex before = no_entry;
  for (const ProvenEntry& proven : entries) {
    if (before != no_entry && proven.index <= before)
      return fail(Error::Code::invalid, "entry {} stands after entry {}", proven.index, before);
    before = proven.index;
    const auto entry = decode(bytes_of(proven.bytes));
    if (!entry) return std::unexpected(entry.error());
    const Event& event = entry->event;
    if (!take(chain.slot, event) && !take(chain.staged, event) && !take(chain.intended, event) &&
        !take(chain.committed, event) && !take(chain.verified, event))
      return fail(Error::Code::invalid, "entry {} is a {}, which has no place here", proven.index,
                  event_name(event));
  }
  if (!chain.slot || !chain.staged || !chain.intended || !chain.committed)
    return fail(Error::Code::invalid, "an entry of the load is not there");
  const bool one_slot = chain.staged->slot == chain.slot->slot &&
                        chain.intended->slot == chain.slot->slot &&
                        chain.committed->slot == chain.slot->slot &&
                        (!chain.verified || chain.verified->slot == chain.slot->slot);
  const bool one_load = chain.intended->attempt == chain.staged->attempt &&
                        chain.intended->content == chain.staged->content &&
                        chain.committed->load_id == chain.intended->load_id &&
                        (!chain.verified || chain.verified->load_id == chain.intended->load_id);
  if (!one_slot || !one_load)
    return fail(Error::Code::invalid, "the entries are not those of one load");
  const RowCounts& c = chain.staged->counts;
  if (c.read != c.accepted + c.quarantined + c.filtered + c.merged)
    return fail(Error::Code::invalid, "{} rows read are not {} + {} + {} + {}", c.read, c.accepted,
                c.quarantined, c.filtered, c.merged);
  return chain;
}

}  // namespace

std::string_view name(Calendar calendar) {
  switch (calendar) {
    case Calendar::book: return "book";
    case Calendar::day: return "day";
    case Calendar::month: return "month";
  }
  return "?";
}

std::string_view name(Disposition disposition) {
  switch (disposition) {
    case Disposition::delivered: return "delivered";
    case Disposition::set_aside: return "set aside";
    case Disposition::taken_back: return "taken back";
    case Disposition::cancelled: return "cancelled";
    case Disposition::open: return "open";
    case Disposition::missing: return "missing";
  }
  return "?";
}

bool final(Disposition disposition) {
  return disposition != Disposition::open && disposition != Disposition::missing;
}

Disposition disposition(const Slot& slot) {
  const GenerationState* current = generation(slot, slot.current);
  const bool stands = current != nullptr && current->standing == Standing::verified;
  switch (slot.phase) {
    case SlotPhase::verified: return stands ? Disposition::delivered : Disposition::open;
    // What is skipped stays as it was: what it was is in its generations and phases before.
    case SlotPhase::skipped:
      if (stands) return Disposition::delivered;
      return std::ranges::any_of(
                 slot.generations,
                 [](const GenerationState& g) { return g.standing == Standing::compensated; })
                 ? Disposition::taken_back
                 : Disposition::open;
    case SlotPhase::quarantined: return Disposition::set_aside;
    case SlotPhase::compensated:
      return slot.current == 0 ? Disposition::taken_back
             : stands          ? Disposition::delivered
                               : Disposition::open;
    case SlotPhase::cancelled: return Disposition::cancelled;
    case SlotPhase::idle: return Disposition::missing;
    case SlotPhase::planned:
    case SlotPhase::running:
    case SlotPhase::failed:
    case SlotPhase::retry_waiting:
    case SlotPhase::held:
    case SlotPhase::awaiting_approval:
    case SlotPhase::staged:
    case SlotPhase::load_intended:
    case SlotPhase::loaded:
    case SlotPhase::compensating:
    case SlotPhase::lost: return Disposition::open;
  }
  return Disposition::open;
}

Result<Completeness> completeness(const State& state, const CompletenessQuestion& question) {
  std::map<std::string, PartitionStanding> all;
  const auto keys = calendar_keys(question);
  if (!keys) return std::unexpected(keys.error());
  for (const std::string& key : *keys) all[key].partition = key;
  for (const Slot& slot : state.slots) {
    if (slot.pipeline != question.pipeline || slot.sink != question.sink ||
        slot.partition < question.from || (!question.to.empty() && slot.partition > question.to))
      continue;
    const GenerationState* current = generation(slot, slot.current);
    all[slot.partition] = {.partition = slot.partition,
                           .expected = slot.expected,
                           .disposition = disposition(slot),
                           .phase = slot.phase,
                           .generation = slot.current,
                           .rows = current == nullptr ? 0 : current->rows,
                           .entry = slot.story};
  }
  Completeness out;
  for (auto& [key, standing] : all) {
    out.open += standing.disposition == Disposition::open ? 1 : 0;
    out.missing += standing.disposition == Disposition::missing ? 1 : 0;
    out.partitions.push_back(std::move(standing));
  }
  return out;
}

Result<std::string> completeness_claim(const State& state, const CompletenessQuestion& question) {
  const auto found = completeness(state, question);
  if (!found) return std::unexpected(found.error());
  Json json = {{"format", completeness_format},
               {"origin", state.origin},
               {"size", state.size},
               {"pipeline", question.pipeline},
               {"sink", question.sink},
               {"from", question.from},
               {"to", question.to},
               {"calendar", name(question.calendar)},
               {"complete", found->complete()},
               {"open", found->open},
               {"missing", found->missing},
               {"partitions", Json::array()}};
  for (const PartitionStanding& p : found->partitions)
    json["partitions"].push_back({{"partition", p.partition},
                                  {"expected", p.expected},
                                  {"state", name(p.disposition)},
                                  {"generation", p.generation},
                                  {"rows", p.rows},
                                  {"entry", p.entry == no_entry ? Json() : Json(p.entry)}});
  return text_of(json);
}

Result<CompletenessQuestion> read_completeness_claim(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text_field(json, "format") != completeness_format)
    return fail(Error::Code::invalid, "not a {} claim", completeness_format);
  CompletenessQuestion question;
  const auto pipeline = text_field(json, "pipeline"), sink = text_field(json, "sink"),
             from = text_field(json, "from"), to = text_field(json, "to"),
             calendar = text_field(json, "calendar");
  if (!pipeline || !sink || !from || !to || !calendar)
    return fail(Error::Code::invalid, "the claim does not say what it is about");
  question = {.pipeline = *pipeline, .sink = *sink, .from = *from, .to = *to};
  for (const Calendar each : {Calendar::book, Calendar::day, Calendar::month}) {
    if (*calendar != name(each)) continue;
    question.calendar = each;
    return question;
  }
  return fail(Error::Code::invalid, "there is no such calendar");
}

Result<std::string> conservation_claim(const std::vector<ProvenEntry>& entries) {
  const auto chain = chain_of(entries);
  if (!chain) return std::unexpected(chain.error());
  const RowCounts& c = chain->staged->counts;
  Json json = {{"format", conservation_format},
               {"pipeline", chain->slot->pipeline},
               {"sink", chain->slot->sink},
               {"partition", chain->slot->partition},
               {"generation", chain->intended->generation},
               {"received", c.read},
               {"accepted", c.accepted},
               {"quarantined", c.quarantined},
               {"filtered", c.filtered},
               {"merged", c.merged},
               {"loaded", chain->committed->rows},
               {"verified", chain->verified.has_value()},
               {"content", hex(chain->staged->content)},
               {"quarantine_root", hex(chain->staged->quarantine_root)},
               {"inputs", Json::array()},
               {"rules", Json::array()},
               {"entries", Json::array()}};
  for (const InputFile& file : chain->staged->files)
    json["inputs"].push_back({{"name", file.name},
                              {"sha256", hex(file.digest)},
                              {"records", file.records},
                              {"record_root", hex(file.record_root)}});
  for (const RuleCount& rule : chain->staged->rules)
    json["rules"].push_back({{"rule", rule.rule}, {"rows", rule.rows}});
  for (const ProvenEntry& entry : entries)
    json["entries"].push_back(
        {{"index", entry.index}, {"bytes", base64(bytes_of(entry.bytes))}, {"proof", entry.proof}});
  return text_of(json);
}

Result<std::vector<ProvenEntry>> read_conservation_claim(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text_field(json, "format") != conservation_format)
    return fail(Error::Code::invalid, "not a {} claim", conservation_format);
  const auto list = json.find("entries");
  if (list == json.end() || !list->is_array() || list->size() > 5)
    return fail(Error::Code::invalid, "the claim has no list of entries");
  std::vector<ProvenEntry> entries;
  for (const Json& item : *list) {
    const auto bytes = text_field(item, "bytes"), proof = text_field(item, "proof");
    const auto index = item.is_object() ? item.find("index") : item.end();
    const auto decoded = bytes ? base64_decode(*bytes) : std::nullopt;
    if (!decoded || !proof || index == item.end() || !index->is_number_unsigned())
      return fail(Error::Code::invalid, "an entry of the claim can not be read");
    entries.push_back({index->get<EntryIndex>(), *decoded, *proof});
  }
  return entries;
}

}  // namespace daybook
