// Whose signatures count, as a file: https://c2sp.org/tlog-policy.
//
//   log <vkey> [url]                        one
//   witness <name> <vkey> [url]
//   group <name> all|any|<k> <member>...    of witnesses
//   quorum <witness or group>|none          one
//
// Lines that begin with # and empty lines are skipped. Groups of groups are not supported: they are
// refused, never weakened.
#pragma once

#include <string_view>

#include "tools/verifier/trust.h"

namespace daybook {

Result<TrustPolicy> parse_policy(std::string_view text);

}  // namespace daybook
