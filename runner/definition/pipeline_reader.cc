#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <filesystem>
#include <fstream>
#include <functional>

#include "runner/definition/expression.h"
#include "runner/definition/identifier.h"
#include "runner/definition/partitions.h"
#include "runner/definition/pipeline_fields.h"
#include "runner/definition/pipeline_steps.h"
#include "runner/definition/project_path.h"
#include "runner/definition/schedule_text.h"
#include "runner/definition/sql_lexer.h"
#include "runner/definition/suggestion.h"

namespace daybook {

namespace {

using LoadFile = std::function<std::expected<std::string, std::string>(const std::string&)>;

// Part of every definition's digest: it changes when the same file comes to mean something else.
constexpr std::string_view component_version = "daybook.definition.1";

const YamlNode& at_key(const YamlNode& node, std::string_view key) {
  const YamlNode* found = node.find(key);
  return found == nullptr ? node : *found;
}

class PipelineReader {
 public:
  PipelineReader(const YamlNode& root, Pipeline& pipeline, Report& report, const LoadFile& load)
      : root_(root), pipeline_(pipeline), report_(report), load_(load) {}

  void read() {
    pipeline_.name = text_or(root_, "pipeline", "");
    pipeline_.version = static_cast<std::uint64_t>(
        std::max<std::int64_t>(1, whole_at(root_, "version").value_or(1)));
    pipeline_.owner = text_or(root_, "owner", "");
    pipeline_.description = text_or(root_, "description", "");
    secrets_stay_in_connections(root_, "");
    source();
    pipeline_.contract = contract("contract");
    partition();
    pipeline_.schema.push_back(pipeline_.contract ? pipeline_.contract->columns
                                                  : std::vector<Column>{});
    // A contract that could not be read is the fault; steps would only repeat it.
    const bool columns_unknown = root_.find("contract") != nullptr && !pipeline_.contract;
    if (const YamlNode* steps = root_.find("steps"); steps != nullptr && !columns_unknown)
      read_steps(*steps, pipeline_, report_);
    pipeline_.output = contract("output");
    if (!columns_unknown) output_columns();
    sink();
    policies();
    digest();
  }

 private:
  void secrets_stay_in_connections(const YamlNode& node, std::string_view key) {
    if (node.is_scalar() && key != "connection" && key != "description" &&
        node.text.find("secret://") != std::string::npos)
      report_.error(code::bad_secret, node.range, "a secret stands in connection alone",
                    "not a connection");
    for (const YamlNode& item : node.items) secrets_stay_in_connections(item, key);
    for (const YamlEntry& entry : node.entries)
      secrets_stay_in_connections(entry.value, entry.key.text);
  }

  std::string connection(const YamlNode& node) {
    const YamlNode& value = at_key(node, "connection");
    const std::string text = text_or(node, "connection", "");
    if (text.starts_with("secret://")) {
      const std::string_view rest = std::string_view(text).substr(9);
      const bool env = rest.starts_with("env/") && is_identifier(rest.substr(4));
      const bool file =
          rest.starts_with("file/") && rest.size() > 5 && rest.find("..") == std::string_view::npos;
      if (!env && !file)
        report_.error(code::bad_secret, value.range, "not a reference to a secret", "",
                      "secret://env/NAME or secret://file/path");
    } else if (const std::string lower = lower_case(text);
               lower.find("password") != std::string::npos ||
               lower.find("passfile") != std::string::npos ||
               (lower.find("://") != std::string::npos && lower.find('@') != std::string::npos &&
                lower.substr(lower.find("://") + 3, lower.find('@') - lower.find("://") - 3)
                        .find(':') != std::string::npos)) {
      // The value is not echoed: the line is left out of the picture.
      report_.error(code::bad_secret, value.range, "a password stands in the file", "",
                    "use secret://env/NAME");
      report_.diagnostics().back().source_line.clear();
    }
    return text;
  }

  void source() {
    const YamlNode* node = object_at(root_, "source");
    if (node == nullptr || node->entries.size() != 1) return;
    const std::string& form = node->entries[0].key.text;
    const YamlNode& body = node->entries[0].value;
    if (!body.is_mapping()) return;
    if (form == "postgres") {
      PostgresSource postgres{.connection = connection(body), .query = text_or(body, "query", "")};
      query(at_key(body, "query"), postgres.query);
      pipeline_.source = std::move(postgres);
      return;
    }
    FileSource file = read_file_source(form, body);
    path_pattern(at_key(body, "path"), file.path);
    if (file.csv.delimiter == file.csv.quote)
      report_.error(code::bad_value, body.range, "delimiter and quote are the same character");
    pipeline_.source = std::move(file);
  }

