#!/usr/bin/env python3
"""A second opinion on an exported book, written apart from daybook-verify: the signature, every entry's
hash, every tile, the root, and no file that does not belong. Entries are bytes to it. Needs Python 3.9,
the openssl command, and 100 bytes of memory an entry.
Exits 0 good, 1 tampered, 2 unusable input, 3 policy not met."""

import argparse, base64, hashlib, os, pathlib, re, stat, subprocess, sys, tempfile  # noqa: E401

class Refused(Exception):
    """exit code, place, what is wrong"""

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def unbase64(text, code=1, place="checkpoint"):
    if re.fullmatch(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text):
        data = base64.b64decode(text)
        if base64.b64encode(data) == text:
            return data
    raise Refused(code, place, "bad base64")

def parse_vkey(text):
    name, key_id, key = (text.strip().split("+", 2) + ["", ""])[:3]
    data = unbase64(key.encode(), 2, "key")
    expected = sha256(name.encode(), b"\n", data)[:4]
    if len(data) != 33 or data[0] != 1 or key_id != expected.hex() or not name:
        raise Refused(2, "key", "is no Ed25519 verifier key")
    return name, expected, data[1:]

def good_signature(key, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
        spki = bytes.fromhex("302a300506032b6570032100") + key
        for flag, data in ("-inkey", spki), ("-in", message), ("-sigfile", signature):
            command += [flag, os.path.join(folder, flag)]
            pathlib.Path(command[-1]).write_bytes(data)
        run = subprocess.run(command, capture_output=True, check=False)
    return run.returncode == 0 and b"Verified Successfully" in run.stdout

def open_checkpoint(note, vkey, origin):
    name, key_id, key = vkey
    text, blank, lines = note.rpartition(b"\n\n")
    signed, fields = False, re.fullmatch(rb"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]{44})", text)
    if not blank or not lines.endswith(b"\n"):
        raise Refused(1, "checkpoint", "is no signed note")
    for line in lines[:-1].split(b"\n"):
        parts = re.fullmatch(rb"\xe2\x80\x94 ([^ ]+) ([^ ]+)", line)
        data = unbase64(parts[2]) if parts else b""
        if len(data) < 5:
            raise Refused(1, "checkpoint", "has a malformed signature line")
        if parts[1] == name.encode() and data[:4] == key_id:
            signed = len(data) == 68 and good_signature(key, text + b"\n", data[4:])
            if not signed:
                raise Refused(1, "checkpoint", "the signature is wrong")
    if not signed:
        raise Refused(3, "checkpoint", "is not signed by this key")
    if not fields or int(fields[2]) >= 1 << 63:
        raise Refused(1, "checkpoint", "is no checkpoint, or has extension lines")
    if fields[1] != (origin or name).encode():
        raise Refused(3, "checkpoint", "is of another origin")
    return int(fields[2]), unbase64(fields[3])

def tile_path(level, index, width):
    path = f"{index % 1000:03}"
    while index := index // 1000:
        path = f"x{index % 1000:03}/{path}"
    return f"tile/{level}/{path}" + (f".p/{width}" if width < 256 else "")

def tree_hash(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1", tree_hash(hashes[:split]), tree_hash(hashes[split:]))

def verify(directory, vkey, origin=None):
    """The size and the root that are signed and hold; or Refused."""
    left = set()
    os.listdir(directory)  # a walk of what is not there finds nothing
    for folder, folders, files in os.walk(directory):
        for path in (os.path.join(folder, name) for name in folders + files):
            if stat.S_ISREG(os.lstat(path).st_mode):
                left.add(os.path.relpath(path, directory))
            elif not stat.S_ISDIR(os.lstat(path).st_mode):
                raise Refused(1, os.path.relpath(path, directory), "is no plain file")

    def read(path, bytes_max):
        if path not in left:
            raise Refused(2 if path == "checkpoint" else 1, path, "is missing")
        with open(os.path.join(directory, path), "rb") as file:
            return file.read(bytes_max + 1)

    def accept(level, index, first, content, ends):  # and the partial files of earlier checkpoints
        for width, end in enumerate(ends, 1):
            path = tile_path(level, index, width)
            if (path in left or width == len(ends)) and read(path, end) != content[:end]:
                raise Refused(1, path, f"does not agree with the entries from {first} on")
            left.discard(path)

    size, root = open_checkpoint(read("checkpoint", 1_000_000), parse_vkey(vkey), origin)
    left.remove("checkpoint")
    leaves = []
    for first in range(0, size, 256):
        width, ends, at = min(256, size - first), [], 0
        path = tile_path("entries", first // 256, width)
        bundle = read(path, 256 * 65_537)
        while at < len(bundle):
            start, at = at + 2, at + 2 + int.from_bytes(bundle[at:at + 2], "big")
            if at == start or at > len(bundle) or len(ends) == width:
                raise Refused(1, path, f"entry {first + len(ends)} is empty, cut or one too many")
            leaves.append(sha256(b"\0", bundle[start:at]))
            ends.append(at)
        if len(ends) < width:
            raise Refused(1, path, f"entry {first + len(ends)} is missing")
        accept("entries", first // 256, first, bundle, ends)
    hashes = leaves
    for level in range(8):
        for i in range(0, len(hashes), 256):
            tile = b"".join(hashes[i:i + 256])
            accept(level, i // 256, i * 256 ** level, tile, range(32, len(tile) + 1, 32))
        hashes = [tree_hash(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
    if tree_hash(leaves) != root:
        raise Refused(1, "checkpoint", f"signs another root than that of the {size} entries")
    if left := {name for name in left if not name.startswith("timestamps" + os.sep)}:
        raise Refused(1, min(left), f"is not of a tree of {size} entries")
    return size, root.hex()

def main(check, about):
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("subject", help="what to verify")
    parser.add_argument("--key", help="verifier key, name+id+base64")
    parser.add_argument("--key-file", help="the same, in a file")
    parser.add_argument("--origin", help="default: the key's name")
    asked = parser.parse_args()
    try:
        if asked.key_file:
            lines = pathlib.Path(asked.key_file).read_text(encoding="utf-8").splitlines()
            asked.key = "".join(line for line in lines if not line.startswith("#"))
        print("good ", check(asked.subject, asked.key or "", asked.origin), flush=True)
        return 0
    except Refused as refused:
        print(f"REFUSED  {ascii(refused.args[1])}: {refused.args[2]}")
        return refused.args[0]
    except Exception as error:  # whatever it was, it is no proof
        print(f"{parser.prog}: {ascii(str(error))}", file=sys.stderr)
        return 2

if __name__ == "__main__":
    sys.exit(main(lambda *asked: "{} entries\n  root    sha256:{}".format(*verify(*asked)), __doc__))
