#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plants a fault and proves that a unit test sees it.

Configures a build of the tree with the option `mutation`, makes nothing but the test's program, and runs the
named cases: they must fail, by a failed expectation or a crash, within a bounded time. A build that fails, a
filter that names no case, and a program that hangs prove nothing and are failures here.

Usage: run_mutation.py [--compiler C++] ROOT BUILD MUTATION ROOM/NAME CASES | --self-test
"""

import argparse
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD_SECONDS = 600
RUN_SECONDS = 60
# A race is likely to show, not certain.
RUNS_MAX = 5


def call(command, seconds, **options):
    """Runs a command; its exit status (negative: the signal) and what it printed; None when it took too long."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True, **options) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # Its own group: a compiler that make tools have started ends too.
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return None, output
    return process.returncode, output


def build(root, directory, mutation, target, compiler):
    """Configures and makes; the text of the first step that failed, or None."""
    steps = []
    if not (directory / "build.ninja").is_file():
        steps.append(["meson", "setup", str(directory), str(root), f"-Dmutation={mutation}",
                      "-Dbuildtype=plain", "-Doptimization=1", "-Ddebug=false", "-Dwerror=false"])
    steps.append(["ninja", "-C", str(directory), target])
    environment = dict(os.environ)
    if compiler:
        environment["CXX"] = compiler
    for step in steps:
        status, output = call(step, BUILD_SECONDS, env=environment)
        if status != 0:
            return f"{' '.join(step)}: {'took too long' if status is None else status}\n{output}"
    return None


def cases_of(program, cases):
    """How many cases the filter names."""
    status, output = call([str(program), "--gtest_list_tests", f"--gtest_filter={cases}"], RUN_SECONDS)
    if status != 0:
        return 0
    return sum(line.startswith("  ") for line in output.splitlines())


def verdict(program, cases):
    """None when the cases fail, else what is wrong."""
    if cases_of(program, cases) == 0:
        return f"{program}: no case is named {cases}"
    for _ in range(RUNS_MAX):
        status, output = call([str(program), f"--gtest_filter={cases}"], RUN_SECONDS)
        if status is None:
            return f"{program}: hangs\n{output}"
        if status != 0:
            print(f"fails, as it should (status {status}):\n{output[-2000:]}")
            return None
    return f"{program}: {cases} passed {RUNS_MAX} times although the fault is planted"


SELF_TEST_PROGRAM = """#!/bin/sh
case "$1" in
    --gtest_list_tests) printf 'Suite.\\n'; [ {listed} -eq 0 ] || printf '  case\\n'; exit 0 ;;
esac
{action}
"""


def self_test():
    """Programs that fail, crash, pass and have no such case."""
    wanted = [(1, "exit 1", True), (1, "kill -SEGV $$", True), (1, "exit 0", False), (0, "exit 1", False)]
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "program"
        for listed, action, passes in wanted:
            program.write_text(SELF_TEST_PROGRAM.format(listed=listed, action=action), encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            if (verdict(program, "Suite.case") is None) != passes:
                print(f"wrong verdict on: {action}, {listed} cases listed", file=sys.stderr)
                wrong += 1
        if build(Path(directory), Path(directory) / "build", "none", "nothing", "") is None:
            print("a build of nothing passed", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", default="")
    parser.add_argument("root", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("mutation")
    parser.add_argument("test")
    parser.add_argument("cases")
    options = parser.parse_args()
    target = "tests/unit-" + options.test.replace("/", "-")
    fault = build(options.root, options.directory, options.mutation, target, options.compiler)
    if fault is None:
        fault = verdict(options.directory / target, options.cases)
    if fault is not None:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
