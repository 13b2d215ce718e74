// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where a writer of this room puts its bytes. The sink does with them what it likes, but does not
// wait: it copies them, or sends them on.
//
// Ownership: borrowed by the writer. Threads: the writer's.

#include <cstddef>
#include <string_view>

namespace gyre::snapshot {

/// Longest piece a writer hands to its sink.
inline constexpr size_t kPieceBytesMax = 64 * 1024;

class ByteSink {
public:
    virtual ~ByteSink() = default;
    /// The next bytes, kPieceBytesMax at most; valid during the call.
    virtual void append(std::string_view piece) = 0;
};

}  // namespace gyre::snapshot
