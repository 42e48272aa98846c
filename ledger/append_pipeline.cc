#include "ledger/append_pipeline.h"

#include <utility>

namespace daybook {

AppendPipeline::AppendPipeline(StagedLedger& ledger) : ledger_(ledger), places_(depth) {
  for (Place& each : places_) each.group = ledger.new_group();
}

void AppendPipeline::close() {
  {
    const std::lock_guard guard(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
}

Result<void> AppendPipeline::submit(std::span<const Bytes> entries, Done done) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return prepared_ - finished_ < depth; });
    if (error_) return std::unexpected(*error_);
  }
  Place& next = place(prepared_);  // only this thread moves prepared_
  if (auto ready = ledger_.prepare(entries, *next.group); !ready) return ready;
  next.done = std::move(done);
  {
    const std::lock_guard guard(mutex_);
    ++prepared_;
  }
  changed_.notify_all();
  return {};
}

Result<TreeHead> AppendPipeline::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return finished_ == prepared_; });
  if (error_) return std::unexpected(*error_);
  return ledger_.head();
}

void AppendPipeline::failed(const Error& error) {
  const std::lock_guard guard(mutex_);
  if (!error_) error_ = error;
}

void AppendPipeline::store_groups() {
  for (;;) {
    std::uint64_t turn = 0;
    bool skip = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stored_ < prepared_ || closing_; });
      if (stored_ == prepared_) return;
      turn = stored_;
      skip = error_.has_value();
    }
    if (!skip) {
      if (const auto stored = ledger_.store(*place(turn).group); !stored) failed(stored.error());
    }
    {
      const std::lock_guard guard(mutex_);
      ++stored_;
    }
    changed_.notify_all();
  }
}

// One write of the anchor acknowledges every group that was stored meanwhile.
void AppendPipeline::acknowledge_groups() {
  for (;;) {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    bool skip = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock,
                    [&] { return finished_ < stored_ || (closing_ && finished_ == prepared_); });
      if (finished_ == stored_) return;
      from = finished_;
      to = stored_;
      skip = error_.has_value();
    }
    if (!skip) {
      const auto acknowledged = ledger_.acknowledge(*place(to - 1).group);
      if (!acknowledged) failed(acknowledged.error());
    }
    for (std::uint64_t turn = from; turn < to; ++turn) {
      Result<TreeHead> answer = place(turn).group->head;
      {
        const std::lock_guard guard(mutex_);
        if (error_ && (skip || answer->size > ledger_.head().size))
          answer = std::unexpected(*error_);
      }
      const Done done = std::exchange(place(turn).done, {});
      if (done) done(answer);
    }
    {
      const std::lock_guard guard(mutex_);
      finished_ = to;
    }
    changed_.notify_all();
  }
}

}  // namespace daybook
