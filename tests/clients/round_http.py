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


# The words of JSON Schema that the description uses; any other is an error, so that none is passed over.
KINDS = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "object": dict, "array": list}
TOLD_ELSEWHERE = {"description", "format"}


def is_kind(value, kind):
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def fits_word(word, told, schema, value, document):
    if word == "$ref":
        return fits(document["components"]["schemas"][told.rpartition("/")[2]], value, document)
    if word == "oneOf":
        return sum(fits(one, value, document) for one in told) == 1
    if word == "type":
        return (value is None and schema.get("nullable", False)) or is_kind(value, told)
    if word == "enum":
        return value in told
    if word == "required":
        return not isinstance(value, dict) or all(name in value for name in told)
    if word == "properties":
        return not isinstance(value, dict) or all(
            fits(one, value[name], document) for name, one in told.items() if name in value)
    if word == "items":
        return not isinstance(value, list) or all(fits(told, one, document) for one in value)
    if word == "minItems":
        return not isinstance(value, list) or len(value) >= told
    if word == "maxItems":
        return not isinstance(value, list) or len(value) <= told
    if word == "minimum":
        return not is_kind(value, "number") or value >= told
    if word == "nullable" or word in TOLD_ELSEWHERE:
        return True
    raise ValueError(f"{word} is no word of a schema that is known here")


def fits(schema, value, document):
    return all(fits_word(word, told, schema, value, document) for word, told in schema.items())


def resolved(response, document):
    """A response of an operation, which may be one that operations share."""
    if "$ref" in response:
        return document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response


def is_as_described(document, operation, response, body):
    """Status, type and, of JSON, the shape."""
    told = operation["responses"].get(str(response.status))
    if told is None:
        return False
    content = resolved(told, document).get("content", {})
    kind = response.headers.get("Content-Type", "")
    if response.status == 304 or not body:
        return True
    if kind not in content or not content[kind]["schema"]:
        return False
    return kind != "application/json" or fits(content[kind]["schema"], json.loads(body), document)


def checker(_):
    """The checker finds what is wrong, not only what is right."""
    document = {"components": {"schemas": {"A": {"type": "integer", "minimum": 1}}}}
    reference = {"$ref": "#/components/schemas/A"}
    right = [({"type": "string", "nullable": True, "enum": [None]}, None), (reference, 1),
             ({"type": "array", "items": reference, "minItems": 1}, [1, 2]),
             ({"type": "object", "properties": {"a": reference}, "required": ["a"]}, {"a": 3, "b": 0})]
    wrong = [({"type": "string"}, None), (reference, 0), (reference, "1"), (reference, True),
             ({"type": "array", "items": reference, "minItems": 1}, []), ({"type": "array", "items": reference}, [1, 0]),
             ({"type": "object", "properties": {"a": reference}, "required": ["a"]}, {}),
             ({"oneOf": [reference, {"type": "number"}]}, 1), ({"enum": ["ok"]}, "no")]
    check("a shape is recognised", all(fits(schema, value, document) for schema, value in right))
    check("and a wrong one, too", not any(fits(schema, value, document) for schema, value in wrong))


# One request for each operation that succeeds, in an order in which it does: method, path of the description, target,
# body, header fields.
def line(text):
    return {"command": text}


SUCCESSES = [
    ("put", "/v1/keys/{key}", "/v1/keys/one", "text", {}),
    ("put", "/v1/keys/{key}", "/v1/keys/one", "other", {}),
    ("put", "/v1/keys/{key}", "/v1/keys/raw", b"\xff", {"Content_Type": "application/octet-stream"}),
    ("put", "/v1/keys/{key}", "/v1/keys/zset?type=zset", [["a", 1.5], ["b", "inf"]], {}),
    ("get", "/v1/keys/{key}", "/v1/keys/one", None, {}),
    ("get", "/v1/keys/{key}", "/v1/keys/raw", None, {}),
    ("get", "/v1/keys/{key}", "/v1/keys/raw", None, {"Accept": "application/octet-stream"}),
    ("get", "/v1/keys/{key}", "/v1/keys/zset", None, {}),
    ("head", "/v1/keys/{key}", "/v1/keys/one", None, {}),
    ("get", "/v1/keys", "/v1/keys?count=100", None, {}),
    ("post", "/v1/command", "/v1/command", ["ZRANGE", "zset", 0, -1, "WITHSCORES"], {}),
    ("post", "/v1/command", "/v1/command", ["GET", "none"], {}),
    ("post", "/v1/command", "/v1/command", ["CONFIG", "GET", "http-*"], {}),
    ("post", "/v1/transaction", "/v1/transaction", [["GET", "one"], ["LPUSH", "one", "x"], ["EXISTS", "one"]], {}),
    ("delete", "/v1/keys/{key}", "/v1/keys/zset", None, {}),
    ("post", "/put", "/put", line("k v"), {}),
    ("put", "/put", "/put", line("put k v 100"), {}),
    ("post", "/get", "/get", line("k"), {}),
    ("post", "/get", "/get", line("raw"), {}),
    ("post", "/exists", "/exists", line("k none"), {}),
    ("post", "/alias", "/alias", line("twice GET $1"), {}),
    ("get", "/show-alias", "/show-alias", None, {}),
    ("delete", "/reset-alias", "/reset-alias", line("twice"), {}),
    ("delete", "/reset-alias", "/reset-alias", None, {}),
    ("post", "/find", "/find", line("-k k*"), {}),
    ("post", "/find", "/find", line("-l v*"), {}),
    ("put", "/batch", "/batch", line("put a 1; get a"), {}),
    ("put", "/batch", "/batch", ["put a 2", "get none"], {}),
    ("get", "/keys", "/keys", None, {}),
    ("get", "/values", "/values", None, {}),
    ("get", "/items", "/items", None, {}),
    ("get", "/size", "/size?db=0", None, {}),
    ("get", "/help", "/help", None, {}),
    ("delete", "/delete", "/delete", line("k none"), {}),
    ("post", "/clear", "/clear", None, {"Content_Type": "application/json"}),
    ("post", "/clear", "/clear", {}, {}),
    ("get", "/", "/", None, {}),
    ("get", "/health", "/health", None, {}),
    ("get", "/ready", "/ready", None, {}),
    ("get", "/metrics", "/metrics", None, {}),
    ("get", "/openapi.json", "/openapi.json", None, {}),
]


