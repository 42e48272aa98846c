// What the runner asks of the outside: sources, the data plane and scratch files.
#include "runner/outside.h"

#include <algorithm>

#include "ledger/payload_store.h"
#include "runner/attempt.h"
#include "runner/connect/sink.h"
#include "runner/definition/partitions.h"
#include "runner/planning.h"

namespace daybook {

namespace fs = std::filesystem;

namespace {

StageFailure storage_failure(std::string_view what, const Error& error) {
  return {.error = ErrorClass::transient,
          .code = "storage",
          .fingerprint = fmt::format("storage.{}", what),
          .detail = fmt::format("{}: {}", what, error.detail),
          .classified_by = "payloads"};
}

}  // namespace

std::expected<std::vector<Offered>, RunProblem> offers_of(const Pipeline& pipeline) {
  Diagnostics diagnostics;
  const auto found = find_partitions(pipeline, diagnostics);
  if (!found)
    return std::unexpected(RunProblem{.kind = RunProblem::Kind::source,
                                      .message = "the source's partitions can not be read",
                                      .hint = {},
                                      .diagnostics = std::move(diagnostics)});
  std::vector<Offered> out;
  for (const PartitionInput& input : *found) {
    if (pipeline.partition.by != Partitioning::By::column) {
      out.push_back({.input = input, .key = input.key, .column_key = {}});
      continue;
    }
    StageProgress progress;
    const auto keys = discover_partitions(pipeline, input, progress);
    if (!keys)
      return std::unexpected(RunProblem{.kind = RunProblem::Kind::source,
                                        .message = keys.error().detail,
                                        .hint = {},
                                        .diagnostics = {}});
    for (const std::string& key : *keys)
      out.push_back({.input = input, .key = key, .column_key = key});
  }
  return out;
}

std::expected<Digest, StageFailure> inputs_now(const Pipeline& pipeline, const Offered& offered,
                                               const std::vector<OverlayRecord>& overlay) {
  StageProgress progress;
  return inputs_digest_of(pipeline, offered.input, offered.column_key, overlay, progress);
}

std::expected<AttemptOutcome, StageFailure> execute_attempt(const AttemptWork& work,
                                                            StageProgress& progress) {
  std::error_code error;
  fs::remove_all(work.directory, error);
  fs::create_directories(work.directory, error);
  if (error)
    return std::unexpected(
        storage_failure(work.directory.string(), Error{Error::Code::io, error.message(), ""}));

  auto sink = open_sink(*work.pipeline, work.memory);
  const auto sink_failure = [](const SinkFailure& failure) {
    return StageFailure{
        .error = failure.error,
        .code = failure.code,
        .fingerprint = failure.fingerprint.empty() ? failure.code : failure.fingerprint,
        .detail = failure.detail,
        .classified_by = failure.classified_by};
  };
  if (!sink) return std::unexpected(sink_failure(sink.error()));

  StageRequest request;
  request.pipeline = work.pipeline.get();
  request.input = work.offered.input;
  request.column_key = work.offered.column_key;
  request.overlay = work.overlay;
  request.overlay_only = work.overlay_only;
  request.format = (*sink)->staged_format();
  request.directory = work.directory;
  request.threads = work.threads;
  request.memory_limit_bytes = work.memory_limit_bytes;
  if (work.pipeline->sink.mode == LoadMode::merge) {
    auto current = (*sink)->current_files(work.base);
    if (!current) return std::unexpected(sink_failure(current.error()));
    request.current_files = std::move(*current);
  }

  PayloadRef salts = work.salts;
  request.salts = work.fresh_salts;
  if (const auto known = read_salts(*work.payloads, salts)) {
    request.salts = *known;
  } else {
    const auto kept = work.payloads->put(std::as_bytes(std::span(work.fresh_salts)));
    if (!kept) return std::unexpected(storage_failure("keeping the salts", kept.error()));
    salts = as_ref(*kept);
  }

  auto staged = stage(request, progress);
  if (!staged) return std::unexpected(staged.error());
  // What was released is a record of one file. Where that file has changed there is nothing to put
  // it in the place of, and a load without it must not count as its delivery.
  for (const OverlayRecord& record : work.overlay) {
    if (!work.release || std::ranges::find(staged->inputs, record.source, &InputFile::digest) !=
                             staged->inputs.end())
      continue;
    return std::unexpected(StageFailure{
        .error = ErrorClass::data,
        .code = "release.source_changed",
        .fingerprint = "release.source_changed",
        .detail = "the source changed after its records were set aside; run the pipeline, then "
                  "decide about what it sets aside now",
        .classified_by = "input digest"});
  }

  AttemptOutcome out{
      .result = std::move(*staged), .quarantine = {}, .salts = salts, .directory = work.directory};
  if (work.pipeline->retain == InputRetention::copy) {
    for (InputFile& input : out.result.inputs) {
      input.copy = work.known_copies(input.digest);
      if (input.copy.bytes > 0 || input.bytes == 0) continue;
      fs::path file = fs::path(work.pipeline->project) / input.name;
      if (!fs::exists(file, error)) file = work.directory / input.name;  // a captured query
      Digest copied{};
      const auto kept = work.payloads->put_file(file.string(), &copied);
      if (!kept) return std::unexpected(storage_failure("keeping the input", kept.error()));
      if (copied != input.digest)
        return std::unexpected(
            StageFailure{.error = ErrorClass::transient,
                         .code = "source.changed",
                         .fingerprint = "source.changed",
                         .detail = fmt::format("{} changed while it was read", input.name),
                         .classified_by = "input digest"});
      input.copy = as_ref(*kept);
    }
  }
  if (!out.result.quarantine_file.empty()) {
    const auto kept = work.payloads->put_file(out.result.quarantine_file.string(), nullptr);
    if (!kept)
      return std::unexpected(storage_failure("keeping the quarantined records", kept.error()));
    out.quarantine = as_ref(*kept);
  }
  return out;
}

void discard(const fs::path& staged) {
  std::error_code ignored;
  fs::remove_all(staged, ignored);
}

}  // namespace daybook
