#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hit ratio and CPU per request of a cache that is full, over traces of different popularity.

The client does what applications do: it GETs keys in pipelined batches and SETs those that were missed.
10 million keys of 16 bytes with values of 32; the cache holds 100 thousand. redis-server has the maxmemory
at which it holds that many (found first, by trial); Gyre has `maxkeys 100000`, and in a second row the
same maxmemory, where it may hold more. The first fifth of a trace warms the cache and does not count.

zipf 0.8, zipf 1.0  the key of rank r is asked for in proportion to r ** -exponent
scan                zipf 1.0, and every tenth request is for a key that never comes again, in runs of 1,000
drift               zipf 1.0, where the ranks move on by one key every five requests

    ./dev bench eviction [--requests 4000000] [--only TRACE] [--quick] [--json] [--plot DIR]
"""

import random
from array import array
from bisect import bisect_left
from itertools import accumulate

import harness
import plot
import report
from client import Client, ReplyError

UNIVERSE = 10_000_000
HELD = 100_000
WARM_SHARE = 0.2
BATCH = 100
SCAN_RUN = 1000
DRIFT_EVERY = 5
VALUE = b"v" * 32
GET = b"*2\r\n$3\r\nGET\r\n$16\r\nkey:%012d\r\n"
SET = b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$32\r\n" + VALUE + b"\r\n"
HIT_BYTES = len(b"$32\r\n\r\n") + len(VALUE)
MISS_BYTES = len(b"$-1\r\n")
REDIS_POLICIES = ("allkeys-lru", "allkeys-lfu")
GYRE_POLICIES = (*REDIS_POLICIES, "allkeys-s3fifo")
TRACES = ("zipf 0.8", "zipf 1.0", "scan", "drift")


# --- traces -----------------------------------------------------------------------------------------------

def zipf_ranks(exponent, universe, count, seed=1):
    """`count` ranks, 0 the most popular: a uniform number looked up in the cumulated weights."""
    table = array("d", accumulate(rank ** -exponent for rank in range(1, universe + 1)))
    draw, total = random.Random(seed).random, table[-1]
    return array("q", [bisect_left(table, draw() * total) for _ in range(count)])


def with_scans(ranks, universe):
    """Runs of keys that come once, behind the universe, one tenth of all requests."""
    keys, fresh = array("q"), universe
    for first in range(0, len(ranks), 10 * SCAN_RUN):
        piece = ranks[first:first + 10 * SCAN_RUN]
        once = len(piece) // 10
        keys.extend(range(fresh, fresh + once))
        keys.extend(piece[once:])
        fresh += once
    return keys


def drifting(ranks, universe):
    return array("q", [(rank + turn // DRIFT_EVERY) % universe for turn, rank in enumerate(ranks)])


def traces(count, universe, only):
    """(name, keys in order) of each; one cumulated table at a time is in memory."""
    wanted = [name for name in TRACES if only in name]
    if "zipf 0.8" in wanted:
        yield "zipf 0.8", zipf_ranks(0.8, universe, count)
    if wanted == ["zipf 0.8"]:
        return
    ranks = zipf_ranks(1.0, universe, count)
    made = {"zipf 1.0": lambda: ranks, "scan": lambda: with_scans(ranks, universe),
            "drift": lambda: drifting(ranks, universe)}
    for name in wanted:
        if name in made:
            yield name, made[name]()


# --- the client -------------------------------------------------------------------------------------------

def read_hits(client, count):
    """Which of the GETs of a batch found something. Replies have one of two lengths."""
    data, hits, at = b"", [], 0
    while len(hits) < count:
        while len(data) - at < MISS_BYTES or (data[at + 1] != 45 and len(data) - at < HIT_BYTES):
            more = client.socket.recv(1 << 16)
            if not more:
                raise ConnectionError("the server closed the connection")
            data, at = data[at:] + more, 0
        if data[at] != 36:
            raise ValueError(f"GET was answered with {data[at:at + 80]!r}")
        is_hit = data[at + 1] != 45
        hits.append(is_hit)
        at += HIT_BYTES if is_hit else MISS_BYTES
    return hits


def replay(server, keys):
    """Runs a trace; counts what comes after the warm-up."""
    warm = int(len(keys) * WARM_SHARE) // BATCH * BATCH
    hits = sets = refused = 0
    cpu = server.cpu_seconds()
    with Client(server.address) as client:
        for first in range(0, len(keys), BATCH):
            if first == warm:
                hits, sets, cpu = 0, 0, server.cpu_seconds()
            batch = keys[first:first + BATCH]
            client.socket.sendall(b"".join([GET % key for key in batch]))
            found = read_hits(client, len(batch))
            hits += sum(found)
            missed = dict.fromkeys(key for key, hit in zip(batch, found) if not hit)
            if missed:
                sets += len(missed)
                refused += not client.send_batch(b"".join([SET % key for key in missed]), len(missed))
    gets = len(keys) - warm
    return {"hit_ratio": hits / gets * 100, "cpu_us": (server.cpu_seconds() - cpu) * 1e6 / (gets + sets),
            "held": server.call("DBSIZE"), "refused": refused}


# --- servers ----------------------------------------------------------------------------------------------

def find_maxmemory(spec, wanted):
    """The maxmemory at which redis-server, filled beyond it, holds so many keys."""
    with harness.running([spec]) as (server,):
        empty = int(server.info("memory")["used_memory"])
        replay(server, range(wanted))
        limit = int(server.info("memory")["used_memory"])
        per_key = (limit - empty) / wanted
    for _ in range(6):
        with harness.running([spec], ("--maxmemory-policy", "allkeys-lru", "--maxmemory", str(limit))) as (server,):
            # By the client of the traces: what its connection needs counts too.
            held = replay(server, range(wanted * 3))["held"]
        if abs(held - wanted) <= wanted * 0.002:
            break
        limit += int((wanted - held) * per_key)
    harness.note(f"{spec.name} holds {held:,} keys with maxmemory {limit:,}")
    return limit


def set_ups(specs, maxmemory, held):
    """(name, server, policy, directives) of each row."""
    for spec in specs:
        limits = {"": {"maxmemory": maxmemory}}
        if spec.is_gyre:
            limits = {"maxkeys": {"maxkeys": held}, "maxmemory": {"maxmemory": maxmemory}}
        for limit, directives in limits.items():
            for policy in GYRE_POLICIES if spec.is_gyre else REDIS_POLICIES:
                name = " ".join(filter(None, (spec.name, limit, policy.removeprefix("allkeys-"))))
                yield name, spec, policy, directives


def run_one(spec, policy, directives, keys):
    """Figures of one trace in a fresh server, or None when it does not know the policy."""
    with harness.running([spec]) as (server,):
        with Client(server.address) as client:
            if isinstance(client.call("CONFIG", "SET", "maxmemory-policy", policy), ReplyError):
                return None
            for name, value in directives.items():
                client.must("CONFIG", "SET", name, value)
        return replay(server, keys)


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--requests", type=int, help="GETs of a trace (4000000)")
    parser.add_argument("--only", default="", metavar="TRACE", help="traces whose name contains this")
    options = parser.parse_args()
    count = options.requests or (100_000 if options.quick else 4_000_000)
    universe, held = (UNIVERSE // 10, HELD // 10) if options.quick else (UNIVERSE, HELD)
    specs = harness.prepare(options)
    maxmemory = find_maxmemory(specs[0], held)
    table = report.Table(f"Hit ratio with {held:,} of {universe:,} keys", (
        ("work", "trace", ""), ("server", "server", ""), ("hit_ratio", "hits %", ".2f"),
        ("cpu_us", "CPU us/request", ".3f"), ("held", "keys held", ",.0f"),
        ("refused", "batches refused", ",.0f"), ("ratio", "ratio of CPU", ".3f")))
    table.remarks.append(f"maxmemory {maxmemory:,}; refused: batches of SET with an error among the replies")
    for trace, keys in traces(count, universe, options.only):
        results = {}
        for name, spec, policy, directives in set_ups(specs, maxmemory, held):
            harness.note(f"{trace}: {name}")
            runs = [run_one(spec, policy, directives, keys) for _ in range(options.rounds or 1)]
            if None in runs:
                harness.note("  refused: no such policy")
            else:
                results[name] = runs
        table.rows += report.summarize({"work": trace}, results, "cpu_us")
    report.finish(options, [table], [
        plot.bars_of(table, "eviction.svg", table.title, "hits, %", "hit_ratio", lambda row: row["work"])])


if __name__ == "__main__":
    main()
