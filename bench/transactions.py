#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a transaction costs: MULTI/EXEC of 10 SETs beside redis-server, interactive ones beside MULTI/EXEC.

Driven by gyre-load over 50 connections, each transaction sent as one write; keys random over a million. CPU is
the server's user and system time over the transactions. Interactive transactions (BEGIN, COMMIT) and BATCH are
Gyre's own, so their ratio is to the same work in MULTI and EXEC on the same server.

    ./dev bench transactions [--requests 100000] [--quick] [--json] [--plot DIR]
"""

import statistics

import generator
import harness
import plot
import report
from client import Client, ReplyError

ROUNDS = 5
CONNECTIONS = 50
KEYS = 1_000_000
VALUE_BYTES = 64
FIGURES = ("requests_per_second", "cpu_us", "p50_us", "p99_us")
TEN_SETS = "MULTI; " + "SET {key} {value}; " * 10 + "EXEC"
READS_AND_WRITES = "GET {key}; GET {key}; SET {key} {value}; SET {key} {value}; "
FORMS = {
    "MULTI, EXEC": f"MULTI; {READS_AND_WRITES} EXEC",
    "BEGIN, COMMIT": f"BEGIN; {READS_AND_WRITES} COMMIT",
}
COLUMNS = (("requests_per_second", "transactions/s", ",.0f"), ("cpu_us", "CPU us/transaction", ".3f"),
           ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"))


def run(server, script, options):
    made = generator.gyre_load(server, script=script, requests=options.requests, connections=CONNECTIONS,
                               keys=KEYS, value_bytes=VALUE_BYTES)
    if made["errors"]:
        raise RuntimeError(f"{server.name}, {script[:40]}: {made['errors']} of them failed")
    return {key: made[key] for key in FIGURES}


def beside_redis(servers, options):
    table = report.Table(f"MULTI, EXEC of 10 SETs of {VALUE_BYTES} B, {CONNECTIONS} connections",
                         (("server", "server", ""), *COLUMNS, *report.RATIOS))
    harness.note("MULTI, EXEC of 10 SETs")
    results = harness.interleave(servers, options.rounds or (1 if options.quick else ROUNDS),
                                 lambda server: run(server, TEN_SETS, options), discard=0 if options.quick else 1)
    table.rows = report.summarize({}, results, "cpu_us")
    return table


def knows(server, word):
    with Client(server.address) as client:
        return not isinstance(client.call("COMMAND", "INFO", word)[0], (type(None), ReplyError))


def of_one_server(server, options):
    table = report.Table(f"2 GETs and 2 SETs of {VALUE_BYTES} B in one transaction, {server.name}",
                         (("work", "form", ""), *COLUMNS, ("ratio", "CPU, MULTI = 1", ".2f"),
                          ("pair_min", "least", ".2f"), ("pair_max", "most", ".2f")))
    runs = {name: [] for name in FORMS}
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    skipped = 0 if options.quick else 1
    for turn in range(rounds + skipped):
        for name in list(runs) if turn % 2 == 0 else list(runs)[::-1]:
            harness.note(f"{server.name}: {name}")
            runs[name].append(run(server, FORMS[name], options))
    base = next(iter(runs.values()))[skipped:]
    for name, made in runs.items():
        kept = made[skipped:]
        pairs = [mine["cpu_us"] / theirs["cpu_us"] for mine, theirs in zip(kept, base)]
        figures = {key: statistics.median(one[key] for one in kept) for key in FIGURES}
        table.rows.append({"work": name, "server": server.name, **figures, "ratio": statistics.median(pairs),
                           "pair_min": min(pairs), "pair_max": max(pairs)})
    return table


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--requests", type=int, help="transactions of a run")
    options = parser.parse_args()
    options.requests = options.requests or (5_000 if options.quick else 100_000)
    with harness.running(harness.prepare(options)) as servers:
        for server in servers:
            generator.load_keys(server, KEYS, value_bytes=VALUE_BYTES)
        tables = [beside_redis(servers, options)]
        tables += [of_one_server(server, options) for server in servers if knows(server, "BEGIN")]
    charts = [plot.bars_of(tables[0], "transactions.svg", tables[0].title, "CPU us for each", "cpu_us",
                           lambda row: "10 SETs")]
    report.finish(options, tables, charts)


if __name__ == "__main__":
    main()
