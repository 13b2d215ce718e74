// SPDX-License-Identifier: BSD-3-Clause
// Multishot receives on the kernel's ring: what comes unasked, and what gets in its way.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <string>

#include "ring/uring/receive_streams.h"
#include "ring/uring/uring_ring.h"

namespace gyre::ring {
namespace {

struct Recorder : Op {
    Recorder() : Op(&Recorder::on_done) {}
    static void on_done(Op& op, const Completion& done) {
        static_cast<Recorder&>(op).completion = done;
        ++static_cast<Recorder&>(op).count;
    }
    Completion completion;
    int count = 0;
};

constexpr uint32_t kBufferBytes = 4096;
constexpr uint32_t kBuffers = 64;

class MultishotReceive : public ::testing::Test {
protected:
    void SetUp() override {
        open_ring(kBuffers);
        ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()));
    }
    void TearDown() override {
        ring_.reset();
        for (const int end : ends_) {
            if (end >= 0) ::close(end);
        }
    }
    void open_ring(uint32_t buffers) {
        UringOptions options;
        options.buffer_bytes = kBufferBytes;
        options.buffer_count = buffers;
        options.multishot_receive = true;
        ring_.reset();
        Result<std::unique_ptr<Ring>> created = create_uring_ring(options);
        ASSERT_TRUE(created) << created.error().message;
        ring_ = *std::move(created);
    }
    void peer_sends(const std::string& bytes) {
        ASSERT_EQ(static_cast<ssize_t>(bytes.size()),
                  ::send(ends_[1], bytes.data(), bytes.size(), MSG_DONTWAIT));
    }
    void finish(Recorder& op) {
        while (op.in_flight) ring_->wait(-1);
    }
    std::string taken(Recorder& op) {
        if (op.completion.result <= 0) return {};
        std::string bytes(ring_->buffer_data(op.completion.buffer),
                          static_cast<size_t>(op.completion.result));
        ring_->give_back(op.completion.buffer);
        return bytes;
    }
    std::string receive() {
        Recorder op;
        ring_->receive(op, ends_[0], false);
        finish(op);
        last_ = op.completion.result;
        return taken(op);
    }
    /// Distinct bytes, so that order and loss show.
    static std::string text(size_t bytes, size_t from = 0) {
        std::string made(bytes, '\0');
        for (size_t i = 0; i < bytes; ++i) made[i] = static_cast<char>('!' + (from + i * 7) % 90);
        return made;
    }

    std::unique_ptr<Ring> ring_;
    std::array<int, 2> ends_{-1, -1};
    int32_t last_ = 0;
};

TEST_F(MultishotReceive, is_submitted_once_for_many_completions) {
    peer_sends("first");
    EXPECT_EQ("first", receive());
    const uint64_t submitted = ring_->counters().submitted;
    for (int i = 0; i < 10; ++i) {
        peer_sends("more");
        EXPECT_EQ("more", receive());
    }
    EXPECT_EQ(submitted, ring_->counters().submitted);
}

TEST_F(MultishotReceive, keeps_what_comes_unasked_in_order) {
    peer_sends("a");
    EXPECT_EQ("a", receive());
    // Nobody asks; the kernel goes on all the same.
    for (const char* each : {"b", "c", "d"}) {
        peer_sends(each);
        ring_->wait(ring_->monotonic_us() + 1000);
    }
    EXPECT_EQ("b", receive());
    EXPECT_EQ("c", receive());
    EXPECT_EQ("d", receive());
    peer_sends("e");
    EXPECT_EQ("e", receive());
}

TEST_F(MultishotReceive, of_one_sender_takes_not_all_buffers) {
    peer_sends("a");
    EXPECT_EQ("a", receive());
    // Every message fills a buffer of its own as long as the request runs.
    std::string sent;
    for (size_t i = 0; i < 40; ++i) {
        const std::string part = text(64, i);
        peer_sends(part);
        sent += part;
        ring_->wait(ring_->monotonic_us() + 500);
    }
    // Another connection still gets its buffers.
    std::array<int, 2> other{};
    ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other.data()));
    ASSERT_EQ(2, ::send(other[1], "hi", 2, 0));
    Recorder op;
    ring_->receive(op, other[0], false);
    finish(op);
    EXPECT_EQ("hi", taken(op));
    EXPECT_EQ(0U, ring_->counters().buffer_starved);
    // And nothing of the first is lost or turned around.
    std::string received;
    size_t receives = 0;
    while (received.size() < sent.size()) {
        received += receive();
        ++receives;
    }
    EXPECT_EQ(sent, received);
    // The later messages came together: the request had been ended meanwhile.
    EXPECT_LT(receives, 40U);
    ring_->close(other[0]);
    ::close(other[1]);
}

TEST_F(MultishotReceive, tells_the_end_after_what_came_before_it) {
    peer_sends("a");
    EXPECT_EQ("a", receive());
    peer_sends("last");
    ::close(ends_[1]);
    ends_[1] = -1;
    ring_->wait(ring_->monotonic_us() + 2000);
    EXPECT_EQ("last", receive());
    EXPECT_EQ("", receive());
    EXPECT_EQ(0, last_);
}

