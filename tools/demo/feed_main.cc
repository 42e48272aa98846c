// daybook_demo_feed write DIR [ROWS [DAYS]] | correct DIR DATE
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "tools/demo/feed.h"

namespace {

template <typename Number>
bool read(const char* text, Number& number) {
  const std::string_view all(text);
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), number);
  return error == std::errc() && end == all.data() + all.size();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 2 ? argv[1] : "";
  daybook::Result<void> done;
  if (command == "write" && argc <= 5) {
    std::uint64_t rows = daybook::demo_rows;
    std::uint32_t days = daybook::demo_days;
    if ((argc > 3 && !read(argv[3], rows)) || (argc > 4 && !read(argv[4], days))) {
      fmt::print(stderr, "ROWS and DAYS are numbers\n");
      return 2;
    }
    done = daybook::write_demo_feed(argv[2], rows, days);
  } else if (command == "correct" && argc == 4) {
    done = daybook::write_demo_correction(argv[2], argv[3]);
  } else {
    fmt::print(stderr,
               "daybook_demo_feed write DIR [ROWS [DAYS]]\ndaybook_demo_feed correct DIR DATE\n");
    return 2;
  }
  if (!done) {
    fmt::print(stderr, "daybook_demo_feed: {}\n", done.error().detail);
    return 1;
  }
  return 0;
}
