#include "runner/dataplane/rules.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "ledger/assertion.h"
#include "runner/dataplane/failure.h"
#include "runner/dataplane/typed_parse.h"

namespace daybook {
namespace {

// Patterns such as ^[A-Z]{3}-[0-9]{4}$: one set of bytes per position. What is more goes to RE2.
class FixedPattern {
 public:
  static std::optional<FixedPattern> compile(std::string_view text) {
    if (text.size() < 2 || text.front() != '^' || text.back() != '$') return std::nullopt;
    text = text.substr(1, text.size() - 2);
    FixedPattern pattern;
    for (std::size_t i = 0; i < text.size();) {
      std::array<bool, 256> set{};
      if (text[i] == '[') {
        if (++i < text.size() && text[i] == '^') return std::nullopt;
        for (; i < text.size() && text[i] != ']'; ++i) {
          const auto low = static_cast<unsigned char>(text[i]);
          if (low == '\\' || low == '[' || low >= 0x80) return std::nullopt;
          auto high = low;
          if (i + 2 < text.size() && text[i + 1] == '-' && text[i + 2] != ']') {
            high = static_cast<unsigned char>(text[i += 2]);
            if (high == '\\' || high >= 0x80 || high < low) return std::nullopt;
          }
          for (unsigned c = low; c <= high; ++c) set[c] = true;
        }
        if (i == text.size()) return std::nullopt;
        ++i;
      } else if (text.substr(i, 2) == "\\d") {
        for (unsigned c = '0'; c <= '9'; ++c) set[c] = true;
        i += 2;
      } else if (std::string_view("\\.*+?()|{}^$").find(text[i]) != std::string_view::npos ||
                 static_cast<unsigned char>(text[i]) >= 0x80) {
        return std::nullopt;
      } else {
        set[static_cast<unsigned char>(text[i++])] = true;
      }
      std::size_t count = 1;
      if (i < text.size() && text[i] == '{') {
        const std::size_t close = text.find('}', i);
        Int128 number = 0;
        if (close == std::string_view::npos ||
            !parse_int(text.substr(i + 1, close - i - 1), number) || number < 0 || number > 64) {
          return std::nullopt;
        }
        count = static_cast<std::size_t>(number);
        i = close + 1;
      } else if (i < text.size() && std::string_view("*+?").find(text[i]) != std::string::npos) {
        return std::nullopt;
      }
      for (; count > 0; --count) pattern.sets_.push_back(set);
      if (pattern.sets_.size() > 128) return std::nullopt;
    }
    return pattern;
  }
  bool matches(std::string_view text) const {
    if (text.size() != sets_.size()) return false;
    bool good = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
      good &= sets_[i][static_cast<unsigned char>(text[i])];
    }
    return good;
  }

