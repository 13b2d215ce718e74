// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The counts of one ring, written by its thread and readable from any: no locked additions.
//
// Ownership: part of the ring. Threads: add() the ring's own, copy() any.

#include <atomic>
#include <cstdint>

#include "ring/ring.h"

namespace gyre::ring {

struct SharedCounters {
    using Count = std::atomic<uint64_t>;
    Count enters{0}, submitted{0}, completed{0}, submission_full{0}, completion_overflow{0},
        buffer_starved{0}, interrupted{0}, gathered{0};

    static void add(Count& count, uint64_t amount = 1) {
        count.store(count.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    Counters copy() const {
        Counters counters;
        counters.enters = enters.load(std::memory_order_relaxed);
        counters.submitted = submitted.load(std::memory_order_relaxed);
        counters.completed = completed.load(std::memory_order_relaxed);
        counters.submission_full = submission_full.load(std::memory_order_relaxed);
        counters.completion_overflow = completion_overflow.load(std::memory_order_relaxed);
        counters.buffer_starved = buffer_starved.load(std::memory_order_relaxed);
        counters.interrupted = interrupted.load(std::memory_order_relaxed);
        counters.gathered = gathered.load(std::memory_order_relaxed);
        return counters;
    }
};

}  // namespace gyre::ring
