#!/usr/bin/env python3
"""Records that were set aside: shown with their own bytes, amended, released and loaded exactly once."""

import base64
import json
import os

import small
from harness import Acceptance, main
from small import FILE, LAKE, loaded

DAY = "2026-01-02"
GOOD = [f"{number},name {number},{number}" for number in range(20)]
# Each stands at its place in the file; the name is what a steward would call it.
BAD = {
    "text for a number": (3, b"103,three,a lot"),
    "below the minimum": (7, b"107,seven,-7"),
    "above the maximum": (11, b"111,eleven,4711"),
    "a field too few": (12, b"112,twelve"),
    "a break in quotes": (15, b'115,"fif\nteen",-15'),
    "not UTF-8": (18, b"118,acht\xe4zehn,18"),
}
AMENDED = {"text for a number": "103,three,300", "below the minimum": "107,seven,7"}


def bytes_of(item):
    """The record's own bytes, from what is printed for programs."""
    if "bytes" in item:
        return item["bytes"].encode()
    return base64.b64decode(item["bytes_base64"])


class QuarantineTest(Acceptance):
    def setUp(self):
        self.book = self.made()

    def made(self, **options):
        project = small.make(self.project(), **options)
        lines = [line.encode() for line in GOOD]
        for at, line in sorted(BAD.values()):
            lines.insert(at, line)
        small.write_day(project, DAY, lines)
        project.do("run", FILE)
        return project

    def records(self, project=None, *words):
        """Name of the record -> its line in the list."""
        found = {}
        for item in (project or self.book).items("quarantine", "list", *words):
            shown = (project or self.book).json("quarantine", "show", item["record"])
            names = [name for name, (_, line) in BAD.items() if line == bytes_of(shown)]
            self.assertEqual(len(names), 1, shown)
            found[names[0]] = item
        return found

    def id_of(self, name):
        return self.records(None, "--status", "all")[name]["record"]

    def test_the_list_names_every_record_that_broke_a_rule_and_no_other(self):
        records = self.records()
        self.assertEqual(sorted(records), sorted(BAD))
        self.assertEqual({item["partition"] for item in records.values()}, {DAY})
        self.assertEqual({item["status"] for item in records.values()}, {"held"})
        self.assertEqual(records["below the minimum"]["rules"], ["amount.minimum"])
        self.assertEqual(records["above the maximum"]["rules"], ["amount.maximum"])
        counts = self.book.state()[DAY]["counts"]
        self.assertEqual((counts["read"], counts["accepted"], counts["quarantined"]), (26, 20, 6))
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD))

    def test_groups_add_up_to_the_list(self):
        groups = {item["rule"]: item["records"] for item in self.book.items("quarantine", "groups")}
        self.assertEqual(groups["amount.minimum"], 2)
        self.assertEqual(groups["amount.maximum"], 1)
        self.assertGreaterEqual(sum(groups.values()), len(BAD))

    def test_a_record_is_shown_with_the_bytes_row_and_offset_it_has_in_its_file(self):
        for name, item in self.records().items():
            with self.subTest(name):
                shown = self.book.json("quarantine", "show", item["record"])
                at, line = BAD[name]
                whole = self.book.read(shown["source"])
                self.assertEqual(shown["source"], f"feed/{DAY}/orders.csv")
                self.assertEqual(shown["row"], at + 1)
                self.assertEqual(whole[shown["byte_offset"]:shown["byte_offset"] + len(line)], line)
                self.assertEqual(bytes_of(shown), line)

    def test_an_amendment_that_still_breaks_a_rule_is_refused(self):
        record, size = self.id_of("below the minimum"), self.book.size()
        self.book.do("quarantine", "amend", record, "--text", "107,seven,-8", "--reason", "x", exits=3)
        self.assertEqual([e for e in self.book.entries(since=size) if e["kind"] == "RecordAmended"], [])

    def test_an_amended_record_that_is_released_reaches_the_target_once_by_a_run_of_its_own(self):
        for name, text in AMENDED.items():
            self.book.do("quarantine", "amend", self.id_of(name), "--text", text, "--reason", "asked")
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD))
        runs = len(self.book.items("runs", "list"))
        self.book.do("quarantine", "release", "--all-amended", "--reason", "reviewed")
        newest = self.book.items("runs", "list")
        self.assertEqual(len(newest), runs + 1)
        self.assertEqual(newest[0]["run_kind"], "release")
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD + list(AMENDED.values())))
        self.assertEqual(self.book.state()[DAY]["generation"], 2)
        delivered = self.book.items("quarantine", "list", "1", "--status", "delivered")
        self.assertEqual(len(delivered), len(AMENDED))

        # Twice released is refused, and nothing comes twice.
        self.book.do("quarantine", "release", delivered[0]["record"], "--reason", "again", exits=(5, 6))
        self.book.do("run", FILE)
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD + list(AMENDED.values())))
        self.book.do("verify")

    def test_a_record_released_as_it_is_passes_with_its_rule_waived(self):
        self.book.do("quarantine", "release", self.id_of("above the maximum"), "--reason", "a big order")
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD + ["111,eleven,4711"]))

    def test_a_rerun_after_a_release_keeps_the_amended_rows(self):
        self.book.do("quarantine", "amend", self.id_of("text for a number"), "--text",
                     AMENDED["text for a number"], "--reason", "asked")
        self.book.do("quarantine", "release", "--all-amended", "--reason", "reviewed")
        wanted = sorted(GOOD + [AMENDED["text for a number"]])
        self.book.do("run", FILE, "--partition", DAY, "--force")
        self.assertEqual(loaded(self.book, DAY), wanted)
        # A change of the definition reads the source again: the amendment stays with its record.
        small.write_pipeline(self.book, LAKE, concurrency=1)
        self.book.do("run", FILE)
        self.assertEqual(loaded(self.book, DAY), wanted)
        self.assertEqual(self.book.state()[DAY]["counts"]["quarantined"], len(BAD) - 1)
        self.book.do("verify")

    def test_a_discarded_record_is_never_loaded_and_never_asked_about_again(self):
        record = self.id_of("not UTF-8")
        self.book.do("quarantine", "discard", record, "--reason", "test order", "--yes")
        self.assertNotIn("not UTF-8", self.records())
        entry = self.book.entries("RecordsDiscarded")[-1]
        self.assertEqual(entry["event"]["reason"], "test order")
        self.book.do("quarantine", "release", record, "--reason", "after all", exits=(5, 6))
        self.book.do("quarantine", "amend", record, "--text", "118,achtzehn,18", "--reason", "no", exits=6)
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD))

    def test_a_record_that_can_not_be_read_is_not_released_as_it_is(self):
        unreadable, fine = self.id_of("text for a number"), self.id_of("below the minimum")
        size = self.book.size()
        for words in ([unreadable], [unreadable, fine], ["--rule", "structure"], [unreadable, "--dry-run"]):
            done = self.book.do("quarantine", "release", *words, "--reason", "as it is", exits=3)
            self.assertIn("nothing was released", done.err)
        self.assertIn("is not a", self.book.ask("quarantine", "release", unreadable, "--reason", "x").err)
        self.assertEqual(self.book.size(), size)
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD))
        self.assertEqual(self.records()["text for a number"]["status"], "held")
        self.book.do("quarantine", "release", fine, "--reason", "the shop owes us")
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD + [BAD["below the minimum"][1].decode()]))

    def test_what_a_step_sets_aside_again_is_not_said_to_be_released(self):
        text = self.book.read(FILE).decode()
        self.book.write(FILE, text.replace("sink:", "steps:\n  - assert: {name: not_three, that: \"name <> 'three'\"}\nsink:"))
        self.book.do("run", FILE)
        three, seven = self.id_of("text for a number"), self.id_of("below the minimum")
        for record, line in ((three, AMENDED["text for a number"]), (seven, AMENDED["below the minimum"])):
            self.book.do("quarantine", "amend", record, "--text", line, "--reason", "asked")
        done = self.book.do("quarantine", "release", "--all-amended", "--reason", "reviewed", exits=7)
        self.assertIn("1 of the 2 released records was set aside again", done.err)
        self.assertIn("not_three", done.err)
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD + [AMENDED["below the minimum"]]))
        row = BAD["text for a number"][0] + 1
        waiting = next(item for item in self.book.items("quarantine", "list") if item["row"] == row)
        self.assertEqual(waiting["status"], "amended")
        # What was judged this time is the amended text; the earlier batch keeps what the file said.
        self.assertEqual(bytes_of(self.book.json("quarantine", "show", waiting["record"])),
                         AMENDED["text for a number"].encode())
        self.assertEqual(bytes_of(self.book.json("quarantine", "show", three)), BAD["text for a number"][1])
        self.assertIn(waiting["record"], done.err)

    def test_an_amendment_has_the_columns_of_its_file(self):
        project = small.make(self.project(), days=[])
        project.write(f"feed/{DAY}/orders.csv", "\ufeffamount,id,name\n7,1,one\nmuch,2,two\n")
        project.do("run", FILE)
        record = project.items("quarantine", "list")[0]["record"]
        self.assertEqual(project.ask("quarantine", "amend", record, "--text", "2,two,9", "--reason", "x").code, 3)
        os.remove(project.at(f"feed/{DAY}/orders.csv"))  # the copy in the book is what counts
        project.do("quarantine", "amend", record, "--text", "9,2,two", "--reason", "x", "--dry-run")
        project.write(f"feed/{DAY}/orders.csv", "\ufeffamount,id,name\n7,1,one\nmuch,2,two\n")
        project.do("quarantine", "amend", record, "--text", "9,2,two", "--reason", "x")
        project.do("quarantine", "release", record, "--reason", "x")
        self.assertEqual(loaded(project, DAY), ["1,one,7", "2,two,9"])

    def test_records_are_named_alike_whatever_was_faster(self):
        names = []
        for threads in ("1", "2", "2"):
            project = small.make(self.project())
            small.write_day(project, small.DAYS[0], [f"{n},n,{n % 900}" for n in range(200_000)] + ["x,y,z"])
            small.write_day(project, small.DAYS[2], ["x,y,z", "1,1,1"])
            project.do("run", FILE, environment={"DAYBOOK_THREADS": threads})
            small.write_day(project, small.DAYS[2], ["x,y,z", "1,1,1", "2,2,2"])
            project.do("run", FILE, environment={"DAYBOOK_THREADS": threads})
            names.append({(item["partition"], item["record"]) for item in project.items("quarantine", "list")})
        self.assertEqual(names[0], {(small.DAYS[0], "0:0"), (small.DAYS[2], "2.1:0")})
        self.assertEqual(names[0], names[1])
        self.assertEqual(names[0], names[2])
        for partition, record in names[0]:
            told = project.do("trace", "orders", record).out
            self.assertIn(f"{record} of orders, partition {partition}\n", told)
            self.assertIn(f"record {record}, held", told)

    def test_a_partition_of_which_nothing_is_good_is_held_for_a_decision(self):
        lines = [f"{n};semicolon;{n}" for n in range(10)]
        before = loaded(self.book, DAY)
        small.write_day(self.book, DAY, lines)
        done = self.book.do("run", FILE, exits=7)
        self.assertIn("none is left", done.out)
        self.assertIn("budget", done.out)
        self.assertEqual(loaded(self.book, DAY), before)
        self.book.do("hold", "load", DAY, "--reason", "it is so")
        self.book.do("run", FILE)
        self.assertEqual(loaded(self.book, DAY), [])

    def test_what_was_exported_and_edited_comes_back_as_amendments(self):
        self.book.do("quarantine", "export", "--file", "held.jsonl")
        lines = [json.loads(line) for line in self.book.read("held.jsonl").splitlines()]
        self.assertEqual({bytes_of(line) for line in lines}, {line for _, line in BAD.values()})
        for line in lines:
            if bytes_of(line) == BAD["below the minimum"][1]:
                line["amended"] = AMENDED["below the minimum"]
            if bytes_of(line) == BAD["a field too few"][1]:
                line["discard"] = True
        self.book.write("edited.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        self.book.do("quarantine", "import", "edited.jsonl", "--reason", "fixed in a sheet")
        status = {name: item["status"] for name, item in self.records(None, "--status", "all").items()}
        self.assertEqual(status, {name: {"below the minimum": "amended", "a field too few": "discarded"}
                                  .get(name, "held") for name in BAD})
        self.book.do("quarantine", "release", "--all-amended", "--reason", "reviewed")
        self.assertEqual(loaded(self.book, DAY), sorted(GOOD + [AMENDED["below the minimum"]]))

    def test_a_line_about_other_bytes_is_refused_with_the_whole_file(self):
        lines = self.book.do("quarantine", "export").lines()
        first, second = (next(line for line in lines if bytes_of(line) == BAD[name][1]) for name in AMENDED)
        first["amended"], second["amended"] = AMENDED.values()
        second["bytes"] += "0"
        self.book.write("edited.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        size = self.book.size()
        done = self.book.ask("quarantine", "import", "edited.jsonl", "--reason", "forged")
        self.assertIn(done.code, (3, 6), done)
        self.assertEqual([e for e in self.book.entries(since=size) if e["kind"] == "RecordAmended"], [])

    def test_the_bytes_of_a_record_are_in_no_file_of_the_book_in_the_clear(self):
        secret = b"107,seven,-7"
        for folder, _, names in os.walk(self.book.book):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        self.assertNotIn(secret, file.read(), path)


if __name__ == "__main__":
    main()
