// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Is a concurrent history of string commands linearizable? A history is a set of operations with
// the time each was invoked and the time its reply came; it is linearizable when there is one order
// of all operations, in which none stands before another that had ended before it began, that a
// store executing them one at a time would have answered in the same way.
//
// A history is about a small group of keys: commands on one key and commands on several (MSET,
// MGET) are judged together, so atomicity across keys is part of the question. Histories of keys
// that never share a command may be judged one by one (linearizability is local).
//
// Source: J. M. Wing and C. Gong, "Testing and verifying concurrent objects", 1993, with the memory
// of visited configurations of G. Lowe, "Testing for linearizability", 2017. Complexity:
// exponential in the operations that overlap at worst; linear in the history when few do.
//
// Threads: any. Ownership: plain data.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gyre::test {

enum class OperationKind { get, set, set_nx, increment, append, del, mset, mget };

struct Operation {
    OperationKind kind = OperationKind::get;
    /// Indexes of the keys in the group; one for single-key commands.
    std::vector<int> keys;
    /// The value written, appended, or the values in the order of the keys.
    std::vector<std::string> arguments;
    /// What came back, one element for each value of the reply; nil as nullopt. An integer in
    /// decimal, an error as "error".
    std::vector<std::optional<std::string>> results;
    int64_t invoked_ns = 0;
    int64_t returned_ns = 0;
};

/// The values of the group's keys.
using GroupState = std::vector<std::optional<std::string>>;

/// Executes the operation on the state; what a correct store answers.
std::vector<std::optional<std::string>> apply(const Operation& operation, GroupState& state);

/// True when an order exists. All keys are missing at the start.
bool is_linearizable(const std::vector<Operation>& history, int key_count);

/// One line for a person.
std::string describe(const Operation& operation);

}  // namespace gyre::test
