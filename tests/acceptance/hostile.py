#!/usr/bin/env python3
"""What the hostile tests share: a run of the program that is bounded in time and memory, and a book that
is as it was after a refusal.
"""
import contextlib
import os
import subprocess
import tempfile
import time

from harness import BINARY, Acceptance, Done, Failed, files_below


USAGE, INVALID, NOT_ALLOWED, NOT_FOUND, CONFLICT, GATE, INTEGRITY, UNREACHABLE = 2, 3, 4, 5, 6, 7, 9, 10
REFUSED = (USAGE, INVALID, NOT_ALLOWED, NOT_FOUND, CONFLICT)
SECONDS = 20     # of a loaded machine; none of these takes one on a quiet one
MEGABYTES = 300  # in all, with the engine's library and its threads


class HostileTest(Acceptance):
    def bounded(self, project, *words, exits=None, stdin=subprocess.DEVNULL, stdout=None, environment=None,
                seconds=SECONDS, megabytes=MEGABYTES, **options):
        """Runs daybook to its end and looks at what it took."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begun = time.monotonic()
            process = subprocess.Popen([BINARY, *map(str, words)], cwd=options.pop("cwd", project.path), stdin=stdin,
                                       stdout=stdout or out, stderr=err,
                                       env={**project.environment, **(environment or {})}, **options)
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() - begun > seconds:
                    process.kill()
                    os.wait4(process.pid, 0)
                    process.returncode = -9
                    raise Failed(f"{seconds} s and no end: {str(words)[:300]}")
                time.sleep(0.005)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            done = Done(["daybook", *map(str, words)], process.returncode, out.read().decode(errors="replace"),
                        err.read().decode(errors="replace"))
        self.assertLess(usage.ru_maxrss // 1024, megabytes, f"megabytes of memory\n{done}")
        self.assertGreaterEqual(done.code, 0, f"ended by a signal\n{done}")
        self.assertNotEqual(done.code, 12, f"a fault in daybook\n{done}")
        if exits is not None:
            self.assertIn(done.code, (exits,) if isinstance(exits, int) else exits, done)
        return done

    @contextlib.contextmanager
    def untouched(self, project):
        """The book has the same entries, root and state before and after, and the target the same files."""
        def now():
            verified = project.json("verify")
            return ([verified[key] for key in ("size", "root", "state_root")], files_below(project.at("lake")))
        before = now()
        yield
        self.assertEqual(now(), before)
