// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Pseudo-random numbers that repeat for a seed, and the kernel's entropy to draw a seed from. Good
// statistics, no secrecy: never for tokens or keys.
//
// Ownership: a plain value. Threads: one user at a time; entropy() any.
// Source: Blackman and Vigna, xoshiro256**; Steele et al., SplitMix64 for the seeding; Lemire,
// "Fast random integer generation in an interval" (2019).

#include <bit>
#include <cstdint>

namespace gyre::base {

class Random {
public:
    explicit Random(uint64_t seed) noexcept {
        // SplitMix64 spreads any seed, 0 included, over a state that is never all zero.
        for (uint64_t& word : state_) {
            seed += 0x9e3779b97f4a7c15ULL;
            uint64_t mixed = seed;
            mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
            mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
            word = mixed ^ (mixed >> 31);
        }
    }

    /// 64 random bits.
    uint64_t next() noexcept {
        const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    /// Uniform in [0, limit), without bias; 0 for limit 0.
    uint64_t below(uint64_t limit) noexcept {
        __extension__ using Wide = unsigned __int128;
        Wide product = static_cast<Wide>(next()) * limit;
        if (static_cast<uint64_t>(product) < limit) [[unlikely]] {
            const uint64_t unfair = limit == 0 ? 0 : (0 - limit) % limit;
            while (static_cast<uint64_t>(product) < unfair) {
                product = static_cast<Wide>(next()) * limit;
            }
        }
        return static_cast<uint64_t>(product >> 64);
    }

    /// Uniform in [0, 1), 53 bits.
    double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

    // The face of a standard generator, for std::shuffle.
    using result_type = uint64_t;
    static constexpr uint64_t min() noexcept { return 0; }
    static constexpr uint64_t max() noexcept { return UINT64_MAX; }
    uint64_t operator()() noexcept { return next(); }

private:
    uint64_t state_[4];
};

/// 64 bits from the kernel (getrandom). Ends the process when the kernel has none to give.
uint64_t entropy() noexcept;

}  // namespace gyre::base
