// SPDX-License-Identifier: BSD-3-Clause

// Reading strings and changing parts of them. Expected replies are those of redis-server 7.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

constexpr const char* kNull = "$-1\r\n";
constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr const char* kNotInteger = "-ERR value is not an integer or out of range\r\n";
constexpr const char* kTooLong =
    "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";

class StringTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    /// What OBJECT ENCODING would say.
    std::string encoding(std::string_view key) {
        const store::Entry* entry = runner_.find(key);
        return entry == nullptr ? "none" : store::encoding_name(entry->encoding());
    }
    int64_t deadline(std::string_view key) { return runner_.find(key)->expire_ms(); }
    /// Makes an existing string look like a list.
    void make_list(std::string_view key) {
        run({"SET", key, "x"});
        const_cast<store::Entry*>(runner_.find(key))
            ->set_kind({store::Type::list, store::Encoding::raw});
    }
    void limit_bulk(int64_t bytes) { runner_.dataset().settings.proto_max_bulk_len = bytes; }

    CommandRunner runner_;
};

TEST_F(StringTest, GetReturnsWhatWasSet) {
    EXPECT_EQ(run({"GET", "k"}), kNull);
    for (const std::string& value :
         {std::string("value"), std::string(), std::string("a\0\r\nb", 5), std::string("12"),
          std::string("-9223372036854775808"), std::string("007"), std::string(44, 'e'),
          std::string(45, 'r'), std::string(5000, 'x'), std::string(100'000, 'b')}) {
        EXPECT_EQ(run({"SET", "k", value}), "+OK\r\n");
        EXPECT_EQ(run({"GET", "k"}), bulk(value));
        EXPECT_EQ(run({"STRLEN", "k"}), ":" + std::to_string(value.size()) + "\r\n");
    }
}

TEST_F(StringTest, GetInResp3KnowsNull) {
    runner_.use_resp3();
    EXPECT_EQ(run({"GET", "k"}), "_\r\n");
}

TEST_F(StringTest, OtherTypesAreRefused) {
    make_list("l");
    EXPECT_EQ(run({"GET", "l"}), kWrongType);
    EXPECT_EQ(run({"GETDEL", "l"}), kWrongType);
    EXPECT_EQ(run({"GETEX", "l"}), kWrongType);
    EXPECT_EQ(run({"STRLEN", "l"}), kWrongType);
    EXPECT_EQ(run({"GETRANGE", "l", "0", "1"}), kWrongType);
    EXPECT_EQ(run({"SUBSTR", "l", "0", "1"}), kWrongType);
    EXPECT_EQ(run({"APPEND", "l", "x"}), kWrongType);
    EXPECT_EQ(run({"SETRANGE", "l", "0", ""}), kWrongType);
    EXPECT_EQ(run({"MGET", "l"}), "*1\r\n$-1\r\n");
    EXPECT_EQ(run({"LCS", "l", "k", "nonsense"}),
              "-ERR The specified keys must contain string values\r\n");
    EXPECT_NE(runner_.find("l"), nullptr);
}

TEST_F(StringTest, MgetAnswersInTheOrderAsked) {
    run({"MSET", "a", "1", "b", "two"});
    EXPECT_EQ(run({"MGET", "b", "none", "a", "b"}),
              "*4\r\n$3\r\ntwo\r\n$-1\r\n$1\r\n1\r\n$3\r\ntwo\r\n");
}

TEST_F(StringTest, GetdelTakesTheKeyAway) {
    run({"SET", "k", "v"});
    EXPECT_EQ(run({"GETDEL", "k"}), bulk("v"));
    EXPECT_EQ(run({"GETDEL", "k"}), kNull);
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(StringTest, GetexSetsAndRemovesTheDeadline) {
    run({"SET", "k", "v"});
    EXPECT_EQ(run({"GETEX", "k"}), bulk("v"));
    EXPECT_EQ(deadline("k"), store::kNoExpiry);
    EXPECT_EQ(run({"GETEX", "k", "EX", "10"}), bulk("v"));
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10'000);
    EXPECT_EQ(run({"GETEX", "k", "px", "10"}), bulk("v"));
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 10);
    EXPECT_EQ(run({"GETEX", "k", "EXAT", "99999999999"}), bulk("v"));
    EXPECT_EQ(deadline("k"), 99'999'999'999'000);
    EXPECT_EQ(run({"GETEX", "k", "PXAT", "9999999999999"}), bulk("v"));
    EXPECT_EQ(run({"GETEX", "k"}), bulk("v"));
    EXPECT_EQ(run({"GETEX", "k", "PERSIST"}), bulk("v"));
    EXPECT_EQ(deadline("k"), store::kNoExpiry);
}

TEST_F(StringTest, GetexDeletesWhatIsPast) {
    run({"SET", "k", "v"});
    EXPECT_EQ(run({"GETEX", "k", "EXAT", "1"}), bulk("v"));
    EXPECT_EQ(runner_.find("k"), nullptr);
    run({"SET", "k", "v"});
    EXPECT_EQ(run({"GETEX", "k", "PXAT", std::to_string(runner_.now_ms())}), bulk("v"));
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(StringTest, GetexLooksForTheKeyBeforeTheTime) {
    EXPECT_EQ(run({"GETEX", "none", "EX", "x"}), kNull);
    EXPECT_EQ(run({"GETEX", "none", "NX"}), "-ERR syntax error\r\n");
    run({"SET", "k", "v"});
    EXPECT_EQ(run({"GETEX", "k", "EX", "x"}), kNotInteger);
    EXPECT_EQ(run({"GETEX", "k", "EX", "0"}), "-ERR invalid expire time in 'getex' command\r\n");
    EXPECT_EQ(run({"GETEX", "k", "EX", "1", "PERSIST"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"GETEX", "k", "KEEPTTL"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"GETEX", "k", "EX"}), "-ERR syntax error\r\n");
}

TEST_F(StringTest, GetrangeCutsAtBothEnds) {
    run({"SET", "k", "This is a string"});
    const struct {
        const char* start;
        const char* end;
        const char* part;
    } cases[] = {
        {"0", "3", "This"},
        {"-3", "-1", "ing"},
        {"0", "-1", "This is a string"},
        {"10", "100", "string"},
        {"5", "3", ""},
        {"-1", "-3", ""},
        {"16", "20", ""},
        {"-100", "1", "Th"},
        {"-100", "-100", "T"},
        {"9223372036854775807", "9223372036854775807", ""},
        {"-9223372036854775808", "9223372036854775807", "This is a string"},
    };
    for (const auto& one : cases) {
        EXPECT_EQ(run({"GETRANGE", "k", one.start, one.end}), bulk(one.part)) << one.start;
        EXPECT_EQ(run({"SUBSTR", "k", one.start, one.end}), bulk(one.part)) << one.start;
    }
    run({"SET", "n", "12345"});
    EXPECT_EQ(run({"GETRANGE", "n", "1", "-2"}), bulk("234"));
    EXPECT_EQ(run({"GETRANGE", "none", "0", "1"}), bulk(""));
    EXPECT_EQ(run({"GETRANGE", "none", "0", "x"}), kNotInteger);
}

TEST_F(StringTest, AppendMakesAndGrows) {
    EXPECT_EQ(run({"APPEND", "k", "12"}), ":2\r\n");
    EXPECT_EQ(encoding("k"), "int");
    EXPECT_EQ(run({"APPEND", "k", "34"}), ":4\r\n");
    EXPECT_EQ(encoding("k"), "raw");
    EXPECT_EQ(run({"GET", "k"}), bulk("1234"));
    EXPECT_EQ(run({"INCR", "k"}), ":1235\r\n");
    EXPECT_EQ(encoding("k"), "int");
    std::string expected = "1235";
    for (int round = 0; round < 60; ++round) {  // from inside the entry to a block of its own
        expected += std::string(100, static_cast<char>('a' + round % 26));
        EXPECT_EQ(run({"APPEND", "k", expected.substr(expected.size() - 100)}),
                  ":" + std::to_string(expected.size()) + "\r\n");
    }
    EXPECT_EQ(run({"GET", "k"}), bulk(expected));
}

TEST_F(StringTest, AppendLeavesAValueBeingSentAlone) {
    const std::string large(50'000, 'a');
    run({"SET", "k", large});
    // GET queues the block itself; what is appended afterwards must not show in it.
    EXPECT_EQ(run({"GET", "k"}), bulk(large));
    EXPECT_EQ(run({"APPEND", "k", "b"}), ":50001\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk(large + "b"));
}

TEST_F(StringTest, AppendKeepsTheDeadline) {
    run({"SET", "k", "v", "PX", "100"});
    run({"APPEND", "k", "w"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 100);
    runner_.advance_ms(101);
    EXPECT_EQ(run({"APPEND", "k", "x"}), ":1\r\n");
}

TEST_F(StringTest, SetrangeFillsWithZeros) {
    EXPECT_EQ(run({"SETRANGE", "k", "3", "abc"}), ":6\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk(std::string("\0\0\0abc", 6)));
    EXPECT_EQ(run({"SETRANGE", "k", "1", "xy"}), ":6\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk(std::string("\0xyabc", 6)));
    EXPECT_EQ(run({"SETRANGE", "k", "100", ""}), ":6\r\n");
    EXPECT_EQ(run({"SETRANGE", "none", "100", ""}), ":0\r\n");
    EXPECT_EQ(runner_.find("none"), nullptr);
    run({"SET", "n", "123"});
    EXPECT_EQ(run({"SETRANGE", "n", "1", "9"}), ":3\r\n");
    EXPECT_EQ(run({"INCR", "n"}), ":194\r\n");
}

TEST_F(StringTest, OffsetsAreChecked) {
    EXPECT_EQ(run({"SETRANGE", "k", "-1", "x"}), "-ERR offset is out of range\r\n");
    EXPECT_EQ(run({"SETRANGE", "k", "x", "x"}), kNotInteger);
    EXPECT_EQ(run({"SETRANGE", "k", "9223372036854775807", "x"}), kTooLong);
    EXPECT_EQ(run({"SETRANGE", "k", "536870912", "x"}), kTooLong);
    EXPECT_EQ(runner_.find("k"), nullptr);
}

TEST_F(StringTest, NothingGrowsBeyondTheLimit) {
    limit_bulk(1000);
    run({"SET", "k", std::string(999, 'x')});
    EXPECT_EQ(run({"APPEND", "k", "yz"}), kTooLong);
    EXPECT_EQ(run({"APPEND", "k", "y"}), ":1000\r\n");
    EXPECT_EQ(run({"SETRANGE", "k", "999", "yz"}), kTooLong);
    EXPECT_EQ(run({"SETRANGE", "k", "998", "yz"}), ":1000\r\n");
    EXPECT_EQ(run({"SETRANGE", "none", "1000", "y"}), kTooLong);
}

TEST_F(StringTest, LcsAnswersInItsForms) {
    run({"MSET", "a", "ohmytext", "b", "mynewtext"});
    EXPECT_EQ(run({"LCS", "a", "b"}), bulk("mytext"));
    EXPECT_EQ(run({"LCS", "a", "b", "len"}), ":6\r\n");
    EXPECT_EQ(run({"LCS", "a", "b", "IDX"}),
              "*4\r\n$7\r\nmatches\r\n*2\r\n"
              "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
              "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n"
              "$3\r\nlen\r\n:6\r\n");
    EXPECT_EQ(run({"LCS", "a", "b", "IDX", "MINMATCHLEN", "4", "WITHMATCHLEN"}),
              "*4\r\n$7\r\nmatches\r\n*1\r\n"
              "*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
              "$3\r\nlen\r\n:6\r\n");
    EXPECT_EQ(run({"LCS", "a", "none"}), bulk(""));
    EXPECT_EQ(run({"LCS", "a", "none", "IDX"}), "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
    runner_.use_resp3();
    EXPECT_EQ(run({"LCS", "a", "none", "IDX"}), "%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
}

TEST_F(StringTest, LcsRefusesWhatMakesNoSense) {
    EXPECT_EQ(run({"LCS", "a", "b", "LEN", "IDX"}),
              "-ERR If you want both the length and indexes, please just use IDX.\r\n");
    EXPECT_EQ(run({"LCS", "a", "b", "MINMATCHLEN"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"LCS", "a", "b", "MINMATCHLEN", "x"}), kNotInteger);
    limit_bulk(1000);
    run({"MSET", "a", std::string(15, 'a'), "b", std::string(15, 'b')});
    EXPECT_EQ(run({"LCS", "a", "b", "LEN"}),
              "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
    run({"SET", "a", std::string(14, 'a')});
    EXPECT_EQ(run({"LCS", "a", "b", "LEN"}), ":0\r\n");
}

TEST_F(StringTest, ReadsCountHitsAndMisses) {
    run({"SET", "k", "1"});
    run({"GET", "k"});
    run({"MGET", "k", "none"});
    run({"STRLEN", "none"});
    const store::ShardStatistics sums = runner_.dataset().statistics(runner_.executor());
    EXPECT_EQ(sums.keyspace_hits, 2U);
    EXPECT_EQ(sums.keyspace_misses, 2U);
}

TEST_F(StringTest, IncrAndKinCount) {
    EXPECT_EQ(run({"INCR", "k"}), ":1\r\n");
    EXPECT_EQ(run({"INCRBY", "k", "41"}), ":42\r\n");
    EXPECT_EQ(run({"DECR", "k"}), ":41\r\n");
    EXPECT_EQ(run({"DECRBY", "k", "-1"}), ":42\r\n");
    EXPECT_EQ(run({"GET", "k"}), bulk("42"));
    EXPECT_EQ(encoding("k"), "int");
    EXPECT_EQ(run({"DECRBY", "down", "5"}), ":-5\r\n");
}

TEST_F(StringTest, IncrRefusesWhatIsNoInteger) {
    make_list("l");
    EXPECT_EQ(run({"INCR", "l"}), kWrongType);
    for (const char* value : {"", "x", "1.0", " 1", "1 ", "01", "+1", "9223372036854775808"}) {
        run({"SET", "k", value});
        EXPECT_EQ(run({"INCR", "k"}), kNotInteger) << value;
        EXPECT_EQ(run({"INCRBY", "n", value}), kNotInteger) << value;
        EXPECT_EQ(run({"GET", "k"}), bulk(value));
    }
    EXPECT_EQ(runner_.find("n"), nullptr);
}

TEST_F(StringTest, IncrDoesNotOverflow) {
    const std::string refusal = "-ERR increment or decrement would overflow\r\n";
    run({"SET", "k", "9223372036854775806"});
    EXPECT_EQ(run({"INCR", "k"}), ":9223372036854775807\r\n");
    EXPECT_EQ(run({"INCR", "k"}), refusal);
    EXPECT_EQ(run({"GET", "k"}), bulk("9223372036854775807"));
    run({"SET", "k", "-9223372036854775808"});
    EXPECT_EQ(run({"DECR", "k"}), refusal);
    EXPECT_EQ(run({"INCRBY", "k", "-1"}), refusal);
    EXPECT_EQ(run({"DECRBY", "k", "-9223372036854775808"}), "-ERR decrement would overflow\r\n");
}

TEST_F(StringTest, IncrKeepsTheDeadlineAndANewKeyGetsTheDefault) {
    run({"SET", "k", "1", "PX", "100"});
    run({"INCR", "k"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 100);
    runner_.dataset().settings.default_ttl_seconds = 5;
    run({"INCR", "k"});
    run({"INCR", "fresh"});
    EXPECT_EQ(deadline("k"), runner_.now_ms() + 100);
    EXPECT_EQ(deadline("fresh"), runner_.now_ms() + 5000);
}

TEST_F(StringTest, IncrbyfloatAddsDecimals) {
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "10.50"}), bulk("10.5"));
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "0.1"}), bulk("10.6"));
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "-5"}), bulk("5.6"));
    EXPECT_EQ(encoding("k"), "embstr");
    run({"SET", "k", "5.0e3"});
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "2.0e2"}), bulk("5200"));
    EXPECT_EQ(encoding("k"), "embstr");
    EXPECT_EQ(run({"INCR", "k"}), ":5201\r\n");
}

