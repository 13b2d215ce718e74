// SPDX-License-Identifier: BSD-3-Clause
#include "engine/snapshot_job.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "store/access.h"

namespace gyre::engine {

// --- the queue ----------------------------------------------------------------------------------

size_t SnapshotChunk::size() const {
    size_t total = bytes.size() + (value ? value->size() : 0);
    for (const snapshot::Buffer& part : more) total += part.size();
    return total;
}

void SnapshotQueue::push(std::unique_ptr<SnapshotChunk> chunk) noexcept {
    bytes_.fetch_add(chunk->size(), std::memory_order_relaxed);
    SnapshotChunk* const pushed = chunk.release();
    pushed->next = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(pushed->next, pushed, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
}

void SnapshotQueue::free_all(SnapshotChunk* chunks) noexcept {
    while (chunks != nullptr) delete std::exchange(chunks, chunks->next);
}

// --- one shard ----------------------------------------------------------------------------------

void SnapshotJob::Collector::begin(const SnapshotOptions& options) {
    encoder_ = snapshot::RecordEncoder(options.strings, options.version);
    partials_.clear();
}

bool SnapshotJob::Collector::save(size_t database, const store::Entry& entry, Pace pace) {
    if (job_.is_discarding_.load(std::memory_order_relaxed)) {
        forget(entry);
        return true;
    }
    if (!snapshot::RecordEncoder::can_encode(entry.type())) {
        job_.lacks_values_.store(true, std::memory_order_relaxed);
        return true;
    }
    snapshot::Record record{.database = database,
                            .key = entry.key(),
                            .expire_ms = entry.expire_ms(),
                            .timestamp_ms = entry.timestamp_ms()};
    job_.describe(entry, record);
    if (entry.encoding() != store::Encoding::integer) snapshot::describe_value(entry, record);
    if (record.object != nullptr && record.object->footprint() > kLargeBytes) {
        return save_large(record, entry, pace);
    }
    save_small(record, entry);
    return true;
}

void SnapshotJob::Collector::save_small(const snapshot::Record& record, const store::Entry& entry) {
    if (!chunk_) {
        chunk_ = std::make_unique<SnapshotChunk>();
        encoder_.start_run();
    }
    ++chunk_->keys;
    if (entry.has(store::Entry::external) && encoder_.begin_shared(record, chunk_->bytes)) {
        chunk_->value = base::SharedBytesRef::share(entry.block());
        return hand_over();
    }
    encoder_.entry(record, entry, chunk_->bytes);
    if (chunk_->bytes.size() >= kChunkBytes) hand_over();
}

/// In a chunk of its own.
bool SnapshotJob::Collector::save_large(const snapshot::Record& record, const store::Entry& entry,
                                        Pace pace) {
    Partial& partial = partial_of(entry);
    bool is_over = false;
    do {
        add_part(partial, record, is_over);
    } while (!is_over && pace == Pace::at_once);
    if (!is_over) return false;
    job_.keys_encoded_.fetch_add(1, std::memory_order_relaxed);
    job_.queue_.push(std::move(partial.chunk));
    forget(entry);
    return true;
}

void SnapshotJob::Collector::add_part(Partial& partial, const snapshot::Record& record,
                                      bool& is_over) {
    if (!partial.chunk) {
        hand_over();  // its run is over: this one names its database again
        partial.chunk = std::make_unique<SnapshotChunk>();
        partial.chunk->keys = 1;
        encoder_.start_run();
    }
    SnapshotChunk& chunk = *partial.chunk;
    snapshot::Buffer* out = chunk.more.empty() ? &chunk.bytes : &chunk.more.back();
    if (out->size() >= kChunkBytes) out = &chunk.more.emplace_back();
    is_over = encoder_.record_part(record, partial.progress, kPartBytes, *out);
}

SnapshotJob::Collector::Partial& SnapshotJob::Collector::partial_of(const store::Entry& entry) {
    for (Partial& partial : partials_) {
        if (partial.entry == &entry) return partial;
    }
    return partials_.emplace_back(Partial{.entry = &entry, .chunk = nullptr, .progress = {}});
}

void SnapshotJob::Collector::forget(const store::Entry& entry) {
    std::erase_if(partials_, [&](const Partial& partial) { return partial.entry == &entry; });
}

void SnapshotJob::Collector::hand_over() {
    if (!chunk_) return;
    job_.keys_encoded_.fetch_add(chunk_->keys, std::memory_order_relaxed);
    job_.queue_.push(std::move(chunk_));
}

// --- the snapshot -------------------------------------------------------------------------------

SnapshotJob::SnapshotJob(Dataset& dataset)
    : dataset_(dataset), walkers_(std::make_unique<Walker[]>(dataset.threads())) {
    for (size_t shard = 0; shard < dataset.shards(); ++shard) {
        collectors_.push_back(std::make_unique<Collector>(*this));
    }
}

SnapshotJob::~SnapshotJob() = default;

void SnapshotJob::begin(const SnapshotOptions& options, Executor& executor,
                        const std::function<uint64_t()>& position) {
    CHECK(!is_walking());
    CHECK(queue_.is_empty());
    keys_total_.store(dataset_.keys_total(executor), std::memory_order_relaxed);
    keys_encoded_.store(0, std::memory_order_relaxed);
    is_discarding_.store(false, std::memory_order_relaxed);
    lacks_values_.store(false, std::memory_order_relaxed);
    is_told_.store(false, std::memory_order_relaxed);
    for (const auto& collector : collectors_) collector->begin(options);
    ShardSet all;
    all.add_all(dataset_.shards());
    const ShardGuard guard(dataset_, all, executor);
    options_ = options;
    policy_ = dataset_.settings.policy.load(std::memory_order_relaxed);
    lfu_ = {dataset_.settings.lfu_log_factor.load(std::memory_order_relaxed),
            dataset_.settings.lfu_decay_minutes.load(std::memory_order_relaxed)};
    position_ = position ? position() : 0;
    changes_ = 0;
    for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
        changes_ += dataset_.shard(shard).statistics.changes;
        dataset_.shard(shard).begin_snapshot(*collectors_[shard]);
    }
    snapshots_.fetch_add(1, std::memory_order_relaxed);
    shards_left_.store(dataset_.shards(), std::memory_order_release);
}

/// What Redis writes beside a key: how long it was not used, or how often it was, where the policy
/// in force counts that.
void SnapshotJob::describe(const store::Entry& entry, snapshot::Record& record) const {
    const uint32_t word = entry.access_word();
    if (policy_ == EvictionPolicy::allkeys_lfu || policy_ == EvictionPolicy::volatile_lfu) {
        record.frequency = store::lfu_counter(word, options_.now_ms, lfu_);
    } else if (policy_ == EvictionPolicy::allkeys_lru || policy_ == EvictionPolicy::volatile_lru) {
        record.idle_seconds =
            static_cast<uint32_t>(store::lru_idle_ms(word, options_.now_ms) / 1000);
    }
}

/// True when the shard is done.
bool SnapshotJob::walk_shard(size_t shard, Executor& executor, int64_t deadline_us,
                             const Clock& clock) {
    for (;;) {
        bool has_more = true;
        dataset_.lock(shard, executor);
        for (size_t chain = 0; chain < kChainsPerHold && has_more; ++chain) {
            has_more = dataset_.shard(shard).continue_snapshot();
        }
        if (!has_more) collectors_[shard]->hand_over();
        dataset_.unlock(shard);
        if (!has_more) return true;
        if (clock() >= deadline_us || queue_.bytes() >= kQueuedBytesMax) return false;
    }
}

bool SnapshotJob::run_slice(size_t reactor, Executor& executor, const Clock& clock, bool is_busy) {
    if (!is_walking()) return false;
    if (queue_.bytes() >= kBrakeBytes) [[unlikely]]
        brake();
    Walker& walker = walkers_[reactor];
    const uint64_t snapshot = snapshots_.load(std::memory_order_relaxed);
    if (walker.snapshot != snapshot) walker = {snapshot, reactor};
    const int64_t deadline_us = clock() + (is_busy ? kBusySliceUs : kIdleSliceUs);
    bool is_cut_short = false;
    while (walker.shard < dataset_.shards() && !is_cut_short && queue_.bytes() < kQueuedBytesMax) {
        is_cut_short = !walk_shard(walker.shard, executor, deadline_us, clock);
        if (is_cut_short) break;
        walker.shard += dataset_.threads();
        shards_left_.fetch_sub(1, std::memory_order_acq_rel);
        is_cut_short = clock() >= deadline_us;
    }
    if (!queue_.is_empty() || !is_walking()) tell_consumer();
    return walker.shard < dataset_.shards() && queue_.bytes() < kQueuedBytesMax;
}

// --- the consumer -------------------------------------------------------------------------------

void SnapshotJob::set_consumer(std::function<void()> wake) {
    const std::lock_guard hold(consumer_mutex_);
    wake_consumer_ = std::move(wake);
}

bool SnapshotJob::consumed(size_t bytes) {
    const bool may_go_on = queue_.consumed(bytes, kQueuedBytesMax);
    release_brake();
    return may_go_on;
}

void SnapshotJob::brake() {
    if (!brake_ || is_braking_.exchange(true)) return;
    brake_(true);
    release_brake();  // the consumer may have come to the end meanwhile, and not seen it
}

void SnapshotJob::release_brake() {
    if (queue_.bytes() > kBrakeBytes / 2 || !is_braking_.load()) return;
    if (is_braking_.exchange(false)) brake_(false);
}

void SnapshotJob::tell_consumer() {
    if (is_told_.exchange(true, std::memory_order_acq_rel)) return;
    const std::lock_guard hold(consumer_mutex_);
    if (wake_consumer_) wake_consumer_();
}

}  // namespace gyre::engine
