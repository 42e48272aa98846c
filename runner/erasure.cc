#include "runner/erasure.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "ledger/codec/event_codec.h"
#include "ledger/payload_store.h"
#include "replay/words.h"
#include "runner/connect/crash_point.h"
#include "runner/dataplane/quarantine_file.h"
#include "runner/definitions.h"
#include "statemachine/batch_name.h"

namespace daybook {

namespace asio = boost::asio;

namespace {

// One staged attempt: what it read and what it set aside.
struct StagedRef {
  EntryIndex entry = no_entry;
  Timestamp at = 0;
  SlotId slot = no_slot;
  RunId run = no_run;
  BatchId batch = no_batch;
  std::vector<InputFile> files;
};

Result<std::vector<StagedRef>> staged_attempts(const BookView& book) {
  std::vector<StagedRef> out;
  std::optional<Error> wrong;
  Entry entry;
  const auto read = book.ledger.read(0, book.state.size, [&](EntryIndex index, Bytes bytes) {
    if (auto decoded = decode(bytes, entry); !decoded) {
      wrong = std::move(decoded.error());
      wrong->detail = fmt::format("entry {}: {}", index, wrong->detail);
      return false;
    }
    if (auto* staged = std::get_if<AttemptStaged>(&entry.event))
      out.push_back({.entry = index,
                     .at = entry.envelope.recorded_at,
                     .slot = staged->slot,
                     .run = staged->run,
                     .batch = staged->batch,
                     .files = std::move(staged->files)});
    return true;
  });
  if (wrong) return std::unexpected(std::move(*wrong));
  if (!read) return std::unexpected(read.error());
  return out;
}

using Identity = std::tuple<SlotId, Digest, std::uint64_t>;  // slot, source digest, row

class Finder {
 public:
  Finder(const BookView& book, const ErasureWish& wish)
      : book_(book), wish_(wish), definitions_(book) {}

  Result<FoundForErasure> run() {
    auto staged = staged_attempts(book_);
    if (!staged) return std::unexpected(staged.error());
    staged_ = std::move(*staged);
    if (wish_.run) choose_run(*wish_.run);
    if (wish_.expired)
      if (const auto done = choose_expired(); !done) return std::unexpected(done.error());
    if (!wish_.subjects.empty())
      if (const auto done = look_for_subjects(); !done) return std::unexpected(done.error());
    if (!wish_.records.empty())
      if (const auto done = choose_records(); !done) return std::unexpected(done.error());
    if (!identities_.empty())
      if (const auto done = choose_identities(); !done) return std::unexpected(done.error());
    found_.policy = fmt::format("{}", fmt::join(policies_, ", "));
    return std::move(found_);
  }

 private:
  const BatchState* batch_of(const StagedRef& staged) const {
    const BatchState* batch = book_.state.find(staged.batch);
    return batch == nullptr || batch->erased_whole ? nullptr : batch;
  }
  bool wanted(const StagedRef& staged) const {
    const Slot* slot = book_.state.find(staged.slot);
    return slot != nullptr && (wish_.pipeline.empty() || slot->pipeline == wish_.pipeline);
  }
  bool readable(const PayloadRef& copy) const {
    return copy.bytes > 0 && !book_.state.erased.contains(copy.digest);
  }

  void choose_whole(const StagedRef& staged) {
    const BatchState* batch = batch_of(staged);
    if (!wish_.quarantine || batch == nullptr) return;
    auto& chosen = found_.choice.records[staged.batch];
    for (std::uint32_t i = 0; i < batch->records; ++i)
      if (!batch->is_erased(i)) chosen.insert(i);
  }

  void choose_run(RunId run) {
    policies_.push_back(fmt::format("all of run {}", run));
    for (const StagedRef& staged : staged_) {
      if (staged.run != run || !wanted(staged)) continue;
      choose_whole(staged);
      for (const InputFile& file : staged.files)
        if (wish_.inputs && readable(file.copy)) found_.choice.inputs.insert(file.copy.digest);
    }
  }

