#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The files around the code agree with each other.

Checked: each wrap is a complete ini file, provides something, and has its build file; the version is the
same in meson.build and gyre/version.h; the sample configuration names only directives of the configuration
table; `dev` and .ci/run can be executed.

Usage: check_house.py ROOT | --self-test
"""

import configparser
import os
import re
import sys
import tempfile
from pathlib import Path

import cpp_source

# By kind of wrap: what it must say, and which of it is an address.
WRAP_KEYS = {
    "wrap-git": (("directory", "url", "revision", "depth"), "url"),
    "wrap-file": (("directory", "source_url", "source_filename", "source_hash"), "source_url"),
}


def check_wrap(root, path):
    name = path.relative_to(root).as_posix()

    def fault(text):
        return cpp_source.Fault(name, 1, text)

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except configparser.Error as error:
        return [fault(f"not an ini file: {error}")]
    kind = next((kind for kind in WRAP_KEYS if parser.has_section(kind)), None)
    if kind is None:
        return [fault("no [wrap-git] and no [wrap-file] section")]
    wrap = parser[kind]
    keys, address = WRAP_KEYS[kind]
    faults = [fault(f"key '{key}' is missing") for key in keys if not wrap.get(key)]
    if not wrap.get(address, "https://").startswith("https://"):
        faults.append(fault("the url is not https"))
    if wrap.get("revision", "") in ("head", "HEAD", "main", "master"):
        faults.append(fault("the revision is a branch; name a tag"))
    if not parser.has_section("provide") or not parser["provide"]:
        faults.append(fault("no [provide] section: dependency() would not find it"))
    patch = wrap.get("patch_directory")
    if patch and not (root / "subprojects/packagefiles" / patch / "meson.build").is_file():
        faults.append(fault(f"subprojects/packagefiles/{patch}/meson.build is missing"))
    return faults


def _find(path, pattern):
    match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return match.group(1) if match else "none"


def check_version(root):
    version = _find(root / "meson.build", r"^\s*version: '([0-9.]+)'")
    header = root / "include/gyre/version.h"
    numbers = [_find(header, rf"GYRE_VERSION_{part} (\d+)") for part in ("MAJOR", "MINOR", "PATCH")]
    faults = []
    if ".".join(numbers) != version:
        faults.append(cpp_source.Fault("include/gyre/version.h", 1,
                                       f"says {'.'.join(numbers)}, meson.build says {version}"))
    return faults


def check_sample(root):
    """Directives of gyre.conf (`#name value`; prose has a blank behind its #) are names in the server's table."""
    sample = root / "docs/packaging/gyre.conf"
    table = "".join(path.read_text(encoding="utf-8") for path in (root / "src/server").glob("config*.cc"))
    if not sample.is_file() or not table:
        return []
    faults = []
    for number, line in enumerate(sample.read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r"^#?([a-z][a-z0-9-]*) \S", line)
        if match and f'"{match.group(1)}"' not in table:
            faults.append(cpp_source.Fault("docs/packaging/gyre.conf", number,
                                           f"the server has no directive {match.group(1)}"))
    return faults


def check_tree(root):
    root = Path(root)
    faults = check_version(root) + check_sample(root)
    for wrap in sorted((root / "subprojects").glob("*.wrap")):
        faults += check_wrap(root, wrap)
    for script in ("dev", ".ci/run"):
        if not os.access(root / script, os.X_OK):
            faults.append(cpp_source.Fault(script, 1, "cannot be executed"))
    return faults


def _plant(root, wrap, version="1.2.3", mode=0o755, sample="#port 1\n"):
    files = {
        "meson.build": "project('gyre', 'cpp',\n    version: '1.2.3')\n",
        "include/gyre/version.h": "".join(
            f"#define GYRE_VERSION_{part} {number}\n"
            for part, number in zip(("MAJOR", "MINOR", "PATCH"), version.split("."))),
        "subprojects/a.wrap": wrap,
        "subprojects/packagefiles/a/meson.build": "project('a')\n",
        "docs/packaging/gyre.conf": "# A sample.\n" + sample,
        "src/server/config_table.cc": 'Row{"port"}\n',
        "dev": "#!/bin/sh\n",
        ".ci/run": "#!/bin/sh\n",
    }
    for name, text in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)


_WRAP = ("[wrap-git]\ndirectory = a\nurl = https://example.org/a.git\nrevision = v1\ndepth = 1\n"
         "patch_directory = a\n[provide]\na = a_dep\n")
_FILE_WRAP = ("[wrap-file]\ndirectory = a\nsource_url = https://example.org/a.tar.gz\n"
              "source_filename = a.tar.gz\nsource_hash = 0123\npatch_directory = a\n"
              "[provide]\na = a_dep\n")
SELF_TEST = [
    ("clean", {"wrap": _WRAP}, 0),
    ("a clean archive", {"wrap": _FILE_WRAP}, 0),
    ("no hash", {"wrap": _FILE_WRAP.replace("source_hash = 0123\n", "")}, 1),
    ("no ini", {"wrap": "directory = a\n"}, 1),
    ("no revision", {"wrap": _WRAP.replace("revision = v1\n", "")}, 1),
    ("a branch", {"wrap": _WRAP.replace("v1", "main")}, 1),
    ("plain http", {"wrap": _WRAP.replace("https", "http")}, 1),
    ("no provide", {"wrap": _WRAP.partition("[provide]")[0]}, 1),
    ("no build file", {"wrap": _WRAP.replace("patch_directory = a", "patch_directory = b")}, 1),
    ("other version", {"wrap": _WRAP, "version": "1.2.4"}, 1),
    ("unknown directive", {"wrap": _WRAP, "sample": "#port 1\n#harbour 2\n"}, 1),
    ("scripts not executable", {"wrap": _WRAP, "mode": 0o644}, 2),
]


def run_case(arguments):
    with tempfile.TemporaryDirectory() as directory:
        _plant(directory, **arguments)
        return check_tree(directory)


def main():
    if sys.argv[1:] == ["--self-test"]:
        return cpp_source.self_test(SELF_TEST, run_case)
    return cpp_source.report(check_tree(sys.argv[1]), "house")


if __name__ == "__main__":
    sys.exit(main())
