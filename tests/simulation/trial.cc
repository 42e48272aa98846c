#include "tests/simulation/trial.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "tests/simulation/canary.h"
#include "tests/simulation/simulation.h"
#include "tests/support/temporary_directory.h"

namespace daybook::sim {

Figures empty_figures() {
  Figures f;
  for (const std::string_view point : registered_points) f.points[std::string(point)] = 0;
  for (const std::string_view what : registered_sometimes) f.sometimes[std::string(what)] = 0;
  return f;
}

Options options_for(const Settings& settings, std::uint64_t seed, Tier tier) {
  Options o = options_of(seed, tier);
  for (std::size_t i = 0; i < fault_count; ++i)
    if (std::ranges::find(settings.without, fault_names[i]) != settings.without.end())
      o.per_million[i] = 0;
  if (settings.partitions > 0) o.partitions = settings.partitions;
  if (settings.rounds > 0) o.rounds = settings.rounds;
  if (settings.rows > 0) o.rows = settings.rows;
  return o;
}

Outcome simulate(const Options& options, Figures& figures, const std::string& dump) {
  Outcome out;
  const std::uint64_t before = figures.acknowledged;
  const auto happened = figures.happened;
  {
    Simulation simulation(options, figures);
    try {
      simulation.run();
    } catch (const Broken& broken) {
      out.broken = broken.what;
    } catch (const std::exception& error) {
      out.broken = fmt::format("an exception nobody caught: {}", error.what());
    }
    out.trace = simulation.world.trace();
    if (!dump.empty()) simulation.dump(dump);
  }
  out.acknowledged = figures.acknowledged - before;
  for (const auto& [fault, times] : figures.happened) {
    const auto had = happened.find(fault);
    if (times == (had == happened.end() ? 0 : had->second)) continue;
    ++figures.seeds_with[fault];
    figures.acknowledged_under[fault] += out.acknowledged;
  }
  return out;
}

std::string scratch_folder() {
  static const TemporaryDirectory scratch("daybook-sim");
  return scratch.path();
}

std::string ask_oracle(const std::vector<std::string>& directories) {
  std::vector<std::string> words = {"python3", "-B",
                                    DAYBOOK_SOURCE_DIR "/tests/simulation/oracle.py"};
  words.insert(words.end(), directories.begin(), directories.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return "the oracle can not be asked";
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(pipe[0], buffer.data(), buffer.size())) > 0;)
    said.append(buffer.data(), static_cast<std::size_t>(got));
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return said.empty() ? "the oracle did not answer" : said;
}

// --- smaller
// ---------------------------------------------------------------------------------------

Options shrunk(Options options) {
  const auto fails = [](const Options& tried) {
    Figures unseen = empty_figures();
    return !simulate(tried, unseen).broken.empty();
  };
  if (!fails(options)) return options;  // found by the oracle alone, or by running twice
  for (std::size_t i = 0; i < fault_count; ++i) {
    Options less = options;
    if (less.per_million[i] == 0) continue;
    less.per_million[i] = 0;
    if (fails(less)) options = less;
  }
  for (const auto field : {&Options::rounds, &Options::partitions, &Options::rows})
    while (options.*field > 1) {
      Options less = options;
      less.*field = options.*field / 2;
      if (!fails(less)) break;
      options = less;
    }
  return options;
}

std::string rerun_line(const Options& options, const Options& original) {
  std::string line = fmt::format("tools/dev sim --seed {} --tier {}", options.seed,
                                 options.tier == Tier::memory ? "memory" : "rocksdb");
  for (std::size_t i = 0; i < fault_count; ++i)
    if (options.per_million[i] == 0 && original.per_million[i] > 0)
      line += fmt::format(" --without {}", fault_names[i]);
  if (options.partitions != original.partitions)
    line += fmt::format(" --partitions {}", options.partitions);
  if (options.rounds != original.rounds) line += fmt::format(" --rounds {}", options.rounds);
  if (options.rows != original.rows) line += fmt::format(" --rows {}", options.rows);
  return line;
}

// --- canaries
// --------------------------------------------------------------------------------------

