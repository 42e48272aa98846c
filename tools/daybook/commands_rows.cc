#include "tools/daybook/command_lists.h"

namespace daybook::commands {

namespace {

constexpr const char* key_help =
    "COLUMN=VALUE[,COLUMN=VALUE], a VALUE of the one key column, BATCH:RECORD or FILE:ROW";

std::vector<Flag> where() {
  return {{.name = "partition",
           .value = "KEY",
           .help = "look in this partition alone; otherwise newest first until it is found",
           .form = Form::partition},
          {.name = "generation",
           .value = "N",
           .help = "as this generation had it (default: the current one)",
           .form = Form::number}};
}

std::vector<Flag> with(std::vector<Flag> flags, std::vector<Flag> more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

std::vector<CommandSpec> of_rows() {
  return {
      {.path = "trace",
       .summary = "tell the story of one row",
       .text =
           "Does the row's partition again in a temporary folder and follows the row: the source "
           "file, its row number, byte offset and text, what each step made of its values, "
           "duplicates it won over or lost to, lookup rows, members of its group, whether it was "
           "set aside, and what the book says of its load. What comes out is held against what the "
           "book committed to; where it differs, the story says so first and the command exits "
           "9.\n\n"
           "A record is asked for as FILE:ROW even where it became no row, a quarantined one as "
           "BATCH:RECORD. A row that a merge kept is followed into earlier generations.",
       .arguments = {{.name = "DATASET", .help = "a pipeline, or a sink"},
                     {.name = "KEY", .help = key_help, .repeats = true}},
       .flags = with(where(), {{.name = "history",
                                .help = "every earlier generation of the partition, too"}}),
       .examples = {{"daybook trace runways id=269408", "one row of the newest load"},
                    {"daybook trace runways 3:17", "quarantined record 17 of batch 3"},
                    {"daybook trace runways feed/2024-06-01/runways.csv:17 -o json",
                     "what became of a record"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
      {.path = "prove",
       .summary = "write a proof of one row that others check offline",
       .text =
           "Does the row's partition again in a temporary folder and, where that comes out as it "
           "was "
           "recorded, writes an archive: the row, its way to the root that the book committed to, "
           "the entries with their proofs and the signed checkpoint, the source record, the "
           "definition, PROV-JSON, and README.txt, which says what was proved and what was not. "
           "daybook-verify checks it without Daybook, book or network.\n\n"
           "Quarantined records are proved likewise. A proof tells nothing of other rows. Several "
           "keys go into a new folder, with each partition done again once.\n\n"
           "With --as-of the row is the one of then, under the last checkpoint of at most so many "
           "entries.",
       .arguments = {{.name = "DATASET", .help = "a pipeline, or a sink"},
                     {.name = "KEY", .help = key_help, .required = false, .repeats = true}},
       .flags = with(
           where(), {{.name = "to",
                      .letter = 'o',
                      .value = "FILE",
                      .help = "the archive to write (default proof.zip); a folder for several keys",
                      .form = Form::path},
                     {.name = "without-source",
                      .help = "leave out the source records: they hold what the steps mask"},
                     {.name = "keys-file",
                      .value = "FILE",
                      .help = "more keys, one a line",
                      .form = Form::path}}),
       .examples = {{"daybook prove runways id=269408 -o proof.zip", "one row of the newest load"},
                    {"daybook prove runways 3:17 --to held.zip",
                     "quarantined record 17 of batch 3"},
                    {"daybook prove runways --keys-file keys --partition 2024-06-01 --to proofs",
                     "many rows of one partition"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
  };
}

}  // namespace daybook::commands
