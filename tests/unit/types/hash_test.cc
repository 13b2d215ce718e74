// SPDX-License-Identifier: BSD-3-Clause

// Goal: a large hash agrees with std::map, deadlines of its fields included, and takes few bytes,
// all of them counted.

#include "types/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

int64_t keyspace_bytes() { return base::used(base::Purpose::keyspace); }

struct Truth {
    std::string value;
    int64_t deadline_ms = Hash::kNoDeadline;
};
using Model = std::map<std::string, Truth>;

int64_t nearest(const Model& model) {
    int64_t least = Hash::kNoDeadline;
    for (const auto& [name, truth] : model) least = std::min(least, truth.deadline_ms);
    return least;
}

void expect_equal(const Hash& hash, const Model& model) {
    ASSERT_EQ(hash.size(), model.size());
    size_t seen = 0;
    size_t deadlines = 0;
    hash.for_each([&](const Hash::Field& field) {
        const auto found = model.find(std::string(field.name));
        ASSERT_NE(found, model.end());
        EXPECT_EQ(field.value, found->second.value);
        EXPECT_EQ(field.deadline_ms, found->second.deadline_ms);
        deadlines += field.deadline_ms != Hash::kNoDeadline;
        ++seen;
    });
    EXPECT_EQ(seen, model.size());
    EXPECT_EQ(hash.with_deadline(), deadlines);
    EXPECT_EQ(hash.nearest_deadline_ms(), nearest(model));
}

std::string random_value(base::Random& random) {
    const uint64_t draw = random.below(100);
    if (draw < 90) return std::string(random.below(24), 'v');
    return std::string(draw < 98 ? random.below(700) : random.below(70'000), 'w');
}

void step(Hash& hash, Model& model, base::Random& random) {
    const std::string name = random.below(50) == 0 ? std::string(random.below(400), 'n')
                                                   : "field" + std::to_string(random.below(900));
    const auto found = model.find(name);
    switch (random.below(8)) {
        case 0:
        case 1:
        case 2: {
            const bool keeps = random.below(2) == 0;
            const std::string value = random_value(random);
            const bool is_new =
                hash.set(name, value, keeps ? Hash::Deadline::keep : Hash::Deadline::drop);
            ASSERT_EQ(is_new, found == model.end());
            Truth& truth = model[name];
            truth.value = value;
            if (!keeps) truth.deadline_ms = Hash::kNoDeadline;
            return;
        }
        case 3:
        case 4:
            ASSERT_EQ(hash.remove(name), found != model.end());
            if (found != model.end()) model.erase(found);
            return;
        default: {
            if (found == model.end()) return;
            const bool clears = random.below(4) == 0;
            const int64_t deadline =
                clears ? Hash::kNoDeadline : static_cast<int64_t>(random.below(500));
            hash.set_deadline(name, deadline);
            found->second.deadline_ms = deadline;
            return;
        }
    }
}

TEST(Hash, AgreesWithAMap) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    const int64_t before = keyspace_bytes();
    auto hash = std::make_unique<Hash>();
    Model model;
    for (int i = 0; i < 60'000; ++i) {
        step(*hash, model, random);
        if (HasFatalFailure()) return;
        ASSERT_EQ(keyspace_bytes() - before, static_cast<int64_t>(hash->footprint()));
        if (i % 500 == 0) expect_equal(*hash, model);
        if (i % 700 == 0) {
            // What is due goes, the nearest first.
            const auto now = static_cast<int64_t>(random.below(300));
            int64_t last = 0;
            while (hash->nearest_deadline_ms() < now) {
                const Hash::Field field = hash->nearest();
                ASSERT_GE(field.deadline_ms, last);
                last = field.deadline_ms;
                model.erase(std::string(field.name));
                ASSERT_TRUE(hash->remove(field.name));
            }
            expect_equal(*hash, model);
        }
    }
    const std::unique_ptr<Hash> copy(hash->clone());
    expect_equal(*copy, model);
}

TEST(Hash, LengthsOfAllWidths) {
    Hash hash;
    for (const size_t name : {0u, 1u, 255u, 256u, 70'000u}) {
        for (const size_t value : {0u, 255u, 256u, 65'536u, 300'000u}) {
            hash.set(std::string(name, 'n'), std::string(value, 'v'));
            const auto field = hash.find(std::string(name, 'n'));
            ASSERT_TRUE(field);
            EXPECT_EQ(field->value, std::string(value, 'v'));
            EXPECT_EQ(field->deadline_ms, Hash::kNoDeadline);
            hash.set_deadline(std::string(name, 'n'), 77);
            EXPECT_EQ(hash.find(std::string(name, 'n'))->deadline_ms, 77);
            EXPECT_EQ(hash.find(std::string(name, 'n'))->value.size(), value);
        }
    }
    EXPECT_EQ(hash.size(), 5u);
    EXPECT_EQ(hash.with_deadline(), 5u);
}

// redis-server 7.0 takes about 104 bytes for each: a node of 32, two strings of 32, a slot of 8.
TEST(Hash, AMillionShortFieldsTakeFewBytes) {
    const int64_t before = keyspace_bytes();
    auto* hash = new Hash;
    for (int i = 1'000'000; i < 2'000'000; ++i) {
        const std::string digits = std::to_string(i);
        hash->set("field:___" + digits, "value:___" + digits);
    }
    EXPECT_EQ(keyspace_bytes() - before, static_cast<int64_t>(hash->footprint()));
    EXPECT_LT(hash->footprint(), 58'000'000u);
    while (!hash->drain(10'000)) {
    }
    delete hash;
    EXPECT_EQ(keyspace_bytes(), before);
}

}  // namespace
}  // namespace gyre::types
