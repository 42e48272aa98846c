#include "replay/evidence.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ledger/codec/event_codec.h"
#include "ledger/lines.h"
#include "ledger/merkle.h"
#include "ledger/slice_proof.h"
#include "ledger/ssh_signature.h"
#include "replay/evidence_names.h"
#include "replay/evidence_report.h"
#include "replay/log_keys.h"
#include "replay/sentences.h"
#include "replay/timestamps.h"

namespace daybook {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view slice_header = "daybook-slice-proof@v1";
constexpr std::string_view consistency_header = "daybook-consistency-proof@v1";

std::unexpected<EvidenceFault> fault(std::string path, std::string detail,
                                     EntryIndex entry = no_entry) {
  return std::unexpected(
      EvidenceFault{.path = std::move(path), .entry = entry, .detail = std::move(detail)});
}

// --- small forms
// ----------------------------------------------------------------------------------

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  return value;
}

std::optional<Digest> hash_of(std::string_view line) {
  const auto bytes = base64_decode(line);
  if (!bytes || bytes->size() != sizeof(Digest)) return std::nullopt;
  Digest hash;
  std::memcpy(hash.data(), bytes->data(), hash.size());
  return hash;
}
std::string hash_text(const Digest& hash) { return base64(std::as_bytes(std::span(hash))); }

std::string hashes_text(std::string_view header, std::span<const Digest> hashes) {
  std::string out(header);
  out += '\n';
  for (const Digest& hash : hashes) out += hash_text(hash) + '\n';
  return out;
}

Checked<std::vector<Digest>> hashes_in(const std::string& path, std::string_view text,
                                       std::string_view header) {
  if (take_line(text) != header) return fault(path, fmt::format("does not begin with {}", header));
  std::vector<Digest> out;
  while (!text.empty()) {
    const auto line = take_line(text);
    const auto hash = line ? hash_of(*line) : std::nullopt;
    if (!hash) return fault(path, fmt::format("line {} is no hash", out.size() + 2));
    out.push_back(*hash);
  }
  return out;
}

Checked<std::map<EntryIndex, std::string>> entries_in(std::string_view text) {
  std::map<EntryIndex, std::string> out;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = take_line(text);
    const std::size_t blank = line ? line->find(' ') : std::string_view::npos;
    const auto index =
        blank == std::string_view::npos ? std::nullopt : decimal(line->substr(0, blank));
    auto bytes = index ? base64_decode(line->substr(blank + 1)) : std::nullopt;
    if (!bytes) return fault("entries", fmt::format("line {} is no entry", number));
    if (!out.empty() && out.rbegin()->first >= *index)
      return fault("entries", fmt::format("line {} is out of order", number), *index);
    out.emplace(*index, std::move(*bytes));
  }
  return out;
}

bool salted(const SaltedText& text, const PayloadRef& ref) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text.salt))).update(bytes_of(text.text));
  return text.text.size() == ref.bytes && hash.finish() == ref.digest;
}

// --- the check
// ------------------------------------------------------------------------------------

class Check {
 public:
  Check(const Evidence& evidence, std::span<const NoteVerifier> logs, EvidenceFacts& facts)
      : evidence_(evidence), logs_(logs), facts_(facts), keys_(logs.begin(), logs.end()) {}

  Checked<void> run() {
    for (const auto step :
         {&Check::entries, &Check::log_keys, &Check::kept_checkpoints, &Check::timestamps,
          &Check::definitions, &Check::approvals, &Check::quarantine})
      if (const auto good = (this->*step)(); !good) return good;
    return {};
  }

