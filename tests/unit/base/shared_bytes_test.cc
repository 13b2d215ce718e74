// SPDX-License-Identifier: BSD-3-Clause

#include "base/shared_bytes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace gyre::base {
namespace {

TEST(SharedBytes, the_last_reference_frees_and_uncounts) {
    const int64_t before = used(Purpose::keyspace);
    {
        auto first = SharedBytesRef::adopt(SharedBytes::create(1000, Purpose::keyspace));
        EXPECT_EQ(first->size(), 0u);
        EXPECT_EQ(first->capacity(), 1000u);
        EXPECT_EQ(used(Purpose::keyspace) - before, static_cast<int64_t>(first->footprint()));
        EXPECT_TRUE(first->is_sole_owner());
        const SharedBytesRef second = first;
        EXPECT_FALSE(first->is_sole_owner());
        first = SharedBytesRef();
        EXPECT_FALSE(first);
        EXPECT_TRUE(second->is_sole_owner());
        EXPECT_GT(used(Purpose::keyspace), before);
    }
    EXPECT_EQ(used(Purpose::keyspace), before);
}

TEST(SharedBytes, holds_what_is_written_to_its_whole_capacity) {
    auto bytes = SharedBytesRef::adopt(SharedBytes::create(5, Purpose::clients));
    std::memcpy(bytes->data(), "hello", 5);
    bytes->set_size(5);
    EXPECT_EQ(bytes->view(), "hello");
    bytes->set_size(4);
    EXPECT_EQ(bytes->view(), "hell");
}

TEST(SharedBytes, a_resized_block_keeps_its_bytes_and_its_count) {
    const int64_t before = used(Purpose::keyspace);
    SharedBytes* block = SharedBytes::create(10, Purpose::keyspace);
    std::memcpy(block->data(), "0123456789", 10);
    block->set_size(10);
    // Within the allocator's small blocks, beyond them, mapped, and back.
    for (const size_t capacity : {20UL, 5'000UL, 300'000UL, 50'000'000UL, 60'000'000UL, 10UL}) {
        block = SharedBytes::resize(block, capacity);
        EXPECT_EQ(block->capacity(), capacity);
        EXPECT_EQ(block->view(), "0123456789");
        EXPECT_TRUE(block->is_sole_owner());
        EXPECT_EQ(used(Purpose::keyspace) - before, static_cast<int64_t>(block->footprint()));
        EXPECT_EQ(used_total(), obtained());
    }
    block->release();
    EXPECT_EQ(used(Purpose::keyspace), before);
}

TEST(SharedBytes, change_purpose_moves_the_count) {
    const int64_t clients = used(Purpose::clients);
    const int64_t keyspace = used(Purpose::keyspace);
    {
        auto bytes = SharedBytesRef::adopt(SharedBytes::create(100, Purpose::clients));
        bytes->change_purpose(Purpose::keyspace);
        EXPECT_EQ(used(Purpose::clients), clients);
        EXPECT_EQ(used(Purpose::keyspace) - keyspace, static_cast<int64_t>(bytes->footprint()));
        bytes->change_purpose(Purpose::keyspace);
        EXPECT_EQ(used(Purpose::keyspace) - keyspace, static_cast<int64_t>(bytes->footprint()));
    }
    EXPECT_EQ(used(Purpose::keyspace), keyspace);
    EXPECT_EQ(used_total(), obtained());
}

TEST(SharedBytes, references_move_share_and_detach) {
    SharedBytes* block = SharedBytes::create(10, Purpose::clients);
    SharedBytesRef first = SharedBytesRef::adopt(block);
    SharedBytesRef second = SharedBytesRef::share(block);
    SharedBytesRef third(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(third.get(), block);
    EXPECT_FALSE(block->is_sole_owner());
    EXPECT_EQ(second.detach(), block);
    block->release();
    EXPECT_TRUE(block->is_sole_owner());
}

TEST(SharedBytes, threads_may_drop_their_references_at_once) {
    const int64_t before = used(Purpose::keyspace);
    for (int round = 0; round < 200; ++round) {
        auto bytes = SharedBytesRef::adopt(SharedBytes::create(64, Purpose::keyspace));
        std::thread other([copy = bytes]() mutable { copy = SharedBytesRef(); });
        bytes = SharedBytesRef();
        other.join();
    }
    EXPECT_EQ(used(Purpose::keyspace), before);
}

}  // namespace
}  // namespace gyre::base
