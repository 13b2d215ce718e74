#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each header under src/ and include/ compiles alone.

The flags (include paths, defines, standard) are those of the build's own compile_commands.json, so that
dependencies are found wherever the build found them. Headers of include/ see include/ only.

Usage: check_headers.py ROOT BUILD | --self-test BUILD
"""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import cpp_source

_TAKEN = ("-I", "-isystem", "-D", "-std=", "-f", "-stdlib=", "--sysroot", "-pthread")
_LEFT = ("-fsanitize", "-flto", "-fprofile", "-ftest-coverage")


def compile_command(build):
    """The compiler and the flags that matter to a header, from a source file of src/."""
    entries = json.loads((Path(build) / "compile_commands.json").read_text(encoding="utf-8"))
    flags = {}
    compiler = None
    for entry in entries:
        words = shlex.split(entry["command"])
        if words[0].endswith("ccache"):
            words = words[1:]
        compiler = compiler or words[0]
        if "src/" not in entry["file"]:
            continue
        for index, word in enumerate(words):
            if word == "-isystem":
                flags[f"-isystem{words[index + 1]}"] = None
            elif word.startswith(_TAKEN) and not word.startswith(_LEFT):
                flags[word] = None
    if compiler is None:
        raise SystemExit("compile_commands.json names no compiler")
    return compiler, list(flags)


def check_header(compiler, flags, build, path, header):
    """What the compiler says about a file that holds nothing but the include; '' when it is content."""
    # Included twice: a header without a guard falls here too.
    source = f'#include "{header}"\n#include "{header}"\n'
    done = subprocess.run(
        [compiler, *flags, "-Wall", "-Wextra", "-fdiagnostics-color=never", "-fsyntax-only", "-x", "c++", "-"],
        cwd=build, input=source, text=True, capture_output=True, check=False)
    return "" if done.returncode == 0 else f"{path} does not compile alone:\n{done.stderr}"


def flags_for(root, name, flags):
    """Our own include paths replaced: a public header must not need src/."""
    ours = ["include"] if name.startswith("include/") else ["include", "src"]
    foreign = [flag for flag in flags if not _is_ours(root, flag)]
    return [f"-I{root / directory}" for directory in ours] + foreign


def _is_ours(root, flag):
    """A relative include path into the tree; subprojects and the system are foreign."""
    if not flag.startswith("-I"):
        return False
    path = flag[2:]
    return path.rstrip("/").endswith(("/src", "/include")) and "subprojects" not in path and (
        not os.path.isabs(path) or path.startswith(str(root)))


def check_all(root, build):
    compiler, flags = compile_command(build)
    headers = cpp_source.source_files(root, ("src", "include"), (".h",))
    complaints = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [pool.submit(check_header, compiler, flags_for(root, name, flags), build, name,
                            name.split("/", 1)[1]) for name in headers]
        complaints = [job.result() for job in jobs if job.result()]
    for complaint in complaints:
        print(complaint)
    print(f"headers: {len(headers)} compiled alone, {len(complaints)} faults")
    return 1 if complaints else 0


def self_test(build):
    compiler, flags = compile_command(build)
    cases = {
        "clean.h": ("#pragma once\n#include <string>\ninline std::string f() { return {}; }\n", True),
        "needs.h": ("#pragma once\ninline std::string f() { return {}; }\n", False),
        "guard.h": ("struct Twice {};\n", False),
    }
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        for name, (text, good) in cases.items():
            (Path(directory) / name).write_text(text, encoding="utf-8")
            said = check_header(compiler, flags, build, name, str(Path(directory) / name))
            if (said == "") != good:
                wrong += 1
                print(f"self-test: {name} judged wrongly\n{said}")
    print(f"self-test: {len(cases)} cases, {wrong} wrong")
    return 1 if wrong else 0


def main():
    if sys.argv[1] == "--self-test":
        return self_test(sys.argv[2])
    return check_all(Path(sys.argv[1]).resolve(), sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())
