// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The line editor: libedit for keys, moving about and history; on its hooks our own hints behind
// the cursor, bracketed paste of several lines, candidates of the Tab key, and messages that appear
// above the prompt while a line is being typed.
//
// The hooks: libedit asks us for each character (EL_GETCFN). There we draw the hint, wait for the
// keyboard, the server's socket and signals together, and take the hint away before a key goes on.
// What is drawn stays within the row of the cursor, so libedit's idea of the screen stays true.
//
// Ownership: owns libedit's state and the terminal's mode while read_line() runs. Threads: one; one
// editor for a process. Errors: nullopt at the end of input.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/complete.h"
#include "cli/signals.h"

namespace gyre::cli {

struct EditorHooks {
    /// What follows the line, drawn dim; empty for none.
    std::function<std::string(const std::string& line)> hint;
    std::function<Completion(const std::string& line)> complete;
    /// The descriptor to watch beside the keyboard, -1 for none; and what to do when it can be
    /// read.
    std::function<int()> watched;
    std::function<void()> on_readable;
};

class Editor {
public:
    Editor(EditorHooks hooks, Signals& signals, bool has_colour);
    Editor(const Editor&) = delete;
    Editor& operator=(const Editor&) = delete;
    ~Editor();

    struct Line {
        std::string text;
        bool is_cancelled = false;  ///< Ctrl-C
    };
    /// A line, which may have several rows when they were pasted; nullopt: Ctrl-D in an empty one,
    /// the end of input, or a signal to end.
    std::optional<Line> read_line(const std::string& prompt);
    void add_history(const std::string& line);

    /// Prints text, which ends with LF: above the prompt while a line is read.
    void print(const std::string& text);
    /// Of the line that is being read, in place of the one it began with.
    void set_prompt(const std::string& prompt);
    void clear_screen();

private:
    struct Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace gyre::cli
