// SPDX-License-Identifier: BSD-3-Clause

// Goal: collections of every type and form come back as they were, from files that come in chunks
// of any size and from payloads, whether they were written at once or in parts; what Redis wrote
// before listpacks is read; and no damage gets through or does harm. Method: random collections
// against the list of their elements, forms made by hand, and every cut and every byte changed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "rdb_bytes.h"
#include "samples.h"
#include "snapshot/dump.h"
#include "snapshot/record_encoder.h"
#include "support/seed.h"

namespace gyre::snapshot {
namespace {

using namespace std::string_literals;
using store::Encoding;
using store::Type;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using types::Hash;
using types::Intset;
using types::List;
using types::ListEnd;
using types::ListLimit;
using types::Listpack;
using types::Set;

std::string line_of(const Sample& sample) { return snapshot::line_of(sample.record()); }

std::string file_of(const Sample& sample, int version, bool compress) {
    CollectingSink sink;
    RdbWriter writer(sink, {.version = version, .strings = {.compress = compress}});
    writer.begin();
    writer.record({.key = "before", .value = "x"});
    writer.record(sample.record());
    writer.record({.database = 1, .key = "after", .value = "x"});
    writer.end();
    return sink.bytes;
}

TEST(Collections, FilesInChunksOfAnySize) {
    SCOPED_TRACE(seed_note());
    for (const Sample& sample : samples(test_seed())) {
        for (const int version : {10, 11}) {
            const std::string file = file_of(sample, version, version == 10);
            for (const size_t chunk : {size_t{1}, size_t{7}, size_t{4096}, file.size()}) {
                if (chunk == 1 && file.size() > 100000) continue;
                const ReadOutcome outcome = read_in_chunks(file, chunk);
                ASSERT_EQ(outcome.error, "");
                ASSERT_EQ(outcome.lines.size(), 6U);
                EXPECT_TRUE(outcome.lines[2] == line_of(sample));
            }
        }
    }
}

TEST(Collections, AKeyThatIsCompressedMayBeCutOff) {
    const std::string key(1000, 'k');
    CollectingSink sink;
    RdbWriter writer(sink, {.strings = {.compress = true}});
    writer.begin();
    for (const Sample& sample : samples(test_seed())) {
        Record record = sample.record();
        if (record.value.size() > 1000) continue;
        record.key = key;
        writer.record(record);
    }
    writer.end();
    const ReadOutcome whole = read_at_once(sink.bytes);
    ASSERT_EQ(whole.error, "");
    for (const size_t chunk : {1U, 3U, 20U}) {
        const ReadOutcome outcome = read_in_chunks(sink.bytes, chunk);
        EXPECT_EQ(outcome.error, "");
        EXPECT_TRUE(outcome.lines == whole.lines);
    }
}

TEST(Collections, PartsAreTheWhole) {
    SCOPED_TRACE(seed_note());
    for (const Sample& sample : samples(test_seed())) {
        Buffer whole;
        RecordEncoder at_once({});
        at_once.record(sample.record(), whole);
        for (const size_t budget : {1U, 100U, 5000U}) {
            RecordEncoder encoder({});
            Buffer parts;
            WriteProgress progress;
            size_t count = 1;
            while (!encoder.record_part(sample.record(), progress, budget, parts)) ++count;
            if (sample.object && sample.object->size() == 2000 && budget == 1) {
                EXPECT_GT(count, 50U);
            }
            // Deadlines are gathered otherwise; what they say is the same.
            const auto of_file = [](const Buffer& body) {
                return read_at_once(rdb_file(body.view())).lines.at(1);
            };
            EXPECT_TRUE(of_file(parts) == of_file(whole));
            EXPECT_TRUE(of_file(parts) == line_of(sample));
        }
    }
}

TEST(Collections, PayloadsComeBack) {
    SCOPED_TRACE(seed_note());
    for (const Sample& sample : samples(test_seed())) {
        for (const int version : {10, 11, 12}) {
            const bool keeps_times =
                version == 12 || (version == 11 && sample.kind.type == Type::stream);
            const std::string payload = payload_of(sample, version);
            const auto restored = restore_payload(payload);
            ASSERT_TRUE(restored) << restored.error().message;
            const Record back{
                .kind = restored->kind, .value = restored->value, .object = restored->object.get()};
            EXPECT_TRUE(test::elements_of(back, keeps_times) ==
                        test::elements_of(sample.record(), keeps_times));
        }
    }
}

TEST(Collections, ThePackedBytesAreCopied) {
    for (const Sample& sample : samples(1)) {
        if (sample.object) continue;
        const int version = 11;
        const std::string payload = payload_of(sample, version, false);
        EXPECT_THAT(payload, HasSubstr(sample.bytes));
        const auto restored = restore_payload(payload);
        ASSERT_TRUE(restored);
        EXPECT_EQ(restored->kind, sample.kind);
        EXPECT_EQ(restored->value, sample.bytes);
    }
}

TEST(Collections, TheFormFollowsTheLimits) {
    const auto encoding = [](const Sample& sample, const ValueLimits& limits, int version = 10) {
        const auto restored = restore_payload(payload_of(sample, version), {.limits = limits});
        return restored ? restored->kind.encoding : Encoding::raw;
    };
    const Sample numbers{{Type::set, Encoding::intset}, integers({1, 2, 3}), nullptr};
    EXPECT_EQ(encoding(numbers, {}), Encoding::intset);
    EXPECT_EQ(encoding(numbers, {.set_intset_entries = 2}), Encoding::hashtable);
    const Sample words{{Type::set, Encoding::listpack}, listpack_of({"1", "b", "c"}), nullptr};
    for (const int version : {10, 11}) {
        EXPECT_EQ(encoding(words, {}, version), Encoding::listpack);
        EXPECT_EQ(encoding(words, {.set_listpack_entries = 2}, version), Encoding::hashtable);
    }
    EXPECT_EQ(encoding(words, {.set_listpack_value = 0}), Encoding::hashtable);
    const Sample fields{
        {Type::hash, Encoding::listpack}, listpack_of({"a", "b", "c", "dd"}), nullptr};
    EXPECT_EQ(encoding(fields, {}), Encoding::listpack);
    EXPECT_EQ(encoding(fields, {.hash_listpack_entries = 1}), Encoding::hashtable);
    EXPECT_EQ(encoding(fields, {.hash_listpack_value = 1}), Encoding::hashtable);
    const Sample list{{Type::list, Encoding::listpack}, listpack_of({"a", "b", "c"}), nullptr};
    EXPECT_EQ(encoding(list, {}), Encoding::listpack);
    EXPECT_EQ(encoding(list, {.list = {.limit = ListLimit(2)}}), Encoding::quicklist);
    auto large = std::make_unique<List>(List::Options{ListLimit(1)});
    for (const char* const text : {"a", "b", "c"}) large->push(ListEnd::tail, text);
    const Sample nodes{{Type::list, Encoding::quicklist}, "", std::move(large)};
    EXPECT_EQ(encoding(nodes, {}), Encoding::quicklist);
}

/// Every form of element: a, 5, -128, 1234, 8388607, bc, 0.
const std::string kZiplist(
    "\x22\x00\x00\x00\x1f\x00\x00\x00\x07\x00"
    "\x00\x01"
    "a\x03\xf6\x02\xfe\x80\x03\xc0\xd2\x04\x04\xf0\xff\xff\x7f\x05\x02"
    "bc\x04\xf1\xff",
    34);

TEST(Collections, WhatRedisWroteBeforeListpacks) {
    const std::string& ziplist = kZiplist;
    EXPECT_EQ(restored_line(with_footer("\x0a" + as_string(ziplist))),
              "list[a][5][-128][1234][8388607][bc][0]");
    EXPECT_EQ(restored_line(with_footer("\x0e\x02" + as_string(ziplist) + as_string(ziplist))),
              "list[a][5][-128][1234][8388607][bc][0][a][5][-128][1234][8388607][bc][0]");
    EXPECT_EQ(restored_line(with_footer("\x01\x03\x01z\xc0\x05\x02yy"s)), "list[z][5][yy]");
    const std::string pair =
        "\x12\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01"
        "f"
        "\x03\x02"
        "vv"
        "\xff"s;
    EXPECT_EQ(restored_line(with_footer("\x0d" + as_string(pair))), "hash[f:vv]");
    const std::string zipmap =
        "\x02\x01"
        "f"
        "\x02\x00"
        "vv"
        "\x01"
        "g"
        "\x01\x02"
        "w__"
        "\xff"s;
    EXPECT_EQ(restored_line(with_footer("\x09" + as_string(zipmap))), "hash[f:vv][g:w]");
    const std::string wide =
        "\x01\xfe\x01\x00\x00\x00"
        "f"
        "\x01\x00"
        "v"
        "\xff"s;
    EXPECT_EQ(restored_line(with_footer("\x09" + as_string(wide))), "hash[f:v]");
}

TEST(Collections, DeadlinesOfFieldsInEveryForm) {
    const std::string at_1000 = little_endian(1000, 8);
    EXPECT_EQ(restored_line(with_footer("\x18" + at_1000 +
                                            "\x03\x01\x01"
                                            "a"
                                            "\x01"
                                            "1"
                                            "\x00\x01"
                                            "b\x01"
                                            "2"
                                            "\x0b\x01"
                                            "c"
                                            "\x01"
                                            "3"s,
                                        12)),
              "hash[a:1@1000][b:2][c:3@1010]");
    const std::string timed = listpack_of({"a", "1", "1000", "b", "2", "0"});
    EXPECT_EQ(restored_line(with_footer("\x19" + at_1000 + as_string(timed), 12)),
              "hash[a:1@1000][b:2]");
    EXPECT_EQ(restored_line(with_footer("\x17" + as_string(timed), 12)), "hash[a:1@1000][b:2]");
    EXPECT_EQ(restored_line(with_footer("\x16\x02\x43\xe8\x01"
                                        "a"
                                        "\x01"
                                        "1"
                                        "\x00\x01"
                                        "b"
                                        "\x01"
                                        "2"s,
                                        12)),
              "hash[a:1@1000][b:2]");
    const std::string of_valkey =
        "\x16\x02\x01"
        "a"
        "\x01"
        "1" +
        at_1000 +
        "\x01"
        "b"
        "\x01"
        "2" +
        std::string(8, '\xff');
    EXPECT_EQ(restored_line(with_footer(of_valkey, 80)), "hash[a:1@1000][b:2]");
    const std::string beyond = "\x18" + little_endian(1ULL << 48, 8) +
                               "\x01\x01\x01"
                               "a"
                               "\x01"
                               "1"s;
    EXPECT_THAT(restored_line(with_footer(beyond, 12)), HasSubstr("beyond all bounds"));
    const std::string sum = "\x18" + little_endian((1ULL << 48) - 3, 8) +
                            "\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                            "a"
                            "\x01"
                            "1"s;
    EXPECT_THAT(restored_line(with_footer(sum, 12)), HasSubstr("beyond all bounds"));
}

TEST(Collections, DeadlinesInFieldsOfTheFile) {
    const std::string aux = "\xfa\x14gyre-field-deadlines";
    const std::string hash =
        "\x04\x01k\x02\x01"
        "a"
        "\x01"
        "1"
        "\x01"
        "b"
        "\x01"
        "2"s;
    const std::string second = as_string("\x01"s + little_endian(1000, 8));
    const auto lines = [](const std::string& body) { return read_at_once(rdb_file(body)); };
    EXPECT_EQ(lines(aux + second + hash).lines[0], "0 k=hash[a:1][b:2@1000]");
    EXPECT_EQ(lines(aux + second + hash + hash).lines[1], "0 k=hash[a:1][b:2]");
    const std::string packed = "\x10\x01k" + as_string(listpack_of({"a", "1", "b", "2"}));
    EXPECT_EQ(lines(aux + second + packed).lines[0], "0 k=hash[a:1][b:2@1000]");
    const std::string third = as_string("\x02"s + little_endian(1000, 8));
    EXPECT_THAT(lines(aux + third + hash).error, HasSubstr("fields that the hash has not"));
    EXPECT_THAT(lines(aux + second + aux + second + hash).error, HasSubstr("make no sense"));
    EXPECT_THAT(lines(aux +
                      "\x03"
                      "abc" +
                      hash)
                    .error,
                HasSubstr("make no sense"));
    EXPECT_THAT(lines(aux + second + "\x00\x01k\x01v"s).error, HasSubstr("before a string"));
    EXPECT_THAT(lines(aux + second + "\x02\x01k\x01\x01v"s).error,
                HasSubstr("before what has none"));
}

TEST(Collections, EmptyOnesAreLeftOutOfFilesAndRefusedInPayloads) {
    const std::string empty_listpack = as_string(std::string(Listpack::kEmpty));
    const std::vector<std::string> values = {
        "\x01\x00"s,
        "\x02\x00"s,
        "\x03\x00"s,
        "\x04\x00"s,
        "\x05\x00"s,
        "\x0e\x00"s,
        "\x12\x00"s,
        "\x0b" + as_string(std::string(Intset::kEmpty)),
        "\x10" + empty_listpack,
        "\x11" + empty_listpack,
        "\x14" + empty_listpack,
        "\x12\x01\x02" + empty_listpack,
        "\x0a" + as_string("\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"s),
        "\x0c" + as_string("\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"s),
        "\x09" + as_string("\x00\xff"s),
    };
    for (const std::string& value : values) {
        EXPECT_THAT(restored_line(with_footer(value)), HasSubstr("without elements"))
            << static_cast<int>(value[0]);
        const ReadOutcome outcome =
            read_at_once(rdb_file("\xfc" + little_endian(1000, 8) + value[0] + "\x01k" +
                                  value.substr(1) + "\x00\x01k\x01v"s));
        EXPECT_EQ(outcome.error, "");
        EXPECT_EQ(outcome.lines.at(0), "0 k=v") << static_cast<int>(value[0]);
    }
}

TEST(Collections, NoElementTwice) {
    EXPECT_THAT(restored_line(with_footer("\x02\x02\x01"
                                          "a"
                                          "\x01"
                                          "a"s)),
                HasSubstr("the element \"a\" is there twice at offset 4"));
    EXPECT_THAT(restored_line(with_footer("\x02\x02\xc0\x05\x01"
                                          "5"s)),
                HasSubstr("there twice"));
    EXPECT_THAT(restored_line(with_footer("\x04\x02\x01"
                                          "a"
                                          "\x01"
                                          "x"
                                          "\x01"
                                          "a"
                                          "\x01"
                                          "y"s)),
                HasSubstr("there twice"));
    const std::string long_field = as_string(std::string(60, 'f'));
    for (const size_t limit : {10U, 100U}) {
        const RestoreOptions options{.limits = {.hash_listpack_value = limit}};
        EXPECT_THAT(
            restored_line(with_footer("\x04\x02" + long_field + "\x01x" + long_field + "\x01y"),
                          options),
            HasSubstr("there twice"));
    }
    const std::string twice = as_string(listpack_of({"a", "x", "a", "y"}));
    EXPECT_THAT(restored_line(with_footer("\x10" + twice)), HasSubstr("a hash makes no sense"));
    EXPECT_THAT(restored_line(with_footer("\x14" + twice)), HasSubstr("a set makes no sense"));
    // Values may be equal, and so may a field and a value.
    const std::string equal = as_string(listpack_of({"a", "x", "x", "a"}));
    EXPECT_EQ(restored_line(with_footer("\x10" + equal)), "hash[a:x][x:a]");
    // An odd number of elements is no hash.
    const std::string odd = as_string(listpack_of({"a", "x", "b"}));
    EXPECT_THAT(restored_line(with_footer("\x10" + odd)), HasSubstr("a hash makes no sense"));
}

TEST(Collections, EveryCutIsSeenAndNoChangedByteDoesHarm) {
    std::vector<std::string> bodies;
    for (const Sample& sample : samples(7)) {
        const std::string payload = payload_of(sample, 12);
        if (payload.size() < 3000) bodies.push_back(payload.substr(0, payload.size() - 10));
    }
    bodies.push_back("\x0a" + as_string(kZiplist));
    bodies.push_back("\x09" + as_string("\x02\x01"
                                        "f"
                                        "\x02\x00"
                                        "vv"
                                        "\x01"
                                        "g"
                                        "\x01\x02"
                                        "w__"
                                        "\xff"s));
    ASSERT_GT(bodies.size(), 8U);
    for (const std::string& body : bodies) {
        for (size_t size = 1; size < body.size(); ++size) {
            EXPECT_THAT(restored_line(with_footer(body.substr(0, size), 12)),
                        HasSubstr("the value ends too early"))
                << size << " of " << body.size();
        }
        for (size_t at = 1; at < body.size(); ++at) {
            for (const int change : {1, 2, 16, 128, 255}) {
                std::string damaged = body;
                damaged[at] = static_cast<char>(damaged[at] ^ change);
                EXPECT_THAT(restored_line(with_footer(damaged, 12)),
                            AnyOf(HasSubstr("["), StartsWith("payload: ")));
            }
        }
    }
}

TEST(Collections, AnUnknownNodeOfAListIsRefused) {
    EXPECT_THAT(restored_line(with_footer("\x12\x01\x03\x01"
                                          "a"s)),
                HasSubstr("unknown kind 3 of a list's node at offset 2"));
    EXPECT_EQ(restored_line(with_footer("\x12\x01\x01\x01"
                                        "a"s)),
              "list[a]");
}

}  // namespace
}  // namespace gyre::snapshot
