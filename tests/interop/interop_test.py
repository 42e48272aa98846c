#!/usr/bin/env python3
"""Exports and checkpoints held against programs we did not write: Tessera's fsck, a client of the torchwood
library, and litewitness.

Usage: interop_test.py [--all] BUILD_DIRECTORY [SUITE...]

The programs are unpacked by tests/interop/unpack into build/interop; where they are not, exits 77 and says
why. Without --all a slice is run.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

SIZES = [0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 70_000]
SLICE = [0, 1, 2, 255, 256, 257, 600]


class Setting:
    """Where things are, as the command line says."""
    build = bin = ""
    all = False


def run(*words, timeout=600, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=timeout,
                          check=False, **more)


def program(name):
    return os.path.join(Setting.bin, name)


def built(name):
    return os.path.join(Setting.build, name)


class Folder(unittest.TestCase):
    """With a folder of its own."""
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="daybook-interop-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    @classmethod
    def at(cls, *names):
        return os.path.join(cls.folder, *names)

    @classmethod
    def write(cls, name, text):
        with open(cls.at(name), "w", encoding="utf-8") as file:
            file.write(text)
        return cls.at(name)


def fsck(place, key):
    """Whether Tessera's fsck accepts. It waits for ever, or exits 0, on some tampered logs: what counts is that
    it ends in time, with 0, having said so (https://github.com/transparency-dev/tessera)."""
    url = place if place.startswith("http:") else "file://" + place
    try:
        done = run(program("fsck"), f"--storage_url={url}", f"--public_key={key}", "--ui=false", "--N=64",
                   timeout=120)
    except subprocess.TimeoutExpired:
        return False, "waited for ever"
    said = done.stdout + done.stderr
    return done.returncode == 0 and "Successfully fsck'd log" in said, said


def client(policy, *subject):
    """Whether torchwood's library accepts."""
    done = run(program("tlog_client"), policy, *subject)
    return done.returncode == 0 and done.stdout.startswith("OK"), done.stdout + done.stderr


def ours(place, key):
    done = run(built("daybook-verify"), place, "--key-file", key)
    return done.returncode == 0 and done.stdout.startswith("good"), done.stdout + done.stderr


class Exports(Folder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sizes = SIZES if Setting.all else SLICE
        done = run(built("tests/interop_books"), cls.at("books"), *cls.sizes)
        assert done.returncode == 0, done.stderr
        cls.key = cls.at("books", "log.vkey")
        with open(cls.key, encoding="utf-8") as file:
            cls.policy = cls.write("policy", f"log {file.read().strip()}\nquorum none\n")

    def everybody_accepts(self, place, size):
        with open(os.path.join(place, "checkpoint"), encoding="utf-8") as file:
            self.assertEqual(file.read().split("\n")[1], str(size))
        for accepted, said in fsck(place, self.key), client(self.policy, place), ours(place, self.key):
            self.assertTrue(accepted, said)

    def test_every_size_is_accepted_by_programs_of_others(self):
        for size in self.sizes:
            with self.subTest(size=size):
                self.everybody_accepts(self.at("books", str(size)), size)

    def test_what_grew_through_all_sizes_is_accepted_too(self):
        self.everybody_accepts(self.at("books", "growing"), self.sizes[-1])

    def test_a_directory_that_grew_still_serves_every_checkpoint_it_had(self):
        for size in self.sizes:
            with self.subTest(size=size):
                place = self.at("earlier")
                shutil.copytree(self.at("books", "growing"), place)
                shutil.copy(self.at("books", str(size), "checkpoint"), place)
                for accepted, said in fsck(place, self.key), client(self.policy, place):
                    self.assertTrue(accepted, said)
                shutil.rmtree(place)

    def test_a_proof_is_accepted_and_not_for_another_entry(self):
        sizes = [size for size in self.sizes if size > 0]
        for size in sizes:
            with self.subTest(size=size):
                proof = self.at("books", f"{size}.tlog-proof")
                accepted, said = client(self.policy, self.at("books", f"{size}.entry"), proof)
                self.assertTrue(accepted, said)
                other = self.write("other", "another entry")
                self.assertFalse(client(self.policy, other, proof)[0])

    def test_what_is_changed_is_refused_by_all(self):
        size = self.sizes[-1]
        bundle = f"tile/entries/{size // 256:03}.p/{size % 256}"
        for name in "tile/entries/000", "tile/0/001", bundle, "tile/1/000" if size >= 65536 else "tile/1/000.p/2":
            with self.subTest(name=name):
                place = self.at("changed")
                shutil.copytree(self.at("books", str(size)), place)
                path = os.path.join(place, name)
                with open(path, "r+b") as file:
                    file.seek(40)
                    byte = file.read(1)[0]
                    file.seek(40)
                    file.write(bytes([byte ^ 1]))
                for accepted, said in fsck(place, self.key), client(self.policy, place), ours(place, self.key):
                    self.assertFalse(accepted, said)
                shutil.rmtree(place)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Serving(Folder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = run(built("tests/interop_books"), cls.at("books"), 600)
        assert done.returncode == 0, done.stderr
        cls.place, cls.key = cls.at("books", "600"), cls.at("books", "log.vkey")
        with open(cls.key, encoding="utf-8") as file:
            cls.policy = cls.write("policy", f"log {file.read().strip()}\nquorum none\n")

    def accepted_at(self, url):
        for accepted, said in client(self.policy, url), fsck(url, self.key):
            self.assertTrue(accepted, said)

    def serving(self, *words):
        server = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stderr.close)
        return server

    def test_any_static_file_server_will_do(self):
        port = free_port()
        self.serving(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", self.place, port)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        self.accepted_at(f"http://127.0.0.1:{port}/")


def main():
    words = sys.argv[1:]
    Setting.all = "--all" in words
    words = [word for word in words if word != "--all"]
    if not words:
        sys.exit(__doc__)
    Setting.build = os.path.abspath(words[0])
    interop = os.path.join(HERE, "..", "..", "build", "interop")
    Setting.bin = os.path.join(interop, "bin")
    if not os.path.exists(os.path.join(interop, "made")):
        try:
            with open(os.path.join(interop, "missing"), encoding="utf-8") as file:
                why = file.read().strip()
        except FileNotFoundError:
            why = "tests/interop/unpack was not run (tools/dev interop does)"
        print(f"skipped, the programs of others are not there: {why}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], "-v", *words[1:]])


if __name__ == "__main__":
    main()
