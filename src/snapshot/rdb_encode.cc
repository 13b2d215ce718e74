// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/rdb_encode.h"

#include <lzf.h>

#include <cstring>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/numbers.h"
#include "snapshot/rdb_format.h"

namespace gyre::snapshot {

namespace {

char* write_big_endian(char* out, uint64_t value, int bytes) noexcept {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        *out++ = static_cast<char>(value >> shift);
    }
    return out;
}

char encoding_byte(RdbStringEncoding encoding) noexcept {
    return static_cast<char>(static_cast<uint8_t>(RdbLengthForm::encoded) << 6 |
                             static_cast<uint8_t>(encoding));
}

template <class Integer>
char* write_integer_as(char* out, RdbStringEncoding encoding, int64_t value) noexcept {
    const auto narrow = static_cast<Integer>(value);
    *out++ = encoding_byte(encoding);
    std::memcpy(out, &narrow, sizeof(narrow));
    return out + sizeof(narrow);
}

template <class Integer>
bool fits(int64_t value) noexcept {
    return value >= std::numeric_limits<Integer>::min() &&
           value <= std::numeric_limits<Integer>::max();
}

/// Returns the end, or nullptr when the text is no canonical decimal of 32 bits.
char* try_write_integer(char* out, std::string_view text) noexcept {
    if (text.size() > kRdbIntegerCharsMax) return nullptr;
    const std::optional<int64_t> value = base::parse_integer(text);
    if (!value) return nullptr;
    if (fits<int8_t>(*value)) return write_integer_as<int8_t>(out, RdbStringEncoding::int8, *value);
    if (fits<int16_t>(*value)) {
        return write_integer_as<int16_t>(out, RdbStringEncoding::int16, *value);
    }
    if (fits<int32_t>(*value)) {
        return write_integer_as<int32_t>(out, RdbStringEncoding::int32, *value);
    }
    return nullptr;
}

}  // namespace

char* write_rdb_length(char* out, uint64_t length) noexcept {
    if (length < 1 << 6) return write_big_endian(out, length, 1);
    if (length < 1 << 14) {
        const uint64_t form = static_cast<uint64_t>(RdbLengthForm::bits_14) << 14;
        return write_big_endian(out, form | length, 2);
    }
    if (length <= std::numeric_limits<uint32_t>::max()) {
        *out++ = static_cast<char>(kRdbLength32);
        return write_big_endian(out, length, 4);
    }
    *out++ = static_cast<char>(kRdbLength64);
    return write_big_endian(out, length, 8);
}

EncodedString StringEncoder::encode(std::string_view text) {
    EncodedString encoded;
    char* const head = encoded.head_bytes.data();
    if (const char* end = try_write_integer(head, text); end != nullptr) {
        encoded.head_size = static_cast<size_t>(end - head);
        return encoded;
    }
    if (compress(text, encoded)) return encoded;
    encoded.head_size = static_cast<size_t>(write_rdb_length(head, text.size()) - head);
    encoded.body = text;
    return encoded;
}

bool StringEncoder::compress(std::string_view text, EncodedString& encoded) {
    if (!options_.compress || text.size() <= kRdbPlainBytesMax) return false;
    if (text.size() > options_.compressed_bytes_max) return false;
    // As Redis has it: what saves fewer than four bytes is not worth the reader's time.
    const size_t room = text.size() - 4;
    CHECK(text.size() <= std::numeric_limits<unsigned int>::max());
    char* const out = compressed_.overwrite(room);
    const unsigned int size = lzf_compress(text.data(), static_cast<unsigned int>(text.size()), out,
                                           static_cast<unsigned int>(room));
    if (size == 0) return false;
    char* const head = encoded.head_bytes.data();
    head[0] = encoding_byte(RdbStringEncoding::lzf);
    char* end = write_rdb_length(head + 1, size);
    end = write_rdb_length(end, text.size());
    encoded.head_size = static_cast<size_t>(end - head);
    encoded.body = std::string_view(out, size);
    return true;
}

}  // namespace gyre::snapshot
