// SPDX-License-Identifier: BSD-3-Clause

// Publish and subscribe, and keyspace notifications, without sockets. Replies and the names of
// events were compared with redis-server 7.0.15.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "commands/courier.h"
#include "engine/events.h"
#include "engine/expiry.h"
#include "support/command_runner.h"

namespace {

using gyre::commands::Session;
using gyre::test::CommandRunner;

class PubsubCommandsTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    /// The events published since it was last called, as "channel payload", of a subscriber to all.
    std::vector<std::string> events() {
        std::vector<std::string> found;
        const std::string text = runner_.pushed(*listener_);
        for (size_t at = text.find("*4\r\n"); at != std::string::npos;) {
            const size_t next = text.find("*4\r\n", at + 1);
            const std::string frame = text.substr(at, next - at);
            std::vector<std::string> lines;
            for (size_t from = 0; from < frame.size();) {
                const size_t end = frame.find("\r\n", from);
                lines.push_back(frame.substr(from, end - from));
                from = end + 2;
            }
            found.push_back(lines.at(6) + " " + lines.at(8));
            at = next;
        }
        return found;
    }
    void listen(std::string_view classes) {
        listener_ = &runner_.add_session();
        runner_.run_as(*listener_, {"PSUBSCRIBE", "__key*"});
        runner_.dataset().settings.notified_events = gyre::engine::event_classes(classes).value();
    }
    /// Takes what the session is about to be sent: the bytes, and no message more than that.
    static size_t send(Session& session) {
        gyre::base::OutputBuffer& output = *session.outlet->push_buffer();
        const size_t bytes = output.size();
        output.consume(bytes);
        return bytes;
    }
    std::vector<Session*> listen_to(std::string_view channel, size_t subscribers) {
        std::vector<Session*> listeners;
        for (size_t index = 0; index < subscribers; ++index) {
            listeners.push_back(&runner_.add_session());
            runner_.run_as(*listeners.back(), {"SUBSCRIBE", channel});
        }
        return listeners;
    }
    CommandRunner runner_;
    Session* listener_ = nullptr;
};

using Events = std::vector<std::string>;

TEST_F(PubsubCommandsTest, a_message_is_not_taken_for_one_of_a_channel_that_has_gone) {
    using gyre::engine::Topic;
    using gyre::engine::TopicKind;
    gyre::engine::Pubsub& pubsub = runner_.dataset().pubsub();
    const auto for_each_channel = [&pubsub](const std::function<void(const Topic&)>& visit) {
        for (size_t stripe = 0; stripe < gyre::engine::Pubsub::kStripes; ++stripe) {
            pubsub.for_each(TopicKind::channel, stripe, visit);
        }
    };
    gyre::commands::Courier courier(pubsub.inbox(0));
    Session& listener = runner_.add_session();
    Session& reader = runner_.add_session();
    reader.protocol = 3;
    runner_.run_as(reader, {"CLIENT", "TRACKING", "ON"});
    runner_.run_as(reader, {"GET", "k"});
    runner_.run_as(listener, {"SUBSCRIBE", "a"});
    const Topic* gone = nullptr;
    for_each_channel([&](const Topic& topic) { gone = &topic; });
    run({"PUBLISH", "a", "1"});
    EXPECT_TRUE(courier.run(1));
    runner_.run_as(listener, {"UNSUBSCRIBE", "a"});
    run({"SET", "k", "1"});
    EXPECT_TRUE(courier.run(1)) << "which is word of the key";
    // One of these channels lies where the other did, if memory is used again.
    std::vector<std::string> names;
    for (char name = 'b'; name <= 'z'; ++name) names.emplace_back(1, name);
    for (const std::string& name : names) runner_.run_as(listener, {"SUBSCRIBE", name});
    std::string name = "b";
    for_each_channel([&](const Topic& topic) {
        if (&topic == gone) name = topic.name();
    });
    runner_.pushed(reader);
    runner_.pushed(listener);
    run({"PUBLISH", name, "2"});
    EXPECT_FALSE(courier.run(8));
    EXPECT_EQ(runner_.pushed(listener), "*3\r\n$7\r\nmessage\r\n$1\r\n" + name + "\r\n$1\r\n2\r\n");
}

