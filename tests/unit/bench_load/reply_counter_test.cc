// SPDX-License-Identifier: BSD-3-Clause
// Generated replies, whole, byte by byte and cut at random, against the counts known from making
// them.

#include "load/reply_counter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::load {
namespace {

void add(ReplyCounts& sum, const ReplyCounts& counts) {
    sum.replies += counts.replies;
    sum.errors += counts.errors;
    sum.nils += counts.nils;
    sum.bulks += counts.bulks;
}

void expect_equal(const ReplyCounts& left, const ReplyCounts& right) {
    EXPECT_EQ(left.replies, right.replies);
    EXPECT_EQ(left.errors, right.errors);
    EXPECT_EQ(left.nils, right.nils);
    EXPECT_EQ(left.bulks, right.bulks);
}

TEST(LoadReplyCounter, CountsResponsesOfHttpWhereverTheyAreCut) {
    const std::string stream =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n\"x\r\n\""
        "HTTP/1.1 204 No Content\r\n\r\n"
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}";
    for (size_t piece = 1; piece <= stream.size(); ++piece) {
        ReplyCounter counter(true);
        ReplyCounts counts;
        for (size_t at = 0; at < stream.size(); at += piece) {
            add(counts, counter.feed(stream.data() + at, std::min(piece, stream.size() - at)));
        }
        expect_equal(counts, {.replies = 4, .errors = 1, .nils = 1, .bulks = 1});
        EXPECT_EQ(counter.first_error(), "HTTP/1.1 400 Bad Request");
        EXPECT_FALSE(counter.is_broken());
    }
    ReplyCounter endless(true);
    const std::string head = "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x');
    endless.feed(head.data(), head.size());
    EXPECT_TRUE(endless.is_broken());
}

TEST(LoadReplyCounter, CountsThePartsOfARequestAsOne) {
    const std::string stream =
        "+OK\r\n+QUEUED\r\n*1\r\n$1\r\na\r\n+OK\r\n-ERR no\r\n*-1\r\n+OK\r\n";
    for (size_t piece = 1; piece <= stream.size(); ++piece) {
        ReplyCounter counter(false, 3);
        ReplyCounts counts;
        for (size_t at = 0; at < stream.size(); at += piece) {
            add(counts, counter.feed(stream.data() + at, std::min(piece, stream.size() - at)));
        }
        expect_equal(counts, {.replies = 2, .errors = 1, .nils = 1, .bulks = 1});
    }
}

/// A payload with everything in it that could be taken for a reply.
std::string random_payload(base::Random& random) {
    constexpr std::string_view kBytes = "$*+-:0123456789\r\nab";
    std::string payload(random.below(40), ' ');
    for (char& byte : payload) byte = kBytes[random.below(kBytes.size())];
    return payload;
}

void append_element(base::Random& random, int depth, std::string& text, ReplyCounts& counts) {
    switch (random.below(depth < 4 ? 7 : 5)) {
        case 0:
            text += "+OK\r\n";
            return;
        case 1:
            text += "-ERR value $5 is * no integer\r\n";
            ++counts.errors;
            return;
        case 2:
            text += random.below(2) == 0 ? ":-9223372036854775808\r\n" : ":1234567890123456789\r\n";
            return;
        case 3: {
            const std::string payload = random_payload(random);
            text += "$" + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
            ++counts.bulks;
            return;
        }
        case 4:
            text += random.below(2) == 0 ? "$-1\r\n" : "*-1\r\n";
            ++counts.nils;
            return;
        default:
            break;
    }
    const uint64_t elements = random.below(5);
    text += "*" + std::to_string(elements) + "\r\n";
    for (uint64_t i = 0; i < elements; ++i) append_element(random, depth + 1, text, counts);
}

TEST(LoadReplyCounter, CountsGeneratedRepliesHoweverTheyAreCut) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 300; ++round) {
        std::string text;
        ReplyCounts expected;
        expected.replies = static_cast<uint32_t>(random.below(30));
        for (uint32_t i = 0; i < expected.replies; ++i) append_element(random, 0, text, expected);

        ReplyCounter whole;
        expect_equal(whole.feed(text.data(), text.size()), expected);
        ReplyCounter single;
        ReplyCounts by_bytes;
        for (const char& byte : text) add(by_bytes, single.feed(&byte, 1));
        expect_equal(by_bytes, expected);
        ReplyCounter cut;
        ReplyCounts by_pieces;
        for (size_t at = 0; at < text.size();) {
            const size_t size = std::min<size_t>(random.below(60), text.size() - at);
            add(by_pieces, cut.feed(text.data() + at, size));
            at += size;
        }
        expect_equal(by_pieces, expected);
        EXPECT_FALSE(whole.is_broken() || single.is_broken() || cut.is_broken());
    }
}

TEST(LoadReplyCounter, AReplyCountsWithItsLastByte) {
    for (const std::string_view reply :
         {"+OK\r\n", "-ERR\r\n", ":1\r\n", "$3\r\nabc\r\n", "$0\r\n\r\n", "$-1\r\n", "*0\r\n",
          "*-1\r\n", "*2\r\n*1\r\n:1\r\n$-1\r\n"}) {
        ReplyCounter counter;
        EXPECT_EQ(counter.feed(reply.data(), reply.size() - 1).replies, 0U) << reply;
        EXPECT_EQ(counter.feed(&reply.back(), 1).replies, 1U) << reply;
    }
}

TEST(LoadReplyCounter, KeepsTheTextOfTheFirstError) {
    const std::string text = "+OK\r\n-ERR first one\r\n-ERR second\r\n";
    ReplyCounter whole;
    whole.feed(text.data(), text.size());
    EXPECT_EQ(whole.first_error(), "ERR first one");
    ReplyCounter single;
    for (const char& byte : text) single.feed(&byte, 1);
    EXPECT_EQ(single.first_error(), "ERR first one");
    const std::string endless = "-" + std::string(100'000, 'x') + "\r\n";
    ReplyCounter cut;
    EXPECT_EQ(cut.feed(endless.data(), endless.size()).errors, 1U);
    EXPECT_LT(cut.first_error().size(), 1000U);
}

TEST(LoadReplyCounter, IsBrokenByWhatIsNoReply) {
    for (const std::string_view text : {"HTTP/1.1 400\r\n", "%1\r\n", "$x\r\n", "$1x\r\n", "\r\n",
                                        "$99999999999999\r\n", "*1-\r\n", "$--1\r\n"}) {
        ReplyCounter counter;
        EXPECT_EQ(counter.feed(text.data(), text.size()).replies, 0U) << text;
        EXPECT_TRUE(counter.is_broken()) << text;
        EXPECT_EQ(counter.feed("+OK\r\n", 5).replies, 0U) << text;
    }
}

}  // namespace
}  // namespace gyre::load
