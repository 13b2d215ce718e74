// SPDX-License-Identifier: BSD-3-Clause

// Requests, well formed and not. What is expected of malformed ones was read off redis-server; each
// case is fed whole, byte by byte, and in seeded random cuts, which must make no difference.

#include "resp/request_parser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/request_driver.h"

namespace gyre::resp {
namespace {

using namespace std::string_literals;
using test::RequestDriver;
using test::RequestOutcome;
using test::run_requests;
using Command = std::vector<std::string>;

uint64_t seed() {
    const char* const text = std::getenv("GYRE_SEED");
    return text == nullptr ? 20231 : std::strtoull(text, nullptr, 10);
}

RequestOutcome run_whole(std::string_view stream, const ParserLimits& limits = {}) {
    return run_requests(stream, limits, [&] { return stream.size(); });
}

// The outcome of `stream` fed whole, after it was found to be the same for other cuts.
RequestOutcome run(std::string_view stream, const ParserLimits& limits = {}) {
    const RequestOutcome whole = run_whole(stream, limits);
    EXPECT_EQ(whole, run_requests(stream, limits, [] { return 1; })) << "byte by byte";
    std::mt19937_64 random(seed());
    for (int round = 0; round < 8; ++round) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed()));
        EXPECT_EQ(whole, run_requests(stream, limits, [&] { return random() % 40 + 1; }));
    }
    return whole;
}

