// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Incremental parser of requests: RESP arrays of bulk strings, and inline commands. It works on
// contiguous bytes that begin at the start of a command and remembers how far it has come, as
// offsets from that start, so that no byte is looked at twice however the input is cut (but for the
// at most ten bytes of a length that was cut in two); the caller may move the bytes (from a receive
// buffer to a tail of its own) between calls.
//
// Arguments are views into the bytes passed to the call that completed the command, or into a
// SharedBytes: for an argument that was received on its own, and for a word of an inline command
// that had quotes to take away.
//
// What Redis does and one would not expect: the two bytes after a payload, and the byte after the
// CR of a length line, may be anything; '$' is demanded only once the line has its CR; a NUL hides
// the rest of a line, which then ends in "too big ..." and no sooner. All of it is kept. Only the
// limit of a line is made exact: Redis lets a longer one pass when it happens to arrive in one
// read.
//
// Ownership: the parser owns nothing but its offsets (freed when a command completes) and the large
// argument under way. Threads: home reactor. Suspends: never.
// Limits and texts: Redis 7.2, networking.c (processMultibulkBuffer, processInlineBuffer).
// Complexity: O(bytes); an incomplete command keeps 24 bytes for each argument already complete.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/shared_bytes.h"

namespace gyre::resp {

struct ParserLimits {
    int64_t bulk_bytes_max = 512LL * 1024 * 1024;  ///< proto-max-bulk-len
    int64_t arguments_max = INT32_MAX;             ///< above it: "invalid multibulk length"
    bool authenticated = true;                     ///< false: 10 arguments of 16 KiB
};
inline constexpr int64_t kUnauthenticatedArgumentsMax = 10;
inline constexpr int64_t kUnauthenticatedBulkBytesMax = 16 * 1024;
inline constexpr size_t kInlineBytesMax = 64 * 1024;
/// An argument of which at least this much is missing is received straight into its final place.
inline constexpr size_t kLargeArgumentBytes = 32 * 1024;

/// One argument of a parsed command.
struct Argument {
    std::string_view bytes;
    /// Set when the bytes are a block of their own, counted under Purpose::clients or what the
    /// caller of large_done() chose. The reference belongs to the owner of the list, who releases
    /// it.
    base::SharedBytes* block = nullptr;
};

class RequestParser {
public:
    enum class Status : uint8_t {
        complete,    ///< one command was parsed
        empty,       ///< an empty line, `*0` or a negative count was consumed; nothing to run
        incomplete,  ///< more bytes are needed; see needed()
        large,       ///< the next bytes belong to a large argument; see large_*()
        error,       ///< protocol error; see error_text(); the connection is closed after the reply
    };

    RequestParser();
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    /// Parses on. `input` begins at the first byte of the present command and holds at least the
    /// bytes of the earlier calls for it. On complete and empty, `consumed` is the length of the
    /// command, its arguments were appended to `arguments`, and the parser stands at the start of
    /// the next one. O(new bytes).
    Status parse(std::string_view input, const ParserLimits& limits,
                 std::vector<Argument>& arguments, size_t& consumed);

    /// After incomplete: how many bytes more are needed at least (1 when the length is not known
    /// yet).
    size_t needed() const noexcept;
    /// True between commands: nothing of a command has been seen.
    bool is_at_start() const noexcept;
    /// Bytes of the input, from the command's beginning on, that are parsed for good: what stands
    /// before the line or the payload under way.
    size_t parsed_bytes() const noexcept { return position_; }

    /// After large: the caller creates a block of large_size() bytes of capacity, moves the bytes
    /// of `input` from large_offset() on into it (those already here), receives the rest straight
    /// into it, sets its size, and hands it over with large_done(). Then it goes on with parse() on
    /// input that holds the command's bytes before large_offset(), followed by those after the
    /// argument's payload (its CRLF first).
    size_t large_size() const noexcept;
    size_t large_offset() const noexcept;
    void large_done(base::SharedBytesRef block);

    /// "Protocol error: ..." without "-ERR ".
    std::string_view error_text() const noexcept;
    /// Forgets the command under way.
    void reset() noexcept;

private:
    // 56 bytes, nothing behind the pointer between commands.
    enum class Phase : uint8_t {
        start,
        inline_line,
        count_line,
        length_line,
        payload,
        payload_end,
        failed
    };
    enum class Failure : uint8_t;
    struct Pending;

    Status parse_inline(std::string_view input, std::vector<Argument>& arguments, size_t& consumed);
    Status parse_count(std::string_view input, const ParserLimits& limits);
    Status parse_arguments(std::string_view input, const ParserLimits& limits,
                           std::vector<Argument>& arguments);
    Status parse_length(std::string_view input, const ParserLimits& limits);
    Status finish_payload(std::string_view input, std::vector<Argument>& arguments);
    Status read_number_line(std::string_view input, Failure too_long, int64_t& value,
                            bool& is_number);
    Status find_line_end(std::string_view input, char terminator, Failure too_long,
                         size_t& line_end);
    Status complete(std::string_view input, std::vector<Argument>& arguments, size_t first,
                    size_t& consumed);
    Status fail(Failure failure, char byte = 0);
    void stash(std::string_view input, std::vector<Argument>& arguments, size_t first);

    size_t position_ = 0;     // start of the line or of the payload under way
    size_t scanned_ = 0;      // the line has no end before this offset
    size_t seen_ = 0;         // length of the input of the last call
    size_t bulk_length_ = 0;  // of the payload under way
    uint32_t arguments_left_ = 0;
    Phase phase_ = Phase::start;
    Failure failure_{};
    bool is_line_hidden_ = false;       // a NUL stands in the line under way
    std::unique_ptr<Pending> pending_;  // arguments complete so far, between two calls
};

/// Splits a line as Redis' inline commands and configuration lines: blanks separate, "..." with the
/// escapes \n \r \t \b \a \xHH, '...' with \' only. False, and no words, when quotes are unbalanced
/// or followed by a non-blank.
bool split_line(std::string_view line, std::vector<std::string>& words);

}  // namespace gyre::resp
