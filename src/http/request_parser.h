// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Incremental parser of HTTP/1.0 and HTTP/1.1 requests. The one door to Boost.Beast's parser, which
// reads the lines, the lengths and the chunks; nothing else includes it.
//
// What it adds to that parser: a name for what is refused and the status that says so, limits on
// head, number of fields, body and what stands around chunks, and no tolerance where two readers
// could differ about where a request ends: a repeated Content-Length or Host, Content-Length beside
// Transfer-Encoding, any coding but `chunked`, folded lines, bare line feeds in the head and around
// chunks, and a Transfer-Encoding from HTTP/1.0 are errors. After an error the stream has no
// meaning any more.
//
// A request that has a body is told of twice: when its head is there, so that nobody's body is kept
// who is refused by his head, and when it is complete. One without a body is complete at once.
//
// Ownership: owns the request under way. Threads: one at a time. Suspends: never.
// Complexity: O(bytes); a head that comes in pieces is looked through once.
// Source: RFC 9112, RFC 9110.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "http/request.h"

namespace gyre::http {

struct ParserLimits {
    size_t header_bytes_max = 16 * 1024;
    uint64_t body_bytes_max = uint64_t{64} << 20;
};

class RequestParser {
public:
    /// Header fields of one request.
    static constexpr size_t kFieldsMax = 100;
    /// The line before a chunk with its extensions, and all trailers together.
    static constexpr size_t kChunkLineBytesMax = 4096;
    /// Ends of lines before a request, which careless clients leave behind a body.
    static constexpr size_t kEmptyLineBytesMax = 8;

    enum class Status : uint8_t {
        incomplete,  ///< all of the input was taken
        head,        ///< request() has all but its body, of which nothing was taken yet: told once
        complete,    ///< request() is whole; what is left of the input is of the next one
        error,       ///< see failure()
    };
    struct Failure {
        uint16_t status = 0;
        std::string_view text;  ///< one sentence for a person
    };

    RequestParser();
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    /// Takes bytes from the front of `input`.
    Status parse(std::string_view& input, const ParserLimits& limits);
    Request& request() noexcept;
    const Failure& failure() const noexcept;
    /// The head of the request under way is known, and its client waits for a word before it sends
    /// the body: true once.
    bool take_wants_continue() noexcept;
    /// Nothing of a request is under way: here the stream may end in order.
    bool is_at_start() const noexcept;
    /// Something of its head is here, and not all.
    bool is_in_head() const noexcept;
    /// The body that follows is read and not kept.
    void drop_body() noexcept;
    /// How long that body is, where its head says so.
    std::optional<uint64_t> body_bytes() const noexcept;
    /// Makes ready for the next request.
    void reset();
    /// Bytes held of the request under way.
    size_t held_bytes() const noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gyre::http
