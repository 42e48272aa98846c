"""Runs the measurements, shows what they found beside the goals of the design, and plots how cost grows.

    table.py [quick] [ledger|fold|book|dataplane|project ...]
    table.py page          writes the page and the plot again from what was found before

Writes build/bench/results.json (quick: quick.json) and scaling.svg beside it. A run of some programs keeps what
the others found before. A run that is not quick also writes the tables into docs/performance.md, what they are made
of into docs/performance.jsonl, and the plot into docs/images/scaling.svg.
"""

import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import plot

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/bench"
BEGIN, END = "<!-- table.py writes from here -->", "<!-- to here -->"

# program, arguments of a full run, of a quick run
PROGRAMS = {
    "ledger": (["{dir}/ledger", "10000000", "7"], ["{dir}/ledger", "100000", "3"]),
    "fold": (["100"], ["10"]),
    "book": (["{dir}", "10000000"], ["{dir}", "100000"]),
    "dataplane": (["10000000", "2", "3", "{dir}"], ["200000", "2", "1", "{dir}"]),
    "project": (["{dir}", "10000000", "2000"], ["{dir}", "200000", "50"]),
}
# The data plane once more with fewer rows, for its growth; JSONL has a fifth of them.
FEWER_ROWS = (["100000", "1000000"], ["50000"])

# id, what, goal, whether more is better, unit
GOALS = [
    ("append_1", "append, one entry, / RocksDB alone", 0.75, True, "x"),
    ("append_256", "append, groups of 256, / RocksDB alone", 0.9, True, "x"),
    ("append_256_pipeline", "the same through AppendPipeline", 0.9, True, "x"),
    ("append_256_pipeline.per_second", "the same, entries a second", 500e3, True, "/s"),
    ("append_4096", "append, groups of 4,096, / RocksDB alone", 0.9, True, "x"),
    ("append_4096_pipeline", "the same through AppendPipeline", 0.9, True, "x"),
    ("decode + apply", "fold (decode + apply), entries a second of one core", 3e6, True, "/s"),
    ("verify_openssl", "verify / SHA-256 alone, OpenSSL", 0.7, True, "x"),
    ("verify_lanes", "verify / SHA-256 alone, our lanes", 0.7, True, "x"),
    ("verify_lanes.per_second", "verify, entries a second of one core", 3e6, True, "/s"),
    ("open_closed", "open the large book / 10 k entries, closed", 2, False, "x"),
    ("open_killed", "open the large book / 10 k entries, killed", 2, False, "x"),
    ("csv.time", "audited CSV to Parquet / plain DuckDB, time", 0.8, False, "x"),
    ("csv.cpu", "the same, processor time", 0.8, False, "x"),
    ("csv.memory", "the same, memory", 1, False, "x"),
    ("jsonl.time", "audited JSONL to Parquet / plain DuckDB, time", 0.9, False, "x"),
    ("jsonl.cpu", "the same, processor time", 0.9, False, "x"),
    ("parquet.time", "audited Parquet to Parquet / plain DuckDB, time", 1.25, False, "x"),
    ("parquet.cpu", "the same, processor time", 1.25, False, "x"),
    ("proof.made", "proof of a row / re-execution of its partition, processor time", 2, False, "x"),
    ("proof.bytes", "proof of a row, without the two files made from it", 16 << 10, False, "B"),
    ("proof.archive", "the same, the whole archive", 16 << 10, False, "B"),
    ("proof.checked", "the same, checked offline, processor time", 0.05, False, "s"),
    ("memory.limit", "peak memory over a large CSV / configured limit", 1, False, "x"),
    ("memory.growth", "the same / peak memory over a quarter of it", 1.1, False, "x"),
    ("partitions.growth", "run of many partitions / of a tenth, processor time each", 1.25, False, "x"),
]


def started(command, environment):
    print("$ " + " ".join(os.path.relpath(c) if c.startswith("/") else c for c in command), file=sys.stderr)
    subprocess.run(command, check=True, cwd=ROOT, env=environment)


