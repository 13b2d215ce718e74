// SPDX-License-Identifier: BSD-3-Clause

// Each frame in both protocols, byte by byte.

#include "resp/reply_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

namespace gyre::resp {
namespace {

using namespace std::string_literals;

std::string take(base::OutputBuffer& out) {
    std::string bytes;
    while (!out.empty()) {
        std::array<iovec, 8> vectors{};
        const size_t count = out.gather(vectors, std::numeric_limits<size_t>::max());
        size_t gathered = 0;
        for (size_t i = 0; i < count; ++i) {
            bytes.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
            gathered += vectors[i].iov_len;
        }
        out.consume(gathered);
    }
    return bytes;
}

std::string written(Protocol protocol, const std::function<void(ReplyWriter&)>& write) {
    base::ChunkPool pool;
    base::OutputBuffer out(pool);
    ReplyWriter writer(out, protocol);
    write(writer);
    return take(out);
}

void expect_written(const std::function<void(ReplyWriter&)>& write, std::string_view resp2,
                    std::string_view resp3) {
    EXPECT_EQ(written(Protocol::resp2, write), resp2);
    EXPECT_EQ(written(Protocol::resp3, write), resp3);
}

void expect_same(const std::function<void(ReplyWriter&)>& write, std::string_view expected) {
    expect_written(write, expected, expected);
}

TEST(ReplyWriter, WritesStatusAndIntegers) {
    expect_same([](ReplyWriter& w) { w.ok(); }, "+OK\r\n");
    expect_same([](ReplyWriter& w) { w.simple("QUEUED"); }, "+QUEUED\r\n");
    expect_same([](ReplyWriter& w) { w.integer(0); }, ":0\r\n");
    expect_same([](ReplyWriter& w) { w.integer(-12345); }, ":-12345\r\n");
    expect_same([](ReplyWriter& w) { w.integer(INT64_MIN); }, ":-9223372036854775808\r\n");
    expect_same([](ReplyWriter& w) { w.integer(INT64_MAX); }, ":9223372036854775807\r\n");
}

TEST(ReplyWriter, WritesBulkStrings) {
    expect_same([](ReplyWriter& w) { w.bulk("a\r\nb\0"s); }, "$5\r\na\r\nb\0\r\n"s);
    expect_same([](ReplyWriter& w) { w.bulk({}); }, "$0\r\n\r\n");
    expect_same([](ReplyWriter& w) { w.bulk_integer(-7); }, "$2\r\n-7\r\n");
    expect_same([](ReplyWriter& w) { w.bulk_integer(INT64_MIN); },
                "$20\r\n-9223372036854775808\r\n");
}

TEST(ReplyWriter, WritesBulkStringsOfEverySizeClass) {
    for (const size_t size : {1000, 1023, 1024, 1025, 16383, 16384, 100000}) {
        const std::string value(size, 'v');
        expect_same(
            [&](ReplyWriter& w) {
                w.bulk(value);
                w.ok();
            },
            "$" + std::to_string(size) + "\r\n" + value + "\r\n+OK\r\n");
    }
}

TEST(ReplyWriter, WritesFramesAcrossChunkBoundaries) {
    std::string expected;
    const std::string actual = written(Protocol::resp2, [&](ReplyWriter& w) {
        for (int64_t i = 0; i < 5000; ++i) {
            w.bulk_integer(i);
            w.integer(i);
            const std::string digits = std::to_string(i);
            expected +=
                "$" + std::to_string(digits.size()) + "\r\n" + digits + "\r\n:" + digits + "\r\n";
        }
    });
    EXPECT_EQ(actual, expected);
}

TEST(ReplyWriter, SendsLargeValuesByReference) {
    for (const size_t size : {ReplyWriter::kReferenceBytes - 1, ReplyWriter::kReferenceBytes}) {
        base::SharedBytesRef value =
            base::SharedBytesRef::adopt(base::SharedBytes::create(size, base::Purpose::other));
        std::memset(value->data(), 'r', size);
        value->set_size(size);
        base::ChunkPool pool;
        base::OutputBuffer out(pool);
        ReplyWriter writer(out, Protocol::resp2);
        writer.bulk_shared(value);
        EXPECT_EQ(value->is_sole_owner(), size < ReplyWriter::kReferenceBytes);
        EXPECT_EQ(take(out), "$" + std::to_string(size) + "\r\n" + std::string(size, 'r') + "\r\n");
        EXPECT_TRUE(value->is_sole_owner());
    }
}

TEST(ReplyWriter, AnErrorIsAlwaysOneLine) {
    expect_same([](ReplyWriter& w) { w.error("ERR syntax error"); }, "-ERR syntax error\r\n");
    expect_same([](ReplyWriter& w) { w.error("ERR a\r\nb\nc\r"); }, "-ERR a  b c\r\n");
    const std::string text = std::string(1023, 'x') + "\r\n" + std::string(40000, 'y');
    expect_same([&](ReplyWriter& w) { w.error(text); },
                "-" + std::string(1023, 'x') + "  " + std::string(40000, 'y') + "\r\n");
}

TEST(ReplyWriter, CountsErrorsAndKeepsTheCodeOfTheLast) {
    base::ChunkPool pool;
    base::OutputBuffer out(pool);
    ReplyWriter writer(out, Protocol::resp2);
    EXPECT_EQ(writer.errors(), 0U);
    EXPECT_EQ(writer.last_error_code(), "");
    writer.error("WRONGTYPE Operation");
    writer.ok();
    EXPECT_EQ(writer.errors(), 1U);
    EXPECT_EQ(writer.last_error_code(), "WRONGTYPE");
    writer.error("ERR");
    EXPECT_EQ(writer.last_error_code(), "ERR");
    writer.error("ABCDEFGHIJKLMNOPQRSTUVWXYZABC too long a code");
    EXPECT_EQ(writer.errors(), 3U);
    EXPECT_EQ(writer.last_error_code(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

TEST(ReplyWriter, WritesWhatOnlyResp3HasInResp2Form) {
    expect_written([](ReplyWriter& w) { w.null(); }, "$-1\r\n", "_\r\n");
    expect_written([](ReplyWriter& w) { w.null_array(); }, "*-1\r\n", "_\r\n");
    expect_written([](ReplyWriter& w) { w.boolean(true); }, ":1\r\n", "#t\r\n");
    expect_written([](ReplyWriter& w) { w.boolean(false); }, ":0\r\n", "#f\r\n");
    expect_written([](ReplyWriter& w) { w.verbatim("txt", "a b"); }, "$3\r\na b\r\n",
                   "=7\r\ntxt:a b\r\n");
    expect_written([](ReplyWriter& w) { w.big_number("-123"); }, "$4\r\n-123\r\n", "(-123\r\n");
    expect_written([](ReplyWriter& w) { w.real_text("3.5"); }, "$3\r\n3.5\r\n", ",3.5\r\n");
}

TEST(ReplyWriter, WritesHeadersOfAggregates) {
    expect_same([](ReplyWriter& w) { w.array(3); }, "*3\r\n");
    expect_written([](ReplyWriter& w) { w.map(3); }, "*6\r\n", "%3\r\n");
    expect_written([](ReplyWriter& w) { w.set(0); }, "*0\r\n", "~0\r\n");
    expect_written([](ReplyWriter& w) { w.push(12); }, "*12\r\n", ">12\r\n");
    EXPECT_EQ(written(Protocol::resp3, [](ReplyWriter& w) { w.attribute(1); }), "|1\r\n");
}

TEST(ReplyWriterDeath, AttributesHaveNoPlaceInResp2) {
    EXPECT_DEATH(written(Protocol::resp2, [](ReplyWriter& w) { w.attribute(1); }), "is_resp3");
}

TEST(ReplyWriter, WritesDoublesAsRedisDoes) {
    const std::pair<double, std::string> cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {3.1, "3.1"},
        {-1.5, "-1.5"},
        {1e17, "100000000000000000"},
        {1e20, "1e+20"},
        {1e-7, "1e-7"},
        {0.0001, "0.0001"},
        {1.0 / 3, "0.3333333333333333"},
        {std::numeric_limits<double>::infinity(), "inf"},
        {-std::numeric_limits<double>::infinity(), "-inf"},
        {std::numeric_limits<double>::quiet_NaN(), "nan"},
    };
    for (const auto& [value, text] : cases) {
        expect_written([real = value](ReplyWriter& w) { w.real(real); },
                       "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n",
                       "," + text + "\r\n");
    }
}

TEST(ReplyWriter, FollowsTheProtocolOfTheConnection) {
    EXPECT_EQ(written(Protocol::resp2,
                      [](ReplyWriter& w) {
                          w.null();
                          w.set_protocol(Protocol::resp3);
                          w.null();
                          w.raw("+RAW\r\n");
                      }),
              "$-1\r\n_\r\n+RAW\r\n");
}

}  // namespace
}  // namespace gyre::resp
