// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Is io_uring there, and if not, why and what to do. Asked once at start, before anything else is
// set up: containers block io_uring by default, some distributions switch it off, old kernels lack
// what the ring needs, and all of that arrives as a bare errno.
//
// Threads: any. Errors: one sentence with cause and remedy; Error::code is the errno.

#include <gyre/result.h>

#include <optional>
#include <string>

namespace gyre::ring {

/// What an errno of io_uring_setup has to be read against.
struct UringSurroundings {
    std::optional<int> disabled;  ///< kernel.io_uring_disabled, if the kernel has it (6.6)
    std::optional<int> group;     ///< kernel.io_uring_group
    std::string kernel_release;   ///< uname -r
};

/// Reads the two settings and the kernel's release.
UringSurroundings read_uring_surroundings();

/// Says in one message why io_uring_setup failed with `error` (an errno), and the remedy. Pure.
std::string explain_uring_failure(int error, const UringSurroundings& surroundings);

/// Sets up a ring with everything the server uses and takes it down again.
Result<void> probe_uring();

}  // namespace gyre::ring
