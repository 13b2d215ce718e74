// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A connected socket: one receive and one send at most in flight, an output queue behind the send,
// and an orderly end. What the bytes mean is the business of the class that derives from it.
//
// Replies that are appended while a send is in flight leave together in the next one. Nothing waits
// for a slow reader: its output queues up to a limit, at which the stream is closed.
//
// Ownership: owns the descriptor, its operations and its output. After close() the object must stay
// until on_closed(), the last call it gets: only then is nothing of it in flight.
// Threads: home reactor. Suspends: never.

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/output_buffer.h"
#include "ring/ring.h"

namespace gyre::net {

/// client-output-buffer-limit of one class. 0: no limit.
struct OutputLimit {
    uint64_t hard_bytes = 0;
    uint64_t soft_bytes = 0;
    int64_t soft_seconds = 0;
};

class Stream {
public:
    /// Vectors and bytes of one send: enough for a pipeline's replies, little enough that one
    /// client's huge output does not keep the others waiting.
    static constexpr size_t kSendVectorsMax = 8;
    static constexpr size_t kSendBytesMax = 1024 * 1024;
    /// Output that no limit counts, as Redis counts nothing of the buffer that each client has: the
    /// first chunk.
    static constexpr size_t kFreeOutputBytes = base::ChunkPool::kChunkBytes;

    Stream(ring::Ring& ring, base::ChunkPool& chunks, int descriptor);
    virtual ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    int descriptor() const noexcept { return descriptor_; }
    base::OutputBuffer& output() noexcept { return output_; }
    uint64_t sent_bytes() const noexcept { return sent_bytes_; }

    /// Starts a receive into a provided buffer, unless one is in flight or the stream is closing.
    void receive();
    /// Starts a receive of exactly `into.size()` bytes into the caller's memory.
    void receive_into(std::span<char> into);
    bool is_receiving() const noexcept { return receive_.in_flight; }
    /// Starts a send of what is queued and may leave, unless one is in flight.
    void flush();
    /// Bytes of output so far, sent or queued.
    uint64_t output_end() const noexcept { return sent_bytes_ + output_.size(); }
    /// What lies behind this many bytes of output stays until this is called again.
    void hold_output_behind(uint64_t end) noexcept { sendable_end_ = end; }
    bool is_sending() const noexcept { return send_.in_flight; }

    /// Sends what is queued, then closes. Nothing more is received.
    void close_after_output();
    /// The same for a peer that may be sending still: closed at once it would be reset, and might
    /// lose what it was told last. So the peer is shown the end of the stream, and up to
    /// `bytes_max` of what it sends are received and thrown away until it ends, too. Who calls this
    /// sees to the time that it may take (is_parting()).
    void part_after_output(size_t bytes_max);
    /// All is sent, the peer has been shown the end, and its own is waited for.
    bool is_parting() const noexcept { return state_ == State::parting; }
    /// Ends both directions now; on_closed() follows when nothing is in flight any more.
    void close();
    bool is_closing() const noexcept { return state_ != State::open; }
    /// True once close() was called or the stream ended by itself: nothing more will be sent.
    bool is_ended() const noexcept { return state_ == State::closing || state_ == State::closed; }
    /// True when the output is over the limit: at once for the hard one, after its time for the
    /// soft one.
    bool is_over(const OutputLimit& limit, int64_t now_ms);

protected:
    /// A receive into a provided buffer or (into_memory) the caller's memory ended. The buffer, if
    /// any, must go back with Ring::give_back(). Not called once the stream is closed.
    virtual void on_received(const ring::Completion& completion, bool into_memory) = 0;
    /// Some output left.
    virtual void on_sent(const ring::Completion& completion) = 0;
    /// Closed, nothing in flight, descriptor gone. May destroy the object.
    virtual void on_closed() = 0;
    /// close() was called, by whomever; what is in flight has not ended.
    virtual void on_closing() {}

    ring::Ring& ring() noexcept { return ring_; }

private:
    enum class State : uint8_t { open, draining, parting, closing, closed };
    struct StreamOp : ring::Op {
        StreamOp(Handler on_done, Stream& owner) noexcept : Op(on_done), stream(owner) {}
        Stream& stream;
    };
    static void handle_receive(ring::Op& op, const ring::Completion& completion);
    static void handle_send(ring::Op& op, const ring::Completion& completion);
    void receive_done(const ring::Completion& completion);
    void send_done(const ring::Completion& completion);
    void finish_if_idle();
    void receive_to_discard();
    void discard(const ring::Completion& completion);
    void finish_output();

    ring::Ring& ring_;
    base::OutputBuffer output_;
    StreamOp receive_;
    StreamOp send_;
    int descriptor_;
    State state_ = State::open;
    bool into_memory_ = false;
    bool data_is_waiting_ = false;
    size_t discard_left_ = 0;  ///< what may come and be thrown away before the end
    uint64_t sent_bytes_ = 0;
    uint64_t sendable_end_ = UINT64_MAX;
    int64_t over_soft_since_ms_ = 0;
    std::array<iovec, kSendVectorsMax> vectors_;
};

}  // namespace gyre::net