TEST_F(PubsubCommandsTest, messages_to_many_wait_as_long_as_the_last_ones_took_to_send) {
    using gyre::commands::Courier;
    constexpr size_t kSubscribers = 20;
    constexpr int64_t kTookUs = static_cast<int64_t>(kSubscribers) * Courier::kSendUs;
    Courier courier(runner_.dataset().pubsub().inbox(0));
    const std::vector<Session*> listeners = listen_to("a", kSubscribers);
    const auto heard = [&listeners] {
        size_t bytes = 0;
        for (Session* listener : listeners) bytes = send(*listener);
        return bytes / std::string_view("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n").size();
    };
    EXPECT_EQ(courier.next_round_us(), INT64_MAX) << "nothing is there";
    run({"PUBLISH", "a", "1"});
    EXPECT_LE(courier.next_round_us(), 1000);
    courier.run_round(1000, 500);
    EXPECT_EQ(heard(), 1U) << "the first one waits for nobody";
    EXPECT_EQ(courier.next_round_us(), INT64_MAX);

    run({"PUBLISH", "a", "2"});
    EXPECT_EQ(courier.next_round_us(), 1000 + 2 * kTookUs);
    courier.run_round(1000 + 2 * kTookUs - 1, 500);
    EXPECT_EQ(heard(), 0U);
    run({"PUBLISH", "a", "3"});
    courier.run_round(1000 + 2 * kTookUs, 20);
    EXPECT_EQ(heard(), 2U) << "what has gathered comes together";

    run({"PUBLISH", "a", "4"});
    EXPECT_EQ(courier.next_round_us(), 1000 + 2 * kTookUs + kTookUs + 20) << "no longer than told";
    courier.catch_up();
    EXPECT_EQ(heard(), 1U) << "who runs a command has all of them before its reply";
}

TEST_F(PubsubCommandsTest, a_slice_begins_no_more_sends_than_it_should) {
    using gyre::commands::Courier;
    Courier courier(runner_.dataset().pubsub().inbox(0));
    const auto listeners = listen_to("a", Courier::kSendsPerSlice + 10);
    run({"PUBLISH", "a", "1"});
    courier.run_round(0, 500);
    EXPECT_LE(courier.next_round_us(), 0) << "the rest of them follow in the next turn";
    EXPECT_NE(send(*listeners[Courier::kSendsPerSlice - 1]), 0U);
    EXPECT_EQ(send(*listeners[Courier::kSendsPerSlice]), 0U);
    courier.run_round(1, 500);
    EXPECT_NE(send(*listeners.back()), 0U);
    EXPECT_EQ(courier.next_round_us(), INT64_MAX);
    // But who waits for a reply has what was published before, wherever he stands among them.
    for (Session* listener : listeners) send(*listener);
    run({"PUBLISH", "a", "2"});
    courier.catch_up();
    EXPECT_NE(send(*listeners.back()), 0U);
}

TEST_F(PubsubCommandsTest, messages_need_not_wait_for_others) {
    gyre::commands::Courier courier(runner_.dataset().pubsub().inbox(0));
    const auto listeners = listen_to("a", 20);
    for (int64_t now_us : {1000, 1001, 1002}) {
        run({"PUBLISH", "a", "1"});
        EXPECT_LE(courier.next_round_us(), now_us);
        courier.run_round(now_us, 0);
        for (Session* listener : listeners) EXPECT_NE(send(*listener), 0U);
    }
    // Nor for long when it is said while they do.
    run({"PUBLISH", "a", "1"});
    courier.run_round(2000, 500);
    run({"PUBLISH", "a", "2"});
    EXPECT_GT(courier.next_round_us(), 2001);
    courier.run_round(2001, 0);
    EXPECT_EQ(courier.next_round_us(), INT64_MAX);
}

