#!/usr/bin/env python3
"""Damages copies of a real book, one change at a time, in every file of it: database, anchor, configuration, keys,
payloads. A bit is flipped, 512 bytes are zeroed, a file is cut, lengthened, taken away, or replaced by an earlier
version of itself. `daybook verify` must say so and name what it is about, or find everything as it was; a keeper
that is started on it must refuse, or do its work on the whole book; neither changes a byte of a book it
refuses. Now and then the whole book is an earlier one: `reconcile` must find what the sink knows and the book does not.

    damage_runs.py --seconds 60 --seed 7
"""

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "acceptance"))

import damage_test  # noqa: E402
import small  # noqa: E402
from harness import Failed, Project, files_below  # noqa: E402
from small import FILE  # noqa: E402

OLD_BOOK = "whole book from a backup"


def flip(chance, data, _):
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1:]


def zeros(chance, data, _):
    place = chance.randrange(len(data))
    return data[:place] + bytes(min(512, len(data) - place)) + data[place + 512:]


def cut(chance, data, _):
    return data[:chance.randrange(len(data))]


def longer(chance, data, _):
    return data + chance.choice((bytes(chance.randrange(1, 4096)), chance.randbytes(chance.randrange(1, 4096))))


def gone(*_):
    return None


def earlier(_, __, before):
    return before


KINDS = {"bit flipped": flip, "bytes zeroed": zeros, "file cut short": cut, "bytes appended": longer,
         "file taken away": gone, "older version of a file": earlier}
WEIGHTS = (8, 3, 4, 1, 1, 3)


class Copy:
    def __init__(self, damage, number):
        self.damage, self.project = damage, damage.project
        self.root = os.path.join(damage.project.home, f"copy{number}", ".daybook")
        self.chance = random.Random(damage.options.seed * 100 + number)
        self.fresh()

    def fresh(self):
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.project.book, self.root, ignore=shutil.ignore_patterns("*.sock"))

    def verify(self):
        return self.project.ask("verify", "--book", self.root, "-o", "json", "--error-format", "json")

    def once(self):
        """One change, looked at, and put right. (kind, what came of it, what is wrong with that)"""
        names = self.damage.names
        name = self.chance.choice(names)
        path = os.path.join(self.root, name)
        with open(path, "rb") as file:
            before = file.read()
        kind = self.chance.choices(list(KINDS), WEIGHTS)[0]
        if not before and kind not in ("bytes appended", "file taken away"):
            return None
        old = self.damage.earlier.get(name)
        if kind == "older version of a file" and (old is None or old == before):
            return None
        after = KINDS[kind](self.chance, before, old)
        if after == before:
            return None
        if after is None:
            os.unlink(path)
        else:
            with open(path, "wb") as file:
                file.write(after)
        damaged = files_below(self.root)
        try:
            wrong, came = self.judge(name, kind, before, after, damaged)
        except subprocess.TimeoutExpired as error:
            kept = shutil.copytree(self.root, tempfile.mkdtemp(prefix="daybook-damaged-"), dirs_exist_ok=True)
            wrong, came = f"{name}: {kind}: {error.cmd[1]} does not end; the book is kept in {kept}", "hangs"
        self.fresh()
        return kind, came, wrong

    def judge(self, name, kind, before, after, damaged):
        done = self.verify()
        if files_below(self.root) != damaged:
            return f"{name}: {kind}: verify changed the book", "changed"
        reason = damage_test.explained(name, before, after)
        if done.code == 0:
            same = name.startswith(("book/", "anchor")) and done.json() == self.damage.whole
            if not reason and not same:
                return f"{name}: {kind}: not noticed by verify", "silent"
            return None, "without effect" if reason else "everything was there"
        if done.code not in (1, 3, 5, 9):
            return f"{name}: {kind}: verify exits {done.code}: {done.err[-300:]}", "wrong exit"
        # What a keeper makes of it, now and then: it is slower.
        if self.chance.random() < 0.3:
            return self.keeper(name, kind, damaged)
        return None, "detected"

    def keeper(self, name, kind, damaged):
        done = self.project.ask("run", FILE, "--book", self.root)
        if done.code != 0:
            # RocksDB's diary, and the lock, are written by whoever looks.
            def kept(files):
                return {one: digest for one, digest in files.items()
                        if not one.startswith(damage_test.WITHOUT_EFFECT)}
            if done.code == 9 and kept(files_below(self.root)) != kept(damaged):
                return f"{name}: {kind}: a keeper that refused has changed the book", "changed"
            return None, "detected, refused by a keeper"
        # It did its work: then on the whole history.
        size = len([line for line in self.project.do("log", "--book", self.root, "--from", 0, "--limit", 0, "-o",
                                                     "jsonl").lines() if line.get("type") == "row"])
        if size < self.damage.size:
            return f"{name}: {kind}: a keeper went on with {size} of {self.damage.size} entries", "silent"
        return None, "detected, no matter to a keeper"


