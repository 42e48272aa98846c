#!/usr/bin/env python3
"""What nobody should type, write or send: each is answered with the right exit code and a message that
says where and what, in little time and memory, and nothing is lost or changed.
"""

import contextlib
import csv
import glob
import io
import os
import re
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time

import small
from harness import BINARY, Acceptance, Done, Failed, files_below, main, wait_until
from small import FILE, loaded

USAGE, INVALID, NOT_ALLOWED, NOT_FOUND, CONFLICT, GATE, INTEGRITY, UNREACHABLE = 2, 3, 4, 5, 6, 7, 9, 10
REFUSED = (USAGE, INVALID, NOT_ALLOWED, NOT_FOUND, CONFLICT)
SECONDS = 20     # of a loaded machine; none of these takes one on a quiet one
MEGABYTES = 300  # in all, with the engine's library and its threads


class HostileTest(Acceptance):
    def bounded(self, project, *words, exits=None, stdin=subprocess.DEVNULL, stdout=None, environment=None,
                seconds=SECONDS, megabytes=MEGABYTES, **options):
        """Runs daybook to its end and looks at what it took."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begun = time.monotonic()
            process = subprocess.Popen([BINARY, *map(str, words)], cwd=options.pop("cwd", project.path), stdin=stdin,
                                       stdout=stdout or out, stderr=err,
                                       env={**project.environment, **(environment or {})}, **options)
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() - begun > seconds:
                    process.kill()
                    os.wait4(process.pid, 0)
                    process.returncode = -9
                    raise Failed(f"{seconds} s and no end: {str(words)[:300]}")
                time.sleep(0.005)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            done = Done(["daybook", *map(str, words)], process.returncode, out.read().decode(errors="replace"),
                        err.read().decode(errors="replace"))
        self.assertLess(usage.ru_maxrss // 1024, megabytes, f"megabytes of memory\n{done}")
        self.assertGreaterEqual(done.code, 0, f"ended by a signal\n{done}")
        self.assertNotEqual(done.code, 12, f"a fault in daybook\n{done}")
        if exits is not None:
            self.assertIn(done.code, (exits,) if isinstance(exits, int) else exits, done)
        return done

    @contextlib.contextmanager
    def untouched(self, project):
        """The book has the same entries, root and state before and after, and the target the same files."""
        def now():
            verified = project.json("verify")
            return ([verified[key] for key in ("size", "root", "state_root")], files_below(project.at("lake")))
        before = now()
        yield
        self.assertEqual(now(), before)


class CommandLineTest(HostileTest):
    def setUp(self):
        self.book = small.make(self.project(), days=small.DAYS[:1])
        self.book.do("run", FILE)

    def test_words_that_mean_nothing_do_nothing(self):
        with self.untouched(self.book):
            for words in (["--nonsense"], ["run", FILE, "--forc"], ["run", FILE, "--force", "--force"], ["stat"],
                          ["run", FILE, FILE], ["run"], ["log", "--limit=-1"], ["log", "--limit=1e309"],
                          ["log", "--limit", "12345678901234567890"], ["log", "--from", "0x1"],
                          ["init", "--book", "elsewhere"], ["quickstart", "--book", "elsewhere"],
                          ["state", "-o", "yaml"], ["pause"], ["", ""], ["run", "--", "--force", "x"],
                          ["quarantine", "release", "--reason", "all of it"], ["cancel", "-1", "--reason", "x"]):
                with self.subTest(words):
                    done = self.bounded(self.book, *words, exits=USAGE)
                    self.assertEqual(done.out, "")
                    self.assertIn("error[DB-1002]", done.err)

    def test_long_and_odd_arguments_are_short_and_harmless_in_messages(self):
        with self.untouched(self.book):
            for word in ("x" * 130_000, "\x1b[31mred", "a\nb", "\x07", "\u202e", "../" * 4000):
                for words in (["run", word], ["explain", word], ["run", FILE, "--partition", word],
                              ["state", "--book", word], ["state", "--fields", word], ["log", "--as-of", word]):
                    with self.subTest(words=str(words)[:60]):
                        done = self.bounded(self.book, *words, exits=REFUSED)
                        self.assertLess(len(done.err), 2000)
                        self.assertNotIn("\x1b", done.err)
                        self.assertNotIn("\x07", done.err)

    def test_partition_names_are_names(self):
        with self.untouched(self.book):
            for name in ("..", ".", "a/b", "/etc/passwd", "a\nb", "a\x1bb", "y" * 129, "", "a b", "%2e%2e"):
                for words in (["explain", name], ["run", FILE, "--partition", name],
                              ["compensate", "propose", "--partition", name, "--reason", "x"]):
                    with self.subTest(words):
                        self.bounded(self.book, *words, exits=(USAGE, NOT_FOUND))

    def test_what_is_no_book_is_neither_read_nor_made_into_one(self):
        empty = self.project()
        empty.write("file", "not a book")
        os.mkfifo(empty.at("fifo"))
        os.symlink("loop", empty.at("loop"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(empty.at("socket"))
            before = files_below(empty.path)
            for place in ("file", "fifo", "loop", "socket", "/dev/full", "/dev/null", "none", "/proc/self/mem"):
                with self.subTest(place):
                    self.bounded(empty, "state", "--book", place, exits=NOT_FOUND)
                    made = self.bounded(empty, "init", os.path.join(place, "below") if place == "file" else place,
                                        exits=(0, 1, CONFLICT))
                    self.assertEqual(made.code == 0, place == "none", made)
            shutil.rmtree(empty.at("none"))
            self.assertEqual(files_below(empty.path), before)

    def test_init_never_touches_what_is_there(self):
        for what in ("a file", "a folder", "a link to nowhere"):
            with self.subTest(what):
                place = self.project()
                if what == "a file":
                    place.write(".daybook", "mine")
                elif what == "a folder":
                    place.write(".daybook/mine", "mine")
                else:
                    os.symlink("nowhere", place.book)
                before = files_below(place.path)
                done = self.bounded(place, "init", exits=CONFLICT)
                self.assertIn("nothing was changed", done.err)
                self.assertEqual(files_below(place.path), before)
                self.assertEqual(os.listdir(place.path), [".daybook"])

    def test_a_book_that_may_not_be_looked_into_is_not_said_to_be_absent(self):
        inner = os.path.join(self.book.path, "inner")
        os.makedirs(os.path.join(inner, ".daybook"))
        other = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        os.chmod(self.book.home, 0o755), os.chmod(self.book.path, 0o755)
        os.chmod(os.path.join(inner, ".daybook"), 0o000)
        try:
            for words in (["state"], ["run", self.book.at(FILE)], ["state", "--book", inner]):
                with self.subTest(words):
                    # Not the book above it either.
                    done = self.bounded(self.book, *words, cwd=inner, exits=NOT_ALLOWED, **other)
                    self.assertIn("Permission denied", done.err)
        finally:
            os.chmod(os.path.join(inner, ".daybook"), 0o700)

    def test_a_full_disk_below_the_output_is_an_answer_and_the_run_stands(self):
        small.write_day(self.book, "2026-02-01", ["1,one,1"])
        with open("/dev/full", "wb") as full:
            done = self.bounded(self.book, "run", FILE, stdout=full, exits=1)
        self.assertIn("could not be written", done.err)
        self.assertEqual(self.book.state()["2026-02-01"]["phase"], "verified")
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as nobody:
            self.assertEqual(self.bounded(self.book, "log", stdout=nobody, exits=1).err, "")

    def test_closed_streams_are_no_way_into_a_file(self):
        with self.untouched(self.book):
            done = subprocess.run(["sh", "-c", 'exec "$0" state <&- >&- 2>&-', BINARY], cwd=self.book.path,
                                  env=self.book.environment, check=False, timeout=SECONDS)
            self.assertIn(done.returncode, (0, 1))

    def test_the_environment_changes_no_result(self):
        results = {}
        for name, environment in {"plain": {}, "time zone": {"TZ": "garbage"}, "Turkish": {"LANG": "tr_TR.UTF-8"},
                                  "German": {"LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE"},
                                  "no home": {"HOME": "", "USER": "", "LOGNAME": ""}}.items():
            project = small.make(self.project())
            project.do("run", FILE, environment=environment)
            results[name] = {day: loaded(project, day) for day in small.DAYS}
            self.assertEqual(results[name], results["plain"], name)

    def test_few_descriptors_and_a_small_stack_are_enough_or_said_to_be_too_few(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))

        def tight():
            resource.setrlimit(resource.RLIMIT_STACK, (256 * 1024, 256 * 1024))
        done = self.bounded(self.book, "run", FILE, preexec_fn=few)
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.err, r"only 16 files may be open.*\n.*ulimit -n")
        self.bounded(self.book, "run", FILE, preexec_fn=tight, exits=0)
        self.book.do("verify")

    def test_files_are_private_whatever_the_umask_is(self):
        project = self.project()
        small.make(project)
        self.bounded(project, "run", FILE, exits=0, umask=0)
        for folder, folders, names in os.walk(project.book):
            for name in folders + names:
                mode = os.lstat(os.path.join(folder, name)).st_mode
                self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, os.path.join(folder, name))


class LockTest(HostileTest):
    """One keeper per book, whatever happens to the lock's file."""

    def setUp(self):
        self.book = self.project()
        small.make(self.book, days=[])
        for day in small.DAYS:
            small.write_day(self.book, day, [f"{row},name {row},{row % 1000}" for row in range(300_000)])

    def start(self):
        process = self.book.start("run", FILE)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        wait_until(lambda: os.path.exists(self.book.at(".daybook/keeper.sock")) and self.book.size() > 3, "a keeper")
        return process

    def test_a_second_run_is_refused_also_when_the_lock_file_was_deleted(self):
        first = self.start()
        done = self.bounded(self.book, "run", FILE, exits=CONFLICT)
        self.assertIn(str(first.pid), done.err)
        os.remove(self.book.at(".daybook/ledger.lock"))
        done = self.bounded(self.book, "run", FILE, exits=1)
        self.assertIn("ledger.lock was deleted", done.err)
        out, err = first.communicate(timeout=120)
        self.assertEqual(first.returncode, 0, out + err)
        # What the message says to do then is what helps.
        self.assertIn("put an empty file of that name there", done.err)
        self.book.write(".daybook/ledger.lock", "")
        self.bounded(self.book, "verify", exits=0)
        self.bounded(self.book, "run", FILE, exits=0)
        self.assertEqual({slot["generation"] for slot in self.book.state().values()}, {1})

    def test_what_a_killed_process_left_is_no_obstacle_and_the_summary_says_what_was_resumed(self):
        first = self.start()
        wait_until(lambda: len(self.book.entries("PartitionPlanned")) == len(small.DAYS), "all planned")
        first.kill()
        first.communicate()
        done = self.bounded(self.book, "run", FILE, exits=0, seconds=120)
        self.assertIn("resumed run 0, which had been left open: succeeded", done.out)
        self.assertRegex(done.out, r"then run 1\n.* 3 partitions")
        before, after = done.out.split("then run 1")
        self.assertIn("300,000 rows", before)
        self.assertIn("3 unchanged, not loaded again", after)
        self.assertEqual({slot["generation"] for slot in self.book.state().values()}, {1})
        self.assertEqual(self.book.json("run", FILE)["resumed"], [])

    def test_the_second_signal_ends_it_at_once_and_the_book_stands(self):
        first = self.start()
        first.send_signal(signal.SIGTERM)
        first.send_signal(signal.SIGTERM)
        out, err = first.communicate(timeout=SECONDS)
        self.assertIn(first.returncode, (0, 143, -signal.SIGTERM), out + err)
        self.book.do("verify")
        self.book.do("run", FILE)
        self.assertEqual({slot["generation"] for slot in self.book.state().values()}, {1})


