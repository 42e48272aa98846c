// Entries for readers. Names come from the schema, so a new kind needs nothing here.
#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <capnp/schema.h>
#include <kj/exception.h>

#include <algorithm>
#include <chrono>

#include "ledger/codec/entry.capnp.h"
#include "ledger/codec/event_codec.h"
#include "ledger/utf8.h"

namespace daybook {
namespace {

constexpr std::uint64_t json_integer_max = std::uint64_t{1} << 53;
constexpr std::size_t digest_digits = 12;

std::string name_of(capnp::StructSchema::Field field) { return field.getProto().getName().cStr(); }

// "loadId" as "load_id".
std::string snake(std::string_view camel) {
  std::string out;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

std::string octets(capnp::Data::Reader data) {
  return hex(std::as_bytes(std::span(data.begin(), data.size())));
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = first_code_point(text).length;
    const auto c = static_cast<unsigned char>(text.front());
    if (length == 0)
      out += "\xef\xbf\xbd";
    else if (c == '"' || c == '\\')
      (out += '\\') += text.front();
    else if (c == '\n')
      out += "\\n";
    else if (c < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04x}", c);
    else
      out.append(text, 0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + '"';
}

std::string json(std::int64_t value) { return fmt::format("{}", value); }
std::string json(std::uint64_t value) {
  return value <= json_integer_max ? fmt::format("{}", value) : fmt::format("\"{}\"", value);
}

// "None" is spelled as an integer field whose default has all bits set.
bool is_none(capnp::StructSchema::Field field, const capnp::DynamicValue::Reader& value) {
  const auto slot = field.getProto().getSlot();
  if (slot.getType().isUint64())
    return slot.getDefaultValue().getUint64() == no_entry && value.as<std::uint64_t>() == no_entry;
  if (slot.getType().isUint32())
    return slot.getDefaultValue().getUint32() == std::to_underlying(no_run) &&
           value.as<std::uint32_t>() == std::to_underlying(no_run);
  return false;
}

std::string enumerant(capnp::DynamicEnum value) {
  KJ_IF_MAYBE (known, value.getEnumerant()) {
    return snake(known->getProto().getName().cStr());
  }
  return fmt::format("{}", value.getRaw());
}

std::string json(const capnp::DynamicStruct::Reader& value);

std::string json(const capnp::DynamicValue::Reader& value) {
  switch (value.getType()) {
    case capnp::DynamicValue::BOOL: return value.as<bool>() ? "true" : "false";
    case capnp::DynamicValue::INT: return json(value.as<std::int64_t>());
    case capnp::DynamicValue::UINT: return json(value.as<std::uint64_t>());
    case capnp::DynamicValue::ENUM: return in_quotes(enumerant(value.as<capnp::DynamicEnum>()));
    case capnp::DynamicValue::TEXT: {
      const auto text = value.as<capnp::Text>();
      return in_quotes({text.begin(), text.size()});
    }
    case capnp::DynamicValue::DATA: {
      const auto data = value.as<capnp::Data>();
      return data.size() == 0 ? "null" : in_quotes(octets(data));
    }
    case capnp::DynamicValue::LIST: {
      std::string out;
      for (const auto element : value.as<capnp::DynamicList>())
        out += (out.empty() ? "" : ",") + json(element);
      return "[" + out + "]";
    }
    case capnp::DynamicValue::STRUCT: return "{" + json(value.as<capnp::DynamicStruct>()) + "}";
    default: return "null";
  }
}

std::string json(const capnp::DynamicStruct::Reader& value) {
  std::string out;
  for (const auto field : value.getSchema().getFields()) {
    const capnp::DynamicValue::Reader member = value.get(field);
    if (!out.empty()) out += ',';
    out += in_quotes(snake(name_of(field))) + ':';
    out += is_none(field, member) ? "null" : json(member);
  }
  return out;
}

std::string line(const capnp::DynamicStruct::Reader& value);

std::string line(const capnp::DynamicValue::Reader& value) {
  switch (value.getType()) {
    case capnp::DynamicValue::ENUM: return enumerant(value.as<capnp::DynamicEnum>());
    case capnp::DynamicValue::DATA: {
      const std::string digits = octets(value.as<capnp::Data>());
      return digits.size() > 32 ? digits.substr(0, digest_digits) : digits;
    }
    case capnp::DynamicValue::LIST: {
      std::string out;
      for (const auto element : value.as<capnp::DynamicList>())
        out += (out.empty() ? "" : ", ") + line(element);
      return "[" + out + "]";
    }
    case capnp::DynamicValue::STRUCT: return "(" + line(value.as<capnp::DynamicStruct>()) + ")";
    default: return json(value);
  }
}

// Without what is empty or "none".
std::string line(const capnp::DynamicStruct::Reader& value) {
  std::string out;
  for (const auto field : value.getSchema().getFields()) {
    const capnp::DynamicValue::Reader member = value.get(field);
    const bool pointer =
        field.getProto().getSlot().getType().which() >= capnp::schema::Type::TEXT &&
        member.getType() != capnp::DynamicValue::ENUM;
    if ((pointer && !value.has(field)) || is_none(field, member)) continue;
    if (!out.empty()) out += ' ';
    out += snake(name_of(field)) + '=' + line(member);
  }
  return out;
}

// Calls `use` with the event's fields, by way of its bytes: they were checked when they were read.
template <typename Use>
void with_fields(const Entry& entry, Use use) {
  const auto bytes = encode(entry);
  const auto segment =
      kj::arrayPtr(reinterpret_cast<const capnp::word*>(bytes.data()), bytes.size() / 8);
  capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1));
  const capnp::DynamicStruct::Reader event(message.getRoot<wire::Entry>().getEvent());
  KJ_IF_MAYBE (kind, event.which()) {
    use(event.get(*kind).as<capnp::DynamicStruct>());
  }
}

template <typename Kind>
constexpr std::string_view kind_name() {
  std::string_view name = __PRETTY_FUNCTION__;  // "… [with Kind = daybook::LoadCommitted; …"
  name.remove_prefix(name.find("Kind = ") + 7);
  name = name.substr(0, name.find_first_of(";]"));
  return name.substr(name.rfind(':') + 1);
}

std::string_view actor_kind(ActorKind kind) {
  switch (kind) {
    case ActorKind::human: return "human";
    case ActorKind::service: return "service";
    case ActorKind::system: return "system";
  }
  return "unknown";
}

std::string or_null(const std::string& text) { return text.empty() ? "null" : in_quotes(text); }

}  // namespace

std::string iso_time(Timestamp time) {
  // By hand: std::chrono::floor overflows near the ends of what a Timestamp holds.
  constexpr Timestamp day_us = 86'400'000'000;
  const Timestamp days = time / day_us - (time % day_us < 0 ? 1 : 0);
  const std::chrono::year_month_day date(
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days))));
  const std::chrono::hh_mm_ss clock(std::chrono::microseconds((time % day_us + day_us) % day_us));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string uuid_text(const Uuid& uuid) {
  const std::string digits = hex(std::as_bytes(std::span(uuid)));
  return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 4), digits.substr(16, 4), digits.substr(20));
}

