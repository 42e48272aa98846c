// The reference page of the pipeline file, made from the table its reader uses.
#pragma once

#include <string>

namespace daybook {

std::string pipeline_reference_markdown();

}  // namespace daybook
