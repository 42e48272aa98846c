#include "tools/daybook/scope.h"

#include "replay/sentences.h"

namespace daybook {

std::expected<std::pair<nlohmann::json, std::string>, Problem> named_scope(Invocation& in,
                                                                           const State& state) {
  const Arguments& args = in.arguments;
  nlohmann::json out = nlohmann::json::object();
  if (args.has("partition")) {
    if (args.has("run"))
      return usage("one scope at a time", "--run and --partition name two scopes");
    const auto slot = find_slot(state, args.text("partition"), args.text("pipeline"));
    if (!slot) return std::unexpected(slot.error());
    out["slot"] = static_cast<std::uint32_t>(*slot);
    return std::pair{out, slot_title(state, *slot)};
  }
  if (args.has("run")) {
    if (args.has("pipeline"))
      return usage("one scope at a time", "--run and --pipeline name two scopes");
    const auto run = find_run(state, args.text("run"));
    if (!run) return std::unexpected(run.error());
    out["run"] = static_cast<std::uint32_t>(*run);
    return std::pair{out, fmt::format("run {}", *run)};
  }
  if (args.has("pipeline")) {
    if (!state.current_definition.contains(args.text("pipeline")))
      return not_found("daybook runs list shows what ran", "no pipeline {} has run in this book",
                       args.text("pipeline"));
    out["pipeline"] = args.text("pipeline");
    return std::pair{out, "pipeline " + args.text("pipeline")};
  }
  return std::pair{out, std::string("the book")};
}

}  // namespace daybook
