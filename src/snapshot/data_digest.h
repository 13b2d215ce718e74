// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A digest of values, keys and whole data sets that depends neither on how they are stored nor on
// the order of what has none: what DEBUG DIGEST and DEBUG DIGEST-VALUE of Redis answer, so that two
// servers are compared by one line of each. SHA-1 (FIPS 180-4) is what Redis took for it; it finds
// accidents and is no protection.
//
// That there is a deadline counts, when it is does not; groups of streams, timestamps and access
// times do not count at all.
//
// Ownership: values. Threads: any. Errors: none. Complexity: O(bytes), two hashes at least for each
// element.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "snapshot/record.h"

namespace gyre::snapshot {

class DataDigest {
public:
    static constexpr size_t kBytes = 20;

    /// Takes what has its place among others.
    void mix(std::string_view bytes);
    /// The same, four bytes in network order.
    void mix(uint32_t number);
    /// Takes what may come in any order; the same once more takes it back.
    void add(std::string_view bytes);
    void add(const DataDigest& other) { add(other.view()); }
    /// Adds all that another has taken by add() and nothing else.
    void join(const DataDigest& other);

    /// 40 hexadecimal digits.
    [[nodiscard]] std::string text() const;
    bool operator==(const DataDigest& other) const = default;

private:
    [[nodiscard]] std::string_view view() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }

    std::array<uint8_t, kBytes> bytes_{};
};

/// Of the type, the value, and whether there is a deadline.
[[nodiscard]] DataDigest digest_of_value(const Record& record);
/// Of the key as well. A data set's digest takes, for each database that has keys, its number by
/// mix(), and then the digests of its keys by add().
[[nodiscard]] DataDigest digest_of_key(const Record& record);

}  // namespace gyre::snapshot
