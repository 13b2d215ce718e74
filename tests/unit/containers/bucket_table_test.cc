// SPDX-License-Identifier: BSD-3-Clause
// The bucket table against std::unordered_map, the promise of SCAN under growth and shrinking, and
// exact memory.

#include "containers/bucket_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "containers/page_source.h"
#include "support/seed.h"

namespace gyre::containers {
namespace {

struct Item {
    uint64_t key;
    uint64_t hash;
};

struct ItemReference {
    Item* item;
    bool operator==(const ItemReference&) const = default;
    Item* operator->() const { return item; }
};

struct ItemPolicy {
    using Reference = ItemReference;
    static uint64_t to_bits(ItemReference reference) {
        return reinterpret_cast<uint64_t>(reference.item);
    }
    static ItemReference from_bits(uint64_t bits) { return {reinterpret_cast<Item*>(bits)}; }
    uint64_t hash(ItemReference reference) const { return reference->hash; }
};

// References need not be pointers: a handle is a number of 32 bits here.
struct HandlePolicy {
    enum class Reference : uint32_t {};
    static constexpr base::Purpose kPurpose = base::Purpose::keyspace;
    static uint64_t to_bits(Reference reference) { return static_cast<uint64_t>(reference); }
    static Reference from_bits(uint64_t bits) { return static_cast<Reference>(bits); }
    static void prefetch(Reference) {}
    static uint64_t hash_of(uint32_t handle) { return handle * 0x9E3779B97F4A7C15u; }
    uint64_t hash(Reference reference) const { return hash_of(static_cast<uint32_t>(reference)); }
};

using Table = BucketTable<ItemPolicy>;

uint64_t mix(uint64_t key) {
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

/// A table and the truth about it.
class Pair {
public:
    using HashFunction = uint64_t (*)(uint64_t key);
    explicit Pair(HashFunction hash = mix) : hash_(hash) {}

    Table::Position find(uint64_t key) const {
        return table.find(hash_(key), [key](ItemReference found) { return found->key == key; });
    }
    void insert(uint64_t key) {
        auto [place, is_new] = items.emplace(key, std::make_unique<Item>(Item{key, hash_(key)}));
        ASSERT_TRUE(is_new);
        table.insert(hash_(key), {place->second.get()});
        keys_.push_back(key);
    }
    void erase(uint64_t key) {
        table.erase(find(key), hash_(key));
        items.erase(key);
    }
    void move(uint64_t key) {
        auto moved = std::make_unique<Item>(*items.at(key));
        table.replace(find(key), {moved.get()});
        items.at(key) = std::move(moved);
    }
    uint64_t random_key(base::Random& random) {
        for (;;) {
            const size_t index = random.next() % keys_.size();
            if (items.contains(keys_[index])) return keys_[index];
            keys_[index] = keys_.back();
            keys_.pop_back();
        }
    }
    void check_all() const {
        ASSERT_EQ(table.size(), items.size());
        for (const auto& [key, item] : items) {
            const Table::Position position = find(key);
            ASSERT_TRUE(position) << key;
            ASSERT_EQ(table.at(position).item, item.get());
        }
        size_t visited = 0;
        table.for_each([&](ItemReference reference) {
            ++visited;
            EXPECT_EQ(items.at(reference->key).get(), reference.item);
        });
        ASSERT_EQ(visited, items.size());
        check_shape();
    }
    void check_shape() const {
        const size_t slots = table.bucket_count() * Bucket::kSlots;
        ASSERT_LE(table.size() * 100, 95 * slots);
        if (table.bucket_count() > 1) {
            ASSERT_GE(table.size() * 100, 35 * slots);
        }
        if (table.empty()) {
            ASSERT_EQ(table.memory_bytes(), 0u);
        }
    }

    Table table;
    std::unordered_map<uint64_t, std::unique_ptr<Item>> items;

private:
    HashFunction hash_;
    std::vector<uint64_t> keys_;  // every key of items, and some that are gone
};

TEST(BucketTable, AnEmptyOneCostsNothingAndAnswers) {
    Table table;
    base::Random random(1);
    ItemReference out[4];
    EXPECT_EQ(table.memory_bytes(), 0u);
    EXPECT_FALSE(table.find(5, [](ItemReference) { return true; }));
    EXPECT_EQ(table.scan(0, [](ItemReference) { FAIL(); }), 0u);
    EXPECT_EQ(table.scan(77, [](ItemReference) { FAIL(); }), 0u);
    EXPECT_EQ(table.sample(random, out, 4), 0u);
    table.visit_chain(3, [](ItemReference) { FAIL(); });
    table.prefetch_bucket(1);
    table.prefetch_entry(1);
    table.clear([](ItemReference) { FAIL(); });
    EXPECT_LE(sizeof(Table), 96u);
}

TEST(BucketTable, FewKeysTakeOneSmallAllocation) {
    Pair pair;
    pair.insert(1);
    EXPECT_LE(pair.table.memory_bytes(), 136u);
    for (uint64_t key = 2; key <= 40; ++key) pair.insert(key);
    EXPECT_LE(pair.table.memory_bytes(), 1800u);
}

void run_against_model(Pair& pair, base::Random& random, int steps, uint64_t key_limit) {
    for (int step = 0; step < steps; ++step) {
        const bool grows = (step / (steps / 4)) % 2 == 0;
        const uint64_t draw = random.next() % 100;
        if (pair.items.empty() || draw < (grows ? 70u : 20u)) {
            const uint64_t key = random.next() % key_limit;
            ASSERT_EQ(static_cast<bool>(pair.find(key)), pair.items.contains(key));
            if (!pair.items.contains(key)) pair.insert(key);
        } else if (draw < 90) {
            pair.erase(pair.random_key(random));
        } else {
            pair.move(pair.random_key(random));
        }
        ASSERT_EQ(pair.table.size(), pair.items.size());
        if (step % 64 == 0) pair.check_shape();
        if (step % 4096 == 0) pair.check_all();
        if (testing::Test::HasFatalFailure()) return;
    }
    pair.check_all();
    while (!pair.items.empty()) pair.erase(pair.items.begin()->first);
    EXPECT_EQ(pair.table.memory_bytes(), 0u);
}

TEST(BucketTable, AgreesWithAMapThroughGrowthAndShrinking) {
    SCOPED_TRACE(seed_note());
    for (uint64_t key_limit : {10u, 100u, 1000u, 100'000u}) {
        SCOPED_TRACE(key_limit);
        base::Random random(test_seed() + key_limit);
        Pair pair;
        run_against_model(pair, random, 40'000, key_limit);
    }
}

TEST(BucketTable, CanBeClearedInSlices) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (const uint64_t count : {1u, 6u, 7u, 500u, 20'000u}) {
        Pair pair;
        for (uint64_t key = 0; key < count; ++key) pair.insert(key);
        for (uint64_t key = 0; key < count / 3; ++key) pair.erase(key);
        size_t given = 0;
        size_t calls = 0;
        while (!pair.table.empty()) {
            given += pair.table.clear_last(
                [&](ItemReference reference) { pair.items.erase(reference->key); });
            // What is left can be found, and nothing else.
            if (++calls % 64 != 0) continue;
            ASSERT_EQ(pair.table.size(), pair.items.size());
            for (const auto& [key, item] : pair.items) ASSERT_TRUE(pair.find(key));
        }
        EXPECT_EQ(given, count - count / 3);
        EXPECT_TRUE(pair.items.empty());
        EXPECT_EQ(pair.table.memory_bytes(), 0u);
        pair.insert(random.next());  // and it can be used again
        EXPECT_EQ(pair.table.size(), 1u);
    }
}

TEST(BucketTable, AgreesWithAMapWhenHashesCollide) {
    SCOPED_TRACE(seed_note());
    static constexpr Pair::HashFunction kBadHashes[] = {
        [](uint64_t) -> uint64_t { return 0; },
        [](uint64_t) -> uint64_t { return ~uint64_t{0}; },
        [](uint64_t key) -> uint64_t { return key % 3; },
        [](uint64_t key) -> uint64_t { return mix(key) << 24; },       // one chain, differing tags
        [](uint64_t key) -> uint64_t { return mix(key) & 0xFFFFFF; },  // no tags
        [](uint64_t key) -> uint64_t { return (key % 50) * 0x1000100u; },
    };
    for (size_t i = 0; i < std::size(kBadHashes); ++i) {
        SCOPED_TRACE(i);
        base::Random random(test_seed() + i);
        Pair pair(kBadHashes[i]);
        run_against_model(pair, random, 3000, 1000);
        if (HasFatalFailure()) return;
    }
}

TEST(BucketTable, TellsHowLongChainsAre) {
    Pair good;
    for (uint64_t key = 0; key < 50'000; ++key) good.insert(key);
    EXPECT_GE(good.table.longest_chain(), 2u);
    EXPECT_LE(good.table.longest_chain(), 6u);
    Pair bad([](uint64_t) -> uint64_t { return 12345; });
    for (uint64_t key = 0; key < 7 * 20; ++key) bad.insert(key);
    EXPECT_EQ(bad.table.longest_chain(), 20u);
}

TEST(BucketTable, MemoryIsExactWhateverItsHistory) {
    SCOPED_TRACE(seed_note());
    PageSource::trim_all();
    base::Random random(test_seed());
    const int64_t before = base::used(base::Purpose::index);
    {
        Pair pair;
        for (int step = 0; step < 60'000; ++step) {
            if (step < 40'000 ? random.next() % 4 != 0 : false) {
                pair.insert(static_cast<uint64_t>(step));
            } else if (!pair.items.empty()) {
                pair.erase(pair.random_key(random));
            }
            if (step % 16 == 0) {
                ASSERT_EQ(base::used(base::Purpose::index) - before,
                          static_cast<int64_t>(pair.table.memory_bytes()));
            }
        }
        Table moved(std::move(pair.table));
        EXPECT_EQ(pair.table.memory_bytes(), 0u);
        EXPECT_EQ(base::used(base::Purpose::index) - before,
                  static_cast<int64_t>(moved.memory_bytes()));
    }
    EXPECT_EQ(base::used(base::Purpose::index), before);
}

TEST(BucketTable, ReservedBucketsAreThoseItWouldHaveGrown) {
    constexpr uint64_t kKeys = 50'000;
    Pair grown;
    Pair reserved;
    reserved.table.reserve(kKeys);
    const size_t buckets = reserved.table.bucket_count();
    EXPECT_GE(buckets * Bucket::kSlots * 95, kKeys * 100);
    for (uint64_t key = 0; key < kKeys; ++key) {
        grown.insert(key);
        reserved.insert(key);
    }
    EXPECT_EQ(reserved.table.bucket_count(), buckets);
    EXPECT_NEAR(static_cast<double>(buckets), static_cast<double>(grown.table.bucket_count()), 1);
    reserved.check_all();
    reserved.table.trim();
    EXPECT_EQ(reserved.table.bucket_count(), buckets);
    // It goes on from there as any other does.
    for (uint64_t key = kKeys; key < 2 * kKeys; ++key) reserved.insert(key);
    reserved.check_all();
    reserved.table.reserve(10 * kKeys);
    reserved.check_all();
}

TEST(BucketTable, WhatWasReservedForTooManyIsTrimmed) {
    const int64_t before = base::used(base::Purpose::index);
    Pair pair;
    pair.table.reserve(100'000);
    for (uint64_t key = 0; key < 1000; ++key) pair.insert(key);
    pair.table.trim();
    pair.check_all();
    EXPECT_EQ(base::used(base::Purpose::index) - before,
              static_cast<int64_t>(pair.table.memory_bytes()));
    while (!pair.items.empty()) pair.erase(pair.items.begin()->first);
    EXPECT_EQ(pair.table.memory_bytes(), 0U);
    pair.table.reserve(100'000);
    pair.table.trim();
    EXPECT_EQ(pair.table.memory_bytes(), 0U);
}

TEST(BucketTable, IndexBytesForEachKeyStayNearThirteen) {
    Pair pair;
    double sum = 0;
    int samples = 0;
    for (uint64_t key = 0; key < 60'000; ++key) {
        pair.insert(key);
        if (key < 30'000 || key % 1000 != 0) continue;
        sum +=
            static_cast<double>(pair.table.memory_bytes()) / static_cast<double>(pair.table.size());
        ++samples;
    }
    EXPECT_LE(sum / samples, 13.5);
}

TEST(BucketTable, CountsUnderThePurposeOfItsPolicyAndTakesHandles) {
    const int64_t before = base::used(base::Purpose::keyspace);
    BucketTable<HandlePolicy> table;
    for (uint32_t handle = 0; handle < 5000; ++handle) {
        table.insert(HandlePolicy::hash_of(handle), HandlePolicy::Reference{handle});
    }
    EXPECT_EQ(base::used(base::Purpose::keyspace) - before,
              static_cast<int64_t>(table.memory_bytes()));
    for (uint32_t handle = 0; handle < 5000; ++handle) {
        const auto wanted = HandlePolicy::Reference{handle};
        EXPECT_TRUE(
            table.find(HandlePolicy::hash_of(handle), [&](auto found) { return found == wanted; }));
    }
    table.prefetch_entry(HandlePolicy::hash_of(17));
}

// ---- scan

std::set<uint64_t> scan_all(const Table& table, size_t* visits = nullptr) {
    std::set<uint64_t> seen;
    uint64_t cursor = 0;
    do {
        cursor = table.scan(cursor, [&](ItemReference reference) {
            seen.insert(reference->key);
            if (visits != nullptr) ++*visits;
        });
    } while (cursor != 0);
    return seen;
}

TEST(BucketTable, ScanOfATableAtRestGivesEachOnce) {
    Pair pair;
    for (uint64_t key = 0; key < 1500; ++key) {
        pair.insert(key);
        if (key % 37 != 0 && key > 40) continue;
        size_t visits = 0;
        ASSERT_EQ(scan_all(pair.table, &visits).size(), key + 1);
        ASSERT_EQ(visits, key + 1);
    }
}

/// Scans a table while keys come and go between the calls; returns how often each key was given.
/// Keys below `stays` are in it all the time.
template <class Step>
std::map<uint64_t, int> scan_under_change(base::Random& random, uint64_t stays, Step&& step) {
    Pair pair;
    uint64_t next_key = 0;
    std::deque<uint64_t> passing;
    while (next_key < stays) pair.insert(next_key++);
    for (uint64_t n = random.next() % 600; n != 0; --n) {
        passing.push_back(next_key);
        pair.insert(next_key++);
    }
    std::map<uint64_t, int> times;
    uint64_t cursor = 0;
    uint64_t grow_percent = random.next() % 101;
    do {
        cursor =
            step(pair.table, cursor, [&](ItemReference reference) { ++times[reference->key]; });
        if (random.next() % 16 == 0) grow_percent = random.next() % 101;
        for (uint64_t n = random.next() % 24; n != 0; --n) {
            if (passing.empty() || (random.next() % 100 < grow_percent && passing.size() < 1500)) {
                passing.push_back(next_key);
                pair.insert(next_key++);
            } else {
                pair.erase(passing.front());
                passing.pop_front();
            }
        }
    } while (cursor != 0);
    return times;
}

TEST(BucketTable, ScanMissesNothingThatStaysThroughGrowthAndShrinking) {
    SCOPED_TRACE(seed_note());
    size_t duplicates = 0;
    size_t visits = 0;
    for (uint64_t trial = 0; trial < 3000; ++trial) {
        base::Random random(test_seed() * 100'000 + trial);
        const uint64_t stays = 1 + random.next() % 300;
        const auto times = scan_under_change(
            random, stays,
            [](const Table& table, uint64_t cursor, auto&& f) { return table.scan(cursor, f); });
        for (uint64_t key = 0; key < stays; ++key) {
            ASSERT_TRUE(times.contains(key)) << "trial " << trial << " missed " << key;
            ++visits;
            duplicates += static_cast<size_t>(times.at(key) - 1);
        }
    }
    EXPECT_LT(duplicates, visits / 2);
}

TEST(BucketTable, ScanOnceMissesNothingAndRepeatsNothing) {
    SCOPED_TRACE(seed_note());
    for (uint64_t trial = 0; trial < 1500; ++trial) {
        base::Random random(test_seed() * 100'000 + trial);
        const uint64_t stays = 1 + random.next() % 300;
        const auto times =
            scan_under_change(random, stays, [](const Table& table, uint64_t cursor, auto&& f) {
                return table.scan_once(cursor, f);
            });
        for (uint64_t key = 0; key < stays; ++key) {
            ASSERT_TRUE(times.contains(key)) << "trial " << trial << " missed " << key;
        }
        for (const auto& [key, count] : times) {
            ASSERT_EQ(count, 1) << "trial " << trial << " repeated " << key;
        }
    }
}

TEST(BucketTable, ScanTakesAnyCursor) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    Pair pair;
    for (uint64_t key = 0; key < 700; ++key) pair.insert(key);
    for (int i = 0; i < 2000; ++i) {
        uint64_t cursor = random.next() >> (random.next() % 64);
        size_t calls = 0;
        do {
            cursor = pair.table.scan(cursor, [](ItemReference) {});
            ASSERT_LE(++calls, 2 * pair.table.bucket_count());
        } while (cursor != 0);
    }
}

// ---- chains, random choice, the rest

TEST(BucketTable, VisitChainFindsWhatATokenMeans) {
    Pair pair;
    for (uint64_t key = 0; key < 3000; ++key) pair.insert(key);
    size_t others = 0;
    for (uint64_t key = 0; key < 3000; ++key) {
        bool was_found = false;
        pair.table.visit_chain(token_of(mix(key)), [&](ItemReference reference) {
            was_found |= reference->key == key;
            others += reference->key != key;
        });
        EXPECT_TRUE(was_found);
    }
    EXPECT_LE(others, 10u);
}

TEST(BucketTable, HalfATokenFindsTheSameAndLittleElse) {
    Pair pair;
    pair.table.visit_chain_short(3, [](ItemReference) { FAIL(); });
    for (uint64_t key = 0; key < 3000; ++key) pair.insert(key);
    size_t others = 0;
    for (uint64_t key = 0; key < 3000; ++key) {
        bool was_found = false;
        const auto token = static_cast<uint32_t>(mix(key));
        pair.table.visit_chain_short(token, [&](ItemReference reference) {
            was_found |= reference->key == key;
            others += reference->key != key;
        });
        EXPECT_TRUE(was_found);
    }
    EXPECT_LE(others, 3000u * 8 / 256 + 60);
}

TEST(BucketTable, RandomReachesAllAboutEqually) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    constexpr size_t kKeys = 400;
    constexpr size_t kDraws = 200 * kKeys;
    Pair pair;
    for (uint64_t key = 0; key < kKeys; ++key) pair.insert(key);
    std::map<uint64_t, size_t> times;
    for (size_t i = 0; i < kDraws; ++i) ++times[pair.table.random(random)->key];
    EXPECT_EQ(times.size(), kKeys);
    for (const auto& [key, count] : times) {
        EXPECT_GT(count, 100u) << key;  // 200 expected, 14 standard deviation
        EXPECT_LT(count, 300u) << key;
    }
}

TEST(BucketTable, RandomEndsInATableOfOneChain) {
    base::Random random(3);
    Pair pair([](uint64_t) -> uint64_t { return 777; });
    for (uint64_t key = 0; key < 2000; ++key) pair.insert(key);
    std::set<uint64_t> seen;
    for (int i = 0; i < 300; ++i) seen.insert(pair.table.random(random)->key);
    EXPECT_GE(seen.size(), 1u);
    while (pair.items.size() > 1) pair.erase(pair.items.begin()->first);
    EXPECT_EQ(pair.table.random(random)->key, pair.items.begin()->first);
}

TEST(BucketTable, SampleGivesDifferentKeys) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    Pair pair;
    for (uint64_t key = 0; key < 500; ++key) pair.insert(key);
    std::set<uint64_t> reached;
    for (int i = 0; i < 3000; ++i) {
        ItemReference out[16];
        const size_t wanted = 1 + random.next() % 16;
        ASSERT_EQ(pair.table.sample(random, out, wanted), wanted);
        std::set<uint64_t> keys;
        for (size_t k = 0; k < wanted; ++k) keys.insert(out[k]->key);
        ASSERT_EQ(keys.size(), wanted);
        reached.merge(keys);
    }
    EXPECT_EQ(reached.size(), 500u);
    std::vector<ItemReference> all(1000);
    EXPECT_EQ(pair.table.sample(random, all.data(), all.size()), 500u);
}

TEST(BucketTable, SwapAndMoveExchangeEverything) {
    for (uint64_t left : {0u, 3u, 300u, 3000u}) {
        for (uint64_t right : {0u, 5u, 3000u}) {
            Pair a;
            Pair b;
            for (uint64_t key = 0; key < left; ++key) a.insert(key);
            for (uint64_t key = 0; key < right; ++key) b.insert(key * 3);
            a.table.swap(b.table);
            std::swap(a.items, b.items);
            a.check_all();
            b.check_all();
            a.insert(1'000'000);
            b.insert(1'000'000);
            Table taken(std::move(a.table));
            EXPECT_TRUE(a.table.empty());
            EXPECT_EQ(taken.size(), right + 1);
            a.table = std::move(taken);
            a.check_all();
            b.check_all();
        }
    }
}

TEST(BucketTable, ClearGivesEachOutOnceAndAllMemoryBack) {
    Pair pair;
    for (uint64_t key = 0; key < 2500; ++key) pair.insert(key);
    size_t cleared = 0;
    pair.table.clear([&](ItemReference reference) {
        cleared += pair.items.erase(reference->key);  // destroys the item
    });
    EXPECT_EQ(cleared, 2500u);
    EXPECT_EQ(pair.table.memory_bytes(), 0u);
    EXPECT_EQ(pair.table.size(), 0u);
    EXPECT_EQ(pair.table.longest_chain(), 0u);
    pair.insert(1);
    pair.check_all();
}

TEST(BucketTable, EpochsFollowSplitsAndTheAnnouncedBucketsAreTheOnesChanged) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    Pair pair;
    // Where each key is, by its bucket: only the announced buckets may change.
    auto contents = [&] {
        std::vector<std::set<uint64_t>> buckets(pair.table.bucket_count());
        for (size_t i = 0; i < buckets.size(); ++i) {
            pair.table.for_each_in_bucket(i, [&](ItemReference r) { buckets[i].insert(r->key); });
        }
        return buckets;
    };
    uint64_t next_key = 0;
    for (int step = 0; step < 900; ++step) {
        const bool inserts =
            pair.items.size() < 2 || (step < 500 ? random.next() % 4 != 0 : random.next() % 4 == 0);
        const auto before = contents();
        if (!inserts) {
            const uint64_t key = pair.random_key(random);
            const size_t home = pair.table.bucket_of(mix(key));
            const bool merges = pair.table.will_merge();
            const size_t target = merges ? pair.table.merge_bucket() : 0;
            pair.erase(key);
            const auto after = contents();
            ASSERT_EQ(after.size(), before.size() - merges);
            for (size_t i = 0; i < after.size(); ++i) {
                if (i != home && !(merges && i == target)) {
                    ASSERT_EQ(after[i], before[i]);
                }
            }
            continue;
        }
        const bool splits = pair.table.will_split();
        const size_t source = splits ? pair.table.split_bucket() : 0;
        const auto mark = static_cast<uint8_t>(step);
        if (splits) pair.table.set_epoch(source, mark);
        const size_t home = before.empty() ? 0 : pair.table.bucket_of(mix(next_key));
        pair.insert(next_key++);
        const auto after = contents();
        ASSERT_EQ(after.size(), before.empty() ? 1 : before.size() + splits);
        for (size_t i = 0; i < before.size(); ++i) {
            if (i != home && !(splits && i == source)) {
                ASSERT_EQ(after[i], before[i]);
            }
        }
        if (splits) {
            ASSERT_EQ(pair.table.epoch(source), mark);
            ASSERT_EQ(pair.table.epoch(before.size()), mark);
        }
    }
}

}  // namespace
}  // namespace gyre::containers
