"""Branch coverage of what must not be wrong: state machine, codec, ledger and sink protocols.

    coverage.py build/coverage [--write]

Reads what gcov says after the tests of a build with the preset `coverage` (tools/dev coverage does all of it).
Branches that only an exception takes are left out (the compiler makes one of every call), and those of
always-on assertions, which no test can take. --write puts the list into docs/coverage.md.
"""

import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WATCHED = ("statemachine/", "ledger/", "runner/connect/")
PAGE = os.path.join(ROOT, "docs/coverage.md")
REASONS = os.path.join(ROOT, "tests/coverage_reasons.json")


def decisions(line):
    """How often each way of each decision of the line was taken. A call is none: it goes on, or throws. Nor are the
    loops by which the compiler takes apart what was half built when something threw: no way of them is ever taken,
    though the line was."""
    out, arcs = [], line["branches"]
    for index, one in enumerate(arcs):
        calls = one["throw"] or (one["fallthrough"] and index + 1 < len(arcs) and arcs[index + 1]["throw"])
        if not calls:
            out.append((one["fallthrough"], one["count"]))
    counts, index = [], 0
    while index < len(out):
        pair = index + 1 < len(out) and out[index][0] and not out[index + 1][0]
        ways = [count for _, count in out[index:index + (2 if pair else 1)]]
        if not (pair and line["count"] > 0 and not any(ways)):
            counts += ways
        index += 2 if pair else 1
    return counts


def branches(build):
    """file -> line -> [times each branch was taken]; the same line in several objects is added up."""
    found = collections.defaultdict(lambda: collections.defaultdict(dict))
    lines = collections.defaultdict(dict)
    data = sorted(glob.glob(os.path.join(build, "**/*.gcda"), recursive=True))
    if not data:
        sys.exit(f"no counts in {build}: run its tests first")
    for path in data:
        done = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", path], check=True,
                              cwd=build, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for text in done.stdout.splitlines():
            unit = json.loads(text)
            for file in unit["files"]:
                # Absolute, unless a compiler cache made it relative to where the compiler ran.
                name = os.path.relpath(os.path.join(unit["current_working_directory"], file["file"]), ROOT)
                if not name.startswith(WATCHED) or not name.endswith((".cc", ".h")):
                    continue
                for line in file["lines"]:
                    number = line["line_number"]
                    lines[name][number] = lines[name].get(number, 0) + line["count"]
                    real = decisions(line)
                    counts = found[name][number].setdefault((line.get("function_name", ""), len(real)), [0] * len(real))
                    for index, count in enumerate(real):
                        counts[index] += count
    return found, lines


def assertion_lines(path):
    """Lines of assertions, over their whole statement, and of comparisons that the compiler writes."""
    out, inside = set(), False
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if re.search(r"\bDAYBOOK_ASSERT\(|\bDAYBOOK_CRASH_POINT\(", text):
                inside = True
            if inside:
                out.add(number)
                inside = ");" not in text
            if "= default;" in text:
                out.add(number)
    return out


def error_lines(path):
    """Lines that pass an error on and do nothing else: whoever failed is a system call, the database or the server."""
    with open(path, encoding="utf-8") as file:
        text = file.read().split("\n")
    out = set()
    for number, line in enumerate(text, 1):
        whole = line if line.rstrip().endswith((";", "}")) else line + " ".join(text[number:number + 3])
        if re.search(r"\bif \((?:.*; )?!\*?\w+(?:->\w+)?\) \{? *(?:co_)?return\b", whole):
            out.add(number)
        elif re.search(r"\bif \(.*\) \{? *return \(?(?:errno_failure|failed|failure|fail)\(", whole):
            out.add(number)
    return out


def ranges(numbers):
    """3 4 5 9 -> 3–5, 9"""
    out = []
    for number in sorted(numbers):
        if out and number == out[-1][1] + 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in out)


def measure(build):
    """(file, branches, taken, lines with a branch that was never taken, such lines that only pass an error on) of each
    watched file."""
    found, _ = branches(build)
    rows = []
    for name in sorted(found):
        path = os.path.join(ROOT, name)
        if not os.path.exists(path):
            continue
        skipped, errors = assertion_lines(path), error_lines(path)
        total = taken = 0
        open_lines = set()
        for number, functions in found[name].items():
            if number in skipped or not functions:
                continue
            # Of templates and headers every instance has its own; taken in one is taken.
            width = max(size for _, size in functions)
            merged = [0] * width
            for counts in functions.values():
                for index, count in enumerate(counts):
                    merged[index] += count
            total += width
            taken += sum(count > 0 for count in merged)
            if any(count == 0 for count in merged):
                open_lines.add(number)
        if total:
            rows.append((name, total, taken, open_lines - errors, open_lines & errors))
    return rows


def page(rows):
    out = ["# Branch coverage", "",
           "Of the state machine, the codec, the ledger and the sink protocols, by all tests in C++ (`tools/dev coverage` "
           "measures it",
           "and writes this page). Branches that only an exception takes, assertions and crash points are left out. The "
           "acceptance",
           "tests and campaigns, which drive the release binary, are not counted: they take some of what is open here.", "",
           "| part | branches | taken | | lines with an open branch | of these, an error passed on |",
           "|---|---|---|---|---|---|"]
    parts = collections.OrderedDict()
    for name, total, taken, others, errors in rows:
        part = parts.setdefault(os.path.dirname(name), [0, 0, 0, 0])
        for index, value in enumerate((total, taken, len(others) + len(errors), len(errors))):
            part[index] += value
    out += [f"| `{part}/` | {total:,} | {taken:,} | {taken / total:.1%} | {lines} | {errors} |"
            for part, (total, taken, lines, errors) in parts.items()]
    reasons = {}
    if os.path.exists(REASONS):
        with open(REASONS, encoding="utf-8") as file:
            reasons = json.load(file)
    out += ["", "| file | branches | taken | lines with a branch that no test takes | that only pass an error on | |",
            "|---|---|---|---|---|---|"]
    for name, total, taken, others, errors in rows:
        if others or errors:
            out.append(f"| `{name}` | {total} | {taken / total:.1%} | {ranges(others)} | {ranges(errors)} | "
                       f"{reasons.get(name, '')} |")
    whole = [name for name, _, _, others, errors in rows if not others and not errors]
    out += ["", f"Every branch is taken in {len(whole)} files: " + ", ".join(f"`{name}`" for name in whole) + "."]
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--write", action="store_true", help="write docs/coverage.md")
    options = parser.parse_args()
    rows = measure(os.path.abspath(options.build))
    for name, total, taken, others, errors in rows:
        print(f"{name:<44}{taken:>6} of {total:<6}{taken / total:>7.1%}  {ranges(others)[:60]}; {len(errors)} pass an error on")
    if options.write:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(page(rows))


if __name__ == "__main__":
    main()
