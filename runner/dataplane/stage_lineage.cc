// Lineage of single rows: what a stage tells of them beside staging. The rows that the steps gave
// are found among the staged ones, their records by the identity that each row carries, and what
// the steps made of them by asking each level of the steps' query for these rows alone.
#include <algorithm>
#include <fstream>

#include "ledger/assertion.h"
#include "runner/dataplane/record_finder.h"
#include "runner/dataplane/stage_job.h"

namespace daybook {
namespace {

Staged<LeafProof> proof_of(const LeafSpool& tree, std::uint64_t index, std::string_view context,
                           const LeafSalt& salt, std::string bytes) {
  LeafProof proof;
  proof.index = index;
  proof.count = tree.size();
  proof.salt = salt;
  proof.bytes = std::move(bytes);
  const auto leaf = index < tree.size() ? tree.leaf(index) : fail(Error::Code::io, "no leaf");
  auto path = leaf ? tree.prove(index) : std::unexpected(leaf.error());
  if (!path) {
    return no_stage(ErrorClass::transient, "io", "leaf {} of {}: {}", index, tree.size(),
                    path.error().detail);
  }
  if (*leaf != salted_leaf(context, salt, bytes_of(proof.bytes))) {
    return no_stage(ErrorClass::internal, "lineage", "leaf {} of {} is not that of its bytes",
                    index, tree.size());
  }
  proof.path = std::move(*path);
  return proof;
}

}  // namespace

void StageJob::restart_spools() {
  const auto spool = [this](const char* name) {
    return std::make_unique<LeafSpool>(request_.directory / name);
  };
  spools_->records.clear();
  spools_->rows = spool("leaves-rows");
  spools_->quarantine = spool("leaves-quarantine");
}

LeafSpool& StageJob::record_spool(std::uint32_t input) {
  auto& all = spools_->records;
  while (all.size() <= input) {
    all.push_back(std::make_unique<LeafSpool>(request_.directory /
                                              fmt::format("leaves-records-{}", all.size())));
  }
  return *all[input];
}

std::string StageJob::list_of(const std::set<SourceRow>& rows) {
  std::string text = "(NULL";
  for (const SourceRow row : rows) text += fmt::format(", {}", row);
  return text + ")";
}

Staged<void> StageJob::tell(StageResult& result, const std::vector<OutputFileRows>& files) {
  std::vector<LeafSpool*> all{spools_->rows.get(), spools_->quarantine.get()};
  for (const auto& one : spools_->records) all.push_back(one.get());
  for (LeafSpool* spool : all) {
    if (auto finished = spool->finish(); !finished) {
      return no_stage(ErrorClass::transient, "io", "{}", finished.error().detail);
    }
  }
  std::string relation;
  std::uint64_t first = 0;
  for (const OutputFileRows& file : files) {
    relation += fmt::format(
        "{}SELECT * EXCLUDE (file_row_number), CAST(file_row_number + {} AS BIGINT) AS __row FROM "
        "read_parquet({}, file_row_number = true)",
        relation.empty() ? "(" : " UNION ALL ", first, quote_text(file.file.string()));
    first += file.rows;
  }
  relation += ")";
  request_.lineage->told.assign(request_.lineage->rows.size(), {});
  if (first != 0) {
    if (auto found = find_outputs(relation); !found) return found;
    if (auto told = tell_outputs(result, relation); !told) return told;
  }
  if (auto told = tell_quarantined(result); !told) return told;
  for (std::size_t i = 0; i < request_.lineage->rows.size(); ++i) {
    const RowWish& wish = request_.lineage->rows[i];
    if (wish.by != RowWish::By::record || wish.input >= files_.size()) continue;
    if (!parquet_source() && parts_->find(wish.input, wish.number) == nullptr) continue;
    auto record = tell_record(result, source_row(wish.input, wish.number));
    if (!record) return std::unexpected(record.error());
    request_.lineage->told[i].record = std::move(*record);
  }
  return request_.lineage->steps ? tell_steps() : Staged<void>{};
}

// Which output rows are meant: by the values of columns, or by the records they came from.
Staged<void> StageJob::find_outputs(const std::string& rows_relation) {
  const std::vector<RowWish>& wishes = request_.lineage->rows;
  std::map<std::vector<std::string>, std::string> by_columns;  // VALUES of the wishes
  std::map<SourceRow, std::vector<std::size_t>> by_record;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (wishes[i].by == RowWish::By::record) {
      by_record[source_row(wishes[i].input, wishes[i].number)].push_back(i);
    }
    if (wishes[i].by != RowWish::By::key) continue;
    std::vector<std::string> columns;
    std::string values = fmt::format("({}", i);
    for (const auto& [column, value] : wishes[i].key) {
      columns.push_back(column);
      values += ", " + quote_text(value);
    }
    std::string& list = by_columns[columns];
    list += (list.empty() ? "" : ", ") + values + ")";
  }
  for (const auto& [columns, values] : by_columns) {
    std::string names = "n", match;
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const auto column = std::find_if(query_.columns.begin(), query_.columns.end(),
                                       [&](const Column& c) { return c.name == columns[k]; });
      if (column == query_.columns.end()) {
        return no_stage(ErrorClass::definition, "lineage.column", "the output has no column \"{}\"",
                        printable(columns[k]));
      }
      names += fmt::format(", k{}", k);
      match += fmt::format("{}o.{} = TRY_CAST(w.k{} AS {})", k == 0 ? "" : " AND ",
                           quote_name(column->name), k, sql_name(column->type));
    }
    auto result = duck_query(
        database_->main(),
        fmt::format("SELECT CAST(w.n AS BIGINT), o.__row FROM (VALUES {}) w({}) JOIN {} o ON {} "
                    "ORDER BY 1, 2",
                    values, names, rows_relation, match));
    if (!result) return std::unexpected(failure_of(result.error(), "finding the row"));
    std::vector<VectorView> views;
    while (const std::uint32_t n = result->next(views)) {
      for (std::uint32_t r = 0; r < n; ++r) {
        spools_->found[static_cast<std::size_t>(views[0].at<std::int64_t>(r))].push_back(
            static_cast<std::uint64_t>(views[1].at<std::int64_t>(r)));
      }
    }
    DuckError error;
    if (result->failed(error)) return std::unexpected(failure_of(error, "finding the row"));
  }
  if (by_record.empty()) return {};

  // Of a group the row stands under its first member.
  std::map<SourceRow, std::vector<std::size_t>> by_source = by_record;
  if (!query_.streams) {
    std::set<SourceRow> all;
    for (const SourceRow row : spools_->sources) all.insert(row);
    bool any = false;
    const auto members = members_of(all, any);
    if (!members) return std::unexpected(members.error());
    by_source.clear();
    for (const auto& [row, of] : *members) {
      for (const SourceRow member : of) {
        const auto wanted = by_record.find(member);
        if (wanted == by_record.end()) continue;
        auto& into = by_source[row];
        into.insert(into.end(), wanted->second.begin(), wanted->second.end());
      }
    }
  }
  const bool merged = !spools_->merged.empty();
  const std::vector<SourceRow>& rows = merged ? spools_->merged : spools_->sources;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (merged && rows[i] >= 0) continue;  // kept
    const SourceRow row =
        merged ? spools_->sources.at(static_cast<std::size_t>(-1 - rows[i])) : rows[i];
    const auto wanted = by_source.find(row);
    if (wanted == by_source.end()) continue;
    for (const std::size_t wish : wanted->second) spools_->found[wish].push_back(i);
  }
  return {};
}

