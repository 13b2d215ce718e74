// SPDX-License-Identifier: BSD-3-Clause
#include "load/request_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/numbers.h"

namespace gyre::load {
namespace {

constexpr size_t kKeyDigits = 12;
/// Bytes of a value that vary; the rest is the same in all.
constexpr size_t kVaryingBytes = 16;
constexpr std::string_view kHttpTail = " HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr uint64_t kIntegerLow = 10'000'000;  // no leading zero: stored as an integer
constexpr uint64_t kIntegerEnd = 100'000'000;

char* put(char* out, std::string_view text) noexcept {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
}

/// The last `digits` decimal digits of a number, an even count of them.
char* put_digits(char* out, uint64_t number, size_t digits) noexcept {
    static constexpr char kPairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434"
        "44546474849505152535455565758596061626364656667686970717273747576777879808182838485868788"
        "8990919293949596979899";
    for (size_t at = digits; at > 0; at -= 2) {
        std::memcpy(out + at - 2, kPairs + number % 100 * 2, 2);
        number /= 100;
    }
    return out + digits;
}

std::string bulk(std::string_view text) { return fmt::format("${}\r\n{}\r\n", text.size(), text); }

std::string command_head(size_t arguments, std::string_view name) {
    return fmt::format("*{}\r\n{}", arguments, bulk(name));
}

/// What stands behind the value of a SET. The number of a drawn deadline follows it.
std::string tail_of_set(const Options& options, bool is_deadline_drawn) {
    std::string tail = "\r\n";
    if (options.expire_at_ms != 0) {
        tail += bulk("PXAT") + bulk(std::to_string(options.expire_at_ms));
    } else if (is_deadline_drawn) {
        tail += bulk("PX");
    } else if (options.ttl_max_seconds != 0) {
        tail += bulk("EX") + bulk(std::to_string(options.ttl_max_seconds));
    }
    return tail;
}

}  // namespace

// --- which key ----------------------------------------------------------------------------------

KeyChooser::KeyChooser(const Options& options) noexcept
    : distribution_(options.distribution),
      keys_(options.keys),
      offset_(options.offset),
      zipf_(options.keys, std::max(options.zipf_exponent, 0.1)),
      scatter_(options.keys) {}

uint64_t KeyChooser::next(base::Random& random) noexcept {
    switch (distribution_) {
        case Distribution::zipf:
            return offset_ + scatter_(zipf_(random));
        case Distribution::sequential: {
            const uint64_t number = offset_ + walked_;
            if (++walked_ == keys_) walked_ = 0;
            return number;
        }
        case Distribution::uniform:
            break;
    }
    return offset_ + random.below(keys_);
}

// --- the request --------------------------------------------------------------------------------

RequestBuilder::RequestBuilder(const Options& options)
    : command_(options.command),
      get_percent_(options.get_percent),
      is_http_(options.is_http),
      has_integer_values_(options.has_integer_values),
      is_deadline_drawn_(options.ttl_min_seconds != options.ttl_max_seconds),
      ttl_min_ms_(static_cast<int64_t>(options.ttl_min_seconds) * 1000),
      ttl_span_ms_((options.ttl_max_seconds - options.ttl_min_seconds) * 1000 + 1),
      script_(options.script),
      keys_(options),
      random_(options.seed) {
    const bool has_deadline = options.ttl_max_seconds != 0 || options.expire_at_ms != 0;
    value_.assign(has_integer_values_ ? 8 : options.value_bytes, 'x');
    key_head_ =
        fmt::format("${}\r\n{}", options.key_prefix.size() + kKeyDigits, options.key_prefix);
    value_head_ = fmt::format("\r\n${}\r\n", value_.size());
    get_head_ = command_head(2, "GET");
    http_head_ = "GET /v1/keys/" + options.key_prefix;
    incr_head_ = command_head(2, "INCR");
    set_head_ = command_head(has_deadline ? 5 : 3, "SET");
    set_tail_ = tail_of_set(options, is_deadline_drawn_);
    mset_head_ = command_head(1 + 2 * kMsetKeys, "MSET");
    const size_t pair = key_head_.size() + kKeyDigits + value_head_.size() + value_.size() + 2;
    const size_t drawn = 2 * base::kIntegerCharsMax;
    bytes_max_ = command_ == Command::mset ? mset_head_.size() + kMsetKeys * pair
                                           : set_head_.size() + pair + set_tail_.size() + drawn;
    size_t script_bytes = 0;
    for (const ScriptPiece& piece : script_.pieces) script_bytes += piece.text.size() + pair;
    bytes_max_ = std::max(bytes_max_, script_bytes);
    bytes_max_ = std::max(bytes_max_, http_head_.size() + kKeyDigits + kHttpTail.size());
}

char* RequestBuilder::write(char* out) noexcept {
    switch (command_) {
        case Command::get:
            return is_http_ ? write_http(out) : write_get(out, get_head_);
        case Command::set:
            return write_set(out);
        case Command::incr:
            return write_get(out, incr_head_);
        case Command::mset:
            return write_mset(out);
        case Command::ping:
            return put(out, "*1\r\n$4\r\nPING\r\n");
        case Command::script:
            return write_script(out);
        case Command::mixed:
            break;
    }
    return random_.below(100) < get_percent_ ? write_get(out, get_head_) : write_set(out);
}

char* RequestBuilder::write_key(char* out) noexcept {
    return put_digits(put(out, key_head_), keys_.next(random_), kKeyDigits);
}

char* RequestBuilder::write_value(char* out) noexcept {
    if (has_integer_values_)
        return put_digits(out, kIntegerLow + random_.below(kIntegerEnd - kIntegerLow), 8);
    char* const end = put(out, value_);
    const uint64_t bits = random_.next();
    for (size_t i = 0; i < std::min(value_.size(), kVaryingBytes); ++i)
        out[i] = static_cast<char>('a' + (bits >> (4 * i)) % 16);
    return end;
}

/// A drawn deadline: of milliseconds, so that keys set together are not due together.
char* RequestBuilder::write_deadline(char* out) noexcept {
    const int64_t ttl_ms = ttl_min_ms_ + static_cast<int64_t>(random_.below(ttl_span_ms_));
    char digits[base::kIntegerCharsMax];
    const auto length = static_cast<size_t>(base::write_integer(digits, ttl_ms) - digits);
    *out++ = '$';
    out = base::write_integer(out, static_cast<int64_t>(length));
    out = put(out, "\r\n");
    out = put(out, std::string_view(digits, length));
    return put(out, "\r\n");
}

/// GET, and what else is a name and a key.
char* RequestBuilder::write_get(char* out, std::string_view head) noexcept {
    return put(write_key(put(out, head)), "\r\n");
}

/// The prefix of keys is taken as it is: letters, digits and colons need no escape.
char* RequestBuilder::write_http(char* out) noexcept {
    out = put_digits(put(out, http_head_), keys_.next(random_), kKeyDigits);
    return put(out, kHttpTail);
}

char* RequestBuilder::write_set(char* out) noexcept {
    out = put(write_key(put(out, set_head_)), value_head_);
    out = put(write_value(out), set_tail_);
    return is_deadline_drawn_ ? write_deadline(out) : out;
}

char* RequestBuilder::write_mset(char* out) noexcept {
    out = put(out, mset_head_);
    for (int i = 0; i < kMsetKeys; ++i) {
        out = put(write_key(out), value_head_);
        out = put(write_value(out), "\r\n");
    }
    return out;
}

char* RequestBuilder::write_script(char* out) noexcept {
    for (const ScriptPiece& piece : script_.pieces) {
        switch (piece.kind) {
            case ScriptPiece::Kind::text:
                out = put(out, piece.text);
                break;
            case ScriptPiece::Kind::key:
                out = put(write_key(out), "\r\n");
                break;
            case ScriptPiece::Kind::value:
                // Without the line end of the word before.
                out = put(out, std::string_view(value_head_).substr(2));
                out = put(write_value(out), "\r\n");
                break;
        }
    }
    return out;
}

}  // namespace gyre::load
