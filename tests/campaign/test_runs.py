#!/usr/bin/env python3
"""Runs the tests of those rows of the fault table that no campaign counts, and says how many passed.

    test_runs.py [--report build/soak/tests.json]
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from faults import FAULTS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/release")


def ctest_name(test):
    """How ctest calls it: a Python file is one test, in whatever folder it is."""
    if "::" in test:
        return "acceptance_" + test.split("_test.py", maxsplit=1)[0]
    return test


def plain(full):
    """The name of a test without what it is run for: Sinks/SinkContract.LoadsOnce/postgres is SinkContract.LoadsOnce."""
    return full.split("/")[1] if full.count("/") == 2 else full


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report")
    parser.add_argument("--seconds")  # as every campaign is told; these take as long as they take
    parser.add_argument("--seed")
    options = parser.parse_args()
    rows = {fault.name: [ctest_name(one) for one in fault.tests] for fault in FAULTS if not fault.counts}
    known = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], check=True, stdout=subprocess.PIPE, text=True).stdout
    there = collections.defaultdict(list)
    for full in re.findall(r"Test +#\d+: (\S+)", known):
        there[plain(full)].append(full)
    wanted = sorted({full for names in rows.values() for one in names for full in there.get(one, [])})
    missing = sorted({one for names in rows.values() for one in names if one not in there})
    done = subprocess.run(["ctest", "--test-dir", BUILD, "-R", "^(" + "|".join(map(re.escape, wanted)) + ")( .*)?$"],
                          check=False, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    passed = set(re.findall(r": (\S+)(?:  # .*?)? \.+ +Passed", done.stdout))
    counted = collections.OrderedDict()
    for name, tests in rows.items():
        ran = [full for one in tests for full in there.get(one, [])]
        counted[name] = {"runs": len(ran), "failed": sum(one not in passed for one in ran)}
    failed = sorted(set(wanted) - passed)
    failed += [f"no test of '{name}' is built" for name, row in counted.items() if not row["runs"]]
    if missing:
        print("not built here: " + ", ".join(missing))
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            json.dump({"campaign": "tests", "faults": counted, "failure": ", ".join(failed) or None}, file, indent=1)
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
