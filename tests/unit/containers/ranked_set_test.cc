// SPDX-License-Identifier: BSD-3-Clause
// The ranked set against std::set and std::map, its invariants after every kind of change, and
// exact memory.

#include "containers/ranked_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::containers {
namespace {

using Kind = RankedEdge::Kind;

/// A ranked set and the truth about it.
class Pair {
public:
    void put(const std::string& member, double score) {
        const uint64_t hash = RankedSet::hash(member);
        const auto found = scores_.find(member);
        const RankedSet::Place place = set->find(member, hash);
        ASSERT_EQ(static_cast<bool>(place), found != scores_.end());
        if (place) {
            order_.erase({found->second, member});
            set->change(place, hash, score);
        } else {
            set->insert(member, hash, score);
        }
        scores_[member] = score;
        order_.insert({score, member});
    }
    void erase(const std::string& member) {
        const auto found = scores_.find(member);
        const RankedSet::Place place = set->find(member, RankedSet::hash(member));
        ASSERT_EQ(static_cast<bool>(place), found != scores_.end());
        if (!place) return;
        ASSERT_EQ(set->score(place), found->second);
        set->erase(place);
        order_.erase({found->second, member});
        scores_.erase(found);
    }
    void erase_ranks(size_t begin, size_t end) {
        set->erase_ranks(begin, end);
        const auto first = std::next(order_.begin(), static_cast<int64_t>(begin));
        const auto last = std::next(order_.begin(), static_cast<int64_t>(end));
        for (auto it = first; it != last; ++it) scores_.erase(it->second);
        order_.erase(first, last);
    }
    size_t expected_before(const RankedEdge& edge) const {
        size_t count = 0;
        for (const auto& [score, member] : order_) {
            if (!edge.is_behind(score, member)) break;
            ++count;
        }
        return count;
    }
    void check_edge(const RankedEdge& edge) const {
        const size_t before = expected_before(edge);
        ASSERT_EQ(set->count_before(edge), before);
        const RankedSet::Place place = set->find_edge(edge);
        ASSERT_EQ(static_cast<bool>(place), before < order_.size());
        if (place) {
            ASSERT_EQ(set->rank(place), before);
        }
    }
    void check() const {
        set->verify();
        ASSERT_EQ(set->size(), order_.size());
        auto expected = order_.begin();
        size_t rank = 0;
        for (auto place = set->first(); place; place = set->next(place), ++expected, ++rank) {
            ASSERT_EQ(set->at(place).member, expected->second);
            ASSERT_EQ(set->at(place).score, expected->first);
            ASSERT_EQ(set->select(rank), place);
        }
        ASSERT_EQ(expected, order_.end());
        for (auto place = set->last(); place; place = set->previous(place)) --expected;
        ASSERT_EQ(expected, order_.begin());
    }
    size_t size() const { return order_.size(); }
    const std::set<std::pair<double, std::string>>& order() const { return order_; }

    std::unique_ptr<RankedSet> set = std::make_unique<RankedSet>();

private:
    std::set<std::pair<double, std::string>> order_;
    std::map<std::string, double> scores_;
};

/// How members and scores are drawn: what they have in common decides which paths are taken.
struct Style {
    const char* name;
    std::string (*member)(base::Random&);
    double (*score)(base::Random&);
};

std::string any_bytes(base::Random& random) {
    std::string text(random.below(random.below(50) == 0 ? 600 : 20), '\0');
    for (char& c : text) c = static_cast<char>(random.below(3) == 0 ? random.next() : 'a');
    return text;
}
std::string long_prefix(base::Random& random) {
    return "a prefix of some length:" + std::to_string(random.below(3000));
}
std::string short_number(base::Random& random) { return std::to_string(random.below(2000)); }
double same(base::Random&) { return 0; }
double few(base::Random& random) { return static_cast<double>(random.below(5)); }
double many(base::Random& random) { return static_cast<double>(random.below(1000000)) / 8; }
double odd(base::Random& random) {
    const double values[] = {std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             0.0,
                             -0.0,
                             5e-324,
                             1e308};
    return values[random.below(6)];
}

constexpr Style kStyles[] = {
    {"bytes, same score", any_bytes, same},      {"bytes, few scores", any_bytes, few},
    {"bytes, many scores", any_bytes, many},     {"prefix, same score", long_prefix, same},
    {"prefix, few scores", long_prefix, few},    {"prefix, many scores", long_prefix, many},
    {"numbers, same score", short_number, same}, {"numbers, odd scores", short_number, odd},
};

RankedEdge random_edge(base::Random& random, const Style& style) {
    return {style.score(random), static_cast<Kind>(random.below(4)), {}};
}

void run_random(const Style& style, uint64_t seed, size_t steps, size_t size_max) {
    base::Random random(seed);
    Pair pair;
    bool is_growing = true;
    for (size_t step = 0; step < steps; ++step) {
        if (pair.size() >= size_max) is_growing = false;
        if (pair.size() <= size_max / 8) is_growing = true;
        const uint64_t dice = random.below(100);
        if (dice < (is_growing ? 70 : 30)) {
            pair.put(style.member(random), style.score(random));
        } else if (dice < 96 && pair.size() > 0) {
            const size_t rank = random.below(pair.size());
            pair.erase(std::string(pair.set->at(pair.set->select(rank)).member));
        } else if (dice < 97 && pair.size() > 0) {
            const size_t begin = random.below(pair.size());
            pair.erase_ranks(
                begin,
                begin +
                    random.below(std::min<size_t>(pair.size() - begin, is_growing ? 20 : 400) + 1));
        } else {
            const std::string member = style.member(random);
            RankedEdge edge = random_edge(random, style);
            edge.member = member;
            pair.check_edge(edge);
        }
        if (step % 1500 == 0) pair.check();
        if (testing::Test::HasFatalFailure()) return;
    }
    pair.check();
}

TEST(RankedSetTest, AgreesWithTheModelUnderRandomChanges) {
    SCOPED_TRACE(seed_note());
    for (size_t i = 0; i < std::size(kStyles); ++i) {
        SCOPED_TRACE(kStyles[i].name);
        run_random(kStyles[i], test_seed() + i, 12000, 4000);
        if (HasFatalFailure()) return;
    }
}

TEST(RankedSetTest, GrowsAndShrinksThroughSeveralLevels) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    RankedSet set;
    constexpr size_t kMembers = 150000;
    const auto name = [](size_t i) { return "element:" + std::to_string(1000000 + i); };
    for (size_t i = 0; i < kMembers; ++i) {
        const std::string member = name(i * 77773 % kMembers);
        set.insert(member, RankedSet::hash(member), 0);
    }
    set.verify();
    EXPECT_EQ(set.at(set.select(4711)).member, name(4711));
    size_t left = kMembers;
    while (left > 0) {
        const size_t count =
            std::min(left, random.below(4) == 0 ? 1 + random.below(9000) : size_t{1});
        const size_t begin = random.below(left - count + 1);
        set.erase_ranks(begin, begin + count);
        left -= count;
        ASSERT_EQ(set.size(), left);
        if (random.below(8) == 0) set.verify();
    }
    set.verify();
    EXPECT_FALSE(set.first());
}

