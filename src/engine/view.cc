// SPDX-License-Identifier: BSD-3-Clause
#include "engine/view.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "types/string_value.h"

namespace gyre::engine {

using store::Entry;
using store::Key;
using store::Partition;

namespace {

/// An index node of the mark, and the allocator's share of both.
constexpr size_t kMarkOverhead = 64;

size_t bytes_of(const store::Shard& shard, std::span<const size_t> databases) {
    size_t bytes = 0;
    for (const size_t database : databases) {
        const Partition* partition = shard.find_database(database);
        if (partition == nullptr) continue;
        bytes += static_cast<size_t>(partition->entry_bytes()) + partition->index_bytes() +
                 partition->wheel_bytes();
    }
    return bytes;
}

}  // namespace

View::View(Dataset& dataset, int64_t begin_ms) : dataset_(dataset), begin_ms_(begin_ms), own_(1) {
    own_.add(std::make_unique<LockedShard>(dataset.databases(), dataset.take_view_seed()));
    own().set_private();
    executor_.view = this;
    dataset_.note_view(1);
}

View::~View() {
    CHECK(marks_.empty());
    // Whoever froze large values for it may be gone.
    own().reclaimer = nullptr;
    dataset_.note_view(-1);
}

// --- a statement --------------------------------------------------------------------------------

bool View::begin(const Statement& statement, std::span<const Key> keys, Executor& home,
                 int64_t now_ms) {
    statement_ = statement;
    home_ = &home;
    now_ms_ = std::max(now_ms, begin_ms_);
    own().reclaimer = &home.reclaimer;
    own().initial_access_word = home.initial_access_word;
    executor_.effects.follow(home.effects);
    for (const Key& key : keys) {
        const Mark* mark = find_mark(statement.database, key);
        if (mark != nullptr && mark->is_touched) has_conflict_ = true;
    }
    if (has_conflict_) return false;
    if (is_in_batch_) {
        for (const Key& key : statement.writes_all ? keys : statement.written) {
            // MOVE and COPY write to other databases by the same names.
            for (const size_t database : databases_) {
                Mark* mark = find_mark(database, key);
                if (mark != nullptr && mark->is_own) keep(*mark);
            }
        }
    }
    return true;
}

void View::end(store::Shard& shard) {
    store::ShardStatistics& counted = own().statistics;
    shard.statistics.keyspace_hits += counted.keyspace_hits;
    shard.statistics.keyspace_misses += counted.keyspace_misses;
    counted = {};
    // Not replaced after all (COPY without REPLACE, MSETNX): what is there is seen as before.
    for (Mark* mark : stand_ins_) {
        if (mark->is_changed) continue;
        Partition& partition = own().database(mark->database, begin_ms_);
        partition.erase(mark->key(), partition.find(mark->key()));
        mark->is_own = false;
    }
    stand_ins_.clear();
}

View::Mark* View::find_mark(size_t database, const Key& key) {
    store::Shard& shard = dataset_.shard(dataset_.shard_of(key.hash));
    return static_cast<Mark*>(shard.find_watch(watcher_, database, key));
}

View::Mark& View::add_mark(size_t database, const Key& key) {
    Mark& mark = marks_.emplace_back(watcher_, database, key);
    name_bytes_ += key.bytes.size();
    dataset_.shard(dataset_.shard_of(key.hash)).attach_watch(mark);
    return mark;
}

bool View::may_write(const Key& key) const {
    return statement_.writes_all || std::ranges::any_of(statement_.written, [&](const Key& one) {
               return one.hash == key.hash;
           });
}

/// As all see it now. What is due goes first: fields of a hash too, all of them, because nobody may
/// remove any once the transaction has seen it.
Entry* View::find_shared(size_t database, const Key& key, Executor& home) {
    Keyspace keyspace(dataset_, home, database, now_ms_, true);
    Entry* entry = keyspace.peek(key);
    if (entry == nullptr || Partition::fields_due_ms(*entry) > now_ms_) [[likely]]
        return entry;
    return keyspace.remove_due_fields(key, entry, SIZE_MAX);
}

Entry* View::find(size_t database, const Key& key) {
    Mark* mark = find_mark(database, key);
    if (mark != nullptr && mark->is_own) {
        if (mark->is_touched) has_conflict_ = true;
        return nullptr;
    }
    if (has_flushed(database)) {
        return adopt(mark != nullptr ? *mark : add_mark(database, key), key, nullptr);
    }
    Entry* entry = find_shared(database, key, *home_);
    if (mark == nullptr) mark = &add_mark(database, key);
    if (mark->is_touched) {
        has_conflict_ = true;
        return nullptr;
    }
    return may_write(key) ? adopt(*mark, key, entry) : entry;
}

/// From here on the own shard has the key, if there is one.
Entry* View::adopt(Mark& mark, const Key& key, Entry* entry) {
    keep(mark);
    mark.is_own = true;
    if (std::ranges::find(databases_, mark.database) == databases_.end()) {
        databases_.push_back(mark.database);
    }
    if (entry == nullptr) return nullptr;
    Partition& partition = own().database(mark.database, begin_ms_);
    if (!statement_.overwrites || !entry->has(Entry::owns_object)) {
        return partition.insert_copy(key, *entry);
    }
    // Of what is replaced whole nobody asks for more than that it is there.
    stand_ins_.push_back(&mark);
    return partition.put_string(key, nullptr, types::plain_string({}, true), entry->expire_ms(),
                                entry->timestamp_ms());
}

bool View::owns(size_t database, const Key& key) {
    const Mark* mark = find_mark(database, key);
    return mark != nullptr && mark->is_own;
}

void View::flush(std::optional<size_t> database) {
    for (Mark& mark : marks_) {
        if (mark.database != database.value_or(mark.database)) continue;
        keep(mark);
        Partition* partition = mark.is_own ? own().find_database(mark.database) : nullptr;
        Entry* entry = partition == nullptr ? nullptr : partition->find(mark.key());
        if (entry != nullptr) partition->erase(mark.key(), entry);
        mark.is_own = true;
        mark.is_changed = false;
    }
    if (!database) {
        flushed_ = {.all = true, .databases = {}};
    } else if (!has_flushed(*database)) {
        flushed_.databases.push_back(*database);
    }
    if (executor_.effects.is_on()) {
        const size_t number = database.value_or(0);
        database ? executor_.effects.tell_all(number, log::FlushDatabaseEffect{})
                 : executor_.effects.tell_all(number, log::FlushAllEffect{});
    }
    Notice& notice = notices_.emplace_back();
    notice.is_flush = true;
    notice.name = database ? "flushdb" : "flushall";
    notice.database = database;
    notice_bytes_ += sizeof(Notice);
}

void View::note_changed(size_t database, const Key& key) {
    // Of a key that is in conflict a command is told that there is none; what it does counts for
    // nothing.
    if (has_conflict_) return;
    Mark* mark = find_mark(database, key);
    // A command's words say which keys it writes, and it looks at each before.
    CHECK(mark != nullptr && mark->is_own);
    mark->is_changed = true;
}

// --- what is told with the commit ---------------------------------------------------------------

void View::record_event(uint32_t classes, std::string_view name, size_t database, const Key& key) {
    Notice& notice = notices_.emplace_back();
    notice.classes = classes;
    notice.name = name;
    notice.database = database;
    notice.channel = key.bytes;
    if (dataset_.notifies(event::updates)) {
        notice.state = Dataset::state_of(own().find_database(database), key);
    }
    notice_bytes_ += sizeof(Notice) + key.bytes.size();
}

void View::record_message(TopicKind kind, std::string_view channel, std::string_view payload,
                          base::SharedBytes* block) {
    Notice& notice = notices_.emplace_back();
    notice.kind = kind;
    notice.channel = channel;
    if (block != nullptr) {
        notice.block = base::SharedBytesRef::share(block);
    } else {
        notice.payload = payload;
    }
    notice_bytes_ += sizeof(Notice) + channel.size() + payload.size();
}

void View::publish(const Notice& notice, Executor& home, int64_t now_ms) {
    if (notice.kind) {
        base::SharedBytes* block = notice.block.get();
        dataset_.pubsub().publish(
            *notice.kind, notice.channel,
            block != nullptr ? block->view() : std::string_view(notice.payload), home.origin,
            block);
    } else if (notice.is_flush) {
        dataset_.publish_update(notice.name, notice.database, now_ms, home);
    } else {
        dataset_.publish_event({notice.classes, notice.name, notice.channel, *notice.database,
                                now_ms, false, &notice.state},
                               home);
    }
}

void View::publish(Executor& home, int64_t now_ms) {
    for (const Notice& notice : notices_) publish(notice, home, now_ms);
    notices_.clear();
}

// --- going through a database -------------------------------------------------------------------

View::Scanned View::scanned_now(size_t database, size_t shard, store::Regions regions) {
    store::Shard& data = dataset_.shard(shard);
    store::ChangeCounters& counters = data.counters();
    Scanned part{.database = database,
                 .shard = shard,
                 .regions = regions,
                 .changes = counters.changes(database, regions),
                 .due = counters.due(database)};
    const Partition* partition = data.find_database(database);
    if (partition != nullptr) part.due += static_cast<uint64_t>(partition->backlog(now_ms_));
    return part;
}

bool View::is_as_it_was(const Scanned& part) {
    return scanned_now(part.database, part.shard, part.regions) == part;
}

/// With the parts that it meets it becomes one.
void View::note_regions(size_t database, size_t shard, store::Regions regions) {
    if (!counting_.has(shard)) {
        counting_.add(shard);
        dataset_.shard(shard).begin_counting();
    }
    const auto first = std::ranges::partition_point(scanned_, [&](const Scanned& part) {
        return std::tuple(part.database, part.shard, part.regions.last + 1) <
               std::tuple(database, shard, regions.first);
    });
    auto last = first;
    for (; last != scanned_.end() && last->is_in(database, shard) &&
           last->regions.first <= regions.last + 1;
         ++last) {
        if (!is_as_it_was(*last)) has_conflict_ = true;
        regions.first = std::min(regions.first, last->regions.first);
        regions.last = std::max(regions.last, last->regions.last);
    }
    const Scanned part = scanned_now(database, shard, regions);
    if (first == last) {
        scanned_.insert(first, part);
    } else {
        *first = part;
        scanned_.erase(first + 1, last);
    }
}

void View::note_scan(size_t database) {
    if (has_flushed(database)) return;
    for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
        note_regions(database, shard, store::ChangeCounters::kAll);
    }
}

