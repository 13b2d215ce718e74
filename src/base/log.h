// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a program tells the person who runs it, line by line. Here are the levels and the call;
// where lines go and what they look like there is the writer's business: the server's diary
// (diary/diary.h), or stderr where nobody has set one.
//
//   log(Level::notice, "listening on port {}", port);
//
// Log what happens to the server, not what happens to each command.
//
// Threads: any. Errors: log() never throws and never fails; what becomes of a line that cannot be
// written is the writer's business too. It allocates nothing unless a formatter does.

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// A text is cut behind so many bytes: a mistake must not fill the disk in one go.
inline constexpr size_t kLogTextBytesMax = 16 * 1024;

/// Takes the text of a line, which is not escaped and has no line end.
using LogWriter = void (*)(Level line_level, std::string_view text) noexcept;
/// Null: stderr, as at the start of the process.
void set_log_writer(LogWriter writer) noexcept;
bool has_log_writer() noexcept;

/// Appends what a line of the log may hold of a text, so that none can forge another line or speak
/// to a terminal: line ends become \n, other control characters and bytes that are no UTF-8 \x1b.
void append_log_text(std::string& out, std::string_view text);

namespace log_detail {
void write(Level line_level, fmt::string_view format, fmt::format_args arguments) noexcept;
}  // namespace log_detail

template <class... Arguments>
void log(Level line_level, fmt::format_string<Arguments...> format,
         Arguments&&... arguments) noexcept {
    if (!is_logged(line_level)) return;
    log_detail::write(line_level, format, fmt::make_format_args(arguments...));
}

}  // namespace gyre::base
