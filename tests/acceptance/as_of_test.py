#!/usr/bin/env python3
"""Every reading command answers as it was known at a moment, and says of which moment it is."""

import os
import shutil
import subprocess
import time

import small
from harness import ROOT, Acceptance, Project, files_below, main
from small import DAYS, FILE

VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(ROOT, "build/release/daybook-verify"))
SECRET = "Ana Lopez"

# What each takes besides the moment. NEW is a file or folder that is not there yet; archives are .zip.
COMMANDS = {
    "verify": ["verify"],
    "bisect": ["bisect"],
    "plan": ["plan", FILE],
    "compensate plan": ["compensate", "plan", "--partition", DAYS[1]],
    "erase plan": ["erase", "plan", "--run", 0],
    "evidence": ["evidence", "NEW.zip", "--run", 0],
    "ledger export": ["ledger", "export", "NEW"],
    "ledger prove": ["ledger", "prove", 3, "NEW"],
    "ledger prove-completeness": ["ledger", "prove-completeness", "orders", "NEW"],
    "ledger prove-conservation": ["ledger", "prove-conservation", DAYS[1], "NEW"],
    "ledger key": ["ledger", "key"],
    "prove": ["prove", "orders", "id=1000", "--to", "NEW.zip"],
}
NOTHING_THERE_YET = 5


