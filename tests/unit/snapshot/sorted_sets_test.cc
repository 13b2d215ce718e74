// SPDX-License-Identifier: BSD-3-Clause

// Goal: sorted sets of every type that Redis ever wrote are read, in the form that the limits ask
// for, and what is none is refused. Method: values made by hand. What every type of collection has
// in common (random ones there and back, cuts, damage) is in collections_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "samples.h"

namespace gyre::snapshot {
namespace {

using namespace std::string_literals;
using containers::RankedSet;
using store::Encoding;
using store::Type;
using ::testing::HasSubstr;
using types::SortedSet;

std::string score_bytes(double score) { return little_endian(std::bit_cast<uint64_t>(score), 8); }

Sample large(const std::vector<std::pair<std::string, double>>& members) {
    auto object = std::make_unique<SortedSet>();
    for (const auto& [member, score] : members) {
        object->set.insert(member, RankedSet::hash(member), score);
    }
    return {{Type::zset, Encoding::skiplist}, "", std::move(object)};
}

TEST(SortedSets, ALargeOneIsWrittenFromItsEnd) {
    const std::string payload = payload_of(large({{"a", 1}, {"b", 1}, {"c", -0.5}}), 10);
    const std::string expected =
        "\x05\x03\x01"
        "b" +
        score_bytes(1) + "\x01" + "a" + score_bytes(1) + "\x01" + "c" + score_bytes(-0.5);
    EXPECT_EQ(payload.substr(0, payload.size() - 10), expected);
}

TEST(SortedSets, ScoresInTextAndInAnyOrder) {
    const std::string body =
        "\x03\x06\x01"
        "e"
        "\xfe\x01"
        "a"
        "\xff\x01"
        "b"
        "\x02-1\x01"
        "c"
        "\x05"
        "0.125\x01"
        "d"
        "\x04"
        "1e10\xc0\x07\x01"
        "0"s;
    EXPECT_EQ(restored_line(with_footer(body)),
              "zset[a:-inf][b:-1][7:0][c:0.125][d:10000000000][e:inf]");
    for (const std::string& score : {"\xfd"s, "\x00"s, "\x03nan"s, "\x02x1"s, "\x02 1"s}) {
        EXPECT_THAT(restored_line(with_footer("\x03\x01\x01"
                                              "a" +
                                              score)),
                    HasSubstr("the score of a sorted set's member is no number at offset 2"))
            << testing::PrintToString(score);
    }
}

TEST(SortedSets, ScoresInBytes) {
    const auto body = [](double score) {
        return with_footer(
            "\x05\x02\x01"
            "b" +
            score_bytes(score) + "\x01" + "a" + score_bytes(2));
    };
    EXPECT_EQ(restored_line(body(0.5)), "zset[b:0.5][a:2]");
    EXPECT_EQ(restored_line(body(-0.0)), "zset[b:0][a:2]");
    EXPECT_EQ(restored_line(body(2)), "zset[a:2][b:2]");
    EXPECT_EQ(restored_line(body(std::numeric_limits<double>::infinity())), "zset[a:2][b:inf]");
    EXPECT_THAT(restored_line(body(std::numeric_limits<double>::quiet_NaN())),
                HasSubstr("is no number at offset 2"));
    EXPECT_THAT(restored_line(body(-std::numeric_limits<double>::signaling_NaN())),
                HasSubstr("is no number at offset 2"));
}

TEST(SortedSets, NoMemberTwice) {
    EXPECT_THAT(restored_line(with_footer("\x05\x02\x01"
                                          "a" +
                                          score_bytes(1) + "\x01" + "a" + score_bytes(2))),
                HasSubstr("the element \"a\" is there twice at offset 12"));
    EXPECT_THAT(restored_line(with_footer("\x03\x02\xc0\x05\x01"
                                          "1\x01"
                                          "5\x01"
                                          "2"s)),
                HasSubstr("the element \"5\" is there twice"));
    for (const size_t limit : {1U, 10U}) {
        const RestoreOptions options{.limits = {.zset_listpack_entries = limit}};
        const std::string twice = as_string(packed_sorted_set({{"a", 1}, {"a", 2}}));
        EXPECT_THAT(restored_line(with_footer("\x11" + twice), options),
                    HasSubstr("the packed form of a sorted set makes no sense at offset 1"));
    }
}

TEST(SortedSets, APackedOneThatIsNoneIsRefused) {
    const std::vector<std::string> packs = {
        listpack_of({"a"}),                               // no score
        listpack_of({"a", "1", "b"}),                     // none at the end
        listpack_of({"a", "x"}),                          // no number
        listpack_of({"a", "nan"}),                        //
        listpack_of({"a", "2", "b", "1"}),                // scores that fall
        listpack_of({"b", "1", "a", "1"}),                // members that fall
        listpack_of({"a", "-inf", "b", "", "c", "inf"}),  // an empty score
    };
    for (const std::string& pack : packs) {
        for (const size_t limit : {0U, 10U}) {
            const RestoreOptions options{.limits = {.zset_listpack_entries = limit}};
            EXPECT_THAT(restored_line(with_footer("\x11" + as_string(pack)), options),
                        HasSubstr("the packed form of a sorted set makes no sense at offset 1"))
                << pack;
        }
    }
}

/// a 1, bc 2.5
const std::string kZiplist(
    "\x19\x00\x00\x00\x13\x00\x00\x00\x04\x00\x00\x01"
    "a\x03\xf2\x02\x02"
    "bc\x04\x03"
    "2.5\xff",
    25);

TEST(SortedSets, AZiplist) {
    EXPECT_EQ(restored_line(with_footer("\x0c" + as_string(kZiplist))), "zset[a:1][bc:2.5]");
    std::string falling = kZiplist;
    falling[14] = '\xf4';  // a 3
    EXPECT_THAT(restored_line(with_footer("\x0c" + as_string(falling))),
                HasSubstr("the packed form of a sorted set makes no sense"));
    // One element more than pairs.
    const std::string odd(
        "\x0e\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x01"
        "a\xff",
        14);
    EXPECT_THAT(restored_line(with_footer("\x0c" + as_string(odd))),
                HasSubstr("the packed form of a sorted set makes no sense"));
}

TEST(SortedSets, TheFormFollowsTheLimits) {
    const auto encoding = [](const std::string& payload, const ValueLimits& limits) {
        const auto restored = restore_payload(payload, {.limits = limits});
        return restored ? restored->kind.encoding : Encoding::raw;
    };
    const std::string packed = payload_of({{Type::zset, Encoding::listpack},
                                           packed_sorted_set({{"a", 1}, {"long member", 2}}),
                                           nullptr},
                                          10);
    EXPECT_EQ(encoding(packed, {}), Encoding::listpack);
    EXPECT_EQ(encoding(packed, {.zset_listpack_entries = 1}), Encoding::skiplist);
    // Redis does not look into what lies packed already.
    EXPECT_EQ(encoding(packed, {.zset_listpack_value = 1}), Encoding::listpack);
    const std::string apart = payload_of(large({{"a", 1}, {"long member", 2}}), 10);
    const std::string old = with_footer("\x0c" + as_string(kZiplist));
    for (const std::string& payload : {apart, old}) {
        EXPECT_EQ(encoding(payload, {}), Encoding::listpack);
        EXPECT_EQ(encoding(payload, {.zset_listpack_entries = 1}), Encoding::skiplist);
        EXPECT_EQ(encoding(payload, {.zset_listpack_value = 1}), Encoding::skiplist);
    }
}

TEST(SortedSets, MembersThatFallTakeLittleMoreMemoryThanThoseThatRise) {
    std::vector<std::pair<std::string, double>> members;
    for (int i = 0; i < 20000; ++i) members.emplace_back("member " + std::to_string(i), i);
    const Sample sample = large(members);
    const auto restored = restore_payload(payload_of(sample, 10));
    ASSERT_TRUE(restored) << restored.error().message;
    static_cast<SortedSet&>(*restored->object).set.verify();
    const size_t least = sample.object->footprint();
    EXPECT_LE(restored->object->footprint(), least + least / 4);
}

}  // namespace
}  // namespace gyre::snapshot
