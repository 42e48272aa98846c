#!/usr/bin/env python3
"""The disk is full, at any moment. Book, staged files and the target directory lie on a small file system of their
own (a tmpfs, where mounting is allowed); a ballast file leaves it a few kilobytes or megabytes, or fills it while a run
is at work. The run stops; what the book holds can still be read and verified; when there is room again, the
next plain run leaves every partition loaded exactly once.

Where mounting is not allowed the size of files is limited instead (RLIMIT_FSIZE); the report says which it was.

    full_disk.py --seconds 60 --seed 7
"""

import os
import subprocess
import time

import campaign
from campaign import PIPELINE, Campaign
from harness import Failed, Project

SIZE = 768 << 20  # what hundreds of cycles leave behind takes a part of it
MOUNTED, LIMITED = "disk full (tmpfs)", "file size limit (RLIMIT_FSIZE)"


class FullDisk(Campaign):
    name = "full_disk"
    sinks = ("csv",)

    def make_project(self):
        project = Project()
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", project.path],
                                      check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        self.faults = (MOUNTED,) if self.mounted else (LIMITED,)
        return project

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.project.path], check=True)
        super().close()

    @property
    def ballast(self):
        return self.project.at("ballast")

    def fill(self, leave):
        free = os.statvfs(self.project.path)
        room = free.f_bavail * free.f_frsize - leave
        with open(self.ballast, "ab") as file:
            while room > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
                    return
                except OSError:  # a run has taken some of it meanwhile
                    room //= 2

    def cycle(self):
        self.mutate()
        leave = self.random.choice((0, self.random.randrange(1 << 16), self.random.randrange(1 << 20),
                                    self.random.randrange(4 << 20)))
        if not self.mounted:
            process = self.project.start("run", PIPELINE, prefix=("prlimit", f"--fsize={max(4096, leave)}"))
        elif self.random.random() < 0.5:
            self.fill(leave)
            process = self.project.start("run", PIPELINE)
        else:
            process = self.project.start("run", PIPELINE)
            try:
                process.wait(self.random.uniform(0, self.duration))
            except subprocess.TimeoutExpired:
                self.fill(0)
        out, err = process.communicate(timeout=180)
        failed = process.returncode != 0
        if process.returncode in (9, 12):
            raise Failed(f"a full disk was told as {process.returncode}:\n{out.decode()}\n{err.decode()}")
        if failed:
            self.happened(self.faults[0])
            self.sometimes[f"exit {process.returncode}" if process.returncode > 0
                           else f"signal {-process.returncode}"] += 1
            told = "space" in (out + err).decode(errors="replace").lower()
            self.sometimes["the message names the cause"] += told
            # Still full: what is there can be read, and is good.
            self.project.do("state")
            self.project.do("verify", seconds=300)
            self.sometimes["read and verified while full"] += 1
        else:
            self.sometimes["room enough"] += 1
        if self.mounted and os.path.exists(self.ballast):
            os.unlink(self.ballast)
        self.release_what_was_set_aside()
        self.end_what_was_left_open()
        duration = self.duration
        self.finish_run()  # quickly: there is nothing left to load
        self.duration = duration

    def release_what_was_set_aside(self):
        """A partition whose attempts were spent on the full disk waits for a person, who sees that there is room."""
        for part, item in self.project.state().items():
            if item["phase"] == "quarantined":
                self.project.do("quarantine", "release-partition", part, "--reason", "there is room again")
                self.sometimes["partition set aside when its attempts were spent, and released"] += 1

    def end_what_was_left_open(self):
        """A run that stopped itself, or set a partition aside, and could not write that it had ended: it ends now, as
        failed, and the exit code says so once, although the run after it loads everything."""
        started = time.monotonic()
        done = self.project.ask("run", PIPELINE)
        self.learn_duration(started)
        if done.code == 1 and "which had been left open: failed" in done.out:
            self.sometimes["a run that was left open ended as failed"] += 1
        elif done.code != 0:
            raise Failed(f"with room again: exit {done.code}\n{done.out}{done.err}")


if __name__ == "__main__":
    campaign.main(FullDisk, cycles=5)
