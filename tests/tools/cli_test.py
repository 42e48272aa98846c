"""The command line as people and scripts meet it: hostile words, exit codes, pure output, the pages
made from the table. Drives the real program; argument 1 is its path, argument 2 the root of the tree."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

DAYBOOK = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "daybook"
ROOT = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "."

GOOD, BAD, USAGE, INVALID, NOT_ALLOWED, NOT_FOUND, CONFLICT = range(7)
GATE, PENDING, INTEGRITY, UNREACHABLE, DIFFERS, INTERNAL = range(7, 13)


def run(*words, cwd=None, env=None, stdin=None, timeout=120):
    full = {k: v for k, v in os.environ.items() if not k.startswith("DAYBOOK")}
    full.update(env or {})
    return subprocess.run([DAYBOOK, *words], cwd=cwd, env=full, input=stdin, timeout=timeout,
                          stdin=subprocess.DEVNULL if stdin is None else None,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# Commands that answer or act about the present alone, and why a moment of the book means nothing to
# them. Every other one takes --as-of: a new command either takes it or is named here.
RECORDS = "records something: the book ends where it ends"
NO_BOOK = "reads no book"
OF_THE_PRESENT = {
    **dict.fromkeys("""run;rerun;pause;resume;cancel;hold load;hold discard;quarantine amend;quarantine release;
