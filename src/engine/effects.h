// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What commands change, on its way to the log. Each thread that executes has one, in its Executor;
// where there is no log it is off, and costs one branch.
//
// The life of an effect:
//   1. begin_command().
//   2. The handler changes keys through the Keyspace, which notes that something changed, and what
//      the words of the command do not say: a key that was due and went, a default TTL, a
//      timestamp. The handler itself tells an effect only where its words would not do when they
//      are executed again, later or by Redis: a relative time, a random choice, a word Redis does
//      not know.
//   3. end_command() makes the effect of it: what was told, or else the command as it was given, if
//      it changed something. Several commands may follow one another here (a transaction, between
//      begin_transaction() and end_transaction()).
//   4. reserve(), with the locks still held: the place in the log.
//   5. write(), without the locks: the bytes.
//
// Removals that belong to no command (removed(), for expiry and eviction) go through 4 and 5 too.
//
// Ownership: borrows log and appender. Views given to it last until write(); keep() copies one that
// does not. Threads: its executor's; what concerns a shard with that shard locked.
// Errors: none; whether writing is possible is asked before (log::Log::admission()).

#include <algorithm>
#include <cstdint>
#include <forward_list>
#include <span>
#include <string_view>
#include <vector>

#include "engine/recent_writes.h"
#include "log/log.h"
#include "store/entry.h"

namespace gyre::engine {

class Effects {
public:
    using Words = std::span<const std::string_view>;

    /// From now on effects are logged.
    void attach(log::Log& log, log::Appender& appender, RecentWrites& recent);
    bool is_on() const noexcept { return appender_ != nullptr; }
    log::Log* log() const noexcept { return log_; }
    /// Whether replies wait until what they tell is durable. Only while is_on().
    bool is_gated() const noexcept {
        return log_->sync_mode.load(std::memory_order_relaxed) == log::SyncMode::always;
    }
    /// Whether a key that is due may be removed now; if not, it is only not seen. One who writes
    /// may at any time, one who reads may not while nothing can be logged. Known of a command that
    /// has begun; begin_command() may be left out while neither is_on() nor holds().
    bool may_remove() const noexcept {
        if (is_write_) return true;
        return !holds_ && (!is_on() || log_->admission() == log::Admission::open);
    }
    /// Whether one who reads may not for another reason: clients are paused, and meanwhile the data
    /// stays as it is. To be said between two commands.
    void set_holds(bool holds) noexcept { holds_ = holds; }
    bool holds() const noexcept { return holds_; }

    // --- told by the Keyspace, the expiry cycle and the evictor ---
    void changed() noexcept { has_changed_ = true; }
    /// The key was due or has to make room, and goes.
    void removed(size_t database, uint64_t hash, std::string_view key);
    /// A field of a hash was due, and goes.
    void removed_field(size_t database, uint64_t hash, std::string_view key, std::string_view name);
    /// A key got a deadline the command does not name.
    void defaulted(size_t database, std::string_view key, int64_t expire_ms);
    /// A key got a timestamp, now or as the command said.
    void stamped(int64_t timestamp_ms) noexcept { stamp_ms_ = timestamp_ms; }

    // --- told by handlers; only while is_on() ---
    /// In place of the command's words. May be called several times: the steps are atomic.
    void tell(size_t database, const log::Effect& effect, int64_t timestamp_ms = log::kNoTimestamp);
    /// The same in words, with the timestamp that the command gave last.
    void tell_words(size_t database, std::vector<std::string_view> words);
    /// The command's words are no effect: what it changes it tells, where it has to be told.
    void tell_alone() noexcept { is_told_ = true; }
    /// Whether a key of this command got a timestamp.
    bool has_stamp() const noexcept { return stamp_ms_ != log::kNoTimestamp; }
    std::string_view keep(std::string_view text) { return kept_.emplace_front(text); }

    // --- the course of a command ---
    void begin_command(bool is_write) noexcept {
        is_write_ = is_write;
        forget_command();
    }
    /// The words of the command and the hashes of its keys, of which any may have been changed.
    template <class Arguments, class Keys>
    void end_command(size_t database, const Arguments& arguments, const Keys& keys);
    /// The same for a command that nothing follows before reserve(). `wire` is the command as it
    /// came, or empty: where that is just what would be written, it is.
    template <class Arguments, class Keys>
    void end_alone(size_t database, std::string_view wire, const Arguments& arguments,
                   const Keys& keys);
    /// Until end_transaction() nothing is reserved, and all that is told keeps its order: it
    /// becomes one record, however many commands and removals it is of.
    void begin_transaction() noexcept { is_in_transaction_ = is_on(); }
    void end_transaction() noexcept { is_in_transaction_ = false; }
    bool is_in_transaction() const noexcept { return is_in_transaction_; }
    /// From here to reserve() commands of others are run, for whom the last one has made something
    /// ready: all that goes into one record with it, in order.
    void begin_service() noexcept {
        has_served_ = true;
        is_write_ = true;
        forget_command();
    }
    template <class Arguments, class Keys>
    void end_served(size_t database, const Arguments& arguments, const Keys& keys) {
        if (is_on()) [[unlikely]]
            end_command(database, arguments, keys);
    }

