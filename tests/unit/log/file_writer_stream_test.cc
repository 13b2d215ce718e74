// SPDX-License-Identifier: BSD-3-Clause
//
// Of the log's thread: a log that streams goes past the page cache. The simulated disk refuses what
// is not aligned, and what would leave a hole behind a crash. Faults and losses of power have
// their place in file_writer_test.cc, where half of the lives stream.

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "simulated_log.h"

namespace gyre::log {
namespace {

constexpr int64_t kSlowPauseUs = 20'000;

/// A life whose log streams from the third group of 9,000 bytes on.
struct Streaming {
    explicit Streaming(uint64_t seed = 11, uint64_t log_bytes = 200'000)
        : world(seed), room(log_bytes / 10 * 9) {
        FileWriter::Limits limits;
        limits.stream = {.alone = {9000, 10'000, 9000},
                         .streaming = {9000, 90'000, 9000},
                         .groups_min = 3,
                         .groups_max = 4,
                         .gap_us_max = 10'000'000,
                         .direct_us_max = 20'000,
                         .slow_pause_us_min = kSlowPauseUs,
                         .slow_pause_us_max = 64 * kSlowPauseUs,
                         .quick_min = 4};
        limits.direct_bytes_min = Disk::kPageBytes;
        life.emplace(world, 0, FileWriter::Start{}, is_open, limits, log_bytes);
        life->log.sync_mode = SyncMode::every_second;
    }
    /// One such group. There is room for some of them until the next sync, which comes in a second.
    void group() {
        if (life->log.tail() - life->log.released() > room) sync();
        const uint64_t groups = figures().groups;
        append(9);
        const auto is_written = [&] {
            return figures().groups > groups && life->writer->missing_bytes() == 0;
        };
        ASSERT_TRUE(world.run_until(is_written, 10'000'000));
    }
    void append(int records, size_t value_bytes = 1000) {
        for (int i = 0; i < records; ++i) {
            const std::string number = std::to_string(life->next_number++);
            const std::string value(value_bytes, 'v');
            const std::string_view words[] = {"SET", number, value};
            std::string text;
            log::append(text, CommandEffect{words});
            life->log.appender(0).reserve(text.size());
            life->log.appender(0).write(EncodedEffects{text});
        }
        life->log.kick();
    }
    /// At once, without the second that it takes otherwise.
    void sync() {
        life->log.sync_mode = SyncMode::always;
        life->ring.wake();
        const auto is_durable = [&] { return life->log.durable() == life->log.tail(); };
        ASSERT_TRUE(world.run_until(is_durable, 10'000'000));
        life->log.sync_mode = SyncMode::every_second;
    }
    void groups(int count) {
        for (int i = 0; i < count; ++i) group();
    }
    const WriterFigures& figures() const { return life->writer->figures(); }

    void pass(int64_t us) {
        world.run_until([] { return false; }, us);
    }

    World world;
    uint64_t room;
    bool is_open = false;
    std::optional<Life> life;
};

class FileWriterStream : public FileWriterSim {
protected:
    /// Also after a loss of power, and nothing went wrong before that.
    static void expect_all_is_there(Streaming& one) {
        one.sync();
        one.world.disk().crash();
        EXPECT_EQ(one.figures().failures, 0U);
        check(load(one.world.disk()), one.life->next_number, one.life->next_number);
    }
};

TEST_F(FileWriterStream, AStreamGoesPastThePageCache) {
    Streaming one;
    one.groups(2);
    EXPECT_EQ(one.figures().direct_bytes, 0U) << "it is none yet";
    one.groups(50);
    const uint64_t direct_bytes = one.figures().direct_bytes;
    EXPECT_GT(direct_bytes, one.figures().bytes / 2);
    EXPECT_LE(direct_bytes, one.figures().bytes);
    EXPECT_GE(one.world.disk().direct_bytes, direct_bytes) << "some bytes go twice";
    // Who does not want it does without, from the next group on.
    one.life->log.writes_directly = false;
    one.groups(10);
    EXPECT_EQ(one.figures().direct_bytes, direct_bytes);
    one.life->log.writes_directly = true;
    one.groups(20);
    EXPECT_GT(one.figures().direct_bytes, direct_bytes);
    expect_all_is_there(one);
}

TEST_F(FileWriterStream, AFileSystemWithoutDirectWritesIsAskedOnce) {
    for (const bool refuses_early : {true, false}) {
        Streaming one;
        one.world.disk().is_never_direct = refuses_early;
        one.world.disk().is_never_written_directly = true;
        one.groups(30);
        EXPECT_EQ(one.figures().direct_bytes, 0U);
        // It is the file that is never asked again.
        one.world.disk().is_never_direct = one.world.disk().is_never_written_directly = false;
        one.groups(30);
        EXPECT_EQ(one.figures().direct_bytes, 0U);
        expect_all_is_there(one);
    }
}

/// Who gets nothing for it does not gather for longer.
TEST_F(FileWriterStream, OnlyWhatGoesPastThePageCacheIsGatheredForLonger) {
    const auto is_written_soon = [](Streaming& one) {
        one.groups(6);
        const uint64_t bytes = one.figures().bytes;
        one.append(1);
        one.pass(15'000);
        return one.figures().bytes > bytes;
    };
    Streaming direct;
    EXPECT_FALSE(is_written_soon(direct));
    direct.pass(90'000);
    EXPECT_EQ(direct.life->writer->missing_bytes(), 0U);
    Streaming refused;
    refused.world.disk().is_never_written_directly = true;
    EXPECT_TRUE(is_written_soon(refused));
    Streaming unwanted;
    unwanted.life->log.writes_directly = false;
    EXPECT_TRUE(is_written_soon(unwanted));
    Streaming unsynced;
    unsynced.life->log.sync_mode = SyncMode::never;
    EXPECT_TRUE(is_written_soon(unsynced));
}

/// Where only direct writes fail no write of a client is refused.
TEST_F(FileWriterStream, AFailureIsTriedAgainThroughThePageCache) {
    Streaming one;
    one.world.disk().direct_failure = EIO;
    one.groups(50);
    EXPECT_EQ(one.figures().direct_bytes, 0U);
    EXPECT_EQ(one.life->log.admission(), Admission::open);
    one.world.disk().direct_failure = 0;
    one.groups(10);
    EXPECT_GT(one.figures().direct_bytes, 0U) << "this one may pass";
    expect_all_is_there(one);
}

/// What the disk has not taken is lost with the process: the page cache takes it at once.
TEST_F(FileWriterStream, ASlowDiskIsLeftToThePageCache) {
    Streaming one;
    one.groups(10);
    EXPECT_EQ(one.figures().slow_directs, 0U);
    const uint64_t direct_bytes = one.figures().direct_bytes;
    one.world.disk().faults.slow = 1000;
    one.world.disk().faults.slow_us = 80'000;
    while (one.figures().slow_directs == 0) one.group();
    const uint64_t slow_bytes = one.figures().direct_bytes;
    EXPECT_GT(slow_bytes, direct_bytes);
    // As long as it is slow it is tried less and less.
    const int64_t start_us = one.world.now_us();
    while (one.world.now_us() - start_us < 8 * kSlowPauseUs) one.group();
    EXPECT_GE(one.figures().slow_directs, 2U);
    EXPECT_LE(one.figures().slow_directs, 4U);
    one.world.disk().faults.slow = 0;
    const int64_t quick_us = one.world.now_us();
    while (one.world.now_us() - quick_us < 16 * kSlowPauseUs) one.group();
    EXPECT_GT(one.figures().direct_bytes, slow_bytes) << "it streams again";
    expect_all_is_there(one);
}

/// More than one write takes, from a place in the middle of a page.
TEST_F(FileWriterStream, ARecordOfManySegmentsTakesSeveralDirectWrites) {
    Streaming one(11, 64 * Segments::kSegmentBytes);
    one.groups(5);
    const uint64_t direct_bytes = one.figures().direct_bytes;
    const uint64_t writes = one.figures().groups;
    one.append(1, 40 * Segments::kSegmentBytes);
    const auto is_written = [&] { return one.life->writer->missing_bytes() == 0; };
    ASSERT_TRUE(one.world.run_until(is_written, 10'000'000));
    EXPECT_GT(one.figures().direct_bytes, direct_bytes + 39 * Segments::kSegmentBytes);
    EXPECT_GE(one.figures().groups, writes + 3);
    one.groups(5);
    expect_all_is_there(one);
}

/// A direct write may begin with bytes that a sync is about to cover, and then to give up: their
/// memory is used for what comes next while the disk still reads it.
TEST_F(FileWriterStream, ASyncTakesNoMemoryFromADirectWrite) {
    uint64_t direct_bytes = 0;
    for (uint64_t seed = 0; seed < 200; ++seed) {
        SCOPED_TRACE(seed);
        Streaming one(seed, 16 * Segments::kSegmentBytes);
        const int64_t began_us = one.world.now_us();
        one.life->log.writes_directly = false;
        while (one.figures().bytes < 3 * Segments::kSegmentBytes / 2) one.group();
        ASSERT_LT(one.life->log.released(), Segments::kSegmentBytes);
        DiskFaults& faults = one.world.disk().faults;
        faults.slow_us = 100'000;
        const auto is_syncing = [&] { return one.figures().is_syncing.load(); };
        if (seed % 2 == 0) {
            faults.slow = 1000;
            ASSERT_TRUE(one.world.run_until(is_syncing, 2'000'000));
            one.pass(1);  // it is with the disk
            faults.slow = 0;
        } else {
            one.pass(began_us + FileWriter::kSyncIntervalUs - 5000 - one.world.now_us());
        }
        one.life->log.writes_directly = true;
        one.groups(2);
        faults.slow = 1000;
        const uint64_t syncs = one.figures().syncs;
        const uint64_t enters = one.life->ring.counters().enters;
        one.append(9);
        ASSERT_TRUE(one.world.run_until([&] { return one.figures().syncs > syncs; }, 3'000'000));
        EXPECT_LT(one.life->ring.counters().enters - enters, 20U) << "it sleeps meanwhile";
        one.append(1000);  // a new segment
        direct_bytes += one.figures().direct_bytes;
        expect_all_is_there(one);
        if (HasFailure()) return;
    }
    EXPECT_GT(direct_bytes, Segments::kSegmentBytes);
}

/// What `never` has written and not synced is in memory no more, so it cannot go once more.
TEST_F(FileWriterStream, AStreamThatBeginsBehindNeverWaitsForASync) {
    Streaming one;
    one.life->log.sync_mode = SyncMode::never;
    one.groups(300);
    EXPECT_EQ(one.figures().direct_bytes, 0U);
    const uint64_t bytes = one.figures().bytes;
    EXPECT_GT(bytes, 2 * Segments::kSegmentBytes);
    EXPECT_LT(bytes, FileWriter::Limits().again_bytes_max) << "or that would be the reason";
    one.life->log.sync_mode = SyncMode::every_second;
    one.groups(30);
    EXPECT_GT(one.figures().direct_bytes, 0U);
    expect_all_is_there(one);
}

/// Each line with the time moves the log against the pages of the file.
TEST_F(FileWriterStream, AStreamWithTheTimeInItIsAlignedAgain) {
    Streaming one;
    one.life->log.writes_clock = true;
    one.groups(3);
    for (int i = 0; i < 5; ++i) {
        one.pass(1'000'000);
        const uint64_t direct_bytes = one.figures().direct_bytes;
        one.group();
        EXPECT_EQ(one.figures().direct_bytes, direct_bytes) << "it begins with a line";
        one.group();
        EXPECT_EQ(one.figures().direct_bytes, direct_bytes) << "which is not on the disk";
        one.sync();
        one.groups(2);
        EXPECT_GT(one.figures().direct_bytes, direct_bytes + 10'000);
    }
    const std::string content =
        one.world.disk().content(one.life->directory.path_of("appendonly.aof.1.incr.aof"));
    size_t clocks = 0;
    for (size_t at = 0; (at = content.find("#TS:", at)) != content.npos; ++at) ++clocks;
    EXPECT_GE(clocks, 5U);
    expect_all_is_there(one);
}

}  // namespace
}  // namespace gyre::log
