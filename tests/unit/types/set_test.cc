// SPDX-License-Identifier: BSD-3-Clause

// Goal: a large set agrees with std::set, keeps SCAN's promise, gives every member a fair chance,
// and takes few bytes, all of them counted.

#include "types/set.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

int64_t keyspace_bytes() { return base::used(base::Purpose::keyspace); }

std::string random_member(base::Random& random) {
    const uint64_t number = random.below(3'000);
    if (number < 2'900) return "member:" + std::to_string(number);
    return std::string((number - 2'900) * 7, static_cast<char>('a' + number % 26));
}

TEST(Set, AgreesWithAnOrderedOne) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    const int64_t before = keyspace_bytes();
    auto set = std::make_unique<Set>();
    std::set<std::string> model;
    for (int step = 0; step < 60'000; ++step) {
        const std::string member = random_member(random);
        const bool grows = step / 10'000 % 2 == 0;
        ASSERT_EQ(set->contains(member), model.contains(member));
        if (random.below(100) < (grows ? 80u : 20u)) {
            ASSERT_EQ(set->add(member), model.insert(member).second);
        } else {
            ASSERT_EQ(set->remove(member), model.erase(member) == 1);
        }
        ASSERT_EQ(set->size(), model.size());
        ASSERT_EQ(keyspace_bytes() - before, static_cast<int64_t>(set->footprint()));
    }
    std::set<std::string> seen;
    set->for_each([&](std::string_view member) { EXPECT_TRUE(seen.emplace(member).second); });
    EXPECT_EQ(seen, model);
    const std::unique_ptr<Set> copy(set->clone());
    EXPECT_EQ(copy->size(), model.size());
    for (const std::string& member : model) EXPECT_TRUE(copy->contains(member));
}

TEST(Set, LongMembersAndEmptyOnes) {
    Set set;
    for (const size_t length : {0u, 1u, 254u, 255u, 256u, 70'000u}) {
        const std::string member(length, 'm');
        EXPECT_TRUE(set.add(member));
        EXPECT_FALSE(set.add(member));
        EXPECT_TRUE(set.contains(member));
    }
    EXPECT_EQ(set.size(), 6u);
    for (const size_t length : {0u, 254u, 70'000u}) {
        EXPECT_TRUE(set.remove(std::string(length, 'm')));
    }
    EXPECT_EQ(set.size(), 3u);
}

// What is in the set from the first call to the last is given, while others come and go.
TEST(Set, ScanGivesWhatStays) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 20; ++round) {
        Set set;
        const uint64_t first_size = 1 + random.below(3'000);
        for (uint64_t i = 0; i < first_size; ++i) set.add("other" + std::to_string(i));
        for (int i = 0; i < 200; ++i) set.add("stays" + std::to_string(i));
        std::set<std::string> seen;
        const bool grows = random.below(2) == 0;
        uint64_t cursor = 0;
        uint64_t next = first_size;
        do {
            cursor = set.scan(cursor, [&](std::string_view member) { seen.emplace(member); });
            for (int i = 0; i < 5; ++i) {
                const uint64_t number = grows ? next++ : --next;
                const std::string other = "other" + std::to_string(number);
                grows ? set.add(other) : set.remove(other);
                if (next == 0) break;
            }
        } while (cursor != 0 && next != 0);
        if (cursor != 0) continue;
        for (int i = 0; i < 200; ++i) EXPECT_TRUE(seen.contains("stays" + std::to_string(i)));
    }
}

TEST(Set, RandomMembersAreFair) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    Set set;
    constexpr int kMembers = 300;
    constexpr int kDraws = 300'000;
    for (int i = 0; i < kMembers; ++i) set.add(std::to_string(i));
    std::map<std::string, int> drawn;
    for (int i = 0; i < kDraws; ++i) ++drawn[std::string(set.random(random))];
    ASSERT_EQ(drawn.size(), static_cast<size_t>(kMembers));
    // The hash has a seed of its own in each process: a bucket of 34, whose members fall below the
    // first bound, comes once in ten million of them. The bounds are nine deviations of a draw.
    for (const auto& [member, count] : drawn) {
        EXPECT_GT(count, kDraws / kMembers * 7 / 10) << member;
        EXPECT_LT(count, kDraws / kMembers * 13 / 10) << member;
    }
}

// redis-server 7.0 takes about 72 bytes for each: a node of 32, a string of 32, a slot of 8.
TEST(Set, AMillionShortMembersTakeFewBytes) {
    const int64_t before = keyspace_bytes();
    auto* set = new Set;
    for (int i = 1'000'000; i < 2'000'000; ++i) set->add("member:__" + std::to_string(i));
    EXPECT_EQ(keyspace_bytes() - before, static_cast<int64_t>(set->footprint()));
    EXPECT_LT(set->footprint(), 40'000'000u);
    size_t slices = 0;
    while (!set->drain(10'000)) ++slices;
    EXPECT_GT(slices, 90u);
    delete set;
    EXPECT_EQ(keyspace_bytes(), before);
}

}  // namespace
}  // namespace gyre::types
