#!/usr/bin/env python3
"""PostgreSQL under load goes away, and answers get lost. Restarts: the server is shut down in immediate mode, or
one of its processes is killed with SIGKILL (it then restarts all of them), while a run loads into it. Cuts: a proxy
cuts the connection before a COMMIT, after it (the answer is lost, wholly or in part), or anywhere; sometimes the
keeper is killed as well. A run may give up; the next plain one must leave every partition loaded exactly once.

    postgres_runs.py --seconds 60 --seed 7
"""

import os
import signal
import subprocess

import campaign
import proxy
from campaign import PIPELINE, Campaign
from feed import postgres_sink
from harness import Failed

RESTARTS = ("PostgreSQL shut down in immediate mode", "PostgreSQL process killed")
CUTS = {proxy.BEFORE: "connection cut before COMMIT", proxy.AFTER: "COMMIT sent, answer lost",
        proxy.WITHIN: "COMMIT sent, answer cut short", proxy.BYTES: "connection cut at a random byte"}


class PostgresFaults(Campaign):
    name = "postgres"
    sinks = ("postgres",)
    attempts = 50  # the server is away longer than five take, and what is set aside waits for a person
    faults = (*RESTARTS, *CUTS.values())

    def connect(self):
        self.proxy = proxy.Proxy(self.sink.server.port, self.random)
        return postgres_sink(self.sink.server.connection.replace(f"port={self.sink.server.port}",
                                                                 f"port={self.proxy.port}"))

    def close(self):
        self.proxy.close()
        super().close()

    def cycle(self):
        self.mutate()
        if self.done % 2 == 0:
            self.cut_cycle()
        else:
            self.restart_cycle()
        self.finish_run()

    # --- cuts -------------------------------------------------------------------------------------

    def cut_cycle(self):
        before = self.proxy.cuts.copy()
        kinds = self.random.choice(((proxy.AFTER,), (proxy.AFTER, proxy.WITHIN), (proxy.BEFORE, proxy.AFTER),
                                    tuple(CUTS)))
        self.proxy.allow(kinds, self.random.randint(1, 6))
        process = self.project.start("run", PIPELINE)
        killed = self.random.random() < 0.3
        try:
            out, err = process.communicate(timeout=self.random.uniform(0, self.duration) if killed else 180)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        self.proxy.allow((), 0)
        if process.returncode == -signal.SIGKILL:
            self.sometimes["keeper killed with answers lost"] += killed
            if not killed:
                raise Failed("a run did not end within 180 s of cut connections")
        else:
            self.check_end(process.returncode, out, err, "went on through cuts to the end", "gave up after cuts")
        for kind, name in CUTS.items():
            self.happened(name, self.proxy.cuts[kind] - before[kind])

    def check_end(self, code, out, err, well, badly):
        if code < 0 or code == 12:
            raise Failed(f"a run ended with {code}:\n{out.decode()}\n{err.decode()}")
        self.sometimes[well if code == 0 else badly] += 1

    # --- restarts ---------------------------------------------------------------------------------

    def restart_cycle(self):
        server = self.sink.server
        process = self.project.start("run", PIPELINE)
        for _ in range(self.random.randint(1, 3)):
            try:
                process.wait(self.random.uniform(0, self.duration))
                break
            except subprocess.TimeoutExpired:
                pass
            if self.random.random() < 0.5:
                server.stop(signal.SIGQUIT)
                self.happened(RESTARTS[0])
                server.start()
            elif self.kill_backend(server):
                self.happened(RESTARTS[1])
        out, err = process.communicate(timeout=300)
        self.check_end(process.returncode, out, err, "went on through restarts to the end", "gave up after restarts")
        server.wait_until_up()

    def kill_backend(self, server):
        """SIGKILL to a process that serves a client, or to the checkpointer: PostgreSQL recovers as after a crash."""
        try:
            pids = server.value("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type IN "
                                "('client backend', 'checkpointer') ORDER BY backend_type").split()
            if not pids:
                return False
            os.kill(int(self.random.choice(pids)), signal.SIGKILL)
        except (RuntimeError, ProcessLookupError, ValueError):
            return False
        return True


if __name__ == "__main__":
    campaign.main(PostgresFaults, cycles=4)
