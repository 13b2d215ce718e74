// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Opens and closes connections as fast as a server takes them, a PING on each: what accepting
// costs. Several are under way at once, each in a slot that begins the next when its own has
// closed. Latency runs from before connect() to the PONG.
//
// Ownership: borrows ring and target; destroyed before the ring. Threads: the ring's.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "load/options.h"
#include "load/reply_counter.h"
#include "load/results.h"
#include "load/target.h"
#include "ring/ring.h"

namespace gyre::load {

class Storm {
public:
    Storm(ring::Ring& ring, Target& target, const Options& options);
    ~Storm();
    Storm(const Storm&) = delete;
    Storm& operator=(const Storm&) = delete;

    /// Until all connections have been made, the time is over, or the server has been silent for 30
    /// seconds. Once.
    Results run();

private:
    struct Slot;
    struct SlotOp : ring::Op {
        SlotOp(Handler on_done, Storm& owner, Slot& mine) noexcept
            : Op(on_done), storm(owner), slot(mine) {}
        Storm& storm;
        Slot& slot;
    };
    struct Slot {
        explicit Slot(Storm& owner);
        int descriptor = -1;
        bool is_done = false;  // answered or failed: to be closed
        int64_t started_ns = 0;
        iovec request{};
        ReplyCounter reply;
        SlotOp send;
        SlotOp receive;
    };

    bool may_start() const noexcept;
    void start(Slot& slot);
    static void handle_send(ring::Op& op, const ring::Completion& completion);
    static void handle_receive(ring::Op& op, const ring::Completion& completion);
    void received(Slot& slot, const ring::Completion& completion);
    void fail_slot(Slot& slot, std::string cause);
    void settle(Slot& slot);

    // fixed after construction
    ring::Ring& ring_;
    Target& target_;
    const Options options_;

    std::deque<Slot> slots_;
    std::vector<Slot*> free_;
    uint64_t started_ = 0;
    int64_t now_ns_ = 0;
    int64_t end_ns_ = INT64_MAX;
    int64_t progress_ns_ = 0;
    Results results_;
};

}  // namespace gyre::load
