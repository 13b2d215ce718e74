// SPDX-License-Identifier: BSD-3-Clause
#include "types/bitfield.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace gyre::types {
namespace {

// A field of 64 bits that begins inside a byte touches nine bytes: a word and one more.
constexpr size_t kWordBytes = 8;
constexpr unsigned kWordBits = 64;
static_assert(std::endian::native == std::endian::little);

/// The bytes a field touches, as numbers.
struct Window {
    uint64_t word = 0;
    uint8_t tail = 0;
};

Window load(const char* at, size_t bytes) {
    Window window;
    std::memcpy(&window.word, at, std::min(bytes, kWordBytes));
    window.word = __builtin_bswap64(window.word);
    if (bytes > kWordBytes) window.tail = static_cast<uint8_t>(at[kWordBytes]);
    return window;
}

void store(char* at, size_t bytes, Window window) {
    window.word = __builtin_bswap64(window.word);
    std::memcpy(at, &window.word, std::min(bytes, kWordBytes));
    if (bytes > kWordBytes) at[kWordBytes] = static_cast<char>(window.tail);
}

/// Ones in the low `bits` bits.
constexpr uint64_t low_bits(unsigned bits) { return ~uint64_t{0} >> (kWordBits - bits); }

/// The low `bits` bits of `value` as a number in two's complement.
constexpr int64_t sign_extended(uint64_t value, unsigned bits) {
    const unsigned unused = kWordBits - bits;
    return static_cast<int64_t>(value << unused) >> unused;
}

/// Bytes that a field touches when it begins at bit `shift` of the first.
constexpr size_t touched_bytes(unsigned shift, unsigned bits) { return (shift + bits + 7) / 8; }

/// Above the highest value, below the lowest one, or neither.
enum class Excess : uint8_t { none, above, below };

Excess unsigned_excess(int64_t value, int64_t increment, unsigned bits) {
    const auto highest = static_cast<int64_t>(low_bits(bits));
    if (value < 0 || value > highest) return Excess::above;
    if (increment > 0 && increment > highest - value) return Excess::above;
    return increment < -value ? Excess::below : Excess::none;
}

Excess signed_excess(int64_t value, int64_t increment, unsigned bits) {
    const auto highest = static_cast<int64_t>(low_bits(bits) >> 1);
    const int64_t lowest = -highest - 1;
    if (value > highest) return Excess::above;
    // These wrap around for values far out of range. For the lowest of them Redis then finds them
    // too high instead of too low, and so do we.
    const auto room_above =
        static_cast<int64_t>(static_cast<uint64_t>(highest) - static_cast<uint64_t>(value));
    const auto room_below =
        static_cast<int64_t>(static_cast<uint64_t>(lowest) - static_cast<uint64_t>(value));
    const bool is_narrow = bits != kWordBits;
    if ((is_narrow || (value >= 0 && increment > 0)) && increment > room_above) {
        return Excess::above;
    }
    if (value < lowest) return Excess::below;
    const bool is_below = (is_narrow || (value < 0 && increment < 0)) && increment < room_below;
    return is_below ? Excess::below : Excess::none;
}

}  // namespace

int64_t BitField::read(std::string_view bytes) const {
    DCHECK(bits >= 1 && bits <= (is_signed ? 64 : 63));
    const size_t first = offset / 8;
    if (first >= bytes.size()) return 0;
    const auto shift = static_cast<unsigned>(offset % 8);
    const size_t touched = std::min(touched_bytes(shift, bits), bytes.size() - first);
    const Window window = load(bytes.data() + first, touched);
    const uint64_t aligned = window.word << shift | uint64_t{window.tail} >> (8 - shift);
    const uint64_t value = aligned >> (kWordBits - bits);
    return is_signed ? sign_extended(value, bits) : static_cast<int64_t>(value);
}

void BitField::write(char* bytes, int64_t value) const {
    DCHECK(bits >= 1 && bits <= (is_signed ? 64 : 63));
    char* at = bytes + offset / 8;
    const auto shift = static_cast<unsigned>(offset % 8);
    const size_t touched = touched_bytes(shift, bits);
    const unsigned unused = kWordBits - bits;
    const uint64_t mask = low_bits(bits) << unused;
    const uint64_t aligned = static_cast<uint64_t>(value) << unused;
    Window window = load(at, touched);
    window.word = (window.word & ~(mask >> shift)) | aligned >> shift;
    const auto tail_mask = static_cast<uint8_t>((mask & 0xFF) << (8 - shift));
    const auto tail = static_cast<uint8_t>((aligned & 0xFF) << (8 - shift));
    window.tail = static_cast<uint8_t>((window.tail & ~tail_mask) | tail);
    store(at, touched, window);
}

std::optional<int64_t> BitField::add(int64_t value, int64_t increment, Overflow overflow) const {
    const Excess excess =
        is_signed ? signed_excess(value, increment, bits) : unsigned_excess(value, increment, bits);
    if (excess != Excess::none && overflow == Overflow::fail) return std::nullopt;
    if (excess == Excess::none || overflow == Overflow::wrap) {
        const uint64_t sum = static_cast<uint64_t>(value) + static_cast<uint64_t>(increment);
        if (is_signed) return sign_extended(sum, bits);
        return static_cast<int64_t>(sum & low_bits(bits));
    }
    const auto highest = static_cast<int64_t>(is_signed ? low_bits(bits) >> 1 : low_bits(bits));
    if (excess == Excess::above) return highest;
    return is_signed ? -highest - 1 : 0;
}

}  // namespace gyre::types
