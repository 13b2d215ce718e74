// SPDX-License-Identifier: BSD-3-Clause

// Goal: the commands and options that newer servers brought, which the oracle of the differential
// tests does not have: SET's conditions, DELEX, DELIFEQ, DIGEST, MSETEX, INCREX.

#include <xxhash.h>

#include <cstdio>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;

class NewerCommandsTest : public ServerTest {
protected:
    void SetUp() override {
        REQUIRE_GYRE();
        start();
    }
};

std::string digest_of(const std::string& value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx",
                  static_cast<unsigned long long>(XXH3_64bits(value.data(), value.size())));
    return text;
}

TEST_P(NewerCommandsTest, SetIfeqComparesTheValue) {
    Session s = session();
    EXPECT_EQ(s.ask("SET", "k", "new", "IFEQ", "old"), "(nil)");
    EXPECT_EQ(s.ask("EXISTS", "k"), ":0");
    s.ask("SET", "k", "old", "EX", "1000");
    EXPECT_EQ(s.ask("SET", "k", "new", "IFEQ", "other"), "(nil)");
    EXPECT_EQ(s.ask("GET", "k"), "old");
    EXPECT_GT(s.number("TTL", "k"), 900);
    EXPECT_EQ(s.ask("SET", "k", "new", "ifeq", "old"), "OK");
    EXPECT_EQ(s.ask("GET", "k"), "new");
    EXPECT_EQ(s.ask("TTL", "k"), ":-1");
    EXPECT_EQ(s.ask("SET", "k", "newer", "IFEQ", "new", "EX", "100", "GET"), "new");
    EXPECT_GT(s.number("TTL", "k"), 90);
    EXPECT_EQ(s.ask("SET", "k", "x", "IFEQ", "no", "GET"), "newer");
    EXPECT_EQ(s.ask("GET", "k"), "newer");
    EXPECT_EQ(s.ask("SET", "k", "y", "IFEQ", "newer", "KEEPTTL"), "OK");
    EXPECT_GT(s.number("TTL", "k"), 90);
}

TEST_P(NewerCommandsTest, SetIfneSetsAMissingKey) {
    Session s = session();
    EXPECT_EQ(s.ask("SET", "k", "a", "IFNE", "a"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "b", "IFNE", "a"), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "b", "IFNE", "zzz"), "OK");
    EXPECT_EQ(s.ask("GET", "k"), "b");
    EXPECT_EQ(s.ask("SET", "missing", "b", "IFNE", "a", "GET"), "(nil)");
    EXPECT_EQ(s.ask("GET", "missing"), "b");
}

TEST_P(NewerCommandsTest, SetByDigest) {
    Session s = session();
    EXPECT_EQ(s.ask("SET", "k", "x", "IFDEQ", digest_of("a")), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "a", "IFDNE", digest_of("a")), "OK");
    EXPECT_EQ(s.ask("SET", "k", "b", "IFDNE", digest_of("a")), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "b", "IFDEQ", digest_of("a")), "OK");
    EXPECT_EQ(s.ask("SET", "k", "c", "IFDEQ", digest_of("a")), "(nil)");
    EXPECT_EQ(s.ask("GET", "k"), "b");
}

TEST_P(NewerCommandsTest, ConditionsExcludeEachOther) {
    Session s = session();
    s.ask("SET", "k", "a");
    for (const std::vector<std::string>& options :
         std::vector<std::vector<std::string>>{{"IFEQ", "a", "NX"},
                                               {"IFEQ", "a", "XX"},
                                               {"XX", "IFEQ", "a"},
                                               {"IFEQ", "a", "IFNE", "b"},
                                               {"IFEQ", "a", "IFEQ", "a"},
                                               {"IFEQ"},
                                               {"IFDEQ", digest_of("a"), "IFEQ", "a"}}) {
        std::vector<std::string> words{"SET", "k", "b"};
        words.insert(words.end(), options.begin(), options.end());
        EXPECT_EQ(brief(s.command(words)), "-ERR syntax error") << describe(words);
    }
    EXPECT_EQ(s.ask("GET", "k"), "a");
}

