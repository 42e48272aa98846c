"""docs/how-to/verify-offline.md and prove-a-row.md: their commands are run as they stand there, on a book of a
real run.

Usage: docs_test.py ROOT DAYBOOK DAYBOOK_VERIFY
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT, DAYBOOK, PROGRAM = (os.path.abspath(path) for path in sys.argv[1:4])


class VerifyOffline(unittest.TestCase):
    def shell(self, lines):
        path = os.pathsep.join([os.path.dirname(DAYBOOK), os.path.dirname(PROGRAM), os.environ["PATH"]])
        return subprocess.run(["bash", "-euc", lines], cwd=self.project, env=os.environ | {"PATH": path},
                              capture_output=True, text=True, timeout=120, check=False)

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="daybook-")
        self.addCleanup(shutil.rmtree, folder)
        self.project = folder
        made = self.shell("daybook quickstart shop --rows 2000")
        self.assertIn(made.returncode, (0, 1), made.stderr)  # the demo has bad records on purpose
        self.project = os.path.join(folder, "shop")
        for script in "verify.py", "verify_row.py":
            shutil.copy(os.path.join(ROOT, "tools/verifier", script), self.project)

    def test_a_row_is_traced_proved_and_checked_as_the_page_says(self):
        with open(os.path.join(ROOT, "docs/how-to/prove-a-row.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)
        self.assertGreaterEqual(len(blocks), 5)
        said = []
        for block in blocks:
            done = self.shell(block)
            self.assertEqual(done.returncode, 0, block + done.stdout + done.stderr)
            said.append(done.stdout)
        self.assertIn("done again: identical", said[0])
        for told in said[2:5]:
            self.assertRegex(told, r"good +output row \d+ of \d+")

    def test_every_command_does_what_the_page_says(self):
        with open(os.path.join(ROOT, "docs/how-to/verify-offline.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)
        self.assertGreaterEqual(len(blocks), 5)
        said = []
        for block in blocks:
            done = self.shell(block)
            self.assertEqual(done.returncode, 0, block + done.stdout + done.stderr)
            said.append(done.stdout)
        self.assertRegex(said[1], r"^good  \d+ entries · \d+ files")
        self.assertIn('"verdict":"good"', said[2])
        self.assertIn("state   sha256:", said[1])
        self.assertTrue(said[3].startswith("good"))
        self.assertIn("entry 12 is one of", said[4])

        # Nothing new: nothing is written. And what the page promises of a book that was changed.
        again = self.shell("daybook ledger export audit -o json")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertRegex(again.stdout, r'"files": ?0')
        bundle = next(os.path.join(folder, name) for folder, _, names in os.walk(f"{self.project}/audit/tile/entries")
                      for name in names)
        with open(bundle, "r+b") as file:
            file.seek(40)
            byte = file.read(1)[0]
            file.seek(40)
            file.write(bytes([byte ^ 1]))
        for command in "daybook-verify", "python3 verify.py":
            done = self.shell(f"{command} audit --key-file log.vkey")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("tile/", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
