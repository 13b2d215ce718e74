// SPDX-License-Identifier: BSD-3-Clause

// What the parser itself promises. Faults of all kinds, truncation and chunks are tried with the
// reader of data sets (tests/unit/snapshot/json_reader_test.cc), which shows what they are for.

#include "base/json_parser.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace gyre::base {
namespace {

ByteSource source_of(std::string_view text, size_t chunk = 65536) {
    return [text, chunk, at = size_t{0}](std::span<char> buffer) mutable -> Result<size_t> {
        const size_t count = std::min({chunk, buffer.size(), text.size() - at});
        if (count != 0) std::memcpy(buffer.data(), text.data() + at, count);
        at += count;
        return count;
    };
}

/// The events as text, one on a line: place, kind, what it carries; the error at the end.
std::string events_of(std::string_view text, const JsonLimits& limits = {}, size_t chunk = 65536) {
    std::string lines;
    const auto events = [&lines](const JsonEvent& event) -> Result<void> {
        lines += std::to_string(event.place.line) + ":" + std::to_string(event.place.byte) + " " +
                 std::string(json_kind_name(event.kind));
        if (event.kind == JsonKind::integer) lines += " " + std::to_string(event.integer);
        if (event.text != nullptr) lines += " " + std::exchange(*event.text, {});
        lines += "\n";
        return {};
    };
    const auto done = parse_json(source_of(text, chunk), events, limits);
    if (!done) lines += done.error().message;
    return lines;
}

TEST(JsonParser, tells_each_event_with_its_place) {
    constexpr std::string_view kText =
        "{\"a\": [1,-2 ,\n3.0, 18446744073709551615,1e999, \"\\u00e4\"],\n \"b\" :{\"c\":true\n,"
        "\"d\":null }}\n";
    const std::string expected =
        "1:0 an object\n"
        "1:1 a name a\n"
        "1:6 an array\n"
        "1:7 a whole number 1\n"
        "1:9 a whole number -2\n"
        "2:14 a number that is not whole or has more than 64 bits 3.0\n"
        "2:19 a number that is not whole or has more than 64 bits 18446744073709551615\n"
        "2:40 a number that is not whole or has more than 64 bits\n"
        "JSON, line 2, byte 40: a number too large for any use; correct it";
    EXPECT_EQ(events_of(kText), expected);
    EXPECT_EQ(events_of(kText, {.chunk_bytes = 1}, 1), expected);
    EXPECT_EQ(events_of("[ \"\\u00e4\",\n {\"c\":true\n,\"d\":null,\"e\":false }]\n"),
              "1:0 an array\n1:2 a string \u00e4\n2:13 an object\n2:14 a name c\n"
              "2:18 true or false\n3:24 a name d\n3:28 null\n3:33 a name e\n3:37 true or false\n"
              "3:43 the end of an object\n3:44 the end of an array\n");
}

TEST(JsonParser, a_document_may_be_one_value) {
    EXPECT_EQ(events_of(" 7"), "1:1 a whole number 7\n");
    EXPECT_EQ(events_of("-0\n"), "1:0 a whole number 0\n");
    EXPECT_EQ(events_of("\"\""), "1:0 a string \n");
    EXPECT_EQ(events_of("null"), "1:0 null\n");
}

TEST(JsonParser, depth_has_a_limit) {
    const std::string nested = "[{\"a\":[[]]}]";
    EXPECT_EQ(events_of(nested).find("deeper"), std::string::npos);
    EXPECT_EQ(events_of(nested, {.depth_max = 4}), events_of(nested));
    EXPECT_EQ(events_of(nested, {.depth_max = 3}),
              "1:0 an array\n1:1 an object\n1:2 a name a\n1:6 an array\n"
              "JSON, line 1, byte 7: nested deeper than 3; nothing that belongs here is");
    // Depth, not the count of brackets.
    std::string wide = "[";
    for (int count = 0; count < 100; ++count) wide += "[],";
    EXPECT_EQ(events_of(wide + "[]]", {.depth_max = 2}).find("deeper"), std::string::npos);
}

TEST(JsonParser, what_stands_between_strings_has_a_limit) {
    const JsonLimits limits{.between_bytes_max = 10};
    EXPECT_EQ(events_of("[\"a\",      \"b\",       1]", limits).find("more than"),
              std::string::npos);
    EXPECT_NE(events_of("[\"a\",           1]", limits)
                  .find("JSON, line 1, byte 14: more than 10 bytes without a string"),
              std::string::npos);
    EXPECT_NE(events_of("[[],[],[],[]]", limits).find("more than 10 bytes"), std::string::npos);
}

TEST(JsonParser, an_error_of_the_handler_ends_it_and_passes_as_it_is) {
    size_t calls = 0;
    const auto events = [&calls](const JsonEvent& event) -> Result<void> {
        ++calls;
        if (event.kind == JsonKind::integer) return fail("no; take it back", 3);
        return {};
    };
    const auto done = parse_json(source_of("[1, 2, x"), events);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message, "no; take it back");
    EXPECT_EQ(done.error().code, 3);
    EXPECT_EQ(calls, 2U);
}

}  // namespace
}  // namespace gyre::base
