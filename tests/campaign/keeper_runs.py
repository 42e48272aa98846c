#!/usr/bin/env python3
"""Several processes want the same book. Of runs that start together one becomes the keeper and the others are
refused (exit 6) or, coming later, find nothing left to do; readers read meanwhile; keepers are killed. A second
keeper changes no byte beside one that stands still, also when the file of the lock was deleted.

    keeper_runs.py --seconds 60 --seed 7
"""

import os
import signal
import subprocess
import time

import campaign
from campaign import PIPELINE, Campaign
from harness import Failed, files_below, wait_until

TOGETHER, STILL, DELETED = "several keepers at once", "second keeper beside one that lives", "lock file deleted"


class Keepers(Campaign):
    name = "keepers"
    sinks = ("csv",)
    faults = (TOGETHER, STILL, DELETED)

    def cycle(self):
        self.mutate()
        if self.done % 3 == 1:
            self.beside_a_living_one()
        else:
            self.together()
        self.finish_run()

    def together(self):
        runs = [self.project.start("run", PIPELINE) for _ in range(self.random.randint(2, 4))]
        readers = [self.project.start(*self.random.choice((("state",), ("log", "--limit", 5), ("verify",))))
                   for _ in range(2)]
        victim = self.random.choice(runs) if self.random.random() < 0.4 else None
        if victim:
            time.sleep(self.random.uniform(0, self.duration))
            victim.kill()
        codes = []
        for process in runs + readers:
            out, err = process.communicate(timeout=180)
            codes.append(process.returncode)
            allowed = (0,) if process in readers else (0, 6, -signal.SIGKILL) if process is victim else (0, 6)
            if process.returncode not in allowed:
                raise Failed(f"exit {process.returncode} of processes that want one book:\n{out.decode()}\n"
                             f"{err.decode()}")
        codes = codes[:len(runs)]
        self.happened(TOGETHER, len(runs))
        self.sometimes["refused with exit 6"] += codes.count(6)
        self.sometimes["keeper killed among others"] += codes.count(-signal.SIGKILL)
        if all(code == 6 for code in codes):
            raise Failed("of several keepers none got the book")

    def beside_a_living_one(self):
        lock = self.project.at(".daybook/ledger.lock")
        first = self.project.start("run", PIPELINE)

        def holds():
            with open(lock, encoding="ascii", errors="replace") as file:
                return str(first.pid) in file.read().split() or first.poll() is not None
        wait_until(holds, "the keeper's name in its lock")
        if first.poll() is not None:
            first.communicate()
            return
        first.send_signal(signal.SIGSTOP)
        deleted = self.random.random() < 0.5
        if deleted:
            os.unlink(lock)
        before = files_below(self.project.book)
        done = self.project.ask("run", PIPELINE)
        after = files_below(self.project.book)
        self.happened(DELETED if deleted else STILL)
        if done.code == 0 or (not deleted and done.code != 6):
            raise Failed(f"a second keeper beside a living one:\n{done}")
        if before != after:
            changed = [name for name in set(before) | set(after) if before.get(name) != after.get(name)]
            raise Failed(f"a refused keeper changed {changed}")
        if deleted:
            # As the message asks: when no keeper lives any more.
            first.kill()
            first.communicate()
            with open(lock, "wb"):
                pass
            self.sometimes["a lock that was deleted was put back"] += 1
            return
        first.send_signal(signal.SIGCONT)
        try:
            out, err = first.communicate(timeout=180)
        except subprocess.TimeoutExpired as error:
            first.kill()
            raise Failed("a keeper that was disturbed did not end") from error
        if first.returncode != 0:
            raise Failed(f"a keeper that was disturbed ended with {first.returncode}:\n{out.decode()}\n{err.decode()}")


if __name__ == "__main__":
    campaign.main(Keepers, cycles=4)
