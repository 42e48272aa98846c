#include "replay/run_diff.h"

#include <algorithm>
#include <utility>

#include "ledger/codec/event_codec.h"
#include "replay/queries.h"
#include "replay/sentences.h"

namespace daybook {
namespace {

constexpr EntryIndex boots_read_at_once = 4'096;

// The program of the boot that wrote `entry`: the last Booted before it.
Result<std::string> program_of(const Ledger& ledger, EntryIndex entry) {
  for (EntryIndex end = entry; end > 0;) {
    const EntryIndex begin = end > boots_read_at_once ? end - boots_read_at_once : 0;
    std::optional<std::string> found;
    Result<void> broken;
    const auto read = ledger.read(begin, end, [&](EntryIndex, Bytes bytes) {
      auto decoded = decode(bytes);
      if (!decoded) {
        broken = std::unexpected(decoded.error());
        return false;
      }
      if (auto* boot = std::get_if<Booted>(&decoded->event)) found = std::move(boot->version);
      return true;
    });
    if (!read) return std::unexpected(read.error());
    if (!broken) return std::unexpected(broken.error());
    if (found) return std::move(*found);
    end = begin;
  }
  return std::string();
}

std::string counts_text(const RowCounts& c) {
  return fmt::format("{} {} {} {} {}", c.read, c.accepted, c.quarantined, c.filtered, c.merged);
}

// The files of a load that this entry names, or null where it is about something else.
const std::vector<OutputFile>* loaded_by(const Event& event) {
  if (const auto* listed = std::get_if<LoadFilesListed>(&event)) return &listed->files;
  if (const auto* committed = std::get_if<LoadCommitted>(&event)) return &committed->files;
  return nullptr;
}

// What two runs may have in common of an event.
std::string essence_of(const Event& event) {
  std::string out(event_name(event));
  const auto add = [&](std::string_view text) { (out += ' ') += text; };
  // What a plan knew of the inputs depends on what stood before; what was read is told by staging.
  if (const auto* staged = std::get_if<AttemptStaged>(&event)) {
    for (const InputFile& file : staged->files) add(file.name + " " + hex(file.digest));
    add(counts_text(staged->counts));
    for (const RuleCount& rule : staged->rules) add(fmt::format("{} {}", rule.rule, rule.rows));
  } else if (const auto* failed = std::get_if<AttemptFailed>(&event)) {
    add(failed->code);
    add(failed->fingerprint);
  } else if (const auto* files = loaded_by(event)) {
    for (const OutputFile& file : *files) add(hex(file.digest));
  } else if (const auto* held = std::get_if<SlotHeld>(&event)) {
    add(held->reason);
  } else if (const auto* set_aside = std::get_if<SlotQuarantined>(&event)) {
    add(set_aside->reason);
  }
  return out;
}

std::optional<SlotId> slot_of(const Event& event) {
  return std::visit(
      [](const auto& e) -> std::optional<SlotId> {
        if constexpr (requires {
                        e.slot;
                        e.run;
                      }) {
          return e.slot;
        } else {
          return std::nullopt;
        }
      },
      event);
}

void take(PartitionFacts& facts, EntryIndex index, const Event& event) {
  const auto current = [&](Attempt number) -> AttemptFacts& {
    if (facts.attempts.empty() || facts.attempts.back().attempt != number)
      facts.attempts.push_back({.attempt = number,
                                .started = no_entry,
                                .ended = no_entry,
                                .staged = {},
                                .failed = {},
                                .lost = false});
    return facts.attempts.back();
  };
  if (const auto* e = std::get_if<PartitionPlanned>(&event)) facts.planned = *e;
  if (const auto* e = std::get_if<PartitionSkipped>(&event)) facts.skipped = *e;
  if (const auto* e = std::get_if<AttemptStarted>(&event)) current(e->attempt).started = index;
  if (const auto* e = std::get_if<AttemptStaged>(&event)) {
    AttemptFacts& attempt = current(e->attempt);
    attempt.staged = *e;
    attempt.ended = index;
  }
  if (const auto* e = std::get_if<AttemptFailed>(&event)) {
    AttemptFacts& attempt = current(e->attempt);
    attempt.failed = *e;
    attempt.ended = index;
  }
  if (std::holds_alternative<LoadIntended>(event)) facts.files.clear();
  if (const auto* files = loaded_by(event))
    for (const OutputFile& file : *files) facts.files.push_back(file.digest);
  if (const auto* e = std::get_if<AttemptLost>(&event)) {
    AttemptFacts& attempt = current(e->attempt);
    attempt.lost = true;
    attempt.ended = index;
  }
}

class Differences {
 public:
  void add(std::string what, std::string a, std::string b) {
    if (a != b) list_.push_back({std::move(what), std::move(a), std::move(b)});
  }
  void add(std::string what, std::uint64_t a, std::uint64_t b) {
    add(std::move(what), fmt::format("{}", a), fmt::format("{}", b));
  }
  std::vector<RunDifference> take() { return std::move(list_); }

