#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Not a .py: beside the other benches it would be what they get when they import Python's collections.
exec python3 "$(dirname "$0")/of_collections.py" "$@"
