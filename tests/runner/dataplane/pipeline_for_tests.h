// Small pipelines, files and stages for the tests of the data plane.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "runner/dataplane/stage.h"
#include "tests/support/temporary_directory.h"

namespace daybook::testing {

inline ColumnType type_of(ColumnType::Kind kind, int precision = 0, int scale = 0) {
  return {kind, static_cast<std::uint8_t>(precision), static_cast<std::uint8_t>(scale)};
}

inline Column column(std::string name, ColumnType::Kind kind, int precision = 0, int scale = 0) {
  Column c;
  c.name = std::move(name);
  c.type = type_of(kind, precision, scale);
  return c;
}

inline RowRule rule(std::string id, RowRule::Kind kind, std::string on) {
  RowRule r;
  r.id = std::move(id);
  r.kind = kind;
  r.column = std::move(on);
  return r;
}

inline Expression sql(std::string text) {
  Expression e;
  e.sql = std::move(text);
  return e;
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A project directory with one pipeline, staged as often as the test likes.
class Project {
 public:
  Project() {
    pipeline.name = "test";
    pipeline.project = root.path().string();
    pipeline.source = FileSource{};
    pipeline.sink.to = DirectorySink{};
  }
  void source(const std::string& name, std::string_view bytes) {
    write_file(root / name, bytes);
    input.files.push_back((root / name).string());
  }
  void columns(std::vector<Column> list) {
    if (!pipeline.contract) pipeline.contract.emplace();
    pipeline.contract->columns = std::move(list);
  }
  std::expected<StageResult, StageFailure> stage(StagedFormat format = StagedFormat::parquet,
                                                 unsigned threads = 1) {
    StageRequest request;
    request.pipeline = &pipeline;
    request.input = input;
    request.format = format;
    request.threads = threads;
    request.column_key = column_key;
    request.overlay = overlay;
    request.overlay_only = overlay_only;
    request.current_files = current_files;
    request.directory = root / ("stage-" + std::to_string(++stages));
    std::filesystem::create_directories(request.directory);
    directory = request.directory;
    StageProgress progress;
    return daybook::stage(request, progress);
  }
  // The output as CSV text.
  std::string csv(const std::expected<StageResult, StageFailure>& result) const {
    std::string text;
    if (!result) return "failed: " + result.error().code + ": " + result.error().detail;
    for (const StagedFile& file : result->files) text += read_file(directory / file.name);
    return text;
  }
  std::vector<QuarantinedRecord> quarantine(const StageResult& result) const {
    auto records = read_quarantine(result.quarantine_file);
    EXPECT_TRUE(records.has_value());
    return records.value_or(std::vector<QuarantinedRecord>{});
  }

  TemporaryDirectory root;
  Pipeline pipeline;
  PartitionInput input;
  std::string column_key;
  std::vector<OverlayRecord> overlay;
  bool overlay_only = false;
  std::vector<std::filesystem::path> current_files;
  std::filesystem::path directory;
  int stages = 0;
};

inline std::uint64_t count_of(const StageResult& result, const std::string& rule) {
  for (const RuleCount& count : result.rules) {
    if (count.rule == rule) return count.rows;
  }
  return 0;
}

inline void expect_conserved(const StageResult& result) {
  EXPECT_EQ(result.counts.read, result.counts.accepted + result.counts.quarantined +
                                    result.counts.filtered + result.counts.merged);
}

}  // namespace daybook::testing
