// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The session at a terminal: prompt, commands, the words that are not sent (help, exit, connect,
// :time ...), history, completion, and messages while a line is being typed.
//
// Threads: one.

#include <string>

#include "cli/link.h"
#include "cli/options.h"
#include "cli/output.h"

namespace gyre::cli {

/// Until the user leaves; the exit status.
int run_interactive(const Options& options, Link& link, Output& output);

/// "127.0.0.1:6379[3](TX)> ".
std::string prompt_of(const Link& link);

}  // namespace gyre::cli
