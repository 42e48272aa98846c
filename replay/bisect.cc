#include "replay/bisect.h"

#include <algorithm>
#include <array>

#include "ledger/merkle.h"
#include "replay/fold.h"
#include "replay/queries.h"

namespace daybook {
namespace {

constexpr std::size_t fields_max = 10;

// The entry, after a look whether it is the one its tree covers.
Result<std::string> covered_entry(const Ledger& ledger, EntryIndex index) {
  std::string bytes;
  const auto read = ledger.read(index, index + 1, [&](EntryIndex, Bytes entry) {
    bytes.assign(reinterpret_cast<const char*>(entry.data()), entry.size());
    return true;
  });
  if (!read) return std::unexpected(read.error());
  const auto path = ledger.inclusion_proof(index, index + 1);
  if (!path) return std::unexpected(path.error());
  const auto root = ledger.root_at(index + 1);
  if (!root) return std::unexpected(root.error());
  if (!verify_inclusion(hash_leaf(bytes_of(bytes)), index, index + 1, *path, *root))
    return fail(Error::Code::corrupt, "entry {} is not the one its tree covers", index);
  return bytes;
}

template <typename T>
void compare(std::vector<std::string>& out, std::string_view name, const T& a, const T& b) {
  if (!(a == b) && out.size() < fields_max) out.emplace_back(name);
}

template <typename T>
void compare_items(std::vector<std::string>& out, std::string_view name, const std::vector<T>& a,
                   const std::vector<T>& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()) && out.size() < fields_max; ++i)
    if (i >= a.size() || i >= b.size() || !(a[i] == b[i]))
      out.push_back(fmt::format("{}[{}]", name, i));
}

}  // namespace

std::vector<std::string> state_difference(const State& a, const State& b) {
  std::vector<std::string> out;
  compare(out, "size", a.size, b.size);
  compare(out, "origin", a.origin, b.origin);
  compare(out, "log_vkey", a.log_vkey, b.log_vkey);
  compare(out, "version", a.version, b.version);
  compare(out, "epoch", a.epoch, b.epoch);
  compare(out, "now", a.now, b.now);
  compare(out, "anomalies", a.anomalies, b.anomalies);
  compare(out, "principals", a.principals, b.principals);
  compare_items(out, "definitions", a.definitions, b.definitions);
  compare_items(out, "runs", a.runs, b.runs);
  compare_items(out, "slots", a.slots, b.slots);
  compare_items(out, "batches", a.batches, b.batches);
  compare_items(out, "approvals", a.approvals, b.approvals);
  compare_items(out, "compensations", a.compensations, b.compensations);
  compare(out, "paused", a.paused, b.paused);
  compare(out, "paused_pipelines", a.paused_pipelines, b.paused_pipelines);
  compare(out, "checkpoint", a.checkpoint, b.checkpoint);
  compare(out, "checkpoints", a.checkpoints, b.checkpoints);
  compare(out, "refusals", a.refusals, b.refusals);
  compare_items(out, "erasures", a.erasures, b.erasures);
  compare(out, "erased", a.erased, b.erased);
  compare_items(out, "legal_holds", a.legal_holds, b.legal_holds);
  compare(out, "witnesses", a.witnesses, b.witnesses);
  compare_items(out, "log_keys", a.log_keys, b.log_keys);
  if (out.empty() && !(a == b)) out.emplace_back("an index of the state");
  return out;
}

Result<Fork> first_difference(const Ledger& a, const Ledger& b) {
  Fork fork{.common = 0,
            .root = empty_root(),
            .size_a = a.head().size,
            .size_b = b.head().size,
            .compared = 0};
  const auto same = [&](EntryIndex size) -> Result<bool> {
    const auto one = a.root_at(size), other = b.root_at(size);
    if (!one) return std::unexpected(one.error());
    if (!other) return std::unexpected(other.error());
    ++fork.compared;
    if (*one == *other) fork.root = *one;
    return *one == *other;
  };
  const EntryIndex shorter = std::min(fork.size_a, fork.size_b);
  const auto whole = same(shorter);
  if (!whole) return std::unexpected(whole.error());
  if (*whole) {
    fork.common = shorter;
    return fork;
  }
  EntryIndex equal = 0, other = shorter;  // the roots of `equal` are equal, those of `other` not
  while (other - equal > 1) {
    const EntryIndex middle = equal + (other - equal) / 2;
    const auto agrees = same(middle);
    if (!agrees) return std::unexpected(agrees.error());
    (*agrees ? equal : other) = middle;
  }
  fork.common = equal;
  const auto one = covered_entry(a, equal), two = covered_entry(b, equal);
  if (!one) return std::unexpected(one.error());
  if (!two) return std::unexpected(two.error());
  if (*one == *two)
    return fail(Error::Code::corrupt, "entry {} is the same in both, and their trees are not",
                equal);
  return fork;
}

Result<std::optional<Departure>> first_departure(const Ledger& ledger,
                                                 const VerifyProgress& progress) {
  const auto report = verify_book(ledger, progress);
  if (!report) return std::unexpected(report.error());
  if (report->good()) return std::nullopt;
  Departure out;
  out.good = report->trustworthy;
  out.first = *std::ranges::min_element(report->findings, {}, &Finding::index);
  const auto state = std::ranges::find(report->findings, "state root", &Finding::rule);
  if (state == report->findings.end()) return out;
  const auto entry = entry_at(ledger, state->index);
  if (!entry) return std::unexpected(entry.error());
  const auto* recorded = std::get_if<CheckpointSigned>(&entry->event);
  if (recorded == nullptr)
    return fail(Error::Code::corrupt, "entry {} is no CheckpointSigned", state->index);
  out.bad = recorded->size;
  out.from = out.good;
  out.to = out.bad;
  // A snapshot is the state as the book's own keeper had it: the first that is not reached again
  // is a narrower bound than the checkpoint.
  for (const EntryIndex size : snapshot_sizes(ledger)) {
    if (size <= out.from || size > out.to) continue;
    const auto kept = load_snapshot(ledger, size);
    if (!kept) continue;
    const auto reached = fold(ledger, size, Snapshots::ignore);
    if (!reached) break;
    if (*kept == *reached) {
      out.from = size;
      continue;
    }
    out.to = size;
    out.by_snapshot = true;
    out.fields = state_difference(*kept, *reached);
    break;
  }
  return out;
}

}  // namespace daybook
