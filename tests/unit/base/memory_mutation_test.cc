// SPDX-License-Identifier: BSD-3-Clause

// Goal: a forgotten delta shows. memory.cc is compiled into this test with the fault planted, and
// the comparison that all checkers rest on must see it.

#define GYRE_MUTATION_SKIP_MEMORY_DELTA
#include "base/memory.cc"  // NOLINT: instead of the one in the library

#include <gtest/gtest.h>

namespace gyre::base {
namespace {

TEST(MemoryMutation, a_forgotten_delta_breaks_the_equality_of_the_sums) {
    EXPECT_EQ(used_total(), obtained());
    const int64_t before = used(Purpose::keyspace);
    for (int count = 0; count < 999; ++count) {
        release(Purpose::keyspace, allocate(Purpose::keyspace, 64));
    }
    EXPECT_EQ(used_total(), obtained());
    release(Purpose::keyspace, allocate(Purpose::keyspace, 64));
    EXPECT_GE(used_total() - obtained(), 64);
    EXPECT_EQ(used(Purpose::keyspace) - before, used_total() - obtained());
}

}  // namespace
}  // namespace gyre::base
