// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The two ends of a stream of bytes, for code that turns one into the other and opens nothing
// itself: whoever calls it brings the file, the socket or the string.
//
// Ownership: the callee borrows both for the call. Threads: the caller's.

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "gyre/result.h"

namespace gyre::base {

/// Puts the next bytes of the stream at the front of the buffer, which is not empty, and says how
/// many: as few as one while there are more, 0 at the end.
using ByteSource = std::function<Result<size_t>(std::span<char>)>;

/// Takes the next bytes of the stream, all of them; they are valid during the call.
using ByteSink = std::function<Result<void>(std::string_view)>;

}  // namespace gyre::base
