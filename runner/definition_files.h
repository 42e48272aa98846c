// A definition taken apart into the files it was read from.
#pragma once

#include "runner/definition/pipeline.h"

namespace daybook {

// read_pipeline makes the same pipeline of them again, or another where one is exchanged.
DefinitionFiles definition_files(const Pipeline& pipeline);

}  // namespace daybook
