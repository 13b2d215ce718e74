#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A realistic round with python3-redis: strings, pipelines, expiry, scan iterators, errors.

Usage: round_python.py PORT. Prints one line per check in TAP.
"""
import sys
import time

import redis

checks = []


def check(name, is_right):
    checks.append(bool(is_right))
    print(f"{'ok' if is_right else 'not ok'} {len(checks)} - python3-redis: {name}")


def strings(client):
    check("set and get", client.set("py:a", b"\x00\r\n\xff") and client.get("py:a") == b"\x00\r\n\xff")
    check("nx", client.set("py:a", "x", nx=True) is None)
    check("get option", client.set("py:a", "y", get=True) == b"\x00\r\n\xff")
    check("mset, mget", client.mset({"py:b": 1, "py:c": 2}) and client.mget("py:b", "py:c", "py:none")
          == [b"1", b"2", None])
    check("incr", client.incrby("py:b", 41) == 42 and client.decr("py:b") == 41)
    check("incrbyfloat", client.incrbyfloat("py:f", 1.5) == 1.5)
    check("bits", client.setbit("py:bits", 7, 1) == 0 and client.bitcount("py:bits") == 1)
    check("getdel", client.getdel("py:c") == b"2" and not client.exists("py:c"))


def expiry(client):
    client.set("py:t", "v", ex=100)
    check("ttl", 90 < client.ttl("py:t") <= 100)
    check("persist", client.persist("py:t") and client.ttl("py:t") == -1)
    check("expire with options", client.expire("py:t", 50, nx=True) and not client.expire("py:t", 40, gt=True))
    client.set("py:soon", "v", px=50)
    deadline = time.monotonic() + 10
    while client.exists("py:soon") and time.monotonic() < deadline:
        time.sleep(0.01)
    check("a key expires", client.get("py:soon") is None)


def pipelines(client):
    pipe = client.pipeline(transaction=False)
    for i in range(5000):
        pipe.set(f"py:many:{i}", i)
    check("pipeline of 5000", all(pipe.execute()))
    pipe = client.pipeline(transaction=False)
    pipe.set("py:word", "abc").incr("py:word").get("py:word")
    replies = pipe.execute(raise_on_error=False)
    check("errors in a pipeline", replies[0] is True and isinstance(replies[1], redis.ResponseError)
          and replies[2] == b"abc")
    found = set(client.scan_iter(match="py:many:*", count=100))
    check("scan_iter finds every key", len(found) == 5000)
    check("scan_iter by type", not list(client.scan_iter(_type="list")))


def server(client):
    check("info", client.info()["redis_version"] and "db0" in client.info("keyspace"))
    check("config", client.config_set("maxmemory-samples", 6)
          and client.config_get("maxmemory-samples") == {"maxmemory-samples": "6"})
    check("client", client.client_setname("py") and client.client_getname() == "py"
          and any(c["name"] == "py" for c in client.client_list()))
    check("command", client.command()["get"]["arity"] == 2 and client.command_count() > 50)
    check("slowlog", isinstance(client.slowlog_get(), list))
    check("memory usage", client.memory_usage("py:a") > 0)
    check("dbsize", client.dbsize() > 5000 and client.flushdb() and client.dbsize() == 0)
    check("object", client.set("py:n", 5) and client.object("encoding", "py:n") == b"int")


def main():
    client = redis.Redis(port=int(sys.argv[1]), socket_timeout=20)
    client.flushall()
    for part in (strings, expiry, pipelines, server):
        part(client)
    print(f"1..{len(checks)}")
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
