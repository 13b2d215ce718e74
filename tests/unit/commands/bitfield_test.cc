// SPDX-License-Identifier: BSD-3-Clause

// Integers inside strings. Expected replies were recorded from redis-server 7.0, whose rules 7.2
// keeps.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

constexpr const char* kSyntax = "-ERR syntax error\r\n";
constexpr const char* kNotInteger = "-ERR value is not an integer or out of range\r\n";
constexpr const char* kBadOffset = "-ERR bit offset is not an integer or out of range\r\n";
constexpr const char* kBadOverflow = "-ERR Invalid OVERFLOW type specified\r\n";
constexpr const char* kReadOnly = "-ERR BITFIELD_RO only supports the GET subcommand\r\n";
constexpr const char* kBadType =
    "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 "
    "is.\r\n";
constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

/// The reply that carries these integers; "none" is a null.
std::string integers(const std::vector<std::string>& values) {
    std::string reply = "*" + std::to_string(values.size()) + "\r\n";
    for (const std::string& value : values) {
        reply += value == "none" ? "$-1\r\n" : ":" + value + "\r\n";
    }
    return reply;
}

class BitfieldTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    void make_list(std::string_view key) {
        run({"SET", key, "x"});
        const_cast<store::Entry*>(runner_.find(key))
            ->set_kind({store::Type::list, store::Encoding::raw});
    }

    CommandRunner runner_;
};

TEST_F(BitfieldTest, FieldsLieAnywhereAndGrowTheString) {
    EXPECT_EQ(run({"BITFIELD", "k", "SET", "u8", "#1", "255", "SET", "i4", "3", "-3", "GET", "u16",
                   "0", "GET", "u3", "20"}),
              integers({"0", "0", "6911", "0"}));
    EXPECT_EQ(run({"GET", "k"}), bulk("\x1a\xff"));
    EXPECT_EQ(run({"BITFIELD", "k",   "SET", "i64", "5",   "-81985529216486896",
                   "GET",      "i64", "5",   "GET", "u63", "6",
                   "INCRBY",   "u63", "6",   "1",   "GET", "u5",
                   "0",        "GET", "u3",  "69",  "GET", "u8",
                   "64"}),
              integers({"6908521828386340864", "-81985529216486896", "9141386507638288912",
                        "9141386507638288913", "3", "0", "136"}));
    EXPECT_EQ(run({"GET", "k"}), bulk("\x1f\xf6\xe5\xd4\xc3\xb2\xa1\x90\x88"));
}

TEST_F(BitfieldTest, OverflowHoldsForWhatFollowsIt) {
    EXPECT_EQ(run({"BITFIELD", "k",    "OVERFLOW", "SAT",  "INCRBY", "u2", "100",    "2",
                   "overflow", "fail", "INCRBY",   "u2",   "100",    "2",  "INCRBY", "u2",
                   "100",      "1",    "OVERFLOW", "WRAP", "INCRBY", "u2", "100",    "3"}),
              integers({"2", "none", "3", "2"}));
    EXPECT_EQ(run({"BITFIELD", "k", "GET", "u8", "96"}), integers({"8"}));
    EXPECT_EQ(run({"STRLEN", "k"}), ":13\r\n");
}

constexpr const char* kModes[] = {"WRAP", "SAT", "FAIL"};