void View::note_chain(size_t database, uint64_t cursor, uint64_t next) {
    if (has_flushed(database)) return;
    const Dataset::ScanPlace from = dataset_.scan_place(cursor);
    const Dataset::ScanPlace to = dataset_.scan_place(next);
    const Partition* partition = dataset_.shard(from.shard).find_database(database);
    store::Regions regions = store::ChangeCounters::kAll;
    // A table that has changed its hash function is visited in another order than that of the
    // hashes by which changes are counted.
    if (partition != nullptr && !partition->is_defended() && !from.is_defended) {
        regions.first = store::ChangeCounters::region_of(partition->scan_begin(from.inner));
        if (to.inner != 0) {
            regions.last = store::ChangeCounters::region_of(containers::scan_place(to.inner) - 1);
        }
    }
    note_regions(database, from.shard, regions);
}

bool View::sees(size_t database, const Entry& entry) {
    return !has_flushed(database) && !owns(database, Key::of(entry.key()));
}

void View::for_each_own(size_t database, const std::function<void(const Entry&)>& visit) {
    const Partition* partition = own().find_database(database);
    if (partition != nullptr) partition->for_each(visit);
}

int64_t View::surplus(size_t database) {
    int64_t keys = 0;
    for_each_own(database, [&keys](const Entry&) { ++keys; });
    if (has_flushed(database)) return keys - dataset_.resident(database);
    for (const Mark& mark : marks_) {
        if (!mark.is_own || mark.database != database) continue;
        const Partition* partition =
            dataset_.shard(dataset_.shard_of(mark.hash)).find_database(database);
        if (partition != nullptr && partition->find(mark.key()) != nullptr) --keys;
    }
    return keys;
}

