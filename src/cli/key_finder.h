// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Names of keys for the Tab key, by SCAN over a connection of its own: the main one may be in a
// transaction. As many pages as the time allows, however many keys there are; what was not looked
// at is told.
//
// Ownership: owns its connection, which is kept for the next time. Threads: one. Errors: no keys,
// and that not all were looked at.

#include <chrono>
#include <string>

#include "cli/complete.h"
#include "cli/link.h"

namespace gyre::cli {

class KeyFinder {
public:
    /// Found keys, beyond which nobody reads a list.
    static constexpr size_t kKeysMax = 1000;
    /// How long an answer may take: of connecting, and of the page that is under way when the time
    /// is up.
    static constexpr int kPatienceMs = 300;

    /// `budget`: after it no other page is asked for.
    KeyFinder(const Address& address, std::chrono::milliseconds budget);
    KeyFinder(const KeyFinder&) = delete;
    KeyFinder& operator=(const KeyFinder&) = delete;

    /// Keys of the database that begin with the prefix.
    FoundKeys find(const Address& address, int database, const std::string& prefix);

private:
    using Clock = std::chrono::steady_clock;
    bool wait(int descriptor) const;

    Link link_;
    std::chrono::milliseconds budget_;
    Clock::time_point deadline_;
};

}  // namespace gyre::cli
