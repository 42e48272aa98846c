#!/usr/bin/env python3
"""Stops the release binary with SIGSTOP and lets it go on with SIGCONT, and looks at the sink.

Pauses: a run stands still for a while at random times; a second keeper is refused meanwhile; the run then
ends well. Zombies: a run is stopped, at a random time or at a named point of the protocol; its book is copied,
as another machine would take it over; a keeper of the copy carries everything to its end against the same sink;
only then the first keeper goes on. It may load nothing any more: the fence in the sink is above its own. The
copy is the book from then on.

A process that stands still keeps its locks. PostgreSQL ends the sessions of one by itself
(idle_in_transaction_session_timeout, 2 minutes); here that is done at once. The lock of a directory's partition is
the file system's: the successor waits for it until the frozen process is killed, which is done here after a while.

    pause_runs.py --sink postgres --seconds 60 --seed 7
"""

import os
import shutil
import signal
import subprocess
import time

import campaign
from campaign import PARTITIONS, PIPELINE, Campaign
from harness import Failed


class Pauses(Campaign):
    name = "pauses"
    faults = ("SIGSTOP, SIGCONT", "zombie resumed after a takeover")

    def cycle(self):
        if self.done % 3 == 0:
            self.pause_cycle()
        else:
            self.zombie_cycle()

    # --- pauses -----------------------------------------------------------------------------------

    def pause_cycle(self):
        self.mutate()
        process = self.project.start("run", PIPELINE)
        for _ in range(self.random.randint(1, 4)):
            try:
                process.wait(self.random.uniform(0, self.duration / 2))
                break
            except subprocess.TimeoutExpired:
                pass
            process.send_signal(signal.SIGSTOP)
            self.happened("SIGSTOP, SIGCONT")
            if self.random.random() < 0.5:
                self.refused_meanwhile(process)
            time.sleep(self.random.uniform(0, 0.3))
            process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=120)
        if process.returncode != 0:
            raise Failed(f"a run that was paused ended with {process.returncode}:\n{out.decode()}\n{err.decode()}")
        self.finish_run()

    def refused_meanwhile(self, stopped):
        """Nobody else becomes the keeper while it stands still. Its lock comes a moment after its start, and goes
        a moment before its end."""
        with open(f"/proc/{stopped.pid}/status", encoding="ascii") as file:
            if "\nState:\tT" not in file.read():
                return
        try:
            with open(self.project.at(".daybook/ledger.lock"), encoding="ascii", errors="replace") as file:
                holds = str(stopped.pid) in file.read().split()
        except FileNotFoundError:
            holds = False
        if not holds:
            return
        done = self.project.ask("run", PIPELINE)
        if done.code == 6:
            self.sometimes["second keeper refused during a pause"] += 1
        elif done.code != 0:
            raise Failed(f"beside a paused keeper:\n{done}")

    # --- zombies ----------------------------------------------------------------------------------

    def zombie_cycle(self):
        # Now and then it stands behind the last load it has to make: there it has nothing left that is another's.
        nothing_left = self.done % 9 == 1
        if nothing_left:
            self.mutate([self.random.choice(PARTITIONS)])
            point = "run.load_committed:1"
        else:
            self.mutate()
            point = self.choose_point(self.run_points) if self.random.random() < 0.7 else None
        zombie = self.stopped_run(point)
        if zombie is None:
            self.finish_run()
            return
        # What a reader of the first machine's disk finds: the process stands still, so the copy is what a crash
        # at this moment leaves.
        other = self.project.at(".daybook-other")
        shutil.copytree(self.project.book, other, ignore=shutil.ignore_patterns("*.sock"))
        if self.options.sink == "postgres":
            self.sink.server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                 "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
        if not nothing_left and self.random.random() < 0.5:
            self.mutate()
        self.project.environment["DAYBOOK_BOOK"] = other
        copied = self.project.size()
        if not self.taken_over(zombie, point):
            del self.project.environment["DAYBOOK_BOOK"]
            self.other_is_the_book(other)
            return
        # Sometimes the sources change once more before the first keeper wakes: it must not bring that either, where
        # its successor has worked. What the successor has not touched is open to it, and nobody promises otherwise.
        touched = self.partitions_of_attempts(copied)
        woken_to_new = not nothing_left and bool(touched) and self.random.random() < 0.6
        if woken_to_new:
            self.mutate(touched)
        zombie.send_signal(signal.SIGCONT)
        try:
            out, err = zombie.communicate(timeout=180)
        except subprocess.TimeoutExpired as error:
            zombie.kill()
            zombie.communicate()
            raise Failed(f"a zombie stopped at {point} neither gave up nor ended within 180 s") from error
        self.happened("zombie resumed after a takeover")
        text = (out + err).decode(errors="replace")
        self.sometimes["zombie ended well: it had nothing left to load"] += zombie.returncode == 0
        self.sometimes["zombie failed: what it had left is another's now"] += zombie.returncode != 0
        if woken_to_new:
            self.sometimes["zombie woke to changed sources"] += 1
        self.compare(f"after a zombie stopped at {point} went on (it exited {zombie.returncode}):\n{text[-1500:]}\n")
        del self.project.environment["DAYBOOK_BOOK"]
        self.other_is_the_book(other)

    def other_is_the_book(self, other):
        shutil.rmtree(self.project.book)
        os.rename(other, self.project.book)
        self.finish_run()

    def taken_over(self, zombie, point):
        """A keeper of the copy brings everything to its end. False where the zombie had to be killed for it."""
        process = self.project.start("run", PIPELINE)
        try:
            out, err = process.communicate(timeout=3 + 4 * self.duration)
            lives = True
        except subprocess.TimeoutExpired:
            zombie.kill()
            zombie.communicate()
            self.sometimes["successor waited for a lock until the zombie was killed"] += 1
            out, err = process.communicate(timeout=120)
            lives = False
        if process.returncode != 0:
            raise Failed(f"the successor of a keeper stopped at {point} ended with {process.returncode}:\n"
                         f"{out.decode()}\n{err.decode()}")
        self.finish_run()
        return lives

    def partitions_of_attempts(self, since):
        slots = {entry["event"]["slot"] for entry in self.project.entries("AttemptStarted", since)}
        return sorted(part for part, item in self.project.state().items() if item["slot"] in slots)

    def stopped_run(self, point):
        """A run that stands still; none where it was done before."""
        process = self.project.start("run", PIPELINE, environment={"DAYBOOK_STOP_AT": point} if point else None)
        if point is None:
            try:
                process.communicate(timeout=self.random.uniform(0.1, self.duration))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(process.pid, os.WUNTRACED) if process.returncode is None else (0, 0)
        if process.returncode is None and os.WIFSTOPPED(status):
            if point:
                self.by_point[point.split(":")[0]] += 1
            return process
        if process.returncode is None:
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise Failed(f"a run (to be stopped at {point}) ended with {process.returncode}")
        if point:
            self.unreached[point.split(":")[0]] += 1
        process.communicate()
        return None


if __name__ == "__main__":
    campaign.main(Pauses, cycles=4)
