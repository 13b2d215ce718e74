# SPDX-License-Identifier: BSD-3-Clause
"""Bar and line charts as plain SVG, for the pages of docs/.

A chart is a value: file name, title, what the axes mean, and {name of series: numbers}. draw() returns
the picture as text, on a light ground of its own, so that it can be read on a dark page as well.
"""

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 78, 20, 84, 74
COLOURS = ("#9aa5b1", "#1f77b4", "#d9822b", "#2e8b57", "#8e5ea2", "#b5413c", "#5b5b5b", "#c2a500")


def text(x, y, words, anchor="middle", size=12, extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {extra}>'
            f'{escape(str(words))}</text>')


def short(number):
    """12000 as 12k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= size:
            return f"{number / (1e3 if letter == 'k' else size):.4g}{letter}"
    return f"{number:.4g}"


def ticks(low, high, is_log):
    """Round numbers from low to high, about six."""
    if is_log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return [10.0 ** exponent for exponent in range(first, last + 1)]
    step = 10 ** math.floor(math.log10((high - low) / 5 or 1))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    first = math.floor(low / step)
    return [step * i for i in range(first, math.ceil(high / step - 1e-9) + 1)]


class Axis:
    """From values to places on the page."""

    def __init__(self, low, high, begin, end, is_log=False):
        self.is_log = is_log
        self.ticks = ticks(low, high if high > low else low + 1, is_log)
        self.begin, self.end = begin, end
        self.low, self.high = self.measure(self.ticks[0]), self.measure(self.ticks[-1])

    def measure(self, value):
        return math.log10(value) if self.is_log else value

    def place(self, value):
        if self.is_log:
            value = max(value, self.ticks[0])
        share = (self.measure(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)


def frame(title, y_title, x_title, names, footnote):
    """All but the data: ground, titles and legend."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
             f'height="{HEIGHT}" font-family="sans-serif" fill="#222">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fcfcfa"/>',
             text(LEFT, 26, title, "start", 16, 'font-weight="bold"'),
             text(WIDTH - RIGHT, HEIGHT - 8, footnote, "end", 10, 'fill-opacity="0.65"'),
             text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 24, x_title),
             text(0, 0, y_title, extra=f'transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)"')]
    x, y = LEFT, 36
    for i, name in enumerate(names):
        width = 40 + 7 * len(name)
        if x + width > WIDTH:
            x, y = LEFT, y + 16
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{COLOURS[i % len(COLOURS)]}"/>')
        parts.append(text(x + 18, y + 11, name, "start"))
        x += width
    return parts


def horizontal_lines(axis):
    parts = []
    for value in axis.ticks:
        y = axis.place(value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(text(LEFT - 8, y + 4, short(value), "end"))
    return parts


@dataclass
class Bars:
    """Groups of bars: categories are the groups, each series gives one number (or None) for each."""
    file: str
    title: str
    y_title: str
    categories: list
    series: dict
    x_title: str = ""

    def draw(self, footnote=""):
        numbers = [value for values in self.series.values() for value in values if value is not None]
        axis = Axis(0, max(numbers, default=1), HEIGHT - BOTTOM, TOP)
        parts = frame(self.title, self.y_title, self.x_title, self.series, footnote) + horizontal_lines(axis)
        group = (WIDTH - LEFT - RIGHT) / max(len(self.categories), 1)
        width = group * 0.8 / max(len(self.series), 1)
        for i, category in enumerate(self.categories):
            begin = LEFT + group * (i + 0.1)
            parts += self.name_group(begin + group * 0.4, category, group)
            for j, values in enumerate(self.series.values()):
                if values[i] is not None:
                    parts += self.bar(axis, begin + j * width, width, values[i], COLOURS[j % len(COLOURS)])
        return "\n".join([*parts, "</svg>", ""])

    def bar(self, axis, x, width, value, colour):
        top, foot = axis.place(value), axis.place(0)
        parts = [f'<rect x="{x:.1f}" y="{top:.1f}" width="{width * 0.94:.1f}" '
                 f'height="{foot - top:.1f}" fill="{colour}"/>']
        if width >= 24:
            parts.append(text(x + width * 0.47, top - 4, short(float(f"{value:.3g}")), size=10))
        return parts

    @staticmethod
    def name_group(x, category, width):
        """In two lines at a comma when it is too long for one."""
        lines = [category]
        if len(category) * 7 > width and "," in category:
            lines = [part.strip() for part in category.split(",", 1)]
        size = max(7, min(12, width / (0.58 * max(map(len, lines)))))
        return [text(x, HEIGHT - BOTTOM + 16 + 13 * i, line, size=size) for i, line in enumerate(lines)]


@dataclass
class Lines:
    """Curves: each series is a list of (x, y)."""
    file: str
    title: str
    x_title: str
    y_title: str
    series: dict
    is_log: bool = False

    def draw(self, footnote=""):
        points = [point for curve in self.series.values() for point in curve] or [(0, 0)]
        highs = [y for _, y in points]
        lowest = max(min(highs), 1e-3) if self.is_log else min(0, *highs)
        across = Axis(min(x for x, _ in points), max(x for x, _ in points), LEFT, WIDTH - RIGHT)
        up = Axis(lowest, max(highs), HEIGHT - BOTTOM, TOP, self.is_log)
        parts = frame(self.title, self.y_title, self.x_title, self.series, footnote) + horizontal_lines(up)
        parts += [text(across.place(value), HEIGHT - BOTTOM + 18, short(value)) for value in across.ticks]
        for i, curve in enumerate(self.series.values()):
            path = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in curve)
            colour = COLOURS[i % len(COLOURS)]
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
            parts += [f'<circle cx="{across.place(x):.1f}" cy="{up.place(y):.1f}" r="2.6" fill="{colour}"/>'
                      for x, y in curve]
        return "\n".join([*parts, "</svg>", ""])


def bars_of(table, file, title, y_title, value, category):
    """A bar chart of a table: one group for each text category(row), one bar for each server."""
    groups = list(dict.fromkeys(category(row) for row in table.rows))
    series = {}
    for row in table.rows:
        values = series.setdefault(row["server"], [None] * len(groups))
        values[groups.index(category(row))] = row.get(value)
    return Bars(file, title, y_title, groups, series)
