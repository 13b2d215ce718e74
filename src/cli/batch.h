// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Commands without a person: that of the arguments, the lines of a file or of standard input. What
// is printed where is redis-cli's; in addition a file's errors go to standard error with the line
// they come from, and make the status 1.
//
// Threads: one. Errors: the exit status; the reason is on standard error.

#include <string>

#include "cli/link.h"
#include "cli/options.h"
#include "cli/output.h"

namespace gyre::cli {

/// The command of the options, as often as they say.
int run_command(const Options& options, Link& link, const Output& output);

/// The lines of the options' file, or of standard input.
int run_lines(const Options& options, Link& link, const Output& output);

/// Waits for the interval of the options; longer than a second is no problem.
void pause_for(double seconds);

}  // namespace gyre::cli
