// The demo project's files as they lie in tools/demo/project, built into the program so that
// `daybook quickstart` needs nothing but itself.
#pragma once

#include <span>
#include <string_view>

namespace daybook {

struct DemoFile {
  std::string_view path;  // relative to the project: "contracts/orders.odcs.yaml"
  std::string_view text;
};

// In order of path.
std::span<const DemoFile> demo_project();

}  // namespace daybook