// --- batches ------------------------------------------------------------------------------------

void View::begin_batch() {
    is_in_batch_ = true;
    ++batches_;
    checkpoint_ = executor_.effects.checkpoint();
    kept_notices_ = notices_.size();
    kept_notice_bytes_ = notice_bytes_;
    kept_flushed_ = flushed_;
}

void View::end_batch() {
    is_in_batch_ = false;
    kept_.clear();
    kept_shard_.reset();
}

/// Before the batch writes the key for the first time.
void View::keep(Mark& mark) {
    if (!is_in_batch_ || mark.batch == batches_) return;
    mark.batch = batches_;
    const Partition* partition = own().find_database(mark.database);
    const Entry* entry = partition == nullptr ? nullptr : partition->find(mark.key());
    kept_.push_back({&mark, mark.is_own, mark.is_changed, entry != nullptr});
    if (entry == nullptr) return;
    if (!kept_shard_) {
        kept_shard_ = std::make_unique<store::Shard>(dataset_.databases(), uint64_t{1});
    }
    kept_shard_->database(mark.database, begin_ms_).insert_copy(mark.key(), *entry);
}

void View::undo_batch() {
    for (const Kept& kept : kept_) {
        const Key key = kept.mark->key();
        const size_t database = kept.mark->database;
        Partition& partition = own().database(database, begin_ms_);
        if (Entry* entry = partition.find(key); entry != nullptr) partition.erase(key, entry);
        if (kept.was_there) {
            Partition& from = kept_shard_->database(database, begin_ms_);
            partition.insert_moved(key, from, key, from.find(key));
        }
        kept.mark->is_own = kept.was_own;
        kept.mark->is_changed = kept.was_changed;
    }
    executor_.effects.rewind(checkpoint_);
    flushed_ = kept_flushed_;
    notices_.resize(kept_notices_);
    notice_bytes_ = kept_notice_bytes_;
    end_batch();
}

