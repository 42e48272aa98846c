// The steps of a pipeline file: read, checked against the columns that reach them, and the columns
// that leave them.
#pragma once

#include <vector>

#include "runner/definition/pipeline.h"
#include "runner/definition/yaml.h"

namespace daybook {

// Reads `steps` (a checked sequence) and fills pipeline.steps and pipeline.schema, whose first
// element is there already. Every fault of every step.
void read_steps(const YamlNode& steps, Pipeline& pipeline, Report& report);

// A file source of one of the forms csv, jsonl, parquet.
FileSource read_file_source(std::string_view form, const YamlNode& node);

// Placeholders of a path, in order, once each; faults in the braces are reported.
std::vector<std::string> placeholders_of(const std::string& path);

}  // namespace daybook
