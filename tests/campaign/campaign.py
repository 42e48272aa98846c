"""What the campaigns have in common: a project with a generated feed, a real sink, the release binary, an
expectation computed from the feed alone, and a report.

A campaign counts, per fault, how often it happened and what it cost: rows lost, rows doubled or stale, damage
that nobody said. Each campaign's report is one JSON file; tests/campaign/table.py makes the table of
docs/reliability.md of them.
"""

import argparse
import collections
import json
import os
import random
import sys
import time

from sinks import SINKS, COMPENSATION, crash_points
from feed import PARTITIONS, Feed
from harness import Failed, Project

PIPELINE = "campaign.pipeline.yaml"


class Campaign:
    """Subclasses give `name`, `faults` (the names of the faults they make) and `cycle()`."""

    name = ""
    faults = ()
    sinks = ("csv", "postgres")
    modes = ("replace",)
    attempts = 5   # of a partition in a run, before it is set aside

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.project = self.make_project()
        self.sink = SINKS[options.sink](self.project)
        self.feed = Feed(self.project, self.random, options.rows, options.mode)
        self.feed.pipeline(self.connect(), self.attempts)
        self.points = [] if self.sink is None else crash_points({"run", self.sink.prefix})
        self.by_point = collections.Counter()
        self.unreached = collections.Counter()
        self.sometimes = collections.Counter()
        self.runs_of = collections.Counter({fault: 0 for fault in self.faults})
        self.lost = self.doubled = self.silent = 0
        self.runs = self.rows_checked = self.size = 0
        self.expected = {}     # partition -> rows the sink must hold
        self.duration = 1.0    # of a run, in seconds: faults fall within it
        self.started = time.monotonic()

    def make_project(self):
        return Project()

    def connect(self):
        """What the pipeline names as its sink."""
        return self.sink.sink

    def close(self):
        self.sink.close()
        self.project.close()

    # --- steps ------------------------------------------------------------------------------------

    def happened(self, fault, times=1):
        self.runs_of[fault] += times

    def mutate(self, some=None):
        self.feed.write(some or self.random.sample(PARTITIONS, self.random.randint(1, len(PARTITIONS))))

    def choose_point(self, among):
        """A named point and its turn, those first that were reached least."""
        name = min(among, key=lambda one: (self.by_point[one] + self.unreached[one], self.random.random()))
        return f"{name}:{self.random.choice((1, 1, 1, 2, 3, 5))}"

    @property
    def run_points(self):
        return [point for point in self.points if point not in COMPENSATION]

    def finish_run(self, *words):
        """One plain run with nothing done by hand; then the sink holds what the newest sources give."""
        started = time.monotonic()
        self.project.do("run", PIPELINE, *words)
        self.runs += 1
        self.learn_duration(started)
        for part in PARTITIONS:
            self.expected[part] = self.feed.expected(part)
        self.compare("after the run")
        self.not_shorter()

    def learn_duration(self, started):
        """Recovery included, so a little long: some faults come too late, none can not come."""
        self.duration = 0.8 * self.duration + 0.2 * (time.monotonic() - started)

    def not_shorter(self):
        size = self.project.size()
        if size < self.size:
            raise Failed(f"the book had {self.size} entries and has {size} now")
        self.size = size

    def compare(self, when):
        found = self.sink.rows()
        for part in sorted(set(self.expected) | set(found)):
            wanted, there = self.expected.get(part, []), found.get(part, [])
            self.rows_checked += len(wanted)
            if wanted == there:
                continue
            missing = collections.Counter(wanted) - collections.Counter(there)
            beyond = collections.Counter(there) - collections.Counter(wanted)
            self.lost += sum(missing.values())
            self.doubled += sum(beyond.values())
            raise Failed(f"{when}, partition {part}: {len(wanted)} rows expected, {len(there)} there; "
                         f"{sum(missing.values())} lost (as {list(missing)[:2]}), {sum(beyond.values())} "
                         f"doubled or stale (as {list(beyond)[:2]}); newest round {self.feed.round}\n"
                         + self.project.ask("explain", part, "--all").out)

    def spent(self):
        if self.options.faults and sum(self.runs_of.values()) >= self.options.faults:
            return True
        if self.options.cycles and self.done >= self.options.cycles:
            return True
        return bool(self.options.seconds) and time.monotonic() - self.started > self.options.seconds

    def begin(self):
        self.project.init()
        self.feed.write(PARTITIONS)
        self.finish_run()

    def cycle(self):
        raise NotImplementedError

    def end(self):
        """The whole book is good, and book and sink agree."""
        self.project.do("verify", seconds=600)
        reconciled = self.project.json("reconcile", PIPELINE, "--deep")
        if reconciled["findings"]:
            raise Failed(f"reconcile finds {reconciled['findings']}")
        self.size = self.project.size()

    def go(self):
        self.done = 0
        self.started = time.monotonic()
        self.begin()
        while not self.spent():
            self.cycle()
            self.done += 1
        self.end()

    # --- report -----------------------------------------------------------------------------------

    def more(self):
        """Figures of this campaign alone."""
        return {}

    def report(self, failure):
        return {
            "campaign": self.name, "sink": self.options.sink, "mode": self.options.mode,
            "seed": self.options.seed, "rows": self.options.rows,
            "seconds": round(time.monotonic() - self.started, 1), "cycles": getattr(self, "done", 0),
            "runs": self.runs, "entries": self.size, "rows_compared": self.rows_checked,
            "faults": {fault: {"runs": runs, "lost": self.lost, "doubled": self.doubled, "silent": self.silent}
                       for fault, runs in self.runs_of.items()},
            "by_crash_point": {point: self.by_point[point] for point in self.points},
            "sometimes": dict(self.sometimes), **self.more(), "failure": failure,
        }


