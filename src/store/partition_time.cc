// SPDX-License-Identifier: BSD-3-Clause

// The timer wheel of a partition: tokens for its deadlines, the removal of what is due, the rebuild
// of a wheel with too many stale tokens, and the freeing of wheels in slices.

#include "store/partition.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/prefetch.h"
#include "containers/slab.h"
#include "containers/timer_wheel.h"
#include "store/shard.h"
#include "types/hash.h"

namespace gyre::store {
namespace {

/// A chunk holds 61 tokens and a write adds one or two: what is put aside is gone long before the
/// next wheel is.
constexpr size_t kRetiredChunksPerWrite = 2;

/// What is read of an entry to remove it, when its key has 16 bytes: header, deadline, key.
constexpr size_t kFireReadBytes = 32;

}  // namespace

size_t Partition::wheel_bytes() const {
    size_t bytes = 0;
    for (const containers::TimerWheel* wheel : {wheel_.get(), next_wheel_.get()}) {
        if (wheel != nullptr) bytes += wheel->memory_bytes();
    }
    for (const auto& wheel : retired_) bytes += wheel->memory_bytes();
    return bytes;
}

void Partition::add_token(uint64_t token, int64_t deadline_ms) {
    if (!wheel_) {
        wheel_ = std::make_unique<containers::TimerWheel>(now_ms_, shard_.wheel_phase_ms);
        shard_.add_timed(*this);
    }
    wheel_->add(token, deadline_ms);
    shard_.next_due_hint_ms =
        std::min({shard_.next_due_hint_ms, deadline_ms + 1, Shard::kHintLatestMs});
    shard_.lower_due_from(deadline_ms + 1);
    // A key changed while the wheel is rebuilt may lie before or behind the rebuild's cursor.
    if (next_wheel_) next_wheel_->add(token, deadline_ms);
}

int64_t Partition::fields_due_ms(const Entry& entry) {
    if (entry.type() != Type::hash || !entry.has(Entry::owns_object)) [[likely]]
        return kNoExpiry;
    return static_cast<const types::Hash*>(entry.object())->nearest_deadline_ms();
}

/// When there is something to do for an entry.
int64_t Partition::due_ms(const Entry& entry) {
    return std::min(entry.expire_ms(), fields_due_ms(entry));
}

/// Whether it is counted among the hashes with deadlines of fields follows what it has.
void Partition::count_fields(Entry& entry) {
    const bool has_deadlines = fields_due_ms(entry) != kNoExpiry;
    if (entry.has(Entry::times_fields) == has_deadlines) [[likely]]
        return;
    entry.set(Entry::times_fields, has_deadlines);
    has_deadlines ? ++with_timed_fields_ : --with_timed_fields_;
}

void Partition::track_fields(const Key& key, Entry* entry, int64_t previous_ms) {
    track_expiry(key, entry, std::min(previous_ms, entry->expire_ms()));
}

/// Removes some fields that are due; true when the hash has none left.
bool Partition::expire_fields(Entry* entry, int64_t now_ms, const OnFieldDue& on_field_due) {
    will_change(*entry);
    auto* hash = static_cast<types::Hash*>(entry->object());
    const size_t before = hash->contents_bytes();
    hash->remove_due(now_ms, kFieldsPerFire, [&](std::string_view name) {
        if (on_field_due) on_field_due(*entry, name);
    });
    object_changed(*entry, before);
    return hash->size() == 0;
}

/// Sees to it that a token fires no later than the entry's deadline, if it has one. A later
/// deadline needs nothing: the token there is fires early and arms itself again.
void Partition::track_expiry(const Key& key, Entry* entry, int64_t previous_ms) {
    const int64_t wanted_ms = due_ms(*entry);
    const bool covered =
        entry->has(Entry::wheel_armed) && previous_ms != kNoExpiry && wanted_ms >= previous_ms;
    if (shard_.fifo_mode() == FifoMode::expiring && entry->has_expiry() && previous_ms == kNoExpiry)
        [[unlikely]] {
        enter_queue(key, entry);
    }
    if (wanted_ms != kNoExpiry && !covered) {
        entry->set(Entry::wheel_armed, true);
        add_token(containers::token_of(index_hash(key)), wanted_ms);
    }
    tend_wheel();
}

/// After every change of what has a deadline: begins a rebuild when too many tokens are stale, and
/// moves one on by a step, so that writes alone, without expire_due(), cannot grow the wheel
/// without bound.
void Partition::tend_wheel() {
    if (!wheel_) return;
    if (!retired_.empty()) [[unlikely]]
        drop_retired(kRetiredChunksPerWrite);
    if (next_wheel_) {
        continue_rebuild(1);
    } else if (needs_rebuild()) [[unlikely]] {
        begin_rebuild();
    }
}

/// What is due was written long ago: its bucket, the entry and the head of the entry's page are
/// three cache misses for each key, which overlap when they are asked for together.
void Partition::prefetch_buckets(std::span<const uint64_t> tokens) const {
    for (const uint64_t token : tokens) table_.prefetch_bucket(token);
}

void Partition::prefetch_entries(std::span<const uint64_t> tokens) const {
    for (const uint64_t token : tokens) {
        table_.visit_chain(token, [](EntryRef entry) {
            const char* address = reinterpret_cast<const char*>(entry.get());
            base::prefetch(address);
            base::prefetch(address + kFireReadBytes - 1);
            containers::Slab::prefetch_page(address);
        });
    }
}

void Partition::hint_due(int64_t now_ms, DueHint hint) const {
    if (!wheel_) return;
    if (hint == DueHint::slots) return wheel_->prefetch_slot();
    if (hint == DueHint::chunks) return wheel_->prefetch_chunks();
    uint64_t tokens[kFireBatch];
    const size_t count = wheel_->peek_due(now_ms, tokens, kFireBatch);
    hint == DueHint::buckets ? prefetch_buckets({tokens, count})
                             : prefetch_entries({tokens, count});
}

void Partition::fire(uint64_t token, int64_t now_ms,
                     const std::function<void(const Entry&)>& on_expired,
                     const OnFieldDue& on_field_due) {
    fired_.clear();
    table_.visit_chain(token, [this](EntryRef reference) { fired_.push_back(reference.get()); });
    for (Entry* entry : fired_) {
        const Key key = key_of(*entry);
        // Another key's tag may be the same by chance; it has a token of its own.
        if (containers::token_of(index_hash(key)) != token) continue;
        const bool is_over =
            entry->is_expired(now_ms) ||
            (fields_due_ms(*entry) < now_ms && expire_fields(entry, now_ms, on_field_due));
        if (is_over) {
            on_expired(*entry);
            remove(key, entry);
        } else if (const int64_t next_ms = due_ms(*entry); next_ms != kNoExpiry) {
            add_token(token, next_ms);
        } else {
            entry->set(Entry::wheel_armed, false);
        }
    }
}

size_t Partition::expire_due(int64_t now_ms, size_t budget,
                             const std::function<void(const Entry&)>& on_expired,
                             const OnFieldDue& on_field_due) {
    if (now_ms < now_ms_ - kClockStepMs) [[unlikely]] {
        // The clock was set back. A wheel stands still until its own time comes again: make a new
        // one.
        now_ms_ = now_ms;
        if (wheel_) begin_rebuild();
    }
    now_ms_ = std::max(now_ms_, now_ms);
    if (!wheel_) return drop_retired(budget);
    // Judged by the clock and not by the wheel, which may be ahead of it: never early.
    uint64_t due[kFireBatch];
    size_t count = 0;
    const auto fire_all = [&] {
        prefetch_due({due, count});
        for (const uint64_t token : std::span(due, count)) {
            fire(token, now_ms, on_expired, on_field_due);
        }
        count = 0;
    };
    const auto on_fire = [&](uint64_t token) {
        due[count++] = token;
        if (count == kFireBatch) fire_all();
    };
    size_t work = wheel_->advance(now_ms_, budget, on_fire);
    if (next_wheel_ && work < budget) {
        work += next_wheel_->advance(now_ms_, budget - work, on_fire);
    }
    fire_all();
    if (next_wheel_) {
        work += continue_rebuild(std::max<size_t>(budget - work, 1));
    } else if (needs_rebuild()) {
        begin_rebuild();
    }
    if (work < budget) work += drop_retired(budget - work);
    return work;
}

void Partition::expire_in_tick(int64_t now_ms, const std::function<void(const Entry&)>& on_expired,
                               const OnFieldDue& on_field_due) {
    // A rebuild is work left to do.
    if (!wheel_ || next_wheel_) return shard_.lower_due_from(due_from_ms());
    uint64_t tokens[kTickTokensMax];
    const size_t count = wheel_->take_current(tokens, kTickTokensMax);
    // Of what stays in; each token that goes back says its own.
    shard_.lower_due_from(due_from_ms());
    // All are out before the first goes back, on top of those that were not reached.
    for (size_t first = 0; first < count; first += kFireBatch) {
        const std::span batch(tokens + first, std::min(kFireBatch, count - first));
        prefetch_due(batch);
        for (const uint64_t token : batch) fire(token, now_ms, on_expired, on_field_due);
    }
}

int64_t Partition::next_due_ms() const {
    // A rebuild goes on each turn, and so does the freeing of what it replaced.
    if (next_wheel_ || !retired_.empty()) return 0;
    return wheel_ ? wheel_->next_due_ms() : INT64_MAX;
}

int64_t Partition::due_from_ms() const {
    const int64_t first_ms = wheel_ ? wheel_->first_deadline_ms() : INT64_MAX;
    return first_ms == INT64_MAX ? first_ms : first_ms + 1;
}

int64_t Partition::backlog(int64_t now_ms, size_t& lookups) const {
    if (due_from_ms() > now_ms) return 0;
    std::vector<uint64_t> tokens;
    int64_t not_looked_up = 0;
    wheel_->visit_due(now_ms, [&](uint64_t token) {
        tokens.size() < lookups ? tokens.push_back(token) : void(++not_looked_up);
    });
    lookups -= tokens.size();
    // A look at one token finds what has others too: all are counted in one way.
    if (not_looked_up > 0) return static_cast<int64_t>(tokens.size()) + not_looked_up;
    std::vector<const Entry*> due;
    for (size_t first = 0; first < tokens.size(); first += kFireBatch) {
        const auto batch = std::span<const uint64_t>(tokens).subspan(
            first, std::min(kFireBatch, tokens.size() - first));
        prefetch_due(batch);
        for (const uint64_t token : batch) {
            table_.visit_chain(token, [&](EntryRef entry) {
                if (entry->is_expired(now_ms)) due.push_back(entry.get());
            });
        }
    }
    // A key whose deadline was moved has several tokens.
    std::sort(due.begin(), due.end());
    return std::unique(due.begin(), due.end()) - due.begin();
}

bool Partition::needs_rebuild() const {
    const size_t slack = std::max(kTokensSlack, table_.size() / kKeysPerStaleToken);
    return !next_wheel_ &&
           wheel_->size() > kTokensPerKeyMax * (with_expiry_ + with_timed_fields_) + slack;
}

void Partition::begin_rebuild() {
    retire(next_wheel_);
    next_wheel_ = std::make_unique<containers::TimerWheel>(now_ms_, shard_.wheel_phase_ms);
    cursor_ = 0;
    shard_.next_due_hint_ms = 0;  // there is work at once
}

/// Carries up to `budget` chains over to the new wheel; returns how many.
size_t Partition::continue_rebuild(size_t budget) {
    for (size_t step = 1; step <= budget; ++step) {
        cursor_ = table_.scan(cursor_, [this](EntryRef reference) {
            Entry* entry = reference.get();
            const int64_t wanted_ms = due_ms(*entry);
            entry->set(Entry::wheel_armed, wanted_ms != kNoExpiry);
            if (wanted_ms == kNoExpiry) return;
            next_wheel_->add(containers::token_of(index_hash(key_of(*entry))), wanted_ms);
        });
        if (cursor_ != 0) continue;
        retire(wheel_);
        wheel_ = std::move(next_wheel_);
        return step;
    }
    return budget;
}

/// Puts a wheel aside, to be freed in slices: one of a million tokens is 16,000 chunks.
void Partition::retire(std::unique_ptr<containers::TimerWheel>& wheel) {
    if (!wheel) return;
    retired_.push_back(std::move(wheel));
    shard_.next_due_hint_ms = 0;  // there is work at once
}

/// Frees up to `budget` chunks of wheels that were put aside; returns the work done.
size_t Partition::drop_retired(size_t budget) {
    size_t work = 0;
    while (!retired_.empty() && work < budget) {
        work += retired_.back()->clear_some(budget - work) + 1;
        if (retired_.back()->memory_bytes() == 0) retired_.pop_back();
    }
    return work;
}

}  // namespace gyre::store
