// The two files of a bundle that are made from the others: for people, and for provenance tools.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "ledger/codec/event_codec.h"
#include "replay/proof_bundle.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

// Without control characters, and cut: what stands in a proof may be of any size.
std::string shown(std::string_view text, std::size_t limit = 400) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (out.size() >= limit) return out + "...";
    if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

std::string subject_of(const ProvenFacts& facts) {
  return facts.quarantined ? fmt::format("quarantined record {} of {}", facts.index, facts.count)
                           : fmt::format("output row {} of {}", facts.index, facts.count);
}

std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string proof_readme(const ProvenFacts& facts) {
  std::string out = fmt::format(
      "PROOF OF ONE {}\n\n"
      "book         {}\n"
      "checkpoint   {} entries, root sha256:{}\n"
      "dataset      {}, partition {} (pipeline {} version {})\n"
      "attempt      {} of run {}, entry {}, {}\n"
      "subject      {}, counted from 0\n",
      facts.quarantined ? "QUARANTINED RECORD" : "ROW", facts.origin, facts.head.size,
      hex(facts.head.root), shown(facts.sink), shown(facts.partition), shown(facts.pipeline),
      facts.version, facts.attempt, uuid_text(facts.run), facts.staged_at,
      iso_time(facts.staged_time), subject_of(facts));
  if (facts.quarantined) {
    out += "\nThe record, where it stood, and the rules it broke:\n\n  " +
           shown(facts.line, 4'000) + "\n";
  } else {
    std::size_t width = 0;
    for (const ProvenFacts::Value& value : facts.values)
      width = std::max(width, value.column.size());
    out += "\nThe row:\n\n";
    for (const ProvenFacts::Value& value : facts.values)
      out += fmt::format("  {:<{}}  {}\n", shown(value.column), width,
                         value.text ? shown(*value.text) : "(null)");
  }
  out += "\nPROVED, by the bytes in this bundle and the key of the checkpoint\n\n";
  out += fmt::format(
      "- The book's signed checkpoint covers the entries in entries/, byte for byte.\n"
      "- The attempt committed to exactly this {} at this position among {}.\n",
      facts.quarantined ? "record" : "row, with these column names and types,", facts.count);
  for (const ProvenFacts::Record& record : facts.records) {
    if (record.whole_file)
      out += fmt::format(
          "- It committed to the file {} with SHA-256 {}, of {} records; number\n"
          "  {} is named, and the file shows it.\n",
          shown(record.file), hex(record.file_digest), record.count, record.number);
    else
      out += fmt::format("- It read this as record {} of {} of {}:\n    {}\n", record.number,
                         record.count, shown(record.file), shown(record.text, 4'000));
  }
  out +=
      "- definition.json holds the pipeline and the contracts that the run was started with.\n"
      "- The attempt counted its records: " +
      fmt::format("{} read = {} accepted + {} quarantined + {} filtered\n  + {} merged.\n",
                  facts.counts.read, facts.counts.accepted, facts.counts.quarantined,
                  facts.counts.filtered, facts.counts.merged);
  if (facts.committed_at != no_entry)
    out += fmt::format("- It was loaded as generation {} (entry {}, {}){}.\n", facts.generation,
                       facts.committed_at, iso_time(facts.committed_time),
                       facts.verified_at != no_entry ? " and read back" : "");
  out += "\nNOT PROVED\n\n";
  if (facts.committed_at == no_entry && !facts.quarantined)
    out += "- That it was loaded: the book did not say so when this was made.\n";
  if (!facts.quarantined && facts.records.empty())
    out +=
        "- Which source records it was made from: they were left out, a merge kept the row, or a\n"
        "  query made it.\n";
  if (!facts.quarantined && !facts.records.empty())
    out +=
        "- That the definition makes this row of these records. Who has the inputs shows it by\n"
        "  doing the partition again, which gives the same root: daybook trace, daybook replay.\n";
  out +=
      "- That the entries are a lawful history: daybook-verify replays a whole exported book.\n"
      "- That this is the only book its keeper signed: witnesses do, where the policy asks for "
      "them.\n"
      "- That the source said the truth, or that the row is still in the target today.\n"
      "- Anything about other rows: their hashes are salted, and tell nothing.\n\n"
      "CHECK IT\n\n"
      "  daybook-verify proof.zip --key-file log.vkey      or   python3 verify_row.py proof.zip "
      "...\n"
      "  Each entries/<n>.tlog-proof is a https://c2sp.org/tlog-proof@v1 of entries/<n>.\n";
  return out;
}

std::string proof_prov(const ProvenFacts& facts) {
  const auto id = [](std::string_view kind, const auto& name) {
    return fmt::format("daybook:{}/{}", kind, name);
  };
  const std::string subject = id(facts.quarantined ? "quarantined" : "row",
                                 fmt::format("{}-{}", facts.staged_at, facts.index));
  const std::string attempt = id("attempt", facts.staged_at),
                    definition = id("definition", hex(facts.definition)),
                    generation = id("generation", facts.committed_at);
  // Each part on its own: an ordered object moves its members when it grows.
  Json entities = Json::object(), used = Json::object(), derived = Json::object(),
       members = Json::object();
  Json it = {{"prov:type", facts.quarantined ? "daybook:QuarantinedRecord" : "daybook:Row"},
             {"daybook:index", facts.index},
             {"daybook:count", facts.count}};
  if (facts.quarantined) it["prov:value"] = facts.line;
  for (const ProvenFacts::Value& value : facts.values)
    it["daybook:column/" + value.column] = value.text ? Json(*value.text) : Json();
  entities[subject] = std::move(it);
  entities[definition] = {{"prov:type", "prov:Plan"},
                          {"daybook:pipeline", facts.pipeline},
                          {"daybook:version", facts.version}};
  used["_:plan"] = {{"prov:activity", attempt}, {"prov:entity", definition}};
  for (const ProvenFacts::Record& record : facts.records) {
    const std::string place = fmt::format("{}-{}", record.input, record.number);
    const std::string source = id("record", place), file = id("file", hex(record.file_digest));
    entities[file] = {{"prov:label", record.file}, {"daybook:records", record.count}};
    Json one = {{"prov:type", "daybook:Record"}, {"daybook:number", record.number}};
    if (!record.whole_file) one["prov:value"] = record.text;
    entities[source] = std::move(one);
    used["_:used-" + place] = {{"prov:activity", attempt}, {"prov:entity", source}};
    derived["_:from-" + place] = {
        {"prov:generatedEntity", subject}, {"prov:usedEntity", source}, {"prov:activity", attempt}};
    members["_:of-" + place] = {{"prov:collection", file}, {"prov:entity", source}};
  }
  if (facts.committed_at != no_entry) {
    entities[generation] = {{"prov:type", "prov:Collection"},
                            {"daybook:sink", facts.sink},
                            {"daybook:generation", facts.generation},
                            {"prov:generatedAtTime", iso_time(facts.committed_time)}};
    if (!facts.quarantined)
      members["_:loaded"] = {{"prov:collection", generation}, {"prov:entity", subject}};
  }
  Json prov;
  prov["prefix"] = {{"daybook", "tag:" + facts.origin + "/"},
                    {"prov", "http://www.w3.org/ns/prov#"},
                    {"xsd", "http://www.w3.org/2001/XMLSchema#"}};
  prov["entity"] = std::move(entities);
  prov["activity"][attempt] = {{"prov:endTime", iso_time(facts.staged_time)},
                               {"daybook:run", uuid_text(facts.run)},
                               {"daybook:attempt", facts.attempt},
                               {"daybook:partition", facts.partition},
                               {"daybook:engine", hex(facts.engine)}};
  prov["wasGeneratedBy"]["_:made"] = {{"prov:entity", subject}, {"prov:activity", attempt}};
  prov["used"] = std::move(used);
  if (!derived.empty()) prov["wasDerivedFrom"] = std::move(derived);
  if (!members.empty()) prov["hadMember"] = std::move(members);
  return dumped(prov);
}

}  // namespace daybook
