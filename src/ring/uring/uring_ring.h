// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The Ring behind which is the kernel: io_uring, one instance for each thread.
//
// Set-up: SINGLE_ISSUER | DEFER_TASKRUN (completions are made on this thread and only when it
// enters the kernel asking for events, so every entry does), COOP_TASKRUN | TASKRUN_FLAG (a flag in
// shared memory says that there is something to fetch: polling without a system call), SUBMIT_ALL,
// CQSIZE, CLAMP. One set of flags, Linux 6.1 or newer.
//
// Receives go into a ring of provided buffers: an idle connection holds none, and one that is not
// asked for more pushes back on its sender. They are multishot (ring/uring/receive_streams.h),
// which saves an entry of the submission queue and arming a poll for each request, or single-shot.
//
// Ownership: the caller owns the Ring; operations in flight are cancelled and awaited, without
// calling their handlers, when it is destroyed.
// Threads: create, use and destroy it on one thread; wake() and counters() from any.
// Limits: submission_entries (full: flushed in place and counted), completion_entries (overflow:
// the kernel keeps a list, fetched and counted), buffer_count (none free: -ENOBUFS, counted).

#include <cstdint>
#include <memory>

#include <gyre/result.h>

#include "ring/ring.h"

namespace gyre::ring {

struct UringOptions {
    uint32_t submission_entries = 4096;
    uint32_t completion_entries = 16384;
    uint32_t buffer_count = 1024;       ///< a power of two up to 32768
    uint32_t buffer_bytes = 16 * 1024;  ///< pages are touched when traffic needs them
    bool multishot_receive = true;
};

/// Fails with cause and remedy (ring/uring/probe.h) where io_uring is not to be had.
Result<std::unique_ptr<Ring>> create_uring_ring(const UringOptions& options);

}  // namespace gyre::ring
