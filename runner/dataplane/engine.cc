#include "runner/dataplane/engine.h"

#include <algorithm>
#include <cmath>

#include "ledger/assertion.h"

namespace daybook {
namespace {

// --- the table function -----------------------------------------------------------------------

struct Scan {
  Engine* engine;
  StageRun* run;
};
struct ScanState {
  Scan scan;
  std::unique_ptr<RecordReader> reader;
  std::size_t next_part = 0;
  bool opened = false;
  std::vector<std::uint64_t> validity;  // of each column, one after the other
  std::vector<VectorView> views;
};

bool all_valid(const std::uint64_t* validity, std::uint32_t n) {
  for (std::uint32_t r = 0; r < n; r += 64) {
    const std::uint64_t missing = ~validity[r >> 6];
    if ((n - r < 64 ? missing & ((1ULL << (n - r)) - 1) : missing) != 0) return false;
  }
  return true;
}

void scan_bind(duckdb_bind_info info) {
  auto* engine = static_cast<Engine*>(duckdb_bind_get_extra_info(info));
  duckdb_value value = duckdb_bind_get_parameter(info, 0);
  StageRun* run = engine->run(duckdb_get_int64(value));
  duckdb_destroy_value(&value);
  const auto add = [&](const std::string& name, const ColumnType& type) {
    duckdb_logical_type logical = duck_type(type);
    duckdb_bind_add_result_column(info, name.c_str(), logical);
    duckdb_destroy_logical_type(&logical);
  };
  for (const Column& column : engine->context().columns) add(column.name, column.type);
  ColumnType row;
  row.kind = ColumnType::Kind::int64;
  add("__src", row);
  duckdb_bind_set_bind_data(info, new Scan{engine, run},
                            [](void* p) { delete static_cast<Scan*>(p); });
}

void scan_init(duckdb_init_info info) {
  duckdb_init_set_max_threads(info, 1);
  auto* scan = static_cast<Scan*>(duckdb_init_get_bind_data(info));
  auto state = std::make_unique<ScanState>();
  state->scan = *scan;
  duckdb_init_set_init_data(info, state.release(),
                            [](void* p) { delete static_cast<ScanState*>(p); });
}

Staged<std::uint32_t> scan_next(ScanState& state, std::span<const VectorView> views,
                                SourceRow* rows) {
  ReadContext& context = state.scan.engine->context();
  StageRun& run = *state.scan.run;
  for (;;) {
    if (!state.reader) {
      if (run.from_list) {
        if (state.opened) return 0;
        state.reader = RecordReader::open(context, run.listed, run.read);
      } else {
        if (state.opened && !run.all_parts) return 0;
        const auto part = context.parts->part(run.all_parts ? state.next_part++ : run.part);
        if (!part) return std::unexpected(part.error());
        if (*part == nullptr) return 0;
        state.reader = RecordReader::open(context, **part, run.read);
      }
      state.opened = true;
    }
    auto n = state.reader->read(views, rows);
    if (!n || *n != 0) return n;
    state.reader.reset();
  }
}

void scan_function(duckdb_function_info info, duckdb_data_chunk output) {
  auto* state = static_cast<ScanState*>(duckdb_function_get_init_data(info));
  const std::size_t columns = state->scan.engine->context().columns.size();
  // The reader notes nulls beside the vectors: a vector without any stays without a mask, which is
  // what all that comes after it is fastest with.
  constexpr std::size_t words = vector_rows_max / 64;
  state->validity.resize(columns * words);
  state->views.resize(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    state->views[i] = {duckdb_vector_get_data(duckdb_data_chunk_get_vector(output, i)),
                       state->validity.data() + i * words};
  }
  auto* rows = static_cast<SourceRow*>(
      duckdb_vector_get_data(duckdb_data_chunk_get_vector(output, columns)));
  const auto n = scan_next(*state, state->views, rows);
  if (!n) {
    state->scan.run->failure = n.error();
    duckdb_function_set_error(info, n.error().detail.c_str());
    duckdb_data_chunk_set_size(output, 0);
    return;
  }
  for (std::size_t i = 0; i < columns; ++i) {
    const std::uint64_t* mine = state->views[i].validity;
    if (all_valid(mine, *n)) continue;
    duckdb_vector vector = duckdb_data_chunk_get_vector(output, i);
    duckdb_vector_ensure_validity_writable(vector);
    std::memcpy(duckdb_vector_get_validity(vector), mine, (*n + 63) / 64 * 8);
  }
  duckdb_data_chunk_set_size(output, *n);
}

// --- scalar functions -------------------------------------------------------------------------

VectorView view_of(duckdb_data_chunk chunk, idx_t index) {
  duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, index);
  return {duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)};
}

