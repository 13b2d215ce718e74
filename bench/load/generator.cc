// SPDX-License-Identifier: BSD-3-Clause
#include "load/generator.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "load/clock.h"

namespace gyre::load {
namespace {

/// How long a server may be silent while requests are under way.
constexpr int64_t kPatienceNs = 30'000'000'000;
/// Before a departure this long is spent awake: waking took a virtual machine 45 us, and would make
/// requests late by as much.
constexpr int64_t kWakingNs = 60'000;
/// Rounds of 100 ms that shut-down connections get to complete what is in flight.
constexpr int kCloseRoundsMax = 100;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

}  // namespace

// --- life ---------------------------------------------------------------------------------------

Generator::Connection::Connection(Generator& owner, int socket, size_t request_bytes_max)
    : descriptor(socket),
      times(owner.options_.pipeline),
      output(owner.options_.pipeline * request_bytes_max),
      replies(owner.options_.is_http, std::max<size_t>(owner.options_.script.commands, 1)),
      send(&handle_send, owner, *this),
      receive(&handle_receive, owner, *this) {}

Generator::Generator(ring::Ring& ring, const Options& options, std::span<const int> descriptors)
    : ring_(ring),
      options_(options),
      is_open_loop_(options.rate != 0),
      builder_(options),
      requests_left_(options.requests != 0 ? options.requests : UINT64_MAX) {
    for (const int descriptor : descriptors) {
        connections_.emplace_back(*this, descriptor, builder_.bytes_max());
        idle_.push_back(&connections_.back());
    }
    alive_ = connections_.size();
    ring_.set_before_handlers(
        [](void* self) { static_cast<Generator*>(self)->now_ns_ = monotonic_ns(); }, this);
}

Generator::~Generator() {
    close_all();
    ring_.set_before_handlers(nullptr, nullptr);
}

/// Nothing may be in flight when the slots of the operations go.
void Generator::close_all() {
    for (Connection& connection : connections_) {
        if (connection.descriptor < 0) continue;
        connection.is_lost = true;
        ring_.shutdown(connection.descriptor);
        settle(connection);
    }
    const auto is_open = [](const Connection& one) { return one.descriptor >= 0; };
    for (int round = 0; round < kCloseRoundsMax; ++round) {
        if (std::none_of(connections_.begin(), connections_.end(), is_open)) return;
        ring_.wait(monotonic_ns() / 1000 + 100'000);
    }
    CHECK(std::none_of(connections_.begin(), connections_.end(), is_open));
}

// --- the run ------------------------------------------------------------------------------------

Results Generator::run() {
    begin();
    while (!is_finished()) {
        issue();
        if (busy_ == 0 && !may_issue()) break;
        wait_for_events();
    }
    for (const Connection& connection : connections_) {
        if (!connection.is_lost) results_.unanswered += connection.unanswered();
    }
    const int64_t measured_ns = std::max<int64_t>(last_reply_ns_ - measured_from_ns_, 0);
    results_.seconds = static_cast<double>(measured_ns) * 1e-9;
    if (cpu_before_seconds_ >= 0)
        results_.cpu_seconds = process_cpu_seconds() - cpu_before_seconds_;
    return std::move(results_);
}

void Generator::begin() {
    now_ns_ = monotonic_ns();
    progress_ns_ = now_ns_;
    last_reply_ns_ = now_ns_;
    measured_from_ns_ = now_ns_ + static_cast<int64_t>(options_.warmup_seconds * 1e9);
    if (options_.seconds != 0)
        end_ns_ = measured_from_ns_ + static_cast<int64_t>(options_.seconds * 1e9);
    if (is_open_loop_) {
        pacer_.emplace(PacerOptions{.rate = options_.rate,
                                    .arrivals = options_.arrivals,
                                    .seed = options_.seed,
                                    .start_ns = now_ns_});
    }
}

/// When the next request is to leave; kNever when none is any more.
int64_t Generator::next_time() const noexcept {
    const int64_t time = is_open_loop_ ? pacer_->next_ns() : now_ns_;
    if (time >= end_ns_) return kNever;
    if (time >= measured_from_ns_ && requests_left_ == 0) return kNever;
    return time;
}

bool Generator::may_issue() const noexcept { return next_time() != kNever; }

bool Generator::is_finished() const noexcept {
    if (alive_ == 0) return true;
    return busy_ > 0 && now_ns_ - progress_ns_ > kPatienceNs;
}

/// Starts what can start. The next wait submits all of it at once.
void Generator::issue() {
    now_ns_ = monotonic_ns();
    if (cpu_before_seconds_ < 0 && now_ns_ >= measured_from_ns_)
        cpu_before_seconds_ = process_cpu_seconds();
    while (!idle_.empty()) {
        Connection& connection = *idle_.front();
        const size_t bytes = fill(connection);
        if (bytes == 0) return;
        idle_.pop_front();
        ++busy_;
        progress_ns_ = now_ns_;
        connection.unsent = {connection.output.data(), bytes};
        ring_.send(connection.send, connection.descriptor, {&connection.unsent, 1},
                   ring::SendReport::with_next);
        ring_.receive(connection.receive, connection.descriptor, false);
    }
}

/// Writes the requests that are due, a pipeline at most; returns their bytes.
size_t Generator::fill(Connection& connection) {
    char* const begin = connection.output.data();
    char* end = begin;
    uint32_t count = 0;
    while (count < options_.pipeline) {
        const int64_t time = next_time();
        if (time > now_ns_) break;
        const bool is_measured = time >= measured_from_ns_;
        if (count == 0) connection.is_measured = is_measured;
        if (is_measured != connection.is_measured) break;
        if (is_open_loop_) {
            pacer_->take();
            if (is_measured) results_.send_delay_ns.record(now_ns_ - time);
        }
        if (is_measured) --requests_left_;
        connection.times[count++] = time;
        end = builder_.write(end);
    }
    connection.batch = count;
    connection.answered = 0;
    return static_cast<size_t>(end - begin);
}

void Generator::wait_for_events() {
    const bool has_departure = is_open_loop_ && !idle_.empty() && may_issue();
    const int64_t departure_ns = has_departure ? next_time() : now_ns_ + kPatienceNs;
    if (options_.is_spinning || departure_ns - now_ns_ <= kWakingNs) {
        if (ring_.poll() == 0) pause_processor();
    } else {
        ring_.wait((departure_ns - kWakingNs) / 1000);
    }
}

// --- what comes back ----------------------------------------------------------------------------

void Generator::handle_send(ring::Op& op, const ring::Completion& completion) {
    auto& mine = static_cast<ConnectionOp&>(op);
    mine.generator.sent(mine.connection, completion.result);
}

void Generator::handle_receive(ring::Op& op, const ring::Completion& completion) {
    auto& mine = static_cast<ConnectionOp&>(op);
    mine.generator.received(mine.connection, completion);
}

void Generator::sent(Connection& connection, int32_t result) {
    if (connection.is_lost) return settle(connection);
    if (result <= 0) return lose(connection, std::strerror(-result));
    const auto bytes = static_cast<size_t>(result);
    connection.unsent.iov_base = static_cast<char*>(connection.unsent.iov_base) + bytes;
    connection.unsent.iov_len -= bytes;
    if (connection.unsent.iov_len > 0) {
        ring_.send(connection.send, connection.descriptor, {&connection.unsent, 1},
                   ring::SendReport::with_next);
    } else if (connection.unanswered() == 0) {
        end_batch(connection);
    }
}

void Generator::received(Connection& connection, const ring::Completion& completion) {
    if (connection.is_lost) {
        if (completion.buffer != ring::Completion::kNoBuffer) ring_.give_back(completion.buffer);
        return settle(connection);
    }
    if (completion.result > 0) return take_replies(connection, completion);
    if (completion.result == 0) return lose(connection, "the server closed a connection");
    // Buffers come back in the handlers of this very turn, before the next submission.
    if (completion.result == -ENOBUFS)
        return ring_.receive(connection.receive, connection.descriptor, true);
    lose(connection, std::strerror(-completion.result));
}

void Generator::take_replies(Connection& connection, const ring::Completion& completion) {
    const ReplyCounts counts = connection.replies.feed(ring_.buffer_data(completion.buffer),
                                                       static_cast<size_t>(completion.result));
    ring_.give_back(completion.buffer);
    progress_ns_ = now_ns_;
    const bool is_understood =
        !connection.replies.is_broken() && counts.replies <= connection.unanswered();
    if (!is_understood) return lose(connection, "the server sent what is no reply");
    if (connection.is_measured) record(connection, counts);
    connection.answered += counts.replies;
    if (connection.unanswered() > 0)
        return ring_.receive(connection.receive, connection.descriptor, completion.more_data);
    // A reply may be handled before the send of its request, which is then ended in sent().
    if (!connection.send.in_flight) end_batch(connection);
}

void Generator::record(Connection& connection, const ReplyCounts& counts) {
    for (uint32_t i = 0; i < counts.replies; ++i)
        results_.latency_ns.record(now_ns_ - connection.times[connection.answered + i]);
    results_.requests += counts.replies;
    results_.errors += counts.errors;
    results_.nils += counts.nils;
    results_.hits += counts.bulks;
    if (counts.errors > 0 && results_.first_error.empty())
        results_.first_error = connection.replies.first_error();
    last_reply_ns_ = now_ns_;
}

void Generator::end_batch(Connection& connection) {
    --busy_;
    idle_.push_back(&connection);
}

void Generator::lose(Connection& connection, std::string cause) {
    CHECK(!connection.is_lost);
    connection.is_lost = true;
    --busy_;
    --alive_;
    ++results_.connections_lost;
    results_.unanswered += connection.unanswered();
    if (results_.first_error.empty()) results_.first_error = std::move(cause);
    ring_.shutdown(connection.descriptor);
    settle(connection);
}

/// Closes a lost connection once nothing of it is in flight.
void Generator::settle(Connection& connection) {
    if (connection.send.in_flight || connection.receive.in_flight) return;
    ring_.close(connection.descriptor);
    connection.descriptor = -1;
}

}  // namespace gyre::load
