// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Counts the instructions this thread retires in user mode, by the processor's own counter
// (perf_event_open). Their number says how much work a function does where its time says how busy
// the machine was. Virtual machines often have no such counter and kernels may refuse it: then
// there is no count, and nothing else changes.
//
// Ownership: owns its descriptor. Threads: the one that made it.

#include <cstdint>
#include <optional>

namespace gyre::micro {

class InstructionCounter {
public:
    InstructionCounter() noexcept;
    ~InstructionCounter();
    InstructionCounter(const InstructionCounter&) = delete;
    InstructionCounter& operator=(const InstructionCounter&) = delete;

    void start() noexcept;
    void stop() noexcept;
    /// Instructions between start() and stop(), over all such pairs; nullopt: not to be had.
    std::optional<uint64_t> count() const noexcept;

private:
    int descriptor_;
};

}  // namespace gyre::micro
