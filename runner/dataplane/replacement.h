// Records that are to stand in the place of others, one at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/dataplane/stage.h"

namespace daybook {

// What the record still breaks: every rule, or only what no waiver covers (a record that is
// released as it is must still be readable). `file_header`: of the source, empty where it has none;
// its columns are in that order.
enum class Waive : std::uint8_t { nothing, rules };
std::vector<Violation> validate_replacement(const Pipeline& pipeline,
                                            const std::string& file_header,
                                            const std::string& record, Waive waive);

// The header record of a CSV source that begins with these bytes.
std::string header_in(const FileSource& source, std::string_view head);

}  // namespace daybook
