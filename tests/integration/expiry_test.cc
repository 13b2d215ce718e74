// SPDX-License-Identifier: BSD-3-Clause

// Goal: a key goes when it is due, whether anybody asks or not; never early; and many due at once,
// next to many that are not, go promptly.

#include <chrono>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

using Clock = std::chrono::steady_clock;

class ExpiryTest : public ServerTest {
protected:
    static void fill(Session& s, const std::string& prefix, int count,
                     const std::vector<std::string>& options) {
        for (int i = 0; i < count; ++i) {
            std::vector<std::string> words{"SET", prefix + std::to_string(i), "v"};
            words.insert(words.end(), options.begin(), options.end());
            const std::vector<std::string_view> views(words.begin(), words.end());
            s.client().append(views);
        }
        const auto replies = s.client().execute_pipeline();
        ASSERT_TRUE(replies.has_value());
        for (const Reply& reply : *replies) ASSERT_TRUE(reply.is_ok()) << brief(reply);
    }

    static int64_t now_ms(Session& s) {
        const Reply time = s.reply("TIME");
        return std::stoll(time.elements[0].text) * 1000 + std::stoll(time.elements[1].text) / 1000;
    }
};

TEST_P(ExpiryTest, AKeyIsThereUntilItIsDueAndNotAfter) {
    start();
    Session s = session();
    const int64_t due = now_ms(s) + 300;
    s.ask("SET", "k", "v", "PXAT", std::to_string(due));
    while (true) {
        const int64_t before = now_ms(s);
        const bool is_there = s.number("EXISTS", "k") == 1;
        const int64_t after = now_ms(s);
        if (after < due) {
            EXPECT_TRUE(is_there) << due - after << " ms early";
        }
        if (before > due) {
            EXPECT_FALSE(is_there) << before - due << " ms late";
            break;
        }
    }
    EXPECT_EQ(s.ask("TTL", "k"), ":-2");
}

TEST_P(ExpiryTest, AFieldIsThereUntilItIsDueAndNotAfter) {
    start();
    Session s = session();
    const int64_t due = now_ms(s) + 300;
    s.ask("HSET", "h", "stays", "1");
    s.ask("HSETEX", "h", "PXAT", std::to_string(due), "FIELDS", "1", "f", "v");
    while (true) {
        const int64_t before = now_ms(s);
        const bool is_there = s.number("HEXISTS", "h", "f") == 1;
        const int64_t after = now_ms(s);
        if (after < due) {
            EXPECT_TRUE(is_there) << due - after << " ms early";
        }
        if (before > due) {
            EXPECT_FALSE(is_there) << before - due << " ms late";
            break;
        }
    }
    EXPECT_EQ(s.ask("HLEN", "h"), ":1");
}

// DBSIZE counts what is there: nobody has looked at these hashes since.
TEST_P(ExpiryTest, FieldsGoWithoutBeingAskedForAndTheirHashesWithThem) {
    start();
    Session s = session();
    for (int i = 0; i < 200; ++i) {
        const std::string key = "h" + std::to_string(i);
        s.ask("HSETEX", key, "PX", "100", "FIELDS", "2", "a", "1", "b", "2");
    }
    EXPECT_TRUE(wait_until([&] { return s.number("DBSIZE") == 0; }));
}

TEST_P(ExpiryTest, KeysGoWithoutBeingAskedFor) {
    start();
    Session s = session();
    fill(s, "k", 1000, {"PX", "100"});
    EXPECT_TRUE(wait_until([&] { return s.number("DBSIZE") == 0; }));
    EXPECT_EQ(s.info_number("stats", "expired_keys"), 1000);
}