 private:
  Checked<void> entries() {
    if (evidence_.entries.empty()) return fault("entries", "there is none");
    std::map<std::uint64_t, Digest> leaves;
    for (const auto& [index, bytes] : evidence_.entries)
      leaves.emplace(index, hash_leaf(bytes_of(bytes)));
    const auto root = slice_root(leaves, facts_.head.size, evidence_.path);
    if (!root || *root != facts_.head.root)
      return fault("entries.proof", "the entries are not those under the signed root");
    for (const auto& [index, bytes] : evidence_.entries) {
      const auto entry = decode(bytes_of(bytes));
      if (!entry) return fault("entries", entry.error().detail, index);
      if (!is_canonical(bytes_of(bytes)))
        return fault("entries", "the entry is not in canonical form", index);
      facts_.entries.emplace(index, *entry);
    }
    Names names(facts_.names, facts_.head);
    for (const auto& [index, entry] : facts_.entries)
      std::visit([&](const auto& e) { names.take(index, entry.envelope, e); }, entry.event);
    return {};
  }

  // What was signed before a key was replaced is shown as signed by the key of its time.
  Checked<void> log_keys() {
    for (auto* walk : {earlier_keys, follow_keys}) {
      const auto found = walk(logs_, evidence_.log_keys);
      if (!found) return fault("log-keys", found.error().detail);
      keys_.insert(keys_.end(), found->begin(), found->end());
    }
    return {};
  }

  Checked<void> timestamps() {
    for (const auto& [name, stamped] : evidence_.timestamps) {
      const std::string path = fmt::format("timestamps/{}", name);
      const auto head = stamped_head(stamped.first, stamped.second, keys_);
      if (!head) return fault(path + ".tsr", head.error().detail);
      const auto place = parse_timestamp_name(name);
      if (!place || place->first != head->size)
        return fault(path + ".checkpoint", "is another checkpoint than its name says");
      const auto kept = roots_.find(head->size);
      const bool stands =
          *head == facts_.head || (kept != roots_.end() && kept->second == head->root);
      if (!stands) return fault(path + ".checkpoint", "is none of the checkpoints that are here");
    }
    return {};
  }

  Checked<void> kept_checkpoints() {
    for (const auto& [size, kept] : evidence_.checkpoints) {
      const std::string path = fmt::format("checkpoints/{}", size);
      const auto note = parse_note(kept.note);
      if (!note) return fault(path, note.error().detail);
      const auto by = verify_note(*note, keys_);
      if (!by) return fault(path, by.error().detail);
      const auto checkpoint = parse_checkpoint(note->text);
      if (!checkpoint) return fault(path, checkpoint.error().detail);
      if (checkpoint->origin != facts_.origin || checkpoint->head.size != size)
        return fault(path, "is another checkpoint than its name says");
      if (size > facts_.head.size ||
          !verify_consistency(size, checkpoint->head.root, facts_.head.size, facts_.head.root,
                              kept.consistency))
        return fault(path + ".consistency", "does not lead to the signed head");
      for (const VerifiedSignature& signature : *by)
        facts_.checkpoint_signers[size].push_back(signature.by.name);
      roots_[size] = checkpoint->head.root;
      const bool recorded = std::ranges::any_of(facts_.entries, [&](const auto& one) {
        const auto* event = std::get_if<CheckpointSigned>(&one.second.event);
        return event != nullptr && event->size == size && event->root == checkpoint->head.root;
      });
      if (!recorded) return fault(path, "is recorded by none of the entries");
    }
    return {};
  }

  template <typename E>
  std::vector<std::pair<EntryIndex, const E*>> all() const {
    std::vector<std::pair<EntryIndex, const E*>> out;
    for (const auto& [index, entry] : facts_.entries)
      if (const auto* event = std::get_if<E>(&entry.event)) out.emplace_back(index, event);
    return out;
  }

  Checked<void> definitions() {
    std::map<DefinitionId, PayloadRef> known;
    for (const auto& [index, e] : all<DefinitionRegistered>()) known[e->definition] = e->files;
    for (const auto& [id, text] : evidence_.definitions) {
      const std::string path = fmt::format("definitions/{}.json", id);
      const auto found = known.find(id);
      if (found == known.end()) return fault(path, "is named by none of the entries");
      if (!salted(text, found->second))
        return fault(path, "is not the definition that the book registered");
    }
    return {};
  }

