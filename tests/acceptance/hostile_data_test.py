#!/usr/bin/env python3
"""Hostile sources and targets: refused with a place and a reason, and the book is as it was."""

import csv
import fcntl
import glob
import io
import os
import shutil
import signal
import struct

import small
from harness import files_below, main
from small import FILE, loaded
from hostile import HostileTest, UNREACHABLE


class SourceTest(HostileTest):
    """Files that come from outside: what is wrong is set aside, and everything is accounted for."""

    DAY = small.DAYS[0]

    def run_with(self, data, exits=0, form="csv", mode="replace", **options):
        project = small.make(self.project(), days=[], mode=mode)
        project.write(FILE, project.read(FILE).decode().replace('csv: {path: "feed', form + ': {path: "feed'))
        project.write(f"feed/{self.DAY}/orders.csv", data)
        done = self.bounded(project, "run", FILE, exits=exits, **options)
        slot = project.state().get(self.DAY)
        counts = (slot or {}).get("counts")
        if counts:
            self.assertEqual(counts["read"], counts["accepted"] + counts["quarantined"], counts)
        self.bounded(project, "verify", exits=0)
        return project, done, slot

    def held(self, project):
        """Row -> rules it broke."""
        return {item["row"]: item["rules"] for item in project.items("quarantine", "list", "--limit", 0)}

    def test_a_quote_that_never_ends_costs_its_own_records_only(self):
        lines = b"".join(b"%d,name,1\n" % row for row in range(5000))
        project, _, slot = self.run_with(b"id,name,amount\n" + lines + b'9,"never ends,1\n' + lines)
        self.assertGreaterEqual(slot["counts"]["accepted"], 5000)
        self.assertGreaterEqual(slot["counts"]["quarantined"], 1)
        self.assertIn(5001, self.held(project))

    def test_a_field_of_twenty_megabytes_is_one_bad_record(self):
        project, _, slot = self.run_with(b"id,name,amount\n1," + b"x" * 20_000_000 + b",1\n2,two,2\n")
        self.assertEqual(loaded(project, self.DAY), ["2,two,2"])
        self.assertEqual(slot["counts"]["quarantined"], 1)

    def test_bytes_that_are_no_text_are_set_aside_with_their_record(self):
        project, _, _ = self.run_with(b"id,name,amount\r\n1,a\0b,1\r\n2,\xe4,1\n3,\xed\xa0\x80,1\n4,\xc0\xaf,1\n5,ok,1\r\n")
        self.assertEqual(self.held(project), {row: ["encoding"] for row in (1, 2, 3, 4)})
        self.assertEqual(loaded(project, self.DAY), ["5,ok,1"])
        project, _, _ = self.run_with(b"\xef\xbb\xbfid,name,amount\n1,one,1")
        self.assertEqual(loaded(project, self.DAY), ["1,one,1"])
        _, done, slot = self.run_with("id,name,amount\n1,one,1\n".encode("utf-16"), exits=1)
        self.assertEqual(slot["phase"], "quarantined")
        self.assertIn("UTF-16", done.out)

    def test_records_of_another_shape_are_set_aside_and_headers_of_another_shape_refused(self):
        project, _, _ = self.run_with(b"id,name,amount\n1,a\n2,b,2,3\n\n3,c,3\n" + b",".join([b"1"] * 70_000) + b"\n")
        self.assertEqual(loaded(project, self.DAY), ["3,c,3"])
        self.assertEqual({rules[0] for rules in self.held(project).values()}, {"structure"})
        for header, said in ((b"id,name,name", "stands twice"), (b"id,,amount", "not in the contract"),
                             (b"id,name", "is missing"), (b"id,name,amount,x", "not in the contract"),
                             (b",".join(b"c%d" % i for i in range(70_000)), "more than 4096")):
            with self.subTest(header[:20]):
                _, done, slot = self.run_with(header + b"\n1,a,1\n", exits=1)
                self.assertEqual((slot["phase"], slot["rows"]), ("quarantined", None))
                self.assertIn(said, done.out, "the summary does not say why")

    def test_a_source_without_records_is_never_success_by_default(self):
        for data in (b"", b"id,name,amount\n"):
            project, done, slot = self.run_with(data, exits=1)
            self.assertEqual(slot["phase"], "quarantined")
            self.assertIn("allow_empty", done.out)
            self.assertFalse(glob.glob(project.at("lake/orders/*/*")))

    def test_what_a_spreadsheet_would_run_is_loaded_as_it_is_and_printed_as_text(self):
        nasty = ["=cmd|' /C calc'!A0", "+1", "@SUM", "-1"]
        project, _, _ = self.run_with("id,name,amount\n" + "".join(f"{n},{t},1\n" for n, t in enumerate(nasty)) + "9,=1+1,x\n")
        self.assertEqual(loaded(project, self.DAY), [f"{n},{t},1" for n, t in enumerate(nasty)])
        project.do("quarantine", "amend", "0:0", "--text", "9,fine,1", "--reason", "=1+1")
        for words in (["quarantine", "list"], ["log", "--fields", "index,sentence"], ["quarantine", "groups"]):
            printed = project.do(*words, "-o", "csv").out
            for field in (field for row in csv.reader(io.StringIO(printed)) for field in row):
                self.assertNotIn(field[:1], ("=", "+", "@", "\t"), printed)

    def test_numbers_are_digits_of_the_declared_size(self):
        bad = ["1e400", "0x10", "１２", "9" * 40, "1.5", " 1", "1_0", "+-1", "NaN", "", "1e2"]
        project, _, slot = self.run_with("id,name,amount\n" + "".join(f"{t},n,1\n" for t in bad) + "-0,n,1\n")
        self.assertEqual(slot["counts"]["quarantined"], len(bad))
        self.assertEqual(loaded(project, self.DAY), ["0,n,1"])

    def test_json_that_is_none_is_set_aside_line_by_line(self):
        good = b'{"id":1,"name":"a","amount":1}\n'
        bad = [b'{"id":2,"name":"b","name":"c","amount":1}', b'{"id":3,"name":"\\ud800","amount":1}',
               b'{"id":4,"name":"d","amount":1,}', b'{"id":5,"name":"e","amount":NaN}',
               b'{"id":6,"name":"f","amount":1e999}', b'{"id":7,"name":"g","amount":1}{"id":8,"name":"h","amount":1}',
               b"[1,2]", b'"x"', b'{"id":9,"name":null,"amount":1}', b'{"id":10,"name":"\xff","amount":1}',
               b'{"id":11,"name":' + b"[" * 100_000 + b"]" * 100_000 + b',"amount":1}', b'{"id":' * 100_000,
               b'{"id":12,"name":"' + b"x" * 9_000_000 + b'","amount":1}', b'{"id":13,"name":"never ends']
        project, _, slot = self.run_with(good + b"\n".join(bad), form="jsonl")
        self.assertEqual(slot["counts"]["quarantined"], len(bad))
        self.assertEqual(loaded(project, self.DAY), ["1,a,1"])

    def test_parquet_that_lies_about_itself_is_refused_without_believing_it(self):
        lies = {"text": b"id,name\n1,2\n", "nothing": b"", "two marks": b"PAR1PAR1",
                "a footer of 4 GB": b"PAR1" + struct.pack("<I", 0xFFFFFFFF) + b"PAR1",
                "a footer of zeros": b"PAR1" + bytes(100) + struct.pack("<I", 90) + b"PAR1",
                "counts without end": b"PAR1" + b"\x15" + b"\xff" * 8 + b"\x7f" + b"\x19\xfc" + b"\xff" * 9 +
                                      struct.pack("<I", 20) + b"PAR1",
                "a list of 2^31": b"PAR1\x15\x02\x19\xfc\xff\xff\xff\xff\x07" + struct.pack("<I", 9) + b"PAR1",
                "nested for ever": b"PAR1" + b"\x1c" * 200_000 + struct.pack("<I", 200_000) + b"PAR1"}
        for what, data in lies.items():
            with self.subTest(what):
                project, done, slot = self.run_with(data, exits=1, form="parquet")
                self.assertIn(slot["phase"], ("quarantined", "failed"), done)
                self.assertIn(f"feed/{self.DAY}/orders.csv", done.out)
                self.assertNotIn("SELECT", done.out)
                self.assertFalse(glob.glob(project.at("lake/orders/*/*")))

    def test_what_is_loaded_has_the_mode_its_owner_asks_for_and_the_book_is_private(self):
        for mask, file, folder in ((0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o077, 0o600, 0o700)):
            old = os.umask(mask)
            try:
                project = small.make(self.project())
                self.bounded(project, "run", FILE, exits=0)
            finally:
                os.umask(old)
            part = glob.glob(project.at("lake/orders", self.DAY, "*.csv"))[0]
            self.assertEqual(os.stat(part).st_mode & 0o777, file)
            for made in ("lake", "lake/orders", f"lake/orders/{self.DAY}"):
                self.assertEqual(os.stat(project.at(made)).st_mode & 0o777, folder, made)
            for where, folders, names in os.walk(project.book):
                for name in folders + names:
                    self.assertEqual(os.lstat(os.path.join(where, name)).st_mode & 0o077, 0, name)

    def test_a_folder_that_is_no_partition_fails_alone(self):
        project = small.make(self.project())
        for folder in ("tmp", "2026-02-30", "old stuff"):
            project.write(f"feed/{folder}/orders.csv", "id,name,amount\n1,one,1\n")
        done = self.bounded(project, "run", FILE, exits=1)
        for said in ('"tmp" in feed/tmp/orders.csv is not a date', '"2026-02-30"', '"old stuff"'):
            self.assertIn(said, done.out)
        self.assertEqual(sorted(os.listdir(project.at("lake/orders"))), [".daybook", ".stage", *small.DAYS])
        self.assertEqual(files_below(project.at("lake/orders/.stage")), {})
        for folder in ("tmp", "2026-02-30", "old stuff"):
            shutil.rmtree(project.at("feed", folder))
        self.bounded(project, "run", FILE, exits=0)

    def test_a_partition_of_more_files_than_an_entry_names_fails_alone_and_says_so(self):
        project = small.make(self.project(), days=small.DAYS[:1])
        project.write(FILE, project.read(FILE).decode().replace("orders.csv", "*.csv"))
        for number in range(101):
            project.write(f"feed/2026-01-02/{number:03}.csv", f"id,name,amount\n{number},a,1\n")
        done = self.bounded(project, "run", FILE, exits=1)
        self.assertIn("partition 2026-01-02 is made of 101 files, and at most 100 are recorded", done.out + done.err)
        self.assertEqual(len(loaded(project, small.DAYS[0])), 5)
        os.remove(project.at("feed/2026-01-02/100.csv"))
        self.bounded(project, "run", FILE, exits=0)
        self.assertEqual(len(loaded(project, small.DAYS[1])), 100)

    def test_a_file_that_is_there_and_can_not_be_read_is_not_passed_over(self):
        secret = self.project().write("secret.csv", "id,name,amount\n1,secret,1\n")
        for what, make in {"a link out of the project": lambda path: os.symlink(secret, path),
                           "a link to a device": lambda path: os.symlink("/dev/zero", path),
                           "a FIFO": os.mkfifo}.items():
            with self.subTest(what):
                project = small.make(self.project())
                os.remove(project.at(f"feed/{self.DAY}/orders.csv"))
                make(project.at(f"feed/{self.DAY}/orders.csv"))
                done = self.bounded(project, "run", FILE, exits=UNREACHABLE)
                self.assertIn(f"feed/{self.DAY}/orders.csv can not be read", done.err)
                self.assertEqual(project.state(), {})
                self.assertFalse(os.path.exists(project.at("lake")))
        project = small.make(self.project())
        shutil.move(project.at("feed"), secret + ".d")
        os.symlink(secret + ".d", project.at("feed"))
        self.assertIn("out of the project", self.bounded(project, "run", FILE, exits=UNREACHABLE).err)


