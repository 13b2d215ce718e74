// SPDX-License-Identifier: BSD-3-Clause
#include "types/bits.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace gyre::types {
namespace {

constexpr size_t kWordBytes = 8;
static_assert(std::endian::native == std::endian::little);

uint64_t load(const char* at) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

void store(char* at, uint64_t word) { std::memcpy(at, &word, sizeof word); }

[[gnu::always_inline]] inline size_t sum_of_words(const char* at, size_t words) {
    size_t sums[4] = {};  // four chains, so that one addition need not wait for the other
    for (; words >= 4; words -= 4, at += 4 * kWordBytes) {
        for (size_t lane = 0; lane < 4; ++lane) {
            sums[lane] += static_cast<size_t>(__builtin_popcountll(load(at + lane * kWordBytes)));
        }
    }
    for (; words > 0; --words, at += kWordBytes) {
        sums[0] += static_cast<size_t>(__builtin_popcountll(load(at)));
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

#if defined(__x86_64__)
/// With the instruction that every processor since 2008 has, and that the compiler may not use
/// unasked.
[[gnu::target("popcnt")]] size_t sum_with_popcnt(const char* at, size_t words) {
    return sum_of_words(at, words);
}
#endif

size_t count_words(const char* at, size_t words) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) return sum_with_popcnt(at, words);
#endif
    return sum_of_words(at, words);
}

/// The bits of `byte` from `from` to `to` (0 is the most significant), the others cleared.
uint8_t masked(char byte, unsigned from, unsigned to) {
    return static_cast<uint8_t>(static_cast<uint8_t>(byte) & (0xFFU >> from) & (0xFFU << (7 - to)));
}

/// First bit of `byte` that is set; there is one.
unsigned first_set(uint8_t byte) { return static_cast<unsigned>(std::countl_zero(byte)); }

/// First byte of [at, end) that is not `filler`; `end` if there is none.
size_t skip_bytes(std::string_view bytes, size_t at, size_t end, uint8_t filler) {
    const uint64_t pattern = filler == 0 ? 0 : ~uint64_t{0};
    for (; end - at >= kWordBytes; at += kWordBytes) {
        const uint64_t difference = load(bytes.data() + at) ^ pattern;
        if (difference != 0) return at + static_cast<size_t>(std::countr_zero(difference)) / 8;
    }
    while (at < end && static_cast<uint8_t>(bytes[at]) == filler) ++at;
    return at;
}

template <class Combine>
void combine_all(char* target, std::string_view operand, Combine combine) {
    size_t at = 0;
    for (; operand.size() - at >= kWordBytes; at += kWordBytes) {
        store(target + at, combine(load(target + at), load(operand.data() + at)));
    }
    for (; at < operand.size(); ++at) {
        target[at] = static_cast<char>(
            combine(static_cast<uint8_t>(target[at]), static_cast<uint8_t>(operand[at])));
    }
}

}  // namespace

bool get_bit(std::string_view bytes, uint64_t offset) {
    if (offset / 8 >= bytes.size()) return false;
    return (static_cast<uint8_t>(bytes[offset / 8]) >> (7 - offset % 8) & 1) != 0;
}

size_t count_bits(std::string_view bytes) {
    const size_t words = bytes.size() / kWordBytes;
    size_t count = count_words(bytes.data(), words);
    uint64_t rest = 0;
    const std::string_view tail = bytes.substr(words * kWordBytes);
    if (!tail.empty()) std::memcpy(&rest, tail.data(), tail.size());
    return count + static_cast<size_t>(std::popcount(rest));
}

size_t count_bits(std::string_view bytes, uint64_t first, uint64_t last) {
    CHECK(first <= last);
    CHECK(last / 8 < bytes.size());
    const size_t from = first / 8;
    const size_t to = last / 8;
    const unsigned head = static_cast<unsigned>(first % 8);
    const unsigned tail = static_cast<unsigned>(last % 8);
    if (from == to) return static_cast<size_t>(std::popcount(masked(bytes[from], head, tail)));
    return static_cast<size_t>(std::popcount(masked(bytes[from], head, 7))) +
           count_bits(bytes.substr(from + 1, to - from - 1)) +
           static_cast<size_t>(std::popcount(masked(bytes[to], 0, tail)));
}

std::optional<uint64_t> find_bit(std::string_view bytes, bool wanted, uint64_t first,
                                 uint64_t last) {
    CHECK(first <= last);
    CHECK(last / 8 < bytes.size());
    // Clear bits are searched as set bits of the complement.
    const uint8_t flip = wanted ? 0 : 0xFF;
    const size_t from = first / 8;
    const size_t to = last / 8;
    const auto in_byte = [&](size_t at, unsigned begin, unsigned end) -> std::optional<uint64_t> {
        const uint8_t byte =
            masked(static_cast<char>(static_cast<uint8_t>(bytes[at]) ^ flip), begin, end);
        if (byte == 0) return std::nullopt;
        return uint64_t{at} * 8 + first_set(byte);
    };
    const unsigned head = static_cast<unsigned>(first % 8);
    const unsigned tail = static_cast<unsigned>(last % 8);
    if (from == to) return in_byte(from, head, tail);
    if (const auto found = in_byte(from, head, 7)) return found;
    const size_t at = skip_bytes(bytes, from + 1, to, flip);
    return at < to ? in_byte(at, 0, 7) : in_byte(to, 0, tail);
}

void combine_bits(BitOperation operation, char* target, size_t bytes, std::string_view operand) {
    CHECK(operand.size() <= bytes);
    switch (operation) {
        case BitOperation::all:
            combine_all(target, operand, [](uint64_t a, uint64_t b) { return a & b; });
            std::memset(target + operand.size(), 0, bytes - operand.size());
            return;
        case BitOperation::any:
            combine_all(target, operand, [](uint64_t a, uint64_t b) { return a | b; });
            return;
        case BitOperation::odd:
            combine_all(target, operand, [](uint64_t a, uint64_t b) { return a ^ b; });
            return;
    }
}

void invert_bits(char* target, std::string_view operand) {
    combine_all(target, operand, [](uint64_t, uint64_t b) { return ~b; });
}

}  // namespace gyre::types
