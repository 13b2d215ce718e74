// SPDX-License-Identifier: BSD-3-Clause

// Goal: an intset agrees with std::set at every width, has the bytes of Redis, and refuses others.

#include "types/intset.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

void insert(std::string& bytes, int64_t value) {
    const size_t before = bytes.size();
    bytes.resize(Intset(bytes).size_with(value));
    Intset::insert(bytes.data(), before, value);
}

void erase(std::string& bytes, int64_t value) {
    const size_t index = Intset(bytes).find(value).index;
    bytes.resize(Intset::erase(bytes.data(), bytes.size(), index));
}

TEST(Intset, HasTheBytesOfRedis) {
    std::string bytes(Intset::kEmpty);
    insert(bytes, 5);
    insert(bytes, -1);
    EXPECT_EQ(bytes, std::string("\2\0\0\0\2\0\0\0\xff\xff\5\0", 12));
    insert(bytes, 40000);
    EXPECT_EQ(bytes, std::string("\4\0\0\0\3\0\0\0\xff\xff\xff\xff\5\0\0\0\x40\x9c\0\0", 20));
    insert(bytes, INT64_MIN);
    EXPECT_EQ(Intset(bytes).width(), 8u);
    EXPECT_EQ(Intset(bytes).at(0), INT64_MIN);
    EXPECT_EQ(Intset(bytes).at(3), 40000);
    // A width once reached stays.
    erase(bytes, INT64_MIN);
    EXPECT_EQ(Intset(bytes).width(), 8u);
    EXPECT_EQ(Intset(bytes).size(), 3u);
}

TEST(Intset, AgreesWithASet) {
    SCOPED_TRACE(seed_note());
    for (const unsigned shift : {48u, 32u, 8u, 0u}) {
        base::Random random(test_seed() + shift);
        std::string bytes(Intset::kEmpty);
        std::set<int64_t> model;
        for (int step = 0; step < 4'000; ++step) {
            // Narrow ones first, and few different ones, so that they meet.
            const unsigned narrow = step < 1'000 ? 58u : shift;
            const int64_t value = static_cast<int64_t>(random.next()) >> narrow;
            const Intset::Place place = Intset(bytes).find(value);
            ASSERT_EQ(place.is_found, model.contains(value));
            ASSERT_EQ(place.index,
                      static_cast<size_t>(std::distance(model.begin(), model.lower_bound(value))));
            if (!place.is_found) {
                insert(bytes, value);
                model.insert(value);
            } else {
                erase(bytes, value);
                model.erase(value);
            }
            if (model.size() > 300) {
                erase(bytes, *model.begin());
                model.erase(model.begin());
            }
            ASSERT_TRUE(Intset::is_valid(bytes));
            ASSERT_EQ(Intset(bytes).size(), model.size());
        }
        size_t index = 0;
        for (const int64_t value : model) ASSERT_EQ(Intset(bytes).at(index++), value);
    }
}

TEST(Intset, RefusesBytesThatAreNone) {
    std::string good(Intset::kEmpty);
    for (const int64_t value : {1, 2, 70000}) insert(good, value);
    ASSERT_TRUE(Intset::is_valid(good));
    for (size_t cut = 0; cut < good.size(); ++cut) {
        const std::vector<char> part(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut));
        EXPECT_FALSE(Intset::is_valid({part.data(), part.size()})) << cut;
    }
    EXPECT_FALSE(Intset::is_valid(good + '\0'));
    using namespace std::string_view_literals;
    EXPECT_FALSE(Intset::is_valid("\3\0\0\0\0\0\0\0"sv));  // no such width
    EXPECT_FALSE(Intset::is_valid("\0\0\0\0\0\0\0\0"sv));
    EXPECT_FALSE(Intset::is_valid("\2\0\0\0\2\0\0\0\5\0\5\0"sv));  // twice the same
    EXPECT_FALSE(Intset::is_valid("\2\0\0\0\2\0\0\0\5\0\4\0"sv));  // out of order
    EXPECT_FALSE(Intset::is_valid("\x8\0\0\0\0\0\0\x20"sv));       // a length that wraps
}

}  // namespace
}  // namespace gyre::types
