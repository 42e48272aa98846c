#!/usr/bin/env python3
"""What is irreversible waits for signatures, made with the SSH keys people have."""

import os
import re
import shutil
import subprocess

import small
from harness import Acceptance, main
from postgres import Postgres
from small import FILE, loaded

DAY = "2026-01-02"


class Lake:
    def __init__(self, project):
        self.project, self.sink = project, small.LAKE

    def rows(self, day):
        return loaded(self.project, day)


class Table:
    def __init__(self, server, number):
        self.server, self.name = server, f"orders_{number}"
        self.sink = f'postgres: {{connection: "{server.connection}", table: public.{self.name}}}'

    def rows(self, day):
        return sorted(self.server.rows(
            f"SELECT t.id, t.name, t.amount FROM public.{self.name} t JOIN daybook.load_marker m "
            f"ON m.load_id = t._load_id WHERE m.partition_key = '{day}'"))


class Story:
    def key(self, project, name):
        """A key pair as ssh-keygen makes it; the path of the private half."""
        path = project.at(name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@example", "-f", path],
                       check=True, stdin=subprocess.DEVNULL)
        return path

    def enrol(self, project, name, role="approver"):
        key = self.key(project, name)
        project.do("principals", "add", name, "--key", key + ".pub", "--role", role)
        return key

    def loaded_twice(self, approvals=1):
        """A project whose day was loaded, changed and loaded again, and its rows of both times."""
        project, sink = self.made(compensate=approvals)
        project.do("run", FILE)
        first = sink.rows(DAY)
        small.write_day(project, DAY, ["1,changed,1", "2,changed,2"])
        project.do("run", FILE)
        second = sink.rows(DAY)
        self.assertNotEqual(first, second)
        return project, sink, first, second

    def propose(self, project, *words, exits=(0, 8)):
        return project.json("compensate", "propose", "--partition", DAY, "--reason", "wrong file", *words,
                            exits=exits)

    def test_a_compensation_is_proposed_approved_and_done_and_gives_back_what_was(self):
        project, sink, first, second = self.loaded_twice()
        ana = self.enrol(project, "ana")
        proposed = self.propose(project)
        number = proposed["compensation"]
        project.do("compensate", "start", number, "--yes", exits=8)
        self.assertEqual(sink.rows(DAY), second)

        waiting = project.items("approvals", "list")
        self.assertEqual(len(waiting), 1)
        approval = waiting[0]["approval"]
        project.do("approvals", "approve", approval, "--key", ana, "--as", "ana")
        self.assertEqual(sink.rows(DAY), second)
        project.do("compensate", "start", number, "--yes")
        self.assertEqual(sink.rows(DAY), first)
        self.assertEqual(project.json("compensate", "show", number)["phase"], "finished")
        # Done is done: exactly once.
        project.do("compensate", "start", number, "--yes", exits=6)
        self.assertEqual(sink.rows(DAY), first)
        project.do("verify")
        self.assertEqual(project.json("reconcile", FILE, "--deep")["findings"], [])

    def test_a_sink_that_went_back_behind_a_compensation_is_named(self):
        project = small.make(self.project(), mode="append")
        project.do("run", FILE)
        subprocess.run(["cp", "-a", "lake", "before"], cwd=project.path, check=True)  # links stay links
        number = self.propose(project, exits=0)["compensation"]
        project.do("compensate", "start", number, "--yes")
        self.assertEqual(project.json("reconcile", FILE, "--deep")["findings"], [])
        shutil.rmtree(project.at("lake"))
        os.rename(project.at("before"), project.at("lake"))
        found = project.json("reconcile", FILE, "--deep", exits=9)["findings"]
        self.assertEqual([(one["kind"], one["partition"]) for one in found], [("stale", DAY)])
        self.assertIn("took this generation back", found[0]["detail"])

    def test_a_started_compensation_of_what_the_sink_lost_is_withdrawn_and_the_load_found_lost(self):
        project = small.make(self.project())
        project.do("run", FILE)
        before = loaded(project, DAY)
        number = self.propose(project, exits=0)["compensation"]
        shutil.rmtree(project.at("lake"))
        done = project.ask("compensate", "start", number, "--yes")
        self.assertEqual(done.code, 6, str(done))
        self.assertIn(f"compensate withdraw {number}", done.err)
        self.assertEqual(project.json("compensate", "show", number)["phase"], "executing")
        project.do("compensate", "withdraw", number, "--reason", "nothing left to take back")
        self.assertEqual(project.json("compensate", "show", number)["phase"], "withdrawn")
        found = project.json("reconcile", FILE, exits=9)["findings"]
        self.assertIn(("lost", DAY), [(one["kind"], one["partition"]) for one in found])
        project.do("run", FILE)
        self.assertEqual(loaded(project, DAY), before)
        self.assertEqual(project.json("reconcile", FILE, "--deep")["findings"], [])
        project.do("verify")

    def test_a_signature_made_elsewhere_counts_as_one_made_here(self):
        project, sink, first, _ = self.loaded_twice()
        ana = self.enrol(project, "ana")
        number = self.propose(project)["compensation"]
        approval = project.items("approvals", "list")[0]["approval"]
        text = project.write("plan.txt", project.do("approvals", "text", approval, "-q").out)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "daybook", "-f", ana, text], check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        project.do("approvals", "approve", approval, "--signature", text + ".sig", "--as", "ana")
        project.do("compensate", "start", number, "--yes")
        self.assertEqual(sink.rows(DAY), first)

    def test_the_recorded_signature_holds_before_ssh_keygen_itself(self):
        project, _, _, _ = self.loaded_twice()
        ana = self.enrol(project, "ana")
        self.propose(project)
        approval = project.items("approvals", "list")[0]["approval"]
        text = project.do("approvals", "text", approval, "-q").out
        project.do("approvals", "approve", approval, "--key", ana, "--as", "ana")
        given = project.entries("ApprovalGiven")[-1]["event"]
        signature = project.write("recorded.sig", given["signature"])
        with open(ana + ".pub", encoding="utf-8") as file:
            allowed = project.write("allowed", "ana " + " ".join(file.read().split()[:2]) + "\n")
        done = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "ana", "-n", "daybook",
                               "-s", signature], input=text.encode(), check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        done = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "ana", "-n", "daybook",
                               "-s", signature], input=text.encode() + b" ", check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertNotEqual(done.returncode, 0)

    def test_who_proposed_can_not_approve(self):
        project, sink, _, second = self.loaded_twice()
        proposer = project.entries("RunStarted")[-1]["actor"]["principal"]
        key = self.enrol(project, proposer)
        number = self.propose(project)["compensation"]
        approval = project.items("approvals", "list")[0]["approval"]
        project.do("approvals", "approve", approval, "--key", key, "--as", proposer, exits=4)
        project.do("compensate", "start", number, "--yes", exits=8)
        self.assertEqual(sink.rows(DAY), second)
        self.assertEqual(project.entries("ApprovalGiven"), [])

    def test_strangers_other_keys_other_texts_and_revoked_people_are_refused(self):
        project, sink, _, second = self.loaded_twice()
        ana, bo = self.enrol(project, "ana"), self.enrol(project, "bo")
        eve, reader = self.key(project, "eve"), self.enrol(project, "rea", "reader")
        number = self.propose(project)["compensation"]
        approval = project.items("approvals", "list")[0]["approval"]

        def refused(*words, exits=(3, 4, 6)):
            project.do("approvals", "approve", approval, *words, exits=exits)

        refused("--key", eve, "--as", "eve", exits=4)
        refused("--key", eve, "--as", "ana", exits=4)   # ana's name, eve's key
        refused("--key", reader, "--as", "rea", exits=4)  # no approver
        other = project.write("other.txt", project.do("approvals", "text", approval, "-q").out + "x")
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "daybook", "-f", ana, other], check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        refused("--signature", other + ".sig", "--as", "ana")
        namespace = project.write("namespace.txt", project.do("approvals", "text", approval, "-q").out)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", ana, namespace], check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        refused("--signature", namespace + ".sig", "--as", "ana")
        project.do("principals", "revoke", "bo", "--reason", "left")
        refused("--key", bo, "--as", "bo")
        self.assertEqual(project.entries("ApprovalGiven"), [])
        project.do("compensate", "start", number, "--yes", exits=8)
        self.assertEqual(sink.rows(DAY), second)

    def test_two_approvals_need_two_people(self):
        project, sink, first, second = self.loaded_twice(approvals=2)
        ana, bo = self.enrol(project, "ana"), self.enrol(project, "bo")
        number = self.propose(project)["compensation"]
        approval = project.items("approvals", "list")[0]["approval"]
        project.do("approvals", "approve", approval, "--key", ana, "--as", "ana")
        project.do("approvals", "approve", approval, "--key", ana, "--as", "ana", exits=6)
        project.do("compensate", "start", number, "--yes", exits=8)
        self.assertEqual(sink.rows(DAY), second)
        project.do("approvals", "approve", approval, "--key", bo, "--as", "bo")
        project.do("compensate", "start", number, "--yes")
        self.assertEqual(sink.rows(DAY), first)

    def test_a_plan_that_changed_voids_what_was_signed(self):
        project, sink, _, _ = self.loaded_twice()
        ana = self.enrol(project, "ana")
        number = self.propose(project)["compensation"]
        approval = project.items("approvals", "list")[0]["approval"]
        project.do("approvals", "approve", approval, "--key", ana, "--as", "ana")
        # Another generation is loaded: what was approved is no longer what would be taken back.
        small.write_day(project, DAY, ["1,third,3"])
        project.do("run", FILE)
        third = sink.rows(DAY)
        project.do("compensate", "start", number, "--yes", exits=6)
        self.assertEqual(sink.rows(DAY), third)
        self.assertEqual(project.entries("CompensationIntended"), [])

    def test_a_rejected_compensation_is_not_done(self):
        project, sink, _, second = self.loaded_twice()
        self.enrol(project, "ana")
        number = self.propose(project)["compensation"]
        approval = project.items("approvals", "list")[0]["approval"]
        project.do("approvals", "reject", approval, "--reason", "right file", "--as", "ana")
        project.do("compensate", "start", number, "--yes", exits=(6, 8))
        self.assertEqual(sink.rows(DAY), second)

    def test_a_load_waits_for_its_approval_and_other_content_needs_another(self):
        project, sink = self.made(load=1)
        ana = self.enrol(project, "ana")
        project.do("run", FILE, "--partition", DAY, exits=8)
        self.assertEqual(self.visible(project, sink), [])
        approval = project.items("approvals", "list")[0]["approval"]
        project.do("approvals", "approve", approval, "--key", ana, "--as", "ana")
        wanted = [line.decode() for line in project.read(f"feed/{DAY}/orders.csv").splitlines()[1:]]
        project.do("run", FILE, "--partition", DAY)
        self.assertEqual(sink.rows(DAY), sorted(wanted))

        small.write_day(project, DAY, ["1,other,1"])
        project.do("run", FILE, "--partition", DAY, exits=8)
        self.assertEqual(sink.rows(DAY), sorted(wanted))

    def test_a_run_between_two_signatures_keeps_the_first(self):
        project, sink = self.made(load=2)
        ana, bo = self.enrol(project, "ana"), self.enrol(project, "bo")
        project.do("run", FILE, "--partition", DAY, exits=8)
        approval = project.items("approvals", "list")[0]["approval"]
        project.do("approvals", "approve", approval, "--key", ana, "--as", "ana")
        self.assertIn("since run 0", project.do("run", FILE, "--partition", DAY, exits=8).out)
        project.do("approvals", "approve", approval, "--key", bo, "--as", "bo")
        project.do("run", FILE, "--partition", DAY)
        wanted = [line.decode() for line in project.read(f"feed/{DAY}/orders.csv").splitlines()[1:]]
        self.assertEqual(sink.rows(DAY), sorted(wanted))

    def test_the_text_that_is_signed_names_book_partition_and_numbers(self):
        project, _, first, second = self.loaded_twice()
        self.enrol(project, "ana")
        self.propose(project)
        approval = project.items("approvals", "list")[0]["approval"]
        text = project.do("approvals", "text", approval, "-q").out
        for part in (project.entries("BookCreated")[0]["event"]["origin"], DAY, "orders"):
            self.assertIn(part, text)
        for count in (len(first), len(second)):
            self.assertTrue(re.search(rf"\b{count}\b", text), text)


class DirectoryTest(Story, Acceptance):
    def made(self, **options):
        project = small.make(self.project(), **options)
        return project, Lake(project)

    def visible(self, project, sink):
        return sink.rows(DAY)


class PostgresTest(Story, Acceptance):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()
        cls.addClassCleanup(cls.server.close)
        cls.tables = 0

    def made(self, **options):
        type(self).tables += 1
        table = Table(self.server, self.tables)
        return small.make(self.project(), sink=table.sink, **options), table

    def visible(self, project, sink):
        exists = self.server.value(f"SELECT to_regclass('public.{sink.name}') IS NOT NULL") == "t"
        return sink.rows(DAY) if exists else []


if __name__ == "__main__":
    main()
