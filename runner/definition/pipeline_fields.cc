#include "runner/definition/pipeline_fields.h"

namespace daybook {

namespace {

using enum Form;

constexpr Field dialect_fields[] = {
    {.name = "delimiter",
     .form = character,
     .meaning = "between fields; a comma by default",
     .example = "\";\""},
    {.name = "quote", .form = character, .meaning = "around fields; a double quote by default"},
    {.name = "header",
     .form = boolean,
     .meaning = "the first line names the columns; true by default"},
    {.name = "null",
     .form = text,
     .meaning = "an unquoted field that equals it is null; empty by default"}};
constexpr ObjectTable dialect_table{"dialect", "How a CSV file is written.", dialect_fields};

constexpr Field csv_fields[] = {
    {.name = "path",
     .form = path,
     .required = true,
     .meaning = "relative to the pipeline file; {name} is a placeholder, * any part of a name",
     .example = "feed/{snapshot}/runways.csv"},
    {.name = "dialect",
     .form = object,
     .meaning = "how the file is written",
     .object = &dialect_table}};
constexpr ObjectTable csv_table{"csv", "CSV files.", csv_fields};

constexpr Field file_fields[] = {
    {.name = "path",
     .form = path,
     .required = true,
     .meaning = "relative to the pipeline file; {name} is a placeholder, * any part of a name"}};
constexpr ObjectTable jsonl_table{"jsonl", "Files of one JSON object per line.", file_fields};
constexpr ObjectTable parquet_table{"parquet", "Parquet files.", file_fields};

constexpr Field postgres_source_fields[] = {
    {.name = "connection",
     .form = text,
     .required = true,
     .meaning = "secret://env/NAME, secret://file/path, or a libpq text without password",
     .example = "secret://env/SALES_DB"},
    {.name = "query",
     .form = text,
     .required = true,
     .meaning = "one SELECT; {from} and {to} stand for the range of the partition"}};
constexpr ObjectTable postgres_source_table{"postgres", "A query, captured once per attempt.",
                                            postgres_source_fields};

constexpr Field source_fields[] = {
    {.name = "csv", .form = object, .meaning = "CSV files", .object = &csv_table},
    {.name = "jsonl",
     .form = object,
     .meaning = "files of one JSON object per line",
     .object = &jsonl_table},
    {.name = "parquet", .form = object, .meaning = "Parquet files", .object = &parquet_table},
    {.name = "postgres",
     .form = object,
     .meaning = "a query against PostgreSQL",
     .object = &postgres_source_table}};
constexpr ObjectTable source_table{"source", "Where the records come from; one of these.",
                                   source_fields, true};
constexpr ObjectTable lookup_source_table{"from", "The file that is looked up in; one of these.",
                                          std::span(source_fields).first(3), true};

constexpr Field range_fields[] = {
    {.name = "column",
     .form = name,
     .required = true,
     .meaning = "the column the query ranges over"},
    {.name = "start",
     .form = text,
     .required = true,
     .meaning = "first value",
     .example = "2024-01-01"},
    {.name = "end", .form = text, .meaning = "first value that is not expected any more"},
    {.name = "every",
     .form = text,
     .required = true,
     .meaning = "width: 1 day, 1 month, 1 year, or a whole number",
     .example = "1 month"}};
constexpr ObjectTable range_table{"range", "Ranges of a column of a query.", range_fields};

constexpr Field partition_fields[] = {
    {.name = "by", .form = name, .meaning = "a placeholder of the path, or a column"},
    {.name = "type",
     .form = choice,
     .meaning = "what its values are",
     .choices = "string date integer"},
    {.name = "unit",
     .form = text,
     .meaning = "of a column: value, day, month or hash(n)",
     .example = "month"},
    {.name = "range",
     .form = object,
     .meaning = "ranges of a query's column",
     .object = &range_table},
    {.name = "expected", .form = texts, .meaning = "keys that must come; a missing one is a gap"}};
constexpr ObjectTable partition_table{
    "partition", "What one unit of work is; without it there is one, named all.", partition_fields};

constexpr Field dedupe_fields[] = {
    {.name = "key",
     .form = names,
     .required = true,
     .meaning = "columns that make two rows the same"},
    {.name = "keep", .form = choice, .meaning = "which of them stays", .choices = "first last"},
    {.name = "order_by",
     .form = expression,
     .meaning = "what first and last mean; source order by default"}};
constexpr ObjectTable dedupe_table{
    "dedupe", "Keeps one row per key; the others are counted as merged.", dedupe_fields};

constexpr Field lookup_fields[] = {{.name = "from",
                                    .form = object,
                                    .required = true,
                                    .meaning = "the file",
                                    .object = &lookup_source_table},
                                   {.name = "on",
                                    .form = name_map,
                                    .required = true,
                                    .meaning = "our column: theirs",
                                    .example = "{iso_country: code}"},
                                   {.name = "take",
                                    .form = take,
                                    .required = true,
                                    .meaning = "our new column: theirs",
                                    .example = "{country: name}"},
                                   {.name = "missing",
                                    .form = choice,
                                    .meaning = "when nothing is found",
                                    .choices = "quarantine null fail"}};
constexpr ObjectTable lookup_table{"lookup", "Adds columns found in another file.", lookup_fields};

constexpr Field aggregate_fields[] = {
    {.name = "by",
     .form = names,
     .meaning = "one row per value of these; one row at all without them"},
    {.name = "columns",
     .form = expression_map,
     .required = true,
     .meaning = "new column: aggregate",
     .example = "{total: \"sum(amount)\"}"}};
constexpr ObjectTable aggregate_table{"aggregate", "One row per group.", aggregate_fields};

constexpr Field mask_fields[] = {
    {.name = "columns", .form = names, .required = true, .meaning = "what is masked"},
    {.name = "method", .form = choice, .meaning = "how", .choices = "redact hash partial null"}};
constexpr ObjectTable mask_table{"mask", "Hides values.", mask_fields};

constexpr Field flag_fields[] = {
    {.name = "column", .form = name, .required = true, .meaning = "new boolean column"},
    {.name = "when", .form = expression, .required = true, .meaning = "when it is true"}};
constexpr ObjectTable flag_table{"flag", "Marks rows.", flag_fields};

constexpr Field assert_fields[] = {
    {.name = "name", .form = name, .required = true, .meaning = "of the rule"},
    {.name = "that", .form = expression, .required = true, .meaning = "must be true for every row"},
    {.name = "else",
     .form = choice,
     .meaning = "what happens to a row for which it is not",
     .choices = "quarantine fail warn"}};
constexpr ObjectTable assert_table{"assert", "A rule on rows after the steps before.",
                                   assert_fields};

constexpr Field step_fields[] = {
    {.name = "derive",
     .form = expression_map,
     .meaning = "new or changed columns by expression",
     .example = "{length_m: \"round(length_ft * 0.3048, 1)\"}"},
    {.name = "filter",
     .form = expression,
     .meaning = "rows for which it is true stay",
     .example = "not closed"},
    {.name = "select",
     .form = names,
     .required = true,
     .meaning = "columns that stay, in this order"},
    {.name = "rename", .form = name_map, .meaning = "old name: new name"},
    {.name = "dedupe", .form = object, .meaning = "one row per key", .object = &dedupe_table},
    {.name = "lookup",
     .form = object,
     .meaning = "columns from another file",
     .object = &lookup_table},
    {.name = "aggregate",
     .form = object,
     .meaning = "one row per group",
     .object = &aggregate_table},
    {.name = "mask", .form = object, .meaning = "hides values", .object = &mask_table},
    {.name = "flag", .form = object, .meaning = "marks rows", .object = &flag_table},
    {.name = "assert", .form = object, .meaning = "a rule on rows", .object = &assert_table},
    {.name = "sql",
     .form = text,
     .meaning = "one SELECT over the table input",
     .example = "select id, upper(name) as name from input"}};
constexpr ObjectTable step_table{"a step", "One of these.", step_fields, true};

constexpr Field target_fields[] = {{.name = "path",
                                    .form = path,
                                    .required = true,
                                    .meaning = "a folder, relative to the pipeline file"}};
constexpr ObjectTable target_parquet{"parquet", "A folder of Parquet files.", target_fields};
constexpr ObjectTable target_csv{"csv", "A folder of CSV files.", target_fields};
constexpr ObjectTable target_jsonl{"jsonl", "A folder of JSON lines.", target_fields};
constexpr Field postgres_sink_fields[] = {
    {.name = "connection",
     .form = text,
     .required = true,
     .meaning = "secret://env/NAME, secret://file/path, or a libpq text without password"},
    {.name = "table",
     .form = text,
     .required = true,
     .meaning = "schema.table",
     .example = "sales.runways"}};
constexpr ObjectTable target_postgres{"postgres", "A table of PostgreSQL.", postgres_sink_fields};

constexpr Field sink_fields[] = {
    {.name = "parquet",
     .form = object,
     .meaning = "a folder of Parquet files",
     .object = &target_parquet},
    {.name = "csv", .form = object, .meaning = "a folder of CSV files", .object = &target_csv},
    {.name = "jsonl", .form = object, .meaning = "a folder of JSON lines", .object = &target_jsonl},
    {.name = "postgres",
     .form = object,
     .meaning = "a table of PostgreSQL",
     .object = &target_postgres},
    {.name = "mode",
     .form = choice,
     .meaning = "replace the partition, merge by key, or append",
     .choices = "replace merge append"},
    {.name = "key",
     .form = names,
     .meaning = "merge: columns that identify a row; the output contract's primary key by default"},
    {.name = "compensate",
     .form = choice,
     .meaning = "how a load is undone",
     .choices = "restore_previous remove flag"}};
constexpr ObjectTable sink_table{"sink", "Where the rows go: one target, and how.", sink_fields};

constexpr Field backoff_fields[] = {
    {.name = "initial", .form = duration, .meaning = "before the second attempt; 1s by default"},
    {.name = "factor",
     .form = whole,
     .meaning = "from one wait to the next; 2 by default",
     .least = 1,
     .most = 100},
    {.name = "max", .form = duration, .meaning = "longest wait; 60s by default"}};
constexpr ObjectTable backoff_table{"backoff", "How long to wait.", backoff_fields};
constexpr Field retry_fields[] = {
    {.name = "attempts",
     .form = whole,
     .meaning = "at most; 5 by default",
     .least = 1,
     .most = 100},
    {.name = "backoff", .form = object, .meaning = "how long to wait", .object = &backoff_table},
    {.name = "timeout", .form = duration, .meaning = "of one attempt; 10m by default"}};
constexpr ObjectTable retry_table{"retry", "What happens after a fault that may pass.",
                                  retry_fields};

constexpr Field concurrency_fields[] = {{.name = "partitions",
                                         .form = whole_or_auto,
                                         .meaning = "at a time; auto by default",
                                         .least = 1,
                                         .most = 1024}};
constexpr ObjectTable concurrency_table{"concurrency", "How much at a time.", concurrency_fields};
constexpr Field approvals_fields[] = {
    {.name = "load", .form = whole, .meaning = "approvals before a load; 0 by default", .most = 16},
    {.name = "compensate",
     .form = whole,
     .meaning = "approvals before a compensation; 0 by default",
     .most = 16}};
constexpr ObjectTable approvals_table{"approvals", "How many people must agree.", approvals_fields};
constexpr Field quarantine_fields[] = {
    {.name = "budget",
     .form = percent,
     .meaning =
         "above this share of set-aside records the partition is held; without it, when none "
         "of its records is left (see below)",
     .example = "5%"}};
constexpr ObjectTable quarantine_table{"quarantine", "Records that break a rule.",
                                       quarantine_fields};
constexpr Field retention_fields[] = {
    {.name = "quarantine",
     .form = duration,
     .meaning = "originals and amendments of quarantined records; kept until asked by default",
     .example = "30d"},
    {.name = "inputs",
     .form = duration,
     .meaning = "retained copies of inputs; kept until asked by default",
     .example = "90d"}};
constexpr ObjectTable retention_table{
    "retention", "How long payloads are kept before `daybook erase --expired` proposes them.",
    retention_fields};
constexpr Field schedule_fields[] = {
    {.name = "cron",
     .form = text,
     .required = true,
     .meaning = "five fields",
     .example = "0 6 * * *"},
    {.name = "timezone",
     .form = text,
     .required = true,
     .meaning = "IANA name",
     .example = "Europe/Berlin"},
    {.name = "avoid",
     .form = texts,
     .meaning = "windows without runs",
     .example = "[\"mon-fri 09:00-17:00\"]"},
    {.name = "catch_up", .form = choice, .meaning = "missed times", .choices = "all last none"}};
constexpr ObjectTable schedule_table{
    "schedule", "Kept with the pipeline; runs are started by hand or by cron today.",
    schedule_fields};

constexpr Field pipeline_fields[] = {
    {.name = "pipeline",
     .form = name,
     .required = true,
     .meaning = "its name",
     .example = "runways"},
    {.name = "version",
     .form = whole,
     .meaning = "a number for people; what runs is the digest",
     .least = 1},
    {.name = "owner", .form = text, .meaning = "who answers for it"},
    {.name = "description", .form = text, .meaning = "what it is for"},
    {.name = "source",
     .form = object,
     .required = true,
     .meaning = "where the records come from",
     .object = &source_table},
    {.name = "contract",
     .form = path,
     .meaning = "ODCS contract of the source",
     .example = "contracts/runways_raw.odcs.yaml"},
    {.name = "partition",
     .form = object,
     .meaning = "what one unit of work is",
     .object = &partition_table},
    {.name = "steps",
     .form = objects,
     .meaning = "what happens to the records, in order",
     .object = &step_table},
    {.name = "output",
     .form = path,
     .meaning = "ODCS contract of the result; its gates are checked before anything is loaded"},
    {.name = "sink",
     .form = object,
     .required = true,
     .meaning = "where the rows go",
     .object = &sink_table},
    {.name = "retry",
     .form = object,
     .meaning = "what happens after a fault that may pass",
     .object = &retry_table},
    {.name = "concurrency",
     .form = object,
     .meaning = "how much at a time",
     .object = &concurrency_table},
    {.name = "approvals",
     .form = object,
     .meaning = "how many people must agree",
     .object = &approvals_table},
    {.name = "late",
     .form = choice,
     .meaning = "changed input of a partition that is done",
     .choices = "reopen absorb hold reject"},
    {.name = "retain",
     .form = choice,
     .meaning = "what is kept of the input",
     .choices = "copy reference"},
    {.name = "retention",
     .form = object,
     .meaning = "how long payloads are kept before their erasure is proposed",
     .object = &retention_table},
    {.name = "quarantine",
     .form = object,
     .meaning = "records that break a rule",
     .object = &quarantine_table},
    {.name = "allow_empty",
     .form = boolean,
     .meaning = "a source without records is no fault; false by default"},
    {.name = "schedule",
     .form = object,
     .meaning = "when it should run",
     .object = &schedule_table},
    {.name = "memory", .form = size, .meaning = "limit for the transforms", .example = "2GB"}};

}  // namespace

constinit const ObjectTable pipeline_table{"a pipeline", "A pipeline file.", pipeline_fields};

}  // namespace daybook
