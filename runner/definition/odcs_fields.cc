#include "runner/definition/odcs_fields.h"

namespace daybook {

namespace {

using enum Form;

constexpr Field custom_property[] = {{.name = "id"},
                                     {.name = "property", .required = true},
                                     {.name = "value", .form = any},
                                     {.name = "description", .form = any}};
constexpr ObjectTable custom_table{"a custom property", "", custom_property};

constexpr Field quality_fields[] = {
    {.name = "id"},
    {.name = "name"},
    {.name = "type", .form = choice, .choices = "library text sql custom"},
    {.name = "metric",
     .form = choice,
     .choices = "nullValues missingValues invalidValues duplicateValues rowCount"},
    {.name = "rule"},
    {.name = "description", .form = any},
    {.name = "dimension"},
    {.name = "businessImpact"},
    {.name = "severity"},
    {.name = "method"},
    {.name = "scheduler"},
    {.name = "schedule"},
    {.name = "unit", .form = choice, .choices = "rows percent"},
    {.name = "arguments", .form = any},
    {.name = "validValues", .form = any},
    {.name = "query", .form = text},
    {.name = "engine"},
    {.name = "implementation", .form = any},
    {.name = "mustBe", .form = any},
    {.name = "mustNotBe", .form = any},
    {.name = "mustBeGreaterThan", .form = decimal},
    {.name = "mustBeGreaterOrEqualTo", .form = decimal},
    {.name = "mustBeLessThan", .form = decimal},
    {.name = "mustBeLessOrEqualTo", .form = decimal},
    {.name = "mustBeBetween", .form = texts},
    {.name = "mustNotBeBetween", .form = texts},
    {.name = "tags", .form = any},
    {.name = "authoritativeDefinitions", .form = any},
    {.name = "customProperties", .form = objects, .object = &custom_table}};
constexpr ObjectTable quality_table{"a quality check", "", quality_fields};

constexpr Field property_fields[] = {
    {.name = "id"},
    {.name = "name", .form = name, .required = true},
    {.name = "physicalName"},
    {.name = "logicalType",
     .form = choice,
     .choices = "string date timestamp time number integer object array boolean"},
    {.name = "logicalTypeOptions", .form = any},
    {.name = "physicalType"},
    {.name = "description", .form = any},
    {.name = "businessName"},
    {.name = "required", .form = boolean},
    {.name = "unique", .form = boolean},
    {.name = "primaryKey", .form = boolean},
    {.name = "primaryKeyPosition", .form = whole, .least = -1, .most = 4096},
    {.name = "partitioned", .form = boolean},
    {.name = "partitionKeyPosition", .form = whole, .least = -1},
    {.name = "classification"},
    {.name = "encryptedName"},
    {.name = "criticalDataElement", .form = boolean},
    {.name = "transformSourceObjects", .form = any},
    {.name = "transformLogic", .form = any},
    {.name = "transformDescription", .form = any},
    {.name = "examples", .form = any},
    {.name = "relationships", .form = any},
    {.name = "items", .form = any},
    {.name = "properties", .form = any},
    {.name = "tags", .form = any},
    {.name = "authoritativeDefinitions", .form = any},
    {.name = "quality", .form = objects, .object = &quality_table},
    {.name = "customProperties", .form = objects, .object = &custom_table}};
constexpr ObjectTable property_table{"a property", "", property_fields};

constexpr Field object_fields[] = {
    {.name = "id"},
    {.name = "name", .required = true},
    {.name = "physicalName"},
    {.name = "physicalType"},
    {.name = "logicalType"},
    {.name = "description", .form = any},
    {.name = "businessName"},
    {.name = "dataGranularityDescription", .form = any},
    {.name = "tags", .form = any},
    {.name = "authoritativeDefinitions", .form = any},
    {.name = "relationships", .form = any},
    {.name = "properties", .form = objects, .required = true, .object = &property_table},
    {.name = "quality", .form = objects, .object = &quality_table},
    {.name = "customProperties", .form = objects, .object = &custom_table}};
constexpr ObjectTable object_table{"a schema object", "", object_fields};

constexpr Field contract_fields[] = {
    {.name = "apiVersion", .required = true},
    {.name = "kind", .required = true},
    {.name = "id", .required = true},
    {.name = "version", .required = true},
    {.name = "status", .required = true},
    {.name = "name"},
    {.name = "tenant"},
    {.name = "domain"},
    {.name = "dataProduct"},
    {.name = "tags", .form = any},
    {.name = "description", .form = any},
    {.name = "servers", .form = any},
    {.name = "schema", .form = objects, .required = true, .object = &object_table},
    {.name = "support", .form = any},
    {.name = "price", .form = any},
    {.name = "team", .form = any},
    {.name = "roles", .form = any},
    {.name = "slaDefaultElement"},
    {.name = "slaProperties", .form = any},
    {.name = "authoritativeDefinitions", .form = any},
    {.name = "customProperties", .form = objects, .object = &custom_table},
    {.name = "contractCreatedTs"}};

constexpr Field string_options[] = {
    {.name = "minLength", .form = whole},
    {.name = "maxLength", .form = whole},
    {.name = "pattern"},
    {.name = "format",
     .form = choice,
     .choices = "email uuid uri hostname ipv4 ipv6 binary byte password"}};
constexpr Field number_options[] = {
    {.name = "minimum", .form = decimal},
    {.name = "maximum", .form = decimal},
    {.name = "exclusiveMinimum", .form = decimal},
    {.name = "exclusiveMaximum", .form = decimal},
    {.name = "multipleOf", .form = decimal},
    {.name = "format", .form = choice, .choices = "i8 i16 i32 i64 u8 u16 u32 u64 f32 f64"}};
constexpr Field date_options[] = {
    {.name = "format"},           {.name = "minimum"},
    {.name = "maximum"},          {.name = "exclusiveMinimum"},
    {.name = "exclusiveMaximum"}, {.name = "timezone", .form = boolean},
    {.name = "defaultTimezone"}};

}  // namespace

constinit const ObjectTable odcs_contract{"a data contract", "", contract_fields};
constinit const ObjectTable odcs_string_options{"logicalTypeOptions of a string", "",
                                                string_options};
constinit const ObjectTable odcs_number_options{"logicalTypeOptions of a number", "",
                                                number_options};
constinit const ObjectTable odcs_date_options{"logicalTypeOptions of a date or time", "",
                                              date_options};

}  // namespace daybook
