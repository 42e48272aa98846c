"""A small generated feed and what a sink must hold of it. The expectation is computed from the numbers
that made the feed, never from what Daybook printed.
"""

import csv
import os

PARTITIONS = [f"p{number:02}" for number in range(8)]
COLUMNS = ["id", "round", "part", "value", "note"]

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: urn:contract:campaign:{name}
name: {name}
version: 1.0.0
status: active
schema:
  - name: {name}
    logicalType: object
    properties:
      - {{name: id, logicalType: integer, required: true}}
      - {{name: round, logicalType: integer, required: true}}
      - {{name: part, logicalType: string, required: true}}
      - {{name: value, logicalType: integer, logicalTypeOptions: {{minimum: 0}}}}
{more}"""

PIPELINE = """pipeline: campaign
version: 1
owner: tests
source:
  csv: {{path: "feed/{{part}}/rows.csv"}}
contract: contracts/rows_raw.odcs.yaml
partition: {{by: part, type: string}}
steps:
  - dedupe: {{key: [id], keep: last}}
  - filter: "value % 10 <> 0"
  - derive: {{twice: "value * 2"}}
  - select: [id, round, part, value, twice]
output: contracts/rows.odcs.yaml
sink:
  {sink}
  mode: {mode}
  compensate: restore_previous
retry: {{attempts: {attempts}, backoff: {{initial: 100ms, factor: 2, max: 1s}}, timeout: 60s}}
concurrency: {{partitions: 2}}
"""

MODES = {"replace": "replace", "merge": "merge\n  key: [part, id]"}
CSV_SINK = 'csv: {path: "lake/rows"}'


def postgres_sink(connection):
    return f'postgres: {{connection: "{connection}", table: public.rows}}'


class Feed:
    """Files of a project, one a partition. Every value carries the round that wrote it, so a stale row
    shows; ids repeat, values break a rule or are filtered, so that conservation has work to do. What is merged has
    other ids each time, some of them known: what a load does not bring must stay."""

    def __init__(self, project, random, rows, mode="replace"):
        self.project, self.random, self.rows, self.mode = project, random, rows, mode
        self.round = 0
        self.newest = {}  # partition -> rows as they are in the file
        self.merged = {part: {} for part in PARTITIONS}  # partition -> id -> row in the sink
        self.project.write("contracts/rows_raw.odcs.yaml",
                           CONTRACT.format(name="rows_raw", more="      - {name: note, logicalType: string}\n"))
        self.project.write("contracts/rows.odcs.yaml",
                           CONTRACT.format(name="rows", more="      - {name: twice, logicalType: integer}\n"))

    def pipeline(self, sink, attempts=5):
        self.project.write("campaign.pipeline.yaml", PIPELINE.format(sink=sink, attempts=attempts,
                                                                           mode=MODES[self.mode]))

    def write(self, partitions):
        """A new version of these partitions' files, in place of what was there at once."""
        self.round += 1
        for part in partitions:
            first = self.random.randrange(2 * self.rows) if self.mode == "merge" else 0
            rows = [self._row(part, first + number) for number in range(self.rows)]
            self.newest[part] = rows
            path = self.project.at("feed", part, "rows.csv")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".new", "w", encoding="utf-8", newline="") as file:
                out = csv.writer(file, lineterminator="\n")
                out.writerow(COLUMNS)
                out.writerows(rows)
            os.rename(path + ".new", path)

    def _row(self, part, number):
        # One id in fifty comes twice; one value in fifty breaks its rule.
        identity = number - 1 if number % 50 == 49 else number
        value = -1 - number if number % 50 == 7 else self.random.randrange(1_000_000)
        return (identity, self.round, part, value, f"note {number}, of round {self.round}")

    def expected(self, part):
        """Rows the sink must hold of this partition, sorted: (id, round, part, value, twice)."""
        rows = expected_of(self.newest[part])
        if self.mode == "replace":
            return rows
        self.merged[part].update((row[0], row) for row in rows)  # again and again the same
        return sorted(self.merged[part].values())

    def taken_back(self, part, rows):
        """The sink holds these again."""
        self.merged[part] = {row[0]: row for row in rows}


def expected_of(rows):
    kept = {}
    for identity, number, part, value, _ in rows:
        if value >= 0:  # the contract's minimum; what breaks it is set aside before the steps
            kept[identity] = (identity, number, part, value)
    return sorted((*row, row[3] * 2) for row in kept.values() if row[3] % 10 != 0)
