// ledger witness add | remove | list | collect
#include "ledger/note.h"
#include "replay/checkpoint.h"
#include "runner/transparency/http_client.h"
#include "tools/daybook/log_answers.h"
#include "tools/daybook/submit.h"

namespace daybook {

std::string witness_lines(const Json& answer) {
  std::string out;
  std::size_t widest = 0;
  for (const Json& one : answer["witnesses"])
    widest = std::max(widest, one["name"].get<std::string>().size());
  for (const Json& one : answer["witnesses"]) {
    std::string name = one["name"].get<std::string>();
    name.resize(widest, ' ');
    out += fmt::format("  witness  {}  {}\n", printable(name),
                       printable(one["detail"].get<std::string>()));
  }
  return out;
}

std::string checkpoint_lines(const Json& answer) {
  const auto size = answer["size"].get<std::uint64_t>();
  if (size == 0) return "no checkpoint is signed yet\n";
  return fmt::format("checkpoint of {} entries  sha256:{}\n{}", grouped(size),
                     answer["root"].get<std::string>(), witness_lines(answer));
}

Exit exit_of_witnesses(const Json& answer) {
  for (const Json& one : answer["witnesses"])
    if (one["says"] != "cosigned") return Exit::unreachable;
  return Exit::good;
}

std::uint64_t checkpoint_entries(std::string_view note) {
  const auto parsed = parse_note(note);
  const auto checkpoint = parsed ? parse_checkpoint(parsed->text) : std::unexpected(parsed.error());
  return checkpoint ? checkpoint->head.size : 0;
}

namespace commands {

Outcome ledger_witness_add(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const std::string name = in.arguments.text("NAME"), vkey = in.arguments.text("VKEY"),
                    url = in.arguments.text("URL");
  const auto key = parse_vkey(vkey);
  if (!key || key->kind != NoteKeyKind::cosignature)
    return std::unexpected(problem_of(
        Error{Error::Code::invalid,
              key ? "this key signs logs; it is not that of a witness" : key.error().detail,
              "a witness says its verifier key when it starts: name+id+key"}));
  if (const auto parsed = parse_http_url(url); !parsed)
    return std::unexpected(problem_of(parsed.error()));
  return decide_and_report(
      in, *book, {"witness-add", {{"name", name}, {"vkey", vkey}, {"url", url}}},
      fmt::format("{} is asked to cosign each checkpoint", name),
      {"the witness has to know the log: hand it what daybook ledger key prints",
       "daybook ledger witness collect asks now"});
}

Outcome ledger_witness_remove(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const std::string name = in.arguments.text("NAME");
  if (!book->state.witnesses.contains(name))
    return not_found("daybook ledger witness list shows them", "there is no witness {}", name);
  return decide_and_report(
      in, *book, {"witness-remove", {{"name", name}, {"reason", in.arguments.text("reason")}}},
      fmt::format("{} is no longer asked", name));
}

namespace {

// The largest kept checkpoint that carries its cosignature; 0: none.
std::uint64_t last_cosigned(const Ledger& ledger, const NoteVerifier& witness) {
  const auto keys = ledger.keys("checkpoint/");
  if (!keys) return 0;
  for (auto key = keys->rbegin(); key != keys->rend(); ++key) {
    const auto bytes = ledger.get(*key);
    const auto note = bytes ? parse_note(*bytes) : std::unexpected(bytes.error());
    if (note && verify_note(*note, std::span(&witness, 1))) return checkpoint_entries(*bytes);
  }
  return 0;
}

}  // namespace

Outcome ledger_witness_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Listing listing{.kind = "WitnessList",
                  .columns = {{.key = "name", .title = "NAME"},
                              {.key = "key", .title = "KEY"},
                              {.key = "url", .title = "URL"},
                              {.key = "cosigned", .title = "COSIGNED", .right = true},
                              {.key = "entry", .title = "ENTRY", .right = true}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "nobody is asked to cosign; daybook ledger witness add names somebody",
                  .footer = {}};
  for (const auto& [name, witness] : book->state.witnesses) {
    const auto key = parse_vkey(witness.vkey);
    const std::uint64_t cosigned = key ? last_cosigned(*book->ledger, *key) : 0;
    listing.items.push_back({{"name", name},
                             {"key", key ? key->name : ""},
                             {"vkey", witness.vkey},
                             {"url", witness.url},
                             {"cosigned", cosigned == 0 ? Json() : Json(cosigned)},
                             {"entry", witness.at}});
  }
  return printed(in.output.print(listing));
}

Outcome ledger_witness_collect(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  if (book->state.witnesses.empty())
    return not_found("daybook ledger witness add names one", "this book has no witnesses");
  const auto answer = submit(book->paths, in.output, {"witness-collect", Json::object()});
  if (!answer) return std::unexpected(answer.error());
  const auto shown = in.output.print(Document{.kind = "Checkpoint",
                                              .json = *answer,
                                              .text = checkpoint_lines(*answer),
                                              .ledger_size = book->state.size});
  if (!shown) return std::unexpected(shown.error());
  return exit_of_witnesses(*answer);
}

}  // namespace commands
}  // namespace daybook
