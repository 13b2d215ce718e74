#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The include graph goes one way, and files stay within the limits of the tree.

Checked: each room under src/ includes only what layers.txt allows it; the allowed edges have no cycle;
include/ includes nothing of src/; a header is included by a path from src/ or include/, never by '..';
length of files and functions; banned words; blanks at the end of a line; the licence line.

Usage: check_layers.py ROOT | --self-test
"""

import re
import sys
from pathlib import Path

import cpp_source

FILE_LINES_MAX = 800
TEST_LINES_MAX = 1200
FUNCTION_LINES_MAX = 80
LICENCE = "SPDX-License-Identifier: BSD-3-Clause"

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)

# Pattern, where it is allowed (path prefixes), what to use.
BANNED = [
    (re.compile(r"\bstd::regex\b"), (), "std::regex recurses on the input; use a parser of our own"),
    (re.compile(r"(?<![\w.>])(?:std::)?s?rand\s*\("), (), "rand() is not seeded by us; use base/random.h"),
    (re.compile(r"\btime\s*\(\s*(?:nullptr|NULL|0)\s*\)"), (), "read the reactor's clock, not time()"),
    (re.compile(r"\bstd::j?thread\b(?!::id)"), ("src/ring/", "src/diary/", "src/server/", "tests/", "bench/"),
     "threads are started in ring, diary and server only"),
]
# tests/support/ may poll: what another process does is announced by nobody.
BANNED_IN_TESTS = (re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\("),
                   "a test waits for an event or moves the clock, it does not sleep")
LEFTOVERS = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def read_layers(text):
    """{room: set of rooms it may include}, itself and base among them."""
    layers = {}
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if line:
            room, _, allowed = line.partition(":")
            layers[room.strip()] = allowed.split()
    rooms = set(layers)
    for room, allowed in layers.items():
        names = rooms if allowed == ["*"] else set(allowed) - {"-"}
        unknown = names - rooms
        if unknown:
            raise ValueError(f"layers.txt: {room} names unknown rooms {sorted(unknown)}")
        layers[room] = names | {room, "base"}
    return layers


def find_cycle(layers):
    """A list of rooms that include each other in a ring, empty when there is none."""
    done, path = set(), []

    def visit(room):
        if room in path:
            return path[path.index(room):] + [room]
        if room in done:
            return []
        path.append(room)
        for other in sorted(layers[room] - {room}):
            cycle = visit(other)
            if cycle:
                return cycle
        path.pop()
        done.add(room)
        return []

    for room in sorted(layers):
        cycle = visit(room)
        if cycle:
            return cycle
    return []


def check_includes(path, text, layers):
    faults = []
    parts = path.split("/")
    room = parts[1] if parts[0] == "src" and len(parts) > 2 else None
    if room is not None and room not in layers:
        return [cpp_source.Fault(path, 1, f"room '{room}' is not in layers.txt")]
    for match in _INCLUDE.finditer(text):
        quote, target = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        first = target.split("/")[0]
        if ".." in target.split("/"):
            faults.append(cpp_source.Fault(path, line, f"include by a path from src/: {target}"))
        elif parts[0] == "include" and (first in layers or (quote == '"' and first != "gyre")):
            faults.append(cpp_source.Fault(path, line, f"the public library includes {target}; "
                                           "it knows <gyre/...> and the standard library only"))
        elif room is not None and quote == '"' and "/" in target and first not in (*layers, "gyre"):
            faults.append(cpp_source.Fault(path, line, f"'{first}' is no room of layers.txt"))
        elif room is not None and "/" in target and first in layers and first not in layers[room]:
            faults.append(cpp_source.Fault(path, line, f"{room} may not include {first} ({target})"))
    return faults


def check_words(path, text):
    faults = []
    code = cpp_source.without_comments_and_strings(text)
    rules = [rule for rule in BANNED if not (rule[1] and path.startswith(rule[1]))]
    if path.startswith("tests/") and not path.startswith("tests/support/"):
        rules.append((BANNED_IN_TESTS[0], (), BANNED_IN_TESTS[1]))
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, _, advice in rules:
            if pattern.search(line):
                faults.append(cpp_source.Fault(path, number, advice))
    return faults


def check_lines(path, text):
    """What holds for every text file of ours, whatever its language."""
    faults = []
    lines = text.splitlines()
    if LICENCE not in "\n".join(lines[:3]):
        faults.append(cpp_source.Fault(path, 1, f"first line: {LICENCE}"))
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            faults.append(cpp_source.Fault(path, number, "blanks at the end of the line"))
        if LEFTOVERS.search(line) and not path.startswith("tests/lint/"):
            faults.append(cpp_source.Fault(path, number, "open work does not stand in the source"))
    return faults


def check_sizes(path, text):
    faults = []
    limit = TEST_LINES_MAX if path.startswith("tests/") else FILE_LINES_MAX
    count = len(text.splitlines())
    if count > limit:
        faults.append(cpp_source.Fault(path, limit, f"{count} lines, the limit is {limit}"))

    def on_function(function):
        if function.lines > FUNCTION_LINES_MAX:
            faults.append(cpp_source.Fault(
                path, function.first_line,
                f"{function.name}: {function.lines} lines, the limit is {FUNCTION_LINES_MAX}"))

    cpp_source.walk(cpp_source.tokens(text), on_function=on_function)
    return faults


def check_source(path, text, layers):
    return (check_includes(path, text, layers) + check_words(path, text) + check_lines(path, text)
            + check_sizes(path, text))


def other_files(root):
    """Scripts of ours, which carry the licence line as well."""
    names = [root / "dev", root / ".ci" / "run"]
    for directory in ("tests", "bench"):
        for pattern in ("*.py", "*.sh", "*.js", "*.mjs"):
            names += (root / directory).rglob(pattern)
    return sorted(name.relative_to(root).as_posix() for name in names
                  if name.is_file() and "node_modules" not in name.parts)


_LAYERS = read_layers("base: -\nring: -\nnet: ring\nserver: *\n")
_HEAD = f"// {LICENCE}\n"
SELF_TEST = [
    ("clean", ("src/net/a.cc", '#include "net/a.h"\n#include "base/b.h"\n#include <vector>\n'), 0),
    ("upward include", ("src/ring/a.cc", '#include "net/a.h"\n'), 1),
    ("upward in angle brackets", ("src/ring/a.cc", "#include <net/a.h>\n"), 1),
    ("unknown room", ("src/attic/a.cc", "int a;\n"), 1),
    ("dots", ("src/net/a.cc", '#include "../ring/ring.h"\n'), 1),
    ("public includes a room", ("include/gyre/a.h", '#include "base/b.h"\n'), 1),
    ("public includes public", ("include/gyre/a.h", '#include <gyre/b.h>\n#include "gyre/c.h"\n'), 0),
    ("no room", ("src/net/a.cc", '#include "attic/a.h"\n#include "gyre/result.h"\n'), 1),
    ("regex", ("src/net/a.cc", "std::regex r;\n"), 1),
    ("rand", ("src/net/a.cc", "int a = rand();\nint b = std::rand();\nint c = operand(1);\n"), 2),
    ("time", ("src/net/a.cc", "auto now = time(nullptr);\n"), 1),
    ("thread", ("src/net/a.cc", "std::thread t;\n"), 1),
    ("thread where it may be", ("src/ring/a.cc", "std::thread t;\n"), 0),
    ("sleep", ("tests/unit/net/a.cc", "std::this_thread::sleep_for(1ms);\n"), 1),
    ("words in comments", ("src/net/a.cc", "// std::thread and rand() are banned\n"), 0),
    ("leftover", ("src/net/a.cc", "// TO" + "DO later\n"), 1),
    ("blanks", ("src/net/a.cc", "int a; \n"), 1),
    ("long file", ("src/net/a.cc", "int a;\n" * FILE_LINES_MAX), 1),
    ("long test is allowed", ("tests/unit/a.cc", "int a;\n" * FILE_LINES_MAX), 0),
    ("long function", ("src/net/a.cc", "namespace a {\nvoid f() {\n" + "g();\n" * 79 + "}\n}\n"), 1),
    ("function of the limit", ("src/net/a.cc", "struct A {\nvoid f() {\n" + "g();\n" * 78 + "}\n};\n"), 0),
    ("long member", ("src/net/a.cc", "struct A final {\nint f() const {\nif (a) {\n" + "g();\n" * 80 + "}\n}\n};\n"), 1),
    ("long scopes and tables", ("src/net/a.cc", "namespace a {\nint t[] = {\n" + "1,\n" * 90 + "};\n}\n"), 0),
]


def self_test():
    status = cpp_source.self_test(
        SELF_TEST, lambda case: check_source(case[0], _HEAD + case[1], _LAYERS))
    if len(check_source("src/net/a.cc", "int a;\n", _LAYERS)) != 1:
        print("self-test: a missing licence line was not found")
        status = 1
    if not find_cycle(read_layers("base: -\na: b\nb: c\nc: a\n")) or find_cycle(_LAYERS):
        print("self-test: cycles are not told from lines")
        status = 1
    return status


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = Path(sys.argv[1])
    layers = read_layers((root / "tests/lint/layers.txt").read_text(encoding="utf-8"))
    faults = []
    cycle = find_cycle(layers)
    if cycle:
        faults.append(cpp_source.Fault("tests/lint/layers.txt", 1, "cycle: " + " -> ".join(cycle)))
    for name in cpp_source.source_files(root):
        faults += check_source(name, (root / name).read_text(encoding="utf-8"), layers)
    for name in other_files(root):
        faults += check_lines(name, (root / name).read_text(encoding="utf-8"))
    return cpp_source.report(faults, "layers")


if __name__ == "__main__":
    sys.exit(main())
