#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Lists, hashes, sets and sorted sets: server CPU per request, memory, and the longest turn of the loop.

Requests come from redis-benchmark at pipeline 16; rows named saturating from gyre-load, which keeps the server
busy, where redis-benchmark is the slower of the two. What adds begins with an empty key in each run and draws
members from a million; what pops has enough to pop. Memory is resident memory of a fresh server, as in the
bench of that name. Turns of the loop are counted in CPU time, by Gyre alone.

    ./dev bench collections [--only TEXT] [--requests 1000000] [--quick] [--json] [--plot DIR]
"""

import random
import sys
import threading
import time
from dataclasses import dataclass

import generator
import harness
import plot
import report
from client import Client, encode

ROUNDS = 5
PIPELINE = 16
MILLION = 1_000_000
BATCH = 1000
SETTLE_SECONDS = 0.5  # what was deleted is freed in the background
SEED = 1


def member(index):
    """16 bytes."""
    return f"member:{index:09d}"


def send_all(server, commands):
    """Sends requests, an iterable of words, a thousand at a time; their replies are one line each."""
    batch = []
    with Client(server.address) as client:
        for words in commands:
            batch.append(encode(words))
            if len(batch) == BATCH:
                client.send_batch(b"".join(batch), len(batch))
                batch.clear()
        if batch and not client.send_batch(b"".join(batch), len(batch)):
            raise RuntimeError(f"{server.name} refuses what it is to be filled with")


def fill(server, command, key, count, words_of, first=0):
    """`command key` with the words of `count` elements, a thousand elements in each request."""
    def commands():
        for begin in range(first, first + count, BATCH):
            words = [command, key]
            for index in range(begin, min(begin + BATCH, first + count)):
                words += words_of(index)
            yield words
    send_all(server, commands())


# --- requests ---------------------------------------------------------------------------------------------

def fresh(key):
    def prepare(server, _):
        server.call("UNLINK", key)
        time.sleep(SETTLE_SECONDS)
    return prepare


def poppable_list(server, requests):
    fill(server, "RPUSH", "list", max(requests - server.call("LLEN", "list"), 0), lambda index: [member(index)])


def poppable_zset(server, requests):
    fresh("zset")(server, requests)
    fill(server, "ZADD", "zset", requests, lambda index: [index * 7919 % MILLION, member(index)])


def range_list(server, _):
    if not server.call("EXISTS", "range"):
        fill(server, "RPUSH", "range", 1000, lambda index: [member(index)])


def big_zset(server, _):
    if not server.call("EXISTS", "big"):
        fill(server, "ZADD", "big", MILLION, lambda index: [index, f"element:{index:012d}"])


@dataclass(frozen=True)
class Row:
    label: str
    words: tuple
    prepare: object
    share: float = 1.0  # of the requests of a run
    is_saturating: bool = False


ROWS = (
    Row("LPUSH", ("LPUSH", "list", member(0)), fresh("list")),
    Row("LPOP", ("LPOP", "list"), poppable_list),
    Row("LPUSH, saturating", ("LPUSH", "list", member(0)), fresh("list"), is_saturating=True),
    Row("LPOP, saturating", ("LPOP", "list"), poppable_list, is_saturating=True),
    Row("SADD", ("SADD", "set", "element:__rand_int__"), fresh("set")),
    Row("HSET", ("HSET", "hash", "element:__rand_int__", member(0)), fresh("hash")),
    Row("ZADD", ("ZADD", "zset", "__rand_int__", "element:__rand_int__"), fresh("zset")),
    Row("ZPOPMIN", ("ZPOPMIN", "zset"), poppable_zset),
    Row("LRANGE_100", ("LRANGE", "range", "0", "99"), range_list, 0.2),
    Row("LRANGE_600", ("LRANGE", "range", "0", "599"), range_list, 0.05),
    Row("ZRANK of a million", ("ZRANK", "big", "element:__rand_int__"), big_zset),
    Row("ZRANGE by score of a million, 10 members",
        ("ZRANGE", "big", "__rand_int__", "+inf", "BYSCORE", "LIMIT", "0", "10"), big_zset, 0.5),
)


def measure_row(server, row, requests):
    count = int(requests * row.share)
    row.prepare(server, count)
    if row.is_saturating:
        return generator.gyre_load(server, script=" ".join(row.words), requests=count, pipeline=PIPELINE)
    return generator.redis_benchmark(server, row.words, count, PIPELINE)


def requests_table(options, specs, rows):
    table = report.Table(f"Server CPU per request, pipeline {PIPELINE}", (
        ("work", "work", ""), ("server", "server", ""), ("requests_per_second", "requests/s", ",.0f"),
        ("cpu_us", "CPU us/request", ".3f"), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        *report.RATIOS))
    with harness.running(specs) as servers:
        for row in rows:
            harness.note(row.label)
            figures = harness.interleave(
                servers, options.rounds or (1 if options.quick else ROUNDS),
                lambda server, row=row: measure_row(server, row, options.requests),
                discard=0 if options.quick else 1)
            kept = {name: [{key: one[key] for key in generator.COLUMNS} for one in runs]
                    for name, runs in figures.items()}
            table.rows += report.summarize({"work": row.label}, kept, "cpu_us")
    return table


# --- memory -----------------------------------------------------------------------------------------------

def load_small_hashes(server, count):
    fields = [word for field in range(5) for word in (f"field{field}", f"value{field}")]
    send_all(server, (("HSET", f"hash:{index:011d}", *fields) for index in range(count)))


def load_zset(server, count):
    chance = random.Random(SEED)
    fill(server, "ZADD", "key", count, lambda index: [chance.random(), member(index)])


MEMORY = (
    ("zset, members of 16 B", load_zset),
    ("set, members of 16 B", lambda server, count: fill(
        server, "SADD", "key", count, lambda index: [member(index)])),
    ("hash, fields and values of 16 B", lambda server, count: fill(
        server, "HSET", "key", count, lambda index: [member(index), member(index)])),
    ("list, elements of 16 B", lambda server, count: fill(
        server, "RPUSH", "key", count, lambda index: [member(index)])),
    ("hashes of 5 small fields", load_small_hashes),
)


def measure_memory(spec, load, count):
    with harness.running([spec]) as (server,):
        server.call("DBSIZE")
        empty = server.resident_bytes()
        load(server, count)
        server.call("DBSIZE")
        return {"bytes_each": (server.resident_bytes() - empty) / count}


def memory_table(options, specs, rows, count):
    table = report.Table(f"Resident memory, {count:,} elements or keys", (
        ("work", "work", ""), ("server", "server", ""), ("bytes_each", "bytes each", ",.1f"),
        ("ratio", "ratio", ".3f")))
    for label, load in rows:
        harness.note(label)
        results = {spec.name: [measure_memory(spec, load, count) for _ in range(options.rounds or 1)]
                   for spec in specs}
        table.rows += report.summarize({"work": label}, results, "bytes_each")
    return table


# --- turns ------------------------------------------------------------------------------------------------

def delete_list(server, count):
    fill(server, "RPUSH", "key", count, lambda index: [member(index)])
    server.call("CONFIG", "RESETSTAT")
    server.call("DEL", "key")


def write_while_saving(server, count):
    """HSETs one after another, each to another field, from the beginning of a snapshot to its end."""
    fill(server, "HSET", "key", count, lambda index: [member(index), member(index)])
    is_over = threading.Event()

    def write():
        chance = random.Random(SEED)
        with Client(server.address) as client:
            while not is_over.is_set():
                client.must("HSET", "key", member(chance.randrange(count)), "changed")

    server.call("CONFIG", "RESETSTAT")
    writer = threading.Thread(target=write)
    writer.start()
    server.call("BGSAVE")
    while server.info("persistence")["rdb_bgsave_in_progress"] != "0":
        time.sleep(0.01)
    is_over.set()
    writer.join()


TURNS = (
    ("DEL of a list", delete_list),
    ("HSET into a hash during BGSAVE", write_while_saving),
)


def measure_turn(spec, work, count):
    with harness.running([spec]) as (server,):
        work(server, count)
        time.sleep(SETTLE_SECONDS)
        return {"longest_turn_us": int(server.info()["gyre_longest_turn_us"])}


def turns_table(options, specs, rows, count):
    table = report.Table(f"Longest turn of the loop, in its CPU time, {count:,} elements", (
        ("work", "work", ""), ("server", "server", ""), ("longest_turn_us", "us", ",.0f")))
    for label, work in rows:
        harness.note(label)
        results = {spec.name: [measure_turn(spec, work, count) for _ in range(options.rounds or 1)]
                   for spec in specs if spec.is_gyre}
        table.rows += report.summarize({"work": label}, results, "longest_turn_us")
    return table


def main():
    sys.argv[0] = "collections.sh"  # what the report says was run
    parser = harness.parser(__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name contains this")
    parser.add_argument("--requests", type=int, help="of a run; fewer where each does more")
    options = parser.parse_args()
    options.requests = options.requests or (20_000 if options.quick else MILLION)
    count = 20_000 if options.quick else MILLION
    specs = harness.prepare(options)

    def wanted(rows):
        return [row for row in rows
                if options.only.lower() in (row.label if isinstance(row, Row) else row[0]).lower()]

    tables, charts = [], []
    if rows := wanted(ROWS):
        tables.append(requests_table(options, specs, rows))
        charts.append(plot.bars_of(tables[-1], "collections-requests.svg", tables[-1].title, "microseconds",
                                   "cpu_us", lambda row: row["work"].replace(" of a million", ", of a million")))
    if rows := wanted(MEMORY):
        tables.append(memory_table(options, specs, rows, count))
        charts.append(plot.bars_of(tables[-1], "collections-memory.svg", tables[-1].title, "bytes each",
                                   "bytes_each", lambda row: row["work"]))
    if rows := wanted(TURNS):
        tables.append(turns_table(options, specs, rows, count))
    report.finish(options, tables, charts)


if __name__ == "__main__":
    main()