struct IncrementCase {
    const char* type;
    const char* start;
    const char* increment;
    const char* results[3];  // by mode
};
constexpr IncrementCase kIncrements[] = {
    {"u1", "1", "1", {"0", "1", "none"}},
    {"u1", "0", "-1", {"1", "0", "none"}},
    {"u1", "1", "9223372036854775807", {"0", "1", "none"}},
    {"u1", "0", "-9223372036854775808", {"0", "0", "none"}},
    {"u1", "1", "-1", {"0", "0", "0"}},
    {"u1", "0", "1", {"1", "1", "1"}},
    {"u8", "255", "1", {"0", "255", "none"}},
    {"u8", "0", "-1", {"255", "0", "none"}},
    {"u8", "255", "9223372036854775807", {"254", "255", "none"}},
    {"u8", "0", "-9223372036854775808", {"0", "0", "none"}},
    {"u8", "255", "-255", {"0", "0", "0"}},
    {"u8", "0", "255", {"255", "255", "255"}},
    {"u63", "9223372036854775807", "1", {"0", "9223372036854775807", "none"}},
    {"u63", "0", "-1", {"9223372036854775807", "0", "none"}},
    {"u63",
     "9223372036854775807",
     "9223372036854775807",
     {"9223372036854775806", "9223372036854775807", "none"}},
    {"u63", "0", "-9223372036854775808", {"0", "0", "none"}},
    {"u63", "9223372036854775807", "-9223372036854775807", {"0", "0", "0"}},
    {"u63",
     "0",
     "9223372036854775807",
     {"9223372036854775807", "9223372036854775807", "9223372036854775807"}},
    {"i1", "0", "1", {"-1", "0", "none"}},
    {"i1", "-1", "-1", {"0", "-1", "none"}},
    {"i1", "0", "9223372036854775807", {"-1", "0", "none"}},
    {"i1", "-1", "-9223372036854775808", {"-1", "-1", "none"}},
    {"i1", "0", "-1", {"-1", "-1", "-1"}},
    {"i1", "-1", "1", {"0", "0", "0"}},
    {"i8", "127", "1", {"-128", "127", "none"}},
    {"i8", "-128", "-1", {"127", "-128", "none"}},
    {"i8", "127", "9223372036854775807", {"126", "127", "none"}},
    {"i8", "-128", "-9223372036854775808", {"-128", "-128", "none"}},
    {"i8", "127", "-255", {"-128", "-128", "-128"}},
    {"i8", "-128", "255", {"127", "127", "127"}},
    {"i63", "4611686018427387903", "1", {"-4611686018427387904", "4611686018427387903", "none"}},
    {"i63", "-4611686018427387904", "-1", {"4611686018427387903", "-4611686018427387904", "none"}},
    {"i63",
     "4611686018427387903",
     "9223372036854775807",
     {"4611686018427387902", "4611686018427387903", "none"}},
    {"i63",
     "-4611686018427387904",
     "-9223372036854775808",
     {"-4611686018427387904", "-4611686018427387904", "none"}},
    {"i63",
     "4611686018427387903",
     "-9223372036854775807",
     {"-4611686018427387904", "-4611686018427387904", "-4611686018427387904"}},
    {"i63",
     "-4611686018427387904",
     "9223372036854775807",
     {"4611686018427387903", "4611686018427387903", "4611686018427387903"}},
    {"i64", "9223372036854775807", "1", {"-9223372036854775808", "9223372036854775807", "none"}},
    {"i64", "-9223372036854775808", "-1", {"9223372036854775807", "-9223372036854775808", "none"}},
    {"i64", "9223372036854775807", "9223372036854775807", {"-2", "9223372036854775807", "none"}},
    {"i64", "-9223372036854775808", "-9223372036854775808", {"0", "-9223372036854775808", "none"}},
    {"i64", "9223372036854775807", "-9223372036854775808", {"-1", "-1", "-1"}},
    {"i64", "-9223372036854775808", "9223372036854775807", {"-1", "-1", "-1"}},
};

TEST_F(BitfieldTest, IncrementsBeyondTheLimits) {
    for (const IncrementCase& one : kIncrements) {
        for (size_t mode = 0; mode < 3; ++mode) {
            run({"DEL", "k"});
            const std::string result = one.results[mode];
            EXPECT_EQ(
                run({"BITFIELD", "k", "SET", one.type, "3", one.start, "OVERFLOW", kModes[mode],
                     "INCRBY", one.type, "3", one.increment, "GET", one.type, "3"}),
                integers({"0", result, result == "none" ? one.start : result}))
                << one.type << " " << one.start << " " << one.increment << " " << kModes[mode];
        }
    }
}

