#include "replay/proof_bundle.h"

#include <charconv>
#include <cstring>

#include "ledger/codec/event_codec.h"
#include "ledger/lines.h"
#include "ledger/merkle.h"
#include "replay/row_text.h"

namespace daybook {
namespace {

constexpr std::string_view leaf_header = "daybook-leaf-proof@v1";
constexpr std::string_view proof_header = "c2sp.org/tlog-proof@v1";
constexpr std::string_view proof_suffix = ".proof", entry_suffix = ".tlog-proof";

std::unexpected<BundleFault> refuse(std::string path, std::string detail,
                                    EntryIndex entry = no_entry) {
  return std::unexpected(BundleFault{std::move(path), entry, std::move(detail)});
}

// Decimal without leading zeros, below 2^63.
std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      value >> 63 != 0 || (text.size() > 1 && text[0] == '0'))
    return std::nullopt;
  return value;
}

template <typename T>
bool parse_base64(std::string_view text, T& out) {
  const auto bytes = base64_decode(text);
  if (!bytes || bytes->size() != out.size()) return false;
  std::memcpy(out.data(), bytes->data(), out.size());
  return true;
}

template <typename T>
std::string base64_of(const T& bytes) {
  return base64(std::as_bytes(std::span(bytes)));
}

std::string text_of(const BundleLeaf& leaf) {
  std::string out = fmt::format("{}\nindex {}\ncount {}\nsalt {}\n", leaf_header, leaf.index,
                                leaf.count, base64_of(leaf.salt));
  for (const Digest& hash : leaf.path) out += base64_of(hash) + "\n";
  return out;
}

bool parse_leaf(std::string_view text, BundleLeaf& leaf) {
  if (take_line(text) != leaf_header) return false;
  const auto number = [&](std::string_view word, std::uint64_t& out) {
    const auto line = take_line(text);
    if (!line || !line->starts_with(word)) return false;
    const auto value = parse_decimal(line->substr(word.size()));
    out = value.value_or(0);
    return value.has_value();
  };
  if (!number("index ", leaf.index) || !number("count ", leaf.count)) return false;
  const auto salt = take_line(text);
  if (!salt || !salt->starts_with("salt ") || !parse_base64(salt->substr(5), leaf.salt))
    return false;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (!line || leaf.path.size() == proof_hashes_max ||
        !parse_base64(*line, leaf.path.emplace_back()))
      return false;
  }
  return true;
}

std::string record_path(std::uint32_t input, std::uint64_t number) {
  return fmt::format("records/{}-{}", input, number);
}

class Check {
 public:
  Check(const ProofBundle& bundle, const std::string& origin, const TreeHead& head)
      : bundle_(bundle) {
    facts_.origin = origin;
    facts_.head = head;
  }

  std::expected<ProvenFacts, BundleFault> run() {
    for (const auto step : {&Check::read_entries, &Check::read_definition, &Check::read_records,
                            &Check::read_subject})
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    return std::move(facts_);
  }

 private:
  using Done = std::expected<void, BundleFault>;

