#!/usr/bin/env python3
"""Rows of real data, traced and proved: the traced source is what Python's own reading finds at that file,
row and offset; each proof is checked by daybook-verify and by the script; one byte changed, and it is refused.

A campaign asks for more: DAYBOOK_ROWS=1000 DAYBOOK_QUARANTINED=100 python3 rows_test.py"""

import csv
import io
import json
import os
import random
import subprocess
import sys
import time

import ourairports
from harness import BINARY, ROOT, Acceptance, main
from ourairports import PARTITIONS, PIPELINE

ROWS = int(os.environ.get("DAYBOOK_ROWS", "60"))
QUARANTINED = int(os.environ.get("DAYBOOK_QUARANTINED", "10"))
SEED = int(os.environ.get("DAYBOOK_SEED", "20261123"))
VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(os.path.dirname(BINARY), "daybook-verify"))
SCRIPT = os.path.join(ROOT, "tools/verifier/verify_row.py")


def read_records(path):
    """(offset, raw text, fields) of each record after the header, by counting quotes and by csv."""
    with open(path, "rb") as file:
        data = file.read()
    records, begin, quoted = [], 0, False
    for at, byte in enumerate(data):
        if byte == 0x22:
            quoted = not quoted
        elif byte == 0x0a and not quoted:
            records.append((begin, data[begin:at]))
            begin = at + 1
    if begin < len(data):
        records.append((begin, data[begin:]))
    out = []
    for offset, raw in records[1:]:
        raw = raw[:-1] if raw.endswith(b"\r") else raw
        fields = next(csv.reader(io.StringIO(raw.decode("utf-8", "replace"), newline="")), [])
        out.append((offset, raw.decode("utf-8", "replace"), fields))
    return out


