#include "tools/daybook/plan.h"

#include <algorithm>
#include <filesystem>

#include "replay/words.h"
#include "runner/dataplane/stage.h"
#include "runner/planning.h"
#include "runner/quarantine.h"
#include "statemachine/apply.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/progress.h"
#include "tools/daybook/run.h"
#include "tools/daybook/views.h"

namespace daybook {

namespace {

// Folds what a command would record into the copy. The envelope is of no consequence to decisions.
const std::vector<Event>* record(State& copy, const Context& context, Decision& decision) {
  if (!decision) return nullptr;
  for (const Event& event : *decision)
    apply(copy, Entry{.envelope = {.recorded_at = context.now,
                                   .correlation = {},
                                   .cause = no_entry,
                                   .actor = context.actor,
                                   .epoch = copy.epoch},
                      .event = event});
  return &*decision;
}

// A load that is under way in the run counts as made: the sink may have it, and nobody asks it
// here.
void bring_in(State& copy, const Context& context, RunId run) {
  for (const SlotId id : copy.find(run)->slots) {
    const Slot& slot = *copy.find(id);
    if (slot.run != run || slot.generations.empty()) continue;
    const GenerationState load = slot.generations.back();
    Decision committed = decide(copy, context,
                                CommitLoad{.slot = id,
                                           .load_id = load.load_id,
                                           .rows = load.rows,
                                           .recovered = true,
                                           .evidence = "plan",
                                           .files = {}});
    record(copy, context, committed);
    Decision verified =
        decide(copy, context, VerifyLoad{.slot = id, .load_id = load.load_id, .rows = load.rows});
    record(copy, context, verified);
  }
}

std::uint64_t bytes_of_files(const PartitionInput& input) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const std::string& file : input.files)
    if (const auto size = std::filesystem::file_size(file, error); !error) sum += size;
  return sum;
}

}  // namespace

