// SPDX-License-Identifier: BSD-3-Clause

// Goal: the two sums of memory.h agree whatever is done, in whatever thread, before and after main.

#include "base/memory.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

// Construction before main and destruction after it count as well.
struct EarlyAndLate {
    EarlyAndLate() {
        early_agreed = used_total() == obtained();
        text = std::make_unique<std::string>(1000, 'x');
        early_counted = used(Purpose::other) >= 1000;
    }
    ~EarlyAndLate() {
        text.reset();
        if (used_total() != obtained()) std::abort();
    }
    std::unique_ptr<std::string> text;
    bool early_agreed = false;
    bool early_counted = false;
};
EarlyAndLate early_and_late;

TEST(Memory, counts_before_main) {
    EXPECT_TRUE(early_and_late.early_agreed);
    EXPECT_EQ(early_and_late.early_counted, kOperatorNewIsCounted);
}

TEST(Memory, allocate_counts_the_usable_size_under_its_purpose) {
    const int64_t index_before = used(Purpose::index);
    const int64_t other_before = used(Purpose::other);
    const int64_t obtained_before = obtained();
    void* pointer = allocate(Purpose::index, 1000);
    const auto bytes = static_cast<int64_t>(usable_size(pointer));
    EXPECT_GE(bytes, 1000);
    EXPECT_EQ(used(Purpose::index) - index_before, bytes);
    EXPECT_EQ(obtained() - obtained_before, bytes);
    release(Purpose::index, pointer);
    EXPECT_EQ(used(Purpose::index), index_before);
    EXPECT_EQ(used(Purpose::other), other_before);
    EXPECT_EQ(obtained(), obtained_before);
    release(Purpose::index, nullptr);
    EXPECT_EQ(used(Purpose::index), index_before);
}

struct alignas(256) Wide {
    char bytes[256];
};

TEST(Memory, every_form_of_operator_new_is_counted_as_other) {
    if (!kOperatorNewIsCounted) GTEST_SKIP() << "the sanitizer has an operator new of its own";
    const int64_t before = used(Purpose::other);
    std::array<void*, 8> blocks = {
        ::operator new(100),
        ::operator new[](100),
        ::operator new(100, std::nothrow),
        ::operator new[](100, std::nothrow),
        ::operator new(256, std::align_val_t{256}),
        ::operator new[](256, std::align_val_t{256}),
        ::operator new(256, std::align_val_t{256}, std::nothrow),
        ::operator new[](256, std::align_val_t{256}, std::nothrow),
    };
    for (size_t index = 4; index < blocks.size(); ++index) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks[index]) % 256, 0u);
    }
    EXPECT_GE(used(Purpose::other) - before, 4 * 100 + 4 * 256);
    EXPECT_EQ(used_total(), obtained());
    ::operator delete(blocks[0]);
    ::operator delete[](blocks[1], size_t{100});
    ::operator delete(blocks[2], std::nothrow);
    ::operator delete[](blocks[3]);
    ::operator delete(blocks[4], std::align_val_t{256});
    ::operator delete[](blocks[5], size_t{256}, std::align_val_t{256});
    ::operator delete(blocks[6], std::align_val_t{256}, std::nothrow);
    ::operator delete[](blocks[7], std::align_val_t{256});
    EXPECT_EQ(used(Purpose::other), before);
    auto wide = std::make_unique<Wide>();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(wide.get()) % 256, 0u);
}

TEST(Memory, mapped_pages_are_aligned_zeroed_and_slack_until_accounted) {
    for (const size_t alignment : {size_t{4096}, size_t{1} << 16, size_t{1} << 21}) {
        const int64_t slack_before = obtained() - used_total();
        const size_t bytes = 3 * 65536 + 1;  // rounded up to whole pages
        char* pages = static_cast<char*>(map_pages(bytes, alignment));
        ASSERT_EQ(reinterpret_cast<uintptr_t>(pages) % alignment, 0u);
        for (size_t index = 0; index < bytes; index += 511) ASSERT_EQ(pages[index], 0);
        std::memset(pages, 0xee, bytes);
        const int64_t slack = obtained() - used_total() - slack_before;
        EXPECT_EQ(slack, 3 * 65536 + 4096);
        account(Purpose::keyspace, 1000);  // a slab hands out
        EXPECT_EQ(obtained() - used_total() - slack_before, slack - 1000);
        account(Purpose::keyspace, -1000);
        unmap_pages(pages, bytes);
        EXPECT_EQ(obtained() - used_total(), slack_before);
    }
}

TEST(Memory, the_estimate_is_late_by_no_more_than_its_bound) {
    const int64_t late_before = used_total() - used_estimate();
    std::vector<void*> blocks;
    for (int index = 0; index < 5000; ++index) {
        blocks.push_back(allocate(Purpose::wheel, 100));
        const int64_t late = used_total() - used_estimate();
        ASSERT_LT(late, 64 * 1024 + 1);
        ASSERT_GT(late, -64 * 1024 - 1);
    }
    EXPECT_GE(used_peak(), used_total());
    const int64_t peak = used_peak();
    for (void* block : blocks) release(Purpose::wheel, block);
    EXPECT_EQ(used_peak(), peak);
    EXPECT_LT(std::abs(used_total() - used_estimate()) - std::abs(late_before), 64 * 1024 + 1);
}

