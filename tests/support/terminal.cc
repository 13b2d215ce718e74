// SPDX-License-Identifier: BSD-3-Clause
#include "support/terminal.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace gyre::test {
namespace {

bool is_final(char byte) { return byte >= '@' && byte <= '~'; }

}  // namespace

// --- the screen ---------------------------------------------------------------------------------

void Screen::feed(std::string_view bytes) {
    for (const char byte : bytes) {
        if (!sequence_.empty()) {
            sequence_ += byte;
            const bool is_csi = sequence_.size() > 1 && sequence_[1] == '[';
            if (sequence_.size() == 2 && is_csi) continue;
            if (is_csi && !is_final(byte)) continue;
            if (is_csi) control(std::string_view(sequence_).substr(2, sequence_.size() - 3), byte);
            // Of the sequences of two bytes with one behind them there is the choice of a set.
            if (!is_csi && sequence_.size() == 2 && (byte == '(' || byte == ')')) continue;
            sequence_.clear();
        } else if (byte == '\x1b') {
            sequence_ = byte;
        } else {
            put(byte);
        }
    }
}

void Screen::resize(size_t columns, size_t rows) {
    columns_ = columns;
    rows_ = main_rows_ = blank(columns, rows);
    row_ = column_ = main_row_ = main_column_ = 0;
}

void Screen::next_row() {
    if (++row_ < rows_.size()) return;
    rows_.erase(rows_.begin());
    rows_.emplace_back(columns_, " ");
    row_ = rows_.size() - 1;
}

void Screen::put(char byte) {
    if (byte == '\r') {
        column_ = 0;
    } else if (byte == '\n') {
        next_row();
    } else if (byte == '\b') {
        if (column_ == columns_) --column_;
        if (column_ > 0) --column_;
    } else if (byte == '\t') {
        column_ = std::min(columns_ - 1, (column_ / 8 + 1) * 8);
    } else if ((static_cast<unsigned char>(byte) & 0xc0U) == 0x80U) {
        if (column_ > 0) rows_[row_][column_ - 1] += byte;  // of the character before
    } else if (static_cast<unsigned char>(byte) >= ' ') {
        if (column_ == columns_) {  // the last column was written: this one wraps
            column_ = 0;
            next_row();
        }
        rows_[row_][column_++] = byte;
    }
}

void Screen::set_mode(std::string_view parameters, bool is_on) {
    if (parameters == "?25") has_cursor_ = is_on;
    if (parameters != "?1049" || is_on == is_alternate_) return;
    is_alternate_ = is_on;
    if (is_on) {
        main_rows_ = std::exchange(rows_, blank(columns_, rows_.size()));
        main_row_ = row_;
        main_column_ = column_;
    } else {
        rows_ = main_rows_;
        row_ = main_row_;
        column_ = main_column_;
    }
}

void Screen::erase(size_t first_row, size_t first_column, size_t last_row, size_t last_column) {
    for (size_t row = first_row; row <= last_row && row < rows_.size(); ++row) {
        const size_t from = row == first_row ? std::min(first_column, columns_) : 0;
        const size_t to = row == last_row ? std::min(last_column, columns_) : columns_;
        std::fill(rows_[row].begin() + static_cast<ptrdiff_t>(from),
                  rows_[row].begin() + static_cast<ptrdiff_t>(std::max(from, to)), " ");
    }
}

