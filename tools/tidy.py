#!/usr/bin/env python3
"""Reads the sources and says where they break the house rules: who may include what, which calls have
a replacement of ours, what must not be left behind. Exits 1 when it finds something.

The tables below are the rules. An exception is a line in a table, never a comment in a source: so
all of them are read in one place.
"""

import argparse
import fnmatch
import os
import re
import sys

# Which folders a folder's files may include, besides their own. The longest matching folder decides.
FOLDERS = {
    "statemachine": [],
    "ledger": [],
    "ledger/codec": ["ledger", "statemachine"],
    "replay": ["ledger/codec", "ledger", "statemachine"],
    "runner/definition": ["replay", "ledger/codec", "ledger", "statemachine"],
    "runner/dataplane": ["runner/definition", "replay", "ledger/codec", "ledger", "statemachine"],
    "runner/connect": ["runner/dataplane", "runner/definition", "replay", "ledger/codec", "ledger",
                       "statemachine"],
    "runner/transparency": ["replay", "ledger/codec", "ledger", "statemachine"],
    "runner": ["runner/connect", "runner/transparency", "runner/dataplane", "runner/definition", "replay", "ledger/codec",
               "ledger", "statemachine"],
    "runner/service": ["runner", "runner/connect", "runner/transparency", "runner/dataplane", "runner/definition", "replay",
                       "ledger/codec", "ledger", "statemachine"],
    # An auditor's program: what it links must be little enough to read.
    "tools/verifier": ["replay", "ledger/codec", "ledger", "statemachine"],
    "tools/demo": ["ledger"],
    "tools": ["*"],
    "tests": ["*"],
}

# Which files may include which library (header pattern, name, files). `tests/` and `tools/bench/` may
# include all of them: they compare, inject faults and read back what was written.
LIBRARIES = [
    (r"rocksdb/", "RocksDB", ["ledger/rocksdb_*"]),
    (r"(capnp|kj)/", "Cap'n Proto", ["ledger/codec/*.cc"]),
    (r"ledger/codec/.*\.capnp\.h", "generated Cap'n Proto code", ["ledger/codec/*.cc"]),
    (r"duckdb", "DuckDB", ["runner/dataplane/*"]),
    (r"libpq-fe\.h|libpq/|pg_config", "libpq", ["runner/connect/*", "runner/dataplane/*"]),
    (r"boost/(asio|beast)", "Asio", ["runner/*.h", "runner/*.cc", "!runner/definition/*",
                                     "!runner/dataplane/*"]),
    (r"boost/url", "Boost.URL", ["runner/*"]),
    (r"boost/pfr", "Boost.PFR", ["ledger/codec/*", "replay/*"]),
    (r"boost/", "Boost", []),
    (r"openssl/", "OpenSSL", ["ledger/*", "!ledger/codec/*", "runner/service/*",
                              "runner/transparency/*"]),
    (r"libfyaml", "libfyaml", ["runner/definition/*"]),
    (r"re2/", "RE2", ["runner/definition/*", "runner/dataplane/*"]),
    (r"simdjson", "simdjson", ["runner/*"]),
    (r"nlohmann/", "nlohmann JSON", ["replay/*", "runner/*", "tools/*"]),
    (r"zstd", "zstd", ["ledger/*", "!ledger/codec/*", "runner/dataplane/*"]),
    (r"CLI/", "CLI11", ["tools/*"]),
    (r"g(test|mock)/", "GoogleTest", []),
    (r"sanitizer/", "a sanitizer", []),
    (r"fmt/", "fmt", ["*"]),
]

# The same libraries as CMake names them: a module that does not include one does not link it.
LINKS = [
    (r"RocksDB::", ["ledger"]),
    (r"CapnProto::", ["ledger/codec"]),
    (r"duckdb$", ["runner/dataplane"]),
    (r"PostgreSQL::", ["runner/connect", "runner/dataplane"]),
    (r"OpenSSL::", ["ledger", "runner/service", "runner/transparency"]),
    (r"GTest::", []),
]

# Headers without code behind them: who includes one links nothing for it.
HEADERS_ALONE = {"ledger/error.h"}

