// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How records look: a line of text for people, or one JSON object for programs. Nothing that a
// client sent can end a line, begin another one, or speak to a terminal.
//
// A line of the log:  2026-03-01 12:00:00.123 4711 notice listening on port 6379
//                     {"time":"2026-03-01T12:00:00.123456Z","pid":4711,"level":"notice","text":"..."}
// A command:          2026-03-01 12:00:00.123 7 127.0.0.1:5123 db0 12us ok "SET" "k" "v"
//                     {"time":"...","client":7,"address":"...","db":0,"us":12,"command":["SET","k","v"]}
// In JSON an argument that is no UTF-8 is {"base64":"..."}, one that was cut says how many bytes
// are missing ({"text":"...","more_bytes":9}), a password is {"hidden":true}; an error is
// "error":"CODE".
//
// Threads: one at a time (a second's date is kept).

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "diary/record.h"

namespace gyre::diary {

enum class Format : uint8_t { text, json };

/// "text" and "json", in any case.
std::optional<Format> parse_format(std::string_view name) noexcept;

/// Whom a line is for.
enum class Reader : uint8_t {
    file,     ///< date, process and level stand in it
    journal,  ///< begins with <n>, the level as syslog counts; the journal knows the rest of a text
};

class LineWriter {
public:
    /// Appends the line of a record, without a line end.
    void append(std::string& out, const Record& record, Format format, Reader reader);

private:
    void append_text_line(std::string& out, const Record& record, Reader reader);
    void append_text_command(std::string& out, const Record& record);
    void append_local_time(std::string& out, int64_t wall_us);
    void append_utc_time(std::string& out, int64_t wall_us);

    using BreakDown = std::tm* (*)(const std::time_t*, std::tm*);
    /// The text of the second that was shown last.
    struct Second {
        void show(int64_t wanted, const char* format, BreakDown break_down);
        int64_t second = INT64_MIN;
        std::string text;
    };
    Second local_;
    Second utc_;
};

}  // namespace gyre::diary
