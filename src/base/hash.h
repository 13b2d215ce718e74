// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Hashes for tables. `hash_bytes` is of the multiply-and-fold family (wyhash, rapidhash): 64 x 64
// -> 128 bit products whose halves are folded by exclusive or. All its constants are secret words
// drawn for each process, so that nobody outside can compute keys that fall into one bucket, nor
// choose input that zeroes a factor. `siphash13` is the keyed function with a cryptographer's
// analysis behind it, for places where an attacker sees enough of the output to learn from it.
//
// Values differ from run to run: they must not reach a disk or a peer.
// Threads: any; seed_hash() only while nothing else runs.
// Complexity: O(n). Sources: Wang Yi, wyhash; Aumasson and Bernstein, SipHash (2012).

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gyre::base {

/// The secret words of hash_bytes().
struct HashSecret {
    uint64_t words[4];
};
/// Drawn from the kernel before other static objects are constructed.
extern HashSecret hash_secret;

/// Replaces the secret by one derived from `seed`: for tests and the simulator. Every hash computed
/// before is void.
void seed_hash(uint64_t seed) noexcept;

namespace hash_detail {

/// The product of two words, high half folded on the low one.
inline uint64_t fold(uint64_t a, uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t read8(const char* bytes) noexcept {
    uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    return word;
}

inline uint64_t read4(const char* bytes) noexcept {
    uint32_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    return word;
}

/// More than 48 bytes: three independent lanes, so that three products are under way at once.
/// Moves `bytes` and `left` to the last 1..48 bytes.
uint64_t fold_long(const char*& bytes, size_t& left, uint64_t state) noexcept;

}  // namespace hash_detail

/// Hash of a key or member, all 64 bits usable.
inline uint64_t hash_bytes(std::string_view key) noexcept {
    using hash_detail::fold;
    using hash_detail::read4;
    using hash_detail::read8;
    const uint64_t* secret = hash_secret.words;
    const char* bytes = key.data();
    size_t left = key.size();
    uint64_t state = secret[0];
    uint64_t a = 0;
    uint64_t b = 0;
    if (left <= 16) [[likely]] {
        // Two reads that overlap in the middle cover every byte.
        if (left >= 8) {
            a = read8(bytes);
            b = read8(bytes + left - 8);
        } else if (left >= 4) {
            a = read4(bytes);
            b = read4(bytes + left - 4);
        } else if (left > 0) {
            const auto at = [bytes](size_t index) {
                return static_cast<uint64_t>(static_cast<unsigned char>(bytes[index]));
            };
            a = at(0) << 16 | at(left / 2) << 8 | at(left - 1);
        }
    } else {
        if (left > 48) [[unlikely]]
            state = hash_detail::fold_long(bytes, left, state);
        if (left > 16) {
            state = fold(read8(bytes) ^ secret[1], read8(bytes + 8) ^ state);
            if (left > 32) state = fold(read8(bytes + 16) ^ secret[2], read8(bytes + 24) ^ state);
        }
        // Again overlapping: the input is longer than 16 bytes, so reading back is safe.
        a = read8(bytes + left - 16);
        b = read8(bytes + left - 8);
    }
    const uint64_t mixed = fold(a ^ secret[1], b ^ state);
    return fold(mixed ^ secret[2], secret[3] ^ key.size());
}

struct SipKey {
    uint64_t low = 0;   ///< bytes 0..7 of the key, little endian
    uint64_t high = 0;  ///< bytes 8..15
};

namespace hash_detail {

/// SipHash with `kCompress` rounds for each word and `kFinish` at the end.
template <int kCompress, int kFinish>
uint64_t siphash(std::string_view message, const SipKey& key) noexcept;

extern template uint64_t siphash<1, 3>(std::string_view, const SipKey&) noexcept;
extern template uint64_t siphash<2, 4>(std::string_view, const SipKey&) noexcept;

}  // namespace hash_detail

inline uint64_t siphash13(std::string_view message, const SipKey& key) noexcept {
    return hash_detail::siphash<1, 3>(message, key);
}

}  // namespace gyre::base
