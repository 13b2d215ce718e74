// SPDX-License-Identifier: BSD-3-Clause
//
// The directory of a log on a simulated disk: who may have it, what is found in it, and which names
// new files get.

#include "log/aof_directory.h"

#include <gtest/gtest.h>

#include <string>

#include "base/log.h"
#include "base/random.h"
#include "ring/sim/disk.h"

namespace gyre::log {
namespace {

const std::string kDirectory = "appendonlydir";

class AofDirectoryTest : public ::testing::Test {
protected:
    void SetUp() override { base::set_level(base::Level::nothing); }

    base::Random random_{1};
    ring::sim::Disk disk_{random_};
};

TEST_F(AofDirectoryTest, IsOpenedByOneAtATime) {
    AofDirectory other(disk_, kDirectory, AofNames{});
    {
        AofDirectory first(disk_, kDirectory, AofNames{});
        ASSERT_TRUE(first.open());
        EXPECT_TRUE(first.open()) << "again, by the same";
        const auto refused = other.open();
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().message,
                  "Another server has appendonlydir locked, and two would write over each other's "
                  "log: stop that one, or give this one a directory of its own (dir or "
                  "appenddirname)");
    }
    ASSERT_TRUE(other.open());
    AofDirectory third(disk_, kDirectory, AofNames{});
    EXPECT_FALSE(third.open());
    disk_.crash();
    EXPECT_TRUE(third.open());
}

}  // namespace
}  // namespace gyre::log
