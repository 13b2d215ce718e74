// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The system call that submits and waits, where liburing 2.3 has no function for what is asked:
// to wait for several completions for some microseconds and then for one (min_wait_usec, Linux
// 6.12). Threads: the ring's.

#include <liburing.h>

#include <cstdint>

#include "ring/ring.h"

namespace gyre::ring {

/// Whether the kernel can gather; else one completion ends each wait.
bool can_gather(const io_uring& uring) noexcept;

/// Submits what is queued and waits for at most `left_us` (-1: without end) until a completion is
/// there, and for gathering.us of that until as many are as it says. Returns what io_uring_enter
/// does: -ETIME when the time is over.
int submit_and_wait(io_uring& uring, int64_t left_us, const Gathering& gathering) noexcept;

}  // namespace gyre::ring
