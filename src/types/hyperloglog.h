// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// HyperLogLog in Redis' bytes: a string that begins with "HYLL" and holds 16384 registers of six
// bits, either each of them (dense) or as runs of equal ones (sparse).
//
//   "HYLL" | u8 0 dense, 1 sparse | 3 unused | u64 cached count, void when its highest bit is set
//   dense:  12288 bytes, register i in bits 6i..6i+5, lowest bits of a byte first
//   sparse: 00nnnnnn n+1 zeros | 01nnnnnn nnnnnnnn n+1 zeros | 1vvvvvnn n+1 registers of value v+1
//
// Ownership: none; the value lies in a string. Threads: any.
// Errors: hostile bytes behind a valid header are found while they are read: false or nullopt then.
// Complexity: O(registers or runs).
// Sources: P. Flajolet et al., "HyperLogLog" (2007); O. Ertl, "New cardinality estimation
// algorithms for HyperLogLog sketches" (2017); A. Appleby, MurmurHash2 (64 bit, variant A).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyre::types {

class HyperLogLog {
public:
    static constexpr size_t kRegisters = 16384;
    static constexpr size_t kHeaderBytes = 16;
    static constexpr size_t kDenseBytes = kHeaderBytes + kRegisters * 6 / 8;
    using Registers = std::array<uint8_t, kRegisters>;

    /// The register an element falls into, and the value it wants there.
    struct Mark {
        uint32_t index;
        uint8_t value;
    };
    static Mark mark_of(std::string_view element);
    /// MurmurHash64A with the seed of HyperLogLogs.
    static uint64_t hash(std::string_view bytes);

    enum class Change : uint8_t { none, changed, corrupt };

    /// An empty one, sparse.
    static std::string empty();
    /// Whether the header is right, and the length of a dense one.
    static bool is_valid(std::string_view value);
    static bool is_dense(std::string_view value) { return value[4] == 0; }

    /// Raises a register of a dense one in place. The cached count is not touched.
    static bool raise_dense(char* value, Mark mark);
    /// Raises a register; a sparse one becomes dense above `sparse_bytes_max` bytes or where it
    /// cannot hold the value. The cached count is not touched.
    static Change raise(std::string& value, Mark mark, size_t sparse_bytes_max);
    /// Makes a sparse one dense. False when it is corrupt.
    static bool make_dense(std::string& value);

    /// Raises each of `registers` to what stands in the value. False when it is corrupt.
    static bool merge_into(Registers& registers, std::string_view value);
    static uint64_t estimate(const Registers& registers);
    /// The estimate of one value, nullopt when it is corrupt.
    static std::optional<uint64_t> count(std::string_view value);

    /// The count that was written into the header, nullopt when it is void.
    static std::optional<uint64_t> cached_count(std::string_view value);
    static void cache_count(char* value, uint64_t count);
    static void void_count(char* value) {
        value[15] = static_cast<char>(static_cast<uint8_t>(value[15]) | 0x80);
    }

    /// The runs of a sparse one as PFDEBUG DECODE shows them: "z:5 v:3,1 Z:16378".
    static std::string describe(std::string_view value);
};

}  // namespace gyre::types