TEST_P(ExpiryTest, AThousandDueAtOnceNextToAHundredThousand) {
    REQUIRE_GYRE();
    start();
    Session s = session();
    fill(s, "later:", 100'000, {"EX", "100000"});
    const int64_t due = now_ms(s) + 1500;
    fill(s, "due:", 1000, {"PXAT", std::to_string(due)});
    ASSERT_LT(now_ms(s), due);
    EXPECT_EQ(s.info_number("stats", "expired_keys"), 0);
    ASSERT_TRUE(wait_until([&] { return s.info_number("stats", "expired_keys") == 1000; }));
    // Ticks are milliseconds; the rest is what a busy machine of two cores needs.
    EXPECT_LT(now_ms(s) - due, 500);
    EXPECT_EQ(s.ask("DBSIZE"), ":100000");
}

TEST_P(ExpiryTest, RemovalThatIsSwitchedOnAgainBeginsAtOnce) {
    start();
    Session s = session();
    // Idle threads look at their shards each second anyway: one look by chance is none in five.
    for (int round = 0; round < 5; ++round) {
        EXPECT_EQ(s.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0"), "OK");
        const int64_t before = s.info_number("stats", "expired_keys");
        fill(s, "due", 200, {"PX", "1"});
        const int64_t after = now_ms(s) + 20;
        ASSERT_TRUE(wait_until([&] { return now_ms(s) > after; }));
        EXPECT_EQ(s.info_number("stats", "expired_keys"), before);
        const int64_t begun = now_ms(s);
        EXPECT_EQ(s.ask("DEBUG", "SET-ACTIVE-EXPIRE", "1"), "OK");
        ASSERT_TRUE(
            wait_until([&] { return s.info_number("stats", "expired_keys") == before + 200; }));
        EXPECT_LT(now_ms(s) - begun, 400);
    }
}

TEST_P(ExpiryTest, DueKeysAreNeverShownEvenWhenTheyAreStillResident) {
    start();
    Session s = session();
    EXPECT_EQ(s.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0"), "OK");
    s.ask("SET", "stays", "v");
    fill(s, "due", 50, {"PX", "1"});
    const int64_t after = now_ms(s) + 20;
    ASSERT_TRUE(wait_until([&] { return now_ms(s) > after; }));
    EXPECT_EQ(s.ask("KEYS", "*"), "[stays]");
    EXPECT_EQ(s.ask("RANDOMKEY"), "stays");
    std::string cursor = "0";
    do {
        const Reply page = s.reply("SCAN", cursor);
        for (const Reply& key : page.elements[1].elements) EXPECT_EQ(key.text, "stays");
        cursor = page.elements[0].text;
    } while (cursor != "0");
    EXPECT_EQ(s.ask("GET", "due0"), "(nil)");
    EXPECT_EQ(s.ask("APPEND", "due1", "x"), ":1");
    EXPECT_EQ(s.ask("TTL", "due1"), ":-1");
    EXPECT_EQ(s.ask("SET", "due2", "n", "XX"), "(nil)");
    EXPECT_EQ(s.ask("RENAME", "due3", "x"), "-ERR no such key");
    EXPECT_EQ(s.ask("EXISTS", "due4", "due5"), ":0");
    EXPECT_EQ(s.ask("TYPE", "due6"), "none");
    EXPECT_EQ(s.ask("DEL", "due7"), ":0");
}

TEST_P(ExpiryTest, ADeadlineInThePastDeletes) {
    start();
    Session s = session();
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"EXPIRE", "k", "-1"},
                                               {"EXPIRE", "k", "0"},
                                               {"PEXPIRE", "k", "-100"},
                                               {"EXPIREAT", "k", "1"},
                                               {"PEXPIREAT", "k", "1"}}) {
        s.ask("SET", "k", "v");
        EXPECT_EQ(brief(s.command(command)), ":1") << describe(command);
        EXPECT_EQ(s.ask("EXISTS", "k"), ":0") << describe(command);
    }
    s.ask("SET", "k", "v");
    EXPECT_EQ(s.ask("GETEX", "k", "PXAT", "1"), "v");
    EXPECT_EQ(s.ask("EXISTS", "k"), ":0");
    EXPECT_EQ(s.ask("SET", "k", "v", "PXAT", "1"), "OK");
    EXPECT_EQ(s.ask("EXISTS", "k"), ":0");
}

TEST_P(ExpiryTest, DeadlinesFarAwayAreKeptExactly) {
    start();
    Session s = session();
    for (const char* deadline : {"4102444800123", "253402300799000", "9223372036854775000"}) {
        EXPECT_EQ(s.ask("SET", "k", "v", "PXAT", deadline), "OK");
        EXPECT_EQ(s.ask("PEXPIRETIME", "k"), std::string(":") + deadline);
    }
    EXPECT_EQ(s.ask("PERSIST", "k"), ":1");
    EXPECT_EQ(s.ask("PEXPIRETIME", "k"), ":-1");
    EXPECT_EQ(s.ask("PEXPIRETIME", "none"), ":-2");
}

TEST_P(ExpiryTest, ADeadlineMovedIsTheOneThatCounts) {
    start();
    Session s = session();
    fill(s, "k", 100, {"PX", "200"});
    for (int i = 0; i < 50; ++i) s.ask("EXPIRE", "k" + std::to_string(i), "1000");
    for (int i = 50; i < 60; ++i) s.ask("PERSIST", "k" + std::to_string(i));
    EXPECT_TRUE(wait_until([&] { return s.number("DBSIZE") == 60; }));
    EXPECT_EQ(s.info_number("stats", "expired_keys"), 40);
}

TEST_P(ExpiryTest, InfoTellsOfExpiry) {
    REQUIRE_GYRE();
    start();
    Session s = session();
    fill(s, "k", 100, {"PX", "50"});
    fill(s, "later", 10, {"EX", "1000"});
    fill(s, "never", 5, {});
    ASSERT_TRUE(wait_until([&] { return s.number("DBSIZE") == 15; }));
    const std::string text = s.ask("INFO", "expiry");
    EXPECT_NE(text.find("# Expiry"), std::string::npos) << text;
    const std::string keyspace = s.info("keyspace", "db0");
    EXPECT_EQ(keyspace.rfind("keys=15,expires=10,avg_ttl=", 0), 0U) << keyspace;
}

GYRE_INSTANTIATE(ExpiryTest);

}  // namespace
}  // namespace gyre::test
