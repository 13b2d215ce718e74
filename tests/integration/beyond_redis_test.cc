// SPDX-License-Identifier: BSD-3-Clause

// Goal: what no other server has: SET with TIMESTAMP, the short words (PUT, SET_WITH_TTL, CLEAR,
// DELETE, SIZE, KEYS alone, VALUES, ITEMS), default-ttl and maxkeys.

#include <algorithm>
#include <set>

#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class BeyondRedisTest : public ServerTest {
protected:
    void SetUp() override {
        REQUIRE_GYRE();
        start();
    }

    static int64_t now_ms(Session& session) {
        const Reply time = session.reply("TIME");
        return std::stoll(time.elements[0].text) * 1000 + std::stoll(time.elements[1].text) / 1000;
    }
};

TEST_P(BeyondRedisTest, TheNewerTimestampWins) {
    Session s = session();
    EXPECT_EQ(s.ask("SET", "k", "a", "TIMESTAMP", "1000"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "b", "TIMESTAMP", "999"), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "b", "TIMESTAMP", "1000"), "(nil)");
    EXPECT_EQ(s.ask("GET", "k"), "a");
    EXPECT_EQ(s.ask("SET", "k", "b", "timestamp", "1001"), "OK");
    EXPECT_EQ(s.ask("GET", "k"), "b");
}

TEST_P(BeyondRedisTest, AKeyWithoutTimestampIsOlderThanAny) {
    Session s = session();
    s.ask("SET", "k", "a");
    EXPECT_EQ(s.ask("SET", "k", "b", "TIMESTAMP", "1"), "OK");
    EXPECT_EQ(s.ask("GET", "k"), "b");
}

TEST_P(BeyondRedisTest, APlainWriteAppliesAndRaisesARecordedTimestamp) {
    for (const std::vector<std::string>& write :
         std::vector<std::vector<std::string>>{{"SET", "k", "5"},
                                               {"INCR", "k"},
                                               {"APPEND", "k", "0"},
                                               {"SETRANGE", "k", "0", "7"},
                                               {"MSET", "k", "5"},
                                               {"GETSET", "k", "5"}}) {
        Session s = session();
        s.ask("DEL", "k");
        s.ask("SET", "k", "1", "TIMESTAMP", "1000");
        const int64_t before = now_ms(s);
        EXPECT_FALSE(s.command(write).is_error()) << describe(write);
        EXPECT_EQ(s.ask("SET", "k", "late", "TIMESTAMP", std::to_string(before - 1)), "(nil)")
            << describe(write);
        EXPECT_EQ(s.ask("SET", "k", "new", "TIMESTAMP", std::to_string(before + 3'600'000)), "OK")
            << describe(write);
    }
}

TEST_P(BeyondRedisTest, DeletionLeavesNoTombstone) {
    Session s = session();
    s.ask("SET", "k", "a", "TIMESTAMP", "5000");
    s.ask("DEL", "k");
    EXPECT_EQ(s.ask("SET", "k", "b", "TIMESTAMP", "10"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "c", "TIMESTAMP", "9"), "(nil)");
}

TEST_P(BeyondRedisTest, OtherConditionsMustHoldAsWell) {
    Session s = session();
    EXPECT_EQ(s.ask("SET", "k", "a", "XX", "TIMESTAMP", "10"), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "a", "NX", "TIMESTAMP", "10"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "b", "NX", "TIMESTAMP", "20"), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "b", "IFEQ", "x", "TIMESTAMP", "20"), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "b", "IFEQ", "a", "TIMESTAMP", "10"), "(nil)");
    EXPECT_EQ(s.ask("SET", "k", "b", "IFEQ", "a", "TIMESTAMP", "20"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "c", "TIMESTAMP", "15", "GET"), "b");
    EXPECT_EQ(s.ask("GET", "k"), "b");
}

