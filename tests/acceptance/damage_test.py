#!/usr/bin/env python3
"""One byte of a book is changed, anywhere: `daybook verify` says so, names the file or the entry, and
changes nothing; or the change is without effect for a reason that is written down here.
"""

import json
import os
import random
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import small
from harness import Acceptance, files_below, main
from small import FILE

SEED = int(os.environ.get("DAYBOOK_DAMAGE_SEED", "1"))
OFFSETS = int(os.environ.get("DAYBOOK_DAMAGE_OFFSETS", "24"))  # of each file, besides its first and last

# Files that hold no data of the book: RocksDB's diary, its lock, settings it writes down and never reads
# when it is opened with ours, a name it makes up for itself; our lock, and what init writes for editors and git.
WITHOUT_EFFECT = ("book/LOG", "book/LOCK", "book/OPTIONS-", "book/IDENTITY", "ledger.lock",
                  "pipeline.schema.json", ".gitignore")


def make(project):
    """A book with something of everything: runs, records set aside and amended, a compensation that was
    signed for, checkpoints, payloads, and several log files of its database."""
    small.make(project, compensate=1)
    day = small.DAYS[1]
    small.write_day(project, day, ["1,one,1", "2,two,-2", "3,three,x"])
    project.do("run", FILE)
    held = project.items("quarantine", "list")
    project.do("quarantine", "amend", held[0]["record"], "--text", "2,two,2", "--reason", "asked")
    project.do("quarantine", "release", "--all-amended", "--reason", "reviewed")
    key = project.at("ana")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True,
                   stdin=subprocess.DEVNULL)
    project.do("principals", "add", "ana", "--key", key + ".pub", "--role", "approver")
    project.do("compensate", "propose", "--partition", day, "--reason", "wrong", exits=(0, 8))
    project.do("approvals", "approve", 0, "--key", key, "--as", "ana")
    project.do("compensate", "start", 0, "--yes")
    project.do("verify")


class Copy:
    """A copy of the book for one thread, changed and put right again."""

    def __init__(self, project, folder):
        self.project, self.root = project, os.path.join(folder, ".daybook")
        shutil.copytree(project.book, self.root, ignore=shutil.ignore_patterns("*.sock"))
        self.whole = files_below(self.root)

    def verify(self):
        return self.project.ask("verify", "--book", self.root, "-o", "json", "--error-format", "json")

    def changed(self, name, change):
        """Applies `change` to the bytes of a file, verifies, checks that nothing else was touched, and puts
        the file back. The finished command."""
        path = os.path.join(self.root, name)
        with open(path, "rb") as file:
            before = file.read()
        after = change(before)
        if after is None:
            os.unlink(path)
        else:
            with open(path, "r+b") as file:
                file.write(after)
                file.truncate()
        there = files_below(self.root)
        done = self.verify()
        if files_below(self.root) != there:
            raise AssertionError(f"verify changed the book after a change of {name}:\n{done}")
        with open(path, "wb") as file:
            file.write(before)
        os.chmod(path, 0o600)
        return done


def flipped(offset, bit):
    def change(data):
        return data[:offset] + bytes([data[offset] ^ bit]) + data[offset + 1:]
    return change


def explained(name, before, after):
    """Why a change may be without effect; None where it may not. `after` is None where the file is gone."""
    if name.startswith(WITHOUT_EFFECT):
        return "no data of the book"
    if name.endswith(".log") and not before:
        return "a log of the database nothing was written to"
    if name == "keys/log.key" and after is None:
        return "who verifies a copy of a book need not have its key"
    if name == "config.json" and after is not None:
        try:
            one, two = json.loads(before), json.loads(after)
        except ValueError:
            return None
        if one == two:
            return "the same values"
        if {key for key in one if one[key] != two.get(key)} <= {"checkpoint_every"}:
            return "a setting people may change"
    return None


