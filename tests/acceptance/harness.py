"""What every acceptance test needs: the release binary in a project of its own, and what it says as
values. Nothing here knows how Daybook works inside; it is driven as a person or a script drives it.
"""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("DAYBOOK_BINARY", os.path.join(ROOT, "build/release/daybook"))


class Failed(AssertionError):
    """A command did not end as the test needs it to."""


class Done:
    """A process that ended: its exit code, what it printed, and what that means as JSON."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise Failed(f"no JSON from {' '.join(self.words)}: {error}\n{self}") from error

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __str__(self):
        return f"$ {' '.join(self.words)}\nexit {self.code}\n{tail(self.out)}\n{tail(self.err)}"


def tail(text, size=3000):
    return text if len(text) <= size else "…" + text[-size:]


class Project:
    """A folder with a pipeline and a book, in a temporary place that goes with it."""

    def __init__(self, name="project"):
        self.home = tempfile.mkdtemp(prefix="daybook-acceptance-")
        # A server that runs as another user is not let into it; Daybook needs no more than this.
        self.path = os.path.join(self.home, name)
        os.mkdir(self.path)
        self.environment = dict(os.environ)
        for variable in ("DAYBOOK_BOOK", "DAYBOOK_CRASH_AT", "DAYBOOK_STOP_AT"):
            self.environment.pop(variable, None)

    def close(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- files ------------------------------------------------------------------------------------

    def at(self, *parts):
        return os.path.join(self.path, *parts)

    @property
    def book(self):
        return self.at(".daybook")

    def write(self, name, text):
        path = self.at(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def read(self, name):
        with open(self.at(name), "rb") as file:
            return file.read()

    # --- commands ---------------------------------------------------------------------------------

    def start(self, *words, environment=None, prefix=(), cwd=None):
        """Starts daybook and returns at once; the caller waits for it or kills it."""
        return subprocess.Popen([*prefix, BINARY, *map(str, words)], cwd=cwd or self.path,
                                env={**self.environment, **(environment or {})},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def ask(self, *words, environment=None, prefix=(), stdin=None, seconds=120, cwd=None):
        """Runs daybook to its end, whatever that is."""
        words = [str(word) for word in words]
        done = subprocess.run([*prefix, BINARY, *words], cwd=cwd or self.path, timeout=seconds,
                              env={**self.environment, **(environment or {})}, input=stdin,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return Done(["daybook", *words], done.returncode, done.stdout.decode(errors="replace"),
                    done.stderr.decode(errors="replace"))

    def do(self, *words, exits=0, **options):
        """Runs daybook to the end that is given: an exit code, or several that will do."""
        done = self.ask(*words, **options)
        if done.code not in ((exits,) if isinstance(exits, int) else exits):
            raise Failed(f"exit {exits} expected\n{done}")
        return done

    def json(self, *words, **options):
        return self.do(*words, "-o", "json", **options).json()

    def items(self, *words, **options):
        return self.json(*words, **options)["items"]

    def init(self):
        self.do("init")
        return self

    # --- the book ---------------------------------------------------------------------------------

    def entries(self, kind=None, since=0):
        """Entries of the book in order, as they are printed for programs."""
        words = ["log", "--from", since, "--limit", 0, "-o", "jsonl"]
        rows = [line for line in self.do(*words).lines() if line.get("type") == "row"]
        return [row for row in rows if kind is None or row["kind"] == kind]

    def size(self):
        """How many entries the book has."""
        newest = self.do("log", "--limit", 1, "-o", "jsonl").lines()
        return next(line for line in newest if line.get("type") == "row")["index"] + 1

    def state(self):
        """Partition -> its line in `daybook state`."""
        return {item["partition"]: item for item in self.items("state")}


def files_below(root):
    """Path below root -> SHA-256 of the file; what lies there, to be compared."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = hashlib.sha256(file.read()).hexdigest()
    return found


def wait_until(condition, what, seconds=30):
    """Polls until the condition gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain: {what}")
        time.sleep(0.01)


def csv_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Acceptance(unittest.TestCase):
    """A test that has projects, which go when it ends."""

    maxDiff = 4000

    def project(self, name="project"):
        project = Project(name)
        self.addCleanup(project.close)
        return project


def main():
    if not os.access(BINARY, os.X_OK):
        sys.exit(f"{BINARY} is not there: build it first (tools/dev build release)")
    unittest.main(verbosity=2)
