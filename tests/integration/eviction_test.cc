// SPDX-License-Identifier: BSD-3-Clause

// Goal: maxmemory is kept by every policy in the way the policy promises: who may go, who should go
// first, and what a client is told when nobody may.

#include <filesystem>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

constexpr const char* kOom = "-OOM command not allowed when used memory > 'maxmemory'.";

class EvictionTest : public ServerTest {
protected:
    /// Allows `bytes` more than what is in use now.
    static void allow(Session& s, int64_t bytes, const std::string& policy) {
        ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory-policy", policy), "OK");
        const int64_t used = s.info_number("memory", "used_memory");
        ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory", std::to_string(used + bytes)), "OK");
    }

    static std::string key(const std::string& prefix, int i) { return prefix + std::to_string(i); }

    static const std::string& value() {
        static const std::string text(1000, 'v');
        return text;
    }
    static constexpr int64_t kRoom = 4'000'000;
};

TEST_P(EvictionTest, NoevictionRefusesWritesThatNeedMemoryAndNoOthers) {
    start();
    Session s = session();
    s.ask("SET", "k", "v");
    allow(s, kRoom, "noeviction");
    std::string last = "OK";
    for (int i = 0; i < 20'000 && last == "OK"; ++i) last = s.ask("SET", key("fill:", i), value());
    EXPECT_EQ(last, kOom);
    // The memory of the refused command itself is free again: lower the limit by more than that.
    const int64_t limit = std::stoll(s.reply("CONFIG", "GET", "maxmemory").elements[1].text);
    ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory", std::to_string(limit - 200'000)), "OK");
    EXPECT_EQ(s.ask("APPEND", "k", "x"), kOom);
    EXPECT_EQ(s.ask("INCR", "n"), kOom);
    EXPECT_EQ(s.ask("MSET", "a", "b"), kOom);
    EXPECT_EQ(s.ask("GET", "k"), "v");
    EXPECT_EQ(s.ask("EXPIRE", "k", "1000"), ":1");
    EXPECT_EQ(s.ask("DEL", "fill:0"), ":1");
    EXPECT_EQ(s.info_number("stats", "evicted_keys"), 0);
    EXPECT_EQ(s.ask("FLUSHALL"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "v"), "OK");
}

/// Two MiB of it are there before the first write.
TEST_P(EvictionTest, ALogDoesNotCountAgainstTheLimit) {
    const std::string directory = make_temporary_directory();
    start({"--dir", directory, "--appendonly", "yes"});
    Session s = session();
    EXPECT_GT(s.info_number("memory", "mem_not_counted_for_evict"), 2'000'000);
    const int64_t used = s.info_number("memory", "used_memory");
    const int64_t counted = used - s.info_number("memory", "mem_not_counted_for_evict");
    ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory", std::to_string(counted + 500'000)), "OK");
    for (int i = 0; i < 100; ++i) ASSERT_EQ(s.ask("SET", key("k:", i), value()), "OK");
    server_.reset();
    std::filesystem::remove_all(directory);
}

TEST_P(EvictionTest, EveryAllkeysPolicyMakesRoom) {
    for (const char* policy : {"allkeys-lru", "allkeys-lfu", "allkeys-random"}) {
        start();
        Session s = session();
        allow(s, kRoom, policy);
        const int64_t limit = std::stoll(s.reply("CONFIG", "GET", "maxmemory").elements[1].text);
        for (int i = 0; i < 12'000; ++i) {
            ASSERT_EQ(s.ask("SET", key("k", i), value()), "OK") << policy;
        }
        EXPECT_GT(s.info_number("stats", "evicted_keys"), 5000) << policy;
        EXPECT_GT(s.number("DBSIZE"), 500) << policy;
        EXPECT_LT(s.info_number("memory", "used_memory"), limit + 300'000) << policy;
    }
}

TEST_P(EvictionTest, VolatilePoliciesTakeOnlyKeysWithAnExpiry) {
    for (const char* policy : {"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}) {
        start();
        Session s = session();
        for (int i = 0; i < 500; ++i) s.ask("SET", key("stays:", i), value());
        allow(s, kRoom, policy);
        for (int i = 0; i < 10'000; ++i) {
            ASSERT_EQ(s.ask("SET", key("goes:", i), value(), "EX", "100000"), "OK") << policy;
        }
        EXPECT_GT(s.info_number("stats", "evicted_keys"), 4000) << policy;
        std::vector<std::string> exists{"EXISTS"};
        for (int i = 0; i < 500; ++i) exists.push_back(key("stays:", i));
        EXPECT_EQ(s.command(exists).integer, 500) << policy;
    }
}

TEST_P(EvictionTest, VolatilePoliciesRefuseWhenNothingMayGo) {
    start();
    Session s = session();
    allow(s, kRoom, "volatile-lru");
    std::string last = "OK";
    for (int i = 0; i < 20'000 && last == "OK"; ++i) last = s.ask("SET", key("fill:", i), value());
    EXPECT_EQ(last, kOom);
}

TEST_P(EvictionTest, VolatileTtlTakesTheSoonestFirst) {
    start({"--maxmemory-samples", "10"});
    Session s = session();
    for (int i = 0; i < 2000; ++i) {
        s.ask("SET", key(i % 2 == 0 ? "soon:" : "late:", i), value(), "EX",
              i % 2 == 0 ? "10000" : "1000000");
    }
    allow(s, 0, "volatile-ttl");
    for (int i = 0; i < 700; ++i) s.ask("SET", key("new:", i), value(), "EX", "2000000");
    int soon = 0;
    int late = 0;
    for (int i = 0; i < 2000; i += 2) soon += static_cast<int>(s.number("EXISTS", key("soon:", i)));
    for (int i = 1; i < 2000; i += 2) late += static_cast<int>(s.number("EXISTS", key("late:", i)));
    EXPECT_LT(soon, 600);
    EXPECT_GT(late, 950);
}

TEST_P(EvictionTest, LruKeepsWhatWasUsedLately) {
    start({"--maxmemory-samples", "10"});
    Session s = session();
    for (int i = 0; i < 2000; ++i) s.ask("SET", key("k", i), value());
    const auto touch = [&] {
        for (int i = 0; i < 500; ++i) s.client().append("GET", key("k", i));
        ASSERT_TRUE(s.client().execute_pipeline().has_value());
    };
    // The clock of LRU has a resolution of a second in Redis.
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(wait_until([&] {
        return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds{2100};
    }));
    touch();
    allow(s, 0, "allkeys-lru");
    for (int i = 0; i < 1000; ++i) s.ask("SET", key("new:", i), value());
    int used = 0;
    int unused = 0;
    for (int i = 0; i < 500; ++i) used += static_cast<int>(s.number("EXISTS", key("k", i)));
    for (int i = 500; i < 2000; ++i) unused += static_cast<int>(s.number("EXISTS", key("k", i)));
    EXPECT_GT(used, 450);
    EXPECT_LT(unused, 800);
}

TEST_P(EvictionTest, LfuKeepsWhatIsUsedOften) {
    start({"--maxmemory-samples", "10", "--maxmemory-policy", "allkeys-lfu"});
    Session s = session();
    for (int i = 0; i < 2000; ++i) s.ask("SET", key("k", i), value());
    for (int round = 0; round < 60; ++round) {
        for (int i = 0; i < 300; ++i) s.client().append("GET", key("k", i));
        ASSERT_TRUE(s.client().execute_pipeline().has_value());
    }
    EXPECT_GT(s.number("OBJECT", "FREQ", "k1"), s.number("OBJECT", "FREQ", "k1999"));
    EXPECT_EQ(
        s.ask("OBJECT", "IDLETIME", "k1"),
        "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
        "switching between policies at runtime LRU and LFU data will take some time to adjust.");
    allow(s, 0, "allkeys-lfu");
    for (int i = 0; i < 1000; ++i) s.ask("SET", key("new:", i), value());
    int often = 0;
    for (int i = 0; i < 300; ++i) often += static_cast<int>(s.number("EXISTS", key("k", i)));
    EXPECT_GT(often, 280);
}

// What a command needs while it runs may cost keys, as in Redis, but not much more than that.
TEST_P(EvictionTest, ACommandOfThousandsOfKeysCostsFew) {
    start();
    Session s = session();
    const std::string value(100, 'v');
    for (int i = 0; i < 20'000; ++i) s.client().append("SET", key("k", i), value);
    ASSERT_TRUE(s.client().execute_pipeline().has_value());
    allow(s, 0, "allkeys-lru");
    std::vector<std::string> words{"EXISTS"};
    for (int i = 0; i < 5'000; ++i) words.push_back(key("none:", i));
    for (int round = 0; round < 3; ++round) ASSERT_EQ(s.command(words).integer, 0);
    EXPECT_LT(s.info_number("stats", "evicted_keys"), 4'000);
}

TEST_P(EvictionTest, TheTimeAboveTheLimitIsTold) {
    start({"--maxmemory-policy", "noeviction"});
    Session s = session();
    EXPECT_EQ(s.info_number("stats", "current_eviction_exceeded_time"), 0);
    EXPECT_EQ(s.info_number("stats", "total_eviction_exceeded_time"), 0);
    ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory", "100"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "v"), kOom);
    EXPECT_TRUE(
        wait_until([&] { return s.info_number("stats", "current_eviction_exceeded_time") >= 20; }));
    EXPECT_GE(s.info_number("stats", "total_eviction_exceeded_time"), 20);
    ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory", "1gb"), "OK");
    EXPECT_EQ(s.ask("SET", "k", "v"), "OK");
    EXPECT_EQ(s.info_number("stats", "current_eviction_exceeded_time"), 0);
    EXPECT_GE(s.info_number("stats", "total_eviction_exceeded_time"), 20);
}

TEST_P(EvictionTest, LoweringTheLimitEvictsWithoutAWrite) {
    start({"--maxmemory-policy", "allkeys-random"});
    Session s = session();
    const int64_t empty = s.info_number("memory", "used_memory");
    for (int i = 0; i < 5000; ++i) s.ask("SET", key("k", i), value());
    const int64_t full = s.info_number("memory", "used_memory");
    ASSERT_EQ(s.ask("CONFIG", "SET", "maxmemory", std::to_string(empty + (full - empty) / 2)),
              "OK");
    EXPECT_TRUE(wait_until([&] { return s.number("DBSIZE") < 3000; }));
    EXPECT_GT(s.number("DBSIZE"), 1500);
}

GYRE_INSTANTIATE(EvictionTest);

}  // namespace
}  // namespace gyre::test
