// SPDX-License-Identifier: BSD-3-Clause
//
// The log in memory: places, the frontier, memory that comes and goes, admission, and who is woken.

#include "log/log.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::log {
namespace {

std::string text_of(Log& log, Position from, Position to) {
    std::string text;
    while (from < to) {
        const std::span<char> room = log.at(from);
        const size_t bytes = std::min<uint64_t>(room.size(), to - from);
        text.append(room.data(), bytes);
        from += bytes;
    }
    return text;
}

void put(Appender& appender, std::string_view text) {
    appender.reserve(text.size());
    appender.write(EncodedEffects{text});
}

TEST(Log, GivesPlacesInOrder) {
    Log log(2);
    EXPECT_EQ(log.appender(0).reserve(3), 3U);
    EXPECT_EQ(log.appender(1).reserve(4), 7U);
    EXPECT_EQ(log.tail(), 7U);
    EXPECT_EQ(log.frontier(), 0U);
    log.appender(1).write(EncodedEffects{"wxyz"});
    EXPECT_EQ(log.frontier(), 0U);
    log.appender(0).write(EncodedEffects{"abc"});
    EXPECT_EQ(log.frontier(), 7U);
    EXPECT_EQ(text_of(log, 0, 7), "abcwxyz");
}

TEST(Log, TheFrontierStopsBeforeWhatIsMissing) {
    Log log(3);
    put(log.appender(0), "abc");
    log.appender(1).reserve(5);
    put(log.appender(2), "zz");
    put(log.appender(0), "q");
    EXPECT_EQ(log.frontier(), 3U);
    log.appender(1).write(EncodedEffects{"12345"});
    EXPECT_EQ(log.frontier(), 11U);
}

TEST(Log, ARecordMayLieInSeveralSegments) {
    Log log(1);
    std::string large(3 * Segments::kSegmentBytes + 17, 'x');
    for (size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>('a' + i % 23);
    put(log.appender(0), "first");
    const std::string_view words[] = {"SET", "key", large};
    const Step step{.database = 3, .effect = CommandEffect{words}};
    const Record record{.steps = {&step, 1}};
    std::string expected = "first";
    append(expected, record);
    log.appender(0).reserve(record.bytes());
    log.appender(0).write(record);
    EXPECT_EQ(text_of(log, 0, log.tail()), expected);
}

TEST(Log, GivesMemoryBack) {
    Log log(1);
    const std::string text(100'000, 'y');
    uint64_t most = 0;
    for (int round = 0; round < 1000; ++round) {
        put(log.appender(0), text);
        log.release(log.frontier());
        most = std::max(most, log.memory_bytes());
    }
    EXPECT_LE(most, (Segments::kFreeMax + 2) * Segments::kSegmentBytes);
}

TEST(Log, KeepsTheMemoryThatABusyOneUsesAndGivesItBackWhenItRests) {
    constexpr uint64_t kRound = 20 * Segments::kSegmentBytes;
    Log log(1);
    const int64_t used = base::used(base::Purpose::log);
    const auto round = [&] {
        for (uint64_t bytes = 0; bytes < kRound; bytes += 100'000) {
            put(log.appender(0), std::string(100'000, 'y'));
        }
        log.release(log.frontier());
    };
    round();
    round();
    const uint64_t busy = log.memory_bytes();
    EXPECT_GE(busy, kRound);
    EXPECT_EQ(base::used(base::Purpose::log) - used, static_cast<int64_t>(busy));
    for (int i = 0; i < 20; ++i) {
        round();
        log.trim();
        EXPECT_EQ(log.memory_bytes(), busy) << "wanted again each time";
    }
    put(log.appender(0), "y");
    for (int i = 0; i < 10; ++i) log.trim();
    EXPECT_LE(log.memory_bytes(), (Segments::kFreeMin + 1) * Segments::kSegmentBytes);
    EXPECT_EQ(base::used(base::Purpose::log) - used, static_cast<int64_t>(log.memory_bytes()));
}

TEST(Log, NeverKeepsMoreThanItsMost) {
    Log log(1);
    put(log.appender(0), std::string(2 * Segments::kFreeMax * Segments::kSegmentBytes, 'y'));
    log.release(log.frontier());
    EXPECT_LE(log.memory_bytes(), (Segments::kFreeMax + 1) * Segments::kSegmentBytes);
}

TEST(Log, IsFullUntilAQuarterIsFree) {
    Log log(1, 1000);
    int woken = 0;
    log.set_waker(0, [&] { ++woken; });
    put(log.appender(0), std::string(1000, 'a'));
    EXPECT_EQ(log.admission(), Admission::open);
    put(log.appender(0), "b");
    EXPECT_EQ(log.admission(), Admission::full);
    log.release(250);
    EXPECT_EQ(log.admission(), Admission::full);
    log.release(251);
    EXPECT_EQ(log.admission(), Admission::open);
    EXPECT_EQ(woken, 1);
}

TEST(Log, RefusesWhileItFailsAndSaysWhy) {
    Log log(1, 1000);
    int woken = 0;
    log.set_waker(0, [&] { ++woken; });
    log.fail("No space left on device");
    EXPECT_EQ(log.admission(), Admission::failing);
    EXPECT_EQ(log.failure(), "No space left on device");
    put(log.appender(0), std::string(1100, 'a'));
    EXPECT_EQ(log.admission(), Admission::failing);
    log.recover();
    EXPECT_EQ(log.admission(), Admission::full);
    EXPECT_EQ(log.failure(), "");
    log.release(1100);
    EXPECT_EQ(log.admission(), Admission::open);
    EXPECT_EQ(woken, 3);
}

TEST(Log, WakesWhoWaitsForAPosition) {
    Log log(2);
    std::vector<int> woken(2);
    for (size_t i = 0; i < 2; ++i) log.set_waker(i, [&woken, i] { ++woken[i]; });
    put(log.appender(0), "0123456789");
    EXPECT_FALSE(log.wait_durable(0, 4));
    EXPECT_FALSE(log.wait_durable(1, 10));
    log.set_durable(4);
    EXPECT_EQ(woken, (std::vector<int>{1, 0}));
    log.set_durable(9);
    EXPECT_EQ(woken, (std::vector<int>{1, 0}));
    log.set_durable(10);
    EXPECT_EQ(woken, (std::vector<int>{1, 1}));
    EXPECT_TRUE(log.wait_durable(1, 10));
}

TEST(Log, AKickWakesOnlyAThreadThatSleeps) {
    Log log(1);
    int woken = 0;
    log.set_thread_waker([&] { ++woken; });
    put(log.appender(0), "a");
    log.kick();
    EXPECT_EQ(woken, 0);
    EXPECT_FALSE(log.park(1));
    EXPECT_TRUE(log.park(2));
    put(log.appender(0), "b");
    log.kick();
    log.kick();
    EXPECT_EQ(woken, 1);
    // One that sleeps for more than that.
    EXPECT_TRUE(log.park(4));
    put(log.appender(0), "c");
    log.kick();
    EXPECT_EQ(woken, 1);
    put(log.appender(0), "d");
    log.kick();
    EXPECT_EQ(woken, 2);
}

/// Real threads: the order of each is kept, and nothing is missing before the frontier.
TEST(Log, IsOneOrderOverAllThreads) {
    SCOPED_TRACE(seed_note());
    constexpr size_t kThreads = 3;
    constexpr uint32_t kRecords = 20'000;
    Log log(kThreads, uint64_t{1} << 40);
    std::vector<std::thread> threads;
    for (size_t index = 0; index < kThreads; ++index) {
        threads.emplace_back([&log, index] {
            base::Random random(test_seed() + index);
            for (uint32_t number = 0; number < kRecords; ++number) {
                std::string text = std::to_string(index) + ":" + std::to_string(number) + ":";
                text.append(random.below(200), static_cast<char>('a' + index));
                put(log.appender(index), text + "\n");
            }
        });
    }
    std::vector<uint32_t> next(kThreads);
    std::string rest;
    const auto take = [&](Position from, Position to) {
        rest += text_of(log, from, to);
        size_t begin = 0;
        for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
            const size_t index = static_cast<size_t>(rest[begin] - '0');
            ASSERT_EQ(std::stoul(rest.substr(begin + 2, 12)), next[index]++);
            begin = end + 1;
        }
        rest.erase(0, begin);
        EXPECT_TRUE(rest.empty());  // a frontier is where a record ends
        log.release(to);
    };
    Position seen = 0;
    while (next != std::vector<uint32_t>(kThreads, kRecords)) {
        const Position frontier = log.frontier();
        if (frontier == seen) std::this_thread::yield();
        take(seen, frontier);
        if (HasFatalFailure()) break;
        seen = frontier;
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(seen, log.tail());
}

}  // namespace
}  // namespace gyre::log
