// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The flags every ring is set up with, and their names for the start-up lines; what they are for
// stands in ring/uring/uring_ring.h. Constants. Threads: any.

#include <liburing.h>

#include <cstdint>

namespace gyre::ring {

struct SetupFlag {
    uint32_t bit;
    const char* name;
};

inline constexpr SetupFlag kSetupFlags[] = {
    {IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER"},
    {IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN"},
    {IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN"},
    {IORING_SETUP_TASKRUN_FLAG, "TASKRUN_FLAG"},
    {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
    {IORING_SETUP_CQSIZE, "CQSIZE"},
    {IORING_SETUP_CLAMP, "CLAMP"},
};

}  // namespace gyre::ring