Outcome show_plan(Invocation& in, std::shared_ptr<const Pipeline> pipeline, const PlanWish& wish) {
  auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  in.output.judges_present("the pipeline, its contracts and the source files");
  const auto offered = offers_of(*pipeline);
  if (!offered) return std::unexpected(problem_of(offered.error()));

  const auto wanted = in.arguments.all("partition");
  for (const std::string& key : wanted)
    if (std::ranges::find(*offered, key, &Offered::key) == offered->end())
      return not_found("daybook plan PIPELINE lists what it offers",
                       "the source offers no partition {}", key);

  State copy = book->state;
  const Context context{.now = copy.now, .actor = local_actor()};
  const std::string sink = pipeline->sink.name();
  std::string open_run;
  for (const RunId id : book->state.open_runs)
    if (book->state.find(id)->pipeline == pipeline->name) {
      open_run = fmt::format("run {} is open and is finished first", id);
      Decision cancelled = decide(copy, context, Cancel{scope_of(id), "plan"});
      record(copy, context, cancelled);
      bring_in(copy, context, id);
      Decision finished = decide(copy, context, FinishRun{id});
      record(copy, context, finished);
    }
  Decision registered = decide(copy, context,
                               RegisterDefinition{.pipeline = pipeline->name,
                                                  .version = pipeline->version,
                                                  .digest = pipeline->digest,
                                                  .files = {},
                                                  .owner = pipeline->owner});
  record(copy, context, registered);
  Decision started = decide(copy, context,
                            StartRun{.uuid = {},
                                     .kind = RunKind::normal,
                                     .pipeline = pipeline->name,
                                     .definition = pipeline->digest,
                                     .engine = engine_version().digest,
                                     .idempotency_key = {},
                                     .reason = {}});
  const auto* start = record(copy, context, started);
  if (start == nullptr) return std::unexpected(problem_of(started.error()));
  const RunId run = std::get<RunStarted>(start->front()).run;

  Listing listing{.kind = "Plan",
                  .columns = {{.key = "partition", .title = "PARTITION"},
                              {.key = "action",
                               .title = "ACTION",
                               .right = false,
                               .show = {},
                               .style =
                                   [](const Json& item) {
                                     return item["action"] == "do"     ? Style::accent
                                            : item["action"] == "skip" ? Style::dim
                                                                       : Style::warn;
                                   }},
                              {.key = "reason", .title = "REASON"},
                              {.key = "bytes",
                               .title = "INPUT",
                               .right = true,
                               .show =
                                   [](const Json& item) {
                                     return item["bytes"].is_number()
                                                ? spell_bytes(item["bytes"].get<std::uint64_t>())
                                                : std::string();
                                   }},
                              {.key = "stands", .title = "STANDS"}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "nothing to plan",
                  .footer = {}};
  CountProgress progress(in.output, "plan", "partitions");
  std::size_t todo = 0, looked = 0;
  for (const Offered& offer : *offered) {
    progress.show(looked++, offered->size());
    if (!wanted.empty() && std::ranges::find(wanted, offer.key) == wanted.end()) continue;
    const auto slot_id = book->state.slot(pipeline->name, sink, offer.key);
    const Slot* slot = slot_id ? book->state.find(*slot_id) : nullptr;
    if (wish.only_failed && slot != nullptr && !missing_or_failed(*slot)) continue;
    Json item = {{"partition", offer.key},
                 {"action", "do"},
                 {"reason", "new"},
                 {"bytes", bytes_of_files(offer.input)},
                 {"stands", nullptr}};
    if (slot != nullptr)
      if (const GenerationState* current = generation(*slot, slot->current))
        item["stands"] = fmt::format("generation {}, {} row{}", current->number,
                                     grouped(current->rows), current->rows == 1 ? "" : "s");
    PlanPartition command{.run = run,
                          .sink = sink,
                          .partition = offer.key,
                          .inputs = {},
                          .late = late_policy(*pipeline),
                          .force = wish.force,
                          .appends = pipeline->sink.mode == LoadMode::append};
    if (slot != nullptr && slot->attempt > 0) {
      const auto overlay = overlay_of(book->with(*payloads), *slot_id);
      if (!overlay) return std::unexpected(problem_then(in.arguments, overlay.error()));
      StageProgress quiet;
      const auto digest =
          inputs_digest_of(*pipeline, offer.input, offer.column_key, *overlay, quiet);
      if (digest) {
        command.inputs = *digest;
      } else {
        item["reason"] = "its input can not be read: " + digest.error().detail;
      }
    }
    Decision decision = decide(copy, context, command);
    if (!decision) {
      item["action"] = "refused";
      item["reason"] = decision.error().detail;
    } else {
      record(copy, context, decision);
      for (const Event& event : *decision) {
        if (const auto* planned = std::get_if<PartitionPlanned>(&event))
          item["reason"] = word(planned->reason);
        if (const auto* skipped = std::get_if<PartitionSkipped>(&event)) {
          item["action"] = "skip";
          item["reason"] = word(skipped->reason);
        }
        if (const auto* held = std::get_if<SlotHeld>(&event)) {
          item["action"] = "hold";
          item["reason"] = held->reason;
        }
      }
    }
    if (item["action"] != "skip") ++todo;
    listing.items.push_back(std::move(item));
  }
  progress.clear();
  listing.footer = fmt::format("{} of {} partitions to do{}", todo, listing.items.size(),
                               open_run.empty() ? "" : "; " + open_run);
  if (const auto printed = in.output.print(listing); !printed)
    return std::unexpected(printed.error());
  return wish.exit_code && todo > 0 ? Exit::differs : Exit::good;
}

namespace commands {

Outcome plan(Invocation& in) {
  const auto pipeline = load_pipeline(in.output, in.arguments.text("PIPELINE"));
  if (!pipeline) return std::unexpected(pipeline.error());
  return show_plan(in, *pipeline,
                   {.force = in.arguments.has("force"),
                    .only_failed = false,
                    .exit_code = in.arguments.has("exit-code")});
}

}  // namespace commands
}  // namespace daybook