Engine* engine_of(duckdb_function_info info) {
  return static_cast<Engine*>(duckdb_scalar_function_get_extra_info(info));
}

void tap_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  engine_of(info)->tap(input, output);
}
void check_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  engine_of(info)->check(input, output);
}

void fits_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  engine_of(info)->fits(input, output);
}

void loser_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t n = duckdb_data_chunk_get_size(input);
  bool* out = static_cast<bool*>(duckdb_vector_get_data(output));
  const VectorView pass = view_of(input, 0), rows = view_of(input, 1);
  const auto& losers = engine_of(info)->losers();
  for (std::uint32_t r = 0; r < n; ++r) {
    const auto number = static_cast<std::size_t>(pass.at<std::int32_t>(r));
    out[r] = number < losers.size() && losers[number].contains(rows.at<std::int64_t>(r));
  }
}

void waived_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t n = duckdb_data_chunk_get_size(input);
  bool* out = static_cast<bool*>(duckdb_vector_get_data(output));
  const VectorView rows = view_of(input, 0);
  for (std::uint32_t r = 0; r < n; ++r) {
    out[r] = engine_of(info)->is_waived(rows.at<std::int64_t>(r));
  }
}

void in_function(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t n = duckdb_data_chunk_get_size(input);
  bool* out = static_cast<bool*>(duckdb_vector_get_data(output));
  const VectorView condition = view_of(input, 0);
  for (std::uint32_t r = 0; r < n; ++r) out[r] = condition.valid(r) && condition.at<bool>(r);
}

void replaced_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t n = duckdb_data_chunk_get_size(input);
  bool* out = static_cast<bool*>(duckdb_vector_get_data(output));
  const VectorView rows = view_of(input, 0);
  const auto& overlay = engine_of(info)->context().overlay;
  for (std::uint32_t r = 0; r < n; ++r) out[r] = overlay.contains(rows.at<std::int64_t>(r));
}

void find_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t n = duckdb_data_chunk_get_size(input);
  const idx_t keys = duckdb_data_chunk_get_column_count(input) - 1;
  auto* out = static_cast<std::int64_t*>(duckdb_vector_get_data(output));
  duckdb_vector_ensure_validity_writable(output);
  const VectorView result{out, duckdb_vector_get_validity(output)};
  if (n == 0) return;
  const auto number = static_cast<std::size_t>(view_of(input, 0).at<std::int32_t>(0));
  const LookupTable& table = engine_of(info)->lookups()[number];
  const LookupKeys& types = engine_of(info)->lookup_keys()[number];
  std::vector<VectorView> views;
  for (idx_t k = 0; k < keys; ++k) views.push_back(view_of(input, k + 1));
  std::vector<std::string> texts(keys);
  std::vector<std::string_view> key(keys);
  for (std::uint32_t r = 0; r < n; ++r) {
    bool null = false;
    for (std::size_t k = 0; k < keys && !null; ++k) {
      null = !views[k].valid(r);
      if (null) break;
      if (types[k].type.kind == ColumnType::Kind::string) {
        key[k] = views[k].at<Text>(r).view();
      } else {
        texts[k] = value_text(views[k], types[k].type, r);
        key[k] = texts[k];
      }
    }
    out[r] = null ? -1 : table.find(key);
    if (out[r] < 0) result.set_null(r);
  }
}

void take_function(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t n = duckdb_data_chunk_get_size(input);
  duckdb_vector_ensure_validity_writable(output);
  const VectorView result{duckdb_vector_get_data(output), duckdb_vector_get_validity(output)};
  const VectorView table = view_of(input, 0), column = view_of(input, 1), row = view_of(input, 2);
  for (std::uint32_t r = 0; r < n; ++r) {
    if (!row.valid(r)) {
      result.set_null(r);
      continue;
    }
    const auto& value =
        engine_of(info)->lookups()[static_cast<std::size_t>(table.at<std::int32_t>(r))].value(
            static_cast<std::size_t>(column.at<std::int32_t>(r)), row.at<std::int64_t>(r));
    if (!value) {
      result.set_null(r);
    } else {
      duckdb_vector_assign_string_element_len(output, r, value->data(), value->size());
    }
  }
}

