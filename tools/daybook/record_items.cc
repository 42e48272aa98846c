#include "tools/daybook/record_items.h"

#include "ledger/utf8.h"
#include "replay/words.h"

namespace daybook {

namespace {

// Text where it is text; else base64, so that no byte is lost.
void put_bytes(Json& item, const char* key, const std::string& bytes) {
  if (valid_utf8(bytes))
    item[key] = bytes;
  else
    item[std::string(key) + "_base64"] = base64(bytes_of(bytes));
}

}  // namespace

std::string record_name(const HeldRecord& record) {
  return fmt::format("{}:{}", record.batch_name, record.position);
}

Json record_item(const State& state, const HeldRecord& record) {
  const Slot& slot = *state.find(record.slot);
  Json rules = Json::array(), violations = Json::array();
  for (const Violation& violation : record.record.violations) {
    rules.push_back(violation.rule);
    violations.push_back(
        {{"rule", violation.rule}, {"column", violation.column}, {"message", violation.message}});
  }
  Json out = {{"record", record_name(record)},
              {"pipeline", slot.pipeline},
              {"partition", slot.partition},
              {"status", word(record.status)},
              {"rules", std::move(rules)},
              {"source", record.source},
              {"source_digest", hex(record.source_digest)},
              {"row", record.record.row},
              {"byte_offset", record.record.byte_offset},
              {"violations", std::move(violations)}};
  if (record.status == RecordStatus::erased)
    out["bytes"] = nullptr;
  else
    put_bytes(out, "bytes", record.record.bytes);
  if (record.amendment) put_bytes(out, "amendment", *record.amendment);
  return out;
}

Listing record_listing(const State& state, const std::vector<HeldRecord>& records) {
  Listing listing{
      .kind = "QuarantinedRecordList",
      .columns = {{.key = "record", .title = "RECORD", .right = true},
                  {.key = "partition", .title = "PARTITION"},
                  {.key = "status", .title = "STATUS"},
                  {.key = "rules", .title = "RULES"},
                  {.key = "source", .title = "SOURCE"},
                  {.key = "row", .title = "ROW", .right = true},
                  {.key = "byte_offset", .title = "BYTE", .right = true},
                  {.key = "bytes",
                   .title = "BYTES",
                   .right = false,
                   .show =
                       [](const Json& item) {
                         if (item.contains("bytes") && item["bytes"].is_null())
                           return std::string("(erased)");
                         std::string text =
                             item.contains("bytes")
                                 ? item["bytes"].get<std::string>()
                                 : base64_decode(item["bytes_base64"].get<std::string>())
                                       .value_or("");
                         return text.size() > 2000 ? text.substr(0, 2000) : text;
                       }}},
      .items = {},
      .ledger_size = state.size,
      .empty = "nothing waits in quarantine",
      .footer = {}};
  for (const HeldRecord& record : records) listing.items.push_back(record_item(state, record));
  return listing;
}

}  // namespace daybook
