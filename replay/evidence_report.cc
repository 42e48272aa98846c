// One page without scripts, fonts or anything else from elsewhere: it opens, prints and reads the
// same in ten years. What is not known is said, and so is what all this does not prove.
#include "replay/evidence_report.h"

#include <algorithm>

#include "ledger/codec/event_codec.h"
#include "replay/words.h"

namespace daybook {
namespace {

constexpr std::size_t entries_shown_max = 2'000;

constexpr std::string_view style = R"css(
:root{--ink:#1c1d20;--soft:#5d616a;--line:#d9dbe0;--paper:#fff;--tint:#f5f6f8;--good:#186a3b;--bad:#a1260d;--mark:#2f4b8f}
@media (prefers-color-scheme:dark){:root{--ink:#e6e7ea;--soft:#9aa0ab;--line:#353941;--paper:#16181c;--tint:#1e2126;--good:#6fcf97;--bad:#f28b73;--mark:#9db4f0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
header{border-bottom:2px solid var(--ink);padding-bottom:1.25rem;margin-bottom:1.75rem}
.kind{color:var(--soft);font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;margin:0}
h1{font-size:1.9rem;line-height:1.2;margin:.15rem 0 .9rem;font-weight:650}
h2{font-size:1.15rem;margin:2.4rem 0 .6rem;font-weight:650}
p{margin:.5rem 0;max-width:44rem}
.lead{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.1rem;margin:0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.86em}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{text-align:left;vertical-align:top;padding:.38rem .9rem .38rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600;white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.t{white-space:nowrap}
.w{min-width:16rem}
td.mono{overflow-wrap:anywhere;min-width:8rem}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}
ul{margin:.5rem 0;padding-left:1.2rem;max-width:44rem}
li{margin:.2rem 0}
.box{background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:.9rem 1.1rem;margin:1rem 0}
.box p:first-child{margin-top:0}.box p:last-child{margin-bottom:0}
pre{background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;overflow-x:auto;line-height:1.45;margin:.6rem 0}
details{margin:.5rem 0}
summary{cursor:pointer;color:var(--mark)}
footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:.8rem;color:var(--soft);font-size:.85rem}
@media (max-width:40rem){main{padding:1.5rem 1rem 3rem}h1{font-size:1.5rem}dl{grid-template-columns:1fr;gap:0}dt{margin-top:.5rem}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--tint:#fff;--good:#000;--bad:#000;--mark:#000}
body{font-size:10pt}main{max-width:none;padding:0}h2{break-after:avoid}tr,dl,.box{break-inside:avoid}thead{display:table-header-group}
.scroll{overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere}details>*{display:block}@page{margin:18mm 16mm}}
)css";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        // Control characters show as what they are and do nothing.
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
          out += fmt::format("&#x24{:02x};", static_cast<unsigned>(c));
        else
          out += c;
    }
  }
  return out;
}

std::string time_text(Timestamp at) {
  const std::string iso = iso_time(at);  // to the second, for people
  return fmt::format("{} {} UTC", iso.substr(0, 10), iso.substr(11, 8));
}

struct CellOf {
  std::string html;
  std::string_view kind = {};  // "n", "t", "mono"
};
CellOf plain(std::string_view text) { return {escaped(text)}; }
CellOf count(std::uint64_t n) { return {grouped(n), "n"}; }
CellOf entry_cell(EntryIndex index) { return {grouped(index), "n"}; }
CellOf whole(std::string_view text) { return {escaped(text), "t"}; }  // never broken
CellOf when(Timestamp at) { return {time_text(at), "t"}; }
CellOf code(std::string_view text) { return {escaped(text), "mono"}; }
CellOf wide(std::string_view text) { return {escaped(text), "w"}; }

class Table {
 public:
  explicit Table(std::vector<std::pair<std::string_view, std::string_view>> columns) {
    out_ = "<div class=\"scroll\"><table><thead><tr>";
    for (const auto& [title, kind] : columns)
      out_ += tag("th", kind) + std::string(title) + "</th>";
    out_ += "</tr></thead><tbody>\n";
  }
  void row(const std::vector<CellOf>& cells) {
    out_ += "<tr>";
    for (const CellOf& cell : cells) out_ += tag("td", cell.kind) + cell.html + "</td>";
    out_ += "</tr>\n";
    ++rows_;
  }
  bool empty() const { return rows_ == 0; }
  std::string html() const { return out_ + "</tbody></table></div>\n"; }

