// One row's story: where it stood, what each step made of it, what became of it.
#include <algorithm>
#include <set>

#include "ledger/codec/event_codec.h"
#include "ledger/utf8.h"
#include "replay/sentences.h"
#include "replay/words.h"
#include "runner/definitions.h"
#include "runner/quarantine.h"
#include "statemachine/batch_name.h"
#include "tools/daybook/held_records.h"
#include "tools/daybook/row_question.h"

namespace daybook::commands {

namespace {

constexpr std::size_t text_width_max = 200;  // of a value or a record, in text

std::string cut(const std::string& text) {
  std::string out = printable(text);
  if (out.size() > text_width_max) {
    std::size_t end = text_width_max;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
    out.resize(end);
    out += "…";
  }
  return out;
}

void put_bytes(Json& item, const char* key, const std::string& bytes) {
  if (valid_utf8(bytes))
    item[key] = bytes;
  else
    item[std::string(key) + "_base64"] = base64(bytes_of(bytes));
}

std::string value_of(const std::optional<std::string>& value) {
  return value ? cut(*value) : "(null)";
}

// Lines with a hanging indent, broken at spaces.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width = 78) {
  std::string out, line;
  const std::string pad(indent, ' ');
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!line.empty() && indent + columns(line) + 1 + columns(word) > width) {
      out += pad + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return line.empty() ? out : out + pad + line + "\n";
}

class Story {
 public:
  Story(Invocation& in, const BookView& view, const Reexecution& again, const RowTold& told)
      : in_(in), view_(view), again_(again), told_(told) {}

  void tell(const std::string& said) {
    const RecordedAttempt& recorded = again_.recorded;
    json_ = {{"key", said},
             {"pipeline", recorded.pipeline},
             {"sink", recorded.sink},
             {"partition", recorded.partition},
             {"generation", recorded.generation},
             {"run", static_cast<std::uint64_t>(recorded.staged.run)},
             {"attempt", recorded.staged.attempt},
             {"entry", recorded.at},
             {"reproduced", again_.identical()},
             {"became", became()}};
    head(fmt::format("{} of {}, partition {}", cut(said), recorded.pipeline, recorded.partition));
    line(fmt::format("{} · {} · run {}, entry {}", became(),
                     recorded.generation == 0 ? std::string("never loaded")
                                              : fmt::format("generation {}", recorded.generation),
                     static_cast<std::uint32_t>(recorded.staged.run), recorded.at));
    differences();
    sources();
    steps();
    if (!told_.outputs.empty()) output();
    if (told_.quarantined) quarantine();
    book();
  }

  Json json() && { return std::move(json_); }
  std::string text() && { return std::move(text_); }

 private:
  std::string became() const {
    if (told_.outputs.size() > 1) return fmt::format("became {} rows", told_.outputs.size());
    if (!told_.outputs.empty())
      return told_.outputs.front().kept ? "kept from the generation before" : "a row of the output";
    if (told_.quarantined) return "set aside";
    for (const StepTold& step : told_.steps)
      if (!step.left.empty())
        return step.left + " by " + (step.rule.empty() ? step.step : step.rule);
    return "part of no row";
  }

  void head(const std::string& text) {
    text_ += in_.output.style(Style::bold, printable(text)) + "\n";
  }
  void line(const std::string& text) { text_ += "  " + text + "\n"; }

  void differences() {
    json_["differences"] = Json::array();
    if (again_.identical()) {
      line("done again: identical to what the book committed to");
      return;
    }
    line(in_.output.style(Style::bad, "DOES NOT REPRODUCE") +
         ": what follows is how it comes out now, not proof of what was");
    for (const Difference& difference : again_.differences) {
      line(fmt::format("  {}: recorded {}, now {}", cut(difference.what), cut(difference.recorded),
                       cut(difference.now)));
      json_["differences"].push_back(
          {{"what", difference.what}, {"recorded", difference.recorded}, {"now", difference.now}});
    }
  }