    // --- of a transaction that keeps its effects until it commits (engine/view.h) ---
    /// Logs where `other` does from here on.
    void follow(const Effects& other) noexcept {
        log_ = other.log_;
        appender_ = other.appender_;
        recent_ = other.recent_;
    }
    /// What was told so far; rewind() forgets what was told since.
    struct Checkpoint {
        size_t steps = 0;
        size_t as_given = 0;
        size_t words = 0;
        size_t hashes = 0;
    };
    Checkpoint checkpoint() const noexcept {
        return {steps_.size(), as_given_.size(), words_.size(), hashes_.size()};
    }
    void rewind(const Checkpoint& checkpoint);
    /// Takes over all that `other` was told, behind what is here.
    void append(Effects& other);
    /// Bytes that are kept for what was told, texts of handlers not counted.
    size_t told_bytes() const noexcept {
        return steps_.size() * sizeof(log::Step) + words_.size() * sizeof(std::string_view) +
               as_given_.size() * sizeof(AsGiven) + hashes_.size() * sizeof(uint64_t);
    }
    void forget() { clear(); }

    /// For changes of a whole database, with all locks held.
    void tell_all(size_t database, const log::Effect& effect);
    /// With the locks held: the position behind what there is to write, 0 when there is nothing.
    log::Position reserve();
    /// Without the locks: writes what was reserved.
    void write() {
        if (is_reserved_) [[unlikely]]
            write_reserved();
    }
    /// With the locks of `keys` held, when nothing was reserved: before this position is durable,
    /// nothing that was read of them may be told. 0 when it is.
    template <class Keys>
    log::Position seen(const Keys& keys) const;
    /// Fetches what seen() looks at for a key with this hash.
    void prefetch_seen(uint64_t hash) const noexcept {
        if (is_on() && is_gated()) [[unlikely]]
            recent_->prefetch(hash);
    }
    /// Whether something was written since the last call: the log's thread may have to be woken.
    bool take_written() noexcept;

private:
    /// Step of which the words stand in words_.
    struct AsGiven {
        size_t step;
        size_t first_word;
        size_t count;
    };
    void forget_command() noexcept {
        has_changed_ = false;
        is_told_ = false;
        lacks_defaults_ = false;
        stamp_ms_ = log::kNoTimestamp;
        if (!defaulted_.empty()) [[unlikely]]
            defaulted_.clear();
    }
    /// Than one command as it was given.
    bool has_more() const noexcept {
        return is_told_ || stamp_ms_ != log::kNoTimestamp || is_in_transaction_ || has_served_ ||
               !steps_.empty() || !removed_.empty() || !defaulted_.empty();
    }
    void remove(size_t database, uint64_t hash, std::span<const std::string_view> words);
    std::span<const std::string_view> keep_words(std::vector<std::string_view> words);
    log::Position reserve_place(size_t bytes);
    void write_reserved();
    void finish_steps();
    void clear();

    log::Log* log_ = nullptr;
    log::Appender* appender_ = nullptr;
    RecentWrites* recent_ = nullptr;

    bool holds_ = false;
    bool has_changed_ = false;
    bool is_told_ = false;
    bool lacks_defaults_ = false;  // what was told does not name default deadlines
    bool is_write_ = true;
    bool concerns_all_ = false;
    bool has_written_ = false;
    bool is_reserved_ = false;
    bool is_in_transaction_ = false;
    bool has_served_ = false;
    int64_t stamp_ms_ = log::kNoTimestamp;
    std::string_view wire_;  // of one command that is all there is to write
    std::vector<log::Step> steps_;
    std::vector<AsGiven> as_given_;
    std::vector<std::string_view> words_;
    std::vector<log::Step> defaulted_;
    std::vector<uint64_t> hashes_;
    std::forward_list<base::CountedString<base::Purpose::log>> kept_;
    std::forward_list<std::vector<std::string_view>> kept_words_;
    base::CountedString<base::Purpose::log> removed_;  // encoded
};

template <class Arguments, class Keys>
void Effects::end_command(size_t database, const Arguments& arguments, const Keys& keys) {
    if (has_changed_ && !is_told_) {
        as_given_.push_back({steps_.size(), words_.size(), arguments.size()});
        for (const auto& argument : arguments) words_.push_back(argument.bytes);
        // In its place: a copy of one just made on the stack is read in wider pieces than it was
        // written in, and so waits until the stores before it, to a cold value, are through.
        log::Step& step = steps_.emplace_back();
        step.database = database;
        step.timestamp_ms = stamp_ms_;
    }
    if (has_changed_) {
        if (!is_told_ || lacks_defaults_) {
            steps_.insert(steps_.end(), defaulted_.begin(), defaulted_.end());
        }
        for (const auto& key : keys) hashes_.push_back(key.hash);
    }
    forget_command();
}

template <class Arguments, class Keys>
void Effects::end_alone(size_t database, std::string_view wire, const Arguments& arguments,
                        const Keys& keys) {
    if (!has_changed_ || database != 0 || has_more() || !log::is_written_form(wire, arguments))
        return end_command(database, arguments, keys);
    wire_ = wire;
    for (const auto& key : keys) hashes_.push_back(key.hash);
    forget_command();
}

template <class Keys>
log::Position Effects::seen(const Keys& keys) const {
    if (!is_gated()) return 0;
    log::Position latest = 0;
    for (const auto& key : keys) latest = std::max(latest, recent_->of(key.hash));
    return latest > log_->durable() ? latest : 0;
}

}  // namespace gyre::engine
