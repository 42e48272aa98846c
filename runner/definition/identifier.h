// Names in definitions: what may be one, and how it is written in SQL.
#pragma once

#include <string>
#include <string_view>

namespace daybook {

// [A-Za-z_][A-Za-z0-9_]*, at most 63 bytes: PostgreSQL would cut a longer one, and two could
// collide.
bool is_identifier(std::string_view text);

// [A-Za-z0-9._=+-]{1,128}, and neither "." nor "..".
bool is_partition_key(std::string_view text);

// Why `text` is no identifier, for a message: "is longer than 63 bytes".
std::string identifier_fault(std::string_view text);

// "name", inner quotes doubled.
std::string quoted_identifier(std::string_view name);
// 'text', inner quotes doubled.
std::string quoted_text(std::string_view text);

std::string lower_case(std::string_view text);  // ASCII

}  // namespace daybook
