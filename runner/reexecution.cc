#include "runner/reexecution.h"

#include <algorithm>
#include <fstream>

#include "ledger/payload_store.h"
#include "replay/fold.h"
#include "replay/queries.h"
#include "runner/attempt.h"
#include "runner/connect/sink.h"
#include "runner/dataplane/compare.h"
#include "runner/dataplane/inputs.h"
#include "runner/dataplane/postgres_source.h"
#include "runner/definitions.h"
#include "runner/quarantine.h"

namespace daybook {

namespace fs = std::filesystem;

namespace {

using Kind = ReexecutionFailure::Kind;

std::unexpected<ReexecutionFailure> failed(Kind kind, std::string what, std::string detail,
                                           std::string hint = {}) {
  return std::unexpected(
      ReexecutionFailure{kind, std::move(what), std::move(detail), std::move(hint)});
}

std::unexpected<ReexecutionFailure> failed(std::string what, const Error& error) {
  const Kind kind = error.code == Error::Code::not_found ? Kind::missing
                    : error.code == Error::Code::corrupt ? Kind::changed
                                                         : Kind::storage;
  return failed(kind, std::move(what), error.detail, error.hint);
}

Result<AttemptStaged> staged_entry(const BookView& book, EntryIndex at) {
  auto entry = entry_at(book.ledger, at);
  if (!entry) return std::unexpected(entry.error());
  auto* staged = std::get_if<AttemptStaged>(&entry->event);
  if (staged == nullptr)
    return fail(Error::Code::not_found, "entry {} does not say that an attempt was staged", at);
  return std::move(*staged);
}

// Names come from the book, and files are made under them: below the sandbox, or not at all.
bool stays_below(const std::string& name) {
  const fs::path path(name);
  return !name.empty() && path.is_relative() &&
         std::ranges::none_of(path, [](const fs::path& part) { return part == ".."; });
}

// The inputs of an attempt as files whose bytes are the recorded ones.
class Inputs {
 public:
  Inputs(const BookView& book, const fs::path& project, const fs::path& directory,
         StageProgress& progress)
      : book_(book), project_(project), directory_(directory), progress_(progress) {}

  std::expected<std::string, ReexecutionFailure> place(const InputFile& input) {
    if (!stays_below(input.name))
      return failed(Kind::storage, input.name, "its recorded name leads out of the project");
    const fs::path to = directory_ / input.name;
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    if (error) return failed(Kind::storage, input.name, error.message());
    if (input.copy.bytes > 0 || input.bytes == 0) {
      const auto copied = copy(input, to);
      if (!copied) return std::unexpected(copied.error());
      if (*copied) return to.string();
    }
    const fs::path from = project_ / input.name;
    const auto there = hash_input(from.string(), "", progress_);
    const std::string erased =
        input.copy.bytes > 0 ? "; the copy that was kept of it is erased" : "";
    if (!there) {
      if (there.error().code == "source.missing")
        return failed(Kind::missing, input.name,
                      fmt::format("{} is not there any more{}", input.name, erased),
                      "put the file back as it was: its SHA-256 is " + hex(input.digest));
      return failed(Kind::storage, input.name, there.error().detail);
    }
    if (there->digest != input.digest)
      return failed(Kind::changed, input.name,
                    fmt::format("{} is not what was read: its SHA-256 is {}, recorded is {}{}",
                                input.name, hex(there->digest), hex(input.digest), erased),
                    "put the file back as it was, or set `retain: copy` for runs to come");
    // The stage hashes what it reads once more: a change between here and there is found.
    fs::create_symlink(fs::absolute(from), to, error);
    if (error) return failed(Kind::storage, input.name, error.message());
    return to.string();
  }

 private:
  // False: there is no copy.
  std::expected<bool, ReexecutionFailure> copy(const InputFile& input, const fs::path& to) {
    std::ofstream out(to, std::ios::binary | std::ios::trunc);
    Sha256 hash;
    if (input.bytes > 0) {
      const auto read = book_.payloads.read(as_address(input.copy), [&](Bytes piece) {
        hash.update(piece);
        out.write(reinterpret_cast<const char*>(piece.data()),
                  static_cast<std::streamsize>(piece.size()));
        return Result<void>{};
      });
      if (!read && read.error().code == Error::Code::not_found) {
        out.close();
        std::error_code ignored;
        fs::remove(to, ignored);
        return false;
      }
      if (!read) return failed("the kept copy of " + input.name, read.error());
    }
    out.close();
    if (!out) return failed(Kind::storage, input.name, "its copy can not be written");
    if (hash.finish() != input.digest)
      return failed(Kind::changed, input.name,
                    fmt::format("the kept copy of {} is not what was read", input.name));
    return true;
  }