  Json record_json(const RecordTold& record) const {
    Json out = {{"file", input_name_of(again_, record.input)},
                {"row", record.row},
                {"byte_offset", record.byte_offset}};
    put_bytes(out, "text", record.text);
    if (record.replaced_by) {
      put_bytes(out, "released_text", *record.replaced_by);
      out["released_as_is"] = record.released_as_is;
    }
    if (record.proof) {
      out["record_index"] = record.proof->index;
      out["record_count"] = record.proof->count;
    }
    return out;
  }

  void record_lines(const RecordTold& record) {
    line(fmt::format("{}  row {}, byte {}", cut(input_name_of(again_, record.input)),
                     grouped(record.row), grouped(record.byte_offset)));
    text_ += "    " + cut(record.text) + "\n";
    if (!record.replaced_by) return;
    if (*record.replaced_by == record.text) {
      line("  released as it is: its rules were waived");
    } else {
      line("  read in its place, as amended:");
      text_ += "    " + cut(*record.replaced_by) + "\n";
    }
  }

  void sources() {
    Json all = Json::array();
    text_ += "\n";
    head("source");
    const std::vector<RecordTold>* records = nullptr;
    std::vector<RecordTold> one;
    if (!told_.outputs.empty()) {
      records = &told_.outputs.front().records;
    } else {
      if (told_.quarantined && told_.quarantined->source) one = {*told_.quarantined->source};
      if (one.empty() && told_.record) one = {*told_.record};
      records = &one;
    }
    for (const RecordTold& record : *records) {
      record_lines(record);
      all.push_back(record_json(record));
    }
    if (!told_.outputs.empty()) {
      const OutputTold& row = told_.outputs.front();
      json_["records_total"] = row.records_total;
      if (row.records_total > row.records.size())
        line(fmt::format("… and {} records more", grouped(row.records_total - row.records.size())));
      if (row.kept) line("no record of this generation: the merge kept the row, see below");
      if (row.any_record) line("a query made it: any record of the partition may be in it");
      json_["any_record"] = row.any_record;
    }
    json_["records"] = std::move(all);
  }

  void steps() {
    json_["steps"] = Json::array();
    const StepTold* before = nullptr;
    for (const StepTold& step : told_.steps) {
      text_ += "\n";
      head(step.step);
      text_ += in_.output.style(Style::dim, wrapped(cut(step.definition), 2));
      Json item = {{"step", step.step}, {"definition", step.definition}};
      Json after = Json::object(), changed = Json::array();
      for (std::size_t i = 0; i < step.columns.size() && i < step.values.size(); ++i) {
        after[step.columns[i]] = step.values[i] ? Json(*step.values[i]) : Json();
        const auto old = before == nullptr ? std::ptrdiff_t{-1}
                                           : std::ranges::find(before->columns, step.columns[i]) -
                                                 before->columns.begin();
        const bool was =
            before != nullptr && old < static_cast<std::ptrdiff_t>(before->columns.size());
        if (was && before->values[static_cast<std::size_t>(old)] == step.values[i]) continue;
        if (before == nullptr && step.step == "the contract") continue;
        changed.push_back(step.columns[i]);
        line(fmt::format(
            "{} = {}{}", cut(step.columns[i]), value_of(step.values[i]),
            was ? "   was " + value_of(before->values[static_cast<std::size_t>(old)]) : ""));
      }
      if (step.step == "the contract" && step.left.empty()) line("every rule holds");
      item["after"] = std::move(after);
      item["changed"] = std::move(changed);
      if (!step.lookup_file.empty()) {
        line(step.lookup_row == 0 ? "not found in " + cut(step.lookup_file)
                                  : fmt::format("found in {}, row {}", cut(step.lookup_file),
                                                grouped(step.lookup_row)));
        item["lookup"] = {{"file", step.lookup_file},
                          {"row", step.lookup_row == 0 ? Json() : Json(step.lookup_row)}};
      }
      if (!step.rivals.empty()) {
        item["duplicates"] = Json::array();
        item["won"] = step.won;
        line(step.won ? "won over its duplicates:" : "lost among its duplicates:");
        for (const auto& [input, row] : step.rivals) {
          line(fmt::format("  {}  row {}", cut(input_name_of(again_, input)), grouped(row)));
          item["duplicates"].push_back({{"file", input_name_of(again_, input)}, {"row", row}});
        }
      }
      if (!step.left.empty()) {
        line(fmt::format("{}{}", step.left, step.rule.empty() ? "" : ": " + cut(step.rule)));
        item["left"] = step.left;
        item["rule"] = step.rule;
      }
      json_["steps"].push_back(std::move(item));
      if (!step.columns.empty()) before = &step;
    }
  }

