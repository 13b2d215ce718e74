// SPDX-License-Identifier: BSD-3-Clause
#include "types/listpack.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace gyre::types {
namespace {

constexpr uint8_t kEnd = 0xFF;
constexpr uint8_t kString6 = 0x80;
constexpr uint8_t kInteger13 = 0xC0;
constexpr uint8_t kString12 = 0xE0;
constexpr uint8_t kString32 = 0xF0;
constexpr uint8_t kInteger16 = 0xF1;
constexpr uint8_t kInteger24 = 0xF2;
constexpr uint8_t kInteger32 = 0xF3;
constexpr uint8_t kInteger64 = 0xF4;
constexpr size_t kBackBytesMax = 5;

uint8_t byte_at(const char* at) noexcept { return static_cast<uint8_t>(*at); }

/// `bytes` bytes, the least significant first.
uint64_t read_little(const char* at, size_t bytes) noexcept {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{byte_at(at + i)} << (8 * i);
    return value;
}

void write_little(char* at, uint64_t value, size_t bytes) noexcept {
    for (size_t i = 0; i < bytes; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

int64_t sign_extend(uint64_t value, unsigned bits) noexcept {
    return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

/// Bytes that the length `body` takes behind an element. The limits are Redis', which begin the
/// next width one early.
size_t back_bytes(uint64_t body) noexcept {
    if (body <= 127) return 1;
    if (body < 16383) return 2;
    if (body < 2097151) return 3;
    if (body < 268435455) return 4;
    return kBackBytesMax;
}

/// The most significant group first; all but that one are marked, so that a reader who comes from
/// behind goes on.
char* write_back(char* out, uint64_t body) noexcept {
    const size_t bytes = back_bytes(body);
    for (size_t i = bytes; i-- > 0; body >>= 7) {
        out[i] = static_cast<char>((body & 127) | (i == 0 ? 0 : 128));
    }
    return out + bytes;
}

/// The length that ends before `end`; at most kBackBytesMax bytes are read, none before `begin`.
/// UINT64_MAX: it does not end.
uint64_t read_back(const char* begin, const char* end) noexcept {
    uint64_t value = 0;
    for (size_t i = 0; i < kBackBytesMax && end > begin; ++i) {
        const uint8_t group = byte_at(--end);
        value |= uint64_t{group & 127U} << (7 * i);
        if ((group & 128) == 0) return value;
    }
    return UINT64_MAX;
}

/// What stands before the payload, and the payload's length.
struct Shape {
    uint32_t header = 0;
    uint32_t payload = 0;
    uint64_t body() const noexcept { return uint64_t{header} + payload; }
};

/// Bytes needed to know the shape; 0 for a byte that begins no element.
size_t header_bytes(uint8_t first) noexcept {
    if (first < kInteger13) return 1;
    if (first < kString12) return 1;
    if (first < kString32) return 2;
    if (first == kString32) return 5;
    return first <= kInteger64 ? 1 : 0;
}

Shape shape_of(const char* at) noexcept {
    const uint8_t first = byte_at(at);
    if (first < kString6) return {1, 0};
    if (first < kInteger13) return {1, first & 63U};
    if (first < kString12) return {1, 1};
    if (first < kString32) return {2, (first & 15U) << 8 | byte_at(at + 1)};
    switch (first) {
        case kString32:
            return {5, static_cast<uint32_t>(read_little(at + 1, 4))};
        case kInteger16:
            return {1, 2};
        case kInteger24:
            return {1, 3};
        case kInteger32:
            return {1, 4};
        default:
            return {1, 8};
    }
}

struct IntegerForm {
    uint8_t first;
    uint32_t body;
};

IntegerForm form_of(int64_t value) noexcept {
    if (value >= 0 && value <= 127) return {static_cast<uint8_t>(value), 1};
    if (value >= -4096 && value <= 4095) return {kInteger13, 2};
    if (value >= INT16_MIN && value <= INT16_MAX) return {kInteger16, 3};
    if (value >= -(1 << 23) && value < (1 << 23)) return {kInteger24, 4};
    if (value >= INT32_MIN && value <= INT32_MAX) return {kInteger32, 5};
    return {kInteger64, 9};
}

}  // namespace

ListpackElement ListpackElement::of(int64_t integer) noexcept {
    const IntegerForm form = form_of(integer);
    ListpackElement element;
    element.integer_ = integer;
    element.is_integer_ = true;
    element.first_byte_ = form.first;
    element.body_bytes_ = form.body;
    element.total_bytes_ = form.body + back_bytes(form.body);
    return element;
}

ListpackElement ListpackElement::of(std::string_view bytes) noexcept {
    // Most texts are no number, and their first byte says so.
    const bool may_be_integer = !bytes.empty() && bytes.size() <= base::kIntegerCharsMax &&
                                (bytes[0] == '-' || (bytes[0] >= '0' && bytes[0] <= '9'));
    if (may_be_integer) {
        if (const auto integer = base::parse_integer(bytes)) {
            ListpackElement element = of(*integer);
            element.text_ = bytes;
            return element;
        }
    }
    ListpackElement element;
    element.text_ = bytes;
    const size_t size = bytes.size();
    element.first_byte_ = size < 64 ? kString6 : size < 4096 ? kString12 : kString32;
    element.body_bytes_ = size + (size < 64 ? 1 : size < 4096 ? 2 : 5);
    element.total_bytes_ = element.body_bytes_ + back_bytes(element.body_bytes_);
    return element;
}

char* ListpackElement::write(char* out) const noexcept {
    CHECK(is_integer_ || text_.size() <= kListpackTextMax);
    const auto size = static_cast<uint32_t>(text_.size());
    switch (first_byte_) {
        case kString6:
            *out++ = static_cast<char>(kString6 | size);
            break;
        case kString12:
            *out++ = static_cast<char>(kString12 | size >> 8);
            *out++ = static_cast<char>(size);
            break;
        case kString32:
            *out++ = static_cast<char>(kString32);
            write_little(out, size, 4);
            out += 4;
            break;
        case kInteger13:
            *out++ = static_cast<char>(kInteger13 | (static_cast<uint64_t>(integer_) >> 8 & 31));
            *out++ = static_cast<char>(integer_);
            break;
        default:  // a small integer has no payload, the others have one of a whole number of bytes
            *out++ = static_cast<char>(first_byte_);
            write_little(out, static_cast<uint64_t>(integer_), body_bytes_ - 1);
            out += body_bytes_ - 1;
            break;
    }
    if (!is_integer_ && size != 0) {
        std::memcpy(out, text_.data(), size);
        out += size;
    }
    return write_back(out, body_bytes_);
}

bool ListpackElement::equals(const ListpackValue& value) const noexcept {
    if (value.is_integer()) return is_integer_ && integer_ == value.integer;
    const std::string_view stored(value.data, value.size);
    if (!is_integer_) return stored == text_;
    // Bytes from elsewhere may hold a number as text.
    char digits[24];
    const char* end = base::write_integer(digits, integer_);
    return stored == std::string_view(digits, static_cast<size_t>(end - digits));
}

size_t ListpackSplice::added_bytes() const noexcept {
    size_t bytes = 0;
    for (const ListpackElement& element : added) bytes += element.bytes();
    return bytes;
}

void ListpackSplice::apply(char* bytes, size_t before) const noexcept {
    DCHECK(at + removed_bytes < before);
    const size_t grown = added_bytes();
    const size_t after = before - removed_bytes + grown;
    if (grown != removed_bytes) {
        std::memmove(bytes + at + grown, bytes + at + removed_bytes, before - at - removed_bytes);
    }
    char* out = bytes + at;
    for (const ListpackElement& element : added) out = element.write(out);
    DCHECK(out == bytes + at + grown);
    correct_header(bytes, after);
}

char* ListpackSplice::apply_front(char* bytes, size_t before) const noexcept {
    DCHECK(at == Listpack::kHeaderBytes);
    const size_t after = size_after(before);
    char* begin = bytes + before - after;
    std::memmove(begin, bytes, Listpack::kHeaderBytes);
    char* out = begin + Listpack::kHeaderBytes;
    for (const ListpackElement& element : added) out = element.write(out);
    DCHECK(out == bytes + Listpack::kHeaderBytes + removed_bytes);
    correct_header(begin, after);
    return begin;
}

void ListpackSplice::correct_header(char* bytes, size_t after) const noexcept {
    write_little(bytes, after, 4);
    const auto count = static_cast<size_t>(read_little(bytes + 4, 2));
    if (count == Listpack::kCountUnknown) return;
    write_little(bytes + 4, std::min(count - removed + added.size(), Listpack::kCountUnknown), 2);
}

void ListpackSplice::apply(std::string& listpack) const {
    const size_t before = listpack.size();
    const size_t after = size_after(before);
    listpack.resize(std::max(before, after));
    apply(listpack.data(), before);
    listpack.resize(after);
}

size_t Listpack::size() const noexcept {
    const auto count = static_cast<size_t>(read_little(data_ + 4, 2));
    if (count != kCountUnknown) return count;
    size_t counted = 0;
    for (size_t place = begin(); place != end(); place = next(place)) ++counted;
    return counted;
}

size_t Listpack::next(size_t at) const noexcept {
    const uint64_t body = shape_of(data_ + at).body();
    return at + body + back_bytes(body);
}

size_t Listpack::previous(size_t at) const noexcept {
    const uint64_t body = read_back(data_, data_ + at);
    return at - body - back_bytes(body);
}

size_t Listpack::advance(size_t at, size_t count) const noexcept {
    for (; count != 0 && at != end(); --count) at = next(at);
    return at;
}

size_t Listpack::seek(int64_t index) const noexcept {
    const auto known = static_cast<size_t>(read_little(data_ + 4, 2));
    if (known != kCountUnknown) {
        const auto count = static_cast<int64_t>(known);
        if (index >= count || index < -count) return end();
        if (index < 0) index += count;
        if (index > count / 2) index -= count;
    }
    if (index >= 0) return advance(begin(), static_cast<size_t>(index));
    size_t at = end();
    for (; index != 0; ++index) {
        if (at == begin()) return end();
        at = previous(at);
    }
    return at;
}

ListpackValue Listpack::at(size_t place) const noexcept {
    const char* from = data_ + place;
    const uint8_t first = byte_at(from);
    ListpackValue value;
    if (first < kString6) {
        value.integer = first;
        return value;
    }
    const Shape shape = shape_of(from);
    if (first < kInteger13 || (first >= kString12 && first <= kString32)) {
        value.data = from + shape.header;
        value.size = shape.payload;
    } else if (first < kString12) {
        value.integer = sign_extend((first & 31U) << 8 | byte_at(from + 1), 13);
    } else {
        value.integer = sign_extend(read_little(from + 1, shape.payload), 8 * shape.payload);
    }
    return value;
}

size_t Listpack::find(const ListpackElement& wanted, size_t from, size_t skip) const noexcept {
    for (size_t place = from; place != end(); place = advance(next(place), skip)) {
        if (wanted.equals(at(place))) return place;
    }
    return end();
}

bool Listpack::is_valid(std::string_view bytes) noexcept {
    if (bytes.size() < kEmptyBytes || bytes.size() > kBytesMax) return false;
    if (read_little(bytes.data(), 4) != bytes.size()) return false;
    if (static_cast<uint8_t>(bytes.back()) != kEnd) return false;
    const size_t end = bytes.size() - 1;
    size_t place = kHeaderBytes;
    size_t counted = 0;
    for (; place != end; ++counted) {
        const char* element = bytes.data() + place;
        const size_t header = header_bytes(byte_at(element));
        if (header == 0 || header > end - place) return false;
        const uint64_t body = shape_of(element).body();
        const uint64_t whole = body + back_bytes(body);
        if (whole > end - place) return false;
        if (read_back(element + body, element + whole) != body) return false;
        place += whole;
    }
    const uint64_t count = read_little(bytes.data() + 4, 2);
    return count == kCountUnknown || count == counted;
}

}  // namespace gyre::types
