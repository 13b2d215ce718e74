// SPDX-License-Identifier: BSD-3-Clause
#include "commands/statistics.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
/// log2 of the steps.
constexpr size_t kStepBits = 3;
static_assert(LatencyBuckets::kSteps == size_t{1} << kStepBits);

constexpr std::string_view kOtherErrors = "OTHER";

}  // namespace

size_t LatencyBuckets::index_of(uint64_t nanoseconds) {
    if (nanoseconds < kSteps) return static_cast<size_t>(nanoseconds);
    const auto power = static_cast<size_t>(std::bit_width(nanoseconds)) - 1;
    const size_t step = (nanoseconds >> (power - kStepBits)) & (kSteps - 1);
    return std::min((power - kStepBits + 1) * kSteps + step, kBuckets - 1);
}

uint64_t LatencyBuckets::upper_bound_ns(size_t index) {
    DCHECK(index < kBuckets);
    if (index < kSteps) return index;
    const size_t shift = index / kSteps - 1;
    return ((uint64_t{kSteps} + index % kSteps + 1) << shift) - 1;
}

CommandStatistics::CommandStatistics() : cells_(std::make_unique<Cell[]>(rows().size())) {}

LatencyBuckets* CommandStatistics::make_buckets(Cell& cell) {
    buckets_.push_back(std::make_unique<LatencyBuckets>());
    LatencyBuckets* buckets = buckets_.back().get();
    // Readers of other threads find the counts zeroed.
    cell.latency.store(buckets, std::memory_order_release);
    return buckets;
}

void CommandStatistics::record_error(std::string_view code) {
    const std::scoped_lock lock(errors_mutex_);
    const auto known = errors_.find(code);
    if (known != errors_.end()) {
        ++known->second;
    } else if (errors_.size() < kErrorCodesMax) {
        errors_.emplace(code, 1);
    } else {
        ++errors_[std::string(kOtherErrors)];
    }
}

CommandFigures CommandStatistics::figures(uint32_t row) const {
    const Cell& cell = cells_[row];
    return {.calls = cell.calls.load(kRelaxed),
            .nanoseconds = cell.nanoseconds.load(kRelaxed),
            .rejected_calls = cell.rejected_calls.load(kRelaxed),
            .failed_calls = cell.failed_calls.load(kRelaxed)};
}

void CommandStatistics::add_latency(uint32_t row, std::vector<uint64_t>& sum) const {
    CHECK(sum.size() == LatencyBuckets::kBuckets);
    const LatencyBuckets* buckets = cells_[row].latency.load(std::memory_order_acquire);
    if (buckets == nullptr) return;
    for (size_t index = 0; index < sum.size(); ++index) {
        sum[index] += buckets->counts[index].load(kRelaxed);
    }
}

std::map<std::string, uint64_t> CommandStatistics::errors() const {
    const std::scoped_lock lock(errors_mutex_);
    return {errors_.begin(), errors_.end()};
}

void CommandStatistics::reset() {
    const size_t count = rows().size();
    for (size_t row = 0; row < count; ++row) {
        Cell& cell = cells_[row];
        cell.calls.store(0, kRelaxed);
        cell.nanoseconds.store(0, kRelaxed);
        cell.rejected_calls.store(0, kRelaxed);
        cell.failed_calls.store(0, kRelaxed);
        reset_latency(static_cast<uint32_t>(row));
    }
    commands_.store(0, kRelaxed);
    const std::scoped_lock lock(errors_mutex_);
    errors_.clear();
}

void CommandStatistics::reset_latency(uint32_t row) {
    LatencyBuckets* buckets = cells_[row].latency.load(std::memory_order_acquire);
    if (buckets == nullptr) return;
    for (auto& count : buckets->counts) count.store(0, kRelaxed);
}

}  // namespace gyre::commands
