// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The access word of an entry: 24 bits that say how recently or how often it was used, in the bits
// and with the arithmetic Redis uses (evict.c), so that OBJECT IDLETIME and OBJECT FREQ mean the
// same and dumps carry over. LRU: seconds of the clock, modulo 2^24. LFU: 16 bits of minutes (last
// decay) and an 8-bit logarithmic counter.
//
// A hit writes only when the value changes, so that hot keys read by many threads keep their line
// shared. Threads: caller holds the shard lock.

#include <cstdint>

#include "base/random.h"

namespace gyre::store {

inline constexpr uint32_t kLruClockMax = (1U << 24) - 1;
inline constexpr uint8_t kLfuInitialCounter = 5;

struct LfuParameters {
    int32_t log_factor = 10;    ///< lfu-log-factor
    int32_t decay_minutes = 1;  ///< lfu-decay-time
};

inline uint32_t lru_clock(int64_t now_ms) {
    return static_cast<uint32_t>(now_ms / 1000) & kLruClockMax;
}
/// Milliseconds since the last use.
int64_t lru_idle_ms(uint32_t word, int64_t now_ms);

/// Word of a key that has just been made, under an LFU policy.
uint32_t lfu_initial(int64_t now_ms);
/// The counter after the decay that is due.
uint8_t lfu_counter(uint32_t word, int64_t now_ms, const LfuParameters& parameters);
/// The word after one more use.
uint32_t lfu_touch(uint32_t word, int64_t now_ms, const LfuParameters& parameters,
                   base::Random& random);

}  // namespace gyre::store
