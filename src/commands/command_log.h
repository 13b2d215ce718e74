// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The command log: what clients had the server do, one line for each command that was run or
// refused, written in the background (diary/diary.h). Passwords are hidden as in MONITOR; unlike
// there commands of administration are shown, and how each one ended.
//
// A filter says which commands: words that add (+) or take away (-), one after the other: @category
// (those of ACL CAT, and @all), a command, or a sub-command as "config|set"; "config" means all of
// its sub-commands too. Where the first word takes away it takes from all commands, else there were
// none before it; no word at all means all commands. A word that is no command is in no log.
//
// Ownership: the server has one. Threads: set_filter() one at a time; all else any.
// Complexity: one load for each command while nothing is to be logged; else the bytes that are kept
// of it, copied once.

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gyre/result.h>

#include "commands/dispatch.h"

namespace gyre::commands {

/// Which rows of the command table a filter selects.
class CommandFilter {
public:
    /// The error names the word at fault.
    static Result<CommandFilter> parse(std::span<const std::string_view> words);
    bool selects(uint32_t row) const { return rows_[row]; }

private:
    Result<void> apply(std::string_view word);
    std::vector<bool> rows_;  // by row_index()
};

class CommandLog {
public:
    /// Rows the table may have.
    static constexpr size_t kRowsMax = 1024;

    /// Logs from now on what the filter selects, if there is a file to log to.
    void set_filter(const CommandFilter& filter);
    bool is_on() const { return is_on_.load(std::memory_order_relaxed); }
    /// A command that has ended; `error` is the first word of what it was answered with.
    void add(const RequestView& request, const Session& session, uint64_t nanoseconds,
             std::string_view error) const;

private:
    std::atomic<bool> is_on_{false};
    std::array<std::atomic<uint64_t>, kRowsMax / 64> rows_{};
};

}  // namespace gyre::commands
