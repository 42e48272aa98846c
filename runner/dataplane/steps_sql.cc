#include "runner/dataplane/steps_sql.h"

#include <algorithm>
#include <set>

#include "runner/dataplane/rules.h"
#include "runner/dataplane/source_parts.h"

namespace daybook {
namespace {

class StepsBuilder {
 public:
  StepsBuilder(const Pipeline& pipeline, const StepsOptions& options, duckdb_connection connection)
      : pipeline_(pipeline), options_(options), connection_(connection) {
    query_.statuses.push_back({});
    query_.taps.emplace_back();
    for (const Column& column : options.columns) names_.push_back(column.name);
    from_ = fmt::format("(SELECT {}, __src, CAST(0 AS INTEGER) AS __s FROM {})", data_columns(),
                        options.source);
  }

  Staged<StepsQuery> build() {
    if (pipeline_.contract) expression_rules(*pipeline_.contract, false);
    check_names();
    add_level("");
    for (std::size_t i = 0; i < pipeline_.steps.size() && !failure_; ++i) {
      step_ = fmt::format("step {} {}", i + 1, step_name(pipeline_.steps[i]));
      index_ = i;
      std::visit([this](const auto& step) { add(step); }, pipeline_.steps[i]);
      check_names();
      add_level(step_);
    }
    if (!failure_) output();
    if (failure_) return std::unexpected(*failure_);
    return std::move(query_);
  }

 private:
  void add_level(std::string step) {
    if (!options_.levels) return;
    query_.levels.push_back({std::move(step), from_, names_, std::move(found_)});
    found_.clear();
  }
  std::string data_columns() const {
    std::string text;
    for (const std::string& name : names_) text += (text.empty() ? "" : ", ") + quote_name(name);
    return text;
  }
  std::string extras(std::string_view separator = ", ") const {
    std::string text;
    for (std::size_t i = 0; i < query_.taps.back().extras.size(); ++i) {
      text += fmt::format("{}__x{}", separator, i);
    }
    return text;
  }
  // Rows for which the condition holds; it stays where it is, because its value is volatile. Others
  // the optimiser moves down through the steps, and puts what the steps compute in the place of
  // columns: of steps that use a column twice, or let rows leave, it makes a condition that doubles
  // with each.
  std::string from_where(const std::string& condition) const {
    return fmt::format("(SELECT *, daybook_in({}) AS __in FROM {}) WHERE __in", condition, from_);
  }
  std::string hidden() const { return "__src, __s" + extras(); }

  std::int32_t status(RowOutcome outcome, std::string rule, std::string column = {},
                      std::string message = {}) {
    query_.statuses.push_back({outcome, std::move(rule), std::move(column), std::move(message)});
    return static_cast<std::int32_t>(query_.statuses.size() - 1);
  }

  // DuckDB's names know no upper and lower case, and two underscores begin ours.
  void check_names() {
    std::set<std::string> seen;
    for (const std::string& name : names_) {
      std::string lower = name;
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      if (!lower.empty() && !lower.starts_with("__") && seen.insert(lower).second) continue;
      if (failure_) return;
      failure_ = stage_failure(
          ErrorClass::definition, "columns.names",
          fmt::format("{}: the column name \"{}\" {}", step_.empty() ? "the source" : step_,
                      printable(name),
                      lower.empty()             ? "is empty"
                      : lower.starts_with("__") ? "begins with two underscores"
                                                : "stands twice, upper and lower case being one"));
    }
  }

  void leave_where(const std::string& condition, std::int32_t code) {
    from_ = fmt::format(
        "(SELECT {}, __src, CASE WHEN __s <> 0 THEN __s WHEN {} THEN {} ELSE 0 END AS __s{} FROM "
        "{})",
        data_columns(), condition, code, extras(), from_);
  }

