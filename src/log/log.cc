// SPDX-License-Identifier: BSD-3-Clause
#include "log/log.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gyre::log {

char* EncodedEffects::write(char* out) const noexcept {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
}

void LogPieces::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::span<char> room = segments_.at(position_);
        const size_t part = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), part);
        bytes.remove_prefix(part);
        position_ += part;
    }
}

Log::Log(size_t appenders, uint64_t bytes_max)
    : room_end_(bytes_max),
      bytes_max_(bytes_max),
      waiters_(std::make_unique<Waiter[]>(appenders)),
      waiter_count_(appenders) {
    for (size_t index = 0; index < appenders; ++index) {
        appenders_.push_back(std::unique_ptr<Appender>(new Appender(*this)));
    }
}

Log::~Log() = default;

/// No lock is held here but those of the shards, and nothing waits but where the log would bite its
/// own tail: with records of gigabytes, while the disk stands still.
void Log::note_full(Position end) {
    Admission expected = Admission::open;
    admission_.compare_exchange_strong(expected, Admission::full);
    for (;;) {
        const Position released = released_.load(std::memory_order_acquire);
        if (end - released <= Segments::kSpanBytes - Segments::kSegmentBytes) return;
        released_.wait(released, std::memory_order_acquire);
    }
}

/// Told before the record counts as written: who sees the frontier behind it knows of it.
void Log::note_large(Position end) noexcept {
    Position known = large_end_.load(std::memory_order_relaxed);
    while (known < end &&
           !large_end_.compare_exchange_weak(known, end, std::memory_order_relaxed)) {
    }
}

Position Log::begin_part() noexcept {
    const Position here = tail();
    part_.store(here, std::memory_order_release);
    return here;
}

Position Log::frontier() {
    Position frontier = tail_.load(std::memory_order_acquire);
    for (const auto& appender : appenders_) {
        frontier = std::min(frontier, appender->pending_.load(std::memory_order_acquire));
    }
    // A slot may hold a tail that is older than what was seen complete before.
    frontier_ = std::max(frontier_, frontier);
    return frontier_;
}

bool Log::is_crowded(int64_t now_us) const noexcept {
    return std::ranges::all_of(appenders_, [&](const auto& appender) {
        return now_us < appender->crowded_until_us_.load(std::memory_order_relaxed);
    });
}

// --- sleeping and waking
// ----------------------------------------------------------------------------

void Log::kick() {
    // Either the thread sees what was written when it looks for the last time before it sleeps, or
    // this sees that it does.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const Position wake_at = wake_at_.load(std::memory_order_relaxed);
    if (wake_at == kNoPosition || tail_.load(std::memory_order_relaxed) < wake_at) return;
    if (wake_at_.exchange(kNoPosition, std::memory_order_relaxed) != kNoPosition) wake_thread_();
}

bool Log::park(Position wake_at) {
    wake_at_.store(wake_at, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (frontier() < wake_at) return true;
    unpark();
    return false;
}

void Log::set_waker(size_t waiter, std::function<void()> wake) {
    CHECK(waiter < waiter_count_);
    waiters_[waiter].wake = std::move(wake);
}

bool Log::wait_durable(size_t waiter, Position position) {
    waiters_[waiter].wants.store(position, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return durable() >= position;
}

void Log::set_durable(Position position) {
    durable_.store(position, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (size_t index = 0; index < waiter_count_; ++index) {
        Waiter& waiter = waiters_[index];
        Position wanted = waiter.wants.load(std::memory_order_relaxed);
        // Not a store: the waiter may want another position by now.
        while (wanted <= position && !waiter.wants.compare_exchange_weak(
                                         wanted, kNoPosition, std::memory_order_relaxed)) {
        }
        if (wanted <= position && waiter.wake) waiter.wake();
    }
}

void Log::wake_all() {
    for (size_t index = 0; index < waiter_count_; ++index) {
        if (waiters_[index].wake) waiters_[index].wake();
    }
}

// --- room and failure
// --------------------------------------------------------------------------------

void Log::release(Position position) {
    const Position before = released_.load(std::memory_order_relaxed);
    if (position == before) return;
    segments_.release(before, position);
    released_.store(position, std::memory_order_release);
    released_.notify_all();
    room_end_.store(position + bytes_max_, std::memory_order_relaxed);
    // Whoever said full did so before he told that his bytes are there, and they are released after
    // that: this comes by again.
    if (tail() - position > bytes_max_ - bytes_max_ / 4) return;
    Admission expected = Admission::full;
    if (admission_.compare_exchange_strong(expected, Admission::open)) wake_all();
}

std::string Log::failure() const {
    const std::lock_guard hold(mutex_);
    return failure_;
}

void Log::fail(std::string why) {
    {
        const std::lock_guard hold(mutex_);
        failure_ = std::move(why);
    }
    if (admission_.exchange(Admission::failing) != Admission::failing) wake_all();
}

void Log::recover() {
    {
        const std::lock_guard hold(mutex_);
        failure_.clear();
    }
    const bool is_full = tail() - released() > bytes_max_;
    admission_.store(is_full ? Admission::full : Admission::open);
    wake_all();
}

}  // namespace gyre::log
