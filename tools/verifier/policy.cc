#include "tools/verifier/policy.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

namespace daybook {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string_view::npos || line[start] == '#') return out;
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    out.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

class PolicyReader {
 public:
  Result<TrustPolicy> read(std::string_view text) {
    for (std::size_t number = 1; !text.empty(); ++number) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      const auto words = words_of(line);
      if (words.empty()) continue;
      const std::string wrong = take(words);
      if (!wrong.empty()) return fail(Error::Code::invalid, "line {}: {}", number, wrong);
    }
    if (logs_.empty()) return fail(Error::Code::invalid, "no log line");
    if (!quorum_) return fail(Error::Code::invalid, "no quorum line");
    TrustPolicy policy{.log = logs_.front(), .origin = "", .witnesses = witnesses_, .quorum = 0};
    policy.rule = std::move(*quorum_);
    policy.other_logs.assign(logs_.begin() + 1, logs_.end());
    return policy;
  }

 private:
  // What is wrong with the line; empty: nothing.
  std::string take(const std::vector<std::string>& words) {
    const std::string& kind = words[0];
    if (kind == "log") return take_log(words);
    if (kind == "witness") return take_witness(words);
    if (kind == "group") return take_group(words);
    if (kind == "quorum") return take_quorum(words);
    return fmt::format("'{}' is not log, witness, group or quorum", kind);
  }

  std::string take_log(const std::vector<std::string>& words) {
    if (words.size() < 2 || words.size() > 3) return "log VKEY [URL]";
    const auto key = parse_vkey(words[1]);
    if (!key) return key.error().detail;
    if (key->kind != NoteKeyKind::note) return "this key is no log's";
    logs_.push_back(*key);
    return {};
  }

  std::string take_witness(const std::vector<std::string>& words) {
    if (words.size() < 3 || words.size() > 4) return "witness NAME VKEY [URL]";
    const auto key = parse_vkey(words[2]);
    if (!key) return key.error().detail;
    if (key->kind != NoteKeyKind::cosignature) return "this key is no witness's";
    if (std::ranges::find(witnesses_, *key) != witnesses_.end()) return "this key is named twice";
    witnesses_.push_back(*key);
    return name(words[1], {.witness = *key, .needed = 1, .of = {}});
  }

  std::string take_group(const std::vector<std::string>& words) {
    if (words.size() < 4) return "group NAME all|any|K MEMBER…";
    Quorum group;
    for (const std::string& member : std::span(words).subspan(3)) {
      const auto found = named_.find(member);
      if (found == named_.end()) return fmt::format("'{}' is not defined above", member);
      if (!used_.insert(member).second) return fmt::format("'{}' is in two groups", member);
      group.of.push_back(found->second);
    }
    const std::string& how = words[2];
    const auto [end, error] = std::from_chars(how.data(), how.data() + how.size(), group.needed);
    if (how == "all") {
      group.needed = group.of.size();
    } else if (how == "any") {
      group.needed = 1;
    } else if (error != std::errc() || end != how.data() + how.size() || group.needed == 0 ||
               group.needed > group.of.size()) {
      return fmt::format("'{}' of {} is not all, any or a number up to it", how, group.of.size());
    }
    return name(words[1], std::move(group));
  }

  std::string take_quorum(const std::vector<std::string>& words) {
    if (words.size() != 2) return "quorum NAME|none";
    if (quorum_) return "there is one quorum";
    if (words[1] == "none") {
      quorum_ = Quorum{};
      return {};
    }
    const auto found = named_.find(words[1]);
    if (found == named_.end()) return fmt::format("'{}' is not defined above", words[1]);
    quorum_ = found->second;
    return {};
  }

  std::string name(const std::string& word, Quorum what) {
    if (word == "none" || !named_.emplace(word, std::move(what)).second)
      return fmt::format("'{}' is a name already", word);
    return {};
  }

  std::vector<NoteVerifier> logs_, witnesses_;
  std::map<std::string, Quorum> named_;
  std::set<std::string> used_;
  std::optional<Quorum> quorum_;
};

}  // namespace

Result<TrustPolicy> parse_policy(std::string_view text) { return PolicyReader().read(text); }

}  // namespace daybook
