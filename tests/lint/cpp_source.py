# SPDX-License-Identifier: BSD-3-Clause
"""What the source checks share: finding the files, cutting C++ into tokens, telling blocks from braces.

This is no parser. It knows strings, comments and brackets, and guesses the rest from the neighbours of
a brace; that is enough for the questions the checks ask, and the checks' self-tests pin it down.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

SOURCE_DIRECTORIES = ("src", "include", "tests", "bench")
SOURCE_SUFFIXES = (".cc", ".h")

_TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*(?:\\\n[^\n]*)*|/\*.*?\*/)
  | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
  | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
  | (?P<number>\.?[0-9](?:'[0-9a-fA-F]|[eEpP][+-]|[0-9a-zA-Z_.])*)
  | (?P<char>(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+')
  | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>->|::|&&|\|\||\[\[|.)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


@dataclass
class Token:
    kind: str
    text: str
    line: int


@dataclass
class Fault:
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


def source_files(root, directories=SOURCE_DIRECTORIES, suffixes=SOURCE_SUFFIXES):
    """All our C++ files, as paths relative to the root, sorted."""
    root = Path(root)
    found = []
    for directory in directories:
        for path in (root / directory).rglob("*"):
            if path.suffix in suffixes and path.is_file() and "node_modules" not in path.parts:
                found.append(path.relative_to(root).as_posix())
    return sorted(found)


def tokens(text):
    """The tokens of a text without blanks, comments and preprocessor lines."""
    result = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup != "mark" else "raw"
        piece = match.group()
        if kind not in ("comment", "directive") and not piece.isspace():
            result.append(Token(kind, piece, line))
        line += piece.count("\n")
    return result


def without_comments_and_strings(text):
    """The text with comments and the insides of literals blanked; lines stay where they are."""
    def blank(match):
        piece = match.group()
        if match.lastgroup in ("comment", "raw", "string", "char", "mark"):
            return re.sub(r"[^\n]", " ", piece)
        return piece
    return _TOKEN.sub(blank, text)


_CONTROL = {"if", "for", "while", "switch", "else", "do", "try", "catch", "constexpr"}
_SCOPES = {"namespace", "class", "struct", "union", "enum", "extern"}
_BEFORE_BLOCK = {")", ";", "{", "}", ":", "else", "do", "try", "const", "noexcept", "override", "final", "mutable"}
_IN_RETURN_TYPE = {"::", "<", ">", ",", "*", "&", "(", ")", "[", "]"}


def _ends_return_type(items, index):
    """Whether items[index] closes a trailing return type: ') -> Task<void> {'."""
    while index >= 0:
        item = items[index]
        if item.text == "->":
            return index > 0 and items[index - 1].text in (")", "]", "noexcept", "mutable", "const")
        if item.kind not in ("word", "number") and item.text not in _IN_RETURN_TYPE:
            return False
        index -= 1
    return False


def is_lambda(items, index):
    """Whether the '[' at index introduces a lambda, not a subscript or a structured binding."""
    if items[index].text != "[":
        return False
    if index == 0:
        return True
    before = items[index - 1]
    if before.kind == "word":
        return before.text in ("return", "co_return", "co_await", "co_yield", "case")
    if before.text in ("&", "&&") and index > 1 and items[index - 2].text == "auto":
        return False
    return before.text not in (")", "]", "[[") and before.kind not in ("string", "raw")


def brace_kind(items, index, statement_start, parent):
    """'block', 'scope' (class, namespace ...), 'lambda' or 'init' for the '{' at index."""
    before = items[index - 1] if index > statement_start or index > 0 else None
    words = {item.text for item in items[statement_start:index]}
    returns = _ends_return_type(items, index - 1)
    ends_head = before is None or before.text in _BEFORE_BLOCK or returns
    opens_lambda = any(is_lambda(items, i) for i in range(statement_start, index))
    if opens_lambda and (ends_head or before.text == "]"):
        return "lambda"
    if parent in ("paren", "init"):
        return "init"
    if returns or ("(" in words and (ends_head or "requires" in words)):
        return "block"
    if words & _SCOPES and before.text not in ("=", ",", "return"):
        return "scope"
    return "block" if ends_head else "init"


@dataclass
class Frame:
    kind: str                  # file, scope, block, lambda, init, paren
    start: int                 # index of the token that opened it
    statement: int             # index where the present statement begins
    function: bool = False     # a block that is the body of a function
    control: bool = False      # parentheses that belong to if, for, while, switch
    head: int = 0              # index where its head began
    notes: list = field(default_factory=list)  # what a check remembers of the present statement


@dataclass
class Function:
    name: str
    first_line: int
    last_line: int
    lines: int = field(init=False)

    def __post_init__(self):
        self.lines = self.last_line - self.first_line + 1


def walk(items, on_token=None, on_function=None, on_statement=None):
    """Goes through the tokens once, with a stack of frames.

    on_token(index, stack) for each token; on_statement() whenever a statement of the innermost block
    frame ends; on_function(Function) when the body of an outermost function ends.
    """
    stack = [Frame("file", 0, 0)]

    def end_statement(index):
        frame = stack[-1]
        if on_statement is not None:
            on_statement(stack)
        frame.statement = index + 1

    for index, item in enumerate(items):
        text = item.text if item.kind in ("sign", "word") else ""
        if text == "{":
            _open_brace(items, index, stack, on_statement)
        elif text in ("(", "["):
            control = text == "(" and index > 0 and items[index - 1].text in _CONTROL
            stack.append(Frame("paren", index, index + 1, control=control))
        elif text == "[[":  # closed by two separate brackets
            stack.extend(Frame("paren", index, index + 1) for _ in range(2))
        if on_token is not None:
            on_token(index, stack)
        if text == "}" and len(stack) > 1:
            frame = stack.pop()
            if frame.function and on_function is not None and not any(f.function for f in stack):
                name = function_name(items, frame.head, frame.start)
                on_function(Function(name, items[frame.head].line, item.line))
            if frame.kind in ("block", "scope"):
                end_statement(index)
        elif text in (")", "]") and len(stack) > 1:
            frame = stack.pop()
            if frame.control:
                end_statement(index)
        elif text == ";":
            end_statement(index)


def _open_brace(items, index, stack, on_statement):
    parent = stack[-1]
    kind = brace_kind(items, index, parent.statement, parent.kind)
    if kind in ("block", "scope") and on_statement is not None:
        on_statement(stack)
    head = parent.statement
    words = {item.text for item in items[head:index]}
    function = kind == "block" and "(" in words and not words & _CONTROL
    stack.append(Frame(kind, index, index + 1, function=function, head=head))


def function_name(items, head, brace):
    """The word before the first parenthesis of a head."""
    for index in range(head, brace):
        if items[index].text == "(" and index > head:
            return items[index - 1].text
    return "?"



def self_test(cases, check):
    """Runs check(text) over (name, text, number of faults) and returns an exit status."""
    wrong = 0
    for name, text, expected in cases:
        faults = check(text)
        if len(faults) != expected:
            wrong += 1
            print(f"self-test '{name}': {expected} faults expected, {len(faults)} found")
            for fault in faults:
                print(f"    {fault}")
    print(f"self-test: {len(cases)} cases, {wrong} wrong")
    return 1 if wrong else 0


def report(faults, what):
    """Prints the faults and returns an exit status."""
    for fault in faults:
        print(fault)
    print(f"{what}: {len(faults)} faults")
    return 1 if faults else 0
