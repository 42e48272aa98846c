#include "tools/daybook/command_lists.h"

namespace daybook::commands {

std::vector<CommandSpec> of_ledger() {
  return {
      {.path = "ledger export",
       .summary = "write the book as files that others verify",
       .text = "Writes the book up to its latest checkpoint as a C2SP tlog-tiles directory: the "
               "signed checkpoint, the hashes, and every entry byte for byte. Exported again into "
               "the same folder, it adds what is new and removes nothing.\n\n"
               "Entries hold no personal data and no secret; payloads are not exported. "
               "daybook-verify checks such a folder on any machine, without Daybook and offline.",
       .arguments = {{.name = "DIR", .help = "where to; made if absent", .form = Form::path}},
       .flags = {},
       .examples = {{"daybook ledger export audit", "into ./audit"},
                    {"daybook ledger export /srv/www/book -o json", "to be served, for a program"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity}},
      {.path = "ledger prove",
       .summary = "write one entry and the proof that it is in the book",
       .text = "Writes FILE, the entry's bytes, and FILE.tlog-proof, a C2SP tlog-proof under the "
               "latest checkpoint. Files that are there are not replaced.",
       .arguments = {{.name = "ENTRY", .help = "the entry's number", .form = Form::number},
                     {.name = "FILE", .help = "where to", .form = Form::path}},
       .flags = {},
       .examples = {{"daybook ledger prove 12 entry-12", "entry-12 and entry-12.tlog-proof"},
                    {"daybook ledger prove 12 entry-12 -o json", "for a program"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity}},
      {.path = "ledger key",
       .summary = "print the key that verifies the book's signatures",
       .text = "One line, name+id+key. Who verifies the book must have it from somewhere else than "
               "the exported folder.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook ledger key", "to be published, or handed over"},
                    {"daybook ledger key -o json", "for a program"}},
       .exits = {Exit::not_found}},
  };
}

}  // namespace daybook::commands
