// SPDX-License-Identifier: BSD-3-Clause
#include "load/reply_counter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace gyre::load {
namespace {

/// Longest payload and largest array that are believed, far beyond what the protocol permits.
constexpr uint64_t kLengthMax = uint64_t{1} << 40;
constexpr size_t kErrorTextMax = 200;
/// In place of the type: a response of HTTP with a status of 400 or above.
constexpr char kRefused = 'h';
constexpr size_t kHeadBytesMax = 64 * 1024;

}  // namespace

ReplyCounts ReplyCounter::feed(const char* data, size_t size) {
    ReplyCounts counts;
    const char* at = data;
    const char* const end = data + size;
    while (at != end && !is_broken_) {
        switch (state_) {
            case State::type:
                begin_element(*at++);
                break;
            case State::text:
                at = read_text(at, end, counts);
                break;
            case State::number:
                at = read_number(at, end, counts);
                break;
            case State::payload:
                at = skip_payload(at, end, counts);
                break;
            case State::head:
                at = read_head(at, end, counts);
                break;
        }
    }
    return counts;
}

void ReplyCounter::begin_element(char type) noexcept {
    if (is_http_ != (type == 'H')) {
        is_broken_ = true;
        return;
    }
    if (elements_left_ == 0) elements_left_ = 1;
    type_ = type;
    switch (type) {
        case '+':
        case '-':
            state_ = State::text;
            return;
        case ':':
        case '$':
        case '*':
            state_ = State::number;
            number_ = 0;
            is_negative_ = false;
            return;
        case 'H':
            state_ = State::head;
            head_ = "H";
            return;
        default:
            is_broken_ = true;
    }
}

const char* ReplyCounter::read_text(const char* at, const char* end, ReplyCounts& counts) {
    const auto left = static_cast<size_t>(end - at);
    const auto* line_end = static_cast<const char*>(std::memchr(at, '\n', left));
    if (type_ == '-' && !has_first_error_) {
        const char* text_end = line_end != nullptr ? line_end : end;
        const size_t room = kErrorTextMax - std::min(first_error_.size(), kErrorTextMax);
        first_error_.append(at, std::min(static_cast<size_t>(text_end - at), room));
    }
    if (line_end == nullptr) return end;
    if (type_ == '-') {
        if (!has_first_error_ && first_error_.ends_with('\r')) first_error_.pop_back();
        has_first_error_ = true;
        ++counts.errors;
    }
    end_element(counts);
    return line_end + 1;
}

const char* ReplyCounter::read_number(const char* at, const char* end,
                                      ReplyCounts& counts) noexcept {
    // In registers: this is the loop that runs for every reply.
    uint64_t number = number_;
    while (at != end) {
        const char byte = *at++;
        const auto digit = static_cast<unsigned char>(byte - '0');
        if (digit <= 9) {
            number = number * 10 + digit;
        } else if (byte == '\n') {
            number_ = number;
            end_number(counts);
            return at;
        } else if (byte == '-' && number == 0 && !is_negative_) {
            is_negative_ = true;
        } else if (byte != '\r') {
            is_broken_ = true;
            return at;
        }
        if (number > kLengthMax && type_ != ':') is_broken_ = true;
    }
    number_ = number;
    return at;
}

void ReplyCounter::end_number(ReplyCounts& counts) noexcept {
    if (type_ != ':' && is_negative_) {
        ++counts.nils;
    } else if (type_ == '$') {
        payload_left_ = number_ + 2;
        state_ = State::payload;
        return;
    } else if (type_ == '*') {
        elements_left_ += number_;
    }
    end_element(counts);
}

const char* ReplyCounter::read_head(const char* at, const char* end, ReplyCounts& counts) {
    while (at != end) {
        const auto* line_end =
            static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
        const char* const stop = line_end == nullptr ? end : line_end + 1;
        head_.append(at, stop);
        at = stop;
        if (head_.size() > kHeadBytesMax) {
            is_broken_ = true;
            return at;
        }
        if (head_.ends_with("\r\n\r\n")) {
            end_head(counts);
            return at;
        }
    }
    return at;
}

/// 404 is what nil is elsewhere.
void ReplyCounter::end_head(ReplyCounts& counts) {
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const size_t status_at = std::string_view("HTTP/1.1 ").size();
    const uint64_t status =
        std::strtoull(head_.c_str() + std::min(status_at, head_.size()), nullptr, 10);
    if (status >= 400) type_ = kRefused;
    if (status == 404) {
        ++counts.nils;
    } else if (status >= 400) {
        ++counts.errors;
        if (!std::exchange(has_first_error_, true))
            first_error_ = head_.substr(0, head_.find('\r'));
    }
    const size_t length_at = head_.find(kLength);
    payload_left_ = length_at == std::string::npos
                        ? 0
                        : std::strtoull(head_.c_str() + length_at + kLength.size(), nullptr, 10);
    if (payload_left_ == 0) return end_element(counts);
    state_ = State::payload;
}

const char* ReplyCounter::skip_payload(const char* at, const char* end,
                                       ReplyCounts& counts) noexcept {
    const uint64_t skipped = std::min(payload_left_, static_cast<uint64_t>(end - at));
    payload_left_ -= skipped;
    if (payload_left_ == 0) {
        if (type_ != kRefused) ++counts.bulks;
        end_element(counts);
    }
    return at + skipped;
}

void ReplyCounter::end_element(ReplyCounts& counts) noexcept {
    state_ = State::type;
    if (--elements_left_ != 0 || ++part_ != parts_) return;
    part_ = 0;
    ++counts.replies;
}

}  // namespace gyre::load
