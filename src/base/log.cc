// SPDX-License-Identifier: BSD-3-Clause

#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>

#include "base/numbers.h"
#include "base/utf8.h"

namespace gyre::base {
namespace {

constexpr std::array<const char*, 5> kLevelNames = {"debug", "verbose", "notice", "warning",
                                                    "nothing"};
constexpr std::string_view kCut = " [cut]";

constinit std::atomic<Level> lowest_level{Level::notice};
constinit std::atomic<LogWriter> log_writer{nullptr};

void write_to_stderr(Level line_level, std::string_view text) noexcept {
    try {
        std::string line = level_name(line_level);
        line += ' ';
        append_log_text(line, text);
        line += '\n';
        std::fwrite(line.data(), 1, line.size(), stderr);
    } catch (...) {
        // There is nobody left to tell.
        return;
    }
}

void hand_on(Level line_level, std::string_view text) noexcept {
    const LogWriter writer = log_writer.load(std::memory_order_acquire);
    (writer != nullptr ? writer : write_to_stderr)(line_level, text);
}

/// Length of the character at the front of a text, as its first byte claims.
size_t claimed_bytes(unsigned char first) {
    if (first < 0x80) return 1;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/// U+0080 to U+009F speak to terminals as the ones below U+0020 do.
bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return first < 0x20 || first == 0x7f;
    return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

const char* level_name(Level level) noexcept { return kLevelNames[static_cast<size_t>(level)]; }

std::optional<Level> parse_level(std::string_view name) noexcept {
    for (size_t index = 0; index < kLevelNames.size(); ++index) {
        if (equals_ignore_case(kLevelNames[index], name)) return static_cast<Level>(index);
    }
    return std::nullopt;
}

void set_level(Level level) noexcept { lowest_level.store(level, std::memory_order_relaxed); }

Level level() noexcept { return lowest_level.load(std::memory_order_relaxed); }

void set_log_writer(LogWriter writer) noexcept {
    log_writer.store(writer, std::memory_order_release);
}

bool has_log_writer() noexcept { return log_writer.load(std::memory_order_relaxed) != nullptr; }

void append_log_text(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const size_t claimed =
            std::min(claimed_bytes(static_cast<unsigned char>(text[0])), text.size());
        const std::string_view character = text.substr(0, claimed);
        if (!is_utf8(character) || is_control(character)) {
            // Of what is no character one byte, since the next may begin one.
            if (text[0] == '\n') {
                out += "\\n";
            } else {
                fmt::format_to(std::back_inserter(out), "\\x{:02x}",
                               static_cast<unsigned char>(text[0]));
            }
            text.remove_prefix(1);
            continue;
        }
        out += character;
        text.remove_prefix(claimed);
    }
}

namespace log_detail {

void write(Level line_level, fmt::string_view format, fmt::format_args arguments) noexcept {
    try {
        std::array<char, kLogTextBytesMax + kCut.size()> text;
        const auto written = fmt::vformat_to_n(text.data(), kLogTextBytesMax, format, arguments);
        size_t bytes = std::min(written.size, kLogTextBytesMax);
        if (written.size > kLogTextBytesMax) {
            kCut.copy(text.data() + bytes, kCut.size());
            bytes += kCut.size();
        }
        hand_on(line_level, {text.data(), bytes});
    } catch (...) {
        hand_on(Level::warning, "A line of the log could not be formatted");
    }
}

}  // namespace log_detail
}  // namespace gyre::base