 private:
  static std::string tag(std::string_view name, std::string_view kind) {
    return kind.empty() ? fmt::format("<{}>", name) : fmt::format("<{} class=\"{}\">", name, kind);
  }
  std::string out_;
  std::size_t rows_ = 0;
};

class Report {
 public:
  Report(const Evidence& evidence, const EvidenceFacts& facts)
      : evidence_(evidence), facts_(facts) {}

  std::string page() {
    out_ =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Evidence: " +
        escaped(evidence_.about) + "</title>\n<style>" + std::string(style) +
        "</style></head><body><main>\n";
    head();
    meaning();
    runs();
    partitions();
    quarantine();
    approvals();
    compensations();
    erasures();
    holds();
    definitions();
    checkpoints();
    entries();
    out_ += fmt::format(
        "<footer>Made {} by Daybook from the other files of this archive. The copy to rely on is "
        "the one that daybook-verify has just checked.</footer>\n</main></body></html>\n",
        escaped(evidence_.made_at));
    return std::move(out_);
  }

 private:
  void section(std::string_view title, std::string_view lead, const Table& table) {
    if (table.empty()) return;
    out_ += fmt::format("<h2>{}</h2>\n", title);
    if (!lead.empty()) out_ += fmt::format("<p class=\"lead\">{}</p>\n", lead);
    out_ += table.html();
  }

  template <typename E, typename Use>
  void each(Use use) const {
    for (const auto& [index, entry] : facts_.entries)
      if (const auto* event = std::get_if<E>(&entry.event)) use(index, entry.envelope, *event);
  }

  void head() {
    out_ += fmt::format(
        "<header><p class=\"kind\">Evidence</p>\n<h1>{}</h1>\n<dl>"
        "<dt>Book</dt><dd class=\"mono\">{}</dd>"
        "<dt>Entries here</dt><dd>{} of {}</dd>"
        "<dt>From, to</dt><dd>{} to {}</dd>"
        "<dt>Signed root</dt><dd class=\"mono\">sha256:{}</dd>"
        "<dt>Made</dt><dd>{}</dd></dl></header>\n",
        escaped(evidence_.about), escaped(facts_.origin), grouped(facts_.entries.size()),
        grouped(facts_.head.size), time_text(facts_.entries.begin()->second.envelope.recorded_at),
        time_text(facts_.entries.rbegin()->second.envelope.recorded_at), hex(facts_.head.root),
        escaped(evidence_.made_at));
  }

  void meaning() {
    out_ +=
        "<div class=\"box\"><p><strong>To check it</strong>, on any machine and without the book, "
        "with the log's key from somewhere else than this archive:</p>\n"
        "<pre>daybook-verify evidence.zip --key-file log.vkey</pre></div>\n"
        "<p>When that says <em>good</em>, these entries are, byte for byte, in the append-only "
        "book "
        "whose root is signed; each approval was signed by the key that was enrolled for its "
        "signer, over exactly the text in this archive; the definitions are those that ran; and "
        "this page was made from nothing else.</p>\n<ul>"
        "<li>It does not show that nothing else happened: other entries of the book are not "
        "here, and other books are not seen.</li>"
        "<li>Times are those of the machine that wrote the entries.</li>"
        "<li>Reasons and names are what people typed; a signature proves a key, not a person.</li>";
    if (evidence_.records.empty() && !evidence_.quarantine.empty())
      out_ +=
          "<li>Quarantined records are listed without their bytes. Their number is proved; their "
          "rules and digests are the keeper's word until the records are handed over.</li>";
    out_ += "</ul>\n";
  }

  std::string slot(SlotId id) const { return slot_title(facts_.names, id); }

  void runs() {
    Table table({{"Run", "n"},
                 {"Pipeline", ""},
                 {"Version", "n"},
                 {"Asked for by", ""},
                 {"Started", "t"},
                 {"Ended", "t"},
                 {"Outcome", ""},
                 {"Entry", "n"}});
    each<RunStarted>([&](EntryIndex index, const Envelope& envelope, const RunStarted& e) {
      std::optional<Timestamp> ended;
      std::string_view outcome = "not in this slice";
      each<RunFinished>([&](EntryIndex, const Envelope& at, const RunFinished& finished) {
        if (finished.run != e.run) return;
        ended = at.recorded_at;
        outcome = word(finished.outcome);
      });
      const auto definition = static_cast<std::size_t>(e.definition);
      const bool known = definition < facts_.names.definitions.size();
      table.row({count(std::to_underlying(e.run)), plain(e.pipeline),
                 known ? count(facts_.names.definitions[definition].version) : plain(""),
                 plain(envelope.actor.principal), when(envelope.recorded_at),
                 ended ? when(*ended) : plain(""), plain(outcome), entry_cell(index)});
    });
    section("Runs", "", table);
  }

