#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Active expiry: how late keys go that nobody reads, what that costs, and whom it delays.

lateness  1,000 keys due at once beside none, 10 thousand, 100 thousand and 1 million others whose TTL is
          far away. INFO is polled for expired_keys, no key is read: a key's lateness is the time of the
          poll that first counted it, less the deadline. Polls run the event loop, which helps servers
          that expire before they sleep.
events    the same keys and the same servers, but nothing is asked: a key's lateness is the time when its
          `expired` event arrives, less the deadline.
resident  2 million keys with TTLs of 1 to 20 s on an idle server, each second: DBSIZE less the keys whose
          deadline is to come, which this program knows; and the server's CPU time.
burst     500 thousand keys due in one millisecond under 5,000 GETs a second for other keys: p99.9 of
          these, the longest loop turn where the server tells, the time until all are gone. A bare echo
          under the same load is the noise floor.

    ./dev bench expiry [--only lateness|events|resident|burst] [--patience 60] [--quick] [--json] [--plot DIR]
"""

import random
import time
from array import array
from bisect import bisect_right

import generator
import harness
import plot
import report
from client import Client

DUE_KEYS = 1000
FAR_TTL = "100000:200000"
BATCH = 1000
VALUE = b"v" * 32
SET_UNTIL = b"*5\r\n$3\r\nSET\r\n$16\r\nttl:%012d\r\n$32\r\n" + VALUE + b"\r\n$4\r\nPXAT\r\n$13\r\n%d\r\n"


def now_ms():
    return time.time() * 1000


def percentile(ordered, percent):
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def expired_keys(client):
    return int(client.info("stats")["expired_keys"])


# --- lateness ---------------------------------------------------------------------------------------------

def lateness_once(server, patience):
    """Milliseconds by which each of the keys was late; those still there count as late as we waited."""
    late = []
    with Client(server.address) as client:
        due = int(now_ms()) + 300
        client.send_batch(b"".join(SET_UNTIL % (i, due) for i in range(DUE_KEYS)), DUE_KEYS)
        before = expired_keys(client)  # after SET met what an earlier round left
        time.sleep(max(0, due - now_ms()) / 1000)
        while len(late) < DUE_KEYS and now_ms() < due + patience * 1000:
            gone = expired_keys(client) - before
            late += [now_ms() - due] * (gone - len(late))
            time.sleep(0.0005 if now_ms() < due + 2000 else 0.02)
    return lateness_of(late, due)


def lateness_of(late, due):
    unseen = DUE_KEYS - len(late)
    late += [now_ms() - due] * unseen
    return {"p50_ms": percentile(late, 50), "p99_ms": percentile(late, 99), "max_ms": late[-1],
            "unseen": unseen}


def lateness_by_events(server, patience):
    """The same, by the arrival of each key's event. Those before the deadline are of keys of an earlier
    round, which SET met."""
    late = []
    with Client(server.address) as client, Client(server.address) as listener:
        client.must("CONFIG", "SET", "notify-keyspace-events", "Ex")
        listener.must("SUBSCRIBE", "__keyevent@0__:expired")
        due = int(now_ms()) + 300
        client.send_batch(b"".join(SET_UNTIL % (i, due) for i in range(DUE_KEYS)), DUE_KEYS)
        while len(late) < DUE_KEYS and (left := due + patience * 1000 - now_ms()) > 0:
            listener.socket.settimeout(left / 1000)
            try:
                listener.read()
            except TimeoutError:
                break
            if (at := now_ms()) >= due:
                late.append(at - due)
    return lateness_of(late, due)


def lateness_table(options, specs, once=lateness_once, how="no reads"):
    table = report.Table(f"Lateness of {DUE_KEYS:,} keys due at once, {how}", (
        ("others", "others with a TTL", ",d"), ("server", "server", ""), ("p50_ms", "p50 ms", ",.1f"),
        ("p99_ms", "p99 ms", ",.1f"), ("max_ms", "most ms", ",.1f"), ("unseen", "still there", ",.0f")))
    table.remarks.append(f"waited {options.patience:g} s at most: what is still there then counts as that late")
    for others in (0, 10_000) if options.quick else (0, 10_000, 100_000, 1_000_000):
        harness.note(f"lateness beside {others:,}, {how}")
        with harness.running(specs) as servers:
            for server in servers:
                if others:
                    generator.load_keys(server, others, ttl=FAR_TTL, value_bytes=32)
            results = harness.interleave(servers, options.rounds or (1 if options.quick else 3),
                                         lambda server: once(server, options.patience), discard=0)
        table.rows += report.summarize({"others": others}, results, "p99_ms")
    return table


def events_table(options, specs):
    return lateness_table(options, specs, lateness_by_events, "by their events")


# --- resident ---------------------------------------------------------------------------------------------

def load_with_deadlines(client, keys, seconds):
    """Sets the keys with TTLs of 1 to `seconds`; returns their deadlines in order."""
    draw = random.Random(1).random
    deadlines = array("d")
    for first in range(0, keys, BATCH):
        base = now_ms() + 1000
        due = [int(base + draw() * (seconds - 1) * 1000) for _ in range(min(BATCH, keys - first))]
        client.send_batch(b"".join(SET_UNTIL % (first + i, at) for i, at in enumerate(due)), len(due))
        deadlines.extend(due)
    return array("d", sorted(deadlines))


def watch_resident(server, keys, seconds, patience):
    """[(second, keys resident past their deadline)] until all are gone, and CPU seconds meanwhile."""
    curve, worst = [], 0
    with Client(server.address) as client:
        deadlines = load_with_deadlines(client, keys, seconds)
        start, cpu = now_ms(), server.cpu_seconds()
        end = deadlines[-1] + patience * 1000
        held, polls = keys, 0
        while held and now_ms() < end:
            polls += 1
            time.sleep(max(0, start + polls * 250 - now_ms()) / 1000)
            asked = now_ms()
            held = client.must("DBSIZE")
            overdue = held - (keys - bisect_right(deadlines, (asked + now_ms()) / 2))
            worst = max(worst, overdue)
            if polls % 4 == 0:
                curve.append((polls // 4, max(overdue, 0)))
        took = (now_ms() - deadlines[-1]) / 1000
    return {"worst": worst, "cpu_seconds": server.cpu_seconds() - cpu, "last_gone_s": took, "left": held}, curve


def resident_table(options, specs):
    keys, seconds = (100_000, 5) if options.quick else (2_000_000, 20)
    table = report.Table(f"{keys:,} keys with TTLs of 1 to {seconds} s on an idle server", (
        ("server", "server", ""), ("worst", "most past their deadline", ",.0f"),
        ("cpu_seconds", "CPU s until all are gone", ",.3f"), ("last_gone_s", "last gone after s", ",.2f"),
        ("left", "left", ",.0f"), ("ratio", "ratio of CPU", ".3f")))
    results, curves = {}, {}
    for spec in specs:  # one after the other: each is to be idle, and the machine with it
        harness.note(f"resident: {spec.name}")
        with harness.running([spec]) as (server,):
            found, curves[spec.name] = watch_resident(server, keys, seconds, options.patience)
            results[spec.name] = [found]
    table.rows = report.summarize({}, results, "cpu_seconds")
    for row in table.rows:
        row["curve"] = curves[row["server"]]
    return table


# --- burst ------------------------------------------------------------------------------------------------

def poll_until_gone(server, live, due, end):
    """Milliseconds after `due` until no more than `live` keys are left; None when some still are."""
    with Client(server.address) as client:
        time.sleep(max(0, due - now_ms()) / 1000)
        while now_ms() < end:
            if client.must("DBSIZE") == live:
                return now_ms() - due
            time.sleep(0.005)
    return None


def burst_once(server, options):
    """The bare echo is sent the same, and answers it with nothing that counts."""
    keys, live, lead = (50_000, 10_000, 2.0) if options.quick else (500_000, 100_000, 4.0)
    if not server.spec.is_echo:
        server.call("FLUSHALL")
        generator.load_keys(server, live)
    due = int(now_ms() + lead * 1000)
    generator.load_keys(server, keys, key_prefix="due:", expire_at_ms=due, value_bytes=32)
    time.sleep(max(0, due - 500 - now_ms()) / 1000)
    if due - now_ms() < 200:
        raise RuntimeError(f"{server.name}: loading {keys:,} keys took longer than {lead} s")
    if not server.spec.is_echo:
        server.call("CONFIG", "RESETSTAT")
    load = generator.Background(server, command="get", keys=live, rate=5000, seconds=4, connections=50)
    gone_ms = poll_until_gone(server, live, due, due + 3400)
    run = load.finish()
    found = {"p50_us": run["p50_us"], "p99_us": run["p99_us"], "p99_9_us": run["p99_9_us"],
             "max_us": run["max_us"], "cpu_seconds": run["server_cpu_seconds"]}
    if not server.spec.is_echo:
        found["gone_ms"] = gone_ms if gone_ms is not None else float("inf")
        turn = server.info().get("gyre_longest_turn_us")
        found |= {"turn_us": int(turn)} if turn else {}
    return found


def burst_table(options, specs):
    table = report.Table("Many keys due in one millisecond under 5,000 GETs a second", (
        ("server", "server", ""), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        ("p99_9_us", "p99.9 us", ",.0f"), ("max_us", "most us", ",.0f"),
        ("turn_us", "longest turn us", ",.0f"), ("gone_ms", "all gone after ms", ",.0f"),
        ("cpu_seconds", "CPU s", ".3f"), *report.RATIOS))
    table.remarks.append("ratios are of p99.9; 'inf': not gone when the load ended, 3.4 s after the deadline")
    harness.note("burst")
    with harness.running(specs) as servers:
        results = harness.interleave(servers, options.rounds or (1 if options.quick else 5),
                                     lambda server: burst_once(server, options),
                                     discard=0 if options.quick else 1)
    table.rows = report.summarize({}, results, "p99_9_us")
    return table


# --- all --------------------------------------------------------------------------------------------------

def charts(tables):
    made = []
    for name, how in (("lateness", ""), ("events", " by their events")):
        if name in tables:
            made.append(plot.bars_of(tables[name], f"expiry-{name}.svg",
                                     f"Lateness of {DUE_KEYS:,} keys due at once{how}, p99", "milliseconds",
                                     "p99_ms", lambda row: f"{row['others']:,} others"))
    if "resident" in tables:
        made.append(plot.Lines("expiry-resident.svg", tables["resident"].title, "seconds after the load",
                               "keys past their deadline",
                               {row["server"]: row["curve"] for row in tables["resident"].rows}))
    if "burst" in tables:
        made.append(plot.bars_of(tables["burst"], "expiry-burst.svg",
                                 "p99.9 of GET while keys due in one millisecond are removed", "microseconds",
                                 "p99_9_us", lambda row: "5,000 GETs a second"))
    return made


def main():
    parts = {"lateness": lateness_table, "events": events_table, "resident": resident_table, "burst": burst_table}
    parser = harness.parser(__doc__)
    parser.add_argument("--only", choices=tuple(parts))
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for what is late (60)")
    options = parser.parse_args()
    with_echo = harness.prepare(options, with_echo=True)
    without = [spec for spec in with_echo if not spec.is_echo]
    tables = {name: part(options, with_echo if name == "burst" else without)
              for name, part in parts.items() if options.only in (None, name)}
    report.finish(options, list(tables.values()), charts(tables))


if __name__ == "__main__":
    main()
