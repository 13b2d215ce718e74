// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The lines people typed, kept from one session to the next: one a line of a file, with backslash
// and line break escaped. Lines are appended as they come, so sessions that run at the same time
// lose nothing to each other; a file that has grown to twice the limit is cut when it is read.
//
// Commands that carry a secret are never kept (cli/line.h). The file is its owner's alone.
//
// Ownership: owns nothing but the name. Threads: one. Errors: a file that cannot be read or written
// is none: history is a comfort.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::cli {

/// $GYRE_HISTORY, else gyre/cli_history in $XDG_STATE_HOME or ~/.local/state. Empty: nowhere, when
/// $GYRE_HISTORY is empty or there is no home.
std::string default_history_path(const std::function<const char*(const char*)>& environment);

class HistoryFile {
public:
    static constexpr size_t kLinesMax = 2000;
    /// Longer ones, as large pastes are, are not kept.
    static constexpr size_t kLineBytesMax = size_t{64} * 1024;

    explicit HistoryFile(std::string path) : path_(std::move(path)) {}

    /// The last kLinesMax lines, oldest first.
    std::vector<std::string> load() const;
    /// False when the line was not kept: empty, too long, the same as the one before, or secret.
    bool append(const std::string& line);

private:
    void rewrite(const std::vector<std::string>& lines) const;

    std::string path_;
    std::string last_;
};

}  // namespace gyre::cli
