#!/usr/bin/env python3
"""Kills the release binary again and again while it runs into a real sink, and looks at the sink.

A cycle: some source files get new content; runs are started and killed with SIGKILL, at random times
over a run's duration and at named crash points; between the kills sources may change again. Then one
plain `daybook run`, with nothing done by hand, must exit 0, and the sink must hold exactly the rows the
newest sources give: none lost, none doubled, none stale. Compensations are killed the same way and must
give exactly the generation before. The campaign ends with `verify` and `reconcile --deep`.

    kill_runs.py --sink csv --faults 500 --seed 7
    kill_runs.py --sink postgres --mode merge --seconds 600 --report build/kills.json
"""

import collections
import signal
import subprocess

import campaign
from campaign import PIPELINE, Campaign
from feed import PARTITIONS
from harness import Failed
from sinks import COMPENSATION

KILLED = -signal.SIGKILL


class Kills(Campaign):
    name = "kills"
    faults = ("kill -9", "kill -9 during recovery", "kill -9 during a compensation")
    modes = ("replace", "merge")

    def __init__(self, options):
        super().__init__(options)
        self.by_step = collections.Counter()   # newest entry right after the kill
        self.too_late = self.compensations = 0

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

    def count_kill(self, fault, point):
        self.happened(fault)
        entries = self.project.entries(since=max(0, self.size - 1))
        size, kind = entries[-1]["index"] + 1, entries[-1]["kind"]
        if size < self.size:
            raise Failed(f"the book had {self.size} entries before the kill and has {size} now")
        self.size = size
        self.by_step[kind] += 1
        if point:
            self.by_point[point.split(":")[0]] += 1

    # --- cycles -----------------------------------------------------------------------------------

    def cycle(self):
        # Every sixth: a short campaign has one, too.
        if self.done % 6 == 2:
            self.compensation_cycle()
        else:
            self.run_cycle()

    def run_cycle(self):
        self.mutate()
        for turn in range(self.random.randint(1, 6)):
            # Of a merge each content must arrive: one that a killed run may have loaded or not says nothing.
            if turn and self.options.mode == "replace" and self.random.random() < 0.5:
                self.mutate()
            point = self.choose_point(self.run_points) if self.random.random() < 0.5 else None
            if self.killed("run", PIPELINE, point=point):
                self.count_kill("kill -9 during recovery" if turn else "kill -9", point)
            elif point:
                self.unreached[point.split(":")[0]] += 1
            else:
                self.too_late += 1
            if self.spent():
                break
        self.finish_run()

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
            point = self.choose_point(named).split(":")[0] if self.random.random() < 0.8 else None
            if not self.killed("compensate", "start", str(number), "--yes", point=point):
                break
            self.count_kill("kill -9 during a compensation", point)
            if self.finished(number) or self.spent():
                break
        if not self.finished(number):
            self.project.do("compensate", "start", number, "--yes")
        self.compensations += 1
        self.expected[part] = before
        self.feed.taken_back(part, before)
        self.compare(f"after compensation {number}")
        # What was taken back stays so until its source changes.
        self.project.do("run", PIPELINE)
        self.compare(f"after the run after compensation {number}")
        self.feed.write([part])
        self.finish_run()

    def finished(self, number):
        """A kill may come after the last step, while the checkpoint is signed."""
        return self.project.json("compensate", "show", number)["phase"] == "finished"

    def more(self):
        return {"done_before_the_kill": self.too_late, "compensations": self.compensations,
                "leftovers": self.sink.leftovers(), "by_newest_entry": dict(self.by_step.most_common())}


if __name__ == "__main__":
    campaign.main(Kills, cycles=6)