  void output() {
    json_["rows"] = Json::array();
    for (const OutputTold& row : told_.outputs) {
      text_ += "\n";
      head(fmt::format("row {} of {}", grouped(row.index), grouped(row.proof.count)));
      Json values = Json::object();
      for (std::size_t i = 0; i < row.values.size(); ++i) {
        const std::string& name = again_.result.columns[i].name;
        values[name] = row.values[i] ? Json(*row.values[i]) : Json();
        line(fmt::format("{} = {}", cut(name), value_of(row.values[i])));
      }
      line(fmt::format(
          "leaf {} under root {}…",
          hex(salted_leaf(row_context, row.proof.salt, bytes_of(row.proof.bytes))).substr(0, 12),
          hex(again_.result.output_root).substr(0, 12)));
      json_["rows"].push_back({{"index", row.index},
                               {"count", row.proof.count},
                               {"kept", row.kept},
                               {"values", std::move(values)}});
    }
  }

  void quarantine() {
    const QuarantinedTold& told = *told_.quarantined;
    text_ += "\n";
    head("set aside");
    Json violations = Json::array();
    for (const Violation& violation : told.record.violations) {
      line(fmt::format("{}  {}", cut(violation.rule), cut(violation.message)));
      violations.push_back(
          {{"rule", violation.rule}, {"column", violation.column}, {"message", violation.message}});
    }
    json_["quarantined"] = {{"index", told.index}, {"violations", std::move(violations)}};
    const BatchId batch = again_.recorded.staged.batch;
    if (batch == no_batch) return;
    const std::string name = fmt::format("{}:{}", batch_name(view_.state, batch), told.index);
    json_["quarantined"]["record"] = name;
    const BatchState& state = *view_.state.find(batch);
    const auto touched = state.touched.find(static_cast<std::uint32_t>(told.index));
    const auto records = read_batch(view_, batch);
    if (records && told.index < records->size())
      json_["quarantined"]["status"] = word((*records)[told.index].status);
    line(fmt::format("record {}, {}", name,
                     records && told.index < records->size()
                         ? std::string(word((*records)[told.index].status))
                         : "held"));
    if (touched != state.touched.end())
      line(fmt::format("{} (entry {})", printable(touched->second.by), touched->second.at));
  }

  // What the book says of the attempt and what came of it.
  void book() {
    const auto story = explain(view_.state, view_.ledger, again_.recorded.staged.slot);
    json_["book"] = Json::array();
    if (!story) {
      line("the book's own story can not be read: " + printable(story.error().detail));
      return;
    }
    EntryIndex end = view_.state.size;  // of what belongs to this attempt
    for (const StoryLine& one : *story)
      if (one.index > again_.recorded.at && one.kind == "AttemptStarted") {
        end = one.index;
        break;
      }
    text_ += "\n";
    head("in the book");
    static const std::set<std::string_view> wanted = {
        "AttemptStaged",         "LoadIntended",    "LoadCommitted",    "LoadVerified",
        "ApprovalRequested",     "ApprovalGiven",   "ApprovalRejected", "HoldDecided",
        "RecordAmended",         "RecordsReleased", "RecordsDiscarded", "CompensationProposed",
        "CompensationCommitted", "SlotHeld",        "LoadLost"};
    for (const StoryLine& one : *story) {
      if (one.index < again_.recorded.at || one.index >= end || !wanted.contains(one.kind))
        continue;
      text_ += fmt::format("  entry {}  {}\n", one.index,
                           in_.output.style(Style::dim, in_.output.time(one.at)));
      text_ += wrapped(printable(one.text), 4);
      json_["book"].push_back({{"index", one.index},
                               {"recorded_at", iso_time(one.at)},
                               {"by", one.who.principal},
                               {"kind", one.kind},
                               {"sentence", one.text}});
    }
  }