  void path_pattern(const YamlNode& node, const std::string& path) {
    int open = 0;
    for (char c : path) {
      open += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (open < 0 || open > 1) break;
    }
    if (open != 0)
      return report_.error(code::bad_path, node.range, "the braces of the path do not match");
    // Matching tries every way to share a name between stars.
    if (std::ranges::count(path, '*') > 4)
      report_.error(code::bad_path, node.range, "a path may have four stars");
    for (const std::string& name : placeholders_of(path)) {
      if (!is_identifier(name))
        report_.error(
            code::bad_path, node.range,
            fmt::format("the placeholder \"{}\" {}", excerpt(name), identifier_fault(name)));
    }
  }

  // The text goes to PostgreSQL, whose functions are its owner's business; that it is one query is
  // ours.
  void query(const YamlNode& node, std::string text) {
    if (!node.is_scalar()) return;
    for (const auto& [mark, same_length] : {std::pair{"{from}", "'from'"}, {"{to}", "'to'"}}) {
      for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
        text.replace(at, std::string_view(mark).size(), same_length);
    }
    ExpressionFaults faults;
    std::vector<SqlToken> tokens;
    if (lex_sql(text, tokens, faults)) {
      if (!tokens[0].is_word("select") && !tokens[0].is_word("with"))
        faults.push_back(
            {&code::forbidden_sql, tokens[0].at, "a query starts with SELECT or WITH", "", ""});
      constexpr std::string_view refused[] = {"insert", "update", "delete", "drop",     "create",
                                              "alter",  "copy",   "into",   "truncate", "grant",
                                              "call",   "do",     "merge"};
      for (const SqlToken& token : tokens) {
        if (token.kind == SqlToken::Kind::word &&
            std::ranges::find(refused, token.lower) != std::ranges::end(refused))
          faults.push_back({&code::forbidden_sql, token.at,
                            fmt::format("{} can not stand in a query", token.lower),
                            "not a plain SELECT", ""});
      }
    }
    for (const ExpressionFault& fault : faults)
      report_.error(*fault.code, range_in_file(report_.text(), node, fault.at), fault.message,
                    fault.label, fault.hint);
  }

  std::optional<Contract> contract(std::string_view key) {
    const auto path = text_at(root_, key);
    if (!path || project_path_fault(*path)) return std::nullopt;
    const auto bytes = load_(*path);
    if (!bytes) {
      report_.error(
          code::unreadable, at_key(root_, key).range,
          fmt::format("the contract \"{}\" can not be read: {}", excerpt(*path), bytes.error()));
      return std::nullopt;
    }
    const std::string folder = std::filesystem::path(pipeline_.file).parent_path().string();
    auto read =
        read_contract(folder.empty() ? *path : folder + "/" + *path, *bytes, report_.diagnostics());
    broken_contract_ = broken_contract_ || !read;
    return read;
  }

