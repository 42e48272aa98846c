// A simulated file system under the real directory sink (files.h of runner/connect, linked from
// here): names are kept in a journal until their directory is synced, data until the file is.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/world.h"

namespace daybook::sim {

class Lake {
 public:
  explicit Lake(World& world);

  struct Node {
    bool directory = false;
    std::uint64_t number = 0;
    std::map<std::string, std::shared_ptr<Node>> entries, durable;  // directories
    std::string data, synced;                                       // files
    int locked_by = -1;                                             // descriptor
  };
  using NodePtr = std::shared_ptr<Node>;

  NodePtr make_node(bool directory);
  NodePtr find(const std::string& path) const;  // null: there is none
  NodePtr make_path(const std::string& path);   // durable at once: what a test stands on

  // Changes of names: several at once are one act of the journal.
  struct Change {
    NodePtr directory;
    std::string name;
    NodePtr node;  // null: removed
  };
  void change(std::vector<Change> changes);
  void sync_names(const NodePtr& directory);
  void power_loss();

  // 0, or the errno an operation fails with. The process may end or freeze here.
  int operate(std::string_view what);

  int open(NodePtr node);
  void close(int descriptor);
  Node& at(int descriptor) { return *opened_.at(descriptor).node; }
  NodePtr pointer(int descriptor) { return opened_.at(descriptor).node; }
  bool is_open_to(const Process& client) const;
  // A file system does not keep locks of processes that are gone.
  void client_gone(const Process& client);

 private:
  struct Opened {
    NodePtr node;
    const Process* client;
  };
  World& world_;
  NodePtr root_;
  std::vector<std::vector<Change>> journal_;
  std::map<int, Opened> opened_;
  int next_ = 3;
  std::uint64_t numbers_ = 0;
  Timestamp full_until_ = 0;
};

}  // namespace daybook::sim
