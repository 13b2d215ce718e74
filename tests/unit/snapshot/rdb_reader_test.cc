// SPDX-License-Identifier: BSD-3-Clause

// Goal: a file is read alike however it is cut; nothing that is damaged or unknown goes unseen, and
// what it says names the offset. Method: files put together by hand and by the writer, every cut,
// every first byte, every changed byte.

#include "snapshot/rdb_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/memory.h"
#include "unit/snapshot/rdb_bytes.h"

namespace gyre::snapshot {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A file with everything that is read, made by the writer.
std::string rich_file(RdbWriterOptions options = {}) {
    CollectingSink sink;
    RdbWriter writer(sink, options);
    writer.begin();
    writer.aux("redis-ver", "7.0.15");
    writer.aux("ctime", "1700000000");
    writer.select_database(0);
    writer.resize_database(4, 1);
    writer.record(Record{.key = "plain", .value = "some bytes", .expire_ms = 1800000000123});
    writer.record(Record{.key = "12", .value = "-70000", .timestamp_ms = 1700000000456});
    const std::string repeated(300, 'r');
    writer.record(Record{.key = repeated, .value = repeated, .idle_seconds = 100000});
    writer.record(Record{.key = "", .value = "", .frequency = 7});
    writer.record(Record{.database = 15, .key = "long", .value = std::string(20000, 'l')});
    writer.end();
    return sink.bytes;
}

std::vector<std::string> rich_lines(const std::string& last) {
    const std::string repeated(300, 'r');
    return {"aux redis-ver=7.0.15",
            "aux ctime=1700000000",
            "select 0",
            "resize 4 1",
            "0 plain=some bytes at 1800000000123",
            "0 12=-70000 timestamp 1700000000456",
            "0 " + repeated + "=" + repeated + " idle 100000",
            "0 = frequency 7",
            "select 15",
            "15 long=" + std::string(20000, 'l'),
            last};
}

std::string error_of(std::string_view file) { return read_at_once(file).error; }

/// The error of a file with this body.
std::string body_error(std::string_view body) { return error_of(rdb_file(body)); }

TEST(RdbReader, ReadsWhatTheWriterWrites) {
    for (const bool compress : {true, false}) {
        for (const bool has_checksum : {true, false}) {
            const std::string file =
                rich_file({.has_checksum = has_checksum, .strings = {.compress = compress}});
            const ReadOutcome outcome = read_at_once(file);
            EXPECT_EQ(outcome.error, "");
            EXPECT_EQ(outcome.consumed, file.size());
            EXPECT_EQ(outcome.lines, rich_lines("end 10 bytes " + std::to_string(file.size()) +
                                                " records 5" + (has_checksum ? " verified" : "")));
        }
    }
}

TEST(RdbReader, ChunksOfEverySizeGiveTheSame) {
    for (const bool compress : {true, false}) {
        const std::string file = rich_file({.strings = {.compress = compress}});
        const ReadOutcome expected = read_at_once(file);
        const size_t every = compress ? 1 : 97;
        for (size_t size = 1; size <= file.size(); size += every) {
            ASSERT_EQ(read_in_chunks(file, size), expected) << size;
        }
    }
}

TEST(RdbReader, TwoChunksCutAnywhereGiveTheSame) {
    const std::string file = rich_file();
    const ReadOutcome expected = read_at_once(file);
    for (size_t cut = 0; cut <= file.size(); ++cut) {
        CollectingHandler handler;
        RdbReader reader(handler);
        ASSERT_TRUE(reader.feed(std::string_view(file).substr(0, cut)));
        ASSERT_TRUE(reader.feed(std::string_view(file).substr(cut)));
        ASSERT_TRUE(reader.finish());
        ASSERT_EQ(handler.lines, expected.lines) << cut;
    }
}

TEST(RdbReader, TruncationAtEveryByteIsToldAtTheEnd) {
    const std::string file = rich_file();
    for (size_t size = 0; size < file.size(); ++size) {
        const ReadOutcome outcome = read_in_chunks(file.substr(0, size), 1 + size % 50);
        ASSERT_THAT(outcome.error,
                    StartsWith("RDB file: ends at offset " + std::to_string(size) + " within "));
        ASSERT_THAT(outcome.error, HasSubstr("truncated"));
    }
    EXPECT_EQ(error_of(""),
              "RDB file: ends at offset 0 within the header that begins at offset 0; the file is "
              "truncated, restore it from a copy");
    EXPECT_THAT(error_of("REDIS0010\x00\x01kx"s),
                HasSubstr("within a key that begins at offset 9;"));
    EXPECT_THAT(error_of("REDIS0010\xfa\x01k"),
                HasSubstr("within a field that begins at offset 9;"));
    EXPECT_THAT(error_of("REDIS0010\xff"),
                HasSubstr("within the checksum that begins at offset 10;"));
    EXPECT_THAT(error_of("REDIS0010"), HasSubstr("before the end mark"));
}

TEST(RdbReader, EveryChangedByteIsSeen) {
    const std::string file = rich_file();
    for (size_t at = 0; at < file.size(); ++at) {
        for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
            std::string damaged = file;
            damaged[at] = static_cast<char>(damaged[at] ^ change);
            const ReadOutcome outcome = read_at_once(damaged);
            // A version without a checksum, or an end mark with eight zeros behind: the file seems
            // to end earlier, which the caller sees.
            ASSERT_TRUE(!outcome.error.empty() || outcome.consumed < damaged.size())
                << at << " ^ " << change;
        }
    }
}