class DamageTest(Acceptance):
    @classmethod
    def setUpClass(cls):
        from harness import Project
        cls.made = Project()
        cls.addClassCleanup(cls.made.close)
        make(cls.made)
        cls.copies = [Copy(cls.made, os.path.join(cls.made.home, f"copy{number}")) for number in (0, 1)]
        cls.whole = cls.copies[0].verify().json()

    def each(self, work, act):
        """Runs act(copy, item) for all items, on two threads with a copy each."""
        halves = [(copy, work[number::2]) for number, copy in enumerate(self.copies)]
        with ThreadPoolExecutor(2) as pool:
            for found in pool.map(lambda half: [act(half[0], item) for item in half[1]], halves):
                yield from found

    def same(self, name, done):
        """Of database and anchor: everything was read, and size, root, state and signatures are what they were."""
        if not name.startswith(("book/", "anchor")):
            return False
        return done.json() == self.whole

    def check(self, name, what, done, reason):
        """What is wrong with this answer, or None."""
        if done.code == 0:
            return None if reason or self.same(name, done) else f"{name}: {what}: not noticed"
        # Beside "what is stored is not what was committed": the configuration or the anchor is not found (5),
        # or a file of the database is not (1); the message names it.
        if done.code not in (1, 3, 5, 9):
            return f"{name}: {what}: exit {done.code}: {done.err[-400:]}"
        text = done.out + done.err
        named = os.path.basename(name) in text or \
            any(word in text for word in ("entry", "entries", "index", "checkpoint", "tile", "root", "database")) or \
            name == "config.json" and ("no book" in text or "open " in text)
        return None if named else f"{name}: {what}: names neither a file nor an entry: {text[-600:]}"

    def test_the_book_itself_is_good(self):
        for copy in self.copies:
            self.assertEqual(copy.verify().code, 0)

    def test_no_changed_byte_goes_unnoticed(self):
        chance = random.Random(SEED)
        work = []
        for name in sorted(self.copies[0].whole):
            size = os.path.getsize(os.path.join(self.copies[0].root, name))
            if size == 0:
                continue
            few = OFFSETS if not name.startswith(WITHOUT_EFFECT) else 2
            for offset in sorted({0, size - 1, *(chance.randrange(size) for _ in range(few))}):
                work.append((name, offset, 1 << chance.randrange(8)))

        def act(copy, item):
            name, offset, bit = item
            with open(os.path.join(copy.root, name), "rb") as file:
                before = file.read()
            change = flipped(offset, bit)
            done = copy.changed(name, change)
            return self.check(name, f"byte {offset} of {len(before)}", done,
                              explained(name, before, change(before))), done.code

        results = list(self.each(work, act))
        wrong = [one for one, _ in results if one]
        print(f"{len(results)} bytes changed in {len(self.copies[0].whole)} files: "
              f"{sum(code != 0 for _, code in results)} noticed, {len(wrong)} wrongly not, the rest without effect",
              flush=True)
        self.assertEqual(wrong, [], "\n".join(wrong[:20]))
        self.assertGreater(sum(code != 0 for _, code in results), len(results) / 2)

    def test_no_file_can_be_cut_short_or_taken_away(self):
        names = [name for name in sorted(self.copies[0].whole) if not name.startswith(WITHOUT_EFFECT)]
        sizes = {name: os.path.getsize(os.path.join(self.copies[0].root, name)) for name in names}
        work = [(name, how) for name in names for how in ("cut", "half", "gone") if sizes[name] or how == "gone"]

        def act(copy, item):
            name, how = item
            with open(os.path.join(copy.root, name), "rb") as file:
                before = file.read()
            change = {"cut": lambda data: data[:-1], "half": lambda data: data[:len(data) // 2],
                      "gone": lambda _: None}[how]
            return self.check(name, how, copy.changed(name, change), explained(name, before, change(before)))

        wrong = [one for one in self.each(work, act) if one]
        self.assertEqual(wrong, [], "\n".join(wrong[:20]))

    def test_where_an_entry_is_damaged_a_keeper_refuses_to_open_and_changes_nothing(self):
        copy = self.copies[0]
        chance = random.Random(SEED)
        tables = [name for name in sorted(copy.whole) if name.endswith(".sst")]
        self.assertTrue(tables)
        for name in tables:
            path = os.path.join(copy.root, name)
            with open(path, "rb") as file:
                before = file.read()
            with self.subTest(name):
                # The first half of a table is blocks of entries or tiles, never its own bookkeeping alone.
                with open(path, "wb") as file:
                    file.write(flipped(chance.randrange(len(before) // 2), 1)(before))
                there = files_below(copy.root)
                done = self.made.ask("run", FILE, "--book", copy.root)
                after = files_below(copy.root)
                with open(path, "wb") as file:
                    file.write(before)
                self.assertEqual(done.code, 9, done)
                kept = [name for name in there if not name.startswith(WITHOUT_EFFECT)]
                self.assertEqual({name: after.get(name) for name in kept}, {name: there[name] for name in kept})


if __name__ == "__main__":
    main()
