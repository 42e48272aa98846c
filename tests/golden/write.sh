#!/usr/bin/env bash
# Writes the golden book of this version: tests/golden/<version>/ and its key. A released version's
# book is never written again: that old books replay to their recorded state roots is the test.
# usage: write.sh DAYBOOK OUT
set -euo pipefail
daybook=$(readlink -f "$1") out=$(readlink -f "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p feed/2026-01-0{1,2,3}
day() { printf 'id,name,price\n%s\n' "$2" >"feed/2026-01-0$1/items.csv"; }
day 1 $'1,anvil,10.00\n2,bolt,"0,50"\n3,test,-1'
day 2 $'4,crate,4.20\n4,crate,4.30\n5,drum,5.00'
day 3 $'6,engine,600.00'
cat >raw.odcs.yaml <<'YAML'
apiVersion: v3.1.0
kind: DataContract
id: urn:golden:items
name: items
version: 1.0.0
status: active
schema:
  - name: items
    logicalType: object
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: name, logicalType: string, required: true}
      - {name: price, logicalType: number, physicalType: "numeric(12,2)", logicalTypeOptions: {minimum: 0}}
YAML
pipeline() {
  cat >items.pipeline.yaml <<YAML
pipeline: items
version: $1
owner: ana
source:
  csv: {path: "feed/{day}/items.csv"}
contract: raw.odcs.yaml
partition: {by: day, type: date}
steps:
  - dedupe: {key: [id], keep: last}
  - filter: "price < $2"
sink:
  jsonl: {path: "lake/items"}
  mode: replace
  compensate: restore_previous
approvals: {compensate: 1}
YAML
}
pipeline 1 1000
run() {
  local status=0
  "$daybook" "$@" >last.log 2>&1 || status=$?
  (( status == 0 || status == ${expect:-0} )) || cat last.log >&2
  return $status
}
run init
run run items.pipeline.yaml
run run items.pipeline.yaml                                    # everything skipped
run quarantine amend 0:0 --text '2,bolt,0.50' --reason 'decimal point'
run quarantine discard 0:1 --reason 'a test record' --yes
run quarantine release 0:0 --reason 'asked the shop'
day 2 $'4,crate,4.40\n5,drum,5.00'
run run items.pipeline.yaml                                    # late correction: generation 2
run pause --reason 'change window'
expect=6 run run items.pipeline.yaml && exit 1                    # refused: recorded
run resume --reason 'window over'
pipeline 2 500
run run items.pipeline.yaml                                    # definition changed: all again
ssh-keygen -q -t ed25519 -N '' -C '' -f key
run principals add bo --key key.pub --role approver
expect=8 run compensate propose --pipeline items --partition 2026-01-03 --reason 'it was sold' || (( $? == 8 ))  # waits for bo
run approvals approve 0 --key key --as bo
run compensate start 0 --yes
run reconcile items.pipeline.yaml
run verify
rm -rf "$out"
run ledger export "$out"
"$daybook" ledger key >"$out.vkey"
"$daybook" log --from 0 --limit 0 -o jsonl | python3 -c '
import collections, json, sys
kinds = collections.Counter(json.loads(line).get("kind") for line in sys.stdin)
print(", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items(), key=str)))'