TEST(RdbReader, AChangedChecksumIsAnErrorUnlessNobodyAsks) {
    std::string file = rdb_file("\x00\x01k\x01v"s);
    file.back() = static_cast<char>(file.back() ^ 1);
    const ReadOutcome outcome = read_in_chunks(file, 1);
    EXPECT_THAT(outcome.error, StartsWith("RDB file: checksum "));
    EXPECT_THAT(outcome.error, HasSubstr("found at offset 15; the file is damaged"));
    EXPECT_THAT(outcome.lines, ElementsAre("0 k=v"));
    EXPECT_EQ(read_in_chunks(file, 7, {.verifies_checksum = false}).error, "");
}

TEST(RdbReader, OldVersionsHaveNoChecksum) {
    for (int version = 1; version < 5; ++version) {
        const std::string file =
            "REDIS000" + std::to_string(version) + "\xfe\x01\x00\x01k\x01v\xff"s;
        for (const size_t size : {size_t{1}, size_t{4}, file.size()}) {
            const ReadOutcome outcome = read_in_chunks(file, size);
            EXPECT_EQ(outcome.error, "");
            EXPECT_THAT(outcome.lines, ElementsAre("select 1", "1 k=v",
                                                   "end " + std::to_string(version) + " bytes " +
                                                       std::to_string(file.size()) + " records 1"));
        }
    }
}

TEST(RdbReader, KnownVersionsAreRead) {
    for (int version = 0; version < 200; ++version) {
        std::string number = std::to_string(version);
        number.insert(0, 4 - number.size(), '0');
        const std::string error = error_of(rdb_file("", "REDIS" + number));
        if ((version >= 1 && version <= 12) || version == 80) {
            EXPECT_EQ(error, "") << version;
        } else {
            EXPECT_EQ(error, "RDB file: version " + std::to_string(version) +
                                 " is unknown in the header at offset 0; 1 to 12 and Valkey's 80 "
                                 "are read: save with an older server");
        }
    }
    EXPECT_EQ(error_of(rdb_file("\x00\x01k\x01v"s, "VALKEY080")), "");
    EXPECT_THAT(error_of(rdb_file("", "VALKEY011")), HasSubstr("version 11 is unknown"));
}

TEST(RdbReader, WhatIsNoRdbFileIsRefusedByItsFirstBytes) {
    EXPECT_THAT(
        error_of("*2\r\n$6\r\nSELECT\r\n"),
        StartsWith(R"(RDB file: no RDB file: the first bytes are "*2\r\n$6\r\nS" at offset 0;)"));
    EXPECT_THAT(error_of("REDIS00x0"), HasSubstr("the version is no number in the header"));
    EXPECT_THAT(error_of("VALKEY-80"), HasSubstr("the version is no number in the header"));
}

