#include "tests/simulation/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ledger/codec/event_codec.h"
#include "ledger/rocksdb_ledger.h"
#include "runner/storage.h"
#include "tests/simulation/canary.h"

namespace daybook::sim {

namespace {

RocksdbLedgerOptions on(SimDisk& disk) {
  return {
      .files = &disk.files(), .rocksdb_files = disk.rocksdb_files(), .write_buffer_bytes = 1 << 20};
}

// What a keeper's process sees of its ledger: the real one, with the steps of an append named, and
// with what it acknowledged written down where no fault reaches.
class BookLedger final : public Ledger {
 public:
  BookLedger(Machine& machine, std::unique_ptr<Ledger> own)
      : machine_(machine), own_(std::move(own)) {}

  Result<TreeHead> append(std::span<const Bytes> entries) override {
    World& world = machine_.world;
    if (canary(Canary::anchor_before_log)) machine_.anchored.size += entries.size();
    world.reached("ledger.before_write");
    for (const Bytes& entry : entries) world.mark(entry.size());
    Ledger& log = ledger();
    if (delays(entries)) return delayed(entries);
    if (!own_) {
      if (machine_.full || world.strikes(Fault::disk_full)) {
        if (!machine_.full) world.happened(Fault::disk_full);
        machine_.full = true;
        machine_.memory->fail_next_append(MemoryLedger::Fault::lost);
      } else if (world.strikes(Fault::io_error)) {
        world.happened(Fault::io_error);
        const bool kept = world.faults.one_in(2);
        machine_.memory->fail_next_append(kept ? MemoryLedger::Fault::kept
                                               : MemoryLedger::Fault::lost);
        if (kept) world.sometimes("a group was kept whose append failed");
      }
    }
    const auto head = log.append(entries);
    if (!head) return head;
    world.reached("ledger.written");
    if (!own_) machine_.anchored = *head;
    world.reached("ledger.anchored");
    machine_.acknowledged = *head;
    if (machine_.main) world.figures.acknowledged += entries.size();
    return head;
  }

  TreeHead head() const override { return ledger().head(); }
  Result<void> read(std::uint64_t from, std::uint64_t to, const Visit& visit) const override {
    return ledger().read(from, to, visit);
  }
  Result<void> read_groups(std::uint64_t from, std::uint64_t to,
                           const VisitGroup& visit) const override {
    return ledger().read_groups(from, to, visit);
  }
  Result<Digest> root_at(std::uint64_t size) const override { return ledger().root_at(size); }
  Result<std::vector<Digest>> inclusion_proof(std::uint64_t index,
                                              std::uint64_t size) const override {
    return ledger().inclusion_proof(index, size);
  }
  Result<std::vector<Digest>> consistency_proof(std::uint64_t from,
                                                std::uint64_t to) const override {
    return ledger().consistency_proof(from, to);
  }
  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index) const override {
    return ledger().tile(level, index);
  }
  Result<void> put(std::string_view key, Bytes value) override { return ledger().put(key, value); }
  Result<std::string> get(std::string_view key) const override { return ledger().get(key); }
  Result<std::vector<std::string>> keys(std::string_view prefix) const override {
    return ledger().keys(prefix);
  }

 private:
  Ledger& ledger() const {
    Ledger& log = own_ ? *own_ : *machine_.memory;
    if (!delayed_.empty()) {
      const std::vector<std::vector<std::byte>> late = std::exchange(delayed_, {});
      const std::vector<Bytes> group(late.begin(), late.end());
      const auto head = log.append(group);
      if (head && machine_.acknowledged.size == head->size) machine_.acknowledged = *head;
    }
    return log;
  }

  // Canaries: answered now, kept with whatever is asked of the ledger next.
  static bool delays(std::span<const Bytes> entries) {
    if (canary(Canary::acknowledge_before_log)) return true;
    if (!canary(Canary::intent_not_durable)) return false;
    return std::ranges::any_of(entries, [](const Bytes& entry) {
      const auto read = decode(entry);
      return read && std::holds_alternative<LoadIntended>(read->event);
    });
  }
  TreeHead delayed(std::span<const Bytes> entries) {
    TreeHead head = ledger().head();
    for (const Bytes& entry : entries) delayed_.emplace_back(entry.begin(), entry.end());
    head.size += entries.size();
    if (canary(Canary::acknowledge_before_log)) machine_.acknowledged = head;
    return head;
  }

