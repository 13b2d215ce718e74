// SPDX-License-Identifier: BSD-3-Clause
#include "base/ticks.h"

#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace gyre::base {
namespace {

/// Long enough for an error below a thousandth, short enough not to be felt at start.
constexpr uint64_t kCalibrationNs = 3'000'000;

#if defined(__x86_64__)
/// "Invariant TSC": leaf 0x80000007, bit 8 of EDX. A hypervisor that hides it may move the machine
/// to a processor of another rate.
bool has_steady_counter() noexcept {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;
}
#endif

}  // namespace

#if defined(__x86_64__)
const bool kTimeStampCounterIsSteady = has_steady_counter();
#endif

uint64_t monotonic_ns() noexcept {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

namespace {

/// One instant by both clocks.
struct Moment {
    uint64_t ns;
    uint64_t ticks;
};

/// The closest of some readings: a thread may lose its processor between two clocks, and a rate
/// measured so would be wrong for as long as the process lives.
Moment moment() noexcept {
    constexpr int kReadings = 5;
    Moment best{};
    uint64_t smallest = UINT64_MAX;
    for (int reading = 0; reading < kReadings; ++reading) {
        const uint64_t before = ticks();
        const uint64_t ns = monotonic_ns();
        const uint64_t width = ticks() - before;
        if (width >= smallest) continue;
        smallest = width;
        best = {ns, before + width / 2};
    }
    return best;
}

}  // namespace

uint64_t ns_per_mebitick() noexcept {
    const Moment start = moment();
    Moment now = start;
    while (now.ns - start.ns < kCalibrationNs) now = moment();
    const uint64_t elapsed = now.ticks - start.ticks;
    return elapsed == 0 ? 0 : ((now.ns - start.ns) << 20) / elapsed;
}

}  // namespace gyre::base
