// SPDX-License-Identifier: BSD-3-Clause
#include "load/pacer.h"

#include <cmath>
#include <utility>

namespace gyre::load {

Pacer::Pacer(const PacerOptions& options) noexcept
    : arrivals_(options.arrivals),
      start_ns_(options.start_ns),
      distance_ns_(1e9 / options.rate),
      next_ns_(options.start_ns),
      random_(options.seed) {}

int64_t Pacer::take() noexcept {
    ++taken_;
    // Even times are multiples, not sums: nothing to drift apart.
    if (arrivals_ == Arrivals::even) {
        elapsed_ns_ = static_cast<double>(taken_) * distance_ns_;
    } else {
        elapsed_ns_ -= std::log1p(-random_.unit()) * distance_ns_;
    }
    return std::exchange(next_ns_, start_ns_ + std::llround(elapsed_ns_));
}

}  // namespace gyre::load
