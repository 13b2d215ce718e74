// SPDX-License-Identifier: BSD-3-Clause

// Goal: a record is one line whatever is in it: JSON that parses, text that no client can forge.

#include "diary/line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "base/json_parser.h"
#include "base/utf8.h"

namespace gyre::diary {
namespace {

using namespace std::string_view_literals;
using base::Level;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Not;
using testing::StartsWith;

/// 2026-03-01 12:00:00.123456 UTC
constexpr Moment kMoment{.order_ns = 1, .wall_us = 1'772'366'400'123'456};

class Line : public testing::Test {
protected:
    void SetUp() override {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }

    std::string line(Level level, std::string_view text, Format format,
                     Reader reader = Reader::file) {
        RecordRing ring(64 * 1024);
        EXPECT_TRUE(push_line(ring, kMoment, level, text));
        return taken(ring, format, reader);
    }
    std::string command(const CommandNote& note, Format format) {
        RecordRing ring(64 * 1024);
        EXPECT_TRUE(push_command(ring, kMoment, note));
        return taken(ring, format, Reader::file);
    }
    /// The line of a record that has gone through a ring.
    std::string taken(RecordRing& ring, Format format, Reader reader) {
        std::string bytes;
        EXPECT_TRUE(ring.take(bytes));
        EXPECT_EQ(order_of(bytes), kMoment.order_ns);
        Record record;
        read_record(bytes, record);
        std::string out;
        writer_.append(out, record, format, reader);
        return out;
    }

    LineWriter writer_;
};

/// The parts of a JSON text; none: it is no JSON.
std::vector<std::string> parts(std::string_view json) {
    std::vector<std::string> found;
    size_t at = 0;
    const auto source = [&](std::span<char> buffer) -> Result<size_t> {
        const size_t count = std::min(buffer.size(), json.size() - at);
        json.copy(buffer.data(), count, at);
        at += count;
        return count;
    };
    const auto parsed = base::parse_json(source, [&](const base::JsonEvent& event) -> Result<void> {
        using enum base::JsonKind;
        switch (event.kind) {
            case object:
                found.emplace_back("{");
                break;
            case object_end:
                found.emplace_back("}");
                break;
            case array:
                found.emplace_back("[");
                break;
            case array_end:
                found.emplace_back("]");
                break;
            case name:
                found.push_back(*event.text + ":");
                break;
            case string:
                found.push_back(*event.text);
                break;
            default:
                found.push_back(std::to_string(event.integer));
        }
        return {};
    });
    if (!parsed) found.clear();
    return found;
}

TEST_F(Line, text_says_time_process_level_and_text) {
    const std::string pid = std::to_string(::getpid());
    EXPECT_EQ(line(Level::notice, "listening on port 6379", Format::text),
              "2026-03-01 12:00:00.123 " + pid + " notice listening on port 6379");
    EXPECT_EQ(line(Level::warning, "", Format::text),
              "2026-03-01 12:00:00.123 " + pid + " warning ");
}

TEST_F(Line, the_journal_gets_priority_and_text) {
    EXPECT_EQ(line(Level::debug, "a", Format::text, Reader::journal), "<7>a");
    EXPECT_EQ(line(Level::verbose, "a", Format::text, Reader::journal), "<6>a");
    EXPECT_EQ(line(Level::notice, "a", Format::text, Reader::journal), "<5>a");
    EXPECT_EQ(line(Level::warning, "a\n<0>b", Format::text, Reader::journal), "<4>a\\n<0>b");
    EXPECT_THAT(line(Level::warning, "a", Format::json, Reader::journal), StartsWith("<4>{"));
}

TEST_F(Line, json_has_the_same) {
    EXPECT_THAT(
        parts(line(Level::warning, "say \"no\"\nand \xff go\x7f", Format::json)),
        ElementsAre("{", "time:", "2026-03-01T12:00:00.123456Z", "pid:", std::to_string(::getpid()),
                    "level:", "warning", "text:", "say \"no\"\\nand \\xff go\\x7f", "}"));
}

CommandNote note(const std::vector<NotedArgument>& arguments) {
    return {.client = 7,
            .database = 3,
            .microseconds = 12,
            .address = "127.0.0.1:5123",
            .arguments = arguments};
}

TEST_F(Line, a_command_as_text) {
    const std::vector<NotedArgument> words{{.bytes = "SET"}, {.bytes = "k\n2026 forged"}};
    CommandNote set = note(words);
    EXPECT_EQ(command(set, Format::text),
              "2026-03-01 12:00:00.123 7 127.0.0.1:5123 db3 12us ok \"SET\" \"k\\n2026 forged\"");
    set.name = "app \x1b";
    set.error = "WRONGTYPE";
    set.left_out_arguments = 5;
    EXPECT_EQ(command(set, Format::text),
              "2026-03-01 12:00:00.123 7 127.0.0.1:5123 \"app \\x1b\" db3 12us WRONGTYPE \"SET\" "
              "\"k\\n2026 forged\" ... (5 more arguments)");
    const std::vector<NotedArgument> secret{
        {.bytes = "AUTH"}, {.is_hidden = true}, {.bytes = "ab", .left_out_bytes = 9}};
    EXPECT_THAT(command(note(secret), Format::text),
                EndsWith("ok \"AUTH\" (redacted) \"ab\"... (9 more bytes)"));
}

TEST_F(Line, a_command_as_json) {
    const std::vector<NotedArgument> words{{.bytes = "SET"},
                                           {.bytes = "caf\xc3\xa9\n\x7f\xc2\x9b"},
                                           {.bytes = "\xff\x01"},
                                           {.is_hidden = true},
                                           {.bytes = "ab", .left_out_bytes = 9}};
    CommandNote set = note(words);
    set.name = "app";
    set.error = "ERR";
    set.left_out_arguments = 2;
    const std::string json = command(set, Format::json);
    EXPECT_THAT(parts(json),
                ElementsAre("{", "time:", "2026-03-01T12:00:00.123456Z", "client:", "7",
                            "address:", "127.0.0.1:5123", "name:", "app", "db:", "3", "us:", "12",
                            "error:", "ERR", "command:", "[", "SET", "caf\xc3\xa9\n\x7f\xc2\x9b",
                            "{", "base64:", "/wE=", "}", "{", "hidden:", "1", "}", "{", "text:",
                            "ab", "more_bytes:", "9", "}", "]", "more_arguments:", "2", "}"));
    EXPECT_EQ(json.find('\x7f'), std::string::npos) << "terminals obey it";
    EXPECT_EQ(json.find('\x9b'), std::string::npos) << "and this";
}

TEST_F(Line, what_was_cut_inside_a_character_stays_text) {
    const std::vector<NotedArgument> words{{.bytes = "ab\xe2\x82", .left_out_bytes = 10}};
    EXPECT_THAT(command(note(words), Format::json),
                EndsWith(R"("command":[{"text":"ab","more_bytes":12}]})"));
    const std::vector<NotedArgument> whole{{.bytes = "ab\xe2\x82"}};
    EXPECT_THAT(command(note(whole), Format::json), EndsWith(R"([{"base64":"YWLigg=="}]})"));
}

TEST_F(Line, hostile_bytes_stay_in_their_line) {
    std::mt19937 random(11);
    for (int round = 0; round < 3000; ++round) {
        std::string bytes(random() % 40, '\0');
        // Mostly what means something to a reader of lines.
        for (char& byte : bytes) {
            constexpr std::string_view kNasty = "\n\r\0\"\\{}\x1b\x7f\xc2\x9b\xe2\x80\xa8,: "sv;
            byte =
                random() % 3 == 0 ? static_cast<char>(random()) : kNasty[random() % kNasty.size()];
        }
        const std::vector<NotedArgument> words{{.bytes = bytes}, {.bytes = "x"}, {.bytes = bytes}};
        CommandNote each = note(words);
        each.name = bytes;
        each.address = bytes;
        each.error = bytes;
        for (const Format format : {Format::text, Format::json}) {
            for (const std::string& out :
                 {line(Level::notice, bytes, format), command(each, format)}) {
                ASSERT_TRUE(std::none_of(out.begin(), out.end(), [](unsigned char byte) {
                    return byte < 0x20 || byte == 0x7f;
                })) << out;
                ASSERT_TRUE(base::is_utf8(out)) << out;
                ASSERT_EQ(out.find("\xc2\x9b"), std::string::npos) << out;
                ASSERT_TRUE(format == Format::text || !parts(out).empty()) << out;
            }
        }
    }
}

TEST_F(Line, names_and_addresses_have_a_limit) {
    const std::vector<NotedArgument> words{{.bytes = "PING"}};
    CommandNote ping = note(words);
    const std::string name(5000, 'n');
    ping.name = name;
    EXPECT_THAT(command(ping, Format::text),
                testing::HasSubstr("\"" + std::string(kNotedBytesMax, 'n') + "\" "));
}

TEST(Format, has_two_names) {
    EXPECT_EQ(parse_format("TEXT"), Format::text);
    EXPECT_EQ(parse_format("json"), Format::json);
    EXPECT_EQ(parse_format("xml"), std::nullopt);
}

}  // namespace
}  // namespace gyre::diary
