// One seed from its first entry to its last: machines, source, sinks, and the people who run
// pipelines, decide and correct. run() throws Broken where a promise did not hold.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runner/connect/sink.h"
#include "runner/definition/pipeline.h"
#include "runner/reconcile.h"
#include "tests/simulation/feed.h"
#include "tests/simulation/lake.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/server.h"
#include "tests/simulation/world.h"

namespace daybook::sim {

class Simulation {
 public:
  Simulation(const Options& options, Figures& figures);
  ~Simulation();
  static Simulation& here();

  void run();
  // Entries, what clients were told, and what the sinks hold: for an oracle that shares nothing
  // with this program.
  void dump(const std::string& directory);
  std::vector<std::string> entries();
  std::vector<Entry> decoded();

  void keep_staged(const std::string& directory, const std::vector<std::string>& rows,
                   const std::string& bytes);
  void drop_staged(const std::string& directory);
  std::string own(const std::string& directory) const;

  World world;
  Feed feed;
  Server server;
  Lake lake;

 private:
  struct Asked;  // one thing a client asks for

  void make_book();
  void define(std::uint64_t version);
  Process& boot();
  void leave(Process& process);
  void leave_now(Process& process);
  bool drive(Process& process, boost::asio::awaitable<void> work);
  void strike(Process& process);
  void cancel_intended(Process& process);
  void take_over(Process& process);
  void process_over(Process& process, bool gone);

  void round(std::uint32_t number);
  void run_pipeline(RunKind kind, const std::string& key, std::vector<std::string> partitions = {});
  // simulation_people.cc
  template <typename Work>
  void as_somebody(Process& process, Work work);
  void people(Process& process);
  void interfere(Process& process);
  void resume_paused(Process& process);
  void approve(Process& process, std::uint32_t one_in);
  void compensate();
  void decide_proposals(Process& process);
  void resume_compensation();
  void withdraw_if_settled(Process& process, CompensationId id);
  void erase();
  void hold_or_let_go(Process& process);
  void erasures_go_on(const Keeper& keeper);
  void reconcile_now();
  void reconcile_beside(Process& process);
  void judge(const ReconcileReport& report);
  void bring_to_an_end();
  void settle_what_waits(Process& process);

  void check_replay(const Process& process);
  void check_end(Process& process);
  EntryIndex given_up_under(const Digest& load);
  std::vector<std::string> rows_of(const Slot& slot, const GenerationState& g);
  std::vector<std::string> visible(const std::string& partition) const;
  struct LoadInSink : SinkGeneration {
    EntryIndex fence = 0;  // of the attempt that brought it in
  };
  std::map<std::string, std::vector<LoadInSink>> loads_in_sink() const;
  void say(std::string_view type, std::string_view what, std::string_view more);

  std::vector<std::unique_ptr<Machine>> machines_;
  Machine* main_ = nullptr;
  Process* living_ = nullptr;  // that may do the next thing, too
  std::shared_ptr<const Pipeline> pipeline_;
  std::uint64_t keys_ = 0;
  bool late_writers_ = false;
  Chance counsel_;                      // who places legal holds
  Chance calendar_;                     // when pipelines run
  Chance audits_;                       // who compares the sink with the book while a run goes on
  std::set<ErasureId> erasing_;         // whose start was answered, and whose end was not seen
  std::set<std::string> stands_again_;  // partitions in which reconcile found what was taken back
  bool given_up_ = false;               // the book was refused after a torn write, as it should be
  std::vector<std::string> history_;
};

}  // namespace daybook::sim
