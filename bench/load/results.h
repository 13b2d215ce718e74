// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a run found out, and how it is printed.
//
// Ownership: plain values. Threads: one at a time.

#include <cstdint>
#include <string>

#include "load/histogram.h"
#include "load/options.h"

namespace gyre::load {

struct Results {
    uint64_t requests = 0;  ///< answered, after the warm-up
    uint64_t errors = 0;    ///< of these, with an error
    uint64_t nils = 0;
    uint64_t hits = 0;  ///< bulk strings: what GET found
    uint64_t connections_lost = 0;
    uint64_t unanswered = 0;  ///< requests of lost connections
    double seconds = 0;       ///< from the end of the warm-up to the last reply
    double cpu_seconds = 0;   ///< of the generator, in that time
    Histogram latency_ns;
    Histogram send_delay_ns;  ///< open loop: how much later than intended requests left
    std::string first_error;  ///< text of an error reply or cause of a lost connection

    double requests_per_second() const noexcept {
        return seconds > 0 ? static_cast<double>(requests) / seconds : 0;
    }
    /// Nothing came back, or nothing but errors.
    bool is_all_lost() const noexcept { return requests == errors; }
};

/// One line.
std::string results_as_json(const Results& results, const Options& options);
/// For people.
std::string results_as_text(const Results& results, const Options& options);

}  // namespace gyre::load
