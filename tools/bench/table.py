"""Runs the measurements and shows what they found beside the goals of the design.

    table.py [quick] [ledger|fold|dataplane ...]

Writes build/bench/results.json (quick: quick.json). A run of some programs keeps what the others
found before. A run that is not quick also writes the table into docs/performance.md.
"""

import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/bench"
BEGIN, END = "<!-- table.py writes from here -->", "<!-- to here -->"

# program, arguments of a full run, of a quick run
PROGRAMS = {
    "ledger": (["{dir}/ledger", "10000000", "7"], ["{dir}/ledger", "100000", "3"]),
    "fold": (["100"], ["10"]),
    "dataplane": (["10000000", "2", "3", "{dir}"], ["200000", "2", "3", "{dir}"]),
}

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


def run(name, quick):
    load = os.getloadavg()[0]  # of others, on this machine: the disk and the processors are shared
    arguments = [a.format(dir=OUT) for a in PROGRAMS[name][1 if quick else 0]]
    command = [str(ROOT / f"build/release/daybook_bench_{name}"), *arguments]
    print("$ " + " ".join(os.path.relpath(c) if c.startswith("/") else c for c in command), file=sys.stderr)
    lines = OUT / "lines.jsonl"
    lines.unlink(missing_ok=True)
    raw = OUT / "dataplane.jsonl"
    if name == "dataplane":
        raw.unlink(missing_ok=True)
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "DAYBOOK_BENCH_RESULTS": str(lines)})
    figures = {}
    if lines.exists():
        for line in lines.read_text().splitlines():
            figure = json.loads(line)
            figures[figure.pop("id")] = figure
        lines.unlink()
    if name == "dataplane":
        rows = [json.loads(line) for line in raw.read_text().splitlines()]
        for source in sorted({r["source"] for r in rows}):
            def all_of(side, what):
                return [r[what] for r in rows if r["source"] == source and r["side"] == side]
            pairs = zip(all_of("daybook", "wall_s"), all_of("duckdb", "wall_s"))
            figures[f"{source}.time"] = {"value": statistics.median(a / b for a, b in pairs)}
            figures[f"{source}.memory"] = {
                "value": max(all_of("daybook", "peak_mib")) / max(all_of("duckdb", "peak_mib"))}
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "load": load,
            "command": " ".join(os.path.relpath(c, ROOT) if c.startswith("/") else c for c in command),
            "figures": figures}


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
    page = ROOT / "docs/performance.md"
    if not quick:
        text = page.read_text()
        before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
        page.write_text(f"{text[:before]}\n{markdown(results)}\n{text[after:]}")


if __name__ == "__main__":
    main(sys.argv[1:])
