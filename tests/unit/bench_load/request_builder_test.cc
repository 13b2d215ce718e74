// SPDX-License-Identifier: BSD-3-Clause
// What is written, read back by the server's own parser.

#include "load/request_builder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "resp/request_parser.h"

namespace gyre::load {
namespace {

using Words = std::vector<std::string>;

/// Writes one request and takes it apart.
Words next_request(RequestBuilder& builder) {
    std::vector<char> buffer(builder.bytes_max() + 1, '#');
    const char* end = builder.write(buffer.data());
    const std::string_view text(buffer.data(), static_cast<size_t>(end - buffer.data()));
    EXPECT_LE(text.size(), builder.bytes_max());
    resp::RequestParser parser;
    std::vector<resp::Argument> arguments;
    size_t consumed = 0;
    EXPECT_EQ(parser.parse(text, {}, arguments, consumed), resp::RequestParser::Status::complete)
        << text;
    EXPECT_EQ(consumed, text.size()) << text;
    Words words;
    for (const resp::Argument& argument : arguments) words.emplace_back(argument.bytes);
    return words;
}

int64_t number_of(const std::string& key) { return std::stoll(key.substr(key.size() - 12)); }

TEST(LoadRequestBuilder, KeysHaveAPrefixAndTwelveDigits) {
    Options options;
    options.distribution = Distribution::sequential;
    options.offset = 998;
    RequestBuilder builder(options);
    EXPECT_EQ(next_request(builder), (Words{"GET", "key:000000000998"}));
    EXPECT_EQ(next_request(builder), (Words{"GET", "key:000000000999"}));
    EXPECT_EQ(next_request(builder), (Words{"GET", "key:000000001000"}));
    options.key_prefix = "user:{1}:";
    options.offset = 999'999'000'000;
    RequestBuilder other(options);
    EXPECT_EQ(next_request(other), (Words{"GET", "user:{1}:999999000000"}));
}

TEST(LoadRequestBuilder, AsksForAResource) {
    Options options;
    options.distribution = Distribution::sequential;
    options.is_http = true;
    RequestBuilder builder(options);
    std::vector<char> buffer(builder.bytes_max());
    const char* end = builder.write(buffer.data());
    EXPECT_EQ(std::string_view(buffer.data(), static_cast<size_t>(end - buffer.data())),
              "GET /v1/keys/key:000000000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

TEST(LoadRequestBuilder, ASequentialWalkTakesEachKeyOnceAndBeginsAgain) {
    Options options;
    options.distribution = Distribution::sequential;
    options.offset = 10;
    options.keys = 5;
    RequestBuilder builder(options);
    std::vector<int64_t> numbers;
    for (int i = 0; i < 7; ++i) numbers.push_back(number_of(next_request(builder)[1]));
    EXPECT_EQ(numbers, (std::vector<int64_t>{10, 11, 12, 13, 14, 10, 11}));
}

TEST(LoadRequestBuilder, UniformAndZipfStayInTheKeySpaceAndReachAllOfASmallOne) {
    for (const Distribution distribution : {Distribution::uniform, Distribution::zipf}) {
        Options options;
        options.distribution = distribution;
        options.zipf_exponent = 0.99;
        options.offset = 100;
        options.keys = 20;
        RequestBuilder builder(options);
        std::map<int64_t, int> seen;
        for (int i = 0; i < 2000; ++i) ++seen[number_of(next_request(builder)[1])];
        EXPECT_EQ(seen.size(), 20U);
        EXPECT_EQ(seen.begin()->first, 100);
        EXPECT_EQ(seen.rbegin()->first, 119);
    }
}

TEST(LoadRequestBuilder, SetHasValuesOfTheSizeThatDiffer) {
    for (const uint64_t bytes : {0, 1, 15, 16, 17, 64, 5000}) {
        Options options;
        options.command = Command::set;
        options.value_bytes = bytes;
        RequestBuilder builder(options);
        std::set<std::string> values;
        for (int i = 0; i < 50; ++i) {
            const Words words = next_request(builder);
            ASSERT_EQ(words.size(), 3U);
            EXPECT_EQ(words[0], "SET");
            EXPECT_EQ(words[2].size(), bytes);
            values.insert(words[2]);
        }
        if (bytes >= 15) {
            EXPECT_EQ(values.size(), 50U);
        }
    }
}

TEST(LoadRequestBuilder, IntegerValuesAreEightDigitsWithoutALeadingZero) {
    Options options;
    options.command = Command::set;
    options.has_integer_values = true;
    RequestBuilder builder(options);
    for (int i = 0; i < 200; ++i) {
        const std::string value = next_request(builder)[2];
        EXPECT_EQ(value.size(), 8U);
        EXPECT_EQ(std::to_string(std::atoll(value.c_str())), value);
    }
}

TEST(LoadRequestBuilder, DeadlinesAreFixedDrawnOrAbsolute) {
    Options options;
    options.command = Command::set;
    options.ttl_min_seconds = options.ttl_max_seconds = 90;
    RequestBuilder fixed(options);
    Words words = next_request(fixed);
    EXPECT_EQ(Words(words.begin() + 3, words.end()), (Words{"EX", "90"}));

    options.ttl_min_seconds = 9;
    options.ttl_max_seconds = 11;
    RequestBuilder drawn(options);
    std::set<int64_t> deadlines;
    for (int i = 0; i < 500; ++i) {
        words = next_request(drawn);
        ASSERT_EQ(words.size(), 5U);
        EXPECT_EQ(words[3], "PX");
        deadlines.insert(std::stoll(words[4]));
    }
    EXPECT_GE(*deadlines.begin(), 9000);
    EXPECT_LE(*deadlines.rbegin(), 11'000);
    EXPECT_LT(*deadlines.begin(), 9200);
    EXPECT_GT(*deadlines.rbegin(), 10'800);

    options.ttl_min_seconds = options.ttl_max_seconds = 0;
    options.expire_at_ms = 1'900'000'000'123;
    RequestBuilder absolute(options);
    words = next_request(absolute);
    EXPECT_EQ(Words(words.begin() + 3, words.end()), (Words{"PXAT", "1900000000123"}));
}

TEST(LoadRequestBuilder, OtherCommandsAreWhatTheyAreCalled) {
    Options options;
    options.distribution = Distribution::sequential;
    options.command = Command::incr;
    RequestBuilder incr(options);
    EXPECT_EQ(next_request(incr), (Words{"INCR", "key:000000000000"}));
    options.command = Command::ping;
    RequestBuilder ping(options);
    EXPECT_EQ(next_request(ping), (Words{"PING"}));
    options.command = Command::mset;
    RequestBuilder mset(options);
    const Words words = next_request(mset);
    ASSERT_EQ(words.size(), 21U);
    EXPECT_EQ(words[0], "MSET");
    for (size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(number_of(words[1 + 2 * i]), static_cast<int64_t>(i));
        EXPECT_EQ(words[2 + 2 * i].size(), 64U);
    }
}

TEST(LoadRequestBuilder, AMixHasTheShareOfReadsAskedFor) {
    for (const uint32_t percent : {0, 50, 90, 100}) {
        Options options;
        options.command = Command::mixed;
        options.get_percent = percent;
        RequestBuilder builder(options);
        int reads = 0;
        for (int i = 0; i < 4000; ++i) reads += next_request(builder)[0] == "GET" ? 1 : 0;
        EXPECT_NEAR(reads, 40.0 * percent, percent % 100 == 0 ? 0 : 160);
    }
}

TEST(LoadRequestBuilder, WritesAllCommandsOfAScript) {
    Options options;
    options.command = Command::script;
    options.script = parse_script("MULTI; SET {key} {value}; GET {key};EXEC;").value();
    options.distribution = Distribution::sequential;
    options.value_bytes = 20;
    EXPECT_EQ(options.script.commands, 4u);
    RequestBuilder builder(options);
    std::vector<char> buffer(builder.bytes_max());
    const char* end = builder.write(buffer.data());
    const std::string text(buffer.data(), static_cast<size_t>(end - buffer.data()));
    const std::string begin =
        "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$20\r\n";
    EXPECT_EQ(text.substr(0, begin.size()), begin);
    EXPECT_EQ(text.substr(begin.size() + 20),
              "\r\n*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n*1\r\n$4\r\nEXEC\r\n");
}

TEST(LoadScript, RefusesWhatHasNoCommandOrTooMany) {
    EXPECT_FALSE(parse_script(""));
    EXPECT_FALSE(parse_script(" ; ;; "));
    std::string many;
    for (size_t i = 0; i < kScriptCommandsMax; ++i) many += "PING;";
    EXPECT_TRUE(parse_script(many));
    EXPECT_FALSE(parse_script(many + "PING"));
    EXPECT_FALSE(parse_script("SET a " + std::string(kScriptBytesMax, 'x')));
}

TEST(LoadRequestBuilder, TheSameSeedWritesTheSameRequests) {
    Options options;
    options.command = Command::mixed;
    options.get_percent = 50;
    RequestBuilder one(options);
    RequestBuilder same(options);
    options.seed = 2;
    RequestBuilder other(options);
    int differing = 0;
    for (int i = 0; i < 100; ++i) {
        const Words words = next_request(one);
        EXPECT_EQ(words, next_request(same));
        differing += words != next_request(other) ? 1 : 0;
    }
    EXPECT_GT(differing, 90);
}

}  // namespace
}  // namespace gyre::load
