#!/usr/bin/env python3
"""The table of faults: what is promised, what shows it, and the figures of the last campaigns (build/soak/*.json).

    table.py            prints it with the figures
    table.py --write    puts it into docs/reliability.md
    table.py --check    the page has every row as faults.py says, and every test it names exists
    table.py --never    says what the campaigns did not meet, and fails if there is anything
"""

import argparse
import glob
import json
import os
import re
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import goals  # noqa: E402
from faults import FAULTS, OUTSIDE  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REPORTS = os.path.join(ROOT, "build/soak")
PAGE = os.path.join(ROOT, "docs/reliability.md")
BEGIN, END = "<!-- table.py writes from here -->", "<!-- to here -->"


def reports():
    found = {}
    for path in sorted(glob.glob(os.path.join(REPORTS, "*.json"))):
        with open(path, encoding="utf-8") as file:
            found[os.path.splitext(os.path.basename(path))[0]] = json.load(file)
    return found


# --- tests --------------------------------------------------------------------------------------


def test_names():
    """Every name a row may use -> the file it is in."""
    found = {}
    for folder, _, names in os.walk(os.path.join(ROOT, "tests")):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith(".cc"):
                with open(path, encoding="utf-8") as file:
                    for suite, test in re.findall(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\(\s*(\w+),\s*(\w+)\)",
                                                  file.read(), re.M):
                        found[f"{suite}.{test}"] = os.path.relpath(path, ROOT)
            elif name.endswith(".py"):
                if os.path.basename(folder) in ("campaign", "fuzz"):
                    found[name] = os.path.relpath(path, ROOT)
                with open(path, encoding="utf-8") as file:
                    for method in re.findall(r"^    def (test_\w+)", file.read(), re.M):
                        found[f"{name}::{method}"] = os.path.relpath(path, ROOT)
    return found


# --- figures ------------------------------------------------------------------------------------


def figure(fault, found):
    """How often the last campaigns made this fault happen (or its tests ran), and that in one cell."""
    runs = bad = acknowledged = 0
    books = set()
    seen = False
    for report, name in fault.counts:
        one = found.get(report)
        if one is None:
            continue
        if report == "fuzz":
            findings = sum(len(target["findings"]) for target in one["targets"])
            return one["executions"], f"{one['executions']:,} executions of {len(one['targets'])} targets, {findings} findings"
        counted = one["faults"].get(name)
        if counted is None:
            continue
        seen = True
        runs += counted["runs"]
        if "acknowledged" in counted:
            acknowledged += counted["acknowledged"]
        elif report not in books:
            books.add(report)
            acknowledged += one.get("entries", 0)
        bad += counted["lost"] + counted["doubled"] + counted["silent"]
        bad += one["failure"] is not None and not bad
    if not fault.counts:
        passed = found.get("tests", {}).get("faults", {}).get(fault.name)
        if passed is None:
            return 0, "–"
        tests = "test" if passed["runs"] == 1 else "tests"
        return passed["runs"], f"{passed['runs']:,} {tests} of it, {passed['failed']} failed"
    if not seen:
        return 0, "not run"
    return runs, f"{runs:,} times, {acknowledged:,} acknowledged, {bad} lost, doubled or silent"


def rows(found):
    return [(fault, *figure(fault, found)) for fault in FAULTS]


def never(found):
    """What a full soak has to meet, and these campaigns did not."""
    out = [f"the fault '{fault.name}'" for fault, times, _ in rows(found) if times == 0]
    out += [f"the crash point {point}" for point, times in hits(found).items() if times == 0]
    for report in found.values():
        out += [f"the point {point}" for point, one in report.get("crash_points", {}).items() if one["reached"] == 0]
        out += [f"'{what}'" for what, times in report.get("sometimes", {}).items() if times == 0]
        out += [f"the canary {name}" for name, one in (report.get("canaries") or {}).items() if not one["caught"]]
    return out


def markdown(found):
    names = test_names()
    out, group = [], None
    for fault, _, counted in rows(found):
        if fault.group != group:
            group = fault.group
            out += ["", f"### {group}", "", "| fault | promise | shown by | last campaign |", "|---|---|---|---|"]
        # Scripts are named by their path: that is how they are run.
        shown = ", ".join(f"`{names.get(one, one) if one.endswith('.py') else one}`" for one in fault.tests)
        out.append(f"| {fault.name} | {fault.promise} | {shown} | {counted} |")
    out += ["", "Outside the promise, said openly:", ""]
    out += [textwrap.fill(f"- {line}", 118, subsequent_indent="  ", break_long_words=False) for line in OUTSIDE]
    out += ["", *goals.markdown(found), *points(found), *sometimes(found), *simulated(found), *sources(found)]
    return "\n".join(out).strip("\n")