// What a computed value is that no column may hold: 1 no number, 2 a text without end.
void unfit_function(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const auto n = static_cast<std::uint32_t>(duckdb_data_chunk_get_size(input));
  auto* out = static_cast<std::int8_t*>(duckdb_vector_get_data(output));
  std::memset(out, 0, n);
  duckdb_logical_type type = duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(input, 0));
  const duckdb_type kind = duckdb_get_type_id(type);
  duckdb_destroy_logical_type(&type);
  const VectorView view = view_of(input, 0);
  const auto mark = [&](std::int8_t what, auto unfit) {
    for (std::uint32_t r = 0; r < n; ++r) {
      if (view.valid(r) && unfit(r)) out[r] = what;
    }
  };
  if (kind == DUCKDB_TYPE_DOUBLE) {
    mark(1, [&](std::uint32_t r) { return !std::isfinite(view.at<double>(r)); });
  } else if (kind == DUCKDB_TYPE_FLOAT) {
    mark(1, [&](std::uint32_t r) { return !std::isfinite(view.at<float>(r)); });
  } else if (kind == DUCKDB_TYPE_VARCHAR) {
    mark(2, [&](std::uint32_t r) {
      return view.at<Text>(r).length > dataplane_limits::field_bytes_max;
    });
  }
}

struct FunctionSpec {
  const char* name;
  std::vector<duckdb_type> parameters;
  duckdb_type varargs;  // DUCKDB_TYPE_INVALID: none
  duckdb_type result;
  bool is_volatile;
  duckdb_scalar_function_t function;
};

bool add_function(duckdb_connection connection, Engine* engine, const FunctionSpec& spec) {
  duckdb_scalar_function function = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(function, spec.name);
  const auto with_type = [](duckdb_type id, auto use) {
    duckdb_logical_type type = duckdb_create_logical_type(id);
    use(type);
    duckdb_destroy_logical_type(&type);
  };
  for (const duckdb_type id : spec.parameters) {
    with_type(id, [&](auto type) { duckdb_scalar_function_add_parameter(function, type); });
  }
  if (spec.varargs != DUCKDB_TYPE_INVALID) {
    with_type(spec.varargs, [&](auto type) { duckdb_scalar_function_set_varargs(function, type); });
  }
  with_type(spec.result,
            [&](auto type) { duckdb_scalar_function_set_return_type(function, type); });
  if (spec.is_volatile) duckdb_scalar_function_set_volatile(function);
  duckdb_scalar_function_set_special_handling(function);
  duckdb_scalar_function_set_extra_info(function, engine, nullptr);
  duckdb_scalar_function_set_function(function, spec.function);
  const bool good = duckdb_register_scalar_function(connection, function) == DuckDBSuccess;
  duckdb_destroy_scalar_function(&function);
  return good;
}

}  // namespace

Staged<void> Engine::register_scan(duckdb_connection connection, const char* name) {
  duckdb_table_function scan = duckdb_create_table_function();
  duckdb_table_function_set_name(scan, name);
  duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
  duckdb_table_function_add_parameter(scan, number);
  duckdb_destroy_logical_type(&number);
  duckdb_table_function_set_extra_info(scan, this, nullptr);
  duckdb_table_function_set_bind(scan, scan_bind);
  duckdb_table_function_set_init(scan, scan_init);
  duckdb_table_function_set_function(scan, scan_function);
  const bool good = duckdb_register_table_function(connection, scan) == DuckDBSuccess;
  duckdb_destroy_table_function(&scan);
  if (!good) return no_stage(ErrorClass::internal, "engine", "{} can not be registered", name);
  return {};
}

