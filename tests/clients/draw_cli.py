#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws docs/pictures/gyre-cli.svg and gyre-watch.svg: what gyre-cli shows, as text in SVG.

$GYRE_CLI runs in a pseudo-terminal against $GYRE_SERVER, on port 6379 where that is free; a person is played by a
script, and a terminal of our own keeps what is on the screen, with its colours.

Usage: draw_cli.py FOLDER [FRAMES], how many frames of the dashboard pass before it is drawn (40).
"""
import codecs
import contextlib
import fcntl
import math
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path
from xml.sax.saxutils import escape

import with_server

PATIENCE_SECONDS = 60
USUAL_PORT = 6379
FRAMES = 40
CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 16
BACKGROUND, FOREGROUND, CURSOR = "#171b22", "#d5dae2", "#46505e"
COLOURS = {31: "#ff6b68", 32: "#8fd48a", 33: "#e6c35c", 36: "#67cfe0", 90: "#7d8794"}
BOLD = 1


class Screen:
    """Cells of a character and its style, (colour, is bold), driven by the sequences that gyre-cli and libedit send."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.cells = [[(" ", (0, False))] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.style = (0, False)
        self.has_cursor = True
        self.sequence = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data):
        for character in self.decoder.decode(data):
            if self.sequence:
                self.sequence += character
                if match := re.fullmatch(r"\x1b\[([?\d;]*)([@-~])", self.sequence):
                    self.control(match[1], match[2])
                elif self.sequence.startswith("\x1b[") or re.fullmatch(r"\x1b[()]", self.sequence):
                    continue
                self.sequence = ""
            elif character == "\x1b":
                self.sequence = character
            else:
                self.put(character)

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.next_row()
        elif character == "\b":
            self.column = max(0, min(self.column, self.columns - 1) - 1)
        elif character >= " ":
            if self.column == self.columns:
                self.column = 0
                self.next_row()
            self.cells[self.row][self.column] = (character, self.style)
            self.column += 1

    def next_row(self):
        if self.row + 1 < self.rows:
            self.row += 1
            return
        self.cells = [*self.cells[1:], [(" ", (0, False))] * self.columns]

    def erase(self, row, first, last):
        for column in range(min(first, self.columns), min(last, self.columns)):
            self.cells[row][column] = (" ", (0, False))

    def control(self, parameters, final):
        numbers = [int(number or 0) for number in parameters.lstrip("?").split(";")]
        count = max(1, numbers[0])
        if final == "m":
            for number in numbers:
                colour, is_bold = self.style if number else (0, False)
                self.style = (colour, True) if number == BOLD else (number or colour, is_bold)
        elif final in "hl" and parameters == "?25":
            self.has_cursor = final == "h"
        elif final == "H":
            self.row = min(self.rows, count) - 1
            self.column = min(self.columns, max(1, numbers[1] if len(numbers) > 1 else 1)) - 1
        elif final in "ABCDG":
            self.row = max(0, min(self.rows - 1, self.row + {"A": -count, "B": count}.get(final, 0)))
            column = count - 1 if final == "G" else self.column + {"C": count, "D": -count}.get(final, 0)
            self.column = max(0, min(self.columns - 1, column))
        elif final == "K":
            self.erase(self.row, 0 if numbers[0] == 2 else self.column, self.columns)
        elif final == "J":
            for row in range(0 if numbers[0] == 2 else self.row, self.rows):
                self.erase(row, self.column if row == self.row and numbers[0] != 2 else 0, self.columns)
        elif final == "P":
            row = self.cells[self.row]
            row = row[:self.column] + row[self.column + count:] + [(" ", (0, False))] * count
            self.cells[self.row] = row[:self.columns]
        elif final == "@":
            row = self.cells[self.row]
            self.cells[self.row] = (row[:self.column] + [(" ", (0, False))] * count + row[self.column:])[:self.columns]

    def text(self):
        return "\n".join("".join(character for character, _ in row).rstrip() for row in self.cells)


