#!/usr/bin/env python3
"""Picks simulated books that together hold each kind of entry several times, the shortest first, and writes them as
histories of this version. A released version's are never written again.

    daybook_sim --seed 1 --seeds 2000 --tier memory --oracle-every 0 --dump DIR
    pick_histories.py DIR tests/golden/VERSION.histories

The file: of each history u32 how many entries, then of each entry u32 how many bytes, and the bytes; little-endian.
Their roots are written beside them by: DAYBOOK_GOLDEN_ROOTS=tests/golden/VERSION.roots golden_histories_test
"""

import collections
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "simulation"))

import entries  # noqa: E402

HISTORIES, EACH, BYTES_MAX = 60, 6, 2_000_000


def main():
    source, target = sys.argv[1:]
    found = []
    for name in sorted(os.listdir(source), key=lambda one: (len(one), one)):
        with open(os.path.join(source, name, "entries.bin"), "rb") as file:
            blob = file.read()
        raw = entries.split(blob)
        if 30 <= len(raw) <= 600:
            found.append((len(blob), raw, {entry["kind"] for entry in entries.decode(raw)}))
    seen, picked, total = collections.Counter(), [], 0
    while len(picked) < HISTORIES and found:
        best = max(found, key=lambda one: (sum(seen[kind] < EACH for kind in one[2]) / one[0], -one[0]))
        if total + best[0] > BYTES_MAX:
            break
        found.remove(best)
        picked.append(best[1])
        total += best[0]
        seen.update(best[2])
    whole = b"".join(struct.pack("<I", len(raw)) + b"".join(struct.pack("<I", len(one)) + one for one in raw)
                     for raw in picked)
    with open(target, "wb") as file:
        file.write(whole)
    print(f"{len(picked)} histories, {sum(map(len, picked))} entries, {total} bytes; kinds: "
          + ", ".join(f"{kind} {times}" for kind, times in sorted(seen.items())))


if __name__ == "__main__":
    main()
