// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Puts what an RdbReader reads into the data set: when a server starts, and nothing else changes
// it. Keys past their deadline are counted and left out, as in Redis. A key that is there already
// means a damaged file.
//
// Reading is cheap beside putting keys where they belong, which is a cache miss or three for each;
// so other threads may help with that (set_helpers()): they get records in batches, and what they
// are too slow for the reading thread does itself.
//
// Ownership: borrows data set and executor; outlives its batches, as the destructor waits for them.
// Threads: one, besides the helpers; each takes one shard's lock for each key.
// Errors: of a record name key and database; the reader of the file knows where it stands, or, of
// those that helpers find (has_late_error()), that it has passed the place.
// Memory: kBatchesMax batches for each helper.

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
    /// A batch is handed over when it has so many records, or bytes.
    static constexpr size_t kBatchRecords = 256;
    static constexpr size_t kBatchBytes = 64 * 1024;
    /// A value that is longer is not copied: the reading thread takes it where it lies.
    static constexpr size_t kCopiedBytesMax = 16 * 1024;
    static constexpr size_t kBatchesMax = 4;

    RdbLoader(Dataset& dataset, Executor& executor, int64_t now_ms)
        : dataset_(dataset), executor_(executor), now_ms_(now_ms) {}

    ~RdbLoader() override;
    RdbLoader(const RdbLoader&) = delete;
    RdbLoader& operator=(const RdbLoader&) = delete;

    /// Before the first record.
    void set_helpers(std::vector<LoadHelper> helpers);

    Result<void> select_database(size_t database) override;
    Result<void> record(const snapshot::Record& record) override;
    /// All records are where they belong, or the first error. Nothing may follow.
    Result<void> finish();
    [[nodiscard]] bool has_late_error() const noexcept { return has_failed_.load(); }

    [[nodiscard]] uint64_t keys_loaded() const noexcept { return loaded_.load(); }
    [[nodiscard]] uint64_t keys_expired() const noexcept { return expired_; }

private:
    class Batch;
    struct Helper {
        LoadHelper run;
        std::atomic<size_t> batches{0};  ///< it has not done yet
    };

    Result<void> put(const snapshot::Record& record, Executor& executor);
    void insert(store::Partition& partition, const store::Key& key, const snapshot::Record& record,
                Executor& executor);
    void hand_over();
    void put_all(Batch& batch, Executor& executor);
    void wait_for_helpers() noexcept;
    Result<void> late_error();
    void set_access(store::Entry& entry, const snapshot::Record& record) const;

    Dataset& dataset_;
    Executor& executor_;
    const int64_t now_ms_;
    std::atomic<uint64_t> loaded_{0};
    uint64_t expired_ = 0;

    std::vector<std::shared_ptr<Helper>> helpers_;
    size_t next_helper_ = 0;
    std::shared_ptr<Batch> batch_;
    std::atomic<bool> has_failed_{false};
    std::mutex error_mutex_;
    Error error_;  // under it; the first
};

}  // namespace gyre::engine
