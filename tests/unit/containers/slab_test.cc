// SPDX-License-Identifier: BSD-3-Clause
// The slab: size classes, exact sums, pages that come and go, no two objects in one place.

#include "containers/slab.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "containers/page_source.h"
#include "containers/poison.h"
#include "support/seed.h"

namespace gyre::containers {
namespace {

struct Object {
    unsigned char* bytes;
    size_t size;
    unsigned char mark;
};

Object make(Slab& slab, size_t size, unsigned char mark) {
    auto* bytes = static_cast<unsigned char*>(slab.allocate(size));
    std::memset(bytes, mark, size);
    return {bytes, size, mark};
}

bool is_intact(const Object& object) {
    for (size_t i = 0; i < object.size; ++i) {
        if (object.bytes[i] != object.mark) return false;
    }
    return true;
}

TEST(Slab, ClassesStepBy8To128By16To256By32To512) {
    std::set<size_t> classes;
    for (size_t bytes = 1; bytes <= kSlabBytesMax; ++bytes) {
        const size_t step = bytes <= 128 ? 8 : bytes <= 256 ? 16 : 32;
        const size_t taken = Slab::class_bytes(bytes);
        EXPECT_GE(taken, bytes);
        EXPECT_LT(taken - bytes, step);
        EXPECT_EQ(taken % step, 0u);
        EXPECT_EQ(Slab::class_bytes(taken), taken);
        classes.insert(taken);
    }
    EXPECT_EQ(classes.size(), Slab::kClassCount);
}

TEST(Slab, AnEmptyOneHoldsNothingAndIsSmall) {
    Slab slab;
    EXPECT_EQ(slab.used_bytes(), 0u);
    EXPECT_EQ(slab.reserved_bytes(), 0u);
    EXPECT_LE(sizeof(Slab), 320u);
}

TEST(Slab, AFreshPageHandsOutRisingAddresses) {
    Slab slab;
    auto* first = static_cast<char*>(slab.allocate(40));
    auto* second = static_cast<char*>(slab.allocate(33));
    EXPECT_EQ(second, first + 40);
    slab.release(first, 40);
    // A released object is used again before memory that was never touched.
    EXPECT_EQ(slab.allocate(36), first);
    EXPECT_EQ(static_cast<char*>(slab.allocate(40)), second + 40);
    EXPECT_EQ(slab.reserved_bytes(), Slab::kPageBytes);
}

TEST(Slab, EveryReleasedObjectOfAPageIsUsedAgain) {
    Slab slab;
    std::set<void*> released;
    std::vector<void*> objects;
    for (int i = 0; i < 300; ++i) objects.push_back(slab.allocate(48));
    for (size_t i = 0; i < objects.size(); i += 2) {
        slab.release(objects[i], 48);
        released.insert(objects[i]);
    }
    while (!released.empty()) ASSERT_EQ(released.erase(slab.allocate(48)), 1u);
    EXPECT_EQ(slab.reserved_bytes(), Slab::kPageBytes);
}

TEST(Slab, FillsAPageToItsEnd) {
    for (size_t bytes : {8u, 24u, 48u, 136u, 512u}) {
        Slab slab;
        const size_t fits = (Slab::kPageBytes - 32) / Slab::class_bytes(bytes);
        for (size_t i = 0; i < fits; ++i) make(slab, bytes, 1);
        EXPECT_EQ(slab.reserved_bytes(), Slab::kPageBytes) << bytes;
        make(slab, bytes, 1);
        EXPECT_EQ(slab.reserved_bytes(), 2 * Slab::kPageBytes) << bytes;
    }
}

TEST(Slab, KeepsOneEmptyPageOfAClassAndTrimGivesItBack) {
    const int64_t taken = PageSource::slab_pages().taken_bytes();
    Slab slab;
    std::vector<Object> objects;
    for (int i = 0; i < 2000; ++i)
        objects.push_back(make(slab, 100, static_cast<unsigned char>(i)));
    const size_t full = slab.reserved_bytes();
    EXPECT_GT(full, 10 * Slab::kPageBytes);
    EXPECT_EQ(PageSource::slab_pages().taken_bytes() - taken, static_cast<int64_t>(full));
    for (const Object& object : objects) slab.release(object.bytes, object.size);
    EXPECT_EQ(slab.used_bytes(), 0u);
    EXPECT_EQ(slab.reserved_bytes(), Slab::kPageBytes);
    const Object again = make(slab, 104, 7);
    EXPECT_EQ(slab.reserved_bytes(), Slab::kPageBytes);
    slab.trim();
    EXPECT_TRUE(is_intact(again));
    EXPECT_EQ(slab.reserved_bytes(), Slab::kPageBytes);
    slab.release(again.bytes, again.size);
    slab.trim();
    EXPECT_EQ(slab.reserved_bytes(), 0u);
    EXPECT_EQ(PageSource::slab_pages().taken_bytes(), taken);
}

TEST(Slab, TakesItsPagesAlongWhenDestroyed) {
    const int64_t taken = PageSource::slab_pages().taken_bytes();
    {
        Slab slab;
        for (size_t bytes = 1; bytes <= kSlabBytesMax; ++bytes) {
            for (int i = 0; i < 50; ++i) make(slab, bytes, 1);
        }
        EXPECT_GT(PageSource::slab_pages().taken_bytes(), taken);
    }
    EXPECT_EQ(PageSource::slab_pages().taken_bytes(), taken);
}

/// Random objects, each filled with a mark of its own, against a list of what must be there.
void run_random_load(Slab& slab, uint64_t seed, int steps) {
    base::Random random(seed);
    std::vector<Object> objects;
    size_t used = 0;
    for (int step = 0; step < steps; ++step) {
        const bool grows = (step / (steps / 6)) % 2 == 0;
        if (objects.empty() || random.next() % 100 < (grows ? 65u : 35u)) {
            const size_t limit = random.next() % 4 == 0 ? kSlabBytesMax : 64;
            objects.push_back(
                make(slab, 1 + random.next() % limit, static_cast<unsigned char>(step)));
            ASSERT_EQ(reinterpret_cast<uintptr_t>(objects.back().bytes) % 8, 0u);
            used += Slab::class_bytes(objects.back().size);
        } else {
            std::swap(objects[random.next() % objects.size()], objects.back());
            ASSERT_TRUE(is_intact(objects.back()));
            slab.release(objects.back().bytes, objects.back().size);
            used -= Slab::class_bytes(objects.back().size);
            objects.pop_back();
        }
        ASSERT_EQ(slab.used_bytes(), used);
        ASSERT_GE(slab.reserved_bytes(), used);
    }
    for (const Object& object : objects) {
        ASSERT_TRUE(is_intact(object));
        slab.release(object.bytes, object.size);
    }
    ASSERT_EQ(slab.used_bytes(), 0u);
    ASSERT_LE(slab.reserved_bytes(), Slab::kClassCount * Slab::kPageBytes);
}

TEST(Slab, RandomObjectsStayApartAndAreCounted) {
    SCOPED_TRACE(seed_note());
    Slab slab;
    run_random_load(slab, test_seed(), 60000);
    slab.trim();
    EXPECT_EQ(slab.reserved_bytes(), 0u);
}

TEST(Slab, SlabsOfManyShardsShareThePages) {
    SCOPED_TRACE(seed_note());
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([t] {
            Slab slab;
            run_random_load(slab, test_seed() + t, 12000);
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST(Slab, WhatIsObtainedIsUsedPlusSlack) {
    const int64_t difference = base::obtained() - base::used_total() - PageSource::slack();
    Slab slab;
    std::vector<Object> objects;
    objects.reserve(5000);
    int64_t accounted = 0;
    for (int i = 0; i < 5000; ++i) {
        objects.push_back(make(slab, 1 + static_cast<size_t>(i) % 300, 3));
        const auto used = static_cast<int64_t>(slab.used_bytes());
        base::account(base::Purpose::keyspace, used - accounted);
        accounted = used;
        if (i % 500 != 0) continue;
        const int64_t in_pages = static_cast<int64_t>(slab.reserved_bytes() - slab.used_bytes());
        ASSERT_EQ(base::obtained() - base::used_total() - PageSource::slack() - in_pages,
                  difference);
    }
    base::account(base::Purpose::keyspace, -accounted);
}

TEST(Slab, ReleasedAndUnusedBytesArePoisoned) {
    if (!kPoisons) GTEST_SKIP() << "not built with AddressSanitizer";
    Slab slab;
    auto* object = static_cast<char*>(slab.allocate(20));
    EXPECT_FALSE(is_poisoned(object + 23));
    EXPECT_TRUE(is_poisoned(object + 24));
    slab.release(object, 20);
    EXPECT_TRUE(is_poisoned(object));
    EXPECT_EQ(slab.allocate(24), object);
    EXPECT_FALSE(is_poisoned(object + 23));
    auto* other = static_cast<char*>(slab.allocate(24));
    slab.release(object, 24);
    EXPECT_DEATH(slab.release(object, 24), "poison");
    slab.release(other, 24);
}

}  // namespace
}  // namespace gyre::containers
