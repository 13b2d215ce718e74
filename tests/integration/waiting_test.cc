// SPDX-License-Identifier: BSD-3-Clause

// Commands that wait for keys, over sockets: elements among producers and consumers of several
// reactors, time, and connections that end in the middle.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class WaitingTest : public ServerTest {
protected:
    /// A connection whose command waits.
    RawSocket waiter(Session& control, const std::vector<std::string>& command) {
        const int64_t before = control.info_number("clients", "blocked_clients");
        RawSocket made = socket();
        made.send(encode(command));
        EXPECT_TRUE(wait_until(
            [&] { return control.info_number("clients", "blocked_clients") == before + 1; }));
        return made;
    }
    static std::string pair(const std::string& key, const std::string& value) {
        return encode({key, value});
    }
};

TEST_P(WaitingTest, EveryElementGoesToOneConsumerAndInOrder) {
    start();
    constexpr int kProducers = 3;
    constexpr int kConsumers = 4;
    constexpr int kKeys = 5;
    constexpr int kElements = 2000;  // of each producer
    std::vector<RawSocket> sockets;
    for (int index = 0; index < kProducers + kConsumers; ++index) sockets.push_back(socket());
    std::vector<std::thread> threads;
    for (int producer = 0; producer < kProducers; ++producer) {
        threads.emplace_back([&, producer] {
            RawSocket& mine = sockets[static_cast<size_t>(producer)];
            for (int index = 0; index < kElements; ++index) {
                mine.command({"RPUSH", "k" + std::to_string(index % kKeys),
                              std::to_string(producer) + ":" + std::to_string(index)});
            }
        });
    }
    std::vector<std::vector<std::pair<std::string, std::string>>> taken(kConsumers);
    std::atomic<int> left{kProducers * kElements};
    for (int consumer = 0; consumer < kConsumers; ++consumer) {
        threads.emplace_back([&, consumer] {
            RawSocket& mine = sockets[static_cast<size_t>(kProducers + consumer)];
            std::vector<std::string> command{"BLPOP"};
            for (int key = 0; key < kKeys; ++key) command.push_back("k" + std::to_string(key));
            command.push_back("0.2");
            while (left.load() > 0) {
                const Frame reply = mine.command(command);
                if (reply.items.size() != 2) continue;
                taken[static_cast<size_t>(consumer)].emplace_back(reply.items[0].text,
                                                                  reply.items[1].text);
                left.fetch_sub(1);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(left.load(), 0);
    std::map<std::string, int> seen;
    for (const auto& list : taken) {
        std::map<std::string, int> newest;  // of a producer in a key, as this consumer saw them
        for (const auto& [key, element] : list) {
            EXPECT_EQ(++seen[element], 1) << element;
            const size_t colon = element.find(':');
            const int number = std::stoi(element.substr(colon + 1));
            auto [place, is_first] = newest.emplace(key + element.substr(0, colon), number);
            EXPECT_TRUE(is_first || place->second < number) << key << ' ' << element;
            place->second = number;
        }
    }
    EXPECT_EQ(seen.size(), size_t{kProducers} * kElements);
    EXPECT_EQ(session().ask("DBSIZE"), ":0");
}

TEST_P(WaitingTest, NothingIsLostOrDoubledOnTheWayThroughMoves) {
    start();
    constexpr int kElements = 3000;
    constexpr int kStages = 4;
    std::vector<RawSocket> movers;
    for (int stage = 0; stage < kStages; ++stage) movers.push_back(socket());
    std::vector<std::thread> threads;
    for (int stage = 0; stage < kStages; ++stage) {
        threads.emplace_back([&, stage] {
            RawSocket& mine = movers[static_cast<size_t>(stage)];
            for (int index = 0; index < kElements; ++index) {
                const Frame moved =
                    mine.command({"BLMOVE", "s" + std::to_string(stage),
                                  "s" + std::to_string(stage + 1), "LEFT", "RIGHT", "60"});
                ASSERT_EQ(moved.text, std::to_string(index));
            }
        });
    }
    RawSocket producer = socket();
    for (int index = 0; index < kElements; ++index) {
        producer.command({"RPUSH", "s0", std::to_string(index)});
    }
    for (std::thread& thread : threads) thread.join();
    Session control = session();
    EXPECT_EQ(control.ask("LLEN", "s" + std::to_string(kStages)), ":" + std::to_string(kElements));
    EXPECT_EQ(control.ask("DBSIZE"), ":1");
}

TEST_P(WaitingTest, TheLongestWaitingIsServedFirstWhereverItsHomeIs) {
    start();
    Session control = session();
    std::vector<RawSocket> waiters;
    for (int index = 0; index < 10; ++index)
        waiters.push_back(waiter(control, {"BRPOP", "a", "0"}));
    for (int index = 0; index < 10; ++index) control.ask("LPUSH", "a", std::to_string(index));
    for (int index = 0; index < 10; ++index) {
        EXPECT_EQ(waiters[static_cast<size_t>(index)].read_frame()->raw,
                  pair("a", std::to_string(index)));
    }
    EXPECT_EQ(control.info("clients", "total_blocking_keys"), "0");
}

TEST_P(WaitingTest, WhoHangsUpTakesNothing) {
    start();
    Session control = session();
    {
        RawSocket closed = waiter(control, {"BLPOP", "a", "0"});
        RawSocket half = waiter(control, {"BLPOP", "a", "0"});
        EXPECT_EQ(control.info("clients", "total_blocking_keys"), "1");
        half.shutdown_write();
        EXPECT_TRUE(half.is_closed_by_peer());
    }
    EXPECT_TRUE(wait_until([&] { return control.info("clients", "blocked_clients") == "0"; }));
    EXPECT_EQ(control.ask("RPUSH", "a", "x"), ":1");
    EXPECT_EQ(control.ask("LLEN", "a"), ":1");
    EXPECT_EQ(control.info("clients", "total_blocking_keys"), "0");
}

TEST_P(WaitingTest, WhoIsKilledTakesNothing) {
    start();
    Session control = session();
    RawSocket killed = socket();
    const std::string id = std::to_string(killed.command({"CLIENT", "ID"}).integer());
    killed.send(encode({"BLPOP", "a", "0"}));
    ASSERT_TRUE(wait_until([&] { return control.info("clients", "blocked_clients") == "1"; }));
    EXPECT_EQ(control.ask("CLIENT", "KILL", "ID", id), ":1");
    EXPECT_EQ(control.ask("RPUSH", "a", "x"), ":1");
    EXPECT_EQ(control.ask("LLEN", "a"), ":1");
    EXPECT_TRUE(killed.is_closed_by_peer());
}

TEST_P(WaitingTest, ATimeoutIsKeptAndTheConnectionGoesOn) {
    start();
    RawSocket one = socket();
    const auto begun = std::chrono::steady_clock::now();
    one.send(encode({"BLPOP", "a", "0.15"}) + encode({"PING"}));
    EXPECT_EQ(one.read_frame()->raw, "*-1\r\n");
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(150));
    EXPECT_EQ(one.read_frame()->raw, "+PONG\r\n");
    EXPECT_EQ(one.command({"BRPOPLPUSH", "a", "b", "0.01"}).raw, "*-1\r\n");
    EXPECT_EQ(session().info("clients", "blocked_clients"), "0");
}

TEST_P(WaitingTest, WhatIsSentDuringTheWaitRunsAfterIt) {
    start();
    Session control = session();
    RawSocket one = waiter(control, {"BLPOP", "a", "0"});
    const std::string value(300'000, 'v');
    one.send(encode({"PING"}));
    one.send(encode({"SET", "large", value}).substr(0, 100'000));
    one.send(encode({"SET", "large", value}).substr(100'000));
    one.send(encode({"BLPOP", "b", "0"}) + encode({"GET", "large"}));
    EXPECT_EQ(control.ask("EXISTS", "large"), ":0");
    EXPECT_EQ(control.ask("RPUSH", "a", "x"), ":1");
    EXPECT_EQ(one.read_frame()->raw, pair("a", "x"));
    EXPECT_EQ(one.read_frame()->raw, "+PONG\r\n");
    EXPECT_EQ(one.read_frame()->raw, "+OK\r\n");
    control.ask("RPUSH", "b", "y");
    EXPECT_EQ(one.read_frame()->raw, pair("b", "y"));
    EXPECT_EQ(one.read_frame()->text, value);
}

TEST_P(WaitingTest, WhoSendsTooMuchDuringTheWaitIsCut) {
    start({"--client-query-buffer-limit", "1mb"});
    Session control = session();
    RawSocket one = waiter(control, {"BLPOP", "a", "0"});
    std::string flood;
    while (flood.size() < 4'000'000) flood += encode({"SET", "k", std::string(1000, 'x')});
    one.send(flood);
    EXPECT_TRUE(wait_until([&] { return control.info("clients", "blocked_clients") == "0"; }));
    EXPECT_EQ(control.ask("EXISTS", "k"), ":0");
    EXPECT_EQ(control.ask("RPUSH", "a", "x"), ":1");
}

TEST_P(WaitingTest, RepliesSwitchedOffStayOff) {
    start();
    Session control = session();
    RawSocket one = socket();
    one.send(encode({"CLIENT", "REPLY", "OFF"}) + encode({"BLPOP", "a", "0"}) +
             encode({"CLIENT", "REPLY", "ON"}) + encode({"CLIENT", "REPLY", "SKIP"}) +
             encode({"BLPOP", "b", "0"}) + encode({"PING"}));
    ASSERT_TRUE(wait_until([&] { return control.info("clients", "blocked_clients") == "1"; }));
    control.ask("RPUSH", "a", "x");
    EXPECT_EQ(one.read_frame()->raw, "+OK\r\n");
    control.ask("RPUSH", "b", "x");
    EXPECT_EQ(one.read_frame()->raw, "+PONG\r\n");
    EXPECT_EQ(control.ask("DBSIZE"), ":0");
}

TEST_P(WaitingTest, MessagesReachWhoWaits) {
    start();
    Session control = session();
    RawSocket one = socket();
    one.command({"HELLO", "3"});
    one.command({"SUBSCRIBE", "c"});
    one.send(encode({"BLPOP", "a", "0"}));
    ASSERT_TRUE(wait_until([&] { return control.info("clients", "blocked_clients") == "1"; }));
    control.ask("PUBLISH", "c", "hello");
    EXPECT_EQ(one.read_frame()->items[2].text, "hello");
    control.ask("RPUSH", "a", "x");
    EXPECT_EQ(one.read_frame()->raw, pair("a", "x"));
}

TEST_P(WaitingTest, AMessageComesBeforeTheElementThatWasPushedAfterIt) {
    start();
    Session control = session();
    RawSocket one = socket();
    RawSocket other = socket();
    one.command({"HELLO", "3"});
    one.command({"SUBSCRIBE", "c"});
    for (int round = 0; round < 50; ++round) {
        one.send(encode({"BLPOP", "a", "0"}));
        ASSERT_TRUE(wait_until([&] { return control.info("clients", "blocked_clients") == "1"; }));
        other.send(encode({"PUBLISH", "c", "hello"}) + encode({"RPUSH", "a", "x"}));
        EXPECT_EQ(other.read_frames(2).size(), 2U);
        const Frame message = *one.read_frame();
        ASSERT_EQ(message.items.size(), 3U) << message.raw;
        EXPECT_EQ(one.read_frame()->raw, pair("a", "x"));
    }
}

// The keys lie in two shards: whoever deletes one stream and whoever adds to the other are at the
// same waiters at once.
TEST_P(WaitingTest, OfTwoWhoServeAWaiterAtOnceOneDoes) {
    start();
    constexpr int kWaiters = 8;
    RawSocket deleting = socket();
    RawSocket adding = socket();
    std::vector<RawSocket> waiters;
    for (int index = 0; index < kWaiters; ++index) waiters.push_back(socket());
    Session control = session();
    for (int round = 0; round < 60; ++round) {
        deleting.command({"DEL", "a", "b"});
        deleting.command({"XGROUP", "CREATE", "a", "g", "$", "MKSTREAM"});
        deleting.command({"XGROUP", "CREATE", "b", "g", "$", "MKSTREAM"});
        for (RawSocket& waiter : waiters) {
            waiter.send(encode(
                {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", "b", ">", ">"}));
        }
        ASSERT_TRUE(wait_until(
            [&] { return control.info_number("clients", "blocked_clients") == kWaiters; }));
        std::string entries;
        for (int index = 0; index < kWaiters; ++index) {
            entries += encode({"XADD", "b", "*", "f", "v"});
        }
        adding.send(entries);
        deleting.send(encode({"DEL", "a"}));
        EXPECT_EQ(adding.read_frames(kWaiters).size(), static_cast<size_t>(kWaiters));
        EXPECT_TRUE(deleting.read_frame().has_value());
        for (RawSocket& waiter : waiters) {
            const Frame reply = *waiter.read_frame();
            const bool is_entry = reply.raw.starts_with("*1\r\n*2\r\n$1\r\nb\r\n*1\r\n");
            EXPECT_TRUE(is_entry || reply.raw.starts_with("-NOGROUP")) << reply.raw;
        }
    }
}

TEST_P(WaitingTest, APauseHoldsBackTheCommandAndNotTheWait) {
    start();
    Session control = session();
    RawSocket early = waiter(control, {"BLPOP", "a", "0.1"});
    control.ask("CLIENT", "PAUSE", "100000", "WRITE");
    RawSocket late = waiter(control, {"BLPOP", "a", "0"});
    EXPECT_EQ(early.read_frame()->raw, "*-1\r\n");
    const std::string id = control.ask("CLIENT", "ID").substr(1);
    EXPECT_EQ(control.ask("CLIENT", "UNBLOCK", std::to_string(std::stoi(id) + 2)), ":0");
    control.ask("CLIENT", "UNPAUSE");
    control.ask("RPUSH", "a", "x");
    EXPECT_EQ(late.read_frame()->raw, pair("a", "x"));
}

TEST_P(WaitingTest, AShutdownDoesNotWaitForThoseWhoWait) {
    start();
    Session control = session();
    std::vector<RawSocket> waiters;
    for (int index = 0; index < 8; ++index) waiters.push_back(waiter(control, {"BLPOP", "a", "0"}));
    RawSocket last = socket();
    last.send(encode({"SHUTDOWN", "NOSAVE"}));
    for (RawSocket& one : waiters) EXPECT_TRUE(one.is_closed_by_peer());
    EXPECT_TRUE(last.is_closed_by_peer());
}

TEST_P(WaitingTest, TimesOfWaitingAreNotTimesOfRunning) {
    start({"--slowlog-log-slower-than", "50000"});
    Session control = session();
    EXPECT_EQ(control.ask("BLPOP", "a", "0.2"), "(nil)");
    EXPECT_EQ(control.ask("SLOWLOG", "LEN"), ":0");
    const std::string figures = control.info("commandstats", "cmdstat_blpop");
    EXPECT_TRUE(figures.starts_with("calls=1,")) << figures;
    EXPECT_TRUE(figures.ends_with("rejected_calls=0,failed_calls=0")) << figures;
}

GYRE_INSTANTIATE(WaitingTest);

}  // namespace
}  // namespace gyre::test