def shapes(web):
    _, body = web.ask("GET", "/openapi.json")
    document = json.loads(body)
    seen = set()
    for method, path, target, content, fields in SUCCESSES:
        operation = document["paths"][path][method]
        response, body = web.ask(method.upper(), target, content, **fields)
        seen.add((method, path))
        check(f"{method} {target} is what is described", 200 <= response.status < 300
              and is_as_described(document, operation, response, body), f"{response.status} {body[:200]}")
    for end in ("commit", "rollback"):
        response, body = web.ask("GET", "/begin")
        check("a transaction begins as described",
              is_as_described(document, document["paths"]["/begin"]["get"], response, body), body)
        token = json.loads(body)["data"]["transaction"]
        response, body = web.ask("GET", f"/{end}", Gyre_Transaction=token)
        check(f"/{end} is what is described", response.status == 200
              and is_as_described(document, document["paths"][f"/{end}"]["get"], response, body), body)
        seen |= {("get", "/begin"), ("get", f"/{end}")}
    every = {(method, path) for path, operations in document["paths"].items() for method in operations if method != "head"}
    check("each operation was asked once", every - seen == {("get", "/v1/subscribe/{channel}")}, every - seen)
    references = set(re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(document)))
    known = {(family, name) for family, members in document["components"].items() for name in members}
    check("what is referred to is there", references <= known, references - known)
    lacking = {path for path, operations in document["paths"].items()
               for one in operations.values() if not one.get("requestBody", {"required": True})["required"]}
    check("who needs no body says so", lacking == {"/clear", "/reset-alias"}, lacking)
    with_db = {path for path, operations in document["paths"].items() for one in operations.values()
               if any(parameter["name"] == "db" for parameter in one["parameters"])}
    check("no transaction begins in a database", not with_db & {"/begin", "/commit", "/rollback", "/help"}, with_db)
    told = document["paths"]["/v1/command"]["post"]["responses"]
    for status, ask in {"405": ("GET", "/v1/command", None, {}),
                        "415": ("POST", "/v1/command", b"x", {"Content_Type": "text/plain"}),
                        "417": ("POST", "/v1/command", ["PING"], {"Expect": "nothing"}),
                        "501": ("POST", "/v1/command", b"x", {"Transfer_Encoding": "gzip"}),
                        "431": ("POST", "/v1/command", ["PING"], {"X": "x" * 30000}),
                        "413": ("POST", "/v1/command", ["PING"], {"Content_Length": "99999999999"}),
                        "421": ("POST", "/v1/command", ["PING"], {"Host": "evil.example"}),
                        "403": ("POST", "/v1/command", ["PING"], {"Origin": "http://evil.example"})}.items():
        method, target, content, fields = ask
        own = Web(web.port)
        response, body = own.ask(method, target, content, **fields)
        check(f"{status} is what is described", str(response.status) == status and status in told
              and is_as_described(document, document["paths"]["/v1/command"]["post"], response, body),
              f"{response.status} {body[:200]}")


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
            told = response.status not in (404, 405, 415) or "404" in operation["responses"]
            check(f"{method} {path} answers as described",
                  told and is_as_described(document, operation, response, body),
                  f"{response.status} {response.headers.get('Content-Type')} {body[:200]}")
    known = {"get", "head", "put", "post", "delete"}
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
            is_right = is_right and name.endswith("_total") == (kind == "counter")
            names[name] = kind
        elif not line.startswith("#"):
            match = re.fullmatch(r'([a-z_:][a-zA-Z0-9_:]*)(\{[a-z]+="[^"\n]*"\})? (-?[0-9.e+-]+|NaN|[+-]Inf)', line)
            is_right = is_right and match and match.group(1) in names
    check("metrics are what Prometheus reads", is_right and len(names) > 100, len(names))


def main():
    web = Web(open_http(int(sys.argv[1])))
    for part in (checker, values, conditions, description, shapes, metrics):
        part(web)
    print(f"1..{len(checks)}")
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
