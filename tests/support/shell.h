// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Programs run in a shell, as they would be typed, with what they print.
//
// Ownership: nothing. Threads: one at a time in a folder.

#include <string>

namespace gyre::test {

struct Outcome {
    int status = -1;     ///< -1: ended by a signal
    std::string output;  ///< standard output
    std::string errors;  ///< standard error
};

/// Runs the line in the folder, where files `in`, `out` and `err` are made.
Outcome run_in_shell(const std::string& folder, const std::string& line,
                     const std::string& input = "");

/// All bytes; empty for a file that is not there.
std::string read_file(const std::string& path);

/// gyre-cli: $GYRE_CLI.
std::string cli_program();

}  // namespace gyre::test
