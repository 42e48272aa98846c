#!/usr/bin/env python3
"""Every campaign for its share of the time, two at once; then the table. What failed does not end the others.

    soak.py --minutes 60 --build build/release [--simulation] [--fuzz build/fuzz/tests] [--write]

Of an hour or more, everything must have been met: each fault, crash point and "sometimes" point, each canary caught.
Reports are build/soak/<campaign>.json. --write puts the figures into docs/reliability.md.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "build/soak")

# name, script and arguments, share of one of two lanes
PLAN = [
    ("kills-csv", ["kill_runs.py", "--sink", "csv"], 0.29),
    ("kills-postgres", ["kill_runs.py", "--sink", "postgres"], 0.24),
    ("kills-csv-merge", ["kill_runs.py", "--sink", "csv", "--mode", "merge"], 0.07),
    ("kills-postgres-merge", ["kill_runs.py", "--sink", "postgres", "--mode", "merge"], 0.08),
    ("pauses-csv", ["pause_runs.py", "--sink", "csv"], 0.14),
    ("pauses-postgres", ["pause_runs.py", "--sink", "postgres"], 0.16),
    ("postgres", ["postgres_runs.py"], 0.28),
    ("full-disk", ["full_disk.py"], 0.12),
    ("keepers", ["keeper_runs.py"], 0.12),
    ("damage", ["damage_runs.py"], 0.16),
    ("tests", ["test_runs.py"], 0.06),
]
WHOLE = 60  # minutes from which on everything is to be met
SIMULATION, FUZZ = 0.5, 0.36  # where they were built; the others then share what is left


def tasks(options):
    """(name, command, seconds) in the order in which they are begun."""
    seconds = options.minutes * 60
    extra = []
    if options.simulation:
        extra.append(("simulation", SIMULATION))
    if options.fuzz:
        extra.append(("fuzz", FUZZ))
    left = 2 - sum(share for _, share in extra)
    scale = left / sum(share for _, _, share in PLAN) * 0.95  # a campaign ends its cycle when its time is over
    out = []
    for name, share in extra:
        span = seconds * share * 0.95
        if name == "simulation":  # it writes its report itself
            out.append((name, [os.path.join(ROOT, "tools/dev"), "soak-simulation", str(int(span)), str(options.seed)]))
        else:
            targets = len([one for one in os.listdir(os.path.join(ROOT, "tests/fuzz")) if one.endswith("_fuzz.cc")])
            out.append((name, [sys.executable, "-B", os.path.join(ROOT, "tests/fuzz/run.py"), "--programs", options.fuzz,
                               "--seconds", str(max(1, int(span / targets))), "--report",
                               os.path.join(OUT, "fuzz.json")]))
    for name, words, share in PLAN:
        out.append((name, [sys.executable, "-B", os.path.join(HERE, words[0]), *words[1:], "--seconds",
                           f"{seconds * share * scale:.0f}", "--seed", str(options.seed), "--report",
                           os.path.join(OUT, name + ".json")]))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--fuzz", help="folder of the fuzz programs; none: no fuzzing")
    parser.add_argument("--simulation", action="store_true", help="simulate, too: the simulator is built")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    options = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    environment = {**os.environ, "DAYBOOK_BINARY": os.path.abspath(os.path.join(options.build, "daybook"))}
    waiting, failed, lock = tasks(options), [], threading.Lock()
    print(f"soak: {options.minutes:g} minutes from seed {options.seed}", flush=True)

    def lane():
        while True:
            with lock:
                if not waiting:
                    return
                name, command = waiting.pop(0)
            log = os.path.join(OUT, name + ".log")
            started = time.monotonic()
            with open(log, "w", encoding="utf-8") as file:
                done = subprocess.run(command, check=False, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                                      stdout=file, stderr=subprocess.STDOUT)
            with lock:
                verdict = "passed" if done.returncode == 0 else f"FAILED, see {os.path.relpath(log, ROOT)}"
                print(f"  {name:<18}{time.monotonic() - started:>7.0f} s  {verdict}", flush=True)
                if done.returncode != 0:
                    failed.append(name)

    lanes = [threading.Thread(target=lane) for _ in range(2)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    table = [sys.executable, "-B", os.path.join(HERE, "table.py")]
    if subprocess.run(table + ["--never"], check=False, cwd=ROOT).returncode != 0 and options.minutes >= WHOLE:
        failed.append("completeness")
    with open(os.path.join(OUT, "soak.json"), "w", encoding="utf-8") as file:
        json.dump({"minutes": options.minutes, "seed": options.seed, "failed": failed,
                   "date": time.strftime("%Y-%m-%d", time.gmtime())}, file)
    subprocess.run(table + (["--write"] if options.write else []), check=True, cwd=ROOT)
    if failed:
        sys.exit(f"soak failed: {', '.join(failed)}")
    print("soak passed; reports are in build/soak")


if __name__ == "__main__":
    main()
