// SPDX-License-Identifier: BSD-3-Clause

// Goal: FIND holds up nobody, neither by many keys nor by texts that are hard to match, and its
// answers are right while the keys change. The measure is the CPU time of the longest loop turn,
// which a busy machine does not stretch.

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

/// Far above the millisecond of an optimised build on a quiet machine, far below what a walk or a
/// match in one go would take.
constexpr int64_t kTurnMicrosecondsMax = 20'000;

class FindTest : public ServerTest {
protected:
    void SetUp() override {
        if (is_oracle()) GTEST_SKIP() << "Gyre's own";
        start();
    }
    static std::string name(int index) { return "key:" + std::to_string(index); }
    static void fill(Session& s, int keys) {
        constexpr int kEach = 1000;
        for (int first = 0; first < keys; first += kEach) {
            std::vector<std::string> words{"MSET"};
            for (int index = first; index < first + kEach; ++index) {
                words.push_back(name(index));
                words.push_back("value " + std::to_string(index % 1000));
            }
            ASSERT_TRUE(s.command(words).is_ok());
        }
    }
    /// Runs the command; the CPU time of the longest turn meanwhile.
    static int64_t longest_turn_us(Session& s, const std::vector<std::string>& words,
                                   size_t elements) {
        s.ask("CONFIG", "RESETSTAT");
        EXPECT_EQ(s.command(words).elements.size(), elements) << words[2];
        return s.info_number("stats", "gyre_longest_turn_us");
    }
};