TEST_P(BeyondRedisTest, RelativeExpiryCountsFromTheTimestamp) {
    Session s = session();
    const int64_t now = now_ms(s);
    EXPECT_EQ(s.ask("SET", "k", "a", "EX", "1000", "TIMESTAMP", std::to_string(now - 400'000)),
              "OK");
    EXPECT_EQ(s.number("PEXPIRETIME", "k"), now - 400'000 + 1'000'000);
    EXPECT_EQ(s.ask("SET", "k", "b", "PX", "1000", "TIMESTAMP", std::to_string(now - 300'000)),
              "OK");
    EXPECT_EQ(s.ask("EXISTS", "k"), ":0");
}

TEST_P(BeyondRedisTest, TimestampsAreNumbers) {
    Session s = session();
    for (const char* bad : {"x", "", "1.5", "99999999999999999999", "-1"}) {
        EXPECT_TRUE(s.reply("SET", "k", "a", "TIMESTAMP", bad).is_error()) << bad;
    }
    EXPECT_EQ(s.ask("SET", "k", "a", "TIMESTAMP"), "-ERR syntax error");
    EXPECT_EQ(s.ask("EXISTS", "k"), ":0");
}

TEST_P(BeyondRedisTest, WordsOfTheOrigin) {
    Session s = session();
    EXPECT_EQ(s.ask("PUT", "a", "1"), "OK");
    EXPECT_EQ(s.ask("PUT", "b", "2", "1000"), "OK");
    EXPECT_GT(s.number("TTL", "b"), 900);
    EXPECT_EQ(s.ask("TTL", "a"), ":-1");
    EXPECT_EQ(s.ask("SET_WITH_TTL", "c", "3", "1000"), "OK");
    EXPECT_GT(s.number("TTL", "c"), 900);
    EXPECT_EQ(s.ask("SIZE"), ":3");
    EXPECT_EQ(s.ask("DELETE", "a", "none"), ":1");
    EXPECT_EQ(s.ask("SIZE"), ":2");
    for (const char* bad : {"0", "-1", "x", "9223372036854775807"}) {
        EXPECT_TRUE(s.reply("PUT", "d", "4", bad).is_error()) << bad;
        EXPECT_TRUE(s.reply("SET_WITH_TTL", "d", "4", bad).is_error()) << bad;
    }
    EXPECT_EQ(s.ask("EXISTS", "d"), ":0");
    EXPECT_EQ(s.ask("CLEAR"), "OK");
    EXPECT_EQ(s.ask("SIZE"), ":0");
    EXPECT_EQ(s.ask("PUT", "a"), "-ERR wrong number of arguments for 'put' command");
    EXPECT_EQ(s.ask("SET_WITH_TTL", "a", "b"),
              "-ERR wrong number of arguments for 'set_with_ttl' command");
}

TEST_P(BeyondRedisTest, KeysValuesAndItems) {
    Session two = session();
    Session three = session(3);
    EXPECT_EQ(two.ask("KEYS"), "[]");
    EXPECT_EQ(two.ask("VALUES"), "[]");
    EXPECT_EQ(two.ask("ITEMS"), "[]");
    two.ask("MSET", "a", "1", "b", "2", "c", "3");
    two.ask("SET", "gone", "x", "PXAT", "1");
    const auto texts = [](const Reply& reply) {
        std::multiset<std::string> set;
        for (const Reply& element : reply.elements) set.insert(brief(element));
        return set;
    };
    EXPECT_EQ(texts(two.reply("KEYS")), (std::multiset<std::string>{"a", "b", "c"}));
    EXPECT_EQ(texts(two.reply("VALUES")), (std::multiset<std::string>{"1", "2", "3"}));
    const Reply flat = two.reply("ITEMS");
    EXPECT_EQ(flat.type, ReplyType::array);
    EXPECT_EQ(flat.elements.size(), 6U);
    const Reply map = three.reply("ITEMS");
    EXPECT_EQ(map.type, ReplyType::map);
    for (const auto& [key, value] : {std::pair{"a", "1"}, {"b", "2"}, {"c", "3"}}) {
        ASSERT_NE(map.find(key), nullptr);
        EXPECT_EQ(brief(*map.find(key)), value);
        EXPECT_EQ(brief(*flat.find(key)), value);
    }
}

TEST_P(BeyondRedisTest, ItemsOfManyKeysAreAllThere) {
    Session s = session();
    constexpr int kKeys = 50'000;
    for (int i = 0; i < kKeys; ++i) {
        s.client().append("SET", "key:" + std::to_string(i), "value:" + std::to_string(i));
    }
    ASSERT_TRUE(s.client().execute_pipeline().has_value());
    const Reply items = s.reply("ITEMS");
    ASSERT_EQ(items.elements.size(), 2U * kKeys);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < items.elements.size(); i += 2) {
        const std::string& key = items.elements[i].text;
        seen.insert(key);
        ASSERT_EQ(items.elements[i + 1].text, "value:" + key.substr(4));
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(kKeys));
    EXPECT_EQ(s.reply("VALUES").elements.size(), static_cast<std::size_t>(kKeys));
}

class DefaultTtlTest : public ServerTest {
protected:
    void SetUp() override {
        REQUIRE_GYRE();
        start({"--default-ttl", "1000"});
    }
    static bool has_default(Session& s, const std::string& key) {
        const int64_t ttl = s.number("TTL", key);
        return ttl > 900 && ttl <= 1000;
    }
};

TEST_P(DefaultTtlTest, CommandsThatCreateOrReplaceAKeyGiveIt) {
    Session s = session();
    for (const std::vector<std::string>& write :
         std::vector<std::vector<std::string>>{{"SET", "k", "1"},
                                               {"SETNX", "k", "1"},
                                               {"MSET", "k", "1"},
                                               {"MSETNX", "k", "1"},
                                               {"APPEND", "k", "1"},
                                               {"SETRANGE", "k", "1", "x"},
                                               {"INCR", "k"},
                                               {"INCRBYFLOAT", "k", "1"},
                                               {"SETBIT", "k", "1", "1"},
                                               {"GETSET", "k", "1"},
                                               {"PUT", "k", "1"},
                                               {"BITOP", "NOT", "k", "source"},
                                               {"MSETEX", "1", "k", "1"},
                                               {"INCREX", "k"}}) {
        s.ask("FLUSHALL");
        s.ask("SET", "source", "x");
        EXPECT_FALSE(s.command(write).is_error()) << describe(write);
        EXPECT_TRUE(has_default(s, "k")) << describe(write);
    }
    s.ask("SET", "k", "1", "EX", "50000");
    s.ask("SET", "k", "2");
    EXPECT_TRUE(has_default(s, "k"));
}

TEST_P(DefaultTtlTest, ChangesAndExplicitExpiriesKeepTheirs) {
    Session s = session();
    s.ask("SET", "k", "1", "EX", "50000");
    EXPECT_GT(s.number("TTL", "k"), 40'000);
    for (const std::vector<std::string>& write :
         std::vector<std::vector<std::string>>{{"INCR", "k"},
                                               {"APPEND", "k", "1"},
                                               {"SETRANGE", "k", "0", "9"},
                                               {"SET", "k", "2", "KEEPTTL"},
                                               {"SETBIT", "k", "1", "1"}}) {
        EXPECT_FALSE(s.command(write).is_error()) << describe(write);
        EXPECT_GT(s.number("TTL", "k"), 40'000) << describe(write);
    }
    s.ask("PERSIST", "k");
    EXPECT_EQ(s.ask("TTL", "k"), ":-1");
    for (const std::vector<std::string>& write : std::vector<std::vector<std::string>>{
             {"APPEND", "k", "1"}, {"SET", "k", "2", "KEEPTTL"}}) {
        EXPECT_FALSE(s.command(write).is_error()) << describe(write);
        EXPECT_EQ(s.ask("TTL", "k"), ":-1") << describe(write);
    }
}

TEST_P(DefaultTtlTest, MovingAKeyNeverAddsOne) {
    Session s = session();
    s.ask("SET", "k", "1");
    s.ask("PERSIST", "k");
    s.ask("RENAME", "k", "renamed");
    EXPECT_EQ(s.ask("TTL", "renamed"), ":-1");
    s.ask("COPY", "renamed", "copied");
    EXPECT_EQ(s.ask("TTL", "copied"), ":-1");
    s.ask("MOVE", "copied", "1");
    s.ask("SELECT", "1");
    EXPECT_EQ(s.ask("TTL", "copied"), ":-1");
}

TEST_P(DefaultTtlTest, ItMayBeChangedWhileTheServerRuns) {
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "default-ttl"), "[default-ttl 1000]");
    EXPECT_EQ(s.ask("CONFIG", "SET", "default-ttl", "0"), "OK");
    s.ask("SET", "k", "1");
    EXPECT_EQ(s.ask("TTL", "k"), ":-1");
    EXPECT_TRUE(s.reply("CONFIG", "SET", "default-ttl", "-1").is_error());
}

class MaxkeysTest : public ServerTest {
protected:
    void SetUp() override { REQUIRE_GYRE(); }
    static int64_t keys_of(Session& s, int databases = 1) {
        int64_t total = 0;
        for (int i = 0; i < databases; ++i) {
            s.ask("SELECT", std::to_string(i));
            total += s.number("DBSIZE");
        }
        return total;
    }
};

TEST_P(MaxkeysTest, WithoutEvictionTheKeyTooManyIsRefused) {
    start({"--maxkeys", "10", "--maxmemory-policy", "noeviction"});
    Session s = session();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(s.ask("SET", "k" + std::to_string(i), "v"), "OK");
    EXPECT_EQ(s.ask("SET", "more", "v").substr(0, 4), "-OOM");
    EXPECT_EQ(s.ask("INCR", "more").substr(0, 4), "-OOM");
    EXPECT_EQ(s.ask("SET", "k3", "changed"), "OK");
    EXPECT_EQ(s.ask("APPEND", "k3", "!"), ":8");
    EXPECT_EQ(s.ask("GET", "k3"), "changed!");
    EXPECT_EQ(s.ask("DEL", "k0"), ":1");
    EXPECT_EQ(s.ask("SET", "more", "v"), "OK");
    EXPECT_EQ(s.ask("RENAME", "more", "other"), "OK");
    EXPECT_EQ(s.ask("DBSIZE"), ":10");
}

TEST_P(MaxkeysTest, SeveralKeysFitWholeOrFailWhole) {
    start({"--maxkeys", "10", "--maxmemory-policy", "noeviction"});
    Session s = session();
    for (int i = 0; i < 9; ++i) s.ask("SET", "k" + std::to_string(i), "v");
    EXPECT_EQ(s.ask("MSET", "a", "1", "b", "2").substr(0, 4), "-OOM");
    EXPECT_EQ(s.ask("EXISTS", "a", "b"), ":0");
    EXPECT_EQ(s.ask("MSET", "k1", "1", "k2", "2", "a", "1"), "OK");
    EXPECT_EQ(s.ask("DBSIZE"), ":10");
}

TEST_P(MaxkeysTest, ItCountsOverAllDatabases) {
    start({"--maxkeys", "10", "--maxmemory-policy", "noeviction"});
    Session s = session();
    for (int i = 0; i < 10; ++i) {
        s.ask("SELECT", std::to_string(i % 3));
        EXPECT_EQ(s.ask("SET", "k" + std::to_string(i), "v"), "OK");
    }
    s.ask("SELECT", "5");
    EXPECT_EQ(s.ask("SET", "more", "v").substr(0, 4), "-OOM");
}

// Only the words after the key are wrong: nothing may have gone for what is refused.
TEST_P(MaxkeysTest, WhatIsRefusedEvictsNothing) {
    start({"--maxkeys", "10", "--maxmemory-policy", "allkeys-lru"});
    Session s = session();
    for (int i = 0; i < 10; ++i) s.ask("SET", "k" + std::to_string(i), "v");
    EXPECT_EQ(s.ask("SET", "b", "1", "EX", "0").substr(0, 4), "-ERR");
    EXPECT_EQ(s.ask("INCRBY", "b", "x").substr(0, 4), "-ERR");
    EXPECT_EQ(s.ask("SETBIT", "b", "-1", "1").substr(0, 4), "-ERR");
    EXPECT_EQ(s.ask("SET", "b", "1", "PXAT", "1"), "OK");
    EXPECT_EQ(s.ask("DBSIZE"), ":10");
    EXPECT_EQ(s.info_number("stats", "evicted_keys"), 0);
    EXPECT_EQ(s.ask("SET", "b", "1"), "OK");
    EXPECT_EQ(s.info_number("stats", "evicted_keys"), 1);
}

TEST_P(MaxkeysTest, SeveralClientsTogetherKeepTheLimit) {
    start({"--maxkeys", "50", "--maxmemory-policy", "allkeys-random"});
    constexpr int kClients = 4;
    std::vector<std::thread> threads;
    for (int client = 0; client < kClients; ++client) {
        threads.emplace_back([this, client] {
            Session s = session();
            for (int i = 0; i < 500; ++i) {
                const std::string name = std::to_string(client) + ":" + std::to_string(i);
                EXPECT_EQ(s.ask("MSET", name + "a", "1", name + "b", "1"), "OK");
                EXPECT_EQ(s.ask("SET", name, "1", "EX", "0").substr(0, 4), "-ERR");
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    Session s = session();
    // What was refused at the same moment had room promised for it, which counted for the others.
    const int64_t keys = s.number("DBSIZE");
    EXPECT_LE(keys, 50);
    EXPECT_GE(keys, 50 - kClients);
    EXPECT_EQ(s.info_number("stats", "evicted_keys"), 2 * 500 * kClients - keys);
}

TEST_P(MaxkeysTest, WithEvictionTheLimitIsKept) {
    for (const char* policy : {"allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-s3fifo"}) {
        start({"--maxkeys", "100", "--maxmemory-policy", policy});
        Session s = session();
        for (int i = 0; i < 1000; ++i) {
            ASSERT_EQ(s.ask("SET", "k" + std::to_string(i), "v"), "OK") << policy;
            ASSERT_EQ(s.ask("EXISTS", "k" + std::to_string(i)), ":1") << policy;
            ASSERT_LE(s.number("DBSIZE"), 100) << policy;
        }
        EXPECT_EQ(s.ask("DBSIZE"), ":100") << policy;
        EXPECT_EQ(s.info_number("stats", "evicted_keys"), 900) << policy;
        EXPECT_EQ(s.ask("MSET", "a", "1", "b", "2", "c", "3"), "OK");
        EXPECT_EQ(s.ask("EXISTS", "a", "b", "c"), ":3");
        EXPECT_EQ(s.ask("DBSIZE"), ":100") << policy;
    }
}

class S3FifoTest : public ServerTest {
protected:
    void SetUp() override { REQUIRE_GYRE(); }
};

TEST_P(S3FifoTest, KeepsMaxmemoryAndWhatIsUsed) {
    start({"--maxmemory-policy", "allkeys-s3fifo"});
    Session s = session();
    const std::string value(1000, 'v');
    for (int i = 0; i < 3000; ++i) s.ask("SET", "k" + std::to_string(i), value);
    const int64_t limit = s.info_number("memory", "used_memory");
    for (int i = 0; i < 300; ++i) s.ask("GET", "k" + std::to_string(i));
    ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory", std::to_string(limit)), "OK");
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(s.ask("SET", "new" + std::to_string(i), value), "OK");
    }
    EXPECT_LT(s.info_number("memory", "used_memory"), limit + 300'000);
    EXPECT_GT(s.info_number("memory", "used_memory_eviction"), 0);
    int used = 0;
    for (int i = 0; i < 300; ++i) {
        used += static_cast<int>(s.number("EXISTS", "k" + std::to_string(i)));
    }
    EXPECT_GT(used, 240);
}

TEST_P(S3FifoTest, IsChosenAndLeftWhileKeysAreThere) {
    start({"--maxkeys", "1000", "--maxmemory-policy", "allkeys-lru"});
    Session s = session();
    for (int i = 0; i < 1000; ++i) s.ask("SET", "k" + std::to_string(i), "v", "EX", "100000");
    for (const char* policy :
         {"allkeys-s3fifo", "volatile-s3fifo", "allkeys-lfu", "allkeys-s3fifo", "allkeys-lru"}) {
        ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory-policy", policy), "OK");
        EXPECT_EQ(s.ask("CONFIG", "GET", "maxmemory-policy"),
                  "[maxmemory-policy " + std::string(policy) + "]");
        for (int i = 0; i < 700; ++i) {
            ASSERT_EQ(s.ask("SET", policy + std::to_string(i), "v", "EX", "100000"), "OK");
        }
        EXPECT_EQ(s.number("DBSIZE"), 1000);
    }
    EXPECT_EQ(s.info_number("memory", "used_memory_eviction"), 0);
}

GYRE_INSTANTIATE(S3FifoTest);

// What a lowered limit makes superfluous goes between the turns, without a write; LATENCY knows.
TEST_P(MaxkeysTest, LoweringTheLimitEvictsWithoutAWrite) {
    start({"--maxkeys", "100000", "--maxmemory-policy", "allkeys-lru", "--enable-debug-command",
           "yes", "--latency-monitor-threshold", "1"});
    Session s = session();
    for (int i = 0; i < 30'000; ++i) s.client().append("SET", "k" + std::to_string(i), "v");
    ASSERT_TRUE(s.client().execute_pipeline().has_value());
    ASSERT_EQ(s.number("DBSIZE"), 30'000);
    EXPECT_EQ(s.ask("CONFIG", "SET", "maxmemory-eviction-tenacity", "100"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "SET", "maxkeys", "100"), "OK");
    EXPECT_TRUE(wait_until([&] { return s.number("DBSIZE") == 100; })) << s.number("DBSIZE");
    EXPECT_EQ(s.reply("LATENCY", "HISTORY", "eviction-cycle").elements.empty(), false);
    EXPECT_EQ(s.ask("SET", "new", "v"), "OK");
    EXPECT_EQ(s.number("DBSIZE"), 100);
}

TEST_P(MaxkeysTest, VolatilePoliciesSpareKeysWithoutExpiry) {
    start({"--maxkeys", "10", "--maxmemory-policy", "volatile-ttl"});
    Session s = session();
    for (int i = 0; i < 5; ++i) s.ask("SET", "stays" + std::to_string(i), "v");
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(s.ask("SET", "goes" + std::to_string(i), "v", "EX", std::to_string(1000 + i)),
                  "OK");
    }
    EXPECT_EQ(s.ask("EXISTS", "stays0", "stays1", "stays2", "stays3", "stays4"), ":5");
    EXPECT_EQ(s.ask("DBSIZE"), ":10");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(s.ask("SET", "solid" + std::to_string(i), "v"), "OK");
    EXPECT_EQ(s.ask("SET", "nothing-left", "v").substr(0, 4), "-OOM");
}

GYRE_INSTANTIATE(BeyondRedisTest);
GYRE_INSTANTIATE(DefaultTtlTest);
GYRE_INSTANTIATE(MaxkeysTest);

}  // namespace
}  // namespace gyre::test