  void partition() {
    const bool files = std::holds_alternative<FileSource>(pipeline_.source);
    const auto placeholders = files ? placeholders_of(std::get<FileSource>(pipeline_.source).path)
                                    : std::vector<std::string>{};
    const YamlNode* node = object_at(root_, "partition");
    Partitioning& p = pipeline_.partition;
    if (node == nullptr) {
      if (!placeholders.empty())
        report_.error(
            code::bad_partition, at_key(root_, "source").range,
            fmt::format("the path has the placeholder {{{}}}, and there is no partition",
                        excerpt(placeholders[0])),
            "", fmt::format("add partition: {{by: {}, type: string}}", excerpt(placeholders[0])));
      return;
    }
    const std::string type = text_or(*node, "type", "string");
    p.type = type == "date"      ? Partitioning::Type::date
             : type == "integer" ? Partitioning::Type::integer
                                 : Partitioning::Type::string;
    p.expected = texts_at(*node, "expected");
    const YamlNode* range = object_at(*node, "range");
    if ((range == nullptr) == (node->find("by") == nullptr))
      return report_.error(code::bad_partition, node->range, "a partition has either by or range");
    if (range != nullptr) return range_partition(*range, files, p);
    p.name = text_or(*node, "by", "");
    if (std::ranges::find(placeholders, p.name) != placeholders.end()) {
      p.by = Partitioning::By::path;
      if (placeholders.size() > 1)
        report_.error(code::bad_partition, node->range, "the path has more than one placeholder");
      if (node->find("unit") != nullptr)
        report_.error(code::bad_partition, at_key(*node, "unit").range,
                      "unit belongs to a partition by column");
    } else {
      if (!placeholders.empty())
        return report_.error(
            code::bad_partition, at_key(*node, "by").range,
            fmt::format("\"{}\" is not a placeholder of the path", excerpt(p.name)),
            "unknown placeholder", suggest(p.name, placeholders, "placeholders"));
      column_partition(*node, p);
    }
    for (const YamlNode& key : at_key(*node, "expected").items) {
      if (key.is_scalar() && p.by == Partitioning::By::path &&
          !is_partition_value(key.text, p.type))
        report_.error(
            code::partition_value, key.range,
            fmt::format("\"{}\" is not a partition key of type {}", excerpt(key.text), type));
      else if (key.is_scalar() && !is_partition_key(key.text))
        report_.error(code::partition_value, key.range,
                      fmt::format("\"{}\" is not a partition key", excerpt(key.text)));
    }
  }

  void column_partition(const YamlNode& node, Partitioning& p) {
    p.by = Partitioning::By::column;
    const std::string unit = text_or(node, "unit", "value");
    if (unit == "day") {
      p.unit = Partitioning::Unit::day;
    } else if (unit == "month") {
      p.unit = Partitioning::Unit::month;
    } else if (unit.starts_with("hash(") && unit.ends_with(')')) {
      p.unit = Partitioning::Unit::hash;
      const auto buckets = whole_number(std::string_view(unit).substr(5, unit.size() - 6));
      if (!buckets || *buckets < 1 || *buckets > 1024)
        report_.error(code::bad_partition, at_key(node, "unit").range,
                      "hash takes 1 to 1024 buckets");
      p.buckets =
          static_cast<std::uint32_t>(std::clamp<std::int64_t>(buckets.value_or(1), 1, 1024));
    } else if (unit != "value") {
      report_.error(code::bad_partition, at_key(node, "unit").range,
                    fmt::format("unit can not be \"{}\"", excerpt(unit)), "unknown word",
                    "value, day, month or hash(n)");
    }
    if (!pipeline_.contract) {
      if (root_.find("contract") == nullptr)
        report_.error(code::no_contract, at_key(node, "by").range,
                      "a partition by column needs a contract of the source");
      return;
    }
    const Column* column = pipeline_.contract->find(p.name);
    if (column == nullptr) {
      std::vector<std::string> names;
      for (const Column& c : pipeline_.contract->columns) names.push_back(c.name);
      return report_.error(code::unknown_column, at_key(node, "by").range,
                           fmt::format("there is no column \"{}\" in the source", excerpt(p.name)),
                           "unknown column", suggest(p.name, names, "columns"));
    }
    const bool moment = value_type(column->type).family == ValueType::Family::moment;
    if ((p.unit == Partitioning::Unit::day || p.unit == Partitioning::Unit::month) && !moment)
      report_.error(code::bad_partition, at_key(node, "by").range,
                    fmt::format("\"{}\" is not a date, so it has no {}", p.name, unit));
    if (node.find("type") == nullptr)
      p.type = moment ? Partitioning::Type::date
               : column->type.kind >= ColumnType::Kind::int8 &&
                       column->type.kind <= ColumnType::Kind::uint64
                   ? Partitioning::Type::integer
                   : Partitioning::Type::string;
  }

  void range_partition(const YamlNode& range, bool files, Partitioning& p) {
    p.by = Partitioning::By::range;
    p.name = text_or(range, "column", "");
    p.start = text_or(range, "start", "");
    p.end = text_or(range, "end", "");
    p.every = text_or(range, "every", "");
    if (files)
      return report_.error(code::bad_partition, range.range, "ranges belong to a postgres source");
    const std::string& query = std::get<PostgresSource>(pipeline_.source).query;
    if (query.find("{from}") == std::string::npos || query.find("{to}") == std::string::npos)
      report_.error(code::bad_partition, range.range, "the query does not use {from} and {to}", "",
                    fmt::format("where {0} >= {{from}} and {0} < {{to}}", p.name));
    if (p.start.empty() || p.every.empty()) return;
    p.type = p.start.find('-', 1) == std::string::npos ? Partitioning::Type::integer
                                                       : Partitioning::Type::date;
    if (const auto ranges = partition_ranges(p); !ranges)
      report_.error(code::bad_partition, range.range, ranges.error());
  }

