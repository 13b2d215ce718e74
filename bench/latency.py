#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Latency at a fixed rate well below saturation, from p50 to p99.99.

The rate is a third of what redis-server does at most (measured first, closed loop) and the same for all.
The loop is open: a request leaves when it was to leave, and its latency counts from then, so that a pause
of the server shows in all requests it delayed. A bare echo under the same load is the noise floor of the
machine: differences below it mean nothing.

    ./dev bench latency [--seconds 20] [--rate N] [--connections 50] [--quick] [--json] [--plot DIR]
"""

import generator
import harness
import plot
import report

SHARE = 1 / 3
PERCENTILES = (("p50_us", "p50 us"), ("p90_us", "p90 us"), ("p99_us", "p99 us"), ("p99_9_us", "p99.9 us"),
               ("p99_99_us", "p99.99 us"), ("max_us", "most us"))


def saturation(server, options):
    """Most GETs a second with as many connections, closed loop."""
    run = generator.gyre_load(server, command="get", keys=generator.KEYS, connections=options.connections,
                              seconds=1 if options.quick else 5, warmup=0.5)
    return run["requests_per_second"]


def measure(server, command, rate, options):
    extra = {"spin": True} if options.spin else {}
    run = generator.gyre_load(server, command=command, keys=generator.KEYS, rate=rate,
                              connections=options.connections, seconds=options.seconds, warmup=0.5,
                              arrivals=options.arrivals, **extra)
    run["p90_us"] = run["latency_us"]["p90"]
    found = {key: run[key] for key in ("requests_per_second", "cpu_us", *dict(PERCENTILES))}
    found["late_us"] = run["send_delay_us"]["p99_9"]
    return found


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--seconds", type=float, help="length of a run (20)")
    parser.add_argument("--rate", type=float, help="requests a second, instead of measuring")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--arrivals", choices=("even", "poisson"), default="poisson")
    parser.add_argument("--spin", action="store_true", help="the generator never sleeps")
    options = parser.parse_args()
    options.seconds = options.seconds or (2 if options.quick else 20)
    specs = harness.prepare(options, with_echo=True)
    table = report.Table("Latency at a fixed rate", (
        ("work", "work", ""), ("server", "server", ""), ("requests_per_second", "requests/s", ",.0f"),
        *((key, title, ",.0f") for key, title in PERCENTILES),
        ("late_us", "left late p99.9 us", ",.0f"), ("cpu_us", "CPU us/request", ".2f"),
        *((key, title if key != "ratio" else "ratio of p99.9", shape) for key, title, shape in report.RATIOS)))
    with harness.running(specs) as servers:
        for server in servers:
            if not server.spec.is_echo:
                generator.load_keys(server, generator.KEYS)
        rate = options.rate or SHARE * saturation(servers[0], options)
        table.remarks.append(f"rate: {rate:,.0f} a second" + (
            "" if options.rate else f", a third of what {servers[0].name} does at most"))
        for command in ("get", "set"):
            harness.note(f"{command} at {rate:,.0f} a second")
            results = harness.interleave(servers, options.rounds or (1 if options.quick else 3),
                                         lambda server: measure(server, command, rate, options),
                                         discard=0 if options.quick else 1)
            table.rows += report.summarize({"work": f"{command.upper()} 64 B"}, results, "p99_9_us")
    curves = {row["server"]: [(i, row[key]) for i, (key, _) in enumerate(PERCENTILES)]
              for row in table.rows if row["work"].startswith("GET")}
    bars = plot.Bars("latency.svg", f"Latency of GET at {rate:,.0f} requests a second", "microseconds",
                     [title.removesuffix(" us") for _, title in PERCENTILES],
                     {name: [value for _, value in points] for name, points in curves.items()})
    report.finish(options, [table], [bars])


if __name__ == "__main__":
    main()
