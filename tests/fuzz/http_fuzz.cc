// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever bytes come, the parser of HTTP requests stays within them, how a stream is cut
// makes no difference to what is read from it, and what it reads can be taken apart. The first byte
// of the input chooses the limits and seeds the cuts, the rest is the stream.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "http/guard.h"
#include "http/json_value.h"
#include "http/target.h"
#include "support/http_driver.h"

namespace {

using gyre::test::HttpOutcome;
using gyre::test::HttpRequest;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "http_fuzz: %s\n", what);
    std::abort();
}

void check(const HttpOutcome& whole, const HttpOutcome& cut) {
    if (!(whole == cut)) fail("another outcome when the stream is cut");
}

void take_apart(const HttpRequest& request) {
    if (const auto target = gyre::http::parse_target(request.target)) {
        size_t bytes = 0;
        for (const auto& segment : target->segments) bytes += segment.size();
        if (bytes > request.target.size()) fail("segments longer than their target");
    }
    static_cast<void>(gyre::http::parse_json_value(request.body));
    for (const auto& field : request.fields) {
        if (field.find_first_of("\r\n") != std::string::npos) fail("a field of several lines");
        static_cast<void>(gyre::http::is_known_host(field, {}));
        static_cast<void>(gyre::http::is_origin(field));
        static_cast<void>(gyre::http::parse_authorization(
            field, [](std::string_view text) { return text == "a:b"; }));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    gyre::http::ParserLimits limits;
    if ((data[0] & 1) != 0) limits = {.header_bytes_max = 256, .body_bytes_max = 64};
    uint32_t state = data[0] + 1U;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
    const HttpOutcome whole = gyre::test::run_http(stream, limits, [&] { return stream.size(); });
    if (size < 2000) check(whole, gyre::test::run_http(stream, limits, [] { return 1; }));
    check(whole, gyre::test::run_http(stream, limits, [&] {
              state = state * 1664525 + 1013904223;
              return (state >> 16) % 64 + 1 + size / 1000;
          }));
    for (const HttpRequest& request : whole.requests) take_apart(request);
    return 0;
}
