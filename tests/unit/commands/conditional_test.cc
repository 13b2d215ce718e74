// SPDX-License-Identifier: BSD-3-Clause

// DELEX, DELIFEQ, DIGEST, MSETEX and INCREX, by the public descriptions of Redis 8 and Valkey 9.
// Chosen here where those say nothing:
//   a digest that is none is an error; MSETEX without a pair for each key is an arity error;
//   INCREX answers null when NX or XX is not met, and LBOUND above UBOUND is an error.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

constexpr const char* kSyntax = "-ERR syntax error\r\n";
constexpr const char* kNotInteger = "-ERR value is not an integer or out of range\r\n";
constexpr const char* kNotFloat = "-ERR value is not a valid float\r\n";
constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr const char* kOutOfKeys =
    "-OOM command not allowed when the number of keys would exceed 'maxkeys'.\r\n";
constexpr const char* kDigestOfA = "e6c632b61e964e1f";

class ConditionalTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    int64_t deadline(std::string_view key) { return runner_.find(key)->expire_ms(); }
    void make_list(std::string_view key) {
        run({"SET", key, "x"});
        const_cast<store::Entry*>(runner_.find(key))
            ->set_kind({store::Type::list, store::Encoding::raw});
    }
    static std::string pair(int64_t value, int64_t applied) {
        return "*2\r\n:" + std::to_string(value) + "\r\n:" + std::to_string(applied) + "\r\n";
    }

    CommandRunner runner_;
};

TEST_F(ConditionalTest, DelexWithoutAConditionDeletesAnything) {
    make_list("l");
    EXPECT_EQ(run({"DELEX", "l"}), ":1\r\n");
    EXPECT_EQ(run({"DELEX", "l"}), ":0\r\n");
}

TEST_F(ConditionalTest, DelexDeletesWhenTheConditionIsMet) {
    const struct {
        const char* word;
        const char* operand;
        bool deletes;
    } cases[] = {
        {"IFEQ", "a", true},          {"ifeq", "b", false},
        {"IFNE", "b", true},          {"IFNE", "a", false},
        {"IFDEQ", kDigestOfA, true},  {"IFDEQ", "0000000000000000", false},
        {"IFDNE", kDigestOfA, false}, {"IFDNE", "0000000000000000", true},
    };
    for (const auto& one : cases) {
        run({"SET", "k", "a"});
        EXPECT_EQ(run({"DELEX", "k", one.word, one.operand}), one.deletes ? ":1\r\n" : ":0\r\n");
        EXPECT_EQ(runner_.find("k") == nullptr, one.deletes) << one.word << one.operand;
        EXPECT_EQ(run({"DELEX", "none", one.word, one.operand}), ":0\r\n");
    }
}

TEST_F(ConditionalTest, DelexRefusesWhatMakesNoSense) {
    make_list("l");
    EXPECT_EQ(run({"DELEX", "l", "IFEQ", "x"}), kWrongType);
    EXPECT_EQ(run({"DELEX", "l", "IFEQ"}),
              "-ERR wrong number of arguments for 'delex' command\r\n");
    EXPECT_EQ(run({"DELEX", "l", "IFEQ", "a", "b"}),
              "-ERR wrong number of arguments for 'delex' command\r\n");
    EXPECT_EQ(run({"DELEX", "l", "NX", "a"}), kSyntax);
    EXPECT_EQ(run({"DELEX", "l", "IFDEQ", "a"}),
              "-ERR digest must be exactly 16 hexadecimal characters\r\n");
    EXPECT_NE(runner_.find("l"), nullptr);
}

TEST_F(ConditionalTest, DelifeqComparesTheValue) {
    run({"SET", "k", "17"});
    EXPECT_EQ(run({"DELIFEQ", "k", "017"}), ":0\r\n");
    EXPECT_EQ(run({"DELIFEQ", "k", "17"}), ":1\r\n");
    EXPECT_EQ(run({"DELIFEQ", "k", "17"}), ":0\r\n");
    make_list("l");
    EXPECT_EQ(run({"DELIFEQ", "l", "x"}), kWrongType);
}

TEST_F(ConditionalTest, DigestIsXxh3OfTheBytes) {
    run({"SET", "k", "a"});
    EXPECT_EQ(run({"DIGEST", "k"}), bulk(kDigestOfA));
    EXPECT_EQ(run({"DIGEST", "none"}), "$-1\r\n");
    run({"SET", "int", "12345"});
    run({"SETRANGE", "raw", "0", "12345"});
    EXPECT_EQ(run({"DIGEST", "int"}), run({"DIGEST", "raw"}));
    make_list("l");
    EXPECT_EQ(run({"DIGEST", "l"}), kWrongType);
}

