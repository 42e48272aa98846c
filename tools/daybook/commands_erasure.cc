#include "tools/daybook/command_lists.h"

namespace daybook::commands {

namespace {

const Flag required_reason{
    .name = "reason", .value = "TEXT", .help = "why; kept in the book", .required = true};
const Flag dry_run{.name = "dry-run", .help = "say what would be done, and do nothing"};
const Argument erasure{.name = "ERASURE", .help = "its number", .form = Form::number};
const std::vector<Exit> exits = {Exit::not_allowed, Exit::not_found, Exit::conflict};
const std::vector<Flag> what_to_erase = {
    {.name = "subject",
     .value = "COLUMN=VALUE",
     .help = "records and inputs with exactly this value in this column (* is any column); "
             "any of several is enough",
     .repeats = true},
    {.name = "subjects",
     .value = "FILE",
     .help = "the same, one a line, out of sight of the shell's history; - is stdin",
     .form = Form::path},
    {.name = "record",
     .value = "RECORDS",
     .help = "BATCH, BATCH:RECORD or BATCH:FIRST-LAST",
     .form = Form::records,
     .repeats = true},
    {.name = "run",
     .value = "RUN",
     .help = "all that this run set aside, and its inputs",
     .form = Form::run},
    {.name = "expired", .help = "all that was kept as long as its pipeline's retention says"},
    {.name = "pipeline", .value = "NAME", .help = "only of this pipeline", .form = Form::name},
    {.name = "only",
     .value = "WHAT",
     .help = "only quarantined records, or only retained inputs",
     .form = Form::choice,
     .choices = {"quarantine", "inputs"}},
};

std::vector<Flag> with(std::vector<Flag> flags, std::vector<Flag> more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

std::vector<CommandSpec> of_erasure() {
  return {
      {.path = "erase plan",
       .summary = "what an erasure would take, with numbers",
       .text = "Decrypts what the book keeps, looks, and lists what would become unreadable: "
               "quarantined records one by one, retained inputs as a whole. What a person is named "
               "by is used for looking and stands nowhere afterwards. Rows that were loaded are "
               "the target's: they are not touched here. Changes nothing.\n\n"
               "With --as-of it is what the book kept then, and what had been kept long enough by "
               "then; what was erased since can not be looked into. Such a plan can not be "
               "proposed.",
       .arguments = {},
       .flags = what_to_erase,
       .examples = {{"daybook erase plan --subject email=ana@example.org", "one person"},
                    {"daybook erase plan --expired", "what has been kept long enough"},
                    {"daybook erase plan --run 0 --as-of 40", "what was kept of a run then"}},
       .exits = {Exit::not_allowed, Exit::not_found},
       .reads_book = true},
      {.path = "erase propose",
       .summary = "propose an erasure",
       .text =
           "Puts the plan into the book and asks for the approval of somebody else. What stays of "
           "a batch is kept anew, without the records that go. A legal hold refuses it, and the "
           "refusal is an entry.",
       .arguments = {},
       .flags = with(what_to_erase, {required_reason, dry_run}),
       .examples = {{"daybook erase propose --subjects ana.txt --reason \"request 4711\"",
                     "one person"},
                    {"daybook erase propose --expired --reason \"retention, monthly\"",
                     "what has been kept long enough"}},
       .exits = {Exit::not_allowed, Exit::not_found, Exit::conflict, Exit::pending}},
      {.path = "erase list",
       .summary = "erasures, newest first",
       .text = "One line each: under which policy, how much, by whom, how far.",
       .arguments = {},
       .flags = {{.name = "open", .help = "only what is not finished or withdrawn"}},
       .examples = {{"daybook erase list", "all"},
                    {"daybook erase list --open -o json", "what is open, for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "erase show",
       .summary = "the receipt of an erasure",
       .text = "What left, under which policy, proposed and approved by whom, when, and the "
               "entries that prove it; the plan's text as it was approved.",
       .arguments = {erasure},
       .flags = {},
       .examples = {{"daybook erase show 0", "the first"},
                    {"daybook erase show 0 -o json > receipt.json", "to be handed over"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "erase start",
       .summary = "carry out an approved erasure",
       .text =
           "Writes into the book that it begins, destroys the keys, writes that it is done. After "
           "a crash whoever opens the book next finishes it. Backups of the keys are outside its "
           "reach: let them expire.",
       .arguments = {erasure},
       .flags = {dry_run},
       .examples = {{"daybook erase start 0", "asks before it destroys anything"},
                    {"daybook erase start 0 --yes -o json", "for a program; prints the receipt"}},
       .exits = {Exit::not_allowed, Exit::not_found, Exit::conflict, Exit::pending}},
      {.path = "erase withdraw",
       .summary = "take a proposal back",
       .text = "Only before it was started.",
       .arguments = {erasure},
       .flags = {required_reason, dry_run},
       .examples = {{"daybook erase withdraw 0 --reason \"wrong person\"", "take it back"},
                    {"daybook erase withdraw 0 --reason \"other plan\" --dry-run",
                     "only see whether that is possible"}},
       .exits = exits},
      {.path = "legal-hold add",
       .summary = "keep what may be evidence",
       .text = "Nothing of the scope can be erased until the hold is released. Without --run, "
               "--partition or --pipeline the scope is the whole book.",
       .arguments = {},
       .flags = {{.name = "run", .value = "RUN", .help = "what it read", .form = Form::run},
                 {.name = "partition",
                  .value = "KEY",
                  .help = "what was read for it",
                  .form = Form::partition},
                 {.name = "pipeline",
                  .value = "NAME",
                  .help = "all it read; or whose partition",
                  .form = Form::name},
                 required_reason,
                 dry_run},
       .examples = {{"daybook legal-hold add --pipeline orders --reason \"case 12/2026\"",
                     "a pipeline"},
                    {"daybook legal-hold add --reason \"audit 2026\"", "the whole book"}},
       .exits = exits},
      {.path = "legal-hold list",
       .summary = "what is kept, and why",
       .text = "One line a hold.",
       .arguments = {},
       .flags = {{.name = "all", .help = "also what was released"}},
       .examples = {{"daybook legal-hold list", "what is in force"},
                    {"daybook legal-hold list --all -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "legal-hold release",
       .summary = "end a hold",
       .text = "What it kept may be erased again.",
       .arguments = {{.name = "HOLD", .help = "its number", .form = Form::number}},
       .flags = {required_reason, dry_run},
       .examples = {{"daybook legal-hold release 0 --reason \"the case is closed\"", "the first"},
                    {"daybook legal-hold release 0 --reason \"closed\" --dry-run",
                     "only see whether that is possible"}},
       .exits = exits},
  };
}

}  // namespace daybook::commands