  const BookView& book_;
  const fs::path& project_;
  const fs::path& directory_;
  StageProgress& progress_;
};

StagedFormat format_of(const Pipeline& pipeline) {
  const auto* to = std::get_if<DirectorySink>(&pipeline.sink.to);
  if (to == nullptr) return StagedFormat::parquet;
  switch (to->format) {
    case FileFormat::csv: return StagedFormat::csv;
    case FileFormat::jsonl: return StagedFormat::jsonl;
    case FileFormat::parquet: break;
  }
  return StagedFormat::parquet;
}

// What a merge into files was put together with: the generation that stood, done again itself. A
// merge into a database is done there: nothing is read of it here.
bool reads_current(const Pipeline& pipeline) {
  return pipeline.sink.mode == LoadMode::merge &&
         std::holds_alternative<DirectorySink>(pipeline.sink.to);
}

std::string listing(const std::vector<GateFinding>& gates) {
  std::string text;
  for (const GateFinding& gate : gates)
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", gate.gate,
                        gate.passed ? "passed" : "failed", gate.measured);
  return text.empty() ? "none" : text;
}

// The files a load left in its target, where all are there with the bytes of then.
std::vector<fs::path> files_of_then(const BookView& book, const RecordedAttempt& recorded,
                                    const Pipeline& pipeline, StageProgress& progress) {
  const auto* to = std::get_if<DirectorySink>(&pipeline.sink.to);
  const auto slot = book.state.slot(recorded.pipeline, recorded.sink, recorded.partition);
  if (to == nullptr || !slot || recorded.generation == 0) return {};
  const GenerationState* load = generation(*book.state.find(*slot), recorded.generation);
  if (load == nullptr || load->committed_at == no_entry) return {};
  const auto loaded = loaded_files(book.ledger, load->committed_at);
  if (!loaded) return {};
  std::vector<fs::path> files;
  for (const OutputFile& file : *loaded) {
    const fs::path path = fs::path(pipeline.project) / to->path / file.name;
    const auto there = hash_input(path.string(), "", progress);
    if (!there || there->digest != file.digest) return {};
    files.push_back(path);
  }
  return files;
}

}  // namespace

Result<RecordedAttempt> recorded_attempt(const BookView& book, EntryIndex at) {
  RecordedAttempt out;
  out.at = at;
  auto staged = staged_entry(book, at);
  if (!staged) return std::unexpected(staged.error());
  out.staged = std::move(*staged);
  const auto then = fold(book.ledger, at);
  if (!then) return std::unexpected(then.error());
  const Slot* slot = then->find(out.staged.slot);
  const RunState* run = then->find(out.staged.run);
  if (slot == nullptr || run == nullptr)
    return fail(Error::Code::corrupt, "entry {} stages what the book does not know", at);
  const DefinitionState* definition = then->find_definition(run->definition);
  if (definition == nullptr)
    return fail(Error::Code::corrupt, "run {} has no definition", out.staged.run);
  out.pipeline = slot->pipeline;
  out.sink = slot->sink;
  out.partition = slot->partition;
  out.definition = run->definition;
  out.definition_digest = definition->digest;
  out.engine = run->engine;
  out.before = slot->current;
  for (const GenerationState& generation : book.state.find(out.staged.slot)->generations)
    if (generation.staged_at == at) out.generation = generation.number;

  // The last steps of the runner before it staged, with the state of then.
  const BookView before{.state = *then, .ledger = book.ledger, .payloads = book.payloads};
  DefinitionCache definitions(before);
  const auto pipeline = definitions.get(out.definition, DefinitionCache::Match::any);
  if (!pipeline) return std::unexpected(pipeline.error());
  out.overlay_only = run->kind == RunKind::release && (*pipeline)->sink.mode == LoadMode::append;
  auto overlay = out.overlay_only ? undelivered_of(before, out.staged.slot)
                                  : overlay_of(before, out.staged.slot);
  if (!overlay) return std::unexpected(overlay.error());
  out.overlay = std::move(*overlay);
  return out;
}

Result<EntryIndex> staged_at(const BookView& book, SlotId slot, Generation number) {
  const Slot* s = book.state.find(slot);
  const GenerationState* found = s == nullptr ? nullptr : generation(*s, number);
  if (found == nullptr || found->staged_at == no_entry)
    return fail(Error::Code::not_found, "the partition has no generation {}", number);
  return found->staged_at;
}