  // Every entry is under the head, and they are those of one attempt: one of each kind.
  Done read_entries() {
    std::optional<RunStarted> run;
    std::optional<SlotOpened> slot;
    std::optional<LoadIntended> intended;
    std::optional<LoadCommitted> committed;
    std::optional<LoadVerified> verified;
    for (const auto& [index, entry] : bundle_.entries) {
      const std::string path = fmt::format("entries/{}", index);
      if (auto under = is_under_head(index, entry, path + std::string(entry_suffix)); !under)
        return under;
      const auto decoded = decode(bytes_of(entry.bytes));
      if (!decoded) return refuse(path, decoded.error().detail, index);
      bool expected = true, first = true;
      std::visit(
          [&]<typename E>(const E& event) {
            const auto take = [&](auto& into) {
              first = !into.has_value();
              into = event;
            };
            if constexpr (std::is_same_v<E, AttemptStaged>) {
              take(staged_);
              facts_.staged_at = index;
              facts_.staged_time = decoded->envelope.recorded_at;
            } else if constexpr (std::is_same_v<E, RunStarted>) {
              take(run);
            } else if constexpr (std::is_same_v<E, DefinitionRegistered>) {
              take(definition_);
              definition_at_ = index;
            } else if constexpr (std::is_same_v<E, SlotOpened>) {
              take(slot);
            } else if constexpr (std::is_same_v<E, LoadIntended>) {
              take(intended);
              facts_.intended_at = index;
            } else if constexpr (std::is_same_v<E, LoadCommitted>) {
              take(committed);
              facts_.committed_at = index;
              facts_.committed_time = decoded->envelope.recorded_at;
            } else if constexpr (std::is_same_v<E, LoadVerified>) {
              take(verified);
              facts_.verified_at = index;
            } else {
              expected = false;
            }
          },
          decoded->event);
      if (!expected) return refuse(path, "no entry that a proof of a row needs", index);
      if (!first) return refuse(path, "a second entry of this kind", index);
    }
    if (!staged_ || !run || !definition_ || !slot)
      return refuse("entries", "the entries of run, definition, partition and attempt are needed");
    if (run->run != staged_->run || run->definition != definition_->definition ||
        slot->slot != staged_->slot || slot->pipeline != definition_->pipeline)
      return refuse("entries", "they are not of one attempt", facts_.staged_at);
    if (intended &&
        (intended->slot != staged_->slot || intended->run != staged_->run ||
         intended->attempt != staged_->attempt || intended->content != staged_->content))
      return refuse("entries", "the load is not of this attempt", facts_.intended_at);
    if ((committed && (!intended || committed->load_id != intended->load_id)) ||
        (verified && (!committed || verified->load_id != intended->load_id)))
      return refuse("entries", "they are not of one load", facts_.intended_at);
    facts_.pipeline = slot->pipeline;
    facts_.sink = slot->sink;
    facts_.partition = slot->partition;
    facts_.version = definition_->version;
    facts_.definition = definition_->digest;
    facts_.engine = run->engine;
    facts_.run = run->uuid;
    facts_.attempt = staged_->attempt;
    facts_.counts = staged_->counts;
    facts_.generation = intended ? intended->generation : 0;
    return {};
  }

  Done is_under_head(EntryIndex index, const ProofBundle::ProvenEntry& entry,
                     const std::string& path) {
    std::string_view text = entry.proof;
    const auto bad = [&](std::string_view what) { return refuse(path, std::string(what), index); };
    if (take_line(text) != proof_header)
      return bad("the first line is not that of a tlog-proof@v1");
    if (take_line(text) != fmt::format("index {}", index)) return bad("bad index line");
    std::vector<Digest> hashes;
    auto line = take_line(text);
    for (; line && !line->empty(); line = take_line(text))
      if (hashes.size() == proof_hashes_max || !parse_base64(*line, hashes.emplace_back()))
        return bad("bad hash line");
    if (!line) return bad("no blank line before the checkpoint");
    if (text != bundle_.checkpoint) return bad("is under another checkpoint");
    if (!verify_inclusion(hash_leaf(bytes_of(entry.bytes)), index, facts_.head.size, hashes,
                          facts_.head.root))
      return bad("the entry is not the one at this index under the signed root");
    return {};
  }

