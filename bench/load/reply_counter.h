// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Counts the replies in what a server sends, and looks at nothing else: payloads are skipped by
// their announced length, texts searched for their end. Pieces may be cut anywhere.
//
// RESP2: simple strings, errors, integers, bulk strings, nil, arrays of any depth; or, when it is
// told so, responses of HTTP/1.1 that have a Content-Length or no body. Anything else makes the
// counter broken: what follows could not be told apart.
//
// Ownership: a plain value. Threads: one at a time. Complexity: O(replies) for feed(), and O(bytes)
// for texts; constant memory.

#include <cstddef>
#include <cstdint>
#include <string>

namespace gyre::load {

/// What was in one piece. Nested elements count too, but are no replies of their own.
struct ReplyCounts {
    uint32_t replies = 0;  ///< that ended in the piece
    uint32_t errors = 0;
    uint32_t nils = 0;
    uint32_t bulks = 0;  ///< bulk strings that are not nil
};

class ReplyCounter {
public:
    /// `parts`: replies that count as one together, 1 or more.
    explicit ReplyCounter(bool is_http = false, size_t parts = 1) noexcept
        : is_http_(is_http), parts_(parts) {}
    ReplyCounts feed(const char* data, size_t size);
    bool is_broken() const noexcept { return is_broken_; }
    /// Start of the first error reply, empty while there was none.
    const std::string& first_error() const noexcept { return first_error_; }

private:
    enum class State : uint8_t { type, text, number, payload, head };

    void begin_element(char type) noexcept;
    const char* read_text(const char* at, const char* end, ReplyCounts& counts);
    const char* read_number(const char* at, const char* end, ReplyCounts& counts) noexcept;
    const char* read_head(const char* at, const char* end, ReplyCounts& counts);
    void end_head(ReplyCounts& counts);
    const char* skip_payload(const char* at, const char* end, ReplyCounts& counts) noexcept;
    void end_number(ReplyCounts& counts) noexcept;
    void end_element(ReplyCounts& counts) noexcept;

    State state_ = State::type;
    char type_ = 0;
    bool is_negative_ = false;
    bool is_broken_ = false;
    bool has_first_error_ = false;
    uint64_t number_ = 0;
    uint64_t payload_left_ = 0;   // bytes of a bulk string and its line end
    uint64_t elements_left_ = 0;  // of the reply that is being read
    std::string first_error_;
    std::string head_;  // of a response of HTTP
    bool is_http_;
    size_t parts_;
    size_t part_ = 0;  // replies since the last that counted
};

}  // namespace gyre::load
