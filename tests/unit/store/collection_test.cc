// SPDX-License-Identifier: BSD-3-Clause

// Entries that hold collections: packed bytes that grow, shrink and move between the entry and a
// block, objects that are changed, cloned, moved and freed late; against a map that does the same,
// with the memory to the byte.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "store/partition.h"
#include "store/shard.h"
#include "support/seed.h"

namespace gyre::store {
namespace {

using base::Purpose;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr Kind kPackedList{Type::list, Encoding::listpack};
constexpr Kind kPackedSet{Type::set, Encoding::intset};
constexpr Kind kLargeList{Type::list, Encoding::quicklist};

/// Blocks of a size each: the simplest thing with elements.
class Blocks final : public types::Object {
public:
    explicit Blocks(size_t count) {
        for (size_t index = 0; index < count; ++index) add();
    }
    ~Blocks() override { drain(SIZE_MAX); }
    size_t size() const override { return blocks_.size(); }
    size_t contents_bytes() const override { return bytes_; }
    types::Object* clone() const override { return new Blocks(size()); }
    bool save_next(size_t&) override { return false; }
    bool drain(size_t budget) override {
        for (; budget > 0 && !blocks_.empty(); --budget) {
            bytes_ -= base::usable_size(blocks_.back());
            base::release(Purpose::keyspace, blocks_.back());
            blocks_.pop_back();
        }
        return blocks_.empty();
    }
    void add() {
        blocks_.push_back(base::allocate(Purpose::keyspace, 40));
        bytes_ += base::usable_size(blocks_.back());
    }

private:
    std::vector<void*> blocks_;
    size_t bytes_ = 0;
};

struct Expected {
    Kind kind;
    std::string bytes;    // packed
    size_t elements = 0;  // of an object
    bool is_object = false;
    int64_t expire_ms = kNoExpiry;
};

class Pair {
public:
    explicit Pair(uint64_t seed) : random(seed) {
        for (size_t index = 0; index < 12; ++index) {
            names.push_back("key:" + std::string(index * 31 % 300, 'k') + std::to_string(index));
        }
        for (Shard& shard : shards) shard.reclaimer = &reclaimer;
    }
    /// A key's shard is that of its database here, so that moves cross shards.
    Partition& partition(size_t place) { return shards[place].database(0, kNow); }
    std::map<std::string, Expected>& model(size_t place) { return models[place]; }

    void step();
    void check();
    void check_memory();

private:
    std::string random_bytes() {
        const size_t limits[] = {20, 600, 5000, 20000};
        return std::string(1 + random.below(limits[random.below(4)]),
                           static_cast<char>('a' + random.below(26)));
    }
    void put_packed(size_t place, const std::string& name);
    void edit_packed(size_t place, const std::string& name);
    void put_object(size_t place, const std::string& name);
    void edit_object(size_t place, const std::string& name);
    void put_string(size_t place, const std::string& name);
    void set_expiry(size_t place, const std::string& name);
    void transfer(size_t place, const std::string& name, bool moves);
    void erase(size_t place, const std::string& name);

