#!/usr/bin/env python3
"""Evidence: what is handed over says what the book says, is checked without it, and can not be bent."""

import html.parser
import io
import json
import os
import re
import subprocess
import zipfile
import zlib

import small
from harness import ROOT, Acceptance, Project, main
from small import FILE

VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(ROOT, "build/release/daybook-verify"))
DAY = "2026-01-01"
SECRET = "Ana Lopez"


def stored(files):
    """The one archive of these files, as docs/how-to/evidence-for-an-audit.md's archives are written."""
    out, central = b"", b""
    for name, content in sorted(files.items(), key=lambda item: item[0].encode()):
        common = (b"\x0a\0\0\0\0\0\0\0\x21\0" + zlib.crc32(content).to_bytes(4, "little") +
                  2 * len(content).to_bytes(4, "little") + len(name).to_bytes(2, "little") + b"\0\0")
        central += b"PK\x01\x02\x0a\0" + common + 10 * b"\0" + len(out).to_bytes(4, "little") + name.encode()
        out += b"PK\x03\x04" + common + name.encode() + content
    count = len(files).to_bytes(2, "little")
    return (out + central + b"PK\x05\x06\0\0\0\0" + count + count + len(central).to_bytes(4, "little") +
            len(out).to_bytes(4, "little") + b"\0\0")


