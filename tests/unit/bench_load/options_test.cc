// SPDX-License-Identifier: BSD-3-Clause

#include "load/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyre::load {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<const char*>;

std::string error_of(const Words& words) {
    const Result<Options> options = parse_options(words);
    return options ? "" : options.error().message;
}

TEST(LoadOptions, DefaultsAreThoseOfTheHelp) {
    const Options options = parse_options(Words{}).value();
    EXPECT_EQ(options.host, "127.0.0.1");
    EXPECT_EQ(options.port, 6379);
    EXPECT_EQ(options.connections, 50U);
    EXPECT_EQ(options.pipeline, 1U);
    EXPECT_EQ(options.requests, 100'000U);
    EXPECT_EQ(options.command, Command::get);
    EXPECT_EQ(options.keys, 1'000'000U);
    EXPECT_EQ(options.value_bytes, 64U);
    EXPECT_EQ(options.rate, 0);
}

TEST(LoadOptions, ReadsEveryOption) {
    const Words words = {"--host",
                         "::1",
                         "--port=7000",
                         "--connections",
                         "7",
                         "--pipeline",
                         "16",
                         "--idle=3",
                         "--seconds",
                         "1.5",
                         "--warmup=0.25",
                         "--rate",
                         "1e5",
                         "--arrivals",
                         "poisson",
                         "--spin",
                         "--command",
                         "mixed:80",
                         "--keys=1000",
                         "--offset",
                         "5",
                         "--seed=9",
                         "--distribution",
                         "zipf:0.99",
                         "--key-prefix=",
                         "--ttl",
                         "10:20",
                         "--value-bytes=100",
                         "--integer-values",
                         "--json"};
    const Options options = parse_options(words).value();
    EXPECT_EQ(options.host, "::1");
    EXPECT_EQ(options.port, 7000);
    EXPECT_EQ(options.connections, 7U);
    EXPECT_EQ(options.pipeline, 16U);
    EXPECT_EQ(options.idle, 3U);
    EXPECT_EQ(options.requests, 0U);
    EXPECT_EQ(options.seconds, 1.5);
    EXPECT_EQ(options.warmup_seconds, 0.25);
    EXPECT_EQ(options.rate, 100'000);
    EXPECT_EQ(options.arrivals, Arrivals::poisson);
    EXPECT_TRUE(options.is_spinning);
    EXPECT_EQ(options.command, Command::mixed);
    EXPECT_EQ(options.get_percent, 80U);
    EXPECT_EQ(options.keys, 1000U);
    EXPECT_EQ(options.offset, 5U);
    EXPECT_EQ(options.seed, 9U);
    EXPECT_EQ(options.distribution, Distribution::zipf);
    EXPECT_EQ(options.zipf_exponent, 0.99);
    EXPECT_EQ(options.key_prefix, "");
    EXPECT_EQ(options.ttl_min_seconds, 10U);
    EXPECT_EQ(options.ttl_max_seconds, 20U);
    EXPECT_EQ(options.value_bytes, 100U);
    EXPECT_TRUE(options.has_integer_values);
    EXPECT_TRUE(options.is_json);
    EXPECT_EQ(parse_options(Words{"--unix", "/s"}).value().unix_path, "/s");
    EXPECT_EQ(parse_options(Words{"--connect-storm=4"}).value().connect_storm, 4U);
    EXPECT_EQ(parse_options(Words{"--command=set", "--expire-at-ms=4"}).value().expire_at_ms, 4);
    EXPECT_EQ(parse_options(Words{"--requests=77"}).value().requests, 77U);
}

TEST(LoadOptions, ASequentialLoadTakesEachKeyOnce) {
    const Words words = {"--distribution=sequential", "--keys=123"};
    EXPECT_EQ(parse_options(words).value().requests, 123U);
}

TEST(LoadOptions, WrongValuesAreErrorsThatNameTheOption) {
    const Words wrong[] = {{"--port", "0"},
                           {"--port", "65536"},
                           {"--port", "12x"},
                           {"--port", ""},
                           {"--connections", "0"},
                           {"--pipeline", "-1"},
                           {"--pipeline", "10001"},
                           {"--requests", "0"},
                           {"--seconds", "0"},
                           {"--seconds", "nan"},
                           {"--rate", "-5"},
                           {"--rate", "fast"},
                           {"--arrivals", "odd"},
                           {"--command", "lpush"},
                           {"--command", "mixed"},
                           {"--command", "mixed:101"},
                           {"--distribution", "zipf"},
                           {"--distribution", "zipf:0"},
                           {"--keys", "0"},
                           {"--keys", "1000000000001"},
                           {"--ttl", "0"},
                           {"--ttl", "5:4"},
                           {"--ttl", "5:"},
                           {"--value-bytes", "536870913"},
                           {"--host", ""},
                           {"--script", " ; "},
                           {"--expire-at-ms", "soon"}};
    for (const Words& words : wrong) {
        EXPECT_THAT(error_of(words), HasSubstr(words[0])) << words[1];
        EXPECT_THAT(error_of(words), HasSubstr(std::string("'") + words[1] + "'"));
    }
}

TEST(LoadOptions, UnknownAndIncompleteOptionsAreErrors) {
    EXPECT_THAT(error_of({"--hosts", "a"}), HasSubstr("no option --hosts"));
    EXPECT_THAT(error_of({"get"}), HasSubstr("no option get"));
    EXPECT_THAT(error_of({"-h"}), HasSubstr("no option -h"));
    EXPECT_THAT(error_of({"--port"}), HasSubstr("--port needs a value"));
    EXPECT_THAT(error_of({"--json=1"}), HasSubstr("--json takes no value"));
}

TEST(LoadOptions, OptionsThatExcludeEachOtherAreErrors) {
    EXPECT_THAT(error_of({"--command=set", "--ttl=5", "--expire-at-ms=5"}), HasSubstr("exclude"));
    EXPECT_THAT(error_of({"--command=get", "--ttl=5"}), HasSubstr("--command set"));
    EXPECT_THAT(error_of({"--arrivals=poisson"}), HasSubstr("--rate"));
    EXPECT_THAT(error_of({"--connect-storm=5", "--rate=5"}), HasSubstr("--connect-storm"));
    EXPECT_THAT(error_of({"--keys=1000000000000", "--offset=1"}), HasSubstr("twelve digits"));
    EXPECT_THAT(error_of({"--command=set", "--value-bytes=500000000", "--pipeline=10"}),
                HasSubstr("4 GiB"));
}

TEST(LoadOptions, TheHelpNamesEveryOption) {
    EXPECT_TRUE(parse_options(Words{"--help"}).value().wants_help);
    for (const char* name : {"--host", "--unix", "--rate", "--connect-storm", "--expire-at-ms"})
        EXPECT_THAT(help_text(), HasSubstr(name));
}

}  // namespace
}  // namespace gyre::load
