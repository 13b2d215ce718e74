// SPDX-License-Identifier: BSD-3-Clause
#include "load/histogram.h"

#include <cmath>

namespace gyre::load {

uint64_t Histogram::middle_of(size_t index) noexcept {
    if (index < 2 * kSplit) return index;
    const size_t shift = (index >> kSplitBits) - 1;
    const uint64_t lowest = static_cast<uint64_t>(index - (shift << kSplitBits)) << shift;
    return lowest + ((uint64_t{1} << shift) - 1) / 2;
}

int64_t Histogram::percentile(double percent) const noexcept {
    if (count_ == 0) return 0;
    const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(count_);
    const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(std::ceil(share)), 1, count_);
    uint64_t seen = 0;
    for (size_t index = 0; index + 1 < kBucketCount; ++index) {
        seen += counts_[index];
        if (seen >= rank) return static_cast<int64_t>(std::min(middle_of(index), max_));
    }
    return max();
}

}  // namespace gyre::load
