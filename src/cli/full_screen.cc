// SPDX-License-Identifier: BSD-3-Clause
#include "cli/full_screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "cli/output.h"

namespace gyre::cli {

FullScreen::FullScreen() {
    if (isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before_) == 0) {
        termios mode = before_;
        mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        // Stopped or ended by these keys the program could not give the screen back.
        mode.c_cc[VSUSP] = _POSIX_VDISABLE;
        mode.c_cc[VQUIT] = _POSIX_VDISABLE;
        mode.c_cc[VMIN] = 1;
        mode.c_cc[VTIME] = 0;
        has_keyboard_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0;
    }
    write_text("\x1b[?1049h\x1b[?25l\x1b[2J");
}

FullScreen::~FullScreen() {
    write_text("\x1b[?25h\x1b[?1049l");
    // What was typed and not read would run in the shell.
    if (has_keyboard_) static_cast<void>(tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_));
}

bool FullScreen::draw(std::span<const std::string> lines) {
    // A line is cleared before it is written: behind a full one, clearing to its end would take
    // its last character.
    std::string out;
    for (size_t i = 0; i < lines.size(); ++i) {
        out += "\x1b[" + std::to_string(i + 1) + ";1H\x1b[2K" + lines[i];
    }
    // Below the last line, if there is anything: in its own row the cursor may stand on it.
    if (lines.size() < screen_size().rows) {
        out += "\x1b[" + std::to_string(lines.size() + 1) + ";1H\x1b[J";
    }
    write_text(out);
    return std::ferror(stdout) == 0;
}

ScreenSize screen_size() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
        return {};
    }
    return {size.ws_col, size.ws_row};
}

}  // namespace gyre::cli