TEST(RdbReader, EveryFormOfLengthIsRead) {
    EXPECT_THAT(read_at_once(rdb_file("\xfb\x3f\x7f\xff"s)).lines[0], "resize 63 16383");
    EXPECT_THAT(
        read_at_once(rdb_file("\xfb\x80\xff\xff\xff\xff\x81\x01\x02\x03\x04\x05\x06\x07\x08"s))
            .lines[0],
        "resize 4294967295 72623859790382856");
    // Longer than need be, as nobody writes it.
    EXPECT_THAT(read_at_once(rdb_file("\x00\x40\x01k\x80\x00\x00\x00\x01v"s)).lines[0], "0 k=v");
    EXPECT_THAT(
        body_error("\xfe\xc0\x01"),
        "RDB file: an encoded string stands where a length should at offset 10; the file is "
        "damaged, restore it from a copy");
    for (int first = 0x82; first < 0xc0; ++first) {
        EXPECT_THAT(body_error("\xfe"s + static_cast<char>(first)),
                    HasSubstr("a length begins with the byte " + std::to_string(first) +
                              ", which means nothing at offset 10;"));
    }
}

TEST(RdbReader, DeadlinesInSecondsAndMilliseconds) {
    const auto line = [](const std::string& body) {
        return read_at_once(rdb_file(body + "\x00\x01k\x01v"s)).lines[0];
    };
    EXPECT_EQ(line("\xfd\x00\xe4\x0b\x54"s), "0 k=v at 1410065408000");
    EXPECT_EQ(line("\xfd\xff\xff\xff\xff"s), "0 k=v at -1000");
    EXPECT_EQ(line("\xfc\x01\x00\x00\x00\x00\x00\x00\x80"s), "0 k=v at -9223372036854775807");
    // -1 is "none", as in Redis.
    EXPECT_EQ(line("\xfc\xff\xff\xff\xff\xff\xff\xff\xff"s), "0 k=v");
    EXPECT_EQ(line("\xf8\x81\x00\x00\x01\x00\x00\x00\x00\x00"s), "0 k=v idle 4294967295");
    EXPECT_EQ(line("\xf9\x05\xf8\x09\xfd\x01\x00\x00\x00"s), "0 k=v at 1000 idle 9 frequency 5");
}

TEST(RdbReader, AttributesBelongToOneKey) {
    const std::string key = "\x00\x01k\x01v"s;
    EXPECT_THAT(read_at_once(rdb_file("\xf9\x05" + key + key)).lines,
                ElementsAre("0 k=v frequency 5", "0 k=v", "end 10 bytes 30 records 2 verified"));
}

TEST(RdbReader, ATimestampIsPartOfTheNextRecord) {
    const std::string key = "\x00\x01k\x01v"s;
    const std::string field = "\xfa\x0egyre-timestamp";
    EXPECT_THAT(read_at_once(rdb_file(field + "\xc0\x07" + key + key)).lines,
                ElementsAre("0 k=v timestamp 7", "0 k=v", ::testing::_));
    EXPECT_THAT(body_error(field + "\x01x" + key),
                HasSubstr(R"(the timestamp "x" is no number at offset 9;)"));
}

TEST(RdbReader, InformationAboutSlotsIsSkipped) {
    EXPECT_THAT(read_at_once(rdb_file("\xf4\x7f\xff\x05\x01\x00\x01k\x01v"s, "REDIS0012")).lines[0],
                "0 k=v");
}