def hits(found):
    """Kills and stops at every named crash point, over all campaigns on the release binary."""
    out = {}
    for report in found.values():
        for point, times in report.get("by_crash_point", {}).items():
            out[point] = out.get(point, 0) + times
    return out


def points(found):
    counted = hits(found)
    if not counted:
        return []
    missed = [point for point, times in counted.items() if times == 0]
    lines = ["### Crash points", "",
             f"Kills and stops at each named point of the protocols; {len(missed)} of {len(counted)} were not reached"
             + (": " + ", ".join(missed) if missed else "") + ".", ""]
    text = ", ".join(f"`{point}` {times}" for point, times in sorted(counted.items()))
    return lines + textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False) + [""]


def sometimes(found):
    """What a campaign is to meet now and then: where one was never met, it shows less than it says."""
    lines = []
    for name, report in found.items():
        if name == "simulation" or not report.get("sometimes"):
            continue
        met = ", ".join(f"{what} {times}" for what, times in sorted(report["sometimes"].items()))
        lines += textwrap.wrap(f"- {name}: {met}", 118, subsequent_indent="  ", break_long_words=False)
    return ["### What was met on the way", "", *lines, ""] if lines else []


def simulated(found):
    """The simulator's own figures, where its report is there."""
    report = found.get("simulation")
    if not report:
        return []
    lines = ["### Simulation", "",
             f"{report['seeds']:,} seeds, {report['processes']:,} processes, {report['acknowledged']:,} acknowledged "
             f"entries, {report['rows_compared']:,} rows compared, {report['simulated_days']:,} simulated days; "
             f"{report['twice']:,} seeds run twice, {report['judged_by_oracle']:,} judged by the oracle.", "",
             "| point | came by | ended there |", "|---|---|---|"]
    for name, value in report["crash_points"].items():
        lines.append(f"| `{name}` | {value['reached']:,} | {value['ended there']:,} |")
    lines += ["", "| met now and then | |", "|---|---|"]
    lines += [f"| {name} | {times:,} |" for name, times in report["sometimes"].items()]
    if report.get("canaries"):
        lines += ["", "| canary: a fault of ours | seeds until it was caught | by |", "|---|---|---|"]
        for name, one in report["canaries"].items():
            lines.append(f"| {name}: {one['meaning']} | {one['seeds'] if one['caught'] else 'NOT CAUGHT'} | {one['by']} |")
    return lines + [""]


def sources(found):
    """Which run the figures are of."""
    one = found.get("soak")
    if not one:
        return []
    failed = ", ".join(one["failed"]) or "nothing"
    return [f"Figures of `tools/dev soak {one['minutes']:g}` of {one['date']}, seed {one['seed']}; failed: {failed}."]


# --- the page -----------------------------------------------------------------------------------


def check(page):
    names = test_names()
    wrong = []
    for fault in FAULTS:
        wrong += [f"{fault.name}: there is no test {one}" for one in fault.tests if one not in names]
        if not fault.tests:
            wrong.append(f"{fault.name}: no test shows it")
    there = re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \| .*? \|$", page, re.M)
    wanted = re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \| .*? \|$", markdown({}), re.M)
    for row in wanted:
        if row not in there:
            wrong.append(f"docs/reliability.md does not have the row of '{row[0]}' as faults.py has it")
    for row in there:
        if row not in wanted and len(row) == 3 and row[2].startswith("`"):
            wrong.append(f"docs/reliability.md has a row that faults.py does not have: '{row[0]}'")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--never", action="store_true")
    options = parser.parse_args()
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    if options.check:
        wrong = check(page)
        if wrong:
            sys.exit("\n".join(wrong + ["write the page again with: python3 tests/campaign/table.py --write"]))
        print(f"{len(FAULTS)} faults, each with its tests")
        return
    found = reports()
    if options.never:
        missed = never(found)
        if missed:
            sys.exit("never met: " + "; ".join(missed))
        print("every fault, crash point and 'sometimes' was met, and every canary is caught")
        return
    for fault, _, counted in rows(found):
        print(f"  {textwrap.shorten(fault.name, 62):<64}{counted}")
    for line in points(found):
        if line and not line.startswith("###"):
            print(line.replace("`", ""))
    for line in sometimes(found)[2:]:
        print(line)
    report = found.get("simulation")
    if report:
        print("\n".join(line for line in simulated(found) if line))
    for measure, goal, value, enough in goals.reached(found):
        print(f"  {measure:<64}{value} (goal of 90 minutes: {goal}{'' if enough else ', not reached'})")
    if options.write:
        before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(f"{page[:before]}\n{markdown(found)}\n{page[after:]}")


if __name__ == "__main__":
    main()