  // Each signature, over exactly the text that was asked for, by the key enrolled then.
  Checked<void> approvals() {
    struct Asked {
      const ApprovalRequested* event;
      std::string by;
    };
    std::map<ApprovalId, Asked> asked;
    std::map<std::string, std::string> keys;  // as enrolled so far
    for (const auto& [index, entry] : facts_.entries) {
      if (const auto* e = std::get_if<ApprovalRequested>(&entry.event)) {
        asked[e->approval] = {e, entry.envelope.actor.principal};
        const auto text = evidence_.approvals.find(e->approval);
        if (text == evidence_.approvals.end())
          facts_.unsigned_texts.insert(e->approval);
        else if (sha256(bytes_of(text->second)) != e->digest)
          return fault(fmt::format("approvals/{}.txt", e->approval),
                       "is not the text whose digest was asked for", index);
      } else if (const auto* enrolled = std::get_if<PrincipalEnrolled>(&entry.event)) {
        keys[enrolled->principal] = enrolled->public_key;
      } else if (const auto* given = std::get_if<ApprovalGiven>(&entry.event)) {
        const auto request = asked.find(given->approval);
        if (request == asked.end())
          return fault("entries", "an approval is given, and its request is not here", index);
        if (facts_.unsigned_texts.contains(given->approval)) continue;
        if (const auto good = signature(index, *given, keys); !good) return good;
      }
    }
    for (const auto& [id, text] : evidence_.approvals)
      if (!asked.contains(id))
        return fault(fmt::format("approvals/{}.txt", id), "was asked for by none of the entries");
    return {};
  }

  Checked<void> signature(EntryIndex index, const ApprovalGiven& given,
                          const std::map<std::string, std::string>& keys) {
    const auto key = keys.find(given.approver);
    if (key == keys.end())
      return fault("entries", fmt::format("{} signs, and was not enrolled before", given.approver),
                   index);
    const auto signer =
        verify_ssh_signature(given.signature, evidence_.approvals.at(given.approval), "daybook");
    if (!signer) return fault("entries", "a signature: " + signer.error().detail, index);
    const auto enrolled = parse_ssh_public_key(key->second);
    if (!enrolled || *enrolled != *signer)
      return fault("entries",
                   fmt::format("{} was signed with another key than that of {}",
                               fmt::format("approval {}", given.approval), given.approver),
                   index);
    facts_.signatures.push_back({.approval = given.approval,
                                 .approver = given.approver,
                                 .fingerprint = signer->fingerprint,
                                 .signature = given.signature,
                                 .at = index});
    return {};
  }

  // What a batch's payload may be: as it was kept first, or what an erasure left of it.
  std::map<BatchId, std::vector<PayloadRef>> payloads() const {
    std::map<BatchId, std::vector<PayloadRef>> out;
    for (const auto& [index, e] : all<AttemptStaged>())
      if (e->batch != no_batch) out[e->batch].push_back(e->quarantine);
    for (const auto& [index, e] : all<ErasureProposed>())
      for (const ErasureItem& item : e->items)
        if (item.kind == PayloadKind::quarantine && item.replacement.bytes > 0)
          out[item.batch].push_back(item.replacement);
    return out;
  }