  struct NewValue {
    std::string column, sql;
  };
  // The values of one step's expressions, to be used one level up; all see the columns as they are
  // now. Careful: rows on which one of them fails leave.
  std::vector<std::string> values_of(const std::vector<NewValue>& wanted) {
    std::vector<std::string> values;
    std::vector<std::int32_t> codes;
    for (const NewValue& value : wanted) {
      codes.push_back(status(RowOutcome::quarantined, step_, value.column,
                             "an expression can not be computed for this record"));
      values.push_back("(" + value.sql + ")");
    }
    if (!options_.careful || wanted.empty()) return values;
    std::string tried, failed, taken;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      tried +=
          fmt::format(", CASE WHEN __s = 0 THEN TRY({{'v': {}}}) END AS __t{}", wanted[i].sql, i);
      failed += fmt::format(" WHEN __t{} IS NULL THEN {}", i, codes[i]);
      taken += fmt::format(", __t{0}.v AS __v{0}", i);
      values[i] = fmt::format("__v{}", i);
    }
    from_ = fmt::format("(SELECT {}, {}{} FROM {})", data_columns(), hidden(), tried, from_);
    from_ = fmt::format(
        "(SELECT {}, __src, CASE WHEN __s <> 0 THEN __s{} ELSE 0 END AS __s{}{} FROM {})",
        data_columns(), failed, extras(), taken, from_);
    return values;
  }
  std::string value_of(const std::string& sql, const std::string& column) {
    return values_of({{column, sql}})[0];
  }
  std::string truth_of(const std::string& sql) {
    return value_of(fmt::format("CAST(({}) AS BOOLEAN)", sql), "");
  }

  // Replaces columns where they stand and adds the others at the end, all at once.
  void set_columns(const std::vector<NewValue>& set) {
    std::string list;
    const auto item = [&](const std::string& value, const std::string& name) {
      list += fmt::format("{}{}{}{}", list.empty() ? "" : ", ", value, value.empty() ? "" : " AS ",
                          quote_name(name));
    };
    const auto value_for = [&](const std::string& name) {
      const auto found =
          std::find_if(set.begin(), set.end(), [&](const NewValue& v) { return v.column == name; });
      return found == set.end() ? std::string() : found->sql;
    };
    for (const std::string& existing : names_) item(value_for(existing), existing);
    const std::size_t before = names_.size();
    for (const NewValue& value : set) {
      const auto end = names_.begin() + static_cast<std::ptrdiff_t>(before);
      if (std::find(names_.begin(), end, value.column) != end) continue;
      item(value.sql, value.column);
      names_.push_back(value.column);
    }
    from_ = fmt::format("(SELECT {}, {} FROM {})", list, hidden(), from_);
  }

  // Rows with a computed value that no column may hold leave, and the value with them: what comes
  // after would make more of it.
  void leave_unfit(const std::vector<std::string>& computed) {
    std::string list, why;
    for (const std::string& name : names_) {
      const std::string quoted = quote_name(name);
      list += list.empty() ? "" : ", ";
      if (std::find(computed.begin(), computed.end(), name) == computed.end() ||
          !may_be_unfit(name)) {
        list += quoted;
        continue;
      }
      list += fmt::format("CASE WHEN daybook_unfit({0}) = 0 THEN {0} END AS {0}", quoted);
      why += fmt::format(
          " WHEN daybook_unfit({0}) = 1 THEN {1} WHEN daybook_unfit({0}) = 2 THEN {2}", quoted,
          status(RowOutcome::quarantined, step_, name,
                 "is no finite number: a division by zero, or too large"),
          status(RowOutcome::quarantined, step_, name,
                 fmt::format("is a text longer than {} MiB",
                             dataplane_limits::field_bytes_max >> 20)));
    }
    if (why.empty()) return;
    from_ =
        fmt::format("(SELECT {}, __src, CASE WHEN __s <> 0 THEN __s{} ELSE 0 END AS __s{} FROM {})",
                    list, why, extras(), from_);
  }
  // Whole numbers, decimals, dates and truth values are what they are.
  bool may_be_unfit(const std::string& name) const {
    if (pipeline_.schema.size() <= index_ + 1) return true;
    for (const Column& column : pipeline_.schema[index_ + 1]) {
      if (column.name == name)
        return column.type.kind == ColumnType::Kind::string ||
               column.type.kind == ColumnType::Kind::float64;
    }
    return true;
  }

  void add_extra(const std::string& condition, RowExtra extra) {
    const std::string before = extras();
    const std::size_t number = query_.taps.back().extras.size();
    from_ = fmt::format("(SELECT {}, __src, __s{}, (__s = 0 AND {}) AS __x{} FROM {})",
                        data_columns(), before, condition, number, from_);
    query_.taps.back().extras.push_back(std::move(extra));
  }

