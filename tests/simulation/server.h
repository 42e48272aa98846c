// A simulated database server and the driver that loads into it: transactions with a lock on each
// slot's fence, markers, lost answers, restarts, and a standby that is promoted without the last
// commits. The driver follows the load protocol of docs/reliability.md, as the one for PostgreSQL
// does (that one is tried against a real server by tests/campaign/postgres_runs.py).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runner/connect/sink.h"
#include "tests/simulation/world.h"

namespace daybook::sim {

struct ServerMarker {
  Generation generation = 0;
  Digest load_id{}, content{};
  std::uint64_t rows = 0;
  std::optional<Digest> taken_back_by;  // the tombstone
  std::uint64_t rows_removed = 0, rows_restored = 0;
  EntryIndex fence = 0;  // of the attempt that brought it in
};

struct ServerSlot {
  EntryIndex fence = 0;
  std::string origin;
  std::vector<ServerMarker> markers;
  std::map<Digest, std::vector<std::string>> rows;  // by load id, retired ones, too
  std::vector<Digest> visible;                      // load ids whose rows readers see, oldest first
};

using ServerKey = std::pair<std::string, std::string>;  // pipeline, partition

class Server {
 public:
  explicit Server(World& world) : world_(world) {}

  std::map<ServerKey, ServerSlot> committed;
  bool went_back = false;     // to a standby without the last commits
  std::set<Digest> vanished;  // load ids that a promoted standby does not have

  // A client is served here: the server may crash first, and may answer with an error.
  SinkResult<void> serve();
  void crash();
  void client_gone(const Process& client);  // its transactions end some time later

  // One transaction at one slot. Gone without commit: rolled back (when the server notices).
  struct Transaction {
    ServerKey key;
    ServerSlot slot;  // as it will be
    std::uint64_t incarnation = 0, number = 0;
  };
  SinkResult<Transaction> begin(const ServerKey& key);
  SinkResult<void> still_there(const Transaction& transaction);
  SinkResult<void> commit(Transaction& transaction);
  void rollback(const Transaction& transaction);

 private:
  struct Lock {
    std::uint64_t number;
    const Process* client;
    Timestamp until;  // the server ends the session then
  };
  bool holds(const Transaction& transaction);
  void apply(Transaction& transaction);

  World& world_;
  std::map<ServerKey, Lock> locks_;
  std::deque<std::map<ServerKey, ServerSlot>> before_;  // as of the last commits
  std::uint64_t incarnation_ = 1, numbers_ = 0;
  Timestamp down_until_ = 0;
};

std::unique_ptr<SinkDriver> open_server_sink(Server& server);

}  // namespace daybook::sim
