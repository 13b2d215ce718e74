# SPDX-License-Identifier: BSD-3-Clause
"""The two generators, run on the last processor against one server.

redis-benchmark is what people know; at pipeline 1 it is slower than the servers. gyre-load batches its
own system calls and saturates them. Both return figures under the same names:

    requests_per_second, cpu_us (server CPU microseconds per request), p50_us, p99_us, p99_9_us
"""

import json
import re
import subprocess

import harness

KEYS = 1_000_000
COLUMNS = ("requests_per_second", "cpu_us", "p50_us", "p99_us", "p99_9_us")


def pinned(cpus=None):
    return ["taskset", "-c", ",".join(map(str, cpus or harness.processors()[-1:]))]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


# --- redis-benchmark --------------------------------------------------------------------------------------

def parse_benchmark(text):
    """What redis-benchmark prints for one test. Its --csv has no p99.9: the first line of the percentile
    distribution at or above it stands for it."""
    text = text.replace("\r", "\n")
    rate = re.findall(r"throughput summary: ([\d.]+)", text)
    header = text.index("avg       min       p50")
    p50, p99 = (float(text[header:].splitlines()[1].split()[i]) for i in (2, 4))
    steps = re.findall(r"^([\d.]+)% <= ([\d.]+) milliseconds", text.partition("Cumulative")[0], re.M)
    p99_9 = next(float(ms) for percent, ms in steps if float(percent) >= 99.9)
    return {"requests_per_second": float(rate[-1]),
            "p50_us": p50 * 1000, "p99_us": p99 * 1000, "p99_9_us": p99_9 * 1000}


def redis_benchmark(server, test, requests, pipeline=1, connections=50, value_bytes=64, unix=False):
    """One test of redis-benchmark -t, or the words of a command with __rand_int__ in them, which is
    random over a million."""
    where = ["-s", server.unix_path] if unix else ["-p", str(server.port)]
    command = [*pinned(), "redis-benchmark", *where, "-n", str(requests), "-c", str(connections), "-P",
               str(pipeline), "-d", str(value_bytes), "-r", str(KEYS), "--precision", "3"]
    command += ["-t", test] if isinstance(test, str) else test
    before = server.cpu_seconds()
    text = run(command)
    spent = server.cpu_seconds() - before
    if re.search(r"^(Error|WARNING: Unexpected)", text, re.M):
        raise RuntimeError(f"{' '.join(command)}: {text[:400]}")
    return {**parse_benchmark(text), "cpu_us": spent * 1e6 / requests}


# --- gyre-load --------------------------------------------------------------------------------------------

def load_command(server, cpus=None, unix=False, **options):
    """The command line; options are gyre-load's with _ for -, True for a flag."""
    where = ["--unix", server.unix_path] if unix else ["--port", str(server.port)]
    command = [*pinned(cpus), harness.built("load", "gyre-load"), *where, "--json"]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        command += [flag] if value is True else [flag, str(value)]
    return command


def figures_of(text, cpu_seconds):
    """gyre-load's own results and those every generator has."""
    own = json.loads(text)
    latency = own["latency_us"]
    if own["errors"] or own["connections_lost"]:
        harness.note(f"  {own['errors']} errors, {own['connections_lost']} connections lost")
    return {**own, "cpu_us": cpu_seconds * 1e6 / max(own["requests"], 1),
            "p50_us": latency["p50"], "p99_us": latency["p99"], "p99_9_us": latency["p99_9"],
            "p99_99_us": latency["p99_99"], "max_us": latency["max"], "server_cpu_seconds": cpu_seconds}


def gyre_load(server, cpus=None, unix=False, **options):
    """One run of gyre-load."""
    before = server.cpu_seconds()
    text = run(load_command(server, cpus, unix, **options))
    return figures_of(text, server.cpu_seconds() - before)


class Background:
    """gyre-load beside the bench's own work; finish() waits for it."""

    def __init__(self, server, **options):
        self.server, self.before = server, server.cpu_seconds()
        self.process = subprocess.Popen(load_command(server, **options), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def finish(self):
        text, errors = self.process.communicate()
        if self.process.returncode != 0:
            raise RuntimeError(f"gyre-load: {errors.strip()}")
        return figures_of(text, self.server.cpu_seconds() - self.before)


def load_keys(server, keys, **options):
    """Sets each of the first `keys` keys once, by few connections with deep pipelines."""
    return gyre_load(server, command="set", distribution="sequential", keys=keys, requests=keys,
                     connections=4, pipeline=256, **options)
