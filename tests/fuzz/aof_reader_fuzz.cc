// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever bytes an append-only file holds, the reader stays within them, how the file is cut
// makes no difference, and what it calls good is good: a file that ends there is read without a
// fault and gives the same units. The first byte of the input chooses the limits and seeds the
// cuts, the rest is the file.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "support/aof_driver.h"

namespace {

using gyre::test::AofOutcome;
using gyre::test::AofRun;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "aof_reader_fuzz: %s\n", what);
    std::abort();
}

void check(const AofOutcome& outcome, std::string_view file) {
    using Kind = gyre::log::AofEnd::Kind;
    if (outcome.good_to > outcome.at || outcome.at > file.size()) fail("an offset beyond the file");
    const bool has_filling_only =
        file.substr(outcome.good_to).find_first_not_of("# \n") == file.npos;
    if (outcome.kind == Kind::clean && !has_filling_only) fail("clean but not whole");
    if (outcome.has_preamble) return;
    if ((outcome.kind == Kind::clean) != outcome.message.empty())
        fail("no message, or one too many");
    uint64_t last = 0;
    for (const auto& unit : outcome.units) {
        if (unit.begin < last || unit.end <= unit.begin) fail("units that overlap");
        if (unit.commands.size() != 1 && !unit.is_transaction) fail("a unit of several commands");
        last = unit.end;
    }
    if (last > outcome.good_to) fail("a unit beyond what is good");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    AofRun run;
    // Small ones are reached by small inputs.
    run.limits.unit_bytes_max = (data[0] & 1) == 0 ? 200 * 1000 : 100;
    run.limits.arguments_max = (data[0] & 2) == 0 ? INT32_MAX : 4;
    run.limits.bulk_bytes_max = (data[0] & 4) == 0 ? 150 * 1000 : 20;
    uint32_t state = data[0] + 1U;
    const std::string_view file(reinterpret_cast<const char*>(data) + 1, size - 1);

    const AofOutcome whole = gyre::test::read_aof_whole(file, run);
    check(whole, file);
    if (size < 4000 && whole != gyre::test::read_aof(file, [] { return 1; }, run)) {
        fail("another outcome byte by byte");
    }
    const uint32_t bytes_max = data[0] < 128 ? 16 : 4096;
    const auto next = [&] {
        state = state * 1664525 + 1013904223;
        return (state >> 16) % bytes_max + 1 + size / 1000;
    };
    if (whole != gyre::test::read_aof(file, next, run)) fail("another outcome when cut");
    const AofOutcome good = gyre::test::read_aof_whole(file.substr(0, whole.good_to), run);
    if (good.kind != gyre::log::AofEnd::Kind::clean) fail("what was good is not");
    if (good.units != whole.units) fail("other units in what was good");
    if (good.database != whole.database) fail("another database where it was good");
    return 0;
}