TEST_F(MultishotReceive, gives_way_to_a_receive_into_memory) {
    peer_sends("a");
    EXPECT_EQ("a", receive());
    const std::string value = text(100'000);
    std::string into(value.size(), '\0');
    size_t sent = 0;
    size_t received = 0;
    // A part is there before it is asked for, and fills more than one buffer.
    peer_sends(value.substr(0, 6000));
    sent = 6000;
    ring_->wait(ring_->monotonic_us() + 2000);
    while (received < value.size()) {
        Recorder op;
        ring_->receive_into(op, ends_[0], std::span(into).subspan(received));
        while (op.in_flight) {
            ring_->poll();
            const ssize_t more = ::send(ends_[1], value.data() + sent,
                                        std::min<size_t>(value.size() - sent, 5000), MSG_DONTWAIT);
            if (more > 0) sent += static_cast<size_t>(more);
        }
        ASSERT_GT(op.completion.result, 0);
        received += static_cast<size_t>(op.completion.result);
    }
    EXPECT_EQ(value, into);
    peer_sends("behind");
    EXPECT_EQ("behind", receive());
}

TEST_F(MultishotReceive, hands_the_rest_of_a_buffer_on_behind_a_receive_into_memory) {
    peer_sends("a");
    EXPECT_EQ("a", receive());
    peer_sends("valuerest");
    ring_->wait(ring_->monotonic_us() + 2000);
    std::string into(5, '\0');
    Recorder op;
    ring_->receive_into(op, ends_[0], into);
    finish(op);
    EXPECT_EQ(5, op.completion.result);
    EXPECT_EQ("value", into);
    EXPECT_EQ("rest", receive());
}

TEST_F(MultishotReceive, tells_an_end_to_a_receive_into_memory) {
    peer_sends("a");
    EXPECT_EQ("a", receive());
    ::close(ends_[1]);
    ends_[1] = -1;
    std::string into(5, '\0');
    Recorder op;
    ring_->receive_into(op, ends_[0], into);
    finish(op);
    EXPECT_EQ(0, op.completion.result);
}

TEST_F(MultishotReceive, outlives_its_descriptor_without_harm) {
    for (int round = 0; round < 20; ++round) {
        std::array<int, 2> pair{};
        ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()));
        ASSERT_EQ(2, ::send(pair[1], "hi", 2, 0));
        Recorder op;
        ring_->receive(op, pair[0], false);
        finish(op);
        EXPECT_EQ("hi", taken(op));
        // Unasked bytes, held or on their way, go with the descriptor; its number comes again at
        // once for the next round's socket.
        ASSERT_EQ(3, ::send(pair[1], "old", 3, 0));
        if (round % 2 == 0) ring_->wait(ring_->monotonic_us() + 500);
        ring_->shutdown(pair[0]);
        ring_->close(pair[0]);
        ::close(pair[1]);
    }
    peer_sends("after");
    EXPECT_EQ("after", receive());
    EXPECT_EQ(0U, ring_->counters().buffer_starved);
}

TEST_F(MultishotReceive, can_be_cancelled_and_asked_for_again) {
    Recorder op;
    ring_->receive(op, ends_[0], false);
    ring_->poll();
    ring_->cancel(op);
    finish(op);
    EXPECT_EQ(-ECANCELED, op.completion.result);
    peer_sends("again");
    EXPECT_EQ("again", receive());
}

TEST_F(MultishotReceive, says_when_there_is_no_buffer) {
    open_ring(2);
    std::array<Recorder, 2> lent;
    for (Recorder& each : lent) {
        peer_sends("x");
        ring_->receive(each, ends_[0], false);
        finish(each);
        ASSERT_EQ(1, each.completion.result);
    }
    peer_sends("y");
    EXPECT_EQ("", receive());
    EXPECT_EQ(-ENOBUFS, last_);
    EXPECT_GE(ring_->counters().buffer_starved, 1U);
    for (Recorder& each : lent) ring_->give_back(each.completion.buffer);
    EXPECT_EQ("y", receive());
}

TEST_F(MultishotReceive, armed_or_held_does_not_keep_the_ring_from_ending) {
    peer_sends("a");
    EXPECT_EQ("a", receive());
    peer_sends("held");
    ring_->wait(ring_->monotonic_us() + 1000);
    std::array<int, 2> other{};
    ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other.data()));
    Recorder waiting;
    ring_->receive(waiting, other[0], false);
    ring_->poll();
    ring_.reset();
    EXPECT_EQ(0, waiting.count);
    for (const int end : other) ::close(end);
}

TEST(ReceiveStreams, gives_a_number_away_again_only_after_the_last_completion) {
    ReceiveStreams streams;
    const uint32_t first = streams.open(7);
    EXPECT_EQ(first, streams.open(7));
    streams.arm(first);
    streams.detach(first);
    EXPECT_EQ(ReceiveStreams::kNone, streams.find(7));
    const uint32_t second = streams.open(7);
    EXPECT_NE(first, second);
    EXPECT_EQ(1U, streams.armed());
    streams.disarm(first);
    EXPECT_EQ(first, streams.open(8));
    streams.detach(second);
    EXPECT_EQ(second, streams.open(9));
}

}  // namespace
}  // namespace gyre::ring
