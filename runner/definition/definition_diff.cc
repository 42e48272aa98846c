#include "runner/definition/definition_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "runner/definition/yaml.h"

namespace daybook {
namespace {

constexpr std::size_t text_bytes_max = 400;       // of one value, as shown
constexpr std::size_t aligned_items_max = 2'000;  // the table of an alignment is their product

std::string flow(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::scalar: {
      const bool bare =
          node.plain ||
          (!node.text.empty() && node.text.find_first_of(",[]{}:#\n\"'") == std::string::npos);
      if (bare) return node.text;
      std::string out = "\"";
      for (const char c : node.text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n')
          out += "\\n";
        else
          out += c;
      }
      return out + '"';
    }
    case YamlNode::Kind::sequence: {
      std::string out;
      for (const YamlNode& item : node.items) out += (out.empty() ? "" : ", ") + flow(item);
      return "[" + out + "]";
    }
    case YamlNode::Kind::mapping: {
      std::string out;
      for (const YamlEntry& entry : node.entries)
        out += (out.empty() ? "" : ", ") + flow(entry.key) + ": " + flow(entry.value);
      return "{" + out + "}";
    }
  }
  return {};
}

std::string shown(const YamlNode& node) { return excerpt(flow(node), text_bytes_max); }

bool same(const YamlNode& a, const YamlNode& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    // `"5"` and `5` say the same to every field of ours; `""` and nothing do not.
    case YamlNode::Kind::scalar: return a.text == b.text && a.is_null() == b.is_null();
    case YamlNode::Kind::sequence: return std::ranges::equal(a.items, b.items, same);
    case YamlNode::Kind::mapping:
      return a.entries.size() == b.entries.size() &&
             std::ranges::all_of(a.entries, [&](const YamlEntry& entry) {
               const YamlNode* other = b.find(entry.key.text);
               return other != nullptr && same(entry.value, *other);
             });
  }
  return false;
}

// What a list calls this item: columns and checks have a name or an id.
std::optional<std::string> name_of(const YamlNode& item) {
  for (const char* key : {"name", "id", "property", "principal"})
    if (const YamlNode* value = item.find(key); value != nullptr && value->is_scalar())
      return value->text;
  return std::nullopt;
}

// What kind of item it is where it has no name: `- filter: …` is a filter.
std::string kind_of(const YamlNode& item) {
  return item.is_mapping() && !item.entries.empty() ? item.entries.front().key.text : std::string();
}

class Comparison {
 public:
  void node(const std::string& path, const YamlNode* a, const YamlNode* b) {
    if (a == nullptr || b == nullptr) {
      if (a == nullptr && b == nullptr) return;
      return add(path, a, b);
    }
    if (same(*a, *b)) return;
    if (a->is_mapping() && b->is_mapping()) return mapping(path, *a, *b);
    if (a->is_sequence() && b->is_sequence()) return sequence(path, *a, *b);
    add(path, a, b);
  }

  std::vector<FieldChange> changes;

 private:
  void add(const std::string& path, const YamlNode* a, const YamlNode* b) {
    changes.push_back({path, a == nullptr ? "" : shown(*a), b == nullptr ? "" : shown(*b)});
  }

  void mapping(const std::string& path, const YamlNode& a, const YamlNode& b) {
    const auto below = [&](const YamlNode& key) {
      return path.empty() ? key.text : path + "." + key.text;
    };
    for (const YamlEntry& entry : a.entries)
      node(below(entry.key), &entry.value, b.find(entry.key.text));
    for (const YamlEntry& entry : b.entries)
      if (a.find(entry.key.text) == nullptr) node(below(entry.key), nullptr, &entry.value);
  }

  void sequence(const std::string& path, const YamlNode& a, const YamlNode& b) {
    std::map<std::string, const YamlNode*> by_name;
    const auto named = [&](const YamlNode& list) {
      by_name.clear();
      for (const YamlNode& item : list.items) {
        const auto name = name_of(item);
        if (!name || !by_name.emplace(*name, &item).second) return false;
      }
      return true;
    };
    if (!named(a) || !named(b)) return aligned(path, a, b);  // leaves the names of b
    for (const YamlNode& item : a.items) {
      const auto other = by_name.find(*name_of(item));
      node(fmt::format("{}[{}]", path, *name_of(item)), &item,
           other == by_name.end() ? nullptr : other->second);
    }
    for (const YamlNode& item : b.items) {
      const auto is = [&](const YamlNode& other) { return name_of(other) == name_of(item); };
      if (std::ranges::none_of(a.items, is))
        node(fmt::format("{}[{}]", path, *name_of(item)), nullptr, &item);
    }
  }

  // The longest common subsequence stays; what stands between two of its items is paired by kind,
  // so that a changed step is a change and not a step gone and another come. Numbers are those of
  // the second list, of what is gone those of the first, from 1.
  void aligned(const std::string& path, const YamlNode& a, const YamlNode& b) {
    const std::size_t n = a.items.size(), m = b.items.size();
    if (n > aligned_items_max || m > aligned_items_max) return add(path, &a, &b);
    std::vector<std::uint32_t> common((n + 1) * (m + 1), 0);
    const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& {
      return common[i * (m + 1) + j];
    };
    for (std::size_t i = n; i-- > 0;)
      for (std::size_t j = m; j-- > 0;)
        at(i, j) = same(a.items[i], b.items[j]) ? at(i + 1, j + 1) + 1
                                                : std::max(at(i + 1, j), at(i, j + 1));
    std::vector<std::size_t> gone, come;
    const auto flush = [&] { between(path, a, b, gone, come); };
    std::size_t i = 0, j = 0;
    while (i < n || j < m) {
      if (i < n && j < m && same(a.items[i], b.items[j])) {
        flush();
        ++i, ++j;
      } else if (j == m || (i < n && at(i + 1, j) >= at(i, j + 1))) {
        gone.push_back(i++);
      } else {
        come.push_back(j++);
      }
    }
    flush();
  }

  void between(const std::string& path, const YamlNode& a, const YamlNode& b,
               std::vector<std::size_t>& gone, std::vector<std::size_t>& come) {
    for (const std::size_t i : gone) {
      const auto pair = std::ranges::find_if(
          come, [&](std::size_t j) { return kind_of(a.items[i]) == kind_of(b.items[j]); });
      if (pair == come.end()) {
        node(fmt::format("{}[{}]", path, i + 1), &a.items[i], nullptr);
        continue;
      }
      node(fmt::format("{}[{}]", path, *pair + 1), &a.items[i], &b.items[*pair]);
      come.erase(pair);
    }
    for (const std::size_t j : come) node(fmt::format("{}[{}]", path, j + 1), nullptr, &b.items[j]);
    gone.clear();
    come.clear();
  }
};

}  // namespace

std::vector<FieldChange> diff_yaml(std::string_view a, std::string_view b) {
  if (a == b) return {};
  const SourceText text_a("", a), text_b("", b);
  Diagnostics ignored;  // files of the book were read before; others are compared as they are
  const auto node_a = parse_yaml(text_a, ignored), node_b = parse_yaml(text_b, ignored);
  if (!node_a || !node_b) return {{"", excerpt(a, text_bytes_max), excerpt(b, text_bytes_max)}};
  Comparison comparison;
  comparison.node("", &*node_a, &*node_b);
  return std::move(comparison.changes);
}

}  // namespace daybook
