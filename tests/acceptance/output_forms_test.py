#!/usr/bin/env python3
"""Every command prints its result in every form that is asked for, and nothing else on standard output."""

import csv
import io
import json
import subprocess

import small
from harness import Acceptance, main
from small import DAYS, FILE

# Exit codes other than 0 are those of this small book: nothing is paused, no partition is set aside.
COMMANDS = """
plan orders.pipeline.yaml
run orders.pipeline.yaml --dry-run
rerun orders.pipeline.yaml --dry-run
runs list
runs show last
pause --reason x --dry-run
resume --dry-run
hold list
quarantine list
quarantine groups
quarantine show 0:0
quarantine export
quarantine partitions
quarantine amend 0:0 --text 2,two,2 --reason x --dry-run
quarantine release 0:0 --reason x --dry-run
quarantine discard 0:0 --reason x --dry-run
compensate plan --run 0
compensate propose --run 0 --reason x --dry-run
compensate list
approvals list
principals list
principals add ana --key ana.pub --role steward --dry-run
erase plan --run 0
erase list
legal-hold list
legal-hold add --pipeline orders --reason x --dry-run
diff 0 last
bisect
replay 0
lineage orders.amount
impact feed/2026-01-01/orders.csv
ledger key
trace orders feed/2026-01-01/orders.csv:1
state
log
explain 2026-01-01
sql SELECT_1_AS_one
verify
doctor
check
reconcile orders.pipeline.yaml
version
help
help run
help quarantine
help exit-codes
completion bash
""".split("\n")[1:-1]


class OutputFormsTest(Acceptance):
    def setUp(self):
        self.book = small.make(self.project())
        small.write_day(self.book, DAYS[0], ["1,one,1", "2,two,5000", "3,three,=3", "4,four,4"])
        self.book.do("run", FILE)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.book.at("ana")], check=True,
                       stdin=subprocess.DEVNULL)

    def test_every_command_has_every_form(self):
        for command in COMMANDS:
            words = [word.replace("_", " ") if word.startswith("SELECT") else word for word in command.split()]
            for form in ("text", "json", "jsonl", "csv"):
                with self.subTest(command, form=form):
                    done = self.book.ask(*words, "-o", form)
                    self.assertIn(done.code, (0, 6), done)
                    if form == "json" and done.code == 0:
                        self.assertTrue(done.json()["apiVersion"].startswith("daybook/"), done)
                    elif form == "jsonl" and words[:2] != ["quarantine", "export"] and done.code == 0:
                        self.assertEqual(done.lines()[-1]["type"], "summary", done)
                    elif form == "csv":
                        rows = list(csv.reader(io.StringIO(done.out), strict=True))
                        self.assertLessEqual(len({len(row) for row in rows}), 1, done)
                    if done.code == 6 and form.startswith("json"):
                        self.assertEqual(done.out, "")
                        self.assertEqual(json.loads(done.err.splitlines()[-1])["exitCode"], 6)

    def test_what_is_exported_as_a_document_is_what_is_exported_line_by_line(self):
        lines = [json.loads(line) for line in self.book.do("quarantine", "export").out.splitlines()]
        self.assertEqual(len(lines), 2)
        self.assertEqual(self.book.items("quarantine", "export"), lines)

    def test_reading_commands_answer_as_of_any_entry(self):
        size = self.book.size()
        for words in ("runs list", "hold list", "quarantine list", "quarantine groups", "quarantine partitions",
                      "quarantine export", "compensate list", "approvals list", "principals list", "erase list",
                      "legal-hold list", "state", "log", "lineage orders.amount", "impact 0", "sql SELECT_1_AS_one",
                      "explain 2026-01-01", "runs show 0", "quarantine show 0:0"):
            words = [word.replace("_", " ") if word.startswith("SELECT") else word for word in words.split()]
            with self.subTest(words):
                said = self.book.json(*words, "--as-of", size)["asOf"]
                self.assertEqual(said["entries"], size)
                then = self.book.ask(*words, "--as-of", 1, "-o", "json")
                self.assertIn(then.code, (0, 5), then)
                if then.code == 0:
                    self.assertEqual(then.json()["asOf"]["entries"], 1)
                self.book.do(*words, "--as-of", size + 1, exits=5)


if __name__ == "__main__":
    main()
