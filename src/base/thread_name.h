// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What tools call a thread: `top -H`, `perf`, /proc/<pid>/task. The first of the process keeps the
// program's name, by which the process is found.
//
// Threads: each for itself.

#include <sys/prctl.h>

#include <string>

namespace gyre::base {

/// The kernel keeps the first 15 bytes.
inline void name_thread(const std::string& name) noexcept { prctl(PR_SET_NAME, name.c_str()); }

}  // namespace gyre::base