class SinkTest(HostileTest):
    def test_partitions_named_by_the_data_never_leave_the_target(self):
        names = ["..", "a/b", "/etc", ".", "x" * 300, "a\\b", "%2e%2e", "ok", "", "a\nb", "\x1b[31m", ".daybook", ".stage",
                 "ä", " x", "y" * 128, "-rf", "CON"]
        project = small.make(self.project(), days=[])
        project.write("feed/all.csv", "id,name,amount\n" +
                      "".join(f'{n},"{name}",1\n' for n, name in enumerate(names)))
        text = project.read(FILE).decode().replace("feed/{day}/orders.csv", "feed/all.csv")
        project.write(FILE, text.replace("partition: {by: day, type: date}", "partition: {by: name, type: string}"))
        before = set(os.listdir(project.path)) | {"lake"}
        done = self.bounded(project, "run", FILE)
        self.assertNotIn("\x1b", done.out + done.err)
        self.assertEqual(set(os.listdir(project.path)), before)
        self.assertEqual(os.listdir(project.at("lake")), ["orders"])
        found = {}
        for folder, _, files in os.walk(project.at("lake/orders")):
            for name in files:
                if name.endswith(".csv"):
                    self.assertEqual(os.path.dirname(folder), project.at("lake/orders"), "deeper than one folder")
                    self.assertRegex(os.path.basename(folder), r"^[A-Za-z0-9_=+-][A-Za-z0-9._=+-]{0,127}$")
                    found[os.path.basename(folder)] = found.get(os.path.basename(folder), 0) + 1
        self.assertIn("ok", found)
        # Every record is counted, or in a partition that is set aside as a whole.
        counted = sum(slot["counts"]["read"] for slot in project.state().values() if slot.get("counts"))
        aside = {item["partition"] for item in project.items("quarantine", "partitions")}
        self.assertEqual(aside, {".daybook", ".stage"})
        self.assertEqual(counted + len(aside), len(names), "a record is lost")
        project.do("verify")

    def test_a_target_that_is_no_folder_is_left_alone(self):
        for what, make in {"a file": lambda path: open(path, "w").close(), "a FIFO": os.mkfifo,
                           "a link out": lambda path: os.symlink("/tmp", path)}.items():
            with self.subTest(what):
                project = small.make(self.project())
                make(project.at("lake"))
                size = project.size()
                self.bounded(project, "run", FILE, exits=UNREACHABLE)
                self.assertEqual(project.entries("RunStarted", since=size), [])
                self.assertFalse(os.path.exists("/tmp/orders/.daybook"))

    def test_what_is_harmed_before_anybody_could_settle_it_is_lost_and_loaded_again(self):
        project = small.make(self.project(), days=small.DAYS[:1], mode="append")
        killed = project.ask("run", FILE, environment={"DAYBOOK_CRASH_AT": "dir.manifest_written"})
        self.assertEqual(killed.code, -signal.SIGKILL, str(killed))
        parts = glob.glob(project.at("lake/orders/.daybook/*/*/part*"))
        self.assertEqual(len(parts), 1, parts)
        os.chmod(parts[0], 0o644)
        with open(parts[0], "ab") as file:
            file.write(b"9,not of this load,9\n")
        self.bounded(project, "run", FILE, exits=(0, 1))
        self.bounded(project, "run", FILE, exits=0)
        self.assertEqual(len(project.entries("LoadLost")), 1)
        self.assertEqual(len(loaded(project, small.DAYS[0])), 5)
        self.assertEqual(project.json("reconcile", FILE, "--deep")["findings"], [])
        project.do("verify")

    def test_who_stands_still_with_the_lock_of_a_partition_is_waited_for_and_named(self):
        project = small.make(self.project(), days=small.DAYS[:1])
        project.write(FILE, project.read(FILE).decode().replace("timeout: 60s", "timeout: 3s"))
        project.do("run", FILE)
        small.write_day(project, small.DAYS[0], ["7,later,7"])
        [lock] = glob.glob(project.at("lake/orders/.daybook/*/lock"))
        with open(lock, "r+b") as held:
            fcntl.lockf(held, fcntl.LOCK_EX)
            done = self.bounded(project, "run", FILE, exits=UNREACHABLE)
            self.assertIn("lock", done.out + done.err)
            self.assertEqual(len(loaded(project, small.DAYS[0])), 5)
            self.assertEqual(project.entries("LoadAborted"), [])
        self.bounded(project, "run", FILE, exits=0)
        self.assertEqual(loaded(project, small.DAYS[0]), ["7,later,7"])
        project.do("verify")

    def test_a_target_that_comes_back_is_loaded_once(self):
        project = small.make(self.project())
        project.write("lake", "in the way")
        self.bounded(project, "run", FILE, exits=UNREACHABLE)
        os.remove(project.at("lake"))
        self.bounded(project, "run", FILE, exits=0)
        self.assertEqual(len(loaded(project, small.DAYS[0])), 5)
        self.assertEqual({slot["generation"] for slot in project.state().values()}, {1})


if __name__ == "__main__":
    main()
