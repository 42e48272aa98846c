#!/usr/bin/env python3
"""After an incident: the book as it was, what two runs did differently, where two copies part, and what
a column, a file or a run reaches."""

import os
import shutil

import small
from harness import Acceptance, files_below, main
from small import DAYS, FILE

STEPS = """steps:
  - derive: {double: "amount * 2"}
  - filter: "amount >= 0"
"""


def with_steps(project, steps, version=1):
    """The pipeline of `small`, with these steps."""
    text = small.PIPELINE.format(sink=small.LAKE, mode="replace", concurrency=1, load=0, compensate=0)
    text = text.replace("version: 1", f"version: {version}").replace("sink:\n", steps + "sink:\n")
    project.write(FILE, text)


class AsOfTest(Acceptance):
    def setUp(self):
        self.book = small.make(self.project())
        self.book.do("run", FILE)

    def test_every_reading_answer_names_the_index_and_the_state(self):
        checkpoint = self.book.entries("CheckpointSigned")[-1]["event"]
        size, root = int(checkpoint["size"]), checkpoint["state_root"]
        reading = [["state"], ["state", "--summary"], ["log"], ["runs", "list"], ["runs", "show", "last"],
                   ["explain", DAYS[0]], ["quarantine", "list"], ["quarantine", "groups"], ["hold", "list"],
                   ["approvals", "list"], ["compensate", "list"], ["principals", "list"],
                   ["lineage", "orders.id"], ["impact", "last"], ["diff", "0", "0"]]
        for words in reading:
            answer = self.book.json(*words, "--as-of", size)
            self.assertEqual(answer["asOf"]["entries"], size, words)
            self.assertEqual(answer["asOf"]["stateRoot"], root, f"{words}: the book recorded another")
            self.assertNotIn("asOf", self.book.json(*words), words)

    def test_a_time_and_an_index_are_the_same_moment(self):
        entries = self.book.entries()
        for entry in entries[:: max(1, len(entries) // 7)]:
            at_time = self.book.json("state", "--as-of", entry["recorded_at"])["asOf"]
            at_index = self.book.json("state", "--as-of", at_time["entries"])["asOf"]
            self.assertEqual(at_time, at_index)
            self.assertGreater(at_time["entries"], entry["index"])
            self.assertEqual(at_time["recordedAt"], entry["recorded_at"])

    def test_people_are_told_on_standard_error(self):
        done = self.book.do("state", "--as-of", 5)
        self.assertIn("as of entry 4, ", done.err)
        self.assertIn("state  sha256:", done.err)
        self.assertNotIn("sha256", done.out)


class DiffTest(Acceptance):
    def setUp(self):
        self.book = small.make(self.project())
        with_steps(self.book, STEPS)
        self.book.do("run", FILE)

    def one(self, answer, partition):
        return next(p for p in answer["partitions"] if p["partition"] == partition)

    def test_a_run_does_not_differ_from_itself(self):
        answer = self.book.json("diff", "0", "0", "--exit-code")
        self.assertFalse(answer["differs"])
        self.assertEqual(answer["verdict"], "no difference")
        self.assertTrue(all(p["same"] for p in answer["partitions"]))

    def test_a_changed_source_shows_in_inputs_counts_and_rows(self):
        small.write_day(self.book, DAYS[1], ["1000,name 0,0", "1001,other,1", "1002,name 2,2", "1003,name 3,3",
                                             "1009,new,9"])
        self.book.do("run", FILE)
        answer = self.book.json("diff", "0", "1", exits=0)
        self.assertTrue(answer["differs"])
        changed = self.one(answer, DAYS[1])
        self.assertIn(f"input feed/{DAYS[1]}/orders.csv", [d["what"] for d in changed["differences"]])
        self.assertEqual(changed["firstDivergence"]["a"]["sentence"].split()[0],
                         changed["firstDivergence"]["b"]["sentence"].split()[0])
        rows = next(r for r in answer["rows"] if r["partition"] == DAYS[1])
        self.assertEqual((rows["removed"], rows["added"]), (2, 2))  # whole rows: nothing is a key here
        keyed = self.book.json("diff", "0", "1", "--key", "id")["rows"][0]
        self.assertEqual((keyed["removed"], keyed["added"], keyed["changed"]), (1, 1, 1))
        self.assertEqual(keyed["changedColumns"], {"name": 1})
        change = next(r for r in keyed["sample"] if r["kind"] == "changed")
        self.assertEqual(change["key"], {"id": "1001"})
        self.assertEqual(change["changes"], [{"column": "name", "a": "name 1", "b": "other"}])
        self.book.do("diff", "0", "1", "--exit-code", exits=11)

    def test_the_rows_shown_are_bounded_and_the_counts_are_not(self):
        small.write_day(self.book, DAYS[0], [f"{row},name {row},7" for row in range(500)])
        self.book.do("run", FILE)
        rows = self.book.json("diff", "0", "1", "--key", "id", "--limit", 3)["rows"][0]
        self.assertEqual(rows["added"], 495)
        self.assertEqual(sum(r["kind"] == "added" for r in rows["sample"]), 3)
        self.assertEqual([r["row"]["id"] for r in rows["sample"] if r["kind"] == "added"], ["5", "6", "7"])

    def test_a_key_that_is_not_one_is_not_used(self):
        small.write_day(self.book, DAYS[0], ["1,a,1", "1,b,2"])
        self.book.do("run", FILE)
        rows = self.book.json("diff", "0", "1", "--key", "id")["rows"][0]
        self.assertEqual(rows["key"], [])
        self.assertIn("more than once", rows["noKey"])

    def test_a_changed_definition_is_told_field_by_field(self):
        with_steps(self.book, STEPS.replace("amount >= 0", "amount > 2").replace("* 2", "* 3"), version=2)
        self.book.do("run", FILE)
        answer = self.book.json("diff", "0", "1", "--key", "id")
        fields = {f["path"]: (f["a"], f["b"]) for f in answer["definition"][0]["fields"]}
        self.assertEqual(fields["steps[2].filter"], ("amount >= 0", "amount > 2"))
        self.assertEqual(fields["steps[1].derive.double"], ("amount * 2", "amount * 3"))
        self.assertEqual(fields["version"], ("1", "2"))
        first = self.one(answer, DAYS[0])
        told = {d["what"]: (d["a"], d["b"]) for d in first["differences"]}
        self.assertEqual(told["rows filtered"], ("0", "3"))
        self.assertEqual(told["rule step 2 filter"], ("0", "3"))
        rows = next(r for r in answer["rows"] if r["partition"] == DAYS[0])
        self.assertEqual((rows["removed"], rows["added"], rows["changed"]), (3, 0, 2))
        self.assertEqual(rows["changedColumns"], {"double": 2})

    def test_comments_and_order_do_not_change_what_a_definition_says(self):
        text = self.book.read(FILE).decode()
        self.book.write(FILE, "# a comment\n" + text.replace("version: 1\nowner: tests", "owner: tests\nversion: 1"))
        self.book.do("run", FILE)
        answer = self.book.json("diff", "0", "1")
        self.assertEqual(answer["definition"], [{"file": "pipeline", "sameMeaning": True, "fields": []}])

    def test_a_failed_attempt_is_the_first_divergence(self):
        small.write_day(self.book, DAYS[2], ["x"])  # one field where three belong
        os.remove(self.book.at("contracts/orders.odcs.yaml"))
        self.book.write("contracts/orders.odcs.yaml",
                        small.CONTRACT.replace("required: true}\n      - {name: amount",
                                               "required: true}\n      - {name: amount"))
        done = self.book.ask("run", FILE)
        self.assertIn(done.code, (0, 1, 7))
        answer = self.book.json("diff", "0", "1")
        self.assertFalse(self.one(answer, DAYS[2])["same"])

    def test_rows_that_are_gone_are_not_guessed(self):
        small.write_day(self.book, DAYS[0], ["1,a,1"])
        self.book.do("run", FILE)
        kept = self.book.at("lake/orders/.daybook")
        for folder, _, names in os.walk(kept):
            for name in names:
                if name.startswith("part-") and "/1-" in folder:
                    os.remove(os.path.join(folder, name))
        answer = self.book.json("diff", "0", "1")
        self.assertIn("not kept any more", answer["rows"][0]["notCompared"])

    def test_a_changed_stored_file_is_refused(self):
        small.write_day(self.book, DAYS[0], ["1,a,1"])
        self.book.do("run", FILE)
        path = next(p for p in sorted(files_below(self.book.at("lake/orders/.daybook")))
                    if "/1-" in p and os.path.basename(p) == "part-0" and self.is_of(p, DAYS[0]))
        path = self.book.at("lake/orders/.daybook", path)
        os.chmod(path, 0o644)
        with open(path, "ab") as file:
            file.write(b"9,forged,9,18\n")
        done = self.book.do("diff", "0", "1", exits=9)
        self.assertIn("is not the file that entry", done.err)

    @staticmethod
    def is_of(path, day):
        import hashlib
        return path.split("/")[0] == hashlib.sha256(day.encode()).hexdigest()[:16]

    def test_nothing_is_written(self):
        before = files_below(self.book.path)
        self.book.do("diff", "0", "0")
        self.assertEqual(files_below(self.book.path), before)

    def test_what_is_not_there_is_said(self):
        self.book.do("diff", "0", "9", exits=5)
        self.book.do("diff", "0", "0", "--partition", "1999-01-01", exits=5)
        self.book.do("diff", "0", exits=2)


class BisectTest(Acceptance):
    def setUp(self):
        self.book = small.make(self.project())
        self.book.do("run", FILE)
        self.copy = os.path.join(self.book.home, "copy")
        shutil.copytree(self.book.path, self.copy, symlinks=True)

    def entry(self, index):
        return next(e for e in self.book.entries(since=index) if e["index"] == index)

    def test_a_copy_is_the_same(self):
        answer = self.book.json("bisect", ".", self.copy)
        self.assertTrue(answer["identical"])
        self.assertEqual(answer["common"], self.book.size())

    def test_an_older_copy_is_the_beginning(self):
        size = self.book.size()
        self.book.do("pause", "--reason", "later")
        answer = self.book.json("bisect", ".", self.copy)
        self.assertTrue(answer["prefix"])
        self.assertEqual(answer["common"], size)
        self.assertIsNone(answer["entryB"])
        self.assertEqual(answer["entryA"]["kind"], "Booted")

    def test_two_histories_of_one_book_part_at_an_entry_that_is_named(self):
        size = self.book.size()
        self.book.do("pause", "--reason", "one way")
        self.book.do("pause", "--reason", "another way", cwd=self.copy)
        answer = self.book.json("bisect", ".", self.copy, exits=9)
        own = self.book.entries()
        other = [line for line in self.book.do("log", "--limit", 0, "-o", "jsonl", cwd=self.copy).lines()
                 if line.get("type") == "row"]
        first = next(i for i, (a, b) in enumerate(zip(own, other)) if a != b)
        self.assertEqual(answer["common"], first)
        self.assertGreaterEqual(first, size)
        self.assertEqual(answer["entryA"]["index"], first)
        self.assertLessEqual(answer["rootsCompared"], 2 + max(len(own), len(other)).bit_length())

    def test_an_export_is_compared_as_a_book_is(self):
        self.book.do("ledger", "export", "audit")
        answer = self.book.json("bisect", ".", "audit")
        self.assertTrue(answer["prefix"])
        self.assertGreater(answer["common"], 0)

    def test_other_books_have_nothing_in_common(self):
        other = small.make(self.project("other"))
        self.book.json("bisect", ".", other.path, exits=11)

    def test_a_good_book_departs_from_nothing(self):
        self.assertFalse(self.book.json("bisect")["departs"])

    def test_what_is_no_book_is_said(self):
        self.book.do("bisect", ".", "feed", exits=5)


class LineageTest(Acceptance):
    SECOND = """pipeline: totals
version: 1
owner: tests
source:
  csv: {path: "lake/orders/{day}/*.csv"}
contract: contracts/loaded.odcs.yaml
partition: {by: day, type: date}
steps:
  - rename: {double: twice}
  - aggregate: {by: [name], columns: {total: "sum(twice)"}}
sink:
  csv: {path: "lake/totals"}
  mode: replace
  compensate: restore_previous
"""
    LOADED = small.CONTRACT.replace("orders", "loaded").replace(
        "      - {name: amount", "      - {name: double, logicalType: integer}\n      - {name: amount")

    def setUp(self):
        self.book = small.make(self.project())
        with_steps(self.book, STEPS)
        self.book.do("run", FILE)
        self.book.write("contracts/loaded.odcs.yaml", self.LOADED)
        self.book.write("totals.pipeline.yaml", self.SECOND)
        self.book.do("run", "totals.pipeline.yaml")

    def test_a_column_is_followed_through_two_pipelines(self):
        answer = self.book.json("lineage", "totals.total")
        edges = {(e["from"]["dataset"], e["from"]["column"], e["via"]) for e in answer["edges"]}
        self.assertIn(("csv:lake/orders/{day}/*.csv", "double", "value"), edges)
        self.assertIn(("csv:lake/orders", "double", "feed"), edges)
        self.assertIn(("csv:feed/{day}/orders.csv", "amount", "value"), edges)
        self.assertIn(("csv:feed/{day}/orders.csv", "amount", "rows"), edges)  # the filter
        self.assertIn(("csv:lake/orders/{day}/*.csv", "name", "rows"), edges)  # the group
        how = [how for e in answer["edges"] for how in e["how"]]
        self.assertIn('step 1 derive: ("amount" * 2)', how)

    def test_impact_of_a_column_goes_the_other_way(self):
        answer = self.book.json("impact", "csv:feed/{day}/orders.csv.amount")
        reached = {(e["to"]["dataset"], e["to"]["column"]) for e in answer["declared"]}
        self.assertIn(("csv:lake/totals", "total"), reached)
        self.assertIn(("csv:lake/orders", "amount"), reached)
        self.assertEqual({p["pipeline"]: p["partitions"] for p in answer["pipelines"]},
                         {"orders": 3, "totals": 3})

    def test_impact_of_a_file_is_what_was_observed(self):
        answer = self.book.json("impact", f"feed/{DAYS[0]}/orders.csv")
        seen = [(o["pipeline"], o["partition"], o["depth"], o["stands"]) for o in answer["observed"]]
        self.assertEqual(seen, [("orders", DAYS[0], 0, True), ("totals", DAYS[0], 1, True)])
        digest = answer["versions"][0]["digest"]
        again = self.book.json("impact", f"sha256:{digest}")
        self.assertEqual([o["entry"] for o in again["observed"]], [o["entry"] for o in answer["observed"]])

    def test_impact_of_a_run_is_what_came_of_it(self):
        answer = self.book.json("impact", "0")
        seen = {(o["pipeline"], o["partition"]): o["depth"] for o in answer["observed"]}
        self.assertEqual(seen, {("orders", day): 0 for day in DAYS} | {("totals", day): 1 for day in DAYS})
        self.assertEqual(answer["standing"], 6)

    def test_a_proposed_definition_is_looked_at_before_it_runs(self):
        self.book.write("proposed.pipeline.yaml", self.SECOND.replace("sum(twice)", "max(twice)"))
        answer = self.book.json("lineage", "totals.total", "--definition", "proposed.pipeline.yaml")
        how = [how for e in answer["edges"] for how in e["how"]]
        self.assertTrue(any("max(" in h for h in how))
        self.assertFalse(any("sum(" in h for h in how))

    def test_a_sql_step_is_opaque_and_says_so(self):
        text = self.book.read("totals.pipeline.yaml").decode()
        text = text.replace('  - aggregate: {by: [name], columns: {total: "sum(twice)"}}',
                            '  - sql: "SELECT name, sum(twice) AS total FROM input GROUP BY name ORDER BY name"')
        self.book.write("opaque.pipeline.yaml", text)
        answer = self.book.json("lineage", "totals.total", "--definition", "opaque.pipeline.yaml")
        direct = {(e["from"]["column"], e["via"]) for e in answer["edges"]
                  if e["to"] == {"dataset": "csv:lake/totals", "column": "total"}}
        self.assertEqual(direct, {("name", "opaque"), ("double", "opaque")})

    def test_unknown_columns_are_refused_with_the_nearest(self):
        done = self.book.do("lineage", "totals.totl", exits=5)
        self.assertIn("totals.total", done.err)
        self.book.do("impact", "nothing/there.csv", exits=5)
        self.book.do("lineage", "name", exits=2)  # outputs of both pipelines have one


if __name__ == "__main__":
    main()
