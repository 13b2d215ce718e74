// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The keys that are used most, by the counters that a server keeps under a policy of LFU (OBJECT
// FREQ). The lines are redis-cli's.
//
// Threads: one. Errors: the exit status; the reason, for example that the server keeps no counters,
// is on standard error.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/link.h"
#include "cli/options.h"

namespace gyre::cli {

/// The hottest of the keys that were looked at.
class HotKeys {
public:
    /// How many are told.
    static constexpr size_t kShown = 16;
    struct Key {
        std::string name;
        int64_t counter = 0;
    };
    /// True: it is one of the hottest so far. A key that nobody has used is none.
    bool add(const Key& key);
    /// The hottest first; of equal ones that which was found first.
    const std::vector<Key>& keys() const { return keys_; }
    std::string summary() const;

private:
    std::vector<Key> keys_;
    uint64_t sampled_ = 0;
};

int run_hotkeys(const Options& options, Link& link);

}  // namespace gyre::cli
