// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// --watch: the server's numbers, looked at again and again. On a terminal a dashboard that is drawn
// in place (cli/watch_view.h has what it shows), with keys; elsewhere one frame of plain text after
// each interval. Works against any server that has INFO.
//
// Threads: one. Errors: the exit status; the reason is on standard error, after the terminal is
// what it was.

#include "cli/link.h"
#include "cli/options.h"
#include "cli/output.h"

namespace gyre::cli {

/// Until `q` or Ctrl-C, or with -r until so many frames were shown; -i is the time between two.
int run_watch(const Options& options, Link& link, const Output& output);

}  // namespace gyre::cli