Result<EntryIndex> staged_at(const BookView& book, RunId run, SlotId slot) {
  const RunState* of = book.state.find(run);
  const Slot* s = book.state.find(slot);
  if (of == nullptr || s == nullptr) return fail(Error::Code::not_found, "there is no run {}", run);
  EntryIndex at = no_entry;
  for (const GenerationState& generation : s->generations)
    if (generation.run == run) at = generation.staged_at;
  if (at != no_entry) return at;
  // Staged and never loaded: only the entries know it.
  const EntryIndex end = of->finished == no_entry ? book.state.size : of->finished;
  for (EntryIndex i = of->started; i < end; ++i) {
    const auto entry = entry_at(book.ledger, i);
    if (!entry) return std::unexpected(entry.error());
    const auto* staged = std::get_if<AttemptStaged>(&entry->event);
    if (staged != nullptr && staged->run == run && staged->slot == slot) at = i;
  }
  if (at != no_entry) return at;
  return fail(Error::Code::not_found, "run {} staged nothing for partition {}", run, s->partition);
}

std::vector<Difference> differences_of(const AttemptStaged& recorded, const StageResult& result) {
  std::vector<Difference> out;
  const auto compare = [&](std::string what, const auto& then, const auto& now, auto text) {
    if (then == now) return;
    out.push_back({std::move(what), text(then), text(now)});
  };
  const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
  const auto digest = [](const Digest& value) { return hex(value); };
  for (std::size_t i = 0; i < std::max(recorded.files.size(), result.inputs.size()); ++i) {
    if (i >= recorded.files.size() || i >= result.inputs.size()) {
      compare("inputs", recorded.files.size(), result.inputs.size(), number);
      break;
    }
    const InputFile &then = recorded.files[i], &now = result.inputs[i];
    compare(fmt::format("input {}: name", i), then.name, now.name,
            [](const std::string& value) { return value; });
    compare("input " + then.name, then.digest, now.digest, digest);
    compare("input " + then.name + ": records", then.records, now.records, number);
    compare("input " + then.name + ": record root", then.record_root, now.record_root, digest);
  }
  compare("inputs with released records", recorded.inputs, result.inputs_digest, digest);
  compare("counts.read", recorded.counts.read, result.counts.read, number);
  compare("counts.accepted", recorded.counts.accepted, result.counts.accepted, number);
  compare("counts.quarantined", recorded.counts.quarantined, result.counts.quarantined, number);
  compare("counts.filtered", recorded.counts.filtered, result.counts.filtered, number);
  compare("counts.merged", recorded.counts.merged, result.counts.merged, number);
  const std::vector<RuleCount> now = bounded_rules(result.rules);
  const auto count = [](const std::vector<RuleCount>& rules, const std::string& rule) {
    const auto found = std::ranges::find(rules, rule, &RuleCount::rule);
    return found == rules.end() ? 0 : found->rows;
  };
  for (const RuleCount& rule : recorded.rules)
    compare("rule " + rule.rule, rule.rows, count(now, rule.rule), number);
  for (const RuleCount& rule : now)
    if (std::ranges::find(recorded.rules, rule.rule, &RuleCount::rule) == recorded.rules.end())
      compare("rule " + rule.rule, std::uint64_t{0}, rule.rows, number);
  compare("quarantined records", recorded.quarantine_root, result.quarantine_root, digest);
  compare("gates", recorded.gates, result.gates, listing);
  compare("output rows", recorded.output_rows, result.output_rows, number);
  compare("output root", recorded.output_root, result.output_root, digest);
  compare("content", recorded.content, result.content, digest);
  return out;
}

