// SPDX-License-Identifier: BSD-3-Clause
// Sends that report with whatever comes next (SendReport::with_next), on the kernel's ring.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ring/uring/uring_ring.h"

namespace gyre::ring {
namespace {

struct Recorder : Op {
    Recorder() : Op(&Recorder::on_done) {}
    static void on_done(Op& op, const Completion& done) {
        auto& self = static_cast<Recorder&>(op);
        self.result = done.result;
        ++self.count;
        if (self.next == nullptr) return;
        Recorder& next = *std::exchange(self.next, nullptr);
        self.ring->send(next, self.descriptor, std::span(&self.next_bytes, 1),
                        SendReport::with_next);
    }
    int32_t result = 0;
    int count = 0;
    // A send that the handler starts.
    Recorder* next = nullptr;
    Ring* ring = nullptr;
    int descriptor = -1;
    iovec next_bytes{};
};

class SilentSend : public ::testing::Test {
protected:
    void SetUp() override {
        UringOptions options;
        options.submission_entries = 8;
        Result<std::unique_ptr<Ring>> created = create_uring_ring(options);
        ASSERT_TRUE(created) << created.error().message;
        ring_ = *std::move(created);
        ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()));
    }
    void TearDown() override {
        ring_.reset();
        for (const int end : ends_) {
            if (end >= 0) ::close(end);
        }
    }
    /// `bytes` stay in place until it is done.
    void send(Recorder& op, std::string_view bytes, SendReport report = SendReport::with_next) {
        vectors_.push_back(
            std::make_unique<iovec>(iovec{const_cast<char*>(bytes.data()), bytes.size()}));
        ring_->send(op, ends_[0], std::span(vectors_.back().get(), 1), report);
    }
    std::string peer_receives(size_t count) {
        std::string bytes(count, '\0');
        const ssize_t got = ::recv(ends_[1], bytes.data(), count, MSG_WAITALL);
        bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
        return bytes;
    }
    /// Fills the socket's buffer, so that nothing more fits.
    size_t fill() {
        const std::string block(4096, 'f');
        size_t filled = 0;
        for (;;) {
            const ssize_t sent = ::send(ends_[0], block.data(), block.size(), MSG_DONTWAIT);
            if (sent <= 0) return filled;
            filled += static_cast<size_t>(sent);
        }
    }

    std::unique_ptr<Ring> ring_;
    std::array<int, 2> ends_{-1, -1};
    std::vector<std::unique_ptr<iovec>> vectors_;
};

TEST_F(SilentSend, posts_no_completion_and_reports_after_the_entry_that_took_it) {
    Recorder op;
    const uint64_t completed = ring_->counters().completed;
    send(op, "hello");
    EXPECT_EQ(0, op.count);
    // One entry with a deadline in the past: it submits and returns.
    ring_->poll();
    EXPECT_EQ(1, op.count);
    EXPECT_EQ(5, op.result);
    EXPECT_FALSE(op.in_flight);
    EXPECT_EQ("hello", peer_receives(5));
    EXPECT_EQ(completed + 1, ring_->counters().completed);
    // Nothing of it is left to end a wait.
    EXPECT_EQ(0U, ring_->poll());
}

TEST_F(SilentSend, does_not_end_a_wait) {
    Recorder op;
    send(op, "hello");
    const int64_t deadline_us = ring_->monotonic_us() + 20'000;
    EXPECT_EQ(1U, ring_->wait(deadline_us));
    EXPECT_GE(ring_->monotonic_us(), deadline_us);
    EXPECT_EQ(1, op.count);
}

TEST_F(SilentSend, ends_a_wait_when_somebody_waits_for_it) {
    Recorder op;
    send(op, "hello");
    ring_->expedite(op);
    // Without it this would sleep for ever.
    EXPECT_EQ(1U, ring_->wait(-1));
    EXPECT_EQ(1, op.count);
    // A send that has its completion anyway needs none of this.
    Recorder loud;
    send(loud, "hello", SendReport::at_once);
    ring_->expedite(loud);
    while (loud.in_flight) ring_->wait(-1);
    EXPECT_EQ(1, loud.count);
    ring_->expedite(loud);
    const int64_t deadline_us = ring_->monotonic_us() + 5'000;
    ring_->wait(deadline_us);
    EXPECT_GE(ring_->monotonic_us(), deadline_us);
}

