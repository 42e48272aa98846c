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
sys.path.insert(0, os.path.join(HERE, "..", "acceptance"))

import small  # noqa: E402
from harness import Project  # noqa: E402

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

    def test_ours_will_do(self):
        server = subprocess.Popen([built("daybook"), "serve-tiles", self.place, "--for", "300"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.accepted_at(server.stdout.readline().split()[1])

    def test_any_static_file_server_will_do(self):
        port = free_port()
        self.serving(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", self.place, port)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        self.accepted_at(f"http://127.0.0.1:{port}/")


class LiteWitness:
    """The litewitness program, with a key in an agent of its own."""

    def __init__(self, folder, name="witness.example/lite"):
        self.folder, self.name, self.port, self.processes = folder, name, free_port(), []
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.at("key"))
        self.start("ssh-agent", "-D", "-a", self.at("agent"))
        self.wait(lambda: os.path.exists(self.at("agent")))
        added = run("ssh-add", "-q", self.at("key"), env={**os.environ, "SSH_AUTH_SOCK": self.at("agent")})
        assert added.returncode == 0, added.stderr
        self.fingerprint = run("ssh-keygen", "-lf", self.at("key.pub")).stdout.split()[1]
        self.server = None

    def at(self, name):
        return os.path.join(self.folder, name)

    def start(self, *words):
        process = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True)
        self.processes.append(process)
        return process

    @staticmethod
    def wait(condition):
        for _ in range(200):
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError("waited in vain")

    def knows(self, vkey, new=True):
        origin = vkey.split("+")[0]
        commands = [["add-log"]] if new else []
        for command, *words in [*commands, ["add-key", "-key", vkey]]:
            done = run(program("witnessctl"), command, "-db", self.at("db"), "-origin", origin, *words)
            assert done.returncode == 0, done.stderr

    def serve(self):
        self.server = self.start(program("litewitness"), "-db", self.at("db"), "-name", self.name, "-key",
                                 self.fingerprint, "-ssh-agent", self.at("agent"), "-listen", f"127.0.0.1:{self.port}")
        for line in self.server.stderr:
            if "vkey=" in line:
                self.vkey = line.split("vkey=")[1].split()[0]
            if "listening" in line:
                return self
        raise AssertionError("litewitness did not start")

    def stop(self, process=None):
        for one in [process] if process else self.processes:
            one.kill()
            one.wait()
            one.stderr.close()
        self.processes = [one for one in self.processes if one.returncode is None]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


class Witnessing(Folder):
    """A whole project whose checkpoints litewitness cosigns."""

    def setUp(self):
        self.project = small.make(Project())
        self.addCleanup(self.project.close)
        self.project.do("run", small.FILE)
        place = tempfile.mkdtemp(prefix="daybook-witness-")
        self.addCleanup(shutil.rmtree, place)
        self.witness = LiteWitness(place)
        self.addCleanup(self.witness.stop)
        self.witness.knows(self.vkey())
        self.witness.serve()
        self.project.do("ledger", "witness", "add", "lite", self.witness.vkey, self.witness.url)

    def vkey(self):
        return self.project.do("ledger", "key").out.strip()

    def more(self, day):
        small.write_day(self.project, day, [f"{day[-2:]}7,more,1"])
        return self.project.ask("run", small.FILE)

    def policy(self):
        return self.project.write("policy", f"log {self.vkey()}\n"
                                  f"witness lite {self.witness.vkey} {self.witness.url}\nquorum lite\n")

    def everybody_accepts(self, name):
        place = self.project.at(name)
        self.project.do("ledger", "export", place)
        key = self.project.write("log.vkey", self.vkey() + "\n")
        accepted, said = client(self.policy(), place)
        self.assertTrue(accepted, said)
        accepted, said = fsck(place, key)
        self.assertTrue(accepted, said)
        done = run(built("daybook-verify"), place, "--policy", self.policy())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_cosigns_each_run_and_torchwood_accepts_the_quorum(self):
        self.assertEqual(self.more("2026-02-01").code, 0)
        self.assertEqual(self.more("2026-02-02").code, 0)
        self.everybody_accepts("audit")
        self.project.do("ledger", "prove", "2", "entry")
        accepted, said = client(self.policy(), self.project.at("entry"), self.project.at("entry.tlog-proof"))
        self.assertTrue(accepted, said)

    def test_without_its_cosignature_torchwood_refuses(self):
        self.assertEqual(self.more("2026-02-01").code, 0)
        self.witness.stop(self.witness.server)
        self.assertEqual(self.more("2026-02-02").code, 0)
        self.project.do("ledger", "export", "alone")
        self.assertFalse(client(self.policy(), self.project.at("alone"))[0])
        self.witness.serve()
        self.assertEqual(self.more("2026-02-03").code, 0)
        self.everybody_accepts("together")

    def test_our_rolled_back_copy_is_refused_and_signs_nothing(self):
        self.assertEqual(self.more("2026-02-01").code, 0)
        shutil.copytree(self.project.book, self.project.at("backup"))
        self.assertEqual(self.more("2026-02-02").code, 0)
        shutil.rmtree(self.project.book)
        shutil.copytree(self.project.at("backup"), self.project.book)
        done = self.more("2026-02-03")
        self.assertEqual(done.code, 9, str(done))
        self.assertEqual(self.project.ask("ledger", "witness", "collect").code, 9)
        # Another origin is another log to it.
        self.project.do("ledger", "new-origin", "--reason", "the newer copy is lost", "--yes")
        self.witness.knows(self.vkey())
        self.project.do("ledger", "witness", "collect")
        self.everybody_accepts("after")

    def test_a_rotated_key_is_cosigned_once_it_knows_it(self):
        self.project.do("ledger", "witness", "collect")
        self.project.do("ledger", "key", "rotate", "--reason", "test", "--yes")
        self.assertEqual(self.project.ask("ledger", "witness", "collect").code, 10)
        self.witness.knows(self.vkey(), new=False)
        self.project.do("ledger", "witness", "collect")
        self.everybody_accepts("audit")


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
