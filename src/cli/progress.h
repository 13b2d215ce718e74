// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How far a long piece of work has come, as one line of the terminal that is drawn over again:
//
//     [#######.........]  45%  123400 of 274300 keys  12.3 MB  0:02 left  61700/s
//
// Nothing is written where standard error is no terminal. A moment is measured by the caller's
// clock only for the text; how often the line is drawn is decided here.
//
// Threads: one.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gyre::cli {

struct ProgressState {
    uint64_t keys = 0;
    uint64_t keys_total = 0;  ///< 0: not known
    uint64_t bytes = 0;
    uint64_t bytes_total = 0;  ///< 0: not known; what is done is judged by the keys where known
};

/// The line for so many columns, never longer; parts at its end are left out first.
std::string progress_line(const ProgressState& state, double seconds, size_t columns);
/// "12.3 MB", "840 bytes".
std::string shown_bytes(uint64_t bytes);
/// "0:07", "1:02:03".
std::string shown_duration(double seconds);

class Progress {
public:
    Progress();

    /// Draws the line, unless it was drawn a moment ago.
    void show(const ProgressState& state);
    /// Takes the line off the screen, so that something else can be written there.
    void clear();
    [[nodiscard]] double seconds() const;

private:
    using Clock = std::chrono::steady_clock;

    const bool is_watched_;
    bool is_drawn_ = false;
    const Clock::time_point started_at_ = Clock::now();
    Clock::time_point drawn_at_ = started_at_;
};

}  // namespace gyre::cli
