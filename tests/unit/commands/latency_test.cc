// SPDX-License-Identifier: BSD-3-Clause

// Goal: the figures behind INFO, LATENCY and SLOWLOG are kept right, and the commands show them as
// Redis does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "commands/families/latency_report.h"
#include "commands/registry.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

using commands::CommandStatistics;
using commands::LatencyBuckets;
using commands::LatencyMonitor;
using commands::Slowlog;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// --- buckets and statistics
// -----------------------------------------------------------------------

TEST(LatencyBucketsTest, EveryValueLiesInItsBucket) {
    uint64_t lowest = 0;
    for (size_t index = 0; index < LatencyBuckets::kBuckets; ++index) {
        const uint64_t highest = LatencyBuckets::upper_bound_ns(index);
        ASSERT_GE(highest, lowest);
        EXPECT_EQ(LatencyBuckets::index_of(lowest), index);
        EXPECT_EQ(LatencyBuckets::index_of(highest), index);
        // No wider than an eighth of what it holds.
        EXPECT_LE((highest - lowest) * 8, lowest);
        lowest = highest + 1;
    }
    EXPECT_EQ(lowest, uint64_t{1} << 39);
    EXPECT_EQ(LatencyBuckets::index_of(lowest), LatencyBuckets::kBuckets - 1);
    EXPECT_EQ(LatencyBuckets::index_of(UINT64_MAX), LatencyBuckets::kBuckets - 1);
}

TEST(CommandStatisticsTest, CountsCallsFailuresAndLatencies) {
    CommandStatistics statistics;
    statistics.record(3, 100, false);
    statistics.record(3, 5000, true);
    statistics.reject(3);
    statistics.reject(4);
    const auto figures = statistics.figures(3);
    EXPECT_EQ(figures.calls, 2U);
    EXPECT_EQ(figures.nanoseconds, 5100U);
    EXPECT_EQ(figures.failed_calls, 1U);
    EXPECT_EQ(figures.rejected_calls, 1U);
    EXPECT_EQ(statistics.figures(4).calls, 0U);
    std::vector<uint64_t> sum(LatencyBuckets::kBuckets, 1);
    statistics.add_latency(3, sum);
    statistics.add_latency(4, sum);
    EXPECT_EQ(sum[LatencyBuckets::index_of(100)], 2U);
    EXPECT_EQ(sum[LatencyBuckets::index_of(5000)], 2U);
    EXPECT_EQ(sum[0], 1U);
    statistics.set_latency_tracking(false);
    statistics.record(3, 100, false);
    statistics.add_latency(3, sum);
    EXPECT_EQ(sum[LatencyBuckets::index_of(100)], 3U);
    EXPECT_EQ(statistics.figures(3).calls, 3U);
}

TEST(CommandStatisticsTest, ResetForgetsEverything) {
    CommandStatistics statistics;
    statistics.count_command();
    statistics.record(0, 7, true);
    statistics.reject(0);
    statistics.record_error("ERR");
    statistics.reset();
    EXPECT_EQ(statistics.commands_processed(), 0U);
    EXPECT_EQ(statistics.figures(0).calls, 0U);
    EXPECT_EQ(statistics.figures(0).nanoseconds, 0U);
    EXPECT_EQ(statistics.figures(0).failed_calls, 0U);
    EXPECT_EQ(statistics.figures(0).rejected_calls, 0U);
    EXPECT_TRUE(statistics.errors().empty());
    std::vector<uint64_t> sum(LatencyBuckets::kBuckets);
    statistics.add_latency(0, sum);
    EXPECT_EQ(sum[7], 0U);
    statistics.record(0, 7, false);
    statistics.add_latency(0, sum);
    EXPECT_EQ(sum[7], 1U);
}

TEST(CommandStatisticsTest, KeepsALimitedNumberOfErrorCodes) {
    CommandStatistics statistics;
    for (size_t index = 0; index < CommandStatistics::kErrorCodesMax + 10; ++index) {
        statistics.record_error("E" + std::to_string(index));
    }
    statistics.record_error("E5");
    const auto errors = statistics.errors();
    EXPECT_EQ(errors.size(), CommandStatistics::kErrorCodesMax + 1);
    EXPECT_EQ(errors.at("E5"), 2U);
    EXPECT_EQ(errors.at("OTHER"), 10U);
}