TEST_P(NewerCommandsTest, DigestIsXxh3OfTheValue) {
    Session s = session();
    EXPECT_EQ(s.ask("DIGEST", "missing"), "(nil)");
    const std::vector<std::string> values{"",
                                          "a",
                                          "hello world",
                                          std::string(17, 'x'),
                                          std::string(100, 'y'),
                                          std::string(200, 'z'),
                                          std::string(5000, 'w'),
                                          "12345",
                                          "a\0b"s};
    for (const std::string& value : values) {
        s.ask("SET", "k", value);
        EXPECT_EQ(s.ask("DIGEST", "k"), digest_of(value)) << quote(value);
    }
    EXPECT_EQ(s.ask("DIGEST"), "-ERR wrong number of arguments for 'digest' command");
}

TEST_P(NewerCommandsTest, DelexDeletesUnderACondition) {
    Session s = session();
    EXPECT_EQ(s.ask("DELEX", "k"), ":0");
    EXPECT_EQ(s.ask("DELEX", "k", "IFEQ", "a"), ":0");
    EXPECT_EQ(s.ask("DELEX", "k", "IFNE", "a"), ":0");
    s.ask("SET", "k", "a");
    EXPECT_EQ(s.ask("DELEX", "k", "IFEQ", "b"), ":0");
    EXPECT_EQ(s.ask("DELEX", "k", "IFNE", "a"), ":0");
    EXPECT_EQ(s.ask("DELEX", "k", "ifeq", "a"), ":1");
    EXPECT_EQ(s.ask("EXISTS", "k"), ":0");
    s.ask("SET", "k", "a");
    EXPECT_EQ(s.ask("DELEX", "k", "IFNE", "b"), ":1");
    s.ask("SET", "k", "a");
    EXPECT_EQ(s.ask("DELEX", "k", "IFDEQ", digest_of("b")), ":0");
    EXPECT_EQ(s.ask("DELEX", "k", "IFDNE", digest_of("a")), ":0");
    EXPECT_EQ(s.ask("DELEX", "k", "IFDEQ", digest_of("a")), ":1");
    s.ask("SET", "k", "a");
    EXPECT_EQ(s.ask("DELEX", "k"), ":1");
    const std::string arity = "-ERR wrong number of arguments for 'delex' command";
    EXPECT_EQ(s.ask("DELEX"), arity);
    EXPECT_EQ(s.ask("DELEX", "k", "IFEQ"), arity);
    EXPECT_EQ(s.ask("DELEX", "k", "IFEQ", "a", "b"), arity);
    EXPECT_TRUE(s.reply("DELEX", "k", "BAD", "a").is_error());
}

TEST_P(NewerCommandsTest, DelifeqIsAnotherSpelling) {
    Session s = session();
    s.ask("SET", "k", "a");
    EXPECT_EQ(s.ask("DELIFEQ", "k", "b"), ":0");
    EXPECT_EQ(s.ask("DELIFEQ", "k", "a"), ":1");
    EXPECT_EQ(s.ask("DELIFEQ", "k", "a"), ":0");
    EXPECT_EQ(s.ask("DELIFEQ", "k"), "-ERR wrong number of arguments for 'delifeq' command");
}