void Screen::control(std::string_view parameters, char final_byte) {
    const size_t number = std::strtoul(std::string(parameters).c_str(), nullptr, 10);
    const size_t count = std::max<size_t>(number, 1);
    Cells& row = rows_[row_];
    const size_t column = std::min(column_, columns_ - 1);
    const auto at = row.begin() + static_cast<ptrdiff_t>(column);
    switch (final_byte) {
        case 'A':
            row_ -= std::min(row_, count);
            break;
        case 'B':
            row_ = std::min(rows_.size() - 1, row_ + count);
            break;
        case 'C':
            column_ = std::min(columns_ - 1, column_ + count);
            break;
        case 'D':
            column_ = column - std::min(column, count);
            break;
        case 'G':
            column_ = std::min(columns_, count) - 1;
            break;
        case 'H': {
            const size_t behind = parameters.find(';');
            const bool is_alone = behind == std::string_view::npos;
            const std::string second(is_alone ? "" : parameters.substr(behind + 1));
            row_ = std::min(rows_.size(), count) - 1;
            column_ =
                std::min(columns_, std::max<size_t>(1, std::strtoul(second.c_str(), nullptr, 10))) -
                1;
            break;
        }
        case 'h':
        case 'l':
            set_mode(parameters, final_byte == 'h');
            break;
        case 'J':
            if (number == 2) {
                erase(0, 0, rows_.size() - 1, columns_);
            } else {
                erase(row_, column_, rows_.size() - 1, columns_);
            }
            break;
        case 'K':
            erase(row_, number == 2 ? 0 : column_, row_, columns_);
            break;
        case 'P':
            row.erase(at, at + static_cast<ptrdiff_t>(std::min(count, columns_ - column)));
            row.resize(columns_, " ");
            break;
        case '@':
            row.insert(at, count, " ");
            row.resize(columns_);
            break;
        default:
            break;  // colours and modes
    }
}

std::string Screen::row(size_t index) const {
    std::string text;
    for (const std::string& cell : rows_[index]) text += cell;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string Screen::text() const {
    std::string text;
    for (size_t i = 0; i < rows_.size(); ++i) {
        if (!row(i).empty()) text += row(i) + '\n';
    }
    return text;
}

bool Screen::has_row(std::string_view wanted) const {
    for (size_t i = 0; i < rows_.size(); ++i) {
        if (row(i) == wanted) return true;
    }
    return false;
}

bool Screen::has_text(std::string_view wanted) const {
    return text().find(wanted) != std::string::npos;
}

// --- the program --------------------------------------------------------------------------------

Terminal::Terminal(const std::vector<std::string>& arguments,
                   const std::vector<std::pair<std::string, std::string>>& environment) {
    winsize size{};
    size.ws_col = Screen::kColumns;
    size.ws_row = Screen::kRows;
    pid_ = forkpty(&descriptor_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    setenv("TERM", "xterm", 1);
    std::vector<char*> words;
    for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execv(words[0], words.data());
    _exit(127);
}

Terminal::~Terminal() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    if (descriptor_ >= 0) close(descriptor_);
}

void Terminal::resize(size_t columns, size_t rows) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = static_cast<unsigned short>(rows);
    screen_.resize(columns, rows);
    ioctl(descriptor_, TIOCSWINSZ, &size);
}

void Terminal::send_signal(int signal) const { kill(pid_, signal); }

bool Terminal::is_in_line_mode() const {
    termios mode{};
    return tcgetattr(descriptor_, &mode) == 0 && (mode.c_lflag & ICANON) != 0 &&
           (mode.c_lflag & ECHO) != 0;
}

void Terminal::type(std::string_view keys) {
    while (!keys.empty()) {
        const ssize_t written = write(descriptor_, keys.data(), keys.size());
        if (written <= 0) return;
        keys.remove_prefix(static_cast<size_t>(written));
    }
}

bool Terminal::read_some(std::chrono::steady_clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd entry{descriptor_, POLLIN, 0};
    if (left.count() <= 0 || poll(&entry, 1, static_cast<int>(left.count())) <= 0) return false;
    char buffer[4096];
    const ssize_t bytes = read(descriptor_, buffer, sizeof(buffer));
    if (bytes <= 0) return false;
    const std::string_view text(buffer, static_cast<size_t>(bytes));
    bytes_ += text;
    screen_.feed(text);
    return true;
}

bool Terminal::wait_for(const std::function<bool(const Screen&)>& is_as_wanted,
                        std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!is_as_wanted(screen_)) {
        if (!read_some(deadline)) return is_as_wanted(screen_);
    }
    return true;
}

bool Terminal::wait_for_row(const std::string& wanted) {
    return wait_for([&wanted](const Screen& screen) { return screen.has_row(wanted); });
}

bool Terminal::wait_for_line(const std::string& wanted) {
    return wait_for([&wanted](const Screen& screen) { return screen.cursor_row() == wanted; });
}

std::optional<int> Terminal::wait_exit() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (read_some(deadline)) {
    }
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    int status = 0;
    if (waitpid(pid_, &status, 0) != pid_) return std::nullopt;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace gyre::test