TEST_P(FindTest, ManyKeysHoldUpNobody) {
    Session s = session();
    fill(s, 200'000);
    EXPECT_LT(longest_turn_us(s, {"FIND", "REGEX", "^key:.*99999$"}, 2), kTurnMicrosecondsMax);
    EXPECT_LT(longest_turn_us(s, {"FIND", "LIKE", "*9999?"}, 20), kTurnMicrosecondsMax);
    EXPECT_LT(longest_turn_us(s, {"find", "-v", "value 777"}, 400), kTurnMicrosecondsMax);
    EXPECT_LT(longest_turn_us(s, {"FIND", "VALUES", "REGEX", "^value 77[0-9]$"}, 4000),
              kTurnMicrosecondsMax);
}

TEST_P(FindTest, TextsThatAreHardToMatchHoldUpNobody) {
    Session s = session();
    const std::string large(4'000'000, 'a');
    for (int index = 0; index < 4; ++index) {
        EXPECT_EQ(s.ask("SET", "large:" + std::to_string(index), large), "OK");
    }
    std::string stars;
    for (int index = 0; index < 50'000; ++index) stars += "*?";
    s.ask("SET", std::string(50'000, 'k'), "v");
    EXPECT_LT(longest_turn_us(s, {"FIND", "VALUES", "REGEX", "(x+x+)+y|a{3}b"}, 0),
              kTurnMicrosecondsMax);
    EXPECT_LT(longest_turn_us(s, {"FIND", "VALUES", "LIKE", "*aaaaaaaaaaaaaaaaab"}, 0),
              kTurnMicrosecondsMax);
    EXPECT_LT(longest_turn_us(s, {"FIND", "LIKE", stars, "TYPE", "string"}, 1),
              kTurnMicrosecondsMax);
    EXPECT_LT(longest_turn_us(s, {"FIND", "REGEX", "(k?){400}k{400}$"}, 1), kTurnMicrosecondsMax);
}

TEST_P(FindTest, EveryFormIsUnderstood) {
    Session s = session();
    s.ask("MSET", "user:1", "Ann", "user:2", "Bob", "user:10", "Ann", "other", "annual");
    s.ask("RPUSH", "user:list", "Ann");
    const auto sorted = [&s](const std::vector<std::string>& words) {
        std::multiset<std::string> texts;
        for (const Reply& element : s.command(words).elements) texts.insert(element.text);
        std::string line;
        for (const std::string& text : texts) line += text + " ";
        return line;
    };
    const std::string all = "user:1 user:10 user:2 user:list ";
    EXPECT_EQ(sorted({"FIND", "user:1"}), "user:1 ");
    EXPECT_EQ(sorted({"FIND", "KEYS", "EXACT", "user:1"}), "user:1 ");
    EXPECT_EQ(sorted({"FIND", "KEYS", "LIKE", "user:*"}), all);
    EXPECT_EQ(sorted({"FIND", "LIKE", "KEYS", "user:*"}), all);
    EXPECT_EQ(sorted({"find", "-k", "-l", "user:*"}), all);
    EXPECT_EQ(sorted({"FIND", "REGEX", "^user:[0-9]+$"}), "user:1 user:10 user:2 ");
    EXPECT_EQ(sorted({"find", "-r", "r:[0-9]$"}), "user:1 user:2 ");
    EXPECT_EQ(sorted({"FIND", "LIKE", "user:*", "TYPE", "list"}), "user:list ");
    EXPECT_EQ(sorted({"FIND", "VALUES", "Ann"}), "Ann Ann user:1 user:10 ");
    EXPECT_EQ(sorted({"find", "-v", "-l", "[Aa]nn*", "TYPE", "string"}),
              "Ann Ann annual other user:1 user:10 ");
    EXPECT_EQ(sorted({"find", "-v", "-r", "(?i)^a.*l$"}), "annual other ");
    EXPECT_EQ(s.reply("FIND", "LIKE", "*", "COUNT", "2").elements.size(), 2U);
    EXPECT_EQ(s.reply("FIND", "VALUES", "LIKE", "*", "COUNT", "2").elements.size(), 4U);
    EXPECT_EQ(s.ask("FIND", "KEYS", "nosuch"), "[]");
    Session third = session(3);
    const Reply pairs = third.reply("FIND", "VALUES", "Bob");
    EXPECT_EQ(pairs.type, ReplyType::map);
    EXPECT_EQ(brief(*pairs.find("user:2")), "Bob");
    EXPECT_EQ(third.reply("HELP", "FIND").type, ReplyType::map);
    EXPECT_NE(s.ask("HELP", "FIND").find("summary: Finds keys"), std::string::npos);
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"FIND"},
                                               {"FIND", "a", "b"},
                                               {"FIND", "a", "COUNT", "0"},
                                               {"FIND", "a", "COUNT", "x"},
                                               {"FIND", "REGEX", "(", "COUNT", "1"},
                                               {"FIND", "REGEX", "(a)\\1"},
                                               {"FIND", "REGEX", std::string(5000, 'a')},
                                               {"FIND", "CURSOR", "x", "LIKE", "*"}}) {
        EXPECT_TRUE(s.command(words).is_error()) << words.back();
    }
}

TEST_P(FindTest, ACursorGoesThroughAllOfIt) {
    Session s = session();
    fill(s, 5000);
    std::string cursor = "0";
    std::set<std::string> keys;
    size_t calls = 0;
    do {
        const Reply reply =
            s.reply("FIND", "CURSOR", cursor, "KEYS", "REGEX", "[05]$", "COUNT", "100");
        ASSERT_EQ(reply.elements.size(), 2U);
        cursor = reply.elements[0].text;
        for (const Reply& key : reply.elements[1].elements) keys.insert(key.text);
        ++calls;
    } while (cursor != "0");
    EXPECT_EQ(keys.size(), 1000U);
    EXPECT_GT(calls, 20U);
}

TEST_P(FindTest, InATransactionItSeesOneMomentAndAsAnAliasTheSame) {
    Session s = session();
    EXPECT_EQ(s.ask("ALIAS", "users", "FIND", "LIKE", "user:$1*"), "OK");
    s.ask("MULTI");
    s.ask("MSET", "user:1", "a", "user:2", "b");
    s.ask("users", "");
    s.ask("DEL", "user:1");
    s.ask("FIND", "REGEX", "^user");
    const Reply reply = s.reply("EXEC");
    ASSERT_EQ(reply.elements.size(), 4U);
    EXPECT_EQ(reply.elements[1].elements.size(), 2U);
    EXPECT_EQ(brief(reply.elements[3]), "[user:2]");
    EXPECT_EQ(s.ask("users", "2"), "[user:2]");
}

TEST_P(FindTest, KeysThatStayAreFoundOnceWhileOthersComeAndGo) {
    Session s = session();
    fill(s, 20'000);
    std::atomic<bool> may_stop{false};
    std::thread churn([&] {
        Session other = session();
        for (int index = 0; !may_stop; ++index) {
            const std::string key = "churn:" + std::to_string(index % 5000);
            other.ask(index % 3 == 0 ? "DEL" : "GET", key);
            other.ask("SET", key, std::to_string(index));
            other.ask("SET", name(index % 20'000), "changed");
        }
    });
    for (int round = 0; round < 5; ++round) {
        const Reply reply = s.reply("FIND", "REGEX", "^key:[0-9]+$");
        std::set<std::string> keys;
        for (const Reply& element : reply.elements) keys.insert(element.text);
        EXPECT_EQ(reply.elements.size(), 20'000U);
        EXPECT_EQ(keys.size(), 20'000U);
    }
    may_stop = true;
    churn.join();
}

TEST_P(FindTest, AClientThatLeavesMeanwhileHarmsNobody) {
    Session s = session();
    s.ask("SET", "large", std::string(8'000'000, 'a'));
    for (int round = 0; round < 10; ++round) {
        RawSocket leaving = socket();
        leaving.send("FIND VALUES REGEX (a?){100}b\r\n");
        leaving.close();
    }
    EXPECT_EQ(s.reply("FIND", "VALUES", "REGEX", "^a+$").elements.size(), 2U);
    EXPECT_TRUE(wait_until([&] { return s.info_number("clients", "connected_clients") == 1; }));
    EXPECT_EQ(s.ask("DEBUG", "MEMORY-CHECK"), ":0");
}

GYRE_INSTANTIATE(FindTest);

}  // namespace
}  // namespace gyre::test