quarantine discard;quarantine import;quarantine release-partition;compensate propose;compensate start;
compensate withdraw;approvals approve;approvals reject;principals add;principals revoke;erase propose;erase start;
erase withdraw;legal-hold add;legal-hold release;ledger key rotate;ledger new-origin;ledger witness add;
ledger witness remove""".replace("\n", "").split(";"), RECORDS),
    **dict.fromkeys(["check", "completion", "help", "version"], NO_BOOK),
    "init": "makes a book",
    "quickstart": "makes a book",
    "reconcile": "compares the sink as it is with the book as it is",
    "ledger witness collect": "asks the witnesses to sign the newest checkpoint",
    "ledger timestamp": "asks an authority to stamp the newest checkpoint",
    "serve-tiles": "serves what is there until it is stopped",
    "doctor": "looks at the machine",
}


class Base(unittest.TestCase):
    def expect(self, code, *words, **more):
        done = run(*words, **more)
        self.assertEqual(done.returncode, code,
                         f"{words}\n{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}")
        return done


class Words(Base):
    """Rows 1 and 2 of the list of hostile inputs: nothing is guessed and nothing is done."""

    def test_unknown_words_are_refused_with_the_nearest(self):
        self.assertIn(b'did you mean "quarantine"', self.expect(USAGE, "quarantin", "list").stderr)
        self.assertIn(b"did you mean --partition", self.expect(USAGE, "run", "x", "--partitoin", "a").stderr)

    def test_no_abbreviation_is_completed(self):
        for words in (["stat"], ["runs", "li"], ["log", "--lim", "3"], ["log", "--foll"]):
            self.expect(USAGE, *words)

    def test_numbers_are_numbers(self):
        for text in ("-1", "1e309", "99999999999999999999", "9223372036854775808", "0x10", "1_000", "٣", "", " 1", "1.0"):
            self.expect(USAGE, "log", f"--limit={text}")

    def test_flags_stand_once_and_have_their_values(self):
        self.expect(USAGE, "log", "--limit", "1", "--limit", "2")
        self.expect(USAGE, "log", "-q", "-q")
        self.expect(USAGE, "log", "--limit")
        self.expect(USAGE, "log", "--limit", "--follow")
        self.expect(USAGE, "log", "--follow=yes")
        self.expect(USAGE, "state", "-o", "xml")
        self.expect(USAGE, "run")
        self.expect(USAGE, "run", "a", "b")
        self.expect(USAGE, "pause")  # a reason is required

    def test_partition_names_are_from_a_list(self):
        for name in ("..", ".", "a/b", "a\nb", "a\x1bb", "x" * 129, "ü", "a b", "%2e"):
            self.expect(USAGE, "explain", name)

    def test_large_and_odd_arguments_are_short_in_messages(self):
        done = self.expect(USAGE, "run", "x" * 120 * 1024)
        self.assertLess(len(done.stderr), 1000)
        done = self.expect(USAGE, "\x1b[31mred\n" + "y" * 100_000)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertLess(len(done.stderr), 1000)

    def test_problems_are_json_when_asked(self):
        for words in (["log", "--limit=x", "-o", "json"], ["nothing", "--error-format", "json"]):
            problem = json.loads(self.expect(USAGE, *words).stderr)
            self.assertEqual(problem["exitCode"], USAGE)
            self.assertEqual(problem["code"], "DB-1002")

    def test_a_bare_group_helps_on_standard_error(self):
        done = self.expect(USAGE, "quarantine")
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr.count(b"\n  daybook "), 2)


class Pages(Base):
    def commands(self):
        with open(os.path.join(ROOT, "docs/reference/cli.md"), encoding="utf-8") as file:
            page = file.read()
        return [line.split("`")[1] for line in page.splitlines() if line.startswith("| [`")]

    def test_committed_pages_are_what_the_table_says(self):
        with tempfile.TemporaryDirectory() as folder:
            written = self.expect(GOOD, "__generate", folder).stdout.decode().split()
            self.assertGreater(len(written), 40)
            for path in written:
                kept = os.path.join(ROOT, "docs/reference", os.path.relpath(path, folder))
                with open(path, encoding="utf-8") as new, open(kept, encoding="utf-8") as old:
                    self.assertEqual(new.read(), old.read(),
                                     f"{kept} is stale: daybook __generate docs/reference")

    def test_every_command_has_help_with_two_examples_first(self):
        commands = self.commands()
        self.assertGreater(len(commands), 40)
        for command in commands:
            text = self.expect(GOOD, *command.split(), "--help").stdout.decode()
            self.assertEqual(text.splitlines()[2], "Examples", command)
            examples = text.split("Examples\n")[1].split("\nUsage")[0]
            self.assertGreaterEqual(examples.count("  daybook "), 2, command)
            self.assertNotIn("\x1b", text)

    def test_every_example_parses(self):
        for command in self.commands():
            text = self.expect(GOOD, *command.split(), "--help").stdout.decode()
            for line in text.split("Examples\n")[1].split("\nUsage")[0].splitlines():
                if line.startswith("  daybook "):
                    # --help after the words: the line is parsed as a whole, and nothing is done.
                    words = shlex.split(line)[1:]
                    self.expect(GOOD, *words, "--help")

    def test_every_command_takes_a_moment_or_has_a_reason_not_to(self):
        takes = {command for command in self.commands()
                 if "--as-of MOMENT" in self.expect(GOOD, *command.split(), "--help").stdout.decode()}
        self.assertEqual(takes & set(OF_THE_PRESENT), set())
        self.assertEqual(takes | set(OF_THE_PRESENT), set(self.commands()))
        self.assertTrue(all(OF_THE_PRESENT.values()))

    def test_a_command_of_the_present_says_so(self):
        for command in OF_THE_PRESENT:
            done = self.expect(USAGE, *command.split(), "--as-of", "3")
            self.assertIn(f"daybook {command} is about the present: it takes no --as-of".encode(), done.stderr)

    def test_topics(self):
        for topic in ("exit-codes", "environment", "formatting", "problems"):
            self.assertTrue(self.expect(GOOD, "help", topic).stdout)
        self.expect(NOT_FOUND, "help", "nothing-of-the-kind")

    def test_completions_are_scripts(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.expect(GOOD, "completion", shell).stdout
            if shutil.which(shell):
                parsed = subprocess.run([shell, "-n"], input=script, capture_output=True, check=False)
                self.assertEqual(parsed.returncode, 0, parsed.stderr)
        if shutil.which("bash"):
            script = self.expect(GOOD, "completion", "bash").stdout.decode()
            probe = script + '\nCOMP_WORDS=(daybook quarantine re); COMP_CWORD=2; _daybook; echo "${COMPREPLY[@]}"\n'
            words = subprocess.run(["bash", "-c", probe], capture_output=True, check=True).stdout.split()
            self.assertEqual(sorted(words), [b"release", b"release-partition"])


class Streams(Base):
    def test_a_full_disk_is_an_answer(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([DAYBOOK, "help"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, BAD)
        self.assertIn(b"could not be written", done.stderr)

    def test_a_reader_that_leaves_is_no_crash(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([DAYBOOK, "help"], stdout=write, stderr=subprocess.PIPE, check=False)
        os.close(write)
        self.assertEqual(done.returncode, BAD)
        self.assertEqual(done.stderr, b"")

    def test_the_environment_changes_no_result(self):
        plain = self.expect(GOOD, "help", "exit-codes").stdout
        for env in ({"TZ": "garbage"}, {"LANG": "tr_TR"}, {"LC_NUMERIC": "de_DE.UTF-8"}, {"HOME": ""},
                    {"TERM": "dumb"}, {"COLUMNS": "3"}):
            self.assertEqual(self.expect(GOOD, "help", "exit-codes", env=env).stdout, plain)

    def test_colour_follows_the_rules(self):
        self.assertNotIn(b"\x1b", self.expect(GOOD, "help").stdout)
        self.assertIn(b"\x1b[1m", self.expect(GOOD, "help", "--color", "always").stdout)
        self.assertIn(b"\x1b[1m", self.expect(GOOD, "help", env={"CLICOLOR_FORCE": "1"}).stdout)
        self.assertNotIn(b"\x1b", self.expect(GOOD, "help", env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}).stdout)


class Books(Base):
    """One demo project for all; tests that change it work on what is theirs."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.project = os.path.join(cls.folder, "demo")
        old = os.umask(0)  # what a book is made of is private whatever the umask says
        made = run("quickstart", cls.project, "--rows", "5000", "-o", "json", timeout=300)
        os.umask(old)
        assert made.returncode == 0, made.stderr
        cls.made = json.loads(made.stdout)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def here(self, code, *words, **more):
        return self.expect(code, *words, cwd=self.project, **more)

    def items(self, *words):
        return json.loads(self.here(GOOD, *words, "-o", "json").stdout)["items"]

    def test_quickstart_verifies_ten_partitions(self):
        self.assertEqual(self.made["kind"], "Run")
        self.assertEqual({s["result"] for s in self.made["slots"]}, {"verified"})

    def test_what_is_private_is_private(self):
        book = os.path.join(self.project, ".daybook")
        self.assertEqual(os.stat(book).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(os.path.join(book, "keys", "log.key")).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.join(book, "config.json")).st_mode & 0o777, 0o600)

    def test_a_second_book_is_refused(self):
        self.here(CONFLICT, "init")
        self.expect(CONFLICT, "quickstart", self.project)

    def test_books_are_found_and_not_made(self):
        with tempfile.TemporaryDirectory() as empty:
            self.expect(NOT_FOUND, "state", cwd=empty)
            self.assertEqual(os.listdir(empty), [])
            file = os.path.join(empty, "file")
            open(file, "w").close()
            for place in (file, os.path.join(empty, "none"), "/dev/full", empty):
                self.expect(NOT_FOUND, "state", "--book", place)
            self.expect(GOOD, "state", "--book", self.project, cwd=empty)
            self.expect(GOOD, "state", "--book", os.path.join(self.project, ".daybook"), cwd=empty)
            self.expect(GOOD, "state", cwd=empty, env={"DAYBOOK_BOOK": self.project})
        self.expect(GOOD, "state", cwd=os.path.join(self.project, "contracts"))

    def test_reading_changes_nothing(self):
        before = self.items("log", "--limit", "0")
        # One that can be read: what can not is amended first.
        whole = next(item["record"] for item in self.items("quarantine", "list", "--limit", "0")
                     if not any(rule.endswith((".type", "structure", "encoding")) for rule in item["rules"]))
        for words in (["state"], ["runs", "list"], ["log"], ["explain", "2026-01-02"], ["verify"], ["doctor"],
                      ["quarantine", "list"], ["quarantine", "groups"], ["quarantine", "show", "0:0"],
                      ["approvals", "list"], ["principals", "list"], ["compensate", "list"], ["hold", "list"],
                      ["plan", "orders.pipeline.yaml"], ["run", "orders.pipeline.yaml", "--dry-run"],
                      ["reconcile", "orders.pipeline.yaml", "--deep", "--dry-run"],
                      ["compensate", "plan", "--partition", "2026-01-02"],
                      ["compensate", "propose", "--partition", "2026-01-02", "--reason", "x", "--dry-run"],
                      ["pause", "--reason", "x", "--dry-run"],
                      ["quarantine", "release", whole, "--reason", "x", "--dry-run"]):
            self.here(GOOD, *words)
        self.assertEqual(self.items("log", "--limit", "0"), before)

    def test_json_is_pure_in_every_form(self):
        for words in (["state"], ["runs", "list"], ["log"], ["quarantine", "list"], ["doctor"]):
            document = json.loads(self.here(GOOD, *words, "-o", "json").stdout)
            self.assertEqual(document["apiVersion"], "daybook/v1")
            self.assertIn("items", document)
            lines = [json.loads(line) for line in self.here(GOOD, *words, "-o", "jsonl").stdout.splitlines()]
            self.assertEqual(lines[-1]["type"], "summary")
            self.assertEqual(lines[-1]["items"], len(lines) - 1)
        failed = self.here(NOT_FOUND, "runs", "show", "999", "-o", "json")
        self.assertEqual(failed.stdout, b"")
        self.assertEqual(json.loads(failed.stderr)["exitCode"], NOT_FOUND)

    def test_fields_choose(self):
        self.assertEqual(list(self.items("state", "--fields", "partition,phase")[0]), ["partition", "phase"])
        self.assertIn(b"did you mean", self.here(USAGE, "state", "--fields", "partitoin").stderr)

    def test_csv_is_no_formula(self):
        text = self.here(GOOD, "quarantine", "groups", "-o", "csv").stdout.decode()
        self.assertTrue(text.startswith("pipeline,rule,records"))
        for line in text.splitlines():
            for start in (",=", ",+", ",@", ",-4"):
                self.assertNotIn(start, line)

    def test_as_of_is_the_past(self):
        size = json.loads(self.here(GOOD, "state", "-o", "json").stdout)["ledgerSeq"]
        self.assertEqual(json.loads(self.here(GOOD, "state", "--as-of", "1", "-o", "json").stdout)["items"], [])
        self.here(NOT_FOUND, "state", "--as-of", str(size + 1))
        self.here(USAGE, "state", "--as-of", "2026-13-45")
        self.here(USAGE, "state", "--as-of", "2026-01-01T10:00:00")  # without a zone it is two moments
        past = json.loads(self.here(GOOD, "state", "--as-of", "2020-01-01", "-o", "json").stdout)
        self.assertEqual(past["ledgerSeq"], 0)

    def test_nothing_is_loaded_twice(self):
        before = self.items("state")
        document = json.loads(self.here(GOOD, "run", "orders.pipeline.yaml", "-o", "json").stdout)
        self.assertEqual({s["result"] for s in document["slots"]}, {"unchanged"})
        self.assertEqual([i["generation"] for i in self.items("state")], [i["generation"] for i in before])
        self.here(GOOD, "plan", "orders.pipeline.yaml", "--exit-code")
        self.here(DIFFERS, "plan", "orders.pipeline.yaml", "--force", "--exit-code")
        self.here(GOOD, "rerun", "orders.pipeline.yaml", "--failed")

    def test_names_that_are_not_there(self):
        self.here(NOT_FOUND, "run", "none.pipeline.yaml")
        self.here(NOT_FOUND, "run", "orders.pipeline.yaml", "--partition", "1999-01-01")
        self.here(NOT_FOUND, "explain", "1999-01-01")
        self.here(NOT_FOUND, "quarantine", "show", "99:0")
        self.here(NOT_FOUND, "approvals", "show", "7")
        self.here(USAGE, "log", "--kind", "loadcommitted")

    def test_definitions_are_checked(self):
        self.here(GOOD, "check")
        with open(os.path.join(self.project, "orders.pipeline.yaml"), encoding="utf-8") as file:
            text = file.read()
        bad = os.path.join(self.project, "bad.pipeline.yaml")
        with open(bad, "w", encoding="utf-8") as file:
            file.write(text.replace("channel <> 'test'", "chanel <> 'test'"))
        try:
            done = self.here(INVALID, "check", "bad.pipeline.yaml")
            self.assertIn(b"bad.pipeline.yaml:", done.stderr)
            self.assertIn(b"channel", done.stderr)
            self.here(INVALID, "run", "bad.pipeline.yaml")
        finally:
            os.remove(bad)

    def test_verification_of_damage_is_nine(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, "copy")
            shutil.copytree(os.path.join(self.project, ".daybook"), copy)
            with open(os.path.join(copy, "anchor"), "r+b") as file:
                file.write(b"x" * 1024)
            self.expect(INTEGRITY, "verify", "--book", copy)

    def test_log_is_terminated(self):
        process = subprocess.Popen([DAYBOOK, "log", "--follow", "--limit", "1"], cwd=self.project,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 143)

    def test_log_follows(self):
        process = subprocess.Popen([DAYBOOK, "log", "--follow", "--limit", "1", "-o", "jsonl"], cwd=self.project,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = json.loads(process.stdout.readline())
        self.here(GOOD, "pause", "--reason", "to be seen")
        self.here(GOOD, "resume")
        kinds = []
        while "Resumed" not in kinds:
            kinds.append(json.loads(process.stdout.readline())["kind"])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(first["type"], "event")
        self.assertIn("Paused", kinds)

    def test_tables_are_cut_on_a_terminal_alone(self):
        wide = self.here(GOOD, "quarantine", "list", "--limit", "1").stdout
        forced = self.here(GOOD, "quarantine", "list", "--limit", "1", env={"DAYBOOK_FORCE_TTY": "60"})
        self.assertGreater(max(map(len, wide.splitlines())), 60)
        self.assertIn(b"values were cut", forced.stderr)

    def test_no_table_is_wider_than_its_terminal_and_no_number_is_cut(self):
        for words in (["quarantine", "list", "--limit", "3"], ["quarantine", "groups"], ["runs", "list"], ["state"]):
            for width in (30, 60, 80, 200):
                with self.subTest(words=words, width=width):
                    shown = self.here(GOOD, *words, env={"DAYBOOK_FORCE_TTY": str(width), "NO_COLOR": "1"}).stdout.decode()
                    self.assertLessEqual(max(map(len, shown.splitlines())), width, shown)
        item = json.loads(self.here(GOOD, "quarantine", "list", "--limit", "1", "-o", "json").stdout)["items"][0]
        narrow = self.here(GOOD, "quarantine", "list", "--limit", "1", env={"DAYBOOK_FORCE_TTY": "40", "NO_COLOR": "1"}).stdout.decode()
        for key in ("row", "byte_offset", "record"):
            self.assertRegex(narrow, rf"(?m)(^|\s){item[key]}(\s|$)")


class Outcomes(Base):
    """Ends that need a project of their own."""

    def project_of(self, *more):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.project = os.path.join(folder, "demo")
        self.expect(GOOD, "quickstart", self.project, "--rows", "2000", "-q", *more, timeout=300)

    def here(self, code, *words):
        return self.expect(code, *words, cwd=self.project)

    def items(self, *words):
        return json.loads(self.here(GOOD, *words, "-o", "json").stdout)["items"]

    def change(self, name, old, new):
        path = os.path.join(self.project, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def test_a_gate_that_is_not_met_is_seven(self):
        self.project_of("--no-run")
        self.change("contracts/orders_raw.odcs.yaml", "mustBeGreaterOrEqualTo: 1\n",
                    "mustBeGreaterOrEqualTo: 1000000\n")
        document = json.loads(self.here(GATE, "run", "orders.pipeline.yaml", "-o", "json").stdout)
        self.assertEqual({s["result"] for s in document["slots"]}, {"held"})
        self.assertEqual({i["generation"] for i in self.items("hold", "list")}, {0})
        self.here(GATE, "run", "orders.pipeline.yaml")  # and it stays so until somebody decides

    def test_a_sink_that_is_not_there_is_ten(self):
        self.project_of("--no-run")
        self.change("orders.pipeline.yaml", 'parquet: {path: "lake/orders"}',
                    'postgres: {connection: "host=127.0.0.1 port=1 dbname=none", table: public.orders}')
        self.here(UNREACHABLE, "run", "orders.pipeline.yaml")
        self.assertEqual(self.items("runs", "list"), [])  # nothing was begun

    def test_what_the_sink_refuses_is_shown_and_not_recorded(self):
        self.project_of()
        before = self.items("log", "--limit", "0")
        shutil.rmtree(os.path.join(self.project, "lake"))
        done = self.here(CONFLICT, "compensate", "plan", "--partition", "2026-01-02")
        self.assertIn(b"NOT POSSIBLE: ", done.stdout)
        done = self.here(INTEGRITY, "reconcile", "orders.pipeline.yaml", "--dry-run", "-o", "json")
        self.assertEqual({f["kind"] for f in json.loads(done.stdout)["findings"]}, {"lost"})
        self.assertEqual(self.items("log", "--limit", "0"), before)

    def test_without_a_pipeline_all_sinks_are_compared_and_recorded_or_none(self):
        self.project_of("--no-run")
        first, second = "orders.pipeline.yaml", os.path.join(self.project, "second.pipeline.yaml")
        shutil.copy(os.path.join(self.project, first), second)
        self.change(second, "pipeline: orders", "pipeline: second")
        self.change(second, "lake/orders", "lake/second")
        for file in (first, second):
            self.here(GOOD, "run", file)
        lake = os.path.join(self.project, "lake")
        shutil.rmtree(os.path.join(lake, "orders"))
        os.rename(os.path.join(lake, "second"), os.path.join(lake, "away"))
        with open(os.path.join(lake, "second"), "w", encoding="utf-8"):
            pass
        self.assertIn(b"lake/second", self.here(UNREACHABLE, "reconcile").stderr)
        self.assertEqual({e["kind"] for e in self.items("log", "--limit", "0")} & {"Reconciled", "LoadLost"}, set())
        os.remove(os.path.join(lake, "second"))
        os.rename(os.path.join(lake, "away"), os.path.join(lake, "second"))
        found = json.loads(self.here(INTEGRITY, "reconcile", "-o", "json").stdout)
        self.assertEqual((found["sinks"], found["checked"]), (2, 20))
        self.assertEqual({(f["pipeline"], f["kind"]) for f in found["findings"]}, {("orders", "lost")})


class Steward(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.project = os.path.join(cls.folder, "demo")
        made = run("quickstart", cls.project, "--rows", "5000", "-q", timeout=300)
        assert made.returncode == 0, made.stderr

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def here(self, code, *words, **more):
        return self.expect(code, *words, cwd=self.project, **more)

    def items(self, *words):
        return json.loads(self.here(GOOD, *words, "-o", "json").stdout)["items"]

    def test_records_are_amended_released_and_discarded(self):
        record = self.items("quarantine", "list", "--rule", "unit_price.type")[0]
        before = {i["partition"]: i["rows"] for i in self.items("state")}
        # Nothing is decided by leaving something out, and not against the rules.
        self.here(USAGE, "quarantine", "release", "--reason", "x")
        self.here(USAGE, "quarantine", "discard", record["record"], "--reason", "x")  # nobody said yes
        self.here(INVALID, "quarantine", "amend", record["record"], "--text", "x,y", "--reason", "x")
        # Amended through a file of JSON lines: one bad line, and nothing of it is done.
        lines = self.here(GOOD, "quarantine", "export", record["record"]).stdout.decode()
        line = json.loads(lines)
        line["amended"] = re.sub(r'"(\d+),(\d+)"', r"\1.\2", line["bytes"])
        bad = dict(line, record="0:999999")
        both = (json.dumps(line) + "\n" + json.dumps(bad) + "\n").encode()
        self.here(INVALID, "quarantine", "import", "-", "--reason", "x", stdin=both)
        self.assertEqual(self.items("quarantine", "list", "--status", "amended"), [])
        self.here(INVALID, "quarantine", "import", "-", "--reason", "x",
                  stdin=json.dumps(dict(line, bytes="other")).encode())
        self.here(GOOD, "quarantine", "import", "-", "--reason", "decimal comma", stdin=json.dumps(line).encode())
        self.assertEqual(len(self.items("quarantine", "list", "--status", "amended")), 1)
        self.here(GOOD, "quarantine", "release", "--all-amended", "--reason", "reviewed")
        after = {i["partition"]: i["rows"] for i in self.items("state")}
        changed = {k for k in after if after[k] != before[k]}
        self.assertEqual(changed, {record["partition"]})
        self.assertEqual(after[record["partition"]], before[record["partition"]] + 1)
        self.here(GOOD, "run", "orders.pipeline.yaml")
        self.assertEqual({i["partition"]: i["rows"] for i in self.items("state")}, after)  # once
        other = self.items("quarantine", "list", "--rule", "structure")[-1]
        self.here(GOOD, "quarantine", "discard", other["record"], "--reason", "garbage", "--yes")
        self.assertNotIn(other["record"], [i["record"] for i in self.items("quarantine", "list", "--limit", "0")])
        self.here(GOOD, "verify")

    @unittest.skipUnless(shutil.which("ssh-keygen"), "needs ssh-keygen")
    def test_a_compensation_needs_another_person(self):
        key = os.path.join(self.folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        self.here(PENDING, "compensate", "propose", "--partition", "2026-01-07", "--reason", "wrong")
        self.here(PENDING, "compensate", "start", "0", "--yes")
        me = json.loads(self.here(GOOD, "approvals", "list", "-o", "json").stdout)["items"][0]["may_not"][0]
        self.here(INVALID, "principals", "add", "ana", "--key", key, "--role", "approver")  # the private half
        self.here(NOT_ALLOWED, "approvals", "approve", "0", "--key", key, "--as", "ana")
        self.here(GOOD, "principals", "add", me, "--key", key + ".pub", "--role", "approver")
        self.here(NOT_ALLOWED, "approvals", "approve", "0", "--key", key)  # took part
        other = os.path.join(self.folder, "other")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        self.here(GOOD, "principals", "add", "ana", "--key", other + ".pub", "--role", "approver")
        # By hand, as on another machine.
        text = os.path.join(self.folder, "plan.txt")
        with open(text, "wb") as file:
            file.write(self.here(GOOD, "approvals", "text", "0", "-q").stdout)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "daybook", "-f", other, text], check=True,
                       stderr=subprocess.DEVNULL)
        self.here(GOOD, "approvals", "approve", "0", "--signature", text + ".sig", "--as", "ana")
        self.here(GOOD, "compensate", "start", "0", "--yes")
        self.assertEqual(self.items("state", "2026-01-07")[0]["phase"], "compensated")
        self.here(GOOD, "reconcile", "orders.pipeline.yaml", "--deep")
        self.here(GOOD, "verify")


class Keepers(Base):
    """Beside a living keeper: readers read, commands reach it, a second keeper is refused."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.project = os.path.join(self.folder, "demo")
        self.expect(GOOD, "quickstart", self.project, "--rows", "1500000", "--no-run", "-q", timeout=300)

    def here(self, code, *words, **more):
        return self.expect(code, *words, cwd=self.project, **more)

    def start(self):
        process = subprocess.Popen([DAYBOOK, "run", "orders.pipeline.yaml"], cwd=self.project,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        sock = os.path.join(self.project, ".daybook", "keeper.sock")
        for _ in range(500):
            if os.path.exists(sock):
                break
            time.sleep(0.01)
        return process, sock

    def test_one_keeper_and_its_socket(self):
        process, sock = self.start()
        self.assertEqual(os.stat(sock).st_mode & 0o777, 0o600)
        done = self.here(CONFLICT, "run", "orders.pipeline.yaml")
        self.assertIn(str(process.pid).encode(), done.stderr)
        # Bytes that are no request end their connection and nothing else.
        for bytes_ in (b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"\0\0\0\x0a" + b"[" * 10, b"\0\0\0\1"):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(sock)
                raw.sendall(bytes_)
                raw.shutdown(socket.SHUT_WR)
                raw.recv(4096)
        self.here(GOOD, "state")
        self.here(GOOD, "pause", "--reason", "seen from outside")
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, PENDING, out + err)
        self.here(GOOD, "resume")
        self.here(GOOD, "run", "orders.pipeline.yaml", timeout=300)
        self.here(GOOD, "verify")

    def test_the_first_signal_stops_cleanly_and_the_same_command_goes_on(self):
        process, _ = self.start()
        time.sleep(0.4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        if process.returncode != GOOD:  # a fast machine may be done
            self.assertEqual(process.returncode, 130, out + err)
            self.assertIn(b"goes on from here", err)
        self.here(GOOD, "run", "orders.pipeline.yaml", timeout=300)
        items = json.loads(self.here(GOOD, "state", "-o", "json").stdout)["items"]
        self.assertEqual({i["generation"] for i in items}, {1})
        self.here(GOOD, "verify")

    def test_killed_and_run_again(self):
        process, sock = self.start()
        time.sleep(0.3)
        process.kill()
        process.communicate()
        self.assertTrue(os.path.exists(sock))  # left over, and no obstacle
        self.here(GOOD, "run", "orders.pipeline.yaml", timeout=300)
        items = json.loads(self.here(GOOD, "state", "-o", "json").stdout)["items"]
        self.assertEqual({i["generation"] for i in items}, {1})
        self.here(GOOD, "verify")


if __name__ == "__main__":
    unittest.main(verbosity=1)
