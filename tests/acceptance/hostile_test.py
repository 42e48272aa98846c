#!/usr/bin/env python3
"""What nobody should type, write or send: each is answered with the right exit code and a message that
says where and what, in little time and memory, and nothing is lost or changed.
"""
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess

import small
from harness import BINARY, files_below, main, wait_until
from small import FILE, loaded
from hostile import CONFLICT, HostileTest, INTEGRITY, INVALID, MEGABYTES, NOT_ALLOWED, NOT_FOUND, REFUSED, SECONDS, USAGE


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
        try:
            reached = subprocess.run([BINARY, "version"], capture_output=True, check=False, **other).returncode == 0
        except PermissionError:
            reached = False
        if not reached:
            self.skipTest("the program lies where only its owner may go")
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

    def test_a_signing_key_that_can_not_sign_is_refused_before_anything_is_written(self):
        for what, harm in {"zeroed": lambda text: bytes(len(text)), "cut": lambda text: text[:-9],
                           "of another book": lambda _: self.small_key()}.items():
            with self.subTest(what):
                project = self.copy()
                size = project.size()
                project.write(".daybook/keys/log.key", harm(project.read(".daybook/keys/log.key")))
                os.chmod(project.at(".daybook/keys/log.key"), 0o600)
                done = project.ask("run", FILE)
                self.assertIn(done.code, (3, 9), done)
                self.assertIn("log.key", done.err)
                self.assertEqual(project.size(), size)

    def test_bytes_after_the_configuration_are_refused(self):
        for more in (b"\0", b"\n\0\0x", b"}"):
            with self.subTest(more):
                project = self.copy()
                project.write(".daybook/config.json", project.read(".daybook/config.json") + more)
                self.refused(project)

    def small_key(self):
        return self.project().init().read(".daybook/keys/log.key")

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
