// SPDX-License-Identifier: BSD-3-Clause
#include "diary/line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <iterator>

#include "base/base64.h"
#include "base/json_text.h"
#include "base/numbers.h"
#include "base/utf8.h"

namespace gyre::diary {
namespace {

constexpr int64_t kMicroseconds = 1'000'000;

/// Syslog's numbers, as sd-daemon(3) has them: debug, info, warning, and notice, which commands are
/// as well.
int syslog_priority(base::Level level) {
    switch (level) {
        case base::Level::debug:
            return 7;
        case base::Level::verbose:
            return 6;
        case base::Level::warning:
            return 4;
        default:
            return 5;
    }
}

/// Whole seconds and what is left of a second, which is not negative before 1970 either.
struct Instant {
    explicit Instant(int64_t wall_us)
        : second(wall_us / kMicroseconds), microseconds(wall_us % kMicroseconds) {
        if (microseconds >= 0) return;
        --second;
        microseconds += kMicroseconds;
    }
    int64_t second;
    int64_t microseconds;
};

/// JSON lets DEL and U+0080 to U+009F stand; terminals obey some of them.
void append_json_string(std::string& out, std::string_view text) {
    std::string escaped;
    base::append_json_escaped(escaped, text);
    out += '"';
    for (size_t at = 0; at < escaped.size(); ++at) {
        const auto code = static_cast<unsigned char>(escaped[at]);
        if (code == 0x7f) {
            out += "\\u007f";
        } else if (code == 0xc2 && static_cast<unsigned char>(escaped[at + 1]) < 0xa0) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}",
                           static_cast<unsigned char>(escaped[++at]));
        } else {
            out += escaped[at];
        }
    }
    out += '"';
}

/// Names and addresses: what is no UTF-8 or would speak to a terminal is escaped first.
void append_json_printable(std::string& out, std::string_view text) {
    std::string printable;
    base::append_log_text(printable, text);
    append_json_string(out, printable);
}

/// What was cut may end inside a character.
std::string_view whole_characters(const NotedArgument& argument) {
    std::string_view bytes = argument.bytes;
    if (argument.left_out_bytes == 0 || base::is_utf8(bytes)) return bytes;
    for (size_t last = 1; last <= 3 && last < bytes.size(); ++last) {
        const std::string_view front = bytes.substr(0, bytes.size() - last);
        if (base::is_utf8(front)) return front;
    }
    return bytes;
}

void append_json_argument(std::string& out, const NotedArgument& argument) {
    if (argument.is_hidden) {
        out += R"({"hidden":true})";
        return;
    }
    const std::string_view bytes = whole_characters(argument);
    const bool is_text = base::is_utf8(bytes);
    if (is_text && argument.left_out_bytes == 0) return append_json_string(out, bytes);
    if (is_text) {
        out += R"({"text":)";
        append_json_string(out, bytes);
    } else {
        out += R"({"base64":")" + base::encode_base64(bytes) + '"';
    }
    const uint64_t missing = argument.left_out_bytes + (argument.bytes.size() - bytes.size());
    if (missing > 0) fmt::format_to(std::back_inserter(out), R"(,"more_bytes":{})", missing);
    out += '}';
}

void append_json_command(std::string& out, const CommandNote& note) {
    fmt::format_to(std::back_inserter(out), R"("client":{},"address":)", note.client);
    append_json_printable(out, note.address);
    if (!note.name.empty()) {
        out += R"(,"name":)";
        append_json_printable(out, note.name);
    }
    fmt::format_to(std::back_inserter(out), R"(,"db":{},"us":{})", note.database,
                   note.microseconds);
    if (!note.error.empty()) {
        out += R"(,"error":)";
        append_json_printable(out, note.error);
    }
    out += R"(,"command":[)";
    for (size_t index = 0; index < note.arguments.size(); ++index) {
        if (index > 0) out += ',';
        append_json_argument(out, note.arguments[index]);
    }
    out += ']';
    if (note.left_out_arguments > 0) {
        fmt::format_to(std::back_inserter(out), R"(,"more_arguments":{})", note.left_out_arguments);
    }
}

}  // namespace

std::optional<Format> parse_format(std::string_view name) noexcept {
    if (base::equals_ignore_case(name, "text")) return Format::text;
    if (base::equals_ignore_case(name, "json")) return Format::json;
    return std::nullopt;
}

void LineWriter::append(std::string& out, const Record& record, Format format, Reader reader) {
    if (reader == Reader::journal) {
        fmt::format_to(std::back_inserter(out), "<{}>", syslog_priority(record.level));
    }
    const bool is_command = record.kind == RecordKind::command;
    if (format == Format::text) {
        return is_command ? append_text_command(out, record)
                          : append_text_line(out, record, reader);
    }
    out += R"({"time":")";
    append_utc_time(out, record.moment.wall_us);
    out += "\",";
    if (is_command) {
        append_json_command(out, record.command);
    } else {
        fmt::format_to(std::back_inserter(out), R"("pid":{},"level":"{}","text":)", ::getpid(),
                       base::level_name(record.level));
        append_json_printable(out, record.text);
    }
    out += '}';
}

void LineWriter::append_text_line(std::string& out, const Record& record, Reader reader) {
    if (reader == Reader::file) {
        append_local_time(out, record.moment.wall_us);
        fmt::format_to(std::back_inserter(out), " {} {} ", ::getpid(),
                       base::level_name(record.level));
    }
    base::append_log_text(out, record.text);
}

void LineWriter::append_text_command(std::string& out, const Record& record) {
    const CommandNote& note = record.command;
    append_local_time(out, record.moment.wall_us);
    fmt::format_to(std::back_inserter(out), " {} ", note.client);
    base::append_log_text(out, note.address);
    if (!note.name.empty()) out += " " + base::quote(note.name);
    fmt::format_to(std::back_inserter(out), " db{} {}us ", note.database, note.microseconds);
    base::append_log_text(out, note.error.empty() ? "ok" : note.error);
    for (const NotedArgument& argument : note.arguments) {
        out += ' ';
        if (argument.is_hidden) {
            out += "(redacted)";
            continue;
        }
        out += base::quote(argument.bytes);
        if (argument.left_out_bytes > 0) {
            fmt::format_to(std::back_inserter(out), "... ({} more bytes)", argument.left_out_bytes);
        }
    }
    if (note.left_out_arguments > 0) {
        fmt::format_to(std::back_inserter(out), " ... ({} more arguments)",
                       note.left_out_arguments);
    }
}

void LineWriter::append_local_time(std::string& out, int64_t wall_us) {
    const Instant instant(wall_us);
    local_.show(instant.second, "%Y-%m-%d %H:%M:%S", ::localtime_r);
    fmt::format_to(std::back_inserter(out), "{}.{:03}", local_.text, instant.microseconds / 1000);
}

void LineWriter::append_utc_time(std::string& out, int64_t wall_us) {
    const Instant instant(wall_us);
    utc_.show(instant.second, "%Y-%m-%dT%H:%M:%S", ::gmtime_r);
    fmt::format_to(std::back_inserter(out), "{}.{:06}Z", utc_.text, instant.microseconds);
}

void LineWriter::Second::show(int64_t wanted, const char* format, BreakDown break_down) {
    if (wanted == second) return;
    const auto seconds = static_cast<std::time_t>(wanted);
    std::tm date{};
    break_down(&seconds, &date);
    std::array<char, 64> shown{};
    text.assign(shown.data(), std::strftime(shown.data(), shown.size(), format, &date));
    second = wanted;
}

}  // namespace gyre::diary
