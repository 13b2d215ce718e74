// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What each benchmark here reports besides the library's columns: its budget, the instructions per
// operation where the processor counts them, and the words "over budget" when the CPU time of an
// operation is beyond the budget by more than kOverBudgetFactor. A budget is for people to look at:
// it fails nothing, since the same code is slower on a busy machine.
//
// An iteration, as the library counts them, is one operation (KeepRunningBatch says how many a turn
// of the loop has), so that its columns Time and CPU are nanoseconds per operation.
//
// Ownership: borrows the state. Threads: that of the benchmark.

#include <benchmark/benchmark.h>

#include "micro/instruction_counter.h"

namespace gyre::micro {

/// Budgets are what an idle server processor of the years around 2022 takes, rounded up. A machine
/// that is shared, or older, may be this much slower before anyone need look at the code.
inline constexpr double kOverBudgetFactor = 2;

class Meter {
public:
    /// Measures from here on. `budget_ns` is for one operation.
    Meter(benchmark::State& state, double budget_ns) noexcept;

    /// Around what is not to be measured, in the library's columns either.
    void pause();
    void resume();
    /// After the loop.
    void report();

private:
    void start() noexcept;
    void stop() noexcept;

    benchmark::State& state_;
    InstructionCounter instructions_;
    double budget_ns_;
    double started_ns_ = 0;
    double spent_ns_ = 0;
};

}  // namespace gyre::micro
