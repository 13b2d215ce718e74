// SPDX-License-Identifier: BSD-3-Clause
// What a SET of 64 bytes pays for the log: the effect measured, its place reserved by one atomic
// addition, the bytes copied and told to be there. Nobody writes to a file; the memory is given
// back each 64 KiB, as a group would.

#include <string>
#include <string_view>

#include "log/log.h"
#include "micro/meter.h"

namespace gyre::micro {
namespace {

constexpr uint64_t kGroupBytes = 64 * 1024;
// Two locked instructions, three words whose lengths are written in decimal, 110 bytes copied.
constexpr double kAppendBudgetNs = 60;

void log_append_set(benchmark::State& state) {
    log::Log log(1);
    log::Appender& appender = log.appender(0);
    const std::string key = "key:0000000000001234";
    const std::string value(64, 'x');
    const std::string_view words[] = {"SET", key, value};
    Meter meter(state, kAppendBudgetNs);
    for (auto _ : state) {
        const log::Step step{.effect = log::CommandEffect{words}};
        const log::Record record{.steps = {&step, 1}};
        appender.reserve(record.bytes());
        appender.write(record);
        if (appender.end() - log.released() > kGroupBytes) log.release(log.frontier());
    }
    meter.report();
    state.SetBytesProcessed(static_cast<int64_t>(appender.end()));
}

BENCHMARK(log_append_set)->Name("log/append");

}  // namespace
}  // namespace gyre::micro
