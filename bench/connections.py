#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Many connections: what an idle one costs, what active ones cost beside them, and storms of new ones.

memory  10,000 connections are opened and each sends one PING; after some quiet seconds: what INFO says
        clients use (used_memory_clients, or mem_clients_normal), what the server allocated in all
        (used_memory) and what became resident, each per connection. Then CPU time with nothing to do.
active  GET by 50 connections beside the idle ones, and without.
storm   connections opened, one PING on each, closed; 50 at once.

    ./dev bench connections [--idle 10000] [--quick] [--json] [--plot DIR]
"""

import time

import generator
import harness
import plot
import report
from client import Client, encode

CLIENT_FIELDS = ("used_memory_clients", "mem_clients_normal")
QUIET_SECONDS = 5  # servers shrink the buffers of clients that have become idle by and by
MAXCLIENTS = 20_000


def memory_of(server):
    info = server.info("memory")
    field = next((name for name in CLIENT_FIELDS if name in info), None)
    return {"clients": int(info[field]) if field else 0, "used": int(info["used_memory"]),
            "resident": server.resident_bytes()}


def cpu_share(server, seconds):
    """Part of a processor used in that time, in per mille."""
    before, start = server.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / (time.monotonic() - start) * 1000


def open_idle(server, count):
    """Connections that have all spoken once."""
    idle = []
    for _ in range(count):
        idle.append(Client(server.address))
    for client in idle:
        client.socket.sendall(encode(["PING"]))
    for client in idle:
        client.socket.recv(16)
    return idle


def idle_once(spec, count, quiet):
    """A fresh server each time: what is freed by connections before would be used again."""
    with harness.running([spec], ("--maxclients", str(MAXCLIENTS))) as (server,):
        time.sleep(1)
        found = {"cpu_without": cpu_share(server, quiet)}
        before = memory_of(server)
        idle = open_idle(server, count)
        time.sleep(quiet)
        after = memory_of(server)
        found |= {f"{name}_bytes": (after[name] - before[name]) / count for name in after}
        found["cpu_idle"] = cpu_share(server, quiet)
        for client in idle:
            client.close()
    return found


def idle_table(options, specs):
    table = report.Table(f"{options.idle:,} idle connections: bytes of user memory each", (
        ("server", "server", ""), ("clients_bytes", "clients, by INFO", ",.0f"),
        ("used_bytes", "used_memory", ",.0f"), ("resident_bytes", "resident", ",.0f"),
        ("cpu_without", "CPU, no connection", ".2f"), ("cpu_idle", "CPU, idle ones", ".2f"),
        ("ratio", "ratio of resident", ".3f")))
    table.remarks.append("CPU in thousandths of a processor")
    results = {}
    for spec in specs:
        harness.note(f"idle connections of {spec.name}")
        results[spec.name] = [idle_once(spec, options.idle, 1 if options.quick else QUIET_SECONDS)
                              for _ in range(options.rounds or 1)]
    table.rows = report.summarize({}, results, "resident_bytes")
    return table


def measure_load(server, options, idle):
    extra = {"idle": idle} if idle else {}
    run = generator.gyre_load(server, command="get", keys=generator.KEYS, connections=50,
                              requests=20_000 if options.quick else 300_000, **extra)
    return {key: run[key] for key in generator.COLUMNS}


def measure_storm(server, options):
    run = generator.gyre_load(server, connect_storm=2000 if options.quick else 20_000, connections=50)
    return {key: run[key] for key in generator.COLUMNS}


def work_table(options, specs):
    table = report.Table("Active connections and storms", (
        ("work", "work", ""), ("server", "server", ""), ("requests_per_second", "a second", ",.0f"),
        ("cpu_us", "CPU us each", ".3f"), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        ("p99_9_us", "p99.9 us", ",.0f"), *report.RATIOS))
    works = (("GET, 50 active, none idle", lambda server: measure_load(server, options, 0)),
             (f"GET, 50 active, {options.idle:,} idle", lambda server: measure_load(server, options, options.idle)),
             ("connect, PING, close", lambda server: measure_storm(server, options)))
    with harness.running(specs, ("--maxclients", str(MAXCLIENTS))) as servers:
        for server in servers:
            generator.load_keys(server, generator.KEYS)
        for label, work in works:
            harness.note(label)
            results = harness.interleave(servers, options.rounds or (1 if options.quick else 5), work,
                                         discard=0 if options.quick else 1)
            table.rows += report.summarize({"work": label}, results, "cpu_us")
    return table


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--idle", type=int, help="idle connections (10000)")
    options = parser.parse_args()
    options.idle = options.idle or (1000 if options.quick else 10_000)
    specs = harness.prepare(options)
    idle = idle_table(options, specs)
    work = work_table(options, specs)
    report.finish(options, [idle, work], [
        plot.bars_of(idle, "connections-memory.svg", "Resident memory of an idle connection", "bytes",
                     "resident_bytes", lambda row: f"{options.idle} connections"),
        plot.bars_of(work, "connections-cpu.svg", "Server CPU beside idle connections, and in a storm",
                     "microseconds each", "cpu_us", lambda row: row["work"])])


if __name__ == "__main__":
    main()