TEST_P(NewerCommandsTest, MsetexSetsAllOrNothing) {
    Session s = session();
    EXPECT_EQ(s.ask("MSETEX", "2", "a", "1", "b", "2", "EX", "1000"), ":1");
    EXPECT_EQ(s.ask("MGET", "a", "b"), "[1 2]");
    EXPECT_GT(s.number("TTL", "a"), 900);
    EXPECT_GT(s.number("TTL", "b"), 900);
    EXPECT_EQ(s.ask("MSETEX", "2", "b", "3", "c", "4", "NX"), ":0");
    EXPECT_EQ(s.ask("MGET", "b", "c"), "[2 (nil)]");
    EXPECT_EQ(s.ask("MSETEX", "2", "b", "3", "c", "4", "XX"), ":0");
    EXPECT_EQ(s.ask("MSETEX", "2", "a", "5", "b", "6", "XX", "KEEPTTL"), ":1");
    EXPECT_GT(s.number("TTL", "a"), 900);
    EXPECT_EQ(s.ask("MSETEX", "1", "a", "7"), ":1");
    EXPECT_EQ(s.ask("TTL", "a"), ":-1");
    EXPECT_EQ(s.ask("MSETEX", "1", "x", "1", "nx", "pxat", "4102444800000"), ":1");
    EXPECT_EQ(s.ask("PEXPIRETIME", "x"), ":4102444800000");
}

TEST_P(NewerCommandsTest, MsetexRefusesWhatIsWrong) {
    Session s = session();
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"MSETEX"},
                                               {"MSETEX", "1"},
                                               {"MSETEX", "1", "a"},
                                               {"MSETEX", "2", "a", "1"},
                                               {"MSETEX", "0", "a", "1"},
                                               {"MSETEX", "-1", "a", "1"},
                                               {"MSETEX", "x", "a", "1"},
                                               {"MSETEX", "9223372036854775807", "a", "1"},
                                               {"MSETEX", "1", "a", "1", "b", "2"},
                                               {"MSETEX", "1", "a", "1", "EX"},
                                               {"MSETEX", "1", "a", "1", "EX", "0"},
                                               {"MSETEX", "1", "a", "1", "NX", "XX"},
                                               {"MSETEX", "1", "a", "1", "EX", "1", "KEEPTTL"}}) {
        EXPECT_TRUE(s.command(words).is_error()) << describe(words);
    }
    EXPECT_EQ(s.ask("DBSIZE"), ":0");
}

TEST_P(NewerCommandsTest, IncrexAddsAndTellsWhatItAdded) {
    Session s = session();
    EXPECT_EQ(s.ask("INCREX", "n"), "[:1 :1]");
    EXPECT_EQ(s.ask("INCREX", "n", "BYINT", "5"), "[:6 :5]");
    EXPECT_EQ(s.ask("INCREX", "n", "BYINT", "-2"), "[:4 :-2]");
    EXPECT_EQ(s.ask("TTL", "n"), ":-1");
    EXPECT_EQ(s.ask("INCREX", "n", "EX", "1000"), "[:5 :1]");
    EXPECT_GT(s.number("TTL", "n"), 900);
    EXPECT_EQ(s.ask("INCREX", "n"), "[:6 :1]");
    EXPECT_GT(s.number("TTL", "n"), 900);
    EXPECT_EQ(s.ask("INCREX", "n", "EX", "100000", "ENX"), "[:7 :1]");
    EXPECT_LT(s.number("TTL", "n"), 1001);
    EXPECT_EQ(s.ask("INCREX", "n", "PERSIST"), "[:8 :1]");
    EXPECT_EQ(s.ask("TTL", "n"), ":-1");
    EXPECT_EQ(s.ask("INCREX", "n", "PXAT", "4102444800000", "ENX"), "[:9 :1]");
    EXPECT_EQ(s.ask("PEXPIRETIME", "n"), ":4102444800000");
}

TEST_P(NewerCommandsTest, IncrexStopsAtItsBounds) {
    Session s = session();
    EXPECT_EQ(s.ask("INCREX", "n", "BYINT", "10", "UBOUND", "5"), "[:0 :0]");
    EXPECT_EQ(s.ask("EXISTS", "n"), ":0");
    s.ask("SET", "n", "3", "EX", "1000");
    EXPECT_EQ(s.ask("INCREX", "n", "BYINT", "10", "UBOUND", "5", "EX", "5"), "[:3 :0]");
    EXPECT_GT(s.number("TTL", "n"), 900);
    EXPECT_EQ(s.ask("INCREX", "n", "BYINT", "10", "UBOUND", "5", "SATURATE"), "[:5 :2]");
    EXPECT_EQ(s.ask("INCREX", "n", "BYINT", "-10", "LBOUND", "0", "SATURATE"), "[:0 :-5]");
    EXPECT_EQ(s.ask("INCREX", "n", "BYINT", "-1", "LBOUND", "0"), "[:0 :0]");
    s.ask("SET", "n", "9223372036854775807");
    EXPECT_EQ(s.ask("INCREX", "n"), "[:9223372036854775807 :0]");
    EXPECT_EQ(s.ask("INCREX", "n", "SATURATE"), "[:9223372036854775807 :0]");
}

