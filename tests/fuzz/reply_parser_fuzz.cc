// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever a server sends, a reply parser stays within its limits, and how the stream is cut
// makes no difference. The first byte of the input chooses the cuts, the rest is the stream.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resp/reply_parser.h"

namespace {

using gyre::Reply;
using gyre::resp::ReplyLimits;
using gyre::resp::ReplyParser;

constexpr size_t kDepthMax = 8;

struct Outcome {
    std::vector<Reply> replies;
    std::string error;
    bool is_at_start = false;
};

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "reply_parser_fuzz: %s\n", what);
    std::abort();
}

Outcome run(std::string_view stream, size_t size) {
    ReplyLimits limits;
    limits.bulk_bytes_max = 10000;
    limits.reply_bytes_max = 50000;
    limits.elements_max = 10000;
    limits.line_bytes_max = 1000;
    limits.depth_max = kDepthMax;
    ReplyParser parser(limits);
    Outcome outcome;
    while (!stream.empty() && outcome.error.empty()) {
        // A copy of its own for each piece, so that a sanitizer sees every read beyond it.
        const std::vector<char> piece(stream.begin(),
                                      stream.begin() + std::min(size, stream.size()));
        stream.remove_prefix(piece.size());
        std::string_view rest(piece.data(), piece.size());
        for (;;) {
            gyre::Result<std::optional<Reply>> reply = parser.parse(rest);
            if (!reply) outcome.error = reply.error().message;
            if (!reply || !*reply) break;
            outcome.replies.push_back(std::move(**reply));
        }
    }
    outcome.is_at_start = parser.is_at_start();
    return outcome;
}

size_t depth(const Reply& reply) {
    size_t deepest = 0;
    for (const Reply& element : reply.elements) deepest = std::max(deepest, depth(element));
    for (const Reply& element : reply.attributes) deepest = std::max(deepest, depth(element));
    return deepest + 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Outcome whole = run(stream, stream.size());
    for (const size_t cut : {size_t{1}, size_t{data[0]} + 1}) {
        const Outcome other = run(stream, cut);
        if (other.replies != whole.replies) fail("other replies when the stream is cut");
        if (other.error != whole.error) fail("another error when the stream is cut");
        if (other.is_at_start != whole.is_at_start) fail("another end when the stream is cut");
    }
    for (const Reply& reply : whole.replies) {
        if (depth(reply) > kDepthMax + 2) fail("deeper than the limit");
        static_cast<void>(reply.to_string());
    }
    return 0;
}