  void partitions() {
    Table table({{"Partition", ""},
                 {"Attempt", "n"},
                 {"Read", "n"},
                 {"Accepted", "n"},
                 {"Quarantined", "n"},
                 {"Filtered", "n"},
                 {"Merged", "n"},
                 {"Adds up", ""},
                 {"Loaded", "n"},
                 {"Entry", "n"}});
    each<AttemptStaged>([&](EntryIndex index, const Envelope&, const AttemptStaged& e) {
      std::optional<std::uint64_t> loaded;
      // What this attempt staged is loaded by the commit that follows it, before the next one.
      for (auto at = facts_.entries.upper_bound(index); at != facts_.entries.end(); ++at) {
        if (const auto* next = std::get_if<AttemptStaged>(&at->second.event);
            next != nullptr && next->slot == e.slot)
          break;
        if (const auto* commit = std::get_if<LoadCommitted>(&at->second.event);
            commit != nullptr && commit->slot == e.slot)
          loaded = commit->rows;
      }
      const RowCounts& n = e.counts;
      const bool sums = n.accepted + n.quarantined + n.filtered + n.merged == n.read;
      table.row({whole(slot(e.slot)), count(e.attempt), count(n.read), count(n.accepted),
                 count(n.quarantined), count(n.filtered), count(n.merged),
                 CellOf{sums ? "<span class=\"good\">yes</span>" : "<span class=\"bad\">NO</span>"},
                 loaded ? count(*loaded) : plain("not here"), entry_cell(index)});
    });
    section("What was read, and what became of it",
            "Every record that was read is accepted, quarantined, filtered or merged into another.",
            table);
    Table failures({{"Partition", ""},
                    {"Attempt", "n"},
                    {"Class", ""},
                    {"Code", ""},
                    {"What was wrong", ""},
                    {"When", "t"},
                    {"Entry", "n"}});
    each<AttemptFailed>([&](EntryIndex index, const Envelope& at, const AttemptFailed& e) {
      failures.row({whole(slot(e.slot)), count(e.attempt), plain(word(e.error)), code(e.code),
                    wide(e.detail), when(at.recorded_at), entry_cell(index)});
    });
    section("Attempts that failed", "", failures);
  }

  void quarantine() {
    Table table({{"Batch", "n"},
                 {"Partition", ""},
                 {"Records", "n"},
                 {"Rule", ""},
                 {"Of them", "n"},
                 {"Listed", ""},
                 {"Entry", "n"}});
    each<AttemptStaged>([&](EntryIndex index, const Envelope&, const AttemptStaged& e) {
      if (e.batch == no_batch) return;
      const std::string_view listed = evidence_.records.contains(e.batch)      ? "with bytes"
                                      : evidence_.quarantine.contains(e.batch) ? "without bytes"
                                                                               : "nothing is left";
      bool first = true;
      for (const RuleCount& rule : e.rules) {
        if (rule.rule.starts_with("step ")) continue;
        table.row({first ? count(std::to_underlying(e.batch)) : plain(""),
                   first ? whole(slot(e.slot)) : plain(""),
                   first ? count(e.counts.quarantined) : plain(""), code(rule.rule),
                   count(rule.rows), first ? plain(listed) : plain(""),
                   first ? entry_cell(index) : plain("")});
        first = false;
      }
    });
    section("Records set aside",
            "A record that breaks two rules counts under both. The files quarantine/*.jsonl name "
            "each record by source and row.",
            table);
    Table decisions({{"Decision", ""}, {"By", ""}, {"When", "t"}, {"Entry", "n"}});
    for (const auto& [index, entry] : facts_.entries)
      if (std::holds_alternative<RecordAmended>(entry.event) ||
          std::holds_alternative<RecordsReleased>(entry.event) ||
          std::holds_alternative<RecordsDiscarded>(entry.event) ||
          std::holds_alternative<HoldDecided>(entry.event))
        decisions.row({wide(sentence(facts_.names, entry.event)),
                       plain(entry.envelope.actor.principal), when(entry.envelope.recorded_at),
                       entry_cell(index)});
    section("What people decided about them", "", decisions);
  }

