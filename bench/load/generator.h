// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Sends requests over many connections from one thread and one ring, and measures the replies. Each
// connection sends a batch of requests in one send and waits for all its replies before the next.
//
// Closed loop: each connection sends its next batch, a full pipeline, as soon as it can. Open loop:
// a Pacer says when requests leave; those that are due go to the connection that has been idle
// longest, and wait, their latency running, when none is.
//
// It has to need less of a processor than the server it measures. All that became possible in one
// turn enters the kernel in one system call, which also brings the next completions, and sends
// report nothing when they succeed. Waiting for several completions on purpose was tried and
// brought nothing: while the sends of one system call are executed, the next replies arrive, 6 to
// 27 of them with 50 connections. At pipeline 1 the kernel has 98 % of its processor time, most of
// that in TCP.
//
// Latency begins when a request was to leave (closed loop: when its turn began to build requests)
// and ends when the system call that brought the reply returned: in a closed loop that counts some
// waiting for other connections of this program as well, never too little.
//
// Ownership: borrows the ring; owns the connections, closed when it is destroyed, which must be
// before the ring is. Threads: the ring's. Suspends: never.

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "load/options.h"
#include "load/pacer.h"
#include "load/reply_counter.h"
#include "load/request_builder.h"
#include "load/results.h"
#include "ring/ring.h"

namespace gyre::load {

class Generator {
public:
    /// Takes over connected sockets.
    Generator(ring::Ring& ring, const Options& options, std::span<const int> descriptors);
    ~Generator();
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;

    /// One run, until requests or time are used up and all replies are there, all connections are
    /// lost, or the server has been silent for 30 seconds. Once.
    Results run();

private:
    struct Connection;
    struct ConnectionOp : ring::Op {
        ConnectionOp(Handler on_done, Generator& owner, Connection& mine) noexcept
            : Op(on_done), generator(owner), connection(mine) {}
        Generator& generator;
        Connection& connection;
    };
    struct Connection {
        Connection(Generator& owner, int socket, size_t request_bytes_max);
        uint32_t unanswered() const noexcept { return batch - answered; }

        int descriptor;  // -1: closed
        bool is_lost = false;
        bool is_measured = false;    // what the batch brings is recorded
        uint32_t batch = 0;          // requests under way or answered since the last batch began
        uint32_t answered = 0;       // of these
        std::vector<int64_t> times;  // when each of the batch was to leave
        std::vector<char> output;
        iovec unsent{};
        ReplyCounter replies;
        ConnectionOp send;
        ConnectionOp receive;
    };

    void begin();
    void issue();
    size_t fill(Connection& connection);
    int64_t next_time() const noexcept;
    bool may_issue() const noexcept;
    bool is_finished() const noexcept;
    void wait_for_events();

    static void handle_send(ring::Op& op, const ring::Completion& completion);
    static void handle_receive(ring::Op& op, const ring::Completion& completion);
    void sent(Connection& connection, int32_t result);
    void received(Connection& connection, const ring::Completion& completion);
    void take_replies(Connection& connection, const ring::Completion& completion);
    void record(Connection& connection, const ReplyCounts& counts);
    void end_batch(Connection& connection);
    void lose(Connection& connection, std::string cause);
    void settle(Connection& connection);
    void close_all();

    // fixed after construction
    ring::Ring& ring_;
    const Options options_;
    const bool is_open_loop_;

    RequestBuilder builder_;
    std::deque<Connection> connections_;
    std::deque<Connection*> idle_;  // nothing under way; the one longest so in front
    std::optional<Pacer> pacer_;    // of an open loop
    size_t busy_ = 0;               // connections with a batch under way
    size_t alive_ = 0;              // connections not lost
    uint64_t requests_left_;        // to be recorded
    int64_t now_ns_ = 0;            // as of this turn
    int64_t measured_from_ns_ = 0;  // end of the warm-up
    int64_t end_ns_ = INT64_MAX;    // requests that were to leave from then on do not
    int64_t progress_ns_ = 0;       // when something last left or came
    int64_t last_reply_ns_ = 0;
    double cpu_before_seconds_ = -1;  // at the end of the warm-up; -1: not there yet
    Results results_;
};

}  // namespace gyre::load
