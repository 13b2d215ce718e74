// SPDX-License-Identifier: BSD-3-Clause
// The request parser on whole commands, alone and sixteen in one input. The list of arguments is
// kept and emptied, as a connection does. The input is the same each time and in the nearest cache:
// this is the work of the parser, not what it waits for.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "micro/meter.h"
#include "resp/request_parser.h"

namespace gyre::micro {
namespace {

constexpr int kPipeline = 16;

// A command of n arguments has n + 1 lines with a number of one or two digits, at some 2 ns each
// when its length can be foretold, as here, and no byte of payload to look at.
constexpr double kGetBudgetNs = 8;
constexpr double kSetBudgetNs = 10;
// The place in the input is all that a pipeline adds.
constexpr double kPipelinedGetBudgetNs = kGetBudgetNs;
constexpr double kPipelinedSetBudgetNs = kSetBudgetNs;

std::string command_get() { return "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000123456\r\n"; }

std::string command_set() {
    return fmt::format("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000123456\r\n$64\r\n{:x>64}\r\n", "");
}

std::string repeated(const std::string& command, int count) {
    std::string input;
    for (int i = 0; i < count; ++i) input += command;
    return input;
}

void parse(benchmark::State& state, const std::string& input, int commands, double budget_ns) {
    resp::RequestParser parser;
    const resp::ParserLimits limits;
    std::vector<resp::Argument> arguments;
    Meter meter(state, budget_ns);
    while (state.KeepRunningBatch(commands)) {
        arguments.clear();
        std::string_view rest = input;
        benchmark::DoNotOptimize(rest);
        while (!rest.empty()) {
            size_t consumed = 0;
            if (parser.parse(rest, limits, arguments, consumed) !=
                resp::RequestParser::Status::complete) {
                state.SkipWithError("the parser did not complete a whole command");
                return;
            }
            rest.remove_prefix(consumed);
        }
        benchmark::DoNotOptimize(arguments.data());
        benchmark::ClobberMemory();
    }
    meter.report();
}

void get(benchmark::State& state) { parse(state, command_get(), 1, kGetBudgetNs); }
void set(benchmark::State& state) { parse(state, command_set(), 1, kSetBudgetNs); }
void get_pipelined(benchmark::State& state) {
    parse(state, repeated(command_get(), kPipeline), kPipeline, kPipelinedGetBudgetNs);
}
void set_pipelined(benchmark::State& state) {
    parse(state, repeated(command_set(), kPipeline), kPipeline, kPipelinedSetBudgetNs);
}

BENCHMARK(get)->Name("parser/get");
BENCHMARK(set)->Name("parser/set_64_bytes");
BENCHMARK(get_pipelined)->Name("parser/get_pipeline_16");
BENCHMARK(set_pipelined)->Name("parser/set_64_bytes_pipeline_16");

}  // namespace
}  // namespace gyre::micro