# Standard headers that bring a clock, a file, a thread, randomness or an unordered walk.
IMPURE_HEADERS = {
    "atomic", "barrier", "condition_variable", "coroutine", "cstdio", "cstdlib", "ctime", "execution",
    "filesystem", "fstream", "future", "iostream", "latch", "locale", "mutex", "random", "semaphore",
    "shared_mutex", "stop_token", "syncstream", "thread", "unordered_map", "unordered_set",
}

# (pattern, where it is banned, where it is allowed all the same, what to use instead)
CODE = ["statemachine/*", "ledger/*", "replay/*", "runner/*", "tools/*"]
BANNED = [
    (r"\bsystem_clock::now\b", CODE, ["runner/clock*", "runner/executor.cc", "tools/bench/*"], "Clock of runner/clock.h"),
    (r"\b(gettimeofday|clock_gettime|std::time|localtime|gmtime)\s*\(|(?<![\w.:>])time\s*\(\s*(nullptr|NULL|0|&)",
     CODE, ["runner/clock*", "tools/bench/*"], "Clock of runner/clock.h"),
    (r"\b(steady_clock|high_resolution_clock|file_clock)\b", ["statemachine/*", "replay/*"], [],
     "a time that a command carries"),
    (r"(?<![\w.>])s?rand(_r)?\s*\(|\brandom_device\b|\bgetrandom\s*\(|\bRAND_bytes\b", CODE,
     ["runner/entropy*", "tools/bench/*"], "Entropy of runner/entropy.h"),
    (r"\b(mt19937(_64)?|minstd_rand0?|default_random_engine)\b", ["statemachine/*", "ledger/*", "replay/*", "runner/*"],
     ["runner/entropy*"], "a seed recorded in the book"),
    (r"\bstd::j?thread\b(?!::)|\bstd::async\b|\bpthread_create\b", CODE,
     ["ledger/rocksdb_*", "runner/executor*", "runner/dataplane/*", "runner/service/*", "tools/bench/*"],
     "Executor of runner/executor.h"),
    (r"\bunordered_(multi)?(map|set)\b", ["statemachine/*"], [], "std::map: its order is the same everywhere"),
    (r"\b(float|double)\b", ["statemachine/*"], [], "integers in a unit named by the field"),
    (r"\bthrow\b", ["statemachine/*"], [], "a Rejection, or DAYBOOK_ASSERT for our own mistakes"),
    (r"(?<![\w.>:])assert\s*\(", CODE, [], "DAYBOOK_ASSERT: it stays on in release"),
    (r"\b(std::)?(sprintf|vsprintf|strcpy|strcat|strtok|gets)\s*\(", CODE, [], "fmt, std::string_view"),
    (r"\bstd::(stoi|stol|stoll|stoul|stoull|stof|stod)\b|(?<![\w.>])(atoi|atol|atof)\s*\(", CODE, [],
     "std::from_chars: it knows no locale and says what it did not read"),
    (r"(?<![\w.>:])(system|popen)\s*\(", CODE, [], "fork and execv with a list of arguments: no shell"),
    (r"\bstd::(cout|cerr|clog)\b|(?<![\w.>])printf\s*\(|\bfmt::print\b",
     # A crash point with a wrong name ends the process before main, where nobody can be told otherwise.
     ["statemachine/*", "ledger/*", "replay/*", "runner/*"], ["runner/connect/crash_point.cc"],
     "a value returned; tools/ prints"),
    (r"\busing\s+namespace\s+std\s*;", CODE + ["tests/*"], [], "std:: where it is used"),
    (r"\bgetenv\s*\(", ["statemachine/*", "ledger/*", "replay/*"], [], "a parameter"),
]

LINES_MAX = 600
# One list that is read from top to bottom.
LONGER = {"statemachine/events.h": 650}
# Assembled, so that this file does not find itself.
LEFTOVER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "HA" + "CK"]) + r")\b")
PLACES = re.compile(
    r"https?://[^\s\"'<>]*(regis" + r"try\.|artifac" + r"t|pkg\.d" + r"ev|/npm/|deb\.deb" + r"ian|snapshot\.deb" + r"ian|py" + r"pi\.)"
    r"|(?<![\w/.-])/(wo" + r"rk|ho" + r"me/\w+|ro" + r"ot)/")

TEXT = (".h", ".cc", ".capnp", ".py", ".sh", ".yaml", ".yml", ".md", ".txt", ".cmake", ".json", ".ts",
        ".tsx", ".css", ".html", ".service")