class Damage:
    def __init__(self, options):
        self.options = options
        self.project = Project()
        self.counts = {kind: collections.Counter() for kind in (*KINDS, OLD_BOOK)}
        self.wrong = []

    def make(self):
        damage_test.make(self.project)
        self.backup = os.path.join(self.project.home, "backup", ".daybook")
        shutil.copytree(self.project.book, self.backup, ignore=shutil.ignore_patterns("*.sock"))
        self.earlier = {}
        for name in files_below(self.backup):
            with open(os.path.join(self.backup, name), "rb") as file:
                self.earlier[name] = file.read()
        small.write_day(self.project, small.DAYS[0], ["1,uno,1", "2,dos,2", "3,tres,-3"])
        self.project.do("run", FILE)
        small.write_day(self.project, small.DAYS[2], ["7,siete,7"])
        self.project.do("run", FILE)
        done = self.project.do("verify", "-o", "json")
        self.whole, self.size = done.json(), self.project.size()
        self.names = [name for name in sorted(files_below(self.project.book))
                      if not name.startswith(damage_test.WITHOUT_EFFECT)]

    def old_book(self):
        """The whole directory, anchor and all, is an earlier one: the book alone can not know."""
        done = self.project.ask("reconcile", FILE, "--book", self.backup, "-o", "json")
        found = done.code != 0 and any(one["kind"] == "unknown" for one in done.json()["findings"])
        self.counts[OLD_BOOK]["found by reconcile" if found else "silent"] += 1
        if not found:
            self.wrong.append(f"reconcile finds nothing with a book from a backup:\n{done}")

    def go(self):
        self.started = time.monotonic()
        self.make()
        self.old_book()
        copies = [Copy(self, number) for number in (0, 1)]

        def work(copy):
            found, images = [], 0
            while not self.spent(images):
                one = copy.once()
                if one:
                    images += 1
                    found.append(one)
            return found
        with ThreadPoolExecutor(2) as pool:
            for found in pool.map(work, copies):
                for kind, came, wrong in found:
                    self.counts[kind][came] += 1
                    if wrong:
                        self.wrong.append(wrong)
        if self.wrong:
            raise Failed("\n".join(self.wrong[:20]))

    def spent(self, images):
        if self.options.images and images >= self.options.images / 2:
            return True
        return bool(self.options.seconds) and time.monotonic() - self.started > self.options.seconds

    def report(self, failure):
        faults = {kind: {"runs": sum(counts.values()), "lost": 0, "doubled": 0,
                         "silent": sum(counts[bad] for bad in ("silent", "changed", "wrong exit", "hangs"))}
                  for kind, counts in self.counts.items()}
        return {"campaign": "damage", "seed": self.options.seed,
                "seconds": round(time.monotonic() - self.started, 1), "entries": getattr(self, "size", 0),
                "files": len(getattr(self, "names", [])), "faults": faults, "by_crash_point": {}, "sometimes": {},
                "outcomes": {kind: dict(counts) for kind, counts in self.counts.items()}, "failure": failure}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=0, help="end after so many")
    parser.add_argument("--seconds", type=float, default=0, help="end after so long")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--report", help="a JSON file to write")
    options = parser.parse_args()
    if not options.images and not options.seconds:
        options.images = 40
    if options.seed is None:
        options.seed = int(time.time())
    print(f"damage: seed {options.seed}", flush=True)
    damage = Damage(options)
    failure = None
    try:
        damage.go()
    except Exception as error:  # the report is made of a failure, too
        failure = str(error) or repr(error)
    report = damage.report(failure)
    damage.project.close()
    print(f"\ndamage: a book of {report['entries']} entries in {report['files']} files, {report['seconds']} s")
    for kind, outcomes in report["outcomes"].items():
        print(f"  {kind:<26}{sum(outcomes.values()):>6}   " +
              ", ".join(f"{came} {times}" for came, times in sorted(outcomes.items())))
    print(f"  silent: {failure or 'none'}", flush=True)
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    if failure:
        sys.exit(f"failed; again with: damage_runs.py --seed {options.seed}")


if __name__ == "__main__":
    main()
