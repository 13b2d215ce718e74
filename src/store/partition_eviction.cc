// SPDX-License-Identifier: BSD-3-Clause

// What eviction asks of a partition: samples of its keys, and the queues of the s3fifo policies.

#include "store/partition.h"

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "base/random.h"
#include "store/shard.h"

namespace gyre::store {
namespace {

uint32_t queue_token(uint64_t hash) { return static_cast<uint32_t>(hash); }

}  // namespace

size_t Partition::sample_expiring(base::Random& random, EntryRef* out, size_t count) {
    size_t found = 0;
    if (with_expiry_ * kSparseShare >= table_.size()) {
        for (size_t draw = 0; draw < kDrawsPerSample && found < count; ++draw) {
            const size_t drawn = table_.sample(random, out + found, count - found);
            EntryRef* end = std::remove_if(out + found, out + found + drawn,
                                           [](EntryRef entry) { return !entry->has_expiry(); });
            found = static_cast<size_t>(end - out);
        }
    }
    if (found > 0 || with_expiry_ == 0) return found;
    found = sample_wheel(random, out, count);
    if (found > 0) return found;
    Entry* entry = first_expiring();
    if (entry == nullptr) return 0;
    *out = EntryRef(entry);
    return 1;
}

size_t Partition::sample_wheel(base::Random& random, EntryRef* out, size_t count) const {
    size_t found = 0;
    for (size_t draw = 0; draw < kWheelDraws && found < count; ++draw) {
        uint64_t tokens[kTokensPerDraw];
        const size_t drawn = wheel_->sample(random.next(), tokens, kTokensPerDraw);
        for (size_t index = 0; index < drawn; ++index) {
            table_.visit_chain(tokens[index], [&](EntryRef entry) {
                if (entry->has_expiry() && found < count) out[found++] = entry;
            });
        }
    }
    return found;
}

/// The key that the wheel's first token of use stands for. What samples cannot reach, or hit once
/// in thousands of times, comes to the front: the stale tokens before it go, each once. A key that
/// gets a deadline has a token of its own whatever became of others.
Entry* Partition::first_expiring() {
    Entry* found = nullptr;
    const size_t dropped = wheel_->drop_stale(kStaleDropsMax, [&](uint64_t token) {
        table_.visit_chain(token, [&](EntryRef entry) {
            if (entry->has_expiry()) found = entry.get();
        });
        return found == nullptr;
    });
    CHECK(found != nullptr || dropped > 0);
    return found;
}

Entry* Partition::find_token(uint64_t token) const {
    Entry* found = nullptr;
    table_.visit_chain(token, [&](EntryRef entry) {
        if (token_of(*entry.get()) == token) found = entry.get();
    });
    return found;
}

// --- s3fifo -------------------------------------------------------------------------------------

size_t Partition::eviction_bytes() const {
    return fifo_ ? fifo_->small.memory_bytes() + fifo_->ghosts.memory_bytes() : 0;
}

S3Fifo& Partition::fifo() {
    if (!fifo_) fifo_ = std::make_unique<S3Fifo>();
    return *fifo_;
}

size_t Partition::fifo_candidates() const {
    return shard_.fifo_mode() == FifoMode::expiring ? with_expiry_ : table_.size();
}

/// A word may be left over from another policy or another time of this one, and a token pushed out
/// of the queue leaves its entry's word as it is: only the token itself proves membership.
bool Partition::is_in_small_queue(const Entry& entry) const {
    const uint32_t word = entry.access_word();
    return fifo_ && fifo_word::says_small(word) &&
           fifo_->small.holds(fifo_word::place(word), queue_token(index_hash(key_of(entry))));
}

Entry* Partition::find_queued(SmallQueue::Oldest queued) const {
    Entry* found = nullptr;
    table_.visit_chain_short(queued.token, [&](EntryRef entry) {
        const uint32_t word = entry->access_word();
        if (!fifo_word::says_small(word) || fifo_word::place(word) != queued.place) return;
        // A word that is left over may name the same place.
        if (queue_token(index_hash(key_of(*entry.get()))) == queued.token) found = entry.get();
    });
    return found;
}

void Partition::enter_queue(const Key& key, Entry* entry) {
    // A key that had a deadline, lost it and has one again may still be there.
    if (is_in_small_queue(*entry)) return;
    const uint64_t hash = index_hash(key);
    const uint32_t frequency = fifo_word::frequency(entry->access_word());
    // One key in four billion has the token that stands for a hole.
    if (queue_token(hash) == 0 || fifo().ghosts.take(hash)) {
        entry->set_access_word(fifo_word::in_main(frequency));
        return;
    }
    const uint32_t place = fifo_->small.push(queue_token(hash));
    entry->set_access_word(fifo_word::in_small(frequency, place));
    tidy_small_queue();
}

void Partition::tidy_small_queue() {
    SmallQueue& small = fifo_->small;
    const size_t live_max =
        std::max(S3Fifo::kSmallFreeMax, fifo_candidates() * S3Fifo::kSmallPercentMax / 100);
    if (small.live() > live_max) small.pop();
    // Keys that are deleted soon leave holes. The oldest ones in front of them go to the back, so
    // that they cannot hold more memory than the keys that are left.
    for (int step = 0; step < 4 && small.holes() > small.live() + S3Fifo::kHolesSlack; ++step) {
        const SmallQueue::Oldest oldest = small.pop();
        Entry* entry = find_queued(oldest);
        if (entry == nullptr) continue;
        const uint32_t frequency = fifo_word::frequency(entry->access_word());
        entry->set_access_word(fifo_word::in_small(frequency, small.push(oldest.token)));
    }
}

void Partition::leave_queue(const Key& key, const Entry* entry) {
    const uint32_t word = entry->access_word();
    if (!fifo_word::says_small(word)) return;
    fifo_->small.forget(fifo_word::place(word), queue_token(index_hash(key)));
}

Entry* Partition::small_queue_victim(bool expiring_only) {
    if (!fifo_) return nullptr;
    for (size_t step = 0; step < kSmallStepsMax; ++step) {
        const SmallQueue::Oldest oldest = fifo_->small.pop();
        if (oldest.token == 0) return nullptr;
        Entry* entry = find_queued(oldest);
        if (entry == nullptr) continue;
        const uint32_t frequency = fifo_word::frequency(entry->access_word());
        entry->set_access_word(fifo_word::in_main(frequency == 0 ? 0 : frequency - 1));
        if (frequency > 0 || (expiring_only && !entry->has_expiry())) continue;
        fifo_->ghosts.add(index_hash(key_of(*entry)), fifo_candidates());
        return entry;
    }
    return nullptr;
}

Entry* Partition::main_queue_victim(bool expiring_only) {
    S3Fifo& queues = fifo();
    Entry* least_used = nullptr;
    for (size_t step = 0; step < kMainStepsMax && table_.size() > 0; ++step) {
        fired_.clear();
        const uint64_t next = table_.scan(
            queues.hand, [this](EntryRef reference) { fired_.push_back(reference.get()); });
        for (; queues.hand_index < fired_.size(); ++queues.hand_index, ++step) {
            Entry* entry = fired_[queues.hand_index];
            if (expiring_only && !entry->has_expiry()) continue;
            if (is_in_small_queue(*entry)) continue;
            const uint32_t frequency = fifo_word::frequency(entry->access_word());
            // The hand stays: whatever takes the place of an erased entry was not seen yet.
            if (frequency == 0) return entry;
            entry->set_access_word(fifo_word::in_main(frequency - 1));
            if (least_used == nullptr ||
                frequency - 1 < fifo_word::frequency(least_used->access_word())) {
                least_used = entry;
            }
        }
        queues.hand = next;
        queues.hand_index = 0;
    }
    return least_used;
}

}  // namespace gyre::store
