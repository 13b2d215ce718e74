// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Errors as values. Every function of Gyre that can fail for a reason outside the program returns a
// Result; the Error inside says what happened and what to do about it, in one sentence for a
// person.
//
// Threads: any.

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace gyre {

/// Why an operation failed.
struct Error {
    /// One sentence: what happened, then what to do.
    std::string message;
    /// errno of the system call at fault, 0 when none was.
    int code = 0;
};

template <class T>
using Result = tl::expected<T, Error>;

/// Builds the failing side of a Result: `return gyre::fail("...")`.
[[nodiscard]] inline tl::unexpected<Error> fail(std::string message, int code = 0) {
    return tl::unexpected<Error>(Error{std::move(message), code});
}

}  // namespace gyre
