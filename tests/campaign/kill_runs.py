#!/usr/bin/env python3
"""Kills the release binary again and again while it runs into a real sink, and looks at the sink.

A cycle: some source files get new content; runs are started and killed with SIGKILL, at random times
over a run's duration and at named crash points; between the kills sources may change again. Then one
plain `daybook run`, with nothing done by hand, must exit 0, and the sink must hold exactly the rows the
newest sources give: none lost, none doubled, none stale. Compensations are killed the same way and must
give exactly the generation before. The campaign ends with `verify` and `reconcile --deep`.

    kill_runs.py --sink csv --kills 500 --seed 7
    kill_runs.py --sink postgres --seconds 600 --report build/kills.json
"""

import argparse
import collections
import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "acceptance"))

from feed import CSV_SINK, PARTITIONS, Feed, postgres_sink  # noqa: E402
from harness import ROOT, Failed, Project  # noqa: E402
from postgres import Postgres  # noqa: E402

PIPELINE = "campaign.pipeline.yaml"
KILLED = -signal.SIGKILL
# Points of the protocol that only a compensation comes by.
COMPENSATION = {"dir.before_tombstone", "dir.tombstone_written", "dir.compensated",
                "pg.tombstone_inserted", "pg.rows_removed", "pg.rows_restored"}


def crash_points(prefixes):
    """The registry, read where it stands, so that a new point is tested without another line."""
    with open(os.path.join(ROOT, "runner/connect/crash_point.h"), encoding="utf-8") as file:
        names = re.findall(r'^\s+"([a-z]+\.[a-z_]+)",$', file.read(), re.M)
    if len(names) < 20:
        raise Failed("the registry of crash points is not where this campaign looks for it")
    return [name for name in names if name.split(".")[0] in prefixes]


class CsvSink:
    prefix = "dir"

    def __init__(self, project):
        self.root = project.at("lake/rows")

    sink = CSV_SINK

    def rows(self):
        """What a reader of <root>/<partition>/*.csv sees."""
        found = collections.defaultdict(list)
        for part in sorted(os.listdir(self.root)):
            folder = os.path.join(self.root, part)
            if part.startswith(".") or not os.path.isdir(folder):
                continue
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
                    for row in csv.DictReader(file):
                        found[part].append((int(row["id"]), int(row["round"]), row["part"],
                                            int(row["value"]), int(row["twice"])))
        return {part: sorted(rows) for part, rows in found.items()}

    def leftovers(self):
        """Files of attempts that will never be loaded, and nobody removed."""
        stage = os.path.join(self.root, ".stage")
        return sum(len(files) for _, _, files in os.walk(stage))

    def close(self):
        pass


class PostgresSink:
    prefix = "pg"

    def __init__(self, _):
        self.server = Postgres()

    @property
    def sink(self):
        return postgres_sink(self.server.connection)

    def rows(self):
        found = collections.defaultdict(list)
        for line in self.server.rows("SELECT id, round, part, value, twice FROM public.rows"):
            identity, number, part, value, twice = line.split(",")
            found[part].append((int(identity), int(number), part, int(value), int(twice)))
        return {part: sorted(rows) for part, rows in found.items()}

    def leftovers(self):
        return 0

    def close(self):
        self.server.close()


