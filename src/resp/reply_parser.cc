// SPDX-License-Identifier: BSD-3-Clause
#include "resp/reply_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

namespace gyre::resp {
namespace {

// A large string grows with what arrives, not with what is announced.
constexpr size_t kReserveBytesMax = size_t{64} * 1024;
constexpr size_t kReserveElementsMax = 64;
// CR and LF behind a payload.
constexpr size_t kLineEndBytes = 2;

bool read_integer(std::string_view text, int64_t& value) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return false;
    }
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && stop == text.data() + text.size();
}

bool read_real(std::string_view text, double& value) {
    if (text == "nan" || text == "-nan") {
        value = std::numeric_limits<double>::quiet_NaN();
        return true;
    }
    // from_chars takes inf, -inf and both notations, but no plus.
    const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
    if (digits.starts_with("nan") || digits.starts_with("-nan")) return false;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && stop == digits.data() + digits.size();
}

bool is_big_number(std::string_view text) {
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string printable(char byte) {
    const auto code = static_cast<unsigned char>(byte);
    if (code > 0x20 && code < 0x7f) return std::string("'") + byte + "'";
    return "byte " + std::to_string(code);
}

ReplyType frame_type(char marker) {
    switch (marker) {
        case '%':
        case '|':
            return ReplyType::map;
        case '~':
            return ReplyType::set;
        case '>':
            return ReplyType::push;
        default:
            return ReplyType::array;
    }
}

}  // namespace

Result<std::optional<Reply>> ReplyParser::parse(std::string_view& input) {
    while (error_.empty()) {
        switch (payload_marker_ != 0 ? take_payload(input) : take_line(input)) {
            case Step::more_input:
                return std::optional<Reply>();
            case Step::begun:
                break;
            case Step::value:
                if (deliver()) {
                    bytes_ = 0;
                    elements_ = 0;
                    return std::optional<Reply>(std::move(value_));
                }
                break;
            case Step::failed:
                break;
        }
    }
    return gyre::fail(error_);
}

bool ReplyParser::is_at_start() const noexcept {
    return error_.empty() && line_.empty() && payload_marker_ == 0 && frames_.empty() &&
           attributes_.empty();
}

void ReplyParser::reset() { *this = ReplyParser(limits_); }

ReplyParser::Step ReplyParser::take_line(std::string_view& input) {
    const size_t newline = input.find('\n');
    std::string_view line = input.substr(0, newline);
    if (line_.size() + line.size() > limits_.line_bytes_max) {
        return fail("The server sent a line of more than " +
                    std::to_string(limits_.line_bytes_max) +
                    " bytes; check that a Redis server listens there.");
    }
    if (newline == std::string_view::npos) {
        line_.append(line);
        input = {};
        return Step::more_input;
    }
    input.remove_prefix(newline + 1);
    if (!line_.empty()) {
        line_.append(line);
        line = line_;
    }
    if (!line.ends_with('\r')) {
        return fail(
            "The server sent a line that does not end in CR LF; check that a Redis server "
            "listens there.");
    }
    const Step step = read_line(line.substr(0, line.size() - 1));
    line_.clear();
    return step;
}

ReplyParser::Step ReplyParser::read_line(std::string_view line) {
    const char marker = line.empty() ? '\r' : line.front();
    const std::string_view body = line.empty() ? line : line.substr(1);
    switch (marker) {
        case '*':
            if (body != "-1") return open_frame(marker, body);
            begin_value(ReplyType::null);
            return Step::value;
        case '%':
        case '~':
        case '>':
        case '|':
            return open_frame(marker, body);
        case '$':
        case '=':
        case '!':
            return read_bulk(marker, body);
        default:
            return read_scalar(marker, body);
    }
}

// Makes value_ an empty reply of `type`, with the attributes that came before it.
void ReplyParser::begin_value(ReplyType type) {
    value_ = Reply();
    value_.type = type;
    value_.attributes = std::exchange(waiting_attributes(), {});
}

std::vector<Reply>& ReplyParser::waiting_attributes() {
    return frames_.empty() ? attributes_ : frames_.back().attributes;
}

ReplyParser::Step ReplyParser::read_scalar(char marker, std::string_view body) {
    bool is_valid = true;
    switch (marker) {
        case '+':
            begin_value(ReplyType::status);
            value_.text = body;
            break;
        case '-':
            begin_value(ReplyType::error);
            value_.text = body;
            break;
        case ':':
            begin_value(ReplyType::integer);
            is_valid = read_integer(body, value_.integer);
            break;
        case ',':
            begin_value(ReplyType::real);
            value_.text = body;
            is_valid = read_real(body, value_.real);
            break;
        case '#':
            begin_value(ReplyType::boolean);
            value_.integer = body == "t" ? 1 : 0;
            is_valid = body == "t" || body == "f";
            break;
        case '_':
            begin_value(ReplyType::null);
            is_valid = body.empty();
            break;
        case '(':
            begin_value(ReplyType::big_number);
            value_.text = body;
            is_valid = is_big_number(body);
            break;
        default:
            return fail("The server sent " + printable(marker) +
                        " where a reply begins; check that a Redis server listens there.");
    }
    if (!is_valid) {
        return fail("The server sent a reply of type '" + std::string(1, marker) +
                    "' with a wrong value; check that a Redis server listens there.");
    }
    return count_bytes(value_.text.size()) ? Step::value : Step::failed;
}

