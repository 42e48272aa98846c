#!/usr/bin/env python3
"""What the book keeps of a person can be made unreadable, with approval, without a proof breaking."""

import json
import os
import re
import shutil
import subprocess

import small
from harness import ROOT, Acceptance, main
from small import FILE

VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(ROOT, "build/release/daybook-verify"))
DAY, OTHER = "2026-01-01", "2026-01-02"
SECRET = "Ana Lopez"


def crash_points():
    with open(os.path.join(ROOT, "runner/connect/crash_point.h"), encoding="utf-8") as file:
        return re.findall(r'^ *"(erase\.[a-z_]+)"', file.read(), re.MULTILINE)


class Erasure(Acceptance):
    def made(self, retention=""):
        """Two days, each with two bad records; Ana is in one of the first day."""
        project = small.make(self.project(), days=[DAY, OTHER])
        small.write_day(project, DAY, ["1,one,1", f"2,{SECRET},5000", "3,Bo Berg,7000", "4,four,4"])
        small.write_day(project, OTHER, ["5,five,5", "6,Cleo,-1", "7,Dan,-2"])
        if retention:
            project.write(FILE, project.read(FILE).decode() + retention)
        project.do("run", FILE)
        project.key = self.enrol(project, "ana")
        return project

    def enrol(self, project, name):
        path = project.at(name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path],
                       check=True, stdin=subprocess.DEVNULL)
        project.do("principals", "add", name, "--key", path + ".pub", "--role", "approver")
        return path

    def propose(self, project, *words, exits=8):
        return project.json("erase", "propose", *words, "--reason", "request 4711", exits=exits)

    def approve(self, project, proposed):
        project.do("approvals", "approve", proposed["approval"], "--key", project.key, "--as", "ana")

    def test_a_batch_has_one_name_wherever_it_is_named(self):
        project = self.made()
        names = {item["partition"]: item["record"].partition(":")[0]
                 for item in project.items("quarantine", "list")}
        self.assertEqual(names, {DAY: "0", OTHER: "1"})
        planned = project.json("erase", "plan", "--run", 0, "--only", "quarantine")
        self.assertEqual({item["partition"]: item["batch"] for item in planned["items"]}, names)
        self.assertIn(f"orders {OTHER}  run 0  batch 1,",
                      project.do("erase", "plan", "--run", 0, "--only", "quarantine").out)
        asked = project.items("sql", "SELECT partition, batch FROM quarantine")
        self.assertEqual({item["partition"]: item["batch"] for item in asked}, names)
        self.assertIn("record 1:1, held", project.do("trace", "orders", "1:1").out)

    def erased(self, project, *words):
        proposed = self.propose(project, *words)
        self.approve(project, proposed)
        return project.json("erase", "start", proposed["erasure"], "--yes")

    def external(self, project):
        """What an auditor elsewhere says of an export of the book."""
        target = project.at("export")
        project.do("ledger", "export", target)
        key = project.do("ledger", "key").out.strip()
        return subprocess.run([VERIFIER, target, "--key", key], stdout=subprocess.PIPE, check=False)

    def keeps(self, project, text):
        """Can it be read out of the book?"""
        listed = project.do("quarantine", "list", "--status", "all", "-o", "json").out
        return text in listed

    def test_one_person_leaves_and_the_records_of_others_stay(self):
        project = self.made()
        self.assertTrue(self.keeps(project, SECRET))
        plan = project.json("erase", "plan", "--subject", f"name={SECRET}")
        self.assertEqual(plan["records"], 1)
        self.assertEqual(sorted(item["kind"] for item in plan["items"]), ["input", "quarantine"])
        self.assertNotIn(SECRET, json.dumps(plan))
        before = project.size()
        receipt = self.erased(project, "--subject", f"name={SECRET}")
        self.assertEqual(receipt["payloads"], 2)

        listed = {item["record"]: item for item in project.items("quarantine", "list", "--status", "all")}
        gone = [item for item in listed.values() if item["status"] == "erased"]
        self.assertEqual(len(gone), 1)
        self.assertIsNone(gone[0]["bytes"])
        self.assertEqual(gone[0]["rules"], ["amount.maximum"])
        self.assertIn("3,Bo Berg,7000", [item.get("bytes") for item in listed.values()])
        self.assertFalse(self.keeps(project, SECRET))
        shown = project.do("quarantine", "show", gone[0]["record"]).out
        self.assertIn(f"erased at entry {receipt['started_at_entry']}", shown)
        for entry in project.entries(since=before):
            self.assertNotIn("Lopez", json.dumps(entry))

        verified = project.json("verify")
        self.assertTrue(verified["good"])
        self.assertEqual(verified["erased"], 2)
        outside = self.external(project)
        self.assertEqual(outside.returncode, 0, outside.stdout.decode())

    def test_what_stays_can_still_be_decided_about(self):
        project = self.made()
        self.erased(project, "--subject", f"name={SECRET}", "--only", "quarantine")
        records = {item["status"]: item["record"]
                   for item in project.items("quarantine", "list", "--partition", DAY, "--status", "all")}
        project.do("quarantine", "release", records["erased"], "--reason", "no", exits=(5, 6))
        project.do("quarantine", "release", records["held"], "--reason", "fine")
        self.assertEqual(small.loaded(project, DAY), ["1,one,1", "3,Bo Berg,7000", "4,four,4"])
        self.assertTrue(project.json("verify")["good"])

    def test_a_backup_without_the_keys_tells_nothing(self):
        project = self.made()
        copy = project.at("backup")
        shutil.copytree(project.book, copy, ignore=shutil.ignore_patterns("keys", "keeper.sock"))
        for folder, _, names in os.walk(copy):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(b"Lopez", file.read(), name)

    def test_a_payload_that_is_gone_without_an_erasure_is_damage(self):
        project = self.made()
        receipt = self.erased(project, "--subject", f"name={SECRET}")
        self.assertGreater(receipt["finished_at_entry"], receipt["started_at_entry"])
        keys = os.path.join(project.book, "keys/payloads")
        entry = project.entries("AttemptStaged")
        other = next(e for e in entry if e["event"]["quarantine"]["digest"]
                     and os.path.exists(os.path.join(keys, e["event"]["quarantine"]["digest"])))
        os.remove(os.path.join(keys, other["event"]["quarantine"]["digest"]))
        report = project.json("verify", exits=9)
        self.assertEqual([finding["rule"] for finding in report["findings"]], ["payload"])
        self.assertIn(other["event"]["quarantine"]["digest"], report["findings"][0]["detail"])

    def test_a_payload_that_came_back_from_a_backup_is_found(self):
        project = self.made()
        kept = project.at("kept")
        shutil.copytree(project.book, kept, ignore=shutil.ignore_patterns("keeper.sock"))
        self.erased(project, "--subject", f"name={SECRET}")
        for folder in ("payloads", "keys/payloads"):
            for name in os.listdir(os.path.join(kept, folder)):
                path = os.path.join(project.book, folder, name)
                if not os.path.exists(path):
                    shutil.copy(os.path.join(kept, folder, name), path)
        report = project.json("verify", exits=9)
        self.assertEqual({finding["rule"] for finding in report["findings"]}, {"erasure"})

    def test_nobody_approves_their_own_and_nothing_goes_without_approval(self):
        project = self.made()
        proposed = self.propose(project, "--subject", f"name={SECRET}")
        project.do("erase", "start", proposed["erasure"], "--yes", exits=8)
        author = project.items("erase", "list")[0]["proposer"]
        key = self.enrol(project, author)
        project.do("approvals", "approve", proposed["approval"], "--key", key, "--as", author, exits=4)
        self.assertTrue(self.keeps(project, SECRET))

    def test_a_legal_hold_refuses_and_the_refusal_is_an_entry(self):
        project = self.made()
        project.do("legal-hold", "add", "--partition", DAY, "--reason", "case 12/2026")
        plan = project.json("erase", "plan", "--subject", f"name={SECRET}", exits=4)
        self.assertEqual(len(plan["held"]), 1)
        refused = project.do("erase", "propose", "--subject", f"name={SECRET}", "--reason", "request",
                             exits=4)
        self.assertIn("legal hold 0", refused.err)
        self.assertIn("case 12/2026", refused.err)
        entry = project.entries("CommandRefused")[-1]["event"]
        self.assertEqual((entry["command"], entry["refusal"]), ("ProposeErasure", "on hold"))
        self.assertTrue(self.keeps(project, SECRET))
        project.do("legal-hold", "release", 0, "--reason", "closed")
        self.assertEqual(project.items("legal-hold", "list"), [])
        self.erased(project, "--subject", f"name={SECRET}")

    def test_a_hold_that_came_after_the_approval_counts(self):
        project = self.made()
        proposed = self.propose(project, "--subject", f"name={SECRET}")
        self.approve(project, proposed)
        project.do("legal-hold", "add", "--reason", "audit")
        project.do("erase", "start", proposed["erasure"], "--yes", exits=4)
        self.assertTrue(self.keeps(project, SECRET))
        project.do("erase", "withdraw", proposed["erasure"], "--reason", "held")
        project.do("erase", "start", proposed["erasure"], "--yes", exits=6)

    def test_what_retention_lets_go_is_proposed(self):
        project = self.made("retention: {quarantine: 1ms, inputs: 1d}\n")
        plan = project.json("erase", "plan", "--expired")
        self.assertEqual({item["kind"] for item in plan["items"]}, {"quarantine"})
        self.assertEqual(plan["records"], 4)
        self.assertEqual(plan["undecided"], 4)
        self.assertIn("quarantine 1ms", plan["policy"])
        self.erased(project, "--expired")
        project.do("erase", "plan", "--expired", exits=5)
        self.assertTrue(project.json("verify")["good"])

    def test_a_run_goes_as_a_whole_and_the_next_one_keeps_its_own_copies(self):
        project = self.made()
        plan = project.json("erase", "plan", "--run", 0)
        self.assertEqual(plan["unreplayable_runs"], [0])
        self.erased(project, "--run", 0)
        listed = project.items("quarantine", "list", "--status", "all")
        self.assertEqual({item["status"] for item in listed}, {"erased"})
        small.write_day(project, OTHER, ["5,five,5", "6,Cleo,-1"])
        project.do("run", FILE)
        self.assertTrue(project.json("verify")["good"])
        self.assertIn("6,Cleo,-1", [item.get("bytes") for item in project.items("quarantine", "list")])

    def test_a_crash_at_any_point_is_finished_by_the_next_start(self):
        points = crash_points()
        self.assertEqual(len(points), 3)
        for point in points + ["erase.key_destroyed:2"]:
            with self.subTest(point=point):
                project = self.made()
                proposed = self.propose(project, "--subject", f"name={SECRET}")
                self.approve(project, proposed)
                killed = project.ask("erase", "start", proposed["erasure"], "--yes",
                                     environment={"DAYBOOK_CRASH_AT": point})
                self.assertEqual(killed.code, -9, killed)
                between = project.json("verify")
                self.assertTrue(between["good"], between)
                self.assertFalse(self.keeps(project, SECRET))
                receipt = project.json("erase", "start", proposed["erasure"], "--yes")
                self.assertIsNotNone(receipt["finished_at_entry"])
                self.assertEqual(len(project.entries("ErasureFinished")), 1)
                left = os.listdir(os.path.join(project.book, "keys/payloads"))
                for item in project.entries("ErasureProposed")[0]["event"]["items"]:
                    self.assertNotIn(item["payload"]["digest"], left)
                self.assertTrue(project.json("verify")["good"])

    def test_bad_words_are_refused_and_change_nothing(self):
        project = self.made()
        before = project.size()
        project.do("erase", "plan", exits=2)
        self.assertNotIn("Lopez", project.do("erase", "plan", "--subject", "Lopez", exits=2).err)
        project.do("erase", "plan", "--subject", "name=nobody", exits=5)
        project.do("erase", "plan", "--record", "9:0", exits=5)
        project.do("erase", "show", 3, exits=5)
        project.do("erase", "start", 3, "--yes", exits=5)
        project.do("legal-hold", "release", 0, "--reason", "x", exits=5)
        self.assertEqual(project.size(), before)


if __name__ == "__main__":
    main()