class Campaign:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.project = Project()
        self.sink = {"csv": CsvSink, "postgres": PostgresSink}[options.sink](self.project)
        self.feed = Feed(self.project, self.random, options.rows)
        self.feed.pipeline(self.sink.sink)
        self.points = crash_points({"run", self.sink.prefix})
        self.by_step = collections.Counter()   # newest entry right after the kill
        self.by_point = collections.Counter()
        self.kills = self.nested = self.too_late = self.runs = self.compensations = 0
        self.unreached = collections.Counter()
        self.rows_checked = 0
        self.expected = {}     # partition -> rows the sink must hold
        self.earlier = {}      # partition -> rows of the generation before
        self.size = 0
        self.duration = 1.0    # of a run, in seconds: kills fall within it

    def close(self):
        self.sink.close()
        self.project.close()

    # --- one process ------------------------------------------------------------------------------

    def killed(self, *words, point=None):
        """Starts daybook and kills it. False where it was done before."""
        environment = {"DAYBOOK_CRASH_AT": point} if point else None
        process = self.project.start(*words, environment=environment)
        if point is None:
            # One in eight dies early: in the recovery from the kill before it.
            span = self.duration if self.random.random() < 0.875 else 0.1
            try:
                out, err = process.communicate(timeout=self.random.uniform(0, span))
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
        else:
            out, err = process.communicate(timeout=120)
        if process.returncode == KILLED:
            return True
        if process.returncode != 0:
            raise Failed(f"{' '.join(words)} (crash at {point}) ended by itself with "
                         f"{process.returncode}:\n{out.decode()}\n{err.decode()}")
        return False

    def count_kill(self, point):
        self.kills += 1
        entries = self.project.entries(since=max(0, self.size - 1))
        size, kind = entries[-1]["index"] + 1, entries[-1]["kind"]
        if size < self.size:
            raise Failed(f"the book had {self.size} entries before the kill and has {size} now")
        self.size = size
        self.by_step[kind] += 1
        if point:
            self.by_point[point.split(":")[0]] += 1

    def choose_point(self, named):
        """A crash point and its turn, those first that were reached least; nothing for a random time."""
        if self.random.random() < 0.5:
            return None
        name = min(named, key=lambda one: (self.by_point[one] + self.unreached[one], self.random.random()))
        return f"{name}:{self.random.choice((1, 1, 1, 2, 3, 5))}"

    # --- cycles -----------------------------------------------------------------------------------

    def mutate(self):
        chosen = self.random.sample(PARTITIONS, self.random.randint(1, len(PARTITIONS)))
        self.feed.write(chosen)

    def run_cycle(self):
        self.mutate()
        named = [point for point in self.points if point not in COMPENSATION]
        for turn in range(self.random.randint(1, 6)):
            if turn and self.random.random() < 0.5:
                self.mutate()
            point = self.choose_point(named)
            if self.killed("run", PIPELINE, point=point):
                self.nested += turn > 0
                self.count_kill(point)
            elif point:
                self.unreached[point.split(":")[0]] += 1
            else:
                self.too_late += 1
            if self.spent():
                break
        self.finish_run()

    def finish_run(self):
        started = time.monotonic()
        self.project.do("run", PIPELINE)
        self.runs += 1
        # Recovery included, so a little long: some kills are too late, none can not be.
        self.duration = 0.8 * self.duration + 0.2 * (time.monotonic() - started)
        newest = {part: self.feed.expected(part) for part in PARTITIONS}
        for part, rows in newest.items():
            if self.expected.get(part) != rows:
                self.expected[part] = rows
        self.compare("after the run")

    def compensation_cycle(self):
        """Takes the newest generation of one partition back, killed on the way."""
        part = self.random.choice(PARTITIONS)
        before = self.expected[part]
        self.feed.write([part])
        self.finish_run()
        proposed = self.project.json("compensate", "propose", "--partition", part, "--reason", "campaign")
        number = proposed["compensation"]
        named = [point for point in self.points if point in COMPENSATION]
        for _ in range(self.random.randint(1, 3)):
            name = min(named, key=lambda one: (self.by_point[one] + self.unreached[one], self.random.random()))
            point = name if self.random.random() < 0.8 else None
            if not self.killed("compensate", "start", str(number), "--yes", point=point):
                break
            self.nested += 1
            self.count_kill(point)
            if self.finished(number) or self.spent():
                break
        if not self.finished(number):
            self.project.do("compensate", "start", number, "--yes")
        self.compensations += 1
        self.expected[part] = before
        self.compare(f"after compensation {number}")
        # What was taken back stays so until its source changes.
        self.project.do("run", PIPELINE)
        self.compare(f"after the run after compensation {number}")
        self.feed.write([part])
        self.finish_run()

    def finished(self, number):
        """A kill may come after the last step, while the checkpoint is signed."""
        return self.project.json("compensate", "show", number)["phase"] == "finished"

    def compare(self, when):
        found = self.sink.rows()
        for part in sorted(set(self.expected) | set(found)):
            wanted, there = self.expected.get(part, []), found.get(part, [])
            self.rows_checked += len(wanted)
            if wanted == there:
                continue
            missing = collections.Counter(wanted) - collections.Counter(there)
            beyond = collections.Counter(there) - collections.Counter(wanted)
            raise Failed(f"{when}, partition {part}: {len(wanted)} rows expected, {len(there)} there; "
                         f"{sum(missing.values())} lost (as {list(missing)[:2]}), {sum(beyond.values())} "
                         f"doubled or stale (as {list(beyond)[:2]}); newest round {self.feed.round}\n"
                         + self.project.ask("explain", part, "--all").out)

    def spent(self):
        if self.options.kills and self.kills >= self.options.kills:
            return True
        return bool(self.options.seconds) and time.monotonic() - self.started > self.options.seconds

    def go(self):
        self.started = time.monotonic()
        self.project.init()
        self.feed.write(PARTITIONS)
        self.finish_run()
        cycle = 0
        while not self.spent():
            cycle += 1
            # Every sixth: a short campaign has one, too.
            if cycle % 6 == 3:
                self.compensation_cycle()
            else:
                self.run_cycle()
        self.project.do("verify", seconds=600)
        reconciled = self.project.json("reconcile", PIPELINE, "--deep")
        if reconciled["findings"]:
            raise Failed(f"reconcile finds {reconciled['findings']}")
        self.size = self.project.size()

    # --- report -----------------------------------------------------------------------------------

    def report(self, failure):
        return {
            "sink": self.options.sink, "seed": self.options.seed, "rows": self.options.rows,
            "seconds": round(time.monotonic() - self.started, 1), "kills": self.kills,
            "nested": self.nested, "done_before_the_kill": self.too_late,
            "runs": self.runs, "compensations": self.compensations, "entries": self.size,
            "rows_compared": self.rows_checked, "leftovers": self.sink.leftovers() if not failure else None,
            "by_newest_entry": dict(self.by_step.most_common()),
            "by_crash_point": {point: self.by_point[point] for point in self.points},
            "failure": failure,
        }