std::expected<Reexecution, ReexecutionFailure> reexecute(const BookView& book,
                                                         const RecordedAttempt& recorded,
                                                         const ReexecutionOptions& options,
                                                         StageProgress& progress) {
  Reexecution out;
  out.recorded = recorded;
  out.directory = options.directory;
  std::error_code error;
  const fs::path inputs_directory = options.directory / "inputs";
  const fs::path output = options.directory / "output";
  if (fs::exists(options.directory, error))
    return failed(Kind::storage, options.directory.string(), "it is there already");
  fs::create_directories(inputs_directory, error);
  if (!error) fs::create_directories(output, error);
  if (error) return failed(Kind::storage, options.directory.string(), error.message());

  // The program and what it makes of the recorded definition.
  DefinitionCache definitions(book);
  out.pipeline = options.instead;
  if (!out.pipeline) {
    const auto pipeline = definitions.get(recorded.definition, DefinitionCache::Match::any);
    if (!pipeline) {
      const std::string what = fmt::format("definition {}", recorded.definition);
      if (pipeline.error().code == Error::Code::corrupt)
        return failed(Kind::program, what, pipeline.error().detail);
      return failed(what, pipeline.error());
    }
    out.pipeline = *pipeline;
  }
  if (const EngineVersion engine = engine_version(); engine.digest != recorded.engine)
    out.differences.push_back(
        {"engine", hex(recorded.engine), fmt::format("{} ({})", hex(engine.digest), engine.text)});
  if (out.pipeline->digest != recorded.definition_digest)
    out.differences.push_back(
        {"definition", hex(recorded.definition_digest), hex(out.pipeline->digest)});

  // Inputs: sources, then one file for each lookup.
  const auto lookups =
      static_cast<std::size_t>(std::ranges::count_if(out.pipeline->steps, [](const Step& step) {
        return std::holds_alternative<step::Lookup>(step);
      }));
  const std::vector<InputFile>& files = recorded.staged.files;
  if (files.size() < lookups)
    return failed(
        Kind::program, "inputs",
        fmt::format("{} files are recorded, and {} lookups need one each", files.size(), lookups));
  StageRequest request;
  const fs::path project(out.pipeline->project);
  Inputs inputs(book, project, inputs_directory, progress);
  const bool captured = std::holds_alternative<PostgresSource>(out.pipeline->source);
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto placed = inputs.place(files[i]);
    if (!placed) return std::unexpected(placed.error());
    if (i + lookups >= files.size())
      request.input.lookup_files.push_back(std::move(*placed));
    else if (captured)
      request.captured = std::move(*placed);
    else
      request.input.files.push_back(std::move(*placed));
  }

  Pipeline pipeline = *out.pipeline;
  pipeline.project = inputs_directory.string();  // names are those of then
  request.pipeline = &pipeline;
  request.input.key = recorded.partition;
  if (pipeline.partition.by == Partitioning::By::column) request.column_key = recorded.partition;
  request.overlay = recorded.overlay;
  request.overlay_only = recorded.overlay_only;
  request.format = options.format.value_or(format_of(pipeline));
  request.directory = output;
  request.threads = options.threads;
  request.memory_limit_bytes = options.memory_limit_bytes;
  request.lineage = options.lineage;
  if (const auto salts = read_salts(book.payloads, recorded.staged.salts))
    request.salts = *salts;
  else
    return failed(salts.error().code == Error::Code::not_found ? Kind::missing : Kind::storage,
                  "the salts of the attempt",
                  fmt::format("the leaves can not be made again: {}", salts.error().detail));

  if (reads_current(pipeline) && recorded.before != 0) {
    const auto at = staged_at(book, recorded.staged.slot, recorded.before);
    if (!at) return failed(fmt::format("generation {}", recorded.before), at.error());
    const auto earlier = recorded_attempt(book, *at);
    if (!earlier) return failed(fmt::format("generation {}", recorded.before), earlier.error());
    ReexecutionOptions again = options;
    again.directory = options.directory / fmt::format("generation-{}", recorded.before);
    again.format = format_of(pipeline);
    again.instead = nullptr;
    again.lineage = nullptr;
    auto before = reexecute(book, *earlier, again, progress);
    if (!before) return std::unexpected(before.error());
    for (Difference& difference : before->differences) {
      difference.what = fmt::format("generation {}, {}", recorded.before, difference.what);
      out.differences.push_back(std::move(difference));
    }
    for (const StagedFile& file : before->result.files)
      request.current_files.push_back(before->directory / "output" / file.name);
  }

  auto staged = stage(request, progress);
  if (!staged) return failed(Kind::failed, staged.error().code, staged.error().detail);
  out.result = std::move(*staged);
  const std::vector<Difference> found = differences_of(recorded.staged, out.result);
  out.differences.insert(out.differences.end(), found.begin(), found.end());

  // Which row: the book knows roots alone, what was loaded may still be there.
  if (out.result.output_root != recorded.staged.output_root &&
      request.format == format_of(pipeline)) {
    std::vector<Column> columns_of_then = out.result.columns;
    if (options.instead) {
      const auto ran = definitions.get(recorded.definition, DefinitionCache::Match::any);
      columns_of_then = ran ? output_columns(**ran) : std::vector<Column>{};
    }
    const auto then = files_of_then(book, recorded, *out.pipeline, progress);
    std::vector<fs::path> now;
    for (const StagedFile& file : out.result.files) now.push_back(output / file.name);
    const bool comparable =
        std::ranges::equal(out.result.columns, columns_of_then, {}, &Column::name, &Column::name);
    if (!then.empty() && comparable) {
      const auto row = first_row_that_differs(then, now, out.result.columns, options.directory);
      if (!row) return failed(Kind::failed, row.error().code, row.error().detail);
      if (*row)
        out.differences.push_back(
            {(*row)->column.empty() ? fmt::format("row {}", (*row)->row)
                                    : fmt::format("row {}, column {}", (*row)->row, (*row)->column),
             (*row)->left, (*row)->right});
    }
  }
  return out;
}

}  // namespace daybook
