// SPDX-License-Identifier: BSD-3-Clause

// The embeddable store, at a time that only the test moves; and against a map that does the same.

#include "gyre/store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base/random.h"

namespace {

using gyre::SetOptions;
using gyre::SetOutcome;
using gyre::Store;

constexpr int64_t kStart = 1'700'000'000'000;

class StoreTest : public testing::Test {
protected:
    Store make(size_t shards = 4) {
        return *Store::create({.shards = shards, .seed = 1, .clock = [this] { return now_ms_; }});
    }
    SetOutcome set(Store& store, std::string_view key, std::string_view value,
                   const SetOptions& options = {}) {
        const auto outcome = store.set(key, value, options);
        EXPECT_TRUE(outcome.has_value()) << outcome.error().message;
        return *outcome;
    }
    int64_t now_ms_ = kStart;
};

TEST_F(StoreTest, keeps_and_gives_back_values_of_all_sizes) {
    Store store = make();
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{44}, size_t{45}, size_t{4096},
                               size_t{4097}, size_t{1} << 20}) {
        const std::string key = "key:" + std::to_string(bytes);
        EXPECT_EQ(set(store, key, std::string(bytes, 'x')), SetOutcome::stored);
        EXPECT_EQ(store.get(key), std::string(bytes, 'x'));
    }
    EXPECT_EQ(set(store, "number", "-17"), SetOutcome::stored);
    EXPECT_EQ(store.get("number"), "-17");
    EXPECT_EQ(store.get("missing"), std::nullopt);
    EXPECT_EQ(store.size(), 8U);
}

TEST_F(StoreTest, refuses_shards_that_are_no_power_of_two) {
    EXPECT_FALSE(Store::create({.shards = 0}).has_value());
    EXPECT_FALSE(Store::create({.shards = 3}).has_value());
    EXPECT_FALSE(Store::create({.shards = 2048}).has_value());
    EXPECT_TRUE(Store::create({.shards = 1024}).has_value());
}

TEST_F(StoreTest, sets_only_what_the_conditions_allow) {
    Store store = make();
    EXPECT_EQ(set(store, "a", "1", {.only_existing = true}), SetOutcome::refused);
    EXPECT_FALSE(store.exists("a"));
    EXPECT_EQ(set(store, "a", "1", {.only_new = true}), SetOutcome::stored);
    EXPECT_EQ(set(store, "a", "2", {.only_new = true}), SetOutcome::refused);
    EXPECT_EQ(store.get("a"), "1");
    EXPECT_EQ(set(store, "a", "3", {.only_existing = true}), SetOutcome::stored);
    EXPECT_EQ(store.get("a"), "3");
}

TEST_F(StoreTest, never_replaces_a_write_by_an_earlier_one) {
    Store store = make();
    EXPECT_EQ(set(store, "a", "new", {.timestamp_ms = 200}), SetOutcome::stored);
    EXPECT_EQ(set(store, "a", "old", {.timestamp_ms = 100}), SetOutcome::outdated);
    EXPECT_EQ(set(store, "a", "same", {.timestamp_ms = 200}), SetOutcome::outdated);
    EXPECT_EQ(store.get("a"), "new");
    EXPECT_EQ(set(store, "a", "newer", {.timestamp_ms = 201}), SetOutcome::stored);
    // A write without a timestamp is one of now.
    EXPECT_EQ(set(store, "a", "plain"), SetOutcome::stored);
    EXPECT_EQ(set(store, "a", "late", {.timestamp_ms = kStart}), SetOutcome::outdated);
    EXPECT_EQ(store.get("a"), "plain");
}

TEST_F(StoreTest, refuses_a_timestamp_below_zero_as_the_server_does) {
    Store store = make();
    const auto outcome = store.set("a", "1", {.timestamp_ms = -1});
    ASSERT_FALSE(outcome.has_value());
    EXPECT_NE(outcome.error().message.find("timestamp_ms"), std::string::npos);
    EXPECT_FALSE(store.exists("a"));
    EXPECT_EQ(set(store, "a", "1", {.timestamp_ms = 0}), SetOutcome::stored);
}

