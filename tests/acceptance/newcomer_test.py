#!/usr/bin/env python3
"""README.md, followed to the letter: its files are written, its commands are run, and what it says will
happen is looked at. Nothing here repeats what stands there, so it can not say something that is not so.
"""

import glob
import os
import re
import shlex
import subprocess
import unittest

from harness import BINARY, ROOT, Acceptance, Project, csv_rows, files_below, main

README = os.path.join(ROOT, "README.md")
VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(os.path.dirname(BINARY), "daybook-verify"))


def sections():
    """Heading -> text below it."""
    with open(README, encoding="utf-8") as file:
        parts = re.split(r"^## (.+)$", file.read(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def blocks(text):
    """The fenced blocks: (language, text before the fence since the last one, content)."""
    found, end = [], 0
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, flags=re.M | re.S):
        found.append((match.group(1), text[end:match.start()], match.group(2)))
        end = match.end()
    return found


def commands(block):
    """The lines a reader types, as words; what is explained behind a # is no part of them."""
    return [shlex.split(line[2:], comments=True) for line in block.splitlines() if line.startswith("$ ")]


def daybook_commands(text):
    """Every `daybook …` in running text and tables that names no placeholder."""
    return [shlex.split(code) for code in re.findall(r"`((?:daybook|quarantine) [^`]+)`", text)]


class Reader:
    """Types what is printed, in the folder the last `cd` led to."""

    def __init__(self, project):
        self.project, self.folder, self.done = project, project.path, []

    def type(self, words):
        if words[0] == "cd":
            self.folder = os.path.join(self.folder, words[1])
            return None
        assert words[0] == "daybook", f"README has a command this test does not know: {words}"
        self.done.append(self.project.do(*words[1:], cwd=self.folder, seconds=300))
        return self.done[-1]


class QuickstartTest(Acceptance):
    def setUp(self):
        self.section = sections()["What it looks like"]
        self.reader = Reader(self.project())

    def test_the_quickstart_runs_and_what_is_to_be_tried_after_it_can_be_tried(self):
        for words in commands(blocks(self.section)[0][2]):
            self.reader.type(words)
        first, second = self.reader.done
        self.assertRegex(first.out, r"10 partitions")
        self.assertEqual(first.out.count("verified"), 10, first)
        self.assertRegex(second.out, r"10 unchanged, not loaded again", "the second run loaded something")

        tried = daybook_commands(self.section)
        self.assertGreater(len(tried), 8)
        for words in tried:
            words = words[1:] if words[0] == "daybook" else words
            with self.subTest(" ".join(words)):
                if words == ["log", "--follow"]:
                    continue  # has no end
                if words[0] == "quarantine" and words[1] in ("amend", "release"):
                    words = [*words, "0:0", "--reason", "as the table says", "--dry-run"]
                    words += ["--text", "x"] if words[1] == "amend" else []
                words = ["0:0" if word == "ID" else word for word in words]
                # An amendment that would not pass is refused: then the command exists and was understood.
                # A first generation has nothing before it to go back to: that is an answer too.
                self.reader.project.do(*words, cwd=self.reader.folder,
                                       exits=(0, 3, 5, 6) if "--dry-run" in words or "plan" in words else 0)


class AskTest(Acceptance):
    def test_every_question_is_answered_and_every_claim_is_good(self):
        project = self.project()
        for words in commands(blocks(sections()["What it looks like"])[0][2]):
            if words[0] == "daybook":
                project.do(*words[1:], cwd=project.at("demo") if words[1] == "run" else None, seconds=300)
        path = os.pathsep.join([os.path.dirname(BINARY), os.path.dirname(VERIFIER), os.environ["PATH"]])
        said = []
        for language, _, block in blocks(sections()["What it can be asked"]):
            self.assertEqual(language, "sh")
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=project.at("demo"), check=False,
                                  env=project.environment | {"PATH": path}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240)
            self.assertEqual(done.returncode, 0, block + done.stdout + done.stderr)
            said.append(done.stdout)
        self.assertRegex(said[0], r"good +output row 1 of \d+")
        self.assertIn("identical", said[1])
        self.assertRegex(said[1], r"rule step 2 filter +\d+ -> ")
        self.assertRegex(said[2], r"value +unit_price of csv:feed")
        self.assertEqual(said[3].count("good  "), 3, said[3])


