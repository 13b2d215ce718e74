// SPDX-License-Identifier: BSD-3-Clause

// What a command sees: keys whose time has come are gone, uses leave their mark, writes their
// deadline and timestamp.

#include "engine/keyspace.h"

#include <gtest/gtest.h>

#include <string>

#include "base/memory.h"
#include "store/access.h"

namespace gyre::engine {
namespace {

using store::Entry;
using store::Key;

constexpr int64_t kNow = 1'700'000'000'000;

class KeyspaceTest : public testing::Test {
protected:
    KeyspaceTest() {
        // Without a lock taken, the shards are set up as lock() would do it.
        for (size_t index = 0; index < dataset_.shards(); ++index) {
            dataset_.shard(index).reclaimer = &executor_.reclaimer;
        }
    }
    Keyspace at(int64_t now_ms, size_t database = 0, bool no_touch = false) {
        return {dataset_, executor_, database, now_ms, no_touch};
    }
    Entry* put(std::string_view name, int64_t expire_ms,
               int64_t timestamp_ms = store::kNoTimestamp) {
        const Key key = Key::of(name);
        Keyspace keys = at(kNow);
        Entry* present = keys.peek(key);
        return keys.put(key, present, types::plain_string("value"), Deadline::at(expire_ms),
                        timestamp_ms);
    }
    store::ShardStatistics statistics() { return dataset_.statistics(executor_); }

