// The demo's feed: orders of a web shop, a file a day, with the faults that real feeds have.
//
// The bytes depend on the arguments alone, so that everybody who runs the demo reads the same book.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "ledger/error.h"

namespace daybook {

inline constexpr std::uint64_t demo_rows = 230'000;
inline constexpr std::uint32_t demo_days = 10;

// Writes `directory`/2026-01-01/orders.csv and so on, `rows` records in all over `days` files, and
// `directory`/countries.csv. Files that are there are replaced, each as a whole.
//
// About one record in a hundred is at fault: impossible dates, negative prices, decimals with a
// comma, a missing customer, an unknown country or currency, too few or too many fields, quotes in
// the wrong place, bytes that are not UTF-8. About one in five hundred is an order sent again.
Result<void> write_demo_feed(const std::filesystem::path& directory, std::uint64_t rows = demo_rows,
                             std::uint32_t days = demo_days);

// The shop sends one day again, corrected: every decimal with a comma has a point now, and 25 late
// orders are there. The second time, nothing changes. `date` is "2026-01-04".
Result<void> write_demo_correction(const std::filesystem::path& directory, std::string_view date);

}  // namespace daybook