def show(report):
    print(f"\n{report['sink']}: {report['kills']} kills ({report['nested']} of them of a process that was "
          f"recovering), {report['runs']} runs to the end, {report['compensations']} compensations, "
          f"{report['seconds']} s, seed {report['seed']}")
    print(f"book of {report['entries']} entries; {report['rows_compared']} rows compared; "
          f"{report['done_before_the_kill']} runs were done before their kill")
    print(f"\n  {'newest entry at the kill':<28}kills    {'crash point':<26}kills")
    left = list(report["by_newest_entry"].items())
    right = list(report["by_crash_point"].items())
    for line in range(max(len(left), len(right))):
        one = left[line] if line < len(left) else ("", "")
        two = right[line] if line < len(right) else ("", "")
        print(f"  {one[0]:<28}{one[1]:>5}    {two[0]:<26}{two[1]:>5}")
    print(f"\n  lost, doubled or stale rows: {'none' if not report['failure'] else report['failure']}\n",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sink", choices=("csv", "postgres"), required=True)
    parser.add_argument("--kills", type=int, default=0, help="end after so many kills")
    parser.add_argument("--seconds", type=float, default=0, help="end after so long")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rows", type=int, default=2500, help="of each of the eight files")
    parser.add_argument("--report", help="a JSON file to write")
    parser.add_argument("--keep", action="store_true", help="after a failure, leave project and book there")
    options = parser.parse_args()
    if not options.kills and not options.seconds:
        options.kills = 25
    if options.seed is None:
        options.seed = int(time.time())
    print(f"{options.sink}: seed {options.seed}", flush=True)

    campaign = Campaign(options)
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
                 f"--seed {options.seed} --rows {options.rows}")


if __name__ == "__main__":
    main()
