// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// When the requests of an open loop are to leave. The times follow from rate and start alone: they
// do not wait for a server that has stalled, nor for a free connection. Latency counted from them
// has the wait in it ("coordinated omission" is what leaving it out is called), and requests that
// could not leave are not lost: their times are still to be taken.
//
// Ownership: a plain value. Threads: one at a time. Complexity: O(1), constant memory: the queue of
// overdue times is the distance between next_ns() and now.

#include <cstdint>

#include "base/random.h"

namespace gyre::load {

enum class Arrivals : uint8_t {
    even,     ///< one every 1/rate seconds
    poisson,  ///< independent of each other: exponential distances, 1/rate on average
};

struct PacerOptions {
    double rate = 1;  ///< requests a second, above 0
    Arrivals arrivals = Arrivals::even;
    uint64_t seed = 1;
    int64_t start_ns = 0;
};

class Pacer {
public:
    explicit Pacer(const PacerOptions& options) noexcept;
    /// When the next request is to leave; it is due once the clock has come so far.
    int64_t next_ns() const noexcept { return next_ns_; }
    /// Takes that time and goes on to the following one.
    int64_t take() noexcept;

private:
    Arrivals arrivals_;
    int64_t start_ns_;
    double distance_ns_;
    double elapsed_ns_ = 0;  // from the start to next_ns_
    uint64_t taken_ = 0;
    int64_t next_ns_;
    base::Random random_;
};

}  // namespace gyre::load
