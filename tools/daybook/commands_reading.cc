#include "tools/daybook/command_lists.h"

namespace daybook::commands {

namespace {

const Flag pipeline{
    .name = "pipeline", .value = "NAME", .help = "only of this pipeline", .form = Form::name};

}  // namespace

std::vector<CommandSpec> of_reading() {
  return {
      {.path = "state",
       .summary = "where every partition stands",
       .text =
           "The fold of the book: one line a partition, with its generation, its rows and the "
           "entry that put it there. Gaps (partitions that are expected and not there) are lines "
           "too.",
       .arguments = {{.name = "PARTITION",
                      .help = "only these",
                      .form = Form::partition,
                      .required = false,
                      .repeats = true}},
       .flags = {pipeline,
                 {.name = "phase",
                  .value = "PHASE",
                  .help = "only those in this phase, as the text "
                          "names it: \"verified\", \"held\" …"},
                 {.name = "gaps", .help = "only what is expected and not there"},
                 {.name = "summary", .help = "how many in which phase, instead of each"}},
       .examples = {{"daybook state", "every partition"},
                    {"daybook state --as-of 2026-01-31T09:00:00Z", "as it was at that time"},
                    {"daybook state --phase quarantined -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "log",
       .summary = "the entries of the book",
       .text = "Every entry in order, as a sentence, or as JSON with all its fields. With --follow "
               "new entries are shown as they land, until Ctrl-C.",
       .arguments = {},
       .flags = {{.name = "from",
                  .value = "N",
                  .help = "first entry (default: so that --limit end "
                          "with the newest)",
                  .form = Form::number},
                 {.name = "limit",
                  .value = "N",
                  .help = "at most so many (default 50; 0: all)",
                  .form = Form::number},
                 {.name = "kind",
                  .value = "KIND",
                  .help = "only entries of this kind: LoadCommitted",
                  .form = Form::name},
                 {.name = "partition",
                  .value = "KEY",
                  .help = "only about this partition",
                  .form = Form::partition},
                 pipeline,
                 {.name = "run", .value = "RUN", .help = "only of this run", .form = Form::run},
                 {.name = "follow", .letter = 'f', .help = "go on with what lands"}},
       .examples = {{"daybook log", "the last 50"},
                    {"daybook log --follow --partition 2026-01-04", "one partition, live"},
                    {"daybook log --from 0 --limit 0 -o jsonl", "all of it, for a program"}},
       .exits = {Exit::not_found, Exit::integrity, Exit::interrupted},
       .reads_book = true},
      {.path = "explain",
       .summary = "why a partition is where it is, entry by entry",
       .text =
           "Tells in words what happened to a partition, in order, each sentence with the entry "
           "that proves it, and what is to be done next.",
       .arguments = {{.name = "PARTITION", .help = "the partition", .form = Form::partition}},
       .flags = {pipeline, {.name = "all", .help = "earlier generations too"}},
       .examples = {{"daybook explain 2026-01-04", "why it is where it is"},
                    {"daybook explain 2026-01-04 --as-of 40", "why it was where it was then"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "sql",
       .summary = "ask the book in SQL",
       .text =
           "One SELECT over the tables of the book, as of any moment, answered by DuckDB inside "
           "this program from the same fold as everything else. It reads the book and nothing "
           "else: no file, no extension, no setting; nothing is written. The answer names the "
           "entries and the state root it rests on. --tables lists the tables and what each "
           "column means. Times are UTC.",
       .arguments = {{.name = "QUERY",
                      .help = "one SELECT; \"-\" reads it from stdin",
                      .required = false}},
       .flags = {{.name = "tables", .help = "the tables and columns instead"},
                 {.name = "limit",
                  .value = "N",
                  .help = "at most so many rows (default 1000 as text, all in other forms; 0: all)",
                  .form = Form::number},
                 {.name = "memory",
                  .value = "MIB",
                  .help = "what the query may keep while it works (default 512)",
                  .form = Form::number}},
       .examples =
           {{"daybook sql \"select pipeline, sum(rows) from loads where current group by 1\"",
             "rows that stand, by pipeline"},
            {"daybook sql \"select entry, actor, sentence from entries where actor_kind = "
             "'human'\" -o csv",
             "what people did"},
            {"daybook sql --tables", "what can be asked"}},
       .exits = {Exit::invalid, Exit::not_found, Exit::integrity},
       .reads_book = true},
      {.path = "evidence",
       .summary = "hand over a part of the book, for others to check",
       .text =
           "Writes one archive with the entries of a run, of a compensation or of a range, the "
           "proof that they are under the signed head, checkpoints, definitions and contracts, "
           "approvals with their signatures, erasure receipts, the list of what was quarantined, "
           "and a page for people. daybook-verify checks it without the book.\n\n"
           "Entries hold no personal data. The bytes of quarantined records are left out unless "
           "--with-records asks for them. Signed with the book's key, so it is made where that is."
           "\n\n"
           "With --as-of it is what could have been handed over then, under the last checkpoint "
           "of at most so many entries; where the key was replaced since, it is refused.",
       .arguments = {{.name = "FILE", .help = "the archive, a new file", .form = Form::path}},
       .flags = {{.name = "run", .value = "RUN", .help = "about this run", .form = Form::run},
                 {.name = "compensation",
                  .value = "N",
                  .help = "about this compensation",
                  .form = Form::number},
                 {.name = "from",
                  .value = "MOMENT",
                  .help = "every entry from this one, or this time, on",
                  .form = Form::point},
                 {.name = "to",
                  .value = "MOMENT",
                  .help = "up to this one, or this time",
                  .form = Form::point},
                 {.name = "with-records", .help = "the bytes of quarantined records, too"}},
       .examples = {{"daybook evidence run-0.zip --run 0", "one run"},
                    {"daybook evidence q1.zip --from 2026-01-01 --to 2026-03-31T23:59:59Z",
                     "a quarter"},
                    {"daybook evidence run-0.zip --run 0 --as-of 40",
                     "a run as far as it was known then"}},
       .exits = {Exit::invalid, Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
      {.path = "verify",
       .summary = "check the whole book",
       .text = "Re-reads every entry, recomputes every hash and the tree, folds the state again, "
               "checks every checkpoint's signature and state digest, and asks every invariant of "
               "every step. Then the files beside the ledger: every payload an entry refers to, "
               "the signing key and the configuration. Reports what it finds; repairs nothing. A "
               "failure is exit 9.\n\n"
               "With --as-of the first entries alone are checked, with the tree and the "
               "checkpoints of at most as many, and the payloads they refer to. What was erased "
               "since is counted as erased, and the key is that of now.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook verify", "this book"},
                    {"daybook verify --book backup/.daybook -o json", "a copy, for a program"},
                    {"daybook verify --as-of 2026-01-31T09:00:00Z", "what was there at that time"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
      {.path = "doctor",
       .summary = "check the machine and the book's folder",
       .text = "Disk, file limits, permissions, clock, keeper, anchor, and the programs approvals "
               "need. Each line that is not good says what to do.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook doctor", "all checks"}, {"daybook doctor -o json", "for monitoring"}},
       .exits = {Exit::integrity}},
      {.path = "completion",
       .summary = "print completions for a shell",
       .text = "Made from the same table as this help.",
       .arguments = {{.name = "SHELL",
                      .help = "bash, zsh or fish",
                      .form = Form::choice,
                      .choices = {"bash", "zsh", "fish"}}},
       .flags = {},
       .examples = {{"daybook completion bash", "for /etc/bash_completion.d"},
                    {"daybook completion fish", "for ~/.config/fish/completions"}},
       .exits = {}},
      {.path = "help",
       .summary = "help for a command or a topic",
       .text = "Topics: exit-codes, environment, formatting, problems.",
       .arguments =
           {{.name = "WORD", .help = "a command or a topic", .required = false, .repeats = true}},
       .flags = {},
       .examples = {{"daybook help exit-codes", "what the numbers mean"},
                    {"daybook help quarantine release", "the same as --help"}},
       .exits = {Exit::not_found}},
      {.path = "version",
       .summary = "versions of this program and its engine",
       .text = "The engine's digest is part of every run's first entry.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook version", "for people"}, {"daybook version -o json", "for programs"}},
       .exits = {}},
      {.path = "__generate",
       .summary = "write the reference pages and man pages",
       .text = "For the build of the documentation.",
       .arguments = {{.name = "DIR", .help = "where to", .form = Form::path}},
       .flags = {},
       .examples = {{"daybook __generate docs/reference", "the pages of the repository"},
                    {"daybook __generate build/pages", "elsewhere, to compare"}},
       .exits = {},
       .hidden = true},
  };
}

}  // namespace daybook::commands
