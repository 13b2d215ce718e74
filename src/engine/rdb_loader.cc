// SPDX-License-Identifier: BSD-3-Clause
#include "engine/rdb_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
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
    database_ = database;
    if (database < dataset_.databases()) return {};
    return fail(
        fmt::format("has keys in database {}, and there are only {} databases; set `databases` to "
                    "{} or more",
                    database, dataset_.databases(), database + 1));
}

/// Keys are spread evenly; a shard that gets more than its part has its index grow as it always
/// does.
Result<void> RdbLoader::resize_database(uint64_t keys, uint64_t /*keys_with_deadline*/) {
    keys = std::min(keys, keys_max_);
    keys_max_ -= keys;
    const size_t each = keys / dataset_.shards();
    if (each == 0) return {};
    has_reserved_ = true;
    for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
        dataset_.lock(shard, executor_);
        dataset_.shard(shard).database(database_, now_ms_).reserve_index(each);
        dataset_.unlock(shard);
    }
    return {};
}

void RdbLoader::trim_indexes() {
    for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
        dataset_.lock(shard, executor_);
        for (size_t database = 0; database < dataset_.databases(); ++database) {
            store::Partition* partition = dataset_.shard(shard).find_database(database);
            if (partition != nullptr) partition->trim_index();
        }
        dataset_.unlock(shard);
    }
}

// --- batches ------------------------------------------------------------------------------------

struct RdbLoader::Item {
    snapshot::Record record;  ///< its views are set by Batch::complete()
    store::Key key;
    std::unique_ptr<types::Object> object;
    size_t key_bytes = 0;
    size_t value_bytes = 0;
};

/// Copies of records.
class RdbLoader::Batch {
public:
    Batch() { items_.reserve(kBatchRecords); }
    void add(const snapshot::Record& record) {
        Item& item = items_.emplace_back(Item{.record = record, .key = {}, .object = nullptr});
        item.key_bytes = record.key.size();
        bytes_.append(record.key);
        if (record.object != nullptr) {
            item.object = std::move(*record.owner);
        } else {
            item.value_bytes = record.value.size();
            bytes_.append(record.value);
        }
    }
    [[nodiscard]] bool is_full() const {
        return items_.size() >= kBatchRecords || bytes_.size() >= kBatchBytes;
    }
    [[nodiscard]] bool is_empty() const { return items_.empty(); }
    /// The records in order; nothing is added after it.
    std::span<Item> complete() {
        std::string_view rest = bytes_.view();
        for (Item& item : items_) {
            item.record.key = rest.substr(0, item.key_bytes);
            item.record.value = rest.substr(item.key_bytes, item.value_bytes);
            rest.remove_prefix(item.key_bytes + item.value_bytes);
            item.record.object = item.object.get();
            item.record.owner = &item.object;
            item.key = store::Key::of(item.record.key);
        }
        return items_;
    }
    void clear() {
        items_.clear();
        bytes_.clear();
    }

private:
    std::vector<Item> items_;
    snapshot::Buffer bytes_;
};

RdbLoader::~RdbLoader() { wait_for_helpers(); }

void RdbLoader::set_helpers(std::vector<LoadHelper> helpers) {
    for (LoadHelper& run : helpers) {
        helpers_.push_back(std::make_shared<Helper>());
        helpers_.back()->run = std::move(run);
    }
}

/// To a helper that is not behind, or to the reading thread, which then reads on into the same
/// batch.
void RdbLoader::hand_over() {
    for (size_t tries = 0; tries < helpers_.size(); ++tries) {
        // With the last batch the loader may be gone, and the helper's count must not.
        const std::shared_ptr<Helper> helper = helpers_[next_helper_++ % helpers_.size()];
        if (helper->batches.load(std::memory_order_relaxed) >= kBatchesMax) continue;
        helper->batches.fetch_add(1, std::memory_order_relaxed);
        return helper->run([this, batch = std::move(batch_), helper](Executor& executor) {
            put_all(*batch, executor);
            helper->batches.fetch_sub(1, std::memory_order_release);
            helper->batches.notify_one();
        });
    }
    put_all(*batch_, executor_);
    batch_->clear();
}

