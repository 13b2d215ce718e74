// SPDX-License-Identifier: BSD-3-Clause
#include "server/client_stream.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "commands/clients.h"
#include "commands/interactive.h"
#include "server/worker.h"

namespace gyre::server {
namespace {

/// One writer: no locked addition.
void count_one(std::atomic<uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

ClientStream::ClientStream(Worker& worker, int descriptor, bool is_unix)
    : Stream(worker.ring(), worker.chunks(), descriptor), worker_(worker) {
    session_.descriptor = descriptor;
    session_.home = &worker;
    session_.outlet = this;
    session_.subscriber.reactor = static_cast<uint32_t>(worker.index());
    session_.is_unix = is_unix;
    session_.created_ms = worker.ring().wall_ms();
    session_.last_active_ms.store(session_.created_ms, std::memory_order_relaxed);
    session_.is_authenticated.store(
        !worker.shared().settings.has_password.load(std::memory_order_relaxed),
        std::memory_order_relaxed);
}

ring::Task<void> ClientStream::wait_closed() {
    while (!is_closed_) {
        co_await batch_.wait();
        batch_.reset();
    }
}

void ClientStream::end() {
    has_ended_ = true;
    worker_.mark_finished(*this);
}

int64_t ClientStream::note_received(size_t bytes) {
    auto& received = worker_.figures().input_bytes;
    received.store(received.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    count_one(worker_.figures().receives);
    const int64_t now_ms = worker_.reactor().now_ms();
    const int64_t waited_ms = now_ms - session_.last_active_ms.load(std::memory_order_relaxed);
    session_.last_active_ms.store(now_ms, std::memory_order_relaxed);
    if (waited_ms > 0) worker_.reactor().note_active_peer();
    return waited_ms;
}

/// Authenticated, or nobody has to be: the password it did not know may be gone.
bool ClientStream::is_trusted() const {
    return session_.is_authenticated.load(std::memory_order_relaxed) ||
           !worker_.shared().settings.has_password.load(std::memory_order_relaxed);
}

bool ClientStream::is_paused(const commands::CommandSpec* spec) const {
    using Mode = commands::ClientRegistry::PauseMode;
    const Mode mode = worker_.shared().clients.pause_mode(worker_.reactor().now_ms());
    if (mode == Mode::none || spec == nullptr) [[likely]]
        return false;
    return mode == Mode::all || may_write(*spec);
}

/// In truth: what a transaction queues is not written yet.
bool ClientStream::may_write(const commands::CommandSpec& spec) const {
    return (commands::flags_of(spec, session_) &
            (commands::flag::write | commands::flag::may_replicate)) != 0;
}

/// By a pause, because the disk is behind with what was written, or because there are more messages
/// than the reactors have delivered so far: who goes on making more waits.
bool ClientStream::is_held_back(const commands::CommandSpec* spec) const {
    if (is_paused(spec)) [[unlikely]]
        return true;
    const Shared& shared = worker_.shared();
    const log::Log* log = worker_.log();
    const bool is_full = log != nullptr && log->admission() == log::Admission::full;
    if (!is_full && !shared.dataset.pubsub().is_congested()) [[likely]]
        return false;
    return spec != nullptr && may_write(*spec);
}

/// Output from `begin` on waits for the log. What a batch has written before waits along: one entry
/// for each is enough.
void ClientStream::hold_reply(uint64_t begin, log::Position position) {
    if (!gates_.empty() && gates_.back().position >= position) return;
    if (!gates_.empty() && gates_.back().begin >= batch_begin_) {
        gates_.back().position = position;
    } else {
        gates_.push_back({begin, position});
    }
    hold_gated_output();
    worker_.mark_gated(*this);
}

void ClientStream::hold_gated_output() {
    hold_output_behind(
        std::min(gates_.empty() ? UINT64_MAX : gates_.front().begin, unknown_begin_));
}

log::Position ClientStream::release_replies(log::Position durable) {
    size_t open = 0;
    while (open < gates_.size() && gates_[open].position <= durable) ++open;
    if (open > 0) {
        gates_.erase(gates_.begin(), gates_.begin() + static_cast<std::ptrdiff_t>(open));
        hold_gated_output();
        worker_.mark_dirty(*this);
    }
    return first_gate();
}

ring::Task<void> ClientStream::wait_for_pause(const commands::CommandSpec* spec) {
    while (!is_closing() && is_held_back(spec)) {
        session_.is_blocked.store(true, std::memory_order_relaxed);
        worker_.mark_paused(*this);
        co_await pause_.wait();
        pause_.reset();
    }
    session_.is_blocked.store(false, std::memory_order_relaxed);
}

void ClientStream::update_figures() {
    session_.output_bytes.store(sent_bytes(), std::memory_order_relaxed);
    session_.output_pending_bytes.store(output().footprint() + held_bytes(),
                                        std::memory_order_relaxed);
}

void ClientStream::on_sent(const ring::Completion& completion) {
    auto& sent = worker_.figures().output_bytes;
    const uint64_t bytes = sent_bytes() - session_.output_bytes.load(std::memory_order_relaxed);
    sent.store(sent.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    count_one(worker_.figures().sends);
    // Who reads is not idle. A send that left at once did so when the command was run, and is heard
    // of late when nothing else happens.
    if (!completion.left_at_once) {
        session_.last_active_ms.store(worker_.reactor().now_ms(), std::memory_order_relaxed);
    }
    update_figures();
}

void ClientStream::on_closed() {
    is_closed_ = true;
    batch_.set_later(worker_.reactor());
    leave_wait();
    look_at_pause();
}

void ClientStream::look_at_pause() {
    unlink();
    if (pause_.has_waiter()) pause_.set_later(worker_.reactor());
}

void ClientStream::check_output_limit(int64_t now_ms) {
    if (is_ended()) return;
    const ServerSettings& settings = worker_.shared().settings;
    // As in Redis, who monitors is a client like any other.
    const bool is_subscriber = session_.mode(commands::Session::kSubscribed);
    const net::OutputLimit limit =
        is_subscriber ? settings.output_pubsub.load() : settings.output_normal.load();
    const size_t held = held_bytes();
    // What comes without having been asked for is told of here; of what fits into the chunk that no
    // limit counts it would be told too late that it has left.
    const size_t waiting = output().footprint() + held;
    if (waiting > kFreeOutputBytes) {
        session_.output_pending_bytes.store(waiting, std::memory_order_relaxed);
    }
    if (is_over(limit, now_ms) || (limit.hard_bytes != 0 && held > limit.hard_bytes)) {
        close_for_output();
    }
}

void ClientStream::close_for_output() {
    base::log(base::Level::warning,
              "Client id={} addr={} closed for overcoming of output buffer limits.", session_.id,
              session_.peer_address);
    worker_.figures().output_limit_disconnections.fetch_add(1, std::memory_order_relaxed);
    close();
}

void ClientStream::check_limits(int64_t now_ms) {
    check_output_limit(now_ms);
    if (is_ended()) return;
    // Also of a client that sends nothing: others pay for its marks.
    if (session_.interactive &&
        session_.interactive->abort_if_late(now_ms, worker_.services().executor)) {
        session_.queued_bytes.store(0, std::memory_order_relaxed);
    }
    const ServerSettings& settings = worker_.shared().settings;
    const int64_t timeout_s = settings.timeout_seconds.load(std::memory_order_relaxed);
    // With a timeout, who leaves and does not read the last replies is not kept for ever either.
    // Without one he is, and so is one who reads slowly: a send that is under way tells of its
    // progress only at its end, so the two look alike.
    const int64_t idle_ms = now_ms - session_.last_active_ms.load(std::memory_order_relaxed);
    // As in Redis, nothing is expected of who listens.
    const bool waits = session_.mode(kListening) || session_.executing ||
                       session_.is_blocked.load(std::memory_order_relaxed);
    if (timeout_s > 0 && idle_ms > timeout_s * 1000 && !waits) {
        base::log(base::Level::verbose, "Closing idle client id={} addr={}", session_.id,
                  session_.peer_address);
        close();
    }
}

}  // namespace gyre::server
