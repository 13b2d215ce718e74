// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Feeds a stream to the parser of HTTP requests in pieces, as a connection does. Before each call
// the bytes move to a fresh allocation of exactly their size, so that an address sanitizer sees
// every byte that is read too many.
//
// Threads: one. For unit tests and fuzz targets.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_parser.h"

namespace gyre::test {

struct HttpRequest {
    http::Method method = http::Method::other;
    std::string target;
    bool keeps_alive = false;
    std::vector<std::string> fields;  ///< by http::Field; "-" where there is none
    std::string body;

    bool operator==(const HttpRequest&) const = default;
};

/// What came out of a stream; two ways to cut the same stream must give equal outcomes.
struct HttpOutcome {
    std::vector<HttpRequest> requests;
    int status = 0;  ///< of the error, if there is one
    std::string error;
    bool operator==(const HttpOutcome&) const = default;
};

class HttpDriver {
public:
    explicit HttpDriver(const http::ParserLimits& limits = {}) : limits_(limits) {}

    /// Takes the next bytes. After an error they are ignored, as a server does.
    void feed(std::string_view bytes) {
        using Status = http::RequestParser::Status;
        const std::unique_ptr<char[]> exact(new char[bytes.size()]);
        std::copy(bytes.begin(), bytes.end(), exact.get());
        std::string_view rest(exact.get(), bytes.size());
        while (outcome_.status == 0 && !rest.empty()) {
            const Status status = parser_.parse(rest, limits_);
            if (status == Status::error) {
                outcome_.status = parser_.failure().status;
                outcome_.error = parser_.failure().text;
            } else if (status == Status::complete) {
                take();
            }
        }
    }
    const HttpOutcome& outcome() const { return outcome_; }
    http::RequestParser& parser() { return parser_; }

private:
    void take() {
        const http::Request& request = parser_.request();
        HttpRequest& taken = outcome_.requests.emplace_back();
        taken.method = request.method;
        taken.target = request.target;
        taken.keeps_alive = request.keeps_alive;
        for (const auto& field : request.fields) taken.fields.emplace_back(field.value_or("-"));
        taken.body = request.body;
        parser_.reset();
    }

    http::ParserLimits limits_;
    http::RequestParser parser_;
    HttpOutcome outcome_;
};

/// Cut after each `step()` bytes.
template <class Step>
HttpOutcome run_http(std::string_view stream, const http::ParserLimits& limits, Step&& step) {
    HttpDriver driver(limits);
    while (!stream.empty()) {
        const size_t bytes = std::clamp<size_t>(step(), 1, stream.size());
        driver.feed(stream.substr(0, bytes));
        stream.remove_prefix(bytes);
    }
    return driver.outcome();
}

}  // namespace gyre::test
