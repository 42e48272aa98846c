"""Parquet files through a reader that shares no code with what wrote them (hyparquet, on Node)."""

import json
import os
import subprocess

from harness import ROOT

MODULES = os.environ.get("DAYBOOK_TEST_MODULES", os.path.join(ROOT, "build/test-deps/node_modules"))


class ParquetFile:
    def __init__(self, name, footer_rows, columns):
        self.name, self.footer_rows, self.columns = name, footer_rows, columns
        self.rows = []


def read(paths):
    """Path -> ParquetFile, with every row as a tuple in the order of the columns."""
    if not os.path.isdir(MODULES):
        raise RuntimeError(f"{MODULES} is not there: tools/dev setup installs it")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "read_parquet.mjs")
    done = subprocess.run(["node", script, MODULES, *paths], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError("read_parquet.mjs: " + done.stderr.decode(errors="replace"))
    files, current = {}, None
    for line in done.stdout.decode().splitlines():
        value = json.loads(line)
        if isinstance(value, dict):
            current = ParquetFile(value["file"], value["rows"], value["columns"])
            files[current.name] = current
        else:
            current.rows.append(tuple(value))
    return files
