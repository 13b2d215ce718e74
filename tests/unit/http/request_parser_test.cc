// SPDX-License-Identifier: BSD-3-Clause

// Goal: requests are read whatever way they are cut, and what two readers could take for different
// requests is refused.

#include "http/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/http_driver.h"

namespace gyre::test {
namespace {

using http::Field;
using http::Method;

HttpOutcome whole(std::string_view stream, const http::ParserLimits& limits = {}) {
    return run_http(stream, limits, [&] { return stream.size(); });
}

/// The outcome, which must not depend on where the stream is cut.
HttpOutcome outcome_of(std::string_view stream, const http::ParserLimits& limits = {}) {
    const HttpOutcome expected = whole(stream, limits);
    EXPECT_EQ(run_http(stream, limits, [] { return 1; }), expected) << stream;
    for (size_t cut = 1; cut < stream.size(); ++cut) {
        size_t pieces = 0;
        const auto outcome =
            run_http(stream, limits, [&] { return pieces++ == 0 ? cut : stream.size(); });
        EXPECT_EQ(outcome, expected) << "cut at " << cut << " of " << stream;
    }
    return expected;
}

int status_of(std::string_view stream) { return outcome_of(stream).status; }

std::string with_fields(std::string_view fields) {
    return "POST /x HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

TEST(HttpRequestParser, reads_a_request_and_its_fields) {
    const auto outcome = outcome_of(
        "GET /v1/keys/a%20b?db=1 HTTP/1.1\r\nHost: localhost:8080\r\nACCEPT:  text/plain  \r\n"
        "X-Unknown: 1\r\nIf-None-Match: \"a\"\r\n\r\n");
    ASSERT_EQ(outcome.requests.size(), 1U) << outcome.error;
    const HttpRequest& request = outcome.requests[0];
    EXPECT_EQ(request.method, Method::get);
    EXPECT_EQ(request.target, "/v1/keys/a%20b?db=1");
    EXPECT_TRUE(request.keeps_alive);
    EXPECT_EQ(request.fields[static_cast<size_t>(Field::host)], "localhost:8080");
    EXPECT_EQ(request.fields[static_cast<size_t>(Field::accept)], "text/plain");
    EXPECT_EQ(request.fields[static_cast<size_t>(Field::if_none_match)], "\"a\"");
    EXPECT_EQ(request.fields[static_cast<size_t>(Field::origin)], "-");
}

TEST(HttpRequestParser, reads_bodies_by_length_and_in_chunks_one_behind_the_other) {
    const auto outcome =
        outcome_of(with_fields("Content-Length: 5\r\n") + "hello" +
                   with_fields("Transfer-Encoding: chunked\r\n") +
                   "3\r\nabc\r\n10;name=value\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n" +
                   with_fields("Content-Length: 0\r\n") + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(outcome.requests.size(), 4U) << outcome.error;
    EXPECT_EQ(outcome.requests[0].body, "hello");
    EXPECT_EQ(outcome.requests[1].body, "abc0123456789abcdef");
    EXPECT_EQ(outcome.requests[2].body, "");
    EXPECT_EQ(outcome.requests[3].target, "/");
    EXPECT_EQ(outcome.status, 0);
}

TEST(HttpRequestParser, knows_who_wants_to_stay) {
    EXPECT_FALSE(outcome_of("GET / HTTP/1.0\r\n\r\n").requests.at(0).keeps_alive);
    EXPECT_TRUE(
        outcome_of("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").requests.at(0).keeps_alive);
    EXPECT_FALSE(outcome_of(with_fields("Connection: close\r\n")).requests.at(0).keeps_alive);
}

TEST(HttpRequestParser, refuses_what_two_readers_could_cut_differently) {
    for (const std::string_view fields :
         {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
          "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n",
          "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: +5\r\n",
          "Content-Length: 0x5\r\n", "Content-Length:\r\n", "Content-Length: -1\r\n",
          "Content-Length: 99999999999999999999\r\n",
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Host: other\r\n",
          "Content-Length : 5\r\n", " Content-Length: 5\r\n", "X: a\r\n b\r\n", "X: a\r\n\tb\r\n",
          "X\r\n", ": x\r\n"}) {
        const auto outcome = outcome_of(with_fields(fields) + "hello");
        EXPECT_EQ(outcome.status, 400) << fields;
        EXPECT_TRUE(outcome.requests.empty()) << fields;
    }
    EXPECT_EQ(status_of(with_fields("Transfer-Encoding: gzip, chunked\r\n")), 501);
    EXPECT_EQ(status_of(with_fields("Transfer-Encoding: identity\r\n")), 501);
    EXPECT_EQ(status_of(with_fields("Transfer-Encoding: xchunked\r\n")), 501);
    EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
}

TEST(HttpRequestParser, refuses_bad_lines) {
    for (const std::string_view stream :
         {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
          "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "GET /\r\n\r\n", "\x16\x03\x01\r\n\r\n",
          "GET / HTTP/1.1\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET / HTTP/1.1\nHost: a\r\n\r\n", "*1\r\n$4\r\nPING\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"}) {
        EXPECT_EQ(status_of(stream), 400) << stream;
    }
}

TEST(HttpRequestParser, refuses_bad_chunks) {
    const std::string head = with_fields("Transfer-Encoding: chunked\r\n");
    for (const std::string_view body :
         {"x\r\n", "-1\r\n", "5\r\nhelloXX0\r\n\r\n", "5\r\nhello0\r\n\r\n", "\r\n\r\n",
          " 5\r\nhello", "ffffffffffffffffff\r\n", "5 ;\r\nhello\r\n",
          "0\r\nbad trailer\r\n\r\n"}) {
        const auto outcome = outcome_of(head + std::string(body));
        EXPECT_TRUE(outcome.requests.empty()) << body;
        EXPECT_TRUE(outcome.status == 400 || outcome.status == 413) << body << outcome.status;
    }
    EXPECT_EQ(whole(head + std::string(5000, '1')).status, 400);
    EXPECT_EQ(whole(head + "1;" + std::string(5000, 'a') + "\r\n").status, 400);
    EXPECT_EQ(whole(head + "0\r\nX: " + std::string(5000, 'a') + "\r\n\r\n").status, 400);
}

TEST(HttpRequestParser, a_quoted_string_ends_in_its_line) {
    const std::string head = with_fields("Transfer-Encoding: chunked\r\n");
    for (const std::string_view body : {"1;a=\"b\r\n", "1;a=\"b\\\"\r\n", "1;a=\"\\\r\n",
                                        "0;a=\"b\r\n", "1;a=\"b\r\nx\r\n0;\"\r\n\r\n"}) {
        const auto outcome = outcome_of(head + std::string(body));
        EXPECT_EQ(outcome.status, 400) << body;
        EXPECT_TRUE(outcome.requests.empty()) << body;
    }
    const auto outcome =
        outcome_of(head + "1;a=\"b\\\"c\"\r\nx\r\n1;d;e=\"\\\\\"\r\ny\r\n0;f=\"g\"\r\n\r\n");
    ASSERT_EQ(outcome.requests.size(), 1U) << outcome.error;
    EXPECT_EQ(outcome.requests[0].body, "xy");
}

TEST(HttpRequestParser, refuses_bare_line_feeds_at_once) {
    for (const std::string_view stream :
         {"GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
          "GET / HTTP/1.1\r\nHost: a\r\nX: a\nb\r\n"}) {
        EXPECT_EQ(status_of(stream), 400) << stream;
    }
    const std::string head = with_fields("Transfer-Encoding: chunked\r\n");
    for (const std::string_view body :
         {"5\n", "5\nhello\r\n", "5;a=b\n", "5\r\nhello\n", "5\r\nhello\r\n0\n", "0\r\n\n", "0\n",
          "0\r\nX: a\n", "5\r\na\nb\n\n\r\n0;x\r\nX: a\nY: b\r\n\r\n",
          "1\r\na\r\n1\nb\r\n0\r\n\r\n", "00;a\r\nX: a\nY: b\r\n\r\n"}) {
        const auto outcome = outcome_of(head + std::string(body));
        EXPECT_EQ(outcome.status, 400) << body;
        EXPECT_TRUE(outcome.requests.empty()) << body;
    }
    // Of the body they are a part.
    const auto outcome = outcome_of(head + "5\r\na\nb\n\n\r\n2\r\n\n\n\r\n0\r\n\r\n" +
                                    with_fields("Content-Length: 2\r\n") + "\n\n");
    ASSERT_EQ(outcome.requests.size(), 2U) << outcome.error;
    EXPECT_EQ(outcome.requests[0].body, "a\nb\n\n\n\n");
    EXPECT_EQ(outcome.requests[1].body, "\n\n");
}

TEST(HttpRequestParser, tells_of_the_head_before_it_takes_the_body) {
    http::RequestParser parser;
    const std::string bytes =
        with_fields("Content-Length: 5\r\n") + "hello" + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    using Status = http::RequestParser::Status;
    std::string_view input = bytes;
    EXPECT_EQ(parser.parse(input, {}), Status::head);
    EXPECT_TRUE(input.starts_with("hello"));
    EXPECT_EQ(parser.body_bytes(), 5U);
    EXPECT_EQ(parser.request().target, "/x");
    parser.drop_body();
    EXPECT_EQ(parser.parse(input, {}), Status::complete);
    EXPECT_EQ(parser.request().body, "");
    parser.reset();
    EXPECT_EQ(parser.parse(input, {}), Status::complete);
    EXPECT_EQ(parser.body_bytes(), std::nullopt);
    parser.reset();
    // What was dropped of one is kept of the next.
    input = bytes;
    EXPECT_EQ(parser.parse(input, {}), Status::head);
    EXPECT_EQ(parser.parse(input, {}), Status::complete);
    EXPECT_EQ(parser.request().body, "hello");
}

TEST(HttpRequestParser, has_limits) {
    http::ParserLimits limits;
    limits.header_bytes_max = 200;
    limits.body_bytes_max = 10;
    const std::string long_field = with_fields("X: " + std::string(200, 'a') + "\r\n");
    EXPECT_EQ(outcome_of(long_field, limits).status, 431);
    EXPECT_EQ(outcome_of("GET /" + std::string(300, 'a'), limits).status, 431);
    EXPECT_EQ(outcome_of(with_fields("Content-Length: 11\r\n"), limits).status, 413);
    const std::string chunked = with_fields("Transfer-Encoding: chunked\r\n");
    EXPECT_EQ(outcome_of(chunked + "6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n", limits).status, 413);
    EXPECT_EQ(outcome_of(chunked + "5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n", limits).requests.size(),
              1U);
    std::string many;
    for (int number = 0; number < 120; ++number) many += "X-" + std::to_string(number) + ": 1\r\n";
    EXPECT_EQ(whole(with_fields(many)).status, 431);
    EXPECT_EQ(whole(chunked + "0\r\n" + many + "\r\n").status, 431);
}

TEST(HttpRequestParser, passes_over_a_few_empty_lines) {
    EXPECT_EQ(outcome_of("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").requests.size(), 1U);
    EXPECT_EQ(status_of("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(HttpRequestParser, tells_once_who_waits_for_a_word) {
    HttpDriver driver;
    driver.feed(with_fields("Content-Length: 2\r\nExpect: 100-continue\r\n"));
    EXPECT_TRUE(driver.parser().take_wants_continue());
    EXPECT_FALSE(driver.parser().take_wants_continue());
    driver.feed("ab");
    EXPECT_EQ(driver.outcome().requests.at(0).body, "ab");
    EXPECT_EQ(status_of(with_fields("Expect: something\r\n")), 417);
}

}  // namespace
}  // namespace gyre::test
