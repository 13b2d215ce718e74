// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How often which values came: durations, sizes. Values below 16 have a bucket each; above, every
// power of two is cut into 17 buckets of equal width. A percentile is reported as the value of its
// bucket from which both ends are equally far in proportion: at most 1/35, 2.9 %, off (or 1, where
// that is more). Seventeen and not sixteen, because with sixteen it would be 3.03 %, and because
// the buckets then fill 4 KiB to the byte with 64-bit counts up to 2^33: 2.4 hours in microseconds.
//
// Ownership: a plain value, no heap. Threads: one writer; readers take a copy or are the writer.
// Complexity: record O(1), percentile O(buckets).
// Invariants: negative values count as 0; values from 2^33 on count in the last bucket and are
// reported as the maximum, which is kept exactly.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace gyre::base {

class Histogram {
public:
    void record(int64_t value) noexcept { record(value, 1); }
    void record(int64_t value, uint64_t times) noexcept {
        if (times == 0) return;
        value = std::max<int64_t>(value, 0);
        counts_[bucket_of(static_cast<uint64_t>(value))] += times;
        count_ += times;
        sum_ += static_cast<uint64_t>(value) * times;
        max_ = std::max(max_, value);
    }
    void merge(const Histogram& other) noexcept {
        for (size_t index = 0; index < kBucketCount; ++index) {
            counts_[index] += other.counts_[index];
        }
        count_ += other.count_;
        sum_ += other.sum_;
        max_ = std::max(max_, other.max_);
    }
    void reset() noexcept { *this = Histogram(); }

    uint64_t count() const noexcept { return count_; }
    /// Wraps around at 2^64.
    uint64_t sum() const noexcept { return sum_; }
    int64_t max() const noexcept { return max_; }
    double mean() const noexcept {
        return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }

    /// The value that `percent` (0 to 100) of all recorded ones do not exceed; 0 when there are
    /// none.
    int64_t percentile(double percent) const noexcept {
        if (count_ == 0) return 0;
        const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(count_);
        auto wanted = static_cast<uint64_t>(share);
        if (static_cast<double>(wanted) < share || wanted == 0) ++wanted;
        wanted = std::min(wanted, count_);
        uint64_t seen = 0;
        for (size_t index = 0; index < kBucketCount; ++index) {
            seen += counts_[index];
            if (seen >= wanted) return value_of(index);
        }
        return max_;
    }

    /// Calls `visit(highest value of the bucket, count)` for each bucket that is not empty, in
    /// order: for LATENCY HISTOGRAM and exporters.
    template <class Visit>
    void for_each_bucket(Visit visit) const {
        for (size_t index = 0; index < kBucketCount; ++index) {
            if (counts_[index] == 0) continue;
            const bool is_last = index + 1 == kBucketCount;
            visit(is_last ? max_ : static_cast<int64_t>(lowest_of(index + 1) - 1), counts_[index]);
        }
    }

private:
    static constexpr size_t kExact = 16;  // values with a bucket of their own
    static constexpr size_t kSplit = 17;  // buckets for each power of two above
    static constexpr size_t kFirstPower = 4;
    static constexpr size_t kEndPower = 33;
    static constexpr size_t kBucketCount = kExact + kSplit * (kEndPower - kFirstPower);

    static size_t bucket_of(uint64_t value) noexcept {
        if (value < kExact) return static_cast<size_t>(value);
        const size_t power = static_cast<size_t>(std::bit_width(value)) - 1;
        if (power >= kEndPower) return kBucketCount - 1;
        const uint64_t within = value - (uint64_t{1} << power);
        return kExact + (power - kFirstPower) * kSplit +
               static_cast<size_t>((within * kSplit) >> power);
    }
    /// The smallest value of a bucket; of the one past the last, 2^33.
    static uint64_t lowest_of(size_t index) noexcept {
        if (index < kExact) return index;
        const size_t power = kFirstPower + (index - kExact) / kSplit;
        const uint64_t share = (index - kExact) % kSplit;
        const uint64_t base = uint64_t{1} << power;
        return base + (share * base + kSplit - 1) / kSplit;
    }
    int64_t value_of(size_t index) const noexcept {
        if (index + 1 == kBucketCount) return max_;
        const auto low = static_cast<double>(lowest_of(index));
        const auto high = static_cast<double>(lowest_of(index + 1) - 1);
        const double between = low + high == 0 ? 0 : 2 * low * high / (low + high);
        return std::min(static_cast<int64_t>(between + 0.5), max_);
    }

    std::array<uint64_t, kBucketCount> counts_{};
    uint64_t count_ = 0;
    uint64_t sum_ = 0;
    int64_t max_ = 0;
};

static_assert(sizeof(Histogram) <= 4096);

}  // namespace gyre::base
