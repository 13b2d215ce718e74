#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bytes of resident memory per key, over value sizes, with and without a TTL, and at every fill.

A key has 16 bytes. The figure is (resident memory loaded - resident memory empty) / keys, as the kernel
counts it, each time in a fresh server. "Beyond" is what of it is neither key nor value. A hash table's
share depends on how full it happens to be: the second table grows one server from 2^n to 2^(n+1) keys
and looks nine times on the way.

    ./dev bench memory [--keys 5000000,10000000] [--fill 22] [--quick] [--json] [--plot DIR]
"""

import generator
import harness
import plot
import report

KEY_BYTES = 16
VALUES = (("8 digits", 8, {"integer_values": True}), ("32 B", 32, {"value_bytes": 32}),
          ("100 B", 100, {"value_bytes": 100}), ("1 KiB", 1024, {"value_bytes": 1024}))
TTL_SECONDS = "100000:200000"  # nothing is due while we look
FILL_STEPS = 8


def settled_bytes(server):
    """Resident memory with an answered request between it and the load."""
    server.call("DBSIZE")
    return server.resident_bytes()


def figures(grown, keys, value_bytes):
    per_key = grown / keys
    return {"bytes_per_key": per_key, "beyond": per_key - KEY_BYTES - value_bytes}


def measure_one(spec, keys, value_bytes, options):
    with harness.running([spec]) as (server,):
        empty = settled_bytes(server)
        generator.load_keys(server, keys, **options)
        held = server.call("DBSIZE")
        if held != keys:
            raise RuntimeError(f"{server.name} holds {held} keys of {keys}")
        return figures(settled_bytes(server) - empty, keys, value_bytes)


def sizes_table(specs, counts, rounds):
    table = report.Table("Resident memory per key", (
        ("work", "values", ""), ("server", "server", ""), ("bytes_per_key", "bytes/key", ",.1f"),
        ("beyond", "beyond key and value", ",.1f"), ("ratio", "ratio", ".3f")))
    for count in counts:
        for name, size, options in VALUES:
            for ttl in ({}, {"ttl": TTL_SECONDS}):
                label = f"{name}{' with TTL' if ttl else ''}, {count / 1e6:g} million keys"
                harness.note(label)
                results = {spec.name: [measure_one(spec, count, size, options | ttl)
                                       for _ in range(rounds)] for spec in specs}
                table.rows += report.summarize({"work": label, "keys": count}, results, "bytes_per_key")
    return table


def grow(spec, first, value_bytes=32):
    """Bytes per key of one server at each fill from `first` to twice that."""
    found = []
    with harness.running([spec]) as (server,):
        empty, held = settled_bytes(server), 0
        for step in range(FILL_STEPS + 1):
            wanted = first + first * step // FILL_STEPS
            if wanted > held:
                generator.load_keys(server, wanted - held, offset=held, value_bytes=value_bytes)
                held = wanted
            found.append({"keys": held, **figures(settled_bytes(server) - empty, held, value_bytes)})
    return found


def fill_table(specs, first):
    table = report.Table(f"The same at every fill, values of 32 B, {first:,} to {2 * first:,} keys", (
        ("keys", "keys", ",d"), ("server", "server", ""), ("bytes_per_key", "bytes/key", ",.1f"),
        ("beyond", "beyond key and value", ",.1f")))
    for spec in specs:
        harness.note(f"fills of {spec.name}")
        found = grow(spec, first)
        table.rows += [{"server": spec.name, **one} for one in found]
        worst = max(found, key=lambda one: one["bytes_per_key"])
        table.remarks.append(f"{spec.name}: worst {worst['bytes_per_key']:.1f} bytes per key,"
                             f" {worst['beyond']:.1f} beyond, at {worst['keys']:,} keys")
    table.rows.sort(key=lambda row: row["keys"])
    return table


def charts(sizes, fills):
    made = []
    for count in sorted({row["keys"] for row in sizes.rows}):
        part = report.Table("", (), [row for row in sizes.rows if row["keys"] == count])
        made.append(plot.bars_of(part, f"memory-{count / 1e6:g}m.svg",
                                 f"Resident memory beyond key and value, {count:,} keys", "bytes per key",
                                 "beyond", lambda row: row["work"].split(",")[0].replace(" with", ", with")))
    curves = {}
    for row in fills.rows:
        curves.setdefault(row["server"], []).append((row["keys"], row["beyond"]))
    made.append(plot.Lines("memory-fill.svg", "Resident memory beyond key and value at every fill",
                           "keys of 16 B with values of 32 B", "bytes per key", curves))
    return made


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--keys", help="counts of keys, with commas between (5000000,10000000)")
    parser.add_argument("--fill", type=int, help="n of 2^n, where the second table begins (22)")
    options = parser.parse_args()
    counts = [int(count) for count in
              (options.keys or ("200000" if options.quick else "5000000,10000000")).split(",")]
    first = 2 ** (options.fill or (17 if options.quick else 22))
    specs = harness.prepare(options)
    sizes = sizes_table(specs, counts, options.rounds or 1)
    fills = fill_table(specs, first)
    report.finish(options, [sizes, fills], charts(sizes, fills))


if __name__ == "__main__":
    main()
