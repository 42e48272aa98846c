#include "runner/dataplane/sqlstate.h"

#include <array>

namespace daybook {
namespace {

struct Row {
  std::string_view code;  // five characters, or two for a whole class
  ErrorClass error;
};

using enum ErrorClass;

// Appendix A of the PostgreSQL manual. Exact codes where they differ from their class.
constexpr auto rows = std::to_array<Row>({
    {"08P01", internal},         // protocol violation
    {"08", dependency_down},     // connection exception
    {"0A", definition},          // feature not supported
    {"0B", transient},           // invalid transaction initiation
    {"0L", permission},          // invalid grantor
    {"0P", permission},          // invalid role
    {"20", data},                // case not found
    {"21", data},                // cardinality violation
    {"22", data},                // data exception
    {"23", data},                // integrity constraint violation
    {"25006", dependency_down},  // read only transaction: a standby, for now
    {"25P02", internal},         // in failed transaction
    {"25P03", transient},        // idle in transaction timeout
    {"25", internal},            // invalid transaction state
    {"26", internal},            // invalid statement name
    {"28", permission},          // invalid authorization
    {"2B", permission},          // dependent privileges exist
    {"2D", internal},            // invalid transaction termination
    {"34", internal},            // invalid cursor name
    {"3B", internal},            // savepoint exception
    {"3D", definition},          // no such database
    {"3F", definition},          // no such schema
    {"40002", data},             // transaction integrity constraint violation
    {"40", transient},           // rollback: serialization failure, deadlock
    {"42501", permission},       // insufficient privilege
    {"42", definition},          // syntax error or access rule violation
    {"44", data},                // with check option violation
    {"53300", throttled},        // too many connections
    {"53400", throttled},        // configuration limit exceeded
    {"53", dependency_down},     // insufficient resources: disk, memory
    {"54", definition},          // program limit exceeded
    {"55P03", transient},        // lock not available
    {"55006", transient},        // object in use
    {"55", definition},          // object not in prerequisite state
    {"57014", transient},        // query cancelled: a statement timeout
    {"57P05", transient},        // idle session timeout
    {"57", dependency_down},     // operator intervention: shutdown, cannot connect now
    {"58", dependency_down},     // system error: I/O
    {"72", transient},           // snapshot too old
    {"F0", dependency_down},     // configuration file error
    {"HV", dependency_down},     // foreign data wrapper error
    {"P0", data},                // raised by a function or trigger of the target
    {"XX001", dependency_down},  // data corrupted
    {"XX002", dependency_down},  // index corrupted
    {"XX", internal},            // internal error of the server
});

}  // namespace

SqlstateClass classify_sqlstate(std::string_view sqlstate) {
  if (sqlstate.empty()) return {dependency_down, "sqlstate.none"};
  for (const Row& row : rows) {
    if (row.code == sqlstate) return {row.error, std::string("sqlstate.").append(row.code)};
  }
  for (const Row& row : rows) {
    if (sqlstate.size() == 5 && row.code.size() == 2 && sqlstate.starts_with(row.code)) {
      return {row.error, std::string("sqlstate.class.").append(row.code)};
    }
  }
  return {internal, "sqlstate.unlisted"};
}

}  // namespace daybook
