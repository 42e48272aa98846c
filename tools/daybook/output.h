// Results, in the form that was asked for. A command makes its items once, as JSON; text, CSV and
// JSON Lines are read off them.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/daybook/arguments.h"
#include "tools/daybook/problem.h"
#include "tools/daybook/terminal.h"

namespace daybook {

using Json = nlohmann::ordered_json;

enum class Format : std::uint8_t { text, wide, json, jsonl, csv };
enum class TimeForm : std::uint8_t { relative, iso, raw };

struct TableColumn {
  std::string key;    // of the item
  std::string title;  // of the text table
  bool right = false;
  std::function<std::string(const Json& item)> show = {};  // text alone; default: the value
  std::function<Style(const Json& item)> style = {};
};

struct Listing {
  std::string kind;  // "RunList"
  std::vector<TableColumn> columns = {};
  std::vector<Json> items = {};
  std::optional<std::uint64_t> ledger_size = {};
  std::string state_root = {};  // hex; empty: not told
  std::string empty = {};       // what text says where there is nothing: "no runs yet"
  std::string footer = {};      // text, after the table, on standard error
  bool more = false;            // --limit left some out
};

// One thing; `text` is how people see it, lines with a line break at the end.
struct Document {
  std::string kind;
  Json json = Json::object();
  std::string text = {};
  std::optional<std::uint64_t> ledger_size = {};
};

// The moment of the book that answers are of: all that is needed to derive them again.
struct AsOf {
  std::uint64_t entries = 0;  // folded; the last one is number entries - 1
  std::string recorded_at;    // of the last one; empty where there is none
  std::string state_root;     // of the state they fold to, hex; empty: they can not be folded
  std::string present = {};   // what is judged as it is now all the same: "the source files"
};

// Where a command's result and its talk go. Everything that is not the result is talk.
class Output {
 public:
  // `now`: microseconds since 1970, for relative times.
  Output(const Arguments& arguments, Terminal out, Terminal err, std::int64_t now);

  Format format() const { return format_; }
  bool machine() const {
    return format_ == Format::json || format_ == Format::jsonl || format_ == Format::csv;
  }
  bool quiet() const { return quiet_; }
  // What is printed from here on is of this moment, and says so.
  void stands_at(AsOf moment) { as_of_ = std::move(moment); }
  // What the answer judges as it is now, beside a moment of the book; nothing where it is of none.
  void judges_present(std::string what) {
    if (as_of_) as_of_->present = std::move(what);
  }
  const Terminal& out() const { return out_; }
  const Terminal& err() const { return err_; }
  std::int64_t now() const { return now_; }

  std::expected<void, Problem> print(const Listing& listing);
  std::expected<void, Problem> print(const Document& document);
  // One line of JSON of a stream: {"type":…, …}; nothing in other formats.
  void stream(std::string_view type, const Json& json);
  void raw(std::string_view text);  // result text as it is
  void say(std::string_view text);  // talk: a line on standard error, unless quiet
  // Standard output is complete on the other side, or a problem.
  std::expected<void, Problem> finish();

  // A recorded time as the person wants to see it.
  std::string time(std::int64_t recorded_at) const;
  std::string style(Style style, std::string_view text) const { return styled(out_, style, text); }

 private:
  std::string table(const Listing& listing);
  void tell_moment(Json& json) const;
  void say_moment();

  Format format_ = Format::text;
  TimeForm time_ = TimeForm::iso;
  bool quiet_ = false, failed_ = false;
  int error_ = 0;
  std::vector<std::string> fields_;
  std::optional<AsOf> as_of_;
  Terminal out_, err_;
  std::int64_t now_ = 0;
};

std::string dump(const Json& json, bool pretty = false);
// iso_time() backwards: with an offset or Z, a date alone being its first moment.
std::optional<std::int64_t> parse_time(std::string_view text);

// A CSV field: quoted where it must be, and never one a spreadsheet would run as a formula.
std::string csv_field(std::string_view text);

}  // namespace daybook