    base::Random random;
    int64_t keyspace_before = base::used(Purpose::keyspace);
    Reclaimer reclaimer;
    Shard shards[2]{{1, 1}, {1, 2}};
    std::map<std::string, Expected> models[2];
    std::vector<std::string> names;
};

void Pair::put_packed(size_t place, const std::string& name) {
    const Key key = Key::of(name);
    const Kind kind = random.below(2) == 0 ? kPackedList : kPackedSet;
    const std::string bytes = random_bytes();
    Entry* present = partition(place).find(key);
    const int64_t expire_ms = present == nullptr ? kNoExpiry : present->expire_ms();
    partition(place).put_packed(key, present, kind, bytes, expire_ms, kNoTimestamp);
    model(place)[name] = {kind, bytes, 0, false, expire_ms};
}

void Pair::edit_packed(size_t place, const std::string& name) {
    const Key key = Key::of(name);
    Expected& expected = model(place)[name];
    Entry* entry = partition(place).find(key);
    // Mostly an element more or less, as commands do it.
    const size_t old_bytes = expected.bytes.size();
    const size_t bytes = random.below(3) == 0 ? 1 + random.below(9000)
                         : random.below(2) == 0
                             ? old_bytes + random.below(40)
                             : old_bytes - random.below(std::min<size_t>(old_bytes, 40));
    char* value = partition(place).edit_packed(key, entry, bytes);
    EXPECT_EQ(entry, partition(place).find(key));
    EXPECT_EQ(std::string_view(value, std::min(bytes, old_bytes)),
              std::string_view(expected.bytes).substr(0, bytes));
    expected.bytes.resize(bytes, 'z');
    std::memcpy(value, expected.bytes.data(), bytes);
}

void Pair::put_object(size_t place, const std::string& name) {
    const Key key = Key::of(name);
    Entry* present = partition(place).find(key);
    const int64_t expire_ms = present == nullptr ? kNoExpiry : present->expire_ms();
    const size_t count = random.below(3) == 0 ? 200 : random.below(20);
    partition(place).put_object(key, present, kLargeList, std::make_unique<Blocks>(count),
                                expire_ms, kNoTimestamp);
    model(place)[name] = {kLargeList, "", count, true, expire_ms};
}

void Pair::edit_object(size_t place, const std::string& name) {
    Entry* entry = partition(place).find(Key::of(name));
    const size_t before = entry->object()->contents_bytes();
    static_cast<Blocks*>(entry->object())->add();
    partition(place).object_changed(*entry, before);
    ++model(place)[name].elements;
}

void Pair::put_string(size_t place, const std::string& name) {
    const Key key = Key::of(name);
    const std::string bytes = random_bytes();
    partition(place).put_string(key, partition(place).find(key), types::plain_string(bytes, true),
                                kNoExpiry, kNoTimestamp);
    model(place)[name] = {{Type::string, Encoding::raw}, bytes, 0, false, kNoExpiry};
}

void Pair::set_expiry(size_t place, const std::string& name) {
    const Key key = Key::of(name);
    const int64_t expire_ms = kNow + static_cast<int64_t>(random.below(1'000'000));
    partition(place).set_expiry(key, partition(place).find(key), expire_ms);
    model(place)[name].expire_ms = expire_ms;
}

void Pair::transfer(size_t place, const std::string& name, bool moves) {
    const std::string& target = names[random.below(names.size())];
    const size_t there = random.below(2);
    if (there == place && target == name) return;
    const Key key = Key::of(target);
    if (Entry* present = partition(there).find(key)) partition(there).erase(key, present);
    const Expected expected = model(place)[name];
    Entry* source = partition(place).find(Key::of(name));
    if (moves) {
        partition(there).insert_moved(key, partition(place), Key::of(name), source);
        model(place).erase(name);
    } else {
        partition(there).insert_copy(key, *source);
    }
    model(there)[target] = expected;
}

void Pair::erase(size_t place, const std::string& name) {
    const Key key = Key::of(name);
    partition(place).erase(key, partition(place).find(key));
    model(place).erase(name);
}

void Pair::step() {
    const size_t place = random.below(2);
    const std::string name = names[random.below(names.size())];
    const auto found = model(place).find(name);
    if (found == model(place).end()) {
        random.below(2) == 0 ? put_packed(place, name) : put_object(place, name);
        return;
    }
    const bool is_object = found->second.is_object;
    switch (random.below(12)) {
        case 0:
            return put_packed(place, name);
        case 1:
            return put_object(place, name);
        case 2:
            return put_string(place, name);
        case 3:
            return set_expiry(place, name);
        case 4:
        case 5:
            return transfer(place, name, random.below(2) == 0);
        case 6:
            return erase(place, name);
        default:
            if (found->second.kind.type == Type::string) return;
            return is_object ? edit_object(place, name) : edit_packed(place, name);
    }
}

void Pair::check() {
    for (size_t place = 0; place < 2; ++place) {
        ASSERT_EQ(partition(place).size(), model(place).size());
        for (const auto& [name, expected] : model(place)) {
            const Entry* entry = partition(place).find(Key::of(name));
            ASSERT_NE(entry, nullptr) << name;
            ASSERT_EQ(entry->kind(), expected.kind);
            ASSERT_EQ(entry->expire_ms(), expected.expire_ms);
            if (expected.is_object) {
                ASSERT_EQ(entry->object()->size(), expected.elements);
            } else {
                ASSERT_EQ(entry->bytes(), expected.bytes);
            }
        }
    }
}

void Pair::check_memory() {
    reclaimer.run();
    while (!reclaimer.drain(7)) {
    }
    int64_t bytes = 0;
    int64_t counted = 0;
    for (size_t place = 0; place < 2; ++place) {
        int64_t here = 0;
        partition(place).for_each(
            [&](const Entry& entry) { here += static_cast<int64_t>(Partition::footprint(entry)); });
        ASSERT_EQ(partition(place).entry_bytes(), here);
        bytes += here;
        std::map<const void*, int64_t> blocks;
        partition(place).for_each([&](const Entry& entry) {
            if (entry.has(Entry::external)) {
                blocks[entry.block()] = static_cast<int64_t>(entry.block()->footprint());
            }
        });
        counted += static_cast<int64_t>(blocks.size());
    }
    // Copies share their blocks: what is in use is less than what all keys count.
    ASSERT_LE(base::used(Purpose::keyspace) - keyspace_before, bytes);
    if (counted == 0) {
        ASSERT_EQ(base::used(Purpose::keyspace) - keyspace_before, bytes);
    }
}

TEST(Collection, behaves_like_a_map_and_counts_each_byte) {
    SCOPED_TRACE(seed_note());
    const int64_t keyspace_before = base::used(Purpose::keyspace);
    for (uint64_t round = 0; round < 20; ++round) {
        Pair pair(test_seed() + round);
        for (size_t index = 0; index < 1500; ++index) {
            pair.step();
            pair.check();
            ASSERT_FALSE(HasFatalFailure());
            if (index % 64 == 0) pair.check_memory();
            ASSERT_FALSE(HasFatalFailure());
        }
    }
    EXPECT_EQ(base::used(Purpose::keyspace), keyspace_before) << "nothing is left behind";
}

class ReclaimerTest : public testing::Test {
protected:
    ReclaimerTest() { shard_.reclaimer = &reclaimer_; }
    Entry* put(size_t elements) {
        return partition().put_object(key_, partition().find(key_), kLargeList,
                                      std::make_unique<Blocks>(elements), kNoExpiry, kNoTimestamp);
    }
    Partition& partition() { return shard_.database(0, kNow); }