TEST_F(StringTest, IncrbyfloatRefusesWhatIsNoNumber) {
    const std::string refusal = "-ERR value is not a valid float\r\n";
    run({"SET", "k", "1"});
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "x"}), refusal);
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "nan"}), refusal);
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "-inf"}),
              "-ERR increment would produce NaN or Infinity\r\n");
    run({"SET", "k", "abc"});
    EXPECT_EQ(run({"INCRBYFLOAT", "k", "1"}), refusal);
    make_list("l");
    EXPECT_EQ(run({"INCRBYFLOAT", "l", "x"}), kWrongType);
}

TEST_F(StringTest, MaxkeysCountsTheKeysThatComeToBe) {
    runner_.dataset().set_maxkeys(2, runner_.executor());
    const std::string refusal =
        "-OOM command not allowed when the number of keys would exceed 'maxkeys'.\r\n";
    EXPECT_EQ(run({"APPEND", "a", "1"}), ":1\r\n");
    EXPECT_EQ(run({"INCR", "b"}), ":1\r\n");
    EXPECT_EQ(run({"INCR", "c"}), refusal);
    EXPECT_EQ(run({"SETRANGE", "c", "0", "x"}), refusal);
    EXPECT_EQ(run({"SETRANGE", "c", "0", ""}), ":0\r\n");
    EXPECT_EQ(run({"SETRANGE", "a", "0", "x"}), ":1\r\n");
    EXPECT_EQ(run({"INCR", "b"}), ":2\r\n");
    EXPECT_EQ(runner_.dataset().keys_reserved(), 2);
}

}  // namespace
}  // namespace gyre::test
