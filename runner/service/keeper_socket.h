// The keeper's socket: how other processes' commands reach the one writer of a book.
//
// `<book>/keeper.sock`, mode 0600. A message is its length (4 bytes, big endian, at most 1 MiB) and
// then JSON (requests.h). Who asks is what the kernel says (SO_PEERCRED), never what the message
// says. The ledger's lock decides who is the keeper; a socket file left behind means nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runner/book.h"
#include "runner/keeper.h"
#include "runner/service/requests.h"

namespace daybook {

class Runner;

inline constexpr std::uint32_t message_bytes_max = 1 << 20;

class KeeperSocket {
 public:
  // Listens from now on; connections are served on the keeper's loop. `io` where the socket can not
  // be made: then this process is a keeper nobody can reach, which is no reason to stop.
  static Result<std::unique_ptr<KeeperSocket>> listen(Keeper& keeper, Runner* runner);
  virtual ~KeeperSocket() = default;  // removes the file; from the loop, or when it is over
};

// Asks the living keeper of this book. nullopt where none listens. Blocking, for at most
// `patience_ms` after it was sent.
std::optional<RequestAnswer> ask_keeper(const BookPaths& paths, const Request& request,
                                        int patience_ms = 600'000);

}  // namespace daybook