TEST_F(StoreTest, a_change_of_the_deadline_is_a_write_of_now) {
    Store store = make();
    for (const bool persists : {false, true}) {
        EXPECT_EQ(set(store, "a", "1", {.ttl_ms = 90'000, .timestamp_ms = 200}),
                  SetOutcome::stored);
        EXPECT_TRUE(persists ? store.persist("a") : *store.expire("a", 50'000));
        EXPECT_EQ(set(store, "a", "2", {.timestamp_ms = now_ms_}), SetOutcome::outdated);
        EXPECT_EQ(set(store, "a", "2", {.timestamp_ms = now_ms_ + 1}), SetOutcome::stored);
        EXPECT_TRUE(store.del("a"));
    }
    set(store, "plain", "1");
    EXPECT_TRUE(*store.expire("plain", 50'000));
    EXPECT_EQ(set(store, "plain", "2", {.timestamp_ms = 1}), SetOutcome::stored)
        << "no timestamp came into being";
}

TEST_F(StoreTest, a_clock_before_the_epoch_is_one_too) {
    Store store = make();
    now_ms_ = -5'000;
    EXPECT_EQ(set(store, "a", "1", {.ttl_ms = 3'000}), SetOutcome::stored);
    EXPECT_EQ(store.ttl_ms("a"), 3'000);
    EXPECT_TRUE(*store.expire("a", INT64_MAX - 1));
    EXPECT_EQ(store.ttl_ms("a"), INT64_MAX - 1);
    EXPECT_TRUE(*store.expire("a", 1'000));
    now_ms_ += 1'001;
    EXPECT_FALSE(store.exists("a"));
}

TEST_F(StoreTest, says_what_is_wrong_with_arguments) {
    Store store = make();
    EXPECT_FALSE(store.set("a", "1", {.ttl_ms = 0}).has_value());
    EXPECT_FALSE(store.set("a", "1", {.ttl_ms = INT64_MAX}).has_value());
    EXPECT_FALSE(store.set("a", "1", {.only_new = true, .only_existing = true}).has_value());
    EXPECT_FALSE(store.set("a", "1", {.ttl_ms = 5, .keep_ttl = true}).has_value());
    EXPECT_FALSE(store.exists("a"));
    set(store, "a", "text");
    EXPECT_FALSE(store.incr("a").has_value());
    EXPECT_EQ(store.get("a"), "text");
    EXPECT_FALSE(store.expire("a", INT64_MAX).has_value());
    EXPECT_EQ(store.ttl_ms("a"), Store::kNoExpiry);
}

TEST_F(StoreTest, counts_up_and_down_and_stops_at_the_ends) {
    Store store = make();
    EXPECT_EQ(*store.incr("n"), 1);
    EXPECT_EQ(*store.incr("n", -43), -42);
    EXPECT_EQ(store.get("n"), "-42");
    set(store, "n", std::to_string(INT64_MAX));
    EXPECT_FALSE(store.incr("n").has_value());
    EXPECT_EQ(store.get("n"), std::to_string(INT64_MAX));
    set(store, "n", "7", {.ttl_ms = 100});
    EXPECT_EQ(*store.incr("n"), 8);
    EXPECT_EQ(store.ttl_ms("n"), 100);
}

TEST_F(StoreTest, hides_a_key_from_the_millisecond_after_its_deadline) {
    Store store = make();
    set(store, "a", "1", {.ttl_ms = 10});
    now_ms_ += 10;
    EXPECT_EQ(store.ttl_ms("a"), 0);
    EXPECT_EQ(store.get("a"), "1");
    now_ms_ += 1;
    EXPECT_EQ(store.size(), 1U);
    EXPECT_EQ(store.get("a"), std::nullopt);
    EXPECT_EQ(store.size(), 0U);
    EXPECT_EQ(store.ttl_ms("a"), std::nullopt);
}

TEST_F(StoreTest, changes_and_removes_deadlines) {
    Store store = make();
    EXPECT_FALSE(*store.expire("a", 10));
    set(store, "a", "1");
    EXPECT_FALSE(store.persist("a"));
    EXPECT_TRUE(*store.expire("a", 10));
    EXPECT_EQ(store.ttl_ms("a"), 10);
    EXPECT_EQ(set(store, "a", "2", {.keep_ttl = true}), SetOutcome::stored);
    EXPECT_EQ(store.ttl_ms("a"), 10);
    EXPECT_TRUE(store.persist("a"));
    EXPECT_EQ(store.ttl_ms("a"), Store::kNoExpiry);
    EXPECT_TRUE(store.expire_at("a", kStart + 5));
    EXPECT_EQ(store.ttl_ms("a"), 5);
    EXPECT_EQ(set(store, "a", "3"), SetOutcome::stored);
    EXPECT_EQ(store.ttl_ms("a"), Store::kNoExpiry);
    EXPECT_TRUE(*store.expire("a", 0));
    EXPECT_FALSE(store.exists("a"));
}

TEST_F(StoreTest, advance_removes_what_is_due_and_nothing_else) {
    Store store = make();
    for (int index = 0; index < 1000; ++index) {
        const int64_t ttl_ms = index < 600 ? 1 + index : 100'000;
        set(store, "key:" + std::to_string(index), "v", {.ttl_ms = ttl_ms});
    }
    EXPECT_EQ(store.advance(), 0U);
    now_ms_ += 1000;
    EXPECT_LE(store.next_due_ms(), now_ms_);
    size_t removed = 0;
    size_t calls = 0;
    while (store.size() > 400) {
        removed += store.advance(64);
        ASSERT_LT(++calls, 1000U);
    }
    EXPECT_EQ(removed, 600U);
    EXPECT_GT(calls, 600U / 64);
    EXPECT_EQ(store.advance(), 0U);
    EXPECT_EQ(store.advance_to(now_ms_ + 200'000), 400U);
    EXPECT_EQ(store.next_due_ms(), Store::kNoExpiry);
}

TEST_F(StoreTest, scan_gives_every_key_though_others_come_and_go) {
    for (const size_t shards : {size_t{1}, size_t{8}}) {
        Store store = make(shards);
        for (int index = 0; index < 500; ++index) {
            set(store, "stays:" + std::to_string(index), std::to_string(index));
        }
        set(store, "due", "x", {.ttl_ms = 1});
        now_ms_ += 2;
        std::map<std::string, std::string> seen;
        uint64_t cursor = 0;
        int round = 0;
        do {
            cursor = store.scan(cursor, 10, [&](std::string_view key, std::string_view value) {
                seen[std::string(key)] = value;
            });
            for (int index = 0; index < 50; ++index) {
                const std::string key = "other:" + std::to_string(index);
                if (round % 2 == 0) {
                    set(store, key, "x");
                } else {
                    store.del(key);
                }
            }
            ++round;
        } while (cursor != 0);
        for (int index = 0; index < 500; ++index) {
            EXPECT_EQ(seen["stays:" + std::to_string(index)], std::to_string(index));
        }
        EXPECT_FALSE(seen.contains("due"));
    }
}

TEST_F(StoreTest, clear_gives_the_memory_back) {
    Store store = make();
    EXPECT_EQ(store.memory().total(), 0);
    for (int index = 0; index < 10'000; ++index) {
        set(store, "key:" + std::to_string(index), std::string(100, 'x'), {.ttl_ms = 1000});
    }
    const gyre::StoreMemory full = store.memory();
    EXPECT_GT(full.entries, 10'000 * 100);
    EXPECT_GT(full.index, 10'000 * 8);
    EXPECT_GE(full.wheel, 10'000 * 8);
    store.clear();
    EXPECT_EQ(store.size(), 0U);
    EXPECT_EQ(store.memory().total(), 0);
    EXPECT_EQ(set(store, "a", "1"), SetOutcome::stored);
    EXPECT_EQ(store.get("a"), "1");
}

TEST_F(StoreTest, moves_without_losing_anything) {
    Store first = make();
    set(first, "a", "1");
    Store second = std::move(first);
    EXPECT_EQ(second.get("a"), "1");
    first = make(1);
    EXPECT_FALSE(first.exists("a"));
}

struct Expected {
    std::string value;
    int64_t deadline_ms = Store::kNoExpiry;
};

/// Random operations on the store and on a map must agree.
TEST_F(StoreTest, agrees_with_a_map) {
    const char* given = std::getenv("GYRE_SEED");
    const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 20'240'101;
    SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
    gyre::base::Random random(seed);
    Store store = make(2);
    std::map<std::string, Expected> model;
    for (int step = 0; step < 20'000; ++step) {
        now_ms_ += static_cast<int64_t>(random.below(3));
        const std::string key = std::to_string(random.below(200));
        std::erase_if(model, [this](const auto& one) { return one.second.deadline_ms < now_ms_; });
        switch (random.below(6)) {
            case 0: {
                const std::string value(random.below(20), 'v');
                set(store, key, value);
                model[key] = {value};
                break;
            }
            case 1: {
                const auto ttl_ms = static_cast<int64_t>(random.below(300)) + 1;
                set(store, key, "t", {.ttl_ms = ttl_ms});
                model[key] = {"t", now_ms_ + ttl_ms};
                break;
            }
            case 2:
                EXPECT_EQ(store.del(key), model.erase(key) == 1);
                break;
            case 3: {
                const auto ttl_ms = static_cast<int64_t>(random.below(300));
                EXPECT_EQ(*store.expire(key, ttl_ms), model.contains(key));
                if (model.contains(key)) model[key].deadline_ms = now_ms_ + ttl_ms;
                if (ttl_ms == 0) model.erase(key);
                break;
            }
            case 4:
                store.advance(random.below(40));
                break;
            default:
                EXPECT_EQ(store.persist(key),
                          model.contains(key) && model[key].deadline_ms != Store::kNoExpiry);
                if (model.contains(key)) model[key].deadline_ms = Store::kNoExpiry;
                break;
        }
        const auto found = model.find(key);
        ASSERT_EQ(store.exists(key), found != model.end()) << "step " << step;
        if (found != model.end()) {
            ASSERT_EQ(store.get(key), found->second.value);
        }
    }
    // A tick later, what the last step knew to be past its deadline is gone.
    now_ms_ += 8;
    store.advance();
    size_t living = 0;
    for (const auto& [key, expected] : model) living += expected.deadline_ms >= now_ms_;
    EXPECT_GE(store.size(), living);
    EXPECT_LE(store.size(), model.size());
}

}  // namespace