std::string_view event_name(const Event& event) {
  return std::visit([]<typename Kind>(const Kind&) { return kind_name<Kind>(); }, event);
}

std::string describe(const Entry& entry) {
  std::string out(event_name(entry.event));
  with_fields(entry, [&](const capnp::DynamicStruct::Reader& event) { out += ' ' + line(event); });
  return out;
}

std::string describe(Bytes bytes) {
  const auto entry = decode(bytes);
  return entry ? describe(*entry) : "unreadable: " + entry.error().detail;
}

std::string entry_json(const Entry& entry, EntryIndex index) {
  const Envelope& envelope = entry.envelope;
  std::string out = fmt::format(
      R"({{"index":{},"recorded_at":{},"correlation":{},"cause":{},"epoch":{},)", json(index),
      in_quotes(iso_time(envelope.recorded_at)),
      envelope.correlation == Uuid{} ? "null" : in_quotes(uuid_text(envelope.correlation)),
      envelope.cause == no_entry ? "null" : json(envelope.cause), envelope.epoch);
  out +=
      fmt::format(R"("actor":{{"principal":{},"kind":{},"on_behalf_of":{}}},)",
                  in_quotes(envelope.actor.principal), in_quotes(actor_kind(envelope.actor.kind)),
                  or_null(envelope.actor.on_behalf_of));
  out += fmt::format(R"("kind":{},"event":{{)", in_quotes(event_name(entry.event)));
  with_fields(entry, [&](const capnp::DynamicStruct::Reader& event) { out += json(event); });
  return out + "}}";
}

}  // namespace daybook
