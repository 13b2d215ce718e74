// SPDX-License-Identifier: BSD-3-Clause

// Goal: records come out as they went in, in order, wherever the ring wraps; what does not fit
// leaves the ring as it was; one thread may write while another reads.

#include "diary/record_ring.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <thread>

#include "base/memory.h"

namespace gyre::diary {
namespace {

bool push(RecordRing& ring, std::string_view record) {
    if (!ring.begin(record.size())) return false;
    // In two pieces, as records are put together.
    const size_t front = record.size() / 2;
    ring.put(record.data(), front);
    ring.put(record.data() + front, record.size() - front);
    ring.commit();
    return true;
}

TEST(RecordRing, sizes_are_powers_of_two) {
    EXPECT_EQ(RecordRing::rounded(1), RecordRing::kBytesMin);
    EXPECT_EQ(RecordRing::rounded(4096), 4096U);
    EXPECT_EQ(RecordRing::rounded(4097), 8192U);
    EXPECT_EQ(RecordRing(5000).capacity(), 8192U);
}

TEST(RecordRing, nothing_comes_out_before_the_commit) {
    RecordRing ring(1024);
    std::string record;
    EXPECT_TRUE(ring.is_empty());
    ASSERT_TRUE(ring.begin(3));
    ring.put("abc", 3);
    EXPECT_TRUE(ring.is_empty());
    EXPECT_FALSE(ring.take(record));
    ring.commit();
    EXPECT_FALSE(ring.is_empty());
    ASSERT_TRUE(ring.take(record));
    EXPECT_EQ(record, "abc");
    EXPECT_FALSE(ring.take(record));
}

TEST(RecordRing, what_does_not_fit_is_refused_and_changes_nothing) {
    RecordRing ring(1024);
    // Eight bytes of length, and padding to eight.
    ASSERT_TRUE(push(ring, std::string(500, 'a')));
    ASSERT_TRUE(push(ring, std::string(496, 'b')));
    EXPECT_FALSE(push(ring, std::string(9, 'c')));
    EXPECT_FALSE(ring.begin(1));
    EXPECT_TRUE(push(ring, ""));
    EXPECT_FALSE(push(ring, ""));
    std::string record;
    ASSERT_TRUE(ring.take(record));
    EXPECT_EQ(record, std::string(500, 'a'));
    ASSERT_TRUE(push(ring, std::string(504, 'd')));
    ASSERT_TRUE(ring.take(record));
    EXPECT_EQ(record, std::string(496, 'b'));
    ASSERT_TRUE(ring.take(record));
    EXPECT_EQ(record, "");
    ASSERT_TRUE(ring.take(record));
    EXPECT_EQ(record, std::string(504, 'd'));
    EXPECT_TRUE(ring.is_empty());
    EXPECT_FALSE(ring.begin(1024)) << "not even into an empty one";
    EXPECT_TRUE(ring.begin(1016));
}

TEST(RecordRing, records_wrap_around_at_any_place) {
    RecordRing ring(1024);
    std::mt19937 random(7);
    std::deque<std::string> model;
    uint64_t refused = 0;
    std::string record;
    for (int step = 0; step < 100'000; ++step) {
        if (random() % 5 < 3) {
            const std::string next(random() % 300, static_cast<char>('a' + step % 26));
            if (push(ring, next)) {
                model.push_back(next);
            } else {
                ++refused;
            }
        } else if (model.empty()) {
            ASSERT_FALSE(ring.take(record));
        } else {
            ASSERT_TRUE(ring.take(record));
            ASSERT_EQ(record, model.front());
            model.pop_front();
        }
    }
    EXPECT_GT(refused, 100U) << "the test never filled the ring";
}

TEST(RecordRing, its_memory_is_counted) {
    const int64_t before = base::used(base::Purpose::other);
    {
        const RecordRing ring(1 << 20);
        EXPECT_GE(base::used(base::Purpose::other), before + (1 << 20));
    }
    EXPECT_LT(base::used(base::Purpose::other), before + (1 << 20));
}

TEST(RecordRing, one_thread_writes_while_another_reads) {
    constexpr uint64_t kRecords = 200'000;
    RecordRing ring(1024);
    std::thread writer([&ring] {
        for (uint64_t number = 0; number < kRecords; ++number) {
            std::string record(reinterpret_cast<const char*>(&number), sizeof number);
            record.append(number % 50, 'x');
            while (!push(ring, record)) std::this_thread::yield();
        }
    });
    std::string record;
    uint64_t expected = 0;
    while (expected < kRecords) {
        if (!ring.take(record)) {
            std::this_thread::yield();
            continue;
        }
        uint64_t number = 0;
        ASSERT_GE(record.size(), sizeof number);
        record.copy(reinterpret_cast<char*>(&number), sizeof number);
        ASSERT_EQ(number, expected);
        ASSERT_EQ(record.size(), sizeof number + number % 50);
        ++expected;
    }
    writer.join();
    EXPECT_TRUE(ring.is_empty());
}

}  // namespace
}  // namespace gyre::diary
