"""Runs the measurements, shows what they found beside the goals of the design, and plots how cost grows.

    table.py [quick] [ledger|fold|book|dataplane ...]

Writes build/bench/results.json (quick: quick.json) and scaling.svg beside it. A run of some programs keeps what
the others found before. A run that is not quick also writes the tables into docs/performance.md and the plot into
docs/images/scaling.svg.
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
    ("decode + apply", "fold (decode + apply), entries a second", 3e6, True, "/s"),
    ("verify_openssl", "verify / SHA-256 alone, OpenSSL", 0.7, True, "x"),
    ("verify_lanes", "verify / SHA-256 alone, our lanes", 0.7, True, "x"),
    ("verify_lanes.per_second", "verify, entries a second", 3e6, True, "/s"),
    ("open_closed", "open the large book / 10 k entries, closed", 2, False, "x"),
    ("open_killed", "open the large book / 10 k entries, killed", 2, False, "x"),
    ("csv.time", "audited CSV to Parquet / plain DuckDB, time", 0.8, False, "x"),
    ("csv.memory", "the same, memory", 1, False, "x"),
    ("jsonl.time", "audited JSONL to Parquet / plain DuckDB, time", 0.9, False, "x"),
    ("parquet.time", "audited Parquet to Parquet / plain DuckDB, time", 1.25, False, "x"),
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
    if name == "dataplane":
        for source in sorted({r["source"] for r in rows}):
            most = max(r["rows"] for r in rows if r["source"] == source)

            def all_of(side, what):
                return [r[what] for r in rows if r["source"] == source and r["side"] == side and r["rows"] == most]
            pairs = zip(all_of("daybook", "wall_s"), all_of("duckdb", "wall_s"))
            figures[f"{source}.time"] = {"value": statistics.median(a / b for a, b in pairs)}
            figures[f"{source}.memory"] = {
                "value": max(all_of("daybook", "peak_mib")) / max(all_of("duckdb", "peak_mib"))}
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "load": load,
            "seconds": round(time.monotonic() - begun, 1),
            "command": " ".join(os.path.relpath(c, ROOT) if c.startswith("/") else c for c in command),
            "figures": figures, "raw": rows}


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
    return f"{value / 1e6:.2f} M/s" if value >= 1e6 else f"{value / 1e3:.0f} k/s"


def table(results):
    figures = {}
    for program in results["programs"].values():
        figures.update(program["figures"])
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


def machine():
    names = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else "unknown processor"


def main(arguments):
    quick = "quick" in arguments
    names = [a for a in arguments if a != "quick"] or list(PROGRAMS)
    for name in names:
        if name not in PROGRAMS:
            sys.exit(f"bench: no '{name}'; there are {', '.join(PROGRAMS)} and quick")
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


if __name__ == "__main__":
    main(sys.argv[1:])