  // The definition that holds now says for how long.
  Result<std::shared_ptr<const Pipeline>> current(const StagedRef& staged) {
    const auto id = book_.state.current_definition.find(book_.state.find(staged.slot)->pipeline);
    if (id == book_.state.current_definition.end())
      return fail(Error::Code::not_found, "slot {} has no definition", staged.slot);
    return definitions_.get(id->second);
  }

  Result<void> choose_expired() {
    std::set<std::string> named;
    std::map<Digest, bool> inputs;  // by whether every use of them is over
    const auto over = [&](const StagedRef& staged, std::chrono::milliseconds keep) {
      return keep.count() > 0 && (wish_.now - staged.at) / 1000 >= keep.count();
    };
    for (const StagedRef& staged : staged_) {
      if (book_.state.find(staged.slot) == nullptr) continue;
      const auto pipeline = current(staged);
      if (!pipeline) return std::unexpected(pipeline.error());
      const Retention& keep = (*pipeline)->retention;
      for (const InputFile& file : staged.files) {
        if (!readable(file.copy)) continue;
        const bool gone = wanted(staged) && over(staged, keep.inputs);
        const auto [at, fresh] = inputs.emplace(file.copy.digest, gone);
        at->second = at->second && gone;
        if (gone) named.insert(fmt::format("inputs {}", duration_text(keep.inputs)));
      }
      if (!wanted(staged) || !over(staged, keep.quarantine)) continue;
      named.insert(fmt::format("quarantine {}", duration_text(keep.quarantine)));
      choose_whole(staged);
    }
    if (wish_.inputs)
      for (const auto& [digest, gone] : inputs)
        if (gone) found_.choice.inputs.insert(digest);
    policies_.push_back(named.empty() ? "retention"
                                      : fmt::format("retention ({})", fmt::join(named, ", ")));
    return {};
  }

  // The records of a batch; what it was set aside from says how they are taken apart.
  Result<std::vector<QuarantinedRecord>> records_of(const BatchState& batch) const {
    const auto bytes = book_.payloads.get(as_address(batch.payload));
    if (!bytes) return std::unexpected(bytes.error());
    return parse_quarantine(*bytes);
  }

  // The first line of a retained copy; empty where there is none, or it is gone.
  std::string header_of(const InputFile& file) const {
    std::string first;
    if (!readable(file.copy)) return first;
    bool whole = false;
    (void)book_.payloads.read(as_address(file.copy), [&](Bytes piece) -> Result<void> {
      first.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      whole = first.find('\n') != std::string::npos;
      // No error of the store: enough was seen.
      return whole ? Result<void>(fail(Error::Code::invalid, "enough")) : Result<void>();
    });
    first.resize(whole ? first.find('\n') : 0);
    if (first.starts_with("\xef\xbb\xbf")) first.erase(0, 3);
    return first;
  }

  RecordForm form_for(const Pipeline& pipeline, const InputFile& file) const {
    RecordForm form = form_of(pipeline, file.name);
    if (form.format != FileFormat::csv || !form.csv.header) return form;
    return form_of(pipeline, file.name, header_of(file));
  }

  Result<void> look_for_subjects() {
    std::set<std::string> columns;
    for (const Subject& subject : wish_.subjects) columns.insert(subject.column);
    policies_.push_back(fmt::format("subject (column {})", fmt::join(columns, ", ")));
    std::set<Digest> seen;
    for (const StagedRef& staged : staged_) {
      if (!wanted(staged)) continue;
      const auto pipeline = definitions_.get(book_.state.find(staged.run)->definition);
      if (!pipeline) return std::unexpected(pipeline.error());
      if (wish_.quarantine)
        if (const auto done = look_into_batch(staged, **pipeline); !done) return done;
      if (!wish_.inputs) continue;
      for (const InputFile& file : staged.files)
        if (readable(file.copy) && seen.insert(file.copy.digest).second)
          if (const auto done = look_into_input(file, **pipeline); !done) return done;
    }
    return {};
  }

