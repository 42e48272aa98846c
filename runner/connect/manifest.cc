#include "runner/connect/manifest.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace daybook {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t format = 1;

constexpr std::array<std::pair<LoadMode, std::string_view>, 3> modes = {{
    {LoadMode::replace, "replace"},
    {LoadMode::merge, "merge"},
    {LoadMode::append, "append"},
}};
constexpr std::array<std::pair<CompensationAction, std::string_view>, 3> actions = {{
    {CompensationAction::restore_previous, "restore_previous"},
    {CompensationAction::remove, "remove"},
    {CompensationAction::flag, "flag"},
}};

// nlohmann would make a number of any other: 2.9 the second generation, -1 the last entry there is.
template <typename T>
T number_at(const Json& json, const char* key) {
  const Json& found = json.at(key);
  if (!found.is_number_unsigned() || found.get<std::uint64_t>() > std::numeric_limits<T>::max())
    throw std::invalid_argument(fmt::format("{} is not a number from 0", key));
  return static_cast<T>(found.get<std::uint64_t>());
}

Digest digest_at(const Json& json, const char* key) {
  const auto digest = digest_from_hex(json.at(key).get<std::string>());
  if (!digest) throw std::invalid_argument(fmt::format("{} is not a SHA-256 digest", key));
  return *digest;
}

template <typename T>
T known(std::optional<T> value, const char* key) {
  if (!value) throw std::invalid_argument(fmt::format("{} has an unknown value", key));
  return *value;
}

void expect_kind(const Json& json, std::string_view kind) {
  if (json.at("kind").get<std::string>() != kind) throw std::invalid_argument("wrong kind");
  if (number_at<std::uint32_t>(json, "format") > format) {
    throw std::invalid_argument("written by a newer daybook");
  }
}

// nlohmann::json throws on what is not there or of another type; it ends here.
template <typename Read>
auto guarded(std::string_view what, Read read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (const std::exception& error) {
    return fail(Error::Code::corrupt, "{}: {}", what, error.what());
  }
}

}  // namespace

std::string_view name_of(LoadMode mode) {
  for (const auto& [value, name] : modes) {
    if (value == mode) return name;
  }
  return "?";
}

std::string_view name_of(CompensationAction action) {
  for (const auto& [value, name] : actions) {
    if (value == action) return name;
  }
  return "?";
}

std::optional<LoadMode> load_mode(std::string_view name) {
  for (const auto& [value, text] : modes) {
    if (text == name) return value;
  }
  return std::nullopt;
}

std::optional<CompensationAction> compensation_action(std::string_view name) {
  for (const auto& [value, text] : actions) {
    if (text == name) return value;
  }
  return std::nullopt;
}

std::string to_json(const Manifest& m) {
  Json files = Json::array();
  for (const OutputFile& file : m.files) {
    files.push_back({{"name", file.name},
                     {"bytes", file.bytes},
                     {"rows", file.rows},
                     {"sha256", hex(file.digest)}});
  }
  Json json = {{"format", format},          {"kind", "load"},
               {"origin", m.origin},        {"pipeline", m.pipeline},
               {"partition", m.partition},  {"generation", m.generation},
               {"replaces", m.replaces},    {"load_id", hex(m.load_id)},
               {"content", hex(m.content)}, {"rows", m.rows},
               {"fence", m.fence},          {"mode", name_of(m.mode)},
               {"files", std::move(files)}};
  for (const LostLoad& lost : m.lost)
    json["lost"].push_back({{"generation", lost.generation}, {"load_id", hex(lost.load_id)}});
  return json.dump(2) + "\n";
}

std::string to_json(const Tombstone& t) {
  const Json json = {{"format", format},
                     {"kind", "tombstone"},
                     {"origin", t.origin},
                     {"pipeline", t.pipeline},
                     {"partition", t.partition},
                     {"generation", t.generation},
                     {"restores", t.restores},
                     {"generation_load_id", hex(t.generation_load_id)},
                     {"load_id", hex(t.load_id)},
                     {"action", name_of(t.action)},
                     {"fence", t.fence},
                     {"rows_removed", t.rows_removed},
                     {"rows_restored", t.rows_restored}};
  return json.dump(2) + "\n";
}

Result<Manifest> read_manifest(std::string_view text) {
  return guarded("manifest", [&] {
    const Json json = Json::parse(text);
    expect_kind(json, "load");
    Manifest m{.origin = json.at("origin").get<std::string>(),
               .pipeline = json.at("pipeline").get<std::string>(),
               .partition = json.at("partition").get<std::string>(),
               .generation = number_at<Generation>(json, "generation"),
               .replaces = number_at<Generation>(json, "replaces"),
               .load_id = digest_at(json, "load_id"),
               .content = digest_at(json, "content"),
               .rows = number_at<std::uint64_t>(json, "rows"),
               .fence = number_at<EntryIndex>(json, "fence"),
               .mode = known(load_mode(json.at("mode").get<std::string>()), "mode"),
               .files = {}};
    for (const Json& file : json.at("files")) {
      m.files.push_back({.name = file.at("name").get<std::string>(),
                         .bytes = number_at<std::uint64_t>(file, "bytes"),
                         .rows = number_at<std::uint64_t>(file, "rows"),
                         .digest = digest_at(file, "sha256")});
    }
    for (const Json& lost : json.value("lost", Json::array()))
      m.lost.push_back({number_at<Generation>(lost, "generation"), digest_at(lost, "load_id")});
    return m;
  });
}

Result<Tombstone> read_tombstone(std::string_view text) {
  return guarded("tombstone", [&] {
    const Json json = Json::parse(text);
    expect_kind(json, "tombstone");
    return Tombstone{
        .origin = json.at("origin").get<std::string>(),
        .pipeline = json.at("pipeline").get<std::string>(),
        .partition = json.at("partition").get<std::string>(),
        .generation = number_at<Generation>(json, "generation"),
        .restores = number_at<Generation>(json, "restores"),
        .generation_load_id = digest_at(json, "generation_load_id"),
        .load_id = digest_at(json, "load_id"),
        .action = known(compensation_action(json.at("action").get<std::string>()), "action"),
        .fence = number_at<EntryIndex>(json, "fence"),
        .rows_removed = number_at<std::uint64_t>(json, "rows_removed"),
        .rows_restored = number_at<std::uint64_t>(json, "rows_restored")};
  });
}

}  // namespace daybook
