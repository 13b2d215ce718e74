// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What may go wrong in a simulated world, and how often: chances in thousandths, each taken on its
// own at every opportunity. Swarm testing (Groce et al., 2012): a random subset with random
// strengths for each seed finds more than everything at once, because faults hide each other.
//
// Threads: a plain value.

#include <cstdint>

#include "base/random.h"

namespace gyre::ring::sim {

struct Faults {
    uint32_t slow_network = 0;     ///< a segment or a connection takes up to slow_us longer
    uint32_t late_completion = 0;  ///< a completion is seen up to slow_us after it happened
    int64_t slow_us = 2000;
    uint32_t short_receive = 0;         ///< a receive gets part of what waits
    uint32_t short_send = 0;            ///< a send ends before all is sent
    uint32_t small_segments = 0;        ///< bytes travel in pieces
    uint32_t starvation = 0;            ///< a receive finds no buffer although there is one
    uint32_t accept_failure = 0;        ///< accept finds no descriptor (EMFILE)
    uint32_t reset = 0;                 ///< the connection breaks at an attempt to receive or send
    uint32_t idle_turn = 0;             ///< a reactor takes a turn for no reason
    uint32_t window_bytes = 64 * 1024;  ///< bytes under way or unread in one direction

    /// Each fault off, or on with a strength of its own.
    static Faults swarm(base::Random& random);
};

}  // namespace gyre::ring::sim
