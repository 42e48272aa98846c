#!/usr/bin/env python3
"""One process runs, others look on, ask it to pause, resume and cancel; signals stop it cleanly."""

import collections
import os
import signal
import subprocess

import small
from harness import Acceptance, main, wait_until
from small import FILE, loaded

DAYS = [f"2026-01-{day:02}" for day in range(1, 17)]
ROWS = 15000  # a run long enough to be met in its middle by several processes
SLOW = DAYS[-1]


class ControlTest(Acceptance):
    def setUp(self):
        self.book = small.make(self.project(), concurrency=1, rows=ROWS, days=DAYS)
        self.running = None
        self.addCleanup(self.stop)

    def stop(self):
        if self.running is not None and self.running.poll() is None:
            self.running.kill()
            self.running.communicate()

    def start(self, after=2):
        """Starts a run in a process of its own; returns when it has loaded some partitions."""
        self.running = self.book.start("run", FILE)
        wait_until(lambda: self.loads() >= after or self.running.poll() is not None, "loads of the run")
        self.assertIsNone(self.running.poll(), "the run was over before it could be controlled")
        return self.running

    def end(self, process, seconds=60):
        out, err = process.communicate(timeout=seconds)
        return process.returncode, out.decode(), err.decode()

    def loads(self):
        done = self.book.ask("log", "--kind", "LoadCommitted", "--limit", 0, "-o", "jsonl")
        return sum(line.get("type") == "row" for line in done.lines()) if done.code == 0 else 0

    def finish(self):
        """The plain command again: everything is loaded, each partition once."""
        self.book.do("run", FILE)
        self.everything_is_there_once()

    def everything_is_there_once(self):
        slots = collections.Counter(entry["event"]["slot"] for entry in self.book.entries("LoadCommitted"))
        self.assertEqual(sorted(slots.values()), [1] * len(DAYS))
        for day in DAYS:
            self.assertEqual(len(loaded(self.book, day)), ROWS, day)
        self.book.do("verify")

    # --- pause and resume -------------------------------------------------------------------------

    def pause(self, *scope):
        process = self.start()
        self.book.do("pause", *scope, "--reason", "maintenance")
        code, out, err = self.end(process)
        self.assertEqual(code, 8, out + err)
        self.assertLess(self.loads(), len(DAYS))
        return self.loads()

    def test_a_paused_book_drains_and_starts_nothing_until_it_is_resumed(self):
        there = self.pause()
        self.assertEqual([e["event"]["scope"]["kind"] for e in self.book.entries("Paused")], ["book"])
        self.assertEqual(len(self.book.entries("Drained")), 1)
        self.book.do("run", FILE, exits=(6, 8))
        self.assertEqual(self.loads(), there)
        self.book.do("resume", "--reason", "done")
        self.finish()

    def test_a_paused_pipeline_starts_nothing_until_it_is_resumed(self):
        there = self.pause("--pipeline", "orders")
        self.book.do("run", FILE, exits=(6, 8))
        self.assertEqual(self.loads(), there)
        self.book.do("resume", "--pipeline", "orders")
        self.finish()

    def test_a_paused_run_starts_nothing_until_it_is_resumed(self):
        there = self.pause("--run", "last")
        self.book.do("run", FILE, exits=(6, 8))
        self.assertEqual(self.loads(), there)
        self.book.do("resume", "--run", "last")
        self.finish()

    def test_of_a_paused_partition_the_others_go_on(self):
        process = self.start()
        self.book.do("pause", "--partition", SLOW, "--reason", "wrong file")
        code, out, err = self.end(process)
        self.assertEqual(code, 8, out + err)
        self.assertEqual(self.loads(), len(DAYS) - 1)
        self.assertEqual(loaded(self.book, SLOW), [])
        self.book.do("resume", "--partition", SLOW)
        self.finish()

    def test_a_run_that_is_resumed_while_it_drains_goes_on_in_the_same_process(self):
        process = self.start()
        self.book.do("pause", "--partition", SLOW, "--reason", "a moment")
        self.book.do("resume", "--partition", SLOW)
        code, out, err = self.end(process)
        self.assertEqual(code, 0, out + err)
        self.everything_is_there_once()

    # --- cancel -----------------------------------------------------------------------------------

    def test_a_cancelled_run_keeps_what_it_loaded_and_the_next_run_loads_the_rest(self):
        process = self.start()
        self.book.do("cancel", "last", "--reason", "wrong day")
        code, out, err = self.end(process)
        self.assertEqual(code, 1, out + err)
        there = self.loads()
        self.assertLess(there, len(DAYS))
        self.assertEqual(self.book.entries("RunFinished")[-1]["event"]["outcome"], "cancelled")
        self.assertEqual(sum(loaded(self.book, day) != [] for day in DAYS), there)
        self.finish()

    def test_of_a_cancelled_partition_the_others_go_on_and_the_next_run_takes_it_up(self):
        process = self.start()
        self.book.do("cancel", "--partition", DAYS[-1], "--reason", "wrong day")
        code, out, err = self.end(process)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.loads(), len(DAYS) - 1)
        self.assertEqual(self.book.state()[DAYS[-1]]["phase"], "cancelled")
        self.assertEqual(loaded(self.book, DAYS[-1]), [])
        self.finish()

    def test_a_cancelled_pipeline_cancels_its_open_run(self):
        for words in (("--pipeline", "orders"), ("--all",)):
            process = self.start(after=self.loads() + 1)
            self.book.do("cancel", *words, "--reason", "wrong day")
            code, out, err = self.end(process)
            self.assertEqual(code, 1, out + err)
            self.assertEqual(self.book.entries("RunFinished")[-1]["event"]["outcome"], "cancelled")
        self.book.do("cancel", "--all", "--reason", "again", exits=6)
        self.book.do("cancel", "--reason", "of what?", exits=2)
        self.book.do("cancel", "last", "--all", "--reason", "of which?", exits=2)
        self.finish()

    # --- several processes ------------------------------------------------------------------------

    def test_who_reads_beside_a_living_keeper_sees_a_whole_book(self):
        process = self.start()
        sizes = [self.book.size() for _ in range(3)]
        # However fast this machine is, the keeper lives, and holds its book, while the others read.
        process.send_signal(signal.SIGSTOP)
        self.addCleanup(process.send_signal, signal.SIGCONT)
        for words in (["state"], ["log", "--limit", "5"], ["runs", "list"], ["runs", "show", "last"],
                      ["explain", DAYS[0]], ["quarantine", "list"], ["verify"], ["hold", "list"]):
            self.book.do(*words)
        sizes += [self.book.size() for _ in range(2)]
        self.assertEqual(sizes, sorted(sizes))
        self.assertIsNone(process.poll(), "the run was over before the readers were")
        process.send_signal(signal.SIGCONT)
        self.assertEqual(self.end(process)[0], 0)
        self.everything_is_there_once()

    def test_a_second_keeper_is_turned_away_and_writes_nothing(self):
        process = self.start()
        done = self.book.do("run", FILE, exits=6)
        self.assertIn("keeper", done.err)
        self.assertEqual(self.end(process)[0], 0)
        self.assertEqual(len(self.book.entries("Booted")), 1)
        self.everything_is_there_once()

    def test_a_socket_left_by_a_killed_keeper_means_nothing(self):
        process = self.start()
        process.kill()
        process.communicate()
        self.assertTrue(os.path.exists(os.path.join(self.book.book, "keeper.sock")))
        self.book.do("pause", "--reason", "after the crash")
        self.book.do("resume")
        self.finish()

    # --- signals ----------------------------------------------------------------------------------

    def interrupted(self, number, expected):
        process = self.start()
        process.send_signal(number)
        code, out, err = self.end(process)
        self.assertEqual(code, expected, out + err)
        self.assertLess(self.loads(), len(DAYS))
        self.finish()
        self.assertEqual(len(self.book.items("runs", "list")), 2)  # the open run, and one that skips all

    def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(self):
        self.interrupted(signal.SIGINT, 130)

    def test_sigterm_stops_cleanly_and_the_same_command_goes_on(self):
        self.interrupted(signal.SIGTERM, 143)

    def test_a_closed_terminal_stops_cleanly_and_the_same_command_goes_on(self):
        self.interrupted(signal.SIGHUP, 143)

    def test_a_run_under_nohup_goes_on_when_the_terminal_closes(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what a child inherits
        try:
            process = self.start()
        finally:
            signal.signal(signal.SIGHUP, before)
        process.send_signal(signal.SIGHUP)
        code, out, err = self.end(process)
        self.assertEqual(code, 0, out + err)
        self.everything_is_there_once()

    def test_a_run_killed_while_it_plans_plans_the_rest_itself(self):
        for point in ("run.started", "run.planning", "run.planned"):
            with self.subTest(point):
                self.book = small.make(self.project(), concurrency=2, rows=3, days=DAYS)
                self.book.do("run", FILE, exits=-signal.SIGKILL, environment={"DAYBOOK_CRASH_AT": point})
                run = self.book.items("runs", "list")[0]
                self.assertEqual(run["state"], "open")
                self.assertEqual(run["planning"], point != "run.planned")
                self.assertEqual(run["taken_on"], len(DAYS))
                self.book.do("run", FILE)
                runs = self.book.items("runs", "list")
                self.assertEqual([(r["state"], r["partitions"], r["skipped"]) for r in runs],
                                 [("succeeded", len(DAYS), len(DAYS)), ("succeeded", len(DAYS), 0)])
                for day in DAYS:
                    self.assertEqual(len(loaded(self.book, day)), 3, day)
                self.book.do("verify")

    def test_a_second_ctrl_c_ends_at_once_and_nothing_is_lost(self):
        process = self.start()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.fail("two Ctrl-C did not end it within 10 s")
        self.assertIn(process.returncode, (130, -signal.SIGINT))
        self.finish()


class RefusalTest(Acceptance):
    """A run that the rules of the book refuse says what would let it."""

    def setUp(self):
        self.book = small.make(self.project())

    def test_a_pause_names_the_command_that_takes_it_back(self):
        self.book.do("pause", "--reason", "maintenance")
        self.assertIn("hint: daybook resume", self.book.do("run", FILE, exits=6).err)
        self.book.do("resume")
        self.book.do("run", FILE)

    def test_what_an_earlier_run_set_aside_is_not_called_unchanged(self):
        small.write_day(self.book, small.DAYS[0], ["1,one,x", "2,two,x"])       # no record is left: held
        self.book.write(f"feed/{small.DAYS[1]}/orders.csv", "id;name\n1;one\n")  # another shape: set aside
        self.book.do("run", FILE, exits=1)
        # What could not be read was never known by its digest: it is tried once more.
        self.book.do("run", FILE, exits=1)
        again = self.book.do("run", FILE, exits=1)
        self.assertRegex(again.out, rf"{small.DAYS[0]} +held +since run 0: daybook explain {small.DAYS[0]}")
        self.assertRegex(again.out, rf"{small.DAYS[1]} +quarantined +since run 1")
        self.assertIn("1 unchanged, not loaded again", again.out)
        small.write_day(self.book, small.DAYS[1], ["1,one,1"])
        self.book.do("run", FILE, exits=7)
        self.book.do("hold", "load", small.DAYS[0], "--reason", "it is so")
        self.book.do("run", FILE)
        self.assertIn("3 unchanged", self.book.do("run", FILE).out)

    def test_a_plan_counts_a_load_that_was_left_under_way_as_made(self):
        small.write_pipeline(self.book, concurrency=1)
        self.book.ask("run", FILE, environment={"DAYBOOK_CRASH_AT": "run.load_intended"})
        self.assertIn("load intended", {slot["phase"] for slot in self.book.state().values()})
        plan = self.book.json("plan", FILE)
        done = self.book.do("plan", FILE)
        self.assertIn("run 0 is open", done.out + done.err)
        actions = collections.Counter(item["action"] for item in plan["items"])
        self.assertEqual(actions, {"skip": 1, "do": len(small.DAYS) - 1})

    def test_a_run_by_somebody_without_the_role_is_not_allowed(self):
        key = self.book.at("ana")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True,
                       stdin=subprocess.DEVNULL)
        self.book.do("principals", "add", "ana", "--key", key + ".pub", "--role", "operator")
        refused = self.book.do("run", FILE, exits=4)
        self.assertIn("error[DB-1007]", refused.err)
        self.assertIn("operator", refused.err)


if __name__ == "__main__":
    main()
