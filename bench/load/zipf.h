// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Ranks after Zipf's law, and the map that scatters them over a key space: without it the popular
// keys would be neighbours, in the order of their numbers, as no real ones are.
//
// Ownership: plain values. Threads: any; the random numbers are the caller's.
// Complexity: O(1), about 1.1 tries for each rank whatever their number, nothing to set up.
// Source: Hoermann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
// distributions", ACM TOMACS 6 (1996).

#include <cstdint>

#include "base/random.h"

namespace gyre::load {

/// Draws rank k of [0, count) with a probability proportional to (k + 1)^-exponent.
class Zipf {
public:
    /// `count` >= 1, `exponent` > 0.
    Zipf(uint64_t count, double exponent) noexcept;
    uint64_t operator()(base::Random& random) const noexcept;

private:
    double area(double x) const noexcept;  // under the density from 1 to x
    double area_inverse(double area) const noexcept;
    double density(double x) const noexcept;

    double count_;
    double exponent_;
    double area_first_;   // what is cut off left of rank 1, which is drawn as a bar of height 1
    double area_end_;     // up to the right edge of the last rank
    double sure_offset_;  // so far right of a rank no rejection is possible
};

/// A fixed bijection of [0, count) onto itself that leaves no neighbours beside each other.
class Scatter {
public:
    /// 1 <= `count` <= 2^48.
    explicit Scatter(uint64_t count) noexcept;
    uint64_t operator()(uint64_t number) const noexcept;

private:
    uint64_t mix(uint64_t number) const noexcept;

    uint64_t count_;
    uint64_t mask_;
    unsigned shift_;
};

}  // namespace gyre::load