TEST(CommandStatisticsTest, CommandsAreBookedByTheDispatcher) {
    CommandRunner runner;
    runner.run({"SET", "a", "text"});
    runner.run({"INCR", "a"});
    runner.run({"GET"});
    runner.run({"NOSUCH"});
    const auto row = [](std::string_view name) {
        return commands::row_index(*commands::find_full_name(name));
    };
    CommandStatistics& statistics = runner.statistics();
    EXPECT_EQ(statistics.figures(row("set")).calls, 1U);
    EXPECT_EQ(statistics.figures(row("incr")).failed_calls, 1U);
    EXPECT_EQ(statistics.figures(row("get")).calls, 0U);
    EXPECT_EQ(statistics.figures(row("get")).rejected_calls, 1U);
    // What was refused was not processed.
    EXPECT_EQ(statistics.commands_processed(), 2U);
    EXPECT_THAT(statistics.errors(), ElementsAre(Pair("ERR", 3U)));
}

// --- the slow log
// ---------------------------------------------------------------------------------

class SlowlogTest : public ::testing::Test {
protected:
    std::vector<std::string> added(const std::vector<std::string>& words) {
        std::vector<resp::Argument> arguments;
        for (const std::string& word : words) arguments.push_back({.bytes = word});
        log_.add(1'700'000'000'123, 42, arguments, "1.2.3.4:5", "name");
        return log_.get(1)[0].arguments;
    }
    Slowlog log_;
};

TEST_F(SlowlogTest, KeepsTheNewest) {
    log_.length_max = 2;
    for (const char* word : {"one", "two", "three"}) added({word});
    EXPECT_EQ(log_.size(), 2U);
    const auto records = log_.get(-1);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].id, 2U);
    EXPECT_THAT(records[0].arguments, ElementsAre("three"));
    EXPECT_EQ(records[0].time_s, 1'700'000'000);
    EXPECT_EQ(records[0].duration_us, 42);
    EXPECT_EQ(records[0].peer_address, "1.2.3.4:5");
    EXPECT_EQ(records[0].client_name, "name");
    EXPECT_EQ(records[1].id, 1U);
    EXPECT_EQ(log_.get(1).size(), 1U);
    EXPECT_EQ(log_.get(100).size(), 2U);
    EXPECT_TRUE(log_.get(0).empty());
    log_.reset();
    EXPECT_EQ(log_.size(), 0U);
    added({"four"});
    EXPECT_EQ(log_.get(1)[0].id, 3U);
    log_.length_max = 0;
    log_.add(0, 1, {}, "", "");
    EXPECT_EQ(log_.size(), 0U);
}

TEST_F(SlowlogTest, CutsArguments) {
    EXPECT_EQ(added({std::string(128, 'x')})[0], std::string(128, 'x'));
    EXPECT_EQ(added({std::string(131, 'x')})[0], std::string(128, 'x') + "... (3 more bytes)");
    EXPECT_EQ(added(std::vector<std::string>(32, "w")).back(), "w");
    const auto cut = added(std::vector<std::string>(40, "w"));
    EXPECT_EQ(cut.size(), 32U);
    EXPECT_EQ(cut[30], "w");
    EXPECT_EQ(cut[31], "... (9 more arguments)");
}

TEST_F(SlowlogTest, HidesPasswords) {
    EXPECT_THAT(added({"auth", "pw"}), ElementsAre("auth", "(redacted)"));
    EXPECT_THAT(added({"AUTH", "user", "pw"}), ElementsAre("AUTH", "(redacted)", "(redacted)"));
    EXPECT_THAT(added({"HELLO", "3", "auth", "user", "pw", "SETNAME", "n"}),
                ElementsAre("HELLO", "3", "auth", "(redacted)", "(redacted)", "SETNAME", "n"));
    EXPECT_THAT(added({"CONFIG", "SET", "port", "1", "requirepass", "pw"}),
                ElementsAre("CONFIG", "SET", "port", "1", "requirepass", "(redacted)"));
    EXPECT_THAT(added({"GET", "auth", "pw"}), ElementsAre("GET", "auth", "pw"));
}

TEST_F(SlowlogTest, WantsWhatTakesLongEnough) {
    log_.threshold_us = 10;
    EXPECT_FALSE(log_.wants(9));
    EXPECT_TRUE(log_.wants(10));
    log_.threshold_us = 0;
    EXPECT_TRUE(log_.wants(0));
    log_.threshold_us = -1;
    EXPECT_FALSE(log_.wants(1'000'000));
}

