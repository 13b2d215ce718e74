// SPDX-License-Identifier: BSD-3-Clause
#include "engine/rdb_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "store/access.h"
#include "types/string_value.h"

namespace gyre::engine {
namespace {

/// How much of a key an error shows.
constexpr size_t kShownBytesMax = 64;

}  // namespace

Result<void> RdbLoader::select_database(size_t database) {
    if (database < dataset_.databases()) return {};
    return fail(
        fmt::format("has keys in database {}, and there are only {} databases; set `databases` to "
                    "{} or more",
                    database, dataset_.databases(), database + 1));
}

Result<void> RdbLoader::record(const snapshot::Record& record) {
    if (record.expire_ms < now_ms_ && due_ == Due::left_out) {
        ++expired_;
        return {};
    }
    const store::Key key = store::Key::of(record.key);
    const size_t shard = dataset_.shard_of(key.hash);
    dataset_.lock(shard, executor_);
    store::Partition& partition = dataset_.shard(shard).database(record.database, now_ms_);
    const bool is_new = partition.find(key) == nullptr;
    if (is_new) insert(partition, key, record);
    dataset_.unlock(shard);
    if (is_new) return {};
    return fail(
        fmt::format("the key {} of database {} is there twice; the file is damaged, restore "
                    "it from a copy",
                    base::quote(record.key.substr(0, kShownBytesMax)), record.database));
}

void RdbLoader::insert(store::Partition& partition, const store::Key& key,
                       const snapshot::Record& record) {
    store::Entry* entry = nullptr;
    if (record.kind.type == store::Type::string) {
        entry = partition.put_string(key, nullptr, types::encode_string(record.value),
                                     record.expire_ms, record.timestamp_ms);
    } else if (record.object == nullptr) {
        entry = partition.put_packed(key, nullptr, record.kind, record.value, record.expire_ms,
                                     record.timestamp_ms);
    } else {
        entry = partition.put_object(key, nullptr, record.kind, std::move(*record.owner),
                                     record.expire_ms, record.timestamp_ms);
        if (store::Partition::fields_due_ms(*entry) != store::kNoExpiry) dataset_.note_deadline();
    }
    set_access(*entry, record);
    if (record.expire_ms != store::kNoExpiry) dataset_.note_deadline();
    if (dataset_.counts_keys()) dataset_.note_created(executor_);
    ++loaded_;
}

/// What the policy in force keeps; the other is left out, as in Redis.
void RdbLoader::set_access(store::Entry& entry, const snapshot::Record& record) const {
    const EvictionPolicy policy = dataset_.settings.policy.load(std::memory_order_relaxed);
    if (is_s3fifo(policy)) return;
    if (is_lfu(policy)) {
        if (!record.frequency) return;
        entry.set_access_word((store::lfu_initial(now_ms_) & ~255U) | *record.frequency);
    } else if (record.idle_seconds) {
        // Longer than the clock can tell counts as the longest it can.
        const auto idle_s = std::min<int64_t>(*record.idle_seconds, store::kLruClockMax / 2);
        entry.set_access_word(store::lru_clock(now_ms_ - idle_s * 1000));
    }
}

}  // namespace gyre::engine
