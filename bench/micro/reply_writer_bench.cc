// SPDX-License-Identifier: BSD-3-Clause
// The reply writer into a buffer that is emptied after every sixteen replies, as a send does.

#include <string>

#include "base/output_buffer.h"
#include "micro/meter.h"
#include "resp/reply_writer.h"

namespace gyre::micro {
namespace {

constexpr int kRepliesPerSend = 16;
constexpr int kArrayLength = 10;

// One reservation, the digits of a short number and a copy of one cache line.
constexpr double kBulkBudgetNs = 4;
// One reservation and seven digits, of which each pair waits for a division by the one before.
constexpr double kIntegerBudgetNs = 6;
// A header, which is no more than an integer, and ten bulk strings.
constexpr double kArrayBudgetNs = kIntegerBudgetNs + kArrayLength * kBulkBudgetNs;

template <class Write>
void write_replies(benchmark::State& state, double budget_ns, Write&& write) {
    base::ChunkPool pool;
    base::OutputBuffer out(pool);
    resp::ReplyWriter reply(out, resp::Protocol::resp2);
    Meter meter(state, budget_ns);
    while (state.KeepRunningBatch(kRepliesPerSend)) {
        for (int i = 0; i < kRepliesPerSend; ++i) write(reply, i);
        benchmark::ClobberMemory();
        out.consume(out.size());
    }
    meter.report();
}

void bulk(benchmark::State& state) {
    const std::string value(64, 'x');
    write_replies(state, kBulkBudgetNs, [&](resp::ReplyWriter& reply, int) { reply.bulk(value); });
}

void integer(benchmark::State& state) {
    int64_t value = 1'234'567;
    benchmark::DoNotOptimize(value);
    write_replies(state, kIntegerBudgetNs,
                  [&](resp::ReplyWriter& reply, int i) { reply.integer(value + i); });
}

void array(benchmark::State& state) {
    const std::string value(64, 'x');
    write_replies(state, kArrayBudgetNs, [&](resp::ReplyWriter& reply, int) {
        reply.array(kArrayLength);
        for (int i = 0; i < kArrayLength; ++i) reply.bulk(value);
    });
}

BENCHMARK(bulk)->Name("reply_writer/bulk_64_bytes");
BENCHMARK(integer)->Name("reply_writer/integer");
BENCHMARK(array)->Name("reply_writer/array_of_10_bulks");

}  // namespace
}  // namespace gyre::micro
