// SPDX-License-Identifier: BSD-3-Clause
#include "load/storm.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "load/clock.h"

namespace gyre::load {
namespace {

constexpr int64_t kPatienceNs = 30'000'000'000;
/// Rounds of 100 ms that shut-down connections get to complete what is in flight.
constexpr int kCloseRoundsMax = 100;
char kPing[] = "*1\r\n$4\r\nPING\r\n";  // not const: an iovec's are not

}  // namespace

Storm::Slot::Slot(Storm& owner)
    : send(&handle_send, owner, *this), receive(&handle_receive, owner, *this) {}

Storm::Storm(ring::Ring& ring, Target& target, const Options& options)
    : ring_(ring), target_(target), options_(options) {
    for (uint32_t i = 0; i < options.connections; ++i) {
        slots_.emplace_back(*this);
        free_.push_back(&slots_.back());
    }
    ring_.set_before_handlers(
        [](void* self) { static_cast<Storm*>(self)->now_ns_ = monotonic_ns(); }, this);
}

Storm::~Storm() {
    for (Slot& slot : slots_) {
        if (slot.descriptor < 0) continue;
        slot.is_done = true;
        ring_.shutdown(slot.descriptor);
    }
    for (int round = 0; free_.size() < slots_.size(); ++round) {
        CHECK(round < kCloseRoundsMax);
        ring_.wait(monotonic_ns() / 1000 + 100'000);
    }
    ring_.set_before_handlers(nullptr, nullptr);
}

Results Storm::run() {
    const int64_t begin_ns = monotonic_ns();
    const double cpu_before_seconds = process_cpu_seconds();
    now_ns_ = progress_ns_ = begin_ns;
    if (options_.seconds != 0) end_ns_ = begin_ns + static_cast<int64_t>(options_.seconds * 1e9);
    for (;;) {
        // A slot whose connection fails at once is free again: no more than one round of them.
        for (size_t left = free_.size(); left > 0 && may_start(); --left) {
            Slot& slot = *free_.back();
            free_.pop_back();
            start(slot);
        }
        if (free_.size() == slots_.size() && !may_start()) break;
        if (options_.is_spinning || free_.size() == slots_.size()) {
            if (ring_.poll() == 0) pause_processor();
        } else {
            ring_.wait((now_ns_ + kPatienceNs) / 1000);
        }
        now_ns_ = monotonic_ns();
        if (now_ns_ - progress_ns_ > kPatienceNs) break;
    }
    results_.unanswered = slots_.size() - free_.size();
    results_.seconds = static_cast<double>(monotonic_ns() - begin_ns) * 1e-9;
    results_.cpu_seconds = process_cpu_seconds() - cpu_before_seconds;
    return std::move(results_);
}

bool Storm::may_start() const noexcept {
    return started_ < options_.connect_storm && now_ns_ < end_ns_;
}

void Storm::start(Slot& slot) {
    ++started_;
    slot.started_ns = monotonic_ns();
    const Result<int> descriptor = target_.start_connecting();
    slot.reply = ReplyCounter();
    slot.is_done = false;
    if (!descriptor) {
        fail_slot(slot, descriptor.error().message);
        free_.push_back(&slot);
        return;
    }
    slot.descriptor = *descriptor;
    slot.request = {kPing, sizeof(kPing) - 1};
    ring_.send(slot.send, slot.descriptor, {&slot.request, 1}, ring::SendReport::with_next);
    ring_.receive(slot.receive, slot.descriptor, false);
}

void Storm::handle_send(ring::Op& op, const ring::Completion& completion) {
    auto& mine = static_cast<SlotOp&>(op);
    // One of so few bytes is sent whole or fails.
    if (completion.result <= 0 && !mine.slot.is_done) {
        mine.storm.fail_slot(mine.slot, std::strerror(-completion.result));
        mine.storm.ring_.shutdown(mine.slot.descriptor);
    }
    mine.storm.settle(mine.slot);
}

void Storm::handle_receive(ring::Op& op, const ring::Completion& completion) {
    auto& mine = static_cast<SlotOp&>(op);
    mine.storm.received(mine.slot, completion);
    mine.storm.settle(mine.slot);
}

void Storm::received(Slot& slot, const ring::Completion& completion) {
    const bool has_data = completion.result > 0;
    ReplyCounts counts;
    if (has_data) {
        counts = slot.reply.feed(ring_.buffer_data(completion.buffer),
                                 static_cast<size_t>(completion.result));
        ring_.give_back(completion.buffer);
    }
    if (slot.is_done) return;
    if (has_data && counts.replies == 0 && !slot.reply.is_broken())
        return ring_.receive(slot.receive, slot.descriptor, completion.more_data);
    if (completion.result == -ENOBUFS)  // they come back within this turn
        return ring_.receive(slot.receive, slot.descriptor, true);
    if (completion.result < 0) return fail_slot(slot, std::strerror(-completion.result));
    if (counts.replies == 0) return fail_slot(slot, "the server closed a connection");
    slot.is_done = true;
    progress_ns_ = now_ns_;
    ++results_.requests;
    results_.latency_ns.record(now_ns_ - slot.started_ns);
    results_.errors += counts.errors;
    if (counts.errors > 0 && results_.first_error.empty())
        results_.first_error = slot.reply.first_error();
}

void Storm::fail_slot(Slot& slot, std::string cause) {
    slot.is_done = true;
    ++results_.connections_lost;
    if (results_.first_error.empty()) results_.first_error = std::move(cause);
}

/// Closes a connection that is done once nothing of it is in flight, and frees its slot.
void Storm::settle(Slot& slot) {
    if (!slot.is_done || slot.send.in_flight || slot.receive.in_flight) return;
    ring_.close(slot.descriptor);
    slot.descriptor = -1;
    free_.push_back(&slot);
}

}  // namespace gyre::load
