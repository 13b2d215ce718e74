# SPDX-License-Identifier: BSD-3-Clause
"""What all benches share: the options, the servers, and rounds that take turns.

Each server has the first processor (or the first few) to itself and the generator the last, because a
server that shares its processor with its clients measures the scheduler. Rounds are interleaved and
every other one goes backwards, so that a machine that changes its speed changes it for all; a first
round is thrown away, because the first touch of memory is slow in a virtual machine. The figure to
trust is the processor time of the server process over what it did: rates are often the generator's.

The environment names what is measured: GYRE_SERVER the server, GYRE_BUILD the build directory with
the generator and the echo server. ./dev bench sets both.
"""

import argparse
import contextlib
import os
import resource
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from client import Client

READY_SECONDS = 30
BASELINE = "redis-server"
UNDER_TEST = "gyre"
ECHO = "bare echo"


def note(text):
    """What a person who waits wants to see; standard output is for results."""
    print(text, file=sys.stderr, flush=True)


def processors():
    """Those this program had when it began; (server's first .. generator's last)."""
    return _PROCESSORS


_PROCESSORS = sorted(os.sched_getaffinity(0))
LOAD_BEFORE = os.getloadavg()[0]
LOAD_TOLERATED = 0.5


def stay_on(cpus):
    """Keeps this program off the server's processor."""
    os.sched_setaffinity(0, cpus)


def built(*names):
    """A program of the build directory, or None."""
    root = Path(os.environ.get("GYRE_BUILD", ""))
    path = root.joinpath("bench", *names)
    return str(path) if os.access(path, os.X_OK) and path.is_file() else None


@dataclass(frozen=True)
class Spec:
    """A server that can be started."""
    name: str
    path: str
    options: tuple = ()
    is_echo: bool = False

    @property
    def is_gyre(self):
        return not self.is_echo and "gyre" in Path(self.path).name


class Server:
    """One server process. Its CPU and memory are read from the kernel, all threads together."""

    def __init__(self, spec, folder, options=(), cpus=None):
        self.name, self.spec = spec.name, spec
        self.port = free_port()
        self.unix_path = os.path.join(folder, f"{self.port}.sock")
        self.log_path = os.path.join(folder, f"{self.port}.log")
        pins = ",".join(map(str, cpus or processors()[:1]))
        command = ["taskset", "-c", pins, spec.path, "--port", str(self.port)]
        if not spec.is_echo:
            command += ["--bind", "127.0.0.1", "--protected-mode", "no", "--dir", folder,
                        "--save", "", "--appendonly", "no", "--unixsocket", self.unix_path]
        command += [*spec.options, *options]
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self.wait_until_ready()

    @property
    def pid(self):
        return self.process.pid

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with Client(self.address, timeout=2) as client:
                    client.call("PING")
                    return
            except OSError:
                time.sleep(0.02)
        self.stop()
        log = Path(self.log_path).read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"{self.name} does not answer; the last of what it said:\n{log[-800:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_seconds(self):
        """User and system time so far, of threads that have ended too. This is the clock that
        clock_getcpuclockid(3) names: it counts nanoseconds where /proc/PID/stat counts ticks."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Rss:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError(f"{self.name} has ended")

    def call(self, *words):
        with Client(self.address) as client:
            return client.must(*words)

    def info(self, section="everything"):
        with Client(self.address) as client:
            return client.info(section)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(specs, options=(), cpus=None):
    """The servers, all at once, each in a folder of its own; stopped whatever happens."""
    with tempfile.TemporaryDirectory(prefix="gyre-bench-") as root:
        servers = []
        try:
            for index, spec in enumerate(specs):
                folder = os.path.join(root, str(index))
                os.mkdir(folder)
                servers.append(Server(spec, folder, options, cpus))
            yield servers
        finally:
            for server in servers:
                server.stop()


def interleave(servers, rounds, measure, discard=1):
    """Calls measure(server) for each server in each round; {name: [figures of each round]}. The first
    `discard` rounds are not kept."""
    results = {server.name: [] for server in servers}
    for turn in range(rounds + discard):
        for server in servers if turn % 2 == 0 else servers[::-1]:
            figures = measure(server)
            if turn >= discard:
                results[server.name].append(figures)
    return results


# --- options ----------------------------------------------------------------------------------------------

def parser(description):
    """The options every bench takes; a bench adds its own."""
    made = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    made.add_argument("--rounds", type=int, help="instead of the bench's own number")
    made.add_argument("--quick", action="store_true", help="few and small: does it work?")
    made.add_argument("--json", action="store_true", help="print the results for machines")
    made.add_argument("--plot", metavar="DIR", help="draw the tables into SVG files there")
    made.add_argument("--server", action="append", default=[], metavar="NAME=PATH [OPTIONS]",
                      help="a further server that takes the options of redis-server; one with gyre"
                           " in its file name is taken for a Gyre")
    made.add_argument("--gyre-option", action="append", default=[], metavar="NAME=VALUE",
                      help="a directive for Gyre, like threads=2")
    made.add_argument("--no-redis", action="store_true", help="leave redis-server away")
    return made


def directives(texts):
    """['a=b', 'c=d e'] as words of a command line."""
    words = []
    for text in texts:
        name, _, value = text.partition("=")
        words += [f"--{name.lstrip('-')}", value]
    return tuple(words)


def further_server(text):
    name, _, command = text.partition("=")
    words = shlex.split(command)
    if not name or not words or not shutil.which(words[0]):
        sys.exit(f"--server {text}: want NAME=PATH of a program")
    return Spec(name, words[0], tuple(words[1:]))


def specs_of(options, with_echo=False):
    """The servers to compare; the first is what the others are divided by."""
    gyre, redis = os.environ.get("GYRE_SERVER"), shutil.which("redis-server")
    if not gyre or not os.access(gyre, os.X_OK) or not redis or not built("load", "gyre-load"):
        sys.exit("GYRE_SERVER must name the server and GYRE_BUILD the build with the benches, and"
                 " redis-server must be installed: use ./dev bench")
    specs = [] if options.no_redis else [Spec(BASELINE, redis)]
    specs.append(Spec(UNDER_TEST, gyre, directives(options.gyre_option)))
    specs += [further_server(text) for text in options.server]
    echo = built("echo", "bench-echo-server")
    if with_echo and echo:
        specs.append(Spec(ECHO, echo, is_echo=True))
    return specs


def prepare(options, with_echo=False):
    """Before anything else: permits many open files, gives this program the generator's processor, and
    returns the servers to compare."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    specs = specs_of(options, with_echo)
    if len(processors()) < 2:
        sys.exit("two processors are needed: one for the server, one for the generator")
    if LOAD_BEFORE > LOAD_TOLERATED:
        note(f"this machine was busy already, with a load of {LOAD_BEFORE:.1f}: expect noise")
    stay_on(processors()[-1:])
    return specs
