// Reading the tables: rows off the state, or off the entries.
#include "replay/book_tables.h"

#include <algorithm>
#include <deque>
#include <map>

#include "ledger/assertion.h"
#include "ledger/codec/event_codec.h"
#include "ledger/merkle.h"
#include "replay/book_columns.h"

namespace daybook {

using namespace tables;

namespace {

// --- reading
// --------------------------------------------------------------------------------------

// Makes the cells that were asked for, of rows of one kind.
template <typename Row>
class Cells {
 public:
  Cells(std::span<const ColumnOf<Row>> all, std::span<const std::size_t> chosen) {
    for (const std::size_t column : chosen) {
      DAYBOOK_ASSERT(column < all.size(), "column {} of {}", column, all.size());
      made_.push_back(&all[column]);
    }
  }
  void fill(const State& state, const Row& row, std::vector<Cell>& cells) const {
    cells.resize(made_.size());
    for (std::size_t i = 0; i < made_.size(); ++i) cells[i] = made_[i]->make(state, row);
  }

 private:
  std::vector<const ColumnOf<Row>*> made_;
};

// Rows that stand in the state: `at(i)` is the i-th, or nothing after the last.
template <typename Row, typename At>
class StateRows : public BookRows {
 public:
  StateRows(Cells<Row> cells, const State& state, At at)
      : cells_(std::move(cells)), state_(state), at_(std::move(at)) {}
  Result<bool> next(std::vector<Cell>& cells) override {
    const std::optional<Row> row = at_(next_++);
    if (!row) return false;
    cells_.fill(state_, *row, cells);
    return true;
  }

 private:
  Cells<Row> cells_;
  const State& state_;
  At at_;
  std::size_t next_ = 0;
};

template <typename Row, typename At>
std::unique_ptr<BookRows> rows_of(Cells<Row> cells, const State& state, At at) {
  return std::make_unique<StateRows<Row, At>>(std::move(cells), state, std::move(at));
}

// Entries in order, some hundred at a time.
class EntryReader {
 public:
  enum class Leaves : std::uint8_t { none, hashed };
  EntryReader(const State& state, const Ledger& ledger, Leaves leaves)
      : state_(state), ledger_(ledger), leaves_(leaves) {}

  Result<const EntryRow*> next() {
    if (taken_ == read_.size())
      if (const auto more = read_more(); !more) return std::unexpected(more.error());
    return taken_ == read_.size() ? nullptr : &read_[taken_++];
  }

 private:
  static constexpr EntryIndex at_once = 256;

  Result<void> read_more() {
    read_.clear();
    taken_ = 0;
    if (at_ == state_.size) return {};
    const EntryIndex end = std::min(at_ + at_once, state_.size);
    std::optional<Error> wrong;
    const auto read = ledger_.read(at_, end, [&](EntryIndex index, Bytes bytes) {
      EntryRow& row = read_.emplace_back();
      row.index = index;
      if (leaves_ == Leaves::hashed) row.leaf = hash_leaf(bytes);
      const auto decoded = decode(bytes, row.entry);
      if (!decoded) {
        wrong = decoded.error();
        wrong->detail = fmt::format("entry {}: {}", index, wrong->detail);
      }
      return decoded.has_value();
    });
    if (wrong) return std::unexpected(std::move(*wrong));
    at_ = end;
    return read;
  }

  const State& state_;
  const Ledger& ledger_;
  const Leaves leaves_;
  EntryIndex at_ = 0;
  std::vector<EntryRow> read_;
  std::size_t taken_ = 0;
};

class EntryRows : public BookRows {
 public:
  EntryRows(Cells<EntryRow> cells, const State& state, const Ledger& ledger,
            EntryReader::Leaves leaves)
      : cells_(std::move(cells)), state_(state), reader_(state, ledger, leaves) {}
  Result<bool> next(std::vector<Cell>& cells) override {
    const auto row = reader_.next();
    if (!row) return std::unexpected(row.error());
    if (*row == nullptr) return false;
    cells_.fill(state_, **row, cells);
    return true;
  }

