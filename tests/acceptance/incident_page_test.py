#!/usr/bin/env python3
"""docs/how-to/after-an-incident.md: its commands are run as they stand there."""

import os
import re
import subprocess

from harness import BINARY, ROOT, Acceptance, main

VERIFY = os.environ.get("DAYBOOK_VERIFIER", os.path.join(os.path.dirname(BINARY), "daybook-verify"))


class AfterAnIncident(Acceptance):
    def test_every_command_does_what_the_page_says(self):
        project = self.project()
        done = project.ask("quickstart", "shop", "--rows", 2000)
        self.assertIn(done.code, (0, 1), done)  # the demo has bad records on purpose
        with open(os.path.join(ROOT, "docs/how-to/after-an-incident.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)
        self.assertGreaterEqual(len(blocks), 10)
        path = os.pathsep.join([os.path.dirname(BINARY), os.path.dirname(VERIFY), os.environ["PATH"]])
        said = {}
        for block in blocks:
            done = subprocess.run(["bash", "-euc", block], cwd=project.at("shop"), timeout=120, check=False,
                                  env=project.environment | {"PATH": path}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 0, block + done.stdout + done.stderr)
            said[block.splitlines()[0]] = done.stdout
        self.assertIn("steps[2].filter", said["daybook runs list"])
        self.assertIn("identical", said["daybook replay 0 --partition 2026-01-04"])
        self.assertIn("rule step 2 filter",
                      said["daybook replay last --with good.pipeline.yaml --partition 2026-01-04 --limit 3"])
        self.assertEqual(said["daybook ledger key > log.vkey"].count("good  "), 2)


if __name__ == "__main__":
    main()
