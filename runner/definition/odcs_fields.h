// The keys of ODCS v3.1.0, as the text of the standard names them.
#pragma once

#include "runner/definition/contract.h"
#include "runner/definition/field_table.h"

namespace daybook {

extern const ObjectTable odcs_contract;
extern const ObjectTable odcs_string_options;
extern const ObjectTable odcs_number_options;
extern const ObjectTable odcs_date_options;

// Our reserved customProperties of an element: [{property, value}] by name.
std::map<std::string, std::string> custom_properties(const YamlNode& element, Report& report);

// Reads `quality` of a property (column not null) or of the object into rules and gates.
void read_quality(const YamlNode& element, const Column* column, Contract& contract,
                  std::vector<RowRule>& row_wide, Report& report);

}  // namespace daybook