    const Key key_ = Key::of("key");
    Reclaimer reclaimer_;
    Shard shard_{1, 1};
};

TEST_F(ReclaimerTest, a_small_collection_is_freed_with_its_key) {
    const int64_t before = base::used(Purpose::keyspace);
    partition().erase(key_, put(Reclaimer::kDeferElements - 1));
    EXPECT_FALSE(reclaimer_.has_objects());
    EXPECT_EQ(base::used(Purpose::keyspace), before);
}

TEST_F(ReclaimerTest, a_large_one_goes_in_slices) {
    const size_t freed = Reclaimer::freed_objects();
    const int64_t before = base::used(Purpose::keyspace);
    partition().erase(key_, put(1000));
    EXPECT_EQ(Reclaimer::pending_objects(), 1U);
    EXPECT_FALSE(reclaimer_.drain(400));
    EXPECT_FALSE(reclaimer_.drain(400));
    const int64_t left = base::used(Purpose::keyspace) - before;
    EXPECT_GE(left, 200 * 40);
    EXPECT_LT(left, 300 * 40 + 1000);
    EXPECT_TRUE(reclaimer_.drain(400));
    EXPECT_FALSE(reclaimer_.has_objects());
    EXPECT_EQ(base::used(Purpose::keyspace), before);
    EXPECT_EQ(Reclaimer::pending_objects(), 0U);
    EXPECT_EQ(Reclaimer::freed_objects(), freed + 1);
}

TEST_F(ReclaimerTest, overwriting_and_flushing_leave_large_collections_to_it) {
    put(1000);
    put(1000);
    EXPECT_EQ(Reclaimer::pending_objects(), 1U);
    shard_.detach_database(0);
    while (!shard_.drain(16)) {
    }
    EXPECT_EQ(Reclaimer::pending_objects(), 2U);
    EXPECT_FALSE(reclaimer_.drain(1500)) << "the second is half gone";
    EXPECT_TRUE(reclaimer_.drain(1500));
}

}  // namespace
}  // namespace gyre::store