def run(name, quick):
    load = os.getloadavg()[0]  # of others, on this machine: the disk and the processors are shared
    begun = time.monotonic()
    arguments = [a.format(dir=OUT) for a in PROGRAMS[name][1 if quick else 0]]
    program = str(ROOT / f"build/release/daybook_bench_{name}")
    command = [program, *arguments]
    if name == "project":
        command = [sys.executable, "-B", str(ROOT / "tools/bench/project.py"), *arguments]
    lines = OUT / "lines.jsonl"
    lines.unlink(missing_ok=True)
    raw = OUT / f"{name}.jsonl"
    raw.unlink(missing_ok=True)
    environment = {**os.environ, "DAYBOOK_BENCH_RESULTS": str(lines)}
    if name == "dataplane":
        for rows in FEWER_ROWS[1 if quick else 0]:
            started([program, rows, *arguments[1:]], environment)
    started(command, environment)
    figures = {}
    if lines.exists():
        for line in lines.read_text().splitlines():
            figure = json.loads(line)
            figures[figure.pop("id")] = figure
        lines.unlink()
    rows = [json.loads(line) for line in raw.read_text().splitlines()] if raw.exists() else []
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "load": load,
            "seconds": round(time.monotonic() - begun, 1),
            "command": " ".join("python3" if c == sys.executable else os.path.relpath(c, ROOT) if c.startswith("/") else c
                                for c in command),
            "figures": figures, "raw": rows}


def derived(name, rows):
    """Figures that are made of a program's measurements."""
    if name == "project":
        return of_project(rows)
    figures = {}
    if name == "dataplane":
        for source in sorted({r["source"] for r in rows}):
            most = max(r["rows"] for r in rows if r["source"] == source)

            def all_of(side, what):
                return [r[what] for r in rows if r["source"] == source and r["side"] == side and r["rows"] == most]
            for figure, field in (("time", "wall_s"), ("cpu", "cpu_s")):
                pairs = zip(all_of("daybook", field), all_of("duckdb", field))
                figures[f"{source}.{figure}"] = {"value": statistics.median(a / b for a, b in pairs)}
            figures[f"{source}.memory"] = {
                "value": max(all_of("daybook", "peak_mib")) / max(all_of("duckdb", "peak_mib"))}
    return figures


def of_project(rows):
    """Figures of tools/bench/project.py, as far as it went."""
    def all_of(what, field, **where):
        return [r[field] for r in rows if r["what"] == what and all(r[k] == v for k, v in where.items())]

    found = {}
    if made := all_of("proof made", "cpu_s"):
        found["proof.made"] = statistics.median(a / b for a, b in zip(made, all_of("proof re-execution", "cpu_s")))
        found["proof.bytes"] = max(all_of("proof made", "bytes"))
        found["proof.archive"] = max(all_of("proof made", "archive_bytes"))
    if checked := all_of("proof checked", "cpu_s"):
        found["proof.checked"] = statistics.median(checked)
    sizes = sorted(set(all_of("memory", "rows")))
    if len(sizes) > 1:
        peaks = [max(all_of("memory", "peak_mib", rows=size)) for size in sizes]
        found["memory.limit"] = peaks[-1] / all_of("memory", "limit_mib")[0]
        found["memory.growth"] = peaks[-1] / peaks[0]
    counts = sorted(set(all_of("partitions run", "partitions")))
    if len(counts) > 1:
        each = [statistics.median(all_of("partitions run", "cpu_s", partitions=count)) / count for count in counts]
        found["partitions.growth"] = each[-1] / each[-2]
    return {name: {"value": value} for name, value in found.items()}


# --- growth -----------------------------------------------------------------------------------------


def of_book(results, what, field, scale=1.0):
    rows = results["programs"].get("book", {}).get("raw", [])
    return [(row["entries"], row[field] * scale) for row in rows if row["what"] == what]


def of_rows(results, source, side, field, pick):
    found = {}
    for row in results["programs"].get("dataplane", {}).get("raw", []):
        if row["source"] == source and row["side"] == side:
            found.setdefault(row["rows"], []).append(row[field])
    return [(rows, pick(values)) for rows, values in sorted(found.items())]