class RowsTest(Acceptance):
    @classmethod
    def setUpClass(cls):
        cls.random = random.Random(SEED)
        print(f"seed {SEED}", file=sys.stderr)

    def made(self, bad=0):
        project = ourairports.make(self.project())
        ourairports.spoil(project)
        for partition in PARTITIONS:  # more that is set aside than these snapshots have
            with open(project.at("feed", partition, "runways.csv"), "a", encoding="utf-8", newline="") as file:
                file.writelines(f"{800_000 + i},{i},CUT\n" for i in range(bad))
        project.do("run", PIPELINE)
        project.write("log.vkey", project.do("ledger", "key").out)
        return project

    def verify(self, project, proof, script=True):
        """Exit codes of the program and of the script."""
        key = project.at("log.vkey")
        codes = [subprocess.run([VERIFIER, proof, "--key-file", key], capture_output=True, check=False).returncode]
        if script:
            codes.append(subprocess.run([sys.executable, "-B", SCRIPT, proof, "--key-file", key],
                                        capture_output=True, check=False).returncode)
        return codes

    def change_one_byte(self, path):
        with open(path, "rb") as file:
            data = bytearray(file.read())
        at = self.random.randrange(len(data))
        data[at] ^= 1 << self.random.randrange(8)
        with open(path, "wb") as file:
            file.write(data)
        return at

    def check_proofs(self, project, proofs):
        for number, item in enumerate(proofs):
            proof, script = project.at(item["file"]), ROWS > 100 or number % 4 == 0
            self.assertEqual(set(self.verify(project, proof, script)), {0}, item)
            at = self.change_one_byte(proof)
            codes = self.verify(project, proof, script)
            self.assertNotIn(0, codes, f"{item}: byte {at} is changed")
            self.assertEqual(codes[0], 1 if codes[0] != 3 else 3, f"{item}: byte {at}")

    def check_source(self, record, expected):
        offset, text, _ = expected
        self.assertEqual((record["byte_offset"], record["text"]), (offset, text), record)

    def proved(self, project, *words):
        return project.do("prove", "runways", *words, "--output", "json").json()

    def prove(self, project, partition, keys, folder):
        project.write("keys", "\n".join(keys) + "\n")
        begin = time.monotonic()
        items = self.proved(project, "--partition", partition, "--keys-file", "keys", "-o", folder)
        print(f"{len(keys)} proofs of {partition} in {time.monotonic() - begin:.1f} s", file=sys.stderr)
        return items["items"]

    def test_random_rows_come_from_where_the_story_says_and_are_proved(self):
        project = self.made()
        share = -(-ROWS // len(PARTITIONS))
        for number, partition in enumerate(PARTITIONS):
            rows = ourairports.recount(project)[partition].rows
            sample = self.random.sample(rows, share)
            keys = [f"id={row[0]}" for row in sample]
            source = read_records(project.at("feed", partition, "runways.csv"))
            newest = {fields[0]: place for place in source for fields in [place[2]] if len(fields) == 20}
            stories = project.json("trace", "runways", "--partition", partition, *keys)["stories"]
            for row, story in zip(sample, stories):
                self.assertTrue(story["reproduced"])
                self.assertEqual(len(story["records"]), 1)
                record = story["records"][0]
                self.assertEqual(record["file"], f"feed/{partition}/runways.csv")
                self.check_source(record, source[record["row"] - 1])
                self.check_source(record, newest[str(row[0])])
                values = story["rows"][0]["values"]
                self.assertEqual((values["id"], values["airport_ident"], values["surface"]),
                                 (str(row[0]), row[1], row[2]))
            items = self.prove(project, partition, keys, f"proofs-{number}")
            if partition != PARTITIONS[0]:
                items = items[:max(1, share // 4)] if ROWS <= 100 else items
            self.check_proofs(project, items)

    def test_quarantined_records_are_traced_to_their_bytes_and_proved(self):
        project = self.made(bad=QUARANTINED // 2)
        held = project.json("quarantine", "list", "--limit", "0")["items"]
        sample = self.random.sample(held, QUARANTINED)
        for partition in sorted({item["partition"] for item in sample}):
            chosen = [item for item in sample if item["partition"] == partition]
            keys = [item["record"] for item in chosen]
            source = read_records(project.at("feed", partition, "runways.csv"))
            stories = project.json("trace", "runways", *keys)["stories"]
            for item, story in zip(chosen, stories):
                self.assertEqual(story["quarantined"]["violations"], item["violations"])
                record = story["records"][0]
                self.assertEqual((record["row"], record["byte_offset"]), (item["row"], item["byte_offset"]))
                self.check_source(record, source[record["row"] - 1])
            if len(keys) == 1:
                item = self.proved(project, keys[0], "-o", f"held-{partition}.zip")
                self.check_proofs(project, [item])
            else:
                self.check_proofs(project, self.prove(project, partition, keys, f"held-{partition}"))

    def test_what_became_no_row_says_which_step_it_left_at_and_its_duplicate(self):
        project = self.made()
        closed = next(n for n, place in enumerate(read_records(project.at("feed/2022-06-01/runways.csv")), 1)
                      if place[2][7] == "1")
        story = project.json("trace", "runways", f"feed/2022-06-01/runways.csv:{closed}")["stories"][0]
        self.assertEqual((story["steps"][-1]["left"], story["rows"] if "rows" in story else []), ("filtered", []))
        # spoil() appends records 11 to 13 once more: the later one stays.
        path = "feed/2024-06-01/runways.csv"
        records = read_records(project.at(path))
        again = [n for n, place in enumerate(records, 1) if place[2][0] == records[10][2][0]]
        lost = project.json("trace", "runways", f"{path}:{again[0]}")["stories"][0]
        self.assertEqual(lost["steps"][-1]["left"], "merged")
        self.assertEqual(lost["steps"][-1]["duplicates"], [{"file": path, "row": again[1]}])
        self.assertFalse(lost["steps"][-1]["won"])


if __name__ == "__main__":
    main()
