// SPDX-License-Identifier: BSD-3-Clause

// The dashboard as it is drawn, line by line.

#include "cli/watch_view.h"

#include <gtest/gtest.h>

#include <clocale>
#include <utility>

#include "cli/pretty.h"
#include "unit/cli/watch_samples.h"

namespace gyre::cli {
namespace {

using Groups = std::map<std::string, std::string, std::less<>>;

/// Widths are those of the terminals that people have.
const bool kHasLocale = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;

WatchHistory gyre_history(const std::string& more = "") {
    WatchHistory history(Groups{{"get", "string"}, {"hset", "hash"}});
    WatchSample first = sample_of(0, gyre_info(0));
    first.read_histogram(histogram_of("get", {}));
    history.add(std::move(first));
    WatchSample second = sample_of(1, gyre_info(10'000, more));
    second.time = "12:34:56";
    second.read_histogram(histogram_of("get", {{16, 9000}, {33, 9950}, {132, 10'000}}));
    history.add(std::move(second));
    return history;
}

WatchHistory redis_history() {
    WatchHistory history(Groups{});
    history.add(sample_of(0, redis_info(0)));
    history.add(sample_of(2, redis_info(50)));
    return history;
}

std::string draw(const WatchHistory& history, WatchView view) {
    if (view.address.empty()) view.address = "127.0.0.1:6379";
    std::string text;
    for (const std::string& line : draw_watch(history, view)) text += line + '\n';
    return text;
}

bool has(const std::string& text, std::string_view wanted) {
    return text.find(wanted) != std::string::npos;
}

TEST(WatchView, TellsAllThatAPlainFrameHasRoomFor) {
    ASSERT_TRUE(kHasLocale);
    EXPECT_EQ(draw(gyre_history(), {.has_keys = false}),
              "Gyre 0.1.0  127.0.0.1:6379  12:34:56  up 1 d 2 h  2 threads\n"
              "\n"
              "operations 15,000 /s  most 15,000  hits 75 %                                   █\n"
              "  string           10,000 /s  ████████████████████████████████\n"
              "  hash              5,000 /s  ████████████████\n"
              "\n"
              "latency    p50 ≤16 µs  p99 ≤33 µs  p99.9 ≤132 µs  mean 2.7 µs                  █\n"
              "  command               /s     mean      p50      p99    p99.9  since start\n"
              "  get               10,000   2.0 µs   1.0 µs   5.0 µs    12 µs\n"
              "  hset               5,000   4.0 µs\n"
              "\n"
              "memory     1.00M  peak 2.00M  resident 4.00M                                  ██\n"
              "  keys and values   768.00K    75 %  ████████████████████████\n"
              "  index             256.00K    25 %  ████████\n"
              "\n"
              "expiry     400 of 1,000 keys  due 7  late p99 8 ms                            ██\n"
              "           late p50 4 ms  late max 12 ms\n"
              "           expired 1,000 /s  evicted 0 /s\n"
              "\n"
              "clients    12  blocked 3  tracking 0                                           █\n"
              "           in 9.77M/s  out 19.53M/s\n");
}

TEST(WatchView, LeavesOutWhatTheServerDoesNotTell) {
    EXPECT_EQ(draw(redis_history(), {.has_keys = false}),
              "Redis 7.0.15  127.0.0.1:6379  up 5 s\n"
              "\n"
              "operations 25 /s  most 25                                                      █\n"
              "\n"
              "latency    mean 1.0 µs\n"
              "  command               /s     mean\n"
              "  get                   25   1.0 µs\n"
              "\n"
              "memory     1.00M  100 % of 1.00M                                              ██\n"
              "  start             512.00K    50 %  ████████████████\n"
              "  data set          256.00K    25 %  ████████\n"
              "  clients             1.76K   0.2 %  ▏\n"
              "\n"
              "expiry     2 of 4 keys\n"
              "           expired 0 /s\n"
              "\n"
              "clients    1  blocked 0\n");
}

TEST(WatchView, OneLookIsNoRate) {
    WatchHistory history(Groups{});
    history.add(sample_of(0, gyre_info(1000)));
    const std::string text = draw(history, {.rows = 24});
    EXPECT_TRUE(has(text, "operations measuring")) << text;
    EXPECT_TRUE(has(text, "latency    measuring")) << text;
    EXPECT_TRUE(has(text, "memory     1.00M")) << text;
}

TEST(WatchView, FitsEveryScreen) {
    ASSERT_TRUE(kHasLocale);
    const WatchHistory gyre = gyre_history("rdb_last_bgsave_status:err\r\nloading:1\r\n");
    const WatchHistory redis = redis_history();
    for (const WatchHistory* history : {&gyre, &redis}) {
        for (size_t columns = 1; columns <= 260; ++columns) {
            for (const size_t rows : {size_t{1}, size_t{11}, kWatchRowsMin, size_t{13}, size_t{23},
                                      size_t{24}, size_t{25}, size_t{60}}) {
                const auto lines = draw_watch(
                    *history, {.address = "127.0.0.1:6379", .columns = columns, .rows = rows});
                ASSERT_LE(lines.size(), rows) << columns << "x" << rows;
                for (const std::string& line : lines) {
                    ASSERT_LE(display_width(line), columns) << columns << "x" << rows << "\n"
                                                            << line;
                }
            }
        }
    }
}

TEST(WatchView, TheSmallestScreenHasWhatMattersMost) {
    const std::string text =
        draw(gyre_history(), {.columns = kWatchColumnsMin, .rows = kWatchRowsMin});
    EXPECT_EQ(text,
              "Gyre 0.1.0  127.0.0.1:6379  12:34:56\n"
              "operations 15,000 /s  hits 75 %        █\n"
              "  string           10,000 /s  ██████████\n"
              "latency    p99 ≤33 µs                  █\n"
              "  command           /s     mean      p99\n"
              "  get           10,000   2.0 µs   5.0 µs\n"
              "memory     1.00M  peak 2.00M          ██\n"
              "  keys and values   768.00K    75 %  ██▎\n"
              "expiry     due 7  late p99 8 ms       ██\n"
              "           400 of 1,000 keys\n"
              "clients    12  blocked 3               █\n"
              "q quit   p pause   r reset   every 1 s\n");
    EXPECT_EQ(draw(gyre_history(), {.columns = 39, .rows = 24}), "too small: 40x12 is the least\n");
    EXPECT_EQ(draw(gyre_history(), {.columns = 80, .rows = 11}), "too small: 40x12 is the least\n");
    EXPECT_EQ(draw(gyre_history(), {.columns = 9, .rows = 11}), "too small\n");
}

TEST(WatchView, AWideScreenHasTwoColumns) {
    const auto lines = draw_watch(gyre_history(), {.address = "a", .columns = 120, .rows = 24});
    ASSERT_EQ(lines.size(), 24U);
    EXPECT_TRUE(lines[2].starts_with("operations 15,000 /s")) << lines[2];
    EXPECT_TRUE(has(lines[2], "memory     1.00M")) << lines[2];
    EXPECT_EQ(lines[23], "q quit   p pause   r reset   every 1 s");
}

TEST(WatchView, SaysThatItIsPaused) {
    const std::string text =
        draw(gyre_history(), {.interval_s = 0.5, .is_paused = true, .rows = 24});
    EXPECT_TRUE(has(text, "  paused  ")) << text;
    EXPECT_TRUE(has(text, "p go on   r reset   every 0.5 s")) << text;
}

TEST(WatchView, ColoursWhatNeedsAttentionAlone) {
    const WatchView view{.has_colour = true, .rows = 24};
    const std::string calm = draw(gyre_history(), view);
    EXPECT_TRUE(has(calm, "\x1b[1moperations\x1b[0m")) << calm;
    EXPECT_FALSE(has(calm, "\x1b[31m")) << calm;
    EXPECT_FALSE(has(calm, "\x1b[33m")) << calm;
    const std::string late = draw(gyre_history("expiry_lateness_p99_ms:150\r\n"), view);
    EXPECT_TRUE(has(late, "\x1b[33mlate p99 150 ms\x1b[0m")) << late;
    const std::string worse = draw(gyre_history("expiry_lateness_p99_ms:1500\r\n"), view);
    EXPECT_TRUE(has(worse, "\x1b[31mlate p99 1.5 s\x1b[0m")) << worse;
    const std::string full = draw(gyre_history("maxmemory:1100000\r\n"), view);
    EXPECT_TRUE(has(full, "\x1b[33m95 % of 1.05M\x1b[0m")) << full;
    const std::string over = draw(gyre_history("maxmemory:1000000\r\n"), view);
    EXPECT_TRUE(has(over, "\x1b[31m105 % of 976.56K\x1b[0m")) << over;
    const std::string failed =
        draw(gyre_history("aof_last_write_status:err\r\nrdb_last_bgsave_status:ok\r\n"), view);
    EXPECT_TRUE(has(failed, "\x1b[31mthe log cannot be written\x1b[0m")) << failed;
    EXPECT_FALSE(has(failed, "snapshot failed")) << failed;
}

TEST(Sparkline, IsAsHighAsItsLargestValue) {
    EXPECT_EQ(sparkline({0.0, 1.0, 4.0, 8.0}, 6), "  ▁▂▅█");
    EXPECT_EQ(sparkline({8.0, std::nullopt, 1.0, 1.0}, 2), "██") << "what is shown counts";
    EXPECT_EQ(sparkline({8.0, std::nullopt, 1.0}, 3), "█ ▂");
    EXPECT_EQ(sparkline({0.0, 0.0}, 2), "▁▁");
    EXPECT_EQ(sparkline({}, 3), "   ");
}

TEST(WatchBar, IsNeverEmptyForSomething) {
    EXPECT_EQ(watch_bar(0, 100, 10), "");
    EXPECT_EQ(watch_bar(0.001, 100, 10), "▏");
    EXPECT_EQ(watch_bar(55, 100, 10), "█████▌");
    EXPECT_EQ(watch_bar(200, 100, 3), "███");
    EXPECT_EQ(watch_bar(1, 0, 3), "");
}

}  // namespace
}  // namespace gyre::cli
