"""A project small enough to know every byte of: a few days of orders, with a contract of three columns."""

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: urn:contract:tests:orders
name: orders
version: 1.0.0
status: active
schema:
  - name: orders
    logicalType: object
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: name, logicalType: string, required: true}
      - {name: amount, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: 1000}}
"""

PIPELINE = """pipeline: orders
version: 1
owner: tests
source:
  csv: {{path: "feed/{{day}}/orders.csv"}}
contract: contracts/orders.odcs.yaml
partition: {{by: day, type: date}}
sink:
  {sink}
  mode: {mode}
  compensate: restore_previous
retry: {{attempts: 3, backoff: {{initial: 100ms, factor: 2, max: 1s}}, timeout: 60s}}
concurrency: {{partitions: {concurrency}}}
approvals: {{load: {load}, compensate: {compensate}}}
"""

FILE = "orders.pipeline.yaml"
LAKE = 'csv: {path: "lake/orders"}'
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


def make(project, sink=LAKE, mode="replace", concurrency=2, load=0, compensate=0, rows=5, days=None):
    days = DAYS if days is None else days
    project.write("contracts/orders.odcs.yaml", CONTRACT)
    write_pipeline(project, sink, mode, concurrency, load, compensate)
    for number, day in enumerate(days):
        write_day(project, day, [f"{number * 1000 + row},name {row},{row % 1000}" for row in range(rows)])
    return project.init()


def write_pipeline(project, sink=LAKE, mode="replace", concurrency=2, load=0, compensate=0):
    project.write(FILE, PIPELINE.format(sink=sink, mode=mode, concurrency=concurrency, load=load,
                                        compensate=compensate))


def write_day(project, day, lines):
    """Lines are texts or bytes, without their end."""
    lines = [line if isinstance(line, bytes) else line.encode() for line in lines]
    project.write(f"feed/{day}/orders.csv", b"\n".join([b"id,name,amount", *lines]) + b"\n")


def loaded(project, day):
    """What a reader of the CSV sink sees of a day: its lines, sorted, without the header."""
    import glob
    lines = []
    for path in sorted(glob.glob(project.at("lake/orders", day, "*.csv"))):
        with open(path, encoding="utf-8") as file:
            lines += file.read().splitlines()[1:]
    return sorted(lines)
