// SPDX-License-Identifier: BSD-3-Clause

// The directory of channels: who gets a message, in which order, and what is left afterwards.

#include "engine/pubsub.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/glob.h"
#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"
#include "threads.h"

namespace gyre::engine {
namespace {

using Got = std::vector<std::pair<Subscriber*, std::string>>;

/// Takes all that waits for a reactor: who gets it, and "topic channel payload".
Got take_all(Pubsub& pubsub, size_t reactor) {
    Got got;
    const Delivery* delivery = nullptr;
    while (const Subscription* to = pubsub.inbox(reactor).take(delivery)) {
        std::string text(delivery->part->topic->name());
        text += ' ';
        text += delivery->message.channel();
        text += ' ';
        text += delivery->message.content();
        got.emplace_back(to->subscriber, text);
    }
    return got;
}

class PubsubTest : public testing::Test {
protected:
    ~PubsubTest() override {
        for (auto& one : subscribers_) pubsub_.leave(*one, SIZE_MAX);
    }
    Subscriber& subscriber(uint32_t reactor = 0) {
        subscribers_.push_back(std::make_unique<Subscriber>());
        subscribers_.back()->reactor = reactor;
        return *subscribers_.back();
    }
    int64_t publish(std::string_view channel, std::string_view payload) {
        return pubsub_.publish(TopicKind::channel, channel, payload, origin_);
    }

