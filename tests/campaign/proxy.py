"""Stands between Daybook and PostgreSQL and cuts connections: before a COMMIT is forwarded, before or within its
answer, or after some number of bytes.
"""

import collections
import socket
import threading

BEFORE, AFTER, WITHIN, BYTES = "before COMMIT", "answer lost", "answer cut short", "at a byte"


class Proxy:
    def __init__(self, port, random):
        self.server, self.random = port, random
        self.lock = threading.Lock()
        self.cuts = collections.Counter()
        self.commits = 0         # forwarded and answered
        self.kinds = ()          # what may be done now
        self.budget = 0          # how often
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def allow(self, kinds, budget):
        with self.lock:
            self.kinds, self.budget = tuple(kinds), budget

    def close(self):
        self.listener.close()

    def _take(self, kinds, chance):
        """One of `kinds`, if it is to be done here and now."""
        with self.lock:
            possible = [kind for kind in kinds if kind in self.kinds]
            if not possible or self.budget <= 0 or self.random.random() >= chance:
                return None
            self.budget -= 1
            return self.random.choice(possible)

    def _count(self, kind):
        with self.lock:
            self.cuts[kind] += 1

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.server))
        except OSError:
            client.close()
            return
        state = {"answer": None}  # what is to happen to the server's next answer
        limit = None
        if self._take((BYTES,), 0.3):
            limit = self.random.choice((self.random.randrange(1, 400), self.random.randrange(400, 40_000)))

        def cut():
            for one in (client, server):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def upwards():
            nonlocal limit
            try:
                while data := client.recv(65536):
                    if b"COMMIT\0" in data:
                        kind = self._take((BEFORE, AFTER, WITHIN), 0.6)
                        if kind == BEFORE:
                            self._count(kind)
                            return cut()
                        state["answer"] = kind
                        with self.lock:
                            self.commits += 1
                    if limit is not None:
                        limit -= len(data)
                        if limit < 0:
                            self._count(BYTES)
                            server.sendall(data[:limit])
                            return cut()
                    server.sendall(data)
            except OSError:
                pass
            cut()

        threading.Thread(target=upwards, daemon=True).start()
        try:
            while data := server.recv(65536):
                kind = state["answer"]
                if kind:
                    self._count(kind)
                    if kind == WITHIN:
                        client.sendall(data[:self.random.randrange(1, len(data))])
                    break
                client.sendall(data)
        except OSError:
            pass
        cut()
        client.close()
        server.close()
