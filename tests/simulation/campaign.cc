#include "tests/simulation/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/simulation/trial.h"

namespace daybook::sim {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string_view name_of(Tier tier) { return tier == Tier::memory ? "memory" : "rocksdb"; }

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

class Campaign {
 public:
  explicit Campaign(const Settings& settings) : settings_(settings), figures_(empty_figures()) {}

  int run() {
    print(fmt::format("seed {}", settings_.first));
    if (!settings_.canaries) {
      run_tier(Tier::memory, 0.6);
      run_tier(Tier::rocksdb, 0.4);
    } else if (settings_.seconds > 0) {
      run_tier(Tier::memory, 0.5);
      run_tier(Tier::rocksdb, 0.3);
    }
    if (settings_.canaries) canaries();
    const bool ran = figures_.seeds > 0;
    if (ran) show();
    if (ran && settings_.complete) demand_all_met();
    if (!settings_.report.empty()) write();
    if (failures_.empty()) return 0;
    print(fmt::format("{} failures; the first: {}", failures_.size(), failures_.front()));
    return 1;
  }

 private:
  void run_tier(Tier tier, double share) {
    if (settings_.tiers != "both" && settings_.tiers != name_of(tier)) return;
    const auto started = Clock::now();
    const double alone = settings_.tiers == "both" ? share : 1.0;
    const double span = static_cast<double>(settings_.seconds) * alone;
    std::uint64_t seed = settings_.first;
    for (;; ++seed) {
      if (settings_.seconds > 0 ? seconds_since(started) > span
                                : seed >= settings_.first + settings_.seeds)
        break;
      one(seed, tier);
    }
    judge();
    const double took = seconds_since(started);
    print(fmt::format("{}: seeds {} to {} in {:.1f} s, {:.0f} a second", name_of(tier),
                      settings_.first, seed - 1, took,
                      static_cast<double>(seed - settings_.first) / took));
  }

  void one(std::uint64_t seed, Tier tier) {
    const Options options = options_for(settings_, seed, tier);
    if (settings_.verbose) print(describe(options));
    const bool asked = settings_.oracle_every > 0 && seed % settings_.oracle_every == 0;
    std::string dump;
    if (!settings_.dump.empty()) {
      std::filesystem::create_directories(settings_.dump);
      dump = fmt::format("{}/{}-{}", settings_.dump, name_of(tier), seed);
    } else if (asked)
      dump = fmt::format("{}/{}-{}", scratch_folder(), name_of(tier), seed);
    Outcome outcome = simulate(options, figures_, dump);
    ++figures_.seeds;
    if (outcome.acknowledged < 20) ++figures_.void_seeds;
    if (outcome.broken.empty() && seed % 100 == 0) {
      Figures unseen = empty_figures();
      const Outcome again = simulate(options, unseen);
      ++figures_.twice;
      if (again.trace != outcome.trace || !again.broken.empty())
        outcome.broken = "run twice, the seed went two ways";
    }
    if (!outcome.broken.empty()) return failed(options, outcome.broken);
    if (!asked) return;
    waiting_.push_back({options, dump});
    if (waiting_.size() == 16) judge();
  }

  // Several at once: starting the oracle takes longer than its judgement.
  void judge() {
    if (waiting_.empty()) return;
    std::vector<std::string> dumps;
    for (const auto& [options, dump] : waiting_) dumps.push_back(dump);
    figures_.oracle += dumps.size();
    if (const std::string said = ask_oracle(dumps); !said.empty())
      for (const auto& [options, dump] : waiting_) {
        const std::string name = std::filesystem::path(dump).filename().string();
        const std::size_t at = said.find(name + ":");
        if (at != std::string::npos)
          failed(options, "oracle: " + said.substr(at, said.find('\n', at) - at));
        else if (said.find("judged") == std::string::npos)
          failed(options, said);
      }
    waiting_.clear();
  }

  void failed(const Options& options, const std::string& why) {
    print(fmt::format("FAILED seed {}: {}\n  {}", options.seed, why, describe(options)));
    // Shrinking takes as long as some seeds: the first few failures tell what the others would.
    const bool small = settings_.shrinks && failures_.size() < 3;
    const Options less = small ? shrunk(options) : options;
    const std::string line = rerun_line(less, options_of(options.seed, options.tier));
    print("  again: " + line);
    failures_.push_back(fmt::format("seed {}: {}; again: {}", options.seed, why, line));
  }

