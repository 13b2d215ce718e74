// SPDX-License-Identifier: BSD-3-Clause

// Goal: SORT sees one moment of all keys its patterns lead to, though nobody knows them before, and
// whoever writes them meanwhile comes before or behind it.

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class SortTest : public ServerTest {
protected:
    static constexpr int kElements = 12;  // few, so that not all shards are locked
    static constexpr int kRounds = 1500;

    static std::vector<std::string> set_all(const std::string& value) {
        std::vector<std::string> words{"MSET"};
        for (int i = 0; i < kElements; ++i) {
            words.push_back("w_" + std::to_string(i));
            words.push_back(value);
        }
        return words;
    }
    /// Sets all weights to one number after another until it is told to stop.
    std::thread writer(std::atomic<bool>& is_over) {
        return std::thread([&is_over, mine = socket()]() mutable {
            for (int value = 0; !is_over; ++value) mine.command(set_all(std::to_string(value)));
        });
    }
};

TEST_P(SortTest, WeightsAreOfOneMoment) {
    start();
    Session s = session();
    for (int i = 0; i < kElements; ++i) s.ask("RPUSH", "l", std::to_string(i));
    s.command(set_all("0"));
    std::atomic<bool> is_over{false};
    std::thread other = writer(is_over);
    int torn = 0;
    RawSocket mine = socket();
    for (int round = 0; round < kRounds; ++round) {
        std::set<std::string> seen;
        for (const Frame& value : mine.command({"SORT", "l", "GET", "w_*"}).items) {
            seen.insert(value.text);
        }
        torn += seen.size() == 1 ? 0 : 1;
    }
    is_over = true;
    other.join();
    EXPECT_EQ(torn, 0);
}

TEST_P(SortTest, ElementsThatChangeLeadToTheirOwnKeys) {
    start();
    Session s = session();
    s.command(set_all("0"));
    for (int i = 0; i < kElements; ++i) s.ask("SET", "d_" + std::to_string(i), std::to_string(i));
    std::atomic<bool> is_over{false};
    // Another list each time: what was locked for the one before is not enough.
    std::thread other([&is_over, mine = socket()]() mutable {
        for (int round = 0; !is_over; ++round) {
            const std::string first = std::to_string(round % kElements);
            const std::string second = std::to_string((round * 5 + 1) % kElements);
            mine.send(encode({"MULTI"}) + encode({"DEL", "l"}) +
                      encode({"RPUSH", "l", first, second}) + encode({"EXEC"}));
            for (int reply = 0; reply < 4; ++reply) mine.read_frame();
        }
    });
    RawSocket mine = socket();
    for (int round = 0; round < kRounds; ++round) {
        const Frame reply = mine.command({"SORT", "l", "BY", "w_*", "GET", "#", "GET", "d_*"});
        for (size_t i = 0; i + 1 < reply.items.size(); i += 2) {
            EXPECT_EQ(reply.items[i].text, reply.items[i + 1].text);
        }
    }
    is_over = true;
    other.join();
}

TEST_P(SortTest, WhatIsStoredIsServedToWhoWaitsForIt) {
    start();
    Session s = session();
    s.ask("RPUSH", "l", "3", "1", "2");
    s.command(set_all("7"));
    RawSocket waiter = socket();
    waiter.send(encode({"BLPOP", "d", "0"}));
    ASSERT_TRUE(wait_until([&] { return s.info_number("clients", "blocked_clients") == 1; }));
    EXPECT_EQ(s.ask("SORT", "l", "BY", "w_*", "STORE", "d"), ":3");
    EXPECT_EQ(waiter.read_frame()->items[1].text, "1");
    EXPECT_EQ(s.number("LLEN", "d"), 2);
}

TEST_P(SortTest, ManyElementsLeadEverywhere) {
    start();
    Session s = session();
    std::vector<std::string> push{"RPUSH", "l"};
    std::vector<std::string> weights{"MSET"};
    for (int i = 0; i < 3000; ++i) {
        push.push_back(std::to_string(i));
        weights.push_back("w_" + std::to_string(i));
        weights.push_back(std::to_string(-i));
    }
    s.command(push);
    s.command(weights);
    EXPECT_EQ(s.ask("SORT", "l", "BY", "w_*", "STORE", "d"), ":3000");
    EXPECT_EQ(s.ask("LINDEX", "d", "0"), "2999");
    EXPECT_EQ(s.ask("LINDEX", "d", "-1"), "0");
}

GYRE_INSTANTIATE(SortTest);

}  // namespace
}  // namespace gyre::test
