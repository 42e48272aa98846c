#!/usr/bin/env python3
"""Runs the fuzz targets, each for some time, and says what they did. Inputs that led somewhere new are kept in
build/fuzz/found/<target> and are where the next run begins; findings go to build/fuzz/findings.

    run.py --programs build/fuzz/tests --seconds 60 [--jobs 2] [--report build/soak/fuzz.json] [TARGET…]
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build/fuzz")
CORPUS, FOUND, FINDINGS = (os.path.join(BUILD, name) for name in ("corpus", "found", "findings"))


def is_libfuzzer(program):
    done = subprocess.run([program, "-help=1"], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return b"libFuzzer" in done.stdout


def fuzz(options, target):
    """One target for its time: what it executed and what it found."""
    program = os.path.join(options.programs, "fuzz_" + target)
    seeds, found = os.path.join(CORPUS, target), os.path.join(FOUND, target)
    for folder in (found, FINDINGS):
        os.makedirs(folder, exist_ok=True)
    before = set(os.listdir(FINDINGS))
    started = time.monotonic()
    if is_libfuzzer(program):
        command = [program, f"-max_total_time={options.seconds}", "-timeout=20", "-rss_limit_mb=3072", "-max_len=65536",
                   "-print_final_stats=1", f"-artifact_prefix={FINDINGS}/{target}-", found, seeds]
    else:
        command = [program, "--seconds", str(options.seconds), "--seed", str(int(time.time())), seeds, found]
    # DuckDB and RocksDB are linked by some targets and leak on purpose at exit.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
                   "UBSAN_OPTIONS": "print_stacktrace=1"}
    symbolizer = shutil.which("llvm-symbolizer") or next(iter(sorted(glob.glob("/usr/bin/llvm-symbolizer-*"))), None)
    if symbolizer:
        environment["ASAN_SYMBOLIZER_PATH"] = symbolizer
    done = subprocess.run(command, check=False, cwd=FINDINGS, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    executions = sum(int(libfuzzer or ours) for libfuzzer, ours in
                     re.findall(r"number_of_executed_units: (\d+)|, (\d+) mutations", text))
    coverage = re.findall(r"\bcov: (\d+)", text)
    new = sorted(name for name in set(os.listdir(FINDINGS)) - before if target in name)
    if done.returncode != 0:
        with open(os.path.join(FINDINGS, f"{target}.log"), "w", encoding="utf-8") as file:
            file.write(text)
    return {"target": target, "executions": executions, "seconds": round(time.monotonic() - started, 1),
            "coverage": int(coverage[-1]) if coverage else None, "seeds": len(glob.glob(seeds + "/*")),
            "corpus": len(os.listdir(found)), "findings": new, "exit": done.returncode}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--report")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    options.programs = os.path.abspath(options.programs)
    known = sorted(os.path.basename(path).removesuffix("_fuzz.cc") for path in glob.glob(os.path.join(HERE, "*_fuzz.cc")))
    for target in options.targets:
        if target not in known:
            sys.exit(f"no target '{target}'; there are {', '.join(known)}")
    targets = options.targets or known
    # Afresh: what is in it may have been made of an older golden book or example.
    subprocess.run([sys.executable, "-B", os.path.join(HERE, "seeds.py"), CORPUS,
                    os.path.join(options.programs, "fuzz_seeds")], check=True, stdout=subprocess.DEVNULL)

    print(f"{'target':<12}{'executions':>13}{'a second':>10}{'edges':>8}{'corpus':>8}  findings", flush=True)
    results = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for one in pool.map(lambda target: fuzz(options, target), targets):
            results.append(one)
            rate = one["executions"] / max(one["seconds"], 0.1)
            bad = ", ".join(one["findings"]) or (f"exit {one['exit']}" if one["exit"] else "none")
            print(f"{one['target']:<12}{one['executions']:>13,}{rate:>10,.0f}{one['coverage'] or '':>8}"
                  f"{one['corpus']:>8}  {bad}", flush=True)
    total = sum(one["executions"] for one in results)
    bad = [one["target"] for one in results if one["exit"] != 0]
    print(f"{total:,} executions of {len(results)} targets", flush=True)
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            json.dump({"campaign": "fuzz", "executions": total, "targets": results,
                       "failure": f"findings in {', '.join(bad)}" if bad else None}, file, indent=1)
            file.write("\n")
    if bad:
        sys.exit(f"findings are in {os.path.relpath(FINDINGS)}; a finding becomes a file of tests/fuzz/regressions/TARGET")


if __name__ == "__main__":
    main()
