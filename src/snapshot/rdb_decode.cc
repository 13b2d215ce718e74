// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/rdb_decode.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/lzf.h"
#include "snapshot/rdb_format.h"

namespace gyre::snapshot {

RdbInput::RdbInput(std::string_view bytes, uint64_t offset, uint64_t string_bytes_max)
    : bytes_(bytes), offset_(offset), string_bytes_max_(string_bytes_max) {
    // So that no sum of a position and a length can wrap around.
    CHECK(string_bytes_max <= std::numeric_limits<size_t>::max() / 2);
}

void RdbInput::refuse(RdbProblem problem) {
    // Zeros taken after the end of the bytes are no nonsense of the input.
    if (is_complete()) problem_ = std::move(problem);
}

bool RdbInput::has(uint64_t size) {
    if (!is_complete()) return false;
    if (size <= bytes_.size() - position_) [[likely]]
        return true;
    lacks_bytes_ = true;
    bytes_needed_ = position_ + size;
    return false;
}

uint8_t RdbInput::take_byte() {
    if (!has(1)) return 0;
    return static_cast<uint8_t>(bytes_[position_++]);
}

uint64_t RdbInput::take_little_endian(size_t size) {
    uint64_t value = 0;
    if (!has(size)) return 0;
    std::memcpy(&value, bytes_.data() + position_, size);
    position_ += size;
    return value;
}

uint64_t RdbInput::take_big_endian(size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | take_byte();
    return value;
}

std::string_view RdbInput::take_bytes(uint64_t size) {
    if (!has(size)) return {};
    const std::string_view taken = bytes_.substr(position_, size);
    position_ += taken.size();
    return taken;
}

RdbInput::Length RdbInput::take_any_length() {
    const uint64_t start = offset();
    const uint8_t first = take_byte();
    const uint64_t low = first & 0x3f;
    switch (static_cast<RdbLengthForm>(first >> 6)) {
        case RdbLengthForm::bits_6:
            return {.value = low};
        case RdbLengthForm::bits_14:
            return {.value = low << 8 | take_byte()};
        case RdbLengthForm::encoded:
            return {.value = low, .is_encoding = true};
        case RdbLengthForm::wide:
            break;
    }
    if (first == kRdbLength32) return {.value = take_big_endian(4)};
    if (first == kRdbLength64) return {.value = take_big_endian(8)};
    refuse(start, fmt::format("a length begins with the byte {}, which means nothing", first));
    return {};
}

uint64_t RdbInput::take_length() {
    const uint64_t start = offset();
    const Length length = take_any_length();
    if (length.is_encoding) refuse(start, "an encoded string stands where a length should");
    return is_complete() ? length.value : 0;
}

EncodedText RdbInput::take_string() {
    EncodedText text{.offset = offset()};
    const Length length = take_any_length();
    if (!is_complete()) return text;
    if (!length.is_encoding) {
        if (length.value > string_bytes_max_) {
            refuse(text.offset, fmt::format("a string claims {} bytes, {} are allowed",
                                            length.value, string_bytes_max_));
        }
        text.bytes = take_bytes(length.value);
        return text;
    }
    text.form = EncodedText::Form::integer;
    switch (static_cast<RdbStringEncoding>(length.value)) {
        case RdbStringEncoding::int8:
            text.integer = static_cast<int8_t>(take_byte());
            break;
        case RdbStringEncoding::int16:
            text.integer = static_cast<int16_t>(take_little_endian(sizeof(int16_t)));
            break;
        case RdbStringEncoding::int32:
            text.integer = static_cast<int32_t>(take_little_endian(sizeof(int32_t)));
            break;
        case RdbStringEncoding::lzf:
            take_compressed(text);
            break;
        default:
            refuse(text.offset, fmt::format("unknown string encoding {}", length.value));
    }
    return text;
}

void RdbInput::take_compressed(EncodedText& text) {
    text.form = EncodedText::Form::lzf;
    const uint64_t compressed = take_length();
    text.length = take_length();
    if (text.length > string_bytes_max_ || compressed > string_bytes_max_) {
        refuse(text.offset, fmt::format("a compressed string claims {} bytes in {}, {} are allowed",
                                        text.length, compressed, string_bytes_max_));
    } else if (text.length == 0 || (text.length - 1) / kLzfRatioMax >= compressed) {
        // Said before anything is allocated: what is unpacked is bounded by what was received.
        refuse(text.offset, fmt::format("a compressed string of {} bytes claims to unpack to {}",
                                        compressed, text.length));
    }
    text.bytes = take_bytes(compressed);
}

tl::expected<std::string_view, RdbProblem> StringDecoder::decode(const EncodedText& text) {
    if (text.form == EncodedText::Form::plain) return text.bytes;
    if (text.form == EncodedText::Form::integer) {
        const char* end = base::write_integer(digits_.data(), text.integer);
        return std::string_view(digits_.data(), static_cast<size_t>(end - digits_.data()));
    }
    char* const out = unpacked_.overwrite(text.length);
    if (base::unpack_lzf(text.bytes, out, text.length)) return unpacked_.view();
    return tl::unexpected(RdbProblem{
        fmt::format("a compressed string does not unpack to the {} bytes it claims", text.length),
        text.offset});
}

}  // namespace gyre::snapshot
