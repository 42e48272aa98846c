#!/usr/bin/env python3
"""Gathers the seed corpora of the fuzz targets: FOLDER/<target>/<file>. From what is real: the golden book,
the example pipelines and contracts, the records of the examples' tables, signatures of ssh-keygen, and every
earlier finding (regressions/). `fuzz_seeds` adds what only our own code can write.

    seeds.py FOLDER [FUZZ_SEEDS_PROGRAM]
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.path.join(os.environ.get("DAYBOOK_TEST_DATA", os.path.join(os.path.dirname(ROOT), "shared/data")),
                    "ourairports")

EXPRESSIONS = """price * 2
round(price * 0.3048, 1)
not closed
id between 1 and 9 and name like 'a%_b'
case when ratio > 0.5 then 'high' when ratio is null then null else upper(name) end
day + interval '3 days' < date '2026-01-31'
count(distinct name)
sum(price) / nullif(count(*), 0)
coalesce(name, 'none') || ' ' || cast(id as varchar)
try_cast(name as decimal(9,2)) is distinct from price
name in ('a', 'b''c', "name") or id not in (1, -2, 3e4)
-(-id) % 7 // 2 + 1.5e-3
regexp_matches(name, '^[A-Z]{2,4}$')
date_trunc('month', at)
select id, count(*) as n from input group by id order by n desc limit 3
with a as (select * from input) select a.id from a join lookup on a.id = lookup.id where a.price > 1
""".splitlines()

REQUESTS = [
    {"verb": "pause", "arguments": {"reason": "r"}}, {"verb": "resume", "arguments": {"run": 1}},
    {"verb": "cancel", "arguments": {"run": 4294967295, "reason": "x"}},
    {"verb": "hold", "arguments": {"slot": 0, "decision": "load_anyway", "reason": "ok"}},
    {"verb": "slot-release", "arguments": {"slot": 3, "reason": "again"}},
    {"verb": "amend", "arguments": {"batch": 0, "record": 1, "bytes": "MSwy", "reason": "typo"}},
    {"verb": "release", "arguments": {"batch": 0, "records": [0, 1, 2], "reason": "fine"}},
    {"verb": "discard", "arguments": {"batch": 0, "records": [], "reason": "test"}},
    {"verb": "reject", "arguments": {"approval": 0, "approver": "ben", "reason": "no"}},
    {"verb": "principal-add", "arguments": {"name": "ben", "key": "ssh-ed25519 AAAA", "roles": ["approver"]}},
    {"verb": "compensation-propose", "arguments": {"slots": [0, 1], "reason": "wrong feed"}},
    {"verb": "reconcile", "arguments": {"pipeline": "p", "deep": True, "record": False}},
]

MANIFEST = {
    "format": 1, "kind": "load", "content": "ab" * 32, "fence": 40, "files": [
        {"bytes": 123, "name": "part-0.csv", "rows": 7, "sha256": "cd" * 32}],
    "generation": 2, "load_id": "ef" * 32, "mode": "replace", "origin": "daybook.local/x",
    "partition": "2026-01-01", "pipeline": "orders", "replaces": 1, "rows": 7,
}


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Corpus:
    def __init__(self, folder):
        self.folder = folder

    def add(self, target, name, content):
        path = os.path.join(self.folder, target, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def definitions(corpus):
    for folder, _, names in sorted(os.walk(ROOT)):
        if re.search(r"/(build|\.git|node_modules)(/|$)", folder[len(ROOT):]):
            continue
        for name in sorted(names):
            path = os.path.join(folder, name)
            label = os.path.relpath(path, ROOT).replace("/", "-")
            if name.endswith(".pipeline.yaml"):
                corpus.add("pipeline", label, read(path))
                corpus.add("yaml", label, read(path))
            elif name.endswith(".odcs.yaml"):
                corpus.add("contract", label, read(path))
                corpus.add("yaml", label, read(path))
    # Those the tests hold as text.
    for path in ("tests/acceptance/small.py", "tests/campaign/feed.py"):
        for number, text in enumerate(re.findall(r'"""(apiVersion.*?)"""', read(os.path.join(ROOT, path)).decode(),
                                                 re.S)):
            corpus.add("contract", f"{os.path.basename(path)}-{number}", text.replace("{{", "{").replace("}}", "}"))
    text = read(os.path.join(ROOT, "tests/runner/definition/expression_test.cc")).decode()
    found = sorted(set(re.findall(r'"((?:[^"\\\n]|\\.){3,200})"', text)))
    for number, one in enumerate(EXPRESSIONS + found):
        corpus.add("expression", f"{number:03}", one.replace('\\"', '"'))
    docs = read(os.path.join(ROOT, "README.md")).decode()
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", docs, re.S)):
        corpus.add("pipeline", f"readme-{number}", block)


def golden(corpus):
    book = os.path.join(ROOT, "tests/golden/0.1.0")
    corpus.add("note", "golden-checkpoint", read(os.path.join(book, "checkpoint")))
    corpus.add("note", "golden-text", read(os.path.join(book, "checkpoint")).split(b"\n\n")[0] + b"\n")
    corpus.add("note", "golden-vkey", read(book + ".vkey").strip())
    for name in ("tile/0/000", "tile/0/x001/x234/067", "tile/entries/000.p/104", "tile/1/000.p/1", "tile/0"):
        corpus.add("tiles", "name-" + name.replace("/", "-"), name)
    corpus.add("tiles", "golden-tile", read(os.path.join(book, "tile/0/000.p/104")))
    for number, size in enumerate((0, 1, 2, 7, 8, 255)):
        corpus.add("merkle", str(number), bytes(range(16)) + bytes([size, size // 2]) + bytes(96))


def records(corpus):
    csvs = [b"id,name\n1,one\n2,\"two, \"\"too\"\"\"\r\n3,\"over\ntwo lines\"\n", b"a;b\n\x00;\xff\n\"open",
            b"1,a\rb\n,,\n\"x\"y,z\n"]
    for partition in ("2022-06-01", "2024-06-01"):
        path = os.path.join(DATA, partition, "runways.csv")
        if os.path.exists(path):  # the snapshots are not part of the tree
            lines = read(path).splitlines(keepends=True)
            csvs += [b"".join(lines[:8]), b"".join(lines[5000:5020])]
    for number, text in enumerate(csvs):
        for first in (0, 7, 201):
            corpus.add("csv", f"{number}-{first}", bytes([first]) + text)


def people(corpus):
    with tempfile.TemporaryDirectory(prefix="daybook-seeds-") as folder:
        def ssh_keygen(*words):
            subprocess.run(["ssh-keygen", "-q", *words], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        text = os.path.join(folder, "text")
        with open(text, "w", encoding="ascii") as file:
            file.write("daybook fuzz corpus\n")
        for kind in ("ed25519", "ecdsa"):
            ssh_keygen("-t", kind, "-N", "", "-C", "a comment", "-f", kind)
            ssh_keygen("-Y", "sign", "-n", "daybook", "-f", kind, text)
            corpus.add("ssh", kind + ".sig", read(text + ".sig"))
            corpus.add("ssh", kind + ".pub", read(os.path.join(folder, kind + ".pub")))
            os.unlink(text + ".sig")
    for number, request in enumerate(REQUESTS):
        corpus.add("request", f"request-{number}", json.dumps(request))
    answers = [{"result": {"entries": [{"index": 1, "kind": "Paused"}]}}, {"error": {"code": "io", "detail": "d", "hint": ""}},
               {"refusal": {"code": "already", "detail": "d"}}]
    for number, answer in enumerate(answers):
        corpus.add("request", f"answer-{number}", json.dumps(answer))
    lines = [{"record": "0:1", "bytes": "1,a,-1", "amended": "1,a,1"},
             {"record": "0:2", "bytes_base64": "/w==", "discard": True},
             {"record": "1:0", "bytes": "x", "violations": [{"rule": "r", "column": "c", "message": "m"}]}]
    corpus.add("quarantine", "decisions", "".join(json.dumps(line) + "\n" for line in lines))
    corpus.add("quarantine", "wrong", '{"record": "0:1", "bytes": "x", "amended": 3}\n\n[]\n')
    corpus.add("manifest", "manifest", json.dumps(MANIFEST, indent=2) + "\n")
    tombstone = {key: value for key, value in MANIFEST.items() if key not in ("files", "content", "rows", "mode", "replaces")}
    corpus.add("manifest", "tombstone", json.dumps({**tombstone, "kind": "tombstone", "restores": 1, "action": "restore_previous",
                                                    "generation_load_id": "01" * 32, "rows_removed": 3,
                                                    "rows_restored": 2}))


def transparency(corpus):
    request = "GET /tile/0/x001/x234/067.p/8 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n"
    cosignature = ("\u2014 witness.example/w2 6Y289QAAAABpVbkAL9Ty4Y4Z/gFVi4T9+MXeYb8Xw3lRavVvLaGgl2liVs8iSZmRP3nsDBCu6h"
                   "iHyPuuaQ1w4kCL01TnzO5FJN1XDQ==\n")
    url = "https://[::1]:8443/a/b"
    chain = ("daybook/log-key/v1\ndaybook.local/fuzz\ndaybook.local/fuzz+00000000+AQ==\ndaybook.local/fuzz+00000001+AQ==\n"
             "12\n6sxCy9aaRpNMQLARCcKz6jKIDaigU8zk4Mli0J9pttA=\n\n\u2014 daybook.local/fuzz AAAAAAAA\n")
    for name, text in ("request", request), ("cosignature", cosignature), ("size", "10\n"), ("url", url), ("chain", chain):
        corpus.add("transparency", name, text)
    with tempfile.TemporaryDirectory(prefix="daybook-seeds-") as folder:
        query = os.path.join(folder, "tsq")
        subprocess.run(["openssl", "ts", "-query", "-digest", "00" * 32, "-sha256", "-cert", "-out", query], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        corpus.add("transparency", "tsq", read(query))


def main():
    folder = os.path.abspath(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    corpus = Corpus(folder)
    for part in (definitions, golden, records, people, transparency):
        part(corpus)
    if len(sys.argv) > 2:
        subprocess.run([sys.argv[2], folder], check=True)
    findings = os.path.join(HERE, "regressions")
    for target in sorted(name for name in os.listdir(findings) if not name.startswith(".")):
        for name in sorted(os.listdir(os.path.join(findings, target))):
            corpus.add(target, "regression-" + name, read(os.path.join(findings, target, name)))
    for target in sorted(os.listdir(folder)):
        print(f"{target}: {len(os.listdir(os.path.join(folder, target)))} seeds")


if __name__ == "__main__":
    main()
