// Joined texts add up, alternatives count once, what is cut or only rewritten letter by letter
// stays as long as it was.
#include "runner/definition/text_growth.h"

#include <algorithm>
#include <numeric>

#include "runner/definition/field_table.h"

namespace daybook {

namespace {

using Kind = SyntaxNode::Kind;

std::uint32_t bounded(std::uint64_t growth) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(growth, growth_max));
}

std::uint32_t sum(std::span<const SyntaxNode> nodes) {
  return bounded(std::accumulate(
      nodes.begin(), nodes.end(), std::uint64_t{0},
      [](std::uint64_t so_far, const SyntaxNode& node) { return so_far + text_growth(node); }));
}

std::uint32_t most(std::span<const SyntaxNode> nodes) {
  std::uint32_t growth = 1;
  for (const SyntaxNode& node : nodes) growth = std::max(growth, text_growth(node));
  return growth;
}

std::uint32_t of_call(const SyntaxNode& call) {
  const std::span<const SyntaxNode> arguments(call.children);
  if (call.text == "concat") return sum(arguments);
  if (call.text == "concat_ws" && !arguments.empty())
    return bounded(std::uint64_t{sum(arguments)} +
                   std::uint64_t{text_growth(arguments[0])} * arguments.size());
  if ((call.text == "lpad" || call.text == "rpad") && arguments.size() > 1) {
    const auto width =
        arguments[1].kind == Kind::number ? whole_number(arguments[1].text) : std::nullopt;
    return !width || *width < 0 ? growth_max : bounded(1 + static_cast<std::uint64_t>(*width) / 16);
  }
  if ((call.text == "replace" || call.text == "regexp_replace") && arguments.size() > 2) {
    // What stands for every letter, at the worst; a pattern may repeat what it matched.
    if (arguments[2].kind != Kind::text) return growth_max;
    return bounded(std::uint64_t{text_growth(arguments[0])} *
                   std::max<std::size_t>(1, arguments[2].text.size()));
  }
  return most(arguments);
}

}  // namespace

std::uint32_t text_growth(const SyntaxNode& tree) {
  switch (tree.kind) {
    case Kind::chain: return tree.text == "||" ? sum(tree.children) : 1;
    case Kind::call: return of_call(tree);
    case Kind::cast:
    case Kind::case_: return most(tree.children);
    default: return 1;
  }
}

}  // namespace daybook
