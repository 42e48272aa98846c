"""Entries of a book as plain values, by the stock `capnp` tool and the schema alone: nothing of the product is used."""

import json
import os
import re
import struct
import subprocess

SCHEMA = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "ledger/codec/entry.capnp")


def split(blob):
    """The raw entries of entries.bin: u32 length, bytes."""
    out, at = [], 0
    while at < len(blob):
        (size,) = struct.unpack_from("<I", blob, at)
        out.append(blob[at + 4:at + 4 + size])
        at += 4 + size
    return out


def decode(raw):
    """[{recordedAt, epoch, actor, kind, …fields}] of raw entries; Data as hex."""
    stream = b"".join(struct.pack("<II", 0, len(one) // 8) + one for one in raw)
    if not stream:
        return []
    done = subprocess.run(["capnp", "convert", "binary:json", SCHEMA, "Entry"], input=stream, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise ValueError("capnp: " + done.stderr.decode(errors="replace"))
    text, out, at = done.stdout.decode(), [], 0
    reader = json.JSONDecoder()
    while at < len(text):
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            break
        value, at = reader.raw_decode(text, at)
        out.append(value)
    return [entry(one) for one in out]


def plain(value):
    if isinstance(value, list):
        if value and all(isinstance(one, int) and 0 <= one < 256 for one in value) and len(value) in (16, 32):
            return bytes(value).hex()
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{10,}", value):
        return int(value)  # 64-bit numbers are strings in its JSON
    return value


def entry(value):
    (kind, fields), = value["event"].items()
    return {"recordedAt": int(value.get("recordedAt", 0)), "epoch": value.get("epoch", 0),
            "actor": value.get("actor", {}), "cause": value.get("cause"), "kind": kind,
            "event": plain(fields) if isinstance(fields, dict) else {}}