  void canaries() {
    caught_ = run_canaries(settings_);
    print(fmt::format("{:<26}{:>6}  {:<12}{}", "canary", "seeds", "caught by", "what it said"));
    for (const CaughtCanary& one : caught_) {
      const std::string said = one.said.substr(0, one.said.find('\n')).substr(0, 90);
      print(fmt::format("{:<26}{:>6}  {:<12}{}", one.name, one.seeds, one.caught ? one.by : "NOT",
                        said));
      if (!one.caught)
        failures_.push_back(fmt::format("canary {} ({}) was not caught in {} seeds", one.name,
                                        one.meaning, one.seeds));
    }
  }

  void demand_all_met() {
    const auto all = [&](const auto& counted, std::string_view what) {
      for (const auto& [name, times] : counted)
        if (times == 0) failures_.push_back(fmt::format("{} never: {}", what, name));
    };
    all(figures_.points, "reached");
    all(figures_.sometimes, "met");
    for (const std::string_view point : registered_points)
      if (figures_.ended_at[std::string(point)] == 0)
        failures_.push_back(fmt::format("no process ended at {}", point));
  }

  void show() {
    print(fmt::format(
        "{} seeds ({} twice, {} judged by the oracle, {} void), {} processes, {} acknowledged "
        "entries, {} loads that stood at the end, {} rows compared, {:.1f} simulated days",
        figures_.seeds, figures_.twice, figures_.oracle, figures_.void_seeds, figures_.boots,
        figures_.acknowledged, figures_.loads, figures_.rows_compared,
        static_cast<double>(figures_.virtual_us) / 86'400e6));
    for (const auto& [fault, times] : figures_.happened)
      print(fmt::format("  {:<16}{:>9} times in {:>6} seeds, {:>9} acknowledged, {} lost", fault,
                        times, figures_.seeds_with[fault], figures_.acknowledged_under[fault],
                        figures_.lost));
    if (!settings_.verbose && !settings_.complete) return;
    for (const auto& [point, hits] : figures_.points)
      print(fmt::format("  {:<28}{:>9} times, ended there {}", point, hits,
                        figures_.ended_at[point]));
    for (const auto& [what, hits] : figures_.sometimes)
      print(fmt::format("  {:<62}{:>9}", what, hits));
    for (const auto& [phase, times] : figures_.ended_as)
      print(fmt::format("  partitions that ended {:<24}{:>9}", phase, times));
  }

  void write() {
    nlohmann::ordered_json json;
    json["campaign"] = "simulation";
    json["seed"] = settings_.first;
    json["seeds"] = figures_.seeds;
    json["twice"] = figures_.twice;
    json["judged_by_oracle"] = figures_.oracle;
    json["void"] = figures_.void_seeds;
    json["processes"] = figures_.boots;
    json["acknowledged"] = figures_.acknowledged;
    json["rows_compared"] = figures_.rows_compared;
    json["simulated_days"] = figures_.virtual_us / 86'400'000'000;
    auto& faults = json["faults"] = nlohmann::ordered_json::object();
    std::vector<std::string> counted(fault_names.begin(), fault_names.end());
    for (const char* more : {"replayed", "source changed", "records set aside", "erased"})
      counted.emplace_back(more);
    for (const std::string& name : counted) {
      faults[name] = {{"runs", figures_.happened[name]},
                      {"seeds", figures_.seeds_with[name]},
                      {"acknowledged", figures_.acknowledged_under[name]},
                      {"lost", figures_.lost},
                      {"doubled", figures_.doubled},
                      {"silent", figures_.silent}};
    }
    auto& points = json["crash_points"] = nlohmann::ordered_json::object();
    for (const auto& [point, hits] : figures_.points)
      points[point] = {{"reached", hits}, {"ended there", figures_.ended_at[point]}};
    json["sometimes"] = figures_.sometimes;
    auto& caught = json["canaries"] = nlohmann::ordered_json::object();
    for (const CaughtCanary& one : caught_)
      caught[one.name] = {
          {"caught", one.caught}, {"seeds", one.seeds}, {"by", one.by}, {"meaning", one.meaning}};
    json["failures"] = failures_;
    json["failure"] = nullptr;
    if (!failures_.empty()) json["failure"] = failures_.front();
    if (std::FILE* file = std::fopen(settings_.report.c_str(), "w")) {
      std::fputs((json.dump(1) + "\n").c_str(), file);
      std::fclose(file);
    } else {
      failures_.push_back("the report can not be written: " + settings_.report);
    }
  }

  struct Waiting {
    Options options;
    std::string dump;
  };
  const Settings& settings_;
  Figures figures_;
  std::vector<Waiting> waiting_;
  std::vector<CaughtCanary> caught_;
  std::vector<std::string> failures_;
};

}  // namespace

int run_campaign(const Settings& settings) { return Campaign(settings).run(); }

}  // namespace daybook::sim
