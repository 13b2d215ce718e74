// SPDX-License-Identifier: BSD-3-Clause
//
// The log's thread on a simulated disk: over thousands of seeds with writes that are torn, short or
// refused, syncs that fail and drop what they should have written, full disks and moved
// directories, power is lost at a random moment. What is then found in the directory must be the
// beginning of what was logged, each effect once, and at least as far as the log called durable.

#include "log/file_writer.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/group_head.h"
#include "simulated_log.h"
#include "support/seed.h"

namespace gyre::log {
namespace {

TEST_F(FileWriterSim, LosesNothingThatIsDurable) {
    uint64_t durable_total = 0;
    uint64_t recoveries = 0;
    uint64_t rewrites = 0;
    uint64_t checked_groups = 0;
    uint64_t torn_endings = 0;
    uint64_t uncached_bytes = 0;
    uint64_t direct_bytes = 0;
    for (uint64_t seed = test_seed(); seed < test_seed() + 3000; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        World world(seed);
        base::Random choices(seed * 7 + 1);
        Disk& disk = world.disk();
        uint64_t durable = 0;
        uint64_t logged = 0;
        FileWriter::Start start;
        Ending ending = Ending::any;
        for (int lives = 0; lives < 3; ++lives) {
            disk.faults = DiskFaults::swarm(choices);
            bool is_open = false;
            disk.is_never_direct = choices.below(8) == 0;
            disk.is_never_written_directly = choices.below(8) == 0;
            const bool is_large = choices.below(3) == 0;
            const uint64_t log_bytes = is_large ? 200'000 : 20'000;
            auto life = std::make_unique<Life>(world, logged, start, is_open, limits_of(choices),
                                               log_bytes);
            if (is_open) {
                if (is_large) life->value_bytes = 6000;
                life->log.sync_mode = mode_of(choices);
                life->log.writes_clock = choices.below(2) == 0;
                life->log.preallocates = choices.below(3) != 0;
                if (choices.below(2) == 0) life->be_crowded();
                live(*life, static_cast<int64_t>(choices.below(3000)), true);
                durable = logged + life->durable_count();
                logged = life->next_number;
                recoveries += life->writer->figures().recoveries;
                rewrites += life->rewrites;
                checked_groups += life->writer->figures().checked_groups;
                const bool has_filling = life->writer->figures().filling_bytes > 0;
                ending = has_filling ? Ending::torn : Ending::any;
                torn_endings += has_filling ? 1 : 0;
            }
            life.reset();
            heal(disk);
            disk.crash();
            const Loaded loaded = load(disk, ending);
            ending = Ending::any;
            check(loaded, durable, logged);
            if (HasFatalFailure() || HasNonfatalFailure()) return;
            durable_total += durable;
            // The next life goes on where the file ends: what was lost is no part of history.
            logged = durable = loaded.numbers.size();
            start = loaded.start;
        }
        uncached_bytes += disk.uncached_bytes;
        direct_bytes += disk.direct_bytes;
    }
    // The test must have had something to lose, and to recover from.
    EXPECT_GT(durable_total, 100'000U);
    EXPECT_GT(recoveries, 1000U);
    EXPECT_GT(rewrites, 1000U);
    EXPECT_GT(checked_groups, 50'000U);
    EXPECT_GT(torn_endings, 300U);
    EXPECT_GT(uncached_bytes, 10'000 * Disk::kPageBytes) << "while there are faults";
    EXPECT_GT(direct_bytes, 1000 * Disk::kPageBytes);
}

TEST_F(FileWriterSim, GoesOnByItselfOnceTheDiskIsWell) {
    for (uint64_t seed = test_seed(); seed < test_seed() + 500; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        World world(seed);
        base::Random choices(seed);
        bool is_open = false;
        std::optional<Life> owned(std::in_place, world, 0, FileWriter::Start{}, is_open);
        ASSERT_TRUE(is_open);
        Life& life = *owned;
        life.log.sync_mode = mode_of(choices);
        life.log.preallocates = choices.below(3) != 0;
        if (choices.below(2) == 0) life.be_crowded();
        world.disk().faults = DiskFaults::swarm(choices);
        live(life, 2000, false);
        heal(world.disk());
        for (size_t index = 0; index < 2; ++index) life.complete(index);
        ASSERT_TRUE(world.run_until(
            [&] {
                return life.log.durable() == life.log.tail() &&
                       life.log.admission() == Admission::open;
            },
            60'000'000));
        EXPECT_EQ(life.log.released(), life.log.tail());
        // And what is there is everything.
        const uint64_t logged = life.next_number;
        owned.reset();
        world.disk().crash();
        check(load(world.disk()), logged, logged);
        if (HasFailure()) return;
    }
}

/// One write after the other, each on the disk before the next.
void write_one_by_one(Life& life, int count, const std::string& value = "v") {
    for (int i = 0; i < count; ++i) {
        const std::string number = std::to_string(life.next_number++);
        const std::string_view words[] = {"SET", number, value};
        std::string text;
        append(text, CommandEffect{words});
        life.log.appender(0).reserve(text.size());
        life.log.appender(0).write(EncodedEffects{text});
        life.log.kick();
        const auto is_durable = [&] { return life.log.durable() == life.log.tail(); };
        ASSERT_TRUE(life.world.run_until(is_durable, 10'000'000));
    }
}

/// A life whose small groups go over filling.
struct OverFilling {
    OverFilling() {
        life.emplace(world, 0, FileWriter::Start{}, is_open);
        life->log.sync_mode = SyncMode::always;
        life->log.preallocates = true;
        path = life->directory.path_of("appendonly.aof.1.incr.aof");
    }
    const WriterFigures& figures() const { return life->writer->figures(); }
    std::string content() const { return world.disk().content(path); }

    mutable World world{5};
    bool is_open = false;
    std::optional<Life> life;
    std::string path;
};

TEST_F(FileWriterSim, SmallGroupsGoOverFilling) {
    OverFilling one;
    const WriterFigures& figures = one.figures();
    write_one_by_one(*one.life, FileWriter::kSmallGroupsMin - 1);
    EXPECT_EQ(figures.checked_groups, 0U);
    EXPECT_EQ(one.content().size(), figures.file_bytes);
    write_one_by_one(*one.life, 1);
    EXPECT_EQ(figures.checked_groups, 1U);
    EXPECT_EQ(one.content().size(), figures.file_bytes) << "brought behind one that is checked";
    write_one_by_one(*one.life, 99);
    EXPECT_EQ(figures.checked_groups, 100U);
    EXPECT_EQ(one.content().size(), figures.file_bytes + figures.filling_bytes);
    EXPECT_GT(figures.filling_bytes, kFillingBytes / 2);
    // It ends when nobody wants it any more.
    one.life->log.preallocates = false;
    write_one_by_one(*one.life, 1);
    EXPECT_EQ(figures.checked_groups, 100U);
    EXPECT_EQ(figures.filling_bytes, 0U);
    EXPECT_EQ(one.content().size(), figures.file_bytes);
    one.life->log.preallocates = true;
    write_one_by_one(*one.life, 2);
    EXPECT_GT(figures.filling_bytes, 0U);
    // And with the server.
    const uint64_t bytes = figures.file_bytes;
    EXPECT_EQ(figures.failures, 0U);
    const uint64_t logged = one.life->next_number;
    one.life.reset();
    EXPECT_EQ(one.content().size(), bytes);
    one.world.disk().crash();
    check(load(one.world.disk()), logged, logged);
}

/// A record that may hold a page of it is written behind a file that ends where the log does. Where
/// that happens again and again, more small groups have to come before there is filling.
TEST_F(FileWriterSim, LargeGroupsBetweenSmallOnesTakeNoFilling) {
    OverFilling one;
    const WriterFigures& figures = one.figures();
    for (int small = FileWriter::kSmallGroupsMin; small <= 64; small *= 2) {
        SCOPED_TRACE(small);
        const uint64_t before = figures.checked_groups;
        write_one_by_one(*one.life, small + 1);
        EXPECT_EQ(figures.checked_groups, before + 2);
        EXPECT_GT(figures.filling_bytes, 0U);
        write_one_by_one(*one.life, 1, std::string(Log::kLargeRecordBytes, 'v'));
        EXPECT_EQ(figures.checked_groups, before + 2);
        EXPECT_EQ(figures.filling_bytes, 0U);
        EXPECT_EQ(one.content().size(), figures.file_bytes);
    }
    // Once all of it was wanted, there is more soon.
    write_one_by_one(*one.life, 128 + 2 * kFillingBytes / 512, std::string(512, 'v'));
    EXPECT_GT(figures.filling_bytes, 0U);
    write_one_by_one(*one.life, 1, std::string(Log::kLargeRecordBytes, 'v'));
    const uint64_t before = figures.checked_groups;
    write_one_by_one(*one.life, 2 * FileWriter::kSmallGroupsMin);
    EXPECT_GT(figures.checked_groups, before);
    EXPECT_EQ(figures.failures, 0U);
    one.world.disk().crash();
    check(load(one.world.disk()), one.life->next_number, one.life->next_number);
}

/// A disk that has no place for filling may have some for what is written; and one may write what
/// fits, or nothing.
TEST_F(FileWriterSim, AFullDiskTakesNoFilling) {
    for (const uint64_t room : {0, 1, 500, 4096, 100'000}) {
        for (const bool fits_whole : {false, true}) {
            SCOPED_TRACE(room);
            OverFilling one;
            const WriterFigures& figures = one.figures();
            write_one_by_one(*one.life, FileWriter::kSmallGroupsMin);
            const std::string manifest =
                one.life->directory.path_of(one.life->directory.names().manifest());
            Disk& disk = one.world.disk();
            const uint64_t used = figures.file_bytes + disk.content(manifest).size();
            const uint64_t bytes = figures.bytes;
            // The group alone, with its head.
            disk.bytes_max = used + 100 + room;
            disk.fits_whole = fits_whole;
            write_one_by_one(*one.life, 1);
            EXPECT_EQ(figures.checked_groups, 2U);
            EXPECT_EQ(figures.bytes - bytes,
                      figures.file_bytes + disk.content(manifest).size() - used);
            disk.bytes_max = used + 100'000'000;
            // Not tried again with each group.
            write_one_by_one(*one.life, 20);
            EXPECT_EQ(figures.checked_groups, 2U);
            EXPECT_EQ(figures.filling_bytes, 0U);
            EXPECT_EQ(figures.failures, 0U);
            const uint64_t logged = one.life->next_number;
            one.life.reset();
            disk.crash();
            check(load(disk), logged, logged);
        }
    }
}

/// A start behind a crash cuts off what it left, and says that what it goes on behind was there.
TEST_F(FileWriterSim, AStartCutsFillingThatWasLeft) {
    OverFilling one;
    write_one_by_one(*one.life, 100);
    const uint64_t logged = one.life->next_number;
    const uint64_t bytes = one.figures().file_bytes;
    const std::string left = one.content();
    one.life.reset();
    ASSERT_TRUE(one.world.disk().write_whole(one.path, left));
    const Loaded loaded = load(one.world.disk());
    check(loaded, logged, logged);
    EXPECT_EQ(loaded.start.file_bytes, bytes);
    EXPECT_GT(one.content().size(), bytes);
    one.life.emplace(one.world, logged, loaded.start, one.is_open);
    one.life->log.sync_mode = SyncMode::always;
    EXPECT_EQ(one.content().size(), bytes);
    write_one_by_one(*one.life, 1);
    const std::string mark = to_string(GroupHead{.offset = bytes});
    EXPECT_EQ(one.content().substr(bytes, mark.size()), mark);
}

/// A sync that takes more than its second is waited for, not asked after again and again.
TEST_F(FileWriterSim, SleepsWhileASyncTakesLong) {
    World world(11);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    world.disk().faults.slow = 1000;
    world.disk().faults.slow_us = 30'000'000;
    int turns = 0;
    const auto is_durable = [&] {
        ++turns;
        return life.log.durable() == life.log.tail();
    };
    ASSERT_TRUE(world.run_until(is_durable, 100'000'000));
    EXPECT_GT(life.writer->figures().longest_sync_us, 1'500'000U);
    EXPECT_LT(turns, 1000);
}

/// How old the oldest effect is that a crash would take, however long the disk stands still.
TEST_F(FileWriterSim, TellsSinceWhenNotAllIsOnTheDisk) {
    World world(12);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    const auto& since_us = life.writer->figures().unsynced_since_us;
    const auto is_durable = [&] { return life.log.durable() == life.log.tail(); };
    const auto write = [&] {
        life.write_one();
        for (size_t index = 0; index < 2; ++index) life.complete(index);
    };
    EXPECT_EQ(since_us, 0);
    world.disk().faults.slow = 1000;
    world.disk().faults.slow_us = 30'000'000;
    write();
    const int64_t began_us = world.now_us();
    ASSERT_TRUE(world.run_until([&] { return since_us != 0; }, 1'000'000));
    const int64_t first_us = since_us;
    EXPECT_GE(first_us, began_us);
    EXPECT_LE(first_us, world.now_us());
    // What follows is younger, and is what is left when the first has come to the disk.
    int64_t second_us = 0;
    const auto moves = [&] {
        if (second_us == 0 && world.now_us() > first_us + 100'000) {
            write();
            second_us = world.now_us();
        }
        return since_us != first_us;
    };
    ASSERT_TRUE(world.run_until(moves, 200'000'000));
    EXPECT_TRUE(since_us > first_us || is_durable());
    ASSERT_TRUE(world.run_until([&] { return is_durable() && since_us == 0; }, 200'000'000));
}

/// However often it is tried again.
TEST_F(FileWriterSim, TellsSinceWhenSyncsFail) {
    World world(12);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    const auto& since_us = life.writer->figures().unsynced_since_us;
    world.disk().faults.sync_failure = 1000;
    life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    const int64_t began_us = world.now_us();
    const auto has_failed = [&] { return life.writer->figures().failures >= 5; };
    ASSERT_TRUE(world.run_until(has_failed, 60'000'000));
    EXPECT_GE(since_us, began_us);
    EXPECT_LT(since_us, began_us + 100'000);
    EXPECT_GT(world.now_us(), began_us + 1'000'000);
    world.disk().faults.sync_failure = 0;
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 60'000'000));
    EXPECT_EQ(since_us, 0);
}

/// What ends a row of checked groups says that all before it is on the disk: so it is, also where
/// it would have had its sync a second later.
TEST_F(FileWriterSim, AMarkComesBehindASync) {
    OverFilling one;
    write_one_by_one(*one.life, FileWriter::kSmallGroupsMin);
    Life& life = *one.life;
    const WriterFigures& figures = one.figures();
    Disk& disk = one.world.disk();
    // Without place for its filling the next group is written once more, and synced afterwards.
    const uint64_t groups = figures.groups;
    const uint64_t syncs = figures.syncs;
    const uint64_t bytes = figures.file_bytes;
    disk.bytes_max = bytes + 1000;
    disk.fits_whole = true;
    life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    ASSERT_TRUE(one.world.run_until([&] { return figures.groups == groups + 2; }, 1'000'000));
    life.log.sync_mode = SyncMode::every_second;
    ASSERT_TRUE(one.world.run_until([&] { return figures.file_bytes > bytes; }, 1'000'000));
    ASSERT_EQ(figures.syncs, syncs);
    const uint64_t end = figures.file_bytes;
    disk.bytes_max = UINT64_MAX;
    life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    ASSERT_TRUE(one.world.run_until([&] { return figures.file_bytes > end; }, 500'000));
    EXPECT_EQ(figures.syncs, syncs + 1);
    const std::string mark = to_string(GroupHead{.offset = end});
    EXPECT_EQ(one.content().substr(end, mark.size()), mark);
    EXPECT_EQ(figures.failures, 0U);
}

// The simulated disk refuses to let go of what is not on it.
TEST_F(FileWriterSim, WhatIsOnTheDiskLeavesThePageCache) {
    constexpr uint64_t kPiece = FileWriter::kReclaimBytes;
    for (const SyncMode mode : {SyncMode::always, SyncMode::every_second}) {
        World world(9);
        bool is_open = false;
        std::optional<Life> life(std::in_place, world, 0, FileWriter::Start{}, is_open);
        ASSERT_TRUE(is_open);
        const WriterFigures& figures = life->writer->figures();
        life->log.sync_mode = mode;
        const std::string value(100'000, 'v');
        write_one_by_one(*life, 9, value);
        EXPECT_EQ(figures.reclaimed_bytes, 0U) << "not yet a whole piece";
        write_one_by_one(*life, 26, value);
        EXPECT_EQ(figures.reclaimed_bytes, figures.file_bytes / kPiece * kPiece);
        EXPECT_EQ(figures.reclaimed_bytes, 3 * kPiece);
        EXPECT_GE(world.disk().uncached_bytes, 3 * kPiece);
        EXPECT_LE(world.disk().uncached_bytes, 6 * kPiece) << "each at most twice";
        life->log.reclaims_page_cache = false;
        write_one_by_one(*life, 20, value);
        EXPECT_EQ(figures.reclaimed_bytes, 3 * kPiece);
        life->log.reclaims_page_cache = true;
        write_one_by_one(*life, 1, value);
        EXPECT_EQ(figures.reclaimed_bytes, 5 * kPiece) << "all of it";
        // A start goes on behind what is there, whoever has read that.
        const uint64_t logged = life->next_number;
        const uint64_t file_bytes = figures.file_bytes;
        life.reset();
        FileWriter::Start start;
        start.file_bytes = file_bytes;
        const uint64_t before = world.disk().uncached_bytes;
        life.emplace(world, logged, start, is_open);
        ASSERT_TRUE(is_open);
        life->log.sync_mode = mode;
        write_one_by_one(*life, 11, value);
        EXPECT_EQ(life->writer->figures().reclaimed_bytes, kPiece);
        EXPECT_LE(world.disk().uncached_bytes - before, 2 * kPiece);
    }
}

TEST_F(FileWriterSim, SyncsOneGroupWhileTheNextGathers) {
    World world(7);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    world.disk().faults.slow = 1000;
    world.disk().faults.slow_us = 10'000;
    for (int i = 0; i < 500; ++i) {
        for (int record = 0; record < 4; ++record) life.write_one();
        world.step();
    }
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    EXPECT_GT(life.next_number, 500U);
    EXPECT_LT(life.writer->figures().syncs, life.next_number / 4);
    EXPECT_EQ(life.writer->figures().failures, 0U);
}

/// A sync that comes with a write is of that write alone.
TEST_F(FileWriterSim, SyncsWhatWasWrittenBeforeItSyncedAlways) {
    World world(17);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    const auto write_whole = [&](int count) {
        for (int i = 0; i < count; ++i) life.write_one();
        for (size_t index = 0; index < 2; ++index) life.complete(index);
    };
    const WriterFigures& figures = life.writer->figures();
    // The first second is over with the first sync.
    write_whole(50);
    ASSERT_TRUE(world.run_until([&] { return figures.syncs == 1; }, 10'000'000));
    write_whole(50);
    const uint64_t groups = figures.groups;
    ASSERT_TRUE(world.run_until([&] { return figures.groups > groups && life.writer->is_idle(); },
                                500'000));
    ASSERT_EQ(figures.syncs, 1U);
    ASSERT_LT(life.log.durable(), life.log.tail());
    life.log.sync_mode = SyncMode::always;
    write_whole(50);
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 500'000));
    world.disk().crash();
    check(load(world.disk()), life.next_number, life.next_number);
}

/// Its parts are written one after the other, and none but the last could be synced with its write.
TEST_F(FileWriterSim, SyncsAllOfARecordThatTakesSeveralWrites) {
    World world(31);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    const std::string value(2 * FileWriter::kGroupBytesMax + 12'345, 'v');
    const std::string_view words[] = {"SET", "0", value};
    std::string text;
    append(text, CommandEffect{words});
    life.log.appender(0).reserve(text.size());
    life.log.appender(0).write(EncodedEffects{text});
    life.log.kick();
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    EXPECT_EQ(life.writer->figures().groups, 2U);
    EXPECT_EQ(life.writer->figures().syncs, 1U);
    EXPECT_EQ(life.log.admission(), Admission::open);
    world.disk().crash();
    check(load(world.disk()), 1, 1);
}

/// One who died left bytes in the file that were never synced: they are there for who starts next,
/// and what that writes lies behind them.
TEST_F(FileWriterSim, SyncsWhatTheOneBeforeItLeft) {
    World world(23);
    uint64_t left = 0;
    {
        bool is_open = false;
        Life life(world, 0, FileWriter::Start{}, is_open);
        const WriterFigures& figures = life.writer->figures();
        const auto write_whole = [&] {
            for (int i = 0; i < 50; ++i) life.write_one();
            for (size_t index = 0; index < 2; ++index) life.complete(index);
        };
        write_whole();
        ASSERT_TRUE(world.run_until([&] { return figures.syncs == 1; }, 10'000'000));
        write_whole();
        const auto is_written = [&] { return life.writer->missing_bytes() == 0; };
        ASSERT_TRUE(world.run_until(is_written, 500'000));
        ASSERT_LT(life.log.durable(), life.log.tail());
        left = life.next_number;
    }
    goes_on_behind(world, left);
}

/// And not only in the last of the files.
TEST_F(FileWriterSim, SyncsEveryFileThatWasLeft) {
    World world(43);
    uint64_t left = 0;
    {
        bool is_open = false;
        Life life(world, 0, FileWriter::Start{}, is_open);
        for (int i = 0; i < 50; ++i) life.write_one();
        for (size_t index = 0; index < 2; ++index) life.complete(index);
        ASSERT_TRUE(world.run_until([&] { return life.writer->missing_bytes() == 0; }, 500'000));
        ASSERT_EQ(life.log.durable(), 0U);
        const auto next = life.directory.create_increment();
        ASSERT_TRUE(next);
        ASSERT_TRUE(life.directory.commit(next->next));
        world.disk().close(next->file);
        left = life.next_number;
    }
    goes_on_behind(world, left);
}

/// Writers who wait for nothing, and a log that has something unsynced when it is to sync always.
TEST_F(FileWriterSim, SyncsHoweverMuchIsWrittenMeanwhile) {
    World world(29);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    const WriterFigures& figures = life.writer->figures();
    for (int i = 0; i < 20; ++i) life.write_one();
    ASSERT_TRUE(world.run_until([&] { return figures.syncs == 1; }, 10'000'000));
    for (int i = 0; i < 20; ++i) life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    const auto is_written = [&] { return life.writer->missing_bytes() == 0; };
    ASSERT_TRUE(world.run_until(is_written, 500'000));
    ASSERT_LT(life.log.durable(), life.log.tail());
    life.log.sync_mode = SyncMode::always;
    const uint64_t groups = figures.groups;
    for (int step = 0; step < 10'000 && figures.syncs == 1; ++step) {
        for (int i = 0; i < 4; ++i) life.write_one();
        for (size_t index = 0; index < 2; ++index) life.complete(index);
        world.step();
    }
    EXPECT_EQ(figures.syncs, 2U);
    EXPECT_LE(figures.groups, groups + 1);
}

/// Two halves of the clients become one.
TEST_F(FileWriterSim, WaitsForThoseWhoseWritesAreOnTheDisk) {
    World world(19);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    world.disk().faults.slow = 1000;
    world.disk().faults.slow_us = 400;
    const auto is_durable = [&] { return life.log.durable() == life.log.tail(); };
    // Each client writes again as soon as it is answered, one half of them while the other's is
    // brought to the disk.
    constexpr uint64_t kClients = 40;
    std::vector<Position> waiting(kClients);
    uint64_t answered = 0;
    for (int64_t turn = 0; turn < 20'000; ++turn) {
        for (uint64_t client = 0; client < kClients; ++client) {
            if (waiting[client] > life.log.durable()) continue;
            if (turn < 5 && client >= kClients / 2) continue;
            answered += waiting[client] > 0 ? 1 : 0;
            life.write_one();
            for (size_t index = 0; index < 2; ++index) life.complete(index);
            waiting[client] = life.log.tail();
        }
        world.step();
    }
    ASSERT_TRUE(world.run_until(is_durable, 10'000'000));
    ASSERT_GT(answered, 10'000U);
    EXPECT_GT(answered / life.writer->figures().syncs, kClients * 3 / 4);
    EXPECT_GT(life.writer->figures().held_groups, 0U);
}

/// Where others need the processor there are fewer groups, and none is forgotten.
TEST_F(FileWriterSim, BeginsGroupsLaterBesideACrowd) {
    constexpr int64_t kDelayUs = 5000;
    constexpr int kGroups = 200;
    const auto took_us = [](bool is_crowded, uint64_t& delayed) {
        World world(23);
        bool is_open = false;
        Life life(world, 0, FileWriter::Start{}, is_open);
        life.log.sync_mode = SyncMode::always;
        life.log.commit_delay_us = kDelayUs;
        world.disk().faults.slow = 1000;
        world.disk().faults.slow_us = 20'000;
        if (is_crowded) life.be_crowded();
        const int64_t began_us = world.now_us();
        for (int group = 0; group < kGroups; ++group) {
            life.write_one();
            for (size_t index = 0; index < 2; ++index) life.complete(index);
            const auto is_durable = [&] { return life.log.durable() == life.log.tail(); };
            EXPECT_TRUE(world.run_until(is_durable, 1'000'000));
            // The next comes long before four syncs have passed.
            world.disk().faults.slow_us = 2000;
        }
        delayed = life.writer->figures().delayed_groups;
        return world.now_us() - began_us;
    };
    uint64_t delayed = 0;
    const int64_t alone_us = took_us(false, delayed);
    EXPECT_EQ(delayed, 0U);
    const int64_t beside_us = took_us(true, delayed);
    EXPECT_GT(delayed, uint64_t{kGroups} / 2);
    EXPECT_GT(beside_us, 2 * alone_us);
    EXPECT_LT(beside_us, kGroups * (kDelayUs + 2000) + 100'000);
}

TEST_F(FileWriterSim, RefusesWhileTheDiskIsFull) {
    World world(11);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    world.disk().bytes_max = 1000;
    ASSERT_TRUE(world.run_until(
        [&] {
            life.write_one();
            return life.log.admission() == Admission::failing;
        },
        10'000'000));
    EXPECT_EQ(life.log.failure(), "Cannot write " +
                                      life.directory.path_of("appendonly.aof.1.incr.aof") +
                                      ": No space left on device");
    EXPECT_LT(life.log.durable(), life.log.tail());
    world.disk().bytes_max = UINT64_MAX;
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    EXPECT_EQ(life.log.admission(), Admission::open);
    EXPECT_EQ(life.directory.manifest().increments.size(), 1U);
}

TEST_F(FileWriterSim, TrustsOnlyANewFileAfterAFailedSync) {
    World world(13);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    life.write_one();
    life.complete(0);
    life.complete(1);
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    const Position before = life.log.durable();
    world.disk().faults.sync_failure = 1000;
    life.write_one();
    life.complete(0);
    life.complete(1);
    ASSERT_TRUE(
        world.run_until([&] { return life.log.admission() == Admission::failing; }, 10'000'000));
    EXPECT_EQ(life.log.durable(), before);
    world.disk().faults.sync_failure = 0;
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    EXPECT_EQ(life.directory.manifest().increments.size(), 2U);
    world.disk().crash();
    check(load(world.disk()), 2, 2);
}

/// Whoever starts after a crash is not told of the failure.
TEST_F(FileWriterSim, CutsWhatItDoesNotTrustAtOnce) {
    World world(47);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    for (int i = 0; i < 50; ++i) life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    world.disk().faults.sync_failure = 1000;
    ASSERT_TRUE(
        world.run_until([&] { return life.log.admission() == Admission::failing; }, 10'000'000));
    const int64_t failed_us = life.ring.monotonic_us();
    const std::string path = life.directory.path_of("appendonly.aof.1.incr.aof");
    ASSERT_TRUE(world.run_until([&] { return world.disk().content(path).empty(); }, 10'000'000));
    EXPECT_LT(life.ring.monotonic_us() - failed_us, FileWriter::kRetryUsMin);
    EXPECT_EQ(life.writer->missing_bytes(), life.log.tail());
    world.disk().faults.sync_failure = 0;
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    world.disk().crash();
    check(load(world.disk()), life.next_number, life.next_number);
}

/// `never` gives up memory before anything is synced: what a sync then loses is in no log.
TEST_F(FileWriterSim, IsCuredByARewriteWhenASyncLosesWhatMemoryHasNoMore) {
    World world(53);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::never;
    for (int i = 0; i < 50; ++i) life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    ASSERT_TRUE(
        world.run_until([&] { return life.log.released() == life.log.tail(); }, 10'000'000));
    world.disk().faults.sync_failure = 1000;
    life.log.sync_mode = SyncMode::always;
    life.write_one();
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    ASSERT_TRUE(
        world.run_until([&] { return life.log.admission() == Admission::failing; }, 10'000'000));
    world.disk().faults.sync_failure = 0;
    const auto& needs_base = life.writer->figures().needs_base;
    ASSERT_TRUE(world.run_until([&] { return needs_base.load(); }, 10'000'000));
    EXPECT_EQ(life.log.durable(), 0U);
    EXPECT_EQ(life.log.admission(), Admission::failing);
    life.rewrite_some();
    life.rewrite_some();
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    EXPECT_EQ(life.log.admission(), Admission::open);
    EXPECT_FALSE(needs_base);
    EXPECT_EQ(life.rewrites, 1U);
    world.disk().crash();
    check(load(world.disk()), life.next_number, life.next_number);
}

TEST_F(FileWriterSim, WaitsForADirectoryThatWasMovedAway) {
    World world(17);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    world.disk().move_away(kDirectory, "elsewhere");
    ASSERT_TRUE(
        world.run_until([&] { return life.log.admission() == Admission::failing; }, 10'000'000));
    EXPECT_NE(life.log.failure().find("has been moved or removed"), std::string::npos);
    world.disk().move_away("elsewhere", kDirectory);
    ASSERT_TRUE(
        world.run_until([&] { return life.log.admission() == Admission::open; }, 10'000'000));
}

/// Somebody who removes a file cannot put it back: the data is in memory, and a base of it will do.
TEST_F(FileWriterSim, IsCuredByARewriteWhenItsFileHasGone) {
    for (const SyncMode mode : {SyncMode::always, SyncMode::every_second, SyncMode::never}) {
        World world(31);
        bool is_open = false;
        Life life(world, 0, FileWriter::Start{}, is_open);
        life.log.sync_mode = mode;
        for (int i = 0; i < 20; ++i) life.write_one();
        life.complete(0);
        life.complete(1);
        Disk& disk = world.disk();
        ASSERT_TRUE(disk.remove(life.directory.path_of("appendonly.aof.1.incr.aof")));
        const auto& needs_base = life.writer->figures().needs_base;
        ASSERT_TRUE(world.run_until([&] { return life.log.admission() == Admission::failing; },
                                    10'000'000));
        EXPECT_FALSE(needs_base) << "it may be put back";
        ASSERT_TRUE(world.run_until([&] { return needs_base.load(); }, 10'000'000));
        life.rewrite_some();
        life.rewrite_some();
        ASSERT_TRUE(world.run_until([&] { return life.rewrites == 1; }, 10'000'000));
        ASSERT_TRUE(
            world.run_until([&] { return life.log.admission() == Admission::open; }, 10'000'000));
        EXPECT_FALSE(needs_base);
        EXPECT_EQ(life.log.durable(), life.log.tail());
        const uint64_t cured = life.next_number;
        for (int i = 0; i < 20; ++i) life.write_one();
        life.complete(0);
        life.complete(1);
        EXPECT_GT(life.next_number, cured);
        life.writer->finish();
        life.ring.wake();
        ASSERT_TRUE(world.run_until([&] { return life.writer->is_drained(); }, 10'000'000));
        EXPECT_EQ(life.directory.manifest().format(),
                  "file appendonly.aof.1.base.rdb seq 1 type b\n"
                  "file appendonly.aof.2.incr.aof seq 2 type i\n");
        disk.crash();
        check(load(disk), life.next_number, life.next_number);
    }
}

TEST_F(FileWriterSim, IsCuredByARewriteWhenItsFileCannotGrow) {
    World world(37);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    Disk& disk = world.disk();
    disk.faults.write_failure = 1000;
    ASSERT_TRUE(world.run_until(
        [&] {
            life.write_one();
            return life.log.admission() == Admission::failing;
        },
        10'000'000));
    life.complete(0);
    life.complete(1);
    EXPECT_LT(life.log.durable(), life.log.tail());
    life.rewrite_some();
    disk.faults.write_failure = 0;
    life.rewrite_some();
    ASSERT_TRUE(world.run_until([&] { return life.rewrites == 1; }, 10'000'000));
    ASSERT_TRUE(
        world.run_until([&] { return life.log.admission() == Admission::open; }, 10'000'000));
    EXPECT_EQ(life.log.durable(), life.log.tail());
    EXPECT_EQ(life.directory.manifest().increments.front().name, "appendonly.aof.2.incr.aof");
    disk.crash();
    check(load(disk), life.next_number, life.next_number);
}

/// The base is there, but the manifest that would name it cannot be written for a while.
TEST_F(FileWriterSim, IsCuredOrAsItWasWheneverThePowerFails) {
    uint64_t cures = 0;
    for (uint64_t seed = test_seed(); seed < test_seed() + 500; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        World world(seed);
        base::Random choices(seed);
        bool is_open = false;
        auto life = std::make_unique<Life>(world, 0, FileWriter::Start{}, is_open);
        life->log.sync_mode = mode_of(choices);
        Disk& disk = world.disk();
        for (uint64_t step = choices.below(200); step > 0; --step) {
            life->write_one();
            world.step();
        }
        disk.faults.sync_failure = 1000;
        world.run_until(
            [&] {
                life->write_one();
                return life->log.admission() == Admission::failing;
            },
            10'000'000);
        life->complete(0);
        life->complete(1);
        const uint64_t durable = life->durable_count();
        life->rewrite_some();
        for (uint64_t step = choices.below(20); step > 0; --step) world.step();
        disk.faults = DiskFaults::swarm(choices);
        disk.faults.sync_failure = choices.below(3) == 0 ? 0 : 500;
        life->rewrite_some();
        for (uint64_t step = choices.below(400); step > 0; --step) {
            if (choices.below(3) == 0) life->write_one();
            world.step();
        }
        const uint64_t acknowledged = std::max(durable, life->durable_count());
        const uint64_t logged = life->next_number;
        cures += life->rewrites;
        life.reset();
        heal(disk);
        disk.crash();
        check(load(disk), acknowledged, logged);
        if (HasFailure()) return;
    }
    EXPECT_GT(cures, 50U);
}

TEST_F(FileWriterSim, WritesAManifestAgainThatHasGone) {
    World world(41);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::always;
    life.write_one();
    life.complete(0);
    life.complete(1);
    const std::string manifest = life.directory.path_of("appendonly.aof.manifest");
    ASSERT_TRUE(world.disk().remove(manifest));
    ASSERT_TRUE(world.run_until([&] { return world.disk().exists(manifest); }, 10'000'000));
    EXPECT_EQ(life.log.admission(), Admission::open);
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    world.disk().crash();
    check(load(world.disk()), life.next_number, life.next_number);
}

TEST_F(FileWriterSim, BeginsANewFileWhereASnapshotWasTaken) {
    World world(23);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    for (int i = 0; i < 20; ++i) life.write_one();
    life.complete(0);
    life.complete(1);
    life.rewrite_some();
    const uint64_t before = life.next_number;
    for (int i = 0; i < 20; ++i) life.write_one();
    life.complete(0);
    life.complete(1);
    ASSERT_TRUE(world.run_until([&] { return life.log.durable() == life.log.tail(); }, 10'000'000));
    EXPECT_EQ(life.directory.manifest().increments.size(), 2U);
    life.rewrite_some();
    ASSERT_TRUE(world.run_until([&] { return life.rewrites == 1; }, 10'000'000));
    const AofManifest& manifest = life.directory.manifest();
    EXPECT_EQ(manifest.format(),
              "file appendonly.aof.1.base.rdb seq 1 type b\n"
              "file appendonly.aof.2.incr.aof seq 2 type i\n");
    EXPECT_FALSE(world.disk().exists(life.directory.path_of("appendonly.aof.1.incr.aof")));
    EXPECT_GT(before, 0U);
    world.disk().crash();
    check(load(world.disk()), life.next_number, life.next_number);
}

TEST_F(FileWriterSim, BeginsAndEndsWhileThereIsData) {
    uint64_t kept = 0;
    uint64_t ends = 0;
    for (uint64_t seed = test_seed(); seed < test_seed() + 1500; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        World world(seed);
        base::Random choices(seed * 5 + 3);
        Disk& disk = world.disk();
        if (choices.below(3) != 0) disk.faults = DiskFaults::swarm(choices);
        bool is_open = false;
        auto life = std::make_unique<Life>(world, 0, std::nullopt, is_open);
        if (!is_open) continue;
        life->log.sync_mode = mode_of(choices);
        Switched switched(*life);
        for (uint64_t step = choices.below(4000); step > 0; --step) {
            if (choices.below(3) == 0) life->write_one();
            switched.some();
            if (choices.below(800) == 0) disk.bytes_max = choices.below(30'000);
            if (choices.below(200) == 0) disk.bytes_max = UINT64_MAX;
            world.step();
        }
        const uint64_t logged = life->next_number;
        life.reset();
        heal(disk);
        disk.crash();
        check(load(disk), switched.kept, logged);
        if (HasFatalFailure() || HasNonfatalFailure()) return;
        kept += switched.kept;
        ends += switched.ends;
    }
    EXPECT_GT(kept, 50'000U);
    EXPECT_GT(ends, 1000U);
}

/// A file whose log has not begun yet is named by no manifest; but there is one, so that a crash
/// does not leave what looks like a log that has lost it.
TEST_F(FileWriterSim, CountsOnlyWithItsFirstBase) {
    World world(29);
    bool is_open = false;
    Life life(world, 0, std::nullopt, is_open);
    ASSERT_TRUE(is_open);
    life.log.sync_mode = SyncMode::always;
    for (int i = 0; i < 20; ++i) life.write_one();
    life.complete(0);
    life.complete(1);
    ASSERT_TRUE(world.run_until([&] { return life.log.released() == life.log.tail(); }, 5'000'000));
    life.rewrite_some();
    const Position begin = life.log.tail();
    for (int i = 0; i < 20; ++i) life.write_one();
    life.complete(0);
    life.complete(1);
    ASSERT_TRUE(world.run_until([&] { return life.log.released() == life.log.tail(); }, 5'000'000));
    EXPECT_EQ(life.log.durable(), begin);
    EXPECT_EQ(world.disk().content(life.directory.path_of("appendonly.aof.manifest")),
              "# No file yet\n");
    life.rewrite_some();
    ASSERT_TRUE(world.run_until([&] { return life.rewrites == 1; }, 10'000'000));
    EXPECT_EQ(life.log.durable(), life.log.tail());
    world.disk().bytes_max = 0;
    life.write_one();
    life.complete(0);
    life.complete(1);
    ASSERT_TRUE(
        world.run_until([&] { return life.log.admission() == Admission::failing; }, 10'000'000));
    bool is_closed = false;
    life.writer->close(life.log.tail(), [&] { is_closed = true; });
    life.ring.wake();
    ASSERT_TRUE(world.run_until([&] { return is_closed; }, 10'000'000));
    // Who asked for no log is not held up by its disk.
    EXPECT_EQ(life.log.admission(), Admission::open);
    world.disk().crash();
    check(load(world.disk()), life.next_number - 1, life.next_number - 1);
}

TEST_F(FileWriterSim, EndsWithEverythingOnTheDisk) {
    World world(19);
    bool is_open = false;
    Life life(world, 0, FileWriter::Start{}, is_open);
    life.log.sync_mode = SyncMode::never;
    live(life, 300, false);
    heal(world.disk());
    for (size_t index = 0; index < 2; ++index) life.complete(index);
    life.writer->finish();
    life.ring.wake();
    ASSERT_TRUE(world.run_until([&] { return life.writer->is_drained(); }, 60'000'000));
    const uint64_t logged = life.next_number;
    world.disk().crash();
    check(load(world.disk()), logged, logged);
}

}  // namespace
}  // namespace gyre::log