namespace {

// The faults and the sink under which the canary shows at all; all else is the seed's.
Options options_with(Canary which, const Options& drawn) {
  using enum Canary;
  Options o = drawn;
  const auto at_least = [&](Fault fault, std::uint32_t per_million) {
    auto& chance = o.per_million[static_cast<std::size_t>(fault)];
    chance = std::max(chance, per_million);
  };
  switch (which) {
    case skip_sync:
      o.tier = Tier::rocksdb;
      at_least(Fault::power, 10'000);
      break;
    case acknowledge_before_log:
    case anchor_before_log:
    case lose_answered_tail:
    case intent_not_durable:
      o.tier = Tier::memory;
      at_least(Fault::kill, 10'000);
      break;
    case drop_fence:
    case fence_without_boot: at_least(Fault::takeover, 10'000); [[fallthrough]];
    case forget_marker:
    case marker_apart:
    case guess_absence:
      o.aim_at(Target::server);
      o.mode = which == guess_absence ? LoadMode::append : LoadMode::replace;
      at_least(Fault::source, 100'000);
      at_least(Fault::kill, 10'000);
      at_least(Fault::lost_answer, 100'000);
      break;
    case ignore_lost_answer:
    case commit_without_sink:
    case forget_abort:
    case cancel_late:
      o.aim_at(Target::server);
      at_least(Fault::lost_answer, 200'000);
      at_least(Fault::pause, 10'000);
      o.off(Fault::lost_tail);
      o.off(Fault::takeover);
      break;
    case give_up_unasked:  // while a writer that was overtaken stands still in its transaction
      o.aim_at(Target::server);
      at_least(Fault::takeover, 200'000);
      at_least(Fault::pause, 40'000);
      at_least(Fault::server_error, 100'000);
      o.off(Fault::lost_tail);  // which forgets fences by itself
      o.off(Fault::server_crash);
      o.partitions = std::max(o.partitions, 12U);
      o.concurrency = 4;
      break;
    case half_the_rows: o.aim_at(Target::server); break;
    case wrong_rows_removed:  // where more than one generation stands
      o.aim_at(Target::server);
      o.mode = LoadMode::append;
      o.rounds = std::max(o.rounds, 5U);
      break;
    case forget_what_stands:
      o.aim_at(Target::directory);
      o.mode = LoadMode::merge;
      o.rounds = std::max(o.rounds, 4U);
      break;
    case unsynced_files:
      o.aim_at(Target::directory);
      at_least(Fault::power, 10'000);
      break;
    case no_backoff:
    case retry_for_ever: at_least(Fault::server_error, 60'000); [[fallthrough]];
    case apply_differs: at_least(Fault::source, 150'000); break;
    default: break;
  }
  return o;
}

}  // namespace

std::vector<CaughtCanary> run_canaries(const Settings& settings) {
  std::vector<CaughtCanary> out;
  for (const CanaryName& one : canaries()) {
    if (!settings.canary.empty() && settings.canary != one.name) continue;
    CaughtCanary result{
        .name = std::string(one.name), .meaning = std::string(one.meaning), .by = {}, .said = {}};
    std::vector<std::string> dumps;
    const auto ask = [&] {
      result.said = ask_oracle(dumps);
      result.caught = !result.said.empty();
      result.by = result.caught ? "oracle" : "";
      dumps.clear();
    };
    for (std::uint64_t i = 0; i < settings.canary_seeds && !result.caught; ++i) {
      const std::uint64_t seed = settings.first + i;
      const Options options = options_with(one.canary, options_of(seed, Tier::memory));
      Figures unseen = empty_figures();
      dumps.push_back(fmt::format("{}/canary-{}", scratch_folder(), dumps.size()));
      active_canary = one.canary;
      const Outcome outcome = simulate(options, unseen, dumps.back());
      active_canary = Canary::none;
      ++result.seeds;
      if (!outcome.broken.empty()) {
        result.caught = true;
        result.by = "simulation";
        result.said = outcome.broken;
      } else if (dumps.size() == 8 || i < 4) {
        ask();
      }
    }
    if (!result.caught && !dumps.empty()) ask();
    out.push_back(std::move(result));
  }
  return out;
}

}  // namespace daybook::sim
