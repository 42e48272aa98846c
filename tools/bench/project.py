"""What people wait for, measured on the programs themselves: a proof of one row of a large partition, memory while a
large input runs, and how a run and the questions after it grow with the number of partitions.

    project.py DIRECTORY ROWS PARTITIONS

The raw figures go to DIRECTORY/project.jsonl, one line a measurement.
"""

import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "build/release"
MEMORY_LIMIT_MIB = 512

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: urn:contract:{name}-raw
name: {name}_raw
version: 1.0.0
status: active
schema:
  - name: {name}
    logicalType: object
    properties:
"""
TRIPS = [
    "{name: trip_id, logicalType: integer, required: true}",
    "{name: vendor, logicalType: string, required: true, logicalTypeOptions: {pattern: '^[A-Z]{3}$'}}",
    "{name: pickup_ts, logicalType: timestamp, physicalType: timestamp, required: true}",
    "{name: dropoff_ts, logicalType: timestamp, physicalType: timestamp, required: true}",
    "{name: passengers, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: 8}}",
    "{name: distance, logicalType: number, physicalType: 'numeric(9,2)'}",
    "{name: pu_zone, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 265}}",
    "{name: do_zone, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 265}}",
    "{name: rate_code, logicalType: integer}",
    "{name: payment, logicalType: string}",
    "{name: fare, logicalType: number, physicalType: 'numeric(10,2)', logicalTypeOptions: {minimum: 0}}",
    "{name: tip, logicalType: number, physicalType: 'numeric(10,2)'}",
    "{name: tolls, logicalType: number, physicalType: 'numeric(10,2)'}",
    "{name: total, logicalType: number, physicalType: 'numeric(10,2)'}",
    "{name: plate, logicalType: string, required: true, logicalTypeOptions: {pattern: '^[A-Z]{3}-[0-9]{4}$'}}",
    "{name: note, logicalType: string}",
]
ITEMS = [
    "{name: id, logicalType: integer, required: true}",
    "{name: price, logicalType: number, physicalType: 'numeric(12,2)', logicalTypeOptions: {minimum: 0}}",
]


def trips_pipeline(name):
    return f"""\
pipeline: {name}
version: 1
source:
  csv: {{path: "{name}/{{day}}/trips.csv"}}
contract: trips.odcs.yaml
partition: {{by: day, type: date}}
steps:
  - derive:
      duration_s: "cast(date_diff('second', pickup_ts, dropoff_ts) as integer)"
      extras: "cast(total - fare as decimal(10,2))"
memory: {MEMORY_LIMIT_MIB}MiB
sink:
  parquet: {{path: "lake/{name}"}}
  mode: replace
"""


ITEMS_PIPELINE = """\
pipeline: items
version: 1
source:
  csv: {path: "items/{part}/items.csv"}
contract: items.odcs.yaml
partition: {by: part, type: string}
steps:
  - derive: {gross: "cast(price * 1.19 as decimal(14,2))"}
sink:
  csv: {path: "lake/items"}
  mode: replace
"""


class Project:
    """A folder with a book; every command runs in it, in a process of its own."""

    def __init__(self, place, raw):
        self.place, self.raw = place, raw
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        self.run("daybook", "init")

    def write(self, name, text):
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def contract(self, name, columns):
        self.write(f"{name}.odcs.yaml", CONTRACT.format(name=name) + "".join(f"      - {c}\n" for c in columns))

    def run(self, program, *words, to=subprocess.DEVNULL):
        begun = time.monotonic()
        child = subprocess.Popen([str(PROGRAMS / program), *words], cwd=self.place, stdin=subprocess.DEVNULL, stdout=to,
                                 stderr=subprocess.PIPE, text=True)
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        if child.returncode != 0:
            sys.exit(f"bench: {program} {' '.join(words)} ended with {child.returncode}:\n{said}")
        return {"seconds": seconds, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}

    def note(self, what, measured, **details):
        line = {"what": what, **details, **{k: round(v, 6) for k, v in measured.items()}}
        self.raw.write(json.dumps(line) + "\n")
        self.raw.flush()
        print(f"{what:<22} {measured['seconds']:>10.3f} s {measured['cpu_s']:>9.3f} s cpu {measured['peak_mib']:>8.0f} MiB"
              + "".join(f"  {name} {value:,}" for name, value in details.items()))

    def measure(self, what, program, *words, times=1, **details):
        for _ in range(times):
            self.note(what, self.run(program, *words), **details)


def trips_of(directory, rows):
    """The records of the data plane's measurements; they stay for the next time."""
    path = directory / f"trips-{rows}.csv"
    if not path.exists():
        subprocess.run([str(PROGRAMS / "daybook_bench_dataplane"), "generate", str(rows), str(path)], check=True)
    return path


