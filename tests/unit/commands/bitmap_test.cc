// SPDX-License-Identifier: BSD-3-Clause

// Bits of strings. Expected replies are those of redis-server 7.2.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

constexpr const char* kSyntax = "-ERR syntax error\r\n";
constexpr const char* kNotInteger = "-ERR value is not an integer or out of range\r\n";
constexpr const char* kBadOffset = "-ERR bit offset is not an integer or out of range\r\n";
constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

class BitmapTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    void make_list(std::string_view key) {
        run({"SET", key, "x"});
        const_cast<store::Entry*>(runner_.find(key))
            ->set_kind({store::Type::list, store::Encoding::raw});
    }

    CommandRunner runner_;
};

TEST_F(BitmapTest, SetbitGrowsAndAnswersWithTheOldBit) {
    EXPECT_EQ(run({"SETBIT", "k", "7", "1"}), ":0\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk("\x01"));
    EXPECT_EQ(run({"SETBIT", "k", "7", "0"}), ":1\r\n");
    EXPECT_EQ(run({"SETBIT", "k", "16", "0"}), ":0\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk(std::string(3, '\0')));
    EXPECT_EQ(run({"SETBIT", "far", "80000", "1"}), ":0\r\n");
    EXPECT_EQ(run({"STRLEN", "far"}), ":10001\r\n");
    EXPECT_EQ(run({"GETBIT", "far", "80000"}), ":1\r\n");
    EXPECT_EQ(run({"BITCOUNT", "far"}), ":1\r\n");
}

TEST_F(BitmapTest, SetbitWritesNumbersOutFirst) {
    run({"SET", "k", "1", "PX", "100"});
    EXPECT_EQ(run({"SETBIT", "k", "6", "1"}), ":0\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk("3"));
    EXPECT_EQ(runner_.find("k")->expire_ms(), runner_.now_ms() + 100);
    EXPECT_EQ(runner_.find("k")->encoding(), store::Encoding::raw);
}

TEST_F(BitmapTest, OffsetsMustLieWithinTheLongestString) {
    for (const char* offset : {"-1", "x", "", "4294967296", "9223372036854775807"}) {
        EXPECT_EQ(run({"SETBIT", "k", offset, "1"}), kBadOffset) << offset;
        EXPECT_EQ(run({"GETBIT", "k", offset}), kBadOffset) << offset;
    }
    EXPECT_EQ(run({"GETBIT", "k", "4294967295"}), ":0\r\n");
    runner_.dataset().settings.proto_max_bulk_len = 10;
    EXPECT_EQ(run({"SETBIT", "k", "80", "1"}), kBadOffset);
    EXPECT_EQ(runner_.find("k"), nullptr);
    EXPECT_EQ(run({"SETBIT", "k", "79", "1"}), ":0\r\n");
}

TEST_F(BitmapTest, SetbitTakesOnlyBits) {
    for (const char* bit : {"2", "-1", "x", ""}) {
        EXPECT_EQ(run({"SETBIT", "k", "0", bit}), "-ERR bit is not an integer or out of range\r\n");
    }
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(BitmapTest, OtherTypesAreRefused) {
    make_list("l");
    EXPECT_EQ(run({"SETBIT", "l", "0", "1"}), kWrongType);
    EXPECT_EQ(run({"GETBIT", "l", "0"}), kWrongType);
    EXPECT_EQ(run({"BITCOUNT", "l"}), kWrongType);
    EXPECT_EQ(run({"BITPOS", "l", "0"}), kWrongType);
    EXPECT_EQ(run({"BITOP", "AND", "x", "none", "l"}), kWrongType);
}

TEST_F(BitmapTest, GetbitReadsZeroBeyondTheEnd) {
    run({"SET", "n", "1"});  // 00110001
    EXPECT_EQ(run({"GETBIT", "n", "2"}), ":1\r\n");
    EXPECT_EQ(run({"GETBIT", "n", "4"}), ":0\r\n");
    EXPECT_EQ(run({"GETBIT", "n", "8"}), ":0\r\n");
    EXPECT_EQ(run({"GETBIT", "none", "0"}), ":0\r\n");
}

TEST_F(BitmapTest, BitcountTakesRangesOfBytesAndBits) {
    run({"SET", "k", "foobar"});
    const struct {
        std::vector<std::string> range;
        const char* reply;
    } cases[] = {
        {{}, ":26\r\n"},
        {{"0", "0"}, ":4\r\n"},
        {{"1", "1"}, ":6\r\n"},
        {{"1", "1", "byte"}, ":6\r\n"},
        {{"5", "30", "BIT"}, ":17\r\n"},
        {{"-1", "-1", "BIT"}, ":0\r\n"},
        {{"-2", "-1", "BIT"}, ":1\r\n"},
        {{"-2", "-1"}, ":7\r\n"},
        {{"0", "-100"}, ":4\r\n"},
        {{"-1", "-5"}, ":0\r\n"},
        {{"-10", "-20"}, ":0\r\n"},
        {{"-20", "-10"}, ":4\r\n"},
        {{"6", "100"}, ":0\r\n"},
        {{"-9223372036854775808", "9223372036854775807", "BIT"}, ":26\r\n"},
    };
    for (const auto& one : cases) {
        std::vector<std::string> words = {"BITCOUNT", "k"};
        words.insert(words.end(), one.range.begin(), one.range.end());
        EXPECT_EQ(runner_.run(words), one.reply) << testing::PrintToString(words);
    }
    EXPECT_EQ(run({"BITCOUNT", "none"}), ":0\r\n");
    EXPECT_EQ(run({"BITCOUNT", "none", "0", "1"}), ":0\r\n");
    run({"SET", "empty", ""});
    EXPECT_EQ(run({"BITCOUNT", "empty"}), ":0\r\n");
}

TEST_F(BitmapTest, ArgumentsAreCheckedBeforeTheKey) {
    EXPECT_EQ(run({"BITCOUNT", "none", "0"}), kSyntax);
    EXPECT_EQ(run({"BITCOUNT", "none", "0", "x"}), kNotInteger);
    EXPECT_EQ(run({"BITCOUNT", "none", "0", "1", "NIBBLE"}), kSyntax);
    EXPECT_EQ(run({"BITCOUNT", "none", "0", "1", "BIT", "x"}), kSyntax);
    EXPECT_EQ(run({"BITPOS", "none", "2"}), "-ERR The bit argument must be 1 or 0.\r\n");
    EXPECT_EQ(run({"BITPOS", "none", "x"}), kNotInteger);
    EXPECT_EQ(run({"BITPOS", "none", "0", "x", "1", "NIBBLE"}), kNotInteger);
    EXPECT_EQ(run({"BITPOS", "none", "0", "0", "x", "NIBBLE"}), kSyntax);
    EXPECT_EQ(run({"BITPOS", "none", "0", "0", "x"}), kNotInteger);
    EXPECT_EQ(run({"BITPOS", "none", "0", "0", "1", "BIT", "x"}), kSyntax);
}

TEST_F(BitmapTest, BitposFindsTheFirstOfEither) {
    run({"SET", "k", std::string("\xff\xf0\x00", 3)});
    EXPECT_EQ(run({"BITPOS", "k", "0"}), ":12\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "1", "2"}), ":-1\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "1", "1"}), ":8\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "0", "7", "15", "BIT"}), ":12\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "1", "-12", "-1", "bit"}), ":-1\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "1", "-13", "-1", "BIT"}), ":11\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "1", "-1", "-2"}), ":-1\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "1", "-10", "-20"}), ":0\r\n");  // unlike BITCOUNT
}

