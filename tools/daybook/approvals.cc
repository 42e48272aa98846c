// Approvals and the people who may give them.
#include <unistd.h>

#include <algorithm>

#include "ledger/ssh_signature.h"
#include "replay/words.h"
#include "runner/compensation.h"
#include "tools/daybook/ssh_keygen.h"
#include "tools/daybook/submit.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

Json approval_item(const State& state, ApprovalId id) {
  const ApprovalState& a = *state.find(id);
  return {{"approval", static_cast<std::uint32_t>(id)},
          {"subject", a.subject == ApprovalSubject::load
                          ? "load " + slot_title(state, a.slot)
                          : approval_subject(state, a.subject, a.slot, a.compensation, a.erasure)},
          {"standing", standing(a)},
          {"given", a.approvers.size()},
          {"needed", a.needed},
          {"approvers", a.approvers},
          {"fingerprints", a.fingerprints},
          {"may_not", a.parties},
          {"digest", hex(a.digest)}};
}

std::expected<ApprovalId, Problem> approval_of(Invocation& in, const State& state) {
  const std::uint64_t id = *in.arguments.number("APPROVAL");
  if (id >= state.approvals.size())
    return not_found("daybook approvals list --all shows them", "there is no approval {}", id);
  return ApprovalId{static_cast<std::uint32_t>(id)};
}

std::expected<std::string, Problem> text_to_sign(const ReadBook& book, ApprovalId id) {
  const auto payloads = open_payloads(book.paths);
  if (!payloads) return std::unexpected(payloads.error());
  auto text = approval_text(book.with(*payloads), id);
  if (!text) return std::unexpected(problem_of(text.error()));
  return std::move(*text);
}

}  // namespace

Outcome approvals_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Listing listing{.kind = "ApprovalList",
                  .columns = {{.key = "approval", .title = "ID", .right = true},
                              {.key = "subject", .title = "TO APPROVE"},
                              {.key = "standing", .title = "STANDING"},
                              {.key = "given", .title = "SIGNED", .right = true},
                              {.key = "needed", .title = "NEEDED", .right = true},
                              {.key = "approvers", .title = "BY"},
                              {.key = "may_not", .title = "MAY NOT SIGN"}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "nothing waits for a signature",
                  .footer = {}};
  for (std::size_t i = 0; i < book->state.approvals.size(); ++i) {
    Json item = approval_item(book->state, ApprovalId{static_cast<std::uint32_t>(i)});
    if (!in.arguments.has("all") && item["standing"] != "waiting") continue;
    listing.items.push_back(std::move(item));
  }
  return printed(in.output.print(listing));
}

Outcome approvals_show(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = approval_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const ApprovalState& a = *book->state.find(*id);
  Document document{.kind = "Approval",
                    .json = approval_item(book->state, *id),
                    .text = {},
                    .ledger_size = book->state.size};
  const auto text = text_to_sign(*book, *id);
  document.json["text"] = text ? Json(*text) : Json();
  document.text = fmt::format("approval {}: {}\n  {}  {} of {} signatures\n  digest sha256:{}\n",
                              *id, printable(document.json["subject"].get<std::string>()),
                              standing(a), a.approvers.size(), a.needed, hex(a.digest));
  for (std::size_t i = 0; i < a.approvers.size(); ++i)
    document.text += fmt::format("  signed by {} with {}\n", printable(a.approvers[i]),
                                 i < a.fingerprints.size() ? a.fingerprints[i] : "");
  for (const std::string& party : a.parties)
    document.text += fmt::format("  may not sign: {} took part\n", printable(party));
  if (text) document.text += "\n" + indented(*text);
  return printed(in.output.print(document));
}

Outcome approvals_text(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = approval_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const auto text = text_to_sign(*book, *id);
  if (!text) return std::unexpected(text.error());
  if (in.output.format() == Format::text || in.output.format() == Format::wide) {
    in.output.raw(*text);
  } else if (const auto done =
                 in.output.print(Document{.kind = "ApprovalText",
                                          .json = {{"approval", static_cast<std::uint32_t>(*id)},
                                                   {"digest", hex(book->state.find(*id)->digest)},
                                                   {"text", *text}},
                                          .text = {},
                                          .ledger_size = book->state.size});
             !done) {
    return std::unexpected(done.error());
  }
  if (::isatty(1) == 1)
    in.output.say("save it as FILE; then: ssh-keygen -Y sign -n daybook -f KEY FILE");
  return Exit::good;
}