TEST_P(NewerCommandsTest, IncrexByFloat) {
    Session two = session();
    EXPECT_EQ(two.ask("INCREX", "f", "BYFLOAT", "1.5"), "[1.5 1.5]");
    EXPECT_EQ(two.reply("INCREX", "f", "BYFLOAT", "0.25").elements[0].type, ReplyType::bulk);
    Session three = session(3);
    const Reply real = three.reply("INCREX", "f", "BYFLOAT", "0.25");
    ASSERT_EQ(real.elements.size(), 2U);
    EXPECT_EQ(real.elements[0].type, ReplyType::real);
    EXPECT_EQ(real.elements[0].real, 2.0);
    EXPECT_EQ(real.elements[1].real, 0.25);
    EXPECT_EQ(two.ask("INCREX", "f", "BYFLOAT", "10", "UBOUND", "3.5"), "[2 0]");
    EXPECT_EQ(two.ask("INCREX", "f", "BYFLOAT", "10", "UBOUND", "3.5", "SATURATE"), "[3.5 1.5]");
    for (const char* bad : {"nan", "inf", "1e5000", "x", ""}) {
        EXPECT_TRUE(two.reply("INCREX", "f", "BYFLOAT", bad).is_error()) << bad;
    }
}

TEST_P(NewerCommandsTest, IncrexRefusesWhatIsWrong) {
    Session s = session();
    s.ask("SET", "word", "abc");
    EXPECT_EQ(s.ask("INCREX", "word"), "-ERR value is not an integer or out of range");
    for (const std::vector<std::string>& options :
         std::vector<std::vector<std::string>>{{"BYINT"},
                                               {"BYINT", "x"},
                                               {"BYINT", "1", "BYINT", "1"},
                                               {"BYINT", "1", "BYFLOAT", "1"},
                                               {"SATURATE", "SATURATE"},
                                               {"ENX"},
                                               {"PERSIST", "ENX"},
                                               {"EX", "1", "PERSIST"},
                                               {"EX", "0"},
                                               {"EX", "1", "PX", "1"},
                                               {"UBOUND", "1", "UBOUND", "2"},
                                               {"UBOUND", "1.5"},
                                               {"BAD"}}) {
        std::vector<std::string> words{"INCREX", "n"};
        words.insert(words.end(), options.begin(), options.end());
        EXPECT_TRUE(s.command(words).is_error()) << describe(words);
    }
    EXPECT_EQ(s.ask("EXISTS", "n"), ":0");
}

TEST_P(NewerCommandsTest, TheyStandInTheCommandTable) {
    Session s = session();
    for (const char* name : {"delex", "delifeq", "digest", "msetex", "increx"}) {
        const Reply info = s.reply("COMMAND", "INFO", name);
        ASSERT_EQ(info.elements.size(), 1U);
        EXPECT_FALSE(info.elements[0].is_null()) << name;
    }
    EXPECT_EQ(s.ask("COMMAND", "GETKEYS", "MSETEX", "2", "a", "1", "b", "2", "NX"), "[a b]");
    EXPECT_EQ(s.ask("COMMAND", "GETKEYS", "DELEX", "a", "IFEQ", "b"), "[a]");
}

GYRE_INSTANTIATE(NewerCommandsTest);

}  // namespace
}  // namespace gyre::test
