#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""GET and SET of large values: megabytes a second and server CPU per megabyte.

    ./dev bench large [--sizes 1048576,67108864] [--megabytes 4096] [--quick] [--json] [--plot DIR]
"""

import generator
import harness
import plot
import report

MIB = 1 << 20
CONNECTIONS = 2
KEYSPACE_BYTES = 256 * MIB


def keys_for(size):
    return max(CONNECTIONS, KEYSPACE_BYTES // size)


def measure(server, command, size, megabytes):
    run = generator.gyre_load(server, command=command, connections=CONNECTIONS, value_bytes=size,
                              keys=keys_for(size), requests=max(4, megabytes * MIB // size))
    moved = run["requests"] * size / MIB
    return {"mib_per_second": moved / run["seconds"], "cpu_us_per_mib": run["server_cpu_seconds"] * 1e6 / moved,
            "p50_us": run["p50_us"], "p99_us": run["p99_us"], "max_us": run["max_us"]}


def load(server, size):
    server.call("FLUSHALL")
    generator.gyre_load(server, command="set", distribution="sequential", connections=CONNECTIONS,
                        keys=keys_for(size), value_bytes=size)


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--sizes", help="bytes, with commas between (1048576,67108864)")
    parser.add_argument("--megabytes", type=int, help="MiB moved in a run (4096)")
    options = parser.parse_args()
    megabytes = options.megabytes or (256 if options.quick else 4096)
    sizes = [int(size) for size in (options.sizes or f"{MIB},{64 * MIB}").split(",")]
    specs = harness.prepare(options)
    table = report.Table(f"Large values, {CONNECTIONS} connections", (
        ("work", "work", ""), ("server", "server", ""), ("mib_per_second", "MiB/s", ",.0f"),
        ("cpu_us_per_mib", "CPU us/MiB", ",.0f"), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        ("max_us", "most us", ",.0f"), *report.RATIOS))
    with harness.running(specs) as servers:
        for size in sizes:
            for server in servers:
                load(server, size)
            for command in ("get", "set"):
                label = f"{command.upper()} {size / MIB:g} MiB"
                harness.note(label)
                results = harness.interleave(servers, options.rounds or (1 if options.quick else 3),
                                             lambda server: measure(server, command, size, megabytes),
                                             discard=0 if options.quick else 1)
                table.rows += report.summarize({"work": label}, results, "cpu_us_per_mib")
    report.finish(options, [table], [
        plot.bars_of(table, "large.svg", "Server CPU per MiB of large values", "microseconds per MiB",
                     "cpu_us_per_mib", lambda row: row["work"]),
        plot.bars_of(table, "large-rate.svg", "Throughput with large values", "MiB a second",
                     "mib_per_second", lambda row: row["work"])])


if __name__ == "__main__":
    main()
