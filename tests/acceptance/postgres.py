"""A PostgreSQL server of the test's own: temporary data directory, loopback, a free port. It is a
child of the test and is told by the kernel to stop when the test ends, however it ends.
"""

import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def programs():
    """The folder of the newest installed server's programs."""
    found = [path for path in glob.glob("/usr/lib/postgresql/*/bin")
             if os.path.exists(os.path.join(path, "initdb"))]
    if not found:
        raise RuntimeError("no PostgreSQL server is installed: run tools/dev setup")
    return max(found, key=lambda path: int(path.split("/")[-2]))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop_with_parent():
    """In the child: SIGQUIT (immediate shutdown) when the parent is gone."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class Postgres:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="daybook-pg-")
        self.server = None
        # PostgreSQL does not run as root.
        self.account = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.home, user.pw_uid, user.pw_gid)
            self.account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        try:
            self._program("initdb", "-D", self.data, "-U", "daybook", "-A", "trust", "-E", "UTF8",
                          "--no-locale", "--no-sync")
            self.port = free_port()
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def data(self):
        return os.path.join(self.home, "data")

    def _program(self, name, *words):
        done = subprocess.run([os.path.join(programs(), name), *words], cwd="/", check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **self.account)
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed: {done.stdout.decode(errors='replace')}")

    def start(self):
        with open(os.path.join(self.home, "log"), "ab") as log:
            self.server = subprocess.Popen(
                [os.path.join(programs(), "postgres"), "-D", self.data,
                 "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}",
                 "-c", f"unix_socket_directories={self.home}", "-c", "shared_buffers=32MB",
                 "-c", "max_connections=50", "-c", "log_min_messages=warning",
                 "-c", "timezone=UTC"],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=stop_with_parent, **self.account)
        self.wait_until_up()

    def wait_until_up(self):
        """Returns when it answers: after its start, or when it has recovered from a crash."""
        deadline = time.monotonic() + 60
        while self._psql("SELECT 1").returncode != 0:
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL does not start: " + self.log())
            time.sleep(0.05)

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: immediate, as after a crash."""
        if self.server is None:
            return
        if self.server.poll() is None:
            self.server.send_signal(how)
            try:
                self.server.wait(30)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.server = None

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def log(self):
        with open(os.path.join(self.home, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def connection(self):
        """What a pipeline's `connection` holds: a libpq string, without a password."""
        return f"host=127.0.0.1 port={self.port} user=daybook dbname=postgres"

    def _psql(self, sql):
        return subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                               "-d", self.connection], input=sql.encode(), check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, sql):
        """Runs SQL through psql; what it printed, as text."""
        done = self._psql(sql)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.decode(errors='replace')}\n{sql}")
        return done.stdout.decode()

    def value(self, sql):
        return self.run(sql).strip()

    def rows(self, query):
        """Rows of a query as CSV lines, so that no value can look like two."""
        return self.run(f"COPY ({query}) TO STDOUT (FORMAT csv)").splitlines()
