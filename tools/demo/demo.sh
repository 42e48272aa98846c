#!/usr/bin/env bash
# A walk through what Daybook is for, on data made up here: a run, a crash in its middle, a resume,
# the records set aside, a late correction, a proof. Everything lies in build/demo, made anew.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

rows=230000
days=10
corrected=2026-01-04
here=$PWD
demo=$here/build/demo
daybook=$here/build/release/daybook
feed=$here/build/release/daybook_demo_feed
[[ -x $daybook && -x $feed ]] || { echo "demo: build first: tools/dev demo does" >&2; exit 1; }
SECONDS=0

bold='' plain=''
[[ -t 1 && -z ${NO_COLOR:-} ]] && bold=$'\033[1m' plain=$'\033[0m'
step() { printf '\n%s-- %s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ daybook %s%s\n' "$bold" "$*" "$plain"; "$daybook" "$@"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

running=
trap '[[ -z $running ]] || kill -9 "$running" 2>/dev/null || true' EXIT

fresh() {
  rm -rf "$demo"
  mkdir -p "$demo"
  cp -r "$here"/tools/demo/project/. "$demo"
  cd "$demo"
  "$feed" write feed "$rows" "$days"
}

# Partitions that lie in the lake by now.
loaded() {
  local found
  shopt -s nullglob
  found=(lake/orders/*2026-*)
  shopt -u nullglob
  echo "${#found[@]}"
}

# Starts the run and kills it once $1 partitions lie in the lake. Says 1 when the run was faster.
run_and_kill() {
  local wanted=$1 deadline=$((SECONDS + 30))
  "$daybook" run orders.pipeline.yaml >run-1.out 2>run-1.err &
  running=$!
  while kill -0 "$running" 2>/dev/null; do
    if (( $(loaded) >= wanted )); then
      kill -9 "$running" 2>/dev/null || break
      wait "$running" 2>/dev/null && { running=; return 1; }
      running=
      (( $(loaded) < days )) && return 0
      return 1
    fi
    (( SECONDS < deadline )) || fail "the run loaded fewer than $wanted partitions in 30 seconds: $(tail -5 run-1.err)"
    sleep 0.01
  done
  local status=0
  wait "$running" || status=$?
  running=
  (( status == 0 )) || fail "the run failed by itself ($status): $(tail -5 run-1.err)"
  return 1
}

step "a project: $days files, $rows orders, about one in a hundred at fault"
fresh
du -sh feed | cut -f1
show init
step "is the definition sound, and what would a run do?"
show check orders.pipeline.yaml
show plan orders.pipeline.yaml

step "a run, killed with kill -9 in its middle"
killed=0
for wanted in 3 2 1; do
  printf '%s$ daybook run orders.pipeline.yaml &%s\n' "$bold" "$plain"
  if run_and_kill "$wanted"; then
    killed=1
    break
  fi
  echo "(it was done before the kill; once more from the start)"
  fresh
  "$daybook" init >/dev/null 2>&1
done
(( killed )) || fail "this machine ran $rows orders too fast to be killed in the middle, three times"
echo "killed with $(loaded) of $days partitions in the lake"

step "the same command again: it goes on where the book says it was"
show run orders.pipeline.yaml
(( $(loaded) == days )) || fail "there are $(loaded) partitions in the lake, not $days"

step "the records that were set aside, by rule"
show quarantine groups

step "the shop sends $corrected again, corrected and with late orders"
"$feed" correct feed "$corrected"
show plan orders.pipeline.yaml
show run orders.pipeline.yaml

step "does the book prove what it says?"
show verify
step "why is that partition as it is?"
show explain "$corrected"
step "and in the book itself"
show log | tail -12

cat <<TEXT

Done in $SECONDS s. The project is build/demo; go there and try, with build/release/daybook in your PATH:

  daybook run orders.pipeline.yaml      nothing changed: every partition is skipped, with the reason
  daybook quarantine show 0:0           one record: its bytes, its place, the rules it broke
  daybook runs list                     every run, and what each of them did
  daybook state                         what the book says now; --as-of goes to any entry
  daybook doctor                        is this machine fit to keep a book?
TEXT
