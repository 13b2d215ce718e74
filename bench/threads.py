#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""More threads: throughput, CPU per request, and how both grow, from 1 to all processors.

Servers have the first processors, as many as threads (`threads` of Gyre, `io-threads` of redis-server);
each processor that is left has a generator of its own. When none is left, one generator shares the last
with a server thread, and the row says so: it measures the scheduler as well. Growth is against one
thread of the same server.

After that the in-process bench, if it is built: threads that run GET and SET in one process over a
million keys, without sockets, each measured by its own CPU clock. That figure needs no generator.

    ./dev bench threads [--pipelines 1,16] [--requests 400000] [--quick] [--json] [--plot DIR]
"""

import subprocess
import time

import generator
import harness
import plot
import report


def generator_processors(threads):
    """Those the server leaves; the last one when it leaves none."""
    return harness.processors()[threads:] or harness.processors()[-1:]


def thread_options(spec, threads):
    return ("--threads" if spec.is_gyre else "--io-threads", str(threads))


def measure(server, threads, command, pipeline, requests):
    """All generators at once; their rates add up."""
    cpus = generator_processors(threads)
    before = server.cpu_seconds()
    commands = [generator.load_command(
        server, [cpu], command=command, keys=generator.KEYS, pipeline=pipeline, connections=50,
        requests=requests, seed=cpu + 1) for cpu in cpus]
    processes = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in commands]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"gyre-load failed against {server.name}")
    spent = server.cpu_seconds() - before
    runs = [generator.figures_of(output, 0) for output in outputs]
    return {"requests_per_second": sum(run["requests_per_second"] for run in runs),
            "cpu_us": spent * 1e6 / sum(run["requests"] for run in runs),
            "p99_us": max(run["p99_us"] for run in runs)}


def measure_count(specs, threads, options):
    """Rows of one number of threads; servers stand one at a time, since they need the processors."""
    rows = []
    shares = threads >= len(harness.processors())
    works = [(command, pipeline) for pipeline in options.pipelines for command in ("get", "set")]
    for spec in specs:
        cpus = harness.processors()[:threads]
        with harness.running([spec], thread_options(spec, threads), cpus) as (server,):
            generator.load_keys(server, generator.KEYS)
            for command, pipeline in works:
                count = options.requests * (5 if pipeline > 1 else 1)
                results = harness.interleave(
                    [server], options.rounds or (1 if options.quick else 3),
                    lambda server: measure(server, threads, command, pipeline, count),
                    discard=0 if options.quick else 1)
                row, = report.summarize({"work": f"{command.upper()}, pipeline {pipeline}"}, results, "cpu_us")
                rows.append({**row, "threads": threads, "shared": "yes" if shares else "no"})
    return rows


def add_growth(rows):
    one = {(row["work"], row["server"]): row for row in rows if row["threads"] == 1}
    for row in rows:
        base = one[row["work"], row["server"]]
        row["rate_growth"] = row["requests_per_second"] / base["requests_per_second"]
        row["cpu_growth"] = row["cpu_us"] / base["cpu_us"]
        row.pop("ratio", None)
    rows.sort(key=lambda row: (row["work"], row["server"], row["threads"]))


def in_process(options):
    """What the program says, line by line; empty when it is not built."""
    program = harness.built("micro", "bench-dataset-threads")
    if not program:
        harness.note("bench-dataset-threads is not built: no in-process row")
        return report.Table("", ())
    harness.note("threads in one process")
    harness.stay_on(harness.processors())
    time.sleep(1)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    harness.stay_on(harness.processors()[-1:])
    lines = (done.stdout or done.stderr).strip().splitlines()
    return report.Table("GET and SET in one process, without sockets", (("line", "bench-dataset-threads", ""),),
                        [{"line": line} for line in lines])


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--pipelines", default="1,16", help="with commas between (1,16)")
    parser.add_argument("--requests", type=int, help="of each generator at pipeline 1; else five times (400000)")
    options = parser.parse_args()
    options.requests = options.requests or (20_000 if options.quick else 400_000)
    options.pipelines = [int(text) for text in options.pipelines.split(",")]
    specs = harness.prepare(options)
    table = report.Table("Threads", (
        ("work", "work", ""), ("server", "server", ""), ("threads", "threads", "d"),
        ("requests_per_second", "requests/s", ",.0f"), ("rate_growth", "growth", ".2f"),
        ("cpu_us", "CPU us/request", ".3f"), ("cpu_growth", "growth", ".2f"), ("p99_us", "p99 us", ",.0f"),
        ("shared", "generator shares a processor", "")))
    for threads in range(1, len(harness.processors()) + 1):
        harness.note(f"{threads} threads")
        table.rows += measure_count(specs, threads, options)
    add_growth(table.rows)
    if len(harness.processors()) < 4:
        table.remarks.append(f"This machine has {len(harness.processors())} processors: with more than one server"
                             " thread, server and generator are in each other's way, and one generator is the limit.")
    tables = [table, in_process(options)]
    curves = {f"{row['server']} {row['work']}": [] for row in table.rows}
    for row in table.rows:
        curves[f"{row['server']} {row['work']}"].append((row["threads"], row["requests_per_second"]))
    report.finish(options, [one for one in tables if one.title], [
        plot.Lines("threads.svg", "Throughput over threads", "threads", "requests a second", curves)])


if __name__ == "__main__":
    main()
