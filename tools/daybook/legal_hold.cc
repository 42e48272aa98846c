#include "replay/sentences.h"
#include "tools/daybook/scope.h"
#include "tools/daybook/submit.h"

namespace daybook::commands {

namespace {

std::string scope_title(const State& state, const Scope& scope) {
  switch (scope.kind) {
    case ScopeKind::book: return "the book";
    case ScopeKind::pipeline: return "pipeline " + scope.pipeline;
    case ScopeKind::run: return fmt::format("run {}", scope.run);
    case ScopeKind::partition: return slot_title(state, scope.slot);
  }
  return "?";
}

}  // namespace

Outcome legal_hold_add(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  auto scope = named_scope(in, book->state);
  if (!scope) return std::unexpected(scope.error());
  scope->first["reason"] = in.arguments.text("reason");
  return decide_and_report(in, *book, {"legal-hold-add", std::move(scope->first)},
                           fmt::format("{} is held: nothing of it can be erased", scope->second));
}

Outcome legal_hold_list(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  Listing listing{.kind = "LegalHoldList",
                  .columns = {{.key = "hold", .title = "ID", .right = true},
                              {.key = "scope", .title = "SCOPE"},
                              {.key = "standing", .title = "STANDING"},
                              {.key = "by", .title = "BY"},
                              {.key = "entry", .title = "ENTRY", .right = true},
                              {.key = "reason", .title = "REASON"}},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "nothing is held",
                  .footer = {}};
  for (std::size_t i = 0; i < book->state.legal_holds.size(); ++i) {
    const LegalHold& hold = book->state.legal_holds[i];
    if (!hold.in_force() && !in.arguments.has("all")) continue;
    listing.items.push_back({{"hold", i},
                             {"scope", scope_title(book->state, hold.scope)},
                             {"standing", hold.in_force() ? "in force" : "released"},
                             {"by", hold.placed_by},
                             {"entry", hold.at},
                             {"released", hold.in_force() ? Json() : Json(hold.released)},
                             {"reason", hold.reason}});
  }
  return printed(in.output.print(listing));
}

Outcome legal_hold_release(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const std::uint64_t id = *in.arguments.number("HOLD");
  if (id >= book->state.legal_holds.size())
    return not_found("daybook legal-hold list --all shows them", "there is no legal hold {}", id);
  return decide_and_report(
      in, *book,
      {"legal-hold-release",
       {{"hold", static_cast<std::uint32_t>(id)}, {"reason", in.arguments.text("reason")}}},
      fmt::format("released legal hold {}", id));
}

}  // namespace daybook::commands
