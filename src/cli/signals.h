// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Signals as bytes of a descriptor, so that waiting for the keyboard, for the server and for a
// signal is one poll() and nothing happens between a check and the wait.
//
// Ownership: owns the descriptor; while it lives, SIGINT, SIGTERM, SIGHUP and SIGWINCH are blocked.
// Threads: one, and before others start.

#include <signal.h>

#include <optional>

namespace gyre::cli {

class Signals {
public:
    Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    ~Signals();

    /// To wait on.
    int descriptor() const { return descriptor_; }
    /// The number of a signal that has come; nullopt when none has.
    std::optional<int> take();

private:
    int descriptor_ = -1;
    sigset_t before_{};
};

/// Waits until the descriptor can be read (true) or SIGINT, SIGTERM or SIGHUP comes, which is kept
/// in `stopped_by`.
bool wait_or_stop(Signals& signals, int descriptor, int& stopped_by);

}  // namespace gyre::cli
