// Every code a fault in a definition can carry. A code never changes its meaning; new ones are
// added.
#pragma once

#include <span>
#include <string_view>

namespace daybook {

struct DiagnosticCode {
  std::string_view id;
  std::string_view meaning;
};

namespace code {
// The text of the file
inline constexpr DiagnosticCode unreadable{"DB-2001", "a file is missing or can not be read"};
inline constexpr DiagnosticCode too_large{"DB-2002",
                                          "a file, a value or a list is beyond its limit"};
inline constexpr DiagnosticCode bad_text{"DB-2003", "the file is not plain UTF-8 text"};
inline constexpr DiagnosticCode bad_yaml{"DB-2004", "the file is not well-formed YAML"};
inline constexpr DiagnosticCode refused_yaml{
    "DB-2005",
    "the file uses a part of YAML that definitions do not have (anchor, alias, tag, merge "
    "key, directive, several documents)"};
inline constexpr DiagnosticCode duplicate_key{"DB-2006", "a key or a name stands twice"};
// Fields
inline constexpr DiagnosticCode unknown_field{"DB-2010", "a key is not part of the format"};
inline constexpr DiagnosticCode missing_field{"DB-2011", "a required key is missing"};
inline constexpr DiagnosticCode bad_value{"DB-2012", "a value has the wrong form"};
inline constexpr DiagnosticCode bad_identifier{"DB-2013", "a name is not a valid identifier"};
inline constexpr DiagnosticCode bad_path{"DB-2014",
                                         "a path leaves the project or is not canonical"};
inline constexpr DiagnosticCode bad_secret{"DB-2015",
                                           "a secret or a password stands where none may"};
// Expressions
inline constexpr DiagnosticCode bad_expression{"DB-2020", "an expression can not be parsed"};
inline constexpr DiagnosticCode unknown_column{"DB-2021", "a column does not exist at this place"};
inline constexpr DiagnosticCode unknown_function{"DB-2022", "a function is not in the list"};
inline constexpr DiagnosticCode volatile_function{
    "DB-2023", "a function would give another result when run again"};
inline constexpr DiagnosticCode forbidden_function{"DB-2024",
                                                   "a function reaches files, settings or secrets"};
inline constexpr DiagnosticCode bad_argument{"DB-2025", "a function's arguments do not fit"};
inline constexpr DiagnosticCode misplaced_aggregate{
    "DB-2026", "an aggregate stands where single rows are computed, or the other way round"};
inline constexpr DiagnosticCode bad_pattern{"DB-2027", "a regular expression is not RE2 syntax"};
inline constexpr DiagnosticCode bad_type{"DB-2028", "a value has the wrong type"};
inline constexpr DiagnosticCode forbidden_sql{"DB-2029",
                                              "a sql step is more than one plain SELECT"};
// Contracts
inline constexpr DiagnosticCode contract_version{"DB-2030", "not an ODCS v3.1.0 data contract"};
inline constexpr DiagnosticCode contract_type{"DB-2031", "a column type the engine does not have"};
inline constexpr DiagnosticCode contract_rule{"DB-2032", "a quality rule the engine can not read"};
inline constexpr DiagnosticCode contract_unused{"DB-2033",
                                                "legal in the standard, and without effect here"};
inline constexpr DiagnosticCode contract_ambiguous{
    "DB-2034", "legal in the text of the standard, and read in one of two ways"};
// Pipelines
inline constexpr DiagnosticCode output_mismatch{
    "DB-2040", "the last step does not give the columns of the output contract"};
inline constexpr DiagnosticCode merge_key{"DB-2041", "a merge has no usable key"};
inline constexpr DiagnosticCode bad_partition{"DB-2042",
                                              "the partitioning does not fit the source"};
inline constexpr DiagnosticCode unsupported{"DB-2043", "a combination that is not supported"};
inline constexpr DiagnosticCode no_contract{"DB-2044", "columns are not known without a contract"};
// Partitions
inline constexpr DiagnosticCode partition_value{"DB-2050",
                                                "a folder or file name is no partition key"};
inline constexpr DiagnosticCode too_many_partitions{"DB-2051", "more partitions than the limit"};
inline constexpr DiagnosticCode missing_lookup{"DB-2052",
                                               "a lookup file is missing for a partition"};
inline constexpr DiagnosticCode no_input{"DB-2053", "no file matches the source"};
// What the engine says before it runs
inline constexpr DiagnosticCode engine_refuses{"DB-2090", "the engine can not compute a step"};
inline constexpr DiagnosticCode unordered_query{
    "DB-2091", "a query has no order: the same rows may come in another one and look changed"};
}  // namespace code

// All of them by number, for the reference page.
std::span<const DiagnosticCode> diagnostic_codes();

}  // namespace daybook
