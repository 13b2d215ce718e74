// SPDX-License-Identifier: BSD-3-Clause

// Replies of each type, cut everywhere, and replies of a server that means harm.

#include "resp/reply_parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::resp {
namespace {

using namespace std::string_literals;

uint64_t seed() {
    const char* const text = std::getenv("GYRE_SEED");
    return text == nullptr ? 20232 : std::strtoull(text, nullptr, 10);
}

struct Outcome {
    std::vector<Reply> replies;
    std::string error;
    bool is_at_start = false;
};

// Feeds `stream` in pieces of `size` bytes.
Outcome run(std::string_view stream, size_t size, const ReplyLimits& limits = {}) {
    ReplyParser parser(limits);
    Outcome outcome;
    while (!stream.empty() && outcome.error.empty()) {
        const std::string piece(stream.substr(0, size));
        stream.remove_prefix(piece.size());
        std::string_view rest = piece;
        for (;;) {
            Result<std::optional<Reply>> reply = parser.parse(rest);
            if (!reply) outcome.error = reply.error().message;
            if (!reply || !*reply) break;
            outcome.replies.push_back(std::move(**reply));
        }
    }
    outcome.is_at_start = parser.is_at_start();
    return outcome;
}

// The replies in a stream that holds whole ones only.
std::vector<Reply> parse(std::string_view stream) {
    const Outcome whole = run(stream, stream.size());
    EXPECT_EQ(whole.error, "");
    EXPECT_TRUE(whole.is_at_start);
    for (size_t size = 1; size < std::min<size_t>(stream.size(), 100); ++size) {
        const Outcome cut = run(stream, size);
        EXPECT_EQ(cut.replies, whole.replies) << "in pieces of " << size;
        EXPECT_TRUE(cut.is_at_start);
    }
    return whole.replies;
}

Reply parse_one(std::string_view stream) {
    std::vector<Reply> replies = parse(stream);
    EXPECT_EQ(replies.size(), 1U) << stream;
    return replies.empty() ? Reply() : std::move(replies.front());
}

Reply text_reply(ReplyType type, std::string text) {
    Reply reply;
    reply.type = type;
    reply.text = std::move(text);
    return reply;
}

Reply integer_reply(int64_t value) {
    Reply reply;
    reply.type = ReplyType::integer;
    reply.integer = value;
    return reply;
}

Reply aggregate(ReplyType type, std::vector<Reply> elements) {
    Reply reply;
    reply.type = type;
    reply.elements = std::move(elements);
    return reply;
}

TEST(ReplyParser, ReadsTheTypesOfResp2) {
    EXPECT_EQ(parse_one("+OK\r\n"), text_reply(ReplyType::status, "OK"));
    EXPECT_EQ(parse_one("-ERR no\r\n"), text_reply(ReplyType::error, "ERR no"));
    EXPECT_EQ(parse_one(":-9223372036854775808\r\n"), integer_reply(INT64_MIN));
    EXPECT_EQ(parse_one(":+5\r\n"), integer_reply(5));
    EXPECT_EQ(parse_one("$5\r\na\r\n\0b\r\n"s), text_reply(ReplyType::bulk, "a\r\n\0b"s));
    EXPECT_EQ(parse_one("$0\r\n\r\n"), text_reply(ReplyType::bulk, ""));
    EXPECT_EQ(parse_one("$-1\r\n"), Reply());
    EXPECT_EQ(parse_one("*-1\r\n"), Reply());
    EXPECT_EQ(parse_one("*0\r\n"), aggregate(ReplyType::array, {}));
    EXPECT_EQ(
        parse_one("*2\r\n*1\r\n:1\r\n$-1\r\n"),
        aggregate(ReplyType::array, {aggregate(ReplyType::array, {integer_reply(1)}), Reply()}));
}

TEST(ReplyParser, ReadsTheTypesOfResp3) {
    EXPECT_EQ(parse_one("_\r\n"), Reply());
    EXPECT_EQ(parse_one("#t\r\n").integer, 1);
    EXPECT_EQ(parse_one("#f\r\n").type, ReplyType::boolean);
    EXPECT_EQ(parse_one("(-123456789012345678901234567890\r\n"),
              text_reply(ReplyType::big_number, "-123456789012345678901234567890"));
    EXPECT_EQ(parse_one("!8\r\nERR a\r\nb\r\n"), text_reply(ReplyType::error, "ERR a\r\nb"));
    const Reply verbatim = parse_one("=8\r\nmkd:abcd\r\n");
    EXPECT_EQ(verbatim.text, "abcd");
    EXPECT_STREQ(verbatim.format, "mkd");
    EXPECT_EQ(parse_one("~1\r\n+a\r\n"),
              aggregate(ReplyType::set, {text_reply(ReplyType::status, "a")}));
    EXPECT_EQ(parse_one("%1\r\n+a\r\n:1\r\n"),
              aggregate(ReplyType::map, {text_reply(ReplyType::status, "a"), integer_reply(1)}));
    EXPECT_EQ(parse_one(">1\r\n:1\r\n"), aggregate(ReplyType::push, {integer_reply(1)}));
}

TEST(ReplyParser, ReadsDoublesAndKeepsTheirText) {
    EXPECT_EQ(parse_one(",3.25\r\n").real, 3.25);
    EXPECT_EQ(parse_one(",-1e-7\r\n").real, -1e-7);
    EXPECT_EQ(parse_one(",10\r\n").text, "10");
    EXPECT_TRUE(std::isinf(parse_one(",inf\r\n").real));
    EXPECT_LT(parse_one(",-inf\r\n").real, 0);
    EXPECT_TRUE(std::isnan(parse_one(",nan\r\n").real));
}

TEST(ReplyParser, GivesAttributesToTheReplyThatFollows) {
    const Reply reply =
        parse_one("|1\r\n+ttl\r\n:5\r\n*2\r\n|1\r\n+a\r\n|1\r\n+x\r\n+y\r\n+b\r\n+c\r\n:1\r\n");
    ASSERT_EQ(reply.attributes.size(), 2U);
    EXPECT_EQ(reply.attributes[1], integer_reply(5));
    ASSERT_EQ(reply.elements.size(), 2U);
    EXPECT_EQ(reply.elements[0].text, "c");
    ASSERT_EQ(reply.elements[0].attributes.size(), 2U);
    EXPECT_EQ(reply.elements[0].attributes[1].text, "b");
    EXPECT_EQ(reply.elements[0].attributes[1].attributes.size(), 2U);
    EXPECT_TRUE(reply.elements[1].attributes.empty());
    EXPECT_TRUE(parse_one("|0\r\n+c\r\n").attributes.empty());
}

TEST(ReplyParser, ReadsReplyAfterReply) {
    const std::vector<Reply> replies = parse("+a\r\n$1\r\nb\r\n*1\r\n+c\r\n*0\r\n:4\r\n");
    ASSERT_EQ(replies.size(), 5U);
    EXPECT_EQ(replies[1].text, "b");
    EXPECT_EQ(replies[4], integer_reply(4));
}

TEST(ReplyParser, TakesLargeStringsInPieces) {
    const std::string value(1000000, 'v');
    const std::string stream = "*1\r\n$1000000\r\n" + value + "\r\n+next\r\n";
    const Outcome outcome = run(stream, 4096);
    ASSERT_EQ(outcome.replies.size(), 2U);
    EXPECT_EQ(outcome.replies[0].elements[0].text, value);
}

std::string random_frame(std::mt19937_64& random, int depth) {
    const std::string scalars[] = {"+ok\r\n",         "-ERR x\r\n",      ":12\r\n",
                                   "$3\r\na\r\n\r\n", ",1.5\r\n",        "#t\r\n",
                                   "_\r\n",           "=5\r\ntxt:a\r\n", "(99\r\n"};
    if (depth == 0 || random() % 3 == 0) return scalars[random() % 9];
    const char marker = "*%~>|"[random() % 5];
    const size_t count = random() % 4;
    std::string out = std::string(1, marker) + std::to_string(count) + "\r\n";
    for (size_t i = 0; i < count * (marker == '%' || marker == '|' ? 2 : 1); ++i) {
        out += random_frame(random, depth - 1);
    }
    if (marker == '|') out += random_frame(random, depth - 1);
    return out;
}

TEST(ReplyParser, RandomCutsGiveTheSameReplies) {
    SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    for (int round = 0; round < 60; ++round) {
        std::string stream;
        for (int i = 0; i < 5; ++i) stream += random_frame(random, 4);
        EXPECT_EQ(parse(stream).size(), 5U) << stream;
    }
}

// --- a server that means harm -------------------------------------------------------------------

std::string error_of(std::string_view stream, const ReplyLimits& limits = {}) {
    const Outcome whole = run(stream, stream.size(), limits);
    EXPECT_EQ(run(stream, 1, limits).error, whole.error) << stream.substr(0, 60);
    EXPECT_FALSE(whole.is_at_start);
    return whole.error;
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
    for (const std::string_view stream : {"HTTP/1.1 400 Bad Request\r\n",
                                          "\r\n",
                                          "OK\r\n",
                                          "+a\n",
                                          ":\r\n",
                                          ":abc\r\n",
                                          ":1 \r\n",
                                          ":+-1\r\n",
                                          ":9223372036854775808\r\n",
                                          ",\r\n",
                                          ",abc\r\n",
                                          ",nan(1)\r\n",
                                          "#x\r\n",
                                          "#\r\n",
                                          "_x\r\n",
                                          "(\r\n",
                                          "(1a\r\n",
                                          "$\r\n",
                                          "$-2\r\n",
                                          "$abc\r\n",
                                          "$1\r\nab\r\n",
                                          "$1\r\na\rb",
                                          "*\r\n",
                                          "*-2\r\n",
                                          "*x\r\n",
                                          "%-1\r\n",
                                          "$?\r\n",
                                          "*?\r\n",
                                          "!-1\r\n",
                                          "=-1\r\n",
                                          "=3\r\ntxt\r\n",
                                          "=4\r\ntxtx\r\n"}) {
        EXPECT_NE(error_of(stream), "") << stream;
    }
}

TEST(ReplyParser, StaysFailedUntilReset) {
    ReplyParser parser;
    std::string_view input = "*2\r\n:1\r\nx\r\n";
    EXPECT_FALSE(parser.parse(input));
    input = "+OK\r\n";
    EXPECT_FALSE(parser.parse(input));
    parser.reset();
    EXPECT_TRUE(parser.is_at_start());
    const Result<std::optional<Reply>> reply = parser.parse(input);
    ASSERT_TRUE(reply && *reply);
    EXPECT_TRUE((*reply)->is_ok());
}

TEST(ReplyParser, LimitsTheDepth) {
    ReplyLimits limits;
    limits.depth_max = 3;
    EXPECT_EQ(run("*1\r\n*1\r\n*1\r\n:1\r\n", 99, limits).replies.size(), 1U);
    EXPECT_NE(error_of("*1\r\n*1\r\n*1\r\n*1\r\n", limits), "");
    EXPECT_NE(error_of("*1\r\n|1\r\n+a\r\n*1\r\n*1\r\n", limits), "");
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += "*1\r\n";
    EXPECT_NE(run(deep, deep.size()).error, "");
}

TEST(ReplyParser, LimitsSizes) {
    ReplyLimits limits;
    limits.bulk_bytes_max = 10;
    limits.reply_bytes_max = 25;
    limits.line_bytes_max = 20;
    limits.elements_max = 4;
    EXPECT_EQ(run("$10\r\n0123456789\r\n", 99, limits).replies.size(), 1U);
    EXPECT_NE(error_of("$11\r\n", limits), "");
    EXPECT_NE(error_of("*3\r\n$10\r\n0123456789\r\n+0123456789\r\n+012345\r\n", limits), "");
    EXPECT_NE(error_of("+01234567890123456789", limits), "");
    EXPECT_NE(error_of("*5\r\n", limits), "");
    EXPECT_NE(error_of("%3\r\n", limits), "");
    EXPECT_NE(error_of("*2\r\n*3\r\n", limits), "");
    // The limits are those of one reply, not of the connection.
    EXPECT_EQ(run("*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n", 99, limits)
                  .replies.size(),
              2U);
}

TEST(ReplyParser, ReservesNothingForWhatIsOnlyAnnounced) {
    // With memory for what is announced this test would end in bad_alloc, or take minutes.
    std::string stream;
    for (int i = 0; i < 1000; ++i) stream = "*60000000\r\n$500000000\r\nx";
    EXPECT_EQ(run(stream, stream.size()).error, "");
    EXPECT_NE(error_of("%9223372036854775807\r\n"), "");
    EXPECT_NE(error_of("$9223372036854775807\r\n"), "");
}

}  // namespace
}  // namespace gyre::resp
