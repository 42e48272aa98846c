#!/usr/bin/env python3
"""Five snapshots of real data into real sinks, counted and computed again by other means."""

import json
import os

import ourairports
import parquet
from harness import Acceptance, files_below, main
from ourairports import LAKE, PARTITIONS, PIPELINE
from postgres import Postgres

CHANGED = "2023-06-01"


class Lake:
    """The Parquet sink, as a reader sees it who knows nothing of Daybook: <root>/<partition>/*.parquet."""

    sink = LAKE

    def __init__(self, project):
        self.root = project.at("lake/runways")

    def files(self, partition):
        folder = os.path.join(self.root, partition)
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]

    def rows(self, partition):
        rows = []
        for file in parquet.read(self.files(partition)).values():
            assert file.columns == ["id", "airport_ident", "surface", "length_m"], file.columns
            assert file.footer_rows == len(file.rows)
            rows += [(i, ident, surface, None if metres is None else round(metres * 10))
                     for i, ident, surface, metres in file.rows]
        return sorted(rows)

    def partitions(self):
        return sorted(name for name in os.listdir(self.root) if not name.startswith("."))

    def bytes(self, partition):
        return sorted(files_below(os.path.join(self.root, partition)).values())

    def destroy(self, partition):
        for path in self.files(partition):
            os.unlink(path)