  Checked<void> quarantine() {
    std::map<BatchId, const AttemptStaged*> staged;
    for (const auto& [index, e] : all<AttemptStaged>())
      if (e->batch != no_batch) staged[e->batch] = e;
    const auto known = payloads();
    for (const auto& [id, text] : evidence_.records) {
      const std::string path = fmt::format("records/{}.jsonl", id);
      const auto refs = known.find(id);
      if (refs == known.end() || !staged.contains(id) ||
          std::ranges::none_of(refs->second,
                               [&](const PayloadRef& ref) { return salted(text, ref); }))
        return fault(path, "is not what the book kept of this batch");
      const auto listing = quarantine_listing(text, *staged.at(id));
      if (!listing) return fault(path, listing.error().detail);
      const auto listed = evidence_.quarantine.find(id);
      if (listed == evidence_.quarantine.end() || listed->second != *listing)
        return fault(fmt::format("quarantine/{}.jsonl", id), "does not list these records");
    }
    for (const auto& [id, listing] : evidence_.quarantine) {
      const std::string path = fmt::format("quarantine/{}.jsonl", id);
      const auto of = staged.find(id);
      if (of == staged.end()) return fault(path, "is of a batch that none of the entries tells of");
      if (const auto good = listed(path, listing, *of->second); !good) return good;
    }
    return {};
  }

  // As many records, and as many under each rule, as the entry counts.
  static Checked<void> listed(const std::string& path, std::string_view text,
                              const AttemptStaged& staged) {
    std::map<std::string, std::uint64_t> rules;
    std::uint64_t count = 0;
    for (; !text.empty(); ++count) {
      const auto line = take_line(text);
      const auto json = line ? Json::parse(*line, nullptr, false) : Json();
      if (!json.is_object() || !json.contains("record") || json["record"] != count ||
          !json.contains("rules") || !json["rules"].is_array())
        return fault(path, fmt::format("line {} is no record", count + 1));
      std::set<std::string> once;
      for (const Json& rule : json["rules"])
        if (rule.is_string()) once.insert(rule.get<std::string>());
      for (const std::string& rule : once) ++rules[rule];
    }
    if (count != staged.counts.quarantined)
      return fault(path, fmt::format("lists {} records, the book counts {}", count,
                                     staged.counts.quarantined));
    for (const RuleCount& rule : staged.rules)
      if (const auto found = rules.find(rule.rule);
          found != rules.end() && found->second > rule.rows)
        return fault(path, fmt::format("lists {} records under {}, the book counts {}",
                                       found->second, rule.rule, rule.rows));
    return {};
  }

  const Evidence& evidence_;
  const std::span<const NoteVerifier> logs_;
  EvidenceFacts& facts_;
  std::vector<NoteVerifier> keys_;      // the logs', and those before and after them
  std::map<EntryIndex, Digest> roots_;  // of kept checkpoints
};

std::string signature_name(ApprovalId approval, std::size_t number) {
  return fmt::format("approvals/{}-{}.sig", approval, number);
}

}  // namespace

Result<std::string> quarantine_listing(const SaltedText& records, const AttemptStaged& staged) {
  std::string out;
  std::string_view rest = records.text;
  for (std::uint32_t number = 0; !rest.empty(); ++number) {
    const auto line = take_line(rest);
    const auto record = line ? nlohmann::json::parse(*line, nullptr, false) : nlohmann::json();
    const auto has = [&](const char* key) { return record.contains(key); };
    if (!record.is_object() || !has("input") || !record["input"].is_number_unsigned() ||
        !has("row") || !record["row"].is_number_unsigned() || !has("violations") ||
        !record["violations"].is_array())
      return fail(Error::Code::corrupt, "record {} can not be read", number);
    const auto input = record["input"].get<std::uint64_t>();
    Json rules = Json::array();
    bool silent = true;  // an erased record keeps its rules and neither bytes nor messages
    for (const auto& violation : record["violations"]) {
      if (!violation.is_object() || !violation.contains("rule") || !violation["rule"].is_string())
        return fail(Error::Code::corrupt, "record {} can not be read", number);
      rules.push_back(violation["rule"].get<std::string>());
      silent = silent && violation.value("message", "") == "";
    }
    const bool erased = silent && has("bytes") && record["bytes"] == "";
    Sha256 hash;
    hash.update(std::as_bytes(std::span(records.salt))).update(bytes_of(*line));
    const Json listed = {
        {"record", number},
        {"source", input < staged.files.size() ? Json(staged.files[input].name) : Json()},
        {"row", record["row"].get<std::uint64_t>()},
        {"rules", std::move(rules)},
        {"erased", erased},
        {"sha256", hex(hash.finish())}};
    out += listed.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  }
  return out;
}

