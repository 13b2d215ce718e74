// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Looking at a server for a while: how long PING takes, and a line of its numbers each second.
//
// Threads: one. Errors: the exit status; the reason is on standard error.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/link.h"
#include "cli/options.h"
#include "cli/output.h"

namespace gyre::cli {

/// Without a terminal: one second (-i another time), one line "min max avg count" in milliseconds.
/// On a terminal: a line that changes, until Ctrl-C; with -r so many times.
int run_latency(const Options& options, Link& link, const Output& output);

/// Until Ctrl-C; with -r so many lines.
int run_stat(const Options& options, Link& link);

/// How often these look at the server: as -r says; nullopt: for ever.
std::optional<int64_t> rounds_of(const Options& options);

/// The value of a field of INFO, 0 when it is not there.
int64_t info_number(std::string_view info, std::string_view field);
/// The sum of the keys of all databases.
int64_t info_keys(std::string_view info);
/// "1.50M", as memory is told to people.
std::string human_bytes(int64_t bytes);

}  // namespace gyre::cli
