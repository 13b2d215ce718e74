// SPDX-License-Identifier: BSD-3-Clause
#include "server/info_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"

namespace gyre::server {
namespace {

std::string random_id() {
    return fmt::format("{:016x}{:016x}{:08x}", base::entropy(), base::entropy(),
                       static_cast<uint32_t>(base::entropy()));
}

double growth(uint64_t now, uint64_t before, double seconds) {
    // The counts of a reactor go back to zero a moment after the samples do.
    return now <= before ? 0 : static_cast<double>(now - before) / seconds;
}

}  // namespace

InfoHistory::InfoHistory() : replication_id_(random_id()) {}

void InfoHistory::sample(int64_t now_us, const InfoCounts& counts) {
    const std::lock_guard lock(mutex_);
    if (sample_count_ > 0) {
        const Sample& last = samples_[(sample_count_ - 1) % kSamplesMax];
        if (now_us - last.time_us < kSampleUs) return;
    }
    samples_[sample_count_++ % kSamplesMax] = {now_us, counts};
}

const InfoHistory::Sample* InfoHistory::oldest_in_window(int64_t now_us) const {
    const Sample* found = nullptr;
    const uint64_t kept = std::min<uint64_t>(sample_count_, kSamplesMax);
    for (uint64_t back = 1; back <= kept; ++back) {
        const Sample& sample = samples_[(sample_count_ - back) % kSamplesMax];
        const int64_t age_us = now_us - sample.time_us;
        if (age_us < kSampleUs) continue;
        // A sample beyond the window is taken only when there is no younger one.
        if (found != nullptr && age_us > kWindowUs) break;
        found = &sample;
    }
    return found;
}

InfoRates InfoHistory::rates(int64_t now_us, const InfoCounts& counts) const {
    const std::lock_guard lock(mutex_);
    const Sample* from = oldest_in_window(now_us);
    if (from == nullptr) return {};
    const double seconds = static_cast<double>(now_us - from->time_us) / 1e6;
    return {growth(counts.commands, from->counts.commands, seconds),
            growth(counts.input_bytes, from->counts.input_bytes, seconds),
            growth(counts.output_bytes, from->counts.output_bytes, seconds)};
}

void InfoHistory::reset(const InfoBaseline& baseline) {
    const std::lock_guard lock(mutex_);
    baseline_ = baseline;
    sample_count_ = 0;
}

InfoBaseline InfoHistory::baseline() const {
    const std::lock_guard lock(mutex_);
    return baseline_;
}

}  // namespace gyre::server
