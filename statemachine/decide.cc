#include "statemachine/decide.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <concepts>

#include "statemachine/decisions.h"

namespace daybook {
namespace {

// Reasons, details and evidence come from people and from other systems: cut to what an entry
// holds, with a mark, never within a character.
void cut(std::string& text) {
  constexpr std::string_view mark = " […]";
  if (text.size() <= limits::text_bytes_max) return;
  std::size_t end = limits::text_bytes_max - mark.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  text += mark;
}

void cut_texts(Event& event) {
  std::visit(
      [](auto& e) -> void {
        if constexpr (requires { cut(e.reason); }) cut(e.reason);
        if constexpr (requires { cut(e.detail); }) cut(e.detail);
        if constexpr (requires { cut(e.evidence); }) cut(e.evidence);
      },
      event);
}

// Any one of these roles covers the command; none: it needs no role, or has a rule of its own.
using Roles = std::vector<std::string_view>;
template <typename C, typename... Kinds>
concept one_of = (std::same_as<C, Kinds> || ...);

Roles covering(const Command& command) {
  return std::visit(
      []<typename C>(const C& c) -> Roles {
        using namespace roles;
        if constexpr (std::same_as<C, StartRun>)
          return c.kind == RunKind::release ? Roles{operate, steward} : Roles{operate};
        else if constexpr (one_of<C, RegisterDefinition, ExpectPartitions, Cancel, Pause, Resume,
                                  RecordReconciliation, LoseLoad>)
          return {operate};
        else if constexpr (one_of<C, AmendRecord, ReleaseRecords, DiscardRecords>)
          return {steward};
        else if constexpr (one_of<C, DecideHold, ReleaseSlot, ProposeCompensation,
                                  StartCompensation, WithdrawCompensation>)
          return {operate, steward};
        else if constexpr (one_of<C, EnrollPrincipal, RevokePrincipal, AddWitness, RemoveWitness,
                                  RotateLogKey, ChangeLogOrigin>)
          return {admin};
        else
          return {};
      },
      command);
}

bool holds(const Principal& principal, std::string_view role) {
  return !principal.revoked && std::ranges::find(principal.roles, role) != principal.roles.end();
}

std::expected<void, Refusal> within_role(const State& state, const Actor& actor,
                                         const Command& command) {
  if (actor.kind == ActorKind::system) return {};
  const Roles needed = covering(command);
  const auto any = [&](const Principal& principal) {
    return std::ranges::any_of(needed,
                               [&](std::string_view role) { return holds(principal, role); });
  };
  const bool binds = std::ranges::any_of(
      state.principals, [&](const auto& enrolled) { return any(enrolled.second); });
  if (!binds) return {};
  const auto who = state.principals.find(actor.principal);
  if (who != state.principals.end() && (any(who->second) || holds(who->second, roles::admin)))
    return {};
  return decisions::refuse(Refusal::Code::not_allowed, "{} does not have the role {}",
                           actor.principal, fmt::join(needed, " or "));
}

}  // namespace

Decision decide(const State& state, const Context& context, const Command& command) {
  if (state.origin.empty() && !std::holds_alternative<CreateBook>(command))
    return decisions::refuse(Refusal::Code::no_book, "the book has no first entry");
  if (const auto who = state.principals.find(context.actor.principal);
      who != state.principals.end() && who->second.revoked &&
      context.actor.kind != ActorKind::system)
    return decisions::refuse(Refusal::Code::not_allowed, "{} was revoked", context.actor.principal);
  Decision decision = std::visit(
      [&](const auto& c) -> Decision { return decisions::on(state, context, c); }, command);
  if (!decision) return decision;
  if (auto allowed = within_role(state, context.actor, command); !allowed)
    return std::unexpected(std::move(allowed.error()));
  std::ranges::for_each(*decision, cut_texts);
  return decision;
}

std::string_view name(Refusal::Code code) {
  switch (code) {
    case Refusal::Code::book_exists: return "book exists";
    case Refusal::Code::no_book: return "no book";
    case Refusal::Code::unknown: return "unknown";
    case Refusal::Code::already: return "already so";
    case Refusal::Code::conflict: return "conflict";
    case Refusal::Code::wrong_phase: return "wrong phase";
    case Refusal::Code::paused: return "paused";
    case Refusal::Code::cancelled: return "cancelled";
    case Refusal::Code::circuit_open: return "circuit open";
    case Refusal::Code::too_early: return "too early";
    case Refusal::Code::stale: return "stale";
    case Refusal::Code::not_allowed: return "not allowed";
    case Refusal::Code::not_approved: return "not approved";
    case Refusal::Code::too_large: return "too large";
    case Refusal::Code::mismatch: return "mismatch";
    case Refusal::Code::on_hold: return "on hold";
  }
  return "?";
}

std::uint64_t retry_delay_ms(const RetryRule& rule, std::uint32_t failures, std::uint64_t seed) {
  std::uint64_t delay = std::min(rule.initial_ms, rule.max_ms);
  const std::uint64_t factor = std::max<std::uint64_t>(rule.factor, 1);
  // A delay or a factor that does not grow is done growing.
  for (std::uint32_t i = 1; i < failures && delay > 0 && delay < rule.max_ms && factor > 1; ++i)
    delay = delay > rule.max_ms / factor ? rule.max_ms : delay * factor;
  const std::uint64_t half = delay / 2;
  return delay - half + seed % (half + 1);
}

bool conserved(const RowCounts& counts) {
  std::uint64_t rest = counts.read;
  for (const std::uint64_t part :
       {counts.accepted, counts.quarantined, counts.filtered, counts.merged}) {
    if (part > rest) return false;
    rest -= part;
  }
  return rest == 0;
}

Generation next_generation(const Slot& slot, const Digest& content) {
  if (!slot.generations.empty()) {
    const GenerationState& last = slot.generations.back();
    if (last.standing == Standing::aborted && last.content == content) return last.number;
  }
  return static_cast<Generation>(slot.generations.size() + 1);
}

std::string load_identity(const State& state, const Slot& slot, Generation generation,
                          const Digest& content) {
  std::string text = fmt::format("daybook/load/v1\n{}\n{}\n{}\n{}\n{}\n", state.origin,
                                 slot.pipeline, slot.sink, slot.partition, generation);
  for (const std::uint8_t byte : content) text += fmt::format("{:02x}", byte);
  text += '\n';
  return text;
}

std::string_view name(SlotPhase phase) {
  switch (phase) {
    case SlotPhase::idle: return "idle";
    case SlotPhase::planned: return "planned";
    case SlotPhase::running: return "running";
    case SlotPhase::failed: return "failed";
    case SlotPhase::retry_waiting: return "waiting for a retry";
    case SlotPhase::held: return "held";
    case SlotPhase::awaiting_approval: return "awaiting approval";
    case SlotPhase::staged: return "staged";
    case SlotPhase::load_intended: return "load intended";
    case SlotPhase::loaded: return "loaded";
    case SlotPhase::verified: return "verified";
    case SlotPhase::quarantined: return "quarantined";
    case SlotPhase::compensating: return "compensating";
    case SlotPhase::compensated: return "compensated";
    case SlotPhase::lost: return "lost";
    case SlotPhase::cancelled: return "cancelled";
    case SlotPhase::skipped: return "skipped";
  }
  return "?";
}

namespace decisions {

std::string describe(const Slot& slot) {
  return fmt::format("{} {}", slot.pipeline, slot.partition);
}

}  // namespace decisions
}  // namespace daybook