  void output_columns() {
    if (!pipeline_.output || report_.failed()) return;
    const std::vector<Column>& have = pipeline_.schema.back();
    if (have.empty()) return;  // no contract of the source: the data plane compares
    std::vector<std::string> missing, extra, names;
    for (const Column& c : have) names.push_back(c.name);
    for (const Column& c : pipeline_.output->columns) {
      if (std::ranges::find(names, c.name) == names.end()) missing.push_back(c.name);
    }
    for (const std::string& name : names) {
      if (pipeline_.output->find(name) == nullptr) extra.push_back(name);
    }
    if (missing.empty() && extra.empty()) return;
    auto list = [](const std::vector<std::string>& columns) {
      std::string out;
      for (const std::string& c : columns) out += (out.empty() ? "" : ", ") + c;
      return out;
    };
    std::string message = "the last step does not give the columns of the output contract";
    if (!missing.empty()) message += fmt::format("; missing: {}", list(missing));
    if (!extra.empty()) message += fmt::format("; not in the contract: {}", list(extra));
    std::string hint = extra.empty() ? "" : "end with a select step";
    if (!missing.empty()) {
      if (const std::string near = nearest(missing[0], names); !near.empty())
        hint = fmt::format("\"{}\" may be meant to be \"{}\": rename it", near, missing[0]);
    }
    report_.error(code::output_mismatch, at_key(root_, "output").range, message, "", hint);
  }

  void sink() {
    const YamlNode* node = object_at(root_, "sink");
    if (node == nullptr) return;
    Sink& sink = pipeline_.sink;
    int targets = 0;
    for (const YamlEntry& entry : node->entries) {
      const std::string& key = entry.key.text;
      if (key != "parquet" && key != "csv" && key != "jsonl" && key != "postgres") continue;
      ++targets;
      if (!entry.value.is_mapping()) continue;
      if (key == "postgres") {
        PostgresSink postgres{.connection = connection(entry.value),
                              .table = text_or(entry.value, "table", "")};
        const std::size_t dot = postgres.table.find('.');
        if (dot == std::string::npos ||
            !is_identifier(std::string_view(postgres.table).substr(0, dot)) ||
            !is_identifier(std::string_view(postgres.table).substr(dot + 1)))
          report_.error(code::bad_identifier, at_key(entry.value, "table").range,
                        fmt::format("\"{}\" is not schema.table", excerpt(postgres.table)),
                        "not a table name",
                        "two names of letters a-z, digits and _ with a dot between");
        sink.to = std::move(postgres);
      } else {
        DirectorySink directory{.format = key == "csv"     ? FileFormat::csv
                                          : key == "jsonl" ? FileFormat::jsonl
                                                           : FileFormat::parquet,
                                .path = text_or(entry.value, "path", "")};
        if (directory.path.find_first_of("{}*") != std::string::npos)
          report_.error(code::bad_path, at_key(entry.value, "path").range,
                        "the path of a sink is one folder");
        if (const auto* from = std::get_if<FileSource>(&pipeline_.source);
            from != nullptr && from->path.starts_with(directory.path + "/"))
          report_.error(code::unsupported, at_key(entry.value, "path").range,
                        "the sink is a folder the source reads from");
        sink.to = std::move(directory);
      }
    }
    if (targets != 1)
      report_.error(targets == 0 ? code::missing_field : code::bad_value, node->range,
                    fmt::format("a sink has one target, and here are {}", targets), "",
                    "targets: parquet, csv, jsonl, postgres");
    const std::string mode = text_or(*node, "mode", "replace");
    sink.mode = mode == "merge"    ? LoadMode::merge
                : mode == "append" ? LoadMode::append
                                   : LoadMode::replace;
    const std::string compensate = text_or(*node, "compensate", "restore_previous");
    sink.compensate = compensate == "remove" ? CompensateBy::remove
                      : compensate == "flag" ? CompensateBy::flag
                                             : CompensateBy::restore_previous;
    if (sink.compensate == CompensateBy::flag && std::holds_alternative<DirectorySink>(sink.to))
      report_.error(code::unsupported, at_key(*node, "compensate").range,
                    "files have no flag on rows", "", "restore_previous or remove");
    merge_key(*node);
  }

