// SPDX-License-Identifier: BSD-3-Clause
#include "server/connection.h"

#include <cstdint>
#include <memory>
#include <optional>

#include "commands/blocking.h"
#include "server/worker.h"

// A connection whose command waits for keys, or for the log (commands/blocking.h).

namespace gyre::server {

void Connection::Waiting::on_due(ring::Timer& timer) {
    Connection& connection = static_cast<Waiting&>(timer).connection;
    connection.session_.waiter.end(store::Waiter::State::timed_out);
    connection.look_at_wait();
}

void Connection::look_at_wait() {
    if (waiting_ && session_.waiter.is_over()) waiting_->event.set_later(worker_.reactor());
}

void Connection::end_log_wait() {
    if (session_.waiter.claim()) session_.waiter.serve();
    look_at_wait();
}

void Connection::leave_wait() {
    session_.waiter.end(store::Waiter::State::left);
    look_at_wait();
}

void Connection::arm_timeout() {
    const int64_t timeout_ms = session_.blocked->timeout_ms();
    // Further away than the clock counts: never.
    if (timeout_ms == 0 || timeout_ms > (INT64_MAX - worker_.reactor().now_us()) / 1000) return;
    worker_.reactor().arm(*waiting_, worker_.reactor().now_us() + timeout_ms * 1000);
}

/// Until the client is served, its time is over, or it goes. What it sends meanwhile is received,
/// since that is how its going shows.
ring::Task<void> Connection::wait_until_over() {
    waiting_ = std::make_unique<Waiting>(*this);
    const std::optional<log::Position> awaited = session_.blocked->log_position();
    if (awaited) worker_.await_log(*this, *awaited);
    if (is_closing()) leave_wait();
    arm_timeout();
    receive_more();
    while (!session_.waiter.is_over()) {
        co_await waiting_->event.wait();
        waiting_->event.reset();
    }
    if (awaited) worker_.forget_log_wait(*this, *awaited);
    waiting_.reset();
    end_wait();
}

/// The reply, unless the client is going or has asked for none.
void Connection::end_wait() {
    const commands::ReplyMode mode_before = session_.reply_mode;
    base::OutputBuffer aside(worker_.chunks());
    const bool is_kept = mode_before == commands::ReplyMode::on && !is_closing();
    // Messages published before what ended the wait come before its reply.
    if (session_.mode(kTold)) [[unlikely]]
        worker_.courier().catch_up();
    resp::ReplyWriter reply(is_kept ? output() : aside, protocol_of(session_));
    const int64_t now_ms = worker_.reactor().now_ms();
    batch_begin_ = output_end();
    worker_.dispatcher().end_wait(session_, reply, now_ms);
    session_.last_active_ms.store(now_ms, std::memory_order_relaxed);
    if (is_closing()) return;
    if (worker_.dispatcher().gate() != 0) hold_reply(batch_begin_, worker_.dispatcher().gate());
    const commands::Request alone;
    if (keeps_reply(mode_before, alone)) output().splice(aside);
    if (held_pushes_) release_pushes();
    worker_.mark_dirty(*this);
}

}  // namespace gyre::server
