// SPDX-License-Identifier: BSD-3-Clause

// PFSELFTEST: tests the HyperLogLogs of this very build, without touching a key, in slices that
// hold up nobody.
//
// Threads: home reactor, without locks. Suspends: between slices.

#include <string>

#include "commands/context.h"
#include "commands/registry.h"
#include "commands/slice.h"
#include "types/hyperloglog_self_test.h"

namespace gyre::commands {
namespace {

ring::Task<void> pfselftest(Context& context) {
    types::HyperLogLogSelfTest test(static_cast<uint64_t>(context.now_ms()));
    Slice slice(context);
    while (test.step()) {
        if (!slice.is_over_now()) continue;
        co_await slice.next();
    }
    if (test.failure().empty()) {
        context.reply.ok();
    } else {
        context.error("TESTFAILED " + test.failure());
    }
}

constexpr CommandSpec kSelfTestCommands[] = {
    {.name = "pfselftest",
     .coroutine = pfselftest,
     .arity = 1,
     .flags = flag::admin,
     .group = Group::hyperloglog,
     .since = "2.8.9",
     .complexity = "N/A",
     .summary = "Tests the implementation of HyperLogLogs."},
};

}  // namespace

std::span<const CommandSpec> hyperloglog_self_test_commands() { return kSelfTestCommands; }

}  // namespace gyre::commands
