// SPDX-License-Identifier: BSD-3-Clause
//
// The directory of a log on a simulated disk: who may have it, what is found in it, and which names
// new files get.

#include "log/aof_directory.h"

#include <gtest/gtest.h>

#include <memory>
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

    void write(const std::string& name, const std::string& text) {
        ASSERT_TRUE(disk_.make_directory(kDirectory));
        ASSERT_TRUE(disk_.write_whole(kDirectory + "/" + name, text));
    }
    std::string content(const std::string& name) const {
        return disk_.content(kDirectory + "/" + name);
    }
    /// Why the directory cannot be opened; empty: it can.
    std::string refusal() {
        AofDirectory directory(disk_, kDirectory, AofNames{});
        const auto opened = directory.open();
        return opened ? "" : opened.error().message;
    }

    std::unique_ptr<AofDirectory> opened() {
        auto directory = std::make_unique<AofDirectory>(disk_, kDirectory, AofNames{});
        EXPECT_TRUE(directory->open());
        return directory;
    }

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

TEST_F(AofDirectoryTest, DataWithoutAManifestIsNotTakenForNoData) {
    for (const char* name : {"appendonly.aof.1.incr.aof", "appendonly.aof.7.base.rdb",
                             "appendonly.aof.1.base.aof", "appendonly.aof"}) {
        write(name, "data");
        EXPECT_EQ(refusal(),
                  "appendonlydir/appendonly.aof.manifest is missing, and appendonlydir/" +
                      std::string(name) +
                      " has 4 bytes of a log: restore the manifest, or move the directory away to "
                      "start without data");
        EXPECT_EQ(content(name), "data");
        ASSERT_TRUE(disk_.remove(kDirectory + "/" + name));
    }
}

/// What a crash or somebody else may leave there is no log.
TEST_F(AofDirectoryTest, LeftoversWithoutAManifestAreNoData) {
    write("temp-appendonly.aof.base", "half a base");
    write("temp-appendonly.aof.manifest", "file app");
    write("other.aof.1.incr.aof", "data");
    write("notes", "text");
    write("appendonly.aof.1.incr.aof", "");
    const auto directory = opened();
    EXPECT_TRUE(directory->manifest().load_order().empty());
    // The first start that was interrupted before its manifest goes on.
    const auto made = directory->create_increment();
    ASSERT_TRUE(made);
    EXPECT_EQ(made->path, "appendonlydir/appendonly.aof.1.incr.aof");
}

/// The first manifest is there before the first file with something in it.
TEST_F(AofDirectoryTest, ABeginningThatIsInterruptedCanBegin) {
    {
        const auto directory = opened();
        const auto made = directory->create_increment();
        ASSERT_TRUE(made);
        write("appendonly.aof.1.incr.aof", "what is in no manifest");
        write("temp", "a base");
        ASSERT_TRUE(directory->place_base(kDirectory + "/temp", made->next, BaseFormat::rdb, 1));
    }
    const auto directory = opened();
    EXPECT_TRUE(directory->manifest().load_order().empty());
}

TEST_F(AofDirectoryTest, NeverTouchesWhatItHasNotMade) {
    write("appendonly.aof.manifest", "file appendonly.aof.1.incr.aof seq 1 type i\n");
    write("appendonly.aof.1.incr.aof", "first");
    write("appendonly.aof.2.incr.aof", "another's");
    write("appendonly.aof.1.base.rdb", "another's");
    const auto directory = opened();
    for (int attempt = 0; attempt < 3; ++attempt) {
        // What it has made itself, and could not make known, it may make again.
        const auto made = directory->create_increment();
        ASSERT_TRUE(made);
        EXPECT_EQ(made->path, "appendonlydir/appendonly.aof.3.incr.aof");
        EXPECT_EQ(content("appendonly.aof.3.incr.aof"), "");
        write("appendonly.aof.3.incr.aof", "effects");
        write("temp", "a base");
        const auto next =
            directory->place_base(kDirectory + "/temp", made->next, BaseFormat::rdb, 3);
        ASSERT_TRUE(next);
        EXPECT_EQ(next->base->name, "appendonly.aof.2.base.rdb");
        EXPECT_EQ(content("appendonly.aof.2.base.rdb"), "a base");
        if (attempt < 2) continue;
        ASSERT_TRUE(directory->commit(*next));
    }
    write("temp", "the next");
    ASSERT_TRUE(directory->replace_all(kDirectory + "/temp", BaseFormat::rdb, false));
    EXPECT_EQ(content("appendonly.aof.manifest"), "file appendonly.aof.3.base.rdb seq 3 type b\n");
    EXPECT_EQ(content("appendonly.aof.3.base.rdb"), "the next");
    EXPECT_EQ(content("appendonly.aof.1.base.rdb"), "another's");
    EXPECT_EQ(content("appendonly.aof.2.incr.aof"), "another's");
}

/// The manifest is in its place and its sync fails: a crash may leave it or the one before it. The
/// base of the next attempt is of a later moment, and must not come to be loaded by that manifest.
TEST_F(AofDirectoryTest, ABaseThatMayBeNamedIsNotReplaced) {
    int found = 0;
    for (uint64_t seed = 0; seed < 200; ++seed) {
        base::Random random(seed);
        ring::sim::Disk disk(random);
        AofDirectory directory(disk, kDirectory, AofNames{});
        ASSERT_TRUE(directory.open());
        const auto made = directory.create_increment();
        ASSERT_TRUE(made);
        ASSERT_TRUE(directory.commit(made->next));
        ASSERT_TRUE(disk.write_whole(kDirectory + "/temp", "the base"));
        const auto next =
            directory.place_base(kDirectory + "/temp", made->next, BaseFormat::rdb, 1);
        ASSERT_TRUE(next);
        disk.faults.call_failure = 500;
        const bool is_done = directory.commit(*next).has_value();
        disk.faults.call_failure = 0;
        const std::string manifest = disk.content(kDirectory + "/appendonly.aof.manifest");
        if (is_done || manifest != next->format()) continue;
        ++found;
        ASSERT_TRUE(disk.write_whole(kDirectory + "/temp", "a later one"));
        const auto later =
            directory.place_base(kDirectory + "/temp", made->next, BaseFormat::rdb, 1);
        ASSERT_TRUE(later);
        EXPECT_NE(later->base->name, next->base->name);
        EXPECT_EQ(disk.content(directory.path_of(next->base->name)), "the base");
    }
    EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace gyre::log
