#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws the pictures of gyre-cli into a temporary folder and looks at them; those of the tree must be such pictures.

Usage: round_pictures.py TREE PORT, that of a server, which is not used: the pictures show one of their own. Prints one
line per check in TAP.
"""
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
FEW_FRAMES = 3
EXPECTED = {
    "gyre-cli.svg": ["set session:42 ada ex 3600", "(TX)>", "(no expiry)", "(expires in 59 min", "message news",
                     "start end", '"London"'],
    "gyre-watch.svg": ["Gyre", "operations", "string", "latency", "p99", "memory", "keys and values", "expiry", "due",
                       "late", "clients", "blocked 1", "q quit"],
}

checks = []


def check(name, is_right, detail=""):
    checks.append(bool(is_right))
    print(f"{'ok' if is_right else 'not ok'} {len(checks)} - pictures: {name}" + ("" if is_right else f" # {detail}"))


def look_at(path, words):
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        return check(f"{path.name} is a picture", False, str(error))
    check(f"{path.name} is a picture", root.tag == SVG + "svg" and root.get("viewBox"), root.tag)
    # What stands in one row, in the order of its columns.
    rows = {}
    for text in root.iter(SVG + "text"):
        rows.setdefault(float(text.get("y")), []).append((float(text.get("x")), text.text))
    shown = "\n".join(" ".join(text for _, text in sorted(row)) for _, row in sorted(rows.items()))
    for word in words:
        check(f"{path.name} shows {word}", word in shown, repr(shown))


def main():
    tree = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="gyre-test-") as folder:
        script = Path(__file__).with_name("draw_cli.py")
        done = subprocess.run([sys.executable, script, folder, str(FEW_FRAMES)], capture_output=True, text=True,
                              check=False)
        check("are drawn", done.returncode == 0, repr(done.stderr[-2000:]))
        for name, words in EXPECTED.items():
            look_at(Path(folder, name), words)
            look_at(tree / "docs/pictures" / name, words)
    print(f"1..{len(checks)}")
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
