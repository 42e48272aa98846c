#include "tools/verifier/policy.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace daybook {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
  return words;
}

struct Group {
  std::vector<std::string> members;
  std::size_t needed = 0;
};

}  // namespace

Result<TrustPolicy> parse_policy(std::string_view text) {
  TrustPolicy policy;
  std::map<std::string, NoteVerifier> witnesses;
  std::map<std::string, Group> groups;
  std::optional<NoteVerifier> log;
  std::optional<std::string> quorum;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::vector<std::string> words = words_of(line);
    if (words.empty() || words[0].starts_with('#')) continue;
    const auto bad = [&](std::string_view why) {
      return fail(Error::Code::invalid, "policy, line {}: {}", number, why);
    };
    if (words[0] == "log" && (words.size() == 2 || words.size() == 3)) {
      auto key = parse_vkey(words[1]);
      if (!key) return bad(key.error().detail);
      if (key->kind != NoteKeyKind::note) return bad("this key is no log's");
      if (log) return bad("one log is enough");
      log = std::move(*key);
    } else if (words[0] == "witness" && (words.size() == 3 || words.size() == 4)) {
      auto key = parse_vkey(words[2]);
      if (!key) return bad(key.error().detail);
      if (key->kind != NoteKeyKind::cosignature) return bad("this key is no witness's");
      if (groups.contains(words[1]) || !witnesses.emplace(words[1], std::move(*key)).second)
        return bad("this name is taken");
    } else if (words[0] == "group" && words.size() >= 4) {
      Group group;
      group.members.assign(words.begin() + 3, words.end());
      for (const std::string& member : group.members) {
        if (groups.contains(member)) return bad("groups of groups are not supported");
        if (!witnesses.contains(member)) return bad("no witness " + member + " is named before");
        if (std::ranges::count(group.members, member) != 1) return bad(member + " stands twice");
      }
      const std::string& how = words[2];
      const auto [end, error] = std::from_chars(how.data(), how.data() + how.size(), group.needed);
      if (how == "all")
        group.needed = group.members.size();
      else if (how == "any")
        group.needed = 1;
      else if (error != std::errc() || end != how.data() + how.size() || group.needed == 0 ||
               group.needed > group.members.size())
        return bad("a group asks for all, any, or a number of its members");
      if (witnesses.contains(words[1]) || !groups.emplace(words[1], std::move(group)).second)
        return bad("this name is taken");
    } else if (words[0] == "quorum" && words.size() == 2) {
      if (quorum) return bad("one quorum is enough");
      quorum = words[1];
    } else {
      return bad("log, witness, group or quorum is expected, with its words");
    }
  }
  if (!log) return fail(Error::Code::invalid, "policy: no log is named");
  if (!quorum)
    return fail(Error::Code::invalid, "policy: no quorum is named; `quorum none` is one");
  policy.log = *log;
  if (*quorum == "none") return policy;
  if (const auto one = witnesses.find(*quorum); one != witnesses.end()) {
    policy.witnesses = {one->second};
    policy.quorum = 1;
    return policy;
  }
  const auto group = groups.find(*quorum);
  if (group == groups.end())
    return fail(Error::Code::invalid, "policy: the quorum {} is no witness and no group", *quorum);
  for (const std::string& member : group->second.members)
    policy.witnesses.push_back(witnesses.at(member));
  policy.quorum = group->second.needed;
  return policy;
}

}  // namespace daybook
