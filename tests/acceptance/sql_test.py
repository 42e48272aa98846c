#!/usr/bin/env python3
"""SQL over the book: the same answers as the other commands, of any moment, and nothing but the book."""

import csv
import io
import os

import small
from harness import Acceptance, files_below, main
from small import FILE

DAY = "2026-01-02"


class Sql(Acceptance):
    @classmethod
    def setUpClass(cls):
        from harness import Project
        cls.one = small.make(Project())
        small.write_day(cls.one, DAY, ["1,one,1", "2,bad,5000"])
        cls.one.do("run", FILE)
        cls.middle = cls.one.size()
        small.write_day(cls.one, DAY, ["1,one,1", "2,good,2"])
        cls.one.do("run", FILE)

    @classmethod
    def tearDownClass(cls):
        cls.one.close()

    def rows(self, query, *words):
        return self.one.json("sql", query, *words)["items"]

    def refused(self, query, *words, exits=3):
        done = self.one.do("sql", query, *words, exits=exits)
        self.assertEqual(done.out, "")
        return done.err

    def test_tables_say_what_the_other_commands_say(self):
        states = self.one.items("state")
        self.assertEqual(self.rows("select partition, phase, rows, generation from partitions order by 1"),
                         [{key: item[key] for key in ("partition", "phase", "rows", "generation")}
                          for item in sorted(states, key=lambda item: item["partition"])])
        self.assertEqual(self.rows("select count(*) as n from entries"), [{"n": self.one.size()}])
        kinds = [entry["kind"] for entry in self.one.entries()]
        self.assertEqual([row["kind"] for row in self.rows("select kind from entries order by entry")], kinds)
        runs = {item["run"]: item for item in self.one.items("runs", "list")}
        for row in self.rows("select run, uuid, state, rows, quarantined, pipeline from runs"):
            self.assertEqual(row, {key: runs[row["run"]][key] for key in row})

    def test_every_table_and_column_that_is_listed_can_be_asked(self):
        columns = self.one.json("sql", "--tables")["items"]
        self.assertGreater(len({item["table"] for item in columns}), 7)
        for table in ("entries", "runs", "partitions", "attempts", "quarantine", "compensations", "approvals",
                      "loads"):
            names = [item["column"] for item in columns if item["table"] == table]
            self.assertTrue(all(item["meaning"] for item in columns if item["table"] == table))
            for row in self.rows(f"select * from {table} limit 3"):
                self.assertEqual(list(row), names)
            self.rows("select " + ", ".join(f"max({name})" for name in names) + f" from {table}")

    def test_the_answer_is_of_the_moment_that_was_asked_for_and_says_so(self):
        answer = self.one.json("sql", "select sum(quarantined) as n from loads where current", "--as-of",
                               self.middle)
        self.assertEqual(answer["items"], [{"n": 1}])
        self.assertEqual(answer["ledgerSeq"], self.middle)
        self.assertEqual(self.rows("select sum(quarantined) as n from loads where current"), [{"n": 0}])
        size = self.one.size()
        now = self.one.json("sql", "select 1")
        self.assertEqual(now["ledgerSeq"], size)
        self.assertEqual(now["stateRoot"], self.one.json("verify")["state_root"])
        recorded = self.one.entries("CheckpointSigned")[-1]["event"]
        then = self.one.json("sql", "select 1", "--as-of", recorded["size"])
        self.assertEqual(then["stateRoot"], recorded["state_root"])

    def test_attempts_tell_their_outcome(self):
        rows = self.rows("select partition, attempt, outcome, read, accepted from attempts order by 1, 2")
        self.assertEqual([row for row in rows if row["partition"] == DAY],
                         [{"partition": DAY, "attempt": 1, "outcome": "loaded", "read": 2, "accepted": 1},
                          {"partition": DAY, "attempt": 2, "outcome": "loaded", "read": 2, "accepted": 2}])

    def test_every_form_of_the_answer_has_the_same_rows(self):
        query = "select entry, kind, cause, recorded_at from entries order by entry"
        as_json = self.rows(query)
        self.assertEqual([{key: row[key] for key in row if key != "type"}
                          for row in self.one.do("sql", query, "-o", "jsonl").lines() if row["type"] == "row"],
                         as_json)
        as_csv = list(csv.DictReader(io.StringIO(self.one.do("sql", query, "-o", "csv").out)))
        self.assertEqual([row["kind"] for row in as_csv], [row["kind"] for row in as_json])
        text = self.one.do("sql", query)
        self.assertIn("BookCreated", text.out)
        self.assertIn("state sha256:", text.err)

    def test_types_of_all_sorts_come_out(self):
        row = self.rows("select sum(entry) as s, avg(entry) as a, null as n, true as b, [1, 2] as l, "
                        "date '2026-01-02' as d, 170141183460469231731687303715884105727::hugeint as h, "
                        "1.50::decimal(9,2) as m, max(recorded_at) as t from entries;")[0]
        self.assertEqual((row["n"], row["b"], row["l"], row["d"], row["m"]), (None, True, "[1, 2]", "2026-01-02", "1.50"))
        self.assertEqual(row["h"], "170141183460469231731687303715884105727")
        self.assertIsInstance(row["s"], int)
        self.assertIsInstance(row["a"], float)
        self.assertRegex(row["t"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_mistakes_are_shown_where_they_are(self):
        said = self.refused("select *\nfrom runs\nwhere pipelin = 'orders'")
        self.assertIn("query:3:7", said)
        self.assertIn("pipeline", said)
        self.assertIn("query:1:", self.refused("selec 1"))
        self.assertIn("--tables", self.refused("select * from rnus"))
        self.refused("")
        self.refused("select ?")
        self.refused("select 1; select 2")

    def test_it_reads_the_book_and_nothing_else(self):
        before = files_below(self.one.path)
        for query in ("select * from read_csv('/etc/passwd')", "select * from '/etc/passwd'",
                      "select * from read_text('/etc/passwd')", "select * from glob('/*')",
                      "copy (select 1) to '/tmp/daybook-sql-test.csv'", "create table t(a int)",
                      "insert into runs values (1)", "attach '/tmp/x.db'", "install httpfs", "load httpfs",
                      "set memory_limit='1TB'", "drop view runs", "call pragma_version()",
                      "export database '/tmp/x'", "checkpoint", "vacuum", "begin"):
            with self.subTest(query=query):
                self.refused(query)
        self.assertFalse(os.path.exists("/tmp/daybook-sql-test.csv"))
        self.assertEqual(files_below(self.one.path), before)

    def test_memory_has_a_bound_that_is_said(self):
        said = self.refused("select a.range, list(b.range) from range(3000) a, range(3000) b group by 1 order by 2",
                            "--memory", "64")
        self.assertIn("--memory", said)


if __name__ == "__main__":
    main()
