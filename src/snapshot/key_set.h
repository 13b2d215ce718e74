// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which keys a document has named already. Kept are fingerprints of 128 bits under keys nobody
// outside knows, not the keys: two that differ by chance look the same once in 2^128 / n^2, and
// nobody can choose a pair that does. 22 to 43 bytes for each key.
//
// Threads: one user at a time. Complexity: O(length of the key); now and then the table doubles.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gyre::snapshot {

class KeySet {
public:
    /// False when that key of that database is there already.
    bool insert(size_t database, std::string_view key);
    size_t size() const { return size_; }

private:
    struct Fingerprint {
        uint64_t low = 0;
        uint64_t high = 0;
        bool operator==(const Fingerprint&) const = default;
    };

    /// The slot that holds it, or the free one where it belongs.
    Fingerprint& find(const Fingerprint& wanted);
    void grow();

    std::vector<Fingerprint> slots_;  ///< a power of two; open addressing, all zero is free
    size_t size_ = 0;
};

}  // namespace gyre::snapshot