TEST_F(BitmapTest, BitposSeesZerosBehindTheEndUnlessAnEndIsGiven) {
    run({"SET", "k", std::string(20, '\xff')});
    EXPECT_EQ(run({"BITPOS", "k", "0"}), ":160\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "0", "5"}), ":160\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "0", "0", "-1"}), ":-1\r\n");
    EXPECT_EQ(run({"BITPOS", "k", "0", "30"}), ":-1\r\n");
    EXPECT_EQ(run({"BITPOS", "none", "0"}), ":0\r\n");
    EXPECT_EQ(run({"BITPOS", "none", "1"}), ":-1\r\n");
    run({"SET", "empty", ""});
    EXPECT_EQ(run({"BITPOS", "empty", "0"}), ":-1\r\n");
}

TEST_F(BitmapTest, BitopCombines) {
    run({"MSET", "a", std::string("\xf0\x0f\xff", 3), "b", std::string("\x3c\x3c", 2)});
    EXPECT_EQ(run({"BITOP", "AND", "d", "a", "b"}), ":3\r\n");
    EXPECT_EQ(run({"GET", "d"}), bulk(std::string("\x30\x0c\x00", 3)));
    EXPECT_EQ(run({"BITOP", "or", "d", "a", "b", "none"}), ":3\r\n");
    EXPECT_EQ(run({"GET", "d"}), bulk(std::string("\xfc\x3f\xff", 3)));
    EXPECT_EQ(run({"BITOP", "XOR", "d", "a", "b"}), ":3\r\n");
    EXPECT_EQ(run({"GET", "d"}), bulk(std::string("\xcc\x33\xff", 3)));
    EXPECT_EQ(run({"BITOP", "NOT", "d", "a"}), ":3\r\n");
    EXPECT_EQ(run({"GET", "d"}), bulk(std::string("\x0f\xf0\x00", 3)));
    EXPECT_EQ(run({"BITOP", "AND", "d", "a", "none"}), ":3\r\n");
    EXPECT_EQ(run({"GET", "d"}), bulk(std::string(3, '\0')));
}

