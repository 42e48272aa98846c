#include "runner/dataplane/sqlstate.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace daybook {
namespace {

using enum ErrorClass;

struct Row {
  const char* sqlstate;
  ErrorClass error;
};

// PostgreSQL's names beside the codes; every class a load can meet.
constexpr Row table[] = {
    {"", dependency_down},
    {"08000", dependency_down},  // connection_exception
    {"08001", dependency_down},  // sqlclient_unable_to_establish_sqlconnection
    {"08003", dependency_down},  // connection_does_not_exist
    {"08004", dependency_down},  // sqlserver_rejected_establishment
    {"08006", dependency_down},  // connection_failure
    {"08007", dependency_down},  // transaction_resolution_unknown
    {"08P01", internal},         // protocol_violation
    {"0A000", definition},       // feature_not_supported
    {"0L000", permission},       // invalid_grantor
    {"0P000", permission},       // invalid_role_specification
    {"21000", data},             // cardinality_violation
    {"22001", data},             // string_data_right_truncation
    {"22003", data},             // numeric_value_out_of_range
    {"22007", data},             // invalid_datetime_format
    {"22008", data},             // datetime_field_overflow
    {"22012", data},             // division_by_zero
    {"22021", data},             // character_not_in_repertoire
    {"22P02", data},             // invalid_text_representation
    {"22P04", data},             // bad_copy_file_format
    {"22P05", data},             // untranslatable_character
    {"23000", data},             // integrity_constraint_violation
    {"23502", data},             // not_null_violation
    {"23503", data},             // foreign_key_violation
    {"23505", data},             // unique_violation
    {"23514", data},             // check_violation
    {"23P01", data},             // exclusion_violation
    {"25006", dependency_down},  // read_only_sql_transaction
    {"25P02", internal},         // in_failed_sql_transaction
    {"25P03", transient},        // idle_in_transaction_session_timeout
    {"25001", internal},         // active_sql_transaction
    {"28000", permission},       // invalid_authorization_specification
    {"28P01", permission},       // invalid_password
    {"2BP01", permission},       // dependent_objects_still_exist
    {"3D000", definition},       // invalid_catalog_name
    {"3F000", definition},       // invalid_schema_name
    {"40000", transient},        // transaction_rollback
    {"40001", transient},        // serialization_failure
    {"40002", data},             // transaction_integrity_constraint_violation
    {"40003", transient},        // statement_completion_unknown
    {"40P01", transient},        // deadlock_detected
    {"42501", permission},       // insufficient_privilege
    {"42601", definition},       // syntax_error
    {"42703", definition},       // undefined_column
    {"42804", definition},       // datatype_mismatch
    {"42883", definition},       // undefined_function
    {"42P01", definition},       // undefined_table
    {"42P07", definition},       // duplicate_table
    {"44000", data},             // with_check_option_violation
    {"53000", dependency_down},  // insufficient_resources
    {"53100", dependency_down},  // disk_full
    {"53200", dependency_down},  // out_of_memory
    {"53300", throttled},        // too_many_connections
    {"53400", throttled},        // configuration_limit_exceeded
    {"54000", definition},       // program_limit_exceeded
    {"54011", definition},       // too_many_columns
    {"55000", definition},       // object_not_in_prerequisite_state
    {"55006", transient},        // object_in_use
    {"55P03", transient},        // lock_not_available
    {"57000", dependency_down},  // operator_intervention
    {"57014", transient},        // query_canceled
    {"57P01", dependency_down},  // admin_shutdown
    {"57P02", dependency_down},  // crash_shutdown
    {"57P03", dependency_down},  // cannot_connect_now
    {"57P04", dependency_down},  // database_dropped
    {"57P05", transient},        // idle_session_timeout
    {"58000", dependency_down},  // system_error
    {"58030", dependency_down},  // io_error
    {"58P01", dependency_down},  // undefined_file
    {"72000", transient},        // snapshot_too_old
    {"F0000", dependency_down},  // config_file_error
    {"HV000", dependency_down},  // fdw_error
    {"P0001", data},             // raise_exception
    {"XX000", internal},         // internal_error
    {"XX001", dependency_down},  // data_corrupted
    {"XX002", dependency_down},  // index_corrupted
    {"99999", internal},         // nobody's
    {"4000", internal},          // not a SQLSTATE
};

TEST(Sqlstate, EveryClassIsTreatedAsItShould) {
  static_assert(std::size(table) >= 60);
  for (const Row& row : table) {
    EXPECT_EQ(classify_sqlstate(row.sqlstate).error, row.error) << row.sqlstate;
  }
}

TEST(Sqlstate, NamesTheRuleThatClassified) {
  EXPECT_EQ(classify_sqlstate("53300").rule, "sqlstate.53300");
  EXPECT_EQ(classify_sqlstate("40001").rule, "sqlstate.class.40");
  EXPECT_EQ(classify_sqlstate("").rule, "sqlstate.none");
  EXPECT_EQ(classify_sqlstate("99999").rule, "sqlstate.unlisted");
}

}  // namespace
}  // namespace daybook
