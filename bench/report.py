# SPDX-License-Identifier: BSD-3-Clause
"""From figures to what is read: medians and ratios, tables, JSON, and the charts of plot.py."""

import json
import os
import platform
import shlex
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import harness

RATIOS = (("ratio", "ratio", ".3f"), ("pair_median", "pairs: median", ".3f"),
          ("pair_min", "least", ".2f"), ("pair_max", "most", ".2f"))


@dataclass
class Table:
    """Rows are dictionaries; a column is (key, title, format). Text stands left, numbers right."""
    title: str
    columns: tuple
    rows: list = field(default_factory=list)
    remarks: list = field(default_factory=list)


def summarize(label, results, key):
    """One row for each server of results {name: [figures of each round]}: the median of each figure, and
    how `key` compares with the first server: ratio of medians, and median and range of the ratios of
    runs that stood beside each other."""
    first = next(iter(results))
    rows = []
    for name, rounds in results.items():
        row = {**label, "server": name, "rounds": len(rounds)}
        for figure, value in rounds[0].items():
            if isinstance(value, (int, float)):
                row[figure] = statistics.median(one[figure] for one in rounds)
        pairs = [mine[key] / theirs[key] for mine, theirs in zip(rounds, results[first]) if theirs[key]]
        if pairs:
            base = statistics.median(one[key] for one in results[first])
            row |= {"ratio": row[key] / base, "pair_median": statistics.median(pairs),
                    "pair_min": min(pairs), "pair_max": max(pairs)}
        rows.append(row)
    return rows


# --- the machine ------------------------------------------------------------------------------------------

def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def describe_machine():
    return {"cpu": cpu_model(), "processors": len(harness.processors()),
            "memory_gib": round(memory_gib(), 1), "kernel": platform.release(),
            "date": time.strftime("%Y-%m-%d"), "load_before": round(harness.LOAD_BEFORE, 2),
            "command": shlex.join(["./dev", "bench", Path(sys.argv[0]).stem, *sys.argv[1:]])}


# --- printing ---------------------------------------------------------------------------------------------

def cell(row, key, shape):
    value = row.get(key)
    if value is None:
        return "-"
    return format(value, shape) if isinstance(value, (int, float)) else str(value)


def print_table(table):
    print(f"\n{table.title}\n")
    lines = [[cell(row, key, shape) for key, _, shape in table.columns] for row in table.rows]
    titles = [title for _, title, _ in table.columns]
    widths = [max(map(len, column)) for column in zip(titles, *lines)]
    is_text = [shape == "" for _, _, shape in table.columns]
    is_grouped = len(titles) > 1 and titles[1] == "server"
    previous = None
    for line in [titles, *lines]:
        if is_grouped and previous not in (None, titles[0], line[0]):
            print()
        previous = line[0]
        print("  ".join(text.ljust(width) if left else text.rjust(width)
                        for text, width, left in zip(line, widths, is_text)).rstrip())
    for remark in table.remarks:
        print(f"  {remark}")


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return value


def finish(options, tables, charts=()):
    """Prints the tables, or with --json everything as one object, and draws the charts where --plot
    says. A chart has a file name and draw(), which returns the text of the picture."""
    machine = describe_machine()
    if options.json:
        found = {"machine": machine,
                 "tables": [{"title": one.title, "rows": rounded(one.rows), "remarks": one.remarks}
                            for one in tables]}
        json.dump(found, sys.stdout, indent=1)
        print()
    else:
        print(f"{machine['date']}, {machine['cpu']}, {machine['processors']} processors,"
              f" {machine['memory_gib']} GiB, Linux {machine['kernel']},"
              f" load before {machine['load_before']}\n{machine['command']}")
        for table in tables:
            print_table(table)
    if options.plot:
        Path(options.plot).mkdir(parents=True, exist_ok=True)
        for chart in charts:
            path = Path(options.plot, chart.file)
            path.write_text(chart.draw(f"{machine['cpu']}, Linux {machine['kernel']}, {machine['date']}"),
                            encoding="utf-8")
            harness.note(f"drawn: {path}")
