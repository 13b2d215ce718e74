// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Puts what an RdbReader reads into the data set: when a server starts, and nothing else changes
// it. Keys past their deadline are counted and left out, as in Redis,
// but not those of a log's base: the log says itself when they went. A key that is there already
// means a damaged file.
//
// Ownership: borrows data set and executor. Threads: one; takes one shard's lock for each key.
// Errors: of a record name key and database; the reader of the file knows where it stands.

#include <cstdint>

#include "engine/dataset.h"
#include "snapshot/rdb_reader.h"

namespace gyre::engine {

class RdbLoader final : public snapshot::RdbHandler {
public:
    enum class Due : uint8_t { left_out, kept };

    RdbLoader(Dataset& dataset, Executor& executor, int64_t now_ms, Due due = Due::left_out)
        : dataset_(dataset), executor_(executor), now_ms_(now_ms), due_(due) {}

    Result<void> select_database(size_t database) override;
    Result<void> record(const snapshot::Record& record) override;

    [[nodiscard]] uint64_t keys_loaded() const noexcept { return loaded_; }
    [[nodiscard]] uint64_t keys_expired() const noexcept { return expired_; }

private:
    void insert(store::Partition& partition, const store::Key& key, const snapshot::Record& record);
    void set_access(store::Entry& entry, const snapshot::Record& record) const;

    Dataset& dataset_;
    Executor& executor_;
    const int64_t now_ms_;
    const Due due_;
    uint64_t loaded_ = 0;
    uint64_t expired_ = 0;
};

}  // namespace gyre::engine
