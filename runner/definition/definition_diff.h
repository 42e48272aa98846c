// Two definitions side by side, by what they say and not by how it is written: two YAML files that
// differ in comments, blanks, quotes or the order of keys say the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace daybook {

struct FieldChange {
  std::string
      path;  // "source.csv.path", "steps[3].filter", "schema[orders].properties[id].required"
  std::string a, b;  // as flow YAML on one line; empty: not there
  bool operator==(const FieldChange&) const = default;
};

// Field by field, in the order of the files. Items of a list are matched by their name or id where
// they have one, else by what they say, in order. A file that can not be read as YAML is compared
// as a whole: one change at the path "".
std::vector<FieldChange> diff_yaml(std::string_view a, std::string_view b);

}  // namespace daybook