  Machine& machine_;
  mutable std::vector<std::vector<std::byte>> delayed_;
  std::unique_ptr<Ledger> own_;  // tier rocksdb
};

// Nothing that was acknowledged may be missing or changed, whatever the disk went through.
void hold_against_the_past(Machine& machine, const Ledger& ledger) {
  const TreeHead head = ledger.head();
  const TreeHead& promised = machine.acknowledged;
  if (head.size < promised.size) {
    machine.world.figures.lost += promised.size - head.size;
    throw Broken{
        fmt::format("I3: {} entries were acknowledged, {} are there", promised.size, head.size)};
  }
  const auto root = ledger.root_at(promised.size);
  if (!root || *root != promised.root) {
    ++machine.world.figures.silent;
    throw Broken{fmt::format("I3: the first {} entries are not those that were acknowledged",
                             promised.size)};
  }
  if (head.size > promised.size) machine.world.sometimes("entries without an answer were kept");
}

}  // namespace

Machine::Machine(World& w) : world(w) {
  disk.lies = canary(Canary::skip_sync);
  if (world.options.tier == Tier::memory) memory = std::make_unique<MemoryLedger>();
}

std::unique_ptr<Machine> Machine::taken_over() {
  auto other = std::make_unique<Machine>(world);
  other->disk.copy_from(disk);
  std::mt19937_64 random(world.faults.next());
  other->disk.power_cycle(random);
  other->config = config;
  other->anchored = anchored;
  other->acknowledged = acknowledged;
  if (memory) {
    const auto whole = memory->read(0, memory->head().size, [&](std::uint64_t, Bytes entry) {
      return other->memory->append(std::span(&entry, 1)).has_value();
    });
    if (!whole) throw Broken{"the log in memory can not be copied: " + whole.error().detail};
    const auto keys = memory->keys("");
    if (keys)
      for (const std::string& key : *keys)
        (void)other->memory->put(key, bytes_of(*memory->get(key)));
  }
  main = false;
  return other;
}

void Machine::arm() {
  // With the log in memory the disk has the payloads alone; more operations pass with RocksDB on
  // it.
  const std::uint64_t most = memory ? 60 : 400;
  const auto at = [&] { return world.faults.below(most); };
  if (world.faults_off) return;
  if (world.options.on(Fault::power) && world.faults.one_in(3)) {
    disk.fail_at(at(), SimDisk::Fault::power);
  } else if (world.options.on(Fault::disk_full) && world.faults.one_in(4)) {
    disk.fail_at(at(), SimDisk::Fault::sticky);
  } else if (world.options.on(Fault::io_error) && world.faults.one_in(2)) {
    disk.fail_at(at(), SimDisk::Fault::once);
  }
}

void Machine::after(End end) {
  if (end == End::power) {
    std::mt19937_64 random(world.faults.next());
    const bool torn = world.strikes(Fault::torn);
    world.happened(Fault::power);
    if (torn) world.happened(Fault::torn);
    disk.power_cycle(random, torn ? SimDisk::Rest::torn : SimDisk::Rest::cut);
  } else {
    disk.restart();
  }
  if (memory) memory->restart();
  if (memory && end != End::done && canary(Canary::lose_answered_tail)) {
    const auto kept = entries();
    memory = std::make_unique<MemoryLedger>();
    for (std::size_t i = 0; i + 1 < kept->size(); ++i) {
      const Bytes entry = bytes_of((*kept)[i]);
      (void)memory->append(std::span(&entry, 1));
    }
    anchored = memory->head();
  }
}

Result<std::vector<std::string>> Machine::entries() {
  std::vector<std::string> out;
  const auto keep = [&](std::uint64_t, Bytes entry) {
    out.emplace_back(reinterpret_cast<const char*>(entry.data()), entry.size());
    return true;
  };
  if (memory) {
    const auto read = memory->read(0, memory->head().size, keep);
    if (!read) return std::unexpected(read.error());
    return out;
  }
  const auto ledger = RocksdbLedger::open_reader(book_place, on(disk));
  if (!ledger) return std::unexpected(ledger.error());
  const auto read = (*ledger)->read(0, (*ledger)->head().size, keep);
  if (!read) return std::unexpected(read.error());
  return out;
}