class AsOf(Acceptance):
    """A book with two runs: the second found the first day changed. Some records are quarantined."""

    @classmethod
    def setUpClass(cls):
        cls.one = small.make(Project())
        small.write_day(cls.one, DAYS[0], ["1,one,1", f"2,{SECRET},5000", "3,Bo Berg,7000"])
        cls.one.do("run", FILE)
        cls.first = cls.one.size()
        cls.checkpoint = cls.one.entries("CheckpointSigned")[-1]["event"]
        small.write_day(cls.one, DAYS[0], ["1,one,1", "2,two,2"])
        cls.one.do("run", FILE)
        cls.size = cls.one.size()
        cls.made = 0

    @classmethod
    def tearDownClass(cls):
        cls.one.close()

    def words(self, command):
        type(self).made += 1
        new = self.one.at(f"made-{self.made}")
        return [str(word).replace("NEW", new) for word in COMMANDS[command]]

    def answer(self, *words):
        """As JSON, also of prove, whose -o names the archive."""
        return self.one.do(*words, "--output", "json").json()

    def test_each_names_the_index_and_the_state_that_the_book_recorded(self):
        size = int(self.checkpoint["size"])
        for command in COMMANDS:
            with self.subTest(command):
                said = self.answer(*self.words(command), "--as-of", size)["asOf"]
                self.assertEqual(said["entries"], size)
                self.assertEqual(said["stateRoot"], self.checkpoint["state_root"])
                self.assertNotIn("asOf", self.answer(*self.words(command)))

    def test_each_takes_a_time(self):
        time = self.one.entries()[self.first - 1]["recorded_at"]
        expected = self.one.json("state", "--as-of", time)["asOf"]
        self.assertEqual(expected["recordedAt"], time)
        for command in COMMANDS:
            with self.subTest(command):
                said = self.answer(*self.words(command), "--as-of", time)["asOf"]
                said.pop("present", None)
                self.assertEqual(said, expected)

    def test_each_tells_people_on_standard_error(self):
        root = self.one.json("state", "--as-of", self.first)["asOf"]["stateRoot"]
        for command in COMMANDS:
            with self.subTest(command):
                done = self.one.do(*self.words(command), "--as-of", self.first)
                self.assertIn(f"as of entry {self.first - 1}, ", done.err)
                self.assertIn(f"state  sha256:{root}", done.err)

    def test_none_answers_of_what_is_not_there_yet(self):
        for command in COMMANDS:
            with self.subTest(command):
                words = self.words(command)
                done = self.one.do(*words, "--as-of", self.size + 1, exits=NOTHING_THERE_YET)
                self.assertIn(f"the book has {self.size} entries; --as-of {self.size + 1} is not there yet",
                              done.err)
                self.assertIn(f"--as-of {self.size} is the newest", done.err)
                self.assertFalse(any(os.path.exists(str(word)) for word in words if "made-" in str(word)))

    def test_none_guesses_what_a_moment_means(self):
        for command in COMMANDS:
            for moment in ("yesterday", "-1", "4.5", "", "2026-13-45", "2026-01-01T10:00:00", "2026-01-01 25:00:00Z"):
                with self.subTest(command, moment=moment):
                    done = self.one.do(*self.words(command), f"--as-of={moment}", exits=2)
                    self.assertIn("moment of the book", done.err)
                    self.assertIn("2026-01-31T09:00:00Z", done.err)

    def test_the_empty_book_is_answered_or_refused(self):
        answered = {"verify": "covers no entry of", "bisect": "every recorded state of the 0 entries"}
        for command in COMMANDS:
            for moment in (0, "2001-01-01"):
                with self.subTest(command, moment=moment):
                    words = self.words(command)
                    exits = 0 if command in answered else NOTHING_THERE_YET
                    done = self.one.do(*words, "--as-of", moment, exits=exits)
                    self.assertIn(answered.get(command, ""), done.out)
                    if exits == 0:
                        self.assertIn("as of the empty book", done.err)
                    self.assertFalse(any(os.path.exists(str(word)) for word in words if "made-" in str(word)))

    # --- what each says of it -----------------------------------------------------------------------

    def test_every_beginning_of_a_good_book_is_good(self):
        for size in range(self.size + 1):
            said = self.one.json("verify", "--as-of", size)
            self.assertTrue(said["good"], said)
            self.assertEqual((said["size"], said["folded"]), (size, size))
            if size > 0:
                self.assertEqual(said["covers"], f"entries 0 to {size - 1} of {self.size}")
        whole = self.one.json("verify")
        for field in ("root", "state_root", "checkpoints", "signatures", "payloads"):
            self.assertEqual(said[field], whole[field])
        then = self.one.json("verify", "--as-of", self.first)
        self.assertLess(then["checkpoints"], whole["checkpoints"])
        self.assertLess(then["payloads"], whole["payloads"])

    def test_plan_judges_the_files_of_now_by_the_book_of_then(self):
        def planned(size):
            answer = self.one.json("plan", FILE, "--as-of", size)
            self.assertEqual(answer["asOf"]["present"], "the pipeline, its contracts and the source files")
            return {item["partition"]: (item["action"], item["reason"]) for item in answer["items"]}
        self.assertEqual({action for action, _ in planned(self.size).values()}, {"skip"})
        then = planned(self.first)
        self.assertEqual(then[DAYS[0]][0], "do")
        self.assertIn("input", then[DAYS[0]][1])
        self.assertEqual(then[DAYS[1]][0], "skip")
        self.assertEqual(set(planned(1).values()), {("do", "new")})
        done = self.one.do("plan", FILE, "--as-of", self.first, "--exit-code", exits=11)
        self.assertIn("as they are now  the pipeline, its contracts and the source files", done.err)

    def test_compensate_plan_is_that_of_then_and_asks_the_sink_of_now(self):
        now = self.one.json("compensate", "plan", "--partition", DAYS[1])
        then = self.one.json("compensate", "plan", "--partition", DAYS[1], "--as-of", self.first)
        self.assertEqual(now["digest"], then["digest"])
        self.assertIn("the sinks", then["asOf"]["present"])
        replaced = self.one.do("compensate", "plan", "--partition", DAYS[0], "--as-of", self.first, exits=6)
        self.assertIn("generation 1", replaced.out)
        self.assertIn("NOT POSSIBLE", replaced.out)

    def test_erase_plan_is_of_what_was_kept_then(self):
        then = self.one.json("erase", "plan", "--subject", f"name={SECRET}", "--as-of", self.first)
        self.assertEqual(then["records"], 1)
        self.one.do("erase", "plan", "--run", 1, exits=(0, 5))
        missing = self.one.do("erase", "plan", "--run", 1, "--as-of", self.first, exits=5)
        self.assertIn("there is no run 1", missing.err)

    def test_erase_plan_counts_the_time_until_then(self):
        project = small.make(self.project())
        project.write(FILE, project.read(FILE).decode() + "retention: {quarantine: 1s}\n")
        small.write_day(project, DAYS[0], ["1,one,1", f"2,{SECRET},5000"])
        project.do("run", FILE)
        size = project.size()
        time.sleep(2)
        self.assertEqual(project.json("erase", "plan", "--expired")["records"], 1)
        then = project.do("erase", "plan", "--expired", "--as-of", size, exits=5)
        self.assertIn("nothing readable of that kind", then.err)

    def test_what_is_not_of_now_can_not_be_proposed(self):
        size = self.one.size()
        for words in (["compensate", "propose", "--run", 0, "--reason", "x"],
                      ["erase", "propose", "--run", 0, "--reason", "x"]):
            for more in ([], ["--dry-run"]):
                done = self.one.do(*words, *more, "--as-of", self.first, exits=2)
                self.assertIn("is about the present: it takes no --as-of", done.err)
        self.assertEqual(self.one.size(), size)

    def verified(self, *words):
        done = subprocess.run([VERIFIER, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_what_leaves_the_book_is_checked_under_the_checkpoint_of_then(self):
        key = self.one.do("ledger", "key", "--as-of", self.first).out.strip()
        covered = int(self.checkpoint["size"])
        evidence = self.words("evidence")
        self.assertEqual(self.one.json(*evidence, "--as-of", self.first)["checkpoint"], covered)
        export = self.words("ledger export")
        self.assertEqual(self.one.json(*export, "--as-of", self.first)["size"], covered)
        proof = self.words("ledger prove")
        self.assertEqual(self.one.json(*proof, "--as-of", self.first)["checkpoint"], covered)
        row = self.words("prove")
        self.answer(*row, "--as-of", self.first)
        for made in (evidence[1], export[2], row[4]):
            self.verified(made, "--key", key)
        complete = self.words("ledger prove-completeness")
        self.assertEqual(self.one.json(*complete, "--as-of", self.first)["ledgerSeq"], covered)
        self.verified("completeness", complete[3], "--key", key)
        conserved = self.words("ledger prove-conservation")
        self.one.json(*conserved, "--as-of", self.first)
        self.verified("conservation", conserved[3], "--key", key)
        # Exported again of now, the same folder grows.
        self.assertEqual(self.one.json(*export)["before"], covered)
        self.verified(export[2], "--key", key)

    def test_what_no_checkpoint_of_then_covers_is_not_proved(self):
        covered = int(self.checkpoint["size"])
        for words in (["ledger", "prove", covered, self.one.at("late")],
                      ["evidence", self.one.at("late"), "--from", covered, "--to", covered]):
            self.one.do(*words, "--as-of", self.first, exits=5)
        self.one.do("ledger", "prove", 0, self.one.at("late"), "--as-of", covered - 1, exits=5)
        self.assertEqual([name for name in files_below(self.one.path) if name.startswith("late")], [])

    def test_the_key_of_then_is_told_after_it_was_replaced(self):
        project = small.make(self.project())
        project.do("run", FILE)
        size, old = project.size(), project.do("ledger", "key").out
        project.do("ledger", "key", "rotate", "--reason", "every January", "--yes")
        self.assertNotEqual(project.do("ledger", "key").out, old)
        self.assertEqual(project.do("ledger", "key", "--as-of", size).out, old)
        self.assertTrue(project.json("verify", "--as-of", size)["good"])
        refused = project.do("evidence", project.at("old.zip"), "--run", 0, "--as-of", size, exits=3)
        self.assertIn("ledger key -o json says when it was replaced", refused.err)
        project.do("ledger", "export", project.at("old"), "--as-of", size)
        self.verified(project.at("old"), "--key", old.strip())

    def test_copies_that_part_later_are_the_same_before(self):
        project = small.make(self.project())
        project.do("run", FILE)
        size = project.size()
        shutil.copytree(project.path, project.home + "/copy", symlinks=True)
        project.do("pause", "--reason", "here")
        project.do("pause", "--reason", "there", "--book", project.home + "/copy")
        self.assertEqual(project.json("bisect", ".", project.home + "/copy", exits=9)["common"], size)
        then = project.json("bisect", ".", project.home + "/copy", "--as-of", size)
        self.assertTrue(then["identical"], then)
        self.assertEqual((then["sizeA"], then["sizeB"]), (size, size))
        # A moment of the first of them, also where the other is shorter.
        small.write_day(project, DAYS[0], ["9,nine,9"])
        project.do("resume")
        project.do("run", FILE)
        shutil.rmtree(project.home + "/copy")
        longer = project.size()
        export = project.home + "/export"
        project.do("ledger", "export", export, "--as-of", size)
        short = project.json("bisect", ".", export, "--as-of", longer)
        self.assertTrue(short["prefix"], short)
        self.assertEqual(short["sizeA"], longer)

    def test_payloads_that_were_erased_since_are_counted_as_erased(self):
        project = small.make(self.project())
        small.write_day(project, DAYS[0], ["1,one,1", f"2,{SECRET},5000", "3,Bo Berg,7000"])
        project.do("run", FILE)
        size = project.size()
        key = project.at("ana")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ana", "-f", key], check=True,
                       stdin=subprocess.DEVNULL)
        project.do("principals", "add", "ana", "--key", key + ".pub", "--role", "approver")
        before = project.json("verify", "--as-of", size)
        self.assertEqual(before["erased"], 0)
        proposed = project.json("erase", "propose", "--subject", f"name={SECRET}", "--reason", "request",
                                exits=8)
        project.do("approvals", "approve", proposed["approval"], "--key", key, "--as", "ana")
        project.do("erase", "start", proposed["erasure"], "--yes")
        after = project.json("verify", "--as-of", size)
        self.assertTrue(after["good"], after)
        self.assertEqual(after["erased"] + after["payloads"], before["payloads"])
        self.assertGreater(after["erased"], 0)
        archive = project.at("then.zip")
        project.do("evidence", archive, "--run", 0, "--as-of", size)
        self.verified(archive, "--key", project.do("ledger", "key").out.strip())
        gone = project.do("erase", "plan", "--subject", f"name={SECRET}", "--as-of", size, exits=5)
        self.assertIn("erased", gone.err)


if __name__ == "__main__":
    main()
