// SPDX-License-Identifier: BSD-3-Clause

// Goal: what dump_string() makes comes back, with the bytes that Redis 7.0 answers; nothing damaged
// gets through, and each damage has the kind that decides on the words of RESTORE.

#include "snapshot/dump.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/crc64.h"

namespace gyre::snapshot {
namespace {

using namespace std::string_literals;

std::string with_footer(std::string body, uint16_t version = 10) {
    body += static_cast<char>(version & 0xff);
    body += static_cast<char>(version >> 8);
    const uint64_t checksum = base::crc64(0, body);
    for (int shift = 0; shift < 64; shift += 8) body += static_cast<char>(checksum >> shift);
    return body;
}

/// The value, or "KIND message".
std::string restored(std::string_view payload, uint64_t string_bytes_max = kRdbStringBytesMax) {
    const auto value = restore_payload(payload, {.string_bytes_max = string_bytes_max});
    if (value) return std::string(value->value);
    static constexpr const char* kKinds[] = {"FOOTER ", "FORMAT ", "TYPE "};
    return kKinds[static_cast<size_t>(value.error().kind)] + value.error().message;
}

TEST(Dump, KnownPayloads) {
    // What redis-server 7.0.15 answers to DUMP.
    EXPECT_EQ(dump_string("10").joined(), "\x00\xc0\n\n\x00n\x9fWE\x0e\xae\x63\xbb"s);
    EXPECT_EQ(dump_string("hello").joined(), "\x00\x05hello\n\x00\x63r\xdfve4 \n"s);
    EXPECT_EQ(dump_string("").joined(), "\x00\x00\n\x00]\x9b\\@\x0f\x7f\xa2\xda"s);
    EXPECT_EQ(dump_string("70000").joined(),
              "\x00\xc2p\x11\x01\x00\n\x00\x01\xa4\x08\xfe\x95\x30\x95\xa5"s);
    EXPECT_EQ(dump_string(std::string(100, 'a')).joined(),
              "\x00\xc3\t@d\x01\x61\x61\xe0W\x00\x01\x61\x61\n\x00\xe8\xa3\xb5\x07\xb0m\xf2q"s);
    EXPECT_EQ(dump_string(std::string(25, 'x') + "0123456789").joined(),
              "\x00\xc3\x11#\x01xx\xe0\x0e\x00\t0123456789\n\x00\x66\x0b\xc2\xb1\x00\xb2\x64p"s);
    EXPECT_EQ(dump_string("x", {.version = 11}).joined(), with_footer("\x00\x01x"s, 11));
}

TEST(Dump, EveryFormComesBack) {
    std::vector<std::string> values = {"", "0", "-1", "127", "-129", "70000", "2147483648", "x"};
    for (size_t size = 18; size < 400; ++size) values.push_back(std::string(size, 'a'));
    values.push_back(std::string(100000, 'z'));
    values.push_back(std::string(3000000, 'z'));
    std::string all_bytes;
    for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
    values.push_back(all_bytes);
    for (const std::string& value : values) {
        for (const bool compress : {true, false}) {
            const DumpPayload payload = dump_string(value, {.strings = {.compress = compress}});
            EXPECT_EQ(payload.bytes(), payload.joined().size());
            EXPECT_EQ(restored(payload.joined()), value);
        }
    }
}

TEST(Dump, ALongValueIsBorrowedBothWays) {
    const std::string value(2000000, 'v');
    const DumpPayload payload = dump_string(value);
    EXPECT_EQ(payload.body.data(), value.data());
    EXPECT_LT(payload.head.size(), 10U);
    const std::string joined = payload.joined();
    const auto back = restore_payload(joined);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->value.data(), joined.data() + payload.head.size());
    EXPECT_EQ(back->unpacked.capacity(), 0U);
}

TEST(Dump, AMovedValueKeepsItsBytes) {
    for (const std::string& value : {"12345"s, std::string(1000, 'a')}) {
        const std::string joined = dump_string(value).joined();
        auto restored_value = restore_payload(joined);
        ASSERT_TRUE(restored_value);
        const RestoredValue moved = std::move(*restored_value);
        EXPECT_EQ(moved.value, value);
    }
}

TEST(Dump, VersionsOfLaterServersAreRestored) {
    for (int version = 0; version < 200; ++version) {
        const std::string payload = with_footer("\x00\x01x"s, static_cast<uint16_t>(version));
        if (version <= 12 || version == 80) {
            EXPECT_EQ(restored(payload), "x") << version;
        } else {
            EXPECT_EQ(restored(payload), "FOOTER payload: unknown RDB version " +
                                             std::to_string(version) +
                                             " at offset 3; up to 12 and 80 are read");
        }
    }
    EXPECT_TRUE(restored(with_footer("\x00\x01x"s, 0x0a00)).starts_with("FOOTER "));
}

TEST(Dump, EveryChangedByteIsSeen) {
    const std::string payload = dump_string(std::string(50, 'a') + "bcdefghijk").joined();
    for (size_t at = 0; at < payload.size(); ++at) {
        for (int change = 1; change < 256; ++change) {
            std::string damaged = payload;
            damaged[at] = static_cast<char>(damaged[at] ^ change);
            ASSERT_TRUE(restored(damaged).starts_with("FOOTER ")) << at;
        }
    }
}

TEST(Dump, EveryShorterPayloadIsRefused) {
    const std::string payload = dump_string("some value").joined();
    for (size_t size = 0; size < payload.size(); ++size) {
        ASSERT_TRUE(restored(payload.substr(0, size)).starts_with("FOOTER ")) << size;
    }
    // With a right checksum it is the value that is too short.
    const std::string body = "\x00\xc3\x09\x40\x64\x01zz\xe0\x57\x00\x01zz"s;
    EXPECT_EQ(restored(with_footer(body)), std::string(100, 'z'));
    for (size_t size = 0; size < body.size(); ++size) {
        ASSERT_EQ(restored(with_footer(body.substr(0, size))),
                  "FORMAT payload: the value ends too early at offset " + std::to_string(size) +
                      "; make it again with DUMP");
    }
}

TEST(Dump, BytesBehindTheValueAreIgnoredAsInRedis) {
    EXPECT_EQ(restored(with_footer("\x00\x01xyz"s)), "x");
}

TEST(Dump, OtherTypesHaveTheirNames) {
    EXPECT_EQ(restored(with_footer("\x07\x01"s)),
              "TYPE payload: a module (type 7) at offset 0; values of that type are not there");
    for (int type = 1; type < 256; ++type) {
        const std::string answer = restored(with_footer(std::string(1, static_cast<char>(type))));
        const ValueLimits limits;
        const auto number = static_cast<uint8_t>(type);
        const bool is_known = !rdb_type_name(number).empty() &&
                              make_value_reader(number, {.limits = &limits}) == nullptr;
        EXPECT_TRUE(answer.starts_with(is_known ? "TYPE " : "FORMAT ")) << type;
    }
}

TEST(Dump, LengthsThatCannotBeAreRefused) {
    const auto message = [](const std::string& body) { return restored(with_footer(body), 1000); };
    EXPECT_TRUE(message("\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"s)
                    .starts_with("FORMAT payload: a string claims 18446744073709551615 bytes"));
    EXPECT_TRUE(
        message("\x00\x80\x00\x00\x03\xe9"s).starts_with("FORMAT payload: a string claims 1001"));
    EXPECT_TRUE(
        message("\x00\x82"s).starts_with("FORMAT payload: a length begins with the byte 130"));
    EXPECT_TRUE(message("\x00\xc4"s).starts_with("FORMAT payload: unknown string encoding 4"));
    EXPECT_TRUE(message("\x00\xc3\xc0"s).starts_with("FORMAT payload: an encoded string stands"));
    EXPECT_TRUE(message("\x00\xc3\x01\x40\x59\x00"s)
                    .starts_with("FORMAT payload: a compressed string of 1 bytes claims"));
    EXPECT_TRUE(message("\x00\xc3\x02\x03\x00z"s)
                    .starts_with("FORMAT payload: a compressed string does not unpack to the 3"));
}

}  // namespace
}  // namespace gyre::snapshot
