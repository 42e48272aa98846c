// The YAML of definitions: a tree of text with positions, and less of YAML than YAML has.
//
// Anchors, aliases, tags, merge keys, directives, several documents, complex keys and duplicate
// keys are refused. Scalars stay text: what `on`, `010` or `null` means is for the field that reads
// it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/definition/source_text.h"

namespace daybook {

struct YamlLimits {
  static constexpr std::size_t file_bytes = 1 << 20;
  static constexpr std::size_t depth = 32;
  static constexpr std::size_t nodes = 50'000;
  static constexpr std::size_t key_bytes = 256;
  static constexpr std::size_t scalar_bytes = 64 << 10;
};

struct YamlEntry;

struct YamlNode {
  enum class Kind : std::uint8_t { scalar, sequence, mapping };
  Kind kind = Kind::scalar;
  std::string text;                // scalar
  bool plain = true;               // scalar without quotes or block sign
  ByteRange range;                 // in the file; a scalar's includes its quotes
  std::vector<YamlNode> items;     // sequence
  std::vector<YamlEntry> entries;  // mapping, in file order

  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_mapping() const { return kind == Kind::mapping; }
  bool is_sequence() const { return kind == Kind::sequence; }
  // Nothing written, `~` or `null`.
  bool is_null() const;
  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

// Nothing when the file is refused; the reasons are in the list. Stops at the first fault of the
// text.
std::optional<YamlNode> parse_yaml(const SourceText& text, Diagnostics& diagnostics);

// Where a part of a scalar's text stands in the file, through quotes, escapes and block
// indentation.
ByteRange range_in_file(const SourceText& text, const YamlNode& scalar, ByteRange part);

}  // namespace daybook