 private:
  std::vector<RunDifference> list_;
};

// Lists of named things, by name; what is on one side alone is `absent` on the other.
template <typename Item, typename Name, typename Text>
void compare_lists(Differences& out, std::string_view what, const std::vector<Item>& a,
                   const std::vector<Item>& b, Name name, Text text,
                   const std::string& absent = {}) {
  std::map<std::string, std::pair<std::string, std::string>> all;
  for (const auto* side : {&a, &b})
    for (const Item& item : *side) all[name(item)] = {absent, absent};
  for (const Item& item : a) all[name(item)].first = text(item);
  for (const Item& item : b) all[name(item)].second = text(item);
  for (auto& [key, texts] : all)
    out.add(fmt::format("{} {}", what, key), std::move(texts.first), std::move(texts.second));
}

void compare_staged(Differences& out, const AttemptStaged& a, const AttemptStaged& b) {
  compare_lists(
      out, "input", a.files, b.files, [](const InputFile& f) { return f.name; },
      [](const InputFile& f) { return fmt::format("sha256:{}", short_hex(f.digest)); });
  if (a.inputs != b.inputs &&
      std::ranges::equal(a.files, b.files, {}, &InputFile::digest, &InputFile::digest))
    out.add("inputs besides the files (released records, column key)", short_hex(a.inputs),
            short_hex(b.inputs));
  out.add("rows read", a.counts.read, b.counts.read);
  out.add("rows accepted", a.counts.accepted, b.counts.accepted);
  out.add("rows quarantined", a.counts.quarantined, b.counts.quarantined);
  out.add("rows filtered", a.counts.filtered, b.counts.filtered);
  out.add("rows merged", a.counts.merged, b.counts.merged);
  compare_lists(
      out, "rule", a.rules, b.rules, [](const RuleCount& r) { return r.rule; },
      [](const RuleCount& r) { return fmt::format("{}", r.rows); }, "0");
  compare_lists(
      out, "gate", a.gates, b.gates, [](const GateFinding& g) { return g.gate; },
      [](const GateFinding& g) {
        return fmt::format("{} (required {}): {}", g.measured, g.required,
                           g.passed     ? "passed"
                           : g.blocking ? "failed"
                                        : "warned");
      });
  out.add("output rows", a.output_rows, b.output_rows);
  // Commitments with the same salts are those of the same rows or not; with others nothing is said.
  if (a.salts == b.salts && a.content != b.content)
    out.add("output", short_hex(a.content), short_hex(b.content));
}

PartitionDiff compare(const std::string& key, const PartitionFacts* a, const PartitionFacts* b) {
  PartitionDiff diff{
      .partition = key, .a = a, .b = b, .differences = {}, .first_a = nullptr, .first_b = nullptr};
  Differences out;
  if (a == nullptr || b == nullptr) {
    out.add("partition", a == nullptr ? "" : a->outcome(), b == nullptr ? "" : b->outcome());
    diff.differences = out.take();
    return diff;
  }
  out.add("outcome", a->outcome(), b->outcome());
  if (!a->skipped && !b->skipped) out.add("attempts", a->attempts.size(), b->attempts.size());
  if (const AttemptStaged* one = a->staged(), *other = b->staged(); one && other)
    compare_staged(out, *one, *other);
  if (!a->files.empty() && !b->files.empty() && a->files != b->files) {
    const auto text = [](const std::vector<Digest>& files) {
      std::string all;
      for (const Digest& file : files) all += (all.empty() ? "" : " ") + short_hex(file);
      return all;
    };
    out.add("output files", text(a->files), text(b->files));
  }
  diff.differences = out.take();
  const auto [x, y] = std::ranges::mismatch(a->happenings, b->happenings, {}, &Happening::essence,
                                            &Happening::essence);
  if (x != a->happenings.end()) diff.first_a = &*x;
  if (y != b->happenings.end()) diff.first_b = &*y;
  return diff;
}

std::string_view kind_name(RunKind kind) {
  switch (kind) {
    case RunKind::normal: return "normal";
    case RunKind::rerun: return "rerun";
    case RunKind::release: return "release";
  }
  return "?";
}

std::string outcome_name(const RunState& run) {
  if (run.open) return "open";
  switch (run.outcome) {
    case RunOutcome::succeeded: return "succeeded";
    case RunOutcome::failed: return "failed";
    case RunOutcome::held: return "held";
    case RunOutcome::cancelled: return "cancelled";
  }
  return "?";
}

std::string_view skip_name(SkipReason reason) {
  switch (reason) {
    case SkipReason::unchanged: return "unchanged";
    case SkipReason::late_rejected: return "late data is rejected";
    case SkipReason::set_aside: return "set aside";
    case SkipReason::waiting: return "waiting";
    case SkipReason::compensated: return "taken back";
    case SkipReason::appended: return "appended already";
  }
  return "?";
}

}  // namespace

const AttemptStaged* PartitionFacts::staged() const {
  for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt)
    if (attempt->staged) return &*attempt->staged;
  return nullptr;
}

