// SPDX-License-Identifier: BSD-3-Clause

// Method of the random test: every operation is applied to the buffer and to a std::string; what
// gather() shows must be the string's front, and no chunk or reference may be left over.

#include "base/output_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

std::string read_front(OutputBuffer& buffer, size_t bytes_max = SIZE_MAX) {
    std::array<iovec, 64> vectors;
    std::string bytes;
    const size_t count = buffer.gather(vectors, bytes_max);
    for (size_t index = 0; index < count; ++index) {
        EXPECT_GT(vectors[index].iov_len, 0u);
        bytes.append(static_cast<const char*>(vectors[index].iov_base), vectors[index].iov_len);
    }
    EXPECT_LE(bytes.size(), bytes_max);
    return bytes;
}

std::string read_all(OutputBuffer& buffer) {
    std::vector<iovec> vectors(100'000);
    std::string bytes;
    const size_t count = buffer.gather(vectors, SIZE_MAX);
    for (size_t index = 0; index < count; ++index) {
        bytes.append(static_cast<const char*>(vectors[index].iov_base), vectors[index].iov_len);
    }
    return bytes;
}

SharedBytesRef make_value(const std::string& text) {
    auto value = SharedBytesRef::adopt(SharedBytes::create(text.size(), Purpose::keyspace));
    std::memcpy(value->data(), text.data(), text.size());
    value->set_size(text.size());
    return value;
}

TEST(OutputBuffer, is_small_and_owns_nothing_when_empty) {
    const int64_t before = used(Purpose::clients);
    {
        ChunkPool pool;
        OutputBuffer buffer(pool);
        EXPECT_LE(sizeof(buffer), 64u);
        EXPECT_TRUE(buffer.empty());
        EXPECT_EQ(buffer.footprint(), 0u);
        buffer.append("");
        buffer.append(std::string_view());
        EXPECT_EQ(used(Purpose::clients), before);
        buffer.append("+OK\r\n");
        EXPECT_EQ(buffer.size(), 5u);
        EXPECT_EQ(buffer.footprint(), ChunkPool::kChunkBytes);
        EXPECT_GE(used(Purpose::clients) - before, int64_t{ChunkPool::kChunkBytes});
        EXPECT_EQ(read_front(buffer), "+OK\r\n");
        buffer.consume(5);
        EXPECT_EQ(buffer.footprint(), 0u);
        EXPECT_EQ(pool.free_count(), 1u);
    }
    EXPECT_EQ(used(Purpose::clients), before);
}

TEST(OutputBuffer, a_steady_load_of_small_replies_allocates_nothing) {
    ChunkPool pool;
    OutputBuffer buffer(pool);
    std::array<iovec, 4> vectors;
    buffer.append("warm");
    buffer.consume(4);
    const int64_t obtained_before = obtained();
    int64_t obtained_highest = 0;
    for (int round = 0; round < 10'000; ++round) {
        for (int reply = 0; reply < 10; ++reply) buffer.append("$5\r\nhello\r\n");
        while (!buffer.empty()) {
            ASSERT_GE(buffer.gather(vectors, 64), 1u);
            buffer.consume(std::min<size_t>(buffer.size(), 64));
        }
        obtained_highest = std::max(obtained_highest, obtained());
    }
    EXPECT_EQ(obtained_highest, obtained_before);
}

TEST(OutputBuffer, bytes_in_flight_stay_while_more_is_appended) {
    ChunkPool pool;
    OutputBuffer buffer(pool);
    buffer.append("first");
    std::array<iovec, 4> vectors;
    ASSERT_EQ(buffer.gather(vectors, 100), 1u);
    const iovec in_flight = vectors[0];
    for (int count = 0; count < 5000; ++count) buffer.append("more and more and more");
    EXPECT_EQ(std::string_view(static_cast<char*>(in_flight.iov_base), in_flight.iov_len), "first");
    buffer.consume(3);
    EXPECT_EQ(read_front(buffer, 6), "stmore");
}

TEST(OutputBuffer, references_are_sent_from_where_they_lie) {
    ChunkPool pool;
    OutputBuffer buffer(pool);
    SharedBytesRef value = make_value(std::string(20'000, 'v'));
    buffer.append("$20000\r\n");
    buffer.append_reference(value);
    buffer.append("\r\n");
    EXPECT_FALSE(value->is_sole_owner());
    EXPECT_EQ(buffer.footprint(), ChunkPool::kChunkBytes + value->footprint());
    std::array<iovec, 4> vectors;
    ASSERT_EQ(buffer.gather(vectors, SIZE_MAX), 3u);
    EXPECT_EQ(vectors[1].iov_base, value->data());
    EXPECT_EQ(vectors[1].iov_len, 20'000u);
    buffer.consume(8 + 19'999);
    EXPECT_FALSE(value->is_sole_owner());
    EXPECT_EQ(read_front(buffer), "v\r\n");
    buffer.consume(1);
    EXPECT_TRUE(value->is_sole_owner());
    EXPECT_EQ(read_front(buffer), "\r\n");
    EXPECT_EQ(buffer.footprint(), ChunkPool::kChunkBytes);
}

TEST(OutputBuffer, gather_keeps_to_both_its_limits) {
    ChunkPool pool;
    OutputBuffer buffer(pool);
    buffer.append_reference(make_value("aaaa"));
    buffer.append_reference(make_value("bbbb"));
    buffer.append_reference(make_value("cccc"));
    std::array<iovec, 2> two;
    EXPECT_EQ(buffer.gather(two, SIZE_MAX), 2u);
    EXPECT_EQ(read_front(buffer, 6), "aaaabb");
    EXPECT_EQ(read_front(buffer, 0), "");
    EXPECT_EQ(buffer.gather({}, 10), 0u);
}

TEST(OutputBuffer, reserve_gives_contiguous_room_up_to_its_limit) {
    ChunkPool pool;
    OutputBuffer buffer(pool);
    buffer.append("x");
    char* room = buffer.reserve(OutputBuffer::kReserveBytesMax);
    std::memset(room, 'y', OutputBuffer::kReserveBytesMax);
    buffer.commit(OutputBuffer::kReserveBytesMax);
    EXPECT_EQ(buffer.size(), 1 + OutputBuffer::kReserveBytesMax);
    EXPECT_EQ(read_front(buffer), "x" + std::string(OutputBuffer::kReserveBytesMax, 'y'));
    EXPECT_DEATH(buffer.reserve(OutputBuffer::kReserveBytesMax + 1), "check failed");
}

TEST(OutputBuffer, a_mark_survives_what_is_consumed_before_it) {
    ChunkPool pool;
    OutputBuffer buffer(pool);
    buffer.append("sent");
    const size_t mark = buffer.mark();
    buffer.append("dropped");
    buffer.append_reference(make_value("dropped too"));
    buffer.consume(4);
    buffer.truncate(mark);
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.footprint(), 0u);
    buffer.append("next");
    EXPECT_EQ(read_front(buffer), "next");
    EXPECT_EQ(buffer.mark(), 8u);
    EXPECT_DEATH(buffer.truncate(3), "check failed");
    EXPECT_DEATH(buffer.truncate(9), "check failed");
}

TEST(OutputBuffer, splice_moves_long_content_and_copies_short) {
    ChunkPool pool;
    OutputBuffer target(pool);
    OutputBuffer source(pool);
    target.append("head ");
    source.append("short ");
    target.splice(source);
    EXPECT_TRUE(source.empty());
    EXPECT_EQ(target.footprint(), ChunkPool::kChunkBytes);
    const std::string long_text(40'000, 'l');
    source.append(long_text);
    target.splice(source);
    target.splice(source);  // empty: nothing
    target.append("tail");
    EXPECT_EQ(read_front(target), "head short " + long_text + "tail");
    EXPECT_EQ(source.footprint(), 0u);
    source.append("still usable");
    EXPECT_EQ(read_front(source), "still usable");
}

TEST(OutputBuffer, the_pool_gives_back_what_lies_unused) {
    const int64_t before = used(Purpose::clients);
    ChunkPool pool;
    std::vector<char*> chunks(10);
    for (char*& chunk : chunks) chunk = pool.take();
    for (char* chunk : chunks) pool.give(chunk);
    // All of them were in use since the last time.
    pool.trim();
    EXPECT_EQ(pool.free_count(), 10u);
    // Now no more than three at once.
    for (int round = 0; round < 5; ++round) {
        for (size_t index = 0; index < 3; ++index) chunks[index] = pool.take();
        for (size_t index = 0; index < 3; ++index) pool.give(chunks[index]);
    }
    pool.trim();
    EXPECT_EQ(pool.free_count(), 3u);
    EXPECT_LT(used(Purpose::clients) - before, int64_t{4 * ChunkPool::kChunkBytes});
    pool.trim();
    EXPECT_EQ(pool.free_count(), 0u);
    EXPECT_EQ(used(Purpose::clients), before);
}

TEST(OutputBuffer, the_pool_keeps_a_bounded_number_of_chunks) {
    const int64_t before = used(Purpose::clients);
    {
        ChunkPool pool;
        std::vector<char*> chunks;
        for (size_t count = 0; count < ChunkPool::kFreeChunksMax + 10; ++count) {
            chunks.push_back(pool.take());
            std::memset(chunks.back(), 'c', ChunkPool::kChunkBytes);
        }
        for (char* chunk : chunks) pool.give(chunk);
        EXPECT_EQ(pool.free_count(), ChunkPool::kFreeChunksMax);
        EXPECT_EQ(pool.take(), chunks[ChunkPool::kFreeChunksMax - 1]);  // last given, still warm
        pool.give(chunks[ChunkPool::kFreeChunksMax - 1]);
    }
    EXPECT_EQ(used(Purpose::clients), before);
}

/// One buffer beside its model. Marks are positions in the stream, as the buffer's are.
class Pair {
public:
    explicit Pair(ChunkPool& pool) : buffer_(pool) {}

    void append(const std::string& text) {
        buffer_.append(text);
        model_ += text;
    }
    void append_reserved(const std::string& text) {
        std::memcpy(buffer_.reserve(text.size()), text.data(), text.size());
        buffer_.commit(text.size());
        model_ += text;
    }
    void append_reference(const std::string& text) {
        buffer_.append_reference(make_value(text));
        model_ += text;
    }
    void consume(size_t bytes) {
        buffer_.consume(bytes);
        model_.erase(0, bytes);
        consumed_ += bytes;
    }
    void truncate(size_t mark) {
        buffer_.truncate(mark);
        model_.resize(mark - consumed_);
    }
    void splice(Pair& other) {
        buffer_.splice(other.buffer_);
        other.consumed_ += other.model_.size();
        model_ += std::exchange(other.model_, {});
    }
    size_t size() const { return model_.size(); }
    size_t consumed() const { return consumed_; }
    OutputBuffer& buffer() { return buffer_; }

    void compare() {
        ASSERT_EQ(buffer_.size(), model_.size());
        ASSERT_EQ(buffer_.mark(), consumed_ + model_.size());
        ASSERT_EQ(buffer_.empty(), buffer_.footprint() == 0);
        ASSERT_GE(buffer_.footprint() + 1, model_.empty() ? 1 : ChunkPool::kChunkBytes);
        ASSERT_EQ(read_all(buffer_), model_);
    }

private:
    OutputBuffer buffer_;
    std::string model_;
    size_t consumed_ = 0;
};

class Driver {
public:
    Driver(ChunkPool& pool, uint64_t seed) : random_(seed), pair_(pool), aside_(pool) {}

    void step() {
        const size_t choice = random_.below(100);
        if (choice < 35) return target().append(text(random_.below(4) == 0 ? 40'000 : 60));
        if (choice < 45) return target().append_reserved(text(OutputBuffer::kReserveBytesMax));
        if (choice < 60) return target().append_reference(text(30'000));
        if (choice < 85) return consume();
        if (choice < 93) return truncate();
        if (choice < 98) return pair_.splice(aside_);
        pair_.consume(pair_.size());
    }
    void compare() {
        pair_.compare();
        aside_.compare();
    }

private:
    Pair& target() { return random_.below(3) == 0 ? aside_ : pair_; }
    std::string text(size_t bytes_max) {
        std::string made(random_.below(bytes_max + 1), ' ');
        const uint64_t start = random_.next();
        for (size_t index = 0; index < made.size(); ++index) {
            made[index] = static_cast<char>(start + index * 7 + (index >> 8));
        }
        return made;
    }
    void consume() {
        std::array<iovec, 8> vectors;
        const size_t count = pair_.buffer().gather(vectors, 1 + random_.below(60'000));
        size_t bytes = 0;
        for (size_t index = 0; index < count; ++index) bytes += vectors[index].iov_len;
        pair_.consume(random_.below(2) == 0 ? bytes : random_.below(bytes + 1));
    }
    void truncate() {
        Pair& chosen = target();
        const size_t kept = random_.below(chosen.size() + 1);
        chosen.truncate(chosen.consumed() + kept);
    }

    Random random_;
    Pair pair_;
    Pair aside_;
};

TEST(OutputBuffer, behaves_like_a_string_under_random_operations) {
    SCOPED_TRACE(seed_note());
    const int64_t clients_before = used(Purpose::clients);
    const int64_t values_before = used(Purpose::keyspace);
    for (uint64_t round = 0; round < 20; ++round) {
        ChunkPool pool;
        Driver driver(pool, test_seed() + round);
        for (int step = 0; step < 150; ++step) {
            driver.step();
            driver.compare();
            if (HasFatalFailure()) FAIL() << "round " << round << " step " << step;
        }
    }
    EXPECT_EQ(used(Purpose::clients), clients_before);
    EXPECT_EQ(used(Purpose::keyspace), values_before);
    EXPECT_EQ(used_total(), obtained());
}

}  // namespace
}  // namespace gyre::base
