// SPDX-License-Identifier: BSD-3-Clause
// The timer wheel against a multimap of deadlines: never early, late by at most a tick, each token
// once, within the budget, whatever time does.

#include "containers/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::containers {
namespace {

constexpr int64_t kStart = 1'700'000'000'123;
constexpr size_t kUnbounded = SIZE_MAX;
constexpr int64_t kHour = 3600 * 1000;
constexpr int64_t kDay = 24 * kHour;

int64_t tick_end(int64_t deadline, int64_t phase = 0) {
    return (((deadline + phase) >> 3) + 1) * TimerWheel::kTickMs - phase;
}

std::vector<uint64_t> fire_all(TimerWheel& wheel, int64_t now, size_t budget = kUnbounded) {
    std::vector<uint64_t> fired;
    wheel.advance(now, budget, [&](uint64_t token) { fired.push_back(token); });
    std::sort(fired.begin(), fired.end());
    return fired;
}

/// Tokens that visit_due() shows.
int64_t due(const TimerWheel& wheel, int64_t now_ms) {
    int64_t count = 0;
    wheel.visit_due(now_ms, [&](uint64_t) { ++count; });
    return count;
}

TEST(TimerWheel, CostsNothingWithoutTokens) {
    TimerWheel wheel(kStart);
    EXPECT_EQ(wheel.memory_bytes(), 0u);
    EXPECT_EQ(wheel.next_due_ms(), TimerWheel::kNever);
    EXPECT_EQ(wheel.advance(kStart + kDay, kUnbounded, [](uint64_t) { FAIL(); }), 0u);
    EXPECT_EQ(due(wheel, kStart + kDay), 0);
    EXPECT_EQ(wheel.memory_bytes(), 0u);
    EXPECT_LE(sizeof(TimerWheel), 192u);
}

TEST(TimerWheel, GivesTheTokensOfTheTickThatIsNotOver) {
    constexpr int64_t kTickBegin = kStart / TimerWheel::kTickMs * TimerWheel::kTickMs + 80'000;
    TimerWheel wheel(kStart);
    for (uint64_t token = 1; token <= 5; ++token) wheel.add(token, kTickBegin + 2);
    wheel.add(6, kTickBegin + 8);
    uint64_t taken[8];
    EXPECT_TRUE(fire_all(wheel, kTickBegin - 1).empty());
    EXPECT_EQ(wheel.take_current(taken, 8), 0U) << "its tick has not begun";
    EXPECT_TRUE(fire_all(wheel, kTickBegin + 3).empty());
    ASSERT_EQ(wheel.take_current(taken, 3), 3U);
    ASSERT_EQ(wheel.take_current(taken + 3, 5), 2U);
    EXPECT_EQ(wheel.take_current(taken, 8), 0U);
    std::sort(taken, taken + 5);
    for (uint64_t token = 1; token <= 5; ++token) EXPECT_EQ(taken[token - 1], token);
    EXPECT_EQ(wheel.size(), 1U);
    wheel.add(2, kTickBegin + 7);
    EXPECT_EQ(fire_all(wheel, kTickBegin + 16), (std::vector<uint64_t>{2, 6}));
    EXPECT_EQ(wheel.memory_bytes(), 0U);
}

TEST(TimerWheel, TicksEndWherePhaseHasThem) {
    constexpr int64_t kTickMs = TimerWheel::kTickMs;
    constexpr int64_t kWhole = kStart / kTickMs * kTickMs + 80'000;
    for (int64_t phase = 0; phase < kTickMs; ++phase) {
        for (int64_t ms = 0; ms < kTickMs; ++ms) {
            TimerWheel wheel(kStart, phase);
            wheel.add(1, kWhole + ms);
            const int64_t end = kWhole + (ms + phase < kTickMs ? kTickMs : 2 * kTickMs) - phase;
            EXPECT_LE(wheel.next_due_ms(), end);
            EXPECT_TRUE(fire_all(wheel, end - 1).empty()) << phase << ' ' << ms;
            EXPECT_EQ(wheel.next_due_ms(), end);
            EXPECT_EQ(wheel.first_deadline_ms(), end - kTickMs);
            EXPECT_EQ(fire_all(wheel, end).size(), 1U) << phase << ' ' << ms;
        }
    }
    TimerWheel wheel(kStart, kTickMs - 1);
    wheel.add(1, std::numeric_limits<int64_t>::max() - 1);
    EXPECT_TRUE(fire_all(wheel, kStart + kDay).empty());
}

TEST(TimerWheel, PeeksAtWhatFiresFirst) {
    constexpr int64_t kTickBegin = kStart / TimerWheel::kTickMs * TimerWheel::kTickMs + 80;
    constexpr int64_t kOver = kTickBegin + TimerWheel::kTickMs;
    constexpr uint64_t kTokens = 150;
    TimerWheel wheel(kStart);
    uint64_t peeked[kTokens + 1];
    EXPECT_EQ(wheel.peek_due(kOver, peeked, kTokens), 0U) << "there is none";
    for (uint64_t token = 1; token <= kTokens; ++token) wheel.add(token, kTickBegin + 3);
    wheel.add(kTokens + 1, kOver + 1);
    wheel.prefetch_slot();
    wheel.prefetch_chunks();
    EXPECT_EQ(wheel.peek_due(kOver - 1, peeked, kTokens), 0U) << "the tick is not over";
    ASSERT_EQ(wheel.peek_due(kOver, peeked, 10), 10U);
    ASSERT_EQ(wheel.peek_due(kOver + 8, peeked, kTokens + 1), kTokens) << "of the first tick";
    std::vector<uint64_t> fired;
    wheel.advance(kOver, 70, [&](uint64_t token) { fired.push_back(token); });
    EXPECT_EQ(fired, std::vector<uint64_t>(peeked, peeked + 70)) << "in the order of firing";
    EXPECT_EQ(wheel.size(), kTokens + 1 - 70) << "what was looked at stayed";
    fire_all(wheel, kOver);
    EXPECT_EQ(wheel.peek_due(kOver, peeked, kTokens), 0U);
}

TEST(TimerWheel, PeeksAtNothingThatHasToBeMovedFirst) {
    TimerWheel wheel(kStart);
    uint64_t peeked[2];
    wheel.add(1, kStart + 10'000);
    EXPECT_EQ(wheel.peek_due(kStart + 20'000, peeked, 2), 0U);
    wheel.prefetch_slot();
    wheel.prefetch_chunks();
    EXPECT_EQ(fire_all(wheel, kStart + 20'000), std::vector<uint64_t>{1});
}

TEST(TimerWheel, FiresAtTheEndOfTheTickAndNotBefore) {
    for (int64_t delay :
         {1L, 7L, 8L, 500L, 511L, 512L, 513L, 32767L, 32768L, 40000L, 2097152L, 5 * kHour,
          37 * kHour, 50 * kDay, 98 * kDay, 99 * kDay, 100 * kDay, 400 * kDay, 20000 * kDay}) {
        TimerWheel wheel(kStart);
        const int64_t deadline = kStart + delay;
        wheel.add(42, deadline);
        EXPECT_EQ(wheel.size(), 1u);
        // As a reactor does it: sleep until next_due_ms(), then advance.
        int64_t now = kStart;
        std::vector<uint64_t> fired;
        int turns = 0;
        while (fired.empty()) {
            const int64_t due = wheel.next_due_ms();
            ASSERT_GE(due, now);
            ASSERT_LE(due, tick_end(deadline)) << delay;
            now = due;
            ASSERT_TRUE(fire_all(wheel, now - 1).empty());
            fired = fire_all(wheel, now);
            ASSERT_LT(++turns, 2000);
        }
        EXPECT_EQ(now, tick_end(deadline)) << delay;
        EXPECT_GT(now, deadline);
        EXPECT_EQ(fired, std::vector<uint64_t>{42});
        EXPECT_EQ(wheel.memory_bytes(), 0u);
    }
}

TEST(TimerWheel, ATokenIsFortyBits) {
    TimerWheel wheel(kStart);
    wheel.add(0xFFFF'FFAB'CDEF'0123u, kStart + 100);
    wheel.add(0xFF'FFFF'FFFFu, kStart - 100);
    EXPECT_EQ(fire_all(wheel, kStart + 1000),
              (std::vector<uint64_t>{0xAB'CDEF'0123u, 0xFF'FFFF'FFFFu}));
}

TEST(TimerWheel, APastDeadlineFiresAtTheNextAdvance) {
    TimerWheel wheel(kStart);
    wheel.add(1, kStart - 1000);
    wheel.add(2, 0);
    wheel.add(3, -5);
    wheel.add(4, std::numeric_limits<int64_t>::min());
    EXPECT_LE(wheel.next_due_ms(), kStart);
    EXPECT_EQ(due(wheel, kStart), 4);
    EXPECT_EQ(fire_all(wheel, kStart), (std::vector<uint64_t>{1, 2, 3, 4}));
    EXPECT_EQ(wheel.memory_bytes(), 0u);
}

TEST(TimerWheel, TheFarthestDeadlinesNeverFire) {
    TimerWheel wheel(kStart);
    wheel.add(1, std::numeric_limits<int64_t>::max());
    EXPECT_TRUE(fire_all(wheel, kStart + 100'000 * kDay).empty());
    EXPECT_EQ(wheel.size(), 1u);
}

TEST(TimerWheel, FireMayAddAgain) {
    TimerWheel wheel(kStart);
    for (uint64_t token = 0; token < 50; ++token) wheel.add(token, kStart + 8);
    std::map<uint64_t, int> times;
    wheel.advance(kStart + 10'000, kUnbounded, [&](uint64_t token) {
        // 0..24 are armed again for later, 25..49 have a deadline that is past.
        wheel.add(token,
                  token < 25 ? kStart + 60'000 : kStart + 8 * static_cast<int64_t>(token % 3));
        ++times[token];
    });
    EXPECT_EQ(times.size(), 50u);
    for (const auto& [token, count] : times) EXPECT_EQ(count, 1) << token;
    EXPECT_EQ(wheel.size(), 50u);
    EXPECT_LE(wheel.next_due_ms(), kStart + 10'000);
    EXPECT_EQ(fire_all(wheel, kStart + 10'000).size(), 25u);
    EXPECT_EQ(fire_all(wheel, kStart + 60'000 - 1).size(), 0u);
    EXPECT_EQ(fire_all(wheel, tick_end(kStart + 60'000)).size(), 25u);
}

TEST(TimerWheel, ATokenThatIsAlwaysAddedAgainDoesNotHoldTheCall) {
    TimerWheel wheel(kStart);
    wheel.add(7, kStart);
    for (int turn = 1; turn < 10; ++turn) {
        size_t fired = 0;
        wheel.advance(kStart + 100 * turn, kUnbounded, [&](uint64_t token) {
            ++fired;
            wheel.add(token, kStart);
        });
        EXPECT_EQ(fired, 1u);
    }
}

TEST(TimerWheel, ABackwardStepPausesAndAForwardStepMakesABacklog) {
    TimerWheel wheel(kStart);
    for (uint64_t i = 0; i < 1000; ++i) wheel.add(i, kStart + 1000 + static_cast<int64_t>(i));
    EXPECT_TRUE(fire_all(wheel, kStart + 900).empty());
    EXPECT_TRUE(fire_all(wheel, kStart - kDay).empty());
    EXPECT_TRUE(fire_all(wheel, kStart + 901).empty());
    // A day ahead: all is due, and done in slices.
    EXPECT_EQ(due(wheel, kStart + kDay), 1000);
    size_t fired = 0;
    size_t turns = 0;
    while (wheel.next_due_ms() <= kStart + kDay) {
        const size_t work = wheel.advance(kStart + kDay, 64, [&](uint64_t) { ++fired; });
        EXPECT_LE(work, 64u);
        EXPECT_EQ(due(wheel, kStart + kDay), static_cast<int64_t>(1000 - fired));
        ASSERT_LT(++turns, 200u);
    }
    EXPECT_EQ(fired, 1000u);
}

TEST(TimerWheel, AnIdleWheelIsMovedOnByAnAdvanceWithoutBudget) {
    TimerWheel wheel(kStart);
    const int64_t later = kStart + 10 * kHour;
    EXPECT_EQ(wheel.advance(later, 0, [](uint64_t) { FAIL(); }), 0u);
    wheel.add(1, later + 100);
    // On level 0 at once: due when its tick ends, with nothing to be moved before.
    EXPECT_EQ(wheel.next_due_ms(), tick_end(later + 100));
}

TEST(TimerWheel, ASlotOfAHundredThousandIsMovedInSlices) {
    constexpr size_t kTokens = 100'000;
    constexpr size_t kBudget = 256;
    TimerWheel wheel(kStart);
    const int64_t deadline = kStart + 10 * kHour;
    for (size_t i = 0; i < kTokens; ++i) wheel.add(i, deadline);
    std::vector<bool> seen(kTokens);
    size_t fired = 0;
    size_t moved = 0;
    size_t extra = 0;
    int64_t now = kStart;
    while (wheel.size() != 0) {
        const size_t fired_before = fired;
        const size_t work = wheel.advance(now, kBudget, [&](uint64_t token) {
            ASSERT_LT(deadline, now);
            ASSERT_FALSE(seen[token]);
            seen[token] = true;
            ++fired;
        });
        ASSERT_LE(work, kBudget);
        moved += work - (fired - fired_before);
        if (fired == kTokens) break;
        if (work < kBudget && wheel.size() != 0) now = std::max(now, wheel.next_due_ms());
        // New tokens arrive while the slot is half moved.
        if (work == kBudget && fired == 0 && moved % 5120 == 0) {
            wheel.add(kTokens, deadline + kDay);
            ++extra;
        }
        ASSERT_LE(now, deadline + 2 * kDay);
    }
    EXPECT_EQ(fired, kTokens);
    EXPECT_EQ(wheel.size(), extra);
    EXPECT_GT(extra, 0u);
    EXPECT_GE(moved, kTokens);
    EXPECT_LE(moved, 4 * kTokens);
    EXPECT_EQ(now, tick_end(deadline));
}

TEST(TimerWheel, ASampleFindsEveryTokenAboutAsOften) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    TimerWheel wheel(kStart);
    uint64_t tokens[16];
    EXPECT_EQ(wheel.sample(random.next(), tokens, 16), 0u);
    // On every level, beyond the horizon and overdue; one slot holds more than a few.
    constexpr size_t kTokens = 600;
    for (size_t token = 0; token < kTokens; ++token) {
        const int64_t delays[] = {-5, 3, 400, 20'000, kHour, 30 * kHour, 90 * kDay, 500 * kDay};
        wheel.add(token, token < 300 ? kStart + 20'000 : kStart + delays[token % 8]);
    }
    std::vector<size_t> seen(kTokens);
    size_t drawn = 0;
    for (int round = 0; round < 60'000; ++round) {
        const size_t count = wheel.sample(random.next(), tokens, 4);
        ASSERT_GE(count, 1u);
        ASSERT_LE(count, 4u);
        drawn += count;
        for (size_t index = 0; index < count; ++index) {
            ASSERT_LT(tokens[index], kTokens);
            ++seen[tokens[index]];
        }
    }
    const auto average = static_cast<double>(drawn) / kTokens;
    const auto [least, most] = std::minmax_element(seen.begin(), seen.end());
    EXPECT_GT(static_cast<double>(*least), average / 4);
    EXPECT_LT(static_cast<double>(*most), average * 4);
}

TEST(TimerWheel, StaleTokensGoUntilOneIsOfUse) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    constexpr uint64_t kTokens = 2000;
    std::vector<bool> stale(kTokens);
    TimerWheel wheel(kStart);
    EXPECT_EQ(wheel.drop_stale(10, [](uint64_t) { return true; }), 0u);
    // On every level, beyond the horizon and overdue.
    const int64_t delays[] = {-5, 3, 400, 20'000, kHour, 30 * kHour, 90 * kDay, 500 * kDay};
    for (uint64_t token = 0; token < kTokens; ++token) {
        wheel.add(token, kStart + delays[token % 8]);
    }
    size_t left = kTokens;
    // In each round a tenth of those that are left goes stale; a few are of use to the end.
    for (uint64_t useful = kTokens; left > 0; useful = useful * 9 / 10) {
        for (uint64_t token = useful; token < kTokens; ++token) stale[token] = true;
        for (;;) {
            const size_t most = 1 + random.below(20);
            bool ended = false;
            const size_t dropped = wheel.drop_stale(most, [&](uint64_t token) {
                EXPECT_LT(token, kTokens);
                EXPECT_FALSE(ended) << "one look at what is of use";
                ended = !stale[token];
                return stale[token];
            });
            left -= dropped;
            ASSERT_EQ(wheel.size(), left);
            ASSERT_GE(left, useful);
            if (ended || left == 0) break;
            ASSERT_EQ(dropped, most);
        }
    }
    EXPECT_TRUE(wheel.empty());
    EXPECT_EQ(wheel.memory_bytes(), 0u);
}

TEST(TimerWheel, WhatIsOfUseFiresAfterStaleTokensWent) {
    TimerWheel wheel(kStart);
    constexpr uint64_t kTokens = 4000;
    const int64_t delays[] = {3, 400, 20'000, kHour, 30 * kHour, 90 * kDay, 500 * kDay};
    for (uint64_t token = 0; token < kTokens; ++token) {
        wheel.add(token, kStart + delays[token % 7]);
    }
    size_t dropped = 0;
    while (wheel.drop_stale(1, [](uint64_t token) { return token >= 50; }) == 1) ++dropped;
    EXPECT_GT(dropped, 0u);
    std::vector<uint64_t> fired;
    for (int64_t now = kStart; now < kStart + 501 * kDay; now += kHour) {
        wheel.advance(now, SIZE_MAX, [&](uint64_t token) { fired.push_back(token); });
    }
    EXPECT_EQ(fired.size(), kTokens - dropped);
    for (uint64_t token = 0; token < 50; ++token) {
        EXPECT_EQ(std::count(fired.begin(), fired.end(), token), 1) << token;
    }
    EXPECT_TRUE(wheel.empty());
}

TEST(TimerWheel, MemoryIsCountedAndFollowsTheTokens) {
    const int64_t before = base::used(base::Purpose::wheel);
    {
        TimerWheel wheel(kStart);
        for (uint64_t i = 0; i < 50'000; ++i)
            wheel.add(i, kStart + static_cast<int64_t>(i % 4096) * 977);
        EXPECT_EQ(base::used(base::Purpose::wheel) - before,
                  static_cast<int64_t>(wheel.memory_bytes()));
        EXPECT_LE(wheel.memory_bytes(), 50'000u * 10);
        const size_t peak = wheel.memory_bytes();
        fire_all(wheel, kStart + 4096 * 977 / 2);
        EXPECT_LT(wheel.memory_bytes(), peak * 2 / 3);
        EXPECT_EQ(base::used(base::Purpose::wheel) - before,
                  static_cast<int64_t>(wheel.memory_bytes()));
        TimerWheel other(std::move(wheel));
        EXPECT_EQ(wheel.memory_bytes(), 0u);
        EXPECT_EQ(base::used(base::Purpose::wheel) - before,
                  static_cast<int64_t>(other.memory_bytes()));
        other.clear();
        EXPECT_EQ(other.memory_bytes(), 0u);
        EXPECT_EQ(base::used(base::Purpose::wheel), before);
        other.add(1, kStart + kDay * 500);
        other.add(2, kStart + kDay);
    }
    EXPECT_EQ(base::used(base::Purpose::wheel), before);
}

TEST(TimerWheel, AWheelThatIsGivenUpIsFreedInParts) {
    const int64_t before = base::used(base::Purpose::wheel);
    TimerWheel wheel(kStart);
    for (uint64_t i = 0; i < 20'000; ++i) {
        wheel.add(i, kStart + static_cast<int64_t>(i % 100) * kHour * 50);
        wheel.add(i, kStart - 1);
    }
    size_t bytes = wheel.memory_bytes();
    size_t chunks = 0;
    size_t calls = 0;
    while (wheel.memory_bytes() != 0) {
        const size_t dropped = wheel.clear_some(10);
        ASSERT_LE(dropped, 10U);
        chunks += dropped;
        // A chunk has 504 bytes; the slots' heads go with the last one.
        ASSERT_LE(bytes - wheel.memory_bytes(),
                  dropped * 528 + (dropped < 10 ? TimerWheel::kLevels * 528 : 0));
        bytes = wheel.memory_bytes();
        ++calls;
    }
    EXPECT_GT(chunks, 40'000U / 62);
    EXPECT_GE(calls, chunks / 10);
    EXPECT_TRUE(wheel.empty());
    EXPECT_EQ(base::used(base::Purpose::wheel), before);
    wheel.add(1, kStart + 10);
    EXPECT_EQ(fire_all(wheel, kStart + 100).size(), 1U) << "it can be used again";
}

/// What a wheel must do, said with a multimap: deadline -> token.
class Model {
public:
    explicit Model(uint64_t seed)
        : random_(seed),
          phase_(static_cast<int64_t>(random_.next() % TimerWheel::kTickMs)),
          wheel_(kStart, phase_),
          now_(kStart),
          seen_ms_(kStart) {}

    void step() {
        add_some();
        move_time();
        advance();
        check_counts();
    }
    void finish() {
        // Walk to the end by next_due_ms() alone.
        for (int turns = 0; wheel_.size() != 0; ++turns) {
            ASSERT_LT(turns, 2'000'000);
            now_ = std::max(now_, wheel_.next_due_ms());
            advance();
            if (::testing::Test::HasFatalFailure()) return;
        }
        EXPECT_TRUE(pending_.empty());
        EXPECT_EQ(wheel_.memory_bytes(), 0u);
    }

private:
    int64_t random_delay() {
        static constexpr int64_t kScales[] = {8,       64,        512,        4096,     32768,
                                              300'000, 2'100'000, 20'000'000, 2 * kDay, 200 * kDay};
        const int64_t scale = kScales[random_.next() % std::size(kScales)];
        const int64_t delay = static_cast<int64_t>(random_.next() % static_cast<uint64_t>(scale));
        return random_.next() % 20 == 0 ? -delay : delay;
    }
    void add(int64_t deadline) {
        const uint64_t token = next_token_++;
        wheel_.add(token, deadline);
        // What is late already fires one call later at most.
        pending_.emplace(deadline, token);
        deadlines_.emplace(token, deadline);
    }
    void add_some() {
        for (uint64_t n = random_.next() % 20; n != 0; --n) add(now_ + random_delay());
        if (random_.next() % 50 == 0) {
            const int64_t deadline = now_ + random_delay();
            for (int i = 0; i < 300; ++i) add(deadline);
        }
    }
    void move_time() {
        switch (random_.next() % 10) {
            case 0:
                now_ += static_cast<int64_t>(random_.next() % 100'000);
                break;
            case 1:
                now_ += random_.next() % 8 == 0 ? random_delay() : 0;
                break;
            case 2:
                now_ -= static_cast<int64_t>(random_.next() % 5'000);
                break;
            default:
                now_ += static_cast<int64_t>(random_.next() % 50);
                break;
        }
    }
    void advance() {
        const size_t budget = random_.next() % 3 == 0 ? random_.next() % 40 : kUnbounded;
        seen_ms_ = std::max(seen_ms_, now_);
        const size_t before = deadlines_.size();
        size_t fired = 0;
        size_t added = 0;
        const size_t late_before = late_;
        late_ = 0;
        const size_t work = wheel_.advance(now_, budget, [&](uint64_t token) {
            ++fired;
            auto found = deadlines_.find(token);
            ASSERT_NE(found, deadlines_.end()) << "fired twice or never added";
            ASSERT_GE(seen_ms_, tick_end(found->second, phase_)) << "early";
            remove(found->second, token);
            if (random_.next() % 10 == 0) {
                const int64_t deadline = seen_ms_ + random_delay();
                late_ += tick_end(deadline, phase_) < tick_end(seen_ms_, phase_);
                add(deadline);
                ++added;
            }
        });
        ASSERT_LE(work, budget);
        ASSERT_GE(work, fired);
        ASSERT_EQ(deadlines_.size(), before - fired + added);
        if (work == budget) {
            late_ += late_before;  // some of them may be left
            was_cut_ = true;
            return;
        }
        // Nothing due is left but what fire() has just added, or was added while a call was cut
        // short.
        if (!was_cut_) {
            ASSERT_EQ(count_due(), static_cast<int64_t>(late_));
        }
        was_cut_ = was_cut_ && count_due() != 0;
    }
    void remove(int64_t deadline, uint64_t token) {
        auto [begin, end] = pending_.equal_range(deadline);
        auto found =
            std::find_if(begin, end, [&](const auto& entry) { return entry.second == token; });
        ASSERT_NE(found, end);
        pending_.erase(found);
        deadlines_.erase(token);
    }
    int64_t count_due() const {
        // Ticks before seen_ms_'s are over.
        const int64_t begun = tick_end(seen_ms_, phase_) - TimerWheel::kTickMs;
        return std::distance(pending_.begin(), pending_.lower_bound(begun));
    }
    int64_t count_begun() const {
        return std::distance(pending_.begin(), pending_.lower_bound(tick_end(seen_ms_, phase_)));
    }
    void check_counts() {
        ASSERT_EQ(wheel_.size(), pending_.size());
        ASSERT_EQ(due(wheel_, now_), count_begun());
        if (count_due() != 0) {
            ASSERT_LE(wheel_.next_due_ms(), seen_ms_);
        }
        if (!pending_.empty()) {
            ASSERT_LE(wheel_.next_due_ms(),
                      std::max(seen_ms_, tick_end(pending_.begin()->first, phase_)));
        }
    }

    base::Random random_;
    int64_t phase_;
    TimerWheel wheel_;
    int64_t now_;
    int64_t seen_ms_;  // highest time the wheel was told
    uint64_t next_token_ = 1;
    size_t late_ = 0;
    bool was_cut_ = false;
    std::multimap<int64_t, uint64_t> pending_;
    std::map<uint64_t, int64_t> deadlines_;
};

TEST(TimerWheel, AgreesWithAModelUnderRandomAddsAndJumps) {
    SCOPED_TRACE(seed_note());
    for (uint64_t run = 0; run < 40; ++run) {
        SCOPED_TRACE(run);
        Model model(test_seed() * 1000 + run);
        for (int step = 0; step < 500; ++step) {
            model.step();
            if (HasFatalFailure()) return;
        }
        model.finish();
        if (HasFatalFailure()) return;
    }
}

TEST(TimerWheel, VisitsWhatIsDueBeforeTheWheelHasBeenMoved) {
    TimerWheel wheel(0);
    for (int64_t ms = 0; ms < 1024; ++ms) wheel.add(static_cast<uint64_t>(ms), ms);
    for (const int64_t now : {0, 7, 8, 100, 511, 512, 800, 1023, 5000}) {
        EXPECT_EQ(due(wheel, now), std::min<int64_t>(now / 8 * 8 + 8, 1024)) << now;
    }
    // Beyond the horizon, and taken up again.
    wheel.add(1, 200 * kDay);
    EXPECT_EQ(due(wheel, 200 * kDay - 8), 1024);
    EXPECT_EQ(due(wheel, 200 * kDay), 1025);
}

}  // namespace
}  // namespace gyre::containers
