// SPDX-License-Identifier: BSD-3-Clause
#include "store/access.h"

namespace gyre::store {
namespace {

uint32_t minutes(int64_t now_ms) { return static_cast<uint32_t>(now_ms / 60000) & 0xFFFF; }

// The clock goes round, and so does the difference. One that is nearly a full turn is a word from
// the future: each thread has its own idea of now, and a clock may have been set back a little.
constexpr uint32_t kAheadSecondsMax = 3600;
constexpr uint32_t kAheadMinutesMax = 60;

uint32_t minutes_since(uint32_t then, int64_t now_ms) {
    const uint32_t since = (minutes(now_ms) - then) & 0xFFFF;
    return since > 0xFFFF - kAheadMinutesMax ? 0 : since;
}

uint32_t pack(uint32_t minute, uint8_t counter) { return minute << 8 | counter; }

/// Logarithmic increment: the higher the counter, the less likely a hit raises it.
uint8_t incremented(uint8_t counter, int32_t log_factor, base::Random& random) {
    if (counter == 255) return counter;
    const double above = counter > kLfuInitialCounter ? counter - kLfuInitialCounter : 0;
    const double chance = 1.0 / (above * log_factor + 1);
    const double draw = static_cast<double>(random.next() >> 11) * 0x1.0p-53;
    return draw < chance ? static_cast<uint8_t>(counter + 1) : counter;
}

}  // namespace

int64_t lru_idle_ms(uint32_t word, int64_t now_ms) {
    const uint32_t idle = (lru_clock(now_ms) - word) & kLruClockMax;
    return idle > kLruClockMax - kAheadSecondsMax ? 0 : static_cast<int64_t>(idle) * 1000;
}

uint32_t lfu_initial(int64_t now_ms) { return pack(minutes(now_ms), kLfuInitialCounter); }

uint8_t lfu_counter(uint32_t word, int64_t now_ms, const LfuParameters& parameters) {
    const uint32_t counter = word & 255;
    if (parameters.decay_minutes == 0) return static_cast<uint8_t>(counter);
    const uint32_t periods =
        minutes_since(word >> 8, now_ms) / static_cast<uint32_t>(parameters.decay_minutes);
    return static_cast<uint8_t>(periods > counter ? 0 : counter - periods);
}

uint32_t lfu_touch(uint32_t word, int64_t now_ms, const LfuParameters& parameters,
                   base::Random& random) {
    const uint8_t decayed = lfu_counter(word, now_ms, parameters);
    return pack(minutes(now_ms), incremented(decayed, parameters.log_factor, random));
}

}  // namespace gyre::store
