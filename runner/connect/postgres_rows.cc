#include "runner/connect/postgres_rows.h"

#include <fmt/ranges.h>

#include "runner/connect/postgres_table.h"

namespace daybook {

SinkResult<RowDigest> digest_rows(PgConnection& pg, const std::vector<std::string>& tables,
                                  const std::vector<std::string>& columns, const Digest& load_id) {
  std::vector<std::string> parts;
  for (const std::string& table : tables) {
    parts.push_back(
        fmt::format("SELECT hashtextextended(ROW({})::text, 0) AS h FROM {} "
                    "WHERE _load_id = $1::bytea",
                    quoted_list(columns), table));
  }
  auto found = pg.run(fmt::format("SELECT count(*), coalesce(sum(h), 0) FROM ({}) AS r",
                                  fmt::join(parts, " UNION ALL ")),
                      {bytea(load_id)});
  if (!found) return std::unexpected(found.error());
  return RowDigest{found->number(0, 0), found->text(0, 1)};
}

SinkResult<std::uint64_t> count_rows(PgConnection& pg, const std::string& table,
                                     std::string_view column, const Digest& id) {
  auto found = pg.run(fmt::format("SELECT count(*) FROM {} WHERE {} = $1::bytea", table, column),
                      {bytea(id)});
  if (!found) return std::unexpected(found.error());
  return found->number(0, 0);
}

std::string bytea_array(const std::vector<Digest>& ids) {
  std::string text = "{";
  for (const Digest& id : ids)
    text += fmt::format("{}\"\\\\x{}\"", text.size() > 1 ? "," : "", hex(id));
  return text + "}";
}

}  // namespace daybook