  Result<void> look_into_batch(const StagedRef& staged, const Pipeline& pipeline) {
    const BatchState* batch = batch_of(staged);
    if (batch == nullptr) return {};
    const auto records = records_of(*batch);
    if (!records) return std::unexpected(records.error());
    std::map<std::uint32_t, RecordForm> forms;
    for (std::uint32_t i = 0; i < records->size(); ++i) {
      const QuarantinedRecord& record = (*records)[i];
      if (batch->is_erased(i) || record.input >= staged.files.size()) continue;
      const InputFile& file = staged.files[record.input];
      auto form = forms.find(record.input);
      if (form == forms.end()) form = forms.emplace(record.input, form_for(pipeline, file)).first;
      bool found = names(wish_.subjects, form->second, record.bytes);
      if (const auto touched = batch->touched.find(i); !found && touched != batch->touched.end() &&
                                                       touched->second.replacement &&
                                                       touched->second.replacement->bytes > 0) {
        const auto text = book_.payloads.get(as_address(*touched->second.replacement));
        if (!text) return std::unexpected(text.error());
        found = names(wish_.subjects, form->second, *text);
      }
      if (found) identities_.insert({staged.slot, file.digest, record.row});
    }
    return {};
  }

  Result<void> look_into_input(const InputFile& file, const Pipeline& pipeline) {
    RecordForm form = form_of(pipeline, file.name);
    if (form.format == FileFormat::parquet) {
      found_.unsearched.push_back(fmt::format(
          "{}: a Parquet file is not looked into; --run takes it as a whole", file.name));
      return {};
    }
    SubjectScan scan(wish_.subjects, std::move(form));
    const auto read = book_.payloads.read(as_address(file.copy), [&](Bytes piece) {
      scan.add(piece);
      return Result<void>();
    });
    if (!read) return read;
    if (scan.finish()) found_.choice.inputs.insert(file.copy.digest);
    return {};
  }

  Result<void> choose_records() {
    policies_.push_back("named records");
    for (const RecordChoice& choice : wish_.records) {
      const auto staged = std::ranges::find(staged_, choice.batch, &StagedRef::batch);
      const BatchState* batch = book_.state.find(choice.batch);
      if (staged == staged_.end() || batch == nullptr)
        return fail(Error::Code::not_found, "there is no quarantine batch {}", choice.batch);
      if (batch->erased_whole)
        return fail(Error::Code::conflict, "batch {} was erased",
                    batch_name(book_.state, choice.batch));
      const auto records = records_of(*batch);
      if (!records) return std::unexpected(records.error());
      for (std::uint32_t i = choice.first; i <= choice.last && i < records->size(); ++i) {
        const QuarantinedRecord& record = (*records)[i];
        if (batch->is_erased(i) || record.input >= staged->files.size()) continue;
        identities_.insert({staged->slot, staged->files[record.input].digest, record.row});
      }
    }
    return {};
  }

  Result<void> choose_identities() {
    std::set<SlotId> slots;
    for (const Identity& identity : identities_) slots.insert(std::get<SlotId>(identity));
    for (const StagedRef& staged : staged_) {
      const BatchState* batch = batch_of(staged);
      if (batch == nullptr || !slots.contains(staged.slot)) continue;
      const auto records = records_of(*batch);
      if (!records) return std::unexpected(records.error());
      for (std::uint32_t i = 0; i < records->size(); ++i) {
        const QuarantinedRecord& record = (*records)[i];
        if (batch->is_erased(i) || record.input >= staged.files.size()) continue;
        if (identities_.contains({staged.slot, staged.files[record.input].digest, record.row}))
          found_.choice.records[staged.batch].insert(i);
      }
    }
    return {};
  }

  const BookView& book_;
  const ErasureWish& wish_;
  DefinitionCache definitions_;
  std::vector<StagedRef> staged_;
  std::set<Identity> identities_;
  std::vector<std::string> policies_;
  FoundForErasure found_;
};

// "0-3,7".
std::string ranges(const std::vector<std::uint32_t>& numbers) {
  std::string out;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i;
    while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) ++end;
    out += out.empty() ? "" : ",";
    out +=
        end == i ? fmt::format("{}", numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[end]);
    i = end + 1;
  }
  return out;
}