def panels(results):
    out = []
    if of_book(results, "open", "seconds"):
        out.append(plot.Panel("To begin, and to work on one entry", "entries of the book", "milliseconds", {
            "open": of_book(results, "open", "seconds", 1e3),
            "start a keeper": of_book(results, "start", "seconds", 1e3),
            "prove an entry": of_book(results, "proof", "seconds", 1e3),
            "append, of 256": of_book(results, "append", "seconds", 1e3)}))
        out.append(plot.Panel("To go over all of it", "entries of the book", "seconds", {
            "fold": of_book(results, "fold", "seconds"), "verify": of_book(results, "verify", "seconds")}))
        out.append(plot.Panel("Peak memory over a book", "entries of the book", "MiB", {
            what: of_book(results, what, "peak_mib") for what in ("open", "start", "fold", "verify")}))
    sides = [(source, side) for source in ("csv", "jsonl", "parquet") for side in ("daybook", "duckdb")
             if of_rows(results, source, side, "wall_s", statistics.median)]
    if sides:
        def name(source, side):
            return source if side == "daybook" else f"{source}, DuckDB"
        dashed = [name(source, side) for source, side in sides if side == "duckdb"]
        out.append(plot.Panel("Audited run, and plain DuckDB", "rows", "seconds", {
            name(*one): of_rows(results, *one, "wall_s", statistics.median) for one in sides}, dashed))
        out.append(plot.Panel("Peak memory of the same", "rows", "MiB", {
            name(*one): of_rows(results, *one, "peak_mib", max) for one in sides}, dashed))
    return out


def growth(results):
    """The raw figures of the plot as tables."""
    lines = []
    rows = results["programs"].get("book", {}).get("raw", [])
    if rows:
        sizes = sorted({row["entries"] for row in rows})
        lines += ["", "| book | " + " | ".join(f"{size:,}" for size in sizes) + " |",
                  "|---|" + "---|" * len(sizes)]
        for what, text in (("open", "open"), ("start", "start a keeper, from its snapshot"), ("fold", "fold all of it"),
                           ("verify", "verify all of it"), ("proof", "prove one entry"),
                           ("append", "append, an entry of a group of 256")):
            cells = []
            for size in sizes:
                row = next(r for r in rows if r["entries"] == size and r["what"] == what)
                cells.append(f"{duration(row['seconds'])}, {row['peak_mib']:.0f} MiB")
            lines.append(f"| {text} | " + " | ".join(cells) + " |")
    raw = results["programs"].get("dataplane", {}).get("raw", [])
    if raw:
        sizes = sorted({row["rows"] for row in raw})
        lines += ["", "| rows | " + " | ".join(f"{size:,}" for size in sizes) + " |", "|---|" + "---|" * len(sizes)]
        for source in ("csv", "jsonl", "parquet"):
            for side, text in (("daybook", "audited"), ("duckdb", "plain DuckDB")):
                cells = []
                for size in sizes:
                    some = [r for r in raw if (r["source"], r["side"], r["rows"]) == (source, side, size)]
                    cells.append(f"{duration(statistics.median(r['wall_s'] for r in some))}, "
                                 f"{max(r['peak_mib'] for r in some):.0f} MiB" if some else "–")
                lines.append(f"| {source}, {text} | " + " | ".join(cells) + " |")
    rows = results["programs"].get("project", {}).get("raw", [])
    large = [r for r in rows if r["what"] == "memory"]
    if large:
        lines += ["", "| input of an audited run | " + " | ".join(f"{r['input_bytes'] / 1e9:.2f} GB" for r in large) + " |",
                  "|---|" + "---|" * len(large),
                  f"| peak memory, limit {large[0]['limit_mib']} MiB | "
                  + " | ".join(f"{r['peak_mib']:.0f} MiB" for r in large) + " |"]
    many = [r for r in rows if r["what"].startswith("partitions ")]
    if many:
        counts = sorted({r["partitions"] for r in many})
        lines += ["", "| partitions, each of two records | " + " | ".join(f"{count:,}" for count in counts) + " |",
                  "|---|" + "---|" * len(counts)]
        for what, text in (("run", "run, the first time"), ("again", "run again: all skipped"),
                           ("explain", "explain one partition"), ("log", "the log of one partition")):
            cells = []
            for count in counts:
                some = [r for r in many if r["what"] == f"partitions {what}" and r["partitions"] == count]
                cells.append(f"{duration(statistics.median(r['seconds'] for r in some))}, of it "
                             f"{duration(statistics.median(r['cpu_s'] for r in some))} at work" if some else "–")
            lines.append(f"| {text} | " + " | ".join(cells) + " |")
    return lines