Staged<void> Engine::register_functions(duckdb_connection connection) {
  if (auto scan = register_scan(connection, "daybook_scan"); !scan) return scan;
  const duckdb_type none = DUCKDB_TYPE_INVALID, big = DUCKDB_TYPE_BIGINT,
                    integer = DUCKDB_TYPE_INTEGER;
  const FunctionSpec specs[] = {
      {"daybook_tap", {}, DUCKDB_TYPE_ANY, DUCKDB_TYPE_BOOLEAN, true, tap_function},
      {"daybook_check", {}, DUCKDB_TYPE_ANY, DUCKDB_TYPE_BOOLEAN, true, check_function},
      {"daybook_fits", {big}, DUCKDB_TYPE_ANY, DUCKDB_TYPE_BOOLEAN, false, fits_function},
      {"daybook_loser", {integer, big}, none, DUCKDB_TYPE_BOOLEAN, false, loser_function},
      {"daybook_waived", {big}, none, DUCKDB_TYPE_BOOLEAN, false, waived_function},
      {"daybook_in", {DUCKDB_TYPE_BOOLEAN}, none, DUCKDB_TYPE_BOOLEAN, true, in_function},
      {"daybook_replaced", {big}, none, DUCKDB_TYPE_BOOLEAN, false, replaced_function},
      {"daybook_unfit", {}, DUCKDB_TYPE_ANY, DUCKDB_TYPE_TINYINT, false, unfit_function},
      {"daybook_find", {integer}, DUCKDB_TYPE_ANY, DUCKDB_TYPE_BIGINT, false, find_function},
      {"daybook_take", {integer, integer, big}, none, DUCKDB_TYPE_VARCHAR, false, take_function},
  };
  bool good = true;
  for (const FunctionSpec& spec : specs) good &= add_function(connection, this, spec);
  if (!good) return no_stage(ErrorClass::internal, "engine", "a function can not be registered");
  return {};
}

Staged<void> Engine::set_output(const StepsQuery& query, const Contract* output) {
  statuses_ = query.statuses;
  taps_ = query.taps;
  lookup_keys_ = query.lookups;
  for (std::size_t i = 0; i < lookups_.size() && i < lookup_keys_.size(); ++i) {
    if (auto indexed = lookups_[i].index(lookup_keys_[i]); !indexed) return indexed;
  }
  output_columns_ = query.columns.size();
  output_rules_ = std::make_unique<RuleSet>(
      query.columns, output == nullptr ? std::vector<RowRule>{} : output->row_rules);
  codec_ = std::make_unique<RowCodec>(query.columns);
  return {};
}

StageRun& Engine::begin(std::size_t part, bool all_parts) {
  auto run = std::make_unique<StageRun>();
  run->part = part;
  run->all_parts = all_parts;
  run->batch = std::make_unique<LeafBatch>(row_context, context_.salts);
  const std::lock_guard lock(mutex_);
  run->id = static_cast<std::int64_t>(runs_.size());
  runs_.push_back(std::move(run));
  return *runs_.back();
}

void Engine::end(const StageRun& run) {
  const std::lock_guard lock(mutex_);
  runs_[static_cast<std::size_t>(run.id)].reset();
}

StageRun* Engine::run(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  return runs_.at(static_cast<std::size_t>(id)).get();
}

bool Engine::is_waived(SourceRow row) const {
  const auto found = context_.overlay.find(row);
  return found != context_.overlay.end() && found->second.waive_rules;
}

void Engine::leave(StageRun& run, SourceRow row, Verdict verdict, std::string bytes) {
  run.tally.count(verdict);
  if (verdict.dropped()) {
    ++run.filtered;
  } else {
    run.set_aside.add({row, std::move(verdict.violations), std::move(bytes)});
  }
}