class OwnDataTest(Acceptance):
    """The ten minutes with a CSV of one's own."""

    def setUp(self):
        self.section = sections()["Your own CSV in ten minutes"]
        self.own = self.project()
        self.reader = Reader(self.own)
        self.steps = []
        for language, before, content in blocks(self.section):
            if language:
                names = re.findall(r"`([^`\s]+\.(?:csv|yaml))`", before)
                self.assertTrue(names, f"README does not name the file of this block:\n{content}")
                # What comes after the last heading of a step names one file; the feed names its days.
                for name in names if language == "csv" else names[-1:]:
                    self.own.write(name, content)
            else:
                self.steps += commands(content)

    def run_step(self, *beginning):
        """Types the next commands of the README up to and with the one that begins like this."""
        while self.steps:
            words = self.steps.pop(0)
            done = self.reader.type(words)
            if words[1:1 + len(beginning)] == list(beginning):
                return done
        self.fail(f"README has no command {' '.join(beginning)} where one was expected")

    def bolts(self):
        """Partition -> how often the bolt, whose price is amended, stands in the target."""
        found = {}
        for path in glob.glob(self.own.at("lake/items/*/*.csv")):
            day = os.path.basename(os.path.dirname(path))
            found[day] = found.get(day, 0) + sum(row["name"] == "bolt" for row in csv_rows(path))
        return found

    def test_every_step_does_what_the_text_says(self):
        self.run_step("init")
        self.assertRegex(self.run_step("check").out, r"items\.pipeline\.yaml .* ok")

        ran = self.run_step("run")
        self.assertEqual(ran.out.count("verified"), 2, ran)
        self.assertEqual(ran.out.count("1 quarantined"), 2, ran)
        self.assertEqual(set(self.bolts().values()), {0})

        listed = self.run_step("quarantine", "list")
        self.assertEqual(listed.out.count('2,bolt,"0,50"'), 2, listed)
        shown = self.run_step("quarantine", "show")
        self.assertIn("price.type", shown.out)
        self.assertIn('2,bolt,"0,50"', shown.out)
        day = next(d for d in self.bolts() if d in shown.out)

        self.run_step("quarantine", "amend")
        self.assertEqual(set(self.bolts().values()), {0}, "an amendment alone loads nothing")
        released = self.run_step("quarantine", "release")
        self.assertIn("verified", released.out)
        self.assertEqual(self.bolts()[day], 1)
        self.assertEqual(sum(self.bolts().values()), 1)
        self.assertEqual(self.own.state()[day]["generation"], 2, "the partition becomes a new generation")
        self.assertEqual(self.own.items("runs", "list")[0]["run_kind"], "release", "a run of its own")
        self.assertEqual(self.steps, [], "README has commands that were not looked at")

        # "Run the pipeline again and everything is skipped, with the reason".
        target = files_below(self.own.at("lake/items"))
        again = self.own.do("run", "items.pipeline.yaml")
        self.assertIn("2 unchanged, not loaded again", again.out)
        self.assertEqual(files_below(self.own.at("lake/items")), target)
        self.assertEqual(self.bolts()[day], 1)
        self.assertEqual([e["event"]["reason"] for e in self.own.entries("PartitionSkipped")], ["unchanged"] * 2)
        self.own.do("verify")

    def test_readers_of_the_target_see_the_derived_column_exactly(self):
        self.run_step("run")
        for path in glob.glob(self.own.at("lake/items/*/*.csv")):
            self.assertEqual([(row["name"], row["gross"]) for row in csv_rows(path)], [("anvil", "11.90")])

    def test_the_schema_the_pipeline_names_for_editors_is_there_after_init(self):
        self.run_step("init")
        named = re.search(r"\$schema=(\S+)", self.own.read("items.pipeline.yaml").decode()).group(1)
        self.assertTrue(os.path.isfile(self.own.at(named)), named)


class PageTest(unittest.TestCase):
    def test_every_link_and_every_folder_named_is_there(self):
        with open(README, encoding="utf-8") as file:
            text = file.read()
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            self.assertTrue(os.path.exists(os.path.join(ROOT, target)), f"README links to {target}")
        for folder in re.findall(r"^\| `(\w+/)` \|", text, flags=re.M):
            self.assertTrue(os.path.isdir(os.path.join(ROOT, folder)), folder)

    def test_the_program_is_where_the_path_it_gives_leads(self):
        with open(README, encoding="utf-8") as file:
            folder = re.search(r'^\$ export PATH="\$PWD/([^:"]+):\$PATH"$', file.read(), flags=re.M).group(1)
        with open(os.path.join(ROOT, "tools/dev"), encoding="utf-8") as file:
            self.assertIn(f"{folder}/daybook", file.read())

    def test_the_scripts_it_names_know_what_they_are_asked(self):
        with open(os.path.join(ROOT, "tools/dev"), encoding="utf-8") as file:
            script = file.read()
        with open(README, encoding="utf-8") as file:
            asked = re.findall(r"^\$ tools/dev (\w+)", file.read(), flags=re.M)
        self.assertIn("demo", asked)
        for word in asked:
            self.assertRegex(script, rf"(?m)^  {word}\b", f"tools/dev has no {word}")


if __name__ == "__main__":
    main()
