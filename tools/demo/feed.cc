#include "tools/demo/feed.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

namespace daybook {
namespace {

// splitmix64: the same numbers on every machine and with every standard library.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // Small values more often, as with customers and products.
  std::uint64_t skewed_below(std::uint64_t bound) { return below(below(bound) + 1); }

 private:
  std::uint64_t state_;
};

struct Country {
  std::string_view code, name, region, currency;
};
constexpr std::array<Country, 24> countries{{
    {"DE", "Germany", "Europe", "EUR"},
    {"FR", "France", "Europe", "EUR"},
    {"US", "United States", "Americas", "USD"},
    {"GB", "United Kingdom", "Europe", "GBP"},
    {"NL", "Netherlands", "Europe", "EUR"},
    {"ES", "Spain", "Europe", "EUR"},
    {"IT", "Italy", "Europe", "EUR"},
    {"CH", "Switzerland", "Europe", "CHF"},
    {"SE", "Sweden", "Europe", "SEK"},
    {"AT", "Austria", "Europe", "EUR"},
    {"BE", "Belgium", "Europe", "EUR"},
    {"JP", "Japan", "Asia", "USD"},
    {"PT", "Portugal", "Europe", "EUR"},
    {"IE", "Ireland", "Europe", "EUR"},
    {"FI", "Finland", "Europe", "EUR"},
    {"CA", "Canada", "Americas", "USD"},
    {"DK", "Denmark", "Europe", "EUR"},
    {"PL", "Poland", "Europe", "EUR"},
    {"CI", "Côte d'Ivoire", "Africa", "EUR"},
    {"GR", "Greece", "Europe", "EUR"},
    {"MX", "Mexico", "Americas", "USD"},
    {"BR", "Brazil", "Americas", "USD"},
    {"KR", "Korea, Republic of", "Asia", "USD"},
    {"AU", "Australia", "Oceania", "USD"},
}};

struct Product {
  std::string_view text;  // as it stands in the file: quoted where it must be
  std::uint64_t cents;
};
constexpr std::array<Product, 20> products{{
    {"Notebook A5", 450},
    {"Fountain pen", 3990},
    {"\"Desk, oak, 160 cm\"", 48900},
    {"\"Monitor 27\"\" 4K\"", 32900},
    {"Desk lamp", 5990},
    {"Paper clips", 199},
    {"Office chair", 27900},
    {"Keyboard", 7990},
    {"Mouse", 3490},
    {"\"Cable, USB-C, 2 m\"", 1290},
    {"Backpack", 6900},
    {"Coffee beans 1 kg", 1890},
    {"Green tea 100 g", 690},
    {"Mug", 990},
    {"Whiteboard", 8900},
    {"Marker set", 1190},
    {"Headphones", 12900},
    {"Webcam", 6990},
    {"Paper A4 500", 549},
    {"Stapler", 1450},
}};

constexpr std::array<std::string_view, 16> first_names{
    "Ada",  "Zoë",  "José",  "Maya",  "Noah", "Lin",  "Søren", "Ines",
    "Omar", "Ruth", "Émile", "Kenji", "Olga", "Paul", "Nina",  "Tariq"};
constexpr std::array<std::string_view, 16> first_letters{
    "ada",  "zoe",  "jose",  "maya",  "noah", "lin",  "soren", "ines",
    "omar", "ruth", "emile", "kenji", "olga", "paul", "nina",  "tariq"};
constexpr std::array<std::string_view, 16> last_names{
    "Meyer",   "Dubois", "Smith", "Rossi", "Novak",  "Jansen", "Garcia", "Tanaka",
    "Larsson", "Okafor", "Silva", "Brown", "Keller", "Moreau", "Kim",    "Walsh"};
constexpr std::array<std::string_view, 16> last_letters{
    "meyer",   "dubois", "smith", "rossi", "novak",  "jansen", "garcia", "tanaka",
    "larsson", "okafor", "silva", "brown", "keller", "moreau", "kim",    "walsh"};

constexpr std::string_view header =
    "order_id,customer,email,country,product,quantity,unit_price,currency,discount,channel,ordered_"
    "at\n";

enum class Fault : std::uint8_t {
  none,
  impossible_date,
  words_for_date,
  negative_price,
  decimal_comma,
  no_customer,
  unknown_country,
  unknown_currency,
  too_few_fields,
  too_many_fields,
  quote_in_field,
  text_after_quote,
  not_utf8,
  count_
};

// An order number far above those of the feed, so that late orders never meet it.
constexpr std::uint64_t first_late_order = 90'000'001;
constexpr std::uint64_t late_orders = 25;

std::string date_text(std::uint32_t day) {
  using namespace std::chrono;
  const year_month_day date{sys_days{year{2026} / January / 1} + days{day}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

void append_order(std::string& out, Numbers& numbers, std::uint64_t order, std::string_view date,
                  std::uint64_t second_of_day, Fault fault) {
  const Country& country = countries[numbers.skewed_below(countries.size())];
  const Product& product = products[numbers.skewed_below(products.size())];
  const std::uint64_t first = numbers.below(first_names.size());
  const std::uint64_t last = numbers.below(last_names.size());
  const std::uint64_t quantity = 1 + numbers.skewed_below(6);
  const std::uint64_t cents = product.cents - product.cents * numbers.below(6) / 100;
  constexpr std::array<std::string_view, 8> discounts{"0.00", "0.00", "0.00", "0.00",
                                                      "0.00", "0.05", "0.10", "0.15"};
  const std::string_view discount = discounts[numbers.below(discounts.size())];
  constexpr std::array<std::string_view, 8> channels{"web", "web", "web",   "web",
                                                     "app", "app", "phone", "store"};
  const std::string_view channel =
      numbers.one_in(400) ? "test" : channels[numbers.below(channels.size())];
  const std::uint64_t customer_number = numbers.below(40'000);
  const bool has_mail = !numbers.one_in(25);

  std::string customer = fmt::format("{} {}", first_names[first], last_names[last]);
  if (fault == Fault::no_customer) customer.clear();
  if (fault == Fault::quote_in_field) customer.insert(customer.find(' ') + 1, "\"Bo\" ");
  if (fault == Fault::text_after_quote) customer = fmt::format("\"{}\" jr.", customer);
  if (fault == Fault::not_utf8) customer = "Andr\xe9 " + std::string(last_names[last]);  // Latin-1

  auto to = std::back_inserter(out);
  fmt::format_to(to, "ORD-{:08},{},", order, customer);
  if (has_mail) {
    fmt::format_to(to, "{}.{}{}@example.com", first_letters[first], last_letters[last],
                   customer_number);
  }
  const std::string_view code = fault == Fault::unknown_country ? "ZZ" : country.code;
  fmt::format_to(to, ",{},{},{},", code, product.text, quantity);
  if (fault == Fault::too_few_fields) {
    out += '\n';
    return;
  }
  if (fault == Fault::decimal_comma) {
    fmt::format_to(to, "\"{},{:02}\"", cents / 100, cents % 100);
  } else {
    fmt::format_to(to, "{}{}.{:02}", fault == Fault::negative_price ? "-" : "", cents / 100,
                   cents % 100);
  }
  const std::string_view currency = fault == Fault::unknown_currency ? "XBT" : country.currency;
  fmt::format_to(to, ",{},{},{},", currency, discount, channel);
  if (fault == Fault::impossible_date) {
    out += "2026-02-30T25:61:00";
  } else if (fault == Fault::words_for_date) {
    out += "yesterday";
  } else {
    fmt::format_to(to, "{}T{:02}:{:02}:{:02}", date, second_of_day / 3600, second_of_day / 60 % 60,
                   second_of_day % 60);
  }
  if (fault == Fault::too_many_fields) out += ",shop7";
  out += '\n';
}

// A reader never sees half a file: the new one takes the old one's name when it is whole.
Result<void> write_file(const std::filesystem::path& path, std::string_view text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return fail(Error::Code::io, "{}: {}", path.parent_path().string(), error.message());
  std::filesystem::path next = path;
  next += ".next";
  {
    std::ofstream file(next, std::ios::binary | std::ios::trunc);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    file.close();
    if (!file) return fail(Error::Code::io, "{} could not be written", next.string());
  }
  std::filesystem::rename(next, path, error);
  if (error) return fail(Error::Code::io, "{}: {}", path.string(), error.message());
  return {};
}

std::string day_text(std::uint32_t day, std::uint64_t first_order, std::uint64_t rows) {
  Numbers numbers(0xda7b0000 + day);
  const std::string date = date_text(day);
  std::string text(header);
  text.reserve(rows * 128 + 256);
  std::vector<std::size_t> starts;  // of the records, for those sent again
  for (std::uint64_t row = 0; row < rows; ++row) {
    if (row > 100 && numbers.one_in(500)) {
      const std::size_t start = starts[numbers.below(starts.size())];
      text += text.substr(start, text.find('\n', start) + 1 - start);
      continue;
    }
    // Every kind of fault stands in every file of some size; which record has it, chance says.
    const Fault fault =
        numbers.one_in(100)
            ? static_cast<Fault>(1 + numbers.below(static_cast<std::uint64_t>(Fault::count_) - 1))
            : Fault::none;
    if (fault == Fault::none) starts.push_back(text.size());
    append_order(text, numbers, first_order + row, date, row * 86'400 / rows, fault);
  }
  return text;
}

}  // namespace

Result<void> write_demo_feed(const std::filesystem::path& directory, std::uint64_t rows,
                             std::uint32_t days) {
  if (days == 0 || days > 366) return fail(Error::Code::invalid, "the demo has 1 to 366 days");
  if (rows < days || rows >= first_late_order) {
    return fail(Error::Code::invalid, "the demo has {} to {} rows", days, first_late_order - 1);
  }
  std::string lookup = "code,name,region\n";
  for (const Country& country : countries) {
    const bool quoted = country.name.find(',') != std::string_view::npos;
    lookup += fmt::format("{0},{3}{1}{3},{2}\n", country.code, country.name, country.region,
                          quoted ? "\"" : "");
  }
  if (auto written = write_file(directory / "countries.csv", lookup); !written) return written;

  std::uint64_t first_order = 1;
  for (std::uint32_t day = 0; day < days; ++day) {
    const std::uint64_t count = rows * (day + 1) / days - rows * day / days;
    const std::string text = day_text(day, first_order, count);
    if (auto written = write_file(directory / date_text(day) / "orders.csv", text); !written) {
      return written;
    }
    first_order += count;
  }
  return {};
}

Result<void> write_demo_correction(const std::filesystem::path& directory, std::string_view date) {
  const std::filesystem::path path = directory / date / "orders.csv";
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return std::unexpected(Error{Error::Code::not_found,
                                 fmt::format("there is no {}", path.string()),
                                 "write the feed first"});
  }
  const std::string old{std::istreambuf_iterator<char>(file), {}};
  if (old.find(fmt::format("ORD-{:08},", first_late_order)) != std::string::npos) return {};

  // Only our own faulty prices have the form "12,50" between quotes, with digits alone.
  std::string text;
  text.reserve(old.size() + late_orders * 128);
  const auto digits = [&old](std::size_t from) {
    const std::size_t end = old.find_first_not_of("0123456789", from);
    return end == std::string::npos ? old.size() : end;
  };
  for (std::size_t at = 0; at < old.size(); ++at) {
    if (old[at] == '"') {
      const std::size_t comma = digits(at + 1);
      const std::size_t close = comma < old.size() ? digits(comma + 1) : comma;
      if (comma > at + 1 && close == comma + 3 && close < old.size() && old[comma] == ',' &&
          old[close] == '"') {
        text.append(old, at + 1, comma - at - 1).append(1, '.').append(old, comma + 1, 2);
        at = close;
        continue;
      }
    }
    text += old[at];
  }
  Numbers numbers(0x1a7e);
  for (std::uint64_t late = 0; late < late_orders; ++late) {
    append_order(text, numbers, first_late_order + late, date, 86'399, Fault::none);
  }
  return write_file(path, text);
}

}  // namespace daybook
