// What is known of a pipeline's steps before any row went through them.
#include <algorithm>
#include <map>

#include "runner/dataplane/steps_sql.h"
#include "runner/definition/text_growth.h"

namespace daybook {

bool is_ordered(std::string_view query) {
  int depth = 0;
  bool order = false;  // the word before was ORDER
  for (std::size_t i = 0; i < query.size();) {
    const char c = query[i];
    const auto is_word = [&](std::size_t at) {
      const char w = query[at];
      return (w >= 'a' && w <= 'z') || (w >= 'A' && w <= 'Z') || (w >= '0' && w <= '9') ||
             w == '_' || static_cast<unsigned char>(w) >= 0x80;
    };
    if (c == '\'' || c == '"') {
      const std::size_t end = query.find(c, i + 1);
      if (end == std::string_view::npos) return false;
      i = end + 1;
      order = false;
    } else if (query.substr(i, 2) == "--") {
      i = std::min(query.find('\n', i), query.size());
    } else if (query.substr(i, 2) == "/*") {
      const std::size_t end = query.find("*/", i);
      if (end == std::string_view::npos) return false;
      i = end + 2;
    } else if (is_word(i)) {
      std::string word;
      for (; i < query.size() && is_word(i); ++i) {
        const char w = query[i];
        word.push_back(w >= 'A' && w <= 'Z' ? static_cast<char>(w + 32) : w);
      }
      if (order && word == "by" && depth == 0) return true;
      order = word == "order";
    } else {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c != ' ' && c != '\n' && c != '\t' && c != '\r') order = false;
      ++i;
    }
  }
  return false;
}

namespace {

// What was rendered from a tree is read into it again.
std::uint32_t growth_of(const Expression& expression) {
  ExpressionFaults none;
  const auto tree = parse_expression(expression.sql, none);
  return tree ? text_growth(*tree) : growth_max;
}

}  // namespace

std::uint32_t rows_at_once(const Pipeline& pipeline) {
  std::map<std::string, std::uint64_t> growth;  // of columns that steps made, over the source's
  std::uint64_t most = 1;
  for (const Step& step : pipeline.steps) {
    if (const auto* rename = std::get_if<step::Rename>(&step)) {
      const auto before = growth;
      for (const auto& [from, to] : rename->from_to) {
        growth[to] = before.contains(from) ? before.at(from) : 1;
      }
    }
    const auto* derive = std::get_if<step::Derive>(&step);
    if (derive == nullptr) continue;
    const auto before = growth;
    for (const auto& [name, expression] : derive->columns) {
      std::uint64_t longest = 1;
      for (const std::string& column : expression.columns) {
        if (before.contains(column)) longest = std::max(longest, before.at(column));
      }
      growth[name] = std::min<std::uint64_t>(longest * growth_of(expression), growth_max);
      most = std::max(most, growth[name]);
    }
  }
  constexpr std::uint64_t harmless = 64, fewest = 64;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(vector_rows_max * harmless / most, fewest, vector_rows_max));
}

bool steps_stream(const Pipeline& pipeline) {
  return std::none_of(pipeline.steps.begin(), pipeline.steps.end(), [](const Step& step) {
    return std::holds_alternative<step::Aggregate>(step) || std::holds_alternative<step::Sql>(step);
  });
}

}  // namespace daybook
