// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Keys of 16 bytes in an order that is random and always the same. Read from first to last they lie
// one behind the other in memory, as keys in a receive buffer do: what misses the caches is what
// they are looked up in.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace gyre::micro {

inline constexpr size_t kKeyBytes = 16;

class KeySet {
public:
    /// "<prefix>000000000000" and so on; `prefix` has 4 characters.
    KeySet(std::string_view prefix, size_t count, uint64_t seed) : texts_(count) {
        for (size_t number = 0; number < count; ++number) {
            std::array<char, kKeyBytes>& text = texts_[number];
            text.fill('0');
            std::copy_n(prefix.data(), std::min<size_t>(prefix.size(), 4), text.data());
            size_t at = kKeyBytes;
            for (size_t rest = number; rest != 0; rest /= 10) {
                text[--at] = static_cast<char>('0' + rest % 10);
            }
        }
        base::Random random(seed);
        std::shuffle(texts_.begin(), texts_.end(), random);
    }

    size_t size() const { return texts_.size(); }
    std::string_view operator[](size_t index) const { return {texts_[index].data(), kKeyBytes}; }

private:
    std::vector<std::array<char, kKeyBytes>> texts_;
};

}  // namespace gyre::micro