SKIPPED = {"build", ".git", "node_modules", "__pycache__"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# Comments, raw strings, strings and characters; a digit separator (60'000) starts no character.
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])+\'',
    re.S)


def matches(path, patterns):
    """fnmatch with `!pattern` for exceptions; the last one that matches decides."""
    verdict = False
    for pattern in patterns:
        if fnmatch.fnmatchcase(path, pattern.removeprefix("!")):
            verdict = not pattern.startswith("!")
    return verdict


def folder_of(path):
    best = ""
    for folder in FOLDERS:
        if path.startswith(folder + "/") and len(folder) > len(best):
            best = folder
    return best


def code_only(text):
    """The text with everything that is not code blanked out; every line keeps its number."""
    return NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


class Tidy:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.texts = {}
        for directory, folders, files in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED)
            for name in sorted(files):
                path = os.path.relpath(os.path.join(directory, name), root)
                if name.endswith(TEXT) or path in ("tools/dev", ".ci/run"):
                    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
                        self.texts[path] = file.read()

    def report(self, path, line, message):
        self.findings.append((path, line, message))

    # --- one file ---------------------------------------------------------------------------------

    def check_text(self, path, text):
        for number, line in enumerate(text.splitlines(), 1):
            if LEFTOVER.search(line):
                self.report(path, number, "leftover: do it, or open an issue and describe what is")
            found = PLACES.search(line)
            if found and not path.endswith("package-lock.json"):
                self.report(path, number, f"'{found.group()}' is one machine's place: leave it to configuration")
        lines = text.count("\n")
        if path.endswith((".h", ".cc", ".py", ".sh", ".ts", ".tsx")) and lines > LONGER.get(path, LINES_MAX):
            self.report(path, lines, f"longer than {LINES_MAX} lines: split it by concept")

    def check_code(self, path, text):
        code = code_only(text)
        for pattern, banned, allowed, instead in BANNED:
            if not matches(path, banned) or matches(path, allowed):
                continue
            for found in re.finditer(pattern, code):
                line = code.count("\n", 0, found.start()) + 1
                self.report(path, line, f"'{found.group().strip()}' is banned here; use {instead}")
        # g++ 12 destroys such temporaries of a co_await expression twice, with whatever they own.
        for found in re.finditer(r"\bco_await\b[^;{\[]*(\w\s*\{|[(,]\s*\[)", code):
            self.report(path, code.count("\n", 0, found.start()) + 1,
                        "a closure or a braced value within co_await: name it in a variable first")
        if path.endswith(".h") and "#pragma once" not in code:
            self.report(path, 1, "header without #pragma once")
        self.check_includes(path, text)

    def check_includes(self, path, text):
        folder = folder_of(path)
        if not folder:
            self.report(path, 1, "in no folder of the table in tools/tidy.py")
            return
        includes = [(text.count("\n", 0, m.start(1)) + 1, m.group(1), m.group(2))
                    for m in INCLUDE.finditer(text)]
        own = path.removesuffix(".cc") + ".h"
        if path.endswith(".cc") and own in self.texts and (not includes or includes[0][2] != own):
            line = includes[0][0] if includes else 1
            self.report(path, line, f'the first include is the own header, "{own}": it then proves that it stands alone')
        for line, bracket, header in includes:
            library = next((l for l in LIBRARIES if re.match(l[0], header)), None)
            if library:
                _, name, places = library
                if not matches(path, places) and not matches(path, ["tests/*", "tools/bench/*"]):
                    self.report(path, line, f"{name} is not included here; it belongs to {', '.join(places) or 'tests'}")
            elif bracket == '"':
                self.check_project_include(path, folder, line, header)
            elif "/" not in header and "." not in header:  # the standard library
                if folder == "statemachine" and header in IMPURE_HEADERS:
                    self.report(path, line, f"<{header}> brings the outside into the state machine")
            elif folder in ("statemachine", "ledger/codec"):
                self.report(path, line, f"<{header}> is the operating system's; {folder} knows none")
            elif not re.match(r"(sys|arpa|netinet|net|linux)/|[a-z0-9_]+\.h$", header):
                self.report(path, line, f"<{header}> is of a library that tools/tidy.py does not know")

    def check_project_include(self, path, folder, line, header):
        target = folder_of(header)
        if not target or ".." in header:
            self.report(path, line, f'"{header}": includes are written from the root of the tree')
            return
        # A header may be generated at build time; then its folder alone is judged.
        allowed = [folder] + FOLDERS[folder]
        if "*" not in allowed and target not in allowed:
            self.report(path, line, f'{folder} may not include "{header}"; it may include {", ".join(allowed)}')
        if not path.startswith("tests/") and header.startswith("tests/"):
            self.report(path, line, "what ships includes nothing of tests/")

    # --- the graph that CMake states ----------------------------------------------------------------

    def modules(self):
        """name -> (folder, files, names it links), from every daybook_module call."""
        result = {}
        for path, text in self.texts.items():
            if os.path.basename(path) != "CMakeLists.txt" or path == "CMakeLists.txt":
                continue
            text = re.sub(r"#[^\n]*", "", text)
            folder = os.path.dirname(path)
            for call in re.finditer(r"\bdaybook_module\s*\(\s*(\w+)([^)]*)\)", text):
                parts = {"": []}
                key = ""
                for word in call.group(2).split():
                    if word in ("SOURCES", "HEADERS", "DEPS", "PRIVATE_DEPS"):
                        key = word
                    parts.setdefault(key, []).append(word)
                files = [os.path.normpath(os.path.join(folder, f))
                         for f in parts.get("SOURCES", [])[1:] + parts.get("HEADERS", [])[1:] if "$" not in f]
                links = parts.get("DEPS", [])[1:] + parts.get("PRIVATE_DEPS", [])[1:]
                result[call.group(1)] = (path, folder, files, links)
        return result

    def check_graph(self):
        modules = self.modules()
        owner = {file: name for name, (_, _, files, _) in modules.items() for file in files}
        # A header that is nobody's business outside is not listed; it is of its folder's one module.
        alone = {}
        for name, (_, folder, _, _) in modules.items():
            alone[folder] = None if folder in alone else name
        for path in self.texts:
            if path.endswith(".h") and alone.get(os.path.dirname(path)):
                owner.setdefault(path, alone[os.path.dirname(path)])

        def ours(link):
            name = re.sub(r"^daybook(::|_)", "", link)
            return name if name != link and name in modules else None

        def reach(name, seen):
            for link in modules[name][3]:
                other = ours(link)
                if other and other not in seen:
                    seen.add(other)
                    reach(other, seen)
            return seen

        for name, (path, folder, files, links) in modules.items():
            allowed = [folder] + FOLDERS.get(folder_of(folder + "/"), ["*"])
            for link in links:
                other = ours(link)
                if other and "*" not in allowed and modules[other][1] not in allowed:
                    self.report(path, 1, f"module {name} links {other}, which {folder} may not include")
                for pattern, places in LINKS:
                    if re.match(pattern, link) and folder not in places and not folder.startswith(("tools/", "tests/")):
                        self.report(path, 1, f"module {name} links {link}; only {', '.join(places) or 'tests'} may")
            linked = reach(name, {name})
            if name in reach(name, set()):
                self.report(path, 1, f"module {name} reaches itself through DEPS")
            for file in (f for f, o in owner.items() if o == name):
                for found in INCLUDE.finditer(self.texts.get(file, "")):
                    other = owner.get(found.group(2))
                    if other and other not in linked and found.group(2) not in HEADERS_ALONE:
                        line = self.texts[file].count("\n", 0, found.start(1)) + 1
                        self.report(file, line, f"includes {found.group(2)} of module {other}, which module {name} does not name in DEPS")
        for path in self.texts:
            if path.endswith((".h", ".cc")) and not path.startswith(("tests/", "tools/")) and path not in owner:
                self.report(path, 1, "in no daybook_module: nothing builds it")

    def run(self):
        for path, text in self.texts.items():
            self.check_text(path, text)
            if path.endswith((".h", ".cc")):
                self.check_code(path, text)
        self.check_graph()
        return sorted(set(self.findings))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    root = os.path.normpath(parser.parse_args().root)
    tidy = Tidy(root)
    findings = tidy.run()
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    print(f"tidy: {len(findings)} findings in {len(tidy.texts)} files", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
