#include "runner/connect/sink.h"

#include "runner/connect/directory_sink.h"
#include "runner/connect/failure.h"
#include "runner/connect/postgres_sink.h"

namespace daybook {

SinkResult<std::unique_ptr<SinkDriver>> open_sink(const Pipeline& pipeline,
                                                  const SinkMemory& memory) {
  if (const auto* directory = std::get_if<DirectorySink>(&pipeline.sink.to)) {
    if (pipeline.sink.compensate == CompensateBy::flag) {
      return sink_failure(ErrorClass::definition, "compensate.flag", "files have no rows to flag",
                          "compensate: flag needs a table; a directory sink can restore_previous "
                          "or remove",
                          "sink.compensate");
    }
    return open_directory_sink(pipeline.project, *directory);
  }
  return open_postgres_sink(std::get<PostgresSink>(pipeline.sink.to), pipeline.retry.timeout,
                            memory);
}

}  // namespace daybook