class Table:
    """The PostgreSQL sink. Rows carry no partition: its ids are looked up by the marker they were loaded
    under, which is public in the target."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.sink = f'postgres: {{connection: "{server.connection}", table: public.{name}}}'

    def rows(self, partition):
        query = (f"SELECT json_build_array(r.id, r.airport_ident, r.surface, (r.length_m * 10)::bigint)::text "
                 f"FROM public.{self.name} r JOIN daybook.load_marker m ON m.load_id = r._load_id "
                 f"WHERE m.partition_key = '{partition}' ORDER BY r.id")
        lines = self.server.run(query + ";").splitlines()
        return [tuple(json.loads(line)) for line in lines]

    def partitions(self):
        return self.server.value(
            f"SELECT string_agg(DISTINCT m.partition_key, ' ' ORDER BY m.partition_key) FROM public.{self.name} r "
            f"JOIN daybook.load_marker m ON m.load_id = r._load_id").split()

    def bytes(self, partition):
        return self.rows(partition)

    def destroy(self, partition):
        self.server.run(f"DELETE FROM public.{self.name} r USING daybook.load_marker m "
                        f"WHERE m.load_id = r._load_id AND m.partition_key = '{partition}'")


class Story:
    """What holds for both sinks."""

    def test_every_row_is_accounted_for_and_arrives_with_its_values(self):
        project, sink = self.made()
        ourairports.spoil(project)
        project.do("run", PIPELINE)
        state, truth = project.state(), ourairports.recount(project)
        self.assertEqual(sorted(state), PARTITIONS)
        self.assertEqual(sink.partitions(), PARTITIONS)
        self.assertEqual(truth["2024-06-01"].counts["merged"], 3)
        for partition in PARTITIONS:
            with self.subTest(partition):
                counts = state[partition]["counts"]
                self.assertEqual(counts, truth[partition].counts)
                self.assertEqual(counts["read"], sum(counts.values()) - counts["read"])
                self.assertEqual(state[partition]["phase"], "verified")
                self.assertEqual(state[partition]["rows"], counts["accepted"])
                self.assertEqual(sink.rows(partition), truth[partition].rows)
        project.do("verify")
        self.assertEqual(project.json("reconcile", PIPELINE, "--deep")["findings"], [])

    def test_a_second_run_skips_all_and_names_the_reason(self):
        project, sink = self.made()
        project.do("run", PIPELINE)
        before = {partition: sink.bytes(partition) for partition in PARTITIONS}
        since = project.size()
        project.do("run", PIPELINE)
        entries = project.entries(since=since)
        skipped = [entry["event"]["reason"] for entry in entries if entry["kind"] == "PartitionSkipped"]
        self.assertEqual(skipped, ["unchanged"] * 5)
        for kind in ("AttemptStarted", "LoadIntended", "LoadCommitted"):
            self.assertNotIn(kind, [entry["kind"] for entry in entries])
        self.assertEqual({partition: sink.bytes(partition) for partition in PARTITIONS}, before)

    def test_one_changed_file_is_loaded_alone_and_compensation_restores_what_was(self):
        project, sink = self.made()
        project.do("run", PIPELINE)
        before = {partition: sink.bytes(partition) for partition in PARTITIONS}
        state_before = project.state()
        ourairports.spoil(project, CHANGED)
        since = project.size()
        project.do("run", PIPELINE)
        loads = [entry["event"] for entry in project.entries(since=since) if entry["kind"] == "LoadIntended"]
        self.assertEqual([load["generation"] for load in loads], [2])
        state = project.state()
        self.assertEqual({p: state[p]["generation"] for p in PARTITIONS},
                         {p: 2 if p == CHANGED else 1 for p in PARTITIONS})
        self.assertEqual(sink.rows(CHANGED), ourairports.recount(project)[CHANGED].rows)
        self.assertNotEqual(sink.bytes(CHANGED), before[CHANGED])

        proposed = project.json("compensate", "propose", "--partition", CHANGED, "--reason", "wrong file")
        project.do("compensate", "start", proposed["compensation"], "--yes")
        self.assertEqual({partition: sink.bytes(partition) for partition in PARTITIONS}, before)
        self.assertEqual(project.state()[CHANGED]["content"], state_before[CHANGED]["content"])
        since = project.size()
        project.do("run", PIPELINE)
        reasons = [e["event"]["reason"] for e in project.entries("PartitionSkipped", since)]
        self.assertEqual(sorted(reasons), ["compensated"] + ["unchanged"] * 4)
        self.assertEqual({partition: sink.bytes(partition) for partition in PARTITIONS}, before)
        project.do("verify")
        self.assertEqual(project.json("reconcile", PIPELINE, "--deep")["findings"], [])

    def test_what_the_sink_lost_is_named_and_only_that_is_loaded_again(self):
        project, sink = self.made()
        project.do("run", PIPELINE)
        before = {partition: sink.rows(partition) for partition in PARTITIONS}
        sink.destroy(CHANGED)
        found = project.json("reconcile", PIPELINE, "--deep", exits=(0, 1, 9))["findings"]
        self.assertEqual([finding["partition"] for finding in found], [CHANGED])
        since = project.size()
        project.do("run", PIPELINE)
        loads = project.entries("LoadCommitted", since)
        self.assertEqual(len(loads), 1)
        self.assertEqual({partition: sink.rows(partition) for partition in PARTITIONS}, before)
        self.assertEqual(project.json("reconcile", PIPELINE, "--deep")["findings"], [])
        project.do("verify")

    def test_the_number_of_threads_and_partitions_at_once_changes_no_digest(self):
        found = []
        for concurrency, processors in ((1, "0"), (2, "0,1")):
            project, sink = self.made(concurrency=concurrency)
            ourairports.spoil(project)
            project.do("run", PIPELINE, prefix=("taskset", "-c", processors))
            # Roots are salted, book by book: that they do not depend on threads either is tested where a
            # partition is done again in its own book (tests/runner/reexecution_test.cc).
            staged = sorted((e["event"]["inputs"], e["event"]["output_rows"], e["event"]["quarantine"]["bytes"],
                             str(e["event"]["rules"])) for e in project.entries("AttemptStaged"))
            self.assertEqual(len(staged), 5)
            found.append((staged, {partition: sink.bytes(partition) for partition in PARTITIONS}))
        self.assertEqual(found[0][0], found[1][0])
        self.assertEqual(found[0][1], found[1][1])


class ParquetTest(Story, Acceptance):
    def made(self, **options):
        project = ourairports.make(self.project(), **options)
        return project, Lake(project)


class PostgresTest(Story, Acceptance):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()
        cls.addClassCleanup(cls.server.close)
        cls.tables = 0

    def made(self, **options):
        type(self).tables += 1
        table = Table(self.server, f"runways_{self.tables}")
        return ourairports.make(self.project(), sink=table.sink, **options), table

    def test_a_truncated_table_is_named_partition_by_partition_and_loaded_again(self):
        project, sink = self.made()
        project.do("run", PIPELINE)
        before = {partition: sink.rows(partition) for partition in PARTITIONS}
        self.server.run(f"TRUNCATE public.{sink.name}")
        found = project.json("reconcile", PIPELINE, "--deep", exits=(0, 1, 9))["findings"]
        self.assertEqual(sorted(finding["partition"] for finding in found), PARTITIONS)
        project.do("run", PIPELINE)
        self.assertEqual({partition: sink.rows(partition) for partition in PARTITIONS}, before)


if __name__ == "__main__":
    main()
