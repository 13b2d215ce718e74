#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Python's json module and our reader and writer agree about JSON documents of data sets.

Random records are given to our writer: json.loads finds the same data in its document, and json.dumps
writes the same text, byte for byte. Documents written by json.dumps in several manners are read by ours.
Random collections come back as they were from a document that ours reads and writes again. The page of the format shows the golden document.

Usage: check_json.py PIPE GOLDEN PAGE     (PIPE: the program of json_pipe.cc; seed: GYRE_SEED)
"""

import base64
import json
import os
import random
import subprocess
import sys
from pathlib import Path

ORDER = ("db", "key", "type", "expireat_ms", "timestamp_ms", "value")
COMPACT = {"ensure_ascii": False, "separators": (",", ":")}


def run(pipe, verb, data):
    done = subprocess.run([pipe, verb], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{verb} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout


def random_text(source):
    kinds = (
        lambda: chr(source.randrange(0x20)),
        lambda: chr(source.randrange(0x20, 0x80)),
        lambda: source.choice('"\\/\x7f\x85\u2028\u2029\ufeff\uffff\ud7ff\ue000'),
        lambda: chr(source.randrange(0x80, 0xD800)),
        lambda: chr(source.randrange(0x10000, 0x110000)),
    )
    return "".join(source.choice(kinds)() for _ in range(source.randrange(40)))


def random_bytes(source):
    if source.random() < 0.3:
        return source.randbytes(source.randrange(40))
    data = random_text(source).encode()
    # Damaged text is bytes as well; so is text cut in the middle of a character.
    return data[:-1] if source.random() < 0.2 else data


def random_records(source, count):
    records, seen = [], set()
    while len(records) < count:
        record = {"db": source.randrange(3), "key": random_bytes(source), "type": "string"}
        if source.random() < 0.5:
            record["expireat_ms"] = source.randrange(-2**63, 2**63 - 1)
        if source.random() < 0.5:
            record["timestamp_ms"] = source.randrange(-2**63 + 1, 2**63)
        record["value"] = random_bytes(source)
        if (record["db"], record["key"]) not in seen:
            seen.add((record["db"], record["key"]))
            records.append(record)
    return records


def as_json(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def as_line(record):
    def time(name):
        return str(record.get(name, "-"))
    return (f'{record["db"]} x{record["key"].hex()} x{record["value"].hex()} '
            f'{time("expireat_ms")} {time("timestamp_ms")}\n')


def as_lines(records):
    return "".join(as_line(record) for record in records).encode()


def as_document(records):
    return {"format": "gyre-json", "version": 1,
            "keys": [{**record, "key": as_json(record["key"]), "value": as_json(record["value"])}
                     for record in records]}


def expected_text(document):
    """What our writer is to write, by Python's means."""
    lines = ",\n".join(json.dumps({name: record[name] for name in ORDER if name in record}, **COMPACT)
                       for record in document["keys"])
    head = json.dumps({**document, "keys": []}, **COMPACT)
    return f'{head[:-2]}\n{lines}{chr(10) if lines else ""}]}}\n'.encode()


def check(what, is_right):
    if not is_right:
        raise SystemExit(f"GYRE_SEED={SEED}: {what}")


def check_round(pipe, records):
    document = as_document(records)
    written = run(pipe, "write", as_lines(records))
    check("json.loads finds other data than were written", json.loads(written) == document)
    check("json.dumps writes another text", written == expected_text(document))
    manners = (
        written.decode(),
        json.dumps(document),  # everything but ASCII escaped, surrogates in pairs
        json.dumps(document, ensure_ascii=False, indent=2),
        json.dumps(document, indent="\t").replace("\n", "\r\n"),
        "\ufeff \n" + json.dumps(document) + "\n\n",
        json.dumps({**document, "keys": [dict(sorted(r.items())) for r in document["keys"]]}),
    )
    for number, text in enumerate(manners):
        check(f"document {number} is read as other data",
              run(pipe, "read", text.encode()) == as_lines(records))


def distinct(source, count):
    return list({random_bytes(source) for _ in range(count)}) or [b"one"]