  void expression_rules(const Contract& contract, bool of_output) {
    std::string any;
    for (const RowRule& rule : contract.row_rules) {
      if (rule.kind != RowRule::Kind::expression) continue;
      step_ = rule.id;
      std::string broken = fmt::format("coalesce(NOT {}, false)", truth_of(rule.text));
      if (options_.has_waived && waivable(rule.on_violation)) {
        broken += " AND NOT daybook_waived(__src)";
      }
      if (rule.on_violation != OnViolation::warn) {
        any += fmt::format("{}__x{}", any.empty() ? "" : " OR ", query_.taps.back().extras.size());
      }
      add_extra(broken, {rule.id, rule.column, "is not true: " + rule.text, rule.on_violation});
    }
    if (any.empty()) return;
    const auto code = status(RowOutcome::quarantined, "expression");
    query_.statuses.back().expression_rules = true;
    query_.statuses.back().of_output = of_output;
    leave_where("(" + any + ")", code);
  }

  void add(const step::Derive& derive) {
    std::vector<NewValue> set;
    for (const auto& [name, expression] : derive.columns) set.push_back({name, expression.sql});
    const std::vector<std::string> values = values_of(set);
    std::vector<std::string> computed;
    for (std::size_t i = 0; i < set.size(); ++i) {
      set[i].sql = values[i];
      computed.push_back(set[i].column);
    }
    set_columns(set);
    leave_unfit(computed);
  }
  void add(const step::Filter& filter) {
    const std::string keep = truth_of(filter.keep.sql);
    leave_where(fmt::format("NOT coalesce({}, false)", keep), status(RowOutcome::filtered, step_));
  }
  void add(const step::Select& select) {
    names_ = select.columns;
    from_ = fmt::format("(SELECT {}, {} FROM {})", data_columns(), hidden(), from_);
  }
  void add(const step::Rename& rename) {
    std::string list;
    for (std::string& name : names_) {
      const auto found = std::find_if(rename.from_to.begin(), rename.from_to.end(),
                                      [&](const auto& pair) { return pair.first == name; });
      list += (list.empty() ? "" : ", ") + quote_name(name);
      if (found == rename.from_to.end()) continue;
      list += " AS " + quote_name(found->second);
      name = found->second;
    }
    from_ = fmt::format("(SELECT {}, {} FROM {})", list, hidden(), from_);
  }
  void add(const step::Dedupe& dedupe) {
    const bool last = dedupe.keep == step::Dedupe::Keep::last;
    std::string order = fmt::format("__src {}", last ? "DESC" : "ASC");
    if (dedupe.order_by) {
      order = fmt::format("{} {} NULLS LAST, {}", value_of(dedupe.order_by->sql, ""),
                          last ? "DESC" : "ASC", order);
    }
    const auto code = status(RowOutcome::merged, step_);
    leave_where(key_pass(dedupe.key, order, "", code), code);
  }

  // Adds a pass over the keys; gives the condition that holds for the rows it will have found.
  std::string key_pass(const std::vector<std::string>& key, const std::string& order,
                       const std::string& condition, std::int32_t code) {
    std::string keys;
    for (const std::string& name : key) keys += (keys.empty() ? "" : ", ") + quote_name(name);
    const std::size_t number = query_.passes.size();
    query_.passes.push_back(
        {fmt::format("SELECT __src FROM (SELECT __src, row_number() OVER (PARTITION BY {} ORDER BY "
                     "{}) AS __n FROM {}) WHERE __n > 1 ORDER BY __src",
                     keys, order, from_where("__s = 0" + condition)),
         code});
    return fmt::format("daybook_loser({}, __src)", number);
  }
  static RowOutcome outcome_of(OnViolation action) {
    return action == OnViolation::drop_with_record ? RowOutcome::dropped
           : action == OnViolation::fail_run       ? RowOutcome::fails_run
                                                   : RowOutcome::quarantined;
  }

