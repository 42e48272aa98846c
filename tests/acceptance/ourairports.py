"""The runways of OurAirports: the project of the real data, and what its contract and steps make of a file,
counted and computed again with nothing but Python's csv module.
"""

import collections
import csv
import decimal
import os
import re
import shutil
import unittest

from harness import ROOT

DATA = os.path.join(os.environ.get("DAYBOOK_TEST_DATA", os.path.join(os.path.dirname(ROOT), "shared/data")),
                    "ourairports")
PIPELINE = "runways.pipeline.yaml"
PARTITIONS = ["2022-06-01", "2023-06-01", "2024-06-01", "2025-06-01", "2025-06-04"]
EXAMPLES = os.path.join(ROOT, "tests/runner/definition/examples/ourairports")
LAKE = 'parquet: {path: "lake/runways"}'

INTEGER = re.compile(r"-?[0-9]+\Z")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")


def make(project, sink=LAKE, concurrency="auto", approvals=0):
    """Feed, contracts and pipeline; the snapshots are copied, since tests change them."""
    if not os.path.isdir(DATA):
        raise unittest.SkipTest("no data beside the repository")
    for partition in PARTITIONS:
        os.makedirs(project.at("feed", partition), exist_ok=True)
        shutil.copyfile(os.path.join(DATA, partition, "runways.csv"),
                        project.at("feed", partition, "runways.csv"))
        os.chmod(project.at("feed", partition, "runways.csv"), 0o644)
    shutil.copytree(os.path.join(EXAMPLES, "contracts"), project.at("contracts"))
    with open(os.path.join(EXAMPLES, PIPELINE), encoding="utf-8") as file:
        text = file.read()
    for old, new in ((LAKE, sink), ("{partitions: auto}", f"{{partitions: {concurrency}}}"),
                     ("approvals: {compensate: 1}", f"approvals: {{compensate: {approvals}}}")):
        if old not in text:
            raise AssertionError(f"the example pipeline no longer holds {old}")
        text = text.replace(old, new)
    project.write(PIPELINE, text)
    return project.init()


def spoil(project, partition="2024-06-01"):
    """What real feeds do and these snapshots do not: an id that comes twice, a record cut short, text where a
    number is due, a value over two lines."""
    path = project.at("feed", partition, "runways.csv")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    twice = [row[:5] + ["again"] + row[6:] for row in rows[10:13]]
    with open(path, "a", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerows(twice)
        out.writerow(["900001", "1", "CUT"])
        out.writerow(["900002", "1", "TEXT", "long"] + rows[10][4:])
        out.writerow(["900003", "1", "LINES", "1000", "50", "gravel\nand grass", "0", "0"] + [""] * 12)


def valid(row):
    """contracts/runways_raw.odcs.yaml, for one record as a dictionary of texts; "" is null."""
    def integer(name, least=None, most=None, required=False):
        text = row[name]
        if text == "":
            return not required
        return bool(INTEGER.match(text)) and (least is None or least <= int(text)) and \
            (most is None or int(text) <= most)

    def number(name, least, most):
        text = row[name]
        return text == "" or (bool(NUMBER.match(text)) and least <= float(text) <= most)

    return (integer("id", required=True) and integer("airport_ref", required=True)
            and 2 <= len(row["airport_ident"]) <= 8
            and integer("length_ft", 1, 30000) and integer("width_ft", 1, 9000)
            and integer("lighted", 0, 1, required=True) and integer("closed", 0, 1, required=True)
            and all(len(row[end + "_ident"]) <= 16 for end in ("le", "he"))
            and all(number(end + "_latitude_deg", -90, 90) for end in ("le", "he"))
            and all(number(end + "_longitude_deg", -180, 180) for end in ("le", "he"))
            and all(number(end + "_heading_degT", float("-inf"), float("inf")) for end in ("le", "he"))
            and all(integer(end + rest) for end in ("le", "he")
                    for rest in ("_elevation_ft", "_displaced_threshold_ft")))


class Recount:
    """One file through contract and steps: counts as the book has them, and the rows that are left as
    (id, airport_ident, surface, length in tenths of a metre), in the order of ids."""

    def __init__(self, path):
        with open(path, encoding="utf-8", newline="") as file:
            records = list(csv.reader(file))
        header, records = records[0], records[1:]
        self.counts = collections.Counter(read=len(records), accepted=0, quarantined=0, filtered=0, merged=0)
        newest = {}
        for record in records:
            row = dict(zip(header, record))
            if len(record) != len(header) or not valid(row):
                self.counts["quarantined"] += 1
                continue
            self.counts["merged"] += int(row["id"]) in newest
            newest[int(row["id"])] = row  # dedupe: the last stays
        self.rows = []
        for identity, row in sorted(newest.items()):
            if row["closed"] != "0":
                self.counts["filtered"] += 1
                continue
            self.rows.append((identity, row["airport_ident"], row["surface"] or None, tenths(row["length_ft"])))
        self.counts["accepted"] = len(self.rows)
        self.counts = dict(self.counts)


def tenths(feet):
    """round(length_ft * 0.3048, 1), as a whole number of tenths; exact, half away from zero."""
    if feet == "":
        return None
    metres = decimal.Decimal(feet) * decimal.Decimal("0.3048")
    return int((metres * 10).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))


def recount(project):
    return {partition: Recount(project.at("feed", partition, "runways.csv")) for partition in PARTITIONS}
