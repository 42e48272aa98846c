#!/usr/bin/env python3
"""A second opinion on the proof of one row, written apart from daybook-verify: the archive byte for byte,
the signature, every entry under it, the leaves under the roots that the attempt's entry commits to, and the
definition. README.txt and prov.json, made from these, are not looked at. Stands beside verify.py.
Exits 0 good, 1 tampered, 2 unusable input, 3 policy not met."""

import binascii, os, pathlib, re, struct, sys  # noqa: E401

from verify import Refused, main, open_checkpoint, parse_vkey, sha256, unbase64

KINDS = RUN, DEFINITION, SLOT, STAGED, INTENDED, COMMITTED, VERIFIED = 8, 6, 15, 19, 27, 28, 30  # entry.capnp

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
        header = struct.pack("<5H3I2H", 10, 0, 0, 0, 33, binascii.crc32(content), *2 * [len(content)], len(name), 0)
        central += b"PK\1\2\n\0" + header + struct.pack("<3H2I", 0, 0, 0, 0, len(out)) + name.encode()
        out += b"PK\3\4" + header + name.encode() + content
    out += central + b"PK\5\6" + struct.pack("<4x2H2I2x", len(files), len(files), len(central), len(out))
    if out != data:
        refuse(f"byte {len(os.path.commonprefix([out, data]))}", "not what belongs here")
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
        return self.target(at) if index < self.pointers and self.word(at) else (0, 0)

    def struct(self, index):
        pointer, at = self.pointer(index)
        return Struct(self.message, at, pointer >> 32 & 0xffff, pointer >> 48)

    def bytes(self, index):
        pointer, at = self.pointer(index)
        return self.message[at:at + (pointer >> 35)]

    def structs(self, index):
        pointer, at = self.pointer(index)
        tag = self.word(at) if pointer else 0
        words, pointers = tag >> 32 & 0xffff, tag >> 48
        return [Struct(self.message, at + 8 + 8 * i * (words + pointers), words, pointers)
                for i in range(min(tag >> 2 & 0x3fffffff, len(self.message)))]

def root_over(leaf, index, size, path):  # RFC 6962, from the top down
    if size < 2 or index >= size or not path:
        return leaf if (index, size, len(path)) == (0, 1, 0) else b""
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        return sha256(b"\1", root_over(leaf, index, split, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], root_over(leaf, index - split, size - split, path[:-1]))

def verify(path, vkey, origin=None):
    """What is proved, as one line; or Refused."""
    files = read_zip(pathlib.Path(path).read_bytes())
    left = set(files) - {"README.txt", "prov.json", "checkpoint", "definition.json", "definition.salt"}
    if len(files) - len(left) != 5:
        refuse("archive", "one of the files that every bundle has is missing")
    size, root = open_checkpoint(files["checkpoint"], parse_vkey(vkey), origin)
    events = {}
    for name in sorted(name for name in left if re.fullmatch("entries/(0|[1-9][0-9]*)", name)):
        left -= {name, name + ".tlog-proof"}
        head, _, note = files.get(name + ".tlog-proof", b"").partition(b"\n\n")
        lines, index = head.split(b"\n"), int(name[8:])
        path = [unbase64(line, 1, name) for line in lines[2:]]
        if lines[:2] != [b"c2sp.org/tlog-proof@v1", b"index %d" % index] or note != files["checkpoint"] or \
                root_over(sha256(b"\0", files[name]), index, size, path) != root:
            refuse(name, "is not the entry at this index under the signed root")
        pointer, start = Struct(files[name]).target(0)
        entry = Struct(files[name], start, pointer >> 32 & 0xffff, pointer >> 48)
        tag = entry.number(22, 2)
        if tag in events or tag not in KINDS:
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
    salt = unbase64(files["definition.salt"][:-1], 1, "definition.salt")
    if sha256(salt, files["definition.json"]) != definition.struct(2).bytes(0):
        refuse("definition.json", "is not what the book registered")

    def leaf(name, kind, count, tree_root, index=None):
        left.difference_update((name, name + ".proof"))
        proof = re.fullmatch(rb"daybook-leaf-proof@v1\nindex (\d+)\ncount (\d+)\nsalt (.{24})\n((?:.{44}\n)*)",
                             files.get(name + ".proof", b"")) or refuse(name, "has no leaf proof")
        at, path = int(proof[1]), [unbase64(line, 1, name) for line in proof[4].split()]
        context = f"daybook/{kind}/v2".encode().ljust(63, b"\0")
        hashed = sha256(b"\0", context, unbase64(proof[3], 1, name), files.get(name, b""))
        if name not in files or int(proof[2]) != count or index not in (None, at) or root_over(hashed, at, count, path) != tree_root:
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
        left.discard("schema")
        at = leaf("row", "row", count := staged.number(16, 8), staged.bytes(4))
        content = b"daybook/content/v1\0" + staged.bytes(4) + b"%d\n" % count + files.get("schema", b"")
        if sha256(content) != staged.bytes(5):
            refuse("schema", "is not that of the committed content")
    else:
        at = leaf("quarantined", "quarantine", count := staged.struct(2).number(16, 8), staged.bytes(6))
    if left := left - {"log-keys"}:
        refuse(min(left), "does not belong here")
    return f"{'output row' if 'row' in files else 'quarantined record'} {at} of {count}"

if __name__ == "__main__":
    sys.exit(main(verify, __doc__))
