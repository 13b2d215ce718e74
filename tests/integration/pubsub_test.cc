// SPDX-License-Identifier: BSD-3-Clause

// Publish and subscribe over sockets: reactors among themselves, subscribers that stall or leave,
// many channels, events on time.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class PubsubTest : public ServerTest {
protected:
    static std::string message(const std::string& channel, const std::string& payload) {
        return encode({"message", channel, payload});
    }
    /// A connection that is subscribed to the channel.
    RawSocket subscriber(const std::string& channel) {
        RawSocket made = socket();
        made.command({"SUBSCRIBE", channel});
        return made;
    }
};

TEST_P(PubsubTest, MessagesOfAPublisherArriveInOrderWithEverySubscriber) {
    start();
    std::vector<RawSocket> subscribers;
    for (int index = 0; index < 20; ++index) subscribers.push_back(subscriber("a"));
    RawSocket publisher = socket();
    std::string sent;
    std::string wanted;
    for (int index = 0; index < 500; ++index) {
        sent += encode({"PUBLISH", "a", std::to_string(index)});
        wanted += message("a", std::to_string(index));
    }
    ASSERT_TRUE(publisher.send_while_reading(sent));
    for (const Frame& reply : publisher.read_frames(500)) EXPECT_EQ(reply.integer(), 20);
    for (RawSocket& one : subscribers) {
        std::string got;
        for (const Frame& frame : one.read_frames(500)) got += frame.raw;
        ASSERT_EQ(got, wanted);
    }
}

/// Those that wait for a round to many subscribers, too.
TEST_P(PubsubTest, MessagesThatWaitGoBeforeTheServerEnds) {
    start();
    std::vector<RawSocket> subscribers;
    for (int index = 0; index < 200; ++index) subscribers.push_back(subscriber("a"));
    RawSocket publisher = socket();
    for (const char* payload : {"1", "2", "3"}) {
        EXPECT_EQ(publisher.command({"PUBLISH", "a", payload}).integer(), 200);
    }
    publisher.send(encode({"SHUTDOWN", "NOSAVE"}));
    const std::string wanted = message("a", "1") + message("a", "2") + message("a", "3");
    for (RawSocket& one : subscribers) ASSERT_EQ(one.read_to_end(), wanted);
    EXPECT_EQ(server().wait_exit(), 0);
}