Staged<void> StageJob::tell_outputs(const StageResult& result, const std::string& rows_relation) {
  std::set<std::uint64_t> wanted;
  for (const auto& [wish, rows] : spools_->found) wanted.insert(rows.begin(), rows.end());
  if (wanted.empty()) return {};
  const bool merged = !spools_->merged.empty();

  // The records of each, by the row's own identity.
  std::map<std::uint64_t, SourceRow> source_of;
  std::set<SourceRow> sources;
  for (const std::uint64_t index : wanted) {
    SourceRow row = merged ? spools_->merged.at(index) : spools_->sources.at(index);
    if (merged && row >= 0) continue;
    if (merged) row = spools_->sources.at(static_cast<std::size_t>(-1 - row));
    source_of[index] = row;
    sources.insert(row);
  }
  bool any = false;
  Members members;
  if (query_.streams) {
    for (const SourceRow row : sources) members[row] = {row};
  } else {
    auto found = members_of(sources, any);
    if (!found) return std::unexpected(found.error());
    members = std::move(*found);
  }

  std::string list, names;
  for (const std::uint64_t index : wanted) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", index);
  }
  for (const Column& column : query_.columns) names += ", " + quote_name(column.name);
  std::map<std::uint64_t, OutputTold> told;
  {
    auto rows = duck_query(database_->main(),
                           fmt::format("SELECT __row{} FROM {} WHERE __row IN ({}) ORDER BY __row",
                                       names, rows_relation, list));
    if (!rows) return std::unexpected(failure_of(rows.error(), "reading the row"));
    const RowCodec codec(query_.columns);
    LeafBatch batch(row_context, request_.salts);
    const LeafSalts salts(request_.salts, merged ? merged_row_label : row_context);
    std::vector<VectorView> views;
    while (const std::uint32_t n = rows->next(views)) {
      std::vector<std::uint32_t> all(n);
      for (std::uint32_t r = 0; r < n; ++r) all[r] = r;
      const std::vector<std::uint64_t> numbers(n);
      batch.clear();
      codec.encode(std::span<const VectorView>(views).subspan(1), all, numbers, batch);
      for (std::uint32_t r = 0; r < n; ++r) {
        OutputTold row;
        row.index = static_cast<std::uint64_t>(views[0].at<std::int64_t>(r));
        const std::uint64_t number =
            merged ? row.index : static_cast<std::uint64_t>(spools_->sources.at(row.index));
        auto proof = proof_of(*spools_->rows, row.index, row_context, salts.of(number),
                              std::string(batch.message(r)));
        if (!proof) return std::unexpected(proof.error());
        row.proof = std::move(*proof);
        for (std::size_t c = 0; c < query_.columns.size(); ++c) {
          row.values.emplace_back();
          if (views[1 + c].valid(r)) {
            row.values.back() = value_text(views[1 + c], query_.columns[c].type, r);
          }
        }
        told.emplace(row.index, std::move(row));
      }
    }
    DuckError error;
    if (rows->failed(error)) return std::unexpected(failure_of(error, "reading the row"));
  }
  // Members of all rows in source order: the finder walks the source once.
  std::set<SourceRow> needed;
  for (auto& [index, row] : told) {
    const auto source = source_of.find(index);
    row.kept = source == source_of.end();
    row.any_record = any;
    if (row.kept || any) continue;
    const std::vector<SourceRow>& of = members[source->second];
    row.records_total = of.size();
    needed.insert(of.begin(),
                  of.begin() + static_cast<std::ptrdiff_t>(std::min(of.size(), members_told_max)));
  }
  std::map<SourceRow, RecordTold> records;
  for (const SourceRow row : needed) {
    auto record = tell_record(result, row);
    if (!record) return std::unexpected(record.error());
    records.emplace(row, std::move(*record));
  }
  for (auto& [index, row] : told) {
    if (row.kept || any) continue;
    for (const SourceRow member : members[source_of[index]]) {
      if (row.records.size() == members_told_max) break;
      row.records.push_back(records.at(member));
    }
  }
  for (const auto& [wish, rows] : spools_->found) {
    for (const std::uint64_t index : rows) {
      request_.lineage->told[wish].outputs.push_back(told.at(index));
    }
  }
  return {};
}