  Done read_definition() {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(bundle_.definition_salt)));
    if (hash.update(bytes_of(bundle_.definition)).finish() != definition_->files.digest ||
        bundle_.definition.size() != definition_->files.bytes)
      return refuse("definition.json", "is not what the book registered", definition_at_);
    return {};
  }

  Done is_committed(const BundleLeaf& leaf, std::string_view context, std::uint64_t count,
                    const Digest& root, const std::string& path) {
    if (leaf.count != count)
      return refuse(path + std::string(proof_suffix),
                    fmt::format("counts {} leaves, the book says {}", leaf.count, count),
                    facts_.staged_at);
    if (!verify_inclusion(salted_leaf(context, leaf.salt, bytes_of(leaf.bytes)), leaf.index, count,
                          leaf.path, root))
      return refuse(path, "is not the one at this index under the committed root",
                    facts_.staged_at);
    return {};
  }

  Done read_records() {
    for (const auto& [place, leaf] : bundle_.records) {
      const auto& [input, number] = place;
      const std::string path = record_path(input, number);
      if (input >= staged_->files.size() || number == 0)
        return refuse(path, "the attempt read no such record", facts_.staged_at);
      const InputFile& file = staged_->files[input];
      ProvenFacts::Record record{.file = file.name,
                                 .file_digest = file.digest,
                                 .input = input,
                                 .number = number,
                                 .count = file.records,
                                 .text = leaf.bytes};
      if (number > file.records) return refuse(path, "the file has no such record");
      // Of Parquet one leaf stands for the file: its digest binds every record at its number.
      const std::string_view digest(reinterpret_cast<const char*>(file.digest.data()),
                                    file.digest.size());
      record.whole_file = leaf.bytes == digest && leaf.count == 1 && leaf.path.empty();
      const std::uint64_t count = record.whole_file ? 1 : file.records;
      if (record.whole_file) record.text.clear();
      if (leaf.index != (record.whole_file ? 0 : number - 1))
        return refuse(path + std::string(proof_suffix), "is of another record");
      if (auto done = is_committed(leaf, record_context, count, file.record_root, path); !done)
        return done;
      facts_.records.push_back(std::move(record));
    }
    return {};
  }

  Done read_subject() {
    if (bundle_.row.has_value() == bundle_.quarantined.has_value())
      return refuse("row", "a bundle is about one row or one quarantined record");
    const BundleLeaf& leaf = bundle_.row ? *bundle_.row : *bundle_.quarantined;
    facts_.index = leaf.index;
    facts_.count = leaf.count;
    facts_.quarantined = !bundle_.row;
    if (facts_.quarantined) {
      facts_.line = leaf.bytes;
      if (!bundle_.schema.empty()) return refuse("schema", "goes with a row");
      return is_committed(leaf, quarantine_context, staged_->counts.quarantined,
                          staged_->quarantine_root, "quarantined");
    }
    if (auto done =
            is_committed(leaf, row_context, staged_->output_rows, staged_->output_root, "row");
        !done)
      return done;
    // The content digest is what binds names and types to the root.
    std::string content("daybook/content/v1", 19);
    content.append(reinterpret_cast<const char*>(staged_->output_root.data()), sizeof(Digest));
    content += fmt::format("{}\n{}", staged_->output_rows, bundle_.schema);
    if (sha256(bytes_of(content)) != staged_->content)
      return refuse("schema", "is not that of the committed content", facts_.staged_at);
    const auto schema = parse_row_schema(bundle_.schema);
    const auto values = schema ? row_texts(*schema, leaf.bytes) : std::nullopt;
    if (!values) return refuse("row", "can not be read with its schema");
    for (std::size_t i = 0; i < schema->size(); ++i)
      facts_.values.push_back({(*schema)[i].name, (*schema)[i].type, (*values)[i]});
    return {};
  }

  const ProofBundle& bundle_;
  ProvenFacts facts_;
  std::optional<AttemptStaged> staged_;
  std::optional<DefinitionRegistered> definition_;
  EntryIndex definition_at_ = no_entry;
};

}  // namespace

std::expected<ProvenFacts, BundleFault> check_bundle(const ProofBundle& bundle,
                                                     const std::string& origin,
                                                     const TreeHead& head) {
  return Check(bundle, origin, head).run();
}

