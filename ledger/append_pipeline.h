// Appends groups one after the other in overlapping steps: where hashing and anchoring are a good
// part of an append, the disk does not wait for either. The threads are the caller's.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "ledger/staged_ledger.h"

namespace daybook {

class AppendPipeline {
 public:
  // Called in the order of submission, by acknowledge_groups: with the head over the group when it
  // may be acknowledged, or with the error; after the first error every group fails.
  using Done = std::function<void(const Result<TreeHead>&)>;

  // While the pipeline lives nobody else appends to `ledger`.
  explicit AppendPipeline(StagedLedger& ledger);
  AppendPipeline(const AppendPipeline&) = delete;
  AppendPipeline& operator=(const AppendPipeline&) = delete;

  // Each runs on a thread of its own until close() was called and what was submitted is done; both
  // have returned before the pipeline goes.
  void store_groups();
  void acknowledge_groups();
  void close();

  // Hashes on the calling thread; waits while `depth` groups are on their way. Where it fails,
  // `done` is never called. One thread.
  Result<void> submit(std::span<const Bytes> entries, Done done);
  // Waits for everything submitted; the first error, or the head.
  Result<TreeHead> drain();

  static constexpr std::size_t depth = 4;

 private:
  struct Place {
    std::unique_ptr<StagedLedger::Group> group;
    Done done;
  };
  Place& place(std::uint64_t turn) { return places_[turn % depth]; }
  void failed(const Error& error);

  StagedLedger& ledger_;
  std::vector<Place> places_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Turns: 0 <= finished_ <= stored_ <= prepared_ <= finished_ + depth.
  std::uint64_t prepared_ = 0;
  std::uint64_t stored_ = 0;
  std::uint64_t finished_ = 0;
  std::optional<Error> error_;
  bool closing_ = false;
};

}  // namespace daybook
