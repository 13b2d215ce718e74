#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A round with Python's own HTTP client: keep-alive, values, compare-and-set, and the served description
of the endpoints against the endpoints.

Usage: round_http.py PORT, that of RESP. Prints one line per check in TAP.
"""
import base64
import http.client
import json
import re
import socket
import sys

import with_server

checks = []


def check(name, is_right, detail=""):
    checks.append(bool(is_right))
    print(f"{'ok' if is_right else 'not ok'} {len(checks)} - http: {name}{'' if is_right else f' # {detail}'}")


def open_http(port):
    """Has the server listen for HTTP on a free port; returns that port."""
    chosen = with_server.free_port()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"CONFIG SET http-port {chosen}\r\n".encode())
        assert connection.recv(64) == b"+OK\r\n"
    return chosen


class Web:
    def __init__(self, port):
        self.port = port
        self.connection = http.client.HTTPConnection("localhost", port, timeout=20)

    def ask(self, method, path, body=None, **headers):
        if body is not None and "Content-Type" not in headers and not isinstance(body, bytes):
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response, response.read()


def values(web):
    raw = bytes(range(256))
    response, _ = web.ask("PUT", "/v1/keys/raw", raw, Content_Type="application/octet-stream", Gyre_Ttl_Ms="60000")
    check("bytes are put", response.status == 201, response.status)
    response, body = web.ask("GET", "/v1/keys/raw", Accept="application/octet-stream")
    check("and come back", body == raw and 0 < int(response.headers["Gyre-Ttl-Ms"]) <= 60000)
    _, body = web.ask("GET", "/v1/keys/raw")
    check("as JSON too", base64.b64decode(json.loads(body)["base64"]) == raw)
    web.ask("PUT", "/v1/keys/%C3%A9%2F", "\u00e9\n\u2028\"\\")
    _, body = web.ask("GET", "/v1/keys/%C3%A9%2F")
    check("text is text", json.loads(body) == "\u00e9\n\u2028\"\\", body)
    web.ask("PUT", "/v1/keys/h", {"a": "1", "b": [1][0]})
    response, body = web.ask("GET", "/v1/keys/h")
    check("a hash is an object", json.loads(body) == {"a": "1", "b": "1"}, body)
    _, body = web.ask("POST", "/v1/command", ["KEYS", "*"])
    check("keys are listed", len(json.loads(body)["result"]) == 3, body)


def conditions(web):
    web.ask("PUT", "/v1/keys/c", "one")
    response, _ = web.ask("GET", "/v1/keys/c")
    tag = response.headers["ETag"]
    response, body = web.ask("GET", "/v1/keys/c", If_None_Match=tag)
    check("nothing new", response.status == 304 and body == b"")
    response, _ = web.ask("PUT", "/v1/keys/c", "two", If_Match=tag)
    check("compare and set", response.status == 204, response.status)
    response, _ = web.ask("PUT", "/v1/keys/c", "three", If_Match=tag)
    check("once only", response.status == 412, response.status)


def sample(path, operation):
    """A request that fits the operation."""
    target = re.sub(r"{\w+}", "sample", path)
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return target, None
    schema = content["schema"]
    if "oneOf" in schema:
        schema = schema["oneOf"][0]
    if schema.get("type") == "object":
        return target, {"command": "sample"}
    if schema.get("type") == "array":
        inner = ["PING"]
        return target, [inner] if schema["items"].get("type") == "array" else inner
    return target, "text"


def begin(web, method, target):
    """The head of a response whose body does not end, on a connection that is closed then."""
    own = Web(web.port)
    own.connection.request(method, target)
    response = own.connection.getresponse()
    own.connection.close()
    return response, b""


def is_endless(operation):
    return any("text/event-stream" in told.get("content", {}) for told in operation["responses"].values())


def description(web):
    response, body = web.ask("GET", "/openapi.json")
    document = json.loads(body)
    check("the description is OpenAPI 3", document["openapi"].startswith("3.") and response.status == 200)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            target, content = sample(path, operation)
            if is_endless(operation):
                response, body = begin(web, method.upper(), target)
            else:
                response, body = web.ask(method.upper(), target, content)
            listed = str(response.status) in operation["responses"]
            told = response.status not in (404, 405, 415) or "404" in operation["responses"]
            kind = response.headers.get("Content-Type", "")
            expected = operation["responses"].get(str(response.status), {}).get("content", {kind: None})
            check(f"{method} {path} answers as described", listed and told and kind in expected,
                  f"{response.status} {kind} {body[:200]}")
            _ = json.loads(body) if kind == "application/json" else None
    known = {"get", "put", "post", "delete"}
    response, _ = web.ask("PATCH", "/v1/keys/a")
    check("what is not described is refused", response.status in (405, 501))
    check("all operations have methods of HTTP", all(set(one) <= known for one in document["paths"].values()))


def metrics(web):
    _, body = web.ask("GET", "/metrics")
    names = {}
    is_right = True
    for line in body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            is_right = is_right and name not in names and kind in ("counter", "gauge")
            names[name] = kind
        elif not line.startswith("#"):
            match = re.fullmatch(r'([a-z_:][a-zA-Z0-9_:]*)(\{[a-z]+="[^"\n]*"\})? (-?[0-9.e+-]+|NaN|[+-]Inf)', line)
            is_right = is_right and match and match.group(1) in names
    check("metrics are what Prometheus reads", is_right and len(names) > 100, len(names))


def main():
    web = Web(open_http(int(sys.argv[1])))
    for part in (values, conditions, description, metrics):
        part(web)
    print(f"1..{len(checks)}")
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