 private:
  Cells<EntryRow> cells_;
  const State& state_;
  EntryReader reader_;
};

// An attempt's row is whole when the partition's next one begins, or the book ends.
class AttemptRows : public BookRows {
 public:
  AttemptRows(Cells<AttemptRow> cells, const State& state, const Ledger& ledger)
      : cells_(std::move(cells)),
        state_(state),
        reader_(state, ledger, EntryReader::Leaves::none) {}

  Result<bool> next(std::vector<Cell>& cells) override {
    while (done_.empty() && !ended_) {
      const auto row = reader_.next();
      if (!row) return std::unexpected(row.error());
      if (*row != nullptr) {
        std::visit([&](const auto& event) { take(**row, event); }, (*row)->entry.event);
        continue;
      }
      ended_ = true;
      for (auto& [slot, attempt] : open_) done_.push_back(std::move(attempt));
      open_.clear();
      std::ranges::sort(done_, {}, &AttemptRow::started);
    }
    if (done_.empty()) return false;
    cells_.fill(state_, done_.front(), cells);
    done_.pop_front();
    return true;
  }

 private:
  void take(const EntryRow& row, const AttemptStarted& e) {
    if (const auto before = open_.find(e.slot); before != open_.end()) {
      done_.push_back(std::move(before->second));
      open_.erase(before);
    }
    open_[e.slot] = {.run = e.run,
                     .slot = e.slot,
                     .attempt = e.attempt,
                     .outcome = "running",
                     .started_at = row.entry.envelope.recorded_at,
                     .ended_at = 0,
                     .started = row.index,
                     .ended = no_entry,
                     .counts = {},
                     .output_rows = 0,
                     .error = {},
                     .code = {},
                     .detail = {}};
  }
  void take(const EntryRow& row, const AttemptStaged& e) {
    if (AttemptRow* attempt = end(row, e.slot, "staged")) {
      attempt->counts = e.counts;
      attempt->output_rows = e.output_rows;
    }
  }
  void take(const EntryRow& row, const AttemptFailed& e) {
    if (AttemptRow* attempt = end(row, e.slot, "failed")) {
      attempt->error = e.error;
      attempt->code = e.code;
      attempt->detail = e.detail;
    }
  }
  void take(const EntryRow& row, const AttemptLost& e) {
    if (AttemptRow* attempt = end(row, e.slot, "lost")) attempt->detail = e.reason;
  }
  void take(const EntryRow& row, const LoadCommitted& e) { end(row, e.slot, "loaded"); }
  template <typename Other>
  void take(const EntryRow&, const Other&) {}

  AttemptRow* end(const EntryRow& row, SlotId slot, std::string_view outcome) {
    const auto found = open_.find(slot);
    if (found == open_.end()) return nullptr;
    found->second.outcome = outcome;
    found->second.ended_at = row.entry.envelope.recorded_at;
    found->second.ended = row.index;
    return &found->second;
  }

