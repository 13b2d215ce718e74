// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How often which latency came, for percentiles far out. Values below 256 have a bucket each;
// above, every power of two is cut into 128 buckets of equal width. A percentile is reported as the
// middle of its bucket: at most 1/256, 0.4 %, away from the value of that rank. (base::Histogram is
// eight times smaller and its 2.9 % suit a server; a comparison of servers needs less.) Largest
// value, mean and count are exact.
//
// Ownership: a plain value of 37 KiB, no heap. Threads: one at a time.
// Complexity: record O(1), percentile O(buckets).
// Invariants: negative values count as 0; values from 2^42 on (73 minutes in nanoseconds) count in
// the last bucket and are reported as the maximum.
// Source: Gil Tene's HdrHistogram, for the idea of linear buckets within powers of two.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace gyre::load {

class Histogram {
public:
    void record(int64_t value) noexcept {
        const auto clamped = static_cast<uint64_t>(std::max<int64_t>(value, 0));
        ++counts_[bucket_of(clamped)];
        ++count_;
        sum_ += clamped;
        max_ = std::max(max_, clamped);
    }

    uint64_t count() const noexcept { return count_; }
    int64_t max() const noexcept { return static_cast<int64_t>(max_); }
    double mean() const noexcept {
        return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }
    /// The value that `percent` (0 to 100) of all recorded ones do not exceed; 0 when there are
    /// none.
    int64_t percentile(double percent) const noexcept;

private:
    static constexpr int kSplitBits = 7;
    static constexpr size_t kSplit = size_t{1} << kSplitBits;  // buckets for each power of two
    static constexpr int kEndPower = 42;
    static constexpr size_t kBucketCount = (kEndPower - kSplitBits + 1) * kSplit;

    /// The highest kSplitBits + 1 bits of a value, behind as many full powers as were cut off.
    static size_t bucket_of(uint64_t value) noexcept {
        const int shift = std::max(static_cast<int>(std::bit_width(value)) - kSplitBits - 1, 0);
        const size_t index = (static_cast<size_t>(shift) << kSplitBits) + (value >> shift);
        return std::min(index, kBucketCount - 1);
    }
    static uint64_t middle_of(size_t index) noexcept;

    std::array<uint64_t, kBucketCount> counts_{};
    uint64_t count_ = 0;
    uint64_t sum_ = 0;
    uint64_t max_ = 0;
};

}  // namespace gyre::load
