#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Turns the console's page into C++ source, together with the content security policy that lets a browser
run its script and style, known by their hashes, and nothing else.

Usage: embed.py PAGE OUTPUT
"""
import base64
import hashlib
import re
import sys
from pathlib import Path

SOURCE = """// Made from {name} by embed.py.

#include "http/console.h"

namespace gyre::http {{
namespace {{

constexpr char kPage[] = {{{page}}};

}}  // namespace

std::string_view console_page() {{ return {{kPage, sizeof kPage}}; }}

std::string_view console_policy() {{
    return "{policy}";
}}

}}  // namespace gyre::http
"""


def hashes(page, tag):
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in found)


def policy(page):
    # Styles of single elements are set by the script, which needs no permission for it.
    return (f"default-src 'none'; script-src {hashes(page, 'script')}; style-src {hashes(page, 'style')}; "
            "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def main():
    page = Path(sys.argv[1])
    content = page.read_bytes()
    numbers = ",".join(str(byte if byte < 128 else byte - 256) for byte in content)
    text = SOURCE.format(name=page.name, page=re.sub(r"(.{1,110},)", r"\n    \1", numbers),
                         policy=policy(content.decode()))
    Path(sys.argv[2]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