  void add(const step::Lookup& lookup) {
    std::string ours_list, keys;
    for (const auto& [ours, theirs] : lookup.on) {
      ours_list += (ours_list.empty() ? "" : ", ") + quote_name(ours);
    }
    auto described = duck_describe(connection_, fmt::format("SELECT {} FROM {}", ours_list, from_));
    if (!described) {
      failure_ = failure_of(described.error(), step_);
      return;
    }
    LookupKeys types;
    for (const DescribedColumn& have : *described) {
      const std::string name = quote_name(have.column.name);
      keys += have.cast ? fmt::format(", TRY_CAST({} AS {})", name, sql_name(have.column.type))
                        : ", " + name;
      types.push_back(have.column);
    }
    query_.lookups.push_back(std::move(types));
    from_ = fmt::format("(SELECT {}, {}, daybook_find({}{}) AS __f FROM {})", data_columns(),
                        hidden(), lookups_, keys, from_);
    std::string list = data_columns();
    for (std::size_t i = 0; i < lookup.take.size(); ++i) {
      const std::string& name = lookup.take[i].second;
      std::string value = fmt::format("daybook_take({}, {}, __f)", lookups_, i);
      if (pipeline_.schema.size() > index_ + 1) {
        for (const Column& column : pipeline_.schema[index_ + 1]) {
          if (column.name == name && column.type.kind != ColumnType::Kind::string) {
            value = fmt::format("TRY_CAST({} AS {})", value, sql_name(column.type));
          }
        }
      }
      list += fmt::format(", {} AS {}", value, quote_name(name));
    }
    from_ = fmt::format("(SELECT {}, {}, __f FROM {})", list, hidden(), from_);
    for (const auto& [theirs, name] : lookup.take) names_.push_back(name);
    if (options_.levels) found_ = fmt::format("(SELECT __src, __f FROM {})", from_);
    ++lookups_;
    if (lookup.missing != step::Lookup::Missing::null) {
      leave_where("__f IS NULL",
                  status(lookup.missing == step::Lookup::Missing::fail ? RowOutcome::fails_run
                                                                       : RowOutcome::quarantined,
                         step_, lookup.on.empty() ? "" : lookup.on[0].first,
                         "is not in " + lookup.from.path));
    }
    std::vector<std::string> taken;
    for (const auto& [theirs, name] : lookup.take) taken.push_back(name);
    leave_unfit(taken);
  }

  void add(const step::Mask& mask) {
    std::vector<NewValue> set;
    for (const std::string& name : mask.columns) {
      const std::string column = quote_name(name);
      const std::string text = fmt::format("CAST({} AS VARCHAR)", column);
      std::string value;
      switch (mask.method) {
        case step::Mask::Method::redact:
          value = fmt::format("CASE WHEN {} IS NULL THEN NULL ELSE '***' END", column);
          break;
        case step::Mask::Method::hash: value = fmt::format("sha256({})", text); break;
        case step::Mask::Method::partial:
          value = fmt::format(
              "CASE WHEN length({0}) > 4 THEN repeat('*', length({0}) - 4) || right({0}, 4) ELSE "
              "repeat('*', length({0})) END",
              text);
          break;
        case step::Mask::Method::null:
          value = fmt::format("CASE WHEN false THEN {} END", column);
          break;
      }
      set.push_back({name, value});
    }
    set_columns(set);
  }
  void add(const step::Flag& flag) {
    const std::string when = truth_of(flag.when.sql);
    set_columns({{flag.column, fmt::format("coalesce({}, false)", when)}});
  }
  void add(const step::Assert& check) {
    const std::string that = truth_of(check.that.sql);
    const std::string broken = fmt::format("NOT coalesce({}, false)", that);
    const std::string message = "is not true: " + check.that.sql;
    if (check.otherwise == step::Assert::Else::warn) {
      // value_of's column does not outlive the next level; the extra is made at once.
      add_extra(broken, {check.name, "", message, OnViolation::warn});
      return;
    }
    leave_where(broken,
                status(check.otherwise == step::Assert::Else::fail ? RowOutcome::fails_run
                                                                   : RowOutcome::quarantined,
                       check.name, "", message));
  }