  void approvals() {
    Table table({{"Approval", "n"},
                 {"Of", ""},
                 {"Asked for by", ""},
                 {"Signed by", ""},
                 {"Key", ""},
                 {"Signature", ""},
                 {"When", "t"},
                 {"Entry", "n"}});
    each<ApprovalRequested>([&](EntryIndex index, const Envelope& asked,
                                const ApprovalRequested& e) {
      const std::string of =
          approval_subject(facts_.names, e.subject, e.slot, e.compensation, e.erasure);
      bool any = false;
      each<ApprovalGiven>([&](EntryIndex at, const Envelope& given, const ApprovalGiven& g) {
        if (g.approval != e.approval) return;
        any = true;
        const bool good = std::ranges::any_of(
            facts_.signatures, [&](const EvidenceFacts::Signed& one) { return one.at == at; });
        table.row({count(std::to_underlying(e.approval)), whole(of), plain(asked.actor.principal),
                   plain(g.approver), code(g.key_fingerprint),
                   CellOf{good ? "<span class=\"good\">good</span>"
                               : "<span class=\"bad\">its text is not here</span>"},
                   when(given.recorded_at), entry_cell(at)});
      });
      each<ApprovalRejected>([&](EntryIndex at, const Envelope& given, const ApprovalRejected& r) {
        if (r.approval != e.approval) return;
        any = true;
        table.row({count(std::to_underlying(e.approval)), whole(of), plain(asked.actor.principal),
                   plain(r.approver), plain(""), plain("rejected: " + r.reason),
                   when(given.recorded_at), entry_cell(at)});
      });
      if (!any)
        table.row({count(std::to_underlying(e.approval)), whole(of), plain(asked.actor.principal),
                   plain(""), plain(""), plain("none in this slice"), when(asked.recorded_at),
                   entry_cell(index)});
    });
    section("Approvals",
            "Each signature was checked over the text in approvals/. With OpenSSH alone: "
            "<code>ssh-keygen -Y verify -f allowed_signers -I NAME -n daybook -s approvals/N-0.sig "
            "&lt; approvals/N.txt</code>",
            table);
    for (const auto& [id, text] : evidence_.approvals)
      out_ +=
          fmt::format("<details><summary>Text of approval {}</summary><pre>{}</pre></details>\n",
                      id, escaped(text));
  }

  void compensations() {
    Table table(
        {{"Compensation", "n"}, {"What happened", ""}, {"By", ""}, {"When", "t"}, {"Entry", "n"}});
    for (const auto& [index, entry] : facts_.entries)
      std::visit(
          [&](const auto& e) {
            if constexpr (
                requires { e.compensation; } && !requires { e.approval; })
              table.row({count(std::to_underlying(e.compensation)), wide(sentence(facts_.names, e)),
                         plain(entry.envelope.actor.principal), when(entry.envelope.recorded_at),
                         entry_cell(index)});
          },
          entry.event);
    section("Loads taken back", "", table);
  }

  void erasures() {
    Table table({{"Erasure", "n"},
                 {"Policy", ""},
                 {"What left", ""},
                 {"Of entry", "n"},
                 {"Payload", ""},
                 {"Bytes", "n"}});
    each<ErasureProposed>([&](EntryIndex, const Envelope&, const ErasureProposed& e) {
      bool first = true;
      for (const ErasureItem& item : e.items) {
        std::string what = fmt::format("{} of {}", word(item.kind), slot(item.slot));
        if (item.kind != PayloadKind::input)
          what += item.records.empty() ? ", all records"
                                       : fmt::format(", {} record{}", item.records.size(),
                                                     item.records.size() == 1 ? "" : "s");
        table.row({first ? count(std::to_underlying(e.erasure)) : plain(""),
                   first ? plain(e.policy) : plain(""), plain(what), entry_cell(item.entry),
                   code(short_hex(item.payload.digest)), count(item.payload.bytes)});
        first = false;
      }
    });
    Table story({{"Erasure", "n"}, {"Receipt", ""}, {"By", ""}, {"When", "t"}, {"Entry", "n"}});
    for (const auto& [index, entry] : facts_.entries)
      std::visit(
          [&](const auto& e) {
            if constexpr (
                requires { e.erasure; } && !requires { e.approval; })
              story.row({count(std::to_underlying(e.erasure)), wide(sentence(facts_.names, e)),
                         plain(entry.envelope.actor.principal), when(entry.envelope.recorded_at),
                         entry_cell(index)});
          },
          entry.event);
    section("Erasures", "", story);
    if (!table.empty()) out_ += table.html();
  }