// --- the end ------------------------------------------------------------------------------------

size_t View::bytes() const {
    size_t bytes = marks_.size() * (sizeof(Mark) + kMarkOverhead) + name_bytes_ + notice_bytes_ +
                   executor_.effects.told_bytes() + bytes_of(own(), databases_) +
                   scanned_.size() * sizeof(Scanned) + kept_.size() * sizeof(Kept);
    if (kept_shard_) bytes += bytes_of(*kept_shard_, databases_);
    return bytes;
}

void View::add_shards(ShardSet& set) const {
    if (!flushed_.empty()) return set.add_all(dataset_.shards());
    for (const Scanned& part : scanned_) set.add(part.shard);
    for (const Mark& mark : marks_) set.add(dataset_.shard_of(mark.hash));
}

std::vector<Key> View::changed_keys() const {
    std::vector<Key> keys;
    for (const Mark& mark : marks_) {
        if (mark.is_changed) keys.push_back(mark.key());
    }
    return keys;
}

bool View::is_valid(Executor& home, int64_t now_ms) {
    if (has_conflict_) return false;
    now_ms_ = std::max(now_ms, begin_ms_);
    // What is due by now goes, and touches the mark.
    for (const Mark& mark : marks_) find_shared(mark.database, mark.key(), home);
#ifndef GYRE_MUTATION_SKIP_VALIDATION
    if (watcher_.is_touched.load(std::memory_order_relaxed)) return false;
#endif
    return std::ranges::all_of(scanned_,
                               [this](const Scanned& part) { return is_as_it_was(part); });
}

