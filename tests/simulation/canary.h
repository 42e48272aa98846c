// Faults of ours, put in on purpose, one at a time: each must be caught, or what the simulator does
// not find says nothing. They stand in the simulator's own parts and around the functions it wraps
// (canary.cc); the product has none of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace daybook::sim {

enum class Canary : std::uint8_t {
  none,
  // the book's storage
  skip_sync,               // a sync of the disk writes nothing
  acknowledge_before_log,  // an append is answered before it is kept
  anchor_before_log,       // the anchor runs ahead of the log
  lose_answered_tail,      // a restart drops the last acknowledged group
  // the sink
  drop_fence,          // lower fences are let in
  forget_marker,       // a load leaves no marker
  marker_apart,        // marker and rows in two transactions
  ignore_lost_answer,  // no answer is taken for a commit
  guess_absence,       // whether a load is there is not asked, but guessed
  give_up_unasked,     // a load is given up because its attempt failed
  fence_without_boot,  // the fence counts entries only: reused after a takeover
  half_the_rows,       // fewer rows arrive than were staged, and nobody counts
  wrong_rows_removed,  // a compensation takes another generation's rows along
  forget_what_stands,  // a merge does not see the rows that stand
  unsynced_files,      // a directory sink's files and names are not synced
  // the data plane
  swallow_quarantined,    // a record that breaks a rule is not set aside: it is gone
  same_id_other_content,  // the content digest does not depend on the rows
  // the runner and the rules
  wrong_load_id,        // two partitions share load ids
  reuse_nonce,          // ids, salts and keys repeat
  intent_not_durable,   // a load begins before its intent is kept
  forget_abort,         // an aborted load is not recorded
  double_attempt,       // an attempt starts while one is at work
  no_backoff,           // retries come at once
  retry_for_ever,       // and without end
  skip_partition,       // a run ends its planning with a partition left out
  apply_differs,        // the fold is not a function of the entries
  conservation_broken,  // staged counts do not add up
  release_twice,        // a released record is released again
  compensate_old,       // a generation that does not stand is taken back
  epoch_reused,         // a boot takes the number of the one before
  key_forgotten,        // a repeated request is a new run
  cancel_late,          // a cancel takes back an intended load without asking
  commit_without_sink,  // an abort is recorded as a commit
  hold_not_asked,       // what a legal hold keeps is erased
  unapproved,           // what waits for approvals begins without them
  count
};

struct CanaryName {
  Canary canary;
  std::string_view name, meaning;
};
const std::vector<CanaryName>& canaries();

extern Canary active_canary;
inline bool canary(Canary which) { return active_canary == which; }

}  // namespace daybook::sim
