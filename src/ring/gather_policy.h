// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// When a busy thread should wait for several completions at once (Ring::gather()). Each time a
// thread goes to sleep and is woken costs as much as some requests; a generator on another
// processor that sends one request after the other has it do so for each of them. The remedy is
// that of network cards, adaptive interrupt moderation: under load, events are collected for some
// microseconds; otherwise each is told at once, because then time matters and the processor is
// idle anyway.
//
// Load means that the thread uses much of a processor. And a wait for more peers than there are
// would be spent in vain: peers that wait for an answer send nothing. So no more completions are
// waited for than a third of the peers that sent something in a millisecond.
//
// Threads: one. Time: given, so that tests need no clock.

#include <cstdint>
#include <utility>

#include "ring/ring.h"

namespace gyre::ring {

class GatherPolicy {
public:
    /// Per cent of a processor from which on completions are gathered, and below which no longer.
    /// Gathering saves some, so the second is well below the first.
    static constexpr int64_t kBusyPercent = 40;
    static constexpr int64_t kIdlePercent = 30;
    /// Of the active peers, one in so many is waited for, when these are not too few: the timers of
    /// such a wait cost about what a small batch saves.
    static constexpr int64_t kPeersShare = 3;
    static constexpr int64_t kCompletionsMin = 12;
    /// Time over which load and peers are measured, at least. Shorter ones take a few requests that
    /// came together for load.
    static constexpr int64_t kWindowUs = 4000;

    /// `gather_us`: how long a wait may go on for more; 0: never.
    explicit GatherPolicy(uint32_t gather_us) noexcept : gather_us_(gather_us) {}

    /// A peer sent something, for the first time in this millisecond.
    void note_active() noexcept { ++active_; }
    /// With both clocks (monotonic and the thread's CPU time) as of one moment. True when a window
    /// has ended and gathering() may be another.
    bool review(int64_t now_us, int64_t cpu_us) noexcept;
    /// False: until it is true again each completion is told at once. True when gathering() may be
    /// another now.
    bool set_may_gather(bool may) noexcept { return std::exchange(may_gather_, may) != may; }
    Gathering gathering() const noexcept { return may_gather_ ? gathering_ : Gathering{}; }

private:
    const uint32_t gather_us_;
    int64_t active_ = 0;  // since the window began
    int64_t began_us_ = 0;
    int64_t began_cpu_us_ = 0;
    Gathering gathering_;
    bool may_gather_ = true;
};

}  // namespace gyre::ring
