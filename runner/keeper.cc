#include "runner/keeper.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "ledger/assertion.h"
#include "ledger/codec/event_codec.h"
#include "ledger/keys.h"
#include "ledger/payload_store.h"
#include "ledger/rocksdb_ledger.h"
#include "replay/checkpoint.h"
#include "replay/fold.h"
#include "statemachine/apply.h"
#include "statemachine/invariants.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

// The correlation and cause an event carries come from the run and the slot it names.
struct Links {
  Uuid correlation{};
  EntryIndex cause = no_entry;
};

Links links(const State& state, const Event& event) {
  Links out;
  std::visit(
      [&](const auto& e) {
        RunId run = no_run;
        if constexpr (requires { e.uuid; }) {
          out.correlation = e.uuid;
          return;
        }
        if constexpr (requires { e.slot; }) {
          if (const Slot* slot = state.find(e.slot)) {
            out.cause = slot->story;
            run = slot->run;
          }
        }
        if constexpr (requires { e.run; }) run = e.run;
        if constexpr (requires {
                        e.batch;
                        e.reason;
                      }) {
          if (const BatchState* batch = state.find(e.batch)) {
            out.cause = batch->at;
            run = batch->run;
          }
        }
        if constexpr (requires { e.compensation; }) {
          if (const CompensationState* c = state.find(e.compensation)) out.cause = c->at;
        }
        if (const RunState* r = state.find(run)) {
          out.correlation = r->uuid;
          if (out.cause == no_entry) out.cause = r->started;
        }
      },
      event);
  return out;
}

}  // namespace

Keeper::Keeper(BookPaths paths, Executor& executor, Clock& clock, Entropy& entropy)
    : paths_(std::move(paths)), executor_(executor), clock_(clock), entropy_(entropy) {}

Keeper::~Keeper() = default;

Result<void> Keeper::create(const BookPaths& paths, BookConfig config, Executor& executor,
                            Clock& clock, Entropy& entropy, const Actor& actor) {
  std::error_code error;
  if (std::filesystem::exists(paths.root, error) && !std::filesystem::is_empty(paths.root, error))
    return std::unexpected(Error{Error::Code::conflict,
                                 fmt::format("{} exists and is not empty", paths.root.string()),
                                 "a book is made in a new folder; nothing was changed"});
  std::filesystem::create_directories(paths.root, error);
  if (!error) std::filesystem::permissions(paths.root, std::filesystem::perms::owner_all, error);
  if (error) return fail(Error::Code::io, "{}: {}", paths.root.string(), error.message());
  for (const auto& folder : {paths.keys(), paths.payloads(), paths.staging()}) {
    std::filesystem::create_directories(folder, error);
    if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error) return fail(Error::Code::io, "{}: {}", folder.string(), error.message());
  }
  if (config.origin.empty()) {
    std::array<std::byte, 8> id;
    entropy.fill(id);
    config.origin = "daybook.local/" + hex(id);
  }
  if (config.anchor.empty()) config.anchor = "anchor";
  const EntropySource random = [&](std::span<std::byte> out) { entropy.fill(out); };
  const auto key = SigningKey::create(paths.log_key(), config.origin, random);
  if (!key) return std::unexpected(key.error());
  if (const auto made = RocksdbLedger::create(paths.root, ledger_options(paths, config)); !made)
    return std::unexpected(made.error());
  // Written last: a folder without it is not a book yet.
  if (const auto written = write_config(paths, config); !written) return written;

  Keeper keeper(paths, executor, clock, entropy);
  auto ledger = RocksdbLedger::open(paths.root, ledger_options(paths, config));
  if (!ledger) return std::unexpected(ledger.error());
  keeper.ledger_ = std::move(*ledger);
  keeper.config_ = config;
  const auto answer =
      keeper.ask_now(actor, CreateBook{.origin = config.origin, .log_vkey = key->vkey()});
  DAYBOOK_ASSERT(answer.has_value(), "a new book refuses its first entry");
  return {};
}

}  // namespace daybook
