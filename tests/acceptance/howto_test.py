#!/usr/bin/env python3
"""Tutorials and how-to pages that change or hand over a book: their commands are run as they stand there."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import postgres
import small
from harness import BINARY, ROOT, Project, main

VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(ROOT, "build/release/daybook-verify"))


class HowTo(unittest.TestCase):
    def shell(self, folder, lines, **environment):
        path = os.pathsep.join([os.path.dirname(BINARY), os.path.dirname(VERIFIER), os.environ["PATH"]])
        return subprocess.run(["bash", "-euo", "pipefail", "-c", lines], cwd=folder,
                              env=os.environ | environment | {"PATH": path}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)

    def temporary(self):
        folder = tempfile.mkdtemp(prefix="daybook-howto-")
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def blocks(self, page):
        with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
            return re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)

    def run_all(self, blocks, folder, **environment):
        """One shell for all, as a reader has; what each block printed."""
        mark = "-- end of a block --"
        done = self.shell(folder, f"\necho '{mark}'\n".join(blocks), **environment)
        said = done.stdout.split(mark + "\n")
        self.assertEqual(done.returncode, 0, f"in block {len(said)}:\n{blocks[len(said) - 1]}{said[-1]}{done.stderr}")
        return said

    def follow(self, page, rows=2000):
        """Runs every block of the page in a new demo project; what each printed."""
        folder = self.temporary()
        made = self.shell(folder, f"daybook quickstart shop --rows {rows}")
        self.assertIn(made.returncode, (0, 1), made.stderr)
        return self.run_all(self.blocks(page), os.path.join(folder, "shop"))

    def test_erase_a_person(self):
        said = self.follow("how-to/erase-a-person.md")
        self.assertRegex(said[1], r"erased \d+ payloads? \(")
        self.assertRegex(said[2], r"good .* erased")
        self.assertIn("legal hold 0", said[4])

    def test_evidence_for_an_audit(self):
        said = self.follow("how-to/evidence-for-an-audit.md")
        self.assertRegex(said[0], r"wrote \d+ entries in \d+ files to run-0.zip")
        self.assertRegex(said[2], r"^good  evidence about run 0 of orders")
        self.assertIn("report.html", said[3])

    def test_rotate_the_key(self):
        said = self.follow("how-to/rotate-the-key.md")
        self.assertIn("signed with another key from entry", said[0])
        self.assertRegex(said[2], "good .* entries")

    def test_lost_book(self):
        said = self.follow("how-to/lost-book.md")
        self.assertRegex(said[0], r"the log goes on as daybook.local/\w+-2 from entry")

    def test_review_a_quarantine(self):
        said = self.follow("how-to/review-a-quarantine.md", rows=20000)  # every kind of fault
        self.assertIn("unit_price.type", said[0])
        self.assertRegex(said[3], r"amended \d+ records, discarded 0")
        self.assertRegex(said[3], r"2026-01-01 +verified +[\d,]+ rows")
        self.assertNotIn("unit_price.minimum", said[4], "what was released still waits")
        self.assertIn("structure", said[4])

    def test_run_it_every_day(self):
        said = self.follow("how-to/run-it-every-day.md")
        self.assertIn("all as the book says", said[3])
        self.assertTrue(said[-1].startswith("good "), said[-1])

    def test_from_csv_to_postgresql(self):
        server = postgres.Postgres()
        self.addCleanup(server.close)
        folder = self.temporary()
        os.chmod(folder, 0o755)
        dsn = f"host=127.0.0.1 port={server.port} user=daybook dbname=postgres"
        said = self.run_all(self.blocks("tutorials/csv-to-postgresql.md"), folder, SHOP_DB=dsn)
        self.assertRegex(said[3], r"2026-03-01 +verified +2 rows +2 quarantined")
        self.assertIn("its input changed", said[4])
        self.assertRegex(said[5], r"\b6 \| +59\.35")
        self.assertRegex(said[6], r"\b5 \| +50\.45")
        self.assertIn("all as the book says", said[6])


class Pages(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        pages = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(ROOT, "docs"))
                 for name in names if name.endswith(".md")]
        self.assertGreater(len(pages), 15)
        for page in pages:
            with open(page, encoding="utf-8") as file:
                text = re.sub(r"^```.*?^```", "", file.read(), flags=re.M | re.S)
            for target in re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", text):
                path, _, heading = target.partition("#")
                to = os.path.normpath(os.path.join(os.path.dirname(page), path))
                self.assertTrue(os.path.exists(to), f"{page} links to {target}")
                if heading:
                    with open(to, encoding="utf-8") as file:
                        anchors = {re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
                                   for line in file if line.startswith("#")}
                    self.assertIn(heading, anchors, f"{page} links to {target}")

    def test_what_is_said_of_odd_csv_files_can_be_written(self):
        with open(os.path.join(ROOT, "docs/how-to/odd-csv.md"), encoding="utf-8") as file:
            shown = re.findall(r"`(csv: \{path: .*?\})`", file.read())
        self.assertGreaterEqual(len(shown), 2)
        with Project() as project:
            small.make(project)
            text = project.read(small.FILE).decode()
            for source in shown:
                project.write(small.FILE, text.replace('csv: {path: "feed/{day}/orders.csv"}',
                                                       source.replace("…", '"feed/{day}/orders.csv"')))
                self.assertIn("dialect", project.read(small.FILE).decode())
                project.do("check", small.FILE)


if __name__ == "__main__":
    main()
