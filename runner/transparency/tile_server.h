// A log served over HTTP, read-only: https://c2sp.org/tlog-tiles. Loopback alone; who wants it on a
// network puts a web server in front, or serves an exported folder with any.
//
// Exactly the paths of the format are answered, `checkpoint` and `tile/…`, and only as they are
// spelled there: nothing is decoded, nothing is looked for. Requests that two programs could read
// differently (a body, two lengths, folded lines, bare line feeds) are refused, and the connection
// is closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ledger/error.h"
#include "ledger/ledger.h"

namespace daybook {

// The content of "checkpoint" or of a tile by its path ("tile/0/000.p/3"); `not_found` where there
// is none. Called for well-formed paths alone, from the thread that serves.
using TileSource = std::function<Result<std::string>(const std::string& path)>;

// What an open ledger has, and `checkpoint` as it is given.
Result<std::string> tile_of(const Ledger& ledger, const std::string& path);

struct TileServerBounds {
  std::size_t connections_max = 256;
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t bytes_in_flight_max = std::size_t{256} << 20;  // answers not yet taken
  std::chrono::milliseconds header_patience{5'000};          // from the first byte awaited on
  std::chrono::milliseconds write_patience{30'000};          // for a whole answer
  unsigned requests_max = 1'000;                             // of one connection
};

struct TileServerReport {
  std::uint64_t served = 0, refused = 0;  // requests answered with 200 or 304, and with others
  int signal = 0;                         // that ended it; 0: its time was over
};

class TileServer {
 public:
  // Listens on a loopback address; port 0: any free one. `invalid` for other addresses.
  static Result<std::unique_ptr<TileServer>> listen(const std::string& address, std::uint16_t port,
                                                    TileSource source,
                                                    const TileServerBounds& bounds = {});
  virtual ~TileServer() = default;

  virtual std::uint16_t port() const = 0;
  // Serves until SIGINT or SIGTERM, or for `time` where that is not zero. Blocking; one thread.
  virtual TileServerReport serve(std::chrono::seconds time) = 0;
};

// The head of a request, from its first byte to the empty line: what is refused before anything is
// looked up. 0: nothing is wrong; else the HTTP status of the refusal. Total.
unsigned refused_head(std::string_view head, std::uint16_t port);

}  // namespace daybook
