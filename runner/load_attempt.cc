#include "runner/load_attempt.h"

namespace daybook {

std::vector<LostLoad> lost_of(const Slot& slot) {
  std::vector<LostLoad> out;
  for (const GenerationState& g : slot.generations)
    if (g.standing == Standing::lost ||
        (g.standing == Standing::aborted && g.mode != LoadMode::merge))
      out.push_back({g.number, g.load_id});
  return out;
}

MergeBase merge_base(const Slot& slot) {
  MergeBase base{.pipeline = slot.pipeline,
                 .partition = slot.partition,
                 .generation = slot.current,
                 .load_id = {},
                 .lost = lost_of(slot)};
  if (const GenerationState* current = generation(slot, slot.current))
    base.load_id = current->load_id;
  return base;
}

LoadAttempted attempt_load(const Pipeline& pipeline, const SinkMemory& memory,
                           const LoadPlan& plan) {
  auto sink = open_sink(pipeline, memory);
  if (!sink) return {std::unexpected(sink.error()), sink.error()};
  auto loaded = (*sink)->load(plan);
  if (loaded) return {std::optional(std::move(*loaded))};
  SinkFailure failure = std::move(loaded.error());
  if (failure.ambiguous) return {std::unexpected(std::move(failure))};
  // The fence is a later keeper's, of a copy of this book: this one brings nothing in any more, and
  // what is there is not its story.
  if (failure.code == "fenced") return {std::nullopt, std::move(failure)};
  return {(*sink)->settle(plan), std::move(failure)};
}

bool LoadAttempted::pushed_back() const {
  return (failure && pushes_back(failure->error)) || (!became && pushes_back(became.error().error));
}

bool says_what_is_there(const SinkFailure& failure) {
  return failure.code == "conflict" || failure.error == ErrorClass::definition ||
         failure.error == ErrorClass::contract;
}

bool waits_for_a_person(const SinkFailure& failure) {
  return says_what_is_there(failure) || failure.error == ErrorClass::permission;
}

StageFailure as_stage_failure(const SinkFailure& failure) {
  return {.error = failure.error,
          .code = failure.code,
          .fingerprint = failure.fingerprint.empty() ? failure.code : failure.fingerprint,
          .detail = failure.detail,
          .classified_by = failure.classified_by};
}

bool pushes_back(ErrorClass error) {
  return error == ErrorClass::throttled || error == ErrorClass::dependency_down;
}

}  // namespace daybook