bool ReplyParser::count_bytes(size_t bytes) {
    if (bytes > limits_.reply_bytes_max - bytes_) {
        fail("The server sent a reply of more than " + std::to_string(limits_.reply_bytes_max) +
             " bytes; ask for less at a time.");
        return false;
    }
    bytes_ += bytes;
    return true;
}

ReplyParser::Step ReplyParser::read_bulk(char marker, std::string_view body) {
    int64_t length = 0;
    const bool is_number = read_integer(body, length);
    if (is_number && length == -1 && marker == '$') {
        begin_value(ReplyType::null);
        return Step::value;
    }
    if (!is_number || length < 0) {
        return fail(
            "The server sent a string without a valid length; check that a Redis server "
            "listens there.");
    }
    const auto bytes = static_cast<uint64_t>(length);
    if (bytes > limits_.bulk_bytes_max) {
        return fail("The server announced a string of " + std::to_string(bytes) +
                    " bytes, more than the limit of " + std::to_string(limits_.bulk_bytes_max) +
                    ".");
    }
    if (!count_bytes(bytes)) return Step::failed;
    begin_value(ReplyType::bulk);
    value_.text.reserve(std::min<size_t>(bytes, kReserveBytesMax));
    payload_marker_ = marker;
    payload_left_ = bytes + kLineEndBytes;
    return Step::begun;
}

ReplyParser::Step ReplyParser::take_payload(std::string_view& input) {
    if (payload_left_ > kLineEndBytes) {
        const std::string_view part = input.substr(0, payload_left_ - kLineEndBytes);
        value_.text.append(part);
        payload_left_ -= part.size();
        input.remove_prefix(part.size());
    }
    while (payload_left_ <= kLineEndBytes && !input.empty()) {
        if (input.front() != (payload_left_ == kLineEndBytes ? '\r' : '\n')) {
            return fail(
                "The server sent a string that does not end in CR LF; check that a Redis "
                "server listens there.");
        }
        input.remove_prefix(1);
        if (--payload_left_ == 0) return finish_payload();
    }
    return Step::more_input;
}

ReplyParser::Step ReplyParser::finish_payload() {
    const char marker = std::exchange(payload_marker_, 0);
    if (marker == '!') value_.type = ReplyType::error;
    if (marker == '=') {
        if (value_.text.size() < 4 || value_.text[3] != ':') {
            return fail(
                "The server sent a verbatim text without its kind; check that a Redis server "
                "listens there.");
        }
        value_.type = ReplyType::verbatim;
        std::memcpy(value_.format, value_.text.data(), 3);
        value_.text.erase(0, 4);
    }
    return Step::value;
}

ReplyParser::Step ReplyParser::open_frame(char marker, std::string_view body) {
    int64_t count = 0;
    if (!read_integer(body, count) || count < 0) {
        return fail(
            "The server sent an aggregate without a valid count; check that a Redis server "
            "listens there.");
    }
    const bool is_paired = marker == '%' || marker == '|';
    const size_t left_max = (limits_.elements_max - elements_) / (is_paired ? 2 : 1);
    if (static_cast<uint64_t>(count) > left_max) {
        return fail("The server sent a reply of more than " + std::to_string(limits_.elements_max) +
                    " elements; ask for less at a time.");
    }
    if (frames_.size() >= limits_.depth_max) {
        return fail("The server sent a reply of more than " + std::to_string(limits_.depth_max) +
                    " levels; check that a Redis server listens there.");
    }
    const uint64_t left = static_cast<uint64_t>(count) * (is_paired ? 2 : 1);
    elements_ += left;
    if (marker == '|') {
        // Attributes are no value: those waiting already are replaced when this frame is complete.
        value_ = Reply();
        value_.type = ReplyType::map;
        if (left == 0) return Step::begun;
    } else {
        begin_value(frame_type(marker));
        if (left == 0) return Step::value;
    }
    value_.elements.reserve(std::min<size_t>(left, kReserveElementsMax));
    frames_.push_back({std::move(value_), left, marker == '|', {}});
    return Step::begun;
}

// Puts value_ where it belongs. True when that completes the whole reply, which then is value_.
bool ReplyParser::deliver() {
    while (!frames_.empty()) {
        Frame& frame = frames_.back();
        frame.reply.elements.push_back(std::move(value_));
        if (--frame.left > 0) return false;
        value_ = std::move(frame.reply);
        const bool is_attribute = frame.is_attribute;
        frames_.pop_back();
        if (is_attribute) {
            waiting_attributes() = std::move(value_.elements);
            return false;
        }
    }
    return true;
}

ReplyParser::Step ReplyParser::fail(std::string message) {
    error_ = std::move(message);
    frames_.clear();
    attributes_.clear();
    value_ = Reply();
    line_.clear();
    return Step::failed;
}

}  // namespace gyre::resp
