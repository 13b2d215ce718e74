// SPDX-License-Identifier: BSD-3-Clause
#include "load/zipf.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace gyre::load {
namespace {

/// Below this the quotients are their series: dividing would lose the digits.
constexpr double kSmall = 1e-6;

/// (exp(x) - 1) / x, which is 1 at 0.
double expm1_over(double x) {
    return std::abs(x) < kSmall ? 1 + x / 2 + x * x / 6 : std::expm1(x) / x;
}

/// log(1 + x) / x, which is 1 at 0.
double log1p_over(double x) {
    return std::abs(x) < kSmall ? 1 - x / 2 + x * x / 3 : std::log1p(x) / x;
}

}  // namespace

// The density x^-s has the area (x^(1-s) - 1) / (1-s), and log(x) for s = 1; in the form below both
// are one.
double Zipf::area(double x) const noexcept {
    const double log_x = std::log(x);
    return log_x * expm1_over((1 - exponent_) * log_x);
}

double Zipf::area_inverse(double area) const noexcept {
    const double bent = std::max(area * (1 - exponent_), -1.0);  // rounding may leave the domain
    return std::exp(area * log1p_over(bent));
}

double Zipf::density(double x) const noexcept { return std::pow(x, -exponent_); }

Zipf::Zipf(uint64_t count, double exponent) noexcept
    : count_(static_cast<double>(count)), exponent_(exponent) {
    area_first_ = area(1.5) - 1;
    area_end_ = area(count_ + 0.5);
    sure_offset_ = 2 - area_inverse(area(2.5) - density(2));
}

/// A point under the hat is inverted to x; the rank is x rounded. The bar of a rank is smaller than
/// the hat above it, and what is drawn from the difference, at the left edge, is rejected.
uint64_t Zipf::operator()(base::Random& random) const noexcept {
    for (;;) {
        const double point = area_end_ + random.unit() * (area_first_ - area_end_);
        const double x = area_inverse(point);
        const double rank = std::clamp(std::floor(x + 0.5), 1.0, count_);
        if (rank - x <= sure_offset_ || point >= area(rank + 0.5) - density(rank))
            return static_cast<uint64_t>(rank) - 1;
    }
}

Scatter::Scatter(uint64_t count) noexcept
    : count_(count),
      mask_(std::bit_ceil(std::max<uint64_t>(count, 2)) - 1),
      shift_(static_cast<unsigned>(std::bit_width(mask_) + 1) / 2) {}

/// Multiplication by an odd number and a shifted exclusive or are bijections of 2^n numbers.
uint64_t Scatter::mix(uint64_t number) const noexcept {
    number = (number * 0x9e3779b97f4a7c15ULL + 0x5851f42d4c957f2dULL) & mask_;
    number ^= number >> shift_;
    number = (number * 0xd1342543de82ef95ULL) & mask_;
    number ^= number >> shift_;
    return number;
}

/// What falls outside is mixed again: that walks along a cycle of the larger bijection to the next
/// number inside, and so is one of the smaller set. Fewer than two rounds on average.
uint64_t Scatter::operator()(uint64_t number) const noexcept {
    do {
        number = mix(number);
    } while (number >= count_);
    return number;
}

}  // namespace gyre::load
