// SPDX-License-Identifier: BSD-3-Clause

// Goal: every byte of the files is the one that the format asks for. Method: bytes written down by
// hand; what Redis makes of such files is tested in the compat suite.

#include "snapshot/rdb_writer.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "unit/snapshot/rdb_bytes.h"

namespace gyre::snapshot {
namespace {

using namespace std::string_literals;

std::string body_of(const std::function<void(RdbWriter&)>& write, RdbWriterOptions options = {}) {
    CollectingSink sink;
    RdbWriter writer(sink, options);
    writer.begin();
    write(writer);
    writer.end();
    EXPECT_EQ(writer.bytes(), sink.bytes.size());
    const std::string footer = "\xff"s + std::string(8, 'c');
    EXPECT_GE(sink.bytes.size(), kRdbHeaderBytes + footer.size());
    return sink.bytes.substr(kRdbHeaderBytes, sink.bytes.size() - kRdbHeaderBytes - footer.size());
}

/// The bytes of a value: of a record without its database, type and key.
std::string value_bytes(std::string_view value, StringEncoderOptions strings = {}) {
    const std::string body =
        body_of([&](RdbWriter& writer) { writer.record(Record{.key = "k", .value = value}); },
                RdbWriterOptions{.strings = strings});
    const std::string before = "\xfe\x00\x00\x01k"s;
    EXPECT_EQ(body.substr(0, before.size()), before);
    return body.substr(before.size());
}

TEST(RdbWriter, AnEmptyFileHasHeaderEndMarkAndChecksum) {
    CollectingSink sink;
    RdbWriter writer(sink);
    writer.begin();
    writer.end();
    EXPECT_EQ(sink.bytes, rdb_file(""));
    EXPECT_EQ(sink.bytes.substr(0, 10), "REDIS0010\xff");
}

TEST(RdbWriter, WritesVersion11OnRequest) {
    CollectingSink sink;
    RdbWriter writer(sink, {.version = 11});
    writer.begin();
    writer.end();
    EXPECT_EQ(sink.bytes, rdb_file("", "REDIS0011"));
}

TEST(RdbWriter, WithoutChecksumEightZerosStandInItsPlace) {
    CollectingSink sink;
    RdbWriter writer(sink, {.has_checksum = false});
    writer.begin();
    writer.end();
    EXPECT_EQ(sink.bytes, "REDIS0010\xff" + std::string(8, '\0'));
}

TEST(RdbWriter, FieldsAndSizesStandBeforeTheKeys) {
    const std::string body = body_of([](RdbWriter& writer) {
        writer.aux("redis-ver", "7.2.4");
        writer.aux("redis-bits", "64");
        writer.select_database(3);
        writer.resize_database(70, 1);
        writer.record(Record{.database = 3, .key = "key", .value = "value"});
        writer.record(Record{.database = 300, .key = "", .value = ""});
    });
    EXPECT_EQ(body,
              "\xfa\x09redis-ver\x05"
              "7.2.4"
              "\xfa\x0aredis-bits\xc0\x40"
              "\xfe\x03\xfb\x40\x46\x01"
              "\x00\x03key\x05value"
              "\xfe\x41\x2c\x00\x00\x00"s);
}

TEST(RdbWriter, AttributesStandBeforeTheirKeyAndOnlyWhereGiven) {
    const std::string body = body_of([](RdbWriter& writer) {
        writer.record(Record{.key = "a",
                             .value = "b",
                             .expire_ms = 0x0102030405060708,
                             .timestamp_ms = 1700000000000,
                             .idle_seconds = 77,
                             .frequency = 255});
        writer.record(Record{.key = "c", .value = "d", .expire_ms = -5, .timestamp_ms = -1});
    });
    EXPECT_EQ(body,
              "\xfe\x00"
              "\xfa\x0egyre-timestamp\x0d"
              "1700000000000"
              "\xfc\x08\x07\x06\x05\x04\x03\x02\x01"
              "\xf8\x40\x4d\xf9\xff\x00\x01"
              "a\x01"
              "b"
              "\xfa\x0egyre-timestamp\xc0\xff"
              "\xfc\xfb\xff\xff\xff\xff\xff\xff\xff\x00\x01"
              "c\x01"
              "d"s);
}

TEST(RdbWriter, DecimalsOf32BitsAreWrittenAsIntegers) {
    EXPECT_EQ(value_bytes("0"), "\xc0\x00"s);
    EXPECT_EQ(value_bytes("127"), "\xc0\x7f"s);
    EXPECT_EQ(value_bytes("128"), "\xc1\x80\x00"s);
    EXPECT_EQ(value_bytes("-128"), "\xc0\x80"s);
    EXPECT_EQ(value_bytes("-129"), "\xc1\x7f\xff"s);
    EXPECT_EQ(value_bytes("32767"), "\xc1\xff\x7f"s);
    EXPECT_EQ(value_bytes("32768"), "\xc2\x00\x80\x00\x00"s);
    EXPECT_EQ(value_bytes("-32769"), "\xc2\xff\x7f\xff\xff"s);
    EXPECT_EQ(value_bytes("2147483647"), "\xc2\xff\xff\xff\x7f"s);
    EXPECT_EQ(value_bytes("-2147483648"), "\xc2\x00\x00\x00\x80"s);
}

TEST(RdbWriter, WhatIsNoCanonicalDecimalOf32BitsKeepsItsBytes) {
    for (const std::string text : {"2147483648", "-2147483649", "99999999999", "123456789012", "01",
                                   "-0", "+1", " 1", "1 ", "", "-", "1.5", "9223372036854775807"}) {
        EXPECT_EQ(value_bytes(text), static_cast<char>(text.size()) + text);
    }
}

TEST(RdbWriter, LengthsTakeOneTwoOrFiveBytes) {
    const StringEncoderOptions plain{.compress = false};
    EXPECT_EQ(value_bytes(std::string(63, 'x'), plain).substr(0, 2), "\x3fx");
    EXPECT_EQ(value_bytes(std::string(64, 'x'), plain).substr(0, 3), "\x40\x40x");
    EXPECT_EQ(value_bytes(std::string(16383, 'x'), plain).substr(0, 3), "\x7f\xffx");
    EXPECT_EQ(value_bytes(std::string(16384, 'x'), plain).substr(0, 6), "\x80\x00\x00\x40\x00x"s);
    char out[kRdbLengthBytesMax];
    EXPECT_EQ(std::string(out, write_rdb_length(out, 0xffffffff)), "\x80\xff\xff\xff\xff");
    EXPECT_EQ(std::string(out, write_rdb_length(out, 0x102030405)),
              "\x81\x00\x00\x00\x01\x02\x03\x04\x05"s);
}

TEST(RdbWriter, CompressesFrom21BytesOnWhereThatIsShorter) {
    EXPECT_EQ(value_bytes(std::string(20, 'a')), "\x14" + std::string(20, 'a'));
    const std::string packed = value_bytes(std::string(21, 'a'));
    EXPECT_EQ(packed[0], '\xc3');
    EXPECT_EQ(static_cast<size_t>(packed[1]), packed.size() - 3);
    EXPECT_EQ(packed[2], 21);
    const std::string mixed = "abcdefghijklmnopqrstuvwxyz0123456789";
    EXPECT_EQ(value_bytes(mixed), static_cast<char>(mixed.size()) + mixed);
    EXPECT_EQ(value_bytes(std::string(21, 'a'), {.compress = false}),
              "\x15" + std::string(21, 'a'));
}

TEST(RdbWriter, AStringBeyondTheLimitOfCompressionIsPlain) {
    const StringEncoderOptions limited{.compressed_bytes_max = 100};
    EXPECT_EQ(value_bytes(std::string(100, 'a'), limited)[0], '\xc3');
    EXPECT_EQ(value_bytes(std::string(101, 'a'), limited), "\x40\x65" + std::string(101, 'a'));
}

TEST(RdbWriter, KeysAreEncodedLikeValues) {
    const std::string body = body_of([](RdbWriter& writer) {
        writer.record(Record{.key = "12", .value = "x"});
        writer.record(Record{.key = std::string(30, 'k'), .value = "x"});
    });
    EXPECT_EQ(body.substr(0, 8), "\xfe\x00\x00\xc0\x0c\x01x\x00"s);
    EXPECT_EQ(body[8], '\xc3');
}

TEST(RdbWriter, ALongValueIsNotCopied) {
    const std::string value(StringEncoderOptions().compressed_bytes_max + 1, 'v');
    CollectingSink sink;
    RdbWriter writer(sink);
    writer.begin();
    writer.record(Record{.key = "k", .value = value});
    const char* next = value.data();
    for (const std::string_view piece : sink.pieces) {
        if (piece.data() == next) next += piece.size();
    }
    EXPECT_EQ(next, value.data() + value.size());
}

TEST(RdbWriter, AValueInPartsIsTheSameFile) {
    std::string value;
    for (int i = 0; i < 50000; ++i) value += std::to_string(i) + ",";
    const auto in_one = body_of(
        [&](RdbWriter& writer) {
            writer.record(Record{.key = "k", .value = value, .expire_ms = 9});
        },
        {.strings = {.compress = false}});
    for (const size_t part : {size_t{1}, size_t{1000}, kPieceBytesMax, value.size()}) {
        const auto in_parts = body_of([&](RdbWriter& writer) {
            writer.begin_value(Record{.key = "k", .expire_ms = 9}, value.size());
            for (size_t at = 0; at < value.size(); at += part) {
                writer.value_part(std::string_view(value).substr(at, part));
            }
        });
        EXPECT_EQ(in_parts, in_one) << part;
    }
    const auto empty = body_of([](RdbWriter& writer) {
        writer.begin_value(Record{.key = "k"}, 0);
        writer.record(Record{.key = "l", .value = "m"});
    });
    EXPECT_EQ(empty, "\xfe\x00\x00\x01k\x00\x00\x01l\x01m"s);
}

TEST(RdbWriter, TheChecksumDoesNotDependOnWhereThePiecesEnd) {
    CollectingSink sink;
    RdbWriter writer(sink);
    writer.begin();
    for (int i = 0; i < 20000; ++i) {
        const std::string key = "key:" + std::to_string(i);
        writer.record(Record{.key = key, .value = key});
        if (i % 777 == 0) writer.flush();
    }
    writer.end();
    const std::string covered = sink.bytes.substr(0, sink.bytes.size() - 8);
    EXPECT_EQ(sink.bytes.substr(covered.size()), little_endian(base::crc64(0, covered), 8));
    EXPECT_GT(sink.pieces.size(), 26U);
}

TEST(RdbWriterDeathTest, CallsOutOfOrderAreOurMistake) {
    CollectingSink sink;
    RdbWriter writer(sink);
    EXPECT_DEATH(writer.record(Record{.key = "k"}), "State::body");
    writer.begin();
    EXPECT_DEATH(writer.begin(), "State::new_file");
    EXPECT_DEATH(writer.aux(kTimestampField, "1"), "kTimestampField");
    writer.begin_value(Record{.key = "k"}, 3);
    EXPECT_DEATH(writer.end(), "State::body");
    EXPECT_DEATH(writer.value_part("four"), "value_bytes_left_");
}

}  // namespace
}  // namespace gyre::snapshot
