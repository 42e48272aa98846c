#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>

#include "runner/dataplane/stage.h"
#include "runner/definition/pipeline.h"
#include "tools/daybook/handlers.h"

namespace daybook::commands {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t files_max = 10'000;

bool is_pipeline(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".pipeline.yaml") || name.ends_with(".pipeline.yml");
}
bool is_contract(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".odcs.yaml") || name.ends_with(".odcs.yml");
}

// What to check, in order of name: pipelines first, since they bring their contracts with them.
std::expected<std::vector<fs::path>, Problem> find(const std::vector<std::string>& paths) {
  std::vector<fs::path> out;
  for (const std::string& text : paths) {
    const fs::path path(text);
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status))
      return not_found("", "{}: there is no such file or folder", printable(text));
    if (!fs::is_directory(status)) {
      out.push_back(path);
      continue;
    }
    std::vector<fs::path> found;
    auto walk = fs::recursive_directory_iterator(path, error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      if (walk->path().filename().string().starts_with('.')) {
        if (walk->is_directory(error)) walk.disable_recursion_pending();
        continue;
      }
      if (is_pipeline(walk->path()) || is_contract(walk->path())) found.push_back(walk->path());
      if (found.size() > files_max)
        return usage("name the folders to look in", "more than {} files in {}", files_max,
                     printable(text));
    }
    if (error)
      return std::unexpected(
          Problem{.message = fmt::format("{}: {}", printable(text), error.message())});
    std::ranges::sort(found);
    std::ranges::stable_partition(found, is_pipeline);
    for (fs::path& one : found) out.push_back(one.lexically_normal());
  }
  return out;
}

struct Checked {
  fs::path file;
  std::string kind, name, version, digest;
  bool good = false;
};

Checked check_pipeline(const fs::path& file, Diagnostics& diagnostics,
                       std::set<std::string>& seen) {
  Checked out{.file = file, .kind = "pipeline", .name = {}, .version = {}, .digest = {}};
  Diagnostics own;
  auto pipeline = read_pipeline(file.string(), own);
  if (pipeline && !has_errors(own)) check_types(*pipeline, own);
  out.good = pipeline && !has_errors(own);
  if (pipeline) {
    out.name = pipeline->name;
    out.version = fmt::format("{}", pipeline->version);
    out.digest = hex(pipeline->digest);
    for (const auto& contract : {pipeline->contract, pipeline->output})
      if (contract)
        seen.insert((fs::path(pipeline->project) / contract->file).lexically_normal().string());
  }
  diagnostics.insert(diagnostics.end(), own.begin(), own.end());
  return out;
}

Checked check_contract(const fs::path& file, Diagnostics& diagnostics) {
  Checked out{.file = file, .kind = "contract", .name = {}, .version = {}, .digest = {}};
  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  Diagnostics own;
  const auto contract = read_contract(file.string(), text.str(), own);
  out.good = contract && !has_errors(own);
  if (contract) {
    out.name = contract->name.empty() ? contract->id : contract->name;
    out.version = contract->version;
    out.digest = hex(contract->digest);
  }
  diagnostics.insert(diagnostics.end(), own.begin(), own.end());
  return out;
}

}  // namespace

Outcome check(Invocation& in) {
  auto paths = in.arguments.all("PATH");
  if (paths.empty()) paths = {"."};
  const auto files = find(paths);
  if (!files) return std::unexpected(files.error());
  if (files->empty())
    return not_found("pipelines are named *.pipeline.yaml, contracts *.odcs.yaml",
                     "there is nothing to check in {}", printable(paths.front()));
  Diagnostics all;
  std::set<std::string> seen;  // contracts that were read with a pipeline
  Listing listing{.kind = "CheckList",
                  .columns = {{.key = "file", .title = "FILE"},
                              {.key = "kind", .title = "KIND"},
                              {.key = "name", .title = "NAME"},
                              {.key = "version", .title = "VERSION", .right = true},
                              {.key = "result",
                               .title = "RESULT",
                               .right = false,
                               .show = {},
                               .style =
                                   [](const Json& item) {
                                     return item["result"] == "ok" ? Style::good : Style::bad;
                                   }}},
                  .items = {},
                  .ledger_size = {},
                  .empty = {},
                  .footer = {}};
  const bool strict = in.arguments.has("strict");
  bool failed = false;
  for (const fs::path& file : *files) {
    std::error_code ignored;
    if (!is_pipeline(file) && is_contract(file) &&
        seen.contains(fs::absolute(file, ignored).lexically_normal().string()))
      continue;
    Diagnostics own;
    const Checked one =
        is_contract(file) ? check_contract(file, own) : check_pipeline(file, own, seen);
    std::set<std::tuple<std::string, std::uint32_t, std::uint32_t, std::string>> known;
    for (const Diagnostic& d : all) known.emplace(d.file, d.span.line, d.span.column, d.message);
    Json faults = Json::array();
    std::size_t errors = 0, warnings = 0;
    for (const Diagnostic& d : own) {
      ++(d.severity == Severity::error ? errors : warnings);
      faults.push_back({{"severity", d.severity == Severity::error ? "error" : "warning"},
                        {"code", d.code},
                        {"message", d.message},
                        {"file", d.file},
                        {"line", d.span.line},
                        {"column", d.span.column},
                        {"hint", d.hint}});
      if (known.emplace(d.file, d.span.line, d.span.column, d.message).second) all.push_back(d);
    }
    const bool good = one.good && !(strict && warnings > 0);
    failed = failed || !good;
    const std::string result =
        good ? warnings == 0 ? "ok"
                             : fmt::format("ok, {} warning{}", warnings, warnings == 1 ? "" : "s")
             : fmt::format("{} error{}", std::max<std::size_t>(errors, 1), errors > 1 ? "s" : "");
    listing.items.push_back({{"file", one.file.string()},
                             {"kind", one.kind},
                             {"name", one.name},
                             {"version", one.version},
                             {"digest", one.digest},
                             {"good", good},
                             {"errors", errors},
                             {"warnings", warnings},
                             {"result", good && warnings == 0 ? "ok" : result},
                             {"diagnostics", std::move(faults)}});
  }
  if (const auto printed = in.output.print(listing); !printed)
    return std::unexpected(printed.error());
  if (failed) return std::unexpected(problem_of(all));
  for (const Diagnostic& warning : all) in.output.say(render(warning));
  return Exit::good;
}

}  // namespace daybook::commands
