// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Hands the messages in a reactor's inbox to its subscribers, in slices: a message to many would
// else hold up the others, and fill a chunk of output for each before any of them is sent. The
// frame of a message is written once and copied to each; a large payload is shared.
//
// Nearly all that a message costs is the system's sending, once for each subscriber however much
// there is for it. So after a round of sends the next messages wait: about as long as the round's
// sends took, and no longer than pubsub-gather-usec, so that a reactor whose publishers do not let
// up sends half of the time and finds several messages for each subscriber when it does. A message
// that comes later than that after the one before is on its way at once.
//
// Ownership: borrows the inbox; one for each reactor. Threads: home reactor. Suspends: never.
// Time: given, monotonic microseconds.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/output_buffer.h"
#include "engine/pubsub.h"

namespace gyre::commands {

struct Session;

/// Where frames go that are no replies.
class PushOutlet {
public:
    virtual ~PushOutlet() = default;
    /// Where whole frames may be appended just now, behind the reply that is being written if there
    /// is one; null: the client is leaving.
    virtual base::OutputBuffer* push_buffer() = 0;
    /// The same for what a command has changed: behind its reply too, where another client's has
    /// just served it and the reply is not written yet.
    virtual base::OutputBuffer* invalidation_buffer() { return push_buffer(); }
};

class Courier {
public:
    /// Deliveries in one slice, and clients that something is to be sent to because of it.
    static constexpr size_t kPerSlice = 4096;
    static constexpr size_t kSendsPerSlice = 512;
    /// Deliveries for which a subscriber's command waits.
    static constexpr size_t kCatchUpMax = 16 * 1024;
    /// What one send takes, about, with what the kernel does for the receiver (measured on
    /// loopback).
    static constexpr int64_t kSendUs = 4;

    explicit Courier(engine::Inbox& inbox) : inbox_(inbox) {}
    /// True when the inbox is not empty after that.
    bool run(size_t budget = kPerSlice, size_t sends_max = kSendsPerSlice);
    /// A round, unless it is too early for one; the next may be `pause_us` behind its sends, or
    /// earlier when these are few. 0: none waits.
    void run_round(int64_t now_us, int64_t pause_us);
    /// When the next round may be, if there is something to deliver; INT64_MAX: there is nothing.
    int64_t next_round_us() const { return inbox_.empty() ? INT64_MAX : next_round_us_; }
    /// Around each command of a subscriber, so that it has every message published before when it
    /// gets the reply, and what it publishes to itself right behind it. Who publishes far more than
    /// can be delivered is not waited for.
    void catch_up() { run(kCatchUpMax, kCatchUpMax); }
    /// Hands over what waits for one subscriber, before it gives up subscriptions in the midst of a
    /// transaction: its push_buffer() must be one that goes behind the reply.
    void hand_over(Session& session);

private:
    void give(const engine::Delivery& delivery, Session& session);
    void write_frame(const engine::Delivery& delivery);
    void append(std::string_view bytes);

    engine::Inbox& inbox_;
    int64_t next_round_us_ = 0;
    size_t sends_ = 0;                         // of the present slice
    const engine::TopicPart* part_ = nullptr;  // of which message frame_ is
    uint64_t number_ = 0;
    std::string frame_;
};

}  // namespace gyre::commands
