// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The terminal as a screen to draw on: the alternate one, so that what stood there before comes
// back, without a cursor, with keys that arrive one by one and are not shown.
//
// Ownership: holds the terminal's mode; the destructor gives everything back. Threads: one; one
// object for a process. Errors: a terminal whose mode cannot be set is drawn on all the same.

#include <termios.h>

#include <cstddef>
#include <span>
#include <string>

namespace gyre::cli {

class FullScreen {
public:
    FullScreen();
    FullScreen(const FullScreen&) = delete;
    FullScreen& operator=(const FullScreen&) = delete;
    ~FullScreen();

    /// Draws the lines from the top, each within the width, and clears what is below them. False
    /// when the terminal takes no more.
    bool draw(std::span<const std::string> lines);

    /// Keys can be read from standard input.
    bool has_keyboard() const { return has_keyboard_; }

private:
    termios before_{};
    bool has_keyboard_ = false;
};

struct ScreenSize {
    size_t columns = 80;
    size_t rows = 24;
};
/// Of the terminal of standard output; 80x24 when it does not tell.
ScreenSize screen_size();

}  // namespace gyre::cli
