#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every C++ file stands as clang-format 19 lays it out by .clang-format.

Other versions lay out differently; without version 19 the check is skipped (status 77).

Usage: check_format.py ROOT | --self-test ROOT
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cpp_source

SKIPPED = 77


def find_formatter():
    for name in ("clang-format-19", "clang-format"):
        binary = shutil.which(name)
        if binary is None:
            continue
        version = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True).stdout
        if " 19." in version:
            return binary
    return None


def unformatted(binary, root, names):
    """The files the formatter would change, and where each first differs."""
    style = f"--style=file:{Path(root) / '.clang-format'}"
    done = subprocess.run([binary, style, "--dry-run", "--ferror-limit=1", *names], cwd=root, text=True,
                          capture_output=True, check=False)
    places = {}
    for match in re.finditer(r"^(.+?):(\d+):\d+: (?:warning|error): .*clang-format", done.stderr, re.MULTILINE):
        places.setdefault(match.group(1), int(match.group(2)))
    return [cpp_source.Fault(path, line, "not as ./dev fmt lays it out") for path, line in places.items()]


def self_test(binary, root):
    config = (Path(root) / ".clang-format").read_text(encoding="utf-8")
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / ".clang-format").write_text(config, encoding="utf-8")
        for name, text, expected in (("good.cc", "int f() {\n    g();\n    return 1;\n}\n", 0),
                                     ("bad.cc", "int f( ) {\n  return 1;\n}\n", 1)):
            (Path(directory) / name).write_text(text, encoding="utf-8")
            if len(unformatted(binary, directory, [name])) != expected:
                wrong += 1
                print(f"self-test: {name} judged wrongly")
    print(f"self-test: 2 cases, {wrong} wrong")
    return 1 if wrong else 0


def main():
    binary = find_formatter()
    if binary is None:
        print("clang-format 19 is not installed; skipped")
        return SKIPPED
    if sys.argv[1] == "--self-test":
        return self_test(binary, sys.argv[2])
    root = Path(sys.argv[1])
    names = cpp_source.source_files(root)
    return cpp_source.report(unformatted(binary, root, names), "format")


if __name__ == "__main__":
    sys.exit(main())
