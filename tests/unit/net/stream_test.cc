// SPDX-License-Identifier: BSD-3-Clause

#include "net/stream.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "manual_ring.h"

namespace gyre::net {
namespace {

constexpr int kDescriptor = 5;

/// Writes down what it is told.
class Recorder : public Stream {
public:
    Recorder(ManualRing& ring, base::ChunkPool& chunks) : Stream(ring, chunks, kDescriptor) {}

    int receives = 0;
    int sends = 0;
    int ends = 0;
    ring::Completion last;
    bool was_into_memory = false;

private:
    void on_received(const ring::Completion& completion, bool into_memory) override {
        ++receives;
        last = completion;
        was_into_memory = into_memory;
    }
    void on_sent(const ring::Completion&) override { ++sends; }
    void on_closed() override { ++ends; }
};

class StreamTest : public ::testing::Test {
protected:
    base::ChunkPool chunks_;
    ManualRing ring_;
    Recorder stream_{ring_, chunks_};
};

TEST_F(StreamTest, has_one_send_in_flight_and_queues_behind_it) {
    stream_.output().append("one");
    stream_.flush();
    EXPECT_EQ(ring_.sent_text(), "one");
    stream_.output().append("two");
    stream_.output().append("three");
    stream_.flush();
    EXPECT_EQ(ring_.sent_text(), "one");
    ring_.complete(ring_.send_op, 3);
    EXPECT_EQ(ring_.sent_text(), "twothree");
    ring_.complete(ring_.send_op, 8);
    EXPECT_EQ(ring_.send_op, nullptr);
    EXPECT_EQ(stream_.sends, 2);
    EXPECT_EQ(stream_.sent_bytes(), 11U);
    stream_.close();
}

TEST_F(StreamTest, sends_the_rest_after_a_short_send_and_again_when_interrupted) {
    stream_.output().append("abcdef");
    stream_.flush();
    ring_.complete(ring_.send_op, 2);
    EXPECT_EQ(ring_.sent_text(), "cdef");
    ring_.complete(ring_.send_op, -EINTR);
    EXPECT_EQ(ring_.sent_text(), "cdef");
    ring_.complete(ring_.send_op, -EAGAIN);
    EXPECT_EQ(ring_.sent_text(), "cdef");
    ring_.complete(ring_.send_op, 4);
    EXPECT_EQ(stream_.sent_bytes(), 6U);
    stream_.close();
}

TEST_F(StreamTest, sends_at_most_its_share_at_once) {
    const std::string much(3 * Stream::kSendBytesMax, 'x');
    stream_.output().append(much);
    stream_.flush();
    size_t sent = 0;
    while (ring_.send_op != nullptr) {
        const size_t size = ring_.sent_text().size();
        EXPECT_LE(size, Stream::kSendBytesMax);
        EXPECT_LE(ring_.sending.size(), Stream::kSendVectorsMax);
        sent += size;
        ring_.complete(ring_.send_op, static_cast<int32_t>(size));
    }
    EXPECT_EQ(sent, much.size());
    stream_.close();
}

TEST_F(StreamTest, awaits_the_end_of_a_send_only_when_something_waits_for_it) {
    stream_.output().append("one");
    stream_.flush();
    EXPECT_EQ(ring_.send_report, ring::SendReport::with_next);
    ring_.complete(ring_.send_op, 3);
    EXPECT_EQ(ring_.expedited, nullptr);
    // What comes while it is under way, and the end of the stream, wait for it.
    stream_.output().append("one");
    stream_.flush();
    stream_.output().append("two");
    stream_.flush();
    EXPECT_EQ(ring_.expedited, ring_.send_op);
    ring_.complete(ring_.send_op, 3);
    ring_.complete(ring_.send_op, 3);
    // More than one send takes: the rest follows at once.
    const std::string large(Stream::kSendBytesMax + 1, 'l');
    stream_.output().append(large);
    stream_.flush();
    EXPECT_EQ(ring_.send_report, ring::SendReport::at_once);
    while (ring_.send_op != nullptr) {
        size_t bytes = 0;
        for (const iovec& vector : ring_.sending) bytes += vector.iov_len;
        ring_.complete(ring_.send_op, static_cast<int32_t>(bytes));
    }
    // The stream ends behind it.
    stream_.output().append("last");
    stream_.close_after_output();
    EXPECT_EQ(ring_.send_report, ring::SendReport::at_once);
    ring_.complete(ring_.send_op, 4);
    EXPECT_EQ(stream_.ends, 1);
}

TEST_F(StreamTest, parts_from_a_peer_that_sends_without_resetting_it) {
    stream_.output().append("refused");
    stream_.part_after_output(100);
    // What comes is taken while the last words leave, and nobody hears of it.
    ring_.complete(ring_.receive_op, ring::Completion{.result = 40, .buffer = 1});
    EXPECT_TRUE(ring_.sending_ended.empty());
    ring_.complete(ring_.send_op, 7);
    EXPECT_EQ(ring_.sending_ended, (std::vector<int>{kDescriptor}));
    EXPECT_TRUE(stream_.is_parting());
    stream_.flush();
    ring_.complete(ring_.receive_op, -EINTR);
    ring_.complete(ring_.receive_op, ring::Completion{.result = 40, .buffer = 2});
    EXPECT_EQ(stream_.ends, 0);
    ring_.complete(ring_.receive_op, 0);
    EXPECT_EQ(stream_.ends, 1);
    EXPECT_EQ(stream_.receives, 0);
    EXPECT_EQ(ring_.given_back, (std::vector<uint16_t>{1, 2}));
}

TEST_F(StreamTest, throws_away_no_more_of_what_comes_than_it_was_told) {
    stream_.output().append("refused");
    stream_.part_after_output(100);
    ring_.complete(ring_.send_op, 7);
    ring_.complete(ring_.receive_op, ring::Completion{.result = 99, .buffer = 1});
    EXPECT_EQ(stream_.ends, 0);
    ring_.complete(ring_.receive_op, ring::Completion{.result = 1, .buffer = 2});
    EXPECT_EQ(stream_.ends, 1);
}

TEST_F(StreamTest, parts_at_once_from_a_peer_that_has_ended) {
    stream_.output().append("refused");
    stream_.part_after_output(100);
    ring_.complete(ring_.receive_op, 0);
    EXPECT_EQ(stream_.ends, 0);
    ring_.complete(ring_.send_op, 7);
    EXPECT_EQ(stream_.ends, 1);
    EXPECT_TRUE(ring_.sending_ended.empty());
}

TEST_F(StreamTest, a_peer_that_is_parted_from_can_be_closed_at_any_time) {
    stream_.output().append("refused");
    stream_.part_after_output(100);
    ring_.complete(ring_.send_op, 7);
    stream_.close();
    EXPECT_EQ(stream_.ends, 0);
    ring_.complete(ring_.receive_op, 0);
    EXPECT_EQ(stream_.ends, 1);
}

TEST_F(StreamTest, closes_when_the_peer_takes_no_more) {
    stream_.output().append("abc");
    stream_.flush();
    stream_.receive();
    ring_.complete(ring_.send_op, -EPIPE);
    EXPECT_TRUE(stream_.is_ended());
    EXPECT_EQ(ring_.was_shut_down, (std::vector<int>{kDescriptor}));
    EXPECT_EQ(stream_.ends, 0);
    EXPECT_TRUE(ring_.closed.empty());
    // What was received meanwhile goes back unread.
    ring_.complete(ring_.receive_op, ring::Completion{.result = 4, .buffer = 9});
    EXPECT_EQ(ring_.given_back, (std::vector<uint16_t>{9}));
    EXPECT_EQ(stream_.receives, 0);
    EXPECT_EQ(stream_.ends, 1);
    EXPECT_EQ(ring_.closed, (std::vector<int>{kDescriptor}));
    EXPECT_TRUE(stream_.output().empty());
}

TEST_F(StreamTest, closes_after_output_only) {
    stream_.output().append("abc");
    stream_.flush();
    stream_.output().append("def");
    stream_.close_after_output();
    EXPECT_TRUE(stream_.is_closing());
    EXPECT_FALSE(stream_.is_ended());
    stream_.receive();
    EXPECT_EQ(ring_.receive_op, nullptr);
    ring_.complete(ring_.send_op, 3);
    EXPECT_EQ(stream_.ends, 0);
    EXPECT_EQ(ring_.sent_text(), "def");
    ring_.complete(ring_.send_op, 3);
    EXPECT_EQ(stream_.ends, 1);
}

TEST_F(StreamTest, closes_at_once_when_there_is_no_output) {
    stream_.close_after_output();
    EXPECT_EQ(stream_.ends, 1);
    stream_.close();
    stream_.close_after_output();
    stream_.flush();
    EXPECT_EQ(stream_.ends, 1);
    EXPECT_EQ(ring_.closed.size(), 1U);
}

TEST_F(StreamTest, tells_the_ring_that_more_data_waits) {
    stream_.receive();
    EXPECT_FALSE(ring_.data_was_waiting);
    ring_.complete(ring_.receive_op, ring::Completion{.result = 4, .buffer = 1, .more_data = true});
    stream_.receive();
    EXPECT_TRUE(ring_.data_was_waiting);
    stream_.receive();  // one at a time
    ring_.complete(ring_.receive_op, ring::Completion{.result = 4, .buffer = 1});
    char memory[8];
    stream_.receive_into(memory);
    EXPECT_EQ(ring_.receiving_into.data(), memory);
    ring_.complete(ring_.receive_op, 8);
    EXPECT_TRUE(stream_.was_into_memory);
    EXPECT_EQ(stream_.receives, 3);
    stream_.close();
}

TEST_F(StreamTest, counts_nothing_of_its_first_chunk_against_a_limit) {
    const OutputLimit tiny{.hard_bytes = 1, .soft_bytes = 1, .soft_seconds = 1};
    EXPECT_FALSE(stream_.is_over(tiny, 1'000));
    stream_.output().append(std::string(16'000, 'x'));
    EXPECT_FALSE(stream_.is_over(tiny, 1'000));
    EXPECT_FALSE(stream_.is_over(tiny, 9'000));
    stream_.output().append(std::string(1'000, 'x'));
    EXPECT_TRUE(stream_.is_over(tiny, 9'000));
    stream_.close();
}

TEST_F(StreamTest, judges_its_output_by_both_limits) {
    const OutputLimit limit{.hard_bytes = 100'000, .soft_bytes = 40'000, .soft_seconds = 10};
    EXPECT_FALSE(stream_.is_over({}, 0));
    stream_.output().append(std::string(50'000, 'x'));
    EXPECT_FALSE(stream_.is_over({}, 1000));
    EXPECT_FALSE(stream_.is_over(limit, 1'000));
    EXPECT_FALSE(stream_.is_over(limit, 10'999));
    EXPECT_TRUE(stream_.is_over(limit, 11'000));
    // Below in between: the time begins anew.
    stream_.output().consume(45'000);
    EXPECT_FALSE(stream_.is_over(limit, 12'000));
    stream_.output().append(std::string(50'000, 'x'));
    EXPECT_FALSE(stream_.is_over(limit, 13'000));
    EXPECT_FALSE(stream_.is_over(limit, 22'999));
    stream_.output().append(std::string(60'000, 'x'));
    EXPECT_TRUE(stream_.is_over(limit, 22'999));
    stream_.close();
}

}  // namespace
}  // namespace gyre::net
