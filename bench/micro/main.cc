// SPDX-License-Identifier: BSD-3-Clause
// bench-micro: what single operations of the rooms cost. Takes the options of Google Benchmark;
// --benchmark_filter=parser is the one to know. A row is one operation: nanoseconds in the columns
// Time and CPU, its budget, and instructions where the processor counts them (see meter.h).
//
// Debian's library says of itself that it was built as DEBUG. That concerns its own start and end;
// the loops that are timed are compiled here.

#include <benchmark/benchmark.h>

#include "base/hash.h"

int main(int argc, char** argv) {
    // The same hashes in each run, or chains and instructions differ.
    gyre::base::seed_hash(1);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
