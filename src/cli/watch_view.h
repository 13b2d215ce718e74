// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The dashboard of --watch as lines of text: a pure function of what was seen, the size of the
// screen and what the person has asked for. Each section has one line that is always there; its
// details come as far as there is room, and on a wide screen sections stand in two columns. What
// the server does not tell has no place.
//
// Colours mark headings and what needs somebody's attention: keys that go late, memory near its
// limit, a snapshot or log that failed.
//
// Threads: any. Complexity: O(fields of INFO + cells of the screen).

#include <cstddef>
#include <string>
#include <vector>

#include "cli/watch_history.h"

namespace gyre::cli {

struct WatchView {
    std::string address;  ///< of the server
    double interval_s = 1;
    bool is_paused = false;
    bool is_lost = false;  ///< the server is gone: these are its last numbers
    bool has_keys = true;  ///< the last line tells the keys
    bool has_colour = false;
    size_t columns = 80;
    /// 0: as many as there is to tell.
    size_t rows = 0;
};

/// A screen that is smaller gets a line that says so.
constexpr size_t kWatchColumnsMin = 40;
constexpr size_t kWatchRowsMin = 12;

/// At most `rows` lines of at most `columns` columns, without line ends. The history has one look
/// at least.
std::vector<std::string> draw_watch(const WatchHistory& history, const WatchView& view);

/// The last values as blocks of eight heights over the largest of them; absent ones are blank.
std::string sparkline(const WatchHistory::Values& values, size_t columns);

/// A bar of eighths of a column; empty for 0, never empty for more.
std::string watch_bar(double part, double whole, size_t columns);

}  // namespace gyre::cli