  std::string tap(bool with_columns) const {
    return fmt::format("daybook_tap(CAST({} AS BIGINT), CAST({} AS BIGINT), __src, __s{}{}{})",
                       options_.run, query_.taps.size() - 1, extras(),
                       with_columns && !names_.empty() ? ", " : "",
                       with_columns ? data_columns() : "");
  }
  // Rows that are still in, counted.
  std::string counted() {
    if (!options_.taps)
      return fmt::format("(SELECT {}, __src FROM {})", data_columns(), from_where("__s = 0"));
    return fmt::format(
        "(SELECT {0}, __src FROM (SELECT {0}, __src, {1} AS __keep FROM {2}) WHERE "
        "__keep)",
        data_columns(), tap(false), from_);
  }
  void add(const step::Aggregate& aggregate) {
    query_.streams = false;
    const std::string rows = counted();
    query_.taps.emplace_back();
    names_ = aggregate.by;
    std::string by = data_columns(), list = by;
    for (const auto& [name, expression] : aggregate.columns) {
      list +=
          fmt::format("{}({}) AS {}", list.empty() ? "" : ", ", expression.sql, quote_name(name));
      names_.push_back(name);
    }
    if (by.empty()) {
      from_ = fmt::format(
          "(SELECT * FROM (SELECT {}, coalesce(min(__src), 0) AS __src, CAST(0 AS INTEGER) AS __s, "
          "count(*) AS __n FROM {}) WHERE __n > 0)",
          list, rows);
      from_ = fmt::format("(SELECT {}, __src, __s FROM {})", data_columns(), from_);
    } else {
      from_ = fmt::format(
          "(SELECT {}, min(__src) AS __src, CAST(0 AS INTEGER) AS __s FROM {} GROUP BY {} ORDER BY "
          "{})",
          list, rows, by, by);
    }
    leave_unfit(names_);
  }
  void add(const step::Sql& sql) {
    query_.streams = false;
    // A query need not look at all of its rows, and may look at them twice: they are counted on the
    // way into a table of their own, which it reads.
    std::string rows =
        fmt::format("(SELECT {}, __src FROM {})", data_columns(), from_where("__s = 0"));
    if (options_.taps) {
      const std::string table = fmt::format("__input_{}", query_.tables.size());
      if (auto made =
              duck_run(connection_, fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT * "
                                                "FROM {} LIMIT 0",
                                                table, rows));
          !made) {
        failure_ = failure_of(made.error(), step_);
        return;
      }
      query_.tables.push_back(fmt::format("INSERT INTO {} SELECT * FROM {}", table, counted()));
      rows = table;
    }
    query_.taps.emplace_back();
    const std::string body = fmt::format("WITH input AS (SELECT {} FROM {}) SELECT * FROM ({})",
                                         data_columns(), rows, sql.query);
    auto described = duck_describe(connection_, body);
    if (!described) {
      failure_ = failure_of(described.error(), step_);
      return;
    }
    names_.clear();
    for (const DescribedColumn& column : *described) names_.push_back(column.column.name);
    // One order for any plan: the query's own where it has one, else by all columns.
    const bool ordered = is_ordered(sql.query);
    from_ = fmt::format(
        "(SELECT {}, (CAST(1 AS BIGINT) << 62) + row_number() OVER () AS __src, CAST(0 AS INTEGER) "
        "AS __s FROM ({}{}))",
        data_columns(), body, ordered ? "" : " ORDER BY ALL");
    leave_unfit(names_);
  }

