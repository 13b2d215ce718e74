// SPDX-License-Identifier: BSD-3-Clause

#include "base/hash.h"

#include <bit>

#include "base/random.h"

namespace gyre::base {
namespace {

HashSecret draw_secret() noexcept {
    return {{entropy() | 1, entropy() | 1, entropy() | 1, entropy() | 1}};
}

}  // namespace

// Priority 101 is the first that programs may use: a static table of another file may hash already.
[[gnu::init_priority(101)]] HashSecret hash_secret = draw_secret();

void seed_hash(uint64_t seed) noexcept {
    Random random(seed);
    for (uint64_t& word : hash_secret.words) word = random.next() | 1;
}

namespace hash_detail {

uint64_t fold_long(const char*& bytes, size_t& left, uint64_t state) noexcept {
    const uint64_t* secret = hash_secret.words;
    uint64_t second = state ^ secret[2];
    uint64_t third = state ^ secret[3];
    do {
        state = fold(read8(bytes) ^ secret[1], read8(bytes + 8) ^ state);
        second = fold(read8(bytes + 16) ^ secret[2], read8(bytes + 24) ^ second);
        third = fold(read8(bytes + 32) ^ secret[3], read8(bytes + 40) ^ third);
        bytes += 48;
        left -= 48;
    } while (left > 48);
    // Added before the fold, not merely combined: equal lanes would cancel under exclusive or.
    return state ^ fold(second + secret[1], third ^ secret[3]);
}

namespace {

uint64_t little(uint64_t word) noexcept {
    if constexpr (std::endian::native == std::endian::big) return __builtin_bswap64(word);
    return word;
}

struct SipState {
    uint64_t v0, v1, v2, v3;

    template <int kRounds>
    void rounds() noexcept {
        for (int round = 0; round < kRounds; ++round) {
            v0 += v1;
            v2 += v3;
            v1 = std::rotl(v1, 13) ^ v0;
            v3 = std::rotl(v3, 16) ^ v2;
            v0 = std::rotl(v0, 32);
            v2 += v1;
            v0 += v3;
            v1 = std::rotl(v1, 17) ^ v2;
            v3 = std::rotl(v3, 21) ^ v0;
            v2 = std::rotl(v2, 32);
        }
    }

    template <int kRounds>
    void absorb(uint64_t word) noexcept {
        v3 ^= word;
        rounds<kRounds>();
        v0 ^= word;
    }
};

}  // namespace

template <int kCompress, int kFinish>
uint64_t siphash(std::string_view message, const SipKey& key) noexcept {
    // "somepseudorandomlygeneratedbytes", the constants of the paper.
    SipState state{key.low ^ 0x736f6d6570736575ULL, key.high ^ 0x646f72616e646f6dULL,
                   key.low ^ 0x6c7967656e657261ULL, key.high ^ 0x7465646279746573ULL};
    const char* bytes = message.data();
    size_t left = message.size();
    for (; left >= 8; left -= 8, bytes += 8) state.absorb<kCompress>(little(read8(bytes)));
    uint64_t last = static_cast<uint64_t>(message.size()) << 56;
    for (size_t index = 0; index < left; ++index) {
        last |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[index])) << (8 * index);
    }
    state.absorb<kCompress>(last);
    state.v2 ^= 0xff;
    state.rounds<kFinish>();
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

template uint64_t siphash<1, 3>(std::string_view, const SipKey&) noexcept;
template uint64_t siphash<2, 4>(std::string_view, const SipKey&) noexcept;

}  // namespace hash_detail
}  // namespace gyre::base
