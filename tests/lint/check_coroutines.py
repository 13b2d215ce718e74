#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""No braces, lambda, && or || in an expression with co_await.

g++ 12.2 destroys temporaries of such expressions twice or too early: arguments must be named locals or
plain values. A statement is judged as a whole; the head of an if, for or while is one of its own.

Usage: check_coroutines.py ROOT | --self-test
"""

import sys
from pathlib import Path

import cpp_source


def _owner(stack):
    """The innermost frame that holds statements, not an expression's bracket."""
    for frame in reversed(stack):
        if frame.kind not in ("paren", "init"):
            return frame
    return stack[0]


def _is_operator(items, index):
    """Whether the && at index is the operator, not part of a reference type."""
    if items[index].text in ("||", "and", "or"):
        return True
    before = items[index - 1].text if index > 0 else ""
    after = items[index + 1].text if index + 1 < len(items) else ""
    return before != "auto" and after not in (">", ")", ",")


def check_text(path, text):
    items = cpp_source.tokens(text)
    faults = []

    def on_token(index, stack):
        item = items[index]
        frame = stack[-1]
        if item.text == "co_await" and item.kind == "word":
            if index == 0 or items[index - 1].text != "operator":
                _owner(stack).notes.append(("co_await", item.line))
        elif item.text == "{" and item.kind == "sign" and frame.kind == "init":
            _owner(stack).notes.append(("braces", item.line))
        elif item.text == "[" and cpp_source.is_lambda(items, index):
            _owner(stack).notes.append(("a lambda", item.line))
        elif item.text in ("&&", "||", "and", "or") and item.kind in ("sign", "word"):
            if _is_operator(items, index):
                _owner(stack).notes.append((f"'{item.text}'", item.line))

    def on_statement(stack):
        notes = _owner(stack).notes
        if any(what == "co_await" for what, _ in notes):
            for what, line in notes:
                if what != "co_await":
                    faults.append(cpp_source.Fault(
                        path, line, f"{what} in an expression with co_await; use a named local"))
        notes.clear()

    cpp_source.walk(items, on_token=on_token, on_statement=on_statement)
    return faults


SELF_TEST = [
    ("plain await", "Task<int> f() { auto a = co_await g(b, 1); co_return a; }", 0),
    ("aggregate argument", "Task<> f() { co_await g(Request{1, 2}); }", 1),
    ("braced list", "Task<> f() { co_await g({1, 2}); }", 1),
    ("await in braces", "Task<> f() { Pair p{co_await a(), 1}; }", 1),
    ("assigned list", "Task<> f() { Pair p = {1, co_await a()}; }", 1),
    ("lambda argument", "Task<> f() { co_await g([x] { return x; }); }", 1),
    ("invoked lambda", "Task<> f() { co_await [&]() -> Task<> { co_return; }(); }", 1),
    ("and", "Task<> f() { if (co_await a() && b) { c(); } }", 1),
    ("or in a loop", "Task<> f() { while (x || co_await a()) d(); }", 1),
    ("word for and", "Task<> f() { bool x = co_await a() and b; }", 1),
    ("two statements", "Task<> f() { Request r{1}; co_await g(std::move(r)); auto h = [x] { return x; }; }", 0),
    ("head and body apart", "Task<> f() { if (a && b) co_await g(); for (T x{1}; x; ++x) co_await g(); }", 0),
    ("references", "Task<> f(T&& t) { auto&& r = co_await g(static_cast<T&&>(t)); }", 0),
    ("coroutine lambda of its own", "void f() { spawn([](int a) -> Task<> { co_await g(a); }, Option{1}); }", 0),
    ("text and comments", 'Task<> f() { co_await g("{ && }"); /* { || */ }', 0),
    ("attribute and binding", "Task<> f() { [[maybe_unused]] auto& [a, b] = co_await g(c[0]); }", 0),
    ("members", "struct alignas(64) S { int a{1}; Task<> f() const { co_await g(); } int b = {2}; };", 0),
    ("the operator itself", "struct T { A operator co_await() && noexcept { return A(h_); } };", 0),
    ("trailing return type", "template <class T> auto f() -> Task<T> { co_await g(T{}); }", 1),
]


def main():
    if sys.argv[1:] == ["--self-test"]:
        return cpp_source.self_test(SELF_TEST, lambda text: check_text("planted", text))
    root = Path(sys.argv[1])
    faults = []
    for name in cpp_source.source_files(root):
        faults += check_text(name, (root / name).read_text(encoding="utf-8"))
    return cpp_source.report(faults, "coroutines")


if __name__ == "__main__":
    sys.exit(main())