StoredFiles files_of(const ProofBundle& bundle, const ProvenFacts& facts) {
  StoredFiles files;
  files["README.txt"] = proof_readme(facts);
  files["prov.json"] = proof_prov(facts);
  files["checkpoint"] = bundle.checkpoint;
  if (!bundle.log_keys.empty()) files["log-keys"] = bundle.log_keys;
  files["definition.json"] = bundle.definition;
  files["definition.salt"] = base64_of(bundle.definition_salt) + "\n";
  for (const auto& [index, entry] : bundle.entries) {
    const std::string path = fmt::format("entries/{}", index);
    files[path] = entry.bytes;
    files[path + std::string(entry_suffix)] = entry.proof;
  }
  const auto add = [&](const std::string& path, const BundleLeaf& leaf) {
    files[path] = leaf.bytes;
    files[path + std::string(proof_suffix)] = text_of(leaf);
  };
  for (const auto& [place, leaf] : bundle.records)
    add(record_path(place.first, place.second), leaf);
  if (bundle.row) {
    add("row", *bundle.row);
    files["schema"] = bundle.schema;
  }
  if (bundle.quarantined) add("quarantined", *bundle.quarantined);
  return files;
}

std::expected<ProofBundle, BundleFault> parse_bundle(const StoredFiles& files) {
  ProofBundle bundle;
  StoredFiles left = files;
  const auto take = [&](const std::string& path) -> std::optional<std::string> {
    const auto found = left.find(path);
    if (found == left.end()) return std::nullopt;
    std::string content = std::move(found->second);
    left.erase(found);
    return content;
  };
  std::optional<BundleFault> fault;
  const auto need = [&](const std::string& path) {
    auto content = take(path);
    if (!content && !fault) fault = BundleFault{path, no_entry, "is missing"};
    return content.value_or("");
  };
  const auto leaf_of = [&](const std::string& path) {
    BundleLeaf leaf;
    leaf.bytes = need(path);
    const std::string proof = path + std::string(proof_suffix), text = need(proof);
    if (!fault && !parse_leaf(text, leaf)) fault = BundleFault{proof, no_entry, "is no leaf proof"};
    return leaf;
  };
  (void)need("README.txt");
  (void)need("prov.json");
  bundle.checkpoint = need("checkpoint");
  if (auto keys = take("log-keys")) {
    if (keys->empty()) fault = BundleFault{"log-keys", no_entry, "is empty"};
    bundle.log_keys = std::move(*keys);
  }
  bundle.definition = need("definition.json");
  const std::string salt = need("definition.salt");
  if (!fault &&
      (!salt.ends_with('\n') ||
       !parse_base64(std::string_view(salt).substr(0, salt.size() - 1), bundle.definition_salt)))
    fault = BundleFault{"definition.salt", no_entry, "is no salt"};
  if (left.contains("row") || left.contains("row.proof")) {
    bundle.row = leaf_of("row");
    bundle.schema = need("schema");
  } else {
    bundle.quarantined = leaf_of("quarantined");
  }
  while (!fault && !left.empty()) {
    const std::string path = left.begin()->first;
    std::string_view rest = path;
    if (rest.starts_with("entries/")) {
      const auto index = parse_decimal(rest.substr(8));
      if (!index) break;
      auto& entry = bundle.entries[*index];
      entry.bytes = need(path);
      entry.proof = need(path + std::string(entry_suffix));
      if (!fault && entry.bytes.size() > entry_bytes_max)
        fault = BundleFault{path, *index, "is longer than an entry may be"};
    } else if (rest.starts_with("records/")) {
      rest.remove_prefix(8);
      const std::size_t dash = rest.find('-');
      const auto input = parse_decimal(rest.substr(0, dash));
      const auto number =
          dash == std::string_view::npos ? std::nullopt : parse_decimal(rest.substr(dash + 1));
      if (!input || !number || *input > 0xffff'ffff) break;
      bundle.records[{static_cast<std::uint32_t>(*input), *number}] = leaf_of(path);
    } else {
      break;
    }
  }
  if (fault) return std::unexpected(*fault);
  if (!left.empty()) return refuse(left.begin()->first, "does not belong here");
  return bundle;
}

}  // namespace daybook
