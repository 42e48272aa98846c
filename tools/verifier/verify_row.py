#!/usr/bin/env python3
"""A second opinion on the proof of one row, written apart from daybook-verify: the archive byte for byte,
the signature, every entry under it, the leaves under the roots that the attempt's entry commits to, and the
definition. README.txt and prov.json are made from these by daybook-verify, and not looked at here.
Stands beside verify.py; needs Python 3.9 and the openssl command.
Exits 0 good, 1 tampered, 2 unusable input, 3 policy not met."""

import argparse, binascii, pathlib, re, struct, sys  # noqa: E401

from verify import Refused, open_checkpoint, parse_vkey, sha256, unbase64

RUN, DEFINITION, SLOT, STAGED, INTENDED, COMMITTED, VERIFIED = 8, 6, 15, 19, 27, 28, 30  # entry.capnp

def refuse(place, why):
    raise Refused(1, place, why)

def read_zip(data):
    """Files by name, of an archive that is spelt in the one way replay/stored_zip.h says."""
    files, at, out, central = {}, 0, b"", b""
    while data[at:at + 4] == b"PK\3\4" and len(data) >= at + 30:
        size, name_size = struct.unpack_from("<I4xH", data, at + 18)
        name = data[at + 30:at + 30 + name_size].decode("ascii", "replace")
        if files and name <= max(files) or not re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", name):
            refuse(f"byte {at}", "a file stands twice, out of order, or has no name")
        files[name] = data[at + 30 + name_size:at + 30 + name_size + size]
        at += 30 + name_size + size
    for name, content in files.items():
        header = struct.pack("<5H3I2H", 10, 0, 0, 0, 0x21, binascii.crc32(content), len(content), len(content),
                             len(name), 0)
        central += b"PK\1\2\n\0" + header + struct.pack("<3H2I", 0, 0, 0, 0, len(out)) + name.encode()
        out += b"PK\3\4" + header + name.encode() + content
    out += central + b"PK\5\6" + struct.pack("<4x2H2I2x", len(files), len(files), len(central), len(out))
    if out != data:
        same = next((i for i, pair in enumerate(zip(out, data)) if pair[0] != pair[1]), min(len(out), len(data)))
        refuse(f"byte {same}", "not what belongs here")
    return files

class Struct:
    """A struct of a canonical Cap'n Proto message in one segment; what is not there is zero or empty."""

    def __init__(self, message, data=0, words=0, pointers=0):
        self.message, self.data, self.words, self.pointers = message, data, words, pointers

    def word(self, at):
        if not 0 <= at <= len(self.message) - 8:
            raise ValueError("a pointer leads out of the entry")
        return int.from_bytes(self.message[at:at + 8], "little")

    def number(self, at, size):
        return int.from_bytes(self.message[self.data + at:self.data + at + size], "little") \
            if at + size <= 8 * self.words else 0

    def target(self, at):
        pointer = self.word(at)
        offset = pointer >> 2 & 0x3fffffff
        return pointer, at + 8 + 8 * (offset - (1 << 30) if offset >> 29 else offset)

    def pointer(self, index):
        at = self.data + 8 * self.words + 8 * index
        return self.target(at) if index < self.pointers and self.word(at) else None

    def struct(self, index):
        found = self.pointer(index)
        return Struct(self.message, found[1], found[0] >> 32 & 0xffff, found[0] >> 48) if found else Struct(b"")

    def bytes(self, index):
        found = self.pointer(index)
        return self.message[found[1]:found[1] + (found[0] >> 35)] if found else b""

    def structs(self, index):
        found = self.pointer(index)
        tag = self.word(found[1]) if found else 0
        words, pointers = tag >> 32 & 0xffff, tag >> 48
        return [Struct(self.message, found[1] + 8 + 8 * i * (words + pointers), words, pointers)
                for i in range(min(tag >> 2 & 0x3fffffff, len(self.message)) if found else 0)]

def included(leaf, index, size, path, root):
    node, last = index, size - 1
    if index >= size:
        return False
    for other in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            leaf = sha256(b"\1", other, leaf)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            leaf = sha256(b"\1", leaf, other)
        node, last = node >> 1, last >> 1
    return last == 0 and leaf == root

def hashes(lines, place):
    return [unbase64(line, 1, place) for line in lines]

