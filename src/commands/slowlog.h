// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// SLOWLOG: the last commands that took longer than slowlog-log-slower-than, with their arguments
// cut as Redis cuts them (32 arguments of 128 bytes). One log for all reactors.
//
// Threads: any; the threshold is an atomic read per command, the list is under a mutex.

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "resp/request_parser.h"

namespace gyre::commands {

/// Whether an argument is a password: those of AUTH, of HELLO's AUTH, and those that CONFIG SET
/// sets; or has statements of BATCH of which one holds such. `index` is not 0.
bool is_secret(std::span<const resp::Argument> arguments, size_t index);

class Slowlog {
public:
    static constexpr size_t kArgumentsMax = 32;
    static constexpr size_t kArgumentBytesMax = 128;
    struct Record {
        uint64_t id = 0;
        int64_t time_s = 0;
        int64_t duration_us = 0;
        std::vector<std::string> arguments;
        std::string peer_address;
        std::string client_name;
    };

    /// Microseconds; negative: off; 0: everything.
    std::atomic<int64_t> threshold_us{10000};
    std::atomic<int64_t> length_max{128};

    bool wants(int64_t duration_us) const {
        const int64_t threshold = threshold_us.load(std::memory_order_relaxed);
        return threshold >= 0 && duration_us >= threshold;
    }
    void add(int64_t now_ms, int64_t duration_us, std::span<const resp::Argument> arguments,
             std::string_view peer_address, std::string_view client_name);
    /// The newest `count` records, newest first; negative: all.
    std::vector<Record> get(int64_t count) const;
    size_t size() const;
    void reset();

private:
    mutable std::mutex mutex_;
    std::deque<Record> records_;  // newest first
    uint64_t next_id_ = 0;
};

}  // namespace gyre::commands
