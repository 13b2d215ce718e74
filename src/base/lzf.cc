// SPDX-License-Identifier: BSD-3-Clause
#include "base/lzf.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace gyre::base {

namespace {

/// What compilers make one load and one store of.
constexpr size_t kStepBytes = 16;
constexpr unsigned kLiteralEnd = 32;
constexpr unsigned kLengthInByte = 7;
constexpr size_t kCopyBytesMin = 2;  // besides the length

template <size_t kBytes>
void move(char* to, const char* from) noexcept {
    char bytes[kBytes];
    std::memcpy(bytes, from, kBytes);
    std::memcpy(to, bytes, kBytes);
}

/// `size` bytes to where nothing of them lies, in pieces of kBytes; the last one overlaps the one
/// before. `size` is kBytes at least.
template <size_t kBytes>
void copy_pieces(char* to, const char* from, size_t size) noexcept {
    const size_t last = size - kBytes;
    for (size_t done = 0; done < last; done += kBytes) move<kBytes>(to + done, from + done);
    move<kBytes>(to + last, from + last);
}

/// `size` bytes to where nothing of them lies; a call of memcpy costs more than most of these do.
void copy(char* to, const char* from, size_t size) noexcept {
    if (size >= kStepBytes) return copy_pieces<kStepBytes>(to, from, size);
    if (size >= 8) return copy_pieces<8>(to, from, size);
    if (size >= 4) return copy_pieces<4>(to, from, size);
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
}

/// `size` bytes that repeat the `distance` bytes in front of them.
void repeat(char* to, size_t distance, size_t size) noexcept {
    if (distance == 1) {
        std::memset(to, to[-1], size);
        return;
    }
    const char* const from = to - distance;
    // All between the two is whole periods, so there is twice as much to copy after each step.
    for (; size > distance; distance *= 2) {
        copy(to, from, distance);
        to += distance;
        size -= distance;
    }
    copy(to, from, size);
}

/// `count` literal bytes. Where there is room for the most that there may be, so many are written,
/// because a choice by their number is what costs most; what is too many is written over.
void copy_literal(char* to, const char* from, size_t count, size_t room) noexcept {
    if (room < kLiteralEnd) return copy(to, from, count);
    move<kStepBytes>(to, from);
    move<kStepBytes>(to + kStepBytes, from + kStepBytes);
}

/// `count` bytes that were written `distance` before, in the same way.
void copy_back(char* to, size_t distance, size_t count, size_t room) noexcept {
    if (count <= kStepBytes && room >= kStepBytes && distance >= kStepBytes / 2) {
        move<kStepBytes / 2>(to, to - distance);
        to += kStepBytes / 2;
        move<kStepBytes / 2>(to, to - distance);
    } else if (count <= distance) {
        copy(to, to - distance, count);
    } else {
        repeat(to, distance, count);
    }
}

}  // namespace

bool unpack_lzf(std::string_view packed, char* out, size_t size) noexcept {
    const auto* in = reinterpret_cast<const unsigned char*>(packed.data());
    const auto* const in_end = in + packed.size();
    char* const begin = out;
    char* const end = out + size;
    while (in != in_end) {
        const unsigned control = *in++;
        if (control < kLiteralEnd) {
            const size_t count = control + 1;
            const auto room = static_cast<size_t>(std::min<ptrdiff_t>(in_end - in, end - out));
            if (count > room) return false;
            copy_literal(out, reinterpret_cast<const char*>(in), count, room);
            in += count;
            out += count;
            continue;
        }
        size_t count = control >> 5;
        const bool has_length_byte = count == kLengthInByte;
        if (static_cast<size_t>(in_end - in) < 1U + has_length_byte) return false;
        if (has_length_byte) count += *in++;
        count += kCopyBytesMin;
        const size_t distance = (size_t{control & 31} << 8 | *in++) + 1;
        if (distance > static_cast<size_t>(out - begin)) return false;
        const auto room = static_cast<size_t>(end - out);
        if (count > room) return false;
        copy_back(out, distance, count, room);
        out += count;
    }
    return out == end;
}

}  // namespace gyre::base
