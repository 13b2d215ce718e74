// SPDX-License-Identifier: BSD-3-Clause
#include "ring/reactor.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/check.h"
#include "base/ticks.h"

namespace gyre::ring {
namespace {

/// The thread's CPU clock is read at most this often, but for turns longer than all before.
constexpr uint64_t kCpuReadingNs = 200'000;
/// Polls between two looks at the clock while spinning.
constexpr int kSpinBatch = 32;

int64_t thread_cpu_us() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000;
}

void pause_processor() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Counters have one writer, so adding needs no locked instruction.
void add(std::atomic<uint64_t>& counter, uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

Timer::~Timer() {
    if (is_armed()) reactor_->disarm(*this);
}

Reactor::Reactor(Ring& ring, Client& client, ReactorOptions options)
    : ring_(ring), client_(client), options_(options), gather_policy_(options.gather_us) {
    now_us_ = ring_.monotonic_us();
    now_ms_ = ring_.wall_ms();
    ring_.set_before_handlers([](void* self) { static_cast<Reactor*>(self)->begin_work(); }, this);
}

Reactor::~Reactor() {
    ring_.set_before_handlers(nullptr, nullptr);
    ready_.clear();
    tasks_.clear();
    while (!timers_.empty()) disarm(*timers_.back());
}

// --- the turn -----------------------------------------------------------------------------------

bool Reactor::turn(bool may_wait) {
    is_clock_sampled_ = false;
    has_begun_ = false;
    const size_t completions = reap(may_wait);
    if (!is_clock_sampled_) sample_clock();
    const bool is_client_due = client_wants_us_ >= 0 && now_us_ >= client_wants_us_;
    if (is_client_due || has_work_without_completions()) begin_work();
    bool worked = completions > 0;
    worked |= run_mailbox();
    worked |= run_timers();
    client_.on_ready();
    worked |= run_ready();
    client_wants_us_ = client_.before_wait();
    end_turn(worked || is_client_due);
    return worked;
}

void Reactor::run() {
    while (!is_stopping()) turn(true);
}

/// The wake is remembered by the ring, so a turn that begins to wait just now ends at once. Turns
/// after that one wait as ever: whoever drives them on has a reason.
void Reactor::stop() noexcept {
    is_stopping_.store(true);
    ring_.wake();
}

bool Reactor::is_stopping() const noexcept { return is_stopping_.load(std::memory_order_relaxed); }

int64_t Reactor::next_deadline_us() const noexcept {
    if (!ready_.empty() || has_mail_.load()) return 0;
    if (timers_.empty()) return client_wants_us_;
    const int64_t timer_us = timers_.front()->deadline_us_;
    return client_wants_us_ >= 0 && client_wants_us_ < timer_us ? client_wants_us_ : timer_us;
}

size_t Reactor::reap(bool may_wait) {
    const int64_t deadline_us = next_deadline_us();
    if (!may_wait || deadline_us == 0) return ring_.poll();
    if (options_.spin_us > 0) {
        const size_t completions = spin(deadline_us);
        if (completions > 0) return completions;
    }
    // Either the sender's mail is seen here, or the sender sees the flag and wakes: both sides
    // write first and read afterwards, in the one order of sequentially consistent operations.
    is_parked_.store(true);
    const bool may_sleep = !has_mail_.load();
    const size_t completions = may_sleep ? ring_.wait(deadline_us) : ring_.poll();
    is_parked_.store(false, std::memory_order_relaxed);
    return completions;
}

size_t Reactor::spin(int64_t deadline_us) {
    int64_t end_us = ring_.monotonic_us() + options_.spin_us;
    if (deadline_us >= 0 && deadline_us < end_us) end_us = deadline_us;
    do {
        for (int i = 0; i < kSpinBatch; ++i) {
            const size_t completions = ring_.poll();
            if (completions > 0) return completions;
            if (has_mail_.load(std::memory_order_relaxed)) return 0;
            pause_processor();
        }
    } while (ring_.monotonic_us() < end_us);
    return 0;
}

void Reactor::sample_clock() {
    now_us_ = ring_.monotonic_us();
    now_ms_ = ring_.wall_ms();
    is_clock_sampled_ = true;
}

bool Reactor::has_work_without_completions() const noexcept {
    if (!ready_.empty() || has_mail_.load(std::memory_order_relaxed)) return true;
    return !timers_.empty() && timers_.front()->deadline_us_ <= now_us_;
}

/// From here on the turn has something to do: called before the first handler, or before the rest
/// when no handler ran. Takes the time and, now and then, the start of a CPU measure. The thread's
/// CPU clock is a system call (350 ns in the virtual machine this was written on, where the other
/// clocks take 20), too much for each turn of some microseconds: a turn's CPU time is at most what
/// passed of real time, and at most what the thread has used since the clock was last read.
void Reactor::begin_work() {
    is_parked_.store(false, std::memory_order_relaxed);
    if (!is_clock_sampled_) sample_clock();
    has_begun_ = true;
    began_ticks_ = base::ticks();
    if (base::ticks_to_ns(began_ticks_ - cpu_read_ticks_) < kCpuReadingNs) return;
    cpu_us_ = thread_cpu_us();
    cpu_read_ticks_ = began_ticks_;
    if (gather_policy_.review(now_us_, cpu_us_)) ring_.gather(gather_policy_.gathering());
}

/// Only a turn that took longer than any before by the real clock asks the CPU clock whether it
/// worked or was kept waiting for its processor.
void Reactor::end_turn(bool worked) {
    add(turns_, 1);
    if (!worked || !has_begun_) return;
    const auto passed_us =
        static_cast<int64_t>(base::ticks_to_ns(base::ticks() - began_ticks_) / 1000);
    const auto longest_us =
        static_cast<int64_t>(longest_turn_cpu_us_.load(std::memory_order_relaxed));
    if (passed_us <= longest_us) return;
    const int64_t took_us = std::min(passed_us, thread_cpu_us() - cpu_us_);
    if (took_us <= longest_us) return;
    longest_turn_cpu_us_.store(static_cast<uint64_t>(took_us), std::memory_order_relaxed);
}

TurnStatistics Reactor::statistics() const noexcept {
    TurnStatistics copy;
    copy.turns = turns_.load(std::memory_order_relaxed);
    copy.messages = messages_.load(std::memory_order_relaxed);
    copy.longest_turn_cpu_us = longest_turn_cpu_us_.load(std::memory_order_relaxed);
    return copy;
}

// --- messages and coroutines --------------------------------------------------------------------

void Reactor::post(std::function<void()> work) {
    {
        const std::lock_guard lock(mailbox_mutex_);
        mailbox_.push_back(std::move(work));
        has_mail_.store(true);
    }
    // The load keeps senders to a busy reactor from fighting for the cache line.
    if (is_parked_.load() && is_parked_.exchange(false)) ring_.wake();
}

bool Reactor::run_mailbox() {
    if (!has_mail_.load()) return false;
    {
        const std::lock_guard lock(mailbox_mutex_);
        delivered_.swap(mailbox_);
        has_mail_.store(false);
    }
    for (const std::function<void()>& work : delivered_) work();
    add(messages_, delivered_.size());
    delivered_.clear();
    return true;
}

void Reactor::resume_later(std::coroutine_handle<> handle) { ready_.push_back(handle); }

bool Reactor::run_ready() {
    if (ready_.empty()) return false;
    resuming_.swap(ready_);
    for (const std::coroutine_handle<> handle : resuming_) resume(handle);
    resuming_.clear();
    return true;
}

void Reactor::spawn(Task<void> task) { tasks_.start(std::move(task)); }

size_t Reactor::tasks() const noexcept { return tasks_.size(); }

// --- timers -------------------------------------------------------------------------------------

bool Reactor::run_timers() {
    const uint64_t armed_before =
        timer_sequence_;  // one that arms itself as due waits for the next turn
    bool worked = false;
    while (!timers_.empty()) {
        Timer& timer = *timers_.front();
        if (timer.deadline_us_ > now_us_ || timer.sequence_ >= armed_before) break;
        disarm(timer);
        timer.handler_(timer);
        worked = true;
    }
    return worked;
}

void Reactor::arm(Timer& timer, int64_t deadline_us) {
    CHECK(timer.reactor_ == nullptr || timer.reactor_ == this);
    if (timer.is_armed()) disarm(timer);
    timer.reactor_ = this;
    timer.deadline_us_ = deadline_us;
    timer.sequence_ = timer_sequence_++;
    timers_.push_back(nullptr);
    place(timer, timers_.size() - 1);
    sift_up(timers_.size() - 1);
}

void Reactor::disarm(Timer& timer) noexcept {
    if (!timer.is_armed()) return;
    const size_t index = static_cast<size_t>(timer.index_);
    Timer& last = *timers_.back();
    timers_.pop_back();
    timer.index_ = -1;
    timer.reactor_ = nullptr;
    if (&last == &timer) return;
    place(last, index);
    sift_up(index);
    sift_down(static_cast<size_t>(last.index_));
}

bool Reactor::is_before(const Timer& left, const Timer& right) noexcept {
    if (left.deadline_us_ != right.deadline_us_) return left.deadline_us_ < right.deadline_us_;
    return left.sequence_ < right.sequence_;
}

void Reactor::place(Timer& timer, size_t index) noexcept {
    timers_[index] = &timer;
    timer.index_ = static_cast<int32_t>(index);
}

void Reactor::sift_up(size_t index) noexcept {
    while (index > 0) {
        const size_t parent = (index - 1) / 2;
        if (!is_before(*timers_[index], *timers_[parent])) return;
        Timer& moved = *timers_[index];
        place(*timers_[parent], index);
        place(moved, parent);
        index = parent;
    }
}

void Reactor::sift_down(size_t index) noexcept {
    for (;;) {
        size_t least = index;
        for (size_t child = 2 * index + 1; child <= 2 * index + 2 && child < timers_.size();
             ++child) {
            if (is_before(*timers_[child], *timers_[least])) least = child;
        }
        if (least == index) return;
        Timer& moved = *timers_[index];
        place(*timers_[least], index);
        place(moved, least);
        index = least;
    }
}

}  // namespace gyre::ring
