// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Writes requests into a buffer of the caller's. All that does not vary is made once; for each
// request the pieces are copied, and the digits of the key, some bytes of the value and a deadline
// put between them: some 10 ns, against the microseconds a server takes.
//
// Keys are those of redis-benchmark: a prefix and twelve digits.
//
// Ownership: a plain value. Threads: one at a time. Complexity: O(bytes) for each request.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "load/options.h"
#include "load/zipf.h"

namespace gyre::load {

/// Keys an MSET sets.
inline constexpr int kMsetKeys = 10;

/// The numbers of keys, in [offset, offset + keys), after the distribution asked for.
class KeyChooser {
public:
    explicit KeyChooser(const Options& options) noexcept;
    uint64_t next(base::Random& random) noexcept;

private:
    Distribution distribution_;
    uint64_t keys_;
    uint64_t offset_;
    uint64_t walked_ = 0;  // of a sequential walk, which begins again after the last key
    Zipf zipf_;
    Scatter scatter_;
};

class RequestBuilder {
public:
    explicit RequestBuilder(const Options& options);
    /// Room write() needs at most.
    size_t bytes_max() const noexcept { return bytes_max_; }
    /// Writes the next request at `out`; returns its end.
    char* write(char* out) noexcept;

private:
    char* write_key(char* out) noexcept;
    char* write_value(char* out) noexcept;
    char* write_deadline(char* out) noexcept;
    char* write_get(char* out, std::string_view head) noexcept;
    char* write_http(char* out) noexcept;
    char* write_set(char* out) noexcept;
    char* write_mset(char* out) noexcept;
    char* write_script(char* out) noexcept;

    // fixed after construction
    Command command_;
    uint32_t get_percent_;
    bool is_http_;
    bool has_integer_values_;
    bool is_deadline_drawn_;
    int64_t ttl_min_ms_;
    uint64_t ttl_span_ms_;
    std::string key_head_;    // up to the digits
    std::string value_head_;  // from behind the digits to the value
    std::string value_;
    std::string get_head_;
    std::string http_head_;
    std::string incr_head_;
    std::string set_head_;
    std::string set_tail_;  // behind the value, with the deadline if that is a fixed one
    std::string mset_head_;
    Script script_;
    size_t bytes_max_;

    KeyChooser keys_;
    base::Random random_;
};

}  // namespace gyre::load
