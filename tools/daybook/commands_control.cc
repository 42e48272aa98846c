#include "tools/daybook/command_lists.h"

namespace daybook::commands {

namespace {

const Flag required_reason{
    .name = "reason", .value = "TEXT", .help = "why; kept in the book", .required = true};
const Flag reason{.name = "reason", .value = "TEXT", .help = "why; kept in the book"};
const Flag dry_run{.name = "dry-run", .help = "say what would be done, and do nothing"};
const Flag pipeline{
    .name = "pipeline", .value = "NAME", .help = "a pipeline by its name", .form = Form::name};
const Flag run{.name = "run", .value = "RUN", .help = "one run", .form = Form::run};
const Flag partition{.name = "partition",
                     .value = "KEY",
                     .help = "one partition; with --pipeline where several have it",
                     .form = Form::partition};
const std::vector<Exit> exits = {Exit::not_allowed, Exit::not_found, Exit::conflict};

}  // namespace

std::vector<CommandSpec> of_control() {
  return {
      {.path = "pause",
       .summary = "start no new work",
       .text = "Nothing new is started in the scope; what is being loaded is finished. Without a "
               "flag the scope is the whole book. `daybook state` says when it is drained.",
       .arguments = {},
       .flags = {pipeline, run, partition, required_reason, dry_run},
       .examples = {{"daybook pause --reason \"warehouse maintenance\"", "the whole book"},
                    {"daybook pause --pipeline orders --reason \"feed is wrong\"", "one pipeline"}},
       .exits = exits},
      {.path = "resume",
       .summary = "take a pause back",
       .text =
           "The scope is given as it was to pause. What was waiting is done by the process that "
           "runs, or by the next `daybook run`.",
       .arguments = {},
       .flags = {pipeline, run, partition, reason, dry_run},
       .examples = {{"daybook resume", "the whole book"},
                    {"daybook resume --pipeline orders --reason \"feed is back\"", "one pipeline"}},
       .exits = exits},
      {.path = "cancel",
       .summary = "cancel a run, a partition, a pipeline or all",
       .text = "Partitions that are not being loaded are cancelled; a load under way is finished, "
               "since it can not be half done. Of a pipeline or of the book: every open run. The "
               "next run takes up what was cancelled.",
       .arguments = {{.name = "RUN",
                      .help = "number, UUID, or: last",
                      .form = Form::run,
                      .required = false}},
       .flags = {pipeline,
                 partition,
                 {.name = "all", .help = "every open run of the book"},
                 required_reason,
                 dry_run},
       .examples =
           {{"daybook cancel last --reason \"wrong file\"", "the newest run"},
            {"daybook cancel --pipeline orders --partition 2026-01-02 --reason \"wrong file\"",
             "one partition; the others go on"},
            {"daybook cancel 7 --reason \"superseded\" --dry-run",
             "only see what would be "
             "cancelled"}},
       .exits = exits},
      {.path = "reconcile",
       .summary = "compare the sinks with the book",
       .text = "Asks a sink what it holds, by its own markers, and compares that with the book. "
               "What the sink no longer holds is recorded as lost, so that the next run loads it "
               "again; what it holds beyond the book is reported. Without PIPELINE: the sinks of "
               "every pipeline that ran.",
       .arguments = {{.name = "PIPELINE",
                      .help = "a *.pipeline.yaml file",
                      .form = Form::path,
                      .required = false}},
       .flags = {{.name = "deep", .help = "re-read the data too, not the markers alone"}, dry_run},
       .examples = {{"daybook reconcile", "all of them, by their markers"},
                    {"daybook reconcile orders.pipeline.yaml --deep --dry-run",
                     "data and markers, record nothing"}},
       .exits = {Exit::invalid, Exit::conflict, Exit::integrity, Exit::unreachable}},
      {.path = "hold list",
       .summary = "partitions that wait for a decision",
       .text = "A partition is held when a quality gate did not pass, or when its input changed "
               "after it was closed.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook hold list", "all of them"},
                    {"daybook hold list -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "hold load",
       .summary = "load a held partition in spite of its gates",
       .text = "The decision is kept with its reason and with exactly the content it was about: "
               "other content would be held again. The next run loads it.",
       .arguments = {{.name = "PARTITION", .help = "the held partition", .form = Form::partition}},
       .flags = {pipeline, required_reason, dry_run},
       .examples = {{"daybook hold load 2026-01-04 --reason \"holiday, few orders\"",
                     "let it pass"},
                    {"daybook hold load 2026-01-04 --pipeline orders --reason \"checked\"",
                     "where two pipelines have it"}},
       .exits = exits},
      {.path = "hold discard",
       .summary = "drop what a held partition staged",
       .text = "Nothing is loaded; what stood before stands. New input opens the partition again.",
       .arguments = {{.name = "PARTITION", .help = "the held partition", .form = Form::partition}},
       .flags = {pipeline, required_reason, dry_run},
       .examples = {{"daybook hold discard 2026-01-04 --reason \"file was truncated\"", "drop it"},
                    {"daybook hold discard 2026-01-04 --reason \"duplicate\" --dry-run",
                     "only see what would be done"}},
       .exits = exits},
  };
}

}  // namespace daybook::commands