/// The lowest 64-bit values saturate to the highest of a signed field: Redis' oddity.
TEST_F(BitfieldTest, SetsBeyondTheLimits) {
    const struct {
        const char* type;
        const char* value;
        const char* results[3];
    } cases[] = {
        {"u1", "-1", {"1", "1", "none"}},
        {"u1", "2", {"0", "1", "none"}},
        {"u1", "9223372036854775807", {"1", "1", "none"}},
        {"u8", "-9223372036854775808", {"0", "255", "none"}},
        {"u8", "-9223372036854775553", {"255", "255", "none"}},
        {"u8", "-9223372036854775552", {"0", "255", "none"}},
        {"u8", "-1", {"255", "255", "none"}},
        {"u8", "256", {"0", "255", "none"}},
        {"u8", "9223372036854775807", {"255", "255", "none"}},
        {"u63", "-9223372036854775808", {"0", "9223372036854775807", "none"}},
        {"u63", "-1", {"9223372036854775807", "9223372036854775807", "none"}},
        {"u63",
         "9223372036854775807",
         {"9223372036854775807", "9223372036854775807", "9223372036854775807"}},
        {"i1", "-2", {"0", "-1", "none"}},
        {"i1", "1", {"-1", "0", "none"}},
        {"i1", "9223372036854775807", {"-1", "0", "none"}},
        {"i8", "-9223372036854775808", {"0", "127", "none"}},
        {"i8", "-9223372036854775681", {"127", "127", "none"}},
        {"i8", "-9223372036854775680", {"-128", "-128", "none"}},
        {"i8", "-9223372036854775552", {"0", "-128", "none"}},
        {"i8", "-129", {"127", "-128", "none"}},
        {"i8", "128", {"-128", "127", "none"}},
        {"i8", "9223372036854775807", {"-1", "127", "none"}},
        {"i63", "-9223372036854775808", {"0", "4611686018427387903", "none"}},
        {"i63", "-4611686018427387905", {"4611686018427387903", "4611686018427387903", "none"}},
        {"i63",
         "-4611686018427387904",
         {"-4611686018427387904", "-4611686018427387904", "-4611686018427387904"}},
        {"i63", "4611686018427387904", {"-4611686018427387904", "4611686018427387903", "none"}},
        {"i63", "9223372036854775807", {"-1", "4611686018427387903", "none"}},
        {"i64",
         "-9223372036854775808",
         {"-9223372036854775808", "-9223372036854775808", "-9223372036854775808"}},
        {"i64",
         "9223372036854775807",
         {"9223372036854775807", "9223372036854775807", "9223372036854775807"}},
    };
    for (const auto& one : cases) {
        for (size_t mode = 0; mode < 3; ++mode) {
            run({"DEL", "k"});
            const std::string result = one.results[mode];
            const bool is_refused = result == "none";
            EXPECT_EQ(run({"BITFIELD", "k", "OVERFLOW", kModes[mode], "SET", one.type, "3",
                           one.value, "GET", one.type, "3"}),
                      integers({is_refused ? "none" : "0", is_refused ? "0" : result}))
                << one.type << " " << one.value << " " << kModes[mode];
        }
    }
}

TEST_F(BitfieldTest, NumbersAreReadAsTheirDigits) {
    run({"SET", "n", "12", "PX", "100"});
    EXPECT_EQ(run({"BITFIELD", "n", "GET", "u8", "0", "GET", "u8", "8", "GET", "u8", "16", "GET",
                   "u8", "12"}),
              integers({"49", "50", "0", "32"}));
    EXPECT_EQ(runner_.find("n")->encoding(), store::Encoding::integer);
    EXPECT_EQ(run({"BITFIELD", "n", "INCRBY", "u8", "#1", "1"}), integers({"51"}));
    EXPECT_EQ(run({"GET", "n"}), bulk("13"));
    EXPECT_EQ(runner_.find("n")->expire_ms(), runner_.now_ms() + 100);
}

TEST_F(BitfieldTest, OnlyWritesCreateTheKeyEvenWhenTheyFail) {
    EXPECT_EQ(run({"BITFIELD", "k"}), integers({}));
    EXPECT_EQ(run({"BITFIELD", "k", "OVERFLOW", "WRAP"}), integers({}));
    EXPECT_EQ(run({"BITFIELD", "k", "GET", "i64", "0"}), integers({"0"}));
    EXPECT_EQ(run({"BITFIELD", "k", "SET", "u8", "0", "1", "GET"}), kSyntax);
    EXPECT_EQ(runner_.find("k"), nullptr);
    EXPECT_EQ(run({"BITFIELD", "k", "OVERFLOW", "FAIL", "SET", "u8", "16", "256"}),
              integers({"none"}));
    EXPECT_EQ(run({"GET", "k"}), bulk(std::string(3, '\0')));
    runner_.use_resp3();
    EXPECT_EQ(run({"BITFIELD", "k", "OVERFLOW", "FAIL", "SET", "u8", "16", "256"}), "*1\r\n_\r\n");
}

