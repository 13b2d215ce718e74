// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What INFO remembers between two questions: samples of the counters, from which rates are
// computed, and what the counters were when CONFIG RESETSTAT was called, for those that cannot go
// back.
//
// Ownership: part of the Server. Threads: any; under a mutex.

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "diary/diary.h"
#include "net/acceptor.h"
#include "ring/ring.h"

namespace gyre::server {

/// Counters of which INFO shows a rate.
struct InfoCounts {
    uint64_t commands = 0;
    uint64_t input_bytes = 0;
    uint64_t output_bytes = 0;
};

/// For each second.
struct InfoRates {
    double commands = 0;
    double input_bytes = 0;
    double output_bytes = 0;
};

/// Counters that only grow: statistics are what they have grown by since the last reset.
struct InfoBaseline {
    uint64_t connections = 0;
    uint64_t rejected_connections = 0;
    net::AcceptCounters accept;
    ring::Counters ring;
    diary::Figures diary;
};

class InfoHistory {
public:
    InfoHistory();

    /// Samples closer together than this say little about a rate, and are not kept.
    static constexpr int64_t kSampleUs = 100'000;
    /// A rate is that since the oldest sample within this time, else since the newest.
    static constexpr int64_t kWindowUs = 2'000'000;
    static constexpr size_t kSamplesMax = 16;

    /// Keeps the counts at `now_us` (monotonic), if the last ones are old enough.
    void sample(int64_t now_us, const InfoCounts& counts);
    /// How fast the counts grow; zero before there is a sample.
    InfoRates rates(int64_t now_us, const InfoCounts& counts) const;
    /// CONFIG RESETSTAT.
    void reset(const InfoBaseline& baseline);
    InfoBaseline baseline() const;
    /// 40 hexadecimal digits, new for each start.
    const std::string& replication_id() const { return replication_id_; }

private:
    struct Sample {
        int64_t time_us = 0;
        InfoCounts counts;
    };
    const Sample* oldest_in_window(int64_t now_us) const;

    const std::string replication_id_;
    mutable std::mutex mutex_;
    std::array<Sample, kSamplesMax> samples_;  // a ring: sample number n lies at n % kSamplesMax
    uint64_t sample_count_ = 0;
    InfoBaseline baseline_;
};

}  // namespace gyre::server
