// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the formats of snapshots exchange: one key with its value and what is known of it.
//
// Ownership: borrows everything. Threads: any.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "store/entry.h"

namespace gyre::snapshot {

/// One key of a data set, as a snapshot tells it. Views are valid during the call they are given
/// to.
struct Record {
    size_t database = 0;
    std::string_view key;
    store::Kind kind{};                               ///< string unless told otherwise
    std::string_view value;                           ///< of a string, and of a packed collection
    const types::Object* object = nullptr;            ///< of any other collection
    std::unique_ptr<types::Object>* owner = nullptr;  ///< of `object`: take it who wants to keep it
    int64_t expire_ms = store::kNoExpiry;             ///< Unix milliseconds
    int64_t timestamp_ms = store::kNoTimestamp;  ///< of the write, if one was given with TIMESTAMP
    std::optional<uint32_t> idle_seconds;        ///< LRU, where known
    std::optional<uint8_t> frequency;            ///< LFU counter, where known
};

}  // namespace gyre::snapshot
