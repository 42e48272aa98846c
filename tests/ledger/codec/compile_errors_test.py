#!/usr/bin/env python3
"""An event that was added in some places only does not compile, and the compiler names the gap.

usage: compile_errors_test.py SOURCE_DIR GENERATED_DIR
Works on copies: the sources with one more event, without its meaning, its fields or its case.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, GENERATED = pathlib.Path(sys.argv[1]), sys.argv[2]
EVENTS = "statemachine/events.h"
NEW_STRUCT = "struct SlotTimedOut {\n  SlotId slot{};\n};\n\n"


class HalfAddedEvent(unittest.TestCase):
    def setUp(self):
        self.copy = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.copy)
        for folder in ("statemachine", "ledger", "ledger/codec"):
            (self.copy / folder).mkdir()
            for file in (SOURCE / folder).iterdir():
                if file.suffix in (".h", ".cc"):
                    shutil.copy(file, self.copy / folder)

    def replace(self, file, old, new):
        text = (self.copy / file).read_text(encoding="utf-8")
        self.assertIn(old, text)
        (self.copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    def errors(self, file):
        done = subprocess.run(
            ["g++", "-std=c++23", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{self.copy}",
             "-isystem", GENERATED, self.copy / file], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0, f"{file} compiled")
        return done.stderr

    def add_struct(self):
        self.replace(EVENTS, "using Event =", NEW_STRUCT + "using Event =")
        self.replace(EVENTS, ">;\n\n// An entry of the book", ", SlotTimedOut>;\n\n// An entry of the book")

    def test_without_its_meaning(self):
        self.add_struct()
        self.assertRegex(self.errors("statemachine/apply.cc"), "no match.*SlotTimedOut")

    def test_without_its_fields(self):
        self.add_struct()
        self.assertRegex(self.errors("ledger/codec/event_codec.cc"),
                         r"no matching function for call to .write\(const daybook::SlotTimedOut&")

    def test_without_its_member_of_the_union(self):
        self.add_struct()
        self.replace("ledger/codec/event_codec.cc", "EVENT(LoadLost,",
                     "EVENT(SlotTimedOut, F(slot, Slot))\nEVENT(LoadLost,")
        self.assertRegex(self.errors("ledger/codec/event_codec.cc"), "initSlotTimedOut")

    def test_without_its_case(self):
        self.replace("ledger/codec/event_codec.cc", "    case LOAD_LOST:", "    // case LOAD_LOST:")
        self.assertRegex(self.errors("ledger/codec/event_codec.cc"),
                         "enumeration value .LOAD_LOST. not handled in switch")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
