"""daybook-verify and verify.py, run as an auditor runs them: both accept every export, and both
refuse every tampering, with the exit code that is promised and the place named.

Usage: programs_test.py DAYBOOK_VERIFY VERIFY_PY EXPORT_FIXTURE
"""

import base64
import hashlib
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SCRIPT, FIXTURE = (os.path.abspath(path) for path in sys.argv[1:4])
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("verify", SCRIPT)
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)

ROOTS = {  # of the published vectors: entry i is "event <i>"
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "a344deda6399e079700f18caccc174ed11ef1b1d164271e3a95d82c734466977",
    2: "9597a008c399108ddc67f881629dfbda16be63fcb74b42892f749dde08d3364a",
    255: "222da0f6c081dc3968fb864966d8d8ea1905ccdb4dbee33459a6dc48eb21d275",
    256: "d56a4e1ca488792c837ccd7fa985ebaa67c35c17b6e70b80cd31becfad851b17",
    257: "eacc42cbd69a46934c40b01109c2b3ea32880da8a053cce4e0c962d09f69b6d0",
    70000: "07aacf4b136b01993481b12907d4afa72d97bc7cc79b1c7c491dff4e066e1530",
}
SEED = bytes.fromhex("836ff184e7b41b1e13cb5fd89fa1de98dbbab99e9d2918913ff43b86a5c7c213")
ORIGIN = "ledger.example/test"
OTHER_KEY = "ledger.example/test+" + hashlib.sha256(b"ledger.example/test\n\1" + bytes(32)).hexdigest()[:8] + \
    "+" + base64.b64encode(b"\1" + bytes(32)).decode()


def run(*words, timeout=60):
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr


def sign(text):
    """A note over `text` by the vectors' key."""
    with tempfile.TemporaryDirectory() as folder:
        def path(name, data=b""):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
            return os.path.join(folder, name)
        key = path("key", bytes.fromhex("302e020100300506032b657004220420") + SEED)
        out = path("out")
        subprocess.run(["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", key, "-rawin",
                        "-in", path("text", text), "-out", out], check=True, capture_output=True)
        with open(out, "rb") as file:
            line = base64.b64encode(bytes.fromhex("421031f3") + file.read())
    return text + b"\n\xe2\x80\x94 " + ORIGIN.encode() + b" " + line + b"\n"