// What makes room below a limit must see what it has just freed, or it frees 64 KiB too much.
TEST(Memory, a_thread_sees_its_own_bytes_in_the_estimate_at_once) {
    std::array<void*, 3000> blocks{};
    for (void*& block : blocks) {
        const int64_t before = used_estimate_here();
        block = allocate(Purpose::wheel, 100);
        ASSERT_EQ(used_estimate_here() - before, static_cast<int64_t>(usable_size(block)));
    }
    for (void* block : blocks) {
        const int64_t before = used_estimate_here();
        const auto bytes = static_cast<int64_t>(usable_size(block));
        release(Purpose::wheel, block);
        ASSERT_EQ(before - used_estimate_here(), bytes);
    }
}

/// Allocates in its destructor, when the thread is on its way out.
struct LastWords {
    ~LastWords() { delete new std::string(500, 'x'); }
    int unused = 0;
};

TEST(Memory, sums_agree_after_threads_that_free_what_others_allocated) {
    SCOPED_TRACE(seed_note());
    const int64_t log_before = used(Purpose::log);
    constexpr int kThreads = 8;
    std::array<std::array<void*, 200>, kThreads> blocks{};
    const auto run = [&blocks](int number, bool frees) {
        static thread_local LastWords last_words;
        last_words.unused = number;
        Random random(test_seed() + static_cast<uint64_t>(number));
        for (void*& block : blocks[static_cast<size_t>(number)]) {
            if (frees) {
                release(Purpose::log, block);
            } else {
                block = allocate(Purpose::log, random.below(5000));
            }
            std::vector<std::string> noise(random.below(5), std::string(random.below(300), 'n'));
        }
    };
    for (const bool frees : {false, true}) {
        std::vector<std::thread> threads;
        for (int number = 0; number < kThreads; ++number) {
            // Others free than allocated.
            threads.emplace_back(run, frees ? kThreads - 1 - number : number, frees);
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(used_total(), obtained());
    }
    EXPECT_EQ(used(Purpose::log), log_before);
}

TEST(Memory, slots_of_ended_threads_are_used_again) {
    // Far more threads than slots, one after the other: all must count, none may share.
    const int64_t before = used(Purpose::pubsub);
    std::vector<void*> blocks(1200);
    for (void*& block : blocks) {
        std::thread([&block] { block = allocate(Purpose::pubsub, 64); }).join();
    }
    int64_t expected = 0;
    for (void* block : blocks) expected += static_cast<int64_t>(usable_size(block));
    EXPECT_EQ(used(Purpose::pubsub) - before, expected);
    for (void* block : blocks) release(Purpose::pubsub, block);
    EXPECT_EQ(used(Purpose::pubsub), before);
    EXPECT_EQ(used_total(), obtained());
}

TEST(Memory, more_threads_than_slots_count_correctly) {
    const int64_t before = used(Purpose::backlog);
    std::atomic<int> waiting{0};
    std::vector<std::thread> threads;
    constexpr int kThreads = 540;
    for (int number = 0; number < kThreads; ++number) {
        threads.emplace_back([&waiting] {
            account(Purpose::backlog, 3);
            waiting.fetch_add(1);
            waiting.notify_all();
            for (int seen = waiting.load(); seen < kThreads; seen = waiting.load()) {
                waiting.wait(seen);
            }
            account(Purpose::backlog, 4);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(used(Purpose::backlog) - before, 7 * kThreads);
    account(Purpose::backlog, -7 * kThreads);
    EXPECT_EQ(used(Purpose::backlog), before);
}

TEST(Memory, names_and_allocator_are_known) {
    EXPECT_STREQ(purpose_name(Purpose::keyspace), "keyspace");
    EXPECT_STREQ(purpose_name(Purpose::other), "other");
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    EXPECT_EQ(std::string(allocator_name()).rfind("mimalloc-", 0), 0u);
#elif defined(GYRE_ALLOCATOR_JEMALLOC)
    EXPECT_EQ(std::string(allocator_name()).rfind("jemalloc-", 0), 0u);
#else
    EXPECT_STREQ(allocator_name(), "libc");
#endif
    purge();
    EXPECT_EQ(used_total(), obtained());
}

TEST(MemoryDeathTest, running_out_ends_the_process_with_a_message) {
    // The sanitizers' allocators have a message of their own, which the pattern admits too.
    constexpr size_t kTooMuch = size_t{1} << 60;
    EXPECT_DEATH(release(Purpose::keyspace, allocate(Purpose::keyspace, kTooMuch)),
                 "out of memory|exceeds maximum|allocation-size-too-big");
}

}  // namespace
}  // namespace gyre::base
