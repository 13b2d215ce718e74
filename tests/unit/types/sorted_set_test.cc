// SPDX-License-Identifier: BSD-3-Clause
// The packed form of sorted sets: scores come back as they went in, places are those of the large
// form, hostile bytes are found.

#include "types/sorted_set.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

using containers::RankedEdge;

void insert(std::string& bytes, std::string_view member, double score) {
    const PackedScore packed_score(score);
    const std::array<ListpackElement, 2> pair{ListpackElement::of(member), packed_score.element()};
    const PackedSortedSet zset(bytes);
    const size_t at = zset.find_edge({score, RankedEdge::Kind::before_member, member});
    zset.pack().insert(at, pair).apply(bytes);
}

TEST(PackedSortedSetTest, ScoresComeBackAsTheyWentIn) {
    const double scores[] = {0.0,
                             1.0,
                             -1.0,
                             0.1,
                             1e15,
                             -1e15,
                             4e15,
                             5e15,
                             1e20,
                             1e300,
                             5e-324,
                             1.0 / 3,
                             9007199254740993.0,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity()};
    for (const double score : scores) {
        std::string bytes(Listpack::kEmpty);
        insert(bytes, "member", score);
        const auto found = PackedSortedSet(bytes).find("member");
        ASSERT_TRUE(found);
        EXPECT_EQ(std::bit_cast<uint64_t>(found->score), std::bit_cast<uint64_t>(score)) << score;
        EXPECT_TRUE(PackedSortedSet::is_valid(bytes)) << score;
    }
}

TEST(PackedSortedSetTest, MinusZeroIsTheIntegerThatRedisWrites) {
    std::string minus(Listpack::kEmpty);
    insert(minus, "member", -0.0);
    std::string plus(Listpack::kEmpty);
    insert(plus, "member", 0.0);
    EXPECT_EQ(minus, plus);
}

TEST(PackedSortedSetTest, BothFormsAgree) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    std::string bytes(Listpack::kEmpty);
    const auto large = std::unique_ptr<SortedSet>(new SortedSet());
    for (int i = 0; i < 100; ++i) {
        const std::string member = std::to_string(random.below(1000));
        const uint64_t hash = containers::RankedSet::hash(member);
        if (large->set.find(member, hash)) continue;
        const auto score = static_cast<double>(random.below(10));
        large->set.insert(member, hash, score);
        insert(bytes, member, score);
    }
    ASSERT_TRUE(PackedSortedSet::is_valid(bytes));
    auto place = large->set.first();
    PackedSortedSet(bytes).for_each([&](std::string_view member, double score) {
        EXPECT_EQ(large->set.at(place).member, member);
        EXPECT_EQ(large->set.at(place).score, score);
        EXPECT_EQ(PackedSortedSet(bytes).find(member)->rank, large->set.rank(place));
        place = large->set.next(place);
        return true;
    });
    EXPECT_FALSE(place);
    const std::unique_ptr<SortedSet> copy(large->clone());
    EXPECT_EQ(copy->size(), large->size());
    EXPECT_GT(copy->footprint(), sizeof(SortedSet));
}

TEST(PackedSortedSetTest, HostileBytesAreFound) {
    std::string bytes(Listpack::kEmpty);
    EXPECT_FALSE(PackedSortedSet::is_valid(bytes)) << "empty";
    insert(bytes, "a", 1);
    insert(bytes, "b", 1);
    insert(bytes, "c", 2.5);
    EXPECT_TRUE(PackedSortedSet::is_valid(bytes));
    const auto with = [&](std::initializer_list<std::string_view> texts) {
        std::string other(Listpack::kEmpty);
        for (const std::string_view text : texts) {
            const std::array<ListpackElement, 1> element{ListpackElement::of(text)};
            const Listpack pack(other);
            pack.insert(pack.end(), element).apply(other);
        }
        return other;
    };
    EXPECT_TRUE(PackedSortedSet::is_valid(with({"a", "1", "b", "inf"})));
    EXPECT_FALSE(PackedSortedSet::is_valid(with({"a", "1", "b"}))) << "no score";
    EXPECT_FALSE(PackedSortedSet::is_valid(with({"a", "x"}))) << "no number";
    EXPECT_FALSE(PackedSortedSet::is_valid(with({"a", "nan"})));
    EXPECT_FALSE(PackedSortedSet::is_valid(with({"a", "2", "b", "1"}))) << "order of scores";
    EXPECT_FALSE(PackedSortedSet::is_valid(with({"b", "1", "a", "1"}))) << "order of bytes";
    EXPECT_FALSE(PackedSortedSet::is_valid(with({"a", "1", "b", "1", "a", "2"}))) << "twice";
    for (size_t i = 0; i < bytes.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = bytes;
            damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
            if (!PackedSortedSet::is_valid(damaged)) continue;
            PackedSortedSet(damaged).for_each([](std::string_view, double) { return true; });
        }
    }
}

}  // namespace
}  // namespace gyre::types