TEST_F(PubsubCommandsTest, a_subscriber_of_resp2_may_only_ask_for_little) {
    EXPECT_EQ(run({"SUBSCRIBE", "a"}), "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    EXPECT_EQ(run({"CONFIG", "GET", "x"}),
              "-ERR Can't execute 'config|get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
              "QUIT / RESET are allowed in this context\r\n");
    EXPECT_EQ(run({"PUBLISH", "a", "b"}).substr(0, 30), "-ERR Can't execute 'publish': ");
    EXPECT_EQ(run({"PING"}), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    EXPECT_EQ(run({"PING", "x"}), "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
    EXPECT_EQ(run({"UNSUBSCRIBE"}), "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
    EXPECT_EQ(run({"PING"}), "+PONG\r\n");
    EXPECT_EQ(run({"UNSUBSCRIBE"}), "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
}

TEST_F(PubsubCommandsTest, a_subscriber_of_resp3_may_ask_for_anything) {
    runner_.use_resp3();
    EXPECT_EQ(run({"SUBSCRIBE", "a"}), ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    EXPECT_EQ(run({"PUBLISH", "a", "m"}), ":1\r\n");
    EXPECT_EQ(run({"PING"}), "+PONG\r\n");
    EXPECT_EQ(runner_.pushed(runner_.session()), ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
}

TEST_F(PubsubCommandsTest, a_large_message_is_whole) {
    Session& other = runner_.add_session();
    runner_.run_as(other, {"SUBSCRIBE", "a"});
    runner_.run_as(other, {"PSUBSCRIBE", "*"});
    const std::string large(100'000, 'x');
    EXPECT_EQ(run({"PUBLISH", "a", large}), ":2\r\n");
    EXPECT_EQ(runner_.pushed(other),
              "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n" + gyre::test::bulk(large) +
                  "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n" + gyre::test::bulk(large));
}

TEST_F(PubsubCommandsTest, reset_forgets_the_subscriptions) {
    run({"SUBSCRIBE", "a"});
    run({"PSUBSCRIBE", "a"});
    run({"SSUBSCRIBE", "a"});
    EXPECT_EQ(run({"RESET"}), "+RESET\r\n");
    EXPECT_EQ(run({"PUBSUB", "NUMSUB", "a"}), "*2\r\n$1\r\na\r\n:0\r\n");
    EXPECT_EQ(run({"PUBSUB", "NUMPAT"}), ":0\r\n");
    EXPECT_EQ(run({"PUBSUB", "SHARDCHANNELS"}), "*0\r\n");
}

TEST_F(PubsubCommandsTest, channels_are_listed_and_counted) {
    Session& other = runner_.add_session();
    runner_.run_as(other, {"SUBSCRIBE", "one", "two"});
    runner_.run_as(other, {"SSUBSCRIBE", "three"});
    EXPECT_EQ(run({"PUBSUB", "CHANNELS", "t*"}), "*1\r\n$3\r\ntwo\r\n");
    EXPECT_EQ(run({"LIST_CHANNELS", "t*"}), "*1\r\n$3\r\ntwo\r\n");
    EXPECT_EQ(run({"LIST_CHANNELS"}).substr(0, 4), "*2\r\n");
    EXPECT_EQ(run({"LIST_SUBSCRIBERS", "one"}), ":1\r\n");
    EXPECT_EQ(run({"LIST_SUBSCRIBERS", "three"}), ":0\r\n");
    EXPECT_EQ(run({"PUBSUB", "SHARDNUMSUB", "three"}), "*2\r\n$5\r\nthree\r\n:1\r\n");
    EXPECT_EQ(run({"LIST_CHANNELS", "a", "b"}),
              "-ERR wrong number of arguments for 'list_channels' command\r\n");
    const std::string line = run({"CLIENT", "LIST", "TYPE", "pubsub"});
    EXPECT_NE(line.find(" flags=P "), std::string::npos);
    EXPECT_NE(line.find(" sub=2 psub=0 ssub=1 "), std::string::npos);
}

TEST_F(PubsubCommandsTest, the_limit_of_subscriptions_is_an_error_with_its_name) {
    runner_.dataset().pubsub().subscriptions_max = 1;
    EXPECT_EQ(run({"SUBSCRIBE", "a", "b", "c"}),
              "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n-ERR max number of subscriptions reached. "
              "Unsubscribe from some channels, or raise maxsubscriptions\r\n");
}

// --- keyspace notifications ---------------------------------------------------------------------

TEST_F(PubsubCommandsTest, letters_of_classes_are_shown_as_redis_shows_them) {
    const auto shown = [](std::string_view letters) {
        return gyre::engine::event_letters(gyre::engine::event_classes(letters).value());
    };
    EXPECT_EQ(shown("nmEK"), "nKEm");
    EXPECT_EQ(shown("AKEn"), "AKE");
    EXPECT_EQ(shown("g$lshzxetd"), "A");
    EXPECT_EQ(shown("xg"), "gx");
    EXPECT_EQ(shown(""), "");
    EXPECT_FALSE(gyre::engine::event_classes("Kq").has_value());
}

TEST_F(PubsubCommandsTest, nothing_is_published_unless_asked_for) {
    listen("");
    run({"SET", "a", "1"});
    EXPECT_EQ(events(), Events{});
    listen("g$");  // no K and no E
    run({"SET", "a", "1"});
    EXPECT_EQ(events(), Events{});
}

TEST_F(PubsubCommandsTest, an_event_goes_to_the_key_and_to_its_name) {
    listen("KE$");
    run({"SET", "a", "1", "EX", "10"});
    EXPECT_EQ(events(), (Events{"__keyspace@0__:a set", "__keyevent@0__:set a"}));
    run({"SELECT", "3"});
    run({"SET", "a", "1"});
    EXPECT_EQ(events(), (Events{"__keyspace@3__:a set", "__keyevent@3__:set a"}));
}

TEST_F(PubsubCommandsTest, a_key_that_comes_to_its_end_says_so_without_anybody_looking) {
    listen("Kxg");
    run({"SELECT", "2"});
    run({"SET", "a", "1", "PX", "50"});
    EXPECT_EQ(events(), Events{"__keyspace@2__:a expire"});
    runner_.advance_ms(100);
    gyre::engine::ExpiryCycle cycle(runner_.dataset(), runner_.executor(), 0, [] { return 0; });
    cycle.run(runner_.now_ms(), false);
    EXPECT_EQ(events(), Events{"__keyspace@2__:a expired"});
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    EXPECT_EQ(events(), Events{});
}

TEST_F(PubsubCommandsTest, a_key_found_past_its_end_says_so_once) {
    listen("Exm");
    run({"SET", "a", "1", "PX", "50"});
    runner_.advance_ms(100);
    run({"GET", "a"});
    run({"GET", "a"});
    EXPECT_EQ(events(), (Events{"__keyevent@0__:expired a", "__keyevent@0__:keymiss a",
                                "__keyevent@0__:keymiss a"}));
}

TEST_F(PubsubCommandsTest, a_deadline_that_is_past_is_told_of) {
    listen("E$gx");
    run({"SET", "a", "1", "PXAT", "1"});
    EXPECT_EQ(events(), (Events{"__keyevent@0__:set a", "__keyevent@0__:expire a",
                                "__keyevent@0__:expired a"}));
    run({"SET", "b", "1"});
    run({"EXPIRE", "b", "-1"});
    EXPECT_EQ(events(), (Events{"__keyevent@0__:set b", "__keyevent@0__:del b"}));
}

TEST_F(PubsubCommandsTest, what_is_evicted_says_so) {
    listen("Ee");
    runner_.dataset().settings.policy = gyre::engine::EvictionPolicy::allkeys_random;
    run({"SET", "a", "1"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    run({"SET", "b", "1"});
    EXPECT_EQ(events(), Events{"__keyevent@0__:evicted a"});
}

TEST_F(PubsubCommandsTest, a_new_key_and_a_missed_one_have_events_of_their_own) {
    listen("Enm");
    run({"GET", "a"});
    run({"SET", "a", "1"});
    run({"SET", "a", "2"});
    run({"RENAME", "a", "b"});
    run({"OBJECT", "ENCODING", "a"});
    EXPECT_EQ(events(),
              (Events{"__keyevent@0__:keymiss a", "__keyevent@0__:new a", "__keyevent@0__:new b"}));
}

TEST_F(PubsubCommandsTest, commands_of_groups_miss_a_key_that_is_not_there) {
    listen("Em");
    run({"XACK", "a", "g", "1-1"});
    run({"XCLAIM", "b", "g", "c", "0", "1-1"});
    run({"XAUTOCLAIM", "c", "g", "c", "0", "0"});
    EXPECT_EQ(events(), (Events{"__keyevent@0__:keymiss a", "__keyevent@0__:keymiss b",
                                "__keyevent@0__:keymiss c"}));
    // It looks twice, as Redis does, if all of its words are good.
    run({"XREAD", "STREAMS", "a", "b", "0", "$"});
    EXPECT_EQ(events(), (Events{"__keyevent@0__:keymiss a", "__keyevent@0__:keymiss b",
                                "__keyevent@0__:keymiss a", "__keyevent@0__:keymiss b"}));
    run({"XREAD", "STREAMS", "a", "b", "0", "?"});
    EXPECT_EQ(events(), (Events{"__keyevent@0__:keymiss a", "__keyevent@0__:keymiss b"}));
}

TEST_F(PubsubCommandsTest, a_bitfield_that_sets_nothing_is_no_setbit) {
    listen("E$n");
    run({"BITFIELD", "b", "OVERFLOW", "FAIL", "INCRBY", "u2", "0", "7"});
    EXPECT_EQ(events(), Events{"__keyevent@0__:new b"});
    run({"BITFIELD", "b", "OVERFLOW", "FAIL", "INCRBY", "u2", "16", "7"});
    EXPECT_EQ(events(), Events{});
    run({"BITFIELD", "b", "INCRBY", "u2", "0", "7"});
    EXPECT_EQ(events(), Events{"__keyevent@0__:setbit b"});
}

TEST_F(PubsubCommandsTest, a_transaction_subscribes_to_no_shard_channels) {
    run({"MULTI"});
    run({"SSUBSCRIBE", "a"});
    run({"SUBSCRIBE", "a"});
    run({"SUNSUBSCRIBE", "a"});
    EXPECT_EQ(run({"EXEC"}),
              "*3\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n"
              "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
              "*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n");
    EXPECT_EQ(run({"SSUBSCRIBE", "a"}), "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n");
}

TEST_F(PubsubCommandsTest, who_unsubscribes_in_a_transaction_gets_what_it_has_published) {
    run({"MULTI"});
    run({"SUBSCRIBE", "a", "b"});
    run({"PUBLISH", "b", "1"});
    run({"PUBLISH", "a", "2"});
    run({"UNSUBSCRIBE", "a"});
    run({"PUBLISH", "a", "nobody"});
    run({"PUBLISH", "b", "3"});
    run({"UNSUBSCRIBE", "b"});
    run({"SUBSCRIBE", "b"});
    run({"PUBLISH", "b", "4"});
    run({"EXEC"});
    const auto message = [](const std::string& channel, const std::string& payload) {
        return "*3\r\n$7\r\nmessage\r\n$1\r\n" + channel + "\r\n$1\r\n" + payload + "\r\n";
    };
    // Each once, and in their order.
    EXPECT_EQ(runner_.pushed(runner_.session()),
              message("b", "1") + message("a", "2") + message("b", "3") + message("b", "4"));
}

// --- MONITOR ------------------------------------------------------------------------------------

TEST_F(PubsubCommandsTest, monitor_shows_commands_that_ran_with_secrets_hidden) {
    Session& monitor = runner_.add_session();
    EXPECT_EQ(runner_.run_as(monitor, {"MONITOR"}), "+OK\r\n");
    EXPECT_EQ(runner_.run_as(monitor, {"MONITOR"}), "");
    EXPECT_EQ(runner_.run_as(monitor, {"GET", "a"}),
              "-ERR Replica can't interact with the keyspace\r\n");
    const std::string begin = "+1700000000.000000 [0 127.0.0.1:50000] ";
    const auto shown = [&](std::initializer_list<std::string_view> words) {
        run(words);
        return runner_.pushed(monitor);
    };
    EXPECT_EQ(shown({"set", "a", std::string_view("x\0\"", 3)}),
              begin + "\"set\" \"a\" \"x\\x00\\\"\"\r\n");
    EXPECT_EQ(shown({"AUTH", "me", "secret"}),
              begin + "\"AUTH\" \"(redacted)\" \"(redacted)\"\r\n");
    EXPECT_EQ(shown({"HELLO", "2", "AUTH", "default", "secret", "SETNAME", "n"}),
              begin +
                  "\"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\" \"SETNAME\" "
                  "\"n\"\r\n");
    // What is refused did not run; what administrates is nobody's business.
    EXPECT_EQ(shown({"GET"}), "");
    EXPECT_EQ(shown({"CONFIG", "SET", "requirepass", "secret"}), "");
    // The commands of a transaction run when EXEC does.
    EXPECT_EQ(shown({"MULTI"}), begin + "\"MULTI\"\r\n");
    EXPECT_EQ(shown({"INCR", "n"}), "");
    EXPECT_EQ(shown({"EXEC"}), begin + "\"INCR\" \"n\"\r\n" + begin + "\"EXEC\"\r\n");
    // A long argument is in a block of its own on its way.
    const std::string large(50'000, 'x');
    EXPECT_EQ(shown({"ECHO", large}), begin + "\"ECHO\" \"" + large + "\"\r\n");
    EXPECT_NE(run({"CLIENT", "LIST"}).find(" flags=O "), std::string::npos);
    EXPECT_EQ(runner_.run_as(monitor, {"RESET"}), "+RESET\r\n");
    EXPECT_EQ(shown({"PING"}), "");
}

TEST_F(PubsubCommandsTest, monitor_within_a_transaction_is_refused) {
    run({"MULTI"});
    run({"MONITOR"});
    EXPECT_EQ(run({"EXEC"}), "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n");
}

TEST_F(PubsubCommandsTest, sort_tells_what_it_stores) {
    run({"RPUSH", "l", "2", "1"});
    listen("KEA");
    run({"SORT", "l"});
    EXPECT_EQ(events(), Events{});
    run({"SORT", "l", "STORE", "d"});
    EXPECT_EQ(events(), (Events{"__keyspace@0__:d sortstore", "__keyevent@0__:sortstore d"}));
    run({"SORT", "none", "STORE", "d"});
    EXPECT_EQ(events(), (Events{"__keyspace@0__:d del", "__keyevent@0__:del d"}));
    run({"SORT", "none", "STORE", "d"});
    EXPECT_EQ(events(), Events{});
}

// What the wheels remove when their time comes, without a command that looks.
class ExpiryEventsTest : public PubsubCommandsTest {
protected:
    /// As the worker does between its turns.
    void run_expiry() {
        while (cycle_.run(runner_.now_ms(), false)) {
        }
    }
    int64_t clock_us_ = 0;
    gyre::engine::ExpiryCycle cycle_{runner_.dataset(), runner_.executor(), 0,
                                     [this] { return clock_us_; }};
};

TEST_F(ExpiryEventsTest, fields_that_the_wheel_removes_are_told_once_for_each_hash) {
    run({"HSET", "h", "a", "1", "b", "2", "c", "3"});
    run({"HPEXPIRE", "h", "1000", "FIELDS", "2", "a", "b"});
    listen("KEA");
    runner_.advance_ms(1000);
    run_expiry();
    EXPECT_EQ(events(), Events{});
    runner_.advance_ms(8);
    run_expiry();
    EXPECT_EQ(events(), (Events{"__keyspace@0__:h hexpired", "__keyevent@0__:hexpired h"}));
    EXPECT_EQ(run({"HKEYS", "h"}), "*1\r\n$1\r\nc\r\n");
    const auto statistics = cycle_.statistics();
    EXPECT_EQ(statistics.lateness_ms.count(), 2U);
    EXPECT_EQ(statistics.lateness_ms.max(), 8);
    EXPECT_EQ(statistics.removed, 0U);
    run_expiry();
    EXPECT_EQ(events(), Events{});
}

TEST_F(ExpiryEventsTest, a_hash_goes_with_its_last_field) {
    run({"HSET", "h", "a", "1", "b", "2"});
    run({"HPEXPIRE", "h", "500", "FIELDS", "1", "a"});
    run({"HPEXPIRE", "h", "700", "FIELDS", "1", "b"});
    listen("Egh");
    runner_.advance_ms(510);
    run_expiry();
    EXPECT_EQ(events(), (Events{"__keyevent@0__:hexpired h"}));
    runner_.advance_ms(200);
    run_expiry();
    EXPECT_EQ(events(), (Events{"__keyevent@0__:hexpired h", "__keyevent@0__:del h"}));
    EXPECT_EQ(runner_.find("h"), nullptr);
    EXPECT_EQ(cycle_.statistics().lateness_ms.count(), 2U);
    EXPECT_LE(cycle_.statistics().lateness_ms.max(), 10);
}

TEST_F(ExpiryEventsTest, a_hash_that_is_due_itself_expires) {
    run({"HSET", "h", "a", "1"});
    run({"HPEXPIRE", "h", "500", "FIELDS", "1", "a"});
    run({"PEXPIRE", "h", "500"});
    listen("EA");
    runner_.advance_ms(510);
    run_expiry();
    EXPECT_EQ(events(), (Events{"__keyevent@0__:expired h"}));
    EXPECT_EQ(cycle_.statistics().lateness_ms.count(), 1U);
}

TEST_F(ExpiryEventsTest, who_watches_a_hash_is_told_of_its_fields) {
    run({"HSET", "h", "a", "1", "b", "2"});
    run({"HPEXPIRE", "h", "500", "FIELDS", "1", "a"});
    run({"WATCH", "h"});
    runner_.advance_ms(510);
    run_expiry();
    run({"MULTI"});
    run({"HLEN", "h"});
    EXPECT_EQ(run({"EXEC"}), "*-1\r\n");
}

TEST_F(ExpiryEventsTest, who_makes_room_for_keys_tells_the_same) {
    run({"HSET", "h", "a", "1"});
    run({"HPEXPIRE", "h", "500", "FIELDS", "1", "a"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    listen("Egh");
    runner_.advance_ms(510);
    EXPECT_EQ(run({"SET", "k", "v"}), "+OK\r\n");
    EXPECT_EQ(events(), (Events{"__keyevent@0__:hexpired h", "__keyevent@0__:del h"}));
}

}  // namespace
