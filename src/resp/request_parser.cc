// SPDX-License-Identifier: BSD-3-Clause
#include "resp/request_parser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/counted.h"
#include "base/numbers.h"
#include "resp/words.h"

namespace gyre::resp {

enum class RequestParser::Failure : uint8_t {
    invalid_count,
    unauthenticated_count,
    count_line_too_long,
    expected_dollar,
    invalid_length,
    unauthenticated_length,
    length_line_too_long,
    inline_too_long,
    unbalanced_quotes,
};

// Kept on the heap, so that the many connections that rest between commands do not carry it.
struct RequestParser::Pending {
    struct Piece {
        size_t offset = 0;
        size_t length = 0;
        base::SharedBytesRef block;  // or the argument received on its own
    };
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    base::CountedVector<Piece, base::Purpose::clients> pieces;
    std::string error;  // of a text that is not a constant
};

namespace {

// In the order of RequestParser::Failure.
constexpr std::array<std::string_view, 9> kFailureTexts = {
    "Protocol error: invalid multibulk length",
    "Protocol error: unauthenticated multibulk length",
    "Protocol error: too big mbulk count string",
    "Protocol error: expected '$', got '",
    "Protocol error: invalid bulk length",
    "Protocol error: unauthenticated bulk length",
    "Protocol error: too big bulk count string",
    "Protocol error: too big inline request",
    "Protocol error: unbalanced quotes in request",
};

constexpr int kFastDigitsMax = 9;

// The common form of a length line, whole: the marker, one to nine digits without a leading zero,
// CR and one more byte. Returns where the line ends, or null when it is anything else: the slow
// path then has the right answer.
[[gnu::always_inline]] inline const char* read_length(const char* at, const char* end, char marker,
                                                      uint32_t& value) {
    if (end - at < 4 || *at != marker) [[unlikely]]
        return nullptr;
    uint32_t number = static_cast<uint8_t>(at[1]) - uint32_t{'0'};
    if (number > 9) [[unlikely]]
        return nullptr;
    at += 2;
    if (*at != '\r') {
        if (number == 0) [[unlikely]]
            return nullptr;
        // Two bytes must be left for the line's end.
        const char* const limit = std::min(at + kFastDigitsMax, end - 1);
        do {
            const uint32_t digit = static_cast<uint8_t>(*at) - uint32_t{'0'};
            if (digit > 9) [[unlikely]]
                return nullptr;
            number = number * 10 + digit;
            if (++at >= limit) [[unlikely]]
                return nullptr;
        } while (*at != '\r');
    }
    value = number;
    return at + 2;
}

int64_t bulk_limit(const ParserLimits& limits) {
    if (limits.authenticated) return limits.bulk_bytes_max;
    return std::min(limits.bulk_bytes_max, kUnauthenticatedBulkBytesMax);
}

// Drops what a failed inline command appended, with the blocks.
void drop_from(std::vector<Argument>& arguments, size_t first) {
    for (size_t i = first; i < arguments.size(); ++i) {
        if (arguments[i].block != nullptr) arguments[i].block->release();
    }
    arguments.resize(first);
}

}  // namespace

static_assert(sizeof(RequestParser) <= 64, "an idle connection carries one");

RequestParser::RequestParser() = default;
RequestParser::~RequestParser() = default;

RequestParser::Status RequestParser::parse(std::string_view input, const ParserLimits& limits,
                                           std::vector<Argument>& arguments, size_t& consumed) {
    DCHECK(input.size() >= position_);
    seen_ = input.size();
    const size_t first = arguments.size();
    Status status = Status::complete;
    switch (phase_) {
        case Phase::start:
            if (input.empty()) return Status::incomplete;
            phase_ = input.front() == '*' ? Phase::count_line : Phase::inline_line;
            if (phase_ == Phase::inline_line) return parse_inline(input, arguments, consumed);
            [[fallthrough]];
        case Phase::count_line:
            status = parse_count(input, limits);
            break;
        case Phase::inline_line:
            return parse_inline(input, arguments, consumed);
        case Phase::failed:
            return Status::error;
        default:
            break;
    }
    if (status == Status::complete) [[likely]]
        status = parse_arguments(input, limits, arguments);
    if (status == Status::complete || status == Status::empty) [[likely]] {
        return complete(input, arguments, first, consumed);
    }
    if (status == Status::error) {
        arguments.resize(first);
    } else {
        stash(input, arguments, first);
    }
    return status;
}

RequestParser::Status RequestParser::parse_count(std::string_view input,
                                                 const ParserLimits& limits) {
    const char* const begin = input.data();
    uint32_t fast_count = 0;
    const char* next = read_length(begin, begin + input.size(), '*', fast_count);
    int64_t count = fast_count;
    if (next == nullptr) [[unlikely]] {
        bool is_number = false;
        const Status status =
            read_number_line(input, Failure::count_line_too_long, count, is_number);
        if (status != Status::complete) return status;
        if (!is_number) return fail(Failure::invalid_count);
        next = begin + scanned_ + 2;
    }
    if (count > std::min<int64_t>(limits.arguments_max, INT32_MAX))
        return fail(Failure::invalid_count);
    if (count > kUnauthenticatedArgumentsMax && !limits.authenticated) {
        return fail(Failure::unauthenticated_count);
    }
    position_ = static_cast<size_t>(next - begin);
    if (count <= 0) return Status::empty;
    arguments_left_ = static_cast<uint32_t>(count);
    phase_ = Phase::length_line;
    return Status::complete;
}

// The hot loop: it keeps its state in locals, and writes it back where it leaves.
RequestParser::Status RequestParser::parse_arguments(std::string_view input,
                                                     const ParserLimits& limits,
                                                     std::vector<Argument>& arguments) {
    if (phase_ != Phase::length_line) {
        const Status status = finish_payload(input, arguments);
        if (status != Status::complete) return status;
    }
    const int64_t length_max = bulk_limit(limits);
    const char* const begin = input.data();
    const char* const end = begin + input.size();
    const char* at = begin + position_;
    for (uint32_t left = arguments_left_; left > 0; --left) {
        uint32_t fast_length = 0;
        const char* payload = read_length(at, end, '$', fast_length);
        size_t length = fast_length;
        if (payload == nullptr || int64_t{fast_length} > length_max) [[unlikely]] {
            arguments_left_ = left;
            position_ = static_cast<size_t>(at - begin);
            const Status status = parse_length(input, limits);
            if (status != Status::complete) return status;
            payload = begin + position_;
            length = bulk_length_;
        }
        if (static_cast<size_t>(end - payload) < length + 2) [[unlikely]] {
            arguments_left_ = left;
            position_ = static_cast<size_t>(payload - begin);
            bulk_length_ = length;
            phase_ = Phase::payload;
            return finish_payload(input, arguments);
        }
        arguments.push_back({{payload, length}, nullptr});
        at = payload + length + 2;
    }
    arguments_left_ = 0;
    position_ = static_cast<size_t>(at - begin);
    return Status::complete;
}

// A length line that is cut, unusual or wrong.
RequestParser::Status RequestParser::parse_length(std::string_view input,
                                                  const ParserLimits& limits) {
    phase_ = Phase::length_line;
    int64_t length = 0;
    bool is_number = false;
    const Status status = read_number_line(input, Failure::length_line_too_long, length, is_number);
    if (status != Status::complete) return status;
    const char marker = input[position_];
    if (marker != '$') return fail(Failure::expected_dollar, marker);
    if (!is_number || length < 0 || length > limits.bulk_bytes_max) {
        return fail(Failure::invalid_length);
    }
    if (length > bulk_limit(limits)) return fail(Failure::unauthenticated_length);
    position_ = scanned_ + 2;
    bulk_length_ = static_cast<size_t>(length);
    return Status::complete;
}

// A payload that was cut, at its bytes or at the two behind it.
RequestParser::Status RequestParser::finish_payload(std::string_view input,
                                                    std::vector<Argument>& arguments) {
    const size_t available = input.size() - position_;
    if (phase_ == Phase::payload) {
        if (available < bulk_length_ && bulk_length_ - available >= kLargeArgumentBytes) {
            return Status::large;
        }
        if (available < bulk_length_ + 2) return Status::incomplete;
        arguments.push_back({input.substr(position_, bulk_length_), nullptr});
        position_ += bulk_length_ + 2;
    } else {
        if (available < 2) return Status::incomplete;
        position_ += 2;
    }
    --arguments_left_;
    phase_ = Phase::length_line;
    return Status::complete;
}

// Reads the number behind the marker at position_. On complete scanned_ is the offset of the CR.
RequestParser::Status RequestParser::read_number_line(std::string_view input, Failure too_long,
                                                      int64_t& value, bool& is_number) {
    size_t line_end = 0;
    const Status status = find_line_end(input, '\r', too_long, line_end);
    if (status != Status::complete) return status;
    if (line_end + 2 > input.size()) return Status::incomplete;
    // An empty line has its CR where the marker should be, and no number.
    const size_t digits = std::min(position_ + 1, line_end);
    const std::optional<int64_t> number =
        base::parse_integer(input.substr(digits, line_end - digits));
    is_number = number.has_value();
    value = number.value_or(0);
    return Status::complete;
}

RequestParser::Status RequestParser::find_line_end(std::string_view input, char terminator,
                                                   Failure too_long, size_t& line_end) {
    scanned_ = std::max(scanned_, position_);
    const size_t window = std::min(input.size(), position_ + kInlineBytesMax + 1);
    if (!is_line_hidden_ && scanned_ < window) {
        const char* const from = input.data() + scanned_;
        const void* const found = std::memchr(from, terminator, window - scanned_);
        const size_t clear = found == nullptr
                                 ? window - scanned_
                                 : static_cast<size_t>(static_cast<const char*>(found) - from);
        is_line_hidden_ = std::memchr(from, '\0', clear) != nullptr;
        scanned_ += clear;
        line_end = scanned_;
        if (found != nullptr && !is_line_hidden_) return Status::complete;
    }
    if (input.size() - position_ > kInlineBytesMax) return fail(too_long);
    return Status::incomplete;
}

RequestParser::Status RequestParser::parse_inline(std::string_view input,
                                                  std::vector<Argument>& arguments,
                                                  size_t& consumed) {
    size_t newline = 0;
    const Status status = find_line_end(input, '\n', Failure::inline_too_long, newline);
    if (status != Status::complete) return status;
    const size_t first = arguments.size();
    // The CR before the LF is a blank like others, so it needs no cutting off.
    WordCursor words(input.substr(0, newline));
    for (;;) {
        const WordCursor::Step step = words.next();
        if (step == WordCursor::Step::end) break;
        if (step == WordCursor::Step::unbalanced) {
            drop_from(arguments, first);
            return fail(Failure::unbalanced_quotes);
        }
        const std::string_view text = words.text();
        if (step == WordCursor::Step::plain || text.empty()) {
            arguments.push_back({text.empty() ? std::string_view("") : text, nullptr});
            continue;
        }
        base::SharedBytes* const block =
            base::SharedBytes::create(text.size(), base::Purpose::clients);
        std::memcpy(block->data(), text.data(), text.size());
        block->set_size(text.size());
        arguments.push_back({block->view(), block});
    }
    consumed = newline + 1;
    reset();
    return arguments.size() == first ? Status::empty : Status::complete;
}

// Gives the arguments of the earlier calls to the list, before those of this one.
RequestParser::Status RequestParser::complete(std::string_view input,
                                              std::vector<Argument>& arguments, size_t first,
                                              size_t& consumed) {
    if (pending_ != nullptr) [[unlikely]] {
        stash(input, arguments, first);
        arguments.reserve(first + pending_->pieces.size());
        for (Pending::Piece& piece : pending_->pieces) {
            if (piece.block) {
                const std::string_view bytes = piece.block->view();
                arguments.push_back({bytes, piece.block.detach()});
            } else {
                arguments.push_back({input.substr(piece.offset, piece.length), nullptr});
            }
        }
        pending_.reset();
    }
    consumed = position_;
    position_ = 0;
    scanned_ = 0;
    phase_ = Phase::start;
    return arguments.size() == first ? Status::empty : Status::complete;
}

// The input may have moved by the next call: views become offsets.
void RequestParser::stash(std::string_view input, std::vector<Argument>& arguments, size_t first) {
    if (arguments.size() == first) return;
    if (pending_ == nullptr) pending_ = std::make_unique<Pending>();
    // Room for twice as many, but for no more than the command has: it counts against maxmemory.
    auto& pieces = pending_->pieces;
    const size_t count = pieces.size() + arguments.size() - first;
    if (count > pieces.capacity()) {
        pieces.reserve(std::min(std::max(count, 2 * pieces.capacity()), count + arguments_left_));
    }
    for (size_t i = first; i < arguments.size(); ++i) {
        const std::string_view bytes = arguments[i].bytes;
        pending_->pieces.push_back(
            {static_cast<size_t>(bytes.data() - input.data()), bytes.size(), {}});
    }
    arguments.resize(first);
}

RequestParser::Status RequestParser::fail(Failure failure, char byte) {
    phase_ = Phase::failed;
    failure_ = failure;
    pending_.reset();
    if (failure == Failure::expected_dollar) {
        pending_ = std::make_unique<Pending>();
        pending_->error = kFailureTexts[static_cast<size_t>(failure)];
        pending_->error.push_back(byte == '\r' || byte == '\n' ? ' ' : byte);
        pending_->error.push_back('\'');
    }
    return Status::error;
}

size_t RequestParser::needed() const noexcept {
    size_t end = 0;
    if (phase_ == Phase::payload) end = position_ + bulk_length_ + 2;
    if (phase_ == Phase::payload_end) end = position_ + 2;
    return end > seen_ ? end - seen_ : 1;
}

bool RequestParser::is_at_start() const noexcept { return phase_ == Phase::start; }

size_t RequestParser::large_size() const noexcept { return bulk_length_; }

size_t RequestParser::large_offset() const noexcept { return position_; }

void RequestParser::large_done(base::SharedBytesRef block) {
    CHECK(phase_ == Phase::payload);
    CHECK(block);
    CHECK(block->size() == bulk_length_);
    if (pending_ == nullptr) pending_ = std::make_unique<Pending>();
    pending_->pieces.push_back({0, 0, std::move(block)});
    phase_ = Phase::payload_end;
    seen_ = position_;
}

std::string_view RequestParser::error_text() const noexcept {
    if (phase_ != Phase::failed) return {};
    if (failure_ == Failure::expected_dollar) return pending_->error;
    return kFailureTexts[static_cast<size_t>(failure_)];
}

void RequestParser::reset() noexcept {
    position_ = 0;
    scanned_ = 0;
    seen_ = 0;
    arguments_left_ = 0;
    phase_ = Phase::start;
    is_line_hidden_ = false;
    pending_.reset();
}

}  // namespace gyre::resp
