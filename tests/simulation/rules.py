"""The rules of a book, entry by entry: what may follow what. Rules are numbered as docs/reliability.md numbers the
invariants; nothing here is taken from the product's code.
"""

import hashlib
import re

NONE = 0xffffffff

# event -> phases of its slot it may follow. Typed from docs/architecture.md, not from the code.
FOLLOWS = {
    "attemptStarted": {"planned", "retry"},
    "attemptStaged": {"running"},
    "attemptFailed": {"running", "staged", "planned"},  # planned: right after an abort
    "attemptLost": {"running", "staged", "awaiting"},
    "retryScheduled": {"failed"},
    "loadIntended": {"staged", "awaiting"},
    "loadCommitted": {"intended"},
    "loadAborted": {"intended"},
    "loadVerified": {"loaded"},
    "holdDecided": {"held"},
    "slotReleased": {"quarantined"},
    "slotCancelled": {"planned", "retry", "running", "staged", "held", "awaiting"},
}


class Broken(Exception):
    pass


def number(value, default=0):
    return default if value is None else int(value)


class Slot:
    def __init__(self, pipeline, sink, partition):
        self.pipeline, self.sink, self.partition = pipeline, sink, partition
        self.phase, self.run = "idle", None
        self.attempt, self.attempt_epoch, self.live = 0, None, False
        self.failures = self.not_before = 0
        self.let_in = False    # a person let held work on it go on
        self.staged = self.intended = self.approval = None
        self.loads = {}        # load id -> dict(generation, content, rows, mode, standing)
        self.visible = []      # generations that stand, by load id


