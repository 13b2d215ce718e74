// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How replies leave the program: in the format that was asked for, or for people when standard
// output is a terminal and nothing was asked for.
//
// Threads: one.

#include <optional>
#include <span>
#include <string>

#include "cli/format.h"
#include "cli/options.h"
#include "cli/pretty.h"

namespace gyre::cli {

class Output {
public:
    Output(const Options& options, bool is_terminal, bool has_colour);

    /// Replies are laid out for people.
    bool is_pretty() const { return is_pretty_; }
    bool has_colour() const { return has_colour_; }
    bool is_terminal() const { return is_terminal_; }
    /// nullopt: for people.
    void set_format(std::optional<Format> format);

    /// The text of a reply; empty when it was shown as a push message already.
    /// Notes stand behind the elements when it is shown for people.
    std::string reply(std::span<const std::string> words, const Reply& reply,
                      std::span<const std::string> notes = {}) const;
    /// The text of what came without being asked for; empty when it is not to be shown.
    std::string message(const Reply& message) const;

private:
    PrettyOptions pretty_options() const;

    Layout layout_;
    bool is_pretty_;
    bool is_terminal_;
    bool has_colour_;
    bool shows_pushes_;
    bool hides_pushes_;
};

/// Writes to standard output, at once. When whoever read it has gone the program ends, as SIGPIPE
/// ends others: with nobody to read them, no more commands are to be run.
void write_text(std::string_view text);
/// The same for what stdio still holds.
void flush_output();
/// "gyre-cli: text" on standard error.
void write_error(std::string_view text);
/// Columns of the terminal; 80 when there is none.
size_t terminal_columns();

}  // namespace gyre::cli
