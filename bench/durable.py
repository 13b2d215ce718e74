#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What durability costs: appendfsync always, readers beside writers, and everysec beside no log.

always     SET 64 B with 50 and 500 connections, pipeline 1 and 16: each reply leaves when the write is on
           the disk. Rate, and CPU of the server's process per request.
readers    50 GET connections on a million keys, beside 50 and 500 connections that SET other keys under
           always: rate and p99 of the GETs.
everysec   SET 64 B at pipeline 16 under everysec and without a log, each server divided by itself; under
           gyre-load and under redis-benchmark.

The servers run at once, each with a folder of its own on the same disk, and take turns. The folders are
made where temporary files go: TMPDIR chooses the disk. The first remark says what that disk does: without
that, no rate under always means anything. Gyre has one thread beside the one that writes its log, and all
of a server's threads, those of the kernel for its ring too, have one processor.

    ./dev bench durable [--only always|readers|everysec] [--preallocate] [--seconds 5] [--quick] [--json] [--plot DIR]
"""

import dataclasses
import os
import tempfile
import time

import generator
import harness
import plot
import report

VALUE_BYTES = 64
CONNECTIONS = (50, 500)
ROUNDS = 5
# No rewrite in the middle of a round.
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
PREALLOCATE = ("--aof-preallocate", "yes")
LEAD_SECONDS = 0.5
# Requests of redis-benchmark for each second of a round, about what it sends at pipeline 16.
BENCHMARK_RATE = 500_000
DISK_BLOCK = b"x" * 4096
DISK_SECONDS = 1.0

FIGURES = ("requests_per_second", "cpu_us", "p50_us", "p99_us", "p99_9_us")
PARTS = ("always", "readers", "everysec")


def disk_syncs_per_second():
    """Blocks appended to a growing file and synced, one after the other."""
    with tempfile.TemporaryFile(prefix="gyre-bench-", buffering=0) as file:
        count, started = 0, time.monotonic()
        while time.monotonic() < started + DISK_SECONDS:
            file.write(DISK_BLOCK)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - started)


def compare(label, results, keys):
    """report.summarize for several figures at once: `keys` maps each to the name of the median of its
    pairs."""
    tables = {name: report.summarize(label, results, figure) for figure, name in keys.items()}
    rows = next(iter(tables.values()))
    for name, other in tables.items():
        for row, twin in zip(rows, other):
            row |= {name: twin.get("pair_median"), f"{name}_min": twin.get("pair_min"),
                    f"{name}_max": twin.get("pair_max")}
    return rows


def rounds_of(options):
    return options.rounds or (1 if options.quick else ROUNDS)


def take_turns(options, servers, measure):
    return harness.interleave(servers, rounds_of(options), measure, discard=0 if options.quick else 1)


def only_figures(run):
    return {key: run[key] for key in FIGURES}


# --- always -----------------------------------------------------------------------------------------------

def always_table(specs, options):
    table = report.Table(f"appendfsync always, SET {VALUE_BYTES} B", (
        ("work", "work", ""), ("server", "server", ""), ("requests_per_second", "requests/s", ",.0f"),
        ("cpu_us", "CPU us/request", ".3f"), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        ("rate_pairs", "rate, pairs: median", ".3f"), ("rate_pairs_min", "least", ".2f"),
        ("rate_pairs_max", "most", ".2f"), ("cpu_pairs", "CPU, pairs: median", ".3f"),
        ("cpu_pairs_min", "least", ".2f"), ("cpu_pairs_max", "most", ".2f")))
    with harness.running(specs, ALWAYS) as servers:
        for server in servers:
            generator.load_keys(server, options.keys, value_bytes=VALUE_BYTES)
        for pipeline in (1, 16):
            for connections in CONNECTIONS:
                label = f"{connections} connections, pipeline {pipeline}"
                harness.note(f"always, {label}")

                def measure(server, connections=connections, pipeline=pipeline):
                    return only_figures(generator.gyre_load(
                        server, command="set", keys=options.keys, value_bytes=VALUE_BYTES,
                        connections=connections, pipeline=pipeline, seconds=options.seconds))

                table.rows += compare({"work": label}, take_turns(options, servers, measure),
                                      {"requests_per_second": "rate_pairs", "cpu_us": "cpu_pairs"})
    return table


# --- readers ----------------------------------------------------------------------------------------------

def sets_of(server):
    """How many it has executed."""
    return int(server.info("commandstats")["cmdstat_set"].split("calls=")[1].split(",")[0])


def read_beside_writers(server, options, connections):
    """The SETs begin before the GETs and go on behind them."""
    writers = generator.Background(
        server, command="set", keys=options.keys, key_prefix="other:", value_bytes=VALUE_BYTES,
        connections=connections, seconds=options.seconds + 2 * LEAD_SECONDS)
    time.sleep(LEAD_SECONDS)
    before = sets_of(server)
    readers = generator.gyre_load(server, command="get", keys=options.keys, connections=50,
                                  seconds=options.seconds)
    sets = sets_of(server) - before
    writers.finish()
    return {**only_figures(readers), "sets_per_second": sets / options.seconds}


def readers_table(specs, options):
    table = report.Table(f"appendfsync always, 50 GET connections on {options.keys:,} keys beside SETs of others", (
        ("work", "work", ""), ("server", "server", ""), ("requests_per_second", "GETs/s", ",.0f"),
        ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"), ("sets_per_second", "SETs/s", ",.0f"),
        ("rate_pairs", "GETs, pairs: median", ".2f"), ("rate_pairs_min", "least", ".2f"),
        ("rate_pairs_max", "most", ".2f"), ("p99_pairs", "p99, pairs: median", ".3f"),
        ("p99_pairs_min", "least", ".2f"), ("p99_pairs_max", "most", ".2f")))
    with harness.running(specs, ALWAYS) as servers:
        for server in servers:
            generator.load_keys(server, options.keys, value_bytes=VALUE_BYTES)
        for connections in CONNECTIONS:
            label = f"beside {connections} SET connections"
            harness.note(f"readers {label}")
            results = take_turns(options, servers, lambda server, connections=connections:
                                 read_beside_writers(server, options, connections))
            table.rows += compare({"work": label}, results,
                                  {"requests_per_second": "rate_pairs", "p99_us": "p99_pairs"})
    table.remarks.append("both generators share a processor")
    return table


# --- everysec ---------------------------------------------------------------------------------------------

def everysec_rows(spec, options):
    """The same server twice at once, without a log and with one; under gyre-load, which saturates it, and under
    redis-benchmark, which does not."""
    plain = harness.Spec("no log", spec.path, spec.options)
    logged = harness.Spec("everysec", spec.path, (*spec.options, *EVERYSEC))

    def saturate(server):
        return only_figures(generator.gyre_load(
            server, command="set", keys=options.keys, value_bytes=VALUE_BYTES, connections=50, pipeline=16,
            seconds=options.seconds))

    def benchmark(server):
        return only_figures(generator.redis_benchmark(
            server, "set", int(options.seconds * BENCHMARK_RATE), pipeline=16, value_bytes=VALUE_BYTES))

    rows = []
    with harness.running([plain, logged]) as servers:
        for server in servers:
            generator.load_keys(server, options.keys, value_bytes=VALUE_BYTES)
        for load, measure in (("saturating", saturate), ("redis-benchmark", benchmark)):
            work = f"{spec.name}, {load}"
            harness.note(f"everysec, {work}")
            rows += report.summarize({"work": work}, take_turns(options, servers, measure), "cpu_us")
    return rows


def everysec_table(specs, options):
    table = report.Table(f"appendfsync everysec beside no log, SET {VALUE_BYTES} B, 50 connections, pipeline 16", (
        ("work", "work", ""), ("server", "log", ""), ("requests_per_second", "requests/s", ",.0f"),
        ("cpu_us", "CPU us/request", ".3f"), ("p99_us", "p99 us", ",.0f"), *report.RATIOS))
    for spec in specs:
        table.rows += everysec_rows(spec, options)
    return table


def charts(tables):
    made = []
    if "always" in tables:
        made += [plot.bars_of(tables["always"], "durable-rate.svg", "SETs under appendfsync always",
                              "requests a second", "requests_per_second", lambda row: row["work"]),
                 plot.bars_of(tables["always"], "durable-cpu.svg", "Server CPU per SET under appendfsync always",
                              "microseconds", "cpu_us", lambda row: row["work"])]
    if "readers" in tables:
        made.append(plot.bars_of(tables["readers"], "durable-readers.svg", "GETs beside SETs under always",
                                 "GETs a second", "requests_per_second", lambda row: row["work"]))
    if "everysec" in tables:
        made.append(plot.bars_of(tables["everysec"], "durable-everysec.svg", "Server CPU per SET at pipeline 16",
                                 "microseconds", "cpu_us", lambda row: row["work"]))
    return made


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--keys", type=int, help="keys of each kind (1000000)")
    parser.add_argument("--preallocate", action="store_true", help="Gyre with aof-preallocate yes")
    parser.add_argument("--seconds", type=float, help="of each run (5)")
    options = parser.parse_args()
    options.keys = options.keys or (10_000 if options.quick else generator.KEYS)
    options.seconds = options.seconds or (0.5 if options.quick else 5)
    specs = harness.prepare(options)
    if options.preallocate:
        specs = [dataclasses.replace(spec, options=(*spec.options, *PREALLOCATE)) if spec.is_gyre else spec
                 for spec in specs]
    makers = {"always": always_table, "readers": readers_table, "everysec": everysec_table}
    disk = f"the disk: {disk_syncs_per_second():,.0f} appends of 4 KiB, each synced, in a second"
    tables = {part: makers[part](specs, options) for part in PARTS if options.only in (None, part)}
    for table in tables.values():
        table.remarks.insert(0, disk)
    report.finish(options, list(tables.values()), charts(tables))


if __name__ == "__main__":
    main()
