#include "tools/daybook/command_lists.h"

namespace daybook::commands {

namespace {

const Flag required_reason{
    .name = "reason", .value = "TEXT", .help = "why; kept in the book", .required = true};
const Flag dry_run{.name = "dry-run", .help = "say what would be done, and do nothing"};
const Argument compensation{.name = "COMPENSATION", .help = "its number", .form = Form::number};
const Argument approval{.name = "APPROVAL", .help = "its number", .form = Form::number};
const Flag as{
    .name = "as",
    .value = "NAME",
    .help = "the enrolled name that signs (default: the local user); the signature proves it",
    .form = Form::name};
const std::vector<Exit> exits = {Exit::not_allowed, Exit::not_found, Exit::conflict};
const std::vector<Flag> what_to_take_back = {
    {.name = "run", .value = "RUN", .help = "what this run loaded", .form = Form::run},
    {.name = "partition",
     .value = "KEY",
     .help = "what stands in this partition",
     .form = Form::partition,
     .repeats = true},
    {.name = "pipeline", .value = "NAME", .help = "of this pipeline", .form = Form::name},
};

std::vector<Flag> with(std::vector<Flag> flags, std::vector<Flag> more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

std::vector<CommandSpec> of_approval() {
  return {
      {.path = "compensate plan",
       .summary = "what taking a load back would do, with numbers",
       .text =
           "Lists the loads to be taken back, newest first, and asks the sink how many rows would "
           "go and come back. Changes nothing.\n\n"
           "With --as-of the loads, their order and the approvals are those of then; the sink is "
           "asked as it is now, and says where what stood then does not stand any more. Such a "
           "plan can not be proposed.",
       .arguments = {},
       .flags = what_to_take_back,
       .examples = {{"daybook compensate plan --run last", "all that the newest run loaded"},
                    {"daybook compensate plan --pipeline orders --partition 2026-01-04",
                     "one "
                     "partition"},
                    {"daybook compensate plan --partition 2026-01-04 --as-of 40",
                     "what could have been taken back then"}},
       .exits = {Exit::not_found, Exit::conflict, Exit::unreachable},
       .reads_book = true},
      {.path = "compensate propose",
       .summary = "propose to take a load back",
       .text = "Puts the plan into the book and asks for the approvals the pipeline demands. They "
               "are bound to the digest of exactly this plan: if anything changes, they are void.",
       .arguments = {},
       .flags = with(what_to_take_back, {required_reason, dry_run}),
       .examples = {{"daybook compensate propose --run last --reason \"wrong rates\"", "a run"},
                    {"daybook compensate propose --partition 2026-01-04 --reason \"wrong file\"",
                     "a partition"}},
       .exits = {Exit::not_allowed, Exit::not_found, Exit::conflict, Exit::pending,
                 Exit::unreachable}},
      {.path = "compensate list",
       .summary = "compensations, newest first",
       .text = "One line each: what, by whom, how far.",
       .arguments = {},
       .flags = {{.name = "open", .help = "only what is not finished or withdrawn"}},
       .examples = {{"daybook compensate list", "all"},
                    {"daybook compensate list --open -o json", "what is open, for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "compensate show",
       .summary = "one compensation, step by step",
       .text = "The plan's text as it was approved, its digest, its approvals, and what was done.",
       .arguments = {compensation},
       .flags = {},
       .examples = {{"daybook compensate show 0", "the first"},
                    {"daybook compensate show 0 -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "compensate start",
       .summary = "carry out an approved compensation",
       .text = "Takes the steps in order, each exactly once. After a crash or a failure the same "
               "command goes on where it stood.",
       .arguments = {compensation},
       .flags = {dry_run},
       .examples = {{"daybook compensate start 0", "carry it out"},
                    {"daybook compensate start 0 --dry-run", "see what is left to do"}},
       .exits = {Exit::not_allowed, Exit::not_found, Exit::conflict, Exit::pending,
                 Exit::unreachable, Exit::interrupted}},
      {.path = "compensate withdraw",
       .summary = "take a proposal back, or give up what can not go on",
       .text =
           "Before it was started; and afterwards while no step of it is under way, as when the "
           "sink says that what was to be taken back does not stand there. What was taken back "
           "by then stays so; the other partitions stand as they stood.",
       .arguments = {compensation},
       .flags = {required_reason, dry_run},
       .examples = {{"daybook compensate withdraw 0 --reason \"not needed\"", "take it back"},
                    {"daybook compensate withdraw 0 --reason \"other plan\" --dry-run",
                     "only see whether that is possible"}},
       .exits = exits},
      {.path = "approvals list",
       .summary = "what waits for a signature",
       .text = "One line each: what it is about, how many signatures it has and needs.",
       .arguments = {},
       .flags = {{.name = "all", .help = "also what was decided"}},
       .examples = {{"daybook approvals list", "what waits"},
                    {"daybook approvals list --all -o json", "all, for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "approvals show",
       .summary = "one approval: what it is about and who may sign",
       .text =
           "The digest that is signed for, the exact text, the signatures given, and the people "
           "who may not sign because they took part.",
       .arguments = {approval},
       .flags = {},
       .examples = {{"daybook approvals show 0", "the first"},
                    {"daybook approvals show 0 -o json", "for a program"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "approvals text",
       .summary = "print exactly what is to be signed",
       .text =
           "For signing on another machine: `ssh-keygen -Y sign -n daybook -f KEY FILE` over this "
           "text makes FILE.sig, which approve takes with --signature.",
       .arguments = {approval},
       .flags = {},
       .examples = {{"daybook approvals text 0", "to stdout"},
                    {"daybook approvals text 0 -q", "the same, nothing on stderr"}},
       .exits = {Exit::not_found},
       .reads_book = true},
      {.path = "approvals approve",
       .summary = "sign, with the SSH key you have",
       .text =
           "With --key the text is signed by ssh-keygen, which asks for the passphrase or the "
           "touch the key needs. With --signature a signature made elsewhere is given. Who took "
           "part in what is to be approved can not approve it.",
       .arguments = {approval},
       .flags = {{.name = "key",
                  .value = "FILE",
                  .help = "an SSH private key (or a public one whose "
                          "private half an agent holds)",
                  .form = Form::path},
                 {.name = "signature",
                  .value = "FILE",
                  .help = "a signature made by ssh-keygen -Y sign",
                  .form = Form::path},
                 as,
                 dry_run},
       .examples = {{"daybook approvals approve 0 --key id_ed25519", "sign here"},
                    {"daybook approvals approve 0 --signature plan.txt.sig --as ana",
                     "signed elsewhere"}},
       .exits = exits},
      {.path = "approvals reject",
       .summary = "decide against",
       .text = "What was proposed will not be done; it may be proposed again.",
       .arguments = {approval},
       .flags = {required_reason, as, dry_run},
       .examples = {{"daybook approvals reject 0 --reason \"wrong partition\"", "no"},
                    {"daybook approvals reject 0 --reason \"too many rows\" --as ana", "as ana"}},
       .exits = exits},
      {.path = "principals add",
       .summary = "enrol a person and a key",
       .text =
           "The first principal of a book may be enrolled by whoever owns the book; the entry "
           "says by whom. A role binds once somebody holds it: operators run, pause, cancel and "
           "reconcile, stewards amend, release and discard, either decides holds and takes "
           "loads back, admins enrol and may do all of that. Approving always takes an "
           "approver.",
       .arguments = {{.name = "NAME",
                      .help = "how the person is called in the book",
                      .form = Form::name}},
       .flags = {{.name = "key",
                  .value = "FILE",
                  .help = "the OpenSSH public key",
                  .form = Form::path,
                  .required = true},
                 {.name = "role",
                  .value = "ROLE",
                  .help =
                      "admin, operator, steward, approver or reader; may be given several times",
                  .form = Form::name,
                  .repeats = true,
                  .required = true},
                 dry_run},
       .examples = {{"daybook principals add ana --key id_ed25519.pub --role approver",
                     "an approver"},
                    {"daybook principals add bo --key bo.pub --role approver --role steward",
                     "two roles"}},
       .exits = {Exit::invalid, Exit::not_allowed, Exit::conflict}},
      {.path = "principals revoke",
       .summary = "a person may no longer sign",
       .text = "What was signed before stays signed.",
       .arguments = {{.name = "NAME", .help = "the person", .form = Form::name}},
       .flags = {required_reason, dry_run},
       .examples = {{"daybook principals revoke bo --reason \"left\"", "from now on"},
                    {"daybook principals revoke bo --reason \"key lost\" --dry-run",
                     "only see whether that is possible"}},
       .exits = exits},
      {.path = "principals list",
       .summary = "who may sign",
       .text = "Names, roles and keys.",
       .arguments = {},
       .flags = {},
       .examples = {{"daybook principals list", "everybody"},
                    {"daybook principals list --as-of 100", "as it was after 100 entries"}},
       .exits = {Exit::not_found},
       .reads_book = true},
  };
}

}  // namespace daybook::commands