    Dataset dataset_{{.threads = 1, .databases = 2, .shards = 4, .seed = 1}};
    Executor executor_;
    const Key key_ = Key::of("key");
};

TEST_F(KeyspaceTest, a_key_is_there_at_its_deadline_and_gone_a_millisecond_later) {
    using Lookup = Entry* (*)(Keyspace&, const Key&);
    const Lookup lookups[] = {
        [](Keyspace& keyspace, const Key& key) { return keyspace.read(key); },
        [](Keyspace& keyspace, const Key& key) { return keyspace.write(key); },
        [](Keyspace& keyspace, const Key& key) { return keyspace.peek(key); },
        [](Keyspace& keyspace, const Key& key) { return keyspace.probe(key); },
    };
    for (const auto lookup : lookups) {
        put("key", kNow + 100);
        Keyspace before = at(kNow + 100);
        Keyspace after = at(kNow + 101);
        EXPECT_NE(lookup(before, key_), nullptr);
        EXPECT_EQ(lookup(after, key_), nullptr);
        // It was removed: even an older moment does not see it again.
        EXPECT_EQ(lookup(before, key_), nullptr);
    }
    EXPECT_EQ(statistics().expired_lazily, 4U);
    EXPECT_EQ(dataset_.keys_total(executor_), 0U);
    EXPECT_EQ(statistics().changes, 4U) << "expiry is no change of the client's";
}

TEST_F(KeyspaceTest, hits_and_misses_are_counted_where_redis_counts_them) {
    put("key", store::kNoExpiry);
    const Key missing = Key::of("missing");
    at(kNow).read(key_);
    at(kNow).read(missing);
    at(kNow).probe(key_);
    at(kNow).probe(missing);
    at(kNow).probe(missing);
    at(kNow).write(key_);
    at(kNow).write(missing);
    at(kNow).peek(key_);
    at(kNow).peek(missing);
    at(kNow, 1).read(key_);
    EXPECT_EQ(statistics().keyspace_hits, 2U);
    EXPECT_EQ(statistics().keyspace_misses, 4U);
}

TEST_F(KeyspaceTest, a_use_writes_the_seconds_under_lru) {
    Entry* entry = put("key", store::kNoExpiry);
    entry->set_access_word(1);
    at(kNow).peek(key_);
    at(kNow).probe(key_);
    at(kNow, 0, true).read(key_);
    EXPECT_EQ(entry->access_word(), 1U) << "no trace is left";
    at(kNow + 5000).read(key_);
    EXPECT_EQ(entry->access_word(), store::lru_clock(kNow + 5000));
    at(kNow + 9000).write(key_);
    EXPECT_EQ(entry->access_word(), store::lru_clock(kNow + 9000));
}

TEST_F(KeyspaceTest, a_use_writes_minutes_and_counter_under_lfu) {
    dataset_.settings.policy = EvictionPolicy::allkeys_lfu;
    dataset_.settings.lfu_log_factor = 0;
    EXPECT_EQ(at(kNow).lfu_parameters().log_factor, 0);
    Entry* entry = put("key", store::kNoExpiry);
    entry->set_access_word(store::lfu_initial(kNow));
    for (int use = 0; use < 10; ++use) at(kNow).read(key_);
    EXPECT_EQ(entry->access_word() & 255, 15U);
    at(kNow + 3 * 60'000).write(key_);
    EXPECT_EQ(entry->access_word() & 255, 13U);
    EXPECT_EQ(entry->access_word() >> 8, store::lfu_initial(kNow + 3 * 60'000) >> 8);
}

TEST_F(KeyspaceTest, a_new_key_begins_with_the_word_of_the_executor) {
    executor_.initial_access_word = 0x123456;
    dataset_.lock(dataset_.shard_of(key_.hash), executor_);
    const Entry* entry = put("key", store::kNoExpiry);
    dataset_.unlock(dataset_.shard_of(key_.hash));
    EXPECT_EQ(entry->access_word(), 0x123456U);
}

TEST_F(KeyspaceTest, the_default_ttl_is_for_writes_that_say_nothing) {
    dataset_.settings.default_ttl_seconds = 10;
    const auto content = types::plain_string("v");
    Keyspace keys = at(kNow);
    Entry* entry = keys.put(key_, nullptr, content);
    EXPECT_EQ(entry->expire_ms(), kNow + 10'000);
    entry = keys.set_expiry(key_, entry, kNow + 77);
    entry = keys.put(key_, entry, content, Deadline::keep());
    EXPECT_EQ(entry->expire_ms(), kNow + 77);
    entry = keys.put(key_, entry, content, Deadline::at(kNow + 55));
    EXPECT_EQ(entry->expire_ms(), kNow + 55);
    entry = keys.put(key_, entry, content, Deadline::at(store::kNoExpiry));
    EXPECT_FALSE(entry->has_expiry());
    entry = keys.put(key_, entry, content, Deadline::keep());
    EXPECT_FALSE(entry->has_expiry());
    entry = keys.put(key_, entry, content);
    EXPECT_EQ(entry->expire_ms(), kNow + 10'000);
    entry = keys.set_expiry(key_, entry, store::kNoExpiry);
    EXPECT_FALSE(keys.change(key_, entry, content)->has_expiry());
}

TEST_F(KeyspaceTest, the_default_ttl_is_for_whatever_makes_a_key) {
    dataset_.settings.default_ttl_seconds = 10;
    Keyspace keys = at(kNow);
    const Key changed = Key::of("changed");
    EXPECT_EQ(keys.change(changed, nullptr, types::integer_string(1))->expire_ms(), kNow + 10'000);
    Entry* edited = nullptr;
    keys.edit(Key::of("edited"), edited, 5);
    EXPECT_EQ(edited->expire_ms(), kNow + 10'000);
    Entry* kept = keys.put(key_, nullptr, types::plain_string("v"), Deadline::keep());
    EXPECT_EQ(kept->expire_ms(), kNow + 10'000);
    kept = keys.set_expiry(key_, kept, store::kNoExpiry);
    EXPECT_FALSE(keys.copy_to(Key::of("copy"), *kept)->has_expiry());
}

TEST_F(KeyspaceTest, a_timestamp_is_raised_by_every_write_without_one) {
    const auto content = types::plain_string("v");
    Entry* entry = put("key", store::kNoExpiry, 500);
    EXPECT_EQ(entry->timestamp_ms(), 500);
    entry = at(kNow).change(key_, entry, content);
    EXPECT_EQ(entry->timestamp_ms(), kNow);
    entry = at(kNow + 1).put(key_, entry, content);
    EXPECT_EQ(entry->timestamp_ms(), kNow + 1);
    at(kNow + 2).edit(key_, entry, 20);
    EXPECT_EQ(entry->timestamp_ms(), kNow + 2);
    entry = at(kNow + 3).set_expiry(key_, entry, kNow + 9999);
    EXPECT_EQ(entry->timestamp_ms(), kNow + 3);
    // One that lies ahead stays; an explicit one is taken as it is.
    entry = at(kNow).change(key_, entry, content);
    EXPECT_EQ(entry->timestamp_ms(), kNow + 3);
    entry = at(kNow).put(key_, entry, content, Deadline::keep(), 7);
    EXPECT_EQ(entry->timestamp_ms(), 7);
    EXPECT_EQ(entry->expire_ms(), kNow + 9999);
}

TEST_F(KeyspaceTest, no_timestamp_comes_from_nothing) {
    Entry* entry = put("key", store::kNoExpiry);
    entry = at(kNow).change(key_, entry, types::plain_string("v"));
    entry = at(kNow).set_expiry(key_, entry, kNow + 5);
    entry = at(kNow).put(key_, entry, types::plain_string("w"));
    EXPECT_FALSE(entry->has(Entry::has_timestamp));
}

TEST_F(KeyspaceTest, editing_makes_a_key_of_zeros) {
    Entry* entry = nullptr;
    char* data = at(kNow).edit(key_, entry, 6);
    ASSERT_NE(entry, nullptr);
    data[5] = 'x';
    EXPECT_EQ(at(kNow).read(key_), entry);
    EXPECT_EQ(entry->bytes(), std::string_view("\0\0\0\0\0x", 6));
    EXPECT_EQ(entry->encoding(), store::Encoding::raw);
}

TEST_F(KeyspaceTest, a_copy_brings_everything_along_to_another_database) {
    Entry* source = put("key", kNow + 500, 321);
    source->set_access_word(0x77);
    Keyspace other = at(kNow).in_database(1);
    EXPECT_EQ(other.database(), 1U);
    const Entry* copy = other.copy_to(key_, *source);
    EXPECT_EQ(copy->bytes(), "value");
    EXPECT_EQ(copy->expire_ms(), kNow + 500);
    EXPECT_EQ(copy->timestamp_ms(), 321);
    EXPECT_EQ(copy->access_word(), 0x77U);
    at(kNow).erase(key_, source);
    EXPECT_NE(at(kNow, 1).peek(key_), nullptr);
    EXPECT_EQ(at(kNow, 1 - 1).peek(key_), nullptr);
    EXPECT_EQ(at(kNow + 501, 1).peek(key_), nullptr);
}

TEST_F(KeyspaceTest, each_write_counts_as_one_change) {
    Entry* entry = put("key", store::kNoExpiry);
    entry = at(kNow).change(key_, entry, types::integer_string(1));
    entry = at(kNow).set_expiry(key_, entry, kNow + 100);
    at(kNow).edit(key_, entry, 10);
    at(kNow).copy_to(Key::of("copy"), *entry);
    at(kNow).erase(key_, entry);
    EXPECT_EQ(statistics().changes, 6U);
}

TEST_F(KeyspaceTest, a_large_value_removed_lazily_is_freed_outside_of_the_lock) {
    const int64_t before = base::used(base::Purpose::keyspace);
    at(kNow).put(key_, nullptr, types::plain_string(std::string(200'000, 'x')),
                 Deadline::at(kNow + 1));
    EXPECT_EQ(at(kNow + 2).read(key_), nullptr);
    EXPECT_EQ(executor_.reclaimer.pending(), 1U);
    executor_.reclaimer.run();
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

// --- collections --------------------------------------------------------------------------------

/// A number that changes its size in memory.
class Counter final : public types::Object {
public:
    ~Counter() override { base::release(base::Purpose::keyspace, memory_); }
    size_t size() const override { return count_; }
    size_t contents_bytes() const override {
        return memory_ == nullptr ? 0 : base::usable_size(memory_);
    }
    types::Object* clone() const override {
        auto* copy = new Counter;
        copy->grow(count_);
        return copy;
    }
    bool drain(size_t) override { return true; }
    bool save_next(size_t&) override { return false; }
    void grow(size_t count) {
        count_ = count;
        memory_ = base::reallocate(base::Purpose::keyspace, memory_, count + 1);
    }

private:
    size_t count_ = 0;
    void* memory_ = nullptr;
};

constexpr store::Kind kList{store::Type::list, store::Encoding::listpack};
constexpr store::Kind kLarge{store::Type::set, store::Encoding::hashtable};

TEST_F(KeyspaceTest, a_collection_gets_the_default_ttl_once) {
    dataset_.settings.default_ttl_seconds = 10;
    Entry* entry = at(kNow).put_packed(key_, nullptr, kList, "first");
    EXPECT_EQ(entry->expire_ms(), kNow + 10'000);
    Keyspace later = at(kNow + 1000);
    entry = later.put_object(key_, later.write(key_), kLarge, std::make_unique<Counter>());
    EXPECT_EQ(entry->expire_ms(), kNow + 10'000);
    EXPECT_EQ(entry->type(), store::Type::set);
}

TEST_F(KeyspaceTest, packed_bytes_are_changed_in_place_and_count_as_a_write) {
    Keyspace keys = at(kNow);
    Entry* entry = keys.put_packed(key_, nullptr, kList, "0123");
    const uint64_t changes = statistics().changes;
    char* bytes = keys.edit_packed(key_, entry, 6);
    bytes[4] = '4';
    bytes[5] = '5';
    EXPECT_EQ(keys.peek(key_)->bytes(), "012345");
    EXPECT_EQ(entry->kind(), kList);
    EXPECT_EQ(statistics().changes, changes + 1);
}

TEST_F(KeyspaceTest, an_object_that_grows_is_counted) {
    Keyspace keys = at(kNow);
    Entry* entry = keys.put_object(key_, nullptr, kLarge, std::make_unique<Counter>());
    const uint64_t changes = statistics().changes;
    const size_t size = keys.edit_object<Counter>(key_, entry, [](Counter& counter) {
        counter.grow(100'000);
        return counter.size();
    });
    EXPECT_EQ(size, 100'000U);
    EXPECT_EQ(statistics().changes, changes) << "only the caller knows";
    keys.changed(key_, entry);
    EXPECT_EQ(statistics().changes, changes + 1);
    EXPECT_EQ(keys.partition_of(key_).tally(store::Type::set).bytes,
              static_cast<int64_t>(store::Partition::footprint(*entry)));
}

TEST_F(KeyspaceTest, a_change_raises_the_timestamp_of_a_collection) {
    put("key", store::kNoExpiry, kNow - 500);
    Keyspace keys = at(kNow);
    Entry* entry = keys.put_object(key_, keys.write(key_), kLarge, std::make_unique<Counter>());
    EXPECT_EQ(entry->timestamp_ms(), kNow);
    Keyspace later = at(kNow + 7);
    EXPECT_EQ(later.changed(key_, later.write(key_))->timestamp_ms(), kNow + 7);
}

TEST_F(KeyspaceTest, a_key_is_moved_with_its_object) {
    Keyspace keys = at(kNow);
    keys.put_object(key_, nullptr, kLarge, std::make_unique<Counter>());
    types::Object* object = keys.peek(key_)->object();
    keys.set_expiry(key_, keys.peek(key_), kNow + 1000);
    Keyspace other = at(kNow, 1);
    const Key target = Key::of("target");
    Entry* moved = other.move_to(target, keys, key_, keys.write(key_), store::kNoTimestamp);
    EXPECT_EQ(moved->object(), object) << "not copied";
    EXPECT_EQ(moved->expire_ms(), kNow + 1000);
    EXPECT_EQ(keys.peek(key_), nullptr);
    EXPECT_EQ(other.peek(target), moved);
}

}  // namespace
}  // namespace gyre::engine
