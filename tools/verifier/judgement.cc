#include "tools/verifier/judgement.h"

#include <ctime>
#include <nlohmann/json.hpp>

namespace daybook {
namespace {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::good: return "good";
    case Verdict::tampered: return "tampered";
    case Verdict::unusable: return "unusable";
    case Verdict::unmet: return "policy not met";
  }
  return "unusable";
}

std::string place_of(const Fault& fault) {
  std::string out;
  if (fault.index != no_index) out = fmt::format("index {}", fault.index);
  if (!fault.path.empty()) out += (out.empty() ? "" : ", ") + printable(fault.path);
  return out.empty() ? "as a whole" : out;
}

std::string utc(std::int64_t time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm broken{};
  ::gmtime_r(&seconds, &broken);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", broken.tm_year + 1900,
                     broken.tm_mon + 1, broken.tm_mday, broken.tm_hour, broken.tm_min,
                     broken.tm_sec);
}

nlohmann::ordered_json json_of(const Fault& fault) {
  nlohmann::ordered_json index;
  if (fault.index != no_index) index = fault.index;
  return {{"kind", name_of(fault.kind)},
          {"index", index},
          {"path", fault.path},
          {"detail", fault.detail}};
}

}  // namespace

void Judgement::found(Fault fault) {
  if (total_ == 0 || fault.index < first_.index) first_ = fault;
  kinds_[static_cast<std::size_t>(fault.kind)] = true;
  if (++total_ <= faults_max) faults_.push_back(std::move(fault));
}

Verdict Judgement::verdict() const {
  for (const Verdict kind : {Verdict::tampered, Verdict::unmet, Verdict::unusable})
    if (kinds_[static_cast<std::size_t>(kind)]) return kind;
  return total_ == 0 ? Verdict::good : Verdict::unusable;
}

const Fault* Judgement::first() const { return total_ == 0 ? nullptr : &first_; }

std::string Judgement::text() const {
  const Verdict said = verdict();
  std::string out;
  if (said == Verdict::good) {
    out = !proven.empty() ? fmt::format("good  {}\n", printable(proven))
          : subject == "proof"
              ? fmt::format("good  entry {} is one of the {} entries signed\n", index, head.size)
              : fmt::format("good  {} entries · {} files · every byte accounted for\n", head.size,
                            files);
  } else {
    out = fmt::format("{}  first: {}: {}\n", said == Verdict::tampered ? "TAMPERED" : name_of(said),
                      place_of(first_), printable(first_.detail));
  }
  if (!origin.empty()) {
    out += fmt::format("  origin  {}\n  root    sha256:{}\n", printable(origin), hex(head.root));
    std::string names;
    for (const std::string& name : signed_by) names += (names.empty() ? "" : ", ") + name;
    out += fmt::format("  signed  {}\n", printable(names));
    if (rotations > 0)
      out += fmt::format("  key     {}, {} on from the one given: each signed for the next\n",
                         printable(log_key), rotations == 1 ? "one" : fmt::format("{}", rotations));
  }
  if (timestamps > 0)
    out +=
        fmt::format("  time    {} time stamps{}\n", timestamps,
                    timestamps_checked == 0 ? ", not held against an authority: --tsa-ca names one"
                                            : fmt::format(" · {} by the authority, the first at {}",
                                                          timestamps_checked, utc(stamped_at)));
  if (folded)
    out += fmt::format("  state   sha256:{} · {} recorded states reached again\n", hex(state_root),
                       state_roots);
  if (folded && signatures + unchecked > 0)
    out += fmt::format(
        "  people  {} signed approvals{}\n", signatures,
        unchecked == 0 ? "" : fmt::format(" · {} more take the plan's text to check", unchecked));
  if (!folded && said == Verdict::good && subject == "export")
    out += "  state   not folded: entries were taken as opaque bytes\n";
  if (said == Verdict::good) return out;
  for (const Fault& fault : faults_)
    out += fmt::format("  {}: {}\n", place_of(fault), printable(fault.detail));
  if (total_ > faults_.size()) out += fmt::format("  … {} more\n", total_ - faults_.size());
  return out;
}

std::string Judgement::json() const {
  using Json = nlohmann::ordered_json;
  Json out = {{"verdict", name_of(verdict())},
              {"exit", static_cast<unsigned>(verdict())},
              {"subject", subject},
              {"origin", origin},
              {"size", head.size},
              {"root", hex(head.root)},
              {"signed_by", signed_by},
              {"log_key", log_key},
              {"rotations", rotations}};
  if (!proven.empty()) out["proven"] = proven;
  if (subject == "proof" || subject == "row" || subject == "conservation") {
    out["index"] = index;
  } else if (subject == "evidence") {
    out["about"] = proven;
    out["files"] = files;
    out["entries"] = entries;
    out["signatures"] = signatures;
  } else {
    out["files"] = files;
    out["bytes"] = bytes;
    out["state_root"] = folded ? Json(hex(state_root)) : Json();
    out["state_roots"] = state_roots;
    out["approvals"] = signatures;
    out["approvals_unchecked"] = unchecked;
  }
  if (timestamps > 0) {
    out["timestamps"] = timestamps;
    out["timestamps_checked"] = timestamps_checked;
    out["stamped_at"] = timestamps_checked == 0 ? Json() : Json(utc(stamped_at));
  }
  out["first"] = first() == nullptr ? Json() : json_of(first_);
  out["faults"] = Json::array();
  for (const Fault& fault : faults_) out["faults"].push_back(json_of(fault));
  out["faults_total"] = total_;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Fault fault_of(const Error& error, std::uint64_t index, std::string path) {
  const bool world = error.code == Error::Code::io || error.code == Error::Code::newer_version ||
                     error.code == Error::Code::unavailable;
  return {world ? Verdict::unusable : Verdict::tampered, index, std::move(path), error.detail};
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

}  // namespace daybook