std::string PartitionFacts::outcome() const {
  if (loaded && loaded->standing != Standing::aborted && loaded->standing != Standing::intended)
    return "loaded";
  if (skipped) return fmt::format("skipped: {}", skip_name(skipped->reason));
  if (attempts.empty()) return "planned";
  const AttemptFacts& last = attempts.back();
  if (last.failed) return fmt::format("failed: {}", last.failed->code);
  if (last.lost) return "lost";
  if (last.staged) return "staged, not loaded";
  return "started";
}

bool PartitionDiff::same_rows() const {
  const AttemptStaged* one = a == nullptr ? nullptr : a->staged();
  const AttemptStaged* other = b == nullptr ? nullptr : b->staged();
  if (one == nullptr || other == nullptr) return false;
  return one->content == other->content || (!a->files.empty() && a->files == b->files);
}

Result<RunFacts> run_facts(const State& state, const Ledger& ledger, RunId id) {
  const RunState* run = state.find(id);
  if (run == nullptr) return fail(Error::Code::not_found, "there is no run {}", id);
  RunFacts facts{.run = id,
                 .program = {},
                 .ended = run->open ? state.size : run->finished + 1,
                 .partitions = {}};
  auto program = program_of(ledger, run->started);
  if (!program) return std::unexpected(program.error());
  facts.program = std::move(*program);
  Result<void> broken;
  const auto read = ledger.read(run->started, facts.ended, [&](EntryIndex index, Bytes bytes) {
    const auto entry = decode(bytes);
    if (!entry) {
      broken = std::unexpected(entry.error());
      return false;
    }
    const auto slot = slot_of(entry->event);
    if (!slot || run_of(state, entry->event) != id) return true;
    const Slot* place = state.find(*slot);
    if (place == nullptr) return true;
    PartitionFacts& partition = facts.partitions[place->partition];
    partition.slot = *slot;
    take(partition, index, entry->event);
    partition.happenings.push_back(
        {index, essence_of(entry->event), sentence(state, entry->event)});
    return true;
  });
  if (!read) return std::unexpected(read.error());
  if (!broken) return std::unexpected(broken.error());
  for (auto& [key, partition] : facts.partitions)
    for (const GenerationState& g : state.find(partition.slot)->generations)
      if (g.run == id) partition.loaded = g;
  return facts;
}

std::vector<PartitionDiff> diff_partitions(const RunFacts& a, const RunFacts& b) {
  std::map<std::string, std::pair<const PartitionFacts*, const PartitionFacts*>> all;
  for (const auto& [key, facts] : a.partitions) all[key].first = &facts;
  for (const auto& [key, facts] : b.partitions) all[key].second = &facts;
  std::vector<PartitionDiff> out;
  for (const auto& [key, sides] : all) out.push_back(compare(key, sides.first, sides.second));
  return out;
}

std::vector<RunDifference> diff_settings(const State& state, const RunFacts& a, const RunFacts& b) {
  const RunState &x = *state.find(a.run), &y = *state.find(b.run);
  const auto definition = [&](const RunState& run) {
    const DefinitionState* found = state.find_definition(run.definition);
    return found == nullptr
               ? std::string()
               : fmt::format("v{} sha256:{}", found->version, short_hex(found->digest));
  };
  const auto engine = [](const RunState& run) {
    return fmt::format("sha256:{}", short_hex(run.engine));
  };
  Differences out;
  out.add("pipeline", x.pipeline, y.pipeline);
  out.add("definition", definition(x), definition(y));
  out.add("engine", engine(x), engine(y));
  out.add("daybook", a.program, b.program);
  out.add("kind", std::string(kind_name(x.kind)), std::string(kind_name(y.kind)));
  out.add("requested by", x.requester, y.requester);
  out.add("idempotency key", x.idempotency_key, y.idempotency_key);
  out.add("outcome", outcome_name(x), outcome_name(y));
  return out.take();
}

}  // namespace daybook
