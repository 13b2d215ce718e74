// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Records of bytes on their way from one thread to another, in a ring of fixed size. A record that
// does not fit is counted and gone: who writes neither waits nor allocates.
//
// Ownership: owns its memory, counted under Purpose::other. Threads: one writes (begin, put,
// commit, note_lost), one reads (take); figures from any.
// Invariants: positions only grow and are multiples of 8, so the length before each record never
// wraps. Complexity: O(bytes).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gyre::diary {

class RecordRing {
public:
    /// Rounded up to a power of two of at least kBytesMin.
    explicit RecordRing(size_t bytes);
    ~RecordRing();
    RecordRing(const RecordRing&) = delete;
    RecordRing& operator=(const RecordRing&) = delete;

    static constexpr size_t kBytesMin = 1024;
    static size_t rounded(size_t bytes) noexcept;
    size_t capacity() const noexcept { return mask_ + 1; }

    // --- the thread that writes ---
    /// Makes room for a record of so many bytes; false: there is none.
    bool begin(size_t bytes) noexcept;
    /// The next bytes of the record that was begun; all of them, before commit().
    void put(const void* bytes, size_t count) noexcept;
    /// Now the reader may see it.
    void commit() noexcept;

    // --- the thread that reads ---
    /// Moves the oldest record into `record`; false: there is none.
    bool take(std::string& record);
    bool is_empty() const noexcept {
        return read_.load(std::memory_order_relaxed) == written_.load(std::memory_order_seq_cst);
    }

private:
    void copy_in(uint64_t position, const void* bytes, size_t count) noexcept;
    void copy_out(uint64_t position, void* bytes, size_t count) const noexcept;

    // fixed after construction
    size_t mask_;
    char* memory_;

    // written by the writer
    alignas(64) std::atomic<uint64_t> written_{0};
    uint64_t cursor_ = 0;      // where put() goes on
    uint64_t end_ = 0;         // of the record that was begun
    uint64_t known_read_ = 0;  // read_ as the writer saw it last

    // written by the reader
    alignas(64) std::atomic<uint64_t> read_{0};
};

}  // namespace gyre::diary
