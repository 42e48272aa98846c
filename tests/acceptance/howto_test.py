#!/usr/bin/env python3
"""The how-to pages that change or hand over a book: their commands are run as they stand there."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import BINARY, ROOT, main

VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(ROOT, "build/release/daybook-verify"))


class HowTo(unittest.TestCase):
    def shell(self, folder, lines):
        path = os.pathsep.join([os.path.dirname(BINARY), os.path.dirname(VERIFIER), os.environ["PATH"]])
        return subprocess.run(["bash", "-euo", "pipefail", "-c", lines], cwd=folder,
                              env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)

    def follow(self, page):
        """Runs every block of the page in a new demo project; what each printed."""
        folder = tempfile.mkdtemp(prefix="daybook-howto-")
        self.addCleanup(shutil.rmtree, folder)
        made = self.shell(folder, "daybook quickstart shop --rows 2000")
        self.assertIn(made.returncode, (0, 1), made.stderr)
        with open(os.path.join(ROOT, "docs/how-to", page), encoding="utf-8") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)
        said = []
        for block in blocks:
            done = self.shell(os.path.join(folder, "shop"), block)
            self.assertEqual(done.returncode, 0, block + done.stdout + done.stderr)
            said.append(done.stdout + done.stderr)
        return said

    def test_erase_a_person(self):
        said = self.follow("erase-a-person.md")
        self.assertRegex(said[1], r"erased \d+ payloads? \(")
        self.assertRegex(said[2], r"good .* erased")
        self.assertIn("legal hold 0", said[4])

    def test_evidence_for_an_audit(self):
        said = self.follow("evidence-for-an-audit.md")
        self.assertRegex(said[0], r"wrote \d+ entries in \d+ files to run-0.zip")
        self.assertRegex(said[2], r"^good  evidence about run 0 of orders")
        self.assertIn("report.html", said[3])


if __name__ == "__main__":
    main()