Staged<RecordTold> StageJob::tell_record(const StageResult& result, SourceRow row) {
  RecordTold told;
  told.input = input_of(row);
  told.row = row_of(row);
  const auto replaced = context_.overlay.find(row);
  if (replaced != context_.overlay.end()) {
    told.replaced_by = replaced->second.bytes;
    told.released_as_is = replaced->second.waive_rules;
  }
  const LeafSalts salts(request_.salts, record_context);
  if (parquet_source()) {
    auto text = parquet_record(row);
    if (!text) return std::unexpected(text.error());
    told.text = std::move(*text);
    const Digest& digest = result.inputs.at(told.input).digest;
    LeafProof proof;
    proof.count = 1;
    proof.salt = salts.of(static_cast<std::uint64_t>(source_row(told.input, 0)));
    proof.bytes.assign(digest.begin(), digest.end());
    told.proof = std::move(proof);
    return told;
  }
  RecordFinder finder(context_, RecordFinder::Of::source);
  auto found = finder.find(row);
  if (!found) return std::unexpected(found.error());
  told.byte_offset = found->offset;
  told.text = std::move(found->bytes);
  const RecordRange* range = parts_->find(told.input, told.row);
  if (request_.overlay_only || range == nullptr) return told;
  std::string bytes = told.text;
  if (range->oversize) {
    return no_stage(ErrorClass::data, "lineage.oversize",
                    "record {} of {} is beyond the size limit of records: it has no story",
                    told.row, result.inputs.at(told.input).name);
  }
  auto proof = proof_of(record_spool(told.input), told.row - 1, record_context,
                        salts.of(static_cast<std::uint64_t>(row)), std::move(bytes));
  if (!proof) return std::unexpected(proof.error());
  told.proof = std::move(*proof);
  return told;
}