TEST(RdbReader, TypesThatAreNotThereAreRefusedByName) {
    EXPECT_EQ(
        body_error("\xfe\x02\x07\x03key\x01"),
        "RDB file: the key \"key\" of database 2 is a module (type 7) at offset 11; values of "
        "that type are not there: delete such keys where the file was made, and save again");
    const std::vector<std::string> names = {
        "",     "list",   "set", "zset",   "hash", "zset", "module", "module", "",
        "hash", "list",   "set", "zset",   "hash", "list", "stream", "hash",   "zset",
        "list", "stream", "set", "stream", "hash", "hash", "hash",   "hash"};
    for (int type = 1; type < kRdbOpcodeFirst; ++type) {
        const ValueLimits limits;
        if (make_value_reader(static_cast<uint8_t>(type), {.limits = &limits})) continue;
        const std::string error = body_error(static_cast<char>(type) + "\x03key"s);
        const bool is_known =
            static_cast<size_t>(type) < names.size() && !names[static_cast<size_t>(type)].empty();
        if (is_known) {
            EXPECT_THAT(error, HasSubstr("is a " + names[static_cast<size_t>(type)] + " (type " +
                                         std::to_string(type) + ") at offset 9;"));
        } else {
            EXPECT_THAT(error, HasSubstr("unknown type " + std::to_string(type) +
                                         " of a value at offset 9;"));
        }
    }
}

TEST(RdbReader, ALongKeyIsShownInPart) {
    const std::string error = body_error("\x07\x40\xc8" + std::string(200, '\n'));
    EXPECT_LT(error.size(), 400U);
    EXPECT_EQ(error.find('\n'), std::string::npos);
    EXPECT_THAT(error, HasSubstr("\\n\"... of database 0"));
}

TEST(RdbReader, EveryOpcodeIsReadOrRefused) {
    for (int opcode = kRdbOpcodeFirst; opcode < 256; ++opcode) {
        // Long enough for the fields of any of them, and of zeros, so that a file may end.
        const std::string error =
            error_of("REDIS0010"s + static_cast<char>(opcode) + std::string(8, '\0'));
        switch (opcode) {
            case 243:
                EXPECT_THAT(error, HasSubstr("unknown opcode 243 at offset 9;"));
                break;
            case 245:
                EXPECT_THAT(error, HasSubstr("a library of functions at offset 9,"));
                break;
            case 246:
                EXPECT_THAT(error, HasSubstr("a function in the form of a release candidate"));
                break;
            case 247:
                EXPECT_THAT(error, HasSubstr("the data of a module begins with the part 0"));
                break;
            case 255:
                EXPECT_EQ(error, "");
                break;
            default:
                EXPECT_THAT(error, HasSubstr("truncated")) << opcode;
        }
    }
}

TEST(RdbReader, LibrariesOfFunctionsAreRefusedUnlessTheHandlerTakesThem) {
    const std::string file = rdb_file("\xf5\x05#!lua\x00\x01k\x01v"s);
    EXPECT_THAT(read_at_once(file).error, HasSubstr("FUNCTION FLUSH"));
    const ReadOutcome lenient = read_in_chunks(file, 3, {}, true);
    EXPECT_EQ(lenient.error, "");
    EXPECT_THAT(lenient.lines, ElementsAre("function #!lua", "0 k=v", ::testing::_));
}

TEST(RdbReader, DataOfModulesIsRefusedUnlessTheHandlerSkipsIt) {
    // The name is nine characters of six bits, then ten bits of version: "AAAAAAAAB", 1.
    const std::string file = rdb_file(
        "\xf7\x44\x01\x02\x02\x01\x07\x02\x08\x03"
        "1234\x04"
        "12345678\x05\x03"
        "abc\x00\x00\x01k\x01v"s);
    EXPECT_THAT(read_at_once(file).error,
                StartsWith(R"(RDB file: data of the module "AAAAAAAAB" at offset 9,)"));
    const ReadOutcome lenient = read_in_chunks(file, 1, {}, true);
    EXPECT_EQ(lenient.error, "");
    EXPECT_THAT(lenient.lines, ElementsAre("module AAAAAAAAB", "0 k=v", ::testing::_));
    const ReadOutcome unknown = read_in_chunks(rdb_file("\xf7\x44\x01\x02\x02\x06"), 1, {}, true);
    EXPECT_THAT(unknown.error, HasSubstr("unknown part 6 in the data of a module at offset 14;"));
    const ReadOutcome cut = read_in_chunks("REDIS0010\xf7\x44\x01\x02\x02", 1, {}, true);
    EXPECT_THAT(cut.error, HasSubstr("within the data of a module that begins at offset 14;"));
}

