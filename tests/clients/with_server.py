#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Starts $GYRE_SERVER on a free port, runs a command with the port as its last argument, stops it.

Usage: with_server.py COMMAND [ARGUMENT...]. The exit status is the command's; a server that does not
come up, or does not end by itself at SIGTERM, is a failure.
"""
import fcntl
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_SECONDS = 20


# Ports below those that the system gives to clients. A block of them is locked for as long as this process lives, as
# tests/support/server_process.cc does: no other test is given one between finding it free and binding it.
PORT_FIRST, PORT_BLOCK, PORT_BLOCKS = 10_000, 100, 200
LOCKS = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"gyre-test-ports-{os.getuid()}.lock")


def locked_ports():
    descriptor = os.open(LOCKS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # never closed: a close would unlock
    for block in random.sample(range(PORT_BLOCKS), PORT_BLOCKS):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, block)
        except OSError:
            continue
        yield from range(PORT_FIRST + block * PORT_BLOCK, PORT_FIRST + (block + 1) * PORT_BLOCK)
    raise RuntimeError(f"no block of ports can be locked in {LOCKS}")


PORTS = locked_ports()


def free_port():
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until_ready(port, server):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16):
                    return True
        except OSError:
            time.sleep(0.01)
    return False


def main():
    binary = os.environ["GYRE_SERVER"]
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gyre-test-") as directory:
        arguments = [binary, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", directory]
        if "redis-server" not in binary:
            arguments += ["--threads", "2"]
        log = open(os.path.join(directory, "output.log"), "w+b")
        server = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if not wait_until_ready(port, server):
                log.seek(0)
                print("Bail out! the server did not come up")
                print(log.read().decode(errors="replace"), file=sys.stderr)
                return 1
            status = subprocess.call([*sys.argv[1:], str(port)])
            server.terminate()
            ended = server.wait(PATIENCE_SECONDS)
            if ended != 0:
                print(f"# the server ended with status {ended}")
            return 1 if status or ended else 0
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()


if __name__ == "__main__":
    sys.exit(main())
