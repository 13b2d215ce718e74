#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""BGSAVE under writes: what it costs in memory and time, and whom it delays.

Each server holds 5 million keys with values of 100 B and is sent 20,000 SETs of them a second, at a fixed
rate, from before the snapshot begins until it has ended. A bare echo under the same load is the noise
floor. Memory is what the whole machine has in anonymous pages, so that what a forked child copies counts
wherever it lies; latency counts from the time a request should have been sent.

    ./dev bench snapshot [--keys 5000000] [--rate 20000] [--quick] [--json] [--plot DIR]
"""

import threading
import time

import generator
import harness
import plot
import report
from client import Client

VALUE_BYTES = 100
LEAD_SECONDS = 1.0
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 300


def anonymous_bytes():
    with open("/proc/meminfo", encoding="ascii") as info:
        for line in info:
            if line.startswith("AnonPages:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/meminfo has no AnonPages")


class Peak:
    """The most anonymous memory there was between start and finish()."""

    def __init__(self):
        self.before = self.most = anonymous_bytes()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.is_over.wait(POLL_SECONDS):
            self.most = max(self.most, anonymous_bytes())

    def finish(self):
        self.is_over.set()
        self.thread.join()
        return self.most - self.before


def save(server):
    """Seconds that a snapshot took, as a client sees it."""
    with Client(server.address) as client:
        started = time.monotonic()
        client.must("BGSAVE")
        while time.monotonic() < started + PATIENCE_SECONDS:
            time.sleep(POLL_SECONDS)
            found = client.info("persistence")
            if found["rdb_bgsave_in_progress"] == "0":
                if found["rdb_last_bgsave_status"] != "ok":
                    raise RuntimeError(f"{server.name}: the snapshot failed")
                return time.monotonic() - started
    raise RuntimeError(f"{server.name}: no snapshot within {PATIENCE_SECONDS} s")


def measure(server, options, seconds):
    """The load goes on for `seconds`, or longer than the snapshot: it is asked for twice as much as the
    slowest was seen to need."""
    if not server.spec.is_echo:
        server.call("CONFIG", "RESETSTAT")
    load = generator.Background(server, command="set", keys=options.keys, value_bytes=VALUE_BYTES,
                                rate=options.rate, seconds=seconds, connections=50)
    time.sleep(LEAD_SECONDS)
    found = {}
    if not server.spec.is_echo:
        peak = Peak()
        took = save(server)
        found = {"seconds": took, "extra_bytes": peak.finish() / 2**20}
    run = load.finish()
    found |= {"p99_us": run["p99_us"], "p99_9_us": run["p99_9_us"], "max_us": run["max_us"],
              "cpu_seconds": run["server_cpu_seconds"]}
    if not server.spec.is_echo:
        turn = server.info().get("gyre_longest_turn_us")
        found |= {"turn_us": int(turn)} if turn else {}
    return found


def fill(server, options):
    """Bytes of memory that the keys take."""
    before = server.resident_bytes()
    generator.load_keys(server, options.keys, value_bytes=VALUE_BYTES)
    return server.resident_bytes() - before


def saving_table(specs, options):
    table = report.Table(
        f"BGSAVE of {options.keys:,} keys of {VALUE_BYTES} B under {options.rate:,} SETs a second", (
            ("server", "server", ""), ("seconds", "seconds", ".2f"), ("extra_bytes", "extra MiB", ",.0f"),
            ("extra_percent", "% of data", ".1f"), ("turn_us", "longest turn us", ",.0f"),
            ("p99_us", "p99 us", ",.0f"), ("p99_9_us", "p99.9 us", ",.0f"), ("max_us", "most us", ",.0f"),
            ("cpu_seconds", "CPU s", ".2f"), ("ratio", "ratio of seconds", ".3f")))
    rounds = options.rounds or (1 if options.quick else 3)
    data = {}
    results = {}
    for spec in specs:  # one after the other: memory is the whole machine's
        harness.note(spec.name)
        with harness.running([spec]) as (server,):
            if not spec.is_echo:
                data[spec.name] = fill(server, options)
            seconds = 3 if options.quick else 20
            results[spec.name] = [measure(server, options, seconds)
                                  for _ in range(rounds + 1)][0 if options.quick else 1:]
    table.rows = report.summarize({}, results, "seconds") if len(results) == len(data) else rows_of(results)
    for row in table.rows:
        if row["server"] in data:
            row["extra_percent"] = row["extra_bytes"] * 2**20 * 100 / data[row["server"]]
    table.remarks.append("the first snapshot of each server is not counted; CPU with that of the load's seconds")
    return table


def rows_of(results):
    """With an echo, which saves nothing: the others by seconds, the echo beside them."""
    saving = {name: rounds for name, rounds in results.items() if "seconds" in rounds[0]}
    other = {name: rounds for name, rounds in results.items() if name not in saving}
    return report.summarize({}, saving, "seconds") + report.summarize({}, other, "max_us")


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--keys", type=int, help="keys held (5000000)")
    parser.add_argument("--rate", type=int, default=20_000, help="SETs a second (20000)")
    options = parser.parse_args()
    options.keys = options.keys or (100_000 if options.quick else 5_000_000)
    specs = harness.prepare(options, with_echo=True)
    table = saving_table(specs, options)
    for row in table.rows:
        if "seconds" not in row:
            row.pop("ratio", None)
    saving = report.Table("", (), [row for row in table.rows if "seconds" in row])
    report.finish(options, [table], [
        plot.bars_of(saving, "snapshot-memory.svg", "Extra memory while BGSAVE runs", "MiB", "extra_bytes",
                     lambda row: "BGSAVE under writes"),
        plot.bars_of(table, "snapshot-pause.svg", "Longest wait of a SET while BGSAVE runs", "microseconds",
                     "max_us", lambda row: "BGSAVE under writes")])


if __name__ == "__main__":
    main()
