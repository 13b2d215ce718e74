// SPDX-License-Identifier: BSD-3-Clause

// What --watch makes of two looks at a server.

#include "cli/watch_history.h"

#include <gtest/gtest.h>

#include "unit/cli/watch_samples.h"

namespace gyre::cli {
namespace {

using Groups = std::map<std::string, std::string, std::less<>>;
using Series = WatchHistory::Series;

Groups groups() { return {{"get", "string"}, {"set", "string"}, {"hset", "hash"}}; }

TEST(WatchSample, ReadsFieldsWithoutWhatSteersATerminal) {
    const WatchSample sample =
        sample_of(0, "# Server\r\nredis_version:7\x1b[2J\r\nempty:\r\nno colon\r\nratio:1.50\n");
    EXPECT_EQ(sample.text("redis_version"), "7?[2J");
    EXPECT_EQ(sample.number("ratio"), 1.5);
    EXPECT_EQ(sample.text("empty"), "");
    EXPECT_EQ(sample.number("empty"), std::nullopt);
    EXPECT_EQ(sample.number("missing"), std::nullopt);
    EXPECT_EQ(sample.keyspace("keys"), std::nullopt) << "there is no section of it";
    EXPECT_EQ(sample_of(0, "# Keyspace\r\n").keyspace("keys"), 0);
    EXPECT_EQ(sample_of(0, gyre_info(0)).keyspace("keys"), 1000);
    EXPECT_EQ(sample_of(0, gyre_info(0)).keyspace("expires"), 400);
}

TEST(WatchSample, FindsPartsOfAValue) {
    EXPECT_EQ(part_of("p50=1.5,p99=2,p99.9=3", "p99"), 2);
    EXPECT_EQ(part_of("p50=1.5,p99=2,p99.9=3", "p99.9"), 3);
    EXPECT_EQ(part_of("calls=1", "call"), std::nullopt);
    EXPECT_EQ(part_of("", "calls"), std::nullopt);
}

TEST(WatchHistory, RatesNeedTwoLooksAndACounterThatGrows) {
    WatchHistory history(groups());
    EXPECT_TRUE(history.is_empty());
    history.add(sample_of(10, gyre_info(1000)));
    EXPECT_FALSE(history.is_empty());
    EXPECT_EQ(history.operations(), std::nullopt);
    EXPECT_EQ(history.most_operations(), std::nullopt);
    history.add(sample_of(12, gyre_info(3000)));
    EXPECT_EQ(history.operations(), 1500);  // 2000 GET and 1000 HSET in two seconds
    EXPECT_EQ(history.rate("expired_keys"), 100);
    EXPECT_EQ(history.rate("evicted_keys"), 0);
    EXPECT_EQ(history.rate("missing"), std::nullopt);
    history.add(sample_of(14, gyre_info(10)));  // the server was started anew
    EXPECT_EQ(history.operations(), std::nullopt);
    EXPECT_EQ(history.most_operations(), 1500);
    ASSERT_EQ(history.series(Series::operations).size(), 3U);
    EXPECT_EQ(history.series(Series::operations)[1], 1500);
    EXPECT_EQ(history.series(Series::memory)[2], 1048576);
    history.reset();
    EXPECT_TRUE(history.series(Series::operations).empty());
    EXPECT_EQ(history.most_operations(), std::nullopt);
    EXPECT_FALSE(history.is_empty()) << "the last look stays on the screen";
}

TEST(WatchHistory, KeepsNoMoreThanCanBeShown) {
    WatchHistory history(groups());
    for (size_t i = 0; i < WatchHistory::kSeriesMax + 10; ++i) {
        history.add(sample_of(static_cast<double>(i), gyre_info(static_cast<int64_t>(i))));
    }
    EXPECT_EQ(history.series(Series::memory).size(), WatchHistory::kSeriesMax);
}

TEST(WatchHistory, CallsByFamilyAndByCommandInTheOrderOfAllCalls) {
    WatchHistory history(groups());
    history.add(sample_of(0, gyre_info(1000, "cmdstat_ping:calls=9000,usec=9000\r\n")));
    history.add(sample_of(2, gyre_info(3000, "cmdstat_ping:calls=9000,usec=9000\r\n")));
    const auto families = history.families();
    ASSERT_EQ(families.size(), 3U);
    EXPECT_EQ(families[0].name, "other");
    EXPECT_EQ(families[0].rate, 0);
    EXPECT_EQ(families[1].name, "string");
    EXPECT_EQ(families[1].rate, 1000);
    EXPECT_EQ(families[2].name, "hash");
    EXPECT_EQ(families[2].rate, 500);
    const auto commands = history.commands();
    ASSERT_EQ(commands.size(), 3U);
    EXPECT_EQ(commands[0].name, "ping");
    EXPECT_EQ(commands[0].mean_us, std::nullopt) << "no calls since";
    EXPECT_EQ(commands[1].name, "get");
    EXPECT_EQ(commands[1].rate, 1000);
    EXPECT_EQ(commands[1].mean_us, 2);
    EXPECT_EQ(commands[1].p99_us, 5.023);
    EXPECT_EQ(commands[2].p99_us, std::nullopt);
    EXPECT_NEAR(*history.mean_us(), 8.0 / 3, 1e-9);
    EXPECT_TRUE(WatchHistory({}).families().empty());
}

TEST(WatchHistory, ItsOwnLooksDoNotCount) {
    WatchHistory history(groups());
    const auto look = [](double at_s, int64_t own, int64_t others) {
        const int64_t infos = own + others;
        WatchSample sample = sample_of(
            at_s, "total_commands_processed:" + std::to_string(infos + own) +
                      "\r\ncmdstat_info:calls=" + std::to_string(infos) +
                      ",usec=5000\r\ncmdstat_latency|histogram:calls=" + std::to_string(own) +
                      ",usec=70\r\n");
        sample.own_infos = sample.own_histograms = own;
        return sample;
    };
    history.add(look(0, 5, 0));
    history.add(look(1, 6, 0));
    EXPECT_EQ(history.operations(), 0);
    EXPECT_TRUE(history.commands().empty());
    history.add(look(2, 7, 4));  // somebody else asks INFO too
    EXPECT_EQ(history.operations(), 4);
    const auto commands = history.commands();
    ASSERT_EQ(commands.size(), 1U);
    EXPECT_EQ(commands[0].name, "info");
    EXPECT_EQ(commands[0].rate, 4);
    EXPECT_EQ(history.mean_us(), std::nullopt);
}

TEST(WatchHistory, PercentilesAreThoseOfTheCallsBetweenTwoLooks) {
    WatchHistory history(groups());
    WatchSample first = sample_of(0, gyre_info(0));
    first.read_histogram(histogram_of("get", {{1, 1000}, {66, 1000}}));
    history.add(std::move(first));
    EXPECT_EQ(history.percentile_us(0.5), std::nullopt);
    WatchSample second = sample_of(1, gyre_info(100));
    // 90 more up to 16, 9 up to 33, one up to 132; none of the fast ones.
    second.read_histogram(histogram_of("get", {{1, 1000}, {16, 1090}, {33, 1099}, {132, 1100}}));
    second.read_histogram(histogram_of("info", {{1056, 5}}));  // our own
    history.add(std::move(second));
    EXPECT_EQ(history.percentile_us(0.5), 16);
    EXPECT_EQ(history.percentile_us(0.9), 16);
    EXPECT_EQ(history.percentile_us(0.99), 33);
    EXPECT_EQ(history.percentile_us(0.999), 132);
    WatchSample third = sample_of(2, gyre_info(100));
    third.read_histogram(histogram_of("get", {{1, 3}}));  // after CONFIG RESETSTAT
    history.add(std::move(third));
    EXPECT_EQ(history.percentile_us(0.5), std::nullopt);
    history.add(sample_of(3, gyre_info(100)));  // not allowed any more
    EXPECT_EQ(history.percentile_us(0.5), std::nullopt);
}

}  // namespace
}  // namespace gyre::cli