TEST(SlowlogCommands, ShowLengthAndReset) {
    CommandRunner runner;
    runner.services().slowlog.threshold_us = 0;
    runner.run({"CLIENT", "SETNAME", "me"});
    runner.run({"SET", "a", "b"});
    runner.services().slowlog.threshold_us = -1;
    EXPECT_EQ(runner.run({"SLOWLOG", "LEN"}), ":2\r\n");
    const std::string one = runner.run({"SLOWLOG", "GET", "1"});
    EXPECT_THAT(one, ::testing::StartsWith("*1\r\n*6\r\n:1\r\n:1700000000\r\n:"));
    EXPECT_THAT(one, ::testing::EndsWith("*3\r\n" + bulk("SET") + bulk("a") + bulk("b") +
                                         bulk("127.0.0.1:50000") + bulk("me")));
    EXPECT_EQ(runner.run({"SLOWLOG", "GET", "0"}), "*0\r\n");
    EXPECT_EQ(runner.run({"SLOWLOG", "GET", "-1"}), runner.run({"SLOWLOG", "GET"}));
    const std::string bad = "-ERR count should be greater than or equal to -1\r\n";
    EXPECT_EQ(runner.run({"SLOWLOG", "GET", "-2"}), bad);
    EXPECT_EQ(runner.run({"SLOWLOG", "GET", "x"}), bad);
    EXPECT_EQ(runner.run({"SLOWLOG", "GET", "1", "2"}),
              "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG "
              "HELP.\r\n");
    EXPECT_EQ(runner.run({"SLOWLOG", "RESET"}), "+OK\r\n");
    EXPECT_EQ(runner.run({"SLOWLOG", "LEN"}), ":0\r\n");
    EXPECT_THAT(runner.run({"SLOWLOG", "HELP"}), HasSubstr("+SLOWLOG <subcommand> "));
}

// --- LATENCY
// --------------------------------------------------------------------------------------

TEST(LatencyMonitorTest, KeepsTheWorstOfEachSecond) {
    LatencyMonitor monitor;
    monitor.add_if_slow("command", 1000, 500);
    EXPECT_TRUE(monitor.events().empty());
    monitor.threshold_ms = 10;
    monitor.add_if_slow("command", 1000, 9);
    EXPECT_TRUE(monitor.events().empty());
    monitor.add_if_slow("command", 1000, 10);
    monitor.add_if_slow("command", 1999, 30);
    monitor.add_if_slow("command", 1999, 20);
    monitor.add_if_slow("command", 2000, 15);
    const auto event = monitor.events().at("command");
    EXPECT_EQ(event.worst_ms, 30);
    ASSERT_EQ(event.samples.size(), 2U);
    EXPECT_EQ(event.samples[0].time_s, 1);
    EXPECT_EQ(event.samples[0].latency_ms, 30);
    EXPECT_EQ(event.samples[1].latency_ms, 15);
    for (int64_t second = 3; second < 500; ++second) {
        monitor.add_if_slow("command", second * 1000, 11);
    }
    const auto full = monitor.events().at("command");
    EXPECT_EQ(full.samples.size(), LatencyMonitor::kSamplesMax);
    EXPECT_EQ(full.samples.front().time_s, 340);
    EXPECT_EQ(full.samples.back().time_s, 499);
    EXPECT_EQ(full.worst_ms, 30);
}

class LatencyCommands : public ::testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    void sample(std::string_view event, int64_t latency_ms) {
        LatencyMonitor& monitor = runner_.services().latency;
        monitor.threshold_ms = 1;
        monitor.add_if_slow(event, runner_.now_ms(), latency_ms);
        // Nothing of the commands of the test itself.
        monitor.threshold_ms = INT64_MAX;
        runner_.advance_ms(1000);
    }
    CommandRunner runner_;
};

TEST_F(LatencyCommands, LatestHistoryAndReset) {
    EXPECT_EQ(run({"LATENCY", "LATEST"}), "*0\r\n");
    EXPECT_EQ(run({"LATENCY", "HISTORY", "command"}), "*0\r\n");
    sample("command", 10);
    sample("command", 50);
    sample("command", 20);
    sample("fast-command", 7);
    EXPECT_EQ(run({"LATENCY", "LATEST"}), "*2\r\n*4\r\n" + bulk("command") +
                                              ":1700000002\r\n:20\r\n:50\r\n*4\r\n" +
                                              bulk("fast-command") + ":1700000003\r\n:7\r\n:7\r\n");
    EXPECT_EQ(run({"LATENCY", "HISTORY", "command"}),
              "*3\r\n*2\r\n:1700000000\r\n:10\r\n*2\r\n:1700000001\r\n:50\r\n*2\r\n:1700000002\r\n"
              ":20\r\n");
    EXPECT_EQ(run({"LATENCY", "RESET", "nosuch", "command", "command"}), ":1\r\n");
    EXPECT_EQ(run({"LATENCY", "HISTORY", "command"}), "*0\r\n");
    EXPECT_EQ(run({"LATENCY", "RESET"}), ":1\r\n");
    EXPECT_EQ(run({"LATENCY", "LATEST"}), "*0\r\n");
}