  void merge_key(const YamlNode& node) {
    Sink& sink = pipeline_.sink;
    sink.key = texts_at(node, "key");
    if (sink.mode != LoadMode::merge) {
      if (node.find("key") != nullptr)
        report_.error(code::merge_key, at_key(node, "key").range, "key belongs to mode: merge");
      return;
    }
    if (sink.key.empty() && pipeline_.output) sink.key = pipeline_.output->primary_key;
    if (sink.key.empty() && !broken_contract_)
      report_.error(code::merge_key, at_key(node, "mode").range, "a merge needs a key", "",
                    "add key: [id], or primaryKey to a property of the output contract");
    const std::vector<Column>& have =
        pipeline_.output ? pipeline_.output->columns : pipeline_.schema.back();
    if (have.empty()) return;
    std::vector<std::string> names;
    for (const Column& c : have) names.push_back(c.name);
    for (const YamlNode& item : at_key(node, "key").items) {
      if (std::ranges::find(names, item.text) == names.end())
        report_.error(code::merge_key, item.range,
                      fmt::format("there is no column \"{}\" in the result", excerpt(item.text)),
                      "unknown column", suggest(item.text, names, "columns"));
    }
  }

  void policies() {
    if (const YamlNode* retry = object_at(root_, "retry")) {
      RetryPolicy& policy = pipeline_.retry;
      policy.attempts =
          static_cast<std::uint32_t>(whole_at(*retry, "attempts").value_or(policy.attempts));
      policy.timeout = duration_at(*retry, "timeout").value_or(policy.timeout);
      if (const YamlNode* backoff = object_at(*retry, "backoff")) {
        policy.initial = duration_at(*backoff, "initial").value_or(policy.initial);
        policy.factor =
            static_cast<std::uint32_t>(whole_at(*backoff, "factor").value_or(policy.factor));
        policy.max = duration_at(*backoff, "max").value_or(policy.max);
        if (policy.initial > policy.max)
          report_.error(code::bad_value, backoff->range,
                        "the first wait is longer than the longest");
      }
    }
    if (const YamlNode* concurrency = object_at(root_, "concurrency"))
      pipeline_.concurrency =
          static_cast<std::uint32_t>(whole_at(*concurrency, "partitions").value_or(0));
    if (const YamlNode* approvals = object_at(root_, "approvals")) {
      pipeline_.approvals_load =
          static_cast<std::uint32_t>(whole_at(*approvals, "load").value_or(0));
      pipeline_.approvals_compensate =
          static_cast<std::uint32_t>(whole_at(*approvals, "compensate").value_or(0));
    }
    const std::string late = text_or(root_, "late", "reopen");
    pipeline_.late_data = late == "absorb"   ? LateData::absorb
                          : late == "hold"   ? LateData::hold
                          : late == "reject" ? LateData::reject
                                             : LateData::reopen;
    pipeline_.retain = text_or(root_, "retain", "copy") == "reference" ? InputRetention::reference
                                                                       : InputRetention::copy;
    if (const YamlNode* retention = object_at(root_, "retention")) {
      const std::chrono::milliseconds forever{0};
      pipeline_.retention = {.quarantine = duration_at(*retention, "quarantine").value_or(forever),
                             .inputs = duration_at(*retention, "inputs").value_or(forever)};
    }
    if (const YamlNode* quarantine = object_at(root_, "quarantine")) {
      std::string budget = text_or(*quarantine, "budget", "");
      if (budget.ends_with('%')) budget.pop_back();
      pipeline_.quarantine_budget_percent = budget;
    }
    pipeline_.allow_empty = boolean_at(root_, "allow_empty").value_or(false);
    if (const YamlNode* schedule = object_at(root_, "schedule")) {
      pipeline_.schedule = Schedule{.cron = text_or(*schedule, "cron", ""),
                                    .timezone = text_or(*schedule, "timezone", ""),
                                    .avoid = texts_at(*schedule, "avoid"),
                                    .catch_up = text_or(*schedule, "catch_up", "all")};
      schedule_texts(*schedule);
    }
    if (const auto memory = text_at(root_, "memory"))
      pipeline_.memory_limit_bytes = byte_size(*memory).value_or(0);
  }

