// SPDX-License-Identifier: BSD-3-Clause

// Goal: DUMP and RESTORE are the oracle's: the same payload for every string, whoever made it is
// understood by the other, and the same reply to every combination of options and every damaged
// payload. Method: the same commands to both, and payloads of the one given to the other.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/crc64.h"
#include "compat/oracle_pair.h"
#include "compat/random.h"
#include "support/seed.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;
using Command = std::vector<std::string>;

/// `body` with a footer of this version whose checksum is right.
std::string with_footer(std::string body, int version) {
    body += static_cast<char>(version);
    body += static_cast<char>(version >> 8);
    const uint64_t checksum = base::crc64(0, body);
    for (int shift = 0; shift < 64; shift += 8) body += static_cast<char>(checksum >> shift);
    return body;
}

std::vector<std::string> values_of_every_form() {
    std::vector<std::string> values;
    for (const char* const text : {"",
                                   "0",
                                   "-1",
                                   "127",
                                   "128",
                                   "-128",
                                   "-129",
                                   "32767",
                                   "32768",
                                   "-32768",
                                   "-32769",
                                   "2147483647",
                                   "2147483648",
                                   "-2147483648",
                                   "-2147483649",
                                   "9223372036854775807",
                                   "-9223372036854775808",
                                   "9223372036854775808",
                                   "01",
                                   "-0",
                                   "+5",
                                   "1.5",
                                   " 7",
                                   "x"}) {
        values.emplace_back(text);
    }
    Random random(test_seed());
    for (const size_t size : {19U, 20U, 21U, 44U, 45U, 63U, 64U, 4095U, 4096U, 4097U, 16383U,
                              16384U, 70000U, 300000U}) {
        values.emplace_back(size, 's');
        std::string noise(size, '\0');
        for (char& byte : noise) byte = static_cast<char>(random.next());
        values.push_back(noise);
        for (size_t at = 0; at < size; at += 3) noise[at] = 'r';
        values.push_back(noise);
    }
    return values;
}

class DumpTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { pair_ = new OraclePair({"--enable-debug-command", "yes"}); }
    static void TearDownTestSuite() {
        delete pair_;
        pair_ = nullptr;
    }
    void SetUp() override {
        ASSERT_TRUE(pair_->is_ready()) << pair_->log();
        pair_->connect();
        both({"FLUSHALL"});
        both({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
    }
    /// The reply of both, which must be the same bytes; short in the report of a failure.
    Frame both(const Command& command) {
        const Frame expected = pair_->ask_oracle(command);
        const Frame actual = pair_->ask_subject(command);
        EXPECT_TRUE(expected.raw == actual.raw)
            << describe(command).substr(0, 300) << "\n  expected " << describe(expected)
            << "\n  actual   " << describe(actual);
        return actual;
    }

    static OraclePair* pair_;
};

OraclePair* DumpTest::pair_ = nullptr;

TEST_F(DumpTest, PayloadsOfEveryFormAreTheSameBytesAndGoBothWays) {
    for (const std::string& value : values_of_every_form()) {
        both({"SET", "k", value});
        const std::string payload = both({"DUMP", "k"}).text;
        both({"RESTORE", "copy", "0", payload, "REPLACE"});
        EXPECT_TRUE(both({"GET", "copy"}).text == value) << quote(value.substr(0, 60));
        both({"OBJECT", "ENCODING", "copy"});
        both({"TYPE", "copy"});
    }
    // Values that were made by other commands lie otherwise in memory.
    both({"SETRANGE", "range", "30", "tail"});
    both({"SETBIT", "bits", "77", "1"});
    both({"INCRBYFLOAT", "float", "10.25"});
    both({"APPEND", "n", "12"});
    both({"INCR", "n"});
    both({"APPEND", "n", "5"});
    for (const char* const key : {"range", "bits", "float", "n", "missing"}) both({"DUMP", key});
    both({"DEBUG", "DIGEST-VALUE", "range", "bits", "float", "n", "missing"});
}

/// Commands that make the key "k" a collection.
std::vector<Command> collections_of_every_form() {
    std::vector<Command> commands{
        {"RPUSH", "k", "a"},
        {"RPUSH", "k", "1", "-70000", "", "9223372036854775807", "x\0y"s, std::string(200, 'r')},
        {"SADD", "k", "1"},
        {"SADD", "k", "3", "1", "-40000", "9223372036854775807"},
        {"SADD", "k", "only"},
        {"SADD", "k", std::string(100, 'm')},
        {"HSET", "k", "f", "v"},
        {"HSET", "k", "f", "1", "", "2", "g\0h"s, "", "12", "-3000000000", "z",
         std::string(64, 'v')},
        {"HSET", "k", "f", std::string(100, 'v')},
        {"ZADD", "k", "1", "m"},
        {"ZADD",
         "k",
         "0",
         "zero",
         "-2.5",
         "",
         "inf",
         "last",
         "-inf",
         "first",
         "7",
         "12",
         "7",
         "011",
         "4503599627370497",
         "odd",
         "9007199254740992",
         "exact",
         "-4611686018427387904",
         "low",
         "1234.625",
         "odder",
         "0.125",
         "x\0y"s},
        {"ZADD", "k", "1", std::string(100, 'm'), "2", "n"},
        {"GEOADD", "k", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"},
        {"PFADD", "k", "a", "b", "c"},
    };
    Command numbers{"SADD", "k"};
    Command elements{"RPUSH", "k"};
    Command fields{"HSET", "k"};
    Command members{"ZADD", "k"};
    for (int i = 0; i < 400; ++i) {
        numbers.push_back(std::to_string(i * 7919 % 100000));
        elements.push_back("e" + std::to_string(i % 50));
        fields.push_back("field" + std::to_string(i));
        fields.push_back(std::to_string(i * i));
        members.push_back(std::to_string(i * 7919 % 200) + ".25");
        members.push_back("member" + std::to_string(i));
    }
    commands.insert(commands.end(), {numbers, elements, fields, members});
    return commands;
}

TEST_F(DumpTest, CollectionsThatRedisKeepsAlikeAreTheSameBytes) {
    for (const char* const compression : {"yes", "no"}) {
        both({"CONFIG", "SET", "rdbcompression", compression});
        for (const Command& command : collections_of_every_form()) {
            both({"DEL", "k"});
            both(command);
            const std::string payload = both({"DUMP", "k"}).text;
            both({"RESTORE", "copy", "0", payload, "REPLACE"});
            both({"DUMP", "copy"});
            both({"TYPE", "copy"});
            both({"DEBUG", "DIGEST-VALUE", "k", "copy"});
        }
    }
    both({"CONFIG", "SET", "rdbcompression", "yes"});
}

/// Commands that make the key "k" a stream; nothing in it is of the time of day.
std::vector<std::vector<Command>> streams_of_every_form() {
    const Command add{"XADD", "k", "5-1", "f", "v", "g", "7"};
    std::vector<std::vector<Command>> scripts{
        {{"XADD", "k", "0-1", "", ""}},
        {add, {"XADD", "k", "5-*", "f", "w", "g", "8"}, {"XADD", "k", "6-0", "other", "x"}},
        {add, {"XADD", "k", "7-0", "f", "w"}, {"XDEL", "k", "5-1"}},
        {add, {"XADD", "k", "7-0", "f", "w"}, {"XDEL", "k", "7-0"}, {"XADD", "k", "9-9", "f", "x"}},
        {add, {"XDEL", "k", "5-1"}},
        {add, {"XTRIM", "k", "MAXLEN", "0"}},
        {add,
         {"XSETID", "k", "18446744073709551615-1", "ENTRIESADDED", "70000", "MAXDELETEDID", "2-2"}},
        {{"XGROUP", "CREATE", "k", "none", "0", "MKSTREAM"}},
        {add,
         {"XGROUP", "CREATE", "k", "b", "$"},
         {"XGROUP", "CREATE", "k", "a", "0", "ENTRIESREAD", "70"},
         {"XGROUP", "CREATE", "k", "12", "3-3"},
         {"XGROUP", "CREATE", "k", "", "3-3"}},
    };
    std::vector<Command> many;
    for (int i = 1; i <= 250; ++i) {
        const std::string id = std::to_string(1700000000000 + i * i) + "-" + std::to_string(i % 3);
        many.push_back({"XADD", "k", id, i % 7 == 0 ? "odd" : "usual", std::to_string(i), "text",
                        std::string(static_cast<size_t>(i % 90), 't')});
        if (i % 10 == 0) many.push_back({"XDEL", "k", id});
    }
    scripts.push_back(many);
    many.push_back({"XTRIM", "k", "MAXLEN", "130"});
    scripts.push_back(many);
    many.push_back({"XTRIM", "k", "MINID", "1700000040000"});
    scripts.push_back(many);
    return scripts;
}

TEST_F(DumpTest, StreamsAreTheSameBytes) {
    for (const char* const compression : {"yes", "no"}) {
        both({"CONFIG", "SET", "rdbcompression", compression});
        for (const std::vector<Command>& script : streams_of_every_form()) {
            both({"DEL", "k"});
            for (const Command& command : script) both(command);
            const std::string payload = both({"DUMP", "k"}).text;
            both({"RESTORE", "copy", "0", payload, "REPLACE"});
            both({"DUMP", "copy"});
            both({"XRANGE", "copy", "-", "+"});
            both({"XINFO", "GROUPS", "copy"});
            both({"DEBUG", "DIGEST-VALUE", "k", "copy"});
        }
    }
    both({"CONFIG", "SET", "rdbcompression", "yes"});
}

TEST_F(DumpTest, DigestsOfTheWholeAreTheSame) {
    both({"FLUSHALL"});
    EXPECT_EQ(both({"DEBUG", "DIGEST"}).text, std::string(40, '0'));
    for (const char* const database : {"3", "0", "15"}) {
        both({"SELECT", database});
        int number = 0;
        for (Command command : collections_of_every_form()) {
            command[1] = database + std::string(":") + std::to_string(number++);
            both(command);
        }
        both({"DEBUG", "DIGEST"});
        both({"SET", "string", "v"});
        both({"SET", "number", "12", "EX", "1000"});
        const std::string with_deadline = both({"DEBUG", "DIGEST"}).text;
        both({"EXPIRE", "number", "2000"});
        EXPECT_EQ(both({"DEBUG", "DIGEST"}).text, with_deadline);
        both({"PERSIST", "number"});
        EXPECT_NE(both({"DEBUG", "DIGEST"}).text, with_deadline);
    }
    for (const char* const database : {"3", "15"}) {
        both({"SELECT", database});
        both({"FLUSHDB"});
        both({"DEBUG", "DIGEST"});
    }
    both({"SELECT", "0"});
}

/// When a consumer was seen, and entries were delivered, is not the same on both; but both make the
/// same bytes again of what either of them wrote.
TEST_F(DumpTest, GroupsThatReadGoBothWays) {
    for (int i = 1; i <= 300; ++i) {
        both({"XADD", "k", std::to_string(i) + "-1", "f", std::to_string(i)});
    }
    both({"XGROUP", "CREATE", "k", "g", "0"});
    both({"XGROUP", "CREATE", "k", "second", "100"});
    both({"XGROUP", "CREATECONSUMER", "k", "g", "idle"});
    for (const char* const consumer : {"a", "12", "", "b"}) {
        both({"XREADGROUP", "GROUP", "g", consumer, "COUNT", "40", "STREAMS", "k", ">"});
    }
    both({"XREADGROUP", "GROUP", "second", "a", "COUNT", "5", "STREAMS", "k", ">"});
    both({"XACK", "k", "g", "3-1", "77-1"});
    both({"XCLAIM", "k", "g", "c", "0", "5-1", "50-1", "TIME", "1000", "RETRYCOUNT", "70000"});
    both({"XDEL", "k", "6-1", "7-1"});
    const std::string theirs = pair_->ask_oracle({"DUMP", "k"}).text;
    const std::string ours = pair_->ask_subject({"DUMP", "k"}).text;
    EXPECT_EQ(theirs.size(), ours.size());
    for (const std::string& payload : {theirs, ours}) {
        both({"RESTORE", "copy", "0", payload, "REPLACE"});
        EXPECT_TRUE(both({"DUMP", "copy"}).text == payload);
        both({"XRANGE", "copy", "-", "+"});
        both({"XINFO", "GROUPS", "copy"});
        for (const char* const group : {"g", "second"}) {
            both({"XPENDING", "copy", group});
            both({"XREADGROUP", "GROUP", group, "a", "STREAMS", "copy", "0"});
        }
    }
}

/// Types of earlier versions: sorted sets with scores in text and as a ziplist, and streams of
/// Redis 5, of which what a group has read must be reckoned.
TEST_F(DumpTest, OldTypesAreReadAlike) {
    const std::string ziplist(
        "\x19\x00\x00\x00\x13\x00\x00\x00\x04\x00\x00\x01"
        "a\x03\xf2\x02\x02"
        "bc\x04\x03"
        "2.5\xff",
        25);
    std::vector<std::string> bodies{
        "\x03\x05\x01"
        "b\x05"
        "0.125\x01"
        "c\xfe\x01"
        "d\xff\xc0\x07\x01"
        "7\x01"
        "a\x03"
        "1e3"s,
        "\x0c\x19" + ziplist};
    both({"CONFIG", "SET", "rdbcompression", "no"});
    both({"XADD", "k", "1-1", "f", "v"});
    both({"XADD", "k", "2-0", "f", "w"});
    const std::string payload = both({"DUMP", "k"}).text;
    both({"CONFIG", "SET", "rdbcompression", "yes"});
    // The number of nodes, the id of the one, its length and its bytes; two entries, the last id.
    const std::string nodes = payload.substr(1, 19 + static_cast<size_t>(payload[19]));
    const std::string counts = "\x02\x02\x00"s;
    for (const std::string& last :
         {"\x00\x00"s, "\x01\x01"s, "\x01\x05"s, "\x02\x00"s, "\x09\x09"s}) {
        const std::string id = std::string(7, '\0') + "\x01" + std::string(7, '\0') + "\x01";
        bodies.push_back("\x0f" + nodes + counts + "\x01\x01g" + last + "\x01" + id +
                         std::string(8, '\x01') + "\x05\x01\x01" + "c" + std::string(8, '\x02') +
                         "\x01" + id);
    }
    bodies.push_back("\x0f\x00\x00\x05\x00\x00"s);
    for (const std::string& body : bodies) {
        const std::string old = with_footer(body, 9);
        EXPECT_EQ(both({"RESTORE", "k", "0", old, "REPLACE"}).text, "OK");
        // An empty stream of Redis 5 has no first id here, and the highest there is in Redis 7.0.
        if (body.size() > 6) both({"DUMP", "k"});
        if (both({"TYPE", "k"}).text == "zset") {
            both({"ZRANGE", "k", "0", "-1", "WITHSCORES"});
        } else {
            both({"XRANGE", "k", "-", "+"});
            both({"XINFO", "GROUPS", "k"});
        }
    }
}

/// What Redis keeps in another order, or in other nodes, comes over by its elements.
TEST_F(DumpTest, LargeCollectionsGoBothWays) {
    Command members{"SADD", "set"};
    Command few{"SADD", "few"};
    Command elements{"RPUSH", "list"};
    Command fields{"HSET", "hash"};
    for (int i = 0; i < 3000; ++i) {
        members.push_back("member " + std::to_string(i));
        elements.push_back(std::to_string(i) + std::string(i % 300 == 0 ? 9000 : i % 60, 'e'));
        fields.push_back("f" + std::to_string(i));
        fields.push_back(std::string(static_cast<size_t>(i % 90), 'v'));
        if (i < 100) few.push_back("m" + std::to_string(i));
    }
    for (const Command& command : {members, few, elements, fields}) both(command);
    for (const char* const key : {"set", "few", "list", "hash"}) {
        const std::string theirs = pair_->ask_oracle({"DUMP", key}).text;
        const std::string ours = pair_->ask_subject({"DUMP", key}).text;
        for (const std::string& payload : {theirs, ours})
            both({"RESTORE", "copy", "0", payload, "REPLACE"});
        if (key == std::string("list")) {
            both({"LRANGE", "copy", "0", "-1"});
        } else if (key == std::string("hash")) {
            Command question{"HMGET", "copy"};
            for (size_t i = 2; i < fields.size(); i += 2) question.push_back(fields[i]);
            both(question);
            both({"HLEN", "copy"});
        } else {
            Command question = key == std::string("set") ? members : few;
            question[0] = "SMISMEMBER";
            question[1] = "copy";
            both(question);
            both({"SCARD", "copy"});
        }
    }
}

TEST_F(DumpTest, CollectionsThatMakeNoSenseAreRefusedByBoth) {
    const std::vector<std::string> bodies{
        "\x01\x00"s,  // no elements
        "\x02\x00"s,
        "\x04\x00"s,
        "\x0e\x00"s,
        "\x12\x00"s,
        "\x02\x02\x01"
        "a\x01"
        "a"s,                                         // twice
        "\x0b\x08\x02\x00\x00\x00\x00\x00\x00\x00"s,  // an empty intset
        "\x0b\x08\x03\x00\x00\x00\x00\x00\x00\x00"s,  // a width that is none
        "\x0b\x0a\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00"s,
        "\x10\x07\x07\x00\x00\x00\x00\x00\xff"s,          // an empty listpack
        "\x10\x09\x09\x00\x00\x00\x01\x00\x01\x01\xff"s,  // one element is no hash
        "\x12\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff"s,
        "\x12\x01\x03\x01"
        "a"s,
        "\x03\x00"s,
        "\x05\x00"s,
        "\x11\x07\x07\x00\x00\x00\x00\x00\xff"s,
        "\x03\x01\x01"
        "a\xfd"s,  // a score that is no number
        "\x05\x01\x01"
        "a\x00\x00\x00\x00\x00\x00\xf8\x7f"s,
        "\x03\x02\x01"
        "a\xff\x01"
        "a\xfe"s,
        "\x13\x01\x03one"s,                               // an id of three bytes
        "\x13\x00\x01\x00\x00\x00\x00\x00\x00\x01\x00"s,  // an entry and no node
        // A group twice, an entry pending for a consumer only, a consumer twice.
        "\x13\x00\x00\x05\x00\x00\x00\x00\x00\x00\x02\x01g\x00\x00\x00\x00\x00\x01g\x00\x00\x00\x00\x00"s,
        "\x13\x00\x00\x05\x00\x00\x00\x00\x00\x00\x01\x01g\x00\x00\x00\x00\x01\x01"
        "c\x01\x00\x00\x00\x00\x00\x00\x00\x01" +
            std::string(16, '\x01'),
        "\x13\x00\x00\x05\x00\x00\x00\x00\x00\x00\x01\x01g\x00\x00\x00\x00\x02\x01"
        "c\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01"
        "c\x01\x00\x00\x00\x00\x00\x00\x00\x00"s,
    };
    for (const std::string& body : bodies) {
        both({"RESTORE", "k", "0", with_footer(body, 10)});
        both({"EXISTS", "k"});
    }
}

TEST_F(DumpTest, OptionsOfRestoreInEveryOrder) {
    both({"SET", "k", "value"});
    const std::string payload = both({"DUMP", "k"}).text;
    Command options{"REPLACE", "abstTL",   "IDLETIME 50", "FREQ 7",     "idletime",
                    "FREQ",    "FREQ 256", "IDLETIME -1", "IDLETIME x", "NOSUCH"};
    std::sort(options.begin(), options.end());
    for (const std::string& first : options) {
        for (const std::string& second : options) {
            for (const char* const third : {"", "REPLACE", "FREQ 3"}) {
                for (const char* const ttl : {"0", "4102444800123", "-1", "x"}) {
                    for (const char* const key : {"k", "new"}) {
                        Command command{"RESTORE", key, ttl, payload};
                        for (const std::string& part : {first, second, std::string(third)}) {
                            const size_t blank = part.find(' ');
                            if (!part.empty()) command.push_back(part.substr(0, blank));
                            if (blank != std::string::npos) {
                                command.push_back(part.substr(blank + 1));
                            }
                        }
                        both(command);
                    }
                    both({"EXISTS", "k", "new"});
                    both({"DEL", "new"});
                    both({"SET", "k", "value", "NX"});
                }
            }
        }
    }
}

TEST_F(DumpTest, TimesToLive) {
    both({"SET", "k", "value"});
    const std::string payload = both({"DUMP", "k"}).text;
    // 9223372036854775807 without ABSTTL overflows in Redis.
    for (const char* const ttl : {"0", "1", "-1", "-9223372036854775808", "9223372036854775808",
                                  "4102444800123", "", "1.5", " 1"}) {
        both({"RESTORE", "k", ttl, payload, "REPLACE", "ABSTTL"});
        both({"PEXPIRETIME", "k"});
        both({"EXISTS", "k"});
    }
    both({"RESTORE", "later", "5000000", payload});
    const int64_t expected = pair_->ask_oracle({"PTTL", "later"}).integer();
    EXPECT_NEAR(static_cast<double>(pair_->ask_subject({"PTTL", "later"}).integer()),
                static_cast<double>(expected), 2000);
    // A deadline that is past deletes what was there, and creates nothing.
    both({"SET", "k", "value"});
    both({"RESTORE", "k", "1", payload, "ABSTTL"});
    both({"GET", "k"});
    both({"RESTORE", "k", "1", payload, "REPLACE", "ABSTTL"});
    both({"GET", "k"});
    both({"RESTORE", "k", "1", payload, "ABSTTL"});
    both({"EXISTS", "k"});
    // The deadline of a key that is replaced goes with it.
    both({"SET", "k", "value", "EX", "30000"});
    both({"RESTORE", "k", "0", payload, "REPLACE"});
    both({"TTL", "k"});
}

TEST_F(DumpTest, IdleTimeAndFrequencyAreTakenOver) {
    both({"SET", "k", "value"});
    const std::string payload = both({"DUMP", "k"}).text;
    for (const char* const policy : {"allkeys-lru", "allkeys-lfu", "volatile-lfu", "noeviction"}) {
        both({"CONFIG", "SET", "maxmemory-policy", policy});
        for (const char* const frequency : {"0", "1", "255"}) {
            both({"RESTORE", "k", "0", payload, "REPLACE", "FREQ", frequency});
            both({"OBJECT", "FREQ", "k"});
        }
        for (const char* const seconds : {"0", "1000", "7000000"}) {
            both({"RESTORE", "k", "0", payload, "REPLACE", "IDLETIME", seconds});
            const Frame expected = pair_->ask_oracle({"OBJECT", "IDLETIME", "k"});
            const Frame actual = pair_->ask_subject({"OBJECT", "IDLETIME", "k"});
            ASSERT_EQ(expected.is_error(), actual.is_error()) << policy;
            if (expected.is_error()) continue;
            EXPECT_NEAR(static_cast<double>(actual.integer()),
                        static_cast<double>(expected.integer()), 2)
                << policy << " " << seconds;
        }
    }
}

TEST_F(DumpTest, VersionsAndChecksums) {
    const std::string body = "\x00\x05value"s;
    for (const int version : {0, 1, 5, 9, 10}) {
        both({"RESTORE", "k", "0", with_footer(body, version), "REPLACE"});
        both({"GET", "k"});
    }
    for (const int version : {13, 79, 81, 255, 256, 65535}) {
        both({"RESTORE", "k", "0", with_footer(body, version), "REPLACE"});
    }
    // Of what came after the oracle, what is known to write strings alike is taken.
    for (const int version : {11, 12, 80}) {
        const Command command{"RESTORE", "k", "0", with_footer(body, version), "REPLACE"};
        EXPECT_TRUE(pair_->ask_oracle(command).is_error());
        EXPECT_EQ(pair_->ask_subject(command).text, "OK");
    }
    const std::string good = with_footer(body, 10);
    for (size_t at = 0; at < good.size(); ++at) {
        for (const char bit : {'\x01', '\x10', '\x80'}) {
            std::string damaged = good;
            damaged[at] = static_cast<char>(damaged[at] ^ bit);
            both({"RESTORE", "k", "0", damaged, "REPLACE"});
        }
        both({"RESTORE", "k", "0", good.substr(0, at), "REPLACE"});
    }
    both({"RESTORE", "k", "0", good + "x", "REPLACE"});
    both({"GET", "k"});
}

/// With a right checksum only the value itself can be wrong: every reader of it is reached.
TEST_F(DumpTest, ValuesThatMakeNoSense) {
    const std::vector<std::string> bodies{
        ""s,
        "\x00"s,
        "\x00\x05value and more"s,
        "\x00\x40\x05value"s,
        "\x00\x80\x00\x00\x00\x05value"s,
        "\x00\x81\x00\x00\x00\x00\x00\x00\x00\x05value"s,
        "\x00\x81\xff\xff\xff\xff\xff\xff\xff\xffvalue"s,
        "\x00\xc0\x7f"s,
        "\x00\xc1\x01\x80"s,
        "\x00\xc2\x01\x02\x03\x84"s,
        "\x00\xc3\x09\x3c\x01"
        "ee\xe0/\x00\x01"
        "ee"s,
        "\x00\xc3\x09\x3b\x01"
        "ee\xe0/\x00\x01"
        "ee"s,
        "\x00\xc3\x03\x05\x04"
        "ab"s,
        "\xfdx"s,
        "\x63x"s,
        "\xffx"s,
    };
    for (const std::string& body : bodies) {
        both({"DEL", "k"});
        both({"RESTORE", "k", "0", with_footer(body, 10)});
        both({"GET", "k"});
    }
}

/// The oracle reads on into the footer, or takes nothing for a compressed string. No server writes
/// such values; here they are what they look like, damaged.
TEST_F(DumpTest, ValuesThatEndTooEarlyAreRefused) {
    for (const std::string& body :
         {"\x00\x05valu"s, "\x00\xc0"s, "\x00\xc1\x01"s, "\x00\xc3\x00\x00"s}) {
        EXPECT_EQ(pair_->ask_subject({"RESTORE", "k", "0", with_footer(body, 10)}).text,
                  "ERR Bad data format");
        EXPECT_EQ(pair_->ask_subject({"EXISTS", "k"}).integer(), 0);
    }
}

TEST_F(DumpTest, ChecksStandInTheOraclesOrder) {
    both({"SET", "k", "value"});
    for (const char* const key : {"k", "new"}) {
        for (const char* const ttl : {"0", "-1", "x"}) {
            for (const char* const option : {"", "REPLACE", "NOSUCH", "FREQ"}) {
                Command command{"RESTORE", key, ttl, "no payload"};
                if (*option != '\0') command.emplace_back(option);
                both(command);
            }
        }
    }
    both({"DUMP"});
    both({"DUMP", "a", "b"});
    both({"RESTORE", "a", "0"});
    both({"GET", "k"});
}

}  // namespace
}  // namespace gyre::test
