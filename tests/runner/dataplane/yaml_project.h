// A project as people write it: YAML files in a directory, read by the definition's own reader and
// staged partition by partition.
#pragma once

#include <algorithm>
#include <set>

#include "runner/definition/pipeline.h"
#include "tests/runner/dataplane/pipeline_for_tests.h"

namespace daybook::testing {

class YamlProject {
 public:
  void write(const std::string& name, std::string_view text) { write_file(root / name, text); }

  // Reads `file`; every complaint of the reader and of check_types fails the test.
  void read(const std::string& file = "p.pipeline.yaml") {
    Diagnostics diagnostics;
    pipeline = read_pipeline((root / file).string(), diagnostics);
    if (pipeline && !has_errors(diagnostics)) check_types(*pipeline, diagnostics);
    for (const Diagnostic& d : diagnostics) {
      if (d.severity == Severity::error) {
        ADD_FAILURE() << render(d);
      } else {
        warnings.push_back(d.code);
      }
    }
    ASSERT_TRUE(pipeline);
    Diagnostics none;
    auto found = find_partitions(*pipeline, none);
    for (const Diagnostic& d : none) ADD_FAILURE() << render(d);
    ASSERT_TRUE(found);
    partitions = std::move(*found);
  }
  Diagnostics check(const std::string& file = "p.pipeline.yaml") {
    Diagnostics diagnostics;
    pipeline = read_pipeline((root / file).string(), diagnostics);
    if (pipeline && !has_errors(diagnostics)) check_types(*pipeline, diagnostics);
    return diagnostics;
  }

  std::expected<StageResult, StageFailure> stage(std::size_t partition = 0,
                                                 StagedFormat format = StagedFormat::csv,
                                                 const std::string& column_key = {}) {
    StageRequest request;
    request.pipeline = &*pipeline;
    request.input = partitions.at(partition);
    request.format = format;
    request.column_key = column_key;
    request.overlay = overlay;
    request.threads = 2;
    request.directory = root / ("stage-" + std::to_string(++stages));
    std::filesystem::create_directories(request.directory);
    directory = request.directory;
    StageProgress progress;
    return daybook::stage(request, progress);
  }
  // The rows of the output as text, or why there are none.
  std::string rows(std::size_t partition = 0) {
    result = stage(partition);
    if (!result) return "failed: " + result.error().code + ": " + result.error().detail;
    std::string text;
    for (const StagedFile& file : result->files) text += read_file(directory / file.name);
    return text;
  }

  TemporaryDirectory root;
  std::optional<Pipeline> pipeline;
  std::vector<PartitionInput> partitions;
  std::vector<std::string> warnings;
  std::vector<OverlayRecord> overlay;
  std::expected<StageResult, StageFailure> result;
  std::filesystem::path directory;
  int stages = 0;
};

// Counts again what the result claims: lines of the sources, of the output and of the quarantine.
// For CSV sources whose records are lines.
inline void recount(const YamlProject& project, const PartitionInput& input,
                    const StageResult& result) {
  const auto lines = [](const std::string& text) {
    std::uint64_t n = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    return n + (!text.empty() && text.back() != '\n' ? 1 : 0);
  };
  std::uint64_t read = 0, out = 0;
  for (const std::string& file : input.files) read += lines(read_file(file)) - 1;
  for (const StagedFile& file : result.files) {
    out += lines(read_file(project.directory / file.name)) - 1;
    EXPECT_EQ(file.digest, sha256(bytes_of(read_file(project.directory / file.name))));
  }
  EXPECT_EQ(result.counts.read, read);
  EXPECT_EQ(result.counts.accepted, out);
  std::uint64_t set_aside = 0, last = 0;
  if (!result.quarantine_file.empty()) {
    const auto records = read_quarantine(result.quarantine_file);
    ASSERT_TRUE(records);
    set_aside = records->size();
    std::uint32_t source = 0;
    for (const QuarantinedRecord& record : *records) {
      EXPECT_FALSE(record.violations.empty());
      if (record.input != source) source = record.input, last = 0;
      EXPECT_GT(record.row, last);
      last = record.row;
      // The bytes are those of the source, at their offset.
      const std::string text = read_file(input.files.at(record.input));
      EXPECT_EQ(text.substr(record.byte_offset, record.bytes.size()), record.bytes);
    }
  }
  EXPECT_EQ(result.counts.quarantined, set_aside);
  EXPECT_EQ(read, out + set_aside + result.counts.filtered + result.counts.merged);
}

}  // namespace daybook::testing