  Cells<AttemptRow> cells_;
  const State& state_;
  EntryReader reader_;
  std::map<SlotId, AttemptRow> open_;
  std::deque<AttemptRow> done_;
  bool ended_ = false;
};

template <typename Row, typename Id, typename List>
std::unique_ptr<BookRows> list_rows(std::span<const ColumnOf<Row>> all,
                                    std::span<const std::size_t> chosen, const State& state,
                                    const List& list) {
  return rows_of(Cells<Row>(all, chosen), state, [&list](std::size_t i) -> std::optional<Row> {
    if (i >= list.size()) return std::nullopt;
    return Row{Id{static_cast<std::uint32_t>(i)}, list[i]};
  });
}

// Generations of one slot after the other.
std::unique_ptr<BookRows> load_rows(std::span<const std::size_t> chosen, const State& state) {
  return rows_of(
      Cells<LoadOf>(loads_columns(), chosen), state,
      [&state, slot = std::size_t{0},
       load = std::size_t{0}](std::size_t) mutable -> std::optional<LoadOf> {
        while (slot < state.slots.size() && load == state.slots[slot].generations.size()) {
          ++slot;
          load = 0;
        }
        if (slot == state.slots.size()) return std::nullopt;
        const Slot& s = state.slots[slot];
        return LoadOf{SlotId{static_cast<std::uint32_t>(slot)}, s, s.generations[load++]};
      });
}

template <typename Row>
BookTable described(std::string_view name, std::string_view meaning,
                    std::span<const ColumnOf<Row>> columns) {
  BookTable table{.name = name, .meaning = meaning, .columns = {}};
  for (const auto& column : columns)
    table.columns.push_back({column.name, column.type, column.meaning});
  return table;
}

using Open = std::unique_ptr<BookRows> (*)(std::span<const std::size_t>, const State&,
                                           const Ledger&);

constexpr Open opens[] = {
    [](std::span<const std::size_t> chosen, const State& state,
       const Ledger& ledger) -> std::unique_ptr<BookRows> {
      const bool leaves = std::ranges::any_of(
          chosen, [](std::size_t column) { return entries_columns()[column].name == "leaf"; });
      return std::make_unique<EntryRows>(
          Cells<EntryRow>(entries_columns(), chosen), state, ledger,
          leaves ? EntryReader::Leaves::hashed : EntryReader::Leaves::none);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return list_rows<RunOf, RunId>(runs_columns(), chosen, state, state.runs);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return list_rows<SlotOf, SlotId>(partitions_columns(), chosen, state, state.slots);
    },
    [](std::span<const std::size_t> chosen, const State& state,
       const Ledger& ledger) -> std::unique_ptr<BookRows> {
      return std::make_unique<AttemptRows>(Cells<AttemptRow>(attempts_columns(), chosen), state,
                                           ledger);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return list_rows<BatchOf, BatchId>(quarantine_columns(), chosen, state, state.batches);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return list_rows<CompensationOf, CompensationId>(compensations_columns(), chosen, state,
                                                       state.compensations);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return list_rows<ApprovalOf, ApprovalId>(approvals_columns(), chosen, state, state.approvals);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return load_rows(chosen, state);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return list_rows<ErasureOf, ErasureId>(erasures_columns(), chosen, state, state.erasures);
    },
    [](std::span<const std::size_t> chosen, const State& state, const Ledger&) {
      return list_rows<HoldOf, LegalHoldId>(legal_holds_columns(), chosen, state,
                                            state.legal_holds);
    },
};

}  // namespace

std::string_view sql_type(CellType type) {
  switch (type) {
    case CellType::number: return "BIGINT";
    case CellType::boolean: return "BOOLEAN";
    case CellType::text: return "VARCHAR";
    case CellType::time: return "TIMESTAMP";
  }
  return "?";
}

const std::vector<BookTable>& book_tables() {
  static const std::vector<BookTable> tables = {
      described<EntryRow>("entries", "every entry of the book", entries_columns()),
      described<RunOf>("runs", "what was run", runs_columns()),
      described<SlotOf>("partitions", "where every partition stands", partitions_columns()),
      described<AttemptRow>("attempts", "every try at a partition", attempts_columns()),
      described<BatchOf>("quarantine", "batches of records that were set aside",
                         quarantine_columns()),
      described<CompensationOf>("compensations", "loads that were taken back, or are to be",
                                compensations_columns()),
      described<ApprovalOf>("approvals", "what was asked to be signed", approvals_columns()),
      described<LoadOf>("loads", "every generation of every partition in its target",
                        loads_columns()),
      described<ErasureOf>("erasures", "payloads that were made unreadable, or are to be",
                           erasures_columns()),
      described<HoldOf>("legal_holds", "what may not be erased", legal_holds_columns()),
  };
  return tables;
}

std::unique_ptr<BookRows> open_table(std::size_t table, std::span<const std::size_t> columns,
                                     const State& state, const Ledger& ledger) {
  DAYBOOK_ASSERT(table < std::size(opens), "table {} of {}", table, std::size(opens));
  return opens[table](columns, state, ledger);
}

}  // namespace daybook
