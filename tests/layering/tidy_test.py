"""Every rule of tools/tidy.py finds its fault in a small tree, and a clean tree has none."""

import os
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True
import tidy  # noqa: E402

CLEAN = {
    "statemachine/CMakeLists.txt": "daybook_module(statemachine SOURCES fold.cc HEADERS fold.h)\n",
    "statemachine/fold.h": '#pragma once\n#include <map>\n',
    "statemachine/fold.cc": '#include "statemachine/fold.h"\n#include <fmt/format.h>\n',
    "ledger/CMakeLists.txt": "daybook_module(ledger SOURCES rocksdb_ledger.cc HEADERS ledger.h PRIVATE_DEPS RocksDB::rocksdb)\n",
    "ledger/ledger.h": "#pragma once\n",
    "ledger/rocksdb_ledger.cc": "#include <rocksdb/db.h>\n#include <unistd.h>\n",
    "replay/CMakeLists.txt": "daybook_module(replay SOURCES replay.cc DEPS daybook::ledger daybook::statemachine)\n",
    "replay/replay.cc": '#include "ledger/ledger.h"\n#include "statemachine/fold.h"\n',
}


class Tidy(unittest.TestCase):
    def findings(self, changes):
        with tempfile.TemporaryDirectory() as root:
            for path, text in (CLEAN | changes).items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return [f"{path}:{line}: {message}" for path, line, message in tidy.Tidy(root).run()]

    def assert_finds(self, path, text, words, line=1):
        findings = self.findings({path: text})
        self.assertTrue(any(f.startswith(f"{path}:{line}:") and words in f for f in findings),
                        f"{words!r} at {path}:{line} not in {findings}")

    def assert_clean(self, path, text):
        self.assertEqual(self.findings({path: text}), [])

    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(self.findings({}), [])

    def test_folders(self):
        own = '#include "statemachine/fold.h"\n'
        self.assert_finds("statemachine/fold.cc", own + '#include "ledger/ledger.h"\n', "may not include", 2)
        self.assert_finds("ledger/ledger.h", '#pragma once\n#include "statemachine/fold.h"\n', "may not include", 2)
        self.assert_finds("replay/replay.cc", '#include "runner/runner.h"\n', "may not include")
        self.assert_finds("tools/verifier/main.cc", '#include "runner/runner.h"\n', "may not include")
        self.assert_finds("replay/replay.cc", '#include "../ledger/ledger.h"\n', "root of the tree")
        self.assert_finds("tools/daybook/main.cc", '#include "tests/support/x.h"\n', "nothing of tests/")
        self.assert_clean("tests/replay/fold_test.cc", '#include "ledger/ledger.h"\n#include <gtest/gtest.h>\n')

    def test_libraries_have_their_places(self):
        for path, header in [("replay/replay.cc", "rocksdb/db.h"), ("replay/replay.cc", "capnp/message.h"),
                             ("runner/runner.cc", "duckdb.h"), ("runner/runner.cc", "libpq-fe.h"),
                             ("runner/dataplane/stage.cc", "boost/asio.hpp"), ("replay/replay.cc", "boost/asio.hpp"),
                             ("ledger/codec/event_codec.h", "capnp/message.h"), ("ledger/ledger.h", "gtest/gtest.h")]:
            self.assert_finds(path, f"#pragma once\n#include <{header}>\n", "not included here", 2)
        self.assert_finds("ledger/ledger.h", "#pragma once\n#include <curl/curl.h>\n", "does not know", 2)

    def test_the_state_machine_is_pure(self):
        own = '#include "statemachine/fold.h"\n'
        for header in ("chrono_clock.h", "unistd.h", "sys/time.h", "random", "fstream", "thread", "unordered_map"):
            self.assert_finds("statemachine/fold.cc", own + f"#include <{header}>\n", "", 2)
        for code in ("double x;", "float x;", "std::unordered_map<int, int> m;", "throw 1;",
                     "auto t = std::chrono::steady_clock::now();"):
            self.assert_finds("statemachine/fold.cc", own + code + "\n", "is banned here", 2)

    def test_banned_calls_name_what_to_use(self):
        for code, instead in [("auto t = std::chrono::system_clock::now();", "runner/clock.h"),
                              ("auto t = time(nullptr);", "runner/clock.h"), ("int i = rand();", "runner/entropy.h"),
                              ("std::random_device d;", "runner/entropy.h"), ("std::thread t(f);", "runner/executor.h"),
                              ("assert(x);", "DAYBOOK_ASSERT"), ("int i = std::stoi(s);", "from_chars"),
                              ("std::cout << 1;", "a value returned")]:
            self.assert_finds("replay/replay.cc", code + "\n", instead)
        for code in ("// assert(x) and rand() in a comment", 'auto s = "rand()";', "auto n = 60'000; // 'x",
                     "static_assert(true);", "std::thread::id i;", "auto t = event.time(0);", "// double"):
            self.assert_clean("replay/replay.cc", code + "\n")
        clock = {"runner/clock.cc": "auto t = std::chrono::system_clock::now();\n",
                 "runner/CMakeLists.txt": "daybook_module(runner SOURCES clock.cc)\n"}
        self.assertEqual(self.findings(clock), [])

    def test_leftovers_and_places(self):
        self.assert_finds("ledger/ledger.h", "#pragma once\n// TO" "DO: later\n", "leftover", 2)
        self.assert_finds("docs/a.md", "see https://regis" "try.example.org/x\n", "one machine's place")
        self.assert_finds("docs/a.md", "in /wo" "rk/main\n", "one machine's place")
        self.assert_finds("replay/replay.cc", "\n" * 601, "longer than", 601)
        self.assert_clean("docs/a.md", "a framework/part and https://example.org/paper\n")

    def test_headers(self):
        self.assert_finds("ledger/ledger.h", "// nothing\n", "#pragma once")
        self.assert_finds("statemachine/fold.cc", '#include <map>\n#include "statemachine/fold.h"\n', "own header")

    def test_the_graph_of_cmake_agrees(self):
        cmake = "replay/CMakeLists.txt"
        found = self.findings({cmake: "daybook_module(replay SOURCES replay.cc DEPS daybook::ledger)\n"})
        self.assertTrue(any("does not name in DEPS" in f for f in found), found)
        self.assert_finds(cmake, "daybook_module(replay SOURCES replay.cc DEPS daybook::ledger "
                                 "daybook::statemachine RocksDB::rocksdb)\n", "only ledger may")
        self.assert_finds("ledger/CMakeLists.txt", "daybook_module(ledger SOURCES rocksdb_ledger.cc HEADERS ledger.h "
                                                   "DEPS daybook::statemachine)\n", "may not include")
        self.assert_finds(cmake, "daybook_module(replay SOURCES replay.cc DEPS daybook::ledger "
                                 "daybook::statemachine daybook::replay)\n", "reaches itself")
        self.assert_finds("ledger/forgotten.cc", "\n", "nothing builds it")


if __name__ == "__main__":
    unittest.main()