TEST_F(LatencyCommands, GraphDrawsAColumnForEachSample) {
    EXPECT_EQ(run({"LATENCY", "GRAPH", "x"}), "-ERR No samples available for event 'x'\r\n");
    sample("command", 10);
    sample("command", 50);
    sample("command", 20);
    sample("command", 110);
    EXPECT_EQ(
        run({"LATENCY", "GRAPH", "command"}),
        bulk("command - high 110 ms, low 10 ms (all time high 110 ms)\n" + std::string(80, '-') +
             "\n"
             "   #\n"
             "   |\n"
             " o |\n"
             "_|o|\n"
             "    \n"
             "4321\n"
             "ssss\n"));
}

TEST_F(LatencyCommands, GraphBreaksAfterEightyColumns) {
    for (int index = 0; index < 81; ++index) sample("command", 10);
    runner_.advance_ms(3'600'000);
    const std::string text = run({"LATENCY", "GRAPH", "command"});
    EXPECT_THAT(text, HasSubstr("\n" + std::string(80, '_') + "\n"));
    EXPECT_THAT(text, HasSubstr("\n_\n \n1\nh\n"));
}

TEST_F(LatencyCommands, DoctorSaysWhatThereIs) {
    EXPECT_THAT(run({"LATENCY", "DOCTOR"}), HasSubstr("latency-monitor-threshold"));
    runner_.services().latency.threshold_ms = 100;
    EXPECT_THAT(run({"LATENCY", "DOCTOR"}), HasSubstr("No event took 100 ms"));
    sample("command", 10);
    sample("command", 30);
    EXPECT_THAT(run({"LATENCY", "DOCTOR"}),
                HasSubstr("1. command: 2 latency spikes (average 20ms, mean deviation 10ms, period "
                          "0.50 sec). Worst all time event 30ms."));
}

TEST(LatencyDistributionTest, AddsUpInRedisSteps) {
    std::vector<uint64_t> counts(LatencyBuckets::kBuckets);
    EXPECT_TRUE(commands::latency_distribution(counts).steps.empty());
    counts[LatencyBuckets::index_of(1)] = 2;
    counts[LatencyBuckets::index_of(1023)] = 3;
    counts[LatencyBuckets::index_of(1024)] = 5;
    counts[LatencyBuckets::index_of(20'000)] = 7;
    counts[LatencyBuckets::kBuckets - 1] = 1;
    const auto distribution = commands::latency_distribution(counts);
    EXPECT_EQ(distribution.calls, 18U);
    EXPECT_THAT(distribution.steps,
                ElementsAre(Pair(1U, 5U), Pair(2U, 10U), Pair(33U, 17U), Pair(554050781U, 18U)));
}

TEST_F(LatencyCommands, HistogramShowsWhatRan) {
    EXPECT_EQ(run({"LATENCY", "HISTOGRAM", "get", "nosuch", "config"}), "*0\r\n");
    const auto record = [&](std::string_view name, uint64_t nanoseconds) {
        runner_.statistics().record(commands::row_index(*commands::find_full_name(name)),
                                    nanoseconds, false);
    };
    record("get", 900);
    record("get", 5000);
    record("config|get", 3000);
    record("client|id", 1);
    runner_.use_resp3();
    const std::string get = bulk("get") + "%2\r\n" + bulk("calls") + ":2\r\n" +
                            bulk("histogram_usec") + "%2\r\n:1\r\n:1\r\n:8\r\n:2\r\n";
    const std::string config = bulk("config|get") + "%2\r\n" + bulk("calls") + ":1\r\n" +
                               bulk("histogram_usec") + "%1\r\n:4\r\n:1\r\n";
    EXPECT_EQ(run({"LATENCY", "HISTOGRAM", "GET", "config"}), "%2\r\n" + get + config);
    EXPECT_EQ(run({"LATENCY", "HISTOGRAM", "Config|Get"}), "%1\r\n" + config);
    const std::string all = run({"LATENCY", "HISTOGRAM"});
    EXPECT_THAT(all, HasSubstr(get));
    EXPECT_THAT(all, HasSubstr(config));
    EXPECT_THAT(all, HasSubstr(bulk("client|id")));
}

TEST_F(LatencyCommands, InfoAsksForSections) {
    EXPECT_EQ(run({"INFO"}), bulk("# Default\r\nfake:1\r\n"));
    EXPECT_EQ(run({"INFO", "Server", "CPU"}),
              bulk("# server\r\nfake:1\r\n\r\n# cpu\r\nfake:1\r\n"));
    runner_.use_resp3();
    EXPECT_EQ(run({"INFO"}), "=23\r\ntxt:# Default\r\nfake:1\r\n\r\n");
}

}  // namespace
}  // namespace gyre::test