    Pubsub pubsub_{2};
    Pubsub::Origin origin_;
    std::vector<std::unique_ptr<Subscriber>> subscribers_;
};

TEST_F(PubsubTest, a_message_reaches_the_subscribers_of_its_channel_in_their_order) {
    Subscriber& first = subscriber();
    Subscriber& second = subscriber();
    EXPECT_EQ(pubsub_.subscribe(first, TopicKind::channel, "a"), Pubsub::Added::yes);
    EXPECT_EQ(pubsub_.subscribe(second, TopicKind::channel, "a"), Pubsub::Added::yes);
    EXPECT_EQ(pubsub_.subscribe(first, TopicKind::channel, "a"), Pubsub::Added::was_there);
    EXPECT_EQ(publish("a", "1"), 2);
    EXPECT_EQ(publish("b", "2"), 0);
    EXPECT_EQ(publish("a", "3"), 2);
    const Got wanted{{&first, "a a 1"}, {&second, "a a 1"}, {&first, "a a 3"}, {&second, "a a 3"}};
    EXPECT_EQ(take_all(pubsub_, 0), wanted);
    EXPECT_TRUE(pubsub_.inbox(0).empty());
}

TEST_F(PubsubTest, each_reactor_gets_its_own_part_and_only_the_sleeping_are_named) {
    Subscriber& here = subscriber(0);
    Subscriber& there = subscriber(1);
    pubsub_.subscribe(here, TopicKind::channel, "a");
    pubsub_.subscribe(there, TopicKind::channel, "a");
    origin_.reactor = 0;
    EXPECT_EQ(publish("a", "1"), 2);
    EXPECT_EQ(publish("a", "2"), 2);
    EXPECT_EQ(origin_.asleep, std::vector<uint32_t>{1});
    EXPECT_EQ(take_all(pubsub_, 0).size(), 2U);
    EXPECT_EQ(take_all(pubsub_, 1).size(), 2U);
}

TEST_F(PubsubTest, who_comes_later_does_not_get_what_was_published_before) {
    Subscriber& early = subscriber();
    Subscriber& late = subscriber();
    pubsub_.subscribe(early, TopicKind::channel, "a");
    EXPECT_EQ(publish("a", "1"), 1);
    pubsub_.subscribe(late, TopicKind::channel, "a");
    EXPECT_EQ(publish("a", "2"), 2);
    const Got wanted{{&early, "a a 1"}, {&early, "a a 2"}, {&late, "a a 2"}};
    EXPECT_EQ(take_all(pubsub_, 0), wanted);
}

TEST_F(PubsubTest, who_leaves_in_the_middle_of_a_delivery_is_passed_over) {
    std::vector<Subscriber*> all;
    for (int index = 0; index < 4; ++index) {
        all.push_back(&subscriber());
        pubsub_.subscribe(*all.back(), TopicKind::channel, "a");
    }
    EXPECT_EQ(publish("a", "1"), 4);
    const Delivery* delivery = nullptr;
    ASSERT_EQ(pubsub_.inbox(0).take(delivery)->subscriber, all[0]);
    // The one just served, the next one, and the last.
    EXPECT_TRUE(pubsub_.unsubscribe(*all[0], TopicKind::channel, "a"));
    EXPECT_TRUE(pubsub_.unsubscribe(*all[1], TopicKind::channel, "a"));
    EXPECT_TRUE(pubsub_.unsubscribe(*all[3], TopicKind::channel, "a"));
    EXPECT_EQ(pubsub_.inbox(0).take(delivery)->subscriber, all[2]);
    EXPECT_EQ(pubsub_.inbox(0).take(delivery), nullptr);
    EXPECT_EQ(publish("a", "2"), 1);
    EXPECT_TRUE(pubsub_.unsubscribe(*all[2], TopicKind::channel, "a"));
    EXPECT_FALSE(pubsub_.unsubscribe(*all[2], TopicKind::channel, "a"));
    // The delivery under way outlives the topic.
    EXPECT_EQ(pubsub_.topics(TopicKind::channel), 0U);
    EXPECT_EQ(pubsub_.inbox(0).take(delivery), nullptr);
}

TEST_F(PubsubTest, what_is_taken_for_one_does_not_come_again_and_leaves_the_others_theirs) {
    Subscriber& first = subscriber();
    Subscriber& leaving = subscriber();
    Subscriber& last = subscriber();
    for (Subscriber* one : {&first, &leaving, &last}) {
        pubsub_.subscribe(*one, TopicKind::channel, "a");
    }
    pubsub_.subscribe(leaving, TopicKind::pattern, "b*");
    std::vector<std::string> taken;
    const auto take = [&] {
        pubsub_.inbox(0).take_for(leaving, [&](const Delivery& delivery) {
            taken.emplace_back(delivery.message.content());
        });
        return std::exchange(taken, {});
    };
    using Texts = std::vector<std::string>;
    EXPECT_EQ(take(), Texts{});
    publish("a", "1");
    const Delivery* delivery = nullptr;
    EXPECT_EQ(pubsub_.inbox(0).take(delivery)->subscriber, &first);
    publish("b1", "2");
    publish("a", "3");
    publish("c", "for nobody");
    EXPECT_EQ(take(), (Texts{"1", "2", "3"}));
    EXPECT_EQ(take(), Texts{});
    publish("a", "4");
    EXPECT_EQ(take(), Texts{"4"});
    EXPECT_EQ(take_all(pubsub_, 0), (Got{{&last, "a a 1"},
                                         {&first, "a a 3"},
                                         {&last, "a a 3"},
                                         {&first, "a a 4"},
                                         {&last, "a a 4"}}));
    // What it has had in its turn is not taken either.
    publish("a", "5");
    EXPECT_EQ(pubsub_.inbox(0).take(delivery)->subscriber, &first);
    EXPECT_EQ(pubsub_.inbox(0).take(delivery)->subscriber, &leaving);
    EXPECT_EQ(take(), Texts{});
    // Nor what was published to a channel of the same name that has gone.
    EXPECT_EQ(take_all(pubsub_, 0), (Got{{&last, "a a 5"}}));
    pubsub_.subscribe(leaving, TopicKind::channel, "d");
    publish("d", "6");
    pubsub_.unsubscribe(leaving, TopicKind::channel, "d");
    pubsub_.subscribe(leaving, TopicKind::channel, "d");
    publish("d", "7");
    EXPECT_EQ(take(), Texts{"7"});
    EXPECT_EQ(take_all(pubsub_, 0), Got{});
}

TEST_F(PubsubTest, patterns_get_what_matches_and_channels_come_first) {
    Subscriber& one = subscriber();
    for (const char* pattern : {"news.*", "news.[ab]", "*", "other.*", "news.a", "n\\ews.a"}) {
        pubsub_.subscribe(one, TopicKind::pattern, pattern);
    }
    pubsub_.subscribe(one, TopicKind::channel, "news.a");
    EXPECT_EQ(publish("news.a", "x"), 6);
    const Got got = take_all(pubsub_, 0);
    ASSERT_EQ(got.size(), 6U);
    EXPECT_EQ(got[0].second, "news.a news.a x");
    EXPECT_EQ(publish("news.c", "x"), 2);
    // In a glob of Redis even * needs something to match.
    EXPECT_EQ(publish("", "x"), 0);
    EXPECT_EQ(pubsub_.topics(TopicKind::pattern), 6U);
    EXPECT_EQ(pubsub_.publish(TopicKind::shard_channel, "news.a", "x", origin_), 0);
}

TEST_F(PubsubTest, patterns_found_by_their_prefix_are_those_that_match) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    const auto text = [&](std::string_view letters, size_t length) {
        std::string made;
        while (made.size() < length) made += letters[random.below(letters.size())];
        return made;
    };
    std::map<std::string, int> patterns;
    Subscriber& one = subscriber();
    for (int round = 0; round < 4000; ++round) {
        const std::string pattern = text("ab*?[]\\", random.below(6));
        if (random.below(3) == 0 && !patterns.empty()) {
            const std::string gone = patterns.begin()->first;
            EXPECT_TRUE(pubsub_.unsubscribe(one, TopicKind::pattern, gone));
            patterns.erase(gone);
        } else {
            pubsub_.subscribe(one, TopicKind::pattern, pattern);
            patterns[pattern] = 1;
        }
        const std::string channel = text("ab", random.below(5));
        int64_t wanted = 0;
        for (const auto& [known, unused] : patterns) wanted += base::glob_matches(known, channel);
        ASSERT_EQ(publish(channel, "x"), wanted) << channel;
        ASSERT_EQ(take_all(pubsub_, 0).size(), static_cast<size_t>(wanted));
    }
}

TEST_F(PubsubTest, a_large_payload_is_shared_and_not_copied) {
    Subscriber& one = subscriber();
    pubsub_.subscribe(one, TopicKind::channel, "a");
    base::SharedBytes* block = base::SharedBytes::create(100'000, base::Purpose::clients);
    block->set_size(100'000);
    std::fill_n(block->data(), 100'000, 'x');
    EXPECT_EQ(pubsub_.publish(TopicKind::channel, "a", block->view(), origin_, block), 1);
    EXPECT_FALSE(block->is_sole_owner());
    const Delivery* delivery = nullptr;
    ASSERT_NE(pubsub_.inbox(0).take(delivery), nullptr);
    EXPECT_EQ(delivery->message.payload.get(), block);
    EXPECT_EQ(pubsub_.inbox(0).take(delivery), nullptr);
    EXPECT_TRUE(block->is_sole_owner());
    block->release();
}

TEST_F(PubsubTest, nothing_is_left_of_a_million_subscriptions) {
    const int64_t before = base::used(base::Purpose::pubsub);
    constexpr size_t kChannels = 200'000;
    Subscriber& one = subscriber();
    for (size_t index = 0; index < kChannels; ++index) {
        pubsub_.subscribe(one, TopicKind::channel, "channel:" + std::to_string(index));
    }
    EXPECT_EQ(one.count(), kChannels);
    EXPECT_EQ(pubsub_.topics(TopicKind::channel), kChannels);
    const int64_t bytes = base::used(base::Purpose::pubsub) - before;
    EXPECT_LT(bytes / static_cast<int64_t>(kChannels), 400);
    EXPECT_FALSE(pubsub_.leave(one, 1000));
    EXPECT_EQ(one.count(), kChannels - 1000);
    EXPECT_TRUE(pubsub_.leave(one, SIZE_MAX));
    EXPECT_EQ(pubsub_.topics(TopicKind::channel), 0U);
    EXPECT_EQ(pubsub_.subscriptions(), 0U);
    // The stripes keep the buckets of their tables.
    EXPECT_LT(base::used(base::Purpose::pubsub) - before, 16 * static_cast<int64_t>(kChannels));
}

TEST_F(PubsubTest, the_limit_of_subscriptions_holds) {
    pubsub_.subscriptions_max = 2;
    Subscriber& one = subscriber();
    EXPECT_EQ(pubsub_.subscribe(one, TopicKind::channel, "a"), Pubsub::Added::yes);
    EXPECT_EQ(pubsub_.subscribe(one, TopicKind::pattern, "a"), Pubsub::Added::yes);
    EXPECT_EQ(pubsub_.subscribe(one, TopicKind::shard_channel, "a"), Pubsub::Added::no_room);
    EXPECT_EQ(pubsub_.subscribe(one, TopicKind::channel, "a"), Pubsub::Added::was_there);
    EXPECT_EQ(pubsub_.topics(TopicKind::shard_channel), 0U);
}

TEST_F(PubsubTest, an_inbox_that_nobody_empties_is_congested) {
    Subscriber& one = subscriber();
    pubsub_.subscribe(one, TopicKind::channel, "a");
    const std::string payload(1 << 20, 'x');
    EXPECT_FALSE(pubsub_.is_congested());
    for (int64_t sent = 0; sent <= Inbox::kBytesMax; sent += 1 << 20) publish("a", payload);
    EXPECT_TRUE(pubsub_.is_congested());
    take_all(pubsub_, 0);
    EXPECT_FALSE(pubsub_.is_congested());
}

// Two reactors publish to each other and change their subscriptions meanwhile: what arrives from
// one publisher is in order, and a subscriber that stays misses nothing.
TEST(PubsubThreadsTest, messages_of_a_publisher_arrive_in_order_and_whole) {
    constexpr int kMessages = 20'000;
    Pubsub pubsub(2);
    std::vector<std::unique_ptr<Subscriber>> steady;
    for (uint32_t reactor = 0; reactor < 2; ++reactor) {
        steady.push_back(std::make_unique<Subscriber>());
        steady.back()->reactor = reactor;
        pubsub.subscribe(*steady.back(), TopicKind::channel, "a");
        pubsub.subscribe(*steady.back(), TopicKind::pattern, "a*");
    }
    std::atomic<int> done{0};
    run_threads(2, [&](size_t index) {
        Pubsub::Origin origin;
        Subscriber restless;
        restless.reactor = static_cast<uint32_t>(index);
        std::map<std::string, int> last;  // "publisher/topic": number
        size_t got = 0;
        const auto take = [&] {
            for (const auto& [to, text] : take_all(pubsub, index)) {
                if (to != steady[index].get()) continue;
                const size_t at = text.rfind(' ');
                const size_t bar = text.find('/', at);
                const std::string from = text.substr(0, bar);
                ASSERT_EQ(std::stoi(text.substr(bar + 1)), last[from]++) << text;
                ++got;
            }
        };
        for (int message = 0; message < kMessages; ++message) {
            pubsub.publish(TopicKind::channel, "a",
                           std::to_string(index) + "/" + std::to_string(message), origin);
            origin.asleep.clear();
            if (message % 3 == 0) pubsub.subscribe(restless, TopicKind::channel, "a");
            if (message % 3 == 2) pubsub.unsubscribe(restless, TopicKind::channel, "a");
            if (message % 16 == 0) take();
        }
        pubsub.leave(restless, SIZE_MAX);
        done.fetch_add(1);
        while (done.load() < 2) std::this_thread::yield();
        take();
        EXPECT_EQ(got, size_t{4} * kMessages);
    });
    for (auto& one : steady) pubsub.leave(*one, SIZE_MAX);
    EXPECT_EQ(pubsub.subscriptions(), 0U);
}

}  // namespace
}  // namespace gyre::engine
