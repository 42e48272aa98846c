#!/usr/bin/env python3
"""An independent judge of what the simulator leaves behind, and of a real book: it shares no code with the product.

    oracle.py DIR…            each DIR is one seed's dump: entries.bin, history.jsonl, sinks.json, meta.json
    oracle.py --log FILE      what `daybook log -o jsonl` printed of a real book; its sinks are not looked at

Rules are numbered as docs/reliability.md numbers the invariants. Exit 1 when one is broken.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import entries as entries_of  # noqa: E402
from rules import NONE, Broken, Judge, number  # noqa: E402

ACKNOWLEDGED_MIN = 20  # below it a seed shows nothing


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def root_of(leaves):
    """RFC 6962, 2.1, by the definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def judge_tree(raw, decoded, meta):
    leaves = [leaf(one) for one in raw]
    size = meta["acknowledged"]
    if len(raw) < size:
        raise Broken(f"I3: {size} entries were acknowledged, {len(raw)} are there")
    if root_of(leaves[:size]).hex() != meta["root"]:
        raise Broken(f"I2: the root of the {size} acknowledged entries is another")
    for index, e in enumerate(decoded):
        if e["kind"] == "checkpointSigned":
            signed = number(e["event"]["size"])
            if root_of(leaves[:signed]).hex() != e["event"]["root"]:
                raise Broken(f"I7: the checkpoint at entry {index} is of another tree")


def judge_history(path, judge, size):
    asked = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if event["what"] != "run" or "key" not in event:
                continue
            key = event["key"]
            if event["type"] in ("ok", "open"):  # open: a run that comes before it, and is not done
                if event["type"] == "ok" and event["run"] != asked.setdefault(key, event["run"]):
                    raise Broken(f"I37: key {key} answered with runs {asked[key]} and {event['run']}")
                if event["type"] == "ok" and judge.keys.get(key) != event["run"]:
                    raise Broken(f"I37: key {key} was answered with run {event['run']}, the book has {judge.keys.get(key)}")
                if event["size"] > size:
                    raise Broken(f"I3: {event['size']} entries were shown, {size} are there")


def rows_of(slot, load, sinks, mode):
    """What a load is to hold: what was made of its inputs; merged, by key, over what it was loaded over."""
    known = slot.loads[load]
    if mode != "merge":
        return sinks["truth"][known["content"]]
    before = rows_of(slot, known["over"], sinks, mode) if known["over"] else []
    by_key = {row.split(",")[1]: row for row in before + sinks["incoming"][known["inputs"]]}
    return list(by_key.values())


def judge_sinks(path, judge, meta):
    with open(path, encoding="utf-8") as file:
        sinks = json.load(file)
    for slot in judge.slots:
        there = sinks["partitions"].get(slot.partition)
        if there is None:
            continue
        rows = []
        for load in slot.visible:
            rows += rows_of(slot, load, sinks, meta["mode"])
        # What was given up before a takeover, the late writer may intend again: under a fence of its own copy.
        again = set()
        for one in there["loads"]:
            known = slot.loads.get(one["load_id"])
            if known and known["standing"] == "aborted" and not meta["went_back"]:
                if one["fence"] < known["given_up_under"]:
                    raise Broken(f"I24: {slot.partition} has a load that the book gave up")
                again.add(one["load_id"])
        foreign = [one for one in there["loads"] if one["load_id"] not in slot.loads or one["load_id"] in again]
        if foreign and not meta["late_writers"]:
            raise Broken(f"I21: {slot.partition} has a load the book never intended")
        if foreign:
            # What a late writer brought in first is another's to judge; but nothing is added to it.
            if meta["mode"] == "append":
                first = min((one["generation"] for one in foreign if one["visible"]), default=NONE)
                for load in slot.visible:
                    if slot.loads[load]["generation"] > first:
                        raise Broken(f"I22: {slot.partition} was added to, and holds a load the book does not know")
            continue
        # A standby that was promoted without the last commits shows what was taken back, or lets a late writer in again.
        shown = {one["load_id"] for one in there["loads"] if one["visible"]}
        if meta["went_back"] and any(slot.loads[load]["standing"] in ("compensated", "lost") for load in shown):
            continue
        if sorted(rows) != sorted(there["visible"]):
            raise Broken(f"I22: {slot.partition} shows {len(there['visible'])} rows, {len(rows)} stand")
        # No two contents of a source have a row in common; but a person may let all of a partition in again.
        if meta["mode"] == "append" and not slot.let_in and len(set(there["visible"])) < len(there["visible"]):
            raise Broken(f"I22: {slot.partition} shows a row twice")
        if meta["target"] != "server":
            continue
        markers = {one["load_id"]: one for one in there["loads"]}
        for load in slot.visible:
            known = slot.loads[load]
            marker = markers.get(load)
            if marker is None or marker["rows"] != known["rows"] or marker["content"] != known["content"]:
                raise Broken(f"I23: {slot.partition} has no marker of generation {known['generation']}")
        for load, known in slot.loads.items():
            if known["standing"] == "compensated" and markers.get(load, {}).get("visible"):
                raise Broken(f"I30: {slot.partition} still shows generation {known['generation']}")


def judge_dump(directory):
    with open(os.path.join(directory, "meta.json"), encoding="utf-8") as file:
        meta = json.load(file)
    if meta["given_up"] or meta["acknowledged"] < ACKNOWLEDGED_MIN:
        return "void"
    meta["simulated"] = True
    with open(os.path.join(directory, "entries.bin"), "rb") as file:
        raw = entries_of.split(file.read())
    decoded = entries_of.decode(raw)
    judge_tree(raw, decoded, meta)
    judge = Judge(meta)
    for index, e in enumerate(decoded):
        judge.see(index, e)
    judge_history(os.path.join(directory, "history.jsonl"), judge, len(raw))
    judge_sinks(os.path.join(directory, "sinks.json"), judge, meta)
    return None


def judge_log(path):
    judge = Judge({})
    with open(path, encoding="utf-8") as file:
        for line in file:
            one = json.loads(line)
            at = datetime.datetime.fromisoformat(one["recorded_at"].replace("Z", "+00:00"))
            kind = one["kind"][0].lower() + one["kind"][1:]
            event = {re.sub(r"_(\w)", lambda m: m.group(1).upper(), key): value for key, value in one["event"].items()
                     if value is not None}
            judge.see(one["index"], {"recordedAt": int(at.timestamp() * 1_000_000), "epoch": one["epoch"], "kind": kind,
                                     "event": event})
    print(f"{judge.index + 1} entries, {len(judge.slots)} partitions, {len(judge.runs)} runs: every rule holds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="*")
    parser.add_argument("--log")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    if options.log:
        try:
            judge_log(options.log)
        except Broken as broken:
            sys.exit(str(broken))
        return
    bad = void = 0
    for directory in options.directories:
        try:
            if judge_dump(directory) == "void":
                void += 1
        except Broken as broken:
            bad += 1
            print(f"{os.path.basename(directory)}: {broken}")
        except (KeyError, IndexError, ValueError) as error:
            bad += 1
            print(f"{os.path.basename(directory)}: the dump does not read: {error!r}")
    print(f"oracle: {len(options.directories)} judged, {void} void, {bad} broken")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
