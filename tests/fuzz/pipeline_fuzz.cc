// A pipeline file beside two good contracts.
#include "runner/definition/pipeline.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::map<std::string, std::string> contracts = [] {
    const std::string folder = "tests/runner/definition/examples/ourairports/";
    std::map<std::string, std::string> out;
    for (const std::string name : {"runways_raw", "runways", "navaids_raw", "navaids"}) {
      const std::string path = "contracts/" + name + ".odcs.yaml";
      out[path] = fuzz::source_file(folder + path);
    }
    return out;
  }();
  const DefinitionFiles files{.pipeline_file = "fuzz.pipeline.yaml",
                              .pipeline_text = std::string(fuzz::text(data, size)),
                              .contracts = contracts};
  Diagnostics diagnostics;
  const auto pipeline = read_pipeline(files, "/nonexistent", diagnostics);
  DAYBOOK_ASSERT(pipeline.has_value() != has_errors(diagnostics));
  for (const Diagnostic& one : diagnostics) (void)render(one);
  return 0;
}