TEST_P(PubsubTest, ASubscriberThatDoesNotReadIsCutAndTheOthersGetAll) {
    start({"--client-output-buffer-limit", "pubsub 4mb 0 0"});
    RawSocket stalled = subscriber("a");
    RawSocket other = subscriber("a");
    Session publisher = session();
    const std::string payload(100'000, 'x');
    constexpr int kMessages = 300;
    // The reader stays within ten messages, whatever the machine is busy with.
    constexpr int kAhead = 10;
    std::atomic<int> read{0};
    std::thread reader([&] {
        for (int index = 0; index < kMessages; ++index) {
            const auto frame = other.read_frame();
            EXPECT_TRUE(frame && frame->items.size() == 3 && frame->items[2].text == payload);
            read.fetch_add(1);
        }
    });
    for (int index = 0; index < kMessages; ++index) {
        while (read.load() + kAhead < index) std::this_thread::yield();
        publisher.ask("PUBLISH", "a", payload);
    }
    reader.join();
    EXPECT_TRUE(wait_until([&] { return publisher.ask("PUBSUB", "NUMSUB", "a") == "[a :1]"; }));
    EXPECT_EQ(publisher.info("stats", "client_output_buffer_limit_disconnections"), "1");
    EXPECT_EQ(publisher.ask("PING"), "PONG");
}

/// Behind the reply of EXEC, whole, and before what comes later.
TEST_P(PubsubTest, WhoUnsubscribesInATransactionGetsItsOwnMessagesFirst) {
    start();
    const auto run = [this](std::vector<std::vector<std::string>> commands) {
        RawSocket client = socket();
        std::string text;
        for (const auto& words : commands) text += encode(words);
        EXPECT_TRUE(client.send_while_reading(text + encode({"QUIT"})));
        return client.read_to_end();
    };
    const std::string queued = "+QUEUED\r\n";
    const std::string subscribed = "*3\r\n$9\r\nsubscribe\r\n$2\r\ns1\r\n:1\r\n";
    const std::string unsubscribed = "*3\r\n$11\r\nunsubscribe\r\n$2\r\ns1\r\n:0\r\n";
    EXPECT_EQ(run({{"MULTI"},
                   {"SUBSCRIBE", "s1"},
                   {"PUBLISH", "s1", "hi"},
                   {"UNSUBSCRIBE"},
                   {"EXEC"},
                   {"PING"}}),
              "+OK\r\n" + queued + queued + queued + "*3\r\n" + subscribed + ":1\r\n" +
                  unsubscribed + message("s1", "hi") + "+PONG\r\n+OK\r\n");
    const std::string text = run({{"HELLO", "3"},
                                  {"SUBSCRIBE", "s1"},
                                  {"CLIENT", "REPLY", "OFF"},
                                  {"MULTI"},
                                  {"PUBLISH", "s1", std::string(40'000, 'x')},
                                  {"UNSUBSCRIBE", "s1"},
                                  {"EXEC"},
                                  {"CLIENT", "REPLY", "ON"}});
    EXPECT_NE(text.find(">3\r\n$7\r\nmessage\r\n$2\r\ns1\r\n$40000\r\nx"), std::string::npos)
        << text.substr(0, 1000);
}

TEST_P(PubsubTest, NothingIsLeftOfClientsThatLeave) {
    start();
    Session control = session();
    {
        std::vector<RawSocket> subscribers;
        for (int index = 0; index < 50; ++index) {
            subscribers.push_back(subscriber("a"));
            subscribers.back().command({"PSUBSCRIBE", "p" + std::to_string(index)});
            subscribers.back().command({"SSUBSCRIBE", "s"});
        }
        EXPECT_EQ(control.info("clients", "pubsub_clients"), "50");
        EXPECT_EQ(control.info("stats", "pubsub_patterns"), "50");
        EXPECT_EQ(control.info("stats", "pubsub_channels"), "1");
        EXPECT_EQ(control.info("stats", "pubsubshard_channels"), "1");
        // One is killed while messages are on their way.
        control.ask("PUBLISH", "a", "x");
        control.ask("CLIENT", "KILL", "TYPE", "pubsub");
    }
    EXPECT_TRUE(
        wait_until([&] { return control.info("stats", "gyre_pubsub_subscriptions") == "0"; }));
    EXPECT_EQ(control.ask("PUBLISH", "a", "x"), ":0");
    EXPECT_EQ(control.ask("PUBSUB", "CHANNELS"), "[]");
}

TEST_P(PubsubTest, ManyChannelsOfOneClient) {
    start();
    constexpr int kChannels = 100'000;
    Session control = session();
    RawSocket one = socket();
    std::string bytes;
    for (int index = 0; index < kChannels; ++index) {
        bytes += encode({"SUBSCRIBE", "channel:" + std::to_string(index)});
    }
    ASSERT_TRUE(one.send_while_reading(bytes));
    ASSERT_EQ(one.read_frames(kChannels).back().items[2].integer(), kChannels);
    EXPECT_EQ(control.info("stats", "pubsub_channels"), std::to_string(kChannels));
    EXPECT_EQ(control.reply("LIST_CHANNELS").elements.size(), size_t{kChannels});
    EXPECT_EQ(control.ask("PUBSUB", "CHANNELS", "channel:99999"), "[channel:99999]");
    EXPECT_EQ(control.ask("PUBLISH", "channel:4711", "x"), ":1");
    EXPECT_EQ(one.read_frame()->raw, message("channel:4711", "x"));
    one.close();
    EXPECT_TRUE(wait_until([&] { return control.info("stats", "pubsub_channels") == "0"; }));
}

TEST_P(PubsubTest, ASubscriberIsNotIdle) {
    start({"--timeout", "1"});
    RawSocket idle = socket();
    RawSocket listening = subscriber("a");
    EXPECT_TRUE(idle.is_closed_by_peer());
    Session control = session();
    EXPECT_EQ(control.ask("PUBLISH", "a", "x"), ":1");
    EXPECT_EQ(listening.read_frame()->raw, message("a", "x"));
}

TEST_P(PubsubTest, AKeyThatExpiresSaysSoWhenItIsDue) {
    start({"--notify-keyspace-events", "Ex"});
    RawSocket listening = subscriber("__keyevent@0__:expired");
    Session control = session();
    for (int index = 0; index < 50; ++index) {
        control.ask("SET", "key" + std::to_string(index), "x", "PX", "50");
    }
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(listening.read_frames(50).size(), 50U);
    const auto took = std::chrono::steady_clock::now() - begin;
    // Nobody looks at the keys; a busy machine may take its time.
    EXPECT_LT(took, std::chrono::seconds(5));
    EXPECT_EQ(control.ask("DBSIZE"), ":0");
}

GYRE_INSTANTIATE(PubsubTest);

}  // namespace
}  // namespace gyre::test
