// SPDX-License-Identifier: BSD-3-Clause

// CLIENT TRACKING: who is told of what, in which frame. Beside redis-server it is tested in
// compat/tracking_test.cc, with several reactors in integration/tracking_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/expiry.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

using test::bulk;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string invalidate(const std::string& keys) { return ">2\r\n$10\r\ninvalidate\r\n" + keys; }
std::string array(const std::vector<std::string>& keys) {
    std::string text = "*" + std::to_string(keys.size()) + "\r\n";
    for (const std::string& key : keys) text += bulk(key);
    return text;
}

class TrackingTest : public testing::Test {
protected:
    TrackingTest() : tracker_(runner_.add_session()) { tracker_.protocol = 3; }
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    std::string track(std::initializer_list<std::string_view> words) {
        return runner_.run_as(tracker_, words);
    }
    std::string told() { return runner_.pushed(tracker_); }
    engine::Tracking& tracking() { return runner_.dataset().tracking(); }

    test::CommandRunner runner_;
    Session& tracker_;
};

TEST_F(TrackingTest, WhoHasReadAKeyIsToldOnce) {
    EXPECT_EQ(track({"CLIENT", "TRACKING", "ON"}), "+OK\r\n");
    track({"MGET", "a", "b"});
    EXPECT_EQ(tracking().keys(), 2);
    run({"SET", "a", "1"});
    EXPECT_EQ(told(), invalidate(array({"a"})));
    run({"SET", "a", "2"});
    EXPECT_EQ(told(), "");
    EXPECT_EQ(tracking().keys(), 1);
    track({"CLIENT", "TRACKING", "OFF"});
    run({"SET", "b", "2"});
    EXPECT_EQ(told(), "");
    EXPECT_EQ(tracking().clients(), 0);
}

TEST_F(TrackingTest, WhatGoesByItselfIsToldToWhoWantsNothingOfHisOwn) {
    track({"CLIENT", "TRACKING", "ON", "NOLOOP"});
    track({"SET", "k", "v", "PX", "10"});
    track({"GET", "k"});
    track({"SET", "other", "v"});
    EXPECT_EQ(told(), "");
    runner_.advance_ms(100);
    EXPECT_EQ(track({"GET", "k"}), "_\r\n");
    EXPECT_EQ(told(), invalidate(array({"k"})));
    track({"SET", "k", "v", "PX", "10"});
    track({"GET", "k"});
    engine::ExpiryCycle cycle(runner_.dataset(), runner_.executor(), 0, [] { return int64_t{0}; });
    runner_.advance_ms(100);
    while (cycle.run(runner_.now_ms(), false)) {
    }
    EXPECT_EQ(told(), invalidate(array({"k"})));
    track({"FLUSHALL"});
    EXPECT_EQ(told(), invalidate("_\r\n"));
}

TEST_F(TrackingTest, ChangesUnderAPrefixAreToldOfTogether) {
    EXPECT_EQ(track({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "u:"}), "+OK\r\n");
    run({"MSET", "u:2", "1", "x", "1", "u:1", "1", "u", "1"});
    run({"SET", "u:2", "2"});
    EXPECT_EQ(told(), invalidate(array({"u:1", "u:2"})));
    track({"GET", "x"});
    EXPECT_EQ(tracking().keys(), 0);
    EXPECT_EQ(tracking().prefixes(), 1U);
    track({"RESET"});
    EXPECT_EQ(tracking().prefixes(), 0U);
    EXPECT_EQ(tracker_.modes, 0);
    run({"SET", "u:2", "3"});
    EXPECT_TRUE(runner_.executor().tracking.changes.empty());
}