TEST_F(BitmapTest, BitopMayWriteOverItsOperand) {
    run({"SET", "n", "12"});
    EXPECT_EQ(run({"BITOP", "XOR", "n", "n", "n"}), ":2\r\n");
    EXPECT_EQ(run({"GET", "n"}), bulk(std::string(2, '\0')));
    const std::string large(10'000, '\x0f');
    run({"SET", "k", large, "EX", "100"});
    EXPECT_EQ(run({"BITOP", "NOT", "k", "k"}), ":10000\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk(std::string(10'000, '\xf0')));
    EXPECT_EQ(runner_.find("k")->expire_ms(), store::kNoExpiry);
}

TEST_F(BitmapTest, BitopOfNothingDeletesTheTarget) {
    make_list("d");
    EXPECT_EQ(run({"BITOP", "AND", "d", "none"}), ":0\r\n");
    EXPECT_EQ(runner_.find("d"), nullptr);
}

TEST_F(BitmapTest, BitopRefusesWhatMakesNoSense) {
    run({"SET", "d", "x"});
    EXPECT_EQ(run({"BITOP", "NAND", "d", "a"}), kSyntax);
    EXPECT_EQ(run({"BITOP", "NOT", "d", "a", "b"}),
              "-ERR BITOP NOT must be called with a single source key.\r\n");
    EXPECT_EQ(run({"GET", "d"}), bulk("x"));
}

TEST_F(BitmapTest, MaxkeysCountsTheTargetOnly) {
    run({"SET", "a", "1"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    const std::string refusal =
        "-OOM command not allowed when the number of keys would exceed 'maxkeys'.\r\n";
    EXPECT_EQ(run({"BITOP", "OR", "d", "a", "none"}), refusal);
    EXPECT_EQ(run({"SETBIT", "d", "1", "1"}), refusal);
    EXPECT_EQ(run({"BITOP", "OR", "d", "none", "none2"}), ":0\r\n");
    EXPECT_EQ(run({"BITOP", "OR", "a", "a", "none"}), ":1\r\n");
}

}  // namespace
}  // namespace gyre::test
