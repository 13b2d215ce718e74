#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Starting on data: seconds from the start of the process until it serves, and its CPU time.

rdb   a snapshot of 5 million keys with values of 100 B
aof   an append-only file of 5 million SETs of them, without a snapshot in front

redis-server writes both files, and each server gets a copy. Gyre runs one thread, and all of them have
one processor. Before each start memory is fetched from the host of a virtual machine (fetch_memory()),
unless --cold is given.

    ./dev bench load [--only rdb|aof] [--keys 5000000] [--cold] [--quick] [--json] [--plot DIR]
"""

import contextlib
import mmap
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
# More than any of the servers takes for a key.
FETCHED_BYTES_PER_KEY = 256
# Free memory is reported to the host after two seconds.
HELD_SECONDS = 3
LOG = ("--appendonly", "yes", "--aof-use-rdb-preamble", "no")


def fetch_memory(size):
    """Touches so much memory, holds it for a while and lets it go.

    The host of a virtual machine may take free memory away (virtio-balloon's free page reporting, in
    blocks of 2 MiB and more) and charge milliseconds for such a block to whoever touches it next. That
    is the host's time, and it does not hit all alike: pages of 4 KiB come from what is left of broken
    blocks, as long as there is some, and huge pages from whole ones. What is freed here is not taken away
    before the server has it; what was freed before has been by then."""
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        with contextlib.suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
        for place in range(0, size, mmap.PAGESIZE):
            memory[place] = 1
        time.sleep(HELD_SECONDS)


def system_seconds(server):
    """What the kernel has done for it so far, in ticks of 10 ms."""
    with open(f"/proc/{server.pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[12]) / os.sysconf("SC_CLK_TCK")


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


def start_once(spec, source, part, options):
    with tempfile.TemporaryDirectory(prefix="gyre-bench-") as folder:
        copy_files(source, Path(folder), part)
        os.sync()
        words = LOG if part == "aof" else ()
        if spec.is_gyre:
            words += ("--threads", "1")
        if not options.cold:
            fetch_memory(options.keys * FETCHED_BYTES_PER_KEY)
        started = time.monotonic()
        server = harness.Server(spec, folder, words)
        try:
            wait_until_serving(server)
            found = {"seconds": time.monotonic() - started, "cpu_seconds": server.cpu_seconds(),
                     "system_seconds": system_seconds(server)}
            held = server.call("DBSIZE")
            if held != options.keys:
                raise RuntimeError(f"{server.name} has loaded {held} keys of {options.keys}")
            return found
        finally:
            server.stop()


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--only", choices=("rdb", "aof"))
    parser.add_argument("--cold", action="store_true",
                        help="with memory as the host of a virtual machine has left it")
    parser.add_argument("--keys", type=int, help="keys in the files (5000000)")
    options = parser.parse_args()
    options.keys = options.keys or (100_000 if options.quick else 5_000_000)
    specs = harness.prepare(options)
    rounds = options.rounds or (1 if options.quick else 3)
    table = report.Table(f"Start on {options.keys:,} keys of {VALUE_BYTES} B, one thread", (
        ("work", "file", ""), ("server", "server", ""), ("seconds", "seconds", ".2f"),
        ("cpu_seconds", "CPU s", ".2f"), ("system_seconds", "of it kernel", ".2f"), *report.RATIOS))
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
                    results[spec.name].append(start_once(spec, Path(source), part, options))
            table.rows += report.summarize({"work": part}, results, "seconds")
    report.finish(options, [table], [
        plot.bars_of(table, "load.svg", table.title, "seconds", "seconds", lambda row: row["work"])])


if __name__ == "__main__":
    main()
