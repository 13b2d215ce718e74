// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the writer and the reader of streams in RDB files share.
//
// Threads: any.

#include <cstddef>
#include <cstdint>

namespace gyre::snapshot {

/// An id outside of lengths: milliseconds and number, eight bytes each, most significant first.
inline constexpr size_t kStreamIdBytes = 16;
/// Added to a time in AUX kActiveTimesField, so that "never" (-1) is a number, too.
inline constexpr int64_t kActiveTimeOffset = 1;

}  // namespace gyre::snapshot
