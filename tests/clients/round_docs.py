#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs every command line that README.md and docs/ show, in their order, as a reader would.

Programs are found through wrappers that add what a reader does not have to type: ports that are free here, a directory
of its own. A server that a line starts must answer and end with 0. Lines of ./dev must name a verb that it has; they and the lines that
build are not run, since this runs inside them.

Usage: round_docs.py TREE PORT, that of a server. Prints one line per check in TAP.
"""
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from with_server import free_port

PATIENCE_SECONDS = 60
BUILDS = ("meson ", "ninja ", "build/", "GYRE_SEED=", "GYRE_FUZZ_SECONDS=")
FILES = {
    "file": b"bytes\n",
    "commands.txt": b"SET fruit apple\nGET fruit\n",
    "orders.txt": b"# two\nput a 1; put b 2\n",
    "commands.resp": b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n",
}

checks = []


def check(name, is_right, detail="", skipped=""):
    checks.append(bool(is_right))
    text = f"{'ok' if is_right else 'not ok'} {len(checks)} - docs: {name.replace('#', ' ')}"
    print(text + (f" # SKIP {skipped}" if skipped else "") + ("" if is_right else f" # {detail}"))


def lines_of(path):
    """Those of blocks of sh, and of curl in any block."""
    language = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            language = line[3:] if language is None else None
        elif line.strip() and (language == "sh" or (language == "" and line.startswith("curl "))):
            yield line


def ask(port, *words):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(4096)


def wait_for_answer(port, process):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if ask(port, "PING") == b"+PONG\r\n":
                return True
        except OSError:
            pass
        time.sleep(0.02)
    return False


class Round:
    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.http_port, self.started_port, self.oracle_port = (free_port() for _ in range(3))
        self.oracle = None
        self.environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        assert ask(port, "CONFIG SET http-port", str(self.http_port)) == b"+OK\r\n"
        (folder / "bin").mkdir()
        (folder / "data").mkdir()
        self.wrap("gyre-server", os.environ["GYRE_SERVER"], behind=f"--port {self.started_port} --dir {folder}/data")
        self.wrap("gyre-cli", os.environ["GYRE_CLI"], before=f"-p {port}")
        if shutil.which("redis-cli"):
            self.wrap("redis-benchmark", shutil.which("redis-benchmark"), before=f"-p {port}", behind="-n 1000")
            self.wrap("redis-cli", shutil.which("redis-cli"), behind_port=True)
        for name, content in FILES.items():
            (folder / name).write_bytes(content)

    def wrap(self, name, program, before="", behind="", behind_port=False):
        path = self.folder / "bin" / name
        # redis-cli takes options before the words, and the last port counts: its lines give one.
        call = f'exec {shlex.quote(program)} {before} "$@" {behind}'
        if behind_port:
            call = f'shift 2; exec {shlex.quote(program)} -p {self.oracle_port} "$@"'
        path.write_text(f"#!/bin/sh\n{call}\n", encoding="ascii")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def start_oracle(self):
        """redis-cli's lines talk to a redis-server."""
        program = shutil.which("redis-server")
        if self.oracle or not program:
            return bool(program)
        self.oracle = subprocess.Popen([program, "--port", str(self.oracle_port), "--save", "", "--dir",
                                        str(self.folder)], stdout=subprocess.DEVNULL)
        return wait_for_answer(self.oracle_port, self.oracle)

    def make_json_files(self):
        """What the lines of jq work on: a store as the server writes it."""
        if (self.folder / "data.json").exists():
            return
        rdb = self.folder / "some.rdb"
        ask(self.port, "SET", "counter", "42")
        directory = ask(self.port, "CONFIG GET dir").decode().split("\r\n")[-2]
        assert ask(self.port, "SAVE") == b"+OK\r\n"
        shutil.copy(os.path.join(directory, "dump.rdb"), rdb)
        for name in ("data.json", "a.json", "b.json"):
            subprocess.run([os.environ["GYRE_SERVER"], "--convert", str(rdb), str(self.folder / name)], check=True,
                           stdout=subprocess.DEVNULL)

    def run_server(self, line):
        process = subprocess.Popen(["/bin/sh", "-c", line], cwd=self.folder, env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        answers = wait_for_answer(self.started_port, process)
        os.killpg(process.pid, signal.SIGTERM)
        status = process.wait(PATIENCE_SECONDS)
        check(line, answers and status in (0, -signal.SIGTERM), f"answers: {answers}, status {status}")

    def run_line(self, line):
        line = line.replace("localhost:8080", f"localhost:{self.http_port}")
        program = line.split()[0]
        if program == "redis-cli" and not self.start_oracle():
            return check(line, True, skipped="no redis-server")
        if not shutil.which(program, path=self.environment["PATH"]):
            return check(line, True, skipped=f"no {program}")
        if program == "gyre-server":
            return self.run_server(line)
        if ".json" in line:
            self.make_json_files()
        if program == "curl":
            line = line.replace("curl ", "curl --fail --silent --show-error ", 1)
        done = subprocess.run(["/bin/sh", "-c", line], cwd=self.folder, env=self.environment, text=True,
                              input="PING\n", capture_output=True, timeout=PATIENCE_SECONDS, check=False)
        is_right = done.returncode == 0 and not re.search(r"\(error\)|^(ERR|WRONGTYPE)", done.stdout, re.M)
        return check(line, is_right, f"{done.returncode} {done.stdout[-200:]!r} {done.stderr[-200:]!r}")

    def stop(self):
        if self.oracle:
            self.oracle.terminate()
            self.oracle.wait()


def main():
    tree, port = Path(sys.argv[1]), int(sys.argv[2])
    verbs = subprocess.run([tree / "dev", "help"], capture_output=True, text=True, check=True).stdout
    pages = [tree / "README.md", *sorted((tree / "docs").glob("*.md")), *sorted((tree / "docs/formats").glob("*.md"))]
    with tempfile.TemporaryDirectory(prefix="gyre-test-") as folder:
        made = Round(Path(folder), port)
        try:
            for line in (line for page in pages for line in lines_of(page)):
                words = shlex.split(line, comments=True)
                if "./dev" in words:
                    verb = words[words.index("./dev") + 1]
                    check(line, re.search(rf"^\s+(\w+, )*{verb}\b", verbs, re.M), f"./dev has no verb {verb}")
                elif not line.startswith(BUILDS):
                    made.run_line(line)
        finally:
            made.stop()
    print(f"1..{len(checks)}")
    return 0 if all(checks) and len(checks) > 20 else 1


if __name__ == "__main__":
    sys.exit(main())
