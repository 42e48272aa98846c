#include "runner/definition/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace daybook {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Optimal string alignment distance; the words are bounded by the caller.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t longest = 64;
  if (word.empty() || word.size() > longest) return "";
  const std::string wanted = lower(word);
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > longest || candidate == word) continue;
    const std::size_t d = distance(wanted, lower(candidate));
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

std::string suggest(std::string_view word, std::span<const std::string> candidates,
                    std::string_view what) {
  constexpr std::size_t listed_max = 24;
  std::string out;
  if (const std::string near = nearest(word, candidates); !near.empty())
    out = fmt::format("did you mean \"{}\"?", near);
  if (what.empty() || candidates.empty()) return out;
  if (!out.empty()) out += "  ";
  out += fmt::format("{}: ", what);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (i == listed_max) return out + fmt::format(", … ({} in all)", candidates.size());
    out += (i == 0 ? "" : ", ") + candidates[i];
  }
  return out;
}

}  // namespace daybook
