// SPDX-License-Identifier: BSD-3-Clause
// The one line of JSON is what scripts read: its keys and units are a promise.

#include "load/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gyre::load {
namespace {

Results some_results() {
    Results results;
    results.requests = 100;
    results.errors = 2;
    results.nils = 3;
    results.hits = 95;
    results.seconds = 0.5;
    results.cpu_seconds = 0.25;
    for (int i = 0; i < 99; ++i) results.latency_ns.record(200);
    results.latency_ns.record(3'000'200);
    return results;
}

TEST(LoadResults, JsonHasTheKeysInMicrosecondsAndSeconds) {
    EXPECT_EQ(results_as_json(some_results(), {}),
              "{\"requests\":100,\"errors\":2,\"nils\":3,\"hits\":95,\"connections_lost\":0,"
              "\"unanswered\":0,\"seconds\":0.500000,\"requests_per_second\":200.0,"
              "\"connections\":50,\"pipeline\":1,\"latency_us\":{\"p50\":0.2,\"p90\":0.2,"
              "\"p99\":0.2,\"p99_9\":3000.2,\"p99_99\":3000.2,\"max\":3000.2,\"mean\":30.2},"
              "\"cpu_seconds\":0.250000}\n");
}

TEST(LoadResults, AnOpenLoopTellsHowLateRequestsLeft) {
    Options options;
    options.rate = 1000;
    EXPECT_THAT(results_as_json({}, options), ::testing::HasSubstr("\"send_delay_us\":{\"p50\":"));
    EXPECT_THAT(results_as_text({}, options), ::testing::HasSubstr("late departure"));
}

TEST(LoadResults, AllIsLostWhenNothingButErrorsCameBack) {
    Results results = some_results();
    EXPECT_FALSE(results.is_all_lost());
    results.errors = results.requests;
    EXPECT_TRUE(results.is_all_lost());
    EXPECT_TRUE(Results{}.is_all_lost());
}

TEST(LoadResults, TextNamesTheFirstError) {
    Results results = some_results();
    results.first_error = "ERR no such thing";
    const std::string text = results_as_text(results, {});
    EXPECT_THAT(text, ::testing::HasSubstr("100 requests answered in 0.500 s: 200 a second"));
    EXPECT_THAT(text, ::testing::HasSubstr("first error: ERR no such thing"));
}

}  // namespace
}  // namespace gyre::load
