#!/usr/bin/env python3
"""What others hold against the keeper of a book: witnesses, keys that follow each other, another origin after a
loss, time stamps, and the log as it is served."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import small
from authority import Authority
from harness import ROOT, Acceptance, files_below, main, wait_until
from small import FILE
from witness import Witness

VERIFIER = os.environ.get("DAYBOOK_VERIFIER", os.path.join(ROOT, "build/release/daybook-verify"))


class Trust(Acceptance):
    def made(self, **options):
        project = small.make(self.project(), **options)
        project.do("run", FILE)
        return project

    def key(self, project, name="log.vkey"):
        return project.write(name, project.do("ledger", "key").out)

    def vkey(self, project):
        return project.do("ledger", "key").out.strip()

    def witnessed(self, project, known=True, host=None):
        witness = Witness(project.home, host=host).start()
        self.addCleanup(witness.stop)
        if known:
            witness.knows(self.vkey(project))
        project.do("ledger", "witness", "add", "w", witness.vkey, witness.url)
        return witness

    def verify(self, *words, exits=0):
        done = subprocess.run([VERIFIER, *map(str, words), "-o", "json"], capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, exits, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else {}

    def more(self, project, day):
        small.write_day(project, day, [f"{day[-2:]}1,more,1"])
        return project.ask("run", FILE)

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def policy(self, project, witness):
        return project.write("policy", f"log {self.vkey(project)}\nwitness w {witness.vkey} {witness.url}\nquorum w\n")


class Witnesses(Trust):
    def test_cosign_what_a_run_signs_and_exports_proofs_and_evidence_carry_it(self):
        project = self.made()
        witness = self.witnessed(project)
        policy = self.policy(project, witness)
        small.write_day(project, "2026-01-04", ["41,more,1", "42,too much,5000"])
        self.assertIn(project.ask("run", FILE).code, (0, 1, 7))
        [one] = project.items("ledger", "witness", "list")
        self.assertEqual(one["cosigned"], project.entries("CheckpointSigned")[-1]["event"]["size"])
        project.do("ledger", "export", "audit")
        self.assertEqual(self.verify(project.at("audit"), "--policy", policy)["signed_by"][1:], [witness.name])
        project.do("evidence", "--run", "last", "evidence.zip")
        self.verify(project.at("evidence.zip"), "--policy", policy)
        project.do("prove", "orders", "3:0", "-o", "proof.zip")
        self.verify(project.at("proof.zip"), "--policy", policy)
        project.do("ledger", "prove", "1", "entry")
        self.verify("proof", project.at("entry.tlog-proof"), "--entry", project.at("entry"), "--policy", policy)
        self.assertTrue(project.json("verify")["cosignatures"] > 0)
        script = subprocess.run(["python3", os.path.join(ROOT, "tools/verifier/verify.py"), project.at("audit"),
                                 "--key-file", self.key(project)], capture_output=True, text=True, check=False)
        self.assertEqual(script.returncode, 0, script.stdout + script.stderr)

    def over_tls(self, host, trusted=True):
        """What a witness behind a certificate for `host` says, asked as localhost."""
        project = self.made()
        witness = self.witnessed(project, host=host)
        return project.ask("ledger", "witness", "collect", "-o", "json",
                           environment={"SSL_CERT_FILE": witness.certificate} if trusted else None)

    def test_are_asked_over_tls(self):
        done = self.over_tls("localhost")
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(done.json()["witnesses"][0]["says"], "cosigned")

    def test_with_a_certificate_nobody_vouches_for_are_told_nothing(self):
        done = self.over_tls("localhost", trusted=False)
        self.assertEqual(done.code, 10, str(done))
        self.assertIn("certificate", done.out + done.err)

    def test_with_the_certificate_of_another_host_are_told_nothing(self):
        done = self.over_tls("elsewhere.example")
        self.assertEqual(done.code, 10, str(done))
        self.assertIn("certificate", done.out + done.err)

    def test_an_export_without_the_quorum_is_not_accepted(self):
        project = self.made()
        witness = self.witnessed(project, known=False)
        policy = self.policy(project, witness)
        self.assertEqual(self.more(project, "2026-01-04").code, 0)
        project.do("ledger", "export", "audit")
        self.verify(project.at("audit"), "--policy", policy, exits=3)
        self.verify(project.at("audit"), "--key-file", self.key(project))
        witness.knows(self.vkey(project))
        project.do("ledger", "witness", "collect")
        project.do("ledger", "export", "audit")
        self.verify(project.at("audit"), "--policy", policy)

    def test_one_that_is_away_fails_no_run_and_is_asked_again(self):
        project = self.made()
        witness = self.witnessed(project)
        project.do("ledger", "witness", "collect")
        witness.stop()
        done = self.more(project, "2026-01-04")
        self.assertEqual(done.code, 0, str(done))
        self.assertIn("witness w", done.err)
        self.assertEqual(project.ask("ledger", "witness", "collect").code, 10)
        witness.start()
        self.assertEqual(self.more(project, "2026-01-05").code, 0)
        self.assertEqual(project.json("ledger", "witness", "collect")["witnesses"][0]["says"], "cosigned")

    def test_one_that_never_answers_holds_up_a_run_for_seconds_and_no_more(self):
        project = self.made()
        witness = self.witnessed(project)
        witness.silent = True
        before = time.monotonic()
        done = self.more(project, "2026-01-04")
        self.assertEqual(done.code, 0, str(done))
        self.assertLess(time.monotonic() - before, 30)
        self.assertIn("no answer within", done.err)

    def restored(self, project):
        """The book of before, in its place again."""
        shutil.rmtree(project.book)
        shutil.copytree(project.at("backup"), project.book)

    def test_an_old_copy_is_refused_before_it_does_anything(self):
        project = self.made()
        self.witnessed(project)
        project.do("ledger", "witness", "collect")
        shutil.copytree(project.book, project.at("backup"))
        self.assertEqual(self.more(project, "2026-01-04").code, 0)
        self.restored(project)
        lake = files_below(project.at("lake"))
        notes = project.do("ledger", "witness", "list", "-o", "json").json()["items"][0]["cosigned"]
        done = self.more(project, "2026-01-05")
        self.assertEqual(done.code, 9, str(done))
        self.assertIn("old copy", done.err)
        self.assertEqual(files_below(project.at("lake")), lake)
        self.assertEqual(project.ask("ledger", "witness", "collect").code, 9)
        self.assertEqual(project.ask("ledger", "key", "rotate", "--reason", "x", "--yes").code, 9)
        self.assertEqual(project.items("ledger", "witness", "list")[0]["cosigned"], notes)

    def test_an_old_copy_that_went_on_alone_is_found_out_when_it_asks(self):
        project = self.made()
        witness = self.witnessed(project)
        project.do("ledger", "witness", "collect")
        shutil.copytree(project.book, project.at("backup"))
        self.assertEqual(self.more(project, "2026-01-04").code, 0)
        self.restored(project)
        witness.stop()
        # Its checkpoints are longer than what the witness saw, and other ones.
        for day in "2026-01-05", "2026-01-06", "2026-01-07":
            self.more(project, day)
        witness.start()
        self.assertEqual(project.ask("ledger", "witness", "collect").code, 9)

    def test_is_named_by_whoever_may_and_never_twice(self):
        project = self.made()
        witness = self.witnessed(project)
        project.do("ledger", "witness", "add", "other", witness.vkey, witness.url, exits=6)
        project.do("ledger", "witness", "add", "x", self.vkey(project), witness.url, exits=3)
        project.do("ledger", "witness", "add", "x", witness.vkey, "ftp://w.example/", exits=3)
        project.do("ledger", "witness", "remove", "x", "--reason", "r", exits=5)
        project.do("ledger", "witness", "remove", "w", "--reason", "engagement ended")
        self.assertEqual(project.items("ledger", "witness", "list"), [])
        kinds = [entry["kind"] for entry in project.entries()]
        self.assertIn("WitnessRemoved", kinds)
        project.do("ledger", "witness", "collect", exits=5)
        project.do("verify")


class Keys(Trust):
    def everything(self, project, place="audit"):
        project.do("ledger", "export", place)
        project.do("evidence", "--run", "last", place + ".zip")
        project.do("ledger", "prove", "1", place + "-entry")
        return [(project.at(place),), (project.at(place + ".zip"),),
                ("proof", project.at(place + "-entry.tlog-proof"), "--entry", project.at(place + "-entry"))]

    def test_the_old_key_vouches_for_the_new_one_wherever_it_is_pinned(self):
        project = self.made()
        old = self.key(project, "old.vkey")
        project.do("ledger", "key", "rotate", "--reason", "every January", "--yes")
        middle = self.key(project, "middle.vkey")
        project.do("ledger", "key", "rotate", "--reason", "every January", "--yes")
        new = self.key(project, "new.vkey")
        self.assertEqual(len({self.read(name) for name in (old, middle, new)}), 3)
        self.assertEqual(self.more(project, "2026-01-04").code, 0)
        project.do("verify")
        for words in self.everything(project):
            for key, rotations in (old, 2), (middle, 1), (new, 0):
                self.assertEqual(self.verify(*words, "--key-file", key)["rotations"], rotations, words)
        stranger = self.key(self.made(), "stranger.vkey")
        for words in self.everything(project, "again"):
            self.verify(*words, "--key-file", stranger, exits=3 if not words[0].endswith(".zip") else 1)

    def test_the_old_key_is_gone_and_signs_no_more(self):
        project = self.made()
        before = project.read(".daybook/keys/log.key")
        project.do("ledger", "key", "rotate", "--reason", "stolen", "--yes")
        self.assertEqual(sorted(name for name in os.listdir(project.at(".daybook/keys")) if "log" in name), ["log.key"])
        self.assertNotEqual(project.read(".daybook/keys/log.key"), before)
        path = project.write(".daybook/keys/log.key", before)
        os.chmod(path, 0o600)
        project.do("verify", exits=9)
        self.assertIn("not the key", project.ask("evidence", "--run", "last", "e.zip").err)

    def test_killed_anywhere_it_is_one_key_or_the_other(self):
        for point in "log_key.made", "log_key.named", "log_key.replaced":
            with self.subTest(point=point):
                project = self.made()
                old = self.key(project, "old.vkey")
                done = project.ask("ledger", "key", "rotate", "--reason", "r", "--yes",
                                   environment={"DAYBOOK_CRASH_AT": point})
                self.assertEqual(done.code, -signal.SIGKILL, str(done))
                project.do("verify")
                self.assertEqual(self.more(project, "2026-01-04").code, 0)
                project.do("verify")
                names = [name for name in os.listdir(project.at(".daybook/keys")) if name.startswith("log")]
                self.assertEqual(names, ["log.key"])
                project.do("ledger", "export", "audit")
                said = self.verify(project.at("audit"), "--key-file", old)
                self.assertEqual(said["rotations"], 0 if point == "log_key.made" else 1)
                project.do("ledger", "key", "rotate", "--reason", "r", "--yes")
                self.verify(project.at("audit"), "--key-file", old)

    def test_is_replaced_for_a_reason_and_with_a_yes(self):
        project = self.made()
        project.do("ledger", "key", "rotate", "--yes", exits=2)
        project.do("ledger", "key", "rotate", "--reason", "r", "--no-input", exits=2)


class Origins(Trust):
    def test_a_restored_book_goes_on_as_another_log(self):
        project = self.made()
        witness = self.witnessed(project)
        project.do("ledger", "witness", "collect")
        old = self.key(project, "old.vkey")
        project.do("ledger", "export", "before")
        shutil.copytree(project.book, project.at("backup"))
        self.assertEqual(self.more(project, "2026-01-04").code, 0)
        seen = project.items("ledger", "witness", "list")[0]["cosigned"]
        shutil.rmtree(project.book)
        shutil.copytree(project.at("backup"), project.book)
        self.assertEqual(self.more(project, "2026-01-05").code, 9)

        said = project.json("ledger", "new-origin", "--reason", "disk and replica lost", "--yes")
        self.assertEqual(said["witnesses"][0]["says"], "unknown log")
        [entry] = [entry["event"] for entry in project.entries("LogOriginChanged")]
        self.assertEqual(entry["reason"], "disk and replica lost")
        self.assertEqual(entry["seen"], seen)
        self.assertEqual(entry["old_origin"], self.read(old).split("+")[0])
        self.assertEqual(said["origin"], entry["old_origin"] + "-2")
        witness.knows(self.vkey(project))
        project.do("ledger", "witness", "collect")
        project.do("verify")
        # What the lost copy loaded is not loaded over; the rest goes on.
        self.assertEqual(self.more(project, "2026-01-05").code, 1)
        self.assertIn("quarantined", json.dumps(project.state()["2026-01-04"]))
        self.assertIn("verified", json.dumps(project.state()["2026-01-05"]))
        project.do("ledger", "export", "after")
        new = self.key(project, "new.vkey")
        self.verify(project.at("after"), "--key-file", new)
        # Who trusted the old log is told of the new one, and not made to trust it.
        told = self.verify(project.at("after"), "--key-file", old, exits=3)
        self.assertTrue(any(said["origin"] in fault["detail"] for fault in told["faults"]), told)
        self.verify(project.at("before"), "--key-file", old)
        project.do("ledger", "export", "before", exits=6)
        project.do("evidence", "--run", "last", "evidence.zip")
        self.verify(project.at("evidence.zip"), "--key-file", new)
        project.do("verify")

    def test_a_book_whose_key_is_lost_has_a_way_on(self):
        project = self.made()
        os.remove(project.at(".daybook/keys/log.key"))
        self.assertIn("checkpoint", self.more(project, "2026-01-04").err)
        project.do("ledger", "new-origin", "--reason", "the key is lost", "--origin", "book.example/two", "--yes")
        self.assertEqual(self.vkey(project).split("+")[0], "book.example/two")
        self.assertEqual(self.more(project, "2026-01-05").code, 0)
        project.do("verify")
        project.do("ledger", "export", "audit")
        self.verify(project.at("audit"), "--key-file", self.key(project))

    def test_an_origin_is_never_used_twice_and_has_a_form(self):
        project = self.made()
        origin = self.vkey(project).split("+")[0]
        project.do("ledger", "new-origin", "--reason", "r", "--origin", origin, "--yes", exits=6)
        project.do("ledger", "new-origin", "--reason", "r", "--origin", "a b", "--yes", exits=3)
        project.do("ledger", "new-origin", "--reason", "r", "--origin", "a+b", "--yes", exits=3)
        self.assertEqual([name for name in os.listdir(project.at(".daybook/keys")) if name.startswith("log")],
                         ["log.key"])
        self.assertEqual(self.more(project, "2026-01-04").code, 0)


class TimeStamps(Trust):
    def stamped(self, project, authority):
        for name in {"cp.tsq", "cp.tsr"} & set(os.listdir(project.path)):
            os.remove(project.at(name))
        project.do("ledger", "timestamp", "--request", "cp.tsq")
        authority.reply(project.at("cp.tsq"), project.at("cp.tsr"))
        return project.json("ledger", "timestamp", "--response", "cp.tsr", "--ca", authority.root)

    def test_goes_with_exports_and_evidence_and_openssl_checks_it(self):
        project, authority = self.made(), Authority(self.project().home)
        url = authority.start()
        self.addCleanup(authority.stop)
        one = project.json("ledger", "timestamp", "--tsa", url, "--ca", authority.root)
        project.do("ledger", "export", "audit")
        stem = project.at("audit/timestamps", one["name"])
        said = subprocess.run(["openssl", "ts", "-verify", "-data", stem + ".checkpoint", "-in", stem + ".tsr", "-CAfile",
                               authority.root], capture_output=True, text=True, check=False)
        self.assertIn("Verification: OK", said.stdout + said.stderr)
        key = self.key(project)
        said = self.verify(project.at("audit"), "--key-file", key, "--tsa-ca", authority.root)
        self.assertEqual((said["timestamps"], said["timestamps_checked"], said["stamped_at"]), (1, 1, one["time"][:19] + "Z"))
        self.verify(project.at("audit"), "--key-file", key)
        project.do("evidence", "--run", "last", "evidence.zip")
        self.verify(project.at("evidence.zip"), "--key-file", key, "--tsa-ca", authority.root)
        self.assertEqual(self.more(project, "2026-01-04").code, 0)
        project.do("ledger", "export", "audit")
        self.verify(project.at("audit"), "--key-file", key, "--tsa-ca", authority.root)
        self.assertEqual(project.json("verify")["timestamps"], 1)

    def test_by_hand_in_two_halves(self):
        project, authority = self.made(), Authority(self.project().home)
        one = self.stamped(project, authority)
        two = self.stamped(project, authority)
        self.assertEqual((one["name"].split("-")[1], two["name"].split("-")[1]), ("0", "1"))

    def test_of_another_authority_or_of_other_bytes_is_not_taken(self):
        project, authority, other = self.made(), Authority(self.project().home), Authority(self.project().home)
        project.do("ledger", "timestamp", "--request", "cp.tsq")
        authority.reply(project.at("cp.tsq"), project.at("cp.tsr"))
        project.do("ledger", "timestamp", "--response", "cp.tsr", "--ca", other.root, exits=9)
        project.write("cut.tsr", project.read("cp.tsr")[:-1])
        project.do("ledger", "timestamp", "--response", "cut.tsr", "--ca", authority.root, exits=9)
        project.do("ledger", "timestamp", "--request", "again.tsq")
        project.do("ledger", "timestamp", "--response", "cp.tsr", "--ca", authority.root, exits=9)
        project.do("ledger", "timestamp", "--response", "cp.tsq", "--ca", authority.root, exits=9)
        project.do("ledger", "timestamp", "--tsa", "http://127.0.0.1:1/", "--ca", authority.root, exits=10)
        project.do("ledger", "timestamp", "--ca", authority.root, exits=2)
        project.do("ledger", "timestamp", "--tsa", "http://127.0.0.1:1/", exits=2)
        project.do("ledger", "export", "audit")
        self.assertFalse(os.path.exists(project.at("audit/timestamps")))
        self.verify(project.at("audit"), "--key-file", self.key(project), "--tsa-ca", authority.root, exits=3)

    def test_changed_in_an_export_is_found(self):
        project, authority = self.made(), Authority(self.project().home)
        one = self.stamped(project, authority)
        project.do("ledger", "export", "audit")
        key = self.key(project)
        for name, change in (one["name"] + ".tsr", lambda b: b[:-1]), (one["name"] + ".checkpoint", lambda b: b + b"\n"), \
                (one["name"] + ".tsr", None), (one["name"] + ".checkpoint", None):
            with self.subTest(name=name):
                shutil.rmtree(project.at("bad"), ignore_errors=True)
                shutil.copytree(project.at("audit"), project.at("bad"))
                path = project.at("bad/timestamps", name)
                if change is None:
                    os.remove(path)
                else:
                    project.write(path, change(project.read(path)))
                self.verify(project.at("bad"), "--key-file", key, exits=1)


class Served(Trust):
    def serving(self, project, *words):
        process = project.start("serve-tiles", *words)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stdout.readline().decode()
        self.assertTrue(line.startswith("serving http://127.0.0.1:"), line)
        return process, line.split()[1]

    def get(self, url, name):
        with urllib.request.urlopen(url + name, timeout=10) as answer:
            return answer.read(), answer.headers

    def test_a_book_and_its_export_are_served_alike(self):
        project = self.made()
        project.do("ledger", "export", "audit")
        _, book = self.serving(project)
        _, export = self.serving(project, "audit")
        for name in files_below(project.at("audit")):
            content = project.read("audit/" + name)
            for url in book, export:
                got, headers = self.get(url, name)
                self.assertEqual(got, content, name)
                immutable = "immutable" in headers["Cache-Control"]
                self.assertEqual((headers["Content-Type"], immutable),
                                 ("text/plain; charset=utf-8", False) if name == "checkpoint" else
                                 ("application/octet-stream", True))

    def test_what_a_run_adds_is_served_at_once(self):
        project = self.made()
        _, url = self.serving(project)
        before, _ = self.get(url, "checkpoint")
        self.assertEqual(self.more(project, "2026-01-04").code, 0)
        after, _ = self.get(url, "checkpoint")
        self.assertGreater(int(after.split(b"\n")[1]), int(before.split(b"\n")[1]))

    def test_nothing_else_is_served(self):
        project = self.made()
        project.do("ledger", "export", "audit")
        project.write("audit/secret", "x")
        os.symlink("/etc", project.at("audit/tile/etc"))
        _, url = self.serving(project, "audit")
        port = int(url.split(":")[2].strip("/"))
        for path, status in (("/", 404), ("/secret", 404), ("/tile", 404), ("/tile/etc/passwd", 404), ("/checkpoint/", 404),
                             ("/../../etc/passwd", 404), ("/%2e%2e%2fcheckpoint", 400), ("/checkpoint%00", 400),
                             ("/checkpoint;x", 400), ("//checkpoint", 404), ("/tile/0/" + "x001/" * 100 + "001", 414),
                             ("/export.lock", 404)):
            with self.subTest(path=path):
                self.assertEqual(self.raw(port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"), status)

    def raw(self, port, text, seconds=10):
        """The status of the answer, or None where the connection ends without one."""
        with socket.create_connection(("127.0.0.1", port), timeout=seconds) as peer:
            peer.sendall(text.encode() if isinstance(text, str) else text)
            answer = b""
            while b"\r\n" not in answer:
                more = peer.recv(4096)
                if not more:
                    return None
                answer += more
            return int(answer.split()[1])

    def test_hostile_requests_are_refused_and_the_connection_ends(self):
        project = self.made()
        _, url = self.serving(project)
        port = int(url.split(":")[2].strip("/"))
        host = f"Host: 127.0.0.1:{port}\r\n"
        line = "GET /checkpoint HTTP/1.1\r\n"
        for text, status in ((line + "\r\n", 400), (line + host + host + "\r\n", 400),
                             (line + "Host: evil.example\r\n\r\n", 421),
                             (line + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                             (line + host + "Content-Length: 1073741824\r\n\r\n", 413),
                             (line + host + "A: b\r\n folded\r\n\r\n", 400),
                             ("TRACE / HTTP/1.1\r\n" + host + "\r\n", 405), ("BREW / HTTP/1.1\r\n" + host + "\r\n", 501),
                             (line + host + "X: " + "a" * 9000 + "\r\n\r\n", 431), ("\x16\x03\x01\r\n\r\n", 400)):
            with self.subTest(text=text[:60]):
                with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
                    peer.sendall(text.encode())
                    answer = b""
                    while True:  # until it closes
                        try:
                            more = peer.recv(65536)
                        except ConnectionResetError:
                            break
                        if not more:
                            break
                        answer += more
                    self.assertEqual(int(answer.split()[1]), status, answer[:200])
                    self.assertEqual(answer.count(b"HTTP/1.1"), 1)

    def test_slow_and_idle_peers_keep_nobody_out(self):
        project = self.made()
        _, url = self.serving(project)
        port = int(url.split(":")[2].strip("/"))
        idle = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(150)]
        for peer in idle:
            self.addCleanup(peer.close)
        idle[0].sendall(b"GET /check")
        self.assertTrue(self.get(url, "checkpoint")[0])
        before = time.monotonic()
        self.assertEqual(int(idle[0].recv(100).split()[1]), 408)
        self.assertLess(time.monotonic() - before, 15)
        self.assertEqual(idle[1].recv(100), b"")

    def test_keeps_a_connection_and_knows_what_the_peer_has(self):
        project = self.made()
        _, url = self.serving(project)
        peer = http.client.HTTPConnection(url.split("/")[2], timeout=10)
        self.addCleanup(peer.close)
        for _ in range(3):
            peer.request("GET", "/checkpoint")
            answer = peer.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
        peer.request("GET", "/checkpoint", headers={"If-None-Match": answer.headers["ETag"]})
        again = peer.getresponse()
        self.assertEqual((again.status, again.read()), (304, b""))
        peer.request("HEAD", "/checkpoint")
        head = peer.getresponse()
        self.assertEqual((head.status, head.read()), (200, b""))

    def test_ends_with_its_time_or_a_signal(self):
        project = self.made()
        before = time.monotonic()
        project.do("serve-tiles", "--for", "1")
        self.assertLess(time.monotonic() - before, 20)
        for number in signal.SIGINT, signal.SIGTERM:
            process, _ = self.serving(project)
            process.send_signal(number)
            wait_until(lambda p=process: p.poll() is not None, "the server to end")
            self.assertEqual(process.returncode, 0)

    def test_is_refused_where_there_is_nothing_to_serve_or_no_place(self):
        project = self.made()
        project.do("serve-tiles", "--listen", "0.0.0.0:8080", exits=3)
        project.do("serve-tiles", "--listen", "127.0.0.1:99999", exits=2)
        project.do("serve-tiles", "--listen", "words", exits=2)
        project.do("serve-tiles", "feed", exits=5)
        project.do("serve-tiles", "nowhere", exits=5)


if __name__ == "__main__":
    main()
