#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What HTTP costs: a GET of a small value by HTTP beside one by RESP, and what an open console costs.

get      GET of 64 B, 50 connections that stay, pipeline 1, both driven by gyre-load until the server is busy:
         server CPU per request.
console  What the page asks for every two seconds on its overview, in per cent of one processor.

    ./dev bench web [--requests 300000] [--seconds 20] [--quick] [--json]
"""

import http.client
import json
import statistics
import time

import generator
import harness
import report

ROUNDS = 5
VALUE_BYTES = 64
KEYS = 100_000
POLL_SECONDS = 2.0
# What console/index.html asks for each time.
POLLS = (
    ["INFO", "server", "clients", "memory", "stats", "expiry", "commandstats", "keyspace"],
    ["LATENCY", "HISTOGRAM"],
    ["MEMORY", "STATS"],
)


def get_table(server, http_port, options):
    table = report.Table(f"GET of {VALUE_BYTES} B, 50 connections, pipeline 1", (
        ("work", "by", ""), ("requests_per_second", "requests/s", ",.0f"), ("cpu_us", "CPU us/request", ".3f"),
        ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"), ("ratio", "CPU, RESP = 1", ".2f")))
    generator.load_keys(server, KEYS, value_bytes=VALUE_BYTES)
    runs = {"RESP": [], "HTTP": []}
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    for turn in range(rounds + (0 if options.quick else 1)):
        for name in list(runs) if turn % 2 == 0 else list(runs)[::-1]:
            more = {} if name == "RESP" else {"http": True, "port": http_port}
            run = generator.gyre_load(server, command="get", requests=options.requests, connections=50,
                                      keys=KEYS, value_bytes=VALUE_BYTES, **more)
            runs[name].append(run)
    skipped = 0 if options.quick else 1
    ratios = [http["cpu_us"] / resp["cpu_us"] for http, resp in zip(runs["HTTP"], runs["RESP"])][skipped:]
    for name, made in runs.items():
        figures = {key: statistics.median(run[key] for run in made[skipped:])
                   for key in ("requests_per_second", "cpu_us", "p50_us", "p99_us")}
        table.rows.append({"work": name, **figures, "ratio": 1.0 if name == "RESP" else statistics.median(ratios)})
    return table


def console_table(server, http_port, options):
    connection = http.client.HTTPConnection("localhost", http_port)
    before, started = server.cpu_seconds(), time.monotonic()
    for _ in range(max(int(options.seconds / POLL_SECONDS), 1)):
        for words in POLLS:
            connection.request("POST", "/v1/command", json.dumps(words), {"Content-Type": "application/json"})
            connection.getresponse().read()
        time.sleep(POLL_SECONDS)
    spent, took = server.cpu_seconds() - before, time.monotonic() - started
    table = report.Table("An open console", (("work", "work", ""), ("percent", "% of a processor", ".3f")))
    table.rows.append({"work": "overview", "percent": 100 * spent / took})
    return table


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--requests", type=int, help="of a run")
    parser.add_argument("--seconds", type=float, help="with an open console")
    options = parser.parse_args()
    options.requests = options.requests or (20_000 if options.quick else 300_000)
    options.seconds = options.seconds or (2 if options.quick else 20)
    options.no_redis = True
    specs = [spec for spec in harness.prepare(options) if spec.is_gyre]
    http_port = harness.free_port()
    with harness.running(specs[:1], options=("--http-port", str(http_port))) as servers:
        tables = [get_table(servers[0], http_port, options), console_table(servers[0], http_port, options)]
    report.finish(options, tables, [])


if __name__ == "__main__":
    main()