class Exported(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="daybook-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def export(self, *kind):
        place = os.path.join(self.folder, "-".join(kind))
        if not os.path.isdir(place):
            self.assertEqual(run(FIXTURE, *kind, place)[0], 0)
        return place

    def both(self, place, *more, opaque=True):
        """Exit codes and what was said, of both programs."""
        book, key = os.path.join(place, "book"), [] if "--key" in more else ["--key-file", f"{place}/log.vkey"]
        ours = run(PROGRAM, book, *key, *more, *(["--entries", "opaque"] if opaque else []))
        theirs = run(sys.executable, SCRIPT, book, *key, *more)
        return (ours[0], theirs[0]), ours[1] + ours[2], theirs[1] + theirs[2]


class Good(Exported):
    def test_every_size_is_accepted_by_both_with_the_published_root(self):
        for size, root in ROOTS.items():
            place = self.export("events", str(size))
            codes, ours, theirs = self.both(place)
            self.assertEqual(codes, (0, 0), ours + theirs)
            for said in ours, theirs:
                self.assertIn(f"{size} entries", said)
                self.assertIn(root, said)
            if size:
                code, said, _ = run(PROGRAM, "proof", f"{place}/entry.tlog-proof", "--entry", f"{place}/entry.bin",
                                    "--key-file", f"{place}/log.vkey")
                self.assertEqual((code, said[:4]), (0, "good"), said)

    def test_a_real_book_folds_to_the_states_it_recorded(self):
        codes, ours, theirs = self.both(self.export("book"), opaque=False)
        self.assertEqual(codes, (0, 0), ours + theirs)
        self.assertRegex(ours, r"state   sha256:[0-9a-f]{64} · 3 recorded states reached again")

    def test_json_says_the_same(self):
        place = self.export("book")
        code, said, _ = run(PROGRAM, f"{place}/book", "--key-file", f"{place}/log.vkey", "-o", "json")
        report = json.loads(said)
        self.assertEqual((code, report["verdict"], report["exit"], report["state_roots"]), (0, "good", 0, 3))
        self.assertIsNone(report["first"])


class Tampered(Exported):
    def expect(self, codes, places, change, *more, kind=("events", "600")):
        """After `change(book)`, both say these codes, and each names its place."""
        origin = self.export(*kind)
        place = os.path.join(self.folder, "changed")
        shutil.copytree(origin, place, symlinks=True)
        try:
            change(os.path.join(place, "book"))
            said = self.both(place, *more)
            self.assertEqual(said[0], codes, said)
            for words, named in zip(said[1:], places):
                self.assertIn(named, words)
                self.assertNotRegex(words, "Traceback|terminate called|Assertion")
        finally:
            shutil.rmtree(place)

    def change(self, name, edit):
        def changed(book):
            path = os.path.join(book, name)
            with open(path, "rb") as file:
                content = file.read()
            with open(path, "wb") as file:
                file.write(edit(content))
        return changed

    def test_files(self):
        flip = lambda at: lambda c: c[:at] + bytes([c[at] ^ 1]) + c[at + 1:]  # noqa: E731
        last = b"\0\x09event 511"
        bundle, tile = "tile/entries/001", "tile/0/001"
        for name, edit, index in [(bundle, flip(5), 256), (tile, flip(64), 258), (tile, lambda c: c + b"junk", 256),
                                  (tile, lambda c: c[:-32], 511), (bundle, lambda c: c.removesuffix(last), 511),
                                  (bundle, lambda c: c + last, 512), (bundle, lambda c: c + b"\0", 512),
                                  ("tile/1/000.p/2", flip(0), 0), ("tile/0/002.p/88", lambda c: c + b"x", 599)]:
            with self.subTest(name=name, index=index):
                self.expect((1, 1), (f"index {index}, {name}", "tile/"), self.change(name, edit))

    def test_names(self):
        def add(name):
            def added(book):
                os.makedirs(os.path.dirname(os.path.join(book, name)), exist_ok=True)
                with open(os.path.join(book, name), "wb"):
                    pass
            return added
        for name in "tile/0/003", "tile/entries/009", "README", "tile/0/002.p/89", "checkpoint.old":
            with self.subTest(added=name):
                self.expect((1, 1), (name, name), add(name))
        for name in "tile/0/001", "tile/entries/002.p/88", "tile/1/000.p/2":
            with self.subTest(removed=name):
                self.expect((1, 1), (name, name), lambda book, name=name: os.remove(f"{book}/{name}"))

        def link(name):
            def linked(book):
                os.rename(f"{book}/{name}", f"{book}/../away")
                os.symlink("/".join([".."] * (name.count("/") + 1)) + "/away", f"{book}/{name}")
            return linked
        for name in "tile/0/001", "tile/entries/000", "tile/0", "checkpoint":
            with self.subTest(linked=name):
                self.expect((1, 1), (name, name), link(name))

        def pipe(book):
            os.remove(f"{book}/tile/0/001")
            os.mkfifo(f"{book}/tile/0/001")
        self.expect((1, 1), ("tile/0/001", "tile/0/001"), pipe)

    def test_checkpoints(self):
        place = self.export("events", "600")
        with open(f"{place}/book/checkpoint", "rb") as file:
            note = file.read()
        text = note.rpartition(b"\n\n")[0] + b"\n"
        self.assertEqual(sign(text), note)
        told = ("checkpoint", "checkpoint")
        becomes = lambda note: self.change("checkpoint", lambda _: note)  # noqa: E731
        self.expect((3, 3), told, lambda book: None, "--key", OTHER_KEY)
        self.expect((3, 3), told, lambda book: None, "--origin", "ledger.example/other")
        self.expect((1, 1), told, self.change("checkpoint", lambda c: c.replace(b"\n600\n", b"\n599\n")))
        self.expect((1, 1), told, becomes(sign(text + b"an extension line\n")))
        self.expect((1, 1), told, becomes(sign(text) + b"trailing"))
        self.expect((1, 1), told, becomes(sign(text) + b"\n"))
        self.expect((1, 1), told, becomes(b""))
        self.expect((1, 1), told, becomes(sign(text.replace(b"\n600\n", b"\n0600\n"))))
        for size in b"601", b"599", b"4611686018427387904":
            self.expect((1, 1), ("", ""), becomes(sign(text.replace(b"\n600\n", b"\n" + size + b"\n"))))
        self.expect((2, 2), told, lambda book: os.remove(f"{book}/checkpoint"))

    def test_any_byte_of_a_real_book_is_missed_by_neither(self):
        place = os.path.join(self.folder, "bytes")
        shutil.copytree(self.export("book"), place)
        book = os.path.join(place, "book")
        with open(f"{place}/log.vkey", encoding="utf-8") as file:
            key = file.read()
        names = sorted(os.path.relpath(os.path.join(folder, name), book)
                       for folder, _, files in os.walk(book) for name in files)
        numbers = random.Random(20260101)
        for sample in range(1000):
            path = os.path.join(book, names[sample % len(names)])
            with open(path, "r+b") as file:
                before = file.read()
                at = numbers.randrange(len(before))
                file.seek(at)
                file.write(bytes([before[at] ^ numbers.randrange(1, 256)]))
            with self.assertRaises(verify.Refused, msg=f"{path} at {at}"):
                verify.verify(book, key)
            if sample % 20 == 0:  # the library test runs all of them through the other program's code
                self.assertNotIn(0, self.both(place, opaque=False)[0], f"{path} at {at}")
            with open(path, "wb") as file:
                file.write(before)
        self.assertEqual(self.both(place, opaque=False)[0], (0, 0))


class Program(Exported):
    def test_what_can_not_be_used_is_exit_2(self):
        place = self.export("events", "2")
        key = ["--key-file", f"{place}/log.vkey"]
        for words in ([], [f"{place}/book"], [f"{place}/nothing", *key], [f"{place}/log.vkey", *key],
                      [f"{place}/book", "--key", "nonsense"], [f"{place}/book", "--key-file", f"{place}/nothing"],
                      [f"{place}/book", "--key-file", "/dev/zero"], [f"{place}/book", *key, *key],
                      [f"{place}/book", *key, "--quorum", "1"], [f"{place}/book", *key, "-o", "xml"],
                      [f"{place}/book", *key, "--entries"], [f"{place}/book", f"{place}/book", *key],
                      [f"{place}/book", *key, "--fix"], ["proof", f"{place}/entry.tlog-proof", *key],
                      ["proof", f"{place}/nothing", "--entry", f"{place}/entry.bin", *key],
                      ["proof", f"{place}/entry.tlog-proof", "--entry", f"{place}/nothing", *key]):
            code, out, err = run(PROGRAM, *words)
            self.assertEqual(code, 2, (words, out, err))
            self.assertTrue(out + err)
        for words in ([], [f"{place}/nothing", *key], [f"{place}/book", "--key", "nonsense"], [f"{place}/book"]):
            self.assertEqual(run(sys.executable, SCRIPT, *words)[0], 2, words)
        self.assertEqual(run(PROGRAM, "--help")[0], 0)
        self.assertEqual(run(PROGRAM, "--version")[0], 0)

    def test_an_answer_that_nobody_could_hear_is_not_good(self):
        place = self.export("events", "2")
        with open("/dev/full", "w", encoding="utf-8") as full:
            for words in [PROGRAM], [sys.executable, SCRIPT]:
                opaque = ["--entries", "opaque"] if words == [PROGRAM] else []
                done = subprocess.run([*words, f"{place}/book", "--key-file", f"{place}/log.vkey", *opaque],
                                      stdout=full, stderr=subprocess.DEVNULL, timeout=60, check=False)
                self.assertNotEqual(done.returncode, 0)

    def test_the_program_links_neither_database_nor_engine_nor_runner(self):
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", PROGRAM)[1])
        allowed = r"(libcrypto|libcapnp|libkj|libfmt|libstdc\+\+|libgcc_s|libm|libc)[-.].*|ld-linux.*|lib[at]san.*|libubsan.*"
        self.assertTrue(needed)
        self.assertEqual([name for name in needed if not re.fullmatch(allowed, name)], [])
        loaded = run("ldd", PROGRAM)[1]
        self.assertNotRegex(loaded, r"rocksdb|duckdb|libpq|libssl")
        symbols = run("nm", "-C", PROGRAM)[1]
        self.assertIn("daybook::verify_export", symbols)
        self.assertNotRegex(symbols, r"rocksdb::|duckdb|PQ(exec|connect)|daybook::(Runner|Keeper)|boost::asio")

    def test_the_script_is_short_and_needs_nothing_but_python_and_openssl(self):
        with open(SCRIPT, encoding="utf-8") as file:
            text = file.read()
        self.assertLess(text.count("\n"), 150)
        modules = re.findall(r"^import (.*?)(?:  #.*)?$", text, re.M)
        named = {name.strip() for line in modules for name in line.split(",")}
        self.assertTrue(named and named <= sys.stdlib_module_names, named)
        self.assertNotRegex(text, r"^from ", "imports are of whole modules")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