Checked<EvidenceFacts> check_evidence(const Evidence& evidence, const std::string& origin,
                                      const TreeHead& head, std::span<const NoteVerifier> logs) {
  EvidenceFacts facts;
  facts.origin = origin;
  facts.head = head;
  if (const auto good = Check(evidence, logs, facts).run(); !good)
    return std::unexpected(good.error());
  return facts;
}

StoredFiles files_of(const Evidence& evidence, const EvidenceFacts& facts) {
  StoredFiles files;
  files["checkpoint"] = evidence.checkpoint;
  std::string entries, lines, signers;
  for (const auto& [index, bytes] : evidence.entries)
    entries += fmt::format("{} {}\n", index, base64(bytes_of(bytes)));
  files["entries"] = std::move(entries);
  files["entries.proof"] = hashes_text(slice_header, evidence.path);
  for (const auto& [size, kept] : evidence.checkpoints) {
    files[fmt::format("checkpoints/{}", size)] = kept.note;
    files[fmt::format("checkpoints/{}.consistency", size)] =
        hashes_text(consistency_header, kept.consistency);
  }
  const auto with_salt = [&](const std::string& stem, const std::string& end,
                             const SaltedText& text) {
    files[stem + end] = text.text;
    files[stem + ".salt"] = hash_text(text.salt) + '\n';
  };
  for (const auto& [id, text] : evidence.definitions)
    with_salt(fmt::format("definitions/{}", id), ".json", text);
  for (const auto& [id, text] : evidence.records)
    with_salt(fmt::format("records/{}", id), ".jsonl", text);
  for (const auto& [name, stamped] : evidence.timestamps) {
    files[fmt::format("timestamps/{}.checkpoint", name)] = stamped.first;
    files[fmt::format("timestamps/{}.tsr", name)] = stamped.second;
  }
  if (!evidence.log_keys.empty()) files["log-keys"] = evidence.log_keys;
  for (const auto& [id, text] : evidence.approvals)
    files[fmt::format("approvals/{}.txt", id)] = text;
  for (const auto& [id, text] : evidence.quarantine)
    files[fmt::format("quarantine/{}.jsonl", id)] = text;

  for (const auto& [index, entry] : facts.entries) {
    Json json = Json::parse(entry_json(entry, index));
    json["sentence"] = sentence(facts.names, entry.event);
    lines += json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
    if (const auto* e = std::get_if<PrincipalEnrolled>(&entry.event))
      signers += fmt::format("{} namespaces=\"daybook\" {}\n", e->principal, e->public_key);
  }
  files["entries.jsonl"] = std::move(lines);
  if (!signers.empty()) files["allowed_signers"] = std::move(signers);
  std::map<ApprovalId, std::size_t> numbers;
  for (const EvidenceFacts::Signed& one : facts.signatures)
    files[signature_name(one.approval, numbers[one.approval]++)] = one.signature;
  files["README.txt"] = evidence_readme(evidence, facts);
  files["report.html"] = evidence_report(evidence, facts);
  return files;
}

std::string manifest_text(const Evidence& evidence, const std::string& origin,
                          const StoredFiles& files) {
  std::string out = fmt::format("{}\n{}\nabout {}\nmade {}\n", manifest_header, origin,
                                evidence.about, evidence.made_at);
  for (const auto& [name, content] : files)
    out += fmt::format("sha256:{} {} {}\n", hex(sha256(bytes_of(content))), content.size(), name);
  return out;
}

