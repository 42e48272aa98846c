#include "tools/daybook/decision_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ledger/digest.h"

namespace daybook {

namespace {

std::optional<std::string> bytes_in(const nlohmann::json& line, const std::string& key) {
  if (const auto text = line.find(key); text != line.end() && text->is_string())
    return text->get<std::string>();
  if (const auto text = line.find(key + "_base64"); text != line.end() && text->is_string())
    return base64_decode(text->get<std::string>());
  return std::nullopt;
}

}  // namespace

std::expected<std::vector<DecisionLine>, DecisionFault> parse_decisions(std::string_view text) {
  std::vector<DecisionLine> out;
  std::size_t number = 0;
  const auto bad = [&](std::string what, std::string hint = {}) {
    return std::unexpected(DecisionFault{number, std::move(what), std::move(hint)});
  };
  for (std::string_view left = text; !left.empty();) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) return bad("it is no JSON object");
    const bool discard = json.contains("discard") && json["discard"] == true;
    auto amended = bytes_in(json, "amended");
    if (!amended && (json.contains("amended") || json.contains("amended_base64")))
      return bad("\"amended\" is to be text");
    if (!discard && !amended) continue;
    if (discard && amended) return bad("it amends and discards the same record");
    if (!json.contains("record") || !json["record"].is_string())
      return bad("it names no record", "\"record\": \"BATCH:RECORD\"");
    out.push_back({.line = number,
                   .record = json["record"].get<std::string>(),
                   .bytes = bytes_in(json, "bytes"),
                   .amended = std::move(amended)});
  }
  return out;
}

}  // namespace daybook
