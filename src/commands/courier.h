// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Hands the messages in a reactor's inbox to its subscribers, in slices: a message to many would
// else hold up the others, and fill a chunk of output for each before any of them is sent. The
// frame of a message is written once and copied to each; a large payload is shared.
//
// Ownership: borrows the inbox; one for each reactor. Threads: home reactor. Suspends: never.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/output_buffer.h"
#include "engine/pubsub.h"

namespace gyre::commands {

/// Where frames go that are no replies.
class PushOutlet {
public:
    virtual ~PushOutlet() = default;
    /// Where whole frames may be appended just now; null: the client is leaving.
    virtual base::OutputBuffer* push_buffer() = 0;
};

class Courier {
public:
    /// Deliveries in one slice.
    static constexpr size_t kPerSlice = 512;
    /// Deliveries for which a subscriber's command waits.
    static constexpr size_t kCatchUpMax = 16 * 1024;

    explicit Courier(engine::Inbox& inbox) : inbox_(inbox) {}
    /// True when the inbox is not empty after that.
    bool run(size_t budget = kPerSlice);
    /// Around each command of a subscriber, so that it has every message published before when it
    /// gets the reply, and what it publishes to itself right behind it. Who publishes far more than
    /// can be delivered is not waited for.
    void catch_up() { run(kCatchUpMax); }

private:
    void write_frame(const engine::Delivery& delivery);
    void append(std::string_view bytes);

    engine::Inbox& inbox_;
    const engine::TopicPart* part_ = nullptr;  // of which message frame_ is
    uint64_t number_ = 0;
    std::string frame_;
};

}  // namespace gyre::commands
