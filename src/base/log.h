// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The server's own diary, for the person who runs it. One line is: date and time with milliseconds,
// process id, level, text. Control characters in the text are escaped, so that what a client sent
// cannot forge a line.
//
// The text goes to stderr until log_to_file() names a file, or log_to_stdout() is called. Writing
// is synchronous: log what happens to the server, not what happens to each command.
//
// Ownership: one log for the process, never destroyed, so destructors of static objects may log.
// Threads: any. Errors: log() never throws and never fails; lines that cannot be written are
// counted.

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gyre/result.h"

namespace gyre::base {

/// Redis' names for `loglevel`.
enum class Level : uint8_t { debug, verbose, notice, warning, nothing };

const char* level_name(Level level) noexcept;
/// Case-insensitive.
std::optional<Level> parse_level(std::string_view name) noexcept;

/// Lines below this level are dropped before they are formatted. notice at start.
void set_level(Level level) noexcept;
Level level() noexcept;
inline bool is_logged(Level line_level) noexcept {
    return line_level >= level() && line_level != Level::nothing;
}

/// Appends to the file `path` from now on; an empty path means stderr.
Result<void> log_to_file(const std::string& path);
/// A server's log is what it prints; errors that keep it from starting go to stderr.
void log_to_stdout();
/// Opens the file again by its name, after it was moved away (log rotation). No file: nothing.
Result<void> reopen_log();
/// Lines lost because they could not be formatted or written.
uint64_t log_lines_lost() noexcept;

namespace log_detail {
void write(Level line_level, fmt::string_view format, fmt::format_args arguments) noexcept;
}  // namespace log_detail

/// log(Level::notice, "listening on port {}", port);
template <class... Arguments>
void log(Level line_level, fmt::format_string<Arguments...> format,
         Arguments&&... arguments) noexcept {
    if (!is_logged(line_level)) return;
    log_detail::write(line_level, format, fmt::make_format_args(arguments...));
}

}  // namespace gyre::base
