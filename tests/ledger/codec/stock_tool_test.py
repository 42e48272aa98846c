#!/usr/bin/env python3
"""The stock `capnp` tool and the schema alone read what Daybook wrote.

usage: stock_tool_test.py SCHEMA EVENT_CODEC_TEST_SOURCE
The entries are the golden ones of event_codec_test.cc, which no release changes.
"""

import pathlib
import re
import struct
import subprocess
import sys
import unittest

SCHEMA, SOURCE = sys.argv[1], sys.argv[2]


def golden(name):
    text = pathlib.Path(SOURCE).read_text(encoding="utf-8")
    literal = re.search(rf'{name}_bytes =((?:\s*"[0-9a-f]*")+);', text).group(1)
    return bytes.fromhex("".join(re.findall(r'"([0-9a-f]*)"', literal)))


def capnp(command, entry, *options):
    return subprocess.run(["capnp", command, *options, SCHEMA, "Entry"], input=entry, check=True,
                          capture_output=True).stdout


def with_segment_table(entry):
    return struct.pack("<II", 0, len(entry) // 8) + entry


class StockTool(unittest.TestCase):
    def test_reads_an_entry_behind_a_segment_table(self):
        text = capnp("decode", with_segment_table(golden("committed"))).decode()
        for part in ("recordedAt = 1700000001234567", "cause = 41", "epoch = 3",
                     'principal = "daybook"', "kind = system", 'onBehalfOf = "ana"',
                     "loadCommitted = (", "slot = 4", "rows = 43511", "recovered = false",
                     'evidence = "manifest 9f2c"', 'name = "a.parquet"'):
            self.assertIn(part, text)

    def test_reads_an_entry_as_it_is_stored(self):
        for name, kind in (("created", "bookCreated"), ("committed", "loadCommitted"),
                           ("scheduled", "retryScheduled")):
            text = capnp("convert", golden(name), "flat:text").decode()
            self.assertIn(kind, text)

    def test_makes_the_same_canonical_bytes(self):
        for name in ("created", "committed", "scheduled"):
            entry = golden(name)
            self.assertEqual(capnp("convert", with_segment_table(entry), "binary:canonical"), entry)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
