#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Starting on data: seconds from the start of the process until it serves, and its CPU time.

rdb   a snapshot of 5 million keys with values of 100 B
aof   an append-only file of 5 million SETs of them, without a snapshot in front

redis-server writes both files, and each server gets a copy. Gyre runs one thread, and all of them have
one processor.

    ./dev bench load [--only rdb|aof] [--keys 5000000] [--quick] [--json] [--plot DIR]
"""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import generator
import harness
import plot
import report
from client import Client

VALUE_BYTES = 100
PATIENCE_SECONDS = 600
LOG = ("--appendonly", "yes", "--aof-use-rdb-preamble", "no")


def wait_until_serving(server):
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Client(server.address) as client:
        while client.call("PING") != b"PONG":
            if time.monotonic() > deadline:
                raise RuntimeError(f"{server.name} still loads after {PATIENCE_SECONDS} s")
            time.sleep(0.005)


def write_files(folder, options):
    """Has redis-server write a snapshot and a log of the keys."""
    writer = harness.Spec("writer", shutil.which(harness.BASELINE))
    with contextlib.ExitStack() as stack:
        server = harness.Server(writer, folder, LOG + ("--appendfsync", "no"))
        stack.callback(server.stop)
        generator.load_keys(server, options.keys, value_bytes=VALUE_BYTES)
        server.call("SAVE")


def copy_files(source, target, part):
    if part == "rdb":
        shutil.copy(source / "dump.rdb", target)
    else:
        shutil.copytree(source / "appendonlydir", target / "appendonlydir")


def start_once(spec, source, part, keys):
    with tempfile.TemporaryDirectory(prefix="gyre-bench-") as folder:
        copy_files(source, Path(folder), part)
        os.sync()
        options = LOG if part == "aof" else ()
        if spec.is_gyre:
            options += ("--threads", "1")
        started = time.monotonic()
        server = harness.Server(spec, folder, options)
        try:
            wait_until_serving(server)
            found = {"seconds": time.monotonic() - started, "cpu_seconds": server.cpu_seconds()}
            held = server.call("DBSIZE")
            if held != keys:
                raise RuntimeError(f"{server.name} has loaded {held} keys of {keys}")
            return found
        finally:
            server.stop()


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--only", choices=("rdb", "aof"))
    parser.add_argument("--keys", type=int, help="keys in the files (5000000)")
    options = parser.parse_args()
    options.keys = options.keys or (100_000 if options.quick else 5_000_000)
    specs = harness.prepare(options)
    rounds = options.rounds or (1 if options.quick else 3)
    table = report.Table(f"Start on {options.keys:,} keys of {VALUE_BYTES} B, one thread", (
        ("work", "file", ""), ("server", "server", ""), ("seconds", "seconds", ".2f"),
        ("cpu_seconds", "CPU s", ".2f"), *report.RATIOS))
    with tempfile.TemporaryDirectory(prefix="gyre-bench-") as source:
        harness.note("writing the files")
        write_files(source, options)
        for part in ("rdb", "aof"):
            if options.only not in (None, part):
                continue
            harness.note(part)
            results = {spec.name: [] for spec in specs}
            for turn in range(rounds):
                for spec in specs if turn % 2 == 0 else specs[::-1]:
                    results[spec.name].append(start_once(spec, Path(source), part, options.keys))
            table.rows += report.summarize({"work": part}, results, "seconds")
    report.finish(options, [table], [
        plot.bars_of(table, "load.svg", table.title, "seconds", "seconds", lambda row: row["work"])])


if __name__ == "__main__":
    main()
