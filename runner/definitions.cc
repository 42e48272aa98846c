#include "runner/definitions.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "ledger/payload_store.h"
#include "runner/definition_files.h"

namespace daybook {

namespace {

// The contract's path as the pipeline file writes it: a Contract is named as a person would find
// it, with the pipeline's own folder in front.
std::string written_path(const Pipeline& pipeline, const Contract& contract) {
  const std::string folder = std::filesystem::path(pipeline.file).parent_path().string();
  if (folder.empty() || !contract.file.starts_with(folder + "/")) return contract.file;
  return contract.file.substr(folder.size() + 1);
}

}  // namespace

DefinitionFiles definition_files(const Pipeline& pipeline) {
  DefinitionFiles files{
      .pipeline_file = pipeline.file, .pipeline_text = pipeline.source_text, .contracts = {}};
  for (const auto* contract : {&pipeline.contract, &pipeline.output})
    if (*contract) files.contracts[written_path(pipeline, **contract)] = (*contract)->source;
  return files;
}

std::string definition_payload(const Pipeline& pipeline) {
  nlohmann::ordered_json json;
  json["format"] = 1;
  json["project"] = pipeline.project;
  json["pipeline_file"] = pipeline.file;
  json["pipeline"] = pipeline.source_text;
  auto& contracts = json["contracts"] = nlohmann::ordered_json::object();
  if (pipeline.contract)
    contracts[written_path(pipeline, *pipeline.contract)] = pipeline.contract->source;
  if (pipeline.output)
    contracts[written_path(pipeline, *pipeline.output)] = pipeline.output->source;
  return json.dump();
}

boost::asio::awaitable<std::expected<DefinitionId, NotRegistered>> register_definition(
    Keeper& keeper, Actor actor, const Pipeline& pipeline) {
  const State& state = keeper.state();
  const auto known = state.definition_by_digest.find(pipeline.digest);
  const auto current = state.current_definition.find(pipeline.name);
  if (known != state.definition_by_digest.end() && current != state.current_definition.end() &&
      state.find_definition(current->second)->digest == pipeline.digest)
    co_return current->second;
  const std::string payload = definition_payload(pipeline);
  const auto files = keeper.payloads().put(bytes_of(payload));
  if (!files) co_return std::unexpected(NotRegistered{.detail = files.error().detail});
  const Command command = RegisterDefinition{.pipeline = pipeline.name,
                                             .version = pipeline.version,
                                             .digest = pipeline.digest,
                                             .files = as_ref(*files),
                                             .owner = pipeline.owner};
  const auto answer = co_await keeper.ask(std::move(actor), command);
  if (!answer)
    co_return std::unexpected(
        NotRegistered{.detail = answer.error().detail, .refusal = answer.error()});
  co_return std::get<DefinitionRegistered>(answer->events.front()).definition;
}

Result<std::shared_ptr<const Pipeline>> DefinitionCache::get(DefinitionId id, Match match) {
  const DefinitionState* definition = book_.state.find_definition(id);
  if (definition == nullptr) return fail(Error::Code::not_found, "there is no definition {}", id);
  const auto checked = [&](const std::shared_ptr<const Pipeline>& pipeline)
      -> Result<std::shared_ptr<const Pipeline>> {
    if (match == Match::exact && pipeline->digest != definition->digest)
      return fail(Error::Code::newer_version,
                  "definition {} has another digest under this version of daybook", id);
    return pipeline;
  };
  if (const auto known = known_.find(id); known != known_.end()) return checked(known->second);
  auto text = book_.payloads.get(as_address(definition->files));
  if (!text) {
    text.error().detail = fmt::format("definition {}: {}", id, text.error().detail);
    return std::unexpected(std::move(text.error()));
  }
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || json.value("format", 0) != 1 || !json.contains("contracts") ||
      !json["contracts"].is_object())
    return fail(Error::Code::corrupt, "definition {} is not readable", id);
  DefinitionFiles files;
  files.pipeline_file = json.value("pipeline_file", "");
  files.pipeline_text = json.value("pipeline", "");
  for (const auto& [path, contract] : json["contracts"].items())
    if (contract.is_string()) files.contracts[path] = contract.get<std::string>();
  Diagnostics diagnostics;
  auto pipeline = read_pipeline(files, json.value("project", ""), diagnostics);
  if (!pipeline)
    return fail(Error::Code::corrupt, "definition {} no longer reads: {}", id,
                diagnostics.empty() ? "" : diagnostics.front().message);
  auto shared = std::make_shared<const Pipeline>(std::move(*pipeline));
  known_.emplace(id, shared);
  return checked(shared);
}

void DefinitionCache::put(DefinitionId id, std::shared_ptr<const Pipeline> pipeline) {
  known_.insert_or_assign(id, std::move(pipeline));
}

}  // namespace daybook
