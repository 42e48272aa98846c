#include "runner/log_keys.h"

#include "ledger/keys.h"
#include "replay/log_keys.h"
#include "runner/connect/crash_point.h"
#include "runner/storage.h"

namespace daybook {
namespace {

std::string next_key(const BookPaths& paths) { return paths.log_key().string() + ".next"; }

bool names(const State& state, const NoteSigner& key) {
  return key.verifier().vkey() == state.log_vkey;
}

Result<void> put_in_place(const BookPaths& paths) {
  FileSystem& files = book_files();
  if (const auto done = files.rename(next_key(paths), paths.log_key().string()); !done) return done;
  return files.sync_dir(paths.keys().string());
}

LogKeyAnswer failed(Error error) { return std::unexpected(std::variant<Error, Refusal>(error)); }

// The successor, made durable beside the key that signs.
Result<NoteSigner> make_next(Keeper& keeper, const std::string& origin) {
  FileSystem& files = book_files();
  if (const auto done = files.remove(next_key(keeper.paths())); !done)
    return std::unexpected(done.error());
  return create_signing_key(files, next_key(keeper.paths()), origin,
                            [&](std::span<std::byte> out) { keeper.entropy().fill(out); });
}

LogKeyAnswer named(Keeper& keeper, const Answer& answer, LogKeyNamed out) {
  if (!answer) {
    // Nobody learnt of the successor.
    if (const auto done = book_files().remove(next_key(keeper.paths())); !done)
      return failed(done.error());
    return std::unexpected(std::variant<Error, Refusal>(answer.error()));
  }
  DAYBOOK_CRASH_POINT("log_key.named");
  if (const auto done = put_in_place(keeper.paths()); !done) return failed(done.error());
  DAYBOOK_CRASH_POINT("log_key.replaced");
  out.at = answer->first;
  return out;
}

// Of everything durable; what is waiting is made so.
TreeHead settled_head(Keeper& keeper) {
  keeper.flush();
  return keeper.ledger().head();
}

}  // namespace

Result<void> settle_log_keys(const BookPaths& paths, const State& state) {
  FileSystem& files = book_files();
  if (!files.exists(next_key(paths))) return {};
  // One that was cut while it was written was never named.
  const auto next = load_signing_key(files, next_key(paths));
  if (next && names(state, *next)) return put_in_place(paths);
  const auto key = load_signing_key(files, paths.log_key().string());
  if (!key || !names(state, *key)) return {};  // neither: not for us to remove
  if (const auto done = files.remove(next_key(paths)); !done) return done;
  return files.sync_dir(paths.keys().string());
}

Result<NoteSigner> signing_key(const BookPaths& paths, const State& state) {
  FileSystem& files = book_files();
  auto key = load_signing_key(files, paths.log_key().string());
  if (key && names(state, *key)) return key;
  // A reader may come between the entry and the rename.
  if (auto next = load_signing_key(files, next_key(paths)); next && names(state, *next))
    return next;
  if (!key) return key;
  return fail(Error::Code::invalid, "{} is not the key {} that the book names",
              paths.log_key().string(), state.log_vkey);
}

LogKeyAnswer rotate_log_key(Keeper& keeper, const Actor& actor, std::string reason) {
  if (const auto signed_now = keeper.checkpoint(); !signed_now) return failed(signed_now.error());
  const auto old_key = signing_key(keeper.paths(), keeper.state());
  if (!old_key) return failed(old_key.error());
  const std::string origin = log_name(keeper.state()).origin;
  const auto next = make_next(keeper, origin);
  if (!next) return failed(next.error());
  DAYBOOK_CRASH_POINT("log_key.made");
  const TreeHead head = settled_head(keeper);
  const std::string vkey = next->verifier().vkey();
  const auto signature = sign_endorsement(
      {.origin = origin, .old_vkey = keeper.state().log_vkey, .new_vkey = vkey, .before = head},
      *old_key);
  if (!signature) return failed(signature.error());
  LogKeyNamed out{
      .at = no_entry, .origin = origin, .old_vkey = keeper.state().log_vkey, .vkey = vkey};
  const Answer answer = keeper.ask_now(actor, RotateLogKey{.log_vkey = vkey,
                                                           .index = head.size,
                                                           .root = head.root,
                                                           .signature = *signature,
                                                           .reason = std::move(reason)});
  return named(keeper, answer, std::move(out));
}

LogKeyAnswer change_log_origin(Keeper& keeper, const Actor& actor, std::string origin,
                               std::uint64_t seen, std::string reason) {
  const auto next = make_next(keeper, origin);
  if (!next) return failed(next.error());
  DAYBOOK_CRASH_POINT("log_key.made");
  const TreeHead head = settled_head(keeper);
  const State& state = keeper.state();
  const std::string vkey = next->verifier().vkey();
  LogKeyNamed out{.at = no_entry, .origin = origin, .old_vkey = state.log_vkey, .vkey = vkey};
  std::string signature;  // empty where the old key is lost, which may be why
  if (const auto old_key = signing_key(keeper.paths(), state)) {
    const auto line = sign_endorsement({.origin = log_name(state).origin,
                                        .old_vkey = state.log_vkey,
                                        .new_vkey = vkey,
                                        .before = head},
                                       *old_key);
    if (!line) return failed(line.error());
    signature = *line;
  }
  const Answer answer = keeper.ask_now(actor, ChangeLogOrigin{.origin = std::move(origin),
                                                              .log_vkey = vkey,
                                                              .index = head.size,
                                                              .seen = seen,
                                                              .root = head.root,
                                                              .signature = std::move(signature),
                                                              .reason = std::move(reason)});
  return named(keeper, answer, std::move(out));
}

}  // namespace daybook
