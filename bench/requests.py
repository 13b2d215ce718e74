#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Server CPU per request of Gyre beside redis-server, by redis-benchmark.

Each server in turn is pinned to one processor and the generator to another; rounds are interleaved,
so that a machine that changes its speed changes it for both. The figure to trust is the server's CPU
time (user + system, /proc/PID/stat) over the requests it served: throughput at pipeline 1 is the
generator's, not the server's.

    requests.py [--rounds 3] [--requests 400000] [--pipeline N] [--json] [--server NAME=PATH ...]

The environment names the binary under test: GYRE_SERVER.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KEYS = 1_000_000
ROWS = [(test, pipeline) for pipeline in (1, 16, 64) for test in ("get", "set")]


def cpu_seconds(pid):
    """User and system time of all threads of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process on a processor of its own."""

    def __init__(self, name, path, processor, folder):
        self.name = name
        self.port = free_port()
        command = ["taskset", "-c", str(processor), path, "--port", str(self.port),
                   "--save", "", "--appendonly", "no", "--dir", folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                time.sleep(0.02)
        sys.exit(f"{self.name} does not answer on port {self.port}")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def benchmark(server, test, pipeline, requests, processor, extra=()):
    """Runs redis-benchmark once; returns (requests per second, server CPU us per request)."""
    command = ["taskset", "-c", str(processor), "redis-benchmark", "-p", str(server.port),
               "-t", test, "-n", str(requests), "-c", "50", "-P", str(pipeline), "-d", "64",
               "-r", str(KEYS), "--csv", *extra]
    before = cpu_seconds(server.process.pid)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = cpu_seconds(server.process.pid) - before
    row = [line for line in output.splitlines() if line.lower().startswith(f'"{test}"')][0]
    return float(row.split(",")[1].strip('"')), spent * 1e6 / requests


def requests_for(pipeline, base):
    """Enough requests that the clock tick of CPU accounting is below a per cent."""
    return base if pipeline == 1 else base * 5


def rounds_for(pipeline, rounds):
    """At pipeline 1 the figures jump between two levels, for every server: three times the rounds."""
    return rounds * 3 if pipeline == 1 else rounds


def measure(options, servers):
    results = {}
    processors = sorted(os.sched_getaffinity(0))
    server_cpu, client_cpu = processors[0], processors[-1]
    with tempfile.TemporaryDirectory() as folder:
        running = [Server(name, path, server_cpu, folder) for name, path in servers]
        try:
            for server in running:  # every key exists, so that GET finds something
                benchmark(server, "set", 64, KEYS * 3, client_cpu)
            for test, pipeline in options.rows:
                for turn in range(rounds_for(pipeline, options.rounds)):
                    order = running if turn % 2 == 0 else running[::-1]
                    for server in order:
                        count = requests_for(pipeline, options.requests)
                        figures = benchmark(server, test, pipeline, count, client_cpu)
                        results.setdefault((test, pipeline, server.name), []).append(figures)
        finally:
            for server in running:
                server.stop()
    return results


def summarize(results, servers, measured):
    rows = []
    baseline = servers[0][0]
    for test, pipeline in measured:
        base_cpu = [cpu for _, cpu in results[(test, pipeline, baseline)]]
        for name, _ in servers:
            figures = results[(test, pipeline, name)]
            cpu = [one for _, one in figures]
            pairs = [mine / theirs for mine, theirs in zip(cpu, base_cpu)]
            rows.append({
                "test": test, "pipeline": pipeline, "server": name,
                "requests_per_second": round(statistics.median(rate for rate, _ in figures)),
                "cpu_us_per_request": round(statistics.median(cpu), 3),
                "ratio_of_medians": round(statistics.median(cpu) / statistics.median(base_cpu), 3),
                "pair_ratio_min": round(min(pairs), 3), "pair_ratio_max": round(max(pairs), 3),
            })
    return rows


def print_table(rows):
    print(f"{'test':5} {'pipeline':>8}  {'server':14} {'requests/s':>11} {'CPU us/request':>15} "
          f"{'ratio':>7}  {'pairs':>15}")
    for row in rows:
        pairs = f"{row['pair_ratio_min']:.2f} .. {row['pair_ratio_max']:.2f}"
        print(f"{row['test']:5} {row['pipeline']:8}  {row['server']:14} "
              f"{row['requests_per_second']:11,} {row['cpu_us_per_request']:15.3f} "
              f"{row['ratio_of_medians']:7.3f}  {pairs:>15}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=400_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--server", action="append", default=[], metavar="NAME=PATH",
                        help="a further server to compare")
    parser.add_argument("--pipeline", type=int, choices=(1, 16, 64), help="these rows only")
    options = parser.parse_args()
    options.rows = [row for row in ROWS if options.pipeline in (None, row[1])]
    gyre = os.environ.get("GYRE_SERVER")
    redis = shutil.which("redis-server")
    if not gyre or not redis:
        sys.exit("GYRE_SERVER must name the server and redis-server must be installed: use ./dev bench")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two processors are needed: one for the server, one for the generator")
    servers = [("redis-server", redis), ("gyre", gyre)]
    servers += [tuple(extra.split("=", 1)) for extra in options.server]
    rows = summarize(measure(options, servers), servers, options.rows)
    if options.json:
        json.dump(rows, sys.stdout, indent=2)
        print()
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
