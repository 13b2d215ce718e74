// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A terminal for tests: a program runs in a pseudo-terminal, what it writes is drawn on a screen of
// 80 by 24 characters (until it is resized), and tests look at the rows as a person would. The
// screen knows UTF-8, the control sequences that line editors and dashboards use, and skips the
// others. Every character takes one column.
//
// Ownership: owns process and descriptor; the process is killed with the object. Threads: one.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/raw_socket.h"

namespace gyre::test {

class Screen {
public:
    static constexpr size_t kColumns = 80;
    static constexpr size_t kRows = 24;

    Screen() : rows_(blank(kColumns, kRows)) {}
    void feed(std::string_view bytes);
    /// An empty screen of another size: who is told of it draws anew.
    void resize(size_t columns, size_t rows);

    /// Without the blanks at its end.
    std::string row(size_t index) const;
    /// The row of the cursor.
    std::string cursor_row() const { return row(row_); }
    size_t cursor_column() const { return column_; }
    /// The program draws on the alternate screen.
    bool is_alternate() const { return is_alternate_; }
    bool has_cursor() const { return has_cursor_; }
    /// All rows that have something, joined by LF.
    std::string text() const;
    bool has_row(std::string_view wanted) const;
    /// A row has this somewhere.
    bool has_text(std::string_view wanted) const;

private:
    using Cells = std::vector<std::string>;  // the bytes of one character each
    static std::vector<Cells> blank(size_t columns, size_t rows) {
        return std::vector<Cells>(rows, Cells(columns, " "));
    }
    void put(char byte);
    void next_row();
    void control(std::string_view parameters, char final_byte);
    void set_mode(std::string_view parameters, bool is_on);
    void erase(size_t first_row, size_t first_column, size_t last_row, size_t last_column);

    size_t columns_ = kColumns;
    std::vector<Cells> rows_;
    std::vector<Cells> main_rows_;  // what stands below the alternate screen
    size_t row_ = 0;
    size_t column_ = 0;
    size_t main_row_ = 0;
    size_t main_column_ = 0;
    bool is_alternate_ = false;
    bool has_cursor_ = true;
    std::string sequence_;  // an escape sequence that is not complete
};

class Terminal {
public:
    /// Runs the program with these additions to the environment.
    Terminal(const std::vector<std::string>& arguments,
             const std::vector<std::pair<std::string, std::string>>& environment);
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();

    /// As a person drags the corner of the window: the program gets SIGWINCH.
    void resize(size_t columns, size_t rows);
    /// To the program alone, as `kill` sends it.
    void send_signal(int signal) const;
    /// The terminal echoes what is typed and gives the program whole lines, as it did at first.
    bool is_in_line_mode() const;

    /// What a person types.
    void type(std::string_view keys);
    /// Reads what the program writes until the screen is as wanted; false after the patience.
    bool wait_for(const std::function<bool(const Screen&)>& is_as_wanted,
                  std::chrono::milliseconds patience = kPatience);
    /// Until a row is exactly this.
    bool wait_for_row(const std::string& wanted);
    /// Until the row of the cursor is exactly this.
    bool wait_for_line(const std::string& wanted);
    const Screen& screen() const { return screen_; }
    /// All bytes so far.
    const std::string& bytes() const { return bytes_; }
    /// Waits for the end of the program; its exit status.
    std::optional<int> wait_exit();

private:
    bool read_some(std::chrono::steady_clock::time_point deadline);

    pid_t pid_ = -1;
    int descriptor_ = -1;
    Screen screen_;
    std::string bytes_;
};

}  // namespace gyre::test