std::string text_of(const State& state, const PlannedErasure& plan) {
  std::string text =
      fmt::format("daybook erasure, version 1\nbook {}\npolicy {}\n", state.origin, plan.policy);
  for (const ErasureItem& item : plan.items) {
    text += fmt::format("erase {} of {} run {}", word(item.kind), slot_title(state, item.slot),
                        item.run);
    if (item.batch != no_batch)
      text += fmt::format(" batch {} records {}", batch_name(state, item.batch),
                          item.records.empty() ? "all" : ranges(item.records));
    text += fmt::format(" payload sha256:{} bytes {} of entry {}", hex(item.payload.digest),
                        item.payload.bytes, item.entry);
    if (item.replacement.bytes > 0)
      text += fmt::format(" keeps sha256:{} bytes {}", hex(item.replacement.digest),
                          item.replacement.bytes);
    text += '\n';
  }
  return text;
}

void add_batch(const State& state, BatchId id, const std::set<std::uint32_t>& chosen,
               PlannedErasure& plan) {
  const BatchState& batch = *state.find(id);
  std::uint64_t left = 0;
  ErasureItem item{.kind = PayloadKind::quarantine,
                   .payload = batch.payload,
                   .replacement = {},
                   .slot = batch.slot,
                   .run = batch.run,
                   .batch = id,
                   .records = {},
                   .entry = batch.at};
  for (std::uint32_t i = 0; i < batch.records; ++i) {
    if (batch.is_erased(i)) continue;
    if (!chosen.contains(i)) {
      ++left;
      continue;
    }
    item.records.push_back(i);
    const auto touched = batch.touched.find(i);
    const bool decided =
        touched != batch.touched.end() && touched->second.status != RecordState::Status::amended;
    plan.undecided += !decided && !batch.superseded;
  }
  if (item.records.empty()) return;
  plan.records += item.records.size();
  const std::vector<std::uint32_t> all = item.records;
  if (left == 0) item.records.clear();
  plan.items.push_back(std::move(item));
  for (const std::uint32_t position : all) {
    const auto touched = batch.touched.find(position);
    if (touched == batch.touched.end() || !touched->second.replacement ||
        touched->second.replacement->bytes == 0)
      continue;
    plan.items.push_back({.kind = PayloadKind::amendment,
                          .payload = *touched->second.replacement,
                          .replacement = {},
                          .slot = batch.slot,
                          .run = batch.run,
                          .batch = id,
                          .records = {position},
                          .entry = touched->second.at});
  }
}

void add_inputs(const std::vector<StagedRef>& staged, const std::set<Digest>& chosen,
                std::vector<ErasureItem>& items) {
  for (const StagedRef& attempt : staged) {
    std::set<Digest> here;  // an attempt may read one file twice
    for (const InputFile& file : attempt.files)
      if (chosen.contains(file.copy.digest) && here.insert(file.copy.digest).second)
        items.push_back({.kind = PayloadKind::input,
                         .payload = file.copy,
                         .replacement = {},
                         .slot = attempt.slot,
                         .run = attempt.run,
                         .batch = no_batch,
                         .records = {},
                         .entry = attempt.entry});
  }
}

// The batch as it is to stay: each record in its place, those that go without bytes and without
// messages, which may quote them.
Result<PayloadRef> keep_rest(Keeper& keeper, const ErasureItem& item) {
  const auto bytes = keeper.payloads().get(as_address(item.payload));
  if (!bytes) return std::unexpected(bytes.error());
  auto records = parse_quarantine(*bytes);
  if (!records) return std::unexpected(records.error());
  std::string rest;
  for (std::uint32_t i = 0; i < records->size(); ++i) {
    QuarantinedRecord& record = (*records)[i];
    if (std::ranges::binary_search(item.records, i)) {
      record.bytes.clear();
      for (Violation& violation : record.violations) violation.message.clear();
    }
    rest += quarantine_line(record);
  }
  return keeper.payloads_put(rest);
}

}  // namespace

Result<FoundForErasure> find_for_erasure(const BookView& book, const ErasureWish& wish) {
  return Finder(book, wish).run();
}