void Engine::tap(duckdb_data_chunk input, duckdb_vector output) {
  const auto n = static_cast<std::uint32_t>(duckdb_data_chunk_get_size(input));
  bool* keep = static_cast<bool*>(duckdb_vector_get_data(output));
  if (n == 0) return;
  StageRun& run = *this->run(view_of(input, 0).at<std::int64_t>(0));
  const auto stage = static_cast<std::size_t>(view_of(input, 1).at<std::int64_t>(0));
  const VectorView source = view_of(input, 2), status = view_of(input, 3);
  const TapStage& tap = taps_[stage];
  if (stage == 0) run.rows_tapped += n;
  const std::size_t extras = tap.extras.size();
  std::vector<VectorView> extra(extras);
  for (std::size_t i = 0; i < extras; ++i) extra[i] = view_of(input, 4 + i);
  const auto broken = [&](std::size_t i, std::uint32_t r) {
    return extra[i].valid(r) && extra[i].at<bool>(r);
  };

  std::vector<VectorView> columns(tap.last ? output_columns_ : 0);
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = view_of(input, 4 + extras + i);
  const auto bytes_of_row = [&](std::uint32_t r) {
    return tap.last && source.at<std::int64_t>(r) >= derived_rows
               ? record_as_json(columns, columns, output_rules_->columns(), r)
               : std::string();
  };
  for (std::uint32_t r = 0; r < n; ++r) {
    const auto code = static_cast<std::size_t>(status.at<std::int32_t>(r));
    keep[r] = code == 0;
    const RowStatus& why = statuses_[code];
    if (tap.last && (code == 0 || why.of_output)) ++run.rows_to_output;
    if (code == 0 && extras == 0) continue;
    Verdict verdict;
    for (std::size_t i = 0; i < extras; ++i) {
      const RowExtra& rule = tap.extras[i];
      if (rule.action != OnViolation::warn && !why.expression_rules) continue;
      if (!broken(i, r)) continue;
      verdict.add(rule.action, {rule.rule, rule.column, printable(rule.message, 190)});
    }
    switch (why.outcome) {
      case RowOutcome::kept: break;
      case RowOutcome::filtered: ++run.filtered; break;
      case RowOutcome::merged: ++run.merged; break;
      case RowOutcome::dropped:
      case RowOutcome::quarantined:
      case RowOutcome::fails_run:
        if (why.expression_rules) break;
        verdict.add(why.outcome == RowOutcome::dropped       ? OnViolation::drop_with_record
                    : why.outcome == RowOutcome::quarantined ? OnViolation::quarantine
                                                             : OnViolation::fail_run,
                    {why.rule, why.column, printable(why.message, 190)});
    }
    if (why.outcome == RowOutcome::filtered || why.outcome == RowOutcome::merged) {
      ++run.tally.rows[why.rule];
      run.tally.dropping.insert(why.rule);
    }
    if (verdict.stays()) {
      if (!verdict.warnings.empty()) run.tally.count(verdict);
    } else {
      leave(run, source.at<std::int64_t>(r), std::move(verdict), bytes_of_row(r));
    }
  }
  if (!tap.last) return;

  std::vector<RuleHit> hits;
  output_rules_->check(columns, n, {}, hits);
  if (!hits.empty()) {
    std::sort(hits.begin(), hits.end(), [](const RuleHit& a, const RuleHit& b) {
      return a.row != b.row ? a.row < b.row : a.rule < b.rule;
    });
    for (std::size_t i = 0; i < hits.size();) {
      const std::uint32_t row = hits[i].row;
      const SourceRow id = source.at<std::int64_t>(row);
      const bool waived = is_waived(id);
      Verdict verdict;
      for (; i < hits.size() && hits[i].row == row; ++i) {
        const OnViolation action = output_rules_->rules()[hits[i].rule].on_violation;
        if (!keep[row] || (waived && waivable(action))) continue;
        verdict.add(action, output_rules_->violation(hits[i], columns));
      }
      if (verdict.stays()) {
        run.tally.count(verdict);
        continue;
      }
      keep[row] = false;
      leave(run, id, std::move(verdict), bytes_of_row(row));
    }
  }
  std::vector<std::uint32_t> kept;
  kept.reserve(n);
  for (std::uint32_t r = 0; r < n; ++r) {
    if (keep[r]) kept.push_back(r);
  }
  std::vector<std::uint64_t> numbers(kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    numbers[i] = run.numbered_by_place
                     ? run.rows_out + i
                     : static_cast<std::uint64_t>(source.at<std::int64_t>(kept[i]));
  }
  for (std::size_t i = 0; run.keep_sources && i < kept.size(); ++i) {
    run.sources.push_back(source.at<std::int64_t>(kept[i]));
  }
  run.rows_out += kept.size();
  codec_->encode(columns, kept, numbers, *run.batch);
  run.batch->flush(run.leaves);
  if (run.on_leaves) {
    run.on_leaves(run.leaves);
    run.leaves.clear();
  }
}

