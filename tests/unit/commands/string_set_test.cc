// SPDX-License-Identifier: BSD-3-Clause

// Setting whole strings. Expected replies of SET without TIMESTAMP and without the conditions that
// compare are those of redis-server 7.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

constexpr const char* kOk = "+OK\r\n";
constexpr const char* kNull = "$-1\r\n";
constexpr const char* kSyntax = "-ERR syntax error\r\n";
constexpr const char* kNotInteger = "-ERR value is not an integer or out of range\r\n";
constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr const char* kOutOfKeys =
    "-OOM command not allowed when the number of keys would exceed 'maxkeys'.\r\n";

class SetTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    std::string value(std::string_view key) { return run({"GET", key}); }
    int64_t deadline(std::string_view key) { return runner_.find(key)->expire_ms(); }
    int64_t timestamp(std::string_view key) { return runner_.find(key)->timestamp_ms(); }
    /// Unix milliseconds so far from now, as text.
    std::string moment(int64_t offset_ms) { return std::to_string(runner_.now_ms() + offset_ms); }
    void make_list(std::string_view key) {
        run({"SET", key, "x"});
        const_cast<store::Entry*>(runner_.find(key))
            ->set_kind({store::Type::list, store::Encoding::raw});
    }

    CommandRunner runner_;
};

TEST_F(SetTest, ReplacesWhateverTheKeyHeld) {
    make_list("k");
    EXPECT_EQ(run({"SET", "k", "v"}), kOk);
    EXPECT_EQ(value("k"), bulk("v"));
}