def verify(data, vkey, origin=None):
    """What is proved, as one line; or Refused."""
    files = read_zip(data)
    left = set(files) - {"README.txt", "prov.json", "checkpoint", "definition.json", "definition.salt"}
    if len(files) - len(left) != 5:
        refuse("archive", "one of the files that every bundle has is missing")
    size, root = open_checkpoint(files["checkpoint"], parse_vkey(vkey), origin)
    events = {}
    for name in sorted(name for name in left if re.fullmatch("entries/(0|[1-9][0-9]*)", name)):
        left -= {name, name + ".tlog-proof"}
        head, _, note = files.get(name + ".tlog-proof", b"").partition(b"\n\n")
        lines, index = head.split(b"\n"), int(name[8:])
        path = hashes(lines[2:], name)
        if lines[:2] != [b"c2sp.org/tlog-proof@v1", b"index %d" % index] or note != files["checkpoint"] or \
                not included(sha256(b"\0", files[name]), index, size, path, root):
            refuse(name, "is not the entry at this index under the signed root")
        pointer, start = Struct(files[name]).target(0)
        entry = Struct(files[name], start, pointer >> 32 & 0xffff, pointer >> 48)
        tag = entry.number(22, 2)
        if tag in events or tag not in (RUN, DEFINITION, SLOT, STAGED, INTENDED, COMMITTED, VERIFIED):
            refuse(name, "does not belong here")
        events[tag] = entry.struct(3)
    run, definition, slot, staged = (events.get(tag) or refuse("entries", "one is missing")
                                     for tag in (RUN, DEFINITION, SLOT, STAGED))
    loads = [events[tag].bytes(0) for tag in (INTENDED, COMMITTED, VERIFIED) if tag in events]
    if (run.number(0, 4), run.number(8, 4), slot.number(0, 4), slot.bytes(0)) != \
            (staged.number(0, 4), definition.number(0, 4), staged.number(4, 4), definition.bytes(0)) or \
            loads != loads[:1] * len(loads) or loads and (INTENDED not in events or any(
                events[INTENDED].number(at, 4) != staged.number(at, 4) for at in (0, 4, 8))
                or events[INTENDED].bytes(1) != staged.bytes(5)):
        refuse("entries", "are not of one attempt and one load")
    registered = definition.struct(2)
    salt = unbase64(files["definition.salt"].rstrip(b"\n"), 1, "definition.salt")
    if sha256(salt, files["definition.json"]) != registered.bytes(0):
        refuse("definition.json", "is not what the book registered")

    def leaf(name, kind, count, tree_root, index=None):
        left.difference_update((name, name + ".proof"))
        if name not in files:
            refuse(name, "is missing")
        proof = re.fullmatch(rb"daybook-leaf-proof@v1\nindex (\d+)\ncount (\d+)\nsalt (.{24})\n((?:.{44}\n)*)",
                             files.get(name + ".proof", b"")) or refuse(name, "has no leaf proof")
        at, path = int(proof[1]), hashes(proof[4].split(b"\n")[:-1], name)
        context = f"daybook/{kind}/v2".encode().ljust(63, b"\0")
        hashed = sha256(b"\0", context, unbase64(proof[3], 1, name), files[name])
        if int(proof[2]) != count or index not in (None, at) or not included(hashed, at, count, path, tree_root):
            refuse(name, "is not under the root that the attempt committed to")
        return at

    inputs = staged.structs(1)
    for name in sorted(name for name in left if re.fullmatch("records/[0-9]+-[1-9][0-9]*", name)):
        number, row = map(int, name[8:].split("-"))
        if number >= len(inputs) or row > inputs[number].number(8, 8):
            refuse(name, "was not read")
        whole = files[name] == inputs[number].bytes(1)  # of Parquet the file is the leaf
        leaf(name, "record", 1 if whole else inputs[number].number(8, 8), inputs[number].bytes(2),
             0 if whole else row - 1)
    if "row" in files:
        count = staged.number(16, 8)
        at = leaf("row", "row", count, staged.bytes(4))
        left.discard("schema")
        content = b"daybook/content/v1\0" + staged.bytes(4) + b"%d\n" % count + files.get("schema", b"")
        if sha256(content) != staged.bytes(5):
            refuse("schema", "is not that of the committed content")
    else:
        count = staged.struct(2).number(16, 8)
        at = leaf("quarantined", "quarantine", count, staged.bytes(6))
    if left:
        refuse(min(left), "does not belong here")
    return f"{'output row' if 'row' in files else 'quarantined record'} {at} of {count}"

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("proof")
    parser.add_argument("--key", help="verifier key, name+id+base64")
    parser.add_argument("--key-file", help="the same, in a file")
    parser.add_argument("--origin", help="default: the key's name")
    asked = parser.parse_args()
    try:
        if asked.key_file:
            lines = pathlib.Path(asked.key_file).read_text(encoding="utf-8").splitlines()
            asked.key = "".join(line for line in lines if not line.startswith("#"))
        proved = verify(pathlib.Path(asked.proof).read_bytes(), asked.key or "", asked.origin)
        print(f"good  {proved}", flush=True)
        return 0
    except Refused as refused:
        print(f"REFUSED  {ascii(refused.args[1])}: {refused.args[2]}")
        return refused.args[0]
    except Exception as error:  # whatever it was, it is no proof
        print(f"verify_row.py: {ascii(str(error))}", file=sys.stderr)
        return 2

if __name__ == "__main__":
    sys.exit(main())