def show(report):
    print(f"\n{report['campaign']}: {report['cycles']} cycles, {report['runs']} runs to the end, "
          f"{report['seconds']} s, seed {report['seed']}; book of {report['entries']} entries, "
          f"{report['rows_compared']} rows compared")
    for fault, found in report["faults"].items():
        print(f"  {fault:<44}{found['runs']:>7}")
    for what, times in sorted(report["sometimes"].items()):
        print(f"    {what:<42}{times:>7}")
    reached = [f"{point} {times}" for point, times in report["by_crash_point"].items() if times]
    if reached:
        print("  crash points: " + ", ".join(reached))
    print(f"  lost, doubled, silent: {'none' if not report['failure'] else report['failure']}", flush=True)


def main(kind, cycles=5, rows=2500):
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sink", choices=kind.sinks, default=kind.sinks[0])
    parser.add_argument("--mode", choices=kind.modes, default=kind.modes[0], help="of the sink")
    parser.add_argument("--cycles", type=int, default=0, help="end after so many")
    parser.add_argument("--faults", type=int, default=0, help="end after so many: kills, pauses …")
    parser.add_argument("--seconds", type=float, default=0, help="end after so long")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rows", type=int, default=rows, help="of each of the eight files")
    parser.add_argument("--report", help="a JSON file to write")
    parser.add_argument("--keep", action="store_true", help="after a failure, leave project and book there")
    options = parser.parse_args()
    if not options.cycles and not options.seconds and not options.faults:
        options.cycles = cycles
    if options.seed is None:
        options.seed = int(time.time())
    print(f"{kind.name}, {options.sink}, {options.mode}: seed {options.seed}", flush=True)

    campaign = kind(options)
    failure = None
    try:
        campaign.go()
    except Exception as error:  # the report is made of a failure, too
        failure = str(error) or repr(error)
    report = campaign.report(failure)
    show(report)
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    if failure and options.keep:
        print(f"kept: {campaign.project.path}")
        campaign.sink.close()
    else:
        campaign.close()
    if failure:
        sys.exit(f"failed; again with: {os.path.basename(sys.argv[0])} --sink {options.sink} "
                 f"--mode {options.mode} --seed {options.seed} --rows {options.rows}")
