// Definitions in the book: what ran is kept whole, and can be read back exactly as it ran.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "ledger/error.h"
#include "runner/book_view.h"
#include "runner/definition/pipeline.h"
#include "runner/keeper.h"

namespace daybook {

// The files of a definition and the project they lay in, as one payload (JSON).
std::string definition_payload(const Pipeline& pipeline);

// Registers the pipeline's definition unless the book has it as the current one; its id either way.
// The error is what the disk said, or what the rules did.
struct NotRegistered {
  std::string detail;
  std::optional<Refusal> refusal = {};
};
boost::asio::awaitable<std::expected<DefinitionId, NotRegistered>> register_definition(
    Keeper& keeper, Actor actor, const Pipeline& pipeline);

// Reads definitions back out of the book, once each.
class DefinitionCache {
 public:
  explicit DefinitionCache(const BookView& book) : book_(book) {}
  // Exact: refuses with `newer_version` where this program reads the same files into another digest
  // (its components have changed): such a definition must not be executed. Any: good enough to find
  // the sink and ask it.
  enum class Match : std::uint8_t { exact, any };
  Result<std::shared_ptr<const Pipeline>> get(DefinitionId id, Match match = Match::any);
  void put(DefinitionId id, std::shared_ptr<const Pipeline> pipeline);

 private:
  BookView book_;
  std::map<DefinitionId, std::shared_ptr<const Pipeline>> known_;
};

}  // namespace daybook