def expression(text):
    return "steps:\n  - derive: {x: \"" + text.replace("\\", "\\\\").replace('"', '\\"') + "\"}\nsink:"


class DefinitionTest(HostileTest):
    """Pipeline files: every fault at its line and column, none reaches the book."""

    def setUp(self):
        self.book = small.make(self.project(), days=small.DAYS[:1])
        self.book.do("run", FILE)
        self.text = self.book.read(FILE).decode()

    def refused(self, what, text, code, position=None, megabytes=MEGABYTES):
        self.book.write("bad.pipeline.yaml", text)
        for words in (["check", "bad.pipeline.yaml"], ["run", "bad.pipeline.yaml"]):
            with self.subTest(what, command=words[0]):
                done = self.bounded(self.book, *words, exits=INVALID, megabytes=megabytes)
                self.assertIn(f"error[{code}]", done.err)
                self.assertLess(len(done.err), 4000)
                self.assertNotIn("\x1b", done.err)
                self.assertNotIn("\0", done.err)
                if position:
                    self.assertIn(f"--> bad.pipeline.yaml:{position}", done.err)

    def with_(self, old, new):
        self.assertIn(old, self.text)
        return self.text.replace(old, new)

    def test_yaml_that_grows_or_nests_is_refused_at_once(self):
        with self.untouched(self.book):
            self.refused("a billion laughs", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n" + self.text, "DB-2005", "1:4")
            self.refused("an alias to itself", "steps: &a [*a]\n", "DB-2005", "1:8")
            self.refused("4 MB of brackets", "[" * 4_000_000, "DB-2002")
            self.refused("a MB of brackets", "[" * 1_000_000, "DB-2002", "1:")
            self.refused("10,000 lists in lists", "- " * 10_000, "DB-2002", "1:65")
            self.refused("3,000 keys of keys", "? " * 3_000, "DB-2002", "1:65")
            self.refused("100,000 steps", self.with_("sink:", "steps:\n" + "  - filter: \"true\"\n" * 100_000 + "sink:"),
                         "DB-2002")
            self.refused("2,000 steps", self.with_("sink:", "steps:\n" + "  - filter: \"true\"\n" * 2_000 + "sink:"),
                         "DB-2002", "9:3")

    def test_yaml_that_reads_in_two_ways_is_refused(self):
        with self.untouched(self.book):
            for what, text, code, position in (
                    ("a key twice", self.with_("version: 1", "version: 1\nversion: 2"), "DB-2006", "3:1"),
                    ("octal", self.with_("version: 1", "version: 0o17"), "DB-2012", "2:10"),
                    ("an underscore", self.with_("version: 1", "version: 1_000"), "DB-2012", "2:10"),
                    ("infinity", self.with_("version: 1", "version: .inf"), "DB-2012", "2:10"),
                    ("65 bits", self.with_("version: 1", "version: 18446744073709551617"), "DB-2012", "2:10"),
                    ("null", self.with_("pipeline: orders", "pipeline: null"), "DB-2011", "1:1"),
                    ("a tag", self.with_("version: 1", "version: !!int 1"), "DB-2005", "2:10"),
                    ("a merge key", self.text + "<<: {a: 1}\n", "DB-2005", None),
                    ("two documents", self.text + "---\n" + self.text, "DB-2005", None),
                    ("a directive", "%TAG ! tag:x,2000:\n---\n" + self.text, "DB-2005", "1:1"),
                    ("a tab", self.with_("  mode", "\tmode"), "DB-2004", "10:1"),
                    ("nothing", "", "DB-2004", "1:1")):
                self.refused(what, text, code, position)

    def test_bytes_that_hide_something_are_refused(self):
        plain = self.text.encode()
        with self.untouched(self.book):
            for what, text, position in (("a mark", b"\xef\xbb\xbf" + plain, "1:1"),
                                         ("UTF-16", self.text.encode("utf-16"), "1:1"),
                                         ("invalid", plain.replace(b"lake/o", b"la\xffke/o"), "9:18"),
                                         ("overlong", plain.replace(b"lake/o", b"la\xc0\xafke/o"), "9:18"),
                                         ("NUL", plain.replace(b"lake/o", b"la\0ke/o"), "9:18"),
                                         ("ESC", plain.replace(b"lake/o", b"la\x1bke/o"), "9:18"),
                                         ("right to left", plain.replace(b"owner", "ow\u202ener".encode()), None),
                                         ("no width", plain.replace(b"owner", "ow\u200bner".encode()), None)):
                self.refused(what, text, "DB-2003", position)

    def test_paths_stay_in_the_project_and_out_of_the_book(self):
        with self.untouched(self.book):
            for path in ("../../etc/passwd", "/etc/passwd", "%2e%2e/x", "a//b", "C:\\\\x", "feed/x.", "~/x", "a\\nb",
                         "./x", "", "a" * 2000, ".daybook/keys/log.key"):
                self.refused(f"read {path[:20]}", self.with_("feed/{day}/orders.csv", path), "DB-2014", "5:15")
            for path in ("../out", "/tmp/out", ".daybook", ".daybook/book", "lake/.daybook", "a//b", ""):
                self.refused(f"write {path}", self.with_("lake/orders", path), "DB-2014", "9:15")
            self.refused("write where it reads", self.with_("lake/orders", "feed"), "DB-2043", "9:15")

    def test_names_are_names(self):
        with self.untouched(self.book):
            for name in ('x\\"; DROP TABLE y;--', "y" * 64, "", "a b", "nаme", "1x"):
                self.refused(name, self.with_("pipeline: orders", f'pipeline: "{name}"'), "DB-2013", "1:11")
                self.refused(name, self.with_("sink:", f'steps:\n  - derive: {{"{name}": "1"}}\nsink:'), "DB-2013",
                             "9:14")

    def test_expressions_are_expressions_and_nothing_else(self):
        with self.untouched(self.book):
            for text, code, column in (
                    ("1); DELETE FROM x", "DB-2020", 20), ("1; select 1", "DB-2020", 19), ("(select 1)", "DB-2020", 19),
                    ("id /* x */", "DB-2020", 21), ("id -- x", "DB-2020", 21), ("COPY x TO PROGRAM 'id'", "DB-2020", 18),
                    ("pg_sleep(1e9)", "DB-2023", 18), ("random()", "DB-2023", 18), ("current_user", "DB-2023", 18),
                    ("pg_read_file('/etc/passwd')", "DB-2024", 18), ("read_csv('/etc/passwd')", "DB-2024", 18),
                    ("getenv('HOME')", "DB-2024", 18), ("secret('db')", "DB-2024", 18),
                    ("'secret://env/HOME'", "DB-2015", 17), ("nobody_knows(id)", "DB-2022", 18),
                    ("10**10**10", "DB-2020", 20), ("name = 'a", "DB-2020", 25), ("$1", "DB-2020", 18),
                    ("regexp_matches(name, '(')", "DB-2027", 39), ("x'ab'", "DB-2020", 19),
                    ("(" * 10_000 + "1" + ")" * 10_000, "DB-2002", None), ("1" + "+1" * 100_000, "DB-2002", None),
                    ("'" + "x" * 100_000 + "'", "DB-2002", None), ("1e400", "DB-2025", 18),
                    ("lpad(name, 1000000000, 'x')", "DB-2025", 29), ("rpad(name, id, 'x')", "DB-2025", 29)):
                self.refused(text[:30], self.with_("sink:", expression(text)), code, f"9:{column}" if column else "9:")

    def test_a_value_that_can_not_be_computed_sets_its_record_aside(self):
        for text in ("id + 9223372036854775807", "cast(name as integer)", "cast(id as tinyint) * cast(100 as tinyint)"):
            with self.subTest(text):
                project = small.make(self.project(), days=[])
                small.write_day(project, small.DAYS[0], ["0,7,1", "1000,x,1", "2000,y,1"])
                project.write(FILE, self.with_("sink:", expression(text)))
                self.bounded(project, "run", FILE, exits=0)
                counts = project.state()[small.DAYS[0]]["counts"]
                self.assertEqual((counts["read"], counts["accepted"], counts["quarantined"]), (3, 1, 2))
                self.assertEqual(len(loaded(project, small.DAYS[0])), 1)

    def test_a_pattern_made_to_run_for_ever_does_not(self):
        project = small.make(self.project(), days=[])
        small.write_day(project, small.DAYS[0], [f"1,{'a' * 30_000}!,1"])
        project.write(FILE, self.with_("sink:", expression("regexp_matches(name, '(a+)+$')")))
        self.bounded(project, "run", FILE, exits=0)
        self.assertTrue(loaded(project, small.DAYS[0])[0].endswith("false"))


class SourceTest(HostileTest):
    """Files that come from outside: what is wrong is set aside, and everything is accounted for."""

    DAY = small.DAYS[0]

    def run_with(self, data, exits=0, form="csv", mode="replace", **options):
        project = small.make(self.project(), days=[], mode=mode)
        project.write(FILE, project.read(FILE).decode().replace('csv: {path: "feed', form + ': {path: "feed'))
        project.write(f"feed/{self.DAY}/orders.csv", data)
        done = self.bounded(project, "run", FILE, exits=exits, **options)
        slot = project.state().get(self.DAY)
        counts = (slot or {}).get("counts")
        if counts:
            self.assertEqual(counts["read"], counts["accepted"] + counts["quarantined"], counts)
        self.bounded(project, "verify", exits=0)
        return project, done, slot

    def held(self, project):
        """Row -> rules it broke."""
        return {item["row"]: item["rules"] for item in project.items("quarantine", "list", "--limit", 0)}

    def test_a_quote_that_never_ends_costs_its_own_records_only(self):
        lines = b"".join(b"%d,name,1\n" % row for row in range(5000))
        project, _, slot = self.run_with(b"id,name,amount\n" + lines + b'9,"never ends,1\n' + lines)
        self.assertGreaterEqual(slot["counts"]["accepted"], 5000)
        self.assertGreaterEqual(slot["counts"]["quarantined"], 1)
        self.assertIn(5001, self.held(project))

    def test_a_field_of_twenty_megabytes_is_one_bad_record(self):
        project, _, slot = self.run_with(b"id,name,amount\n1," + b"x" * 20_000_000 + b",1\n2,two,2\n")
        self.assertEqual(loaded(project, self.DAY), ["2,two,2"])
        self.assertEqual(slot["counts"]["quarantined"], 1)

    def test_bytes_that_are_no_text_are_set_aside_with_their_record(self):
        project, _, _ = self.run_with(b"id,name,amount\r\n1,a\0b,1\r\n2,\xe4,1\n3,\xed\xa0\x80,1\n4,\xc0\xaf,1\n5,ok,1\r\n")
        self.assertEqual(self.held(project), {row: ["encoding"] for row in (1, 2, 3, 4)})
        self.assertEqual(loaded(project, self.DAY), ["5,ok,1"])
        project, _, _ = self.run_with(b"\xef\xbb\xbfid,name,amount\n1,one,1")
        self.assertEqual(loaded(project, self.DAY), ["1,one,1"])
        _, done, slot = self.run_with("id,name,amount\n1,one,1\n".encode("utf-16"), exits=1)
        self.assertEqual(slot["phase"], "quarantined")
        self.assertIn("UTF-16", done.out)

    def test_records_of_another_shape_are_set_aside_and_headers_of_another_shape_refused(self):
        project, _, _ = self.run_with(b"id,name,amount\n1,a\n2,b,2,3\n\n3,c,3\n" + b",".join([b"1"] * 70_000) + b"\n")
        self.assertEqual(loaded(project, self.DAY), ["3,c,3"])
        self.assertEqual({rules[0] for rules in self.held(project).values()}, {"structure"})
        for header, said in ((b"id,name,name", "stands twice"), (b"id,,amount", "not in the contract"),
                             (b"id,name", "is missing"), (b"id,name,amount,x", "not in the contract"),
                             (b",".join(b"c%d" % i for i in range(70_000)), "more than 4096")):
            with self.subTest(header[:20]):
                _, done, slot = self.run_with(header + b"\n1,a,1\n", exits=1)
                self.assertEqual((slot["phase"], slot["rows"]), ("quarantined", None))
                self.assertIn(said, done.out, "the summary does not say why")

    def test_a_source_without_records_is_never_success_by_default(self):
        for data in (b"", b"id,name,amount\n"):
            project, done, slot = self.run_with(data, exits=1)
            self.assertEqual(slot["phase"], "quarantined")
            self.assertIn("allow_empty", done.out)
            self.assertFalse(glob.glob(project.at("lake/orders/*/*")))

    def test_what_a_spreadsheet_would_run_is_loaded_as_it_is_and_printed_as_text(self):
        nasty = ["=cmd|' /C calc'!A0", "+1", "@SUM", "-1"]
        project, _, _ = self.run_with("id,name,amount\n" + "".join(f"{n},{t},1\n" for n, t in enumerate(nasty)) + "9,=1+1,x\n")
        self.assertEqual(loaded(project, self.DAY), [f"{n},{t},1" for n, t in enumerate(nasty)])
        project.do("quarantine", "amend", "0:0", "--text", "9,fine,1", "--reason", "=1+1")
        for words in (["quarantine", "list"], ["log", "--fields", "index,sentence"], ["quarantine", "groups"]):
            printed = project.do(*words, "-o", "csv").out
            for field in (field for row in csv.reader(io.StringIO(printed)) for field in row):
                self.assertNotIn(field[:1], ("=", "+", "@", "\t"), printed)

    def test_numbers_are_digits_of_the_declared_size(self):
        bad = ["1e400", "0x10", "１２", "9" * 40, "1.5", " 1", "1_0", "+-1", "NaN", "", "1e2"]
        project, _, slot = self.run_with("id,name,amount\n" + "".join(f"{t},n,1\n" for t in bad) + "-0,n,1\n")
        self.assertEqual(slot["counts"]["quarantined"], len(bad))
        self.assertEqual(loaded(project, self.DAY), ["0,n,1"])

    def test_json_that_is_none_is_set_aside_line_by_line(self):
        good = b'{"id":1,"name":"a","amount":1}\n'
        bad = [b'{"id":2,"name":"b","name":"c","amount":1}', b'{"id":3,"name":"\\ud800","amount":1}',
               b'{"id":4,"name":"d","amount":1,}', b'{"id":5,"name":"e","amount":NaN}',
               b'{"id":6,"name":"f","amount":1e999}', b'{"id":7,"name":"g","amount":1}{"id":8,"name":"h","amount":1}',
               b"[1,2]", b'"x"', b'{"id":9,"name":null,"amount":1}', b'{"id":10,"name":"\xff","amount":1}',
               b'{"id":11,"name":' + b"[" * 100_000 + b"]" * 100_000 + b',"amount":1}', b'{"id":' * 100_000,
               b'{"id":12,"name":"' + b"x" * 9_000_000 + b'","amount":1}', b'{"id":13,"name":"never ends']
        project, _, slot = self.run_with(good + b"\n".join(bad), form="jsonl")
        self.assertEqual(slot["counts"]["quarantined"], len(bad))
        self.assertEqual(loaded(project, self.DAY), ["1,a,1"])

    def test_parquet_that_lies_about_itself_is_refused_without_believing_it(self):
        lies = {"text": b"id,name\n1,2\n", "nothing": b"", "two marks": b"PAR1PAR1",
                "a footer of 4 GB": b"PAR1" + struct.pack("<I", 0xFFFFFFFF) + b"PAR1",
                "a footer of zeros": b"PAR1" + bytes(100) + struct.pack("<I", 90) + b"PAR1",
                "counts without end": b"PAR1" + b"\x15" + b"\xff" * 8 + b"\x7f" + b"\x19\xfc" + b"\xff" * 9 +
                                      struct.pack("<I", 20) + b"PAR1",
                "a list of 2^31": b"PAR1\x15\x02\x19\xfc\xff\xff\xff\xff\x07" + struct.pack("<I", 9) + b"PAR1",
                "nested for ever": b"PAR1" + b"\x1c" * 200_000 + struct.pack("<I", 200_000) + b"PAR1"}
        for what, data in lies.items():
            with self.subTest(what):
                project, done, slot = self.run_with(data, exits=1, form="parquet")
                self.assertIn(slot["phase"], ("quarantined", "failed"), done)
                self.assertIn(f"feed/{self.DAY}/orders.csv", done.out)
                self.assertNotIn("SELECT", done.out)
                self.assertFalse(glob.glob(project.at("lake/orders/*/*")))

    def test_a_file_that_is_there_and_can_not_be_read_is_not_passed_over(self):
        secret = self.project().write("secret.csv", "id,name,amount\n1,secret,1\n")
        for what, make in {"a link out of the project": lambda path: os.symlink(secret, path),
                           "a link to a device": lambda path: os.symlink("/dev/zero", path),
                           "a FIFO": os.mkfifo}.items():
            with self.subTest(what):
                project = small.make(self.project())
                os.remove(project.at(f"feed/{self.DAY}/orders.csv"))
                make(project.at(f"feed/{self.DAY}/orders.csv"))
                done = self.bounded(project, "run", FILE, exits=UNREACHABLE)
                self.assertIn(f"feed/{self.DAY}/orders.csv can not be read", done.err)
                self.assertEqual(project.state(), {})
                self.assertFalse(os.path.exists(project.at("lake")))
        project = small.make(self.project())
        shutil.move(project.at("feed"), secret + ".d")
        os.symlink(secret + ".d", project.at("feed"))
        self.assertIn("out of the project", self.bounded(project, "run", FILE, exits=UNREACHABLE).err)


class SinkTest(HostileTest):
    def test_partitions_named_by_the_data_never_leave_the_target(self):
        names = ["..", "a/b", "/etc", ".", "x" * 300, "a\\b", "%2e%2e", "ok", "", "a\nb", "\x1b[31m", ".daybook", ".stage",
                 "ä", " x", "y" * 128, "-rf", "CON"]
        project = small.make(self.project(), days=[])
        project.write("feed/all.csv", "id,name,amount\n" +
                      "".join(f'{n},"{name}",1\n' for n, name in enumerate(names)))
        text = project.read(FILE).decode().replace("feed/{day}/orders.csv", "feed/all.csv")
        project.write(FILE, text.replace("partition: {by: day, type: date}", "partition: {by: name, type: string}"))
        before = set(os.listdir(project.path)) | {"lake"}
        done = self.bounded(project, "run", FILE)
        self.assertNotIn("\x1b", done.out + done.err)
        self.assertEqual(set(os.listdir(project.path)), before)
        self.assertEqual(os.listdir(project.at("lake")), ["orders"])
        found = {}
        for folder, _, files in os.walk(project.at("lake/orders")):
            for name in files:
                if name.endswith(".csv"):
                    self.assertEqual(os.path.dirname(folder), project.at("lake/orders"), "deeper than one folder")
                    self.assertRegex(os.path.basename(folder), r"^[A-Za-z0-9_=+-][A-Za-z0-9._=+-]{0,127}$")
                    found[os.path.basename(folder)] = found.get(os.path.basename(folder), 0) + 1
        self.assertIn("ok", found)
        # Every record is counted, or in a partition that is set aside as a whole.
        counted = sum(slot["counts"]["read"] for slot in project.state().values() if slot.get("counts"))
        aside = {item["partition"] for item in project.items("quarantine", "partitions")}
        self.assertEqual(aside, {".daybook", ".stage"})
        self.assertEqual(counted + len(aside), len(names), "a record is lost")
        project.do("verify")

    def test_a_target_that_is_no_folder_is_left_alone(self):
        for what, make in {"a file": lambda path: open(path, "w").close(), "a FIFO": os.mkfifo,
                           "a link out": lambda path: os.symlink("/tmp", path)}.items():
            with self.subTest(what):
                project = small.make(self.project())
                make(project.at("lake"))
                size = project.size()
                self.bounded(project, "run", FILE, exits=UNREACHABLE)
                self.assertEqual(project.entries("RunStarted", since=size), [])
                self.assertFalse(os.path.exists("/tmp/orders/.daybook"))

    def test_a_target_that_comes_back_is_loaded_once(self):
        project = small.make(self.project())
        project.write("lake", "in the way")
        self.bounded(project, "run", FILE, exits=UNREACHABLE)
        os.remove(project.at("lake"))
        self.bounded(project, "run", FILE, exits=0)
        self.assertEqual(len(loaded(project, small.DAYS[0])), 5)
        self.assertEqual({slot["generation"] for slot in project.state().values()}, {1})


class LedgerTest(HostileTest):
    """A book that is not what it was: refused, and not one byte of it is changed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from harness import Project
        cls.whole = small.make(Project())
        cls.whole.do("run", FILE)
        cls.early = cls.whole.at("early")
        shutil.copytree(cls.whole.book, cls.early, ignore=shutil.ignore_patterns("*.sock"))
        small.write_day(cls.whole, "2026-02-01", ["1,one,1"])
        cls.whole.do("run", FILE)

    @classmethod
    def tearDownClass(cls):
        cls.whole.close()
        super().tearDownClass()

    def copy(self):
        project = self.project()
        shutil.copytree(self.whole.path, project.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
        return project

    def refused(self, project, exits=INTEGRITY, said=""):
        before, lake = files_below(project.book), files_below(project.at("lake"))
        for words in (["state"], ["run", FILE], ["verify"], ["pause", "--reason", "x"], ["log"]):
            with self.subTest(words[0]):
                done = self.bounded(project, *words, exits=exits)
                self.assertIn(said, done.out + done.err)
        after = files_below(project.book)
        for ignored in ("ledger.lock", "book/LOG", "book/LOCK"):
            before.pop(ignored, None), after.pop(ignored, None)
        after = {name: digest for name, digest in after.items() if not name.startswith("book/LOG")}
        before = {name: digest for name, digest in before.items() if not name.startswith("book/LOG")}
        self.assertEqual(after, before)
        self.assertEqual(files_below(project.at("lake")), lake)

    def test_an_anchor_that_is_missing_shortened_or_another_books_is_refused(self):
        for what in ("missing", "empty", "shortened", "another book's"):
            with self.subTest(what):
                project = self.copy()
                path = os.path.join(project.book, "anchor")
                if what == "missing":
                    os.remove(path)
                elif what == "another book's":
                    other = small.make(self.project())
                    other.do("run", FILE)
                    shutil.copy(os.path.join(other.book, "anchor"), path)
                else:
                    os.truncate(path, 0 if what == "empty" else 100)
                self.refused(project, exits=(INTEGRITY, NOT_FOUND))

    def test_a_book_from_a_backup_under_a_newer_anchor_is_refused_with_where_it_ends(self):
        project = self.copy()
        anchor = os.path.join(project.book, "anchor")
        newer = project.read(".daybook/anchor")
        shutil.rmtree(project.book)
        shutil.copytree(self.early, project.book)
        size = project.size()
        project.write(".daybook/anchor", newer)
        self.refused(project, said=str(size))

    def test_an_older_anchor_is_taken_when_the_chain_goes_through_it(self):
        project = self.copy()
        size = project.size()
        shutil.copy(os.path.join(self.early, "anchor"), os.path.join(project.book, "anchor"))
        self.bounded(project, "run", FILE, exits=0)
        self.assertGreater(project.size(), size)
        self.bounded(project, "verify", exits=0)

    def test_a_database_that_lost_a_file_is_refused(self):
        names = [name for name in os.listdir(os.path.join(self.whole.book, "book"))
                 if re.match(r"CURRENT|MANIFEST|.*\.(log|sst)$", name)]
        self.assertGreater(len(names), 2)
        for name in names:
            with self.subTest(name):
                project = self.copy()
                path = os.path.join(project.book, "book", name)
                if name.endswith(".log") and os.path.getsize(path) == 0:
                    continue
                os.remove(path)
                self.refused(project, exits=(INTEGRITY, NOT_FOUND, 1))

    def test_settings_that_are_not_ours_are_refused(self):
        for text in ("", "{", "[]", '{"format": 2}', "{" * 100_000, '{"format":1,"origin":7,"anchor":[]}', "\0"):
            with self.subTest(text[:20]):
                project = self.copy()
                project.write(".daybook/config.json", text)
                self.refused(project)


if __name__ == "__main__":
    main()