  void holds() {
    Table table({{"What happened", ""}, {"By", ""}, {"When", "t"}, {"Entry", "n"}});
    for (const auto& [index, entry] : facts_.entries)
      if (std::holds_alternative<LegalHoldPlaced>(entry.event) ||
          std::holds_alternative<LegalHoldReleased>(entry.event) ||
          std::holds_alternative<CommandRefused>(entry.event))
        table.row({wide(sentence(facts_.names, entry.event)), plain(entry.envelope.actor.principal),
                   when(entry.envelope.recorded_at), entry_cell(index)});
    section("Legal holds and refusals", "", table);
  }

  void definitions() {
    Table table({{"Definition", "n"},
                 {"Pipeline", ""},
                 {"Version", "n"},
                 {"Owner", ""},
                 {"Registered by", ""},
                 {"Digest", ""},
                 {"Entry", "n"}});
    each<DefinitionRegistered>(
        [&](EntryIndex index, const Envelope& at, const DefinitionRegistered& e) {
          table.row({count(std::to_underlying(e.definition)), plain(e.pipeline), count(e.version),
                     plain(e.owner), plain(at.actor.principal), code(hex(e.digest)),
                     entry_cell(index)});
        });
    section("Definitions", "Pipeline files and contracts as they ran stand in definitions/.",
            table);
  }

  void checkpoints() {
    Table table({{"Entries", "n"}, {"Root", ""}, {"State", ""}, {"Signed by", ""}, {"Entry", "n"}});
    each<CheckpointSigned>([&](EntryIndex index, const Envelope&, const CheckpointSigned& e) {
      std::string by = "its note is not here";
      if (const auto found = facts_.checkpoint_signers.find(e.size);
          found != facts_.checkpoint_signers.end()) {
        by.clear();
        for (const std::string& name : found->second) by += (by.empty() ? "" : ", ") + name;
      }
      table.row({count(e.size), code(short_hex(e.root)), code(short_hex(e.state_root)), plain(by),
                 entry_cell(index)});
    });
    section("Checkpoints", "The head of the book, signed after it was read again.", table);
  }

  void entries() {
    Table table({{"Entry", "n"}, {"When", "t"}, {"By", ""}, {"What", ""}});
    std::size_t shown = 0;
    for (const auto& [index, entry] : facts_.entries) {
      if (++shown > entries_shown_max) break;
      table.row({entry_cell(index), when(entry.envelope.recorded_at),
                 plain(entry.envelope.actor.principal), wide(sentence(facts_.names, entry.event))});
    }
    section("Entries",
            facts_.entries.size() > entries_shown_max
                ? fmt::format("The first {}; all of them stand in entries.jsonl.",
                              grouped(entries_shown_max))
                : std::string("All of them, with every field, stand in entries.jsonl."),
            table);
  }

  const Evidence& evidence_;
  const EvidenceFacts& facts_;
  std::string out_;
};

}  // namespace

std::string evidence_report(const Evidence& evidence, const EvidenceFacts& facts) {
  return Report(evidence, facts).page();
}

std::string evidence_readme(const Evidence& evidence, const EvidenceFacts& facts) {
  return fmt::format(
      "Evidence about {}\n"
      "Book {}, {} entries of {}, made {}\n\n"
      "Check it, with the log's key from somewhere else than this archive:\n\n"
      "    daybook-verify evidence.zip --key-file log.vkey\n\n"
      "manifest              digests of all files, signed by the book's key\n"
      "report.html           for people; made from the other files\n"
      "checkpoint            the signed head of the book (C2SP tlog-checkpoint)\n"
      "entries               number and bytes of each entry, base64\n"
      "entries.proof         the hashes that lead from these entries to the signed root\n"
      "entries.jsonl         the same entries with every field, for people and programs\n"
      "checkpoints/          checkpoints that these entries record, and their way to the head\n"
      "definitions/          pipeline files and contracts as they ran; .salt is of their digest\n"
      "approvals/            the exact texts that were approved, and their signatures:\n"
      "    ssh-keygen -Y verify -f allowed_signers -I NAME -n daybook -s approvals/N-0.sig < "
      "approvals/N.txt\n"
      "quarantine/           records that were set aside: source, row, rules, salted digest\n"
      "records/              their bytes, where they were asked for\n",
      evidence.about, facts.origin, facts.entries.size(), facts.head.size, evidence.made_at);
}

}  // namespace daybook
