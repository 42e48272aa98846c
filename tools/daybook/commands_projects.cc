#include "tools/daybook/command_lists.h"

namespace daybook::commands {

namespace {

const Argument pipeline_argument{
    .name = "PIPELINE", .help = "a *.pipeline.yaml file", .form = Form::path};
const Flag partition_flag{.name = "partition",
                          .value = "KEY",
                          .help = "only this partition; may be given several times",
                          .form = Form::partition,
                          .repeats = true};
const Flag dry_run{.name = "dry-run", .help = "say what would be done, and do nothing"};
const Flag reason{.name = "reason", .value = "TEXT", .help = "why; kept in the book"};
const Flag idempotency{.name = "idempotency-key",
                       .value = "KEY",
                       .help = "asking again with the same key starts nothing new",
                       .form = Form::name};
const std::vector<Exit> run_exits = {Exit::invalid, Exit::conflict,    Exit::gate,
                                     Exit::pending, Exit::unreachable, Exit::interrupted};

}  // namespace

std::vector<CommandSpec> of_projects() {
  return {
      {.path = "quickstart",
       .summary = "write a demo project and run it",
       .text = "Writes a pipeline, its contracts and ten days of orders with the faults that real "
               "feeds have, makes a book beside them, runs the pipeline and says what to look at "
               "next. Nothing outside DIR is touched.",
       .arguments = {{.name = "DIR",
                      .help = "a new folder; daybook-demo where it is not given",
                      .form = Form::path,
                      .required = false}},
       .flags = {{.name = "rows",
                  .value = "N",
                  .help = "records in the feed (default 230000)",
                  .form = Form::number},
                 {.name = "no-run", .help = "write the files and the book, and run nothing"}},
       .examples = {{"daybook quickstart", "in ./daybook-demo"},
                    {"daybook quickstart demo --rows 20000", "a smaller one"}},
       .exits = run_exits},
      {.path = "init",
       .summary = "make a book for a project",
       .text =
           "Makes DIR/.daybook: an empty ledger, its signing key, its anchor, and the schema "
           "with which editors complete pipeline files. A book that is there is left alone.\n\n"
           "Opening a book never makes one: a wrong path is an error and not a new, empty book.",
       .arguments = {{.name = "DIR",
                      .help = "the project; the current folder where it is not given",
                      .form = Form::path,
                      .required = false}},
       .flags = {{.name = "anchor",
                  .value = "FILE",
                  .help = "where the head of the ledger is kept; best on another device",
                  .form = Form::path}},
       .examples = {{"daybook init", "in the current folder"},
                    {"daybook init shop --anchor /mnt/anchors/shop", "the anchor on another disk"}},
       .exits = {Exit::conflict}},
      {.path = "check",
       .summary = "check pipelines and contracts",
       .text = "Reads pipeline files with their contracts and reports every fault of every file at "
               "once, with line, column and hint. Opens no book, no source and no sink.",
       .arguments = {{.name = "PATH",
                      .help = "pipeline or contract files, or folders that hold them; "
                              "the current folder where none is given",
                      .form = Form::path,
                      .required = false,
                      .repeats = true}},
       .flags = {{.name = "strict", .help = "warnings count as errors"}},
       .examples = {{"daybook check", "everything in this folder"},
                    {"daybook check orders.pipeline.yaml --strict", "one pipeline, warnings too"},
                    {"daybook check -o json contracts", "for a program"}},
       .exits = {Exit::invalid, Exit::not_found}},
      {.path = "plan",
       .summary = "what a run would do, and why",
       .text = "Compares what the source offers now with what the book says was loaded, and names "
               "for each partition what a run would do with it and for what reason. Reads the "
               "inputs, changes nothing.\n\n"
               "With --as-of the book is the one of then; the pipeline, its contracts and the "
               "source files are those of now.",
       .arguments = {pipeline_argument},
       .flags = {partition_flag,
                 {.name = "force", .help = "as if nothing were known to be unchanged"},
                 {.name = "exit-code", .help = "exit 11 where there is something to do"}},
       .examples = {{"daybook plan orders.pipeline.yaml", "every partition"},
                    {"daybook plan orders.pipeline.yaml --partition 2026-01-04 -o json",
                     "one partition, for a program"},
                    {"daybook plan orders.pipeline.yaml --as-of 40",
                     "what would be run if the book ended there"}},
       .exits = {Exit::invalid, Exit::not_found, Exit::differs},
       .reads_book = true},
      {.path = "run",
       .summary = "run a pipeline",
       .text =
           "Finishes what an earlier run of this pipeline left open, then plans what the source "
           "offers now and does what is new or changed. What is unchanged is skipped with that "
           "reason and never loaded again.\n\n"
           "Ctrl-C stops cleanly; the same command goes on from there. So it does after a "
           "crash.",
       .arguments = {pipeline_argument},
       .flags = {partition_flag,
                 {.name = "force", .help = "do it again even where nothing changed"},
                 reason,
                 idempotency,
                 dry_run},
       .examples = {{"daybook run orders.pipeline.yaml", "what is new or changed"},
                    {"daybook run orders.pipeline.yaml --partition 2026-01-04 --force --reason "
                     "\"rate table was wrong\"",
                     "one partition again, although nothing changed"},
                    {"daybook run orders.pipeline.yaml -o json", "the result for a program"}},
       .exits = run_exits},
      {.path = "rerun",
       .summary = "run again what failed",
       .text =
           "A run of only those partitions that failed, are missing, were lost by the sink, are "
           "held or were set aside as a whole. What stands verified is not touched.",
       .arguments = {pipeline_argument},
       .flags = {partition_flag,
                 {.name = "failed", .help = "what failed or is missing (the default)"},
                 reason,
                 idempotency,
                 dry_run},
       .examples = {{"daybook rerun orders.pipeline.yaml --failed", "all that failed"},
                    {"daybook rerun orders.pipeline.yaml --partition 2026-01-04 --reason \"disk "
                     "was full\"",
                     "one of them"}},
       .exits = run_exits},
      {.path = "runs list",
       .summary = "list runs, newest first",
       .text = "One line a run: when, what, by whom, how it ended.",
       .arguments = {},
       .flags = {{.name = "pipeline",
                  .value = "NAME",
                  .help = "only of this pipeline",
                  .form = Form::name},
                 {.name = "state",
                  .value = "STATE",
                  .help = "open, succeeded, failed, held, cancelled",
                  .form = Form::choice,
                  .choices = {"open", "succeeded", "failed", "held", "cancelled"}},
                 {.name = "limit",
                  .value = "N",
                  .help = "at most so many (default 50)",
                  .form = Form::number}},
       .examples = {{"daybook runs list", "the last 50"},
                    {"daybook runs list --state failed -o json", "what failed, for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "runs show",
       .summary = "one run, partition by partition",
       .text = "What a run worked on, where each partition stands now, and the counts of what it "
               "read, accepted, set aside, filtered and merged.",
       .arguments = {{.name = "RUN", .help = "number, UUID, or: last", .form = Form::run}},
       .flags = {{.name = "events", .help = "every entry of the run as well"}},
       .examples = {{"daybook runs show last", "the newest"},
                    {"daybook runs show 3 --events", "the fourth, entry by entry"}},
       .exits = {Exit::not_found},
       .reads_book = true},
  };
}

}  // namespace daybook::commands
