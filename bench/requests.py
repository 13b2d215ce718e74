#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Server CPU per request: GET, SET and others, over pipelines, value sizes, connections and sockets.

Keys are random over a million, all of them loaded before. Most rows are driven by redis-benchmark; those
named "saturating" by gyre-load, which batches its own system calls and keeps the server busy: at
pipeline 1, where redis-benchmark is the slower of the two, those are the rows to trust. At pipeline 1
the figures of redis-benchmark jump between two levels, for every server: nine rounds there, otherwise
three. CPU is the server's user and system time over requests served.

    ./dev bench requests [--only TEXT] [--requests 300000] [--quick] [--json] [--plot DIR]
"""

from dataclasses import dataclass

import generator
import harness
import plot
import report

ROUNDS = {1: 9}
ROUNDS_OTHERWISE = 3


@dataclass(frozen=True)
class Row:
    test: str
    pipeline: int = 1
    value_bytes: int = 64
    connections: int = 50
    is_unix: bool = False
    is_saturating: bool = False

    @property
    def label(self):
        parts = [{"mset": "MSET of 10", "ping_mbulk": "PING"}.get(self.test, self.test.upper())]
        if self.test in ("get", "set"):
            parts[0] += " " + size_text(self.value_bytes)
        if self.connections != 50:
            parts.append(f"{self.connections} connections")
        if self.is_unix:
            parts.append("Unix socket")
        if self.is_saturating:
            parts.append("saturating")
        return ", ".join([*parts, f"pipeline {self.pipeline}"])


def size_text(count):
    return f"{count // 1024} KiB" if count >= 1024 else f"{count} B"


def all_rows():
    both = ("get", "set")
    rows = [Row(test, pipeline) for pipeline in (1, 16, 64) for test in both]
    rows += [Row(test, connections=1000) for test in both]
    rows += [Row(test, is_unix=True) for test in both]
    rows += [Row(test, 16) for test in ("incr", "mset", "ping_mbulk")]
    rows += [Row(test, pipeline, is_saturating=True) for pipeline in (1, 16) for test in both]
    rows += [Row(test, pipeline, 1024) for pipeline in (1, 16, 64) for test in both]
    return rows


def requests_for(row, base):
    """A run takes some seconds."""
    if row.test == "mset":
        return base
    return base if row.pipeline == 1 else base * 5


def measure(server, row, base):
    count = requests_for(row, base)
    if row.is_saturating:
        return generator.gyre_load(
            server, unix=row.is_unix, command=row.test, requests=count, pipeline=row.pipeline,
            connections=row.connections, value_bytes=row.value_bytes, keys=generator.KEYS)
    return generator.redis_benchmark(server, row.test, count, row.pipeline, row.connections,
                                     row.value_bytes, row.is_unix)


def run(options, servers, rows):
    loaded = None
    results = []
    for row in rows:
        if loaded != row.value_bytes:  # so that GET finds something, of that size
            loaded = row.value_bytes
            for server in servers:
                generator.load_keys(server, generator.KEYS, value_bytes=loaded)
        harness.note(row.label)
        rounds = options.rounds or (1 if options.quick else ROUNDS.get(row.pipeline, ROUNDS_OTHERWISE))
        figures = harness.interleave(servers, rounds, lambda server: measure(server, row, options.requests),
                                     discard=0 if options.quick else 1)
        kept = {name: [{key: one[key] for key in generator.COLUMNS} for one in runs]
                for name, runs in figures.items()}
        results += report.summarize({"work": row.label, "pipeline": row.pipeline}, kept, "cpu_us")
    return results


def charts(table):
    made = []
    for pipeline in sorted({row["pipeline"] for row in table.rows}):
        part = report.Table("", (), [row for row in table.rows if row["pipeline"] == pipeline])
        made.append(plot.bars_of(
            part, f"requests-pipeline-{pipeline}.svg", f"Server CPU per request at pipeline {pipeline}",
            "microseconds", "cpu_us", lambda row: row["work"].rsplit(", pipeline", 1)[0]))
    return made


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name contains this")
    parser.add_argument("--requests", type=int, help="at pipeline 1; five times as many otherwise")
    options = parser.parse_args()
    options.requests = options.requests or (20_000 if options.quick else 300_000)
    specs = harness.prepare(options)
    rows = [row for row in all_rows() if options.only.lower() in row.label.lower()]
    table = report.Table("Server CPU per request", (
        ("work", "work", ""), ("server", "server", ""), ("requests_per_second", "requests/s", ",.0f"),
        ("cpu_us", "CPU us/request", ".3f"), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        ("p99_9_us", "p99.9 us", ",.0f"), *report.RATIOS))
    with harness.running(specs) as servers:
        table.rows = run(options, servers, rows)
    report.finish(options, [table], charts(table))


if __name__ == "__main__":
    main()
