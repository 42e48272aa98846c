// Whose signatures count, as a file: https://c2sp.org/tlog-policy.
//
//   log <vkey> [url]                        one or more: keys that count alike
//   witness <name> <vkey> [url]
//   group <name> all|any|<k> <member>...    of witnesses and groups, each defined above and used
//   once quorum <witness or group>|none          one
//
// `#` begins a comment.
#pragma once

#include <string_view>

#include "tools/verifier/trust.h"

namespace daybook {

// `invalid` names the line.
Result<TrustPolicy> parse_policy(std::string_view text);

}  // namespace daybook
