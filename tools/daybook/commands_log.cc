#include "tools/daybook/command_lists.h"

namespace daybook::commands {

std::vector<CommandSpec> of_log() {
  const Flag required_reason = {
      .name = "reason", .value = "TEXT", .help = "why, for the book", .required = true};
  const Flag dry_run = {.name = "dry-run", .help = "only say what would be recorded"};
  return {
      {.path = "ledger key rotate",
       .summary = "replace the key that signs the book",
       .text =
           "The old key signs a checkpoint of everything there is, and for its successor; an entry "
           "names the new one, which signs all checkpoints from then on. The old key is destroyed. "
           "Who verifies with the old key goes on doing so: exports, evidence and proofs carry its "
           "word for the new one.\n\n"
           "Tell the witnesses first: they cosign what is signed with keys they know.",
       .arguments = {},
       .flags = {required_reason},
       .examples = {{"daybook ledger key rotate --reason \"every January\" --yes", "once a year"},
                    {"daybook ledger key rotate --reason \"the laptop was stolen\"",
                     "asks before it does it"}},
       .exits = {Exit::not_found, Exit::not_allowed, Exit::conflict, Exit::integrity}},
      {.path = "ledger new-origin",
       .summary = "go on under another name after the newer book was lost",
       .text =
           "For a book that was restored from an old backup, when the newer copy is lost for good "
           "and witnesses refuse to cosign the old one; or whose signing key is lost. An entry "
           "says how far the old log was seen and why it ends; from there on the log has another "
           "origin and another key, and witnesses and auditors take it for what it is: another "
           "log. Checkpoints of the old origin stay, and can be verified.\n\n"
           "Not for a key that got into other hands: that is ledger key rotate.",
       .arguments = {},
       .flags = {required_reason,
                 {.name = "origin",
                  .value = "ORIGIN",
                  .help = "the new one (default: the book's name and a number)"}},
       .examples = {{"daybook ledger new-origin --reason \"disk and replica lost on 3 May\"",
                     "asks before it does it"},
                    {"daybook ledger new-origin --reason \"restored\" --origin example.com/book-2 "
                     "--yes",
                     "with a name of your own"}},
       .exits = {Exit::not_found, Exit::not_allowed, Exit::conflict}},
      {.path = "ledger witness add",
       .summary = "have somebody cosign each checkpoint",
       .text =
           "A witness (https://c2sp.org/tlog-witness) cosigns a checkpoint when it goes on from "
           "the "
           "last one it saw: who verifies with a quorum of witnesses is shown the same book as "
           "everybody else. It is asked before a checkpoint is signed, and after; one that does "
           "not "
           "answer fails no run. The name stands for it in this book; the same name again replaces "
           "key and URL.",
       .arguments = {{.name = "NAME", .help = "what it is called here", .form = Form::name},
                     {.name = "VKEY", .help = "its verifier key, name+id+key"},
                     {.name = "URL",
                      .help = "where it takes checkpoints: add-checkpoint is below"}},
       .flags = {dry_run},
       .examples = {{"daybook ledger witness add auditor "
                     "witness.example/w2+e98dbcf5+BABFkvNHqYw4x6+j1IuU+y8gnpX7dIL2Ls4uw87USZkh "
                     "https://witness.example/",
                     "an auditor's"},
                    {"daybook ledger witness add local "
                     "witness.example/w2+e98dbcf5+BABFkvNHqYw4x6+j1IuU+y8gnpX7dIL2Ls4uw87USZkh "
                     "http://127.0.0.1:7380 --dry-run",
                     "only see what would be recorded"}},
       .exits = {Exit::invalid, Exit::not_allowed, Exit::not_found, Exit::conflict}},
      {.path = "ledger witness remove",
       .summary = "ask a witness no more",
       .text = "Its cosignatures stay where they are.",
       .arguments = {{.name = "NAME", .help = "as it is called here", .form = Form::name}},
       .flags = {required_reason, dry_run},
       .examples = {{"daybook ledger witness remove auditor --reason \"engagement ended\"",
                     "for a reason"},
                    {"daybook ledger witness remove auditor --reason ended --dry-run",
                     "only see what would be recorded"}},
       .exits = {Exit::not_allowed, Exit::not_found}},
      {.path = "ledger witness list",
       .summary = "who cosigns, and up to where",
       .text = "One line a witness, with the largest checkpoint that carries its cosignature.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook ledger witness list", "as a table"},
                    {"daybook ledger witness list -o json", "with keys, for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "ledger witness collect",
       .summary = "sign what is there, and have it cosigned now",
       .text = "What the end of a run does: signs a checkpoint where there is something new, and "
               "asks every witness. Exit 10 where one did not cosign; 9 where one has seen more "
               "than this book holds, or something else: then nothing is signed.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook ledger witness collect", "after a witness was away"},
                    {"daybook ledger witness collect -o json",
                     "with the checkpoint, for a program"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::integrity, Exit::unreachable}},
      {.path = "ledger timestamp",
       .summary = "have an authority say when the latest checkpoint was there",
       .text =
           "Asks for an RFC 3161 time stamp over the latest checkpoint, verifies it with the "
           "authority's certificate and keeps it; exports and evidence carry it, and `openssl ts "
           "-verify` checks it. With --request and --response the two files can go by hand.",
       .arguments = {},
       .flags = {{.name = "tsa", .value = "URL", .help = "the authority, asked now"},
                 {.name = "request",
                  .value = "FILE",
                  .help = "write the request (.tsq) to be sent by hand",
                  .form = Form::path},
                 {.name = "response",
                  .value = "FILE",
                  .help = "what came back (.tsr) for the last --request",
                  .form = Form::path},
                 {.name = "ca",
                  .value = "FILE",
                  .help = "the authority's root certificate, PEM",
                  .form = Form::path}},
       .examples = {{"daybook ledger timestamp --tsa https://tsa.example/ --ca tsa-root.pem",
                     "over the network"},
                    {"daybook ledger timestamp --request checkpoint.tsq", "by hand, first half"},
                    {"daybook ledger timestamp --response checkpoint.tsr --ca tsa-root.pem",
                     "second half"}},
       .exits = {Exit::invalid, Exit::not_found, Exit::conflict, Exit::integrity,
                 Exit::unreachable}},
      {.path = "serve-tiles",
       .summary = "serve the book to verifiers over HTTP, on this machine",
       .text =
           "Serves an export, or without DIR the book itself up to its latest checkpoint, as C2SP "
           "tlog-tiles over HTTP on a loopback address. Exactly the paths of that format are "
           "answered. Ctrl-C ends it. An exported folder needs no server of ours: any that serves "
           "static files will do.",
       .arguments = {{.name = "DIR",
                      .help = "an export (default: the book)",
                      .form = Form::path,
                      .required = false}},
       .flags =
           {{.name = "listen",
             .value = "ADDRESS",
             .help = "a loopback address and a port (default: 127.0.0.1 and a free port)"},
            {.name = "for", .value = "SECONDS", .help = "end after so long", .form = Form::number}},
       .examples = {{"daybook serve-tiles audit --listen 127.0.0.1:8080", "an export"},
                    {"daybook serve-tiles --for 60", "the book, for a minute"}},
       .exits = {Exit::invalid, Exit::not_found, Exit::conflict, Exit::integrity}},
  };
}

}  // namespace daybook::commands
