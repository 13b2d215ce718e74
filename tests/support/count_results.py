#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts single test cases over several Meson builds and prints `N passed, N failed` last.

Meson writes meson-logs/testlog.junit.xml, which has the cases of GoogleTest programs, and
meson-logs/testlog.json, which has how each program ended. Neither is enough: the first knows no timeout,
and a program that fails after its last case (a leak report, a crash at exit) has only passed cases in
it. So a program that ended badly without a failed case counts as one failed case more.

Usage: count_results.py [--extra FILE] LABEL=BUILD...     count; status 1 when anything failed
       count_results.py --prepare BUILD...                remove what an earlier run left behind
       count_results.py --self-test
FILE holds lines `pass NAME` or `fail NAME` for what ran outside Meson (builds, fuzz runs).
"""

import json
import re
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

GOOD = ("OK", "EXPECTEDFAIL")
LOGS = ("meson-logs/testlog.json", "meson-logs/testlog.junit.xml", "meson-logs/testlog.txt")


NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Count:
    def __init__(self):
        self.passed = 0
        self.skipped = []
        self.failed = []


def count_cases(suites, label, program, count):
    """Adds the cases of one GoogleTest program; returns how many of them failed."""
    failed = 0
    for suite in suites:
        for case in suite.iter("testcase"):
            name = f"{label}: {program}: {case.get('classname')}.{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                count.failed.append(name)
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                count.skipped.append(name)
            else:
                count.passed += 1
    return failed


def read_suites(path):
    """The suites of a JUnit file. Meson copies what a program printed into it, control bytes and all."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return list(ElementTree.fromstring(NOT_XML.sub("?", text.partition("?>")[2])))


def count_build(label, build, count):
    log = Path(build) / LOGS[0]
    if not log.is_file():
        count.failed.append(f"{label}: no tests were run")
        return
    suites = read_suites(Path(build) / LOGS[1])
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        run = json.loads(line)
        name, result = run["name"], run["result"]
        prefix = name + "."
        own = [s for s in suites if s.get("name", "").partition(".")[2].startswith(prefix)]
        failed = count_cases(own, label, name, count)
        if result == "SKIP":
            count.skipped.append(f"{label}: {name}")
        elif result not in GOOD:
            if failed == 0:
                count.failed.append(f"{label}: {name} ({result}, status {run['returncode']})")
        elif not own:
            count.passed += 1


def count_extra(path, count):
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        verdict, _, name = line.partition(" ")
        if verdict == "pass":
            count.passed += 1
        else:
            count.failed.append(name)


def prepare(builds):
    for build in map(Path, builds):
        for log in LOGS:
            (build / log).unlink(missing_ok=True)
        tests = build / "meson-info/intro-tests.json"
        if tests.is_file():  # a GoogleTest program's cases, which Meson would read again if it crashed
            for test in json.loads(tests.read_text(encoding="utf-8")):
                (build / f"{test['name']}.xml").unlink(missing_ok=True)


def report(count):
    if count.skipped:
        print(f"\n{len(count.skipped)} skipped:")
        for name in count.skipped:
            print(f"  {name}")
    if count.failed:
        print("\nfailed:")
        for name in count.failed:
            print(f"  {name}")
    print(f"\n{count.passed} passed, {len(count.failed)} failed")
    return 1 if count.failed or count.passed == 0 else 0


def run_line(name, result, status=0):
    return json.dumps({"name": name, "result": result, "returncode": status}) + "\n"


def self_test():
    suites = (
        '<?xml version="1.0" encoding="utf-8"?><testsuites tests="0">'
        '<testsuite name="gyre.u / a.Alpha"><testcase classname="Alpha" name="x" status="run"/>'
        '<testcase classname="Alpha" name="y"><failure/></testcase>'
        '<testcase classname="Alpha" name="z" status="notrun"/></testsuite>'
        '<testsuite name="gyre.u / b.Beta"><testcase classname="Beta" name="x"/><system-out>\x1b[1m</system-out></testsuite>'
        '<testsuite name="gyre"><testcase classname="gyre" name="late"/></testsuite></testsuites>')
    runs = (run_line("u / a", "FAIL", 1) + run_line("u / b", "ERROR", 134) + run_line("late", "TIMEOUT")
            + run_line("fine", "OK") + run_line("absent", "SKIP", 77))
    with tempfile.TemporaryDirectory() as directory:
        build = Path(directory)
        (build / "meson-logs").mkdir()
        (build / LOGS[0]).write_text(runs, encoding="utf-8")
        (build / LOGS[1]).write_text(suites, encoding="utf-8")
        (build / "extra").write_text("pass fuzz one\nfail fuzz two\n", encoding="utf-8")
        count = Count()
        count_build("dev", build, count)
        count_extra(build / "extra", count)
        prepare([build])
        count_build("gone", build, count)
    # passed: Alpha.x, Beta.x, fine, fuzz one; failed: Alpha.y, b at exit, late, fuzz two, gone
    seen = (count.passed, len(count.failed), len(count.skipped))
    print(f"self-test: (passed, failed, skipped) is {seen}, (4, 5, 2) expected")
    return 0 if seen == (4, 5, 2) else 1


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    if arguments[0] == "--prepare":
        prepare(arguments[1:])
        return 0
    count = Count()
    if arguments[0] == "--extra":
        count_extra(arguments[1], count)
        arguments = arguments[2:]
    for argument in arguments:
        label, _, build = argument.partition("=")
        count_build(label, build, count)
    return report(count)


if __name__ == "__main__":
    sys.exit(main())
