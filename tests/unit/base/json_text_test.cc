// SPDX-License-Identifier: BSD-3-Clause

#include "base/json_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyre::base {
namespace {

/// The text escaped through a buffer of that size.
std::string escaped(std::string_view text, size_t buffer_bytes) {
    std::string whole;
    std::vector<char> buffer(buffer_bytes);
    while (!text.empty()) {
        const JsonEscaped step = escape_json(text, buffer);
        EXPECT_GT(step.taken, 0U);
        EXPECT_LE(step.written, buffer_bytes);
        if (step.taken == 0) return whole;
        whole.append(buffer.data(), step.written);
        text.remove_prefix(step.taken);
    }
    return whole;
}

TEST(JsonText, escapes_what_json_demands_and_no_more) {
    for (int code = 0; code < 0x80; ++code) {
        const std::string text(1, static_cast<char>(code));
        char hex[8];
        std::snprintf(hex, sizeof(hex), "\\u%04x", static_cast<unsigned>(code));
        const std::string expected = code == '"'    ? "\\\""
                                     : code == '\\' ? "\\\\"
                                     : code == '\b' ? "\\b"
                                     : code == '\f' ? "\\f"
                                     : code == '\n' ? "\\n"
                                     : code == '\r' ? "\\r"
                                     : code == '\t' ? "\\t"
                                     : code < 0x20  ? hex
                                                    : text;
        EXPECT_EQ(escaped(text, kJsonEscapeMax), expected) << code;
    }
    const std::string others = "/\x7F\xC2\x85\xE2\x80\xA8\xE2\x80\xA9\xF0\x9F\x98\x80";
    EXPECT_EQ(escaped(others, 64), others);
}

TEST(JsonText, the_size_of_the_buffer_does_not_show) {
    std::string text;
    for (int code = 0; code < 256; ++code) {
        text += static_cast<char>(code % 0x80);
        text += std::string(static_cast<size_t>(code % 9), 'a');
    }
    const std::string whole = escaped(text, 1 << 16);
    for (size_t bytes = kJsonEscapeMax; bytes < 40; ++bytes) {
        EXPECT_EQ(escaped(text, bytes), whole) << bytes;
    }
}

TEST(JsonText, a_buffer_without_room_takes_nothing_half) {
    char buffer[8];
    EXPECT_EQ(escape_json("", buffer).taken, 0U);
    EXPECT_EQ(escape_json("a", {buffer, 0}).taken, 0U);
    const JsonEscaped step = escape_json(std::string_view("abc\0", 4), buffer);
    EXPECT_EQ(step.taken, 3U);
    EXPECT_EQ(std::string(buffer, step.written), "abc");
}

}  // namespace
}  // namespace gyre::base