void View::for_each_replaced(const std::function<void(const Entry&)>& visit) const {
    for (const Mark& mark : marks_) {
        if (!mark.is_changed || has_flushed(mark.database)) continue;
        const Partition* partition =
            dataset_.shard(dataset_.shard_of(mark.hash)).find_database(mark.database);
        const Entry* entry = partition == nullptr ? nullptr : partition->find(mark.key());
        if (entry != nullptr) visit(*entry);
    }
}

int64_t View::growth(int64_t now_ms) {
    int64_t keys = 0;
    for (const Mark& mark : marks_) {
        if (!mark.is_changed) continue;
        const Partition* partition = own().find_database(mark.database);
        const Entry* entry = partition == nullptr ? nullptr : partition->find(mark.key());
        if (entry != nullptr && !entry->is_expired(now_ms)) ++keys;
    }
    for_each_replaced([&keys](const Entry&) { --keys; });
    if (flushed_.all) keys -= dataset_.resident(std::nullopt);
    for (const size_t database : flushed_.databases) keys -= dataset_.resident(database);
    return keys;
}

void View::install(Mark& mark, Executor& home, int64_t now_ms) {
    const Key key = mark.key();
    store::Shard& shard = dataset_.shard(dataset_.shard_of(key.hash));
    Partition& target = shard.database(mark.database, now_ms);
    Partition* from = own().find_database(mark.database);
    Entry* entry = from == nullptr ? nullptr : from->find(key);
    if (Entry* replaced = target.find(key); replaced != nullptr) target.erase(key, replaced);
    ++shard.statistics.changes;
    if (entry != nullptr && entry->is_expired(now_ms)) {
        if (home.effects.is_on()) home.effects.removed(mark.database, key.hash, key.bytes);
        ++shard.statistics.expired_lazily;
        if (dataset_.notifies(event::expired)) {
            from->erase(key, entry);
            record_event(event::expired, "expired", mark.database, key);
        }
    } else if (entry != nullptr) {
        entry = target.insert_moved(key, *from, key, entry);
        if (entry->has_expiry()) dataset_.note_deadline();
    }
    dataset_.note_touched(shard, mark.database, key, home, Cause::command);
}

void View::install(Executor& home, int64_t now_ms) {
    for (const Mark& mark : marks_) {
        dataset_.shard(dataset_.shard_of(mark.hash)).remove_watch(mark);
    }
    counting_.for_each([this](size_t shard) { dataset_.shard(shard).end_counting(); });
    home.effects.append(executor_.effects);
    if (flushed_.all) dataset_.empty(std::nullopt, home);
    for (const size_t database : flushed_.databases) dataset_.empty(database, home);
    for (Mark& mark : marks_) {
        if (mark.is_changed) install(mark, home, now_ms);
    }
    publish(home, now_ms);
    empty();
}

void View::leave(Executor& home) {
    for (const Mark& mark : marks_) {
        const size_t shard = dataset_.shard_of(mark.hash);
        dataset_.lock(shard, home);
        dataset_.shard(shard).remove_watch(mark);
        dataset_.unlock(shard);
    }
    counting_.for_each([&](size_t shard) {
        dataset_.lock(shard, home);
        dataset_.shard(shard).end_counting();
        dataset_.unlock(shard);
    });
    own().reclaimer = &home.reclaimer;
    empty();
}

/// What is left in the own shard goes the way of all values: large ones are freed in slices.
void View::empty() {
    for (const Mark& mark : marks_) {
        Partition* partition = mark.is_own ? own().find_database(mark.database) : nullptr;
        if (partition == nullptr) continue;
        Entry* entry = partition->find(mark.key());
        if (entry != nullptr) partition->erase(mark.key(), entry);
    }
    marks_.clear();
    scanned_.clear();
    flushed_ = {};
    counting_ = {};
    executor_.effects.forget();
    notices_.clear();
    end_batch();
}

}  // namespace gyre::engine
