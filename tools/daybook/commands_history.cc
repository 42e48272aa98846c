#include "tools/daybook/command_lists.h"

namespace daybook::commands {

std::vector<CommandSpec> of_history() {
  return {
      {.path = "diff",
       .summary = "what differs between two runs",
       .text =
           "Puts two runs side by side: what they ran with (definition and contracts field by "
           "field, engine, version), what became of each partition (attempts, outcomes, counts "
           "per rule, the first entry at which the two part), and the rows of partitions that "
           "both loaded, matched by key.\n\n"
           "Rows are read from the generations a directory sink keeps, and only where the files "
           "are those the book recorded. Without --key, rows are matched by the sink's key, the "
           "output contract's primary key, or what the last dedupe or aggregate groups by.",
       .arguments = {{.name = "RUN_A", .help = "the one before", .form = Form::run},
                     {.name = "RUN_B", .help = "the one after", .form = Form::run}},
       .flags = {{.name = "partition",
                  .value = "KEY",
                  .help = "only this partition",
                  .form = Form::partition},
                 {.name = "key",
                  .value = "COLUMN",
                  .help = "match rows by this column; may be repeated",
                  .repeats = true},
                 {.name = "limit",
                  .value = "N",
                  .help = "at most so many rows of each kind a partition (default 10)",
                  .form = Form::number},
                 {.name = "no-rows", .help = "leave the rows out"},
                 {.name = "exit-code", .help = "exit 11 where there is a difference"}},
       .examples = {{"daybook diff 3 last", "what the last run did differently"},
                    {"daybook diff 3 4 --partition 2026-01-04 --key id", "one partition's rows"},
                    {"daybook diff 3 4 --exit-code -o json", "for a program"}},
       .exits = {Exit::not_found, Exit::integrity, Exit::differs},
       .reads_book = true},
      {.path = "bisect",
       .summary = "the first entry at which two books part, or one departs from itself",
       .text =
           "With two books (or exports): finds the first entry that is not the same by comparing "
           "the roots of about log2(n) beginnings, and shows both entries in words. Two histories "
           "of one book are exit 9, two different books exit 11; where one is the beginning of "
           "the other nothing is wrong.\n\n"
           "With one: folds it from the first entry on and finds the first recorded state that is "
           "not reached again, the last checkpoint before it that is, and how near to the entry "
           "what is kept leads.\n\n"
           "With --as-of, a moment of A, nothing after as many entries is looked at in either.",
       .arguments = {{.name = "A",
                      .help = "a book or an export (default: this book)",
                      .form = Form::path,
                      .required = false},
                     {.name = "B", .help = "the other", .form = Form::path, .required = false}},
       .flags = {},
       .examples = {{"daybook bisect . backup/.daybook", "a book and its copy"},
                    {"daybook bisect . audit", "a book and what was exported of it"},
                    {"daybook bisect", "this book against what it recorded of itself"},
                    {"daybook bisect . backup/.daybook --as-of 400", "their first 400 entries"}},
       .exits = {Exit::not_found, Exit::integrity, Exit::differs},
       .reads_book = true},
      {.path = "replay",
       .summary = "do a run again in a sandbox, as it was or as it might have been",
       .text =
           "Does what the run staged again from what the book recorded: the kept inputs, the "
           "definition, the released records. Nothing of the book, the sources or the target is "
           "touched. Each partition is identical, down to the digest of every record and row, or "
           "its first divergence is named: an input by its file, the definition, another engine, "
           "a count, a row and its column. Exit 9 where something is not reproduced, 6 where it "
           "can not be tried.\n\n"
           "With --with or --with-contract it answers what another definition would have decided "
           "over the same input: what would have been accepted, set aside or filtered, by rule, "
           "with the records and rows that change. The file lies in the project that ran.",
       .arguments = {{.name = "RUN", .help = "the run", .form = Form::run}},
       .flags = {{.name = "partition",
                  .value = "KEY",
                  .help = "only this partition",
                  .form = Form::partition},
                 {.name = "with",
                  .value = "FILE",
                  .help = "under this pipeline file",
                  .form = Form::path},
                 {.name = "with-contract",
                  .value = "FILE",
                  .help =
                      "with this contract in place of the one of its id or name; may be repeated",
                  .form = Form::path,
                  .repeats = true},
                 {.name = "key",
                  .value = "COLUMN",
                  .help = "match rows by this column; may be repeated",
                  .repeats = true},
                 {.name = "limit",
                  .value = "N",
                  .help = "at most so many records and rows of each kind a partition (default 10)",
                  .form = Form::number},
                 {.name = "exit-code",
                  .help = "exit 11 where other decisions would have been made"}},
       .examples = {{"daybook replay last", "is the last run reproduced?"},
                    {"daybook replay 3 --partition 2026-01-04 --with fixed.pipeline.yaml",
                     "what a repaired definition would have done"},
                    {"daybook replay 3 --with-contract strict.odcs.yaml -o json",
                     "what a stricter contract would have set aside"}},
       .exits = {Exit::invalid, Exit::not_found, Exit::conflict, Exit::integrity, Exit::differs},
       .reads_book = true},
      {.path = "lineage",
       .summary = "where a column comes from",
       .text =
           "Follows a column back through the definitions: the expressions that make it, the "
           "columns of the sources and lookups they read, and what decides which rows there are "
           "(filters, dedupes, groups, rules). Goes on into the pipeline that writes what is "
           "read.\n\n"
           "The definitions are those the book has now (or had, with --as-of). A sql step is not "
           "taken apart: every column it names may be in every column it gives, and it is called "
           "opaque.",
       .arguments = {{.name = "COLUMN", .help = "PIPELINE.COLUMN, DATASET.COLUMN or COLUMN"}},
       .flags = {{.name = "definition",
                  .value = "FILE",
                  .help = "this pipeline file instead of the book's; may be repeated",
                  .form = Form::path,
                  .repeats = true}},
       .examples = {{"daybook lineage runways.length_m", "where the output's column comes from"},
                    {"daybook lineage length_m -o json", "its edges, for a program"},
                    {"daybook lineage runways.length_m --definition runways.pipeline.yaml",
                     "as the file has it, before it ever ran"}},
       .exits = {Exit::invalid, Exit::not_found},
       .reads_book = true},
      {.path = "impact",
       .summary = "what a column, a file or a run reaches",
       .text =
           "Of a column: what the definitions make of it downstream, over pipelines, and what "
           "stands loaded of them. Of a file (its name as the book has it, or its sha256): which "
           "attempts read it, what they loaded, who read that again, and what of it still stands. "
           "Of a run: the same, from what it loaded.\n\n"
           "A file is known again by its bytes; what a pipeline reads from a database is not seen "
           "here, and is in the declared half alone.",
       .arguments = {{.name = "WHAT",
                      .help = "COLUMN, PIPELINE.COLUMN, a path, sha256:…, or a run"}},
       .flags = {{.name = "definition",
                  .value = "FILE",
                  .help = "this pipeline file instead of the book's; may be repeated",
                  .form = Form::path,
                  .repeats = true},
                 {.name = "limit",
                  .value = "N",
                  .help = "at most so many loads as text (default 50; 0: all)",
                  .form = Form::number}},
       .examples = {{"daybook impact feed/2026-01-04/runways.csv", "who read this file"},
                    {"daybook impact last", "what came of the last run"},
                    {"daybook impact runways.length_m -o json", "what a column feeds"}},
       .exits = {Exit::invalid, Exit::not_found},
       .reads_book = true},
  };
}

}  // namespace daybook::commands
