# SPDX-License-Identifier: BSD-3-Clause
"""A client of the Redis protocol as small as the benches need: calls, pipelines and raw batches.

Replies come back as bytes (strings, and errors as ReplyError values), int, None or list. It waits for
ever by default; a server that hangs shows as a bench that hangs, and can be looked at.
"""

import socket


class ReplyError(str):
    """What the server said after a minus."""


def encode(words):
    """One request as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class Client:
    """One connection. `address` is (host, port) or the path of a Unix socket."""

    def __init__(self, address, timeout=None):
        if isinstance(address, tuple):
            self.socket = socket.create_connection(address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        self.input = self.socket.makefile("rb", 1 << 16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.input.close()
        self.socket.close()

    def read(self):
        line = self.input.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.input.read(size + 2)[:-2]
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self.read() for _ in range(count)]
        raise ValueError(f"no reply begins with {line[:40]!r}")

    def call(self, *words):
        self.socket.sendall(encode(words))
        return self.read()

    def must(self, *words):
        """call() for requests that cannot fail unless the bench is wrong."""
        reply = self.call(*words)
        if isinstance(reply, ReplyError):
            raise ValueError(f"{' '.join(map(str, words))}: {reply}")
        return reply

    def send_batch(self, data, replies):
        """Sends encoded requests and reads as many one-line replies; true when none is an error."""
        self.socket.sendall(data)
        return not any([self.input.readline().startswith(b"-") for _ in range(replies)])

    def info(self, section="everything"):
        """INFO as a dictionary of texts."""
        text = self.must("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
