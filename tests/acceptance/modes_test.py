#!/usr/bin/env python3
"""Sources, steps and targets that the other stories do not join: a query by ranges, groups into a table, a merge
into lines of JSON; each result counted again by other means."""

import collections
import glob
import hashlib
import json
import os
import shutil
import zipfile

import small
from harness import Acceptance, main
from postgres import Postgres

RAW = """apiVersion: v3.1.0
kind: DataContract
id: urn:contract:tests:sales
name: sales
version: 1.0.0
status: active
schema:
  - name: sales
    logicalType: object
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: day, logicalType: date, required: true}
      - {name: shop, logicalType: string, required: true}
      - {name: cents, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0}}
"""

FILE = "sales.pipeline.yaml"
HEAD = "pipeline: sales\nversion: 1\nowner: tests\ncontract: contracts/sales.odcs.yaml\n"


def sales(month, count):
    """(id, day, shop, cents) of one month; every tenth breaks the contract."""
    return [(month * 1000 + i, f"2026-{month:02}-{i % 28 + 1:02}", f"shop {i % 7}", -5 if i % 10 == 9 else i * 3)
            for i in range(count)]


class Modes(Acceptance):
    def made(self, text):
        project = self.project()
        project.write("contracts/sales.odcs.yaml", RAW)
        project.write(FILE, HEAD + text)
        return project.init()

    def server(self):
        server = Postgres()
        self.addCleanup(server.close)
        return server

    def feed(self, project, month, rows):
        lines = [",".join(map(str, row)) for row in rows]
        project.write(f"feed/2026-{month:02}/sales.csv", "\n".join(["id,day,shop,cents", *lines]) + "\n")

    def lines(self, project):
        """What a reader of the JSONL target sees."""
        found = []
        for folder, _, names in os.walk(project.at("lake")):
            if "/." in folder:
                continue
            for name in names:
                if name.endswith(".jsonl"):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        found += [json.loads(line) for line in file]
        return found

    def test_ranges_of_a_query_are_loaded_as_lines_and_only_the_changed_one_again(self):
        server = self.server()
        server.run("CREATE TABLE sales (id bigint PRIMARY KEY, day date, shop text, cents bigint)")
        rows = [row for month in (1, 2, 3) for row in sales(month, 200)]
        server.run("INSERT INTO sales VALUES " + ", ".join("(%d, '%s', '%s', %d)" % row for row in rows))
        project = self.made(f"""source:
  postgres:
    connection: "{server.connection}"
    query: "SELECT id, day, shop, cents FROM sales WHERE day >= {{from}} AND day < {{to}}"
partition: {{range: {{column: day, start: "2026-01-01", end: "2026-04-01", every: 1 month}}}}
sink:
  jsonl: {{path: lake}}
  mode: replace
""")
        project.do("run", FILE)
        good = {row[0]: row for row in rows if row[3] >= 0}
        seen = self.lines(project)
        self.assertEqual(len(seen), len(good))
        self.assertEqual({(r["id"], r["day"], r["shop"], r["cents"]) for r in seen}, set(good.values()))
        state = project.state()
        self.assertEqual(len(state), 3)
        for slot in state.values():
            self.assertEqual((slot["counts"]["read"], slot["counts"]["quarantined"]), (200, 20))
        again = project.json("run", FILE)
        self.assertEqual(collections.Counter(p["phase"] for p in project.state().values()), {"verified": 3})
        self.assertEqual(len(project.entries("LoadCommitted")), 3, again)
        server.run("INSERT INTO sales VALUES (9999, '2026-02-11', 'late shop', 1)")
        project.do("run", FILE)
        self.assertEqual(len(project.entries("LoadCommitted")), 4)
        self.assertEqual(len(self.lines(project)), len(good) + 1)
        project.do("verify")
        self.assertEqual(project.json("reconcile", FILE, "--deep")["findings"], [])

    def test_groups_arrive_in_a_table_as_an_independent_sum_has_them(self):
        server = self.server()
        project = self.made(f"""source:
  csv: {{path: "feed/{{month}}/sales.csv"}}
partition: {{by: month, type: string}}
steps:
  - aggregate: {{by: [shop], columns: {{total: "sum(cents)", sales: "count(*)", last: "max(day)"}}}}
sink:
  postgres: {{connection: "{server.connection}", table: public.totals}}
  mode: replace
""")
        expected = []
        for month in (1, 2):
            rows = sales(month, 500)
            self.feed(project, month, rows)
            groups = collections.defaultdict(list)
            for row in rows:
                if row[3] >= 0:
                    groups[row[2]].append(row)
            expected += [f"{shop},{sum(r[3] for r in group)},{len(group)},{max(r[1] for r in group)}"
                         for shop, group in groups.items()]
        project.do("run", FILE)
        self.assertEqual(sorted(server.rows("SELECT shop, total, sales, last FROM totals")), sorted(expected))
        for slot in project.state().values():
            counts = slot["counts"]
            self.assertEqual((counts["read"], counts["accepted"], counts["quarantined"], counts["merged"]),
                             (500, 7, 50, 443))
        self.assertTrue(project.json("replay", "last")["identical"])
        project.do("verify")

    def test_a_merge_into_lines_keeps_the_last_of_each_key(self):
        project = self.made("""source:
  csv: {path: "feed/{month}/sales.csv"}
partition: {by: month, type: string}
sink:
  jsonl: {path: lake}
  mode: merge
  key: [id]
""")
        first = [(1, "2026-01-01", "a", 10), (2, "2026-01-02", "b", 20), (3, "2026-01-03", "c", 30)]
        self.feed(project, 1, first)
        project.do("run", FILE)
        self.feed(project, 1, [(2, "2026-01-02", "b", 21), (4, "2026-01-04", "d", 40), (5, "2026-01-05", "e", -1)])
        project.do("run", FILE)
        merged = {row["id"]: row["cents"] for row in self.lines(project)}
        self.assertEqual(merged, {1: 10, 2: 21, 3: 30, 4: 40})
        self.assertEqual(len(self.lines(project)), 4)
        self.assertTrue(project.json("replay", "last")["identical"])
        self.assertEqual(project.json("reconcile", FILE, "--deep")["findings"], [])
        project.do("verify")

        # What is damaged holds rows of both loads, and no run promises to load it again.
        [name] = glob.glob(project.at("lake", "*", "*.jsonl"))
        os.truncate(name, 10)
        [found] = project.json("reconcile", FILE, "--deep", exits=9)["findings"]
        self.assertEqual((found["kind"], found["loads_again"]), ("damaged", False))
        said = project.do("reconcile", FILE, "--deep", exits=9).err
        self.assertIn("no run loads what is damaged", said)
        self.assertNotIn("loads again", said)

    def test_a_merge_is_put_over_nothing_that_the_book_does_not_know(self):
        project = self.made("""source: {csv: {path: "feed/{month}/sales.csv"}}
partition: {by: month, type: string}
sink: {jsonl: {path: lake}, mode: merge, key: [id]}
""")

        self.feed(project, 1, sales(1, 5))
        project.do("run", FILE)
        shutil.copytree(project.book, project.at("older"), symlinks=True)
        self.feed(project, 1, [(1600, "2026-01-20", "of the other copy", 1)])
        project.do("run", FILE)
        there = self.lines(project)
        shutil.rmtree(project.book)
        os.rename(project.at("older"), project.book)
        self.feed(project, 1, [(1700, "2026-01-20", "ours", 1)])
        self.assertIn("generation 2 holds load", project.do("run", FILE, exits=1).out)
        self.assertEqual(self.lines(project), there)
        self.assertIn("daybook reconcile     what the target holds", project.do("explain", "2026-01").out)
        self.assertIn("never intended this load", project.do("reconcile", FILE, exits=9).out)

    def test_a_load_of_many_files_lists_them_beside_its_commit(self):
        project = small.make(self.project(), sink='parquet: {path: "lake/orders"}', days=small.DAYS[:1])
        small.write_day(project, small.DAYS[0], [f"{row},{row % 10 * 'name ' * 2000},1" for row in range(35_000)])
        project.do("run", small.FILE)
        [committed] = [entry["event"] for entry in project.entries("LoadCommitted")]
        [listed] = [entry["event"] for entry in project.entries("LoadFilesListed")]
        self.assertEqual(committed["files"], [])
        self.assertGreater(committed["files_listed"], 8)
        self.assertEqual(len(listed["files"]), committed["files_listed"])
        for file in listed["files"]:
            with open(project.at("lake/orders", file["name"]), "rb") as stored:
                self.assertEqual(hashlib.sha256(stored.read()).hexdigest(), file["digest"])
        self.assertTrue(project.json("replay", "last")["identical"])
        project.do("reconcile", small.FILE, "--deep")
        project.do("prove", "orders", "id=34999", "-o", "proof.zip")
        with zipfile.ZipFile(project.at("proof.zip")) as proof:
            self.assertNotIn(b"part-", b"".join(proof.read(name) for name in proof.namelist()))
        project.do("verify")


if __name__ == "__main__":
    main()
