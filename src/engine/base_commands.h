// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The keys of an RDB file as commands that make them: the base of an append-only file where
// aof-use-rdb-preamble is no. Strings, lists, sets, hashes and sorted sets become the commands by
// which clients make them, kElementsPerCommand elements each, as in Redis; streams, whose groups no
// few commands make, a RESTORE.
//
// Ownership: owns the text until it is taken. Threads: one at a time. Errors: of a stream too large
// for one argument. Memory: the commands of one key, and the key itself, whole.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/counted.h"
#include "snapshot/rdb_reader.h"
#include "types/listpack.h"

namespace gyre::engine {

class BaseCommands final : public snapshot::RdbHandler {
public:
    using Text = base::CountedString<base::Purpose::snapshot>;
    static constexpr size_t kElementsPerCommand = 64;

    Result<void> select_database(size_t database) override;
    Result<void> record(const snapshot::Record& record) override;

    /// What has come together since the last call.
    Text take() { return std::exchange(text_, {}); }

private:
    void add(const std::vector<std::string_view>& words);
    void begin(std::string_view name);
    void element(std::string_view word, size_t words_per_element);
    void element(const types::ListpackValue& word, size_t words_per_element);
    void flush();
    void list(const snapshot::Record& record);
    void set(const snapshot::Record& record);
    void hash(const snapshot::Record& record);
    void sorted_set(const snapshot::Record& record);
    void scored(std::string_view member, double score);
    Result<void> stream(const snapshot::Record& record);

    Text text_;
    size_t database_ = 0;

    // of the key at hand
    std::string_view key_;
    int64_t timestamp_ms_ = store::kNoTimestamp;
    std::string_view name_;           // of the command
    std::vector<std::string> words_;  // behind the key
};

}  // namespace gyre::engine