std::string encode(const Command& command) {
    std::string out = "*" + std::to_string(command.size()) + "\r\n";
    for (const std::string& word : command) {
        out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    return out;
}

void expect_commands(std::string_view stream, const std::vector<Command>& commands) {
    const RequestOutcome outcome = run(stream);
    EXPECT_EQ(outcome.commands, commands) << stream.substr(0, 80);
    EXPECT_EQ(outcome.error, "");
    EXPECT_TRUE(outcome.is_at_start);
}

void expect_error(std::string_view stream, std::string_view error,
                  const ParserLimits& limits = {}) {
    EXPECT_EQ(run(stream, limits).error, "Protocol error: " + std::string(error))
        << stream.substr(0, 80);
}

void expect_unfinished(std::string_view stream) {
    const RequestOutcome outcome = run(stream);
    EXPECT_EQ(outcome.error, "") << stream.substr(0, 80);
    EXPECT_EQ(outcome.commands, std::vector<Command>{});
    EXPECT_FALSE(outcome.is_at_start);
}

// --- well formed --------------------------------------------------------------------------------

TEST(RequestParser, ReadsArraysOfBulkStrings) {
    expect_commands("*1\r\n$4\r\nPING\r\n", {{"PING"}});
    expect_commands("*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$5\r\na\r\nb \r\n", {{"SET", "x", "a\r\nb "}});
    expect_commands("*2\r\n$0\r\n\r\n$1\r\na\r\n", {{"", "a"}});
    expect_commands("*2\r\n$4\r\nP\0NG\r\n$2\r\n\0\xff\r\n"s, {{"P\0NG"s, "\0\xff"s}});
}

TEST(RequestParser, ReadsInlineCommands) {
    expect_commands("PING\r\n", {{"PING"}});
    expect_commands("PING\n", {{"PING"}});
    expect_commands("PING\r\r\n", {{"PING"}});
    expect_commands(" ECHO  \"a b\\x41\\n\"\t''\r\n", {{"ECHO", "a bA\n", ""}});
    expect_commands("\"\"\r\n", {{""}});
    expect_commands("$5\r\nMULTI\r\n", {{"$5"}, {"MULTI"}});
}

TEST(RequestParser, MixesBothFormsInAPipeline) {
    expect_commands("PING\r\n*1\r\n$4\r\nPING\r\n\r\nECHO 'x y'\r\n*2\r\n$4\r\nECHO\r\n$1\r\nz\r\n",
                    {{"PING"}, {"PING"}, {"ECHO", "x y"}, {"ECHO", "z"}});
}

TEST(RequestParser, AnIdleParserIsSmall) { EXPECT_LE(sizeof(RequestParser), 64U); }

TEST(RequestParser, SetsNoBlockForPlainArguments) {
    RequestParser parser;
    std::vector<Argument> arguments;
    size_t consumed = 0;
    const std::string input = "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPI";
    ASSERT_EQ(parser.parse(input, {}, arguments, consumed), RequestParser::Status::complete);
    EXPECT_EQ(consumed, input.size() - 2);
    ASSERT_EQ(arguments.size(), 2U);
    EXPECT_EQ(arguments[1].bytes.data(), input.data() + 18);
    EXPECT_EQ(arguments[1].block, nullptr);
    EXPECT_TRUE(parser.is_at_start());
}

TEST(RequestParser, AppendsBehindTheArgumentsOfEarlierCommands) {
    RequestParser parser;
    std::vector<Argument> arguments;
    size_t consumed = 0;
    const std::string input = "*1\r\n$1\r\na\r\n";
    ASSERT_EQ(parser.parse(input, {}, arguments, consumed), RequestParser::Status::complete);
    ASSERT_EQ(parser.parse("*0\r\n", {}, arguments, consumed), RequestParser::Status::empty);
    ASSERT_EQ(parser.parse("b\n", {}, arguments, consumed), RequestParser::Status::complete);
    ASSERT_EQ(arguments.size(), 2U);
    // An error leaves the list as it was.
    ASSERT_EQ(parser.parse("*2\r\n$1\r\na\r\n$x\r\n", {}, arguments, consumed),
              RequestParser::Status::error);
    EXPECT_EQ(arguments.size(), 2U);
}

TEST(RequestParser, ReadsAMillionArguments) {
    std::string stream = "*1000000\r\n";
    for (int i = 0; i < 1000000; ++i) stream += "$1\r\na\r\n";
    RequestDriver driver;
    driver.feed(stream.substr(0, 3500000));
    driver.feed(stream.substr(3500000));
    ASSERT_EQ(driver.outcome().commands.size(), 1U);
    EXPECT_EQ(driver.outcome().commands[0].size(), 1000000U);
}

// --- malformed, as Redis answers it -------------------------------------------------------------

TEST(RequestParser, SkipsEmptyRequests) {
    for (const std::string_view prefix :
         {"\r\n", "\n", "   \r\n", "*0\r\n", "*-10\r\n", "*-1\r\n", "*-9223372036854775808\r\n"}) {
        const RequestOutcome outcome = run(std::string(prefix) + "PING\r\n");
        EXPECT_EQ(outcome.empty_count, 1U) << prefix;
        EXPECT_EQ(outcome.commands, std::vector<Command>{{"PING"}}) << prefix;
    }
}

TEST(RequestParser, RefusesWrongCounts) {
    for (const char* const line :
         {"*3000000000\r\n", "*2147483648\r\n", "*9223372036854775808\r\n", "*\r\n", "*abc\r\n",
          "*+1\r\n", "*01\r\n", "* 1\r\n", "*1 \r\n", "*-0\r\n", "*--1\r\n", "*1\n$4\nPING\r\n",
          "*1x\r\n", "*00000000000000000001\r\n"}) {
        expect_error(line, "invalid multibulk length");
    }
    expect_unfinished("*2147483647\r\n");
    expect_unfinished("*1073741825\r\n");
}

TEST(RequestParser, RefusesWrongBulkLengths) {
    for (const char* const line :
         {"$-1\r\n", "$-10\r\n", "$2000000000\r\n", "$536870913\r\n", "$abc\r\n", "$\r\n",
          "$04\r\nPING\r\n", "$-0\r\n", "$+4\r\n", "$18446744073709551616\r\n", "$4\nPING\r\n",
          "$ 4\r\n", "$1e3\r\n", "$99999999999999999999999999\r\n"}) {
        expect_error("*1\r\n" + std::string(line), "invalid bulk length");
    }
}

TEST(RequestParser, TakesAPayloadOfTheLimitAndNoMore) {
    ParserLimits limits;
    limits.bulk_bytes_max = 4;
    EXPECT_EQ(run("*1\r\n$4\r\nPING\r\n", limits).commands, std::vector<Command>{{"PING"}});
    expect_error("*1\r\n$5\r\nHELLO\r\n", "invalid bulk length", limits);
}

TEST(RequestParser, DemandsADollarOnceTheLineIsThere) {
    expect_error("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'");
    expect_error("*1\r\n+abc\r\n", "expected '$', got '+'");
    expect_error("*1\r\n\xff\r\n", "expected '$', got '\xff'");
    expect_error("*1\r\n\t\r\n", "expected '$', got '\t'");
    // Line ends are shown as blanks.
    expect_error("*1\r\n\r\n", "expected '$', got ' '");
    expect_error("*1\r\n\n$4\r\nPING\r\n", "expected '$', got ' '");
    expect_unfinished("*1\r\nabc");
    expect_unfinished("*1\r\nabc\r");
}

TEST(RequestParser, TakesAnyTwoBytesAsLineEnds) {
    expect_commands("*1\r\n$4\r\nPINGxxPING\r\n", {{"PING"}, {"PING"}});
    expect_commands("*1\r\n$4\r\nPING\r\xf4*1\rX$4\rYPING\r\n", {{"PING"}, {"PING"}});
    expect_commands("*1\r\n$4\r\nPING\0\0PING\r\n"s, {{"PING"}, {"PING"}});
}

TEST(RequestParser, WaitsForTheEndOfLinesAndPayloads) {
    for (const std::string_view stream :
         {"*", "*1", "*x\r", "*1\r", "*1\r\n", "*1\r\n$", "*1\r\n$4\r", "*1\r\n$4\r\nPING",
          "*1\r\n$4\r\nPING\r", "PING", "\r", "PING \"a"}) {
        expect_unfinished(stream);
    }
}

TEST(RequestParser, ANulHidesTheRestOfALine) {
    expect_unfinished("\0AAAA\r\nPING\r\n"s);
    expect_unfinished("ECHO a\0b\r\n"s);
    expect_unfinished("*\0AAAA\r\n"s);
    expect_unfinished("*1\r\n$\0AAAA\r\n"s);
    expect_unfinished("*1\r\n\0\r\n"s);
    const std::string flood(kInlineBytesMax, 'A');
    EXPECT_EQ(run_whole("\0\n"s + flood).error, "Protocol error: too big inline request");
    EXPECT_EQ(run_whole("*\0\r\n"s + flood).error, "Protocol error: too big mbulk count string");
    EXPECT_EQ(run_whole("*1\r\n$\0\r\n"s + flood).error,
              "Protocol error: too big bulk count string");
}

// Fed whole and in pieces of a kilobyte, for which the limit is as exact.
std::string error_of_long_line(const std::string& stream) {
    const RequestOutcome whole = run_whole(stream);
    EXPECT_EQ(whole, run_requests(stream, {}, [] { return 1000; }));
    return whole.error;
}

TEST(RequestParser, LimitsTheLengthOfLines) {
    const std::string longest(kInlineBytesMax, '1');
    EXPECT_EQ(error_of_long_line(longest + "\n"), "");
    EXPECT_EQ(error_of_long_line(longest + "1"), "Protocol error: too big inline request");
    EXPECT_EQ(error_of_long_line(longest + "1\n"), "Protocol error: too big inline request");
    EXPECT_EQ(error_of_long_line("*" + longest.substr(1)), "");
    EXPECT_EQ(error_of_long_line("*" + longest), "Protocol error: too big mbulk count string");
    EXPECT_EQ(error_of_long_line("*" + longest.substr(1) + "\r\n"),
              "Protocol error: invalid multibulk length");
    EXPECT_EQ(error_of_long_line("*1\r\n$" + longest.substr(1)), "");
    EXPECT_EQ(error_of_long_line("*1\r\n$" + longest), "Protocol error: too big bulk count string");
    EXPECT_EQ(error_of_long_line("*1\r\n" + longest + "\r\n"),
              "Protocol error: expected '$', got '1'");
}

TEST(RequestParser, RefusesUnbalancedQuotes) {
    for (const char* const line : {"PING \"a\r\n", "PING 'a'b\r\n", "ECHO x\"y\"z\n", "\"\\\"\r\n",
                                   "\"a\\\r\n", "'quoted' \"word\" 'open\r\n"}) {
        expect_error(line, "unbalanced quotes in request");
    }
}

TEST(RequestParser, GivesStrangersSmallLimits) {
    ParserLimits limits;
    limits.authenticated = false;
    expect_error("*11\r\n", "unauthenticated multibulk length", limits);
    expect_error("*3000000000\r\n", "invalid multibulk length", limits);
    expect_error("*1\r\n$16385\r\n", "unauthenticated bulk length", limits);
    expect_error("*1\r\n$1000000000000\r\n", "invalid bulk length", limits);
    const Command largest(10, std::string(16384, 'x'));
    EXPECT_EQ(run_whole(encode(largest), limits).commands, std::vector<Command>{largest});
}

TEST(RequestParser, StaysFailedUntilReset) {
    RequestParser parser;
    std::vector<Argument> arguments;
    size_t consumed = 0;
    EXPECT_EQ(parser.error_text(), "");
    ASSERT_EQ(parser.parse("*x\r\n", {}, arguments, consumed), RequestParser::Status::error);
    ASSERT_EQ(parser.parse("*x\r\nPING\r\n", {}, arguments, consumed),
              RequestParser::Status::error);
    EXPECT_EQ(parser.error_text(), "Protocol error: invalid multibulk length");
    parser.reset();
    EXPECT_EQ(parser.parse("PING\r\n", {}, arguments, consumed), RequestParser::Status::complete);
}

TEST(RequestParser, HttpIsReadAsInlineCommands) {
    expect_commands("POST / HTTP/1.1\r\nHost: a\r\n\r\n",
                    {{"POST", "/", "HTTP/1.1"}, {"Host:", "a"}});
}

// --- cuts ---------------------------------------------------------------------------------------

TEST(RequestParser, EveryCutOfAPipelineGivesTheSame) {
    const std::string stream = "PING\r\n" + encode({"SET", "key", "a\r\n$3\r\nb"}) +
                               "ECHO \"x \\x41\" 'y'\r\n*0\r\n" + encode({"", "\0"s, "*1"}) +
                               "\r\n" + encode({"MSET", "a", "1", "b", "2", "c", "3"});
    const RequestOutcome whole = run(stream);
    ASSERT_EQ(whole.commands.size(), 5U);
    for (size_t first = 1; first < stream.size(); ++first) {
        for (size_t second : {first, (first + stream.size()) / 2}) {
            RequestDriver driver;
            driver.feed(std::string_view(stream).substr(0, first));
            driver.feed(std::string_view(stream).substr(first, second - first));
            driver.feed(std::string_view(stream).substr(second));
            ASSERT_EQ(driver.outcome(), whole) << "cut at " << first << " and " << second;
        }
    }
}

Command random_command(std::mt19937_64& random) {
    Command command(random() % 6 + 1);
    for (std::string& word : command) {
        const size_t size_max = random() % 20 == 0 ? 3 * kLargeArgumentBytes : 40;
        word.assign(random() % size_max, static_cast<char>(random()));
    }
    return command;
}

TEST(RequestParser, RandomCutsOfRandomPipelinesGiveTheCommands) {
    SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    for (int round = 0; round < 40; ++round) {
        std::vector<Command> commands(random() % 20 + 1);
        std::string stream;
        for (Command& command : commands) {
            command = random_command(random);
            stream += encode(command);
        }
        const size_t size_max = size_t{1} << (random() % 18);
        // Pieces of a few bytes make the test's own copying of its tail quadratic.
        const size_t size_min = stream.size() / 2000;
        const RequestOutcome outcome =
            run_requests(stream, {}, [&] { return size_min + random() % size_max; });
        ASSERT_EQ(outcome.commands, commands);
        ASSERT_EQ(outcome.error, "");
        ASSERT_TRUE(outcome.is_at_start);
    }
}

// --- large arguments ----------------------------------------------------------------------------

TEST(RequestParser, ReceivesLargeArgumentsOnTheirOwn) {
    const std::string value(100000, 'v');
    const std::string stream = encode({"SET", "key", value, "EX", "10"});
    for (const size_t cut : {size_t{20}, size_t{31}, size_t{40}, size_t{50000}}) {
        RequestDriver driver;
        driver.feed(std::string_view(stream).substr(0, cut));
        driver.feed(std::string_view(stream).substr(cut));
        ASSERT_EQ(driver.outcome().commands,
                  (std::vector<Command>{{"SET", "key", value, "EX", "10"}}));
        EXPECT_EQ(driver.large_count(), cut < 31 ? 0U : 1U) << cut;
    }
}

TEST(RequestParser, SeveralLargeArgumentsKeepTheirOrder) {
    const Command command = {"MSET", "a", std::string(70000, '1'), "b", std::string(80000, '2'),
                             "c",    "3"};
    const std::string stream = encode(command) + encode(command);
    RequestDriver driver;
    for (size_t at = 0; at < stream.size(); at += 1000) {
        driver.feed(std::string_view(stream).substr(at, 1000));
    }
    EXPECT_EQ(driver.outcome().commands, (std::vector<Command>{command, command}));
    EXPECT_EQ(driver.large_count(), 4U);
}

TEST(RequestParser, ALargeArgumentHandsItsBlockOver) {
    RequestParser parser;
    std::vector<Argument> arguments;
    size_t consumed = 0;
    const std::string head = "*1\r\n$40000\r\nxyz";
    ASSERT_EQ(parser.parse(head, {}, arguments, consumed), RequestParser::Status::large);
    EXPECT_EQ(parser.large_size(), 40000U);
    EXPECT_EQ(parser.large_offset(), head.size() - 3);
    base::SharedBytes* const block = base::SharedBytes::create(40000, base::Purpose::keyspace);
    std::memset(block->data(), 'x', 40000);
    block->set_size(40000);
    parser.large_done(base::SharedBytesRef::adopt(block));
    const std::string rest = head.substr(0, head.size() - 3);
    ASSERT_EQ(parser.parse(rest, {}, arguments, consumed), RequestParser::Status::incomplete);
    EXPECT_EQ(parser.needed(), 2U);
    ASSERT_EQ(parser.parse(rest + "\r\nPING\r\n", {}, arguments, consumed),
              RequestParser::Status::complete);
    EXPECT_EQ(consumed, rest.size() + 2);
    ASSERT_EQ(arguments.size(), 1U);
    EXPECT_EQ(arguments[0].block, block);
    EXPECT_EQ(arguments[0].bytes.data(), block->data());
    EXPECT_TRUE(block->is_sole_owner());
    block->release();
}

TEST(RequestParser, FreesTheBlocksOfACommandThatFails) {
    const int64_t before = base::used(base::Purpose::clients);
    {
        RequestDriver failing;
        failing.feed(encode({"SET", std::string(50000, 'k')}).replace(1, 1, "3").substr(0, 100));
        failing.feed(std::string(50000 - 100 + 22, 'k').append("\r\n!\r\n"));
        EXPECT_NE(failing.outcome().error, "");
        RequestDriver abandoned;
        abandoned.feed("*2\r\n$50000\r\n");
        abandoned.feed(std::string(50001, 'k'));
        EXPECT_EQ(abandoned.large_count(), 1U);
    }
    EXPECT_EQ(base::used(base::Purpose::clients), before);
}

TEST(RequestParser, TellsHowManyBytesAreNeeded) {
    RequestParser parser;
    std::vector<Argument> arguments;
    size_t consumed = 0;
    EXPECT_EQ(parser.parse("", {}, arguments, consumed), RequestParser::Status::incomplete);
    EXPECT_TRUE(parser.is_at_start());
    EXPECT_EQ(parser.parse("*1\r\n$1", {}, arguments, consumed), RequestParser::Status::incomplete);
    EXPECT_EQ(parser.needed(), 1U);
    EXPECT_EQ(parser.parse("*1\r\n$10\r\nabc", {}, arguments, consumed),
              RequestParser::Status::incomplete);
    EXPECT_EQ(parser.needed(), 9U);
    EXPECT_FALSE(parser.is_at_start());
}

}  // namespace
}  // namespace gyre::resp