def repeated(path, times, to):
    """The file's header once and its records so many times: identity of a record is its place."""
    with path.open("rb") as one, to.open("wb") as out:
        out.write(one.readline())
        begin = one.tell()
        for _ in range(times):
            one.seek(begin)
            shutil.copyfileobj(one, out, 1 << 20)


def made_from_the_rest(archive):
    """Bytes of the files that the verifier makes anew from the others and compares."""
    with zipfile.ZipFile(archive) as files:
        return sum(files.getinfo(name).file_size for name in ("README.txt", "prov.json"))


def proof(directory, raw, rows):
    project = Project(directory / "proof", raw)
    project.contract("trips", TRIPS)
    project.write("trips.pipeline.yaml", trips_pipeline("trips"))
    (project.place / "trips/2024-01-01").mkdir(parents=True)
    os.link(trips_of(directory, rows), project.place / "trips/2024-01-01/trips.csv")
    project.measure("proof run", "daybook", "run", "trips.pipeline.yaml", rows=rows)
    with (project.place / "log.vkey").open("w") as key:
        project.run("daybook", "ledger", "key", to=key)
    some = random.Random(1)
    for _ in range(3):
        project.measure("proof re-execution", "daybook", "replay", "last", rows=rows)
        archive = project.place / "proof.zip"
        archive.unlink(missing_ok=True)
        made = project.run("daybook", "prove", "trips", f"trip_id={1_000_000_000 + some.randrange(rows)}", "-o", "proof.zip")
        project.note("proof made", made, rows=rows, bytes=archive.stat().st_size - made_from_the_rest(archive),
                     archive_bytes=archive.stat().st_size)
        project.measure("proof checked", "daybook-verify", "proof.zip", "--key-file", "log.vkey", times=5, rows=rows)
    shutil.rmtree(project.place)


def memory(directory, raw, rows):
    one = trips_of(directory, rows)
    for times in (1, 4):
        project = Project(directory / "memory", raw)
        project.contract("trips", TRIPS)
        project.write("trips.pipeline.yaml", trips_pipeline("trips"))
        (project.place / "trips/2024-01-01").mkdir(parents=True)
        repeated(one, times, project.place / "trips/2024-01-01/trips.csv")
        size = (project.place / "trips/2024-01-01/trips.csv").stat().st_size
        project.measure("memory", "daybook", "run", "trips.pipeline.yaml", rows=rows * times, input_bytes=size,
                        limit_mib=MEMORY_LIMIT_MIB)
        shutil.rmtree(project.place)


def partitions(directory, raw, most):
    for count in sorted({max(1, most // 100), max(1, most // 10), most}):
        project = Project(directory / "partitions", raw)
        project.contract("items", ITEMS)
        project.write("items.pipeline.yaml", ITEMS_PIPELINE)
        for part in range(count):
            project.write(f"items/p{part:06}/items.csv", f"id,price\n{part},10.00\n{part + 1},0.50\n")
        project.measure("partitions run", "daybook", "run", "items.pipeline.yaml", partitions=count)
        project.measure("partitions again", "daybook", "run", "items.pipeline.yaml", partitions=count)
        middle = f"p{count // 2:06}"
        project.measure("partitions explain", "daybook", "explain", middle, times=3, partitions=count)
        project.measure("partitions log", "daybook", "log", "--partition", middle, times=3, partitions=count)
        shutil.rmtree(project.place)


def main(directory, rows, most):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "project.jsonl").open("w") as raw:
        proof(directory, raw, int(rows))
        proof(directory, raw, int(rows))
        memory(directory, raw, int(rows))
        partitions(directory, raw, int(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