TEST(RankedSetTest, RisingAndFallingScoresFillTheLeaves) {
    for (const bool is_rising : {true, false}) {
        RankedSet set;
        for (int i = 0; i < 20000; ++i) {
            const std::string member = "member:" + std::to_string(100000000 + i * 37 % 20000);
            set.insert(member, RankedSet::hash(member), is_rising ? i : -i);
        }
        set.verify();
        EXPECT_LT(static_cast<double>(set.memory_bytes()) / 20000, is_rising ? 52.0 : 60.0);
    }
}

TEST(RankedSetTest, AMillionMembersOfSixteenBytesTakeFewBytes) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    constexpr size_t kMembers = 1000000;
    const int64_t before = base::used(base::Purpose::keyspace);
    const auto set = std::make_unique<RankedSet>();
    for (size_t i = 0; i < kMembers; ++i) {
        const std::string member = std::to_string(1000000000000000 + i);
        set->insert(member, RankedSet::hash(member), random.unit());
    }
    const double bytes = static_cast<double>(set->memory_bytes()) / kMembers;
    RecordProperty("bytes_per_member", std::to_string(bytes));
    EXPECT_LT(bytes, 54.0);
    EXPECT_EQ(base::used(base::Purpose::keyspace) - before,
              static_cast<int64_t>(set->memory_bytes()));
}

TEST(RankedSetTest, MemoryIsExactAndAllOfItGoesBack) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    const int64_t before = base::used(base::Purpose::keyspace);
    {
        RankedSet set;
        for (int i = 0; i < 30000; ++i) {
            const std::string member = any_bytes(random);
            const uint64_t hash = RankedSet::hash(member);
            const auto place = set.find(member, hash);
            if (!place) set.insert(member, hash, few(random));
            if (place && random.below(2) == 0) set.erase(place);
            if (i % 1000 == 0) {
                ASSERT_EQ(base::used(base::Purpose::keyspace) - before,
                          static_cast<int64_t>(set.memory_bytes()));
            }
        }
        RankedSet copy;
        copy.copy_from(set);
        copy.verify();
        ASSERT_EQ(copy.size(), set.size());
        for (auto a = set.first(), b = copy.first(); a; a = set.next(a), b = copy.next(b)) {
            ASSERT_EQ(set.at(a).member, copy.at(b).member);
            ASSERT_EQ(set.at(a).score, copy.at(b).score);
        }
        size_t calls = 1;
        int64_t held = base::used(base::Purpose::keyspace);
        for (; !copy.drain(500); ++calls) {
            ASSERT_LE(base::used(base::Purpose::keyspace), held);
            held = base::used(base::Purpose::keyspace);
        }
        EXPECT_GT(calls, 20U);
        EXPECT_EQ(copy.memory_bytes(), 0U);
        EXPECT_EQ(base::used(base::Purpose::keyspace) - before,
                  static_cast<int64_t>(set.memory_bytes()));
    }
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

TEST(RankedSetTest, ScanGivesEverythingThatStaysWhateverChanges) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    Pair pair;
    for (int i = 0; i < 3000; ++i) pair.put("stays:" + std::to_string(i), many(random));
    std::set<std::string> seen;
    uint64_t cursor = 0;
    int round = 0;
    do {
        cursor = pair.set->scan(
            cursor, [&](const RankedSet::Item& item) { seen.insert(std::string(item.member)); });
        for (int i = 0; i < 20; ++i) {
            const std::string other = "other:" + std::to_string(random.below(4000));
            if (++round % 2000 < 1000) {
                pair.put(other, many(random));
            } else {
                pair.erase(other);
            }
            pair.put("stays:" + std::to_string(random.below(3000)), many(random));
        }
    } while (cursor != 0);
    for (int i = 0; i < 3000; ++i) EXPECT_TRUE(seen.contains("stays:" + std::to_string(i)));
    pair.check();
}

}  // namespace
}  // namespace gyre::containers
