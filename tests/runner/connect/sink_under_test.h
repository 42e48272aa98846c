// A sink of either kind behind one face, for tests that hold for both: plans that stage small rows,
// and what a reader who knows nothing of Daybook sees.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runner/connect/sink.h"
#include "tests/support/postgres_cluster.h"
#include "tests/support/temporary_directory.h"

namespace daybook {

using Rows = std::vector<std::string>;  // "id\tvalue"

// "1\ttag-1" … : the rows first … last.
Rows rows(int first, int last, const std::string& tag);

enum class Harm : std::uint8_t { change, remove, add };

class SinkUnderTest {
 public:
  static std::unique_ptr<SinkUnderTest> directory();
  // Shares one cluster per process.
  static std::unique_ptr<SinkUnderTest> postgres();
  virtual ~SinkUnderTest() = default;

  virtual std::string crash_prefix() const = 0;
  virtual Pipeline pipeline() const = 0;
  std::unique_ptr<SinkDriver> open() const;
  void prepare(LoadMode mode = LoadMode::replace) const;

  // Stages the rows in two files. The load id is derived as the book does: the same generation and
  // rows give the same one.
  LoadPlan plan(const std::string& partition, Generation generation, const Rows& content,
                EntryIndex fence, LoadMode mode = LoadMode::replace) const;
  // Takes back `load`, restoring `restored` (or nothing).
  CompensationPlan compensation(
      const LoadPlan& load, const LoadPlan* restored, EntryIndex fence,
      CompensationAction action = CompensationAction::restore_previous) const;

  virtual Rows visible() const = 0;  // sorted
  virtual void harm(const LoadPlan& load, Harm harm) const = 0;
  virtual void add_foreign(const std::string& partition) const = 0;  // rows "foreign…"

 protected:
  TemporaryDirectory work_{"daybook-sink"};

 private:
  mutable std::map<std::string, std::vector<Digest>> intended_;  // by partition: every plan made
};

PostgresCluster& shared_cluster();
// Runs statements on the shared cluster; rows as tab-separated text. Throws on an error.
Rows query(const std::string& sql);

const std::vector<Column>& test_columns();  // id integer, value text

// Runs `act` in a forked child. Returns the signal that ended it, or 0 with the exit status.
struct ChildEnd {
  int signal = 0, status = 0;
};
pid_t start_child(const std::function<int()>& act);
ChildEnd wait_child(pid_t child);
ChildEnd in_child(const std::function<int()>& act);

}  // namespace daybook
