// Lines of an exchange file that decide about quarantined records: what `quarantine import` reads.
// One JSON object a line; a line with neither "amended" nor "discard": true decides nothing.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daybook {

struct DecisionLine {
  std::size_t line = 0;                // from 1
  std::string record;                  // "BATCH:RECORD", as it is written
  std::optional<std::string> bytes;    // what the line says the record was
  std::optional<std::string> amended;  // else: discarded
};

struct DecisionFault {
  std::size_t line = 0;
  std::string what;
  std::string hint;
};

// In the order of the file, or the first line that can not be read. Total: any bytes.
std::expected<std::vector<DecisionLine>, DecisionFault> parse_decisions(std::string_view text);

}  // namespace daybook
