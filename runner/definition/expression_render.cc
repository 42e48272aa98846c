// The normal form: every operator in brackets, every name in double quotes, words of SQL in upper
// case, functions by their first name in lower case.
#include <fmt/format.h>

#include "runner/definition/expression.h"
#include "runner/definition/identifier.h"

namespace daybook {

namespace {

using Kind = SyntaxNode::Kind;

std::string joined(std::span<const SyntaxNode> nodes, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i > 0) out += separator;
    out += render_sql(nodes[i]);
  }
  return out;
}

std::string render_case(const SyntaxNode& tree) {
  std::string out = "CASE";
  std::size_t i = 0;
  for (; i + 1 < tree.children.size(); i += 2)
    out += fmt::format(" WHEN {} THEN {}", render_sql(tree.children[i]),
                       render_sql(tree.children[i + 1]));
  if (i < tree.children.size()) out += " ELSE " + render_sql(tree.children[i]);
  return out + " END";
}

}  // namespace

std::string render_sql(const SyntaxNode& tree) {
  auto child = [&](std::size_t i) { return render_sql(tree.children[i]); };
  const std::string_view not_word = tree.negated ? "NOT " : "";
  const std::span<const SyntaxNode> children(tree.children);
  switch (tree.kind) {
    case Kind::column: return quoted_identifier(tree.text);
    case Kind::text: return quoted_text(tree.text);
    case Kind::number: return tree.text;
    case Kind::boolean: return tree.text == "true" ? "TRUE" : "FALSE";
    case Kind::null: return "NULL";
    case Kind::star: return "*";
    case Kind::moment: return fmt::format("{} {}", sql_name(tree.type), quoted_text(tree.text));
    case Kind::interval: return fmt::format("INTERVAL {}", quoted_text(tree.text));
    case Kind::negate: return fmt::format("(-{})", child(0));
    case Kind::not_: return fmt::format("(NOT {})", child(0));
    case Kind::chain: return fmt::format("({})", joined(children, fmt::format(" {} ", tree.text)));
    case Kind::binary: return fmt::format("({} {} {})", child(0), tree.text, child(1));
    case Kind::like: return fmt::format("({} {}{} {})", child(0), not_word, tree.text, child(1));
    case Kind::call:
      return fmt::format("{}({}{})", tree.text, tree.distinct ? "DISTINCT " : "",
                         joined(children, ", "));
    case Kind::cast:
      return fmt::format("{}({} AS {})", tree.negated ? "TRY_CAST" : "CAST", child(0),
                         sql_name(tree.type));
    case Kind::case_: return render_case(tree);
    case Kind::in:
      return fmt::format("({} {}IN ({}))", child(0), not_word, joined(children.subspan(1), ", "));
    case Kind::between:
      return fmt::format("({} {}BETWEEN {} AND {})", child(0), not_word, child(1), child(2));
    case Kind::is_null: return fmt::format("({} IS {}NULL)", child(0), not_word);
    case Kind::is_true: return fmt::format("({} IS {}TRUE)", child(0), not_word);
    case Kind::is_false: return fmt::format("({} IS {}FALSE)", child(0), not_word);
    case Kind::is_distinct:
      return fmt::format("({} IS {}DISTINCT FROM {})", child(0), not_word, child(1));
  }
  return "NULL";
}

}  // namespace daybook
