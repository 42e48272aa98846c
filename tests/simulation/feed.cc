#include "tests/simulation/feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "ledger/payload_store.h"
#include "runner/connect/sink.h"
#include "runner/dataplane/quarantine_file.h"
#include "runner/outside.h"
#include "runner/planning.h"
#include "tests/simulation/canary.h"
#include "tests/simulation/simulation.h"

namespace daybook::sim {

namespace {

Digest digest_of(std::string_view text) { return sha256(bytes_of(text)); }

std::string file_of(const std::string& key) { return "feed/" + key + "/items.csv"; }

}  // namespace

std::string Part::text() const {
  std::string out = "key,number,value\n";
  for (const std::string& row : rows) out += row + "\n";
  return out;
}

Feed::Feed(World& world) : world_(world) {
  for (std::uint32_t i = 0; i < world.options.partitions; ++i) {
    const std::string key = fmt::format("p{:02}", i);
    write(key, parts_[key]);
  }
}

void Feed::write(const std::string& key, Part& part) {
  Chance& chance = world_.sources;
  ++part.version;
  part.rows.clear();
  for (std::uint64_t i = 0, n = chance.between(1, world_.options.rows); i < n; ++i) {
    const auto kind = chance.below(10);
    const char* word = kind == 0 ? "bad" : kind == 1 ? "test" : kind == 2 ? "again" : "good";
    part.rows.push_back(fmt::format("{},{},{}-{}", key, i, word, part.version));
  }
}

void Feed::change(std::uint32_t parts) {
  for (std::uint32_t i = 0; i < parts; ++i) {
    auto at = parts_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(world_.sources.below(parts_.size())));
    write(at->first, at->second);
  }
}

void Feed::change(const std::string& key) { write(key, parts_.at(key)); }

void Feed::come_and_go() {
  auto at = parts_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(world_.sources.below(parts_.size())));
  at->second.there = !at->second.there;
}

std::vector<std::string> merged_by_key(const std::vector<std::string>& stand,
                                       const std::vector<std::string>& incoming) {
  std::map<std::string, std::string> by_key;
  for (const auto* rows : {&stand, &incoming})
    for (const std::string& row : *rows) {
      const std::size_t from = row.find(',') + 1;
      by_key[row.substr(from, row.find(',', from) - from)] = row;
    }
  std::vector<std::string> out;
  for (auto& [key, row] : by_key) out.push_back(std::move(row));
  return out;
}

Digest content_of(const std::vector<std::string>& rows, bool overlay_only) {
  if (canary(Canary::same_id_other_content)) return digest_of("content");
  std::string content = overlay_only ? "delivered" : "whole";
  for (const std::string& each : rows) content += "\n" + each;
  return digest_of(content);
}

// "bad" rows break a rule, "test" rows are filtered, "again" rows are merged into others.
Made Feed::made_of(const std::string& text, const std::vector<OverlayRecord>& overlay,
                   bool overlay_only) const {
  Made out;
  const Digest source = digest_of(text);
  std::uint64_t row = 0;
  std::size_t at = text.find('\n') + 1;
  std::string inputs = hex(source);
  for (; at < text.size(); at = text.find('\n', at) + 1) {
    ++row;
    std::string bytes = text.substr(at, text.find('\n', at) - at);
    const auto replaced = std::ranges::find_if(overlay, [&](const OverlayRecord& each) {
      return each.source == source && each.row == row;
    });
    const bool waived = replaced != overlay.end() && replaced->waive_rules;
    if (overlay_only && replaced == overlay.end()) continue;
    if (replaced != overlay.end()) bytes = replaced->bytes;
    ++out.counts.read;
    if (bytes.find(",bad") != std::string::npos && !waived) {
      if (canary(Canary::swallow_quarantined)) {
        --out.counts.read;
        continue;
      }
      ++out.counts.quarantined;
      out.set_aside.push_back({.input = 0,
                               .row = row,
                               .byte_offset = at,
                               .bytes = bytes,
                               .violations = {{"value", "value", "it is bad"}}});
    } else if (bytes.find(",test") != std::string::npos) {
      ++out.counts.filtered;
    } else if (bytes.find(",again") != std::string::npos) {
      ++out.counts.merged;
    } else {
      ++out.counts.accepted;
      out.rows.push_back(bytes);
    }
  }
  for (const OverlayRecord& record : overlay)
    inputs += fmt::format("|{}|{}|{}|{}", hex(record.source), record.row, record.bytes,
                          record.waive_rules);
  out.inputs = digest_of(inputs);
  if (world_.options.merges()) {
    const std::size_t before = out.rows.size();
    out.rows = merged_by_key({}, out.rows);
    out.counts.merged += before - out.rows.size();
    out.counts.accepted = out.rows.size();
  }
  out.content = content_of(out.rows, overlay_only);
  return out;
}

}  // namespace daybook::sim

