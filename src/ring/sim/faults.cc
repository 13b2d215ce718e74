// SPDX-License-Identifier: BSD-3-Clause
#include "ring/sim/faults.h"

namespace gyre::ring::sim {
namespace {

uint32_t strength(base::Random& random, uint32_t most) {
    const bool is_on = random.below(2) == 0;
    return is_on ? 1 + static_cast<uint32_t>(random.below(most)) : 0;
}

}  // namespace

Faults Faults::swarm(base::Random& random) {
    Faults faults;
    faults.slow_network = strength(random, 400);
    faults.late_completion = strength(random, 400);
    faults.slow_us = 1 + static_cast<int64_t>(random.below(5000));
    faults.short_receive = strength(random, 600);
    faults.short_send = strength(random, 600);
    faults.small_segments = strength(random, 600);
    faults.starvation = strength(random, 300);
    faults.accept_failure = strength(random, 500);
    faults.reset = strength(random, 10);
    faults.idle_turn = strength(random, 100);
    if (random.below(2) == 0) faults.window_bytes = 1 + static_cast<uint32_t>(random.below(512));
    return faults;
}

}  // namespace gyre::ring::sim
