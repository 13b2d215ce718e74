// SPDX-License-Identifier: BSD-3-Clause
#include "server/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gyre::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Report, durations_are_for_people) {
    EXPECT_EQ(duration_in_words(-5), "0 seconds");
    EXPECT_EQ(duration_in_words(1999), "1 second");
    EXPECT_EQ(duration_in_words(59'999), "59 seconds");
    EXPECT_EQ(duration_in_words(60'000), "00:01:00");
    EXPECT_EQ(duration_in_words(86'399'000), "23:59:59");
    EXPECT_EQ(duration_in_words(86'400'000), "1 day 00:00:00");
    EXPECT_EQ(duration_in_words(12 * 86'400'000LL + 3'723'000), "12 days 01:02:03");
}

TEST(Report, durability_says_what_a_crash_costs) {
    EXPECT_THAT(durability_in_words(log::SyncMode::always, "", "dump.rdb"),
                HasSubstr("before it is answered"));
    EXPECT_THAT(durability_in_words(log::SyncMode::every_second, "", "dump.rdb"),
                HasSubstr("about the last second"));
    EXPECT_THAT(durability_in_words(log::SyncMode::never, "", "dump.rdb"),
                HasSubstr("appendfsync no"));
    EXPECT_EQ(durability_in_words(std::nullopt, "3600 1 60 10000", "dump.rdb"),
              "snapshots to dump.rdb after 3600 s with 1 write or 60 s with 10000 writes; a crash "
              "costs what came after the last one (appendonly no)");
    EXPECT_THAT(durability_in_words(std::nullopt, "", "dump.rdb"), HasSubstr("none"));
}

EndFigures some_figures() {
    return {.uptime_ms = 61'000,
            .commands = 1,
            .clients = 2,
            .keys = 0,
            .log_directory = "logs",
            .snapshot_file = "dump.rdb"};
}

TEST(Report, the_end_of_a_server_that_only_read) {
    EXPECT_THAT(end_in_words(some_figures()),
                ElementsAre("Served 1 command of 2 connections in 00:01:01; 0 keys at the end",
                            "Nothing was changed, so nothing was saved"));
}

TEST(Report, the_end_says_what_was_saved) {
    EndFigures end = some_figures();
    end.has_saved = true;
    EXPECT_EQ(end_in_words(end)[1], "Saved: dump.rdb has every write");
    end.unsaved_changes = 1;
    end.since_save_ms = 5000;
    EXPECT_EQ(end_in_words(end)[1], "Saved: dump.rdb, 5 seconds ago; lost since then: 1 write");
    end.has_saved = false;
    end.unsaved_changes = 3;
    EXPECT_EQ(end_in_words(end)[1], "Nothing was saved; lost: 3 writes");
    end.has_log = true;
    end.missing_log_bytes = 17;
    EXPECT_EQ(end_in_words(end)[1],
              "The log in logs lacks the last writes: 17 bytes did not reach the disk");
    end.is_log_complete = true;
    EXPECT_EQ(end_in_words(end)[1], "Saved: the log in logs has every write");
}

TEST(Report, the_end_tells_of_lost_lines) {
    EndFigures end = some_figures();
    end.lost_lines = 9;
    EXPECT_EQ(end_in_words(end).at(2), "Of the logs 9 lines did not fit or could not be written");
}

}  // namespace
}  // namespace gyre::server
