// SQL over the book.
#include "replay/book_tables.h"
#include "replay/state_bytes.h"
#include "runner/dataplane/book_sql.h"
#include "runner/definition/source_text.h"
#include "tools/daybook/book_reader.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

Outcome list_tables(Invocation& in) {
  Listing listing{.kind = "BookColumnList",
                  .columns = {{.key = "table", .title = "TABLE"},
                              {.key = "column", .title = "COLUMN"},
                              {.key = "type", .title = "TYPE"},
                              {.key = "meaning", .title = "MEANING"}},
                  .items = {},
                  .ledger_size = {},
                  .empty = {},
                  .footer = {}};
  std::string text;
  for (const BookTable& table : book_tables()) {
    text += fmt::format("{}{}  {}\n", text.empty() ? "" : "\n",
                        in.output.style(Style::bold, table.name), table.meaning);
    for (const BookColumn& column : table.columns) {
      listing.items.push_back({{"table", table.name},
                               {"column", column.name},
                               {"type", sql_type(column.type)},
                               {"meaning", column.meaning}});
      text +=
          fmt::format("  {:<15}  {:<9}  {}\n", column.name, sql_type(column.type), column.meaning);
    }
  }
  if (in.output.machine() || in.arguments.has("fields")) return printed(in.output.print(listing));
  in.output.raw(text);
  return Exit::good;
}

Problem problem_of(const SqlFault& fault, const std::string& query) {
  if (!fault.of_query)
    return {.exit = Exit::bad, .code = "DB-1001", .message = fault.message, .hint = fault.hint};
  Problem out{
      .exit = Exit::invalid, .code = "DB-1013", .message = fault.message, .hint = fault.hint};
  if (fault.offset == SqlFault::npos) return out;
  const SourceText text("query", query);
  const Span span = text.span({fault.offset, fault.offset + 1});
  out.diagnostics.push_back({.severity = Severity::error,
                             .code = out.code,
                             .message = fault.message,
                             .file = "query",
                             .span = span,
                             .label = {},
                             .hint = fault.hint,
                             .source_line = text.line_text(span.line)});
  out.message = "the query was not answered";
  out.hint.clear();
  return out;
}

Json json_of(const SqlValue& value) {
  return std::visit(
      [](const auto& one) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, std::monostate>)
          return nullptr;
        else
          return one;
      },
      value);
}

// CSV goes out row by row: there is no end to wait for.
struct CsvRows {
  Output& output;
  std::string line;

  void add(std::string_view text, bool first) {
    if (!first) line += ',';
    line += text;
  }
  void add_value(const SqlValue& value, bool first) {
    const Json json = json_of(value);
    add(json.is_null()     ? std::string()
        : json.is_string() ? csv_field(json.get<std::string>())
                           : dump(json),
        first);
  }
  void end() {
    output.raw(line + "\r\n");
    line.clear();
  }
};

}  // namespace

Outcome sql(Invocation& in) {
  const Arguments& args = in.arguments;
  if (args.has("tables") == args.has("QUERY"))
    return usage("daybook sql \"select * from runs\", or daybook sql --tables",
                 "either a query or --tables");
  if (args.has("tables")) return list_tables(in);
  std::string query = args.text("QUERY");
  if (query == "-") {
    auto read = whole_file("-", 1U << 20);
    if (!read) return std::unexpected(read.error());
    query = std::move(*read);
  }
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const Digest root = state_root(book->state);
  const Format format = in.output.format();
  const bool streams = (format == Format::jsonl || format == Format::csv) && !args.has("fields");
  const std::uint64_t limit = args.number("limit").value_or(in.output.machine() ? 0 : 1000);
  const std::uint64_t mib = std::min<std::uint64_t>(args.number("memory").value_or(512), 1 << 20);

  std::vector<SqlColumn> columns;
  Listing listing{.kind = "QueryResult",
                  .columns = {},
                  .items = {},
                  .ledger_size = book->state.size,
                  .empty = "no rows",
                  .footer = {}};
  listing.state_root = hex(root);
  CsvRows csv{in.output, {}};
  std::uint64_t count = 0;
  const SqlRows rows{
      .columns =
          [&](const std::vector<SqlColumn>& all) {
            columns = all;
            for (const SqlColumn& column : all)
              listing.columns.push_back(
                  {.key = column.name, .title = column.name, .right = column.is_number});
            if (!streams || format != Format::csv) return;
            for (std::size_t i = 0; i < all.size(); ++i) csv.add(csv_field(all[i].name), i == 0);
            csv.end();
          },
      .row =
          [&](std::span<const SqlValue> values) {
            if (limit > 0 && count == limit) {
              listing.more = true;
              return false;
            }
            ++count;
            if (streams && format == Format::csv) {
              for (std::size_t i = 0; i < values.size(); ++i) csv.add_value(values[i], i == 0);
              csv.end();
              return true;
            }
            Json item = Json::object();
            for (std::size_t i = 0; i < values.size(); ++i)
              item[columns[i].name] = json_of(values[i]);
            if (streams)
              in.output.stream("row", item);
            else
              listing.items.push_back(std::move(item));
            return true;
          }};
  if (const auto done = query_book(book->state, *book->ledger, query, mib << 20, rows); !done)
    return std::unexpected(problem_of(done.error(), query));
  const std::string rests = fmt::format(
      "as of {} · state sha256:{}",
      book->state.size == 0 ? "the empty book" : fmt::format("entry {}", book->state.size - 1),
      hex(root));
  if (streams) {
    if (format == Format::jsonl)
      in.output.stream("summary", {{"kind", listing.kind},
                                   {"items", count},
                                   {"more", listing.more},
                                   {"ledgerSeq", book->state.size},
                                   {"stateRoot", hex(root)}});
    else
      in.output.say(rests);
    return Exit::good;
  }
  listing.footer = fmt::format("{}{} row{} · {}", listing.more ? "the first " : "", count,
                               count == 1 ? "" : "s", rests);
  if (listing.more) listing.footer += "\n--limit 0 shows all";
  return printed(in.output.print(listing));
}

}  // namespace daybook::commands