Checked<Evidence> parse_evidence(const StoredFiles& files, const std::string& manifest) {
  Evidence out;
  std::string_view rest = manifest;
  const std::string where(manifest_name);
  if (take_line(rest) != manifest_header) return fault(where, "is no manifest of evidence");
  if (!take_line(rest)) return fault(where, "names no book");
  const auto about = take_line(rest), made = take_line(rest);
  if (!about || !about->starts_with("about ") || !made || !made->starts_with("made "))
    return fault(where, "does not say what it is about, and when it was made");
  out.about = about->substr(6);
  out.made_at = made->substr(5);

  bool checkpoint = false, entries = false, proof = false;
  const auto numbered = [](std::string_view name, std::string_view folder, std::string_view end) {
    if (!name.starts_with(folder) || !name.ends_with(end) ||
        name.size() < folder.size() + end.size())
      return std::optional<std::uint64_t>();
    return decimal(name.substr(folder.size(), name.size() - folder.size() - end.size()));
  };
  const auto id32 = [](std::uint64_t number) { return static_cast<std::uint32_t>(number); };
  for (const auto& [name, content] : files) {
    std::optional<std::uint64_t> number;
    if (name == "manifest" || name == "README.txt" || name == "report.html" ||
        name == "entries.jsonl" || name == "allowed_signers")
      continue;
    if (name.starts_with("approvals/") && name.ends_with(".sig")) continue;
    if (name == "checkpoint") {
      out.checkpoint = content;
      checkpoint = true;
    } else if (name == "entries") {
      auto parsed = entries_in(content);
      if (!parsed) return std::unexpected(parsed.error());
      out.entries = std::move(*parsed);
      entries = true;
    } else if (name == "entries.proof") {
      auto hashes = hashes_in(name, content, slice_header);
      if (!hashes) return std::unexpected(hashes.error());
      out.path = std::move(*hashes);
      proof = true;
    } else if (name == "log-keys") {
      if (content.empty()) return fault(name, "is empty");
      out.log_keys = content;
    } else if (name.starts_with("timestamps/")) {
      const std::string file = name.substr(11);
      const std::string stem = file.substr(0, file.find('.'));
      const bool note = file == stem + ".checkpoint";
      if ((!note && file != stem + ".tsr") || !parse_timestamp_name(stem))
        return fault(name, "does not belong into evidence");
      (note ? out.timestamps[stem].first : out.timestamps[stem].second) = content;
    } else if ((number = numbered(name, "checkpoints/", ".consistency"))) {
      auto hashes = hashes_in(name, content, consistency_header);
      if (!hashes) return std::unexpected(hashes.error());
      out.checkpoints[*number].consistency = std::move(*hashes);
    } else if ((number = numbered(name, "checkpoints/", ""))) {
      out.checkpoints[*number].note = content;
    } else if ((number = numbered(name, "definitions/", ".json"))) {
      out.definitions[DefinitionId{id32(*number)}].text = content;
    } else if ((number = numbered(name, "records/", ".jsonl"))) {
      out.records[BatchId{id32(*number)}].text = content;
    } else if ((number = numbered(name, "approvals/", ".txt"))) {
      out.approvals[ApprovalId{id32(*number)}] = content;
    } else if ((number = numbered(name, "quarantine/", ".jsonl"))) {
      out.quarantine[BatchId{id32(*number)}] = content;
    } else if (name.ends_with(".salt")) {
      const auto salt = content.ends_with('\n')
                            ? hash_of(std::string_view(content).substr(0, content.size() - 1))
                            : std::nullopt;
      if (!salt) return fault(name, "is no salt");
      if ((number = numbered(name, "definitions/", ".salt")))
        out.definitions[DefinitionId{id32(*number)}].salt = *salt;
      else if ((number = numbered(name, "records/", ".salt")))
        out.records[BatchId{id32(*number)}].salt = *salt;
      else
        return fault(name, "does not belong into evidence");
    } else {
      return fault(name, "does not belong into evidence");
    }
  }
  if (!checkpoint) return fault("checkpoint", "is not there");
  if (!entries) return fault("entries", "is not there");
  if (!proof) return fault("entries.proof", "is not there");
  return out;
}

}  // namespace daybook
