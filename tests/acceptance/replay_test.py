#!/usr/bin/env python3
"""A run done again in a sandbox: identical, or named where it parts; and what another definition would have
decided."""

import os
import re
import shutil

import harness
import small
from harness import Acceptance, files_below, main
from small import DAYS, FILE

STEPS = """steps:
  - derive: {double: "amount * 2"}
  - filter: "amount >= 2"
"""


def pipeline(project, steps=STEPS, version=1, retain="copy", name=FILE):
    text = small.PIPELINE.format(sink=small.LAKE, mode="replace", concurrency=1, load=0, compensate=0)
    text = text.replace("version: 1", f"version: {version}").replace("sink:\n", steps + "sink:\n")
    project.write(name, text + f"retain: {retain}\n")


class ReplayTest(Acceptance):
    def setUp(self):
        self.book = small.make(self.project())
        small.write_day(self.book, DAYS[1], ["1,a,5", "2,b,900", "3,c,5000", "x,d,1", "4,e,1"])

    def run_it(self, **options):
        pipeline(self.book, **options)
        self.book.do("run", FILE)

    def partition(self, answer, day):
        return next(p for p in answer["partitions"] if p["partition"] == day)

    # --- as it was recorded -------------------------------------------------------------------------

    def test_a_run_is_reproduced_and_nothing_is_touched(self):
        self.run_it()
        before = files_below(self.book.path)
        answer = self.book.json("replay", "last")
        self.assertTrue(answer["identical"])
        self.assertEqual([p["result"] for p in answer["partitions"]], ["identical"] * 3)
        self.assertEqual(files_below(self.book.path), before)

    def test_a_copy_that_was_kept_outlives_its_source(self):
        self.run_it()
        shutil.rmtree(self.book.at("feed"))
        shutil.rmtree(self.book.at("lake"))
        self.assertTrue(self.book.json("replay", "last")["identical"])

    def test_an_earlier_run_is_replayed_as_it_was(self):
        self.run_it()
        self.run_it(steps=STEPS.replace("* 2", "* 7"), version=2)
        for run in (0, 1):
            self.assertTrue(self.book.json("replay", run)["identical"], run)

    def test_one_changed_byte_of_a_source_is_named(self):
        self.run_it(retain="reference")
        self.assertTrue(self.book.json("replay", "last")["identical"])
        path = self.book.at("feed", DAYS[0], "orders.csv")
        with open(path, "r+b") as file:
            file.seek(20)
            byte = file.read(1)[0]
            file.seek(20)
            file.write(bytes([byte ^ 1]))
        answer = self.book.json("replay", "last", exits=9)
        self.assertEqual(self.partition(answer, DAYS[0])["result"], "input changed")
        self.assertEqual(self.partition(answer, DAYS[0])["what"], f"feed/{DAYS[0]}/orders.csv")
        self.assertEqual(self.partition(answer, DAYS[2])["result"], "identical")
        os.remove(path)
        answer = self.book.json("replay", "last", "--partition", DAYS[0], exits=6)
        self.assertEqual(self.partition(answer, DAYS[0])["what"], f"feed/{DAYS[0]}/orders.csv")

    def change_payload(self, wanted):
        """Flips one byte of the payload an entry refers to."""
        name = wanted["digest"]
        path = self.book.at(".daybook/payloads", name)
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            byte = file.read(1)[0]
            file.seek(0)
            file.write(bytes([byte ^ 1]))

    def test_one_changed_byte_of_a_kept_copy_is_named(self):
        self.run_it()
        staged = self.book.entries("AttemptStaged")[0]["event"]
        self.change_payload(staged["files"][0]["copy"])
        answer = self.book.json("replay", "last", exits=9)
        wrong = [p for p in answer["partitions"] if p["result"] != "identical"]
        self.assertEqual(len(wrong), 1)
        self.assertIn(staged["files"][0]["name"], wrong[0]["what"])

    def test_one_changed_byte_of_the_definition_is_named(self):
        self.run_it()
        self.change_payload(self.book.entries("DefinitionRegistered")[0]["event"]["files"])
        done = self.book.do("replay", "last", exits=9)
        self.assertIn("definition", done.out + done.err)

    def test_another_engine_is_named(self):
        self.run_it()
        with open(harness.BINARY, "rb") as file:
            program = file.read()
        engine = set(re.findall(rb"components \d, rows", program))
        self.assertEqual(len(engine), 1, engine)
        named = engine.pop()
        other = os.path.join(self.book.home, "daybook")
        with open(other, "wb") as file:
            file.write(program.replace(named, re.sub(rb"\d", b"9", named, count=1)))
        os.chmod(other, 0o755)
        own, harness.BINARY = harness.BINARY, other
        try:
            answer = self.book.json("replay", "last", exits=9)
        finally:
            harness.BINARY = own
        for partition in answer["partitions"]:
            self.assertEqual(partition["first"]["what"], "engine")
            self.assertEqual(len(partition["differences"]), 1, "the rows are the same")

    def test_what_can_not_be_replayed_is_said(self):
        self.run_it()
        self.book.do("run", FILE)  # everything is skipped
        answer = self.book.json("replay", "last")
        self.assertFalse(answer["identical"])
        self.assertEqual({p["result"] for p in answer["partitions"]}, {"nothing was staged"})
        self.book.do("replay", 7, exits=5)
        self.book.do("replay", 0, "--partition", "1999-01-01", exits=5)

    # --- as it would have been ----------------------------------------------------------------------

    def test_another_filter_would_have_let_other_rows_through(self):
        self.run_it()
        pipeline(self.book, steps=STEPS.replace(">= 2", ">= 4"), name="proposed.pipeline.yaml")
        answer = self.book.json("replay", "last", "--with", "proposed.pipeline.yaml", "--key", "id")
        self.assertEqual(self.partition(answer, DAYS[0])["before"]["accepted"], 3)
        self.assertEqual(self.partition(answer, DAYS[0])["after"]["accepted"], 1)
        self.assertEqual([(r["rule"], r["before"], r["after"]) for r in self.partition(answer, DAYS[0])["rules"]],
                         [("step 2 filter", 2, 4)])
        rows = self.partition(answer, DAYS[0])["rows"]
        self.assertEqual((rows["removed"], rows["added"], rows["changed"]), (2, 0, 0))
        self.assertEqual([r["row"]["id"] for r in rows["sample"]], ["2", "3"])
        self.book.do("replay", "last", "--with", "proposed.pipeline.yaml", "--exit-code", exits=11)
        self.assertEqual(len(self.book.entries("RunStarted")), 1, "nothing of it is in the book")

    def test_another_contract_would_have_set_other_records_aside(self):
        self.run_it()
        strict = small.CONTRACT.replace("maximum: 1000", "maximum: 800")
        self.book.write("strict.odcs.yaml", strict)
        answer = self.book.json("replay", "last", "--partition", DAYS[1], "--with-contract", "strict.odcs.yaml")
        told = self.partition(answer, DAYS[1])
        self.assertEqual((told["newlyQuarantined"], told["noLongerQuarantined"]), (1, 0))
        self.assertEqual(told["records"], [{"source": f"feed/{DAYS[1]}/orders.csv", "row": 2, "bytes": "2,b,900",
                                            "before": [], "after": ["amount.maximum"]}])
        self.book.write("loose.odcs.yaml", small.CONTRACT.replace("maximum: 1000", "maximum: 9000"))
        answer = self.book.json("replay", "last", "--partition", DAYS[1], "--with-contract", "loose.odcs.yaml")
        told = self.partition(answer, DAYS[1])
        self.assertEqual((told["newlyQuarantined"], told["noLongerQuarantined"]), (0, 1))
        self.assertEqual(told["records"][0]["before"], ["amount.maximum"])
        self.assertEqual(told["after"]["accepted"], told["before"]["accepted"] + 1)

    def test_the_same_definition_decides_the_same(self):
        self.run_it()
        answer = self.book.json("replay", "last", "--with", FILE, "--exit-code")
        self.assertEqual({p["result"] for p in answer["partitions"]}, {"the same"})

    def test_a_proposal_that_does_not_pass_its_check_is_refused(self):
        self.run_it()
        pipeline(self.book, steps=STEPS.replace("amount >=", "amuont >="), name="wrong.pipeline.yaml")
        done = self.book.do("replay", "last", "--with", "wrong.pipeline.yaml", exits=3)
        self.assertIn("amuont", done.err)
        self.book.write("other.odcs.yaml", small.CONTRACT.replace("urn:contract:tests:orders", "urn:x")
                        .replace("name: orders", "name: others"))
        self.book.do("replay", "last", "--with-contract", "nowhere.odcs.yaml", exits=(1, 5))


if __name__ == "__main__":
    main()