def duration(seconds):
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def value_of(figures, name):
    if name in figures:
        return figures[name]["value"]
    whole, _, part = name.rpartition(".")
    return figures.get(whole, {}).get(part)


def shown(value, unit):
    if unit == "x":
        return f"{value:.2f}"
    if unit == "B":
        return f"{value / 1024:.1f} KiB"
    if unit == "s":
        return duration(value)
    return f"{value / 1e6:.2f} M/s" if value >= 1e6 else f"{value / 1e3:.0f} k/s"


def table(results):
    figures = {}
    for name, program in results["programs"].items():
        figures.update(program["figures"])
        figures.update(derived(name, program["raw"]))
    rows = []
    for name, what, goal, more, unit in GOALS:
        value = value_of(figures, name)
        if value is None:
            continue
        met = value >= goal if more else value <= goal
        rows.append((what, shown(value, unit), ("≥ " if more else "≤ ") + shown(goal, unit),
                     "yes" if met else "**no**"))
    return rows


def markdown(results):
    lines = [f"On {results['machine']}.", "", "| what | measured | goal | reached |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in table(results)]
    lines += ["", "| date | load before | command |", "|---|---|---|"]
    lines += [f"| {p['date']} | {p['load']:.1f} | `{p['command']}` |" for p in results["programs"].values()]
    if growth(results):
        lines += ["", "### How cost grows", "", "![Time and memory by entries of the book and by rows](images/scaling.svg)",
                  *growth(results)]
    return "\n".join(lines)


def raw_lines(results):
    """One line a program, with its command and figures, and one for each of its measurements."""
    for name, program in results["programs"].items():
        yield json.dumps({"program": name, **{k: v for k, v in program.items() if k != "raw"}})
        for row in program["raw"]:
            yield json.dumps({"program": name, **row})


def machine():
    names = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else "unknown processor"


def main(arguments):
    quick = "quick" in arguments
    names = [] if arguments == ["page"] else [a for a in arguments if a != "quick"] or list(PROGRAMS)
    for name in names:
        if name not in PROGRAMS:
            sys.exit(f"bench: no '{name}'; there are {', '.join(PROGRAMS)}, quick and page")
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / ("quick.json" if quick else "results.json")
    results = {"machine": machine(), "programs": {}}
    if path.exists():
        results["programs"] = json.loads(path.read_text())["programs"]
    for name in names:
        results["programs"][name] = run(name, quick)
        path.write_text(json.dumps(results, indent=1) + "\n")
    for row in [("what", "measured", "goal", "reached"), *table(results)]:
        print(f"{row[0]:<52} {row[1]:>10}  {row[2]:>12}  {row[3].strip('*')}")
    if panels(results):
        image = OUT / "scaling.svg" if quick else ROOT / "docs/images/scaling.svg"
        plot.write(image, panels(results), "Time and memory by entries of the book and by rows")
        print(f"plot: {os.path.relpath(image)}")
    page = ROOT / "docs/performance.md"
    if not quick:
        text = page.read_text()
        before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
        page.write_text(f"{text[:before]}\n{markdown(results)}\n{text[after:]}")
        page.with_suffix(".jsonl").write_text("".join(line + "\n" for line in raw_lines(results)))


if __name__ == "__main__":
    main(sys.argv[1:])
