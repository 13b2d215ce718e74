// SPDX-License-Identifier: BSD-3-Clause
#include "engine/effects.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/check.h"

namespace gyre::engine {
namespace {

static_assert(log::kNoDeadline == store::kNoExpiry);
static_assert(log::kNoTimestamp == store::kNoTimestamp);

/// Removals first, each for itself, then what the commands did, at once.
struct Outgoing {
    std::string_view removed;
    std::span<const log::Step> steps;

    size_t bytes() const noexcept {
        return removed.size() + (steps.empty() ? 0 : log::Record{steps}.bytes());
    }
    char* write(char* out) const noexcept {
        out = std::copy(removed.begin(), removed.end(), out);
        return steps.empty() ? out : log::Record{steps}.write(out);
    }
    void write(log::Pieces& out) const {
        out.append(removed);
        if (!steps.empty()) log::Record{steps}.write(out);
    }
};

/// Kept between commands; what one large command made of it is given back.
constexpr size_t kKeptCapacityMax = 1024;

template <class Container>
void reset(Container& container) {
    container.clear();
    if (container.capacity() > kKeptCapacityMax) container.shrink_to_fit();
}

}  // namespace

void Effects::attach(log::Log& log, log::Appender& appender, RecentWrites& recent) {
    log_ = &log;
    appender_ = &appender;
    recent_ = &recent;
}

std::span<const std::string_view> Effects::keep_words(std::vector<std::string_view> words) {
    return kept_words_.emplace_front(std::move(words));
}

/// Before what the command does. Where several follow one another that is its place among them: a
/// SWAPDB may have come before.
void Effects::remove(size_t database, uint64_t hash, std::span<const std::string_view> words) {
    hashes_.push_back(hash);
    log::Step step{.database = database, .effect = log::CommandEffect{words}};
    if (!is_in_transaction_ && !has_served_) {
        return log::append(removed_, log::Record{{&step, 1}});
    }
    std::vector<std::string_view> kept;
    for (const std::string_view word : words) kept.push_back(keep(word));
    step.effect = log::CommandEffect{keep_words(std::move(kept))};
    steps_.push_back(step);
}

void Effects::removed(size_t database, uint64_t hash, std::string_view key) {
    remove(database, hash, std::array<std::string_view, 2>{"DEL", key});
}

void Effects::removed_field(size_t database, uint64_t hash, std::string_view key,
                            std::string_view name) {
    remove(database, hash, std::array<std::string_view, 3>{"HDEL", key, name});
}

void Effects::defaulted(size_t database, std::string_view key, int64_t expire_ms) {
    defaulted_.push_back({.database = database, .effect = log::ExpireEffect{key, expire_ms}});
}

void Effects::tell(size_t database, const log::Effect& effect, int64_t timestamp_ms) {
    has_changed_ = true;
    is_told_ = true;
    log::Step& step = steps_.emplace_back();
    step.database = database;
    step.effect = effect;
    step.timestamp_ms = timestamp_ms;
}

void Effects::tell_words(size_t database, std::vector<std::string_view> words) {
    tell(database, log::CommandEffect{keep_words(std::move(words))}, stamp_ms_);
    lacks_defaults_ = true;
}

void Effects::tell_all(size_t database, const log::Effect& effect) {
    tell(database, effect);
    concerns_all_ = true;
}

void Effects::rewind(const Checkpoint& checkpoint) {
    const auto cut = [](auto& list, size_t size) {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(size), list.end());
    };
    cut(steps_, checkpoint.steps);
    cut(as_given_, checkpoint.as_given);
    cut(words_, checkpoint.words);
    cut(hashes_, checkpoint.hashes);
    forget_command();
}

void Effects::append(Effects& other) {
    const size_t steps = steps_.size();
    const size_t words = words_.size();
    steps_.insert(steps_.end(), other.steps_.begin(), other.steps_.end());
    words_.insert(words_.end(), other.words_.begin(), other.words_.end());
    hashes_.insert(hashes_.end(), other.hashes_.begin(), other.hashes_.end());
    for (const AsGiven& given : other.as_given_) {
        as_given_.push_back({given.step + steps, given.first_word + words, given.count});
    }
    // The texts stay where they are: the steps look at them.
    kept_.splice_after(kept_.before_begin(), other.kept_);
    kept_words_.splice_after(kept_words_.before_begin(), other.kept_words_);
    concerns_all_ = concerns_all_ || other.concerns_all_;
    other.clear();
}

void Effects::finish_steps() {
    for (const AsGiven& given : as_given_) {
        steps_[given.step].effect =
            log::CommandEffect{Words(words_).subspan(given.first_word, given.count)};
    }
}

log::Position Effects::reserve() {
    if (!wire_.empty()) return reserve_place(wire_.size());
    if (is_in_transaction_) return 0;
    finish_steps();
    const size_t bytes = Outgoing{removed_, steps_}.bytes();
    if (bytes == 0) {
        clear();
        return 0;
    }
    const log::Position end = reserve_place(bytes);
    // What was told for those who were served are views of their words, which may go with them once
    // the locks are let go.
    if (has_served_) [[unlikely]]
        write_reserved();
    return end;
}

log::Position Effects::reserve_place(size_t bytes) {
    const log::Position end = appender_->reserve(bytes);
    is_reserved_ = true;
    if (is_gated()) {
        for (const uint64_t hash : hashes_) recent_->note(hash, end);
        if (concerns_all_) recent_->note_all(end);
    }
    return end;
}

void Effects::write_reserved() {
    has_written_ = true;
    if (wire_.empty()) {
        appender_->write(Outgoing{removed_, steps_});
        return clear();
    }
    // There is nothing else to clear.
    appender_->write(log::EncodedEffects{std::exchange(wire_, {})});
    is_reserved_ = false;
    hashes_.clear();
}

void Effects::clear() {
    is_reserved_ = false;
    has_served_ = false;
    concerns_all_ = false;
    forget_command();
    reset(steps_);
    reset(as_given_);
    reset(words_);
    reset(defaulted_);
    reset(hashes_);
    kept_.clear();
    kept_words_.clear();
    removed_.clear();
    if (removed_.capacity() > 64 * kKeptCapacityMax) removed_.shrink_to_fit();
}

bool Effects::take_written() noexcept { return std::exchange(has_written_, false); }

}  // namespace gyre::engine
