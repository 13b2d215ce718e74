// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Going through the keyspace by SCAN: listing the keys, and looking for the biggest of each type by
// elements or by memory. The summary has redis-cli's lines, for the scripts that read them.
//
// Threads: one. Errors: the exit status; the reason is on standard error.

#include <functional>
#include <string>
#include <vector>

#include "cli/link.h"
#include "cli/options.h"
#include "cli/output.h"

namespace gyre::cli {

/// Calls `visit` with the keys of one SCAN after another, until it says false or there are no more.
Result<void> scan_keys(Link& link, const Options& options,
                       const std::function<Result<bool>(const std::vector<std::string>&)>& visit);

/// SCAN with the pattern and the count of the options.
std::vector<std::string> scan_words(const Options& options, const std::string& cursor);

int run_scan(const Options& options, Link& link, const Output& output);
int run_bigkeys(const Options& options, Link& link);
int run_memkeys(const Options& options, Link& link);

}  // namespace gyre::cli
