// SPDX-License-Identifier: BSD-3-Clause
// The timer wheel with a million tokens whose deadlines lie anywhere in the next minute, as those
// of keys that are given a minute each; time goes on by one tick with each call, as it does for a
// busy server.

#include <vector>

#include "base/random.h"
#include "containers/timer_wheel.h"
#include "micro/meter.h"

namespace gyre::micro {
namespace {

using containers::TimerWheel;

constexpr size_t kTokens = 1'000'000;
constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kMinuteMs = 60'000;
static_assert(kMinuteMs % TimerWheel::kTickMs == 0);

// Which level, and one word on top of a stack. A hundred or so stacks are in use, whose tops stay
// in the cache; the wheel's memory is had anew.
constexpr double kArmBudgetNs = 12;
// A token of the next minute is moved down twice at most: up to three words taken and two put.
constexpr double kExpireBudgetNs = 28;
// To expire and to arm.
constexpr double kRearmBudgetNs = kExpireBudgetNs + kArmBudgetNs;

std::vector<int64_t> random_deadlines() {
    std::vector<int64_t> deadlines(kTokens);
    base::Random random(1);
    for (int64_t& deadline : deadlines) {
        deadline = kStartMs + static_cast<int64_t>(random.below(kMinuteMs));
    }
    return deadlines;
}

void arm_all(TimerWheel& wheel, const std::vector<int64_t>& deadlines) {
    for (size_t i = 0; i < deadlines.size(); ++i) wheel.add(i, deadlines[i]);
}

/// Advances by a minute, tick for tick.
template <class F>
void pass_minute(TimerWheel& wheel, int64_t& now_ms, F&& fire) {
    const int64_t end_ms = now_ms + kMinuteMs;
    while (now_ms < end_ms) {
        now_ms += TimerWheel::kTickMs;
        wheel.advance(now_ms, SIZE_MAX, fire);
    }
}

void arm(benchmark::State& state) {
    const std::vector<int64_t> deadlines = random_deadlines();
    TimerWheel wheel(kStartMs);
    Meter meter(state, kArmBudgetNs);
    while (state.KeepRunningBatch(kTokens)) {
        arm_all(wheel, deadlines);
        meter.pause();
        wheel.clear();
        meter.resume();
    }
    meter.report();
}

void expire(benchmark::State& state) {
    const std::vector<int64_t> deadlines = random_deadlines();
    size_t fired = 0;
    Meter meter(state, kExpireBudgetNs);
    while (state.KeepRunningBatch(kTokens)) {
        meter.pause();
        int64_t now_ms = kStartMs;
        TimerWheel wheel(now_ms);
        arm_all(wheel, deadlines);
        meter.resume();
        pass_minute(wheel, now_ms, [&](uint64_t) { ++fired; });
    }
    meter.report();
    if (fired != static_cast<size_t>(state.iterations())) state.SkipWithError("some did not fire");
}

/// Each token that fires is armed again, as that of a key whose deadline was moved since.
void rearm(benchmark::State& state) {
    // It fires in the tick after that of its deadline, so that each has its turn once a minute.
    constexpr int64_t kAgainMs = kMinuteMs - TimerWheel::kTickMs;
    int64_t now_ms = kStartMs;
    TimerWheel wheel(now_ms);
    arm_all(wheel, random_deadlines());
    size_t fired = 0;
    Meter meter(state, kRearmBudgetNs);
    while (state.KeepRunningBatch(kTokens)) {
        pass_minute(wheel, now_ms, [&](uint64_t token) {
            ++fired;
            wheel.add(token, now_ms + kAgainMs);
        });
    }
    meter.report();
    if (fired != static_cast<size_t>(state.iterations())) state.SkipWithError("not once a minute");
}

BENCHMARK(arm)->Name("timer_wheel/arm");
BENCHMARK(rearm)->Name("timer_wheel/rearm");
BENCHMARK(expire)->Name("timer_wheel/expire");

}  // namespace
}  // namespace gyre::micro
