#!/usr/bin/env python3
"""Claims about partitions that an auditor checks with daybook-verify alone: none is missing, no row was lost."""

import json
import os
import shutil
import subprocess

import small
from harness import BINARY, Acceptance, files_below, main
from small import DAYS, FILE

VERIFY = os.environ.get("DAYBOOK_VERIFIER", os.path.join(os.path.dirname(BINARY), "daybook-verify"))
GOOD, TAMPERED, UNUSABLE, UNMET = range(4)


class Claims(Acceptance):
    def setUp(self):
        self.book = small.make(self.project())
        small.write_day(self.book, DAYS[1], ["1,a,5", "2,b,9999", "3,c,7", "x,d,1"])  # two break a rule
        self.book.do("run", FILE)
        with open(self.book.at("log.vkey"), "w", encoding="utf-8") as file:
            file.write(self.book.do("ledger", "key").out)

    def verify(self, what, path, key="log.vkey"):
        done = subprocess.run([VERIFY, what, path, "--key-file", self.book.at(key), "-o", "json"],
                              cwd=self.book.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout else {}

    def prove(self, *words, exits=0):
        return self.book.json("ledger", "prove-completeness", "orders", *words, exits=exits)

    # --- completeness -------------------------------------------------------------------------------

    def test_every_day_of_a_range_is_in_one_final_state(self):
        claim = self.prove("proof", "--from", DAYS[0], "--to", DAYS[-1], "--every", "day")
        self.assertTrue(claim["complete"])
        self.assertEqual([(p["partition"], p["state"]) for p in claim["partitions"]],
                         [(day, "delivered") for day in DAYS])
        code, said = self.verify("completeness", "proof")
        self.assertEqual(code, GOOD, said)
        self.assertIn("3 partitions of orders", said["proven"])

    def test_a_day_nobody_expected_is_missing_and_not_passed_over(self):
        claim = self.prove("proof", "--from", "2025-12-31", "--to", DAYS[-1], "--every", "day", exits=1)
        self.assertEqual((claim["complete"], claim["missing"]), (False, 1))
        self.assertEqual(claim["partitions"][0]["state"], "missing")
        code, said = self.verify("completeness", "proof")
        self.assertEqual(code, UNMET, said)
        # Without the calendar the book's own partitions are all there are.
        self.assertTrue(self.prove("known", "--from", "2025-12-31", "--to", DAYS[-1])["complete"])

    def test_what_is_not_settled_is_open(self):
        small.write_day(self.book, "2026-01-04", ["1,a,5"])
        small.write_pipeline(self.book, load=1)  # a load needs an approval now
        self.book.do("run", FILE, exits=8)
        claim = self.prove("proof", exits=1)
        state = {p["partition"]: p["state"] for p in claim["partitions"]}
        self.assertEqual(state["2026-01-04"], "open")
        self.assertEqual(claim["open"], list(state.values()).count("open"))
        self.assertEqual(self.verify("completeness", "proof")[0], UNMET)

    def test_a_partition_taken_back_is_in_a_final_state(self):
        self.book.do("compensate", "propose", "--reason", "a test", "--partition", DAYS[0])
        proposed = self.book.items("compensate", "list")[0]["compensation"]
        self.book.do("compensate", "start", proposed, "--yes")
        small.write_day(self.book, DAYS[2], ["1,a,5"])
        self.book.do("run", FILE, "--partition", DAYS[2])  # its end signs a checkpoint over all of it
        state = {p["partition"]: p["state"] for p in self.prove("proof")["partitions"]}
        self.assertEqual(state, {DAYS[0]: "taken back", DAYS[1]: "delivered", DAYS[2]: "delivered"})
        self.assertEqual(self.verify("completeness", "proof")[0], GOOD)

    def test_any_change_of_the_claim_is_refused(self):
        # Of a calendar the bounds are days that the list must have; "from 2026-01-00" without one would be
        # another question whose answer is as true.
        self.prove("proof", "--from", DAYS[0], "--to", DAYS[-1], "--every", "day")
        path = self.book.at("proof", "claim.json")
        with open(path, "rb") as file:
            good = file.read()
        for at in range(0, len(good), 7):
            with open(path, "wb") as file:
                file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
            code, said = self.verify("completeness", "proof")
            self.assertNotEqual(code, GOOD, f"byte {at}")
            self.assertNotIn("proven", said, f"byte {at}")
        for text in (good.replace(b"delivered", b"set aside", 1), good + b" ", good[:-1], b"", b"{}",
                     good.replace(b'"open": 0', b'"open": 0,\n "more": 0')):
            with open(path, "wb") as file:
                file.write(text)
            self.assertEqual(self.verify("completeness", "proof")[0], TAMPERED)

    def test_any_change_of_the_export_is_refused(self):
        self.prove("proof")
        for name in files_below(self.book.at("proof", "book")):
            path = self.book.at("proof", "book", name)
            with open(path, "rb") as file:
                good = file.read()
            for at in (0, len(good) // 2, len(good) - 1):
                with open(path, "wb") as file:
                    file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
                self.assertIn(self.verify("completeness", "proof")[0], (TAMPERED, UNMET), f"{name} {at}")
            with open(path, "wb") as file:
                file.write(good)
        self.assertEqual(self.verify("completeness", "proof")[0], GOOD)

    def test_stray_and_missing_files_are_refused(self):
        self.prove("proof")
        self.book.write("proof/more", "x")
        self.assertEqual(self.verify("completeness", "proof")[0], TAMPERED)
        os.remove(self.book.at("proof", "more"))
        os.remove(self.book.at("proof", "claim.json"))
        self.assertEqual(self.verify("completeness", "proof")[0], TAMPERED)
        shutil.rmtree(self.book.at("proof"))
        self.assertEqual(self.verify("completeness", "proof")[0], UNUSABLE)

    def test_questions_that_make_no_sense_are_refused(self):
        words = ("ledger", "prove-completeness")
        self.book.do(*words, "nothing", "proof", exits=5)
        self.book.do(*words, "orders", "proof", "--every", "day", exits=2)
        self.book.do(*words, "orders", "proof", "--from", "2026-02-30", "--to", "2026-03-01", "--every", "day",
                     exits=2)
        self.book.do(*words, "orders", "feed", exits=6)
        self.assertFalse(os.path.exists(self.book.at("proof")))

    # --- conservation -------------------------------------------------------------------------------

    def test_what_was_received_is_accounted_for(self):
        claim = self.book.json("ledger", "prove-conservation", DAYS[1], "proof.json")
        self.assertEqual([claim[key] for key in ("received", "accepted", "quarantined", "filtered", "merged")],
                         [4, 2, 2, 0, 0])
        code, said = self.verify("conservation", "proof.json")
        self.assertEqual(code, GOOD, said)
        self.assertIn("received = accepted", said["proven"])
        self.book.do("ledger", "prove-conservation", DAYS[1], "proof.json", exits=6)
        self.book.do("ledger", "prove-conservation", DAYS[1], "other.json", "--generation", 9, exits=5)

    def test_each_byte_of_the_proof_counts(self):
        self.book.do("ledger", "prove-conservation", DAYS[1], "proof.json")
        path = self.book.at("proof.json")
        with open(path, "rb") as file:
            good = file.read()
        for at in range(0, len(good), max(1, len(good) // 150)):
            with open(path, "wb") as file:
                file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
            self.assertNotEqual(self.verify("conservation", "proof.json")[0], GOOD, f"byte {at} of {len(good)}")

    def test_entries_of_two_loads_are_not_one(self):
        for day in DAYS[:2]:
            self.book.do("ledger", "prove-conservation", day, day + ".json")
        one, other = (json.loads(self.book.read(day + ".json")) for day in DAYS[:2])
        one["entries"][1] = other["entries"][1]
        self.book.write("mixed.json", json.dumps(one))
        code, said = self.verify("conservation", "mixed.json")
        self.assertEqual(code, TAMPERED)

    def test_another_key_proves_nothing(self):
        other = small.make(self.project("other"))
        self.book.write("other.vkey", other.do("ledger", "key").out)
        self.book.do("ledger", "prove-conservation", DAYS[1], "proof.json")
        self.prove("proof")
        for what, path in (("conservation", "proof.json"), ("completeness", "proof")):
            self.assertNotEqual(self.verify(what, path, key="other.vkey")[0], GOOD)


if __name__ == "__main__":
    main()
