"""What 90 minutes on two processors are to show, and what the last campaigns reached of it: (measure, goal, reached).

The goals are set by what the most tested systems publish (FoundationDB, TigerBeetle, SQLite, RocksDB, Kafka), not by
what is easy here: a soak of an hour has two thirds of the time, and where it stays below it says so.
"""

import statistics


def of_binary(found, *faults):
    """How often campaigns on the release binary made these faults happen."""
    return sum(report["faults"][fault]["runs"] for name, report in found.items() if name not in ("simulation", "tests")
               for fault in faults if fault in report.get("faults", {}))


def reached(found):
    """Rows of what can be read from the reports that are there."""
    out = []

    def add(measure, goal, value, note=""):
        out.append((measure, f"{goal:,}", f"{value:,}{note}", value >= goal))

    simulation, fuzz, damage = (found.get(name) for name in ("simulation", "fuzz", "damage"))
    if simulation:
        add("simulated seeds", 100_000, simulation["seeds"])
        add("losses of power in them", 300_000, simulation["faults"]["power-loss"]["runs"])
        add("simulated time, days", 365_000, simulation["simulated_days"])
        add("seeds run twice, with the same trace", 1000, simulation["twice"])
        met = [times for times in simulation["sometimes"].values()]
        met += [one["reached"] for one in simulation["crash_points"].values()]
        add("rare points (crash points and what is met now and then)", 150, len(met),
            f", {sum(times > 0 for times in met)} of them met")
        if simulation.get("canaries"):
            caught = [one["seeds"] for one in simulation["canaries"].values() if one["caught"]]
            add("canaries caught", 20, len(caught), f" of {len(simulation['canaries'])}, median after "
                f"{statistics.median(caught):g} seeds, at most {max(caught)}")
    kills = of_binary(found, "kill -9", "kill -9 during recovery", "kill -9 during a compensation")
    if kills:
        add("`kill -9` of the release binary", 5000, kills)
    servers = of_binary(found, "PostgreSQL shut down in immediate mode", "PostgreSQL process killed")
    if servers:
        add("PostgreSQL shut down or killed under load", 200, servers)
    zombies = of_binary(found, "zombie resumed after a takeover")
    if zombies:
        add("late writers of the release binary", 2000, zombies)
    if damage:
        add("damaged books", 50_000, sum(one["runs"] for one in damage["faults"].values()))
    if fuzz:
        add("fuzz executions", 60_000_000, fuzz["executions"])
        add("the fewest of a target", 200_000, min(one["executions"] for one in fuzz["targets"]))
    return out


def markdown(found):
    rows = reached(found)
    if not rows:
        return []
    lines = ["### Goals of 90 minutes, and what was reached", "",
             "| measure | goal | reached | |", "|---|---|---|---|"]
    lines += [f"| {measure} | {goal} | {value} | {'yes' if enough else 'not reached'} |"
              for measure, goal, value, enough in rows]
    return lines + [""]