  void schedule_texts(const YamlNode& schedule) {
    const auto told = [&](const YamlNode& node, const std::optional<ScheduleFault>& fault) {
      if (fault)
        report_.error(code::bad_schedule, range_in_file(report_.text(), node, fault->at),
                      fault->message, "", fault->hint);
    };
    if (const YamlNode& cron = at_key(schedule, "cron"); cron.is_scalar() && !cron.is_null())
      told(cron, cron_fault(cron.text));
    if (const YamlNode& zone = at_key(schedule, "timezone"); zone.is_scalar() && !zone.is_null())
      told(zone, timezone_fault(zone.text));
    for (const YamlNode& window : at_key(schedule, "avoid").items)
      if (window.is_scalar()) told(window, avoid_fault(window.text));
  }

  void digest() {
    std::string text(component_version);
    text += "\npipeline " + hex(sha256(bytes_of(pipeline_.source_text)));
    if (pipeline_.contract) text += "\ncontract " + hex(pipeline_.contract->digest);
    if (pipeline_.output) text += "\noutput " + hex(pipeline_.output->digest);
    pipeline_.digest = sha256(bytes_of(text + "\n"));
  }

  const YamlNode& root_;
  Pipeline& pipeline_;
  Report& report_;
  const LoadFile& load_;
  bool broken_contract_ = false;
};

std::optional<Pipeline> read(const std::string& file, const std::string& bytes,
                             const std::string& project, const LoadFile& load,
                             Diagnostics& diagnostics) {
  const std::size_t before = diagnostics.size();
  const SourceText text(file, bytes);
  const auto root = parse_yaml(text, diagnostics);
  if (!root) return std::nullopt;
  Report report(text, diagnostics);
  Pipeline pipeline;
  pipeline.file = file;
  pipeline.project = project;
  pipeline.source_text = bytes;
  check_object(*root, pipeline_table, report);
  if (root->is_mapping()) PipelineReader(*root, pipeline, report, load).read();
  const bool failed =
      std::any_of(diagnostics.begin() + static_cast<std::ptrdiff_t>(before), diagnostics.end(),
                  [](const Diagnostic& d) { return d.severity == Severity::error; });
  if (failed) return std::nullopt;
  return pipeline;
}

}  // namespace

std::string Sink::name() const {
  if (const auto* postgres = std::get_if<PostgresSink>(&to)) return "postgres:" + postgres->table;
  const auto& directory = std::get<DirectorySink>(to);
  const std::string_view format = directory.format == FileFormat::csv     ? "csv"
                                  : directory.format == FileFormat::jsonl ? "jsonl"
                                                                          : "parquet";
  return fmt::format("{}:{}", format, directory.path);
}

std::optional<Pipeline> read_pipeline(const std::string& file, Diagnostics& diagnostics) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(file, error).lexically_normal();
  if (error || !std::filesystem::is_regular_file(absolute, error)) {
    report_file(diagnostics, code::unreadable, file, "there is no such file");
    return std::nullopt;
  }
  if (std::filesystem::file_size(absolute, error) > YamlLimits::file_bytes) {
    report_file(diagnostics, code::too_large, file,
                fmt::format("a definition may have {} bytes", YamlLimits::file_bytes));
    return std::nullopt;
  }
  std::ifstream in(absolute, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    report_file(diagnostics, code::unreadable, file, "the file can not be read");
    return std::nullopt;
  }
  const std::string project = absolute.parent_path().string();
  return read(
      file, bytes, project,
      [&](const std::string& path) {
        return read_project_file(project, path, YamlLimits::file_bytes);
      },
      diagnostics);
}

std::optional<Pipeline> read_pipeline(const DefinitionFiles& files, const std::string& project,
                                      Diagnostics& diagnostics) {
  const LoadFile load = [&](const std::string& path) -> std::expected<std::string, std::string> {
    const auto found = files.contracts.find(path);
    if (found == files.contracts.end()) return std::unexpected("it was not recorded");
    return found->second;
  };
  return read(files.pipeline_file, files.pipeline_text, project, load, diagnostics);
}

std::string duration_text(std::chrono::milliseconds duration) {
  constexpr std::pair<std::int64_t, const char*> units[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}};
  for (const auto& [factor, unit] : units)
    if (duration.count() % factor == 0) return fmt::format("{}{}", duration.count() / factor, unit);
  return fmt::format("{}ms", duration.count());
}

}  // namespace daybook
