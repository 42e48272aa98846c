// The simulated source and data plane: what partitions there are, what they hold, and what a stage
// makes of it. Knows the truth that sinks are compared with at the end.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runner/dataplane/stage.h"
#include "tests/simulation/world.h"

namespace daybook::sim {

// One partition's source. A row is "<key>,<number>,<value>"; what becomes of it is in the value.
struct Part {
  std::vector<std::string> rows;
  bool there = true;
  std::uint64_t version = 0;

  std::string text() const;
};

// What a stage makes of some text and some released records.
struct Made {
  std::vector<std::string> rows;  // that are to be loaded
  std::vector<QuarantinedRecord> set_aside;
  RowCounts counts;
  Digest inputs{}, content{};
};

// Merged by key (a row's number) with the rows that stand; of several with one key the last wins.
std::vector<std::string> merged_by_key(const std::vector<std::string>& stand,
                                       const std::vector<std::string>& incoming);
Digest content_of(const std::vector<std::string>& rows, bool overlay_only);

class Feed {
 public:
  explicit Feed(World& world);

  void change(std::uint32_t parts);  // some partitions get new content
  void change(const std::string& key);
  void come_and_go();  // one partition is not offered any more, or is again
  const std::map<std::string, Part>& parts() const { return parts_; }
  std::map<std::string, Part>& parts() { return parts_; }

  Made made_of(const std::string& text, const std::vector<OverlayRecord>& overlay,
               bool overlay_only) const;

  // What was staged, by directory: files nobody sees yet. Gone with the process.
  std::map<std::string, std::vector<std::string>> staged;
  // Every content that a stage ever committed to, and the rows it stands for.
  std::map<Digest, std::vector<std::string>> truth;
  // What each of the inputs that were ever staged gives by itself: a merge puts it over what
  // stands.
  std::map<Digest, std::vector<std::string>> incoming;

 private:
  void write(const std::string& key, Part& part);
  World& world_;
  std::map<std::string, Part> parts_;
};

}  // namespace daybook::sim