TEST_F(BitfieldTest, MistakesAreReportedInTheOrderOfTheArguments) {
    const struct {
        std::vector<std::string> words;
        const char* reply;
    } cases[] = {
        {{"GET", "u8"}, kSyntax},
        {{"SET", "u8", "0"}, kSyntax},
        {{"INCRBY", "u8", "0"}, kSyntax},
        {{"OVERFLOW"}, kSyntax},
        {{"FOO", "u8", "0"}, kSyntax},
        {{"OVERFLOW", "none"}, kBadOverflow},
        {{"SET", "u8", "0", "1", "OVERFLOW", "bad"}, kBadOverflow},
        {{"GET", "u64", "0"}, kBadType},
        {{"GET", "i65", "0"}, kBadType},
        {{"GET", "u0", "0"}, kBadType},
        {{"GET", "u08", "0"}, kBadType},
        {{"GET", "U8", "0"}, kBadType},
        {{"GET", "u", "0"}, kBadType},
        {{"GET", "", "0"}, kBadType},
        {{"SET", "u65", "-1", "x"}, kBadType},
        {{"SET", "u8", "-1", "x"}, kBadOffset},
        {{"GET", "u8", ""}, kBadOffset},
        {{"GET", "u8", "#"}, kBadOffset},
        {{"GET", "u8", "#-1"}, kBadOffset},
        {{"GET", "u8", "##1"}, kBadOffset},
        {{"GET", "u8", "4294967296"}, kBadOffset},
        {{"GET", "u8", "#536870912"}, kBadOffset},
        {{"GET", "u2", "#9223372036854775807"}, kBadOffset},
        {{"SET", "u8", "0", "x"}, kNotInteger},
        {{"SET", "u8", "0", "x", "GET", "u99", "0"}, kNotInteger},
    };
    make_list("l");
    for (const auto& one : cases) {
        std::vector<std::string> words = {"BITFIELD", "l"};
        words.insert(words.end(), one.words.begin(), one.words.end());
        EXPECT_EQ(runner_.run(words), one.reply) << testing::PrintToString(words);
        words[0] = "BITFIELD_RO";
        EXPECT_EQ(runner_.run(words), one.reply) << testing::PrintToString(words);
    }
    EXPECT_EQ(run({"BITFIELD", "l"}), kWrongType);
    EXPECT_EQ(run({"BITFIELD", "l", "SET", "u8", "0", "1"}), kWrongType);
    EXPECT_EQ(run({"BITFIELD_RO", "l", "GET", "u8", "0"}), kWrongType);
}

TEST_F(BitfieldTest, OnlyTheFirstBitMustLieWithinTheLongestString) {
    EXPECT_EQ(run({"BITFIELD", "k", "GET", "u8", "4294967295", "GET", "u8", "#536870911"}),
              integers({"0", "0"}));
    // The product wraps around to 0.
    EXPECT_EQ(run({"BITFIELD", "k", "GET", "u4", "#4611686018427387904"}), integers({"0"}));
    runner_.dataset().settings.proto_max_bulk_len = 10;
    EXPECT_EQ(run({"BITFIELD", "k", "SET", "u8", "80", "1"}), kBadOffset);
    EXPECT_EQ(run({"BITFIELD", "k", "SET", "u8", "79", "1"}), integers({"0"}));
    EXPECT_EQ(run({"STRLEN", "k"}), ":11\r\n");
}

TEST_F(BitfieldTest, ReadOnlyFormTakesNoWrites) {
    run({"SET", "k", "a"});
    EXPECT_EQ(run({"BITFIELD_RO", "k", "OVERFLOW", "FAIL", "get", "u8", "0", "GET", "i3", "#1"}),
              integers({"97", "0"}));
    EXPECT_EQ(run({"BITFIELD_RO", "none"}), integers({}));
    make_list("l");
    EXPECT_EQ(run({"BITFIELD_RO", "l", "GET", "u8", "0", "INCRBY", "u8", "0", "1"}), kReadOnly);
    EXPECT_EQ(run({"BITFIELD_RO", "k", "SET", "u8", "0", "1"}), kReadOnly);
    EXPECT_EQ(run({"GET", "k"}), bulk("a"));
}

TEST_F(BitfieldTest, RoomForAKeyIsAskedForOnlyToWriteAMissingOne) {
    run({"SET", "a", "1"});
    // Without eviction what does not fit is refused.
    runner_.dataset().set_maxkeys(1, runner_.executor());
    EXPECT_EQ(run({"BITFIELD", "k", "SET", "u8", "0", "1"}),
              "-OOM command not allowed when the number of keys would exceed 'maxkeys'.\r\n");
    EXPECT_EQ(run({"BITFIELD", "k", "GET", "u8", "0"}), integers({"0"}));
    EXPECT_EQ(run({"BITFIELD", "k", "SET", "u8", "0", "x"}), kNotInteger);
    EXPECT_EQ(run({"BITFIELD", "a", "SET", "u8", "0", "50"}), integers({"49"}));
}

}  // namespace
}  // namespace gyre::test