 private:
  std::vector<std::array<bool, 256>> sets_;
};

// Named formats of strings, as ODCS lists them; an unknown name asks nothing.
std::string_view format_pattern(std::string_view name) {
  if (name == "email") return "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$";
  if (name == "uuid") {
    return "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
  }
  if (name == "uri" || name == "url") return "^[A-Za-z][A-Za-z0-9+.-]*:[^\\s]+$";
  if (name == "hostname") {
    return "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-"
           "9"
           "])?)*$";
  }
  if (name == "ipv4") {
    return "^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-"
           "9]"
           "?[0-9])$";
  }
  if (name == "ipv6") return "^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$";
  return {};
}

std::uint64_t code_points(std::string_view text) {
  return static_cast<std::uint64_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Exact bound as a scaled integer: floor and whether something was cut off.
bool scaled(std::string_view text, int scale, Int128& floor, bool& exact) {
  const std::size_t point = text.find('.');
  std::string digits(text.substr(0, point));
  std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
  const bool negative = !digits.empty() && digits[0] == '-';
  std::string cut;
  if (fraction.size() > static_cast<std::size_t>(scale)) {
    cut = fraction.substr(static_cast<std::size_t>(scale));
    fraction.resize(static_cast<std::size_t>(scale));
  }
  fraction.resize(static_cast<std::size_t>(scale), '0');
  if (!parse_int(digits + fraction, floor)) return false;
  exact = cut.find_first_not_of('0') == std::string::npos;
  if (!exact && negative) floor -= 1;
  return true;
}

template <typename Visit>
void visit_physical(Physical physical, Visit visit) {
  switch (physical) {
    case Physical::int8: return visit(std::int8_t{});
    case Physical::int16: return visit(std::int16_t{});
    case Physical::int32: return visit(std::int32_t{});
    case Physical::int64: return visit(std::int64_t{});
    case Physical::int128: return visit(Int128{});
    case Physical::uint8: return visit(std::uint8_t{});
    case Physical::uint16: return visit(std::uint16_t{});
    case Physical::uint32: return visit(std::uint32_t{});
    case Physical::uint64: return visit(std::uint64_t{});
    case Physical::float64: return visit(double{});
    case Physical::boolean: return visit(bool{});
    case Physical::text: return;
  }
}

// What people most often meet, said in words; empty where the value says enough by itself.
std::string_view why_not(const ColumnType& type, std::string_view text) {
  using Kind = ColumnType::Kind;
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (text.empty()) return "";
  if (type.kind != Kind::string && (blank(text.front()) || blank(text.back()))) {
    return ": there are blanks around it";
  }
  const bool zoned =
      text.size() > 16 && (text.ends_with('Z') || text.ends_with('z') ||
                           ((text[text.size() - 6] == '+' || text[text.size() - 6] == '-') &&
                            text[text.size() - 3] == ':'));
  if (type.kind == Kind::timestamp && zoned) {
    return ": it names a time zone, the column has none (logicalTypeOptions: {timezone: true})";
  }
  if (type.kind == Kind::timestamp_tz && !zoned && text.size() > 15) {
    return ": it names no time zone";
  }
  const bool number = type.kind >= Kind::int8 && type.kind <= Kind::float64;
  if (number && text.find(',') != text.npos &&
      text.find_first_not_of("0123456789.,+-") == text.npos) {
    return ": a number has a decimal point, and nothing between its thousands";
  }
  return "";
}

}  // namespace

struct RuleSet::Compiled {
  std::uint32_t column = 0;
  bool idle = false;                            // asks nothing
  Int128 low = -int128_max, high = int128_max;  // inclusive, scaled as the column is
  double low_float = -std::numeric_limits<double>::infinity();
  double high_float = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;  // float64 only
  Int128 multiple = 0, raise = 1;            // value * raise % multiple
  std::shared_ptr<const re2::RE2> pattern;
  std::optional<FixedPattern> fixed;
  std::vector<Text> short_values;                // allowed, at most 12 bytes
  std::vector<std::string> values;               // allowed, all
  std::vector<std::array<char, 16>> raw_values;  // allowed, physical
};

void Verdict::add(OnViolation action, Violation violation) {
  switch (action) {
    case OnViolation::warn: warnings.push_back(std::move(violation.rule)); return;
    case OnViolation::fail_run: fatal.push_back(violation.rule); [[fallthrough]];
    case OnViolation::fail_row:
    case OnViolation::quarantine: kept_for_review = true; [[fallthrough]];
    case OnViolation::drop_with_record: violations.push_back(std::move(violation));
  }
}

void RuleTally::count(const Verdict& verdict) {
  for (const std::string& rule : verdict.warnings) ++rows[rule + " (warning)"];
  for (std::size_t i = 0; i < verdict.violations.size(); ++i) {
    const std::string& rule = verdict.violations[i].rule;
    bool before = false;
    for (std::size_t j = 0; j < i; ++j) before |= verdict.violations[j].rule == rule;
    if (before) continue;
    ++rows[rule];
    if (verdict.dropped()) dropping.insert(rule);
  }
  fatal.insert(verdict.fatal.begin(), verdict.fatal.end());
}

void RuleTally::add(const RuleTally& other) {
  for (const auto& [rule, count] : other.rows) rows[rule] += count;
  dropping.insert(other.dropping.begin(), other.dropping.end());
  fatal.insert(other.fatal.begin(), other.fatal.end());
}

RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet::~RuleSet() = default;

RuleSet::RuleSet(std::vector<Column> columns, const std::vector<RowRule>& rules)
    : columns_(std::move(columns)) {
  using Kind = RowRule::Kind;
  for (const Column& column : columns_) type_ids_.push_back(column.name + ".type");
  type_actions_.resize(columns_.size(), OnViolation::quarantine);
  for (const RowRule& rule : rules) {
    const auto found = std::find_if(columns_.begin(), columns_.end(),
                                    [&](const Column& c) { return c.name == rule.column; });
    if (found == columns_.end()) continue;
    const auto column = static_cast<std::uint32_t>(found - columns_.begin());
    if (rule.kind == Kind::type) {
      type_ids_[column] = rule.id;
      if (rule.on_violation != OnViolation::warn) type_actions_[column] = rule.on_violation;
    }
    if (rule.kind == Kind::type || rule.kind == Kind::unique || rule.kind == Kind::expression) {
      continue;
    }
    Compiled c;
    c.column = column;
    const ColumnType& type = found->type;
    const Physical physical = physical_of(type);
    const bool ordered = physical != Physical::text && physical != Physical::boolean;
    switch (rule.kind) {
      case Kind::minimum:
      case Kind::maximum:
      case Kind::exclusive_minimum:
      case Kind::exclusive_maximum: {
        const bool lower = rule.kind == Kind::minimum || rule.kind == Kind::exclusive_minimum;
        const bool open =
            rule.kind == Kind::exclusive_minimum || rule.kind == Kind::exclusive_maximum;
        if (!ordered) {
          c.idle = true;
        } else if (physical == Physical::float64) {
          double bound = 0;
          c.idle = !parse_float64(rule.bound, bound);
          (lower ? c.low_float : c.high_float) = bound;
          (lower ? c.low_open : c.high_open) = open;
        } else {
          Int128 bound = 0;
          bool exact = true;
          if (type.kind == ColumnType::Kind::date) {
            std::int32_t days = 0;
            c.idle = !parse_date(rule.bound, days);
            bound = days;
          } else if (type.kind == ColumnType::Kind::timestamp ||
                     type.kind == ColumnType::Kind::timestamp_tz) {
            std::int64_t micros = 0;
            c.idle =
                !parse_timestamp(rule.bound, micros) && !parse_timestamp_tz(rule.bound, micros);
            bound = micros;
          } else if (type.kind == ColumnType::Kind::time) {
            std::int64_t micros = 0;
            c.idle = !parse_time(rule.bound, micros);
            bound = micros;
          } else {
            c.idle = !scaled(rule.bound, type.scale, bound, exact);
          }
          if (lower) {
            c.low = bound + (!exact || open ? 1 : 0);
          } else {
            c.high = bound - (exact && open ? 1 : 0);
          }
        }
        break;
      }
      case Kind::multiple_of: {
        const std::size_t point = rule.bound.find('.');
        const int digits =
            point == std::string::npos ? 0 : static_cast<int>(rule.bound.size() - point - 1);
        bool exact = true;
        c.idle = !ordered || physical == Physical::float64 ||
                 !scaled(rule.bound, std::max(digits, int{type.scale}), c.multiple, exact) ||
                 c.multiple <= 0;
        for (int i = type.scale; i < digits; ++i) c.raise *= 10;
        break;
      }
      case Kind::pattern:
      case Kind::format: {
        const std::string text =
            rule.kind == Kind::pattern ? rule.text : std::string(format_pattern(rule.text));
        c.idle = text.empty() || physical != Physical::text;
        if (c.idle) break;
        c.fixed = FixedPattern::compile(text);
        re2::RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(8 << 20);
        c.pattern = std::make_shared<const re2::RE2>(text, options);
        c.idle = !c.pattern->ok();  // the definition's reader has refused it already
        break;
      }
      case Kind::not_null_metric:
      case Kind::allowed: {
        c.values = rule.values;
        if (physical == Physical::text) {
          const bool all_short = std::all_of(c.values.begin(), c.values.end(),
                                             [](const std::string& v) { return v.size() <= 12; });
          for (const std::string& value : c.values) {
            if (all_short) {
              c.short_values.push_back(
                  Text::of(value.data(), static_cast<std::uint32_t>(value.size())));
            }
          }
        } else {
          const ValueParser parser(*found);
          for (const std::string& value : c.values) {
            std::array<char, 16> slot{};
            if (parser.parse(value, slot.data())) c.raw_values.push_back(slot);
          }
        }
        break;
      }
      case Kind::min_length:
      case Kind::max_length: c.idle = physical != Physical::text; break;
      default: break;
    }
    rules_.push_back(rule);
    compiled_.push_back(std::move(c));
  }
}

// Values that are there and mean that nothing is: "N/A", -1.
void RuleSet::missing_texts(const Compiled& c, const VectorView& view, Physical physical,
                            std::uint32_t n, std::uint32_t rule, std::vector<RuleHit>& hits) const {
  const std::size_t width = width_of(physical);
  const char* data = static_cast<const char*>(view.data);
  for (std::uint32_t r = 0; r < n; ++r) {
    if (!view.valid(r)) continue;
    const bool missing =
        physical == Physical::text
            ? std::find(c.values.begin(), c.values.end(), view.at<Text>(r).view()) != c.values.end()
            : std::any_of(c.raw_values.begin(), c.raw_values.end(), [&](const auto& v) {
                return std::memcmp(v.data(), data + r * width, width) == 0;
              });
    if (missing) hits.push_back({r, rule});
  }
}

void RuleSet::check(std::span<const VectorView> columns, std::uint32_t n,
                    std::span<const TypeFault> faults, std::vector<RuleHit>& hits) const {
  using Kind = RowRule::Kind;
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const RowRule& rule = rules_[i];
    const Compiled& c = compiled_[i];
    if (c.idle) continue;
    const VectorView& view = columns[c.column];
    const auto each_text = [&](auto broken) {
      const Text* texts = static_cast<const Text*>(view.data);
      for (std::uint32_t r = 0; r < n; ++r) {
        if (view.valid(r) && broken(texts[r])) hits.push_back({r, i});
      }
    };
    const Physical physical = physical_of(columns_[c.column].type);
    switch (rule.kind) {
      case Kind::required:
      case Kind::not_null_metric:
        if (!c.values.empty()) missing_texts(c, view, physical, n, i, hits);
        if (view.validity == nullptr) break;
        for (std::uint32_t r = 0; r < n; r += 64) {
          std::uint64_t nulls = ~view.validity[r >> 6];
          if (n - r < 64) nulls &= (1ULL << (n - r)) - 1;
          for (; nulls != 0; nulls &= nulls - 1) {
            const std::uint32_t row = r + static_cast<std::uint32_t>(__builtin_ctzll(nulls));
            const bool unparsed = std::any_of(faults.begin(), faults.end(), [&](const auto& f) {
              return f.row == row && f.column == c.column;
            });
            if (!unparsed) hits.push_back({row, i});
          }
        }
        break;
      case Kind::min_length:
        each_text([&](const Text& t) { return code_points(t.view()) < rule.count; });
        break;
      case Kind::max_length:
        each_text([&](const Text& t) {
          return t.length > rule.count && code_points(t.view()) > rule.count;
        });
        break;
      case Kind::pattern:
      case Kind::format:
        if (c.fixed) {
          each_text([&](const Text& t) { return !c.fixed->matches(t.view()); });
        } else {
          each_text([&](const Text& t) {
            const std::string_view text = t.view();
            return !re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *c.pattern);
          });
        }
        break;
      case Kind::allowed:
        if (physical != Physical::text) {
          const std::size_t width = width_of(physical);
          const char* data = static_cast<const char*>(view.data);
          for (std::uint32_t r = 0; r < n; ++r) {
            if (view.valid(r) &&
                std::none_of(c.raw_values.begin(), c.raw_values.end(), [&](const auto& v) {
                  return std::memcmp(v.data(), data + r * width, width) == 0;
                })) {
              hits.push_back({r, i});
            }
          }
        } else if (!c.short_values.empty()) {
          each_text([&](const Text& t) {
            std::uint64_t mine[2];
            std::memcpy(mine, &t, 16);
            bool found = false;
            for (const Text& value : c.short_values) {
              std::uint64_t theirs[2];
              std::memcpy(theirs, &value, 16);
              found |= mine[0] == theirs[0] && mine[1] == theirs[1];
            }
            return !found;
          });
        } else {
          each_text([&](const Text& t) {
            return std::find(c.values.begin(), c.values.end(), t.view()) == c.values.end();
          });
        }
        break;
      case Kind::minimum:
      case Kind::maximum:
      case Kind::exclusive_minimum:
      case Kind::exclusive_maximum:
        visit_physical(physical, [&](auto zero) {
          using T = decltype(zero);
          const T* data = static_cast<const T*>(view.data);
          if constexpr (std::is_same_v<T, double>) {
            for (std::uint32_t r = 0; r < n; ++r) {
              const double v = data[r];
              const bool good = (c.low_open ? v > c.low_float : v >= c.low_float) &&
                                (c.high_open ? v < c.high_float : v <= c.high_float);
              if (!good && view.valid(r)) hits.push_back({r, i});
            }
          } else if constexpr (!std::is_same_v<T, bool>) {
            // Bounds beyond the type's range are clamped, or broken by every value.
            constexpr auto least = static_cast<Int128>(
                std::is_same_v<T, Int128> ? -int128_max
                                          : static_cast<Int128>(std::numeric_limits<T>::min()));
            constexpr auto most = static_cast<Int128>(
                std::is_same_v<T, Int128> ? int128_max
                                          : static_cast<Int128>(std::numeric_limits<T>::max()));
            const bool impossible = c.low > most || c.high < least;
            const T low = static_cast<T>(std::max(c.low, least));
            const T high = static_cast<T>(std::min(c.high, most));
            for (std::uint32_t r = 0; r < n; ++r) {
              if ((data[r] < low || data[r] > high || impossible) && view.valid(r)) {
                hits.push_back({r, i});
              }
            }
          }
        });
        break;
      case Kind::multiple_of:
        visit_physical(physical, [&](auto zero) {
          using T = decltype(zero);
          if constexpr (!std::is_same_v<T, double> && !std::is_same_v<T, bool>) {
            for (std::uint32_t r = 0; r < n; ++r) {
              if (view.valid(r) && static_cast<Int128>(view.at<T>(r)) * c.raise % c.multiple != 0) {
                hits.push_back({r, i});
              }
            }
          }
        });
        break;
      default: break;
    }
  }
}