  void output() {
    query_.taps.back().last = true;
    step_ = "output";
    auto described =
        duck_describe(connection_, fmt::format("SELECT {} FROM {}", data_columns(), from_));
    if (!described) {
      failure_ = failure_of(described.error(), "the steps");
      return;
    }
    std::vector<Column> columns;
    std::string list, lost;
    if (pipeline_.output) {
      columns = pipeline_.output->columns;
      for (const Column& column : columns) {
        const auto have =
            std::find_if(described->begin(), described->end(),
                         [&](const DescribedColumn& d) { return d.column.name == column.name; });
        if (have == described->end()) {
          failure_ = stage_failure(
              ErrorClass::definition, "output.columns",
              fmt::format("the steps give no column \"{}\", which the output contract has",
                          column.name));
          return;
        }
        append_cast(list, column, have->cast || !(have->column.type == column.type));
      }
    } else {
      for (const DescribedColumn& have : *described) {
        columns.push_back(have.column);
        append_cast(list, have.column, have.cast);
      }
    }
    // Casting is two levels: the value, then whether it was lost.
    std::vector<std::string> old = names_;
    std::string values, check = "CASE WHEN __s <> 0 THEN __s";
    std::string names;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", quote_name(columns[i].name));
    }
    for (const std::string& name : cast_columns_) {
      const auto column = std::find_if(columns.begin(), columns.end(),
                                       [&](const Column& c) { return c.name == name; });
      const auto code =
          status(RowOutcome::quarantined, name + ".type", name,
                 fmt::format("does not fit the output type {}", sql_name(column->type)));
      query_.statuses.back().of_output = true;
      values += fmt::format(", {} IS NULL AS {}", quote_name(name), quote_name("__n" + name));
      check += fmt::format(" WHEN {} IS NULL AND NOT {} THEN {}", quote_name(name),
                           quote_name("__n" + name), code);
    }
    from_ = fmt::format("(SELECT {}, {}{} FROM {})", list, hidden(), values, from_);
    names_.clear();
    for (const Column& column : columns) names_.push_back(column.name);
    if (!cast_columns_.empty()) {
      from_ = fmt::format("(SELECT {}, __src, {} ELSE 0 END AS __s{} FROM {})", names, check,
                          extras(), from_);
    }
    std::string fits;
    if (pipeline_.output) {
      expression_rules(*pipeline_.output, true);
      // A row that breaks another rule leaves anyway: it takes no key from one that stays.
      fits = fmt::format(" AND daybook_fits(__src, {})", data_columns());
      for (const RowRule& rule : pipeline_.output->row_rules) {
        if (rule.kind != RowRule::Kind::unique) continue;
        const std::vector<std::string> key =
            rule.values.empty() ? std::vector<std::string>{rule.column} : rule.values;
        std::string present = fits;
        for (const std::string& name : key) present += " AND " + quote_name(name) + " IS NOT NULL";
        const std::string message = "repeats the key of an earlier record";
        if (rule.on_violation == OnViolation::warn) {
          add_extra(key_pass(key, "__src", present, 0), {rule.id, rule.column, message});
          continue;
        }
        const auto code = status(outcome_of(rule.on_violation), rule.id, rule.column, message);
        query_.statuses.back().of_output = true;
        std::string repeats = key_pass(key, "__src", present, code);
        if (options_.has_waived && waivable(rule.on_violation)) {
          repeats += " AND NOT daybook_waived(__src)";
        }
        leave_where(repeats, code);
      }
    }
    if (pipeline_.sink.mode == LoadMode::merge && !pipeline_.sink.key.empty()) {
      const auto code = status(RowOutcome::merged, "merge key");
      leave_where(key_pass(pipeline_.sink.key, "__src DESC", fits, code), code);
    }
    query_.columns = columns;
    add_level("output");
    if (!options_.taps) {
      query_.sql = fmt::format("SELECT {}, __src FROM {}", data_columns(), from_where("__s = 0"));
      return;
    }
    query_.sql = fmt::format("SELECT {0} FROM (SELECT {0}, {1} AS __keep FROM {2}) WHERE __keep",
                             data_columns(), tap(true), from_);
  }
  void append_cast(std::string& list, const Column& column, bool cast) {
    const std::string name = quote_name(column.name);
    list += list.empty() ? "" : ", ";
    if (!cast) {
      list += name;
      return;
    }
    list += fmt::format("TRY_CAST({0} AS {1}) AS {0}", name, sql_name(column.type));
    cast_columns_.push_back(column.name);
  }

  const Pipeline& pipeline_;
  const StepsOptions& options_;
  duckdb_connection connection_;
  StepsQuery query_;
  std::string from_, step_, found_;
  std::vector<std::string> names_, cast_columns_;
  std::size_t index_ = 0;
  int lookups_ = 0;
  std::optional<StageFailure> failure_;
};

}  // namespace

Staged<StepsQuery> build_steps(const Pipeline& pipeline, const StepsOptions& options,
                               duckdb_connection connection) {
  return StepsBuilder(pipeline, options, connection).build();
}

}  // namespace daybook
