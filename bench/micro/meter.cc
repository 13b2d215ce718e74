// SPDX-License-Identifier: BSD-3-Clause
#include "micro/meter.h"

#include <fmt/format.h>

#include "micro/thread_clock.h"

namespace gyre::micro {

Meter::Meter(benchmark::State& state, double budget_ns) noexcept
    : state_(state), budget_ns_(budget_ns) {
    start();
}

void Meter::start() noexcept {
    started_ns_ = thread_cpu_ns();
    instructions_.start();
}

void Meter::stop() noexcept {
    instructions_.stop();
    spent_ns_ += thread_cpu_ns() - started_ns_;
}

void Meter::pause() {
    stop();
    state_.PauseTiming();
}

void Meter::resume() {
    state_.ResumeTiming();
    start();
}

void Meter::report() {
    stop();
    const auto operations = static_cast<double>(state_.iterations());
    if (operations == 0) return;  // an error ended it
    const double each_ns = spent_ns_ / operations;
    state_.counters["budget_ns"] = budget_ns_;
    if (const auto instructions = instructions_.count()) {
        state_.counters["instructions"] = static_cast<double>(*instructions) / operations;
    }
    if (each_ns > budget_ns_ * kOverBudgetFactor) {
        state_.SetLabel(fmt::format("over budget: {:.1f} times", each_ns / budget_ns_));
    }
}

}  // namespace gyre::micro
