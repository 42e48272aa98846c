// The keys of the pipeline file. Changing the table changes the reader, the JSON Schema
// (pipeline.schema.json, compared by a test) and the reference page.
#pragma once

#include "runner/definition/field_table.h"

namespace daybook {

extern const ObjectTable pipeline_table;

// The reference page of the pipeline file, as Markdown.
std::string pipeline_reference_markdown();

}  // namespace daybook