/// What a key touches is in memory that was not used for long: it is fetched for a group of keys at
/// a time, so that they wait for it together.
void RdbLoader::put_all(Batch& batch, Executor& executor) {
    const std::span<Item> items = batch.complete();
    std::span<Item> left = items;
    while (!left.empty()) {
        const std::span<Item> group = left.first(std::min(left.size(), kGroupRecords));
        left = left.subspan(group.size());
        for (const Item& item : group) prefetch(item, executor);
        for (const Item& item : group) {
            auto done = put(item.record, item.key, executor);
            if (done) continue;
            const std::lock_guard hold(error_mutex_);
            if (!has_failed_.load()) error_ = std::move(done.error());
            has_failed_.store(true);
            return;
        }
    }
    // Once for all: an atomic addition waits until every store before it has found its cache line.
    loaded_.fetch_add(items.size(), std::memory_order_relaxed);
}

/// Other threads may change the shard's tables: then they are not read without the lock, and who
/// has it is not waited for.
void RdbLoader::prefetch(const Item& item, Executor& executor) {
    const size_t shard = dataset_.shard_of(item.key.hash);
    const bool is_alone = dataset_.threads() == 1;
    if (!is_alone && !dataset_.try_lock(shard, executor)) return;
    const store::Partition* partition = dataset_.shard(shard).find_database(item.record.database);
    if (partition != nullptr) partition->prefetch_bucket(item.key);
    if (!is_alone) dataset_.unlock(shard);
}

void RdbLoader::wait_for_helpers() noexcept {
    for (const auto& helper : helpers_) {
        size_t left = helper->batches.load(std::memory_order_acquire);
        for (; left > 0; left = helper->batches.load(std::memory_order_acquire)) {
            helper->batches.wait(left);
        }
    }
}

Result<void> RdbLoader::late_error() {
    const std::lock_guard hold(error_mutex_);
    return tl::unexpected(error_);
}

// --- records ------------------------------------------------------------------------------------

Result<void> RdbLoader::record(const snapshot::Record& record) {
    if (record.expire_ms < now_ms_ && due_ == Due::left_out) {
        ++expired_;
        return {};
    }
    if (has_failed_.load(std::memory_order_relaxed)) return late_error();
    if (record.value.size() > kCopiedBytesMax) {
        auto done = put(record, store::Key::of(record.key), executor_);
        if (done) loaded_.fetch_add(1, std::memory_order_relaxed);
        return done;
    }
    if (!batch_) batch_ = std::make_shared<Batch>();
    batch_->add(record);
    if (batch_->is_full()) hand_over();
    return {};
}

Result<void> RdbLoader::finish() {
    if (batch_ && !batch_->is_empty()) hand_over();
    wait_for_helpers();
    if (has_reserved_) trim_indexes();
    if (has_failed_.load()) return late_error();
    return {};
}

Result<void> RdbLoader::put(const snapshot::Record& record, const store::Key& key,
                            Executor& executor) {
    const size_t shard = dataset_.shard_of(key.hash);
    dataset_.lock(shard, executor);
    store::Partition& partition = dataset_.shard(shard).database(record.database, now_ms_);
    const bool is_new = partition.find(key) == nullptr;
    if (is_new) insert(partition, key, record, executor);
    dataset_.unlock(shard);
    if (is_new) return {};
    return fail(
        fmt::format("the key {} of database {} is there twice; the file is damaged, restore "
                    "it from a copy",
                    base::quote(record.key.substr(0, kShownBytesMax)), record.database));
}

void RdbLoader::insert(store::Partition& partition, const store::Key& key,
                       const snapshot::Record& record, Executor& executor) {
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
    if (dataset_.counts_keys()) dataset_.note_created(executor);
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
