"""A witness (https://c2sp.org/tlog-witness) in a few lines, written from the specification alone: what it has
seen it keeps in memory, and it signs with the openssl command."""

import base64
import hashlib
import http.server
import os
import ssl
import subprocess
import threading
import time

DASH = "\u2014 "


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def consistent(old, old_root, new, new_root, proof):
    """RFC 9162 2.1.4.2."""
    if old > new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof
    if not proof:
        return False
    if old & (old - 1) == 0:
        proof = [old_root, *proof]
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha(b"\1", c, fr), sha(b"\1", c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha(b"\1", sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


class Witness:
    """Serves on a free loopback port from start() to stop(); over TLS with a certificate for `host`."""

    def __init__(self, folder, name="witness.example/test", host=None):
        self.name, self.pem, self.seen, self.known, self.asked = name, os.path.join(folder, "w.pem"), {}, set(), []
        self.silent = False
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.pem], check=True,
                       capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.pem, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        self.key = b"\4" + der[-32:]
        self.id = sha(name.encode(), b"\n", self.key)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(self.key).decode()}"
        self.server, self.port, self.host = None, 0, host
        self.certificate = os.path.join(folder, "w.crt")
        if host:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-days", "2", "-keyout", self.certificate + ".key", "-out", self.certificate,
                            "-subj", "/CN=a witness", "-addext", f"subjectAltName=DNS:{host}"], check=True,
                           capture_output=True)

    def knows(self, log_vkey, origin=None):
        self.known.add((origin or log_vkey.split("+")[0], log_vkey))

    @property
    def url(self):
        return f"https://localhost:{self.port}/w" if self.host else f"http://127.0.0.1:{self.port}/w"

    def start(self):
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if witness.silent:
                    time.sleep(8)
                    return
                status, kind, text = witness.answer(self.path, body.decode())
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        if self.host:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.certificate + ".key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def answer(self, path, body):
        if path != "/w/add-checkpoint":
            return 404, "text/plain", ""
        head, note = body.split("\n\n", 1)
        first, *hashes = head.split("\n")
        old, proof = int(first.removeprefix("old ")), [base64.b64decode(line) for line in hashes]
        text = note[:note.rindex("\n\n") + 1]
        origin, size, root = text.split("\n")[0], int(text.split("\n")[1]), base64.b64decode(text.split("\n")[2])
        self.asked.append((old, size))
        vkeys = [vkey for known, vkey in self.known if known == origin]
        if not vkeys:
            return 404, "text/plain", ""
        if not any(self.signed(note, text, vkey) for vkey in vkeys):
            return 403, "text/plain", ""
        seen, seen_root = self.seen.get(origin, (0, sha()))
        if old > size:
            return 400, "text/plain", ""
        if old != seen:
            return 409, "text/x.tlog.size", f"{seen}\n"
        if not consistent(old, seen_root, size, root, proof):
            return 422, "text/plain", ""
        self.seen[origin] = (size, root)
        stamp = int(time.time())
        message = f"cosignature/v1\ntime {stamp}\n{text}".encode()
        line = base64.b64encode(self.id + stamp.to_bytes(8, "big") + self.sign(message)).decode()
        return 200, "text/plain", f"{DASH}{self.name} {line}\n"

    def sign(self, message):
        path = self.pem + ".in"
        with open(path, "wb") as file:
            file.write(message)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.pem, "-in", path], check=True,
                              capture_output=True).stdout

    def signed(self, note, text, vkey):
        name, number, rest = vkey.split("+", 2)
        key = base64.b64decode(rest)[1:]
        for line in note[len(text) + 1:].splitlines():
            _, by, value = line.split(" ")
            value = base64.b64decode(value)
            if by != name or value[:4].hex() != number:
                continue
            paths = [self.pem + suffix for suffix in (".der", ".sig", ".text")]
            for path, content in zip(paths, (bytes.fromhex("302a300506032b6570032100") + key, value[4:],
                                             text.encode())):
                with open(path, "wb") as file:
                    file.write(content)
            done = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey",
                                   paths[0], "-sigfile", paths[1], "-in", paths[2]], capture_output=True, check=False)
            if done.returncode == 0:
                return True
        return False
