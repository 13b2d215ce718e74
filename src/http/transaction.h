// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Several commands of a request at one moment, by MULTI and EXEC; within a transaction of several
// requests, one after the other, as that is one moment already.
//
// Threads: home reactor. Suspends: as the backend does.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/backend.h"

namespace gyre::http {

/// What became of them.
struct Outcome {
    /// Not empty: they were not run, and why.
    std::string error = {};
    size_t failed_at = 0;  ///< the command that could not be queued
    bool is_void = false;  ///< a watched key had changed: they were not run
    std::vector<Reply> replies = {};
};

/// A command of several: its words are borrowed.
using WordList = std::vector<std::string_view>;

/// Runs them all or, when one cannot be queued, none.
ring::Task<Outcome> run_atomically(Backend& backend, std::span<const WordList> commands);

}  // namespace gyre::http
