// SPDX-License-Identifier: BSD-3-Clause
// The page source on its own instances: where pages lie, when arenas come and go, what is counted.

#include "containers/page_source.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "containers/poison.h"
#include "support/seed.h"

namespace gyre::containers {
namespace {

constexpr size_t kPage = 16 * 1024;

TEST(PageSource, MapsNothingBeforeTheFirstPage) {
    PageSource source(kPage);
    EXPECT_EQ(source.mapped_bytes(), 0);
    EXPECT_EQ(source.taken_bytes(), 0);
}

TEST(PageSource, PagesAreAlignedWritableAndDistinct) {
    PageSource source(kPage);
    std::set<void*> pages;
    for (int i = 0; i < 130; ++i) {
        void* page = source.take();
        EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % kPage, 0u);
        std::memset(page, i, kPage);
        EXPECT_TRUE(pages.insert(page).second);
    }
    EXPECT_EQ(source.taken_bytes(), static_cast<int64_t>(130 * kPage));
    EXPECT_EQ(source.mapped_bytes(), static_cast<int64_t>(2 * PageSource::kArenaBytes));
    for (void* page : pages) source.give(page);
    EXPECT_EQ(source.taken_bytes(), 0);
}

TEST(PageSource, TheLowestFreePageOfAnArenaGoesOutFirst) {
    PageSource source(kPage);
    char* first = static_cast<char*>(source.take());
    char* second = static_cast<char*>(source.take());
    EXPECT_EQ(second, first + kPage);
    source.give(first);
    EXPECT_EQ(source.take(), first);
    source.give(first);
    source.give(second);
}

TEST(PageSource, KeepsOneFreeArenaAndUnmapsTheOthers) {
    PageSource source(kPage);
    const int64_t obtained_before = base::obtained();
    std::vector<void*> pages;
    for (size_t i = 0; i < 5 * source.pages_per_arena(); ++i) pages.push_back(source.take());
    EXPECT_GE(base::obtained() - obtained_before,
              static_cast<int64_t>(5 * PageSource::kArenaBytes));
    for (void* page : pages) source.give(page);
    EXPECT_EQ(source.mapped_bytes(), static_cast<int64_t>(PageSource::kArenaBytes));
    source.trim();
    EXPECT_EQ(source.mapped_bytes(), 0);
    EXPECT_LT(base::obtained() - obtained_before, static_cast<int64_t>(PageSource::kArenaBytes));
}

/// Whether the kernel was asked to back the mapping at `address` with huge pages ("hg" among its
/// flags); nothing when it does not know such pages.
std::optional<bool> is_advised_huge(const void* address) {
    if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled")) return std::nullopt;
    std::ifstream maps("/proc/self/smaps");
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    bool is_inside = false;
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0;
        unsigned long end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
            is_inside = begin <= wanted && wanted < end;
        } else if (is_inside && line.starts_with("VmFlags:")) {
            return line.find(" hg") != std::string::npos;
        }
    }
    return std::nullopt;
}

TEST(PageSource, AllArenasButTheFirstAreToBeHugePages) {
    PageSource source(kPage);
    std::vector<void*> pages;
    for (size_t i = 0; i < 2 * source.pages_per_arena(); ++i) pages.push_back(source.take());
    const auto last = is_advised_huge(pages.back());
    if (!last) GTEST_SKIP() << "this kernel has no transparent huge pages";
    EXPECT_EQ(is_advised_huge(pages.front()), false);
    EXPECT_EQ(last, true);
    PageSource::use_huge_pages(false);
    pages.push_back(source.take());
    PageSource::use_huge_pages(true);
    EXPECT_EQ(is_advised_huge(pages.back()), false);
    source.join();
    EXPECT_EQ(is_advised_huge(pages.back()), true);
    EXPECT_EQ(is_advised_huge(pages.front()), false);
    for (void* page : pages) source.give(page);
}

TEST(PageSource, RandomTakesAndGivesLoseNothing) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    PageSource source(4096);
    std::vector<unsigned char*> pages;
    for (int step = 0; step < 20000; ++step) {
        const bool grows = (step / 2000) % 2 == 0;
        if (pages.empty() || random.next() % 100 < (grows ? 60u : 40u)) {
            auto* page = static_cast<unsigned char*>(source.take());
            std::memset(page, static_cast<int>(reinterpret_cast<uintptr_t>(page) >> 12 & 0xFF),
                        4096);
            pages.push_back(page);
        } else {
            std::swap(pages[random.next() % pages.size()], pages.back());
            unsigned char* page = pages.back();
            const auto mark = static_cast<unsigned char>(reinterpret_cast<uintptr_t>(page) >> 12);
            ASSERT_EQ(page[0], mark);
            ASSERT_EQ(page[4095], mark);
            source.give(page);
            pages.pop_back();
        }
        ASSERT_EQ(source.taken_bytes(), static_cast<int64_t>(pages.size() * 4096));
        ASSERT_GE(source.mapped_bytes(), source.taken_bytes());
    }
    for (unsigned char* page : pages) source.give(page);
    source.trim();
    EXPECT_EQ(source.mapped_bytes(), 0);
}

TEST(PageSource, IsSharedByThreads) {
    PageSource source(4096);
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([&source, t] {
            base::Random random(test_seed() + t);
            std::vector<uint64_t*> pages;
            for (int step = 0; step < 4000; ++step) {
                if (pages.size() < 200 && random.next() % 2 == 0) {
                    pages.push_back(static_cast<uint64_t*>(source.take()));
                    *pages.back() = t;
                } else if (!pages.empty()) {
                    ASSERT_EQ(*pages.back(), t);
                    source.give(pages.back());
                    pages.pop_back();
                }
            }
            for (uint64_t* page : pages) source.give(page);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(source.taken_bytes(), 0);
    EXPECT_LE(source.mapped_bytes(),
              static_cast<int64_t>(PageSource::kSpareArenasMax * PageSource::kArenaBytes));
}

TEST(PageSource, SlackIsWhatIsMappedAndNotOut) {
    const int64_t before = PageSource::slack();
    PageSource& source = PageSource::bucket_pages();
    const int64_t mapped = source.mapped_bytes();
    void* page = source.take();
    EXPECT_EQ(PageSource::slack() - before,
              source.mapped_bytes() - mapped - static_cast<int64_t>(source.page_bytes()));
    source.give(page);
    PageSource::trim_all();
    EXPECT_EQ(PageSource::slack(), 0);
}

TEST(PageSourceDeathTest, APageGivenTwiceIsNoticed) {
    PageSource source(kPage);
    void* page = source.take();
    void* other = source.take();
    source.give(page);
    EXPECT_DEATH(source.give(page), "free_pages");
    source.give(other);
}

TEST(PageSource, FreePagesArePoisoned) {
    if (!kPoisons) GTEST_SKIP() << "not built with AddressSanitizer";
    PageSource source(kPage);
    void* kept = source.take();
    char* page = static_cast<char*>(source.take());
    EXPECT_FALSE(is_poisoned(page + 100));
    source.give(page);
    EXPECT_TRUE(is_poisoned(page + 100));
    source.give(kept);
}

}  // namespace
}  // namespace gyre::containers
