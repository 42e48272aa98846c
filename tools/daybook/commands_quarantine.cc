#include "tools/daybook/command_lists.h"

namespace daybook::commands {

namespace {

const Flag required_reason{
    .name = "reason", .value = "TEXT", .help = "why; kept in the book", .required = true};
const Flag dry_run{.name = "dry-run", .help = "say what would be done, and do nothing"};
const Flag pipeline{
    .name = "pipeline", .value = "NAME", .help = "only of this pipeline", .form = Form::name};
const Flag partition{
    .name = "partition", .value = "KEY", .help = "only of this partition", .form = Form::partition};
const Flag rule{.name = "rule", .value = "RULE", .help = "only records that broke this rule"};
const Flag status{
    .name = "status",
    .value = "STATUS",
    .help =
        "held, amended, released, delivered, discarded, erased or all (default: held and "
        "amended)",
    .form = Form::choice,
    .choices = {"held", "amended", "released", "delivered", "discarded", "erased", "all"}};
const Argument records{.name = "RECORDS",
                       .help = "BATCH, BATCH:RECORD or BATCH:FIRST-LAST",
                       .form = Form::records,
                       .required = false,
                       .repeats = true};
const std::vector<Exit> exits = {Exit::not_allowed, Exit::not_found, Exit::conflict};

}  // namespace

std::vector<CommandSpec> of_quarantine() {
  return {
      {.path = "quarantine list",
       .summary = "records that were set aside",
       .text =
           "One line a record: where it stood, which rule it broke, what it holds. A record is "
           "named BATCH:RECORD; a batch is named by the number its partition has in the book, "
           "and what is set aside when the partition is read again is NUMBER.1, NUMBER.2 and so "
           "on.",
       .arguments = {records},
       .flags = {pipeline,
                 partition,
                 rule,
                 status,
                 {.name = "limit",
                  .value = "N",
                  .help = "at most so many (default 100; 0: all)",
                  .form = Form::number}},
       .examples = {{"daybook quarantine list", "the first hundred that wait"},
                    {"daybook quarantine list --rule unit_price.minimum -o jsonl", "of one rule"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "quarantine groups",
       .summary = "how many records broke which rule",
       .text =
           "Groups what waits by pipeline and rule, most first, with one message as an example.",
       .arguments = {},
       .flags = {pipeline, partition, status},
       .examples = {{"daybook quarantine groups", "everything that waits"},
                    {"daybook quarantine groups --pipeline orders -o csv", "one pipeline, as CSV"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "quarantine show",
       .summary = "one record, with its original bytes",
       .text = "Source file, record number, byte offset, every rule it broke and why, what was "
               "decided about it, and its bytes as they came.",
       .arguments = {{.name = "RECORD", .help = "BATCH:RECORD", .form = Form::records}},
       .flags = {},
       .examples = {{"daybook quarantine show 0:17", "record 17 of batch 0"},
                    {"daybook quarantine show 0:17 -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "quarantine amend",
       .summary = "give a record new bytes",
       .text =
           "The new bytes are checked against the contract the batch was read under; what still "
           "breaks a rule is refused. The original stays in the book. An amended record is "
           "loaded once it is released.",
       .arguments = {{.name = "RECORD", .help = "BATCH:RECORD", .form = Form::records}},
       .flags = {{.name = "text",
                  .value = "LINE",
                  .help = "the whole record as it should have come"},
                 {.name = "file",
                  .value = "FILE",
                  .help = "the same from a file; - is stdin",
                  .form = Form::path},
                 required_reason,
                 dry_run},
       .examples = {{"daybook quarantine amend 0:17 --file fixed.csv --reason \"asked the shop\"",
                     "from a file"},
                    {"daybook quarantine amend 0:17 --text \"1042,DE,12.50\" --reason \"comma\" "
                     "--dry-run",
                     "see whether it would pass"}},
       .exits = {Exit::invalid, Exit::not_allowed, Exit::not_found, Exit::conflict}},
      {.path = "quarantine release",
       .summary = "let records pass",
       .text =
           "Amended records are validated again; records released as they are must still parse, "
           "and the other rules are waived for them. A release runs as its own run, and each "
           "record reaches the target exactly once.\n\n"
           "Without RECORDS, --rule, --partition or --all-amended nothing is released.",
       .arguments = {records},
       .flags = {pipeline,
                 partition,
                 rule,
                 {.name = "all-amended", .help = "every amended record that waits"},
                 required_reason,
                 dry_run,
                 {.name = "no-run", .help = "decide now, load with the next run"}},
       .examples = {{"daybook quarantine release 0:17 --reason \"asked the shop\"", "one record"},
                    {"daybook quarantine release --all-amended --reason \"reviewed\"",
                     "all that were amended"},
                    {"daybook quarantine release 0:1-40 --reason \"known gap\" --dry-run",
                     "only see which"}},
       .exits = {Exit::invalid, Exit::not_allowed, Exit::not_found, Exit::conflict, Exit::gate,
                 Exit::pending, Exit::unreachable, Exit::interrupted}},
      {.path = "quarantine discard",
       .summary = "never load records",
       .text = "The records stay in the book with the reason, and are not asked about again.",
       .arguments = {records},
       .flags = {pipeline, partition, rule, required_reason, dry_run},
       .examples = {{"daybook quarantine discard 0:3 --reason \"test order\"", "one record"},
                    {"daybook quarantine discard --rule structure --reason \"garbage\" --yes",
                     "all that broke a rule"}},
       .exits = exits},
      {.path = "quarantine export",
       .summary = "write records as JSONL",
       .text =
           "One object a line: batch, record, source, row, offset, rules, and the bytes as text "
           "or, where they are not UTF-8, in base64. Add \"amended\" with the new text to a line "
           "and give the file to import. With `-o json` or `-o csv` the records are one document, "
           "which import does not read.",
       .arguments = {records},
       .flags = {pipeline,
                 partition,
                 rule,
                 status,
                 {.name = "file",
                  .value = "FILE",
                  .help = "write here instead of stdout; must be new",
                  .form = Form::path}},
       .examples = {{"daybook quarantine export --file held.jsonl", "all that wait"},
                    {"daybook quarantine export 0 --rule unit_price.type", "to stdout"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "quarantine import",
       .summary = "amend records from JSONL",
       .text =
           "Reads what export wrote. A line with \"amended\" amends its record, a line with "
           "\"discard\": true discards it, other lines change nothing. The original bytes of a "
           "line must be those of the book: a line about something else is refused, and nothing "
           "of the file is done.",
       .arguments = {{.name = "FILE", .help = "a JSONL file; - is stdin", .form = Form::path}},
       .flags = {required_reason, dry_run},
       .examples = {{"daybook quarantine import held.jsonl --reason \"fixed in a sheet\"",
                     "all lines"},
                    {"daybook quarantine import held.jsonl --reason \"fixed\" --dry-run",
                     "only check the file"}},
       .exits = {Exit::invalid, Exit::not_allowed, Exit::not_found, Exit::conflict}},
      {.path = "quarantine partitions",
       .summary = "partitions that were set aside as a whole",
       .text = "A partition is set aside when its attempts are spent, or when it ends the process "
               "that works on it again and again.",
       .arguments = {},
       .flags = {pipeline},
       .examples = {{"daybook quarantine partitions", "all of them"},
                    {"daybook quarantine partitions -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "quarantine release-partition",
       .summary = "try a partition that was set aside again",
       .text = "The next run plans it again, with its attempts counted anew.",
       .arguments = {{.name = "PARTITION", .help = "the partition", .form = Form::partition}},
       .flags = {pipeline, required_reason, dry_run},
       .examples = {{"daybook quarantine release-partition 2026-01-04 --reason \"disk grown\"",
                     "one"},
                    {"daybook quarantine release-partition 2026-01-04 --pipeline orders --reason "
                     "\"fixed\" --dry-run",
                     "only see what would be done"}},
       .exits = exits},
  };
}

}  // namespace daybook::commands
