// SPDX-License-Identifier: BSD-3-Clause
#include "micro/instruction_counter.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gyre::micro {
namespace {

int open_counter() noexcept {
    perf_event_attr wanted{};
    wanted.size = sizeof(wanted);
    wanted.type = PERF_TYPE_HARDWARE;
    wanted.config = PERF_COUNT_HW_INSTRUCTIONS;
    wanted.disabled = 1;
    // Always on the processor's counter or in error: never a guess from a part of the time.
    wanted.pinned = 1;
    wanted.exclude_kernel = 1;
    wanted.exclude_hv = 1;
    constexpr pid_t kThisThread = 0;
    constexpr int kAnyProcessor = -1;
    constexpr int kNoGroup = -1;
    return static_cast<int>(syscall(SYS_perf_event_open, &wanted, kThisThread, kAnyProcessor,
                                    kNoGroup, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

InstructionCounter::InstructionCounter() noexcept : descriptor_(open_counter()) {}

InstructionCounter::~InstructionCounter() {
    if (descriptor_ >= 0) close(descriptor_);
}

void InstructionCounter::start() noexcept {
    if (descriptor_ >= 0) ioctl(descriptor_, PERF_EVENT_IOC_ENABLE, 0);
}

void InstructionCounter::stop() noexcept {
    if (descriptor_ >= 0) ioctl(descriptor_, PERF_EVENT_IOC_DISABLE, 0);
}

std::optional<uint64_t> InstructionCounter::count() const noexcept {
    uint64_t instructions = 0;
    // A pinned counter that found no place reads as the end of a file.
    if (descriptor_ < 0 || read(descriptor_, &instructions, sizeof(instructions)) !=
                               static_cast<ssize_t>(sizeof(instructions))) {
        return std::nullopt;
    }
    return instructions;
}

}  // namespace gyre::micro