Staged<void> StageJob::tell_quarantined(const StageResult& result) {
  std::map<std::uint64_t, std::vector<std::size_t>> by_position;
  std::map<SourceRow, std::vector<std::size_t>> by_record;
  for (std::size_t i = 0; i < request_.lineage->rows.size(); ++i) {
    const RowWish& wish = request_.lineage->rows[i];
    if (wish.by == RowWish::By::quarantined) by_position[wish.number].push_back(i);
    if (wish.by == RowWish::By::record) {
      by_record[source_row(wish.input, wish.number)].push_back(i);
    }
  }
  if (result.quarantine_file.empty() || (by_position.empty() && by_record.empty())) return {};
  const LeafSalts salts(request_.salts, quarantine_context);
  std::ifstream in(result.quarantine_file, std::ios::binary);
  std::uint64_t index = 0;
  for (std::string line; std::getline(in, line); ++index) {
    std::vector<std::size_t> wishes;
    if (const auto found = by_position.find(index); found != by_position.end()) {
      wishes = found->second;
    }
    if (const auto place = quarantine_place(line); place && !by_record.empty()) {
      const auto found = by_record.find(source_row(place->first, place->second));
      if (found != by_record.end()) {
        wishes.insert(wishes.end(), found->second.begin(), found->second.end());
      }
    }
    if (wishes.empty()) continue;
    QuarantinedTold told;
    told.index = index;
    const auto parsed = parse_quarantine(line + "\n");
    if (!parsed || parsed->size() != 1) {
      return no_stage(ErrorClass::internal, "lineage", "quarantined record {} is unreadable",
                      index);
    }
    told.record = parsed->front();
    auto proof = proof_of(*spools_->quarantine, index, quarantine_context, salts.of(index), line);
    if (!proof) return std::unexpected(proof.error());
    told.proof = std::move(*proof);
    const bool there =
        parquet_source() || parts_->find(told.record.input, told.record.row) != nullptr;
    if (there) {
      auto record = tell_record(result, source_row(told.record.input, told.record.row));
      if (!record) return std::unexpected(record.error());
      // A row that a sql step made is of no one record: its number counts the query's rows.
      const std::string& read = record->replaced_by ? *record->replaced_by : record->text;
      if (read == told.record.bytes) told.source = std::move(*record);
    }
    for (const std::size_t wish : wishes) request_.lineage->told[wish].quarantined = told;
  }
  return {};
}

// --- members of groups --------------------------------------------------------------------------

Staged<StageJob::Members> StageJob::pairs_of(const std::string& query) {
  auto result = duck_query(database_->main(), query);
  if (!result) return std::unexpected(failure_of(result.error(), "following the rows"));
  Members pairs;
  std::vector<VectorView> views;
  while (const std::uint32_t n = result->next(views)) {
    for (std::uint32_t r = 0; r < n; ++r) {
      pairs[views[0].at<std::int64_t>(r)].push_back(views[1].at<std::int64_t>(r));
    }
  }
  DuckError error;
  if (result->failed(error)) return std::unexpected(failure_of(error, "following the rows"));
  return pairs;
}

// From rows after the steps back to records: through each aggregate, from the last. A sql step ends
// the way: any record may be in any of its rows.
Staged<StageJob::Members> StageJob::members_of(const std::set<SourceRow>& rows, bool& any) {
  Members members;
  for (const SourceRow row : rows) members[row] = {row};
  for (std::size_t i = pipeline_.steps.size(); i-- > 0;) {
    if (std::holds_alternative<step::Sql>(pipeline_.steps[i])) {
      any = true;
      return members;
    }
    const auto* aggregate = std::get_if<step::Aggregate>(&pipeline_.steps[i]);
    if (aggregate == nullptr) continue;
    StageRun& run = begin_whole();
    StepsOptions options = options_for(run, true, false);
    options.levels = true;
    auto steps = build_steps(pipeline_, options, database_->main());
    if (!steps) {
      engine_->end(run);
      return std::unexpected(steps.error());
    }
    std::set<SourceRow> wanted;
    for (const auto& [row, of] : members) wanted.insert(of.begin(), of.end());
    std::string by, match = "true";
    for (const std::string& name : aggregate->by) {
      by += quote_name(name) + ", ";
      match += fmt::format(" AND g.{0} IS NOT DISTINCT FROM b.{0}", quote_name(name));
    }
    auto pairs = pairs_of(fmt::format(
        "WITH b AS MATERIALIZED (SELECT {0}__src FROM {1} WHERE __s = 0), g AS (SELECT {0}"
        "min(__src) AS __group FROM b{2}) SELECT g.__group, b.__src FROM g JOIN b ON {3} WHERE "
        "g.__group IN {4} ORDER BY 1, 2",
        by, steps->levels.at(i).relation,
        by.empty() ? "" : " GROUP BY " + by.substr(0, by.size() - 2), match, list_of(wanted)));
    const auto failure = run.failure;
    engine_->end(run);
    if (failure) return std::unexpected(*failure);
    if (!pairs) return std::unexpected(pairs.error());
    for (auto& [row, of] : members) {
      std::vector<SourceRow> before;
      for (const SourceRow one : of) {
        const auto& more = (*pairs)[one];
        before.insert(before.end(), more.begin(), more.end());
      }
      std::sort(before.begin(), before.end());
      of = std::move(before);
    }
  }
  return members;
}

}  // namespace daybook
