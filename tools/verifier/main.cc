// daybook-verify: what an auditor runs, with an exported directory and a key, on any machine.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "replay/stored_zip.h"
#include "tools/verifier/claim.h"
#include "tools/verifier/evidence_archive.h"
#include "tools/verifier/export_directory.h"
#include "tools/verifier/policy.h"
#include "tools/verifier/proof.h"
#include "tools/verifier/row_proof.h"
#include "tools/verifier/verify_export.h"

namespace daybook {
namespace {

constexpr std::string_view usage =
    R"(daybook-verify DIR  --key VKEY | --key-file FILE  [options]
daybook-verify proof.zip | evidence.zip  --key VKEY | --key-file FILE | --policy FILE  [options]
daybook-verify proof FILE.tlog-proof --entry FILE  --key VKEY | --key-file FILE  [options]
daybook-verify completeness DIR  --key VKEY | --key-file FILE  [options]
daybook-verify conservation FILE  --key VKEY | --key-file FILE  [options]

Verifies an exported book, the proof of one row, evidence, the proof of one entry, or a claim about
partitions, offline. Writes nothing. A folder is a book, a file whose name ends in .zip the proof of a
row or evidence.

  --key VKEY        the log's verifier key, name+id+base64
  --key-file FILE   the same, in a file (lines that begin with # are skipped)
  --policy FILE     whose signatures count: a file as https://c2sp.org/tlog-policy
  --origin ORIGIN   what the checkpoint must be of (default: the key's name)
  --witness VKEY    a witness whose cosignature counts; may be repeated
  --quorum N        how many of them must be there (default: all that are named)
  --tsa-ca FILE     certificate (PEM) of a time stamping authority: one of its stamps must be there
  --entries HOW     fold: decode and replay them (default); opaque: bytes under a tree
  --entry FILE      with proof: the entry's bytes
  -o text|json      how to say it (default text)
  --help, --version

exit codes   0 good   1 tampered   2 unusable input   3 policy not met, or not complete
)";

struct Asked {
  std::string subject;  // directory, or proof file
  bool proof = false, completeness = false, conservation = false;
  std::string entry_file;
  TrustPolicy policy;
  Entries entries = Entries::fold;
  bool json = false;
};

std::unexpected<Error> wrong(std::string detail) {
  return std::unexpected(Error{Error::Code::invalid, std::move(detail), "see --help"});
}

Result<NoteVerifier> key_in(const std::string& path) {
  auto text = read_named_file(path, 10'000);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text, key;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.empty() || line.starts_with('#')) continue;
    if (!key.empty()) return wrong(fmt::format("{}: more than one key", path));
    key = line;
  }
  return parse_vkey(key);
}

Result<Asked> read_arguments(std::span<char*> words) {
  Asked asked;
  std::optional<NoteVerifier> log;
  std::optional<std::size_t> quorum;
  std::optional<TrustPolicy> from_file;
  std::optional<std::string> subject;
  if (!words.empty()) {
    const std::string_view first = words[0];
    asked.proof = first == "proof";
    asked.completeness = first == "completeness";
    asked.conservation = first == "conservation";
    if (asked.proof || asked.completeness || asked.conservation) words = words.subspan(1);
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word.empty() || word[0] != '-') {
      if (subject) return wrong(fmt::format("'{}': one thing is verified at a time", word));
      subject = word;
      continue;
    }
    const bool takes_value = word == "--key" || word == "--key-file" || word == "--origin" ||
                             word == "--witness" || word == "--quorum" || word == "--entries" ||
                             word == "--entry" || word == "--policy" || word == "--tsa-ca" ||
                             word == "-o";
    if (!takes_value) return wrong(fmt::format("unknown option '{}'", word));
    if (++i == words.size()) return wrong(fmt::format("{} needs a value", word));
    const std::string value = words[i];
    if (word == "--key" || word == "--key-file" || word == "--witness") {
      const auto key = word == "--key-file" ? key_in(value) : parse_vkey(value);
      if (!key) return wrong(fmt::format("{}: {}", word, key.error().detail));
      const bool witness = word == "--witness";
      if (key->kind != (witness ? NoteKeyKind::cosignature : NoteKeyKind::note))
        return wrong(
            fmt::format("{}: this key is {}", word, witness ? "no witness's" : "no log's"));
      if (!witness && log) return wrong("one log key is enough");
      if (witness)
        asked.policy.witnesses.push_back(*key);
      else
        log = *key;
    } else if (word == "--policy") {
      const auto text = read_named_file(value, 100'000);
      auto read = text ? parse_policy(*text) : std::unexpected(text.error());
      if (!read) return wrong(fmt::format("{}: {}", word, read.error().detail));
      if (from_file) return wrong("one policy is enough");
      from_file = std::move(*read);
    } else if (word == "--tsa-ca") {
      auto certificates = read_named_file(value, 1'000'000);
      if (!certificates) return wrong(fmt::format("{}: {}", word, certificates.error().detail));
      if (certificates->find("BEGIN CERTIFICATE") == std::string::npos)
        return wrong(fmt::format("{}: {} holds no certificate (PEM)", word, value));
      asked.policy.authority = std::move(*certificates);
    } else if (word == "--origin") {
      if (value.empty()) return wrong("--origin needs a value");
      asked.policy.origin = value;
    } else if (word == "--quorum") {
      std::size_t count = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
      if (error != std::errc() || end != value.data() + value.size())
        return wrong("--quorum is a number");
      quorum = count;
    } else if (word == "--entries") {
      if (value != "fold" && value != "opaque") return wrong("--entries is fold or opaque");
      asked.entries = value == "fold" ? Entries::fold : Entries::opaque;
    } else if (word == "--entry") {
      asked.entry_file = value;
    } else {
      if (value != "text" && value != "json") return wrong("-o is text or json");
      asked.json = value == "json";
    }
  }
  if (!subject) return wrong("nothing to verify was named");
  if (from_file) {
    if (log || quorum || !asked.policy.witnesses.empty())
      return wrong("--policy says whose signatures count; keys, witnesses and quorum stand there");
    log = from_file->log;
    quorum = from_file->quorum;
    asked.policy.witnesses = from_file->witnesses;
    asked.policy.rule = from_file->rule;
    asked.policy.other_logs = from_file->other_logs;
  }
  if (!log) return wrong("a verification needs a key: --key, --key-file or --policy");
  if (asked.proof && asked.entry_file.empty()) return wrong("a proof needs --entry");
  if (!asked.proof && !asked.entry_file.empty()) return wrong("--entry goes with proof");
  if (!asked.policy.authority.empty() && (asked.proof || asked.completeness || asked.conservation))
    return wrong("--tsa-ca goes with an export or evidence");
  asked.subject = *subject;
  asked.policy.log = *log;
  asked.policy.quorum = quorum.value_or(asked.policy.witnesses.size());
  if (asked.policy.quorum > asked.policy.witnesses.size())
    return wrong("--quorum asks for more witnesses than are named");
  return asked;
}

// Above what a bundle may have, so that a longer one is refused for its size.
constexpr std::size_t bundle_bytes_max = stored_bytes_max + 1;

Judgement judge_archive(const Asked& asked) {
  const auto archive = read_named_file(asked.subject, bundle_bytes_max);
  if (archive) {
    const auto files = read_stored_zip(*archive);
    if (files && looks_like_evidence(*files)) return verify_evidence(*files, asked.policy);
    return verify_row_proof(*archive, asked.policy);
  }
  Judgement judgement;
  judgement.subject = "row";
  judgement.found({Verdict::unusable, no_index, "", archive.error().detail});
  return judgement;
}

Judgement judge(const Asked& asked) {
  if (asked.completeness) return verify_completeness(asked.subject, asked.policy);
  if (asked.conservation) {
    const auto claim = read_named_file(asked.subject, claim_bytes_max);
    if (claim) return verify_conservation(*claim, asked.policy);
    Judgement judgement;
    judgement.subject = "conservation";
    judgement.found({Verdict::unusable, no_index, "", claim.error().detail});
    return judgement;
  }
  if (!asked.proof && asked.subject.ends_with(".zip")) return judge_archive(asked);
  if (!asked.proof) return verify_export(asked.subject, asked.policy, asked.entries);
  const auto proof = read_named_file(asked.subject, 2'000'000);
  const auto entry = read_named_file(asked.entry_file, entry_bytes_max);
  if (proof && entry) return verify_proof(*proof, bytes_of(*entry), asked.policy);
  Judgement judgement;
  judgement.subject = "proof";
  judgement.found({Verdict::unusable, no_index, "", (proof ? entry : proof).error().detail});
  return judgement;
}

int run(std::span<char*> words) {
  for (const std::string_view word : words) {
    if (word != "--help" && word != "--version") continue;
    fmt::print("{}", word == "--help" ? usage : "daybook-verify " DAYBOOK_VERSION "\n");
    return std::fflush(stdout) == 0 ? 0 : 2;
  }
  const auto asked = read_arguments(words);
  if (!asked) {
    fmt::print(stderr, "daybook-verify: {} ({})\n", printable(asked.error().detail),
               asked.error().hint);
    return 2;
  }
  const Judgement judgement = judge(*asked);
  const std::string said = asked->json ? judgement.json() : judgement.text();
  const bool heard =
      std::fwrite(said.data(), 1, said.size(), stdout) == said.size() && std::fflush(stdout) == 0;
  // Nobody may take silence for a good book.
  if (!heard && judgement.verdict() == Verdict::good) return static_cast<int>(Verdict::unusable);
  return static_cast<int>(judgement.verdict());
}

}  // namespace
}  // namespace daybook

int main(int argc, char** argv) {
  try {
    return daybook::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0));
  } catch (const std::exception& failed) {  // memory, for one
    std::fputs("daybook-verify: ", stderr);
    std::fputs(failed.what(), stderr);
    std::fputs("\n", stderr);
    return 2;
  }
}
