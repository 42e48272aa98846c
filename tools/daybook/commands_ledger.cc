#include "tools/daybook/command_lists.h"

namespace daybook::commands {

std::vector<CommandSpec> of_ledger() {
  return {
      {.path = "ledger export",
       .summary = "write the book as files that others verify",
       .text = "Writes the book up to its latest checkpoint as a C2SP tlog-tiles directory: the "
               "signed checkpoint, the hashes, and every entry byte for byte. Exported again into "
               "the same folder, it adds what is new and removes nothing. With --as-of it is the "
               "last checkpoint of at most so many entries.\n\n"
               "Entries hold no personal data and no secret; payloads are not exported. "
               "daybook-verify checks such a folder on any machine, without Daybook and offline.",
       .arguments = {{.name = "DIR", .help = "where to; made if absent", .form = Form::path}},
       .flags = {},
       .examples = {{"daybook ledger export audit", "into ./audit"},
                    {"daybook ledger export /srv/www/book -o json", "to be served, for a program"},
                    {"daybook ledger export january --as-of 2026-02-01",
                     "what January ended with"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
      {.path = "ledger prove",
       .summary = "write one entry and the proof that it is in the book",
       .text =
           "Writes FILE, the entry's bytes, and FILE.tlog-proof, a C2SP tlog-proof under the "
           "latest checkpoint, or with --as-of the last one of at most so many entries. Files that "
           "are there are not replaced.",
       .arguments = {{.name = "ENTRY", .help = "the entry's number", .form = Form::number},
                     {.name = "FILE", .help = "where to", .form = Form::path}},
       .flags = {},
       .examples = {{"daybook ledger prove 12 entry-12", "entry-12 and entry-12.tlog-proof"},
                    {"daybook ledger prove 12 entry-12 -o json", "for a program"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
      {.path = "ledger prove-completeness",
       .summary = "prove that no partition of a range is missing",
       .text =
           "Writes DIR: claim.json, which says of each partition in the range whether it is "
           "delivered, set aside, taken back, cancelled, open or missing, and book, an export "
           "that proves it. daybook-verify folds the exported entries on any machine, makes the "
           "claim again and compares it byte for byte.\n\n"
           "Partitions are those the book knows, expected or seen. With --every day or month they "
           "are those of the calendar too, so that one nobody ever expected is missing and not "
           "passed over. Exit 1 where one is open or missing; the claim then says so. With --as-of "
           "it is claimed of the last checkpoint of at most so many entries.",
       .arguments = {{.name = "PIPELINE", .help = "its name", .form = Form::name},
                     {.name = "DIR", .help = "a new folder", .form = Form::path}},
       .flags = {{.name = "from",
                  .value = "KEY",
                  .help = "the first partition (default: the first of all)",
                  .form = Form::partition},
                 {.name = "to",
                  .value = "KEY",
                  .help = "the last partition, included",
                  .form = Form::partition},
                 {.name = "every",
                  .value = "UNIT",
                  .help = "each day or month between them is to be there",
                  .form = Form::choice,
                  .choices = {"day", "month"}},
                 {.name = "sink", .value = "SINK", .help = "where a pipeline wrote to several"}},
       .examples = {{"daybook ledger prove-completeness runways proof --from 2026-01-01 "
                     "--to 2026-01-31 --every day",
                     "all of January"},
                    {"daybook ledger prove-completeness runways proof -o json",
                     "what the book knows of it, for a program"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
      {.path = "ledger prove-conservation",
       .summary = "prove that no row of a partition was lost",
       .text =
           "Writes FILE: for one loaded generation of a partition, that the rows received are "
           "those accepted, quarantined, filtered and merged, with the entries that say so and "
           "their proofs under the latest checkpoint, or with --as-of the last one of at most so "
           "many entries. daybook-verify checks it offline; it shows no row.",
       .arguments = {{.name = "PARTITION", .help = "the partition", .form = Form::partition},
                     {.name = "FILE", .help = "where to; not replaced", .form = Form::path}},
       .flags =
           {{.name = "pipeline", .value = "NAME", .help = "of this pipeline", .form = Form::name},
            {.name = "generation",
             .value = "N",
             .help = "this one (default: what stands, else the last)",
             .form = Form::number}},
       .examples = {{"daybook ledger prove-conservation 2026-01-04 proof.json", "what stands"},
                    {"daybook ledger prove-conservation 2026-01-04 proof.json --generation 1",
                     "what was loaded first"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity},
       .reads_book = true},
      {.path = "ledger key",
       .summary = "print the key that verifies the book's signatures",
       .text = "One line, name+id+key. Who verifies the book must have it from somewhere else than "
               "the exported folder. With --as-of the key that signed then.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook ledger key", "to be published, or handed over"},
                    {"daybook ledger key -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
  };
}

}  // namespace daybook::commands