TEST_F(TrackingTest, AnotherClientIsToldAsItCanTakeIt) {
    Session& target = runner_.add_session();
    const std::string id = std::to_string(target.id);
    track({"CLIENT", "TRACKING", "ON", "REDIRECT", id});
    track({"GET", "a"});
    run({"SET", "a", "1"});
    EXPECT_EQ(told(), "");
    EXPECT_EQ(runner_.pushed(target), "");
    runner_.run_as(target, {"SUBSCRIBE", "__redis__:invalidate"});
    track({"GET", "a"});
    run({"SET", "a", "1"});
    told();
    EXPECT_EQ(runner_.pushed(target),
              "*3\r\n" + bulk("message") + bulk("__redis__:invalidate") + array({"a"}));
    runner_.leave(target);
    track({"GET", "a"});
    run({"SET", "a", "1"});
    EXPECT_EQ(told(), ">2\r\n" + bulk("tracking-redir-broken") + ":" + id + "\r\n");
    EXPECT_THAT(track({"CLIENT", "TRACKINGINFO"}), HasSubstr("broken_redirect"));
    EXPECT_THAT(runner_.clients().describe(tracker_, 0), HasSubstr(" flags=tR "));
    EXPECT_THAT(track({"CLIENT", "TRACKING", "ON", "REDIRECT", id}), StartsWith("-ERR The client"));
}

TEST_F(TrackingTest, AboveTheLimitKeysAreForgottenAsIfTheyHadChanged) {
    tracking().keys_max = 2;
    track({"CLIENT", "TRACKING", "ON"});
    for (const std::string_view key : {"a", "b", "c", "d"}) track({"GET", key});
    EXPECT_EQ(tracking().keys(), 2);
    EXPECT_EQ(tracking().items(), 2);
    const std::string text = told();
    EXPECT_EQ(text.size(), 2 * invalidate(array({"a"})).size());
}

TEST_F(TrackingTest, KeysWhoseClientsHaveLeftStayUntilTheyChange) {
    Session& other = runner_.add_session();
    other.protocol = 3;
    track({"CLIENT", "TRACKING", "ON"});
    runner_.run_as(other, {"CLIENT", "TRACKING", "ON"});
    track({"GET", "a"});
    runner_.run_as(other, {"GET", "a"});
    EXPECT_EQ(tracking().items(), 2);
    runner_.leave(other);
    EXPECT_EQ(tracking().items(), 2);
    run({"SET", "a", "1"});
    EXPECT_EQ(told(), invalidate(array({"a"})));
    EXPECT_EQ(tracking().items(), 0);
}

TEST_F(TrackingTest, AClientHasSoManyPrefixesAtMost) {
    std::vector<std::string> words{"CLIENT", "TRACKING", "ON", "BCAST"};
    for (size_t index = 0; index < 1000; ++index) {
        words.insert(words.end(), {"PREFIX", std::to_string(index) + ":"});
    }
    EXPECT_EQ(runner_.run_as(tracker_, words), "+OK\r\n");
    EXPECT_THAT(track({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "x"}),
                StartsWith("-ERR a client may track 1000 prefixes"));
    run({"SET", "999:a", "1"});
    EXPECT_EQ(told(), invalidate(array({"999:a"})));
}

TEST_F(TrackingTest, WhoTakesNoMessagesCannotTrack) {
    PushOutlet* outlet = std::exchange(tracker_.outlet, nullptr);
    EXPECT_THAT(track({"CLIENT", "TRACKING", "ON"}), StartsWith("-ERR this connection"));
    EXPECT_EQ(tracking().clients(), 0);
    tracker_.outlet = outlet;
}

TEST_F(TrackingTest, NoRoomForSubscriptionsIsAnError) {
    runner_.dataset().pubsub().subscriptions_max = 2;
    EXPECT_THAT(track({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a", "PREFIX", "b"}),
                StartsWith("-ERR max number of subscriptions reached"));
    EXPECT_EQ(tracking().clients(), 0);
    EXPECT_EQ(tracking().prefixes(), 0U);
    EXPECT_EQ(runner_.dataset().pubsub().subscriptions(), 0U);
    EXPECT_EQ(track({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a"}), "+OK\r\n");
}

}  // namespace
}  // namespace gyre::commands