Result<PlannedErasure> plan_erasure(const BookView& book, const ErasureChoice& choice,
                                    const std::string& policy) {
  const State& state = book.state;
  PlannedErasure plan{.policy = policy, .items = {}};
  for (const auto& [id, records] : choice.records) {
    if (state.find(id) == nullptr)
      return fail(Error::Code::not_found, "there is no quarantine batch {}", id);
    add_batch(state, id, records, plan);
  }
  if (!choice.inputs.empty()) {
    const auto staged = staged_attempts(book);
    if (!staged) return std::unexpected(staged.error());
    add_inputs(*staged, choice.inputs, plan.items);
  }
  std::set<PayloadRef> payloads;
  for (const ErasureItem& item : plan.items) {
    if (payloads.insert(item.payload).second) plan.bytes += item.payload.bytes;
    if (item.kind == PayloadKind::input) plan.unreplayable.insert(item.run);
    if (const auto hold = held_by(state, item.slot, item.run))
      plan.held.push_back(fmt::format("legal hold {} keeps {} run {}: {}", *hold,
                                      slot_title(state, item.slot), item.run,
                                      state.find(*hold)->reason));
  }
  const auto repeated = std::ranges::unique(plan.held);
  plan.held.erase(repeated.begin(), repeated.end());
  plan.payloads = payloads.size();
  plan.text = text_of(state, plan);
  plan.digest = sha256(bytes_of(plan.text));
  return plan;
}

asio::awaitable<std::expected<Accepted, Refusal>> propose_erasure(Keeper& keeper, Actor actor,
                                                                  PlannedErasure plan,
                                                                  std::string reason) {
  // Nothing is copied of what will be refused.
  if (plan.held.empty()) {
    for (ErasureItem& item : plan.items) {
      if (item.kind != PayloadKind::quarantine || item.records.empty()) continue;
      const auto rest = keep_rest(keeper, item);
      if (!rest) co_return std::unexpected(Refusal{Refusal::Code::conflict, rest.error().detail});
      item.replacement = *rest;
    }
  }
  plan.text = text_of(keeper.state(), plan);
  const auto text = keeper.payloads_put(plan.text);
  if (!text) co_return std::unexpected(Refusal{Refusal::Code::conflict, text.error().detail});
  ProposeErasure command{.policy = plan.policy,
                         .items = std::move(plan.items),
                         .plan = sha256(bytes_of(plan.text)),
                         .text = *text,
                         .approvals = 1,
                         .reason = std::move(reason)};
  co_return co_await keeper.ask(std::move(actor), std::move(command));
}

Result<bool> still_complete(const BookView& book, const ErasureState& erasure) {
  std::set<Digest> inputs;
  std::vector<ErasureItem> proposed;
  for (const ErasureItem& item : erasure.items) {
    if (item.kind != PayloadKind::input) continue;
    inputs.insert(item.payload.digest);
    proposed.push_back(item);
  }
  if (inputs.empty()) return true;
  const auto staged = staged_attempts(book);
  if (!staged) return std::unexpected(staged.error());
  std::vector<ErasureItem> now;
  add_inputs(*staged, inputs, now);
  return now == proposed;
}

Result<ErasureFinished> carry_out_erasure(Keeper& keeper, ErasureId id) {
  DAYBOOK_CRASH_POINT("erase.started");
  std::set<PayloadRef> payloads;
  ErasureFinished done{.erasure = id};
  for (const ErasureItem& item : keeper.state().find(id)->items)
    if (payloads.insert(item.payload).second) done.bytes += item.payload.bytes;
  for (const PayloadRef& payload : payloads) {
    if (const auto erased = keeper.payloads().erase(as_address(payload)); !erased)
      return std::unexpected(erased.error());
    ++done.payloads;
    DAYBOOK_CRASH_POINT("erase.key_destroyed");
  }
  const auto answer = keeper.ask_now(
      system_actor(), FinishErasure{.erasure = id, .payloads = done.payloads, .bytes = done.bytes});
  if (!answer) return fail(Error::Code::conflict, "{}", answer.error().detail);
  DAYBOOK_CRASH_POINT("erase.finished");
  return done;
}

}  // namespace daybook