TEST_F(ConditionalTest, MsetexSetsAllWithOneDeadline) {
    EXPECT_EQ(run({"MSETEX", "2", "a", "1", "b", "2", "EX", "10"}), ":1\r\n");
    EXPECT_EQ(run({"MGET", "a", "b"}), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    EXPECT_EQ(deadline("a"), runner_.now_ms() + 10'000);
    EXPECT_EQ(deadline("b"), runner_.now_ms() + 10'000);
    EXPECT_EQ(run({"MSETEX", "1", "a", "3", "KEEPTTL"}), ":1\r\n");
    EXPECT_EQ(deadline("a"), runner_.now_ms() + 10'000);
    EXPECT_EQ(run({"MSETEX", "1", "a", "3"}), ":1\r\n");
    EXPECT_EQ(deadline("a"), store::kNoExpiry);
    EXPECT_EQ(run({"MSETEX", "2", "a", "1", "b", "2", "PXAT", "1"}), ":1\r\n");
    EXPECT_EQ(runner_.find("a"), nullptr);
    EXPECT_EQ(runner_.find("b"), nullptr);
}

TEST_F(ConditionalTest, MsetexSetsAllOrNone) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"MSETEX", "2", "a", "9", "b", "9", "NX"}), ":0\r\n");
    EXPECT_EQ(run({"MSETEX", "2", "a", "9", "b", "9", "XX"}), ":0\r\n");
    EXPECT_EQ(runner_.find("b"), nullptr);
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    EXPECT_EQ(run({"MSETEX", "2", "b", "2", "b", "3", "PX", "50", "NX"}), ":1\r\n");
    EXPECT_EQ(run({"GET", "b"}), bulk("3"));
    EXPECT_EQ(run({"MSETEX", "2", "a", "4", "b", "4", "XX"}), ":1\r\n");
}

TEST_F(ConditionalTest, MsetexRefusesWhatMakesNoSense) {
    const std::string count = "-ERR numkeys should be greater than 0\r\n";
    const std::string arity = "-ERR wrong number of arguments for 'msetex' command\r\n";
    EXPECT_EQ(run({"MSETEX", "0", "a", "1"}), count);
    EXPECT_EQ(run({"MSETEX", "-1", "a", "1"}), count);
    EXPECT_EQ(run({"MSETEX", "x", "a", "1"}), count);
    EXPECT_EQ(run({"MSETEX", "9223372036854775807", "a", "1"}), count);
    EXPECT_EQ(run({"MSETEX", "2147483647", "a", "1"}), arity);
    EXPECT_EQ(run({"MSETEX", "2", "a", "1"}), arity);
    EXPECT_EQ(run({"MSETEX", "2", "a", "1", "b"}), arity);
    EXPECT_EQ(run({"MSETEX", "1", "a", "1", "b", "2"}), kSyntax);
    EXPECT_EQ(run({"MSETEX", "1", "a", "1", "NX", "XX"}), kSyntax);
    EXPECT_EQ(run({"MSETEX", "1", "a", "1", "EX", "1", "KEEPTTL"}), kSyntax);
    EXPECT_EQ(run({"MSETEX", "1", "a", "1", "EX", "0"}),
              "-ERR invalid expire time in 'msetex' command\r\n");
    EXPECT_EQ(runner_.find("a"), nullptr);
}