void Engine::fits(duckdb_data_chunk input, duckdb_vector output) const {
  const auto n = static_cast<std::uint32_t>(duckdb_data_chunk_get_size(input));
  bool* good = static_cast<bool*>(duckdb_vector_get_data(output));
  const VectorView source = view_of(input, 0);
  std::vector<VectorView> columns(output_columns_);
  for (std::size_t i = 0; i < output_columns_; ++i) columns[i] = view_of(input, 1 + i);
  std::vector<RuleHit> hits;
  output_rules_->check(columns, n, {}, hits);
  std::memset(good, 1, n);
  for (const RuleHit& hit : hits) {
    const OnViolation action = output_rules_->rules()[hit.rule].on_violation;
    if (action == OnViolation::warn) continue;
    if (waivable(action) && is_waived(source.at<std::int64_t>(hit.row))) continue;
    good[hit.row] = false;
  }
}

void Engine::check(duckdb_data_chunk input, duckdb_vector output) {
  const auto n = static_cast<std::uint32_t>(duckdb_data_chunk_get_size(input));
  bool* keep = static_cast<bool*>(duckdb_vector_get_data(output));
  if (n == 0) return;
  StageRun& run = *this->run(view_of(input, 0).at<std::int64_t>(0));
  const VectorView source = view_of(input, 1);
  const std::size_t count = context_.columns.size();
  std::vector<VectorView> columns(count);
  // After the values, one text for each column: what the cast to the contract's type lost.
  std::vector<VectorView> lost(count);
  std::vector<TypeFault> faults;
  for (std::size_t i = 0; i < count; ++i) {
    columns[i] = view_of(input, 2 + i);
    lost[i] = view_of(input, 2 + count + i);
    for (std::uint32_t r = 0; r < n; ++r) {
      if (lost[i].valid(r)) faults.push_back({r, static_cast<std::uint32_t>(i)});
    }
  }
  std::memset(keep, 1, n);
  const bool keyed = context_.partition.by_column() && !context_.column_key.empty();
  for (std::uint32_t r = 0; keyed && r < n; ++r) {
    keep[r] =
        context_.partition.key_of(columns[context_.partition.column()], r) == context_.column_key;
  }
  std::vector<RuleHit> hits;
  context_.rules->check(columns, n, faults, hits);
  std::vector<std::uint32_t> suspects;
  for (const RuleHit& hit : hits) suspects.push_back(hit.row);
  for (const TypeFault& fault : faults) suspects.push_back(fault.row);
  for (std::uint32_t r = 0; !context_.duplicates.empty() && r < n; ++r) {
    if (context_.is_duplicate(source.at<std::int64_t>(r))) suspects.push_back(r);
  }
  std::sort(suspects.begin(), suspects.end());
  suspects.erase(std::unique(suspects.begin(), suspects.end()), suspects.end());
  std::uint32_t ours = 0, suspects_elsewhere = 0;
  for (std::uint32_t r = 0; r < n; ++r) ours += keep[r] ? 1 : 0;
  run.read.read += ours;
  for (const std::uint32_t row : suspects) {
    if (!keep[row]) {
      suspects_elsewhere += keyed ? 1 : 0;
      continue;
    }
    const SourceRow id = source.at<std::int64_t>(row);
    Verdict verdict;
    for (const TypeFault& fault : faults) {
      if (fault.row != row) continue;
      verdict.add(
          context_.rules->type_action(fault.column),
          context_.rules->type_violation(fault.column, lost[fault.column].at<Text>(row).view()));
    }
    for (const RuleHit& hit : hits) {
      if (hit.row != row) continue;
      verdict.add(context_.rules->rules()[hit.rule].on_violation,
                  context_.rules->violation(hit, columns));
    }
    for (const Duplicates& rule : context_.duplicates) {
      if (rule.rows.contains(id)) verdict.add(rule.action, rule.violation);
    }
    run.read.tally.count(verdict);
    if (verdict.stays()) continue;
    keep[row] = false;
    if (verdict.dropped()) {
      ++run.read.filtered;
      continue;
    }
    ++run.read.quarantined;
    QuarantinedRecord bad;
    bad.violations = std::move(verdict.violations);
    bad.input = input_of(id);
    bad.row = row_of(id);
    bad.bytes = record_as_json(columns, lost, context_.columns, row);
    if (run.quarantine != nullptr) run.quarantine->add(bad);
  }
  if (n - ours > suspects_elsewhere) run.read.elsewhere_good = true;
}

}  // namespace daybook
