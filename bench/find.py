#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What others feel of a FIND over 5 million keys: tails of GET beside it, and the longest turn of the loop.

Of Gyre, each kind of search is repeated while 50 connections send 5,000 GETs a second at even distances; the bare echo is
sent the same, with no search beside it. Latency counts from when a request was to leave.

    ./dev bench find [--keys 5000000] [--quick] [--json]
"""

import threading
import time

import generator
import harness
import report
from client import Client

ROUNDS = 3
RATE = 5000
SECONDS = 6
VALUE_BYTES = 32
SEARCHES = (
    ("keys, like", ("FIND", "KEYS", "LIKE", "key:*99999")),
    ("keys, regex", ("FIND", "KEYS", "REGEX", "9{6}$")),
    ("values, like", ("FIND", "VALUES", "LIKE", "*abcdefgh*")),
)


def search_until(server, words, ends, times):
    with Client(server.address) as client:
        while not ends.is_set():
            began = time.monotonic()
            client.must(*words)
            times.append(time.monotonic() - began)


def beside(server, words, options):
    ends, times = threading.Event(), []
    if words:
        server.call("CONFIG", "RESETSTAT")
        searcher = threading.Thread(target=search_until, args=(server, words, ends, times))
        searcher.start()
    run = generator.Background(server, command="get", keys=options.keys, rate=RATE, seconds=options.seconds,
                               connections=50).finish()
    ends.set()
    found = {"p50_us": run["p50_us"], "p99_us": run["p99_us"], "p99_9_us": run["p99_9_us"], "max_us": run["max_us"]}
    if words:
        searcher.join()
        found |= {"turn_us": int(server.info()["gyre_longest_turn_us"]), "seconds": sum(times) / len(times)}
    return found


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--keys", type=int)
    options = parser.parse_args()
    options.keys = options.keys or (100_000 if options.quick else 5_000_000)
    options.seconds = 1 if options.quick else SECONDS
    options.no_redis = True
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    table = report.Table(f"{RATE:,} GETs a second beside FIND over {options.keys:,} keys", (
        ("work", "search", ""), ("server", "server", ""), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        ("p99_9_us", "p99.9 us", ",.0f"), ("max_us", "most us", ",.0f"), ("turn_us", "longest turn us", ",.0f"),
        ("seconds", "FIND takes s", ".2f"), *report.RATIOS))
    table.remarks.append("ratios are of p99.9, to the bare echo's")
    specs = harness.prepare(options, with_echo=True)
    with harness.running(sorted(specs, key=lambda spec: not spec.is_echo)) as servers:
        for server in servers:
            if not server.spec.is_echo:
                generator.load_keys(server, options.keys, value_bytes=VALUE_BYTES)
        for label, words in SEARCHES:
            harness.note(label)
            results = harness.interleave(
                servers, rounds,
                lambda server, words=words: beside(server, None if server.spec.is_echo else words, options),
                discard=0)
            table.rows += report.summarize({"work": label}, results, "p99_9_us")
    report.finish(options, [table])


if __name__ == "__main__":
    main()