// --- what outside.h promises ---------------------------------------------------------------------

namespace daybook {

using sim::Fault;
using sim::World;

namespace {

StageFailure failure(ErrorClass error, std::string code, std::string detail) {
  return {.error = error,
          .code = code,
          .fingerprint = code,
          .detail = std::move(detail),
          .classified_by = "simulation"};
}

sim::Feed& feed() { return sim::Simulation::here().feed; }

// Reading takes its time, and is told to stop now and then.
bool read_on(World& world, StageProgress& progress, Timestamp span) {
  for (int i = 0; i < 3; ++i) {
    world.wait(span / 3);
    if (progress.cancel) return false;
  }
  return true;
}

// The rows a merge is put over, as the sink has them.
std::expected<std::vector<std::string>, StageFailure> rows_that_stand(const AttemptWork& work) {
  if (canary(sim::Canary::forget_what_stands)) return {};
  const auto failed = [](const SinkFailure& f) { return failure(f.error, f.code, f.detail); };
  auto sink = open_sink(*work.pipeline, work.memory);
  if (!sink) return std::unexpected(failed(sink.error()));
  const auto files = (*sink)->current_files(work.base);
  if (!files) return std::unexpected(failed(files.error()));
  std::vector<std::string> rows;
  for (const std::filesystem::path& path : *files) {
    const auto file = sim::Simulation::here().lake.find(path.string());
    if (!file)
      return std::unexpected(failure(ErrorClass::transient, "merge.current", "it is gone"));
    std::istringstream lines(file->data);
    for (std::string row; std::getline(lines, row);) rows.push_back(row);
  }
  return rows;
}

}  // namespace

std::expected<std::vector<Offered>, RunProblem> offers_of(const Pipeline& pipeline) {
  World& world = World::here();
  std::vector<Offered> out;
  for (const auto& [key, part] : feed().parts()) {
    if (!part.there) continue;
    if (canary(sim::Canary::skip_partition) && out.size() + 1 == feed().parts().size()) continue;
    Offered one;
    one.key = key;
    one.input.key = key;
    one.input.files = {pipeline.project + "/" + sim::file_of(key)};
    one.input.placeholders = {{"part", key}};
    out.push_back(std::move(one));
  }
  world.wait(static_cast<Timestamp>(world.sources.below(50'000)));
  return out;
}

std::expected<Digest, StageFailure> inputs_now(const Pipeline&, const Offered& offered,
                                               const std::vector<OverlayRecord>& overlay) {
  World& world = World::here();
  world.wait(static_cast<Timestamp>(world.sources.below(100'000)));
  const auto part = feed().parts().find(offered.key);
  if (part == feed().parts().end() || !part->second.there)
    return std::unexpected(failure(ErrorClass::data, "source.missing", "it is gone"));
  return feed().made_of(part->second.text(), overlay, false).inputs;
}

std::expected<AttemptOutcome, StageFailure> execute_attempt(const AttemptWork& work,
                                                            StageProgress& progress) {
  World& world = World::here();
  const auto kept_failure = [](const Error& error) {
    return failure(ErrorClass::transient, "storage", error.detail);
  };
  PayloadRef salts = work.salts;
  if (!read_salts(*work.payloads, salts)) {
    const auto kept = work.payloads->put(std::as_bytes(std::span(work.fresh_salts)));
    if (!kept) return std::unexpected(kept_failure(kept.error()));
    salts = as_ref(*kept);
  }
  const auto found = feed().parts().find(work.offered.key);
  if (found == feed().parts().end() || !found->second.there)
    return std::unexpected(failure(ErrorClass::data, "source.missing", "it is gone"));
  const std::string text = found->second.text();
  auto span = static_cast<Timestamp>(world.sources.below(2'000'000));
  if (world.strikes(Fault::source)) {
    world.happened(Fault::source);
    switch (world.faults.below(4)) {
      case 0:
        return std::unexpected(
            failure(ErrorClass::dependency_down, "source.down", "the source does not answer"));
      case 1:
        return std::unexpected(
            failure(ErrorClass::transient, "source.reset", "the connection was reset"));
      case 2:
        world.sometimes("a source was slower than the attempt may take");
        span += static_cast<Timestamp>(world.faults.between(60, 4'000)) * sim::second;
        break;
      default: feed().change(work.offered.key); break;
    }
  }
  if (!read_on(world, progress, span))
    return std::unexpected(failure(ErrorClass::transient, "cancelled", "told to stop"));
  if (found->second.text() != text) {
    world.sometimes("a source changed while it was read");
    ++world.figures.happened["source changed"];
    return std::unexpected(
        failure(ErrorClass::transient, "source.changed", "it changed while it was read"));
  }

  sim::Made made = feed().made_of(text, work.overlay, work.overlay_only);
  feed().incoming[made.inputs] = made.rows;
  if (world.options.merges()) {
    const auto stand = rows_that_stand(work);
    if (!stand) return std::unexpected(stand.error());
    const std::size_t fresh = made.rows.size();
    made.rows = sim::merged_by_key(*stand, made.rows);
    if (made.rows.size() > fresh) world.sometimes("a merge kept rows that stood");
    made.content = sim::content_of(made.rows, false);
  }
  const Digest source = sha256(bytes_of(text));
  for (const OverlayRecord& record : work.overlay)
    if (work.release && record.source != source)
      return std::unexpected(failure(ErrorClass::data, "release.source_changed",
                                     "the source changed after its records were set aside"));
  AttemptOutcome out;
  out.salts = salts;
  out.directory = work.directory;
  StageResult& result = out.result;
  InputFile input{.name = sim::file_of(work.offered.key),
                  .digest = source,
                  .bytes = text.size(),
                  .records = made.counts.read,
                  .record_root = source,
                  .copy = {}};
  if (work.pipeline->retain == InputRetention::copy) {
    input.copy = work.known_copies(source);
    if (input.copy.bytes == 0) {
      const auto kept = work.payloads->put(bytes_of(text));
      if (!kept) return std::unexpected(kept_failure(kept.error()));
      input.copy = as_ref(*kept);
    }
  }
  result.inputs.push_back(std::move(input));
  result.inputs_digest = made.inputs;
  result.counts = made.counts;
  if (canary(sim::Canary::conservation_broken) && result.counts.read > 1) --result.counts.read;
  if (made.counts.quarantined > 0) result.rules.push_back({"value", made.counts.quarantined});
  result.output_rows = made.rows.size();
  result.content = made.content;
  result.output_root = made.content;
  std::string lines;
  for (const std::string& row : made.rows) lines += row + "\n";
  result.files.push_back({.name = "part-0",
                          .bytes = lines.size(),
                          .rows = made.rows.size(),
                          .digest = sha256(bytes_of(lines))});
  if (!made.set_aside.empty()) {
    std::string aside;
    for (const QuarantinedRecord& record : made.set_aside) aside += quarantine_line(record);
    world.figures.happened["records set aside"] += made.set_aside.size();
    result.quarantine_root = sha256(bytes_of(aside));
    const auto kept = work.payloads->put(bytes_of(aside));
    if (!kept) return std::unexpected(kept_failure(kept.error()));
    out.quarantine = as_ref(*kept);
  }
  sim::Simulation::here().keep_staged(work.directory.string(), made.rows, lines);
  feed().truth[made.content] = made.rows;
  return out;
}

void discard(const std::filesystem::path& staged) {
  sim::Simulation::here().drop_staged(staged.string());
}

}  // namespace daybook
