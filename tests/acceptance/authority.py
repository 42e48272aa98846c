"""A time stamping authority (RFC 3161) on loopback, made of the openssl command."""

import http.server
import os
import subprocess
import threading

TSA_CONFIG = """
[tsa]
default_tsa = one
[one]
dir = {dir}
serial = {dir}/serial
crypto_device = builtin
signer_cert = {dir}/tsa.pem
certs = {dir}/root.pem
signer_key = {dir}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
"""


class Authority:
    """A time stamping authority of one's own: `openssl ts -reply`."""

    def __init__(self, folder):
        self.dir = os.path.join(folder, "tsa")
        os.mkdir(self.dir)
        self.config = self.write("tsa.cnf", TSA_CONFIG.format(dir=self.dir))
        self.write("serial", "01\n")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.at("root.key"), "-out",
                     self.at("root.pem"), "-subj", "/CN=test root", "-days", "2")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", self.at("tsa.key"), "-out", self.at("tsa.csr"),
                     "-subj", "/CN=test tsa")
        self.openssl("x509", "-req", "-in", self.at("tsa.csr"), "-CA", self.at("root.pem"), "-CAkey",
                     self.at("root.key"), "-CAcreateserial", "-days", "2", "-extfile", self.config, "-extensions",
                     "ext", "-out", self.at("tsa.pem"))
        self.server = None

    def at(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.at(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.at(name)

    @staticmethod
    def openssl(*words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def root(self):
        return self.at("root.pem")

    def reply(self, request, response):
        self.openssl("ts", "-reply", "-config", self.config, "-section", "one", "-queryfile", request, "-out",
                     response)

    def start(self):
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                with open(authority.at("in"), "wb") as file:
                    file.write(self.rfile.read(int(self.headers["Content-Length"])))
                good = self.headers["Content-Type"] == "application/timestamp-query"
                if good:
                    authority.reply(authority.at("in"), authority.at("out"))
                self.send_response(200 if good else 415)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.end_headers()
                if good:
                    with open(authority.at("out"), "rb") as file:
                        self.wfile.write(file.read())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}/tsa"

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