TEST(RdbReader, LengthsThatCannotBeAreRefusedBeforeTheirBytesCome) {
    const int64_t before = base::used(base::Purpose::snapshot);
    EXPECT_THAT(body_error("\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"s),
                HasSubstr("a string claims 18446744073709551615 bytes, 536870912 are allowed at "
                          "offset 10;"));
    EXPECT_THAT(body_error("\x00\x01k\x80\x20\x00\x00\x01"s),
                HasSubstr("a string claims 536870913 bytes"));
    EXPECT_THAT(
        body_error("\x00\x01k\xc3\x01\x80\x20\x00\x00\x01"s),
        HasSubstr("a compressed string claims 536870913 bytes in 1, 536870912 are allowed"));
    EXPECT_THAT(body_error("\x00\x01k\xc3\x81\x20\x00\x00\x01\x00\x00\x00\x00\x05"s),
                HasSubstr("a compressed string claims 5 bytes in 2305843013508661248"));
    EXPECT_THAT(body_error("\x00\x01k\xc4"s), HasSubstr("unknown string encoding 4 at offset 12;"));
    EXPECT_EQ(base::used(base::Purpose::snapshot), before);
}

TEST(RdbReader, AClaimOfALongStringReservesNothing) {
    CollectingHandler handler;
    RdbReader reader(handler);
    const int64_t before = base::used(base::Purpose::snapshot);
    ASSERT_TRUE(reader.feed("REDIS0010\x00\x01k\x80\x20\x00\x00\x00"s));
    ASSERT_TRUE(reader.feed(std::string(1000, 'x')));
    EXPECT_LT(base::used(base::Purpose::snapshot) - before, 10000);
    EXPECT_FALSE(reader.finish());
}

TEST(RdbReader, CompressionThatLiesIsAnError) {
    const auto value = [](const std::string& encoded) {
        return body_error("\x00\x01k"s + encoded);
    };
    // One literal byte 'z', then a reference to it for the other 99.
    EXPECT_EQ(value("\xc3\x09\x40\x64\x01zz\xe0\x57\x00\x01zz"s), "");
    EXPECT_THAT(
        value("\xc3\x09\x40\x63\x01zz\xe0\x57\x00\x01zz"s),
        HasSubstr("a compressed string does not unpack to the 99 bytes it claims at offset 12;"));
    EXPECT_THAT(value("\xc3\x09\x40\x65\x01zz\xe0\x57\x00\x01zz"s), HasSubstr("the 101 bytes"));
    // A reference to before the beginning.
    EXPECT_THAT(value("\xc3\x03\x05\x00z\x20\x09"s), HasSubstr("the 5 bytes"));
    EXPECT_THAT(value("\xc3\x02\x40\xb1zz"s),
                HasSubstr("a compressed string of 2 bytes claims to unpack to 177"));
    EXPECT_THAT(value("\xc3\x00\x00"s), HasSubstr("of 0 bytes claims to unpack to 0"));
}

TEST(RdbReader, LimitsAreTheCallers) {
    const std::string file = rdb_file("\x00\x01k\x03vvv"s);
    EXPECT_EQ(read_in_chunks(file, 1, {.string_bytes_max = 3}).error, "");
    EXPECT_THAT(read_in_chunks(file, 1, {.string_bytes_max = 2}).error,
                HasSubstr("a string claims 3 bytes, 2 are allowed at offset 12;"));
}

TEST(RdbReader, WhatFollowsTheFileIsLeftToTheCaller) {
    const std::string file = rdb_file("\x00\x01k\x01v"s);
    for (size_t size = 1; size < file.size() + 10; ++size) {
        const ReadOutcome outcome = read_in_chunks(file + "*1\r\n$4\r\nPING\r\n", size);
        ASSERT_EQ(outcome.error, "");
        ASSERT_EQ(outcome.consumed, file.size());
    }
    CollectingHandler handler;
    RdbReader reader(handler);
    EXPECT_EQ(*reader.feed(file), file.size());
    EXPECT_TRUE(reader.is_done());
    EXPECT_EQ(*reader.feed("more"), 0U);
    EXPECT_TRUE(reader.finish());
}

