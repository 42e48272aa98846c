#include "tools/verifier/stamps.h"

#include "ledger/timestamp.h"

namespace daybook {

void judge_stamps(const std::vector<StampedNote>& stamps, const TrustPolicy& policy,
                  Judgement& judgement) {
  std::string last;
  for (const StampedNote& stamp : stamps) {
    const auto read = read_timestamp(stamp.response, bytes_of(stamp.note));
    if (!read) {
      judgement.found({Verdict::tampered, no_index, stamp.path, read.error().detail});
      continue;
    }
    ++judgement.timestamps;
    if (policy.authority.empty()) continue;
    const auto good = verify_timestamp(stamp.response, bytes_of(stamp.note), policy.authority);
    if (!good) {
      last = good.error().detail;
      continue;
    }
    ++judgement.timestamps_checked;
    if (judgement.stamped_at == 0 || good->time < judgement.stamped_at)
      judgement.stamped_at = good->time;
  }
  if (policy.authority.empty() || judgement.timestamps_checked > 0) return;
  judgement.found({Verdict::unmet, no_index, "",
                   stamps.empty()
                       ? "carries no time stamp"
                       : fmt::format("carries no time stamp of the authority: {}", last)});
}

}  // namespace daybook