def random_score(source):
    return source.choice((source.uniform(-1e3, 1e3), float(source.randrange(-5, 5)), float("inf"),
                          float("-inf"), source.randrange(-2**62, 2**62) * 2.0 ** source.randrange(-99, 99)))


def random_stream(source):
    moments = sorted({(source.randrange(2**44), source.randrange(3)) for _ in range(source.randrange(300))}
                     - {(0, 0)})
    ids = [f"{moment[0]}-{moment[1]}" for moment in moments]
    some = [as_json(text) for text in distinct(source, 5)]
    groups = []
    for name in sorted(distinct(source, source.randrange(4))):
        names = sorted(distinct(source, 3))
        consumers = [{"name": as_json(text), "seen_ms": source.randrange(2**63)} for text in names]
        consumers[0]["active_ms"] = source.randrange(2**63)
        groups.append({"name": as_json(name), "last_id": "5-5", "entries_read": source.randrange(2**63),
                       "consumers": consumers,
                       "pending": [[entry, as_json(source.choice(names)), source.randrange(2**63),
                                    source.randrange(2**63)] for entry in ids if source.random() < 0.5]})
    return {"last_id": f"{2**44}-0", "max_deleted_id": "7-7", "entries_added": len(ids) + source.randrange(9),
            "entries": [[entry, [source.choice(some) for _ in range(2 * source.randrange(4))]] for entry in ids],
            "groups": groups}


def random_collection(source, kind):
    count = source.choice((1, 5, 300))
    if kind == "list":
        return [as_json(random_bytes(source)) for _ in range(count)]
    if kind == "set":
        return [as_json(member) for member in distinct(source, count)]
    if kind == "hash":
        deadline = [[], [source.randrange(2**48 - 1)]]
        return [[as_json(field), as_json(random_bytes(source)), *source.choice(deadline)]
                for field in distinct(source, count)]
    if kind == "zset":
        return [[as_json(member), repr(random_score(source))] for member in distinct(source, count)]
    return random_stream(source)


def comparable(record):
    """The order in a set or a hash, and the way a score is written, mean nothing."""
    kind, value = record["type"], record["value"]
    if kind == "zset":
        value = [[member, float(score)] for member, score in value]
    if kind in ("set", "hash", "zset"):
        value = sorted(value, key=json.dumps)
    return {**record, "value": value}


def check_collections(pipe, source):
    kinds = ("list", "set", "hash", "zset", "stream")
    document = {"format": "gyre-json", "version": 1,
                "keys": [{"db": 0, "key": str(number), "type": kinds[number % 5],
                          "value": random_collection(source, kinds[number % 5])} for number in range(200)]}
    expected = [comparable(record) for record in document["keys"]]
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        copied = run(pipe, "copy", text.encode())
        found = json.loads(copied)
        check("collections come back as others", [comparable(record) for record in found["keys"]] == expected)
        check("json.dumps writes collections otherwise", copied == expected_text(found))
        check("a stream, or a list, is not written as it was", all(
            ours["value"] == theirs["value"] for ours, theirs in zip(found["keys"], document["keys"])
            if ours["type"] in ("list", "stream")))


def check_page(golden, page):
    text = Path(golden).read_text(encoding="utf-8")
    check("the golden document is not the example of the page",
          f"```json\n{text}```\n" in Path(page).read_text(encoding="utf-8"))
    check("the golden document is not canonical", expected_text(json.loads(text)) == text.encode())


def main():
    pipe, golden, page = sys.argv[1:]
    source = random.Random(SEED)
    for count in (0, 1, 2, 500):
        check_round(pipe, random_records(source, count))
    big = [{"db": 0, "key": b"text", "type": "string", "value": "\u00e4\n".encode() * 100_000},
           {"db": 0, "key": b"bytes", "type": "string", "value": source.randbytes(300_001)}]
    check_round(pipe, big)
    check_collections(pipe, source)
    check_page(golden, page)


SEED = int(os.environ.get("GYRE_SEED", "20260301"))

if __name__ == "__main__":
    main()
