// SPDX-License-Identifier: BSD-3-Clause
#include "ring/uring/enter.h"

#include <csignal>

#include <algorithm>

namespace gyre::ring {
namespace {

// Of Linux 6.12, newer than the headers of liburing 2.3.
constexpr uint32_t kFeatureMinTimeout = 1U << 15;
struct EventsArgument {
    uint64_t signal_mask = 0;
    uint32_t signal_mask_bytes = 0;
    uint32_t min_wait_us = 0;
    uint64_t timeout = 0;
};
static_assert(sizeof(EventsArgument) == sizeof(io_uring_getevents_arg));

__kernel_timespec timespec_of(int64_t us) noexcept {
    __kernel_timespec time{};
    time.tv_sec = us / 1'000'000;
    time.tv_nsec = us % 1'000'000 * 1000;
    return time;
}

/// Shows the kernel the entries that were filled; what io_uring_submit() does first. Returns how
/// many it has not taken.
unsigned flush(io_uring_sq& queue) noexcept {
    const unsigned mask = *queue.kring_mask;
    for (; queue.sqe_head != queue.sqe_tail; ++queue.sqe_head) {
        queue.array[queue.sqe_head & mask] = queue.sqe_head & mask;
    }
    io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
    return queue.sqe_tail - io_uring_smp_load_acquire(queue.khead);
}

int gather(io_uring& uring, int64_t left_us, const Gathering& gathering) noexcept {
    EventsArgument argument;
    const __kernel_timespec timeout = timespec_of(std::max<int64_t>(left_us, 0));
    argument.signal_mask_bytes = _NSIG / 8;
    argument.min_wait_us = gathering.us;
    if (left_us >= 0) {
        argument.min_wait_us =
            static_cast<uint32_t>(std::min<int64_t>(argument.min_wait_us, left_us));
        argument.timeout = reinterpret_cast<uint64_t>(&timeout);
    }
    const unsigned flags =
        IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG |
        (uring.enter_ring_fd != uring.ring_fd ? IORING_ENTER_REGISTERED_RING : 0U);
    return io_uring_enter2(static_cast<unsigned>(uring.enter_ring_fd), flush(uring.sq),
                           gathering.completions, flags, reinterpret_cast<sigset_t*>(&argument),
                           sizeof(argument));
}

}  // namespace

bool can_gather(const io_uring& uring) noexcept {
    return (uring.features & kFeatureMinTimeout) != 0;
}

int submit_and_wait(io_uring& uring, int64_t left_us, const Gathering& gathering) noexcept {
    if (left_us == 0) return io_uring_submit_and_get_events(&uring);
    if (gathering.completions > 1 && can_gather(uring)) return gather(uring, left_us, gathering);
    if (left_us < 0) return io_uring_submit_and_wait(&uring, 1);
    __kernel_timespec timeout = timespec_of(left_us);
    io_uring_cqe* unused = nullptr;
    return io_uring_submit_and_wait_timeout(&uring, &unused, 1, &timeout, nullptr);
}

}  // namespace gyre::ring