void Machine::damage_a_copy() {
  if (memory) return;
  const auto whole = entries();
  if (!whole) throw Broken{"the book can not be read at its end: " + whole.error().detail};
  SimDisk copy;
  copy.copy_from(disk);
  std::mt19937_64 random(world.damage.next());
  copy.restart();
  std::vector<std::string> places;
  for (const auto& [path, inode] : copy.names)
    if (!inode->data.empty() &&
        (path.starts_with(book_place + "/book/") || path.ends_with("/anchor")))
      places.push_back(path);
  if (places.empty()) return;
  const std::string& path = places[world.damage.below(places.size())];
  std::string& data = copy.names[path]->data;
  const std::size_t at = world.damage.below(data.size());
  const auto kind = world.damage.below(3);
  if (kind == 0) data[at] ^= static_cast<char>(1U << world.damage.below(8));
  if (kind == 1) data.resize(at);
  if (kind == 2)
    for (std::size_t i = at; i < std::min(data.size(), at + 512); ++i) data[i] = 0;
  copy.names[path]->synced = data;
  world.happened(Fault::damage);
  const auto opened = RocksdbLedger::open(book_place, on(copy));
  if (!opened) {
    world.sometimes("a damaged book was refused");
    return;
  }
  // Served: then it is the same history, to the byte.
  std::vector<std::string> served;
  const auto read = (*opened)->read(0, (*opened)->head().size, [&](std::uint64_t, Bytes entry) {
    served.emplace_back(reinterpret_cast<const char*>(entry.data()), entry.size());
    return true;
  });
  if (!read) {
    world.sometimes("damage was found when it was read");
    return;
  }
  if (served.size() < acknowledged.size ||
      !std::equal(
          served.begin(), served.end(), whole->begin(),
          whole->begin() + static_cast<std::ptrdiff_t>(std::min(served.size(), whole->size())))) {
    ++world.figures.silent;
    throw Broken{fmt::format("damage of {} at byte {} (kind {}): {} of {} entries served as good",
                             path, at, kind, served.size(), whole->size())};
  }
}

Result<std::unique_ptr<Ledger>> open_ledger_of(Machine& machine) {
  if (machine.memory) {
    const TreeHead head = machine.memory->head();
    if (head.size < machine.anchored.size)
      return fail(Error::Code::corrupt, "the log has {} entries, the anchor proves {}", head.size,
                  machine.anchored.size);
    machine.anchored = head;
    auto ledger = std::make_unique<BookLedger>(machine, nullptr);
    hold_against_the_past(machine, *ledger);
    return ledger;
  }
  auto real = RocksdbLedger::open(book_place, on(machine.disk));
  if (!real) return std::unexpected(real.error());
  auto ledger = std::make_unique<BookLedger>(machine, std::move(*real));
  hold_against_the_past(machine, *ledger);
  return ledger;
}

}  // namespace daybook::sim

// --- what storage.h promises ---------------------------------------------------------------------

namespace daybook {

namespace {

sim::Machine& machine() { return sim::World::here().current->machine; }

}  // namespace

FileSystem& book_files() { return machine().disk.files(); }

Result<void> make_book_ledger(const BookPaths&, const BookConfig&, const LedgerId& id) {
  if (machine().memory) {
    (void)machine().disk.files().make_dir(sim::book_place);
    return {};
  }
  return create_ledger(sim::book_place, id, sim::on(machine().disk));
}

Result<std::unique_ptr<Ledger>> open_book_ledger(const BookPaths&, const BookConfig&) {
  return sim::open_ledger_of(machine());
}

Result<void> make_book_folders(const BookPaths& paths) {
  for (const auto& folder : {paths.keys(), paths.payloads(), paths.staging()})
    if (const auto made = machine().disk.files().make_dir(folder.string()); !made) return made;
  return {};
}

void clear_staging(const BookPaths&) {}

void storage_failed(const Error&) {
  sim::World& world = sim::World::here();
  world.sometimes("the book could not be written and the process ended");
  world.end(*world.current,
            world.current->machine.disk.off() ? sim::End::power : sim::End::storage);
  throw sim::Ended{};
}

Result<BookConfig> read_config(const BookPaths&) {
  if (!machine().config) return fail(Error::Code::not_found, "there is no book");
  return *machine().config;
}

Result<void> write_config(const BookPaths&, const BookConfig& config) {
  machine().config = config;
  return {};
}

}  // namespace daybook
