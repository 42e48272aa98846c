#!/usr/bin/env python3
"""Completions, as the shells themselves make them of the scripts."""

import shutil
import subprocess

import small
from harness import Acceptance, main


class CompletionTest(Acceptance):
    def setUp(self):
        self.book = small.make(self.project())

    def shell(self, name, script):
        if shutil.which(name) is None:
            self.skipTest(f"{name} is not installed")
        self.book.write("completions", self.book.do("completion", name).out)
        done = subprocess.run([name, "-c", "source ./completions\n" + script], cwd=self.book.path, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode().splitlines()

    def test_bash_offers_commands_flags_choices_and_files(self):
        script = """
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); COMPREPLY=(); _daybook; echo "${COMPREPLY[*]}"; }
ask daybook qua; ask daybook quarantine rel; ask daybook runs list --sta; ask daybook log --output j; ask daybook run ord
"""
        self.assertEqual(self.shell("bash", script), ["quarantine", "release release-partition", "--state",
                                                      "json jsonl", "orders.pipeline.yaml"])

    def test_fish_offers_commands_flags_choices_and_files(self):
        lines = ["daybook qua", "daybook quarantine rel", "daybook runs list --sta", "daybook log -o j", "daybook run ord"]
        script = "".join(f'complete -C "{line}" | string replace -r "\\t.*" ""\n' for line in lines)
        self.assertEqual(self.shell("fish", script), ["quarantine", "release", "release-partition", "--state", "json",
                                                      "jsonl", "orders.pipeline.yaml"])

    def test_zsh_offers_what_the_table_has_and_leaves_the_path_alone(self):
        # What _describe and _arguments are given is what zsh shows.
        script = """
_describe() { print -r -- ${(P)2}; }
_arguments() { print -r -- $#; [[ -x $(whence -p ls) ]] && print found; }
words=(daybook ''); CURRENT=2; _daybook
words=(daybook quarantine ''); CURRENT=3; _daybook
words=(daybook run ''); CURRENT=3; _daybook
"""
        self.book.do("completion", "zsh")
        if shutil.which("zsh") is None:
            self.skipTest("zsh is not installed")
        text = self.book.do("completion", "zsh").out.replace('_daybook "$@"', "")
        self.book.write("completions", text)
        done = subprocess.run(["zsh", "-f", "-c", "source ./completions\n" + script], cwd=self.book.path, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.stderr, b"")
        said = done.stdout.decode().splitlines()
        self.assertIn("quickstart", said[0])
        self.assertIn("release-partition", said[1])
        self.assertGreater(int(said[2]), 5)
        self.assertEqual(said[3], "found")


if __name__ == "__main__":
    main()
