// SPDX-License-Identifier: BSD-3-Clause
#include "engine/snapshot_job.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/memory.h"
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
    CHECK(partials_.empty());
    encoder = snapshot::RecordEncoder(options.strings, options.version);
}

void SnapshotJob::Collector::save(size_t database, const store::Entry& entry) {
    if (job.is_discarding_.load(std::memory_order_relaxed)) return;
    if (!snapshot::RecordEncoder::can_encode(entry.type())) {
        job.lacks_values_.store(true, std::memory_order_relaxed);
        return;
    }
    snapshot::Record record{.database = database,
                            .key = entry.key(),
                            .expire_ms = entry.expire_ms(),
                            .timestamp_ms = entry.timestamp_ms()};
    job.describe(entry, record);
    if (entry.encoding() != store::Encoding::integer) snapshot::describe_value(entry, record);
    if (record.object == nullptr || record.object->footprint() <= kLargeBytes) {
        return save_small(record, entry);
    }
    hand_over();  // its run is over: the record that begins names its database again
    encoder.start_run();
    add(std::make_unique<Partial>(*this, *entry.object(), record));
    job.partials_left_.fetch_add(1, std::memory_order_relaxed);
}

void SnapshotJob::Collector::save_small(const snapshot::Record& record, const store::Entry& entry) {
    if (!chunk_) {
        chunk_ = std::make_unique<SnapshotChunk>();
        encoder.start_run();
    }
    ++chunk_->keys;
    if (entry.has(store::Entry::external) && encoder.begin_shared(record, chunk_->bytes)) {
        chunk_->value = base::SharedBytesRef::share(entry.block());
        return hand_over();
    }
    encoder.entry(record, entry, chunk_->bytes);
    if (chunk_->bytes.size() >= kChunkBytes) hand_over();
}

void SnapshotJob::Collector::hand_over() {
    if (!chunk_) return;
    job.keys_encoded_.fetch_add(chunk_->keys, std::memory_order_relaxed);
    job.queue_.push(std::move(chunk_));
}

// --- large collections of a shard ---------------------------------------------------------------

void SnapshotJob::Collector::add(std::unique_ptr<Partial> partial) {
    partial->home = this;
    partials_.push_back(std::move(partial));
    has_partials_.store(true, std::memory_order_relaxed);
}

std::unique_ptr<SnapshotJob::Partial> SnapshotJob::Collector::remove(const Partial& partial) {
    const auto found = std::find_if(partials_.begin(), partials_.end(),
                                    [&](const auto& other) { return other.get() == &partial; });
    CHECK(found != partials_.end());
    std::unique_ptr<Partial> removed = std::move(*found);
    partials_.erase(found);
    has_partials_.store(!partials_.empty(), std::memory_order_relaxed);
    return removed;
}

void SnapshotJob::Collector::receive(types::ObjectSaver& saver) {
    auto& partial = static_cast<Partial&>(saver);
    add(partial.home->remove(partial));
}

bool SnapshotJob::Collector::continue_partial() {
    if (partials_.empty()) return false;
    Partial& first = *partials_.front();
    if (!first.step()) return true;
    first.finish();
    remove(first);
    job.partials_left_.fetch_sub(1, std::memory_order_acq_rel);
    return true;
}

// --- a large collection -------------------------------------------------------------------------

SnapshotJob::Partial::Partial(Collector& collector, types::Object& object,
                              const snapshot::Record& record)
    : home(&collector), object_(&object) {
    writer_.begin(record, collector.encoder);
    object.begin_saving(*this);
}

SnapshotJob::Partial::~Partial() {
    if (object_ != nullptr) disown(nullptr);
}

bool SnapshotJob::Partial::step() {
    if (!is_walked_) {
        is_walked_ = true;
        home->job.ahead_bytes_.fetch_sub(std::exchange(ahead_, 0), std::memory_order_relaxed);
    }
    done_ = 0;
    while (done_ < kPartBytes) {
        done_ += snapshot::kElementCost;
        if (object_->save_next(place_)) continue;
        // What has no parts may be much: no more of it than a part in one step.
        if (!is_rest_saved_ && !home->job.is_discarding_.load(std::memory_order_relaxed)) {
            is_rest_saved_ = writer_.rest(kPartBytes, home->encoder);
            return is_rest_saved_;
        }
        return true;
    }
    return false;
}

void SnapshotJob::Partial::save_part(uint64_t part) {
    if (home->job.is_discarding_.load(std::memory_order_relaxed)) return;
    const size_t bytes = writer_.part(part, home->encoder);
    done_ += bytes;
    note_kept(bytes);
}