TEST_F(ConditionalTest, MsetexUnderMaxkeysAsksOnlyForWhatItCreates) {
    run({"SET", "a", "1"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    EXPECT_EQ(run({"MSETEX", "2", "a", "1", "b", "2"}), kOutOfKeys);
    EXPECT_EQ(run({"MSETEX", "2", "a", "1", "b", "2", "XX"}), ":0\r\n");
    EXPECT_EQ(run({"MSETEX", "2", "a", "1", "b", "2", "NX"}), ":0\r\n");
    EXPECT_EQ(run({"MSETEX", "1", "a", "2"}), ":1\r\n");
}

TEST_F(ConditionalTest, IncrexUnderMaxkeysAsksOnlyForAKeyItCreates) {
    run({"SET", "a", "1"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    EXPECT_EQ(run({"INCREX", "b"}), kOutOfKeys);
    EXPECT_EQ(run({"INCREX", "b", "BYFLOAT", "0.5"}), kOutOfKeys);
    EXPECT_EQ(run({"INCREX", "b", "BYINT", "5", "UBOUND", "4", "SATURATE"}), kOutOfKeys);
    EXPECT_EQ(run({"INCREX", "b", "BYINT", "5", "UBOUND", "4"}), pair(0, 0));
    EXPECT_EQ(run({"INCREX", "b", "LBOUND", "2"}), pair(0, 0));
    EXPECT_EQ(run({"INCREX", "b", "XX"}), "*-1\r\n");
    EXPECT_EQ(run({"INCREX", "b", "BYINT", "x"}), kNotInteger);
    EXPECT_EQ(run({"INCREX", "b", "BYFLOAT", "x"}), kNotFloat);
    EXPECT_EQ(run({"INCREX", "a", "BYINT", "5"}), pair(6, 5));
}

TEST_F(ConditionalTest, IncrexAddsAndTellsHowMuch) {
    EXPECT_EQ(run({"INCREX", "k"}), pair(1, 1));
    EXPECT_EQ(run({"INCREX", "k", "BYINT", "41"}), pair(42, 41));
    EXPECT_EQ(run({"INCREX", "k", "byint", "-2"}), pair(40, -2));
    EXPECT_EQ(run({"GET", "k"}), bulk("40"));
    EXPECT_EQ(runner_.find("k")->encoding(), store::Encoding::integer);
}

TEST_F(ConditionalTest, IncrexLeavesTheKeyAloneOutOfBounds) {
    EXPECT_EQ(run({"INCREX", "none", "BYINT", "5", "UBOUND", "4", "EX", "10"}), pair(0, 0));
    EXPECT_EQ(runner_.find("none"), nullptr);
    run({"SET", "k", "8"});
    EXPECT_EQ(run({"INCREX", "k", "UBOUND", "9", "EX", "10"}), pair(9, 1));
    runner_.advance_ms(1);
    EXPECT_EQ(run({"INCREX", "k", "UBOUND", "9", "EX", "10"}), pair(9, 0));
    EXPECT_EQ(run({"INCREX", "k", "BYINT", "-5", "LBOUND", "5", "PERSIST"}), pair(9, 0));
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 9999);
    run({"SET", "k", "9223372036854775807"});
    EXPECT_EQ(run({"INCREX", "k"}), pair(INT64_MAX, 0));
}

TEST_F(ConditionalTest, IncrexSaturates) {
    run({"SET", "k", "8"});
    EXPECT_EQ(run({"INCREX", "k", "BYINT", "5", "UBOUND", "10", "SATURATE"}), pair(10, 2));
    EXPECT_EQ(run({"INCREX", "k", "BYINT", "-50", "LBOUND", "-5", "SATURATE"}), pair(-5, -15));
    EXPECT_EQ(run({"INCREX", "k", "UBOUND", "-9", "SATURATE"}), pair(-9, -4));
    run({"SET", "k", "9223372036854775800"});
    EXPECT_EQ(run({"INCREX", "k", "BYINT", "100", "SATURATE"}), pair(INT64_MAX, 7));
    run({"SET", "k", "-9223372036854775800"});
    EXPECT_EQ(run({"INCREX", "k", "BYINT", "-100", "SATURATE"}), pair(INT64_MIN, -8));
    // What was added must be a number of 64 bits too.
    EXPECT_EQ(run({"INCREX", "k", "LBOUND", "1", "SATURATE"}), pair(INT64_MIN, 0));
    EXPECT_EQ(run({"INCREX", "none", "UBOUND", "0", "SATURATE"}), pair(0, 0));
    EXPECT_EQ(run({"GET", "none"}), bulk("0"));
}

TEST_F(ConditionalTest, IncrexKeepsSetsOrRemovesTheDeadline) {
    EXPECT_EQ(run({"INCREX", "k", "EX", "10"}), pair(1, 1));
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    run({"INCREX", "k"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    run({"INCREX", "k", "PX", "70", "ENX"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    run({"INCREX", "k", "PERSIST"});
    EXPECT_EQ(deadline("k"), store::kNoExpiry);
    run({"INCREX", "k", "ENX", "PX", "70"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 70);
    run({"INCREX", "fresh", "EXAT", "99999999999", "ENX"});
    EXPECT_EQ(deadline("fresh"), 99'999'999'999'000);
    EXPECT_EQ(run({"INCREX", "k", "PXAT", "1"}), pair(6, 1));
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(ConditionalTest, IncrexOfANewKeyTakesTheDefaultTtlUnlessToldNot) {
    runner_.dataset().settings.default_ttl_seconds = 5;
    run({"INCREX", "a"});
    EXPECT_EQ(deadline("a"), runner_.now_ms() + 5000);
    run({"INCREX", "b", "PERSIST"});
    EXPECT_EQ(deadline("b"), store::kNoExpiry);
}

TEST_F(ConditionalTest, IncrexByFloatAnswersWithRealNumbers) {
    EXPECT_EQ(run({"INCREX", "k", "BYFLOAT", "1.5"}), "*2\r\n" + bulk("1.5") + bulk("1.5"));
    EXPECT_EQ(run({"INCREX", "k", "BYFLOAT", "1", "UBOUND", "2.25"}),
              "*2\r\n" + bulk("1.5") + bulk("0"));
    EXPECT_EQ(run({"INCREX", "k", "UBOUND", "2.25", "BYFLOAT", "1", "SATURATE"}),
              "*2\r\n" + bulk("2.25") + bulk("0.75"));
    EXPECT_EQ(run({"GET", "k"}), bulk("2.25"));
    runner_.use_resp3();
    EXPECT_EQ(run({"INCREX", "k", "BYFLOAT", "-0.25"}), "*2\r\n,2\r\n,-0.25\r\n");
    EXPECT_EQ(run({"INCREX", "none", "BYFLOAT", "1", "LBOUND", "5"}), "*2\r\n,0\r\n,0\r\n");
    EXPECT_EQ(runner_.find("none"), nullptr);
}

TEST_F(ConditionalTest, IncrexKnowsNxAndXx) {
    EXPECT_EQ(run({"INCREX", "k", "XX"}), "*-1\r\n");
    EXPECT_EQ(runner_.find("k"), nullptr);
    EXPECT_EQ(run({"INCREX", "k", "NX"}), pair(1, 1));
    EXPECT_EQ(run({"INCREX", "k", "NX"}), "*-1\r\n");
    EXPECT_EQ(run({"INCREX", "k", "XX"}), pair(2, 1));
}

TEST_F(ConditionalTest, IncrexRefusesWordsTwice) {
    const std::vector<std::vector<std::string>> cases = {
        {"BYINT", "1", "BYINT", "1"},
        {"BYINT", "1", "BYFLOAT", "1"},
        {"LBOUND", "1", "LBOUND", "1"},
        {"UBOUND", "1", "UBOUND", "1"},
        {"SATURATE", "SATURATE"},
        {"EX", "1", "EX", "1"},
        {"EX", "1", "PERSIST"},
        {"EX", "1", "ENX", "ENX"},
        {"NX", "NX"},
        {"NX", "XX"},
        {"ENX"},
        {"PERSIST", "ENX"},
        {"KEEPTTL"},
        {"BYINT"},
        {"what"},
    };
    for (const auto& options : cases) {
        std::vector<std::string> words = {"INCREX", "k"};
        words.insert(words.end(), options.begin(), options.end());
        EXPECT_EQ(runner_.run(words), kSyntax) << testing::PrintToString(options);
    }
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(ConditionalTest, IncrexRefusesWhatIsNoNumber) {
    EXPECT_EQ(run({"INCREX", "k", "BYINT", "1.5"}), kNotInteger);
    EXPECT_EQ(run({"INCREX", "k", "LBOUND", "1.5"}), kNotInteger);
    EXPECT_EQ(run({"INCREX", "k", "BYFLOAT", "x"}), kNotFloat);
    EXPECT_EQ(run({"INCREX", "k", "BYFLOAT", "inf"}), kNotFloat);
    EXPECT_EQ(run({"INCREX", "k", "BYFLOAT", "1", "UBOUND", "x"}), kNotFloat);
    EXPECT_EQ(run({"INCREX", "k", "LBOUND", "2", "UBOUND", "1"}),
              "-ERR LBOUND is greater than UBOUND\r\n");
    EXPECT_EQ(run({"INCREX", "k", "EX", "0"}), "-ERR invalid expire time in 'increx' command\r\n");
    EXPECT_EQ(runner_.find("k"), nullptr);
    run({"SET", "k", "1.5"});
    EXPECT_EQ(run({"INCREX", "k"}), kNotInteger);
    run({"SET", "k", "x"});
    EXPECT_EQ(run({"INCREX", "k", "BYFLOAT", "1"}), kNotFloat);
    make_list("l");
    EXPECT_EQ(run({"INCREX", "l"}), kWrongType);
}

TEST_F(ConditionalTest, IncrexUnderMaxkeysCreatesNothingMore) {
    run({"SET", "a", "1"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    EXPECT_EQ(run({"INCREX", "b"}), kOutOfKeys);
    EXPECT_EQ(run({"INCREX", "b", "XX"}), "*-1\r\n");
    EXPECT_EQ(run({"INCREX", "b", "what"}), kSyntax);
    EXPECT_EQ(run({"INCREX", "a"}), pair(2, 1));
}

}  // namespace
}  // namespace gyre::test