class Terminal:
    """The program in a pseudo-terminal of the screen's size."""

    def __init__(self, arguments, columns, rows, home):
        self.screen = Screen(columns, rows)
        self.bytes = b""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "GYRE_HISTORY": "", "HOME": home}
            environment.pop("NO_COLOR", None)
            # The size first: the program asks for it at its start.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(arguments[0], arguments, environment)

    def type(self, keys):
        os.write(self.descriptor, keys.encode())

    def wait_for(self, is_as_wanted, what):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_as_wanted():
            ready, _, _ = select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the screen never had {what}:\n{self.screen.text()}")
            data = os.read(self.descriptor, 65536)
            self.bytes += data
            self.screen.feed(data)

    def wait_for_text(self, wanted):
        self.wait_for(lambda: wanted in self.screen.text(), repr(wanted))

    def wait_for_line(self, wanted):
        """Until the row of the cursor begins so."""
        self.wait_for(lambda: self.screen.text().split("\n")[self.screen.row].startswith(wanted), repr(wanted))

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.descriptor)


def runs_of(row):
    """Neighbours of one style as (column, text, style); blanks between words of one style stay, wider gaps do not."""
    styles = [style for _, style in row]
    text = "".join(character for character, _ in row)
    for match in re.finditer(r"\S+(?: \S+)*", text):
        begin = match.start()
        for at in range(match.start() + 1, match.end() + 1):
            if at == match.end() or styles[at] != styles[begin]:
                part = text[begin:at]
                if part.strip():
                    yield begin + len(part) - len(part.lstrip()), part.strip(), styles[begin]
                begin = at


def draw(screen, title, path):
    rows = len(screen.text().rstrip().split("\n"))
    width = screen.columns * CELL_WIDTH + 2 * MARGIN
    height = rows * CELL_HEIGHT + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
           f' font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">',
           f"<title>{escape(title)}</title>",
           f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{BACKGROUND}"/>']
    if screen.has_cursor and screen.row < rows:
        x, y = MARGIN + screen.column * CELL_WIDTH, MARGIN + screen.row * CELL_HEIGHT
        out.append(f'<rect x="{x:g}" y="{y:g}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}" fill="{CURSOR}"/>')
    for index, row in enumerate(screen.cells[:rows]):
        y = MARGIN + index * CELL_HEIGHT + 13.5
        for column, text, (colour, is_bold) in runs_of(row):
            weight = ' font-weight="bold"' if is_bold else ""
            # The width is given, so that columns stand below each other in any font.
            x, fill = MARGIN + column * CELL_WIDTH, COLOURS.get(colour, FOREGROUND)
            out.append(f'<text x="{x:.1f}" y="{y:g}" fill="{fill}"{weight} textLength="{len(text) * CELL_WIDTH:.1f}"'
                       f' lengthAdjust="spacingAndGlyphs">{escape(text)}</text>')
    path.write_text("\n".join([*out, "</svg>"]) + "\n", encoding="utf-8")


# --- the scenes ------------------------------------------------------------------------------------------------------


def request(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def call(port, *words):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request(*words))
        return connection.recv(65536)


def draw_session(port, home, path):
    terminal = Terminal([os.environ["GYRE_CLI"], "-p", str(port)], 84, 30, home)
    prompt = f"127.0.0.1:{port}"
    try:
        terminal.wait_for_line(prompt + ">")
        state = ""
        for line, next_state in [
                ("set session:42 ada ex 3600", ""), (":ttl on", ""), ("get session:42", ""),
                ("hset user:1 name ada city London visits 7", ""), ("hgetall user:1", ""),
                ("begin", "(TX)"), ("hincrby user:1 visits 1", "(TX)"), ("get session:42", "(TX)"), ("commit", ""),
                ("keys *", ""),
                ("subscribe news", "(subscribed)")]:
            terminal.wait_for_line(f"{prompt}{state}>")
            # The line is on the screen, so that the next prompt is not that of this line.
            before = terminal.screen.text().count(f"> {line}")
            terminal.type(line + "\r")
            terminal.wait_for(lambda: terminal.screen.text().count(f"> {line}") > before, repr(line))
            state = next_state
            terminal.wait_for(lambda: terminal.screen.text().split("\n")[terminal.screen.row] == f"{prompt}{state}>",
                              f"a prompt behind {line!r}")
        terminal.type("getrange session:42 ")
        terminal.wait_for_text("getrange session:42 start end")
        assert call(port, "PUBLISH", "news", "messages come above the line that is typed") == b":1\r\n"
        terminal.wait_for_text('message news "messages come')
        terminal.wait_for_text("getrange session:42 start end")
        draw(terminal.screen, "gyre-cli: hints, tables, deadlines, transactions and messages", path)
    finally:
        terminal.end()