void SnapshotJob::Partial::note_kept(size_t bytes) {
    if (is_walked_) return;
    ahead_ += bytes;
    home->job.ahead_bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void SnapshotJob::Partial::save_rest() {
    while (!is_rest_saved_) is_rest_saved_ = writer_.rest(SIZE_MAX, home->encoder);
}

void SnapshotJob::Partial::adopt(types::Object* object) {
    CHECK(object == object_);
    adopted_bytes_ = object->footprint();
    base::account(base::Purpose::keyspace, -static_cast<int64_t>(adopted_bytes_));
    base::account(base::Purpose::snapshot, static_cast<int64_t>(adopted_bytes_));
    home->job.adopted_objects_.fetch_add(1, std::memory_order_relaxed);
}

void SnapshotJob::Partial::finish() {
    SnapshotJob& job = home->job;
    disown(job.dataset_.shard(home->shard).reclaimer);
    if (job.is_discarding_.load(std::memory_order_relaxed)) return;
    auto chunk = std::make_unique<SnapshotChunk>();
    chunk->keys = 1;
    chunk->bytes = writer_.take_head();
    chunk->more = writer_.take_pieces();
    job.keys_encoded_.fetch_add(1, std::memory_order_relaxed);
    job.queue_.push(std::move(chunk));
}

/// Ends the saving; frees the object if it is its own.
void SnapshotJob::Partial::disown(store::Reclaimer* reclaimer) {
    types::Object* const object = std::exchange(object_, nullptr);
    object->end_saving();
    if (adopted_bytes_ == 0) return;
    base::account(base::Purpose::snapshot, -static_cast<int64_t>(adopted_bytes_));
    base::account(base::Purpose::keyspace, static_cast<int64_t>(adopted_bytes_));
    home->job.adopted_objects_.fetch_sub(1, std::memory_order_relaxed);
    if (reclaimer != nullptr) return reclaimer->add(object);
    delete object;
}

// --- the snapshot -------------------------------------------------------------------------------

SnapshotJob::SnapshotJob(Dataset& dataset)
    : dataset_(dataset), walkers_(std::make_unique<Walker[]>(dataset.threads())) {
    for (size_t shard = 0; shard < dataset.shards(); ++shard) {
        collectors_.push_back(std::make_unique<Collector>(*this, shard));
    }
}

// What is left of large collections counts in the job.
SnapshotJob::~SnapshotJob() { collectors_.clear(); }

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
        for (size_t step = 0; step < kChainsPerHold && has_more; ++step) {
            has_more =
                collectors_[shard]->continue_partial() || dataset_.shard(shard).continue_snapshot();
        }
        if (!has_more) collectors_[shard]->hand_over();
        dataset_.unlock(shard);
        if (!has_more) return true;
        if (clock() >= deadline_us || queue_.bytes() >= kQueuedBytesMax) return false;
    }
}

/// Encodes the large collections that are begun, in all shards; true when the slice is over.
bool SnapshotJob::walk_partials(Executor& executor, int64_t deadline_us, const Clock& clock) {
    if (partials_left_.load(std::memory_order_relaxed) == 0) return false;
    for (const auto& collector : collectors_) {
        for (bool has_more = collector->has_partials(); has_more;) {
            dataset_.lock(collector->shard, executor);
            for (size_t step = 0; step < kChainsPerHold && has_more; ++step) {
                has_more = collector->continue_partial();
            }
            dataset_.unlock(collector->shard);
            if (clock() >= deadline_us || queue_.bytes() >= kQueuedBytesMax) return true;
        }
    }
    return false;
}

/// The walk over the shards of one reactor; true when the slice is over.
bool SnapshotJob::walk_own(Walker& walker, Executor& executor, int64_t deadline_us,
                           const Clock& clock) {
    while (walker.shard < dataset_.shards() && queue_.bytes() < kQueuedBytesMax) {
        if (!walk_shard(walker.shard, executor, deadline_us, clock)) return true;
        walker.shard += dataset_.threads();
        shards_left_.fetch_sub(1, std::memory_order_acq_rel);
        if (clock() >= deadline_us) return true;
    }
    return false;
}

bool SnapshotJob::run_slice(size_t reactor, Executor& executor, const Clock& clock, bool is_busy) {
    if (!is_walking()) return false;
    if (queue_.bytes() >= kBrakeBytes || ahead_bytes() >= kAheadBytesMax) [[unlikely]]
        brake();
    Walker& walker = walkers_[reactor];
    const uint64_t snapshot = snapshots_.load(std::memory_order_relaxed);
    if (walker.snapshot != snapshot) walker = {snapshot, reactor};
    const int64_t deadline_us = clock() + (is_busy ? kBusySliceUs : kIdleSliceUs);
    bool is_over = queue_.bytes() >= kQueuedBytesMax;
    if (!is_over && ahead_bytes() > kAheadBytesMax / 2) [[unlikely]]
        is_over = walk_partials(executor, deadline_us, clock);
    if (!is_over) is_over = walk_own(walker, executor, deadline_us, clock);
    if (!is_over) is_over = walk_partials(executor, deadline_us, clock);
    release_brake();
    if (!queue_.is_empty() || !is_walking()) tell_consumer();
    if (queue_.bytes() >= kQueuedBytesMax) return false;
    return walker.shard < dataset_.shards() || is_over;
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
    brakes_.fetch_add(1, std::memory_order_relaxed);
    brake_(true);
    release_brake();  // the consumer may have come to the end meanwhile, and not seen it
}

void SnapshotJob::release_brake() {
    if (!is_braking_.load(std::memory_order_relaxed)) return;
    if (queue_.bytes() > kBrakeBytes / 2 || ahead_bytes() > kAheadBytesMax / 2) return;
    if (is_braking_.exchange(false)) brake_(false);
}

void SnapshotJob::tell_consumer() {
    if (is_told_.exchange(true, std::memory_order_acq_rel)) return;
    const std::lock_guard hold(consumer_mutex_);
    if (wake_consumer_) wake_consumer_();
}

}  // namespace gyre::engine
