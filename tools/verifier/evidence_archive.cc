// From the outside in: the list of files is signed, every file is as listed, the entries stand
// under the signed head, what else is there belongs to them, and what was made from the rest is
// made again.
#include "tools/verifier/evidence_archive.h"

#include <algorithm>

#include "replay/evidence.h"
#include "tools/verifier/stamps.h"

namespace daybook {
namespace {

class EvidenceCheck {
 public:
  EvidenceCheck(const StoredFiles& files, const TrustPolicy& policy, Judgement& judgement)
      : files_(files), policy_(policy), judgement_(judgement) {}

  void run() {
    if (const auto keys = files_.find("log-keys"); keys != files_.end()) {
      auto followed = follow(policy_, keys->second);
      if (!followed) return refuse("log-keys", followed.error().detail);
      policy_ = std::move(*followed);
    }
    const auto text = signed_manifest();
    if (!text) return;
    const auto evidence = parse_evidence(files_, *text);
    if (!evidence) return told(evidence.error());
    if (!listed(*text, *evidence)) return;
    if (!open_signed(evidence->checkpoint, policy_, "checkpoint", judgement_)) return;
    const auto facts =
        check_evidence(*evidence, judgement_.origin, judgement_.head, policy_.logs());
    if (!facts) return told(facts.error());
    StoredFiles expected = files_of(*evidence, *facts);
    for (const auto& [name, content] : files_) {
      if (name == manifest_name) continue;
      const auto made = expected.find(name);
      if (made == expected.end()) {
        refuse(name, "does not belong into this evidence");
      } else if (made->second != content) {
        refuse(name, "is not what the other files give");
      }
      expected.erase(name);
    }
    for (const auto& [name, content] : expected) refuse(name, "is not there");
    std::vector<StampedNote> stamps;
    for (const auto& [name, stamped] : evidence->timestamps)
      stamps.push_back({fmt::format("timestamps/{}.tsr", name), stamped.first, stamped.second});
    judge_stamps(stamps, policy_, judgement_);
    judgement_.files = files_.size();
    judgement_.entries = facts->entries.size();
    judgement_.signatures = facts->signatures.size();
    judgement_.proven = fmt::format(
        "evidence about {} · {} of {} entries · {} files · {} signatures", evidence->about,
        judgement_.entries, judgement_.head.size, judgement_.files, judgement_.signatures);
  }

 private:
  void refuse(const std::string& path, std::string detail) {
    judgement_.found({Verdict::tampered, no_index, path, std::move(detail)});
  }
  void told(const EvidenceFault& fault) {
    judgement_.found({Verdict::tampered, fault.entry == no_entry ? no_index : fault.entry,
                      fault.path, fault.detail});
  }

  std::optional<std::string> signed_manifest() {
    const std::string name(manifest_name);
    const auto found = files_.find(name);
    if (found == files_.end()) {
      refuse(name, "is not there");
      return std::nullopt;
    }
    const auto note = parse_note(found->second);
    if (!note) {
      refuse(name, note.error().detail);
      return std::nullopt;
    }
    const auto by = verify_note(*note, policy_.logs());
    if (!by) {
      refuse(name, by.error().detail);
      return std::nullopt;
    }
    if (format_note(*note) != found->second || note->signatures.size() != 1) {
      refuse(name, "has more than the one signature it needs");
      return std::nullopt;
    }
    return note->text;
  }

  // Exactly these files, each with the digest that was signed.
  bool listed(const std::string& text, const Evidence& evidence) {
    StoredFiles rest = files_;
    rest.erase(std::string(manifest_name));
    const std::string& origin = policy_.origin.empty() ? policy_.log.name : policy_.origin;
    const std::string actual = manifest_text(evidence, origin, rest);
    if (actual == text) return true;
    const auto lines = [](std::string_view all) {
      std::map<std::string_view, std::string_view> out;  // by name
      while (!all.empty()) {
        const std::string_view line = all.substr(0, all.find('\n'));
        all.remove_prefix(std::min(all.size(), line.size() + 1));
        if (line.starts_with("sha256:")) out[line.substr(line.rfind(' ') + 1)] = line;
      }
      return out;
    };
    const auto said = lines(text), found = lines(actual);
    bool any = false;
    for (const auto& [name, line] : found) {
      const auto listed_line = said.find(name);
      if (listed_line != said.end() && listed_line->second == line) continue;
      any = true;
      refuse(std::string(name), listed_line == said.end() ? "is not in the signed list of files"
                                                          : "is not the file that was signed for");
    }
    for (const auto& [name, line] : said)
      if (!found.contains(name)) {
        any = true;
        refuse(std::string(name), "is in the signed list of files, and is not there");
      }
    if (!any) refuse(std::string(manifest_name), "is not in the form it is written in");
    return false;
  }

  const StoredFiles& files_;
  TrustPolicy policy_;
  Judgement& judgement_;
};

}  // namespace

bool looks_like_evidence(const StoredFiles& files) {
  return files.contains(std::string(manifest_name));
}

Judgement verify_evidence(const StoredFiles& files, const TrustPolicy& policy) {
  Judgement judgement;
  judgement.subject = "evidence";
  EvidenceCheck(files, policy, judgement).run();
  return judgement;
}

}  // namespace daybook