class Traffic(threading.Thread):
    """Clients of many kinds, more and fewer of them in waves."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.is_over = threading.Event()

    def run(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as connection:
            turn = 0
            while not self.is_over.is_set():
                turn += 1
                connection.sendall(b"".join(self.commands(turn)))
                # One reply ends with a line; those of these commands have no more than one besides.
                expected, lines = 120, 0
                while lines < expected:
                    data = connection.recv(65536)
                    if not data:
                        return
                    lines += data.count(b"\r\n")
                wave = 1 + math.sin(time.monotonic() * 1.3)
                self.is_over.wait(0.002 + 0.003 * wave)

    @staticmethod
    def commands(turn):
        for step in range(20):
            key = (turn * 20 + step) % 20_000
            yield request("SET", f"session:{key}", "x" * 40, "PX", 500 + key % 4000)
            yield request("EXISTS", f"session:{key - 7}", f"session:{key - 9000}")
            yield request("HSET", f"user:{key % 900}", "visits", turn)
            yield request("ZADD", "board", key, f"user:{key % 900}")
            yield request("RPUSH", f"queue:{key % 50}", turn)
            yield request("LTRIM", f"queue:{key % 50}", -20, -1)


def draw_dashboard(port, home, path, frames):
    with contextlib.ExitStack() as held:
        for _ in range(5):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS))
        blocked = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS))
        blocked.sendall(request("BLPOP", "nothing", 0))
        traffic = Traffic(port)
        traffic.start()
        terminal = Terminal([os.environ["GYRE_CLI"], "-p", str(port), "--watch", "-i", "0.25"], 96, 33, home)
        try:
            terminal.wait_for(lambda: terminal.bytes.count(b"operations") >= frames, f"{frames} frames")
            terminal.type("p")
            terminal.wait_for_text("p go on")
            terminal.type("p")
            # A frame may have come in part, so that a line is not there yet.
            wanted = ("operations", "string", "latency", "p99", "memory", "keys and values", "expiry", "late p99",
                      "clients", "blocked 1", "p pause")
            terminal.wait_for(lambda: all(word in terminal.screen.text() for word in wanted), wanted)
            draw(terminal.screen, "gyre-cli --watch: a dashboard of the server", path)
        finally:
            terminal.end()
            traffic.is_over.set()
            traffic.join()


def usual_port():
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return with_server.free_port()
        return USUAL_PORT


def main():
    folder = Path(sys.argv[1])
    frames = int(sys.argv[2]) if len(sys.argv) > 2 else FRAMES
    port = usual_port()
    with tempfile.TemporaryDirectory(prefix="gyre-test-") as home:
        with open(os.path.join(home, "output.log"), "w+b") as log:
            server = subprocess.Popen([os.environ["GYRE_SERVER"], "--port", str(port), "--save", "", "--dir", home,
                                       "--appendonly", "no", "--threads", "2"],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if not with_server.wait_until_ready(port, server):
                print("the server did not come up", file=sys.stderr)
                return 1
            draw_session(port, home, folder / "gyre-cli.svg")
            call(port, "FLUSHALL")
            call(port, "CONFIG", "RESETSTAT")
            draw_dashboard(port, home, folder / "gyre-watch.svg", frames)
        finally:
            server.terminate()
            server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
