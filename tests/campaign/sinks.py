"""Targets of a campaign, and what their readers see."""

import collections
import csv
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "acceptance"))

from feed import CSV_SINK, postgres_sink  # noqa: E402
from harness import ROOT, Failed  # noqa: E402
from postgres import Postgres  # noqa: E402

# Points of the protocol that only a compensation comes by.
COMPENSATION = {"dir.before_tombstone", "dir.tombstone_written", "dir.compensated",
                "pg.tombstone_inserted", "pg.rows_removed", "pg.rows_restored"}


def crash_points(prefixes):
    """The registry, read where it stands, so that a new point is tested without another line."""
    with open(os.path.join(ROOT, "runner/connect/crash_point.h"), encoding="utf-8") as file:
        names = re.findall(r'^\s+"([a-z]+\.[a-z_]+)",$', file.read(), re.M)
    if len(names) < 20:
        raise Failed("the registry of crash points is not where this campaign looks for it")
    return [name for name in names if name.split(".")[0] in prefixes]


class CsvSink:
    prefix = "dir"

    def __init__(self, project):
        self.root = project.at("lake/rows")

    sink = CSV_SINK

    def rows(self):
        """What a reader of <root>/<partition>/*.csv sees."""
        found = collections.defaultdict(list)
        for part in sorted(os.listdir(self.root)):
            folder = os.path.join(self.root, part)
            if part.startswith(".") or not os.path.isdir(folder):
                continue
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
                    for row in csv.DictReader(file):
                        found[part].append((int(row["id"]), int(row["round"]), row["part"],
                                            int(row["value"]), int(row["twice"])))
        return {part: sorted(rows) for part, rows in found.items()}

    def leftovers(self):
        """Files of attempts that will never be loaded, and nobody removed."""
        stage = os.path.join(self.root, ".stage")
        return sum(len(files) for _, _, files in os.walk(stage))

    def close(self):
        pass


class PostgresSink:
    prefix = "pg"

    def __init__(self, _):
        self.server = Postgres()

    @property
    def sink(self):
        return postgres_sink(self.server.connection)

    def rows(self):
        found = collections.defaultdict(list)
        for line in self.server.rows("SELECT id, round, part, value, twice FROM public.rows"):
            identity, number, part, value, twice = line.split(",")
            found[part].append((int(identity), int(number), part, int(value), int(twice)))
        return {part: sorted(rows) for part, rows in found.items()}

    def leftovers(self):
        return 0

    def close(self):
        self.server.close()


SINKS = {"csv": CsvSink, "postgres": PostgresSink}