Outcome approvals_approve(Invocation& in) {
  const Arguments& args = in.arguments;
  if (args.has("key") == args.has("signature"))
    return usage("--key FILE signs here, --signature FILE is one made elsewhere",
                 "an approval needs a key or a signature, one of the two");
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = approval_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const auto text = text_to_sign(*book, *id);
  if (!text) return std::unexpected(text.error());
  const std::string approver = args.text("as", local_actor().principal);
  // Everything the rules ask save the signature itself, before a key is touched; its fingerprint is
  // not known yet.
  const Decision allowed = decide(book->state, {.now = book->state.now, .actor = local_actor()},
                                  GiveApproval{.approval = *id,
                                               .approver = approver,
                                               .key_fingerprint = "?",
                                               .signature = {},
                                               .digest = sha256(bytes_of(*text))});
  if (!allowed) {
    Problem problem = problem_of(allowed.error());
    if (!book->state.principals.contains(approver))
      problem.hint =
          fmt::format("--as NAME, or daybook principals add {} --key FILE.pub --role approver",
                      printable(approver));
    return std::unexpected(std::move(problem));
  }
  if (args.has("dry-run"))
    return printed(in.output.print(
        Document{.kind = "DryRun",
                 .json = {{"dry_run", true}, {"approver", approver}},
                 .text = fmt::format("dry run: {} may sign approval {}; nothing was signed\n",
                                     printable(approver), *id),
                 .ledger_size = book->state.size}));
  auto signature = args.has("signature") ? whole_file(args.text("signature"), 64 << 10)
                                         : sign_with_ssh_key(args.text("key"), *text);
  if (!signature) return std::unexpected(signature.error());
  const auto answer = submit(book->paths, in.output,
                             {"approve",
                              {{"approval", static_cast<std::uint32_t>(*id)},
                               {"approver", approver},
                               {"signature", *signature}}});
  if (!answer) return std::unexpected(answer.error());
  const ApprovalState& a = *book->state.find(*id);
  const std::size_t given = a.approvers.size() + 1;
  if (const auto done =
          in.output.print(Document{.kind = "Recorded",
                                   .json = *answer,
                                   .text = fmt::format("{} signed approval {}: {} of {}\n",
                                                       printable(approver), *id, given, a.needed),
                                   .ledger_size = {}});
      !done)
    return std::unexpected(done.error());
  if (given >= a.needed && !in.output.machine())
    in.output.say(a.subject == ApprovalSubject::load
                      ? std::string("next  daybook run PIPELINE loads it")
                  : a.subject == ApprovalSubject::compensation
                      ? fmt::format("next  daybook compensate start {}", a.compensation)
                      : fmt::format("next  daybook erase start {}", a.erasure));
  return Exit::good;
}

Outcome approvals_reject(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto id = approval_of(in, book->state);
  if (!id) return std::unexpected(id.error());
  const std::string approver = in.arguments.text("as", local_actor().principal);
  return decide_and_report(in, *book,
                           {"reject",
                            {{"approval", static_cast<std::uint32_t>(*id)},
                             {"approver", approver},
                             {"reason", in.arguments.text("reason")}}},
                           fmt::format("{} rejected approval {}", approver, *id));
}

Outcome principals_add(Invocation& in) {
  const auto text = whole_file(in.arguments.text("key"), 64 << 10);
  if (!text) return std::unexpected(text.error());
  const std::string line = text->substr(0, text->find('\n'));
  const auto key = parse_ssh_public_key(line);
  if (!key)
    return std::unexpected(Problem{
        .exit = Exit::invalid,
        .code = "DB-1013",
        .message = fmt::format("{}: {}", printable(in.arguments.text("key")), key.error().detail),
        .hint = "the .pub file of an Ed25519 key: ssh-keygen -t ed25519"});
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  return decide_and_report(
      in, *book,
      {"principal-add",
       {{"name", in.arguments.text("NAME")},
        {"key", key->line},
        {"roles", in.arguments.all("role")}}},
      fmt::format("enrolled {} with {}", in.arguments.text("NAME"), key->fingerprint));
}

Outcome principals_revoke(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  return decide_and_report(
      in, *book,
      {"principal-revoke",
       {{"name", in.arguments.text("NAME")}, {"reason", in.arguments.text("reason")}}},
      "revoked " + in.arguments.text("NAME"));
}

Outcome principals_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Listing listing{.kind = "PrincipalList",
                  .columns = {{.key = "name", .title = "NAME"},
                              {.key = "roles", .title = "ROLES"},
                              {.key = "fingerprint", .title = "KEY"},
                              {.key = "revoked", .title = "REVOKED"},
                              {.key = "entry", .title = "ENTRY", .right = true}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "nobody is enrolled",
                  .footer = {}};
  for (const auto& [who, principal] : book->state.principals) {
    const auto key = parse_ssh_public_key(principal.public_key);
    listing.items.push_back({{"name", who},
                             {"roles", principal.roles},
                             {"public_key", principal.public_key},
                             {"fingerprint", key ? key->fingerprint : ""},
                             {"revoked", principal.revoked},
                             {"entry", principal.at}});
  }
  return printed(in.output.print(listing));
}

}  // namespace daybook::commands