class Judge:
    def __init__(self, meta):
        self.meta = meta
        self.slots, self.runs, self.definitions, self.batches = [], [], [], {}
        self.origin, self.epoch, self.now = None, 0, 0
        self.compensations, self.erasures = {}, {}
        self.approvals, self.approvers = {}, set()
        self.paused = set()
        self.legal_holds = {}  # in force, by their numbers
        self.uuids, self.keys, self.salts, self.load_ids = set(), {}, {}, {}
        self.records = {}      # (batch, record) -> decision
        self.circuit_due = None
        self.index = 0

    def demand(self, condition, rule, text):
        if not condition:
            raise Broken(f"{rule} at entry {self.index}: {text}")

    # --- entries --------------------------------------------------------------------------------

    def see(self, index, e):
        self.index = index
        kind, event = e["kind"], e["event"]
        self.demand(e["recordedAt"] >= self.now, "I9", "time went back")
        self.now = e["recordedAt"]
        if kind == "booted":
            self.demand(number(event.get("epoch")) == self.epoch + 1, "I6", "epochs rise by one")
            self.epoch += 1
        self.demand(number(e["epoch"]) == self.epoch, "I6", f"epoch {e['epoch']} in boot {self.epoch}")
        if self.circuit_due is not None:
            run, self.circuit_due = self.circuit_due, None
            self.demand(kind == "circuitOpened" or self.runs[run]["circuit"], "I17", "a retry without a delay")
        slot = None
        if "slot" in event and kind not in ("slotOpened", "approvalRequested", "paused", "drained", "resumed"):
            self.demand(number(event["slot"]) < len(self.slots), "I11", f"slot {event['slot']} is not there")
            slot = self.slots[number(event["slot"])]
            if kind in FOLLOWS:
                self.demand(slot.phase in FOLLOWS[kind], "I13", f"{kind} of {slot.partition}, which is {slot.phase}")
        handler = getattr(self, "on_" + re.sub(r"[A-Z]", lambda m: "_" + m.group().lower(), kind), None)
        if handler:
            handler(event, slot)

    def on_book_created(self, e, _):
        self.demand(self.index == 0, "I1", "a book is created once, at its start")
        self.origin = e["origin"]

    def on_definition_registered(self, e, _):
        self.demand(number(e.get("definition")) == len(self.definitions), "I11", "definitions are numbered densely")
        self.definitions.append(e["digest"])

    def on_run_started(self, e, _):
        self.demand(number(e.get("run")) == len(self.runs), "I11", "runs are numbered densely")
        self.demand(number(e.get("definition")) < len(self.definitions), "I19", "what runs was stored before")
        self.demand(e["uuid"] not in self.uuids, "I37", f"two runs have the uuid {e['uuid']}")
        self.uuids.add(e["uuid"])
        key = e.get("idempotencyKey")
        if key:
            self.demand(key not in self.keys, "I37", f"the key {key} started two runs")
            self.keys[key] = number(e.get("run"))
        self.demand(not self.paused & {("book", 0), ("pipeline", e.get("pipeline"))}, "I32",
                    "a run starts while its book or pipeline is paused")
        self.runs.append({"cancelled": False, "open": True, "planned": False, "partitions": number(e.get("partitions")),
                          "slots": set(), "circuit": False})

    def on_run_cancelled(self, e, _):
        run = self.runs[number(e.get("run"))]
        run["cancelled"] = True
        for slot in self.slots:
            if slot.run == number(e.get("run")) and slot.phase in ("planned", "retry", "running", "staged", "held",
                                                                  "awaiting", "failed"):
                slot.phase, slot.live = "cancelled", False

    def on_slot_cancelled(self, _, slot):
        slot.phase, slot.live = "cancelled", False

    def on_circuit_opened(self, e, _):
        self.runs[number(e.get("run"))]["circuit"] = True

    def on_planning_completed(self, e, _):
        run = self.runs[number(e.get("run"))]
        self.demand(len(run["slots"]) >= run["partitions"], "I13",
                    f"the run took on {run['partitions']} partitions and planned {len(run['slots'])}")
        run["planned"] = True

    def on_run_finished(self, e, _):
        run = number(e.get("run"))
        self.demand(self.runs[run]["open"], "I13", "a run ends once")
        for slot in self.slots:
            if slot.run == run and slot.phase in ("running", "staged", "intended", "loaded"):
                self.demand(False, "I13", f"the run ends with {slot.partition} {slot.phase}")
        self.runs[run]["open"] = False

    @staticmethod
    def scope_of(e):
        scope = e.get("scope", {})
        kind = scope.get("kind", "book")
        return {"book": ("book", 0), "pipeline": ("pipeline", scope.get("pipeline")),
                "run": ("run", number(scope.get("run"))), "partition": ("partition", number(scope.get("slot")))}[kind]

    def on_paused(self, e, _):
        self.paused.add(self.scope_of(e))

    def on_resumed(self, e, _):
        self.demand(self.scope_of(e) in self.paused, "I32", "what is not paused is resumed")
        self.paused.discard(self.scope_of(e))

    def demand_running(self, e, slot, what):
        scopes = {("book", 0), ("pipeline", slot.pipeline), ("run", slot.run), ("partition", number(e.get("slot")))}
        self.demand(not scopes & self.paused, "I32", f"{what} of {slot.partition}, which is paused")

    def on_slot_opened(self, e, _):
        self.demand(number(e.get("slot")) == len(self.slots), "I11", "slots are numbered densely")
        self.slots.append(Slot(e["pipeline"], e["sink"], e["partition"]))

    def on_partition_planned(self, e, slot):
        run = number(e.get("run"))
        self.demand(not self.runs[run]["planned"], "I13", "planned after planning was complete")
        self.demand(slot.phase not in ("running", "staged", "intended", "loaded", "compensating"), "I13",
                    f"planned while {slot.phase}")
        slot.run, slot.phase, slot.failures, slot.not_before = run, "planned", 0, 0
        self.runs[run]["slots"].add(number(e.get("slot")))

    def on_partition_skipped(self, e, slot):
        run = number(e.get("run"))
        self.runs[run]["slots"].add(number(e.get("slot")))
        if slot.phase not in ("verified", "quarantined", "held", "awaiting", "compensated", "cancelled"):
            slot.phase = "skipped" if slot.phase == "planned" else slot.phase

    # --- attempts -------------------------------------------------------------------------------

    def on_attempt_started(self, e, slot):
        run = number(e.get("run"))
        self.demand(not slot.live, "I14", f"{slot.partition} has a live attempt")
        self.demand(number(e.get("attempt")) == slot.attempt + 1, "I14", "attempts rise by one")
        self.demand(self.runs[run]["planned"] or not self.runs[run]["partitions"], "I13",
                    "an attempt before the run is planned whole")
        self.demand(not self.runs[run]["cancelled"], "I32", "an attempt of a cancelled run")
        self.demand(self.now >= slot.not_before, "I17", f"started {slot.not_before - self.now} us too early")
        slot.attempt += 1
        slot.run = run
        self.demand_running(e, slot, "an attempt")
        slot.attempt_epoch, slot.live, slot.phase, slot.run = self.epoch, True, "running", run

    def own(self, slot, e):
        self.demand(slot.attempt_epoch == self.epoch, "I15", "another boot speaks for the attempt")
        self.demand(number(e.get("attempt")) == slot.attempt, "I14", "another attempt is spoken of")

    def on_attempt_staged(self, e, slot):
        self.own(slot, e)
        c = {key: number(value) for key, value in e["counts"].items()}
        total = sum(c.get(key, 0) for key in ("accepted", "quarantined", "filtered", "merged"))
        self.demand(c.get("read", 0) == total, "I27", f"{c.get('read', 0)} rows read, {total} accounted for")
        records = sum(number(one.get("records")) for one in e.get("files", []))
        if self.meta.get("simulated"):
            self.demand(records == c.get("read", 0), "I27", f"the source has {records} rows, {c.get('read', 0)} were read")
        slot.staged = {"content": e.get("content"), "rows": number(e.get("outputRows")), "inputs": e.get("inputs")}
        slot.phase = "staged"
        batch = number(e.get("batch"), NONE)
        self.demand((batch != NONE) == (c.get("quarantined", 0) > 0), "I29", "quarantined rows are a batch")
        if batch != NONE:
            self.batches[batch] = c["quarantined"]
        salts = (e.get("salts") or {}).get("digest")
        if salts:
            owner = self.salts.setdefault(salts, slot)
            self.demand(owner is slot, "nonce", f"{owner.partition} and {slot.partition} share their salts")

    def on_attempt_failed(self, e, slot):
        self.own(slot, e)
        slot.phase, slot.live, slot.staged = "failed", False, None
        slot.failures += 1

    def on_attempt_lost(self, e, slot):
        slot.phase, slot.live, slot.staged = "planned", False, None

    def on_retry_scheduled(self, e, slot):
        delay = number(e.get("delayMs"))
        attempts = self.meta.get("attempts")
        if delay and attempts:
            self.demand(slot.failures < attempts, "I16", f"{slot.failures} failures of {attempts}, and a retry")
            full = min(60_000, 1000 * 2 ** (slot.failures - 1))
            self.demand(full // 2 <= delay <= full, "I17", f"a delay of {delay} ms after {slot.failures} failures")
        elif attempts:  # at once only where the run's circuit keeps it from starting
            self.circuit_due = number(e.get("run"))
        slot.phase, slot.not_before = "retry", self.now + delay * 1000

    def on_slot_held(self, e, slot):
        slot.phase, slot.live = "held", False

    def on_hold_decided(self, e, slot):
        slot.let_in = slot.let_in or e.get("decision", "discard") != "discard"
        slot.phase = "cancelled" if e.get("decision", "discard") == "discard" else "planned"

    def on_slot_quarantined(self, e, slot):
        slot.phase, slot.live = "quarantined", False

    def on_slot_released(self, e, slot):
        self.demand(e.get("reason"), "I29", "a release has a reason")
        slot.phase = "planned"

    # --- approvals ------------------------------------------------------------------------------

    def on_principal_enrolled(self, e, _):
        if "approver" in e.get("roles", []):
            self.approvers.add(e["principal"])

    def on_principal_revoked(self, e, _):
        self.approvers.discard(e["principal"])

    def on_approval_requested(self, e, _):
        approval = {"needed": number(e.get("needed"), 1), "given": set(), "keys": set(), "rejected": False}
        self.approvals[number(e.get("approval"))] = approval
        slot = number(e.get("slot"), NONE)
        if slot != NONE:
            self.slots[slot].phase, self.slots[slot].approval, self.slots[slot].live = "awaiting", approval, False
        for field, asked in (("compensation", self.compensations), ("erasure", self.erasures)):
            if number(e.get(field), NONE) in asked:
                asked[number(e.get(field), NONE)]["approval"] = approval

    def on_approval_given(self, e, _):
        approval = self.approvals[number(e.get("approval"))]
        self.demand(e["approver"] in self.approvers, "I35", f"{e['approver']} is no approver")
        self.demand(e["approver"] not in approval["given"] and e["keyFingerprint"] not in approval["keys"], "I34",
                    f"{e['approver']} has approved, or the key has")
        approval["given"].add(e["approver"])
        approval["keys"].add(e["keyFingerprint"])

    def on_approval_rejected(self, e, _):
        self.approvals[number(e.get("approval"))]["rejected"] = True

    def demand_approved(self, approval, what):
        if approval is not None:
            self.demand(not approval["rejected"] and len(approval["given"]) >= approval["needed"], "I33",
                        f"{what} with {len(approval['given'])} of {approval['needed']} approvals")

    # --- loads ----------------------------------------------------------------------------------

    def load_id(self, slot, generation, content):
        text = (f"daybook/load/v1\n{self.origin}\n{slot.pipeline}\n{slot.sink}\n{slot.partition}\n{generation}\n"
                f"{content}\n")
        return hashlib.sha256(text.encode()).hexdigest()

    def on_load_intended(self, e, slot):
        self.own(slot, e)
        if slot.phase == "awaiting":
            self.demand_approved(slot.approval, f"{slot.partition} is loaded")
        self.demand(not self.runs[slot.run]["cancelled"], "I32", "a load of a cancelled run")
        self.demand_running(e, slot, "a load")
        self.demand(slot.staged and e.get("content") == slot.staged["content"], "I25", "not what was staged")
        self.demand(number(e.get("rows")) == slot.staged["rows"], "I27", "other rows than were staged")
        generation, content, load = number(e.get("generation")), e.get("content"), e["loadId"]
        self.demand(load == self.load_id(slot, generation, content), "I25", "the load id is not derived from the load")
        owner = self.load_ids.setdefault(load, (slot, content))
        self.demand(owner == (slot, content), "I25", "one load id, two loads")
        known = slot.loads.get(load)
        self.demand(known is None or known["standing"] == "aborted", "I22", "a load that stands is intended again")
        slot.loads[load] = {"generation": generation, "content": content, "rows": number(e.get("rows")),
                            "mode": e.get("mode", "replace"), "standing": "intended",
                            "inputs": slot.staged["inputs"], "over": slot.visible[-1] if slot.visible else None}
        slot.intended, slot.phase = load, "intended"

    def settled(self, e, slot):
        self.demand(e["loadId"] == slot.intended, "I24", "another load is settled than was intended")
        slot.intended, slot.live = None, False
        return slot.loads[e["loadId"]]

    def on_load_committed(self, e, slot):
        load = self.settled(e, slot)
        self.demand(number(e.get("rows")) == load["rows"], "I23", "other rows were committed than intended")
        self.demand(e.get("evidence"), "I24", "a commit says by what it is known")
        if load["mode"] != "append":
            for other in slot.visible:
                slot.loads[other]["standing"] = "superseded"
            slot.visible = []
        load["standing"], slot.phase, slot.staged = "committed", "loaded", None
        slot.visible.append(e["loadId"])

    def on_load_aborted(self, e, slot):
        load = self.settled(e, slot)
        self.demand(e.get("evidence"), "I24", "an abort says by what it is known")
        load["standing"], slot.phase, slot.staged = "aborted", "planned", None
        load["given_up_under"] = self.epoch << 40 | self.index  # of attempts before this, every fence is lower

    def on_load_verified(self, e, slot):
        load = slot.loads[e["loadId"]]
        self.demand(number(e.get("rows")) == load["rows"], "I27", "other rows were found than committed")
        load["standing"], slot.phase = "verified", "verified"

    def on_load_lost(self, e, slot):
        self.demand(e["loadId"] in slot.loads, "I24", "what was never loaded is lost")
        load = slot.loads[e["loadId"]]
        self.demand(load["standing"] in ("committed", "verified"), "I24", "what does not stand is lost")
        if self.meta.get("simulated"):
            self.demand(self.meta["lost_tail"] or self.meta["late_writers"], "I23",
                        f"{slot.partition} lost a load, and nothing in its sink was lost")
        load["standing"] = "lost"
        if slot.phase in ("idle", "failed", "loaded", "verified", "compensated", "cancelled", "skipped"):
            slot.phase = "lost"  # what is on its way or waits for a person goes on
        slot.visible = [one for one in slot.visible if one != e["loadId"]]

    # --- people ---------------------------------------------------------------------------------

    def decide(self, e, what):
        batch = number(e.get("batch"))
        for record in e.get("records", []):
            self.demand(batch in self.batches and record < self.batches[batch], "I29", "no such record")
            self.demand((batch, record) not in self.records, "I29", f"record {batch}:{record} is decided twice")
            self.records[batch, record] = what

    def on_records_released(self, e, _):
        self.decide(e, "released")

    def on_records_discarded(self, e, _):
        self.decide(e, "discarded")

    def on_compensation_proposed(self, e, _):
        self.compensations[number(e.get("compensation"))] = {"steps": e["steps"], "done": 0, "intended": False,
                                                              "approval": None}
        for step in e["steps"]:
            slot = self.slots[number(step.get("slot"))]
            current = slot.visible[-1] if slot.visible else None
            self.demand(current and slot.loads[current]["generation"] == number(step.get("generation")), "I30",
                        f"generation {step.get('generation')} of {slot.partition} does not stand")

    def on_compensation_started(self, e, _):
        self.demand_approved(self.compensations[number(e.get("compensation"))]["approval"], "a compensation begins")

    def on_compensation_intended(self, e, _):
        c = self.compensations[number(e.get("compensation"))]
        self.demand(number(e.get("step")) == c["done"], "I31", "steps are taken in their order")
        c["intended"] = True
        self.slots[number(c["steps"][c["done"]].get("slot"))].phase = "compensating"

    def on_compensation_failed(self, e, _):
        if e.get("settled"):
            self.compensations[number(e.get("compensation"))]["intended"] = False

    def on_compensation_withdrawn(self, e, _):
        c = self.compensations[number(e.get("compensation"))]
        self.demand(not c["intended"], "I31", "a step under way is withdrawn")
        for step in c["steps"][c["done"]:]:
            slot = self.slots[number(step.get("slot"))]
            if slot.phase == "compensating":
                slot.phase = "verified"

    def on_compensation_committed(self, e, _):
        c = self.compensations[number(e.get("compensation"))]
        self.demand(c["intended"] and number(e.get("step")) == c["done"], "I31", "a step that was not intended")
        step = c["steps"][c["done"]]
        slot = self.slots[number(step.get("slot"))]
        c["done"], c["intended"] = c["done"] + 1, False
        by_generation = {load["generation"]: (load_id, load) for load_id, load in slot.loads.items()
                         if load["standing"] != "aborted"}
        taken, load = by_generation[number(step.get("generation"))]
        self.demand(taken in slot.visible, "I30", "what does not stand is taken back")
        load["standing"] = "compensated"
        slot.visible.remove(taken)
        if number(step.get("restores")):
            restored, load = by_generation[number(step.get("restores"))]
            if restored not in slot.visible:
                load["standing"] = "verified"
                slot.visible.append(restored)
        slot.phase = "compensated"

    def on_erasure_proposed(self, e, _):
        self.erasures[number(e.get("erasure"))] = {"approval": None, "phase": "proposed", "items": e["items"]}

    def on_erasure_started(self, e, _):
        erasure = self.erasures[number(e.get("erasure"))]
        self.demand(erasure["phase"] == "proposed" and erasure["approval"], "I33", "an erasure nobody was asked about")
        for item in erasure["items"]:
            slot = number(item.get("slot"), NONE)
            covering = {("book", 0), ("pipeline", self.slots[slot].pipeline), ("run", number(item.get("run"), NONE)),
                        ("partition", slot)}
            held = covering & set(self.legal_holds.values())
            self.demand(not held, "I42", f"what is erased a legal hold keeps: {held}")
        self.demand_approved(erasure["approval"], "an erasure begins")
        erasure["phase"] = "executing"

    def on_legal_hold_placed(self, e, _):
        self.legal_holds[number(e.get("hold"))] = self.scope_of(e)

    def on_legal_hold_released(self, e, _):
        self.demand(self.legal_holds.pop(number(e.get("hold")), None), "I42", "a hold that is not in force is released")

    def on_erasure_finished(self, e, _):
        erasure = self.erasures[number(e.get("erasure"))]
        self.demand(erasure["phase"] == "executing", "I41", "an erasure ends that was not begun")
        erasure["phase"] = "finished"