  Invocation& in_;
  const BookView& view_;
  const Reexecution& again_;
  const RowTold& told_;
  Json json_;
  std::string text_;
};

// Where a row that a merge kept came from: the generation before, as its own question.
std::vector<RowQuestion> earlier(const BookView& view, const std::vector<RowQuestion>& questions,
                                 const std::vector<RowAnswer>& answers, bool history) {
  std::vector<RowQuestion> out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].again) continue;
    const bool kept = !answers[i].told.outputs.empty() && answers[i].told.outputs.front().kept;
    const RecordedAttempt& recorded = answers[i].again->recorded;
    if ((!kept && !history) || questions[i].wish.by == RowWish::By::quarantined) continue;
    const Generation before = kept                      ? recorded.before
                              : recorded.generation > 1 ? recorded.generation - 1
                                                        : Generation{0};
    if (before == 0) continue;
    const auto at = staged_at(view, recorded.staged.slot, before);
    if (!at) continue;
    RowQuestion next = questions[i];
    next.places = {*at};
    out.push_back(std::move(next));
  }
  return out;
}

}  // namespace

Outcome trace(Invocation& in) {
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  const auto payloads = open_payloads(book->paths);
  if (!payloads) return std::unexpected(payloads.error());
  const BookView view = book->with(*payloads);
  const RowScope scope{
      .dataset = in.arguments.text("DATASET"),
      .partition = in.arguments.text("partition"),
      .generation = static_cast<Generation>(in.arguments.number("generation").value_or(0))};
  std::vector<RowQuestion> questions;
  for (const std::string& key : in.arguments.all("KEY")) {
    auto question = row_question(view, scope, key);
    if (!question) return std::unexpected(question.error());
    questions.push_back(std::move(*question));
  }
  Json stories = Json::array();
  std::string text;
  bool reproduced = true, first = true;
  while (!questions.empty()) {
    const auto answers = answer_rows(view, questions, true, in.output, {});
    if (!answers) return std::unexpected(answers.error());
    for (std::size_t i = 0; i < answers->size(); ++i) {
      const RowAnswer& answer = (*answers)[i];
      if (!answer.again) {
        if (!first) continue;  // the row was not there in an earlier generation
        return not_found("a record is asked for as FILE:ROW, a quarantined one as BATCH:RECORD",
                         "{} is no row of {}{}{}", printable(questions[i].said),
                         printable(scope.dataset), scope.partition.empty() ? "" : ", partition ",
                         printable(scope.partition));
      }
      reproduced = reproduced && answer.again->identical();
      Story story(in, view, *answer.again, answer.told);
      story.tell(questions[i].said);
      if (!text.empty()) text += "\n";
      text += std::move(story).text();
      stories.push_back(std::move(story).json());
    }
    questions = earlier(view, questions, *answers, in.arguments.has("history"));
    first = false;
  }
  const auto told = in.output.print(Document{.kind = "RowStories",
                                             .json = {{"stories", std::move(stories)}},
                                             .text = std::move(text),
                                             .ledger_size = book->state.size});
  if (!told) return std::unexpected(told.error());
  return reproduced ? Exit::good : Exit::integrity;
}

}  // namespace daybook::commands
