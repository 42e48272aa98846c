#include "runner/attempt.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "ledger/payload_store.h"
#include "runner/connect/sink.h"

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

std::vector<RuleCount> bounded_rules(std::vector<RuleCount> rules) {
  if (rules.size() <= limits::list_items_max) return rules;
  std::ranges::stable_sort(rules, std::greater<>{}, &RuleCount::rows);
  RuleCount rest{.rule = "(others)", .rows = 0};
  for (std::size_t i = limits::list_items_max - 1; i < rules.size(); ++i)
    rest.rows += rules[i].rows;
  rules.resize(limits::list_items_max - 1);
  rules.push_back(rest);
  return rules;
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
    auto current = (*sink)->current_files(work.pipeline_name, work.partition, work.lost);
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

Result<Digest> read_salts(const PayloadStore& payloads, const PayloadRef& salts) {
  Digest secret{};
  if (salts.bytes != secret.size())
    return fail(Error::Code::not_found, "there are no salts of this attempt");
  const auto bytes = payloads.get(as_address(salts));
  if (!bytes) return std::unexpected(bytes.error());
  std::copy_n(bytes->begin(), secret.size(), secret.begin());
  return secret;
}

StageAttempt stage_command(const AttemptOutcome& outcome, const Pipeline& pipeline) {
  const StageResult& result = outcome.result;
  StageAttempt command;
  command.staged.inputs = result.inputs_digest;
  command.staged.files = result.inputs;
  command.staged.counts = result.counts;
  command.staged.rules = bounded_rules(result.rules);
  command.staged.output_root = result.output_root;
  command.staged.output_rows = result.output_rows;
  command.staged.content = result.content;
  command.staged.quarantine_root = result.quarantine_root;
  command.staged.quarantine = outcome.quarantine;
  command.staged.gates = result.gates;
  command.staged.salts = outcome.salts;
  command.approvals_needed = pipeline.approvals_load;
  return command;
}

std::vector<Column> output_columns(const Pipeline& pipeline) {
  if (pipeline.output) return pipeline.output->columns;
  return pipeline.schema.empty() ? std::vector<Column>{} : pipeline.schema.back();
}

PayloadRef known_copy(const Keeper& keeper, const Digest& source) {
  const auto value = keeper.ledger().get("input/" + hex(source));
  if (!value || value->size() != sizeof(Digest) + sizeof(std::uint64_t)) return {};
  PayloadRef ref;
  std::copy_n(value->begin(), ref.digest.size(), ref.digest.begin());
  for (std::size_t i = 0; i < 8; ++i)
    ref.bytes |= std::uint64_t{static_cast<std::uint8_t>((*value)[32 + i])} << (8 * i);
  return keeper.state().erased.contains(ref.digest) ? PayloadRef{} : ref;
}

Result<void> remember_copy(Keeper& keeper, const Digest& source, const PayloadRef& copy) {
  std::string value(copy.digest.begin(), copy.digest.end());
  for (std::size_t i = 0; i < 8; ++i)
    value += static_cast<char>(static_cast<std::uint8_t>(copy.bytes >> (8 * i)));
  return keeper.remember("input/" + hex(source), value);
}

}  // namespace daybook
