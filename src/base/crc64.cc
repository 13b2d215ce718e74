// SPDX-License-Identifier: BSD-3-Clause
#include "base/crc64.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gyre::base {

namespace {

/// 0xad93d23594c935a9 with its bits in reverse order.
constexpr uint64_t kReflectedPolynomial = 0x95ac9329ac4bc9b5;

/// A remainder times x: reflected, so the coefficient of x^63 is bit 0.
constexpr uint64_t times_x(uint64_t remainder) {
    return (remainder >> 1) ^ ((remainder & 1) != 0 ? kReflectedPolynomial : 0);
}

using Tables = std::array<std::array<uint64_t, 256>, 8>;

/// tables[0] moves one byte through the register; tables[k] moves it k bytes further.
constexpr Tables make_tables() {
    Tables tables{};
    for (size_t byte = 0; byte < 256; ++byte) {
        uint64_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) remainder = times_x(remainder);
        tables[0][byte] = remainder;
    }
    for (size_t distance = 1; distance < tables.size(); ++distance) {
        for (size_t byte = 0; byte < 256; ++byte) {
            const uint64_t nearer = tables[distance - 1][byte];
            tables[distance][byte] = (nearer >> 8) ^ tables[0][nearer & 0xff];
        }
    }
    return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

namespace crc64_detail {

uint64_t by_table(uint64_t crc, std::string_view bytes) noexcept {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    const char* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word = 0;
        std::memcpy(&word, at, sizeof(word));
        word ^= crc;
        crc = kTables[7][word & 0xff] ^ kTables[6][(word >> 8) & 0xff] ^
              kTables[5][(word >> 16) & 0xff] ^ kTables[4][(word >> 24) & 0xff] ^
              kTables[3][(word >> 32) & 0xff] ^ kTables[2][(word >> 40) & 0xff] ^
              kTables[1][(word >> 48) & 0xff] ^ kTables[0][word >> 56];
    }
    for (; left > 0; --left, ++at) {
        crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xff];
    }
    return crc;
}

}  // namespace crc64_detail

#if defined(__x86_64__)

namespace {

constexpr size_t kLaneBytes = 16;
constexpr size_t kBlockBytes = 4 * kLaneBytes;
/// Below, the tables are as quick.
constexpr size_t kFoldBytesMin = 2 * kBlockBytes;

/// x^power modulo the polynomial, reflected.
constexpr uint64_t power_of_x(size_t power) {
    uint64_t remainder = uint64_t{1} << 63;
    for (size_t i = 0; i < power; ++i) remainder = times_x(remainder);
    return remainder;
}

/// Moving a lane ahead by one block multiplies it by x^512. Its first eight bytes stand another 64
/// places higher, and the product of two reflected words comes out one place too low: hence 63, -1.
constexpr uint64_t kFoldFirst = power_of_x(8 * kBlockBytes + 63);
constexpr uint64_t kFoldSecond = power_of_x(8 * kBlockBytes - 1);

// Before this is initialised it is false, which is right as well.
const bool kHasCarrylessMultiply = __builtin_cpu_supports("pclmul") != 0;

/// `bytes` has kFoldBytesMin bytes at least. Four lanes, so that four products are under way at
/// once; what is left of them is a message of 64 bytes with the same remainder.
[[gnu::target("pclmul,sse2")]] uint64_t by_folding(uint64_t crc, std::string_view bytes) noexcept {
    const auto load = [](const char* from) {
        __m128i lane;
        std::memcpy(&lane, from, sizeof(lane));
        return lane;
    };
    const __m128i factors =
        _mm_set_epi64x(static_cast<int64_t>(kFoldSecond), static_cast<int64_t>(kFoldFirst));
    const char* at = bytes.data();
    size_t left = bytes.size();
    __m128i lanes[4] = {load(at), load(at + kLaneBytes), load(at + 2 * kLaneBytes),
                        load(at + 3 * kLaneBytes)};
    lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x(0, static_cast<int64_t>(crc)));
    at += kBlockBytes;
    left -= kBlockBytes;
    for (; left >= kBlockBytes; left -= kBlockBytes, at += kBlockBytes) {
        for (size_t i = 0; i < 4; ++i) {
            const __m128i first = _mm_clmulepi64_si128(lanes[i], factors, 0x00);
            const __m128i second = _mm_clmulepi64_si128(lanes[i], factors, 0x11);
            lanes[i] = _mm_xor_si128(_mm_xor_si128(first, second), load(at + i * kLaneBytes));
        }
    }
    char rest[kBlockBytes];
    std::memcpy(rest, lanes, sizeof(rest));
    crc = crc64_detail::by_table(0, std::string_view(rest, sizeof(rest)));
    return crc64_detail::by_table(crc, std::string_view(at, left));
}

}  // namespace

uint64_t crc64(uint64_t crc, std::string_view bytes) noexcept {
    if (bytes.size() >= kFoldBytesMin && kHasCarrylessMultiply) return by_folding(crc, bytes);
    return crc64_detail::by_table(crc, bytes);
}

#else

uint64_t crc64(uint64_t crc, std::string_view bytes) noexcept {
    return crc64_detail::by_table(crc, bytes);
}

#endif

}  // namespace gyre::base