TEST_F(SilentSend, waits_for_room_and_then_ends_the_wait) {
    const size_t filled = fill();
    Recorder op;
    send(op, "behind");
    ring_->poll();
    EXPECT_EQ(0, op.count);
    EXPECT_TRUE(op.in_flight);
    EXPECT_EQ(filled, peer_receives(filled).size());
    while (op.in_flight) ring_->wait(-1);
    EXPECT_EQ(6, op.result);
    EXPECT_EQ("behind", peer_receives(6));
}

TEST_F(SilentSend, reports_just_the_bytes_that_left) {
    // Until the socket is full; the last may go in part, or wait.
    const std::string bytes(60'000, 'x');
    Recorder op;
    size_t reported = 0;
    size_t received = 0;
    bool is_full = false;
    while (!is_full) {
        send(op, bytes);
        ring_->poll();
        is_full = op.in_flight || op.result < 60'000;
        if (!op.in_flight) reported += static_cast<size_t>(op.result);
    }
    const bool has_waited = op.in_flight;
    std::array<char, 8192> part;
    for (;;) {
        const ssize_t got = ::recv(ends_[1], part.data(), part.size(), MSG_DONTWAIT);
        if (got > 0) received += static_cast<size_t>(got);
        if (op.in_flight) {
            ring_->poll();
        } else if (got <= 0) {
            break;
        }
    }
    if (has_waited) reported += static_cast<size_t>(op.result);
    EXPECT_EQ(reported, received);
    EXPECT_GT(received, bytes.size());
}

TEST_F(SilentSend, to_a_peer_that_is_gone_reports_the_error) {
    ::close(ends_[1]);
    ends_[1] = -1;
    Recorder op;
    send(op, "hello");
    while (op.in_flight) ring_->wait(-1);
    EXPECT_EQ(-EPIPE, op.result);
    EXPECT_EQ(1, op.count);
}

TEST_F(SilentSend, started_by_a_handler_is_not_taken_for_done_before_it_was_submitted) {
    // The handlers' sends overflow the little submission queue, so that some are submitted while
    // the completions of the first are still being handled.
    constexpr size_t kSends = 40;
    std::vector<Recorder> first(kSends);
    std::vector<Recorder> second(kSends);
    std::string text = "ab";
    for (size_t i = 0; i < kSends; ++i) {
        first[i].ring = ring_.get();
        first[i].descriptor = ends_[0];
        first[i].next = &second[i];
        first[i].next_bytes = {text.data(), text.size()};
        send(first[i], text, i % 3 == 0 ? SendReport::at_once : SendReport::with_next);
    }
    const auto is_done = [&] {
        for (size_t i = 0; i < kSends; ++i) {
            if (first[i].count == 0 || second[i].count == 0) return false;
        }
        return true;
    };
    for (int turn = 0; turn < 100 && !is_done(); ++turn) ring_->poll();
    for (size_t i = 0; i < kSends; ++i) {
        EXPECT_EQ(1, first[i].count) << i;
        EXPECT_EQ(1, second[i].count) << i;
        EXPECT_EQ(2, second[i].result) << i;
    }
    EXPECT_EQ(kSends * 4, peer_receives(kSends * 4).size());
}

TEST_F(SilentSend, in_flight_does_not_keep_the_ring_from_ending) {
    Recorder done;
    send(done, "hello");
    fill();
    Recorder stuck;
    send(stuck, "never");
    ring_.reset();
    EXPECT_EQ(0, done.count);
}

TEST_F(SilentSend, above_its_limit_completes_as_others_do) {
    const std::string bytes(100'000, 'x');
    Recorder op;
    send(op, bytes);
    size_t received = 0;
    while (op.in_flight) {
        ring_->poll();
        std::array<char, 8192> part;
        const ssize_t got = ::recv(ends_[1], part.data(), part.size(), MSG_DONTWAIT);
        if (got > 0) received += static_cast<size_t>(got);
    }
    EXPECT_EQ(100'000, op.result);
    EXPECT_EQ(bytes.size() - received, peer_receives(bytes.size() - received).size());
}

}  // namespace
}  // namespace gyre::ring