TEST_F(SetTest, ForgetsTheDeadlineUnlessToldToKeepIt) {
    run({"SET", "k", "v", "EX", "10"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    run({"SET", "k", "w", "keepttl"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    run({"SET", "k", "w"});
    EXPECT_EQ(deadline("k"), store::kNoExpiry);
}

TEST_F(SetTest, TakesEveryFormOfDeadline) {
    run({"SET", "k", "v", "PX", "10"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10);
    run({"SET", "k", "v", "EXAT", "99999999999"});
    EXPECT_EQ(deadline("k"), 99'999'999'999'000);
    run({"SET", "k", "v", "PXAT", "99999999999999"});
    EXPECT_EQ(deadline("k"), 99'999'999'999'999);
    run({"SET", "k", "v", "PXAT", "9223372036854775807"});
    EXPECT_EQ(deadline("k"), INT64_MAX - 1);
    EXPECT_EQ(run({"SET", "k", "v", "EX", "1", "EX", "5"}), kOk);
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 5000);
}

TEST_F(SetTest, ADeadlineInThePastDeletes) {
    run({"SET", "k", "v"});
    EXPECT_EQ(run({"SET", "k", "w", "PXAT", moment(-1)}), kOk);
    EXPECT_EQ(runner_.find("k"), nullptr);
    EXPECT_EQ(run({"SET", "k", "w", "EXAT", "1"}), kOk);
    EXPECT_EQ(runner_.find("k"), nullptr);
    // A key is there until the clock has passed its deadline.
    EXPECT_EQ(run({"SET", "k", "w", "PXAT", moment(0)}), kOk);
    EXPECT_EQ(value("k"), bulk("w"));
    runner_.advance_ms(1);
    EXPECT_EQ(value("k"), kNull);
}

TEST_F(SetTest, RefusesTimesThatAreNone) {
    const std::string refusal = "-ERR invalid expire time in 'set' command\r\n";
    EXPECT_EQ(run({"SET", "k", "v", "EX", "0"}), refusal);
    EXPECT_EQ(run({"SET", "k", "v", "PX", "-1"}), refusal);
    EXPECT_EQ(run({"SET", "k", "v", "EX", "9223372036854775807"}), refusal);
    EXPECT_EQ(run({"SET", "k", "v", "EX", "9223372036854775"}), refusal);
    EXPECT_EQ(run({"SET", "k", "v", "PX", "9223372036854775807"}), refusal);
    EXPECT_EQ(run({"SET", "k", "v", "EX", "x"}), kNotInteger);
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(SetTest, RefusesContradictions) {
    EXPECT_EQ(run({"SET", "k", "v", "NX", "XX"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "EX", "1", "PX", "1"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "KEEPTTL", "EX", "1"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "PERSIST"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "EX"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "IFEQ"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "IFEQ", "a", "IFNE", "b"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "NX", "IFEQ", "b"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "IFEQ", "b", "XX"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "what"}), kSyntax);
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(SetTest, NxAndXxLookAtTheKey) {
    EXPECT_EQ(run({"SET", "k", "1", "XX"}), kNull);
    EXPECT_EQ(run({"SET", "k", "1", "nx"}), kOk);
    EXPECT_EQ(run({"SET", "k", "2", "NX"}), kNull);
    EXPECT_EQ(value("k"), bulk("1"));
    EXPECT_EQ(run({"SET", "k", "3", "xx"}), kOk);
    EXPECT_EQ(value("k"), bulk("3"));
}

TEST_F(SetTest, GetAnswersWithTheOldValue) {
    EXPECT_EQ(run({"SET", "k", "1", "GET"}), kNull);
    EXPECT_EQ(run({"SET", "k", "2", "GET"}), bulk("1"));
    EXPECT_EQ(run({"SET", "k", "3", "NX", "GET"}), bulk("2"));
    EXPECT_EQ(value("k"), bulk("2"));
    EXPECT_EQ(run({"SET", "none", "3", "XX", "GET"}), kNull);
    EXPECT_EQ(run({"SET", "fresh", "3", "NX", "GET"}), kNull);
    EXPECT_EQ(value("fresh"), bulk("3"));
    const std::string large(40'000, 'x');
    run({"SET", "k", large});
    EXPECT_EQ(run({"SET", "k", "small", "GET"}), bulk(large));
    make_list("l");
    EXPECT_EQ(run({"SET", "l", "v", "GET"}), kWrongType);
    EXPECT_EQ(run({"SET", "l", "v", "NX", "GET"}), kWrongType);
}

TEST_F(SetTest, IfeqAndIfneCompareTheValue) {
    EXPECT_EQ(run({"SET", "k", "1", "IFEQ", "0"}), kNull);
    EXPECT_EQ(runner_.find("k"), nullptr);
    EXPECT_EQ(run({"SET", "k", "1", "IFNE", "0"}), kOk);  // a missing key differs from any value
    EXPECT_EQ(run({"SET", "k", "2", "IFNE", "1"}), kNull);
    EXPECT_EQ(run({"SET", "k", "2", "IFEQ", "1"}), kOk);
    EXPECT_EQ(run({"SET", "k", "3", "IFEQ", "02"}), kNull);
    EXPECT_EQ(run({"SET", "k", "3", "ifeq", "x", "GET"}), bulk("2"));
    EXPECT_EQ(value("k"), bulk("2"));
    EXPECT_EQ(run({"SET", "k", "3", "IFEQ", "2", "GET", "EX", "5"}), bulk("2"));
    EXPECT_EQ(value("k"), bulk("3"));
    make_list("l");
    EXPECT_EQ(run({"SET", "l", "v", "IFEQ", "x"}), kWrongType);
    EXPECT_EQ(run({"SET", "l", "v", "IFDNE", "0000000000000000"}), kWrongType);
}

TEST_F(SetTest, IfdeqAndIfdneCompareTheDigest) {
    const char* other = "0000000000000000";
    const char* digest_of_a = "E6C632B61E964E1F";
    EXPECT_EQ(run({"SET", "k", "a", "IFDEQ", digest_of_a}), kNull);
    EXPECT_EQ(run({"SET", "k", "a", "IFDNE", digest_of_a}), kOk);
    EXPECT_EQ(run({"SET", "k", "b", "IFDEQ", other}), kNull);
    EXPECT_EQ(run({"SET", "k", "b", "IFDNE", digest_of_a}), kNull);
    EXPECT_EQ(run({"SET", "k", "b", "IFDEQ", digest_of_a}), kOk);
    EXPECT_EQ(run({"SET", "k", "c", "IFDNE", other}), kOk);
    EXPECT_EQ(run({"SET", "k", "d", "IFDEQ", "abc"}),
              "-ERR digest must be exactly 16 hexadecimal characters\r\n");
    EXPECT_EQ(value("k"), bulk("c"));
}

TEST_F(SetTest, ATimestampOrdersWrites) {
    EXPECT_EQ(run({"SET", "k", "5", "TIMESTAMP", "5000"}), kOk);
    EXPECT_EQ(timestamp("k"), 5000);
    EXPECT_EQ(run({"SET", "k", "4", "TIMESTAMP", "4999"}), kNull);
    EXPECT_EQ(run({"SET", "k", "5b", "TIMESTAMP", "5000"}), kNull);
    EXPECT_EQ(run({"SET", "k", "4", "TIMESTAMP", "4000", "GET"}), bulk("5"));
    EXPECT_EQ(value("k"), bulk("5"));
    EXPECT_EQ(run({"SET", "k", "6", "GET", "timestamp", "5001"}), bulk("5"));
    EXPECT_EQ(value("k"), bulk("6"));
    EXPECT_EQ(timestamp("k"), 5001);
}

TEST_F(SetTest, AKeyWithoutATimestampIsOlderThanAny) {
    run({"SET", "k", "1"});
    EXPECT_EQ(timestamp("k"), store::kNoTimestamp);
    EXPECT_EQ(run({"SET", "k", "2", "TIMESTAMP", "0"}), kOk);
    EXPECT_EQ(timestamp("k"), 0);
    EXPECT_EQ(run({"SET", "k", "3", "TIMESTAMP", "0"}), kNull);
}

TEST_F(SetTest, AWriteWithoutATimestampAppliesAndCountsFromItsOwnTime) {
    run({"SET", "k", "1", "TIMESTAMP", "5000"});
    EXPECT_EQ(run({"SET", "k", "2"}), kOk);
    EXPECT_EQ(timestamp("k"), runner_.now_ms());
    EXPECT_EQ(run({"SET", "k", "3", "TIMESTAMP", moment(0)}), kNull);
    EXPECT_EQ(run({"SET", "k", "3", "TIMESTAMP", moment(1)}), kOk);
    EXPECT_EQ(run({"APPEND", "k", "4"}), ":2\r\n");
    EXPECT_EQ(timestamp("k"), runner_.now_ms() + 1);  // a later one recorded is not lowered
    EXPECT_EQ(run({"SET", "k", "5", "TIMESTAMP", moment(1)}), kNull);
}

TEST_F(SetTest, ATimestampIsWhereRelativeDeadlinesBegin) {
    EXPECT_EQ(run({"SET", "k", "v", "TIMESTAMP", moment(-4000), "EX", "10"}), kOk);
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 6000);
    EXPECT_EQ(run({"SET", "k", "v", "PX", "10", "TIMESTAMP", moment(5)}), kOk);
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 15);
    EXPECT_EQ(run({"SET", "k", "v", "PXAT", moment(77), "TIMESTAMP", moment(6)}), kOk);
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 77);
    EXPECT_EQ(run({"SET", "k", "w", "PX", "10", "TIMESTAMP", "9223372036854775807"}),
              "-ERR invalid expire time in 'set' command\r\n");
}

TEST_F(SetTest, AStampedWriteThatIsOverDeletes) {
    run({"SET", "k", "1"});
    EXPECT_EQ(run({"SET", "k", "2", "TIMESTAMP", moment(-5000), "EX", "3"}), kOk);
    EXPECT_EQ(runner_.find("k"), nullptr);
    run({"SET", "k", "1", "TIMESTAMP", moment(0)});
    EXPECT_EQ(run({"SET", "k", "2", "TIMESTAMP", moment(-5000), "EX", "3"}), kNull);
    EXPECT_EQ(value("k"), bulk("1"));
}

TEST_F(SetTest, ConditionsMustHoldBesideTheTimestamp) {
    run({"SET", "k", "1", "TIMESTAMP", "5000"});
    EXPECT_EQ(run({"SET", "k", "2", "NX", "TIMESTAMP", "6000"}), kNull);
    EXPECT_EQ(run({"SET", "k", "2", "IFEQ", "x", "TIMESTAMP", "6000"}), kNull);
    EXPECT_EQ(run({"SET", "k", "2", "IFEQ", "1", "TIMESTAMP", "5000"}), kNull);
    EXPECT_EQ(timestamp("k"), 5000);
    EXPECT_EQ(run({"SET", "k", "2", "IFEQ", "1", "TIMESTAMP", "6000"}), kOk);
    EXPECT_EQ(run({"SET", "none", "2", "XX", "TIMESTAMP", "6000"}), kNull);
    EXPECT_EQ(runner_.find("none"), nullptr);
}

TEST_F(SetTest, ATimestampIsANonNegativeInteger) {
    for (const char* text : {"-1", "x", "", "1.5", "9223372036854775808"}) {
        EXPECT_EQ(run({"SET", "k", "v", "TIMESTAMP", text}), kNotInteger) << text;
    }
    EXPECT_EQ(run({"SET", "k", "v", "TIMESTAMP"}), kSyntax);
    EXPECT_EQ(run({"SET", "k", "v", "TIMESTAMP", "1", "TIMESTAMP", "1"}), kSyntax);
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(SetTest, OlderFormsOfSet) {
    EXPECT_EQ(run({"SETNX", "k", "1"}), ":1\r\n");
    EXPECT_EQ(run({"SETNX", "k", "2"}), ":0\r\n");
    EXPECT_EQ(run({"GETSET", "k", "2"}), bulk("1"));
    EXPECT_EQ(run({"GETSET", "fresh", "2"}), kNull);
    EXPECT_EQ(run({"SETEX", "k", "10", "3"}), kOk);
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    EXPECT_EQ(run({"PSETEX", "k", "10", "4"}), kOk);
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10);
    EXPECT_EQ(run({"GETSET", "k", "5"}), bulk("4"));
    EXPECT_EQ(deadline("k"), store::kNoExpiry);
    EXPECT_EQ(run({"SETEX", "k", "0", "v"}), "-ERR invalid expire time in 'setex' command\r\n");
    EXPECT_EQ(run({"PSETEX", "k", "-1", "v"}), "-ERR invalid expire time in 'psetex' command\r\n");
    EXPECT_EQ(run({"SETEX", "k", "x", "v"}), kNotInteger);
    make_list("l");
    EXPECT_EQ(run({"GETSET", "l", "v"}), kWrongType);
    EXPECT_EQ(run({"SETNX", "l", "v"}), ":0\r\n");
}

TEST_F(SetTest, PutAndSetWithTtlTakeTheTimeLast) {
    EXPECT_EQ(run({"PUT", "k", "1"}), kOk);
    EXPECT_EQ(deadline("k"), store::kNoExpiry);
    EXPECT_EQ(run({"PUT", "k", "2", "10"}), kOk);
    EXPECT_EQ(value("k"), bulk("2"));
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    EXPECT_EQ(run({"SET_WITH_TTL", "k", "3", "20"}), kOk);
    EXPECT_EQ(value("k"), bulk("3"));
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 20'000);
    EXPECT_EQ(run({"PUT", "k", "4"}), kOk);
    EXPECT_EQ(deadline("k"), store::kNoExpiry);
    EXPECT_EQ(run({"PUT", "k", "v", "0"}), "-ERR invalid expire time in 'put' command\r\n");
    EXPECT_EQ(run({"SET_WITH_TTL", "k", "v", "-1"}),
              "-ERR invalid expire time in 'set_with_ttl' command\r\n");
    EXPECT_EQ(run({"PUT", "k", "v", "1", "2"}),
              "-ERR wrong number of arguments for 'put' command\r\n");
    EXPECT_EQ(run({"SET_WITH_TTL", "k", "v"}),
              "-ERR wrong number of arguments for 'set_with_ttl' command\r\n");
}

TEST_F(SetTest, MsetSetsAllAndTheLastOfEqualKeysWins) {
    EXPECT_EQ(run({"MSET", "a", "1", "b", "2", "a", "3"}), kOk);
    EXPECT_EQ(value("a"), bulk("3"));
    EXPECT_EQ(value("b"), bulk("2"));
    EXPECT_EQ(run({"MSET", "a", "1", "b"}),
              "-ERR wrong number of arguments for 'mset' command\r\n");
    EXPECT_EQ(run({"MSETNX", "a", "1", "b"}),
              "-ERR wrong number of arguments for 'msetnx' command\r\n");
}

TEST_F(SetTest, MsetnxSetsAllOrNone) {
    EXPECT_EQ(run({"MSETNX", "a", "1", "b", "2", "a", "3"}), ":1\r\n");
    EXPECT_EQ(value("a"), bulk("3"));
    EXPECT_EQ(run({"MSETNX", "c", "1", "b", "9"}), ":0\r\n");
    EXPECT_EQ(runner_.find("c"), nullptr);
    EXPECT_EQ(value("b"), bulk("2"));
}

TEST_F(SetTest, LargeValuesAreTakenOverAndShared) {
    const std::string large(200'000, 'x');
    EXPECT_EQ(run({"MSET", "a", large, "b", large}), kOk);
    EXPECT_EQ(value("a"), bulk(large));
    EXPECT_EQ(run({"SET", "a", large, "NX"}), kNull);  // a block that is not stored is given back
    EXPECT_EQ(run({"SET", "a", large, "PXAT", "1"}), kOk);
    EXPECT_EQ(runner_.find("a"), nullptr);
    EXPECT_TRUE(runner_.find("b")->block()->is_sole_owner());
}

TEST_F(SetTest, TheDefaultTtlIsForWritesThatAskForNone) {
    runner_.dataset().settings.default_ttl_seconds = 5;
    run({"SET", "k", "v"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 5000);
    run({"SET", "k", "v", "EX", "60"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 60'000);
    run({"SET", "k", "v", "KEEPTTL"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 60'000);
    run({"MSET", "m", "v"});
    EXPECT_EQ(deadline("m"), runner_.now_ms() + 5000);
}

TEST_F(SetTest, MaxkeysRefusesOnlyNewKeys) {
    run({"MSET", "a", "1", "b", "2"});
    runner_.dataset().set_maxkeys(2, runner_.executor());
    EXPECT_EQ(run({"SET", "c", "3"}), kOutOfKeys);
    EXPECT_EQ(run({"SET", "c", "3", "EX", "5"}), kOutOfKeys);
    EXPECT_EQ(run({"SET", "c", "3", "XX"}), kNull);
    EXPECT_EQ(run({"SET", "c", "3", "IFEQ", "1"}), kNull);
    EXPECT_EQ(run({"SET", "c", "3", "IFNE", "1"}), kOutOfKeys);
    EXPECT_EQ(run({"SET", "c", "3", "nonsense"}), kSyntax);
    EXPECT_EQ(run({"SET", "a", "3"}), kOk);
    EXPECT_EQ(run({"MSET", "a", "1", "c", "1"}), kOutOfKeys);
    EXPECT_EQ(run({"MSETNX", "a", "1", "c", "1"}), ":0\r\n");
    EXPECT_EQ(run({"MSETNX", "d", "1", "c", "1"}), kOutOfKeys);
    EXPECT_EQ(run({"PUT", "c", "1", "5"}), kOutOfKeys);
    EXPECT_EQ(run({"PUT", "c", "1", "5", "6"}),
              "-ERR wrong number of arguments for 'put' command\r\n");
    EXPECT_EQ(run({"GETDEL", "b"}), bulk("2"));
    EXPECT_EQ(run({"MSET", "c", "1", "c", "2"}), kOk);  // one key, named twice
    EXPECT_EQ(runner_.dataset().keys_reserved(), 2);
}

}  // namespace
}  // namespace gyre::test
