// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Puts what an RdbReader reads into the data set: when a server starts, and nothing else changes
// it. Keys past their deadline are counted and left out, as in Redis,
// but not those of a log's base: the log says itself when they went. A key that is there already
// means a damaged file.
//
// Reading is cheap beside putting keys where they belong, which is a cache miss or three for each.
// So that is done in batches, which have what they will touch fetched beforehand; and other threads
// may help with it (set_helpers()): what they are too slow for the reading thread does itself.
//
// Ownership: borrows data set and executor; outlives its batches, as the destructor waits for them.
// Threads: one, besides the helpers; each takes one shard's lock for each key.
// Errors: of a record name key and database; the reader of the file knows where it stands, or, of
// those in a batch (has_late_error()), that it has passed the place.
// Memory: a batch, and kBatchesMax for each helper; until the end also an index for as many keys as
// a file claims, at most 4 B for each byte it has.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/dataset.h"
#include "snapshot/rdb_reader.h"

namespace gyre::engine {

/// Has a thread with an executor of its own run a job, soon.
using LoadHelper = std::function<void(std::function<void(Executor&)> job)>;

class RdbLoader final : public snapshot::RdbHandler {
public:
    /// A batch is put in its place when it has so many records, or bytes.
    static constexpr size_t kBatchRecords = 256;
    static constexpr size_t kBatchBytes = 64 * 1024;
    /// A value that is longer is not copied: the reading thread takes it where it lies.
    static constexpr size_t kCopiedBytesMax = 16 * 1024;
    static constexpr size_t kBatchesMax = 4;

    /// So many keys have what they touch fetched together.
    static constexpr size_t kGroupRecords = 32;

    /// Type, key and value of a record, of which the key has a byte and its length.
    static constexpr size_t kRecordBytesMin = 4;

    enum class Due : uint8_t { left_out, kept };

    RdbLoader(Dataset& dataset, Executor& executor, int64_t now_ms, Due due = Due::left_out)
        : dataset_(dataset), executor_(executor), now_ms_(now_ms), due_(due) {}

    ~RdbLoader() override;
    RdbLoader(const RdbLoader&) = delete;
    RdbLoader& operator=(const RdbLoader&) = delete;

    /// Before the first record.
    void set_helpers(std::vector<LoadHelper> helpers);

    /// How long the input is. Indexes are then made as large as the file says they will be, as far
    /// as so many bytes can hold so many keys.
    void set_input_bytes(uint64_t bytes) noexcept { keys_max_ = bytes / kRecordBytesMin; }

    Result<void> select_database(size_t database) override;
    Result<void> resize_database(uint64_t keys, uint64_t keys_with_deadline) override;
    Result<void> record(const snapshot::Record& record) override;
    /// All records are where they belong, or the first error. Nothing may follow.
    Result<void> finish();
    [[nodiscard]] bool has_late_error() const noexcept { return has_failed_.load(); }

    [[nodiscard]] uint64_t keys_loaded() const noexcept { return loaded_.load(); }
    [[nodiscard]] uint64_t keys_expired() const noexcept { return expired_; }

private:
    struct Item;
    class Batch;
    struct Helper {
        LoadHelper run;
        std::atomic<size_t> batches{0};  ///< it has not done yet
    };

    Result<void> put(const snapshot::Record& record, const store::Key& key, Executor& executor);
    void insert(store::Partition& partition, const store::Key& key, const snapshot::Record& record,
                Executor& executor);
    void hand_over();
    void put_all(Batch& batch, Executor& executor);
    void prefetch(const Item& item, Executor& executor);
    void wait_for_helpers() noexcept;
    Result<void> late_error();
    void trim_indexes();
    void set_access(store::Entry& entry, const snapshot::Record& record) const;

    Dataset& dataset_;
    Executor& executor_;
    const int64_t now_ms_;
    const Due due_;
    std::atomic<uint64_t> loaded_{0};
    uint64_t expired_ = 0;

    size_t database_ = 0;    ///< selected
    uint64_t keys_max_ = 0;  ///< that there may be in the input
    bool has_reserved_ = false;
    std::vector<std::shared_ptr<Helper>> helpers_;
    size_t next_helper_ = 0;
    std::shared_ptr<Batch> batch_;
    std::atomic<bool> has_failed_{false};
    std::mutex error_mutex_;
    Error error_;  // under it; the first
};

}  // namespace gyre::engine
