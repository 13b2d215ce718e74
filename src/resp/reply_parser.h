// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Incremental parser of replies, RESP2 and RESP3, into gyre::Reply. Bytes are taken in once,
// whatever way they are cut; the payload of a bulk string goes straight to its place, so that no
// second copy of a large value is kept.
//
// The server is not trusted: depth, sizes and numbers of elements have limits, and nothing is
// reserved because a length was announced. After an error the stream has no meaning any more: every
// later call fails in the same way.
//
// Not understood, because no server sends them: RESP3's streamed strings and aggregates ($? and
// *?). Part of the public client library: takes nothing else from src/.
//
// Ownership: owns the reply under way. Threads: one at a time. Suspends: never.
// Complexity: O(bytes).
// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/reply.h"
#include "gyre/result.h"

namespace gyre::resp {

struct ReplyLimits {
    size_t bulk_bytes_max = size_t{512} * 1024 * 1024;        ///< one string
    size_t reply_bytes_max = size_t{2} * 1024 * 1024 * 1024;  ///< all strings of a reply together
    size_t elements_max = size_t{64} * 1024 * 1024;           ///< all elements of a reply together
    size_t line_bytes_max = size_t{64} * 1024;                ///< a status, an error, a number
    size_t depth_max = 32;                                    ///< aggregates within each other
};

class ReplyParser {
public:
    explicit ReplyParser(const ReplyLimits& limits = {}) : limits_(limits) {}

    /// Takes bytes from the front of `input` (which is advanced past them) until a reply is
    /// complete or the input is at its end. A value: the reply. No value: all of the input was
    /// taken, more is needed.
    Result<std::optional<Reply>> parse(std::string_view& input);

    /// True when nothing of a reply is under way: here the stream may end in order.
    bool is_at_start() const noexcept;
    /// Forgets the reply under way, and an error.
    void reset();

private:
    enum class Step : uint8_t {
        more_input,  // the input is at its end
        value,       // value_ is complete
        begun,       // a frame or a payload was begun
        failed,
    };

    /// An aggregate under way.
    struct Frame {
        Reply reply;
        uint64_t left = 0;              // elements still to come
        bool is_attribute = false;      // belongs to the reply that follows it
        std::vector<Reply> attributes;  // of the next element
    };

    Step take_line(std::string_view& input);
    Step take_payload(std::string_view& input);
    Step read_line(std::string_view line);
    Step read_scalar(char marker, std::string_view body);
    Step read_bulk(char marker, std::string_view body);
    Step open_frame(char marker, std::string_view body);
    Step finish_payload();
    Step fail(std::string message);
    bool deliver();
    bool count_bytes(size_t bytes);
    void begin_value(ReplyType type);
    std::vector<Reply>& waiting_attributes();

    ReplyLimits limits_;
    std::string line_;         // a line that was cut
    Reply value_;              // the scalar under way or just complete
    char payload_marker_ = 0;  // of the payload under way, 0 when there is none
    size_t payload_left_ = 0;  // bytes missing, the two at the end included
    size_t bytes_ = 0;         // in strings of this reply
    size_t elements_ = 0;      // in this reply
    std::vector<Frame> frames_;
    std::vector<Reply> attributes_;  // of the reply to come
    std::string error_;
};

}  // namespace gyre::resp
