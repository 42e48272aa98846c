// How a seed ends: faults stop, everything that waits is decided, and then what the book says and
// what the sinks hold must be the same, and what the source gives.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <cstring>
#include <fstream>

#include "ledger/codec/event_codec.h"
#include "ledger/payload_store.h"
#include "replay/fold.h"
#include "replay/words.h"
#include "runner/connect/manifest.h"
#include "runner/fence.h"
#include "runner/quarantine.h"
#include "runner/reconcile.h"
#include "statemachine/effects.h"
#include "statemachine/invariants.h"
#include "tests/simulation/canary.h"
#include "tests/simulation/simulation.h"

namespace daybook::sim {

namespace asio = boost::asio;

namespace {

const Actor ana{.principal = "ana", .kind = ActorKind::human, .on_behalf_of = {}};

}  // namespace

void Simulation::reconcile_now() {
  Process& process = boot();
  if (given_up_) return;
  const auto answer = std::make_shared<std::optional<ReconcileAnswer>>();
  auto work = [](Process& p, auto out) -> asio::awaitable<void> {
    auto found = co_await reconcile(*p.keeper, ana, "items", true);
    out->emplace(std::move(found));
  };
  const bool done = drive(process, work(process, answer));
  if (done && **answer) judge(***answer);
  if (!process.ended && !process.late) leave(process);
}

// As over the keeper's socket, at some time of the run.
void Simulation::reconcile_beside(Process& process) {
  world.at(
      world.time + static_cast<Timestamp>(audits_.below(20)) * second, &process, [this, &process] {
        if (process.keeper->state().open_runs.empty()) return;
        world.sometimes("a sink was compared while a run went on");
        auto work = [](Simulation& simulation, Process& p, bool deep) -> asio::awaitable<void> {
          const auto found = co_await reconcile(*p.keeper, ana, "items", deep);
          if (found) simulation.judge(*found);
        };
        asio::co_spawn(process.loop(), work(*this, process, audits_.one_in(2)),
                       [](const std::exception_ptr& error) {
                         if (error) std::rethrow_exception(error);
                       });
      });
}

// Nothing is lost that was loaded, and nothing is called lost that is there; save by a standby
// without the last commits, and where a late writer brought in something else.
void Simulation::judge(const ReconcileReport& report) {
  using Kind = ReconcileFinding::Kind;
  for (const ReconcileFinding& finding : report.findings) {
    const bool vanished = server.vanished.contains(finding.load_id);
    if (finding.kind == Kind::lost && vanished)
      world.sometimes("a load that a promoted standby does not have was found lost");
    // What stands again because the standby lost its compensation is for people.
    if (finding.kind == Kind::stale && server.went_back && !finding.loads_again)
      stands_again_.insert(finding.partition);
    const bool gone =
        finding.kind == Kind::lost || finding.kind == Kind::damaged || finding.kind == Kind::added;
    if (gone && !vanished && !server.went_back && !late_writers_)
      throw Broken{fmt::format("I23: partition {} generation {}: {}", finding.partition,
                               finding.generation, finding.detail)};
  }
}

// --- the end
// ---------------------------------------------------------------------------------------

void Simulation::settle_what_waits(Process& process) {
  Keeper& keeper = *process.keeper;
  resume_paused(process);
  world.current = &process;
  for (std::uint32_t i = 0; i < keeper.state().slots.size(); ++i) {
    const Slot& slot = keeper.state().slots[i];
    if (slot.phase == SlotPhase::quarantined)
      (void)keeper.ask_now(ana, ReleaseSlot{SlotId{i}, "the last try"});
    if (slot.phase == SlotPhase::held)
      (void)keeper.ask_now(ana, DecideHold{SlotId{i}, HoldDecision::load_anyway, "it is right"});
  }
  world.current = nullptr;
  approve(process, 1);
}

void Simulation::bring_to_an_end() {
  // One whose disk is full does not recover by itself.
  if (Process* living = std::exchange(living_, nullptr); living != nullptr && !living->ended)
    leave_now(*living);
  world.faults_off = true;
  // Late writers come to their end first: what they do is held against the sinks, too.
  for (const auto& process : world.processes)
    if (!process->ended && process->late) {
      while (!process->ended && world.step()) {
      }
    }
  for (auto& [key, part] : feed.parts()) part.there = true;
  resume_compensation();
  // What was set aside may be held next, and then wait for approval, before it is loaded.
  bool waits = true;
  for (int i = 0; i < 3 || (waits && i < 6); ++i) {
    reconcile_now();
    Process& process = boot();
    settle_what_waits(process);
    leave(process);
    run_pipeline(RunKind::normal, "last");
    Process& after = boot();
    waits = std::ranges::any_of(after.keeper->state().slots, [](const Slot& slot) {
      return slot.phase == SlotPhase::quarantined || slot.phase == SlotPhase::held ||
             slot.phase == SlotPhase::awaiting_approval;
    });
    leave(after);
  }
  reconcile_now();
  Process& process = boot();
  check_replay(process);
  check_end(process);
  leave_now(process);
}

// The state is a function of the entries, and sound.
void Simulation::check_replay(const Process& process) {
  const State& state = process.keeper->state();
  ++world.figures.happened["replayed"];
  const auto again = fold(process.keeper->ledger(), state.size, Snapshots::ignore);
  if (!again) throw Broken{"the book can not be replayed: " + again.error().detail};
  if (*again != state) throw Broken{"I10: a replay gives another state than the runner has"};
  const auto wrong = violations(state);
  if (!wrong.empty()) throw Broken{wrong.front().rule + ": " + wrong.front().detail};
}

std::vector<std::string> Simulation::visible(const std::string& partition) const {
  std::vector<std::string> rows;
  if (world.options.target == Target::server) {
    const auto slot = server.committed.find({"items", partition});
    if (slot == server.committed.end()) return rows;
    for (const Digest& load : slot->second.visible)
      if (const auto kept = slot->second.rows.find(load); kept != slot->second.rows.end())
        rows.insert(rows.end(), kept->second.begin(), kept->second.end());
  } else if (const auto folder = lake.find("/project/lake/items/" + partition)) {
    for (const auto& [name, file] : folder->entries) {
      std::size_t at = 0;
      for (std::size_t end = file->data.find('\n'); end != std::string::npos;
           end = file->data.find('\n', at)) {
        rows.push_back(file->data.substr(at, end - at));
        at = end + 1;
      }
    }
  }
  std::ranges::sort(rows);
  return rows;
}

// By the sinks' own markers, and by what readers see.
std::map<std::string, std::vector<Simulation::LoadInSink>> Simulation::loads_in_sink() const {
  std::map<std::string, std::vector<LoadInSink>> out;
  for (const auto& [key, slot] : server.committed)
    for (const ServerMarker& m : slot.markers)
      out[key.second].push_back(
          {{.pipeline = key.first,
            .partition = key.second,
            .generation = m.generation,
            .load_id = m.load_id,
            .content = m.content,
            .rows = m.rows,
            .tombstone = m.taken_back_by.has_value(),
            .current = std::ranges::find(slot.visible, m.load_id) != slot.visible.end(),
            .damage = {},
            .origin = slot.origin},
           m.fence});
  const auto control = lake.find("/project/lake/items/.daybook");
  if (!control) return out;
  for (const auto& [slot_name, slot] : control->entries)
    for (const auto& [name, file] : slot->entries) {
      if (file->directory) continue;
      const auto manifest = read_manifest(file->data);
      if (!manifest || name != fmt::format("{}.json", manifest->generation)) continue;
      const auto shown = lake.find("/project/lake/items/" + manifest->partition);
      out[manifest->partition].push_back(
          {{.pipeline = manifest->pipeline,
            .partition = manifest->partition,
            .generation = manifest->generation,
            .load_id = manifest->load_id,
            .content = manifest->content,
            .rows = manifest->rows,
            .tombstone =
                slot->entries.contains(fmt::format("{}.tombstone.json", manifest->generation)),
            .current = shown && !manifest->files.empty() &&
                       shown->entries.contains(manifest->files.front().name),
            .damage = {},
            .origin = manifest->origin},
           manifest->fence});
    }
  return out;
}

// Any fence below this one is of an attempt from before the load was given up, the last time.
EntryIndex Simulation::given_up_under(const Digest& load) {
  EntryIndex out = 0, index = 0;
  for (const Entry& entry : decoded()) {
    if (const auto* aborted = std::get_if<LoadAborted>(&entry.event))
      if (aborted->load_id == load) out = fence_of(entry.envelope.epoch, index);
    ++index;
  }
  return out;
}

// What a generation is to hold: what its inputs give; where it was merged, over what it replaced.
std::vector<std::string> Simulation::rows_of(const Slot& slot, const GenerationState& g) {
  if (!world.options.merges()) return feed.truth[g.content];
  const GenerationState* before = generation(slot, g.replaced);
  return merged_by_key(before != nullptr ? rows_of(slot, *before) : std::vector<std::string>{},
                       feed.incoming[g.inputs]);
}

void Simulation::check_end(Process& process) {
  const State& state = process.keeper->state();
  for (const ErasureState& erasure : state.erasures) {
    if (erasure.phase != ErasureState::Phase::finished) continue;
    ++world.figures.happened["erased"];
    for (const ErasureItem& item : erasure.items)
      if (const PayloadAddress payload = as_address(item.payload);
          process.keeper->payloads().contains(payload) ||
          process.keeper->payloads().salt_of(payload))
        throw Broken{"I41: what was erased can be read again"};
  }
  if (!state.open_runs.empty()) throw Broken{"I18: a run is open after everything was done"};
  std::set<Digest> known;
  for (const Slot& slot : state.slots)
    for (const GenerationState& g : slot.generations) known.insert(g.load_id);
  std::set<SlotId> let_in;
  for (const Entry& entry : decoded())
    if (const auto* decided = std::get_if<HoldDecided>(&entry.event))
      if (decided->decision == HoldDecision::load_anyway) let_in.insert(decided->slot);
  std::set<std::string> foreign;
  const auto in_sink = loads_in_sink();
  for (const auto& [partition, loads] : in_sink)
    for (const LoadInSink& load : loads) {
      if (known.contains(load.load_id)) continue;
      if (!late_writers_)
        throw Broken{
            fmt::format("I21: partition {} has a load the book never intended", partition)};
      world.sometimes("a late writer loaded where its successor had not been");
      foreign.insert(partition);
    }
  for (const auto& [key, part] : feed.parts()) {
    const auto id = state.slot("items", pipeline_->sink.name(), key);
    if (!id) throw Broken{fmt::format("I18: partition {} was never looked at", key)};
    const Slot& slot = *state.find(*id);
    std::vector<std::string> expected;
    for (const GenerationState& g : slot.generations)
      if (stands(g.standing)) {
        ++world.figures.loads;
        const auto rows = rows_of(slot, g);
        expected.insert(expected.end(), rows.begin(), rows.end());
        if (g.rows != rows.size())
          throw Broken{fmt::format("I27: partition {} loaded {} rows, {} were made", key, g.rows,
                                   rows.size())};
      }
    std::ranges::sort(expected);
    const auto found = visible(key);
    world.figures.rows_compared += expected.size();
    // A load is given up only once it can not come any more. A promoted standby forgets fences,
    // too; and what was given up before a takeover, the late writer may intend again.
    const auto loads = in_sink.find(key);
    if (loads != in_sink.end() && !server.went_back)
      for (const GenerationState& g : slot.generations) {
        if (g.standing != Standing::aborted) continue;
        const auto there = std::ranges::find(loads->second, g.load_id, &LoadInSink::load_id);
        if (there == loads->second.end()) continue;
        if (there->fence < given_up_under(g.load_id))
          throw Broken{fmt::format("I24: partition {}: generation {} was given up, and came in",
                                   key, g.number)};
        foreign.insert(key);
      }
    // Nor is it stopped by fences that went with the standby's last commits: what was lost with
    // them it may have brought in again.
    if (loads != in_sink.end() && server.went_back && late_writers_)
      for (const GenerationState& g : slot.generations)
        if (g.standing == Standing::lost &&
            std::ranges::find(loads->second, g.load_id, &LoadInSink::load_id) !=
                loads->second.end())
          foreign.insert(key);
    const bool contested = foreign.contains(key) || stands_again_.contains(key);
    // Whatever a late writer brought in first: nothing is added to it.
    if (world.options.appends() && foreign.contains(key))
      for (const LoadInSink& there : in_sink.at(key))
        for (const GenerationState& g : slot.generations)
          if (there.current && !known.contains(there.load_id) && stands(g.standing) &&
              g.number > there.generation)
            throw Broken{
                fmt::format("I22: partition {}: generation {} was added to a load the "
                            "book does not know",
                            key, g.number)};
    // No two contents of a source have a row in common, so that what comes in twice shows; save
    // where a person let all of a partition in again.
    if (world.options.appends() && !contested && !let_in.contains(*id))
      if (const auto twice = std::ranges::adjacent_find(found); twice != found.end())
        throw Broken{fmt::format("I22: partition {}: {} is there twice", key, *twice)};
    if (expected != found && !contested) {
      (found.size() > expected.size() ? world.figures.doubled : world.figures.lost) += 1;
      throw Broken{
          fmt::format("I22: partition {}: {} rows are to be there, {} are ({}; generation "
                      "{})",
                      key, expected.size(), found.size(), name(slot.phase), slot.current)};
    }
    ++world.figures.ended_as[std::string(name(slot.phase))];
    const auto overlay = overlay_of(process.keeper->view(), *id);
    if (!overlay) throw Broken{"what was released can not be read: " + overlay.error().detail};
    const Made made = feed.made_of(part.text(), *overlay, false);
    const auto is_of_it = [&](const GenerationState& g) {
      return world.options.merges() ? g.inputs == made.inputs : g.content == made.content;
    };
    // What was taken back does not come again by itself, although an erasure brought its input
    // back, or what stood in its place was lost.
    const bool taken_back = std::ranges::any_of(slot.generations, [&](const GenerationState& g) {
      return g.standing == Standing::compensated && is_of_it(g);
    });
    if (slot.phase != SlotPhase::verified) {
      const bool decided = slot.phase == SlotPhase::compensated || contested || late_writers_ ||
                           (slot.phase == SlotPhase::lost && taken_back);
      // Of an append that changed after it was loaded a person decides each time.
      if (!decided && !(world.options.appends() && slot.phase == SlotPhase::held) &&
          slot.phase != SlotPhase::skipped)
        throw Broken{
            fmt::format("I18: partition {} is {} with all faults over", key, name(slot.phase))};
      continue;
    }
    if (world.options.appends()) continue;
    const GenerationState* current = generation(slot, slot.current);
    if (current != nullptr && !is_of_it(*current) && !contested && !taken_back)
      throw Broken{fmt::format("I18: partition {} has not what its source gives", key)};
    if (made.counts.read != part.rows.size())
      throw Broken{fmt::format("I27: partition {} has {} records, {} were read", key,
                               part.rows.size(), made.counts.read)};
  }
}

std::vector<std::string> Simulation::entries() {
  const auto all = main_->entries();
  if (!all) throw Broken{"the book can not be read: " + all.error().detail};
  return *all;
}

std::vector<Entry> Simulation::decoded() {
  std::vector<Entry> out;
  for (const std::string& bytes : entries()) {
    std::vector<std::uint64_t> words((bytes.size() + 7) / 8);  // aligned, as decode wants them
    std::memcpy(words.data(), bytes.data(), bytes.size());
    auto entry = decode(std::as_bytes(std::span(words)).first(bytes.size()));
    if (!entry) throw Broken{"an entry does not decode: " + entry.error().detail};
    out.push_back(std::move(*entry));
  }
  return out;
}

void Simulation::dump(const std::string& directory) {
  ::mkdir(directory.c_str(), 0755);
  const auto entries = main_->entries();
  std::ofstream raw(directory + "/entries.bin", std::ios::binary);
  if (entries)
    for (const std::string& entry : *entries) {
      const auto size = static_cast<std::uint32_t>(entry.size());
      raw.write(reinterpret_cast<const char*>(&size), 4);
      raw.write(entry.data(), static_cast<std::streamsize>(entry.size()));
    }
  std::ofstream history(directory + "/history.jsonl");
  for (const std::string& line : history_) history << line << "\n";
  const auto in_sink = loads_in_sink();
  std::ofstream sinks(directory + "/sinks.json");
  sinks << "{\"partitions\":{";
  const char* comma = "";
  for (const auto& [key, part] : feed.parts()) {
    sinks << comma << fmt::format("\"{}\":{{\"visible\":[", key);
    comma = ",";
    const char* inner = "";
    for (const std::string& row : visible(key)) {
      sinks << inner << '"' << row << '"';
      inner = ",";
    }
    sinks << "],\"loads\":[";
    inner = "";
    if (const auto loads = in_sink.find(key); loads != in_sink.end())
      for (const LoadInSink& load : loads->second) {
        sinks << inner
              << fmt::format(R"({{"generation":{},"load_id":"{}","content":"{}","rows":{},)"
                             R"("taken_back":{},"visible":{},"fence":{}}})",
                             load.generation, hex(load.load_id), hex(load.content), load.rows,
                             load.tombstone, load.current, load.fence);
        inner = ",";
      }
    sinks << "]}";
  }
  const auto say_rows = [&](std::string_view what, const auto& by_digest) {
    sinks << fmt::format("}},\"{}\":{{", what);
    comma = "";
    for (const auto& [digest, rows] : by_digest) {
      sinks << comma << fmt::format("\"{}\":[", hex(digest));
      comma = ",";
      const char* inner = "";
      for (const std::string& row : rows) {
        sinks << inner << '"' << row << '"';
        inner = ",";
      }
      sinks << "]";
    }
  };
  say_rows("truth", feed.truth);
  say_rows("incoming", feed.incoming);
  sinks << "}}\n";
  std::ofstream meta(directory + "/meta.json");
  meta << fmt::format(
      R"({{"seed":{},"target":"{}","mode":"{}","late_writers":{},"lost_tail":{},"went_back":{},)"
      R"("given_up":{},)"
      R"("acknowledged":{},"root":"{}","attempts":{}}})"
      "\n",
      world.options.seed, world.options.target == Target::server ? "server" : "directory",
      word(world.options.mode), late_writers_, !server.vanished.empty(), server.went_back,
      given_up_, main_->acknowledged.size, hex(main_->acknowledged.root), world.options.attempts);
}

}  // namespace daybook::sim