Violation RuleSet::type_violation(std::uint32_t column, std::string_view text) const {
  const ColumnType& type = columns_[column].type;
  const bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
  return {
      type_ids_[column], columns_[column].name,
      fmt::format("{0}{1}{0} is not a {2}{3}", quoted ? "" : "\"", printable(text), sql_name(type),
                  why_not(type, quoted ? text.substr(1, text.size() - 2) : text))};
}

Violation RuleSet::violation(const RuleHit& hit, std::span<const VectorView> columns) const {
  using Kind = RowRule::Kind;
  const RowRule& rule = rules_[hit.rule];
  const std::uint32_t column = compiled_[hit.rule].column;
  std::string value;
  if (columns[column].valid(hit.row)) {
    value = printable(value_text(columns[column], columns_[column].type, hit.row));
  }
  std::string message;
  switch (rule.kind) {
    case Kind::required:
    case Kind::not_null_metric: message = "is missing"; break;
    case Kind::min_length:
      message = fmt::format("\"{}\" is shorter than {} characters", value, rule.count);
      break;
    case Kind::max_length:
      message = fmt::format("\"{}\" is longer than {} characters", value, rule.count);
      break;
    case Kind::pattern:
      message = fmt::format("\"{}\" does not match {}", value, printable(rule.text));
      break;
    case Kind::format: message = fmt::format("\"{}\" is not a valid {}", value, rule.text); break;
    case Kind::minimum: message = fmt::format("{} is less than {}", value, rule.bound); break;
    case Kind::maximum: message = fmt::format("{} is more than {}", value, rule.bound); break;
    case Kind::exclusive_minimum:
      message = fmt::format("{} is not more than {}", value, rule.bound);
      break;
    case Kind::exclusive_maximum:
      message = fmt::format("{} is not less than {}", value, rule.bound);
      break;
    case Kind::multiple_of:
      message = fmt::format("{} is not a multiple of {}", value, rule.bound);
      break;
    case Kind::allowed: message = fmt::format("\"{}\" is not an allowed value", value); break;
    default: message = "breaks the rule"; break;
  }
  if (message.size() > 200) message.resize(200);
  return {rule.id, rule.column, message};
}

}  // namespace daybook
