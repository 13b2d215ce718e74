// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever bytes come, a request parser stays within them, and how a stream is cut makes no
// difference to what is read from it. The first byte of the input chooses the limits and seeds the
// cuts, the rest is the stream.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "support/request_driver.h"

namespace {

using gyre::resp::ParserLimits;
using gyre::test::RequestDriver;
using gyre::test::RequestOutcome;

// Small enough that a lying length costs no memory, large enough for the way of the large
// arguments.
constexpr int64_t kBulkBytesMax = 200 * 1000;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "request_parser_fuzz: %s\n", what);
    std::abort();
}

void check(const RequestOutcome& whole, const RequestOutcome& cut) {
    if (whole.commands != cut.commands) fail("other commands when the stream is cut");
    if (whole.empty_count != cut.empty_count) fail("other empty requests when the stream is cut");
    if (whole.error != cut.error) fail("another error when the stream is cut");
    if (whole.is_at_start != cut.is_at_start) fail("another end when the stream is cut");
    if (whole.error.find_first_of("\r\n") != std::string::npos) fail("an error of several lines");
}

void check_words(std::string_view line) {
    std::vector<std::string> words;
    gyre::resp::split_line(line, words);
    size_t bytes = 0;
    for (const std::string& word : words) bytes += word.size();
    if (bytes > line.size()) fail("words longer than their line");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    ParserLimits limits;
    limits.bulk_bytes_max = kBulkBytesMax;
    limits.authenticated = (data[0] & 1) == 0;
    uint32_t state = data[0] + 1U;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);

    const RequestOutcome whole =
        gyre::test::run_requests(stream, limits, [&] { return stream.size(); });
    // One byte a time is quadratic in the driver, not in the parser.
    if (size < 2000) {
        check(whole, gyre::test::run_requests(stream, limits, [] { return 1; }));
    }
    const uint32_t size_max = data[0] < 128 ? 16 : 4096;
    check(whole, gyre::test::run_requests(stream, limits, [&] {
              state = state * 1664525 + 1013904223;
              return (state >> 16) % size_max + 1 + size / 1000;
          }));
    check_words(stream);
    return 0;
}
