// RFC 3161 time stamps: that some bytes were there at a time, said by an authority. DER as others
// make and read it (`openssl ts`). SHA-256 alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/digest.h"
#include "ledger/error.h"

namespace daybook {

inline constexpr std::size_t timestamp_bytes_max = 64 * 1024;  // of a response, chain and all

// A TimeStampReq over `data` that asks for the authority's certificate. `nonce`: from entropy.
Result<std::string> timestamp_request(Bytes data, std::uint64_t nonce);

struct StampedTime {
  std::int64_t time = 0;  // POSIX seconds
  std::string policy;     // OID of the authority's
  bool operator==(const StampedTime&) const = default;
};

// What a TimeStampResp says, where it grants and is about `data`: that it is the authority's word
// is not checked. `invalid` otherwise. Total.
Result<StampedTime> read_timestamp(std::string_view response, Bytes data);

// The same, signed by an authority whose certificate leads to one of `ca` (PEM, one or more) today
// and is meant for time stamping; and an answer to `request`, nonce and all, where that is given.
Result<StampedTime> verify_timestamp(std::string_view response, Bytes data, std::string_view ca,
                                     std::string_view request = {});

}  // namespace daybook
