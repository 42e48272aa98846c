#include "tools/daybook/book_files.h"

#include <map>
#include <set>

#include "ledger/codec/event_codec.h"
#include "ledger/file_system.h"
#include "ledger/keys.h"
#include "ledger/payload_store.h"
#include "runner/keeper.h"

namespace daybook {

namespace {

std::vector<PayloadRef> payloads_of(const Event& event) {
  std::vector<PayloadRef> out;
  if (const auto* definition = std::get_if<DefinitionRegistered>(&event)) {
    out.push_back(definition->files);
  } else if (const auto* staged = std::get_if<AttemptStaged>(&event)) {
    for (const InputFile& file : staged->files) out.push_back(file.copy);
    out.push_back(staged->quarantine);
    out.push_back(staged->salts);
  } else if (const auto* amended = std::get_if<RecordAmended>(&event)) {
    out.push_back(amended->replacement);
  } else if (const auto* proposed = std::get_if<CompensationProposed>(&event)) {
    out.push_back(proposed->text);
  } else if (const auto* erasure = std::get_if<ErasureProposed>(&event)) {
    out.push_back(erasure->text);
  }
  std::erase_if(out, [](const PayloadRef& ref) { return ref.bytes == 0; });
  return out;
}

// What the entries say about erasures, read without folding them: verify_book holds them against
// the rules.
struct Erasures {
  std::map<ErasureId, ErasureProposed> proposed;
  std::map<PayloadRef, EntryIndex> erased;    // by the entry that began it
  std::map<PayloadRef, EntryIndex> replaced;  // what took the place of an erased payload
  std::set<PayloadRef> finished;              // of those whose keys are to be gone by now

  void add(EntryIndex index, const Event& event) {
    if (const auto* plan = std::get_if<ErasureProposed>(&event)) {
      proposed.insert_or_assign(plan->erasure, *plan);
    } else if (const auto* started = std::get_if<ErasureStarted>(&event)) {
      for (const ErasureItem& item : proposed[started->erasure].items) {
        erased.emplace(item.payload, index);
        if (item.replacement.bytes > 0) replaced.emplace(item.replacement, index);
      }
    } else if (const auto* done = std::get_if<ErasureFinished>(&event)) {
      for (const ErasureItem& item : proposed[done->erasure].items) finished.insert(item.payload);
    }
  }
};

// A key that was named and not yet put in the place of the one before.
bool is_successor(FileSystem& files, const std::string& path, const std::string& vkey) {
  const auto next = load_signing_key(files, path + ".next");
  return next && next->verifier().vkey() == vkey;
}

}  // namespace

Result<BookFiles> check_book_files(
    const BookPaths& paths, const BookConfig& config, const Ledger& ledger, EntryIndex size,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  BookFiles out;
  const auto finding = [&](std::string rule, std::string detail) {
    out.findings.push_back({.rule = std::move(rule), .detail = std::move(detail)});
  };
  BookCreated created;
  std::string vkey;  // that signs now
  Erasures erasures;
  std::map<PayloadRef, EntryIndex> payloads;  // and the first entry that refers to it
  const auto read = ledger.read(0, ledger.head().size, [&](EntryIndex index, Bytes bytes) {
    const auto entry = decode(bytes);
    if (!entry) return true;  // verify_book says so
    if (const auto* first = std::get_if<BookCreated>(&entry->event); first != nullptr && index == 0)
      created = *first, vkey = first->log_vkey;
    if (const auto* rotated = std::get_if<LogKeyRotated>(&entry->event)) vkey = rotated->log_vkey;
    if (const auto* changed = std::get_if<LogOriginChanged>(&entry->event))
      vkey = changed->log_vkey;
    for (const PayloadRef& ref : payloads_of(entry->event)) payloads.emplace(ref, index);
    erasures.add(index, entry->event);
    return true;
  });
  if (!read) return std::unexpected(read.error());

  if (config.origin != created.origin)
    finding("configuration", fmt::format("{} names the book {}, entry 0 names it {}",
                                         paths.config().string(), config.origin, created.origin));
  FileSystem& files = posix_file_system();
  if (const std::string path = paths.log_key().string(); files.exists(path)) {
    const auto key = load_signing_key(files, path);
    if (!key)
      finding("signing key", key.error().detail);
    else if (key->verifier().vkey() != vkey && !is_successor(files, path, vkey))
      finding("signing key", fmt::format("{} is not the key the book names", path));
  }
  // Nothing is written through it, so nothing is drawn from here.
  const auto store = PayloadStore::open(files, paths.root.string(), [](std::span<std::byte>) {});
  if (!store) return std::unexpected(store.error());
  std::uint64_t done = 0;
  payloads.insert(erasures.replaced.begin(), erasures.replaced.end());
  std::erase_if(payloads, [&](const auto& named) { return named.second >= size; });
  for (const auto& [ref, index] : payloads) {
    if (const auto gone = erasures.erased.find(ref); gone != erasures.erased.end()) {
      ++out.erased;
      // One that came back, from a backup for example, is a promise broken.
      if (erasures.finished.contains(ref) && store->contains(as_address(ref)))
        finding("erasure", fmt::format("payload {} was erased at entry {} and can be read again",
                                       hex(ref.digest), gone->second));
      progress(++done, payloads.size());
      continue;
    }
    const auto whole = store->read(as_address(ref), [](Bytes) { return Result<void>(); });
    if (whole) {
      ++out.payloads;
      out.bytes += ref.bytes;
    } else {
      finding("payload", fmt::format("payload {} of entry {}: {}", hex(ref.digest), index,
                                     whole.error().detail));
    }
    progress(++done, payloads.size());
  }
  return out;
}

}  // namespace daybook