def files_in(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


class Page(html.parser.HTMLParser):
    """Only what a page may have that must open anywhere, in ten years."""

    def __init__(self):
        super().__init__()
        self.open, self.bad, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag in ("script", "img", "link", "iframe", "object", "form", "svg"):
            self.bad.append(tag)
        self.bad += [name for name, _ in attributes if name in ("src", "href", "style") or name.startswith("on")]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.bad.append(f"</{tag}>")

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


class Evidence(Acceptance):
    @classmethod
    def setUpClass(cls):
        project = cls.one = small.make(Project(), compensate=1, load=1)
        small.write_day(project, DAY, ["1,one,1", f"2,{SECRET},5000", "3,<b>Bo</b>,7000"])
        project.do("run", FILE, exits=(7, 8))
        key = project.at("ana")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ana", "-f", key], check=True,
                       stdin=subprocess.DEVNULL)
        project.do("principals", "add", "ana", "--key", key + ".pub", "--role", "approver")
        for item in project.items("approvals", "list"):
            project.do("approvals", "approve", item["approval"], "--key", key, "--as", "ana")
        project.do("run", FILE)
        erasure = project.json("erase", "propose", "--subject", f"name={SECRET}", "--reason", "request 4711",
                               exits=8)
        project.do("approvals", "approve", erasure["approval"], "--key", key, "--as", "ana")
        project.do("erase", "start", erasure["erasure"], "--yes")
        back = project.json("compensate", "propose", "--partition", DAY, "--reason", "wrong <file>", exits=8)
        project.do("approvals", "approve", back["approval"], "--key", key, "--as", "ana")
        project.do("compensate", "start", back["compensation"], "--yes")
        project.do("legal-hold", "add", "--run", 1, "--reason", "case 12/2026")
        project.do("erase", "propose", "--run", 1, "--reason", "tidying", exits=4)
        project.do("rerun", FILE, exits=(0, 1, 7, 8))
        cls.key = project.do("ledger", "key").out.strip()
        project.do("evidence", project.at("run.zip"), "--run", 1)
        cls.archive = project.read("run.zip")
        cls.files = files_in(cls.archive)

    @classmethod
    def tearDownClass(cls):
        cls.one.close()

    def judge(self, archive, *words, key=None):
        path = self.one.write("judged.zip", archive)
        done = subprocess.run([VERIFIER, path, "--key", key or self.key, "-o", "json", *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        said = json.loads(done.stdout) if done.stdout else {}
        self.assertEqual(said.get("exit", done.returncode), done.returncode, done)
        return done.returncode, said

    def test_it_is_good(self):
        code, said = self.judge(self.archive)
        self.assertEqual((code, said["verdict"], said["subject"]), (0, "good", "evidence"), said)
        self.assertEqual(said["files"], len(self.files))
        self.assertGreaterEqual(said["signatures"], 2)

    def test_it_follows_approvals_that_were_given_in_an_earlier_run(self):
        entries = [json.loads(line) for line in self.files["entries.jsonl"].decode().splitlines()]
        events = {kind: [entry["event"] for entry in entries if entry["kind"] == kind]
                  for kind in ("LoadIntended", "ApprovalRequested", "ApprovalGiven")}
        loaded = {event["slot"] for event in events["LoadIntended"]}
        asked = {event["approval"]: event["slot"] for event in events["ApprovalRequested"] if event["subject"] == "load"}
        given = {asked.get(event["approval"]) for event in events["ApprovalGiven"]}
        self.assertTrue(loaded)
        self.assertLessEqual(loaded, given)

    def test_it_is_the_archive_that_the_format_says(self):
        self.assertEqual(stored(self.files), self.archive)

    def test_it_holds_what_the_book_says_of_the_run(self):
        lines = [json.loads(line) for line in self.files["entries.jsonl"].splitlines()]
        by_index = {line["index"]: line for line in lines}
        book = self.one.entries()
        for entry in book:
            if entry["index"] in by_index:
                mine = by_index[entry["index"]]
                self.assertEqual((mine["kind"], mine["event"], mine["actor"]),
                                 (entry["kind"], entry["event"], entry["actor"]))
                self.assertEqual(mine["sentence"], entry["sentence"])
        run = next(item["uuid"] for item in self.one.items("runs", "list") if item["run"] == 1)
        for entry in book:
            if entry["correlation"] == run:
                self.assertIn(entry["index"], by_index)
        kinds = {line["kind"] for line in lines}
        for kind in ("BookCreated", "DefinitionRegistered", "AttemptStaged", "ApprovalGiven", "CompensationFinished",
                     "ErasureFinished", "LegalHoldPlaced", "PrincipalEnrolled", "SlotOpened", "RunFinished"):
            self.assertIn(kind, kinds)
        self.assertIn("definitions/0.json", self.files)
        self.assertIn("contracts/orders.odcs.yaml", self.files["definitions/0.json"].decode())

    def test_the_approvals_are_good_for_openssh_alone(self):
        folder = self.one.at("unpacked")
        with zipfile.ZipFile(io.BytesIO(self.archive)) as archive:
            archive.extractall(folder)
        texts = [name for name in self.files if re.fullmatch(r"approvals/\d+\.txt", name)]
        self.assertGreaterEqual(len(texts), 2)
        checked = 0
        for name in texts:
            signature = os.path.join(folder, name.replace(".txt", "-0.sig"))
            if not os.path.exists(signature):
                continue
            with open(os.path.join(folder, name), "rb") as text:
                subprocess.run(["ssh-keygen", "-Y", "verify", "-f", os.path.join(folder, "allowed_signers"), "-I",
                                "ana", "-n", "daybook", "-s", signature], stdin=text, check=True,
                               stdout=subprocess.DEVNULL)
            checked += 1
        self.assertGreaterEqual(checked, 2)

    def test_nothing_of_a_record_is_in_it_unless_it_was_asked_for(self):
        for name, content in self.files.items():
            self.assertNotIn(b"Lopez", content, name)
            self.assertNotIn(b"<b>Bo</b>", content, name)
        listed = [json.loads(line) for name in self.files if name.startswith("quarantine/")
                  for line in self.files[name].splitlines()]
        self.assertEqual(sorted((record["row"], record["erased"], record["rules"]) for record in listed),
                         2 * [(2, True, ["amount.maximum"])] + 2 * [(3, False, ["amount.maximum"])])
        self.one.do("evidence", self.one.at("more.zip"), "--run", 1, "--with-records")
        more = self.one.read("more.zip")
        self.assertEqual(self.judge(more)[0], 0)
        records = b"".join(content for name, content in files_in(more).items() if name.startswith("records/"))
        self.assertIn(b"<b>Bo</b>", records)
        self.assertNotIn(b"Lopez", records)

    def test_the_report_is_one_page_that_needs_nothing(self):
        page = Page()
        page.feed(self.files["report.html"].decode())
        page.close()
        self.assertEqual((page.bad, page.open), ([], []))
        text = " ".join(page.text)
        for words in ("run 1 of orders", "What was read, and what became of it", "Records set aside", "Approvals",
                      "Loads taken back", "Erasures", "Legal holds and refusals", "wrong <file>", "case 12/2026"):
            self.assertIn(words, text)

    def test_one_changed_byte_of_any_file_is_refused_and_its_file_named(self):
        for name, content in self.files.items():
            for at in {0, len(content) // 2, len(content) - 1}:
                bent = bytearray(content)
                bent[at] ^= 1
                code, said = self.judge(stored({**self.files, name: bytes(bent)}))
                self.assertEqual(code, 1, f"{name} byte {at}: {said}")
                self.assertIn(name, [fault["path"] for fault in said["faults"]], f"{name} byte {at}")

    def test_one_changed_byte_of_the_archive_is_refused(self):
        for at in range(0, len(self.archive), max(1, len(self.archive) // 150)):
            bent = bytearray(self.archive)
            bent[at] ^= 0x40
            self.assertEqual(self.judge(bytes(bent))[0], 1, f"byte {at}")

    def test_missing_stray_cut_and_longer_archives_are_refused(self):
        for name in self.files:
            code, said = self.judge(stored({n: c for n, c in self.files.items() if n != name}))
            self.assertEqual(code, 1, f"{name} {said}")
        for stray in ("notes.txt", "approvals/99.txt", "checkpoints/7", "definitions/9.json", "records/0.jsonl",
                      "quarantine/77.jsonl", "approvals/0-9.sig"):
            if stray not in self.files:
                code, said = self.judge(stored({**self.files, stray: b"x"}))
                self.assertEqual(code, 1, stray)
                self.assertIn(stray, [fault["path"] for fault in said["faults"]])
        self.assertEqual(self.judge(self.archive + b"\0")[0], 1)
        for end in (0, 1, 3, 22, len(self.archive) // 2, len(self.archive) - 1):
            self.assertEqual(self.judge(self.archive[:end])[0], 1, end)

    def test_it_is_nothing_without_the_right_key(self):
        other = small.make(self.project("other"))
        other.do("run", FILE)
        self.assertNotEqual(self.judge(self.archive, key=other.do("ledger", "key").out.strip())[0], 0)

    def test_ranges_compensations_and_bad_words(self):
        size = self.one.size()
        for number, words in enumerate((["--from", 0, "--to", 20], ["--compensation", 0],
                                        ["--from", "2020-01-01", "--to", "2100-01-01"])):
            self.one.do("evidence", self.one.at(f"part{number}.zip"), *words)
            code, said = self.judge(self.one.read(f"part{number}.zip"))
            self.assertEqual(code, 0, f"{words} {said}")
        kinds = [json.loads(line)["kind"] for line in files_in(self.one.read("part1.zip"))["entries.jsonl"].splitlines()]
        for kind in ("CompensationProposed", "ApprovalGiven", "CompensationCommitted", "LoadCommitted"):
            self.assertIn(kind, kinds)
        for words, exits in (([], 2), (["--run", 0, "--compensation", 0], 2), (["--from", 3], 2),
                             (["--from", 9, "--to", 3], 2), (["--run", 99], 5), (["--compensation", 9], 5),
                             (["--from", 0, "--to", size + 5], 5)):
            self.one.do("evidence", self.one.at("none.zip"), *words, exits=exits)
            self.assertFalse(os.path.exists(self.one.at("none.zip")))
        self.one.do("evidence", self.one.at("part0.zip"), "--run", 0, exits=6)


if __name__ == "__main__":
    main()
