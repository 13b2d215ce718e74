// SPDX-License-Identifier: BSD-3-Clause
#include "net/stream.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace gyre::net {

Stream::Stream(ring::Ring& ring, base::ChunkPool& chunks, int descriptor)
    : ring_(ring),
      output_(chunks),
      receive_(&handle_receive, *this),
      send_(&handle_send, *this),
      descriptor_(descriptor) {}

Stream::~Stream() {
    CHECK(!receive_.in_flight);
    CHECK(!send_.in_flight);
    if (state_ != State::closed) ring_.close(descriptor_);
}

void Stream::receive() {
    if (state_ != State::open || receive_.in_flight) return;
    into_memory_ = false;
    ring_.receive(receive_, descriptor_, data_is_waiting_);
}

void Stream::receive_into(std::span<char> into) {
    if (state_ != State::open || receive_.in_flight) return;
    into_memory_ = true;
    ring_.receive_into(receive_, descriptor_, into);
}

void Stream::flush() {
    if (state_ != State::open && state_ != State::draining) return;
    if (send_.in_flight) return ring_.expedite(send_);
    const uint64_t sendable = sendable_end_ > sent_bytes_ ? sendable_end_ - sent_bytes_ : 0;
    const size_t count =
        output_.gather(vectors_, static_cast<size_t>(std::min<uint64_t>(kSendBytesMax, sendable)));
    if (count == 0) {
        if (state_ == State::draining && output_.empty()) finish_output();
        return;
    }
    size_t gathered = 0;
    for (size_t i = 0; i < count; ++i) gathered += vectors_[i].iov_len;
    // More waits behind it, or the end of the stream: then its end matters at once.
    const bool is_awaited = state_ == State::draining || gathered < output_.size();
    ring_.send(send_, descriptor_, std::span(vectors_.data(), count),
               is_awaited ? ring::SendReport::at_once : ring::SendReport::with_next);
}

void Stream::close_after_output() {
    if (state_ != State::open) return;
    state_ = State::draining;
    flush();
}

void Stream::part_after_output(size_t bytes_max) {
    if (state_ != State::open) return;
    discard_left_ = bytes_max;
    state_ = State::draining;
    // From now on: a peer may read only when all it sends is taken.
    receive_to_discard();
    flush();
}

void Stream::receive_to_discard() {
    if (discard_left_ == 0 || receive_.in_flight) return;
    ring_.receive(receive_, descriptor_, data_is_waiting_);
}

void Stream::discard(const ring::Completion& completion) {
    const bool is_again = completion.result == -EINTR || completion.result == -EAGAIN;
    if (completion.result > 0) {
        discard_left_ -= std::min(discard_left_, static_cast<size_t>(completion.result));
    } else if (!is_again) {
        discard_left_ = 0;
    }
    if (discard_left_ == 0 && state_ == State::parting) return close();
    receive_to_discard();
}

/// The last byte has left.
void Stream::finish_output() {
    if (discard_left_ == 0) return close();
    state_ = State::parting;
    ring_.shutdown_sending(descriptor_);
}

void Stream::close() {
    if (state_ == State::closing || state_ == State::closed) return;
    state_ = State::closing;
    on_closing();
    // Pending operations complete by this; the descriptor must not be reused before they have.
    ring_.shutdown(descriptor_);
    finish_if_idle();
}

void Stream::finish_if_idle() {
    if (state_ != State::closing || receive_.in_flight || send_.in_flight) return;
    state_ = State::closed;
    ring_.close(descriptor_);
    output_.clear();
    on_closed();
}

bool Stream::is_over(const OutputLimit& limit, int64_t now_ms) {
    const size_t held = output_.footprint() - std::min(output_.footprint(), kFreeOutputBytes);
    if (limit.hard_bytes != 0 && held > limit.hard_bytes) return true;
    if (limit.soft_bytes == 0 || held <= limit.soft_bytes) {
        over_soft_since_ms_ = 0;
        return false;
    }
    if (over_soft_since_ms_ == 0) over_soft_since_ms_ = now_ms;
    return now_ms - over_soft_since_ms_ >= limit.soft_seconds * 1000;
}

void Stream::handle_receive(ring::Op& op, const ring::Completion& completion) {
    static_cast<StreamOp&>(op).stream.receive_done(completion);
}

void Stream::handle_send(ring::Op& op, const ring::Completion& completion) {
    static_cast<StreamOp&>(op).stream.send_done(completion);
}

void Stream::receive_done(const ring::Completion& completion) {
    data_is_waiting_ = completion.more_data;
    if (state_ == State::open) {
        on_received(completion, into_memory_);
        return;
    }
    if (completion.buffer != ring::Completion::kNoBuffer) ring_.give_back(completion.buffer);
    if (discard_left_ > 0 && (state_ == State::draining || state_ == State::parting)) {
        return discard(completion);
    }
    finish_if_idle();
}

void Stream::send_done(const ring::Completion& completion) {
    if (state_ == State::closing) {
        finish_if_idle();
        return;
    }
    if (completion.result <= 0) {
        // EINTR and EAGAIN ask for another try; anything else is the end of this peer.
        if (completion.result == -EINTR || completion.result == -EAGAIN) {
            flush();
        } else {
            close();
        }
        return;
    }
    const auto bytes = static_cast<size_t>(completion.result);
    sent_bytes_ += bytes;
    output_.consume(bytes);
    on_sent(completion);
    if (!output_.empty() || state_ == State::draining) flush();
}

}  // namespace gyre::net
