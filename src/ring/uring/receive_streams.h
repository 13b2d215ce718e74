// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the ring remembers of multishot receives. The kernel is asked once for each socket and from
// then on pushes a buffer whenever data comes; users of the ring ask for one completion at a time
// all the same. What comes unasked is held here. From kHeldMax buffers on the ring ends the request
// until somebody asks again, so that one sender does not drain the buffers of all: that is what
// pushes back on it.
//
// A socket has a stream from its first receive to its close. The kernel's request may outlive the
// descriptor: it is named by the stream's number, which is not given away again before the
// request's last completion has come.
//
// Ownership: the buffers that held completions name are neither the kernel's nor lent to anybody
// (BufferRing::take() comes when they are handed on).
// Threads: the ring's. Complexity: O(1) for each call; an idle stream is a slot without memory of
// its own.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/check.h"
#include "ring/ring.h"

namespace gyre::ring {

/// A completion nobody has looked at.
struct Arrival {
    int32_t result = 0;
    uint32_t flags = 0;
};

struct ReceiveStream {
    Op* waiting = nullptr;   // somebody asked, and nothing has come yet
    int descriptor = -1;     // -1: closed
    bool is_armed = false;   // the kernel has the request
    bool is_ending = false;  // and was told to end it
    std::vector<Arrival> held;
};

class ReceiveStreams {
public:
    /// Buffers held for one socket before its request is ended: 128 KiB, what a pipeline sends
    /// ahead.
    static constexpr size_t kHeldMax = 8;
    static constexpr uint32_t kNone = UINT32_MAX;

    /// The stream of an open descriptor, begun if there is none.
    uint32_t open(int descriptor) {
        uint32_t index = find(descriptor);
        if (index != kNone) return index;
        const auto place = static_cast<size_t>(descriptor);
        if (place >= by_descriptor_.size()) by_descriptor_.resize(place + 1, kNone);
        if (free_.empty()) {
            free_.push_back(static_cast<uint32_t>(streams_.size()));
            streams_.emplace_back();
        }
        index = free_.back();
        free_.pop_back();
        by_descriptor_[place] = index;
        streams_[index].descriptor = descriptor;
        return index;
    }
    /// The same, or kNone.
    uint32_t find(int descriptor) const noexcept {
        const auto place = static_cast<size_t>(descriptor);
        return place < by_descriptor_.size() ? by_descriptor_[place] : kNone;
    }
    ReceiveStream& at(uint32_t index) { return streams_[index]; }

    void arm(uint32_t index) {
        ReceiveStream& stream = streams_[index];
        CHECK(!stream.is_armed);
        stream.is_armed = true;
        stream.is_ending = false;
        ++armed_;
    }
    /// The request's last completion has come.
    void disarm(uint32_t index) {
        streams_[index].is_armed = false;
        --armed_;
        release_if_over(index);
    }
    /// The descriptor is about to be closed; nothing is held any more and nobody waits.
    void detach(uint32_t index) {
        ReceiveStream& stream = streams_[index];
        CHECK(stream.waiting == nullptr);
        CHECK(stream.held.empty());
        by_descriptor_[static_cast<size_t>(stream.descriptor)] = kNone;
        stream.descriptor = -1;
        release_if_over(index);
    }
    static Arrival take(ReceiveStream& stream) {
        const Arrival first = stream.held.front();
        stream.held.erase(stream.held.begin());
        if (stream.held.empty()) std::vector<Arrival>().swap(stream.held);
        return first;
    }
    template <typename Visit>
    void for_each(Visit visit) {
        for (ReceiveStream& stream : streams_) visit(stream);
    }
    /// Requests the kernel has.
    size_t armed() const noexcept { return armed_; }

private:
    void release_if_over(uint32_t index) {
        ReceiveStream& stream = streams_[index];
        if (stream.descriptor >= 0 || stream.is_armed) return;
        stream = {};
        free_.push_back(index);
    }

    std::deque<ReceiveStream> streams_;
    std::vector<uint32_t> free_;
    std::vector<uint32_t> by_descriptor_;
    size_t armed_ = 0;
};

}  // namespace gyre::ring