TEST(RdbReader, TheFirstErrorStays) {
    CollectingHandler handler;
    RdbReader reader(handler);
    const Result<size_t> first = reader.feed("REDIS0010\x08");
    ASSERT_FALSE(first);
    const Result<size_t> second = reader.feed("\xff");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, first.error().message);
    EXPECT_EQ(reader.finish().error().message, first.error().message);
}

/// Refuses at one place.
class RefusingHandler : public RdbHandler {
public:
    explicit RefusingHandler(std::string where) : where_(std::move(where)) {}
    Result<void> aux(std::string_view, std::string_view) override { return answer("aux"); }
    Result<void> select_database(size_t) override { return answer("select"); }
    Result<void> resize_database(uint64_t, uint64_t) override { return answer("resize"); }
    Result<void> record(const Record&) override { return answer("record"); }
    Result<void> end(const RdbSummary&) override { return answer("end"); }

private:
    Result<void> answer(std::string_view place) const {
        if (place != where_) return {};
        return fail("refused: " + where_, 7);
    }
    std::string where_;
};

TEST(RdbReader, AnErrorOfTheHandlerIsPassedOnAsItIs) {
    const std::string file = rdb_file("\xfa\x01x\x01y\xfe\x00\xfb\x01\x00\x00\x01k\x01v"s);
    for (const char* const where : {"aux", "select", "resize", "record", "end"}) {
        RefusingHandler handler(where);
        RdbReader reader(handler);
        const Result<size_t> fed = reader.feed(file);
        ASSERT_FALSE(fed) << where;
        EXPECT_EQ(fed.error().message, "refused: "s + where);
        EXPECT_EQ(fed.error().code, 7);
        EXPECT_FALSE(reader.finish());
    }
}

/// Asks where the views lie.
class AddressHandler : public RdbHandler {
public:
    Result<void> record(const Record& record) override {
        keys.push_back(record.key.data());
        values.push_back(record.value.data());
        return {};
    }
    std::vector<const char*> keys;
    std::vector<const char*> values;
};

TEST(RdbReader, StringsAreViewsIntoTheChunk) {
    const std::string file = rdb_file("\x00\x01k\x02vw\x00\x01l\x02xy\x00\x01m\x02zz"s);
    AddressHandler handler;
    RdbReader reader(handler);
    ASSERT_TRUE(reader.feed(file));
    EXPECT_THAT(handler.values, ElementsAre(&file[13], &file[19], &file[25]));
    EXPECT_EQ(handler.keys[0], &file[11]);
    // A cut costs the copy of one item; the next one is read in place.
    AddressHandler cut;
    RdbReader cut_reader(cut);
    ASSERT_TRUE(cut_reader.feed(std::string_view(file).substr(0, 14)));
    ASSERT_TRUE(cut_reader.feed(std::string_view(file).substr(14)));
    EXPECT_NE(cut.values[0], &file[13]);
    EXPECT_EQ(cut.values[1], &file[19]);
}

TEST(RdbReader, MemoryOfALongStringIsGivenBack) {
    CollectingSink sink;
    RdbWriter writer(sink, {.strings = {.compressed_bytes_max = size_t{16} << 20}});
    writer.begin();
    writer.record(Record{.key = "compressed", .value = std::string(4 << 20, 'x')});
    writer.begin_value(Record{.key = "plain"}, 4 << 20);
    writer.value_part(std::string(4 << 20, 'y'));
    writer.record(Record{.key = "k", .value = "v"});
    writer.end();
    const int64_t before = base::used(base::Purpose::snapshot);
    CollectingHandler handler;
    RdbReader reader(handler);
    for (size_t at = 0; at < sink.bytes.size(); at += 50000) {
        ASSERT_TRUE(reader.feed(std::string_view(sink.bytes).substr(at, 50000)));
    }
    ASSERT_TRUE(reader.finish());
    EXPECT_EQ(handler.lines.size(), 5U);
    EXPECT_LE(base::used(base::Purpose::snapshot) - before,
              static_cast<int64_t>(3 * Buffer::kKeptBytesMax));
}

}  // namespace
}  // namespace gyre::snapshot
