#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a message costs: PUBLISH to 1, 10 and 100 subscribers of one channel.

gyre-load publishes over 4 connections, each waiting for the reply; beside it a program reads whatever the
subscribers get. CPU is the server's user and system time over messages delivered, which are counted by their
bytes: a run counts only when all of them have come.

    ./dev bench pubsub [--requests 20000] [--quick] [--json] [--plot DIR]
"""

import selectors
import socket
import threading
import time

import generator
import harness
import plot
import report
from client import encode

ROUNDS = 5
CHANNEL = "news"
PAYLOAD_BYTES = 64
SUBSCRIBERS = (1, 10, 100)
PUBLISHERS = 4
PATIENCE_SECONDS = 30


class Audience:
    """Subscribers, read by one thread that only counts bytes."""

    def __init__(self, server, count):
        self.received = 0
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for _ in range(count):
            one = socket.create_connection(server.address)
            one.sendall(encode(["SUBSCRIBE", CHANNEL]))
            got = b""
            while not got.endswith(b":1\r\n"):
                got += one.recv(4096)
            one.setblocking(False)
            self.sockets.append(one)
            self.selector.register(one, selectors.EVENT_READ)
        self.ends = False
        self.thread = threading.Thread(target=self.read_all)
        self.thread.start()

    def read_all(self):
        room = bytearray(1 << 20)
        while not self.ends:
            for key, _ in self.selector.select(0.1):
                try:
                    count = key.fileobj.recv_into(room)
                except BlockingIOError:
                    continue
                if count == 0:
                    return
                self.received += count

    def wait_for(self, total):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.received < total and time.monotonic() < deadline:
            time.sleep(0.001)
        if self.received != total:
            raise RuntimeError(f"{self.received:,} bytes came of {total:,}: messages are missing")

    def close(self):
        self.ends = True
        self.thread.join()
        for one in self.sockets:
            one.close()
        self.selector.close()


def publish(server, subscribers, requests):
    audience = Audience(server, subscribers)
    try:
        before = server.cpu_seconds()
        made = generator.gyre_load(server, script=f"PUBLISH {CHANNEL} {{value}}", requests=requests,
                                   connections=PUBLISHERS, value_bytes=PAYLOAD_BYTES)
        message = len(encode(["message", CHANNEL, "x" * PAYLOAD_BYTES]))
        audience.wait_for(message * requests * subscribers)
        spent = server.cpu_seconds() - before
    finally:
        audience.close()
    return {"messages_per_second": made["requests_per_second"] * subscribers,
            "cpu_us": spent * 1e6 / (requests * subscribers), "p50_us": made["p50_us"], "p99_us": made["p99_us"]}


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--requests", type=int, help="publications of a run with 100 subscribers")
    options = parser.parse_args()
    requests = options.requests or (500 if options.quick else 20_000)
    table = report.Table(f"PUBLISH of {PAYLOAD_BYTES} B", (
        ("work", "work", ""), ("server", "server", ""), ("messages_per_second", "messages/s", ",.0f"),
        ("cpu_us", "CPU us/message", ".3f"), ("p50_us", "p50 us", ",.0f"), ("p99_us", "p99 us", ",.0f"),
        *report.RATIOS))
    with harness.running(harness.prepare(options)) as servers:
        for count in SUBSCRIBERS:
            harness.note(f"{count} subscribers")
            publications = requests * min(SUBSCRIBERS[-1] // count, 10)
            results = harness.interleave(
                servers, options.rounds or (1 if options.quick else ROUNDS),
                lambda server, count=count, publications=publications: publish(server, count, publications),
                discard=0 if options.quick else 1)
            label = f"to {count} subscriber" + ("s" if count > 1 else "")
            table.rows += report.summarize({"work": label}, results, "cpu_us")
    chart = plot.bars_of(table, "pubsub.svg", table.title, "CPU us for each message delivered", "cpu_us",
                         lambda row: row["work"])
    report.finish(options, [table], [chart])


if __name__ == "__main__":
    main()
