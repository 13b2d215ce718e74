// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Writes RESP2 or RESP3 replies into an OutputBuffer. Each call appends one complete frame (or, for
// the aggregate headers, the header that announces how many frames follow) with one reservation,
// except for payloads of more than a kilobyte. Types that RESP2 lacks are written in the form Redis
// gives them there: a map as a flat array, a double as a bulk string, ...
//
// Ownership: borrows the buffer. Threads: home reactor. Suspends: never.
// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
// Invariant: an error reply never carries a raw CR or LF; they become spaces.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/output_buffer.h"

namespace gyre::resp {

enum class Protocol : uint8_t { resp2 = 2, resp3 = 3 };

class ReplyWriter {
public:
    ReplyWriter(base::OutputBuffer& out, Protocol protocol) noexcept
        : out_(out), protocol_(protocol) {}

    Protocol protocol() const noexcept { return protocol_; }
    void set_protocol(Protocol protocol) noexcept { protocol_ = protocol; }
    base::OutputBuffer& buffer() noexcept { return out_; }

    void ok() { out_.append("+OK\r\n"); }  ///< +OK
    void simple(std::string_view text);    ///< +text, which holds no CR and no LF
    /// -text. `text` begins with its code: "ERR syntax error". CR and LF are replaced by spaces.
    void error(std::string_view text);
    void integer(int64_t value);        ///< :value
    void bulk(std::string_view bytes);  ///< $n
    void bulk_integer(int64_t value);   ///< the decimal digits as a bulk string
    /// The value by reference when it is at least kReferenceBytes long, else copied.
    void bulk_shared(const base::SharedBytesRef& value);
    static constexpr size_t kReferenceBytes = 16 * 1024;
    /// $-1 or _
    void null() { out_.append(is_resp3() ? std::string_view("_\r\n") : "$-1\r\n"); }
    /// *-1 or _
    void null_array() { out_.append(is_resp3() ? std::string_view("_\r\n") : "*-1\r\n"); }
    void boolean(bool value);  ///< :1/:0 or #t/#f
    /// RESP3 `,`; RESP2 bulk string. The shortest form that reads back the same, inf, -inf or nan,
    /// as Redis 7.2 writes it (7.0 wrote 17 digits).
    void real(double value);
    /// A double given as text that is already in Redis' form (INCRBYFLOAT's): `,text` in RESP3,
    /// bulk in RESP2.
    void real_text(std::string_view text);
    /// =n fmt: in RESP3, `format` being three letters; bulk in RESP2.
    void verbatim(std::string_view format, std::string_view text);
    void big_number(std::string_view digits);
    void array(int64_t count);      ///< *count
    void map(int64_t pairs);        ///< %pairs, or *2*pairs
    void set(int64_t count);        ///< ~count, or *count
    void push(int64_t count);       ///< >count, or *count
    void attribute(int64_t pairs);  ///< |pairs; RESP3 only, RESP2 has no place for it
    /// Error replies written so far, and the first word of the last one: for error statistics.
    uint32_t errors() const noexcept { return errors_; }
    std::string_view last_error_code() const noexcept { return {error_code_, error_code_bytes_}; }

    /// Bytes that are already RESP.
    void raw(std::string_view frames) { out_.append(frames); }

private:
    bool is_resp3() const noexcept { return protocol_ == Protocol::resp3; }
    void header(char marker, int64_t number);
    void line(char marker, std::string_view text);

    base::OutputBuffer& out_;
    Protocol protocol_;
    uint8_t error_code_bytes_ = 0;
    char error_code_[26] = {};  ///< longer codes are cut
    uint32_t errors_ = 0;
};

}  // namespace gyre::resp
