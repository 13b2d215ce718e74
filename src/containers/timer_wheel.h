// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A hierarchical timing wheel (G. Varghese and T. Lauck, SOSP 1987) of 8-byte tokens: 40 bits that
// say whom to wake (of a key's hash), 24 bits of time. It holds no pointer to what expires and
// nothing points into it, so an object that is deleted, moved or overwritten leaves the wheel
// alone: the owner looks at the object when its token fires.
//
// Time is cut into ticks of 8 ms; where they begin is the wheel's phase. Five levels of 64 slots
// cover 512 ms, 32.8 s, 35 min, 37 h and 99 days; a slot of the top level spans 2^24 ticks, which
// is why 24 bits of a tick are enough anywhere. Tokens further away wait in a list of their own,
// with their whole time, and are looked through each time half of the horizon has passed.
//
// A token fires when the tick that holds its deadline is over, so the deadline is always past:
// never early, late by at most a tick while the budget lasts. Time never goes back: a clock set
// back pauses the wheel, a clock set forward makes a backlog.
//
// Ownership: owned by its shard; owns its chunks.
// Threads: caller holds the shard lock.
// Errors: running out of memory ends the process.
// Complexity: add O(levels); advance O(1) for each token fired or moved (a token is moved at most 4
//     times, 5 when it came from beyond the horizon); next_due_ms O(levels).
// Invariants, with P = position_, a tick:
//     1. every tick before P has been fired, and no token outside overdue_ has a tick before P.
//     2. a token of tick t stands on the lowest level k where (t >> 6k) - (P >> 6k) < 64. The slot
//        of P itself on levels 1 to 4 is therefore empty, except while it is being moved down; P
//        waits for that.
//     3. bit i of occupied_[k] is set exactly when slot i of level k has a chunk.
//     4. a wheel without tokens owns no memory.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

#include "base/check.h"

namespace gyre::containers {

class TimerWheel {
public:
    static constexpr int64_t kTickMs = 8;
    static constexpr unsigned kLevels = 5;
    static constexpr unsigned kSlots = 64;
    static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

    /// Its ticks begin `phase_ms` (below kTickMs) before the multiples of kTickMs: wheels of
    /// several phases take turns, and less waits for the end of its tick at any one time.
    explicit TimerWheel(int64_t now_ms, int64_t phase_ms = 0) noexcept
        : time_ms_(now_ms), phase_ms_(static_cast<uint8_t>(phase_ms)) {
        position_ = target_ = tick_of(now_ms);
    }
    TimerWheel(TimerWheel&& other) noexcept : TimerWheel(other.time_ms_) { swap(other); }
    TimerWheel& operator=(TimerWheel&& other) noexcept {
        swap(other);
        return *this;
    }
    ~TimerWheel() { clear(); }
    void swap(TimerWheel& other) noexcept;

    /// Adds a token; only its low 40 bits count. A deadline already past fires at the next
    /// advance(). May be called from fire(). After a pause in which advance() was not called, an
    /// advance() with budget 0 before it puts the token lower and saves moving it.
    void add(uint64_t token, int64_t deadline_ms);

    /// Moves time on to `now_ms` (never back) and calls fire(token) for tokens that are due,
    /// earliest tick first, no order within a tick. Moving a token down a level costs as much of
    /// the budget as firing one. Returns the work done; less than `budget` means that nothing was
    /// left to do, but for tokens added with a past deadline while a former call ran or fire() was
    /// called: these wait for the next call.
    template <class F>
    size_t advance(int64_t now_ms, size_t budget, F&& fire) {
        begin_advance(now_ms);
        size_t work = 0;
        uint64_t token = 0;
        while (next_to_fire(budget, work, token)) fire(token);
        end_advance();
        return work;
    }

    /// The earliest time at which advance() may have something to do, kNever when empty. In the
    /// past when work was left over.
    int64_t next_due_ms() const noexcept;
    /// A time before which no token of the wheel has its deadline: the beginning of the first tick
    /// or slot with tokens, kNever when empty.
    int64_t first_deadline_ms() const noexcept;

    /// Visits the tokens of the ticks up to the one `now_ms` lies in, which may not be over: all
    /// whose deadline has passed, and a few more. Each as often as it was added. Reads the slots
    /// whose time has begun.
    void visit_due(int64_t now_ms, const std::function<void(uint64_t token)>& visit) const;

    /// Up to `count` tokens that lie together at a random place, which `random` (64 random bits)
    /// chooses, each place as likely as its share of the tokens; at least one unless the wheel is
    /// empty. For whoever wants a sample of what has a deadline: tokens of what has gone are among
    /// them. O(slots).
    size_t sample(uint64_t random, uint64_t* out, size_t count) const noexcept;

    /// Takes up to `count` tokens out for which is_stale(token) is true, in an order of its own,
    /// and ends with the first for which it is false: that one stays. Returns how many it took out.
    /// Who calls it again and again comes to every token, or to one that is not stale.
    template <class F>
    size_t drop_stale(size_t count, F&& is_stale) {
        CHECK(!is_advancing_);
        size_t dropped = 0;
        for (; size_ > 0 && dropped < count && is_stale(first_token()); ++dropped) pop_first();
        return dropped;
    }

    /// Takes up to `count` tokens of the tick that is not over, in which deadlines may have passed
    /// already, out of the wheel: for whoever cannot wait for its end. Each that is not due is to
    /// be added again. Returns how many; not all when advance() has left work.
    size_t take_current(uint64_t* out, size_t count) noexcept;

    /// For whoever visits many wheels, each with a few tokens whose memory is cold: asks for what
    /// an advance(now_ms) reads first, and waits for nothing. First the slot, when that is there
    /// its chunks, and when they are, peek_due() reads their tokens.
    void prefetch_slot() const noexcept;
    void prefetch_chunks() const noexcept;
    /// Up to `count` tokens of those that advance(now_ms) would fire first; they stay where they
    /// are. None when others have to be moved down before.
    size_t peek_due(int64_t now_ms, uint64_t* out, size_t count) const noexcept;

    /// Drops all tokens and all memory; time stays.
    void clear() noexcept;
    /// The same in parts, for a wheel that is given up: frees up to `chunks_max` chunks and returns
    /// how many. Done when memory_bytes() is 0; before, size() is too large and nothing else may be
    /// called but this, clear() and the destructor.
    size_t clear_some(size_t chunks_max) noexcept;

    size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    /// Bytes obtained for slots and chunks, counted as Purpose::wheel.
    size_t memory_bytes() const noexcept { return memory_bytes_; }

private:
    struct Chunk;
    /// Stack of chunks; only the topmost has room. Null when empty.
    using Stack = Chunk*;

    static constexpr unsigned kSlotBits = 6;
    static constexpr unsigned kTimeBits = 24;
    static constexpr int64_t kTimeMask = (int64_t{1} << kTimeBits) - 1;
    /// Top-level slots after which tokens beyond the horizon are looked through again.
    static constexpr int64_t kFarReviewSlots = 32;

    /// Empty chunks of each size kept for the next slots: a token that goes down a level leaves one
    /// and needs one. At most 36 KiB.
    static constexpr uint8_t kSpareChunksMax = 64;

    /// How far below the top of a stack sample() goes, in chunks.
    static constexpr uint64_t kSampleDepthMax = 256;

    int64_t tick_of(int64_t ms) const noexcept {
        return (ms >> 3) + (((ms & (kTickMs - 1)) + phase_ms_) >> 3);
    }
    int64_t beginning_of(int64_t tick) const noexcept { return tick * kTickMs - phase_ms_; }
    static constexpr int64_t window(int64_t tick, unsigned level) noexcept {
        return tick >> (level * kSlotBits);
    }
    static constexpr unsigned slot_of(int64_t tick, unsigned level) noexcept {
        return static_cast<unsigned>(window(tick, level)) & (kSlots - 1);
    }

    void begin_advance(int64_t now_ms);
    void end_advance() noexcept;
    /// Takes the next due token, moving others down on the way; false when the budget is spent or
    /// nothing is due.
    bool next_to_fire(size_t budget, size_t& work, uint64_t& token);
    /// Moves tokens out of the slots of P; false when the budget ended before.
    bool settle(size_t budget, size_t& work);
    bool settle_far(size_t budget, size_t& work);

    void place(uint64_t token, int64_t tick);
    /// Distance in slots from P's to the next occupied one of the level, which has one.
    unsigned distance(unsigned level) const noexcept;
    /// First tick at which something is to be fired (level 0), kNever if there is none.
    int64_t next_fire_tick() const noexcept;
    /// First tick at which something is to be moved down.
    int64_t next_move_tick() const noexcept;
    int64_t end_of(unsigned level, unsigned slot) const noexcept;
    void visit_level(unsigned level, int64_t last_tick,
                     const std::function<void(uint64_t)>& visit) const;
    static size_t copy_tokens(const Chunk* top, uint64_t place, uint32_t words_per_token,
                              uint64_t* out, size_t count) noexcept;

    void push(Stack& stack, uint64_t word, unsigned words_needed);
    uint64_t pop(Stack& stack) noexcept;
    uint64_t pop_slot(unsigned level, unsigned slot) noexcept;
    uint64_t first_token() const noexcept;
    void pop_first() noexcept;
    void push_far(uint64_t token, int64_t tick);
    void add_chunk(Stack& stack);
    void remove_chunk(Stack& stack) noexcept;
    void prefetch_move(unsigned level, unsigned slot) const noexcept;
    const Stack& next_slot() const noexcept;
    size_t drop(Stack& stack, size_t chunks_max) noexcept;
    void* obtain(size_t bytes);
    void give_back(void* memory) noexcept;
    void drop_levels() noexcept;

    int64_t time_ms_;
    int64_t position_;  // P: the tick to be fired next
    int64_t target_;    // the tick time_ms_ lies in; ticks before it are due
    int64_t far_review_ =
        0;  // tick at which far_ is to be looked through; meaningful while it has tokens
    size_t size_ = 0;
    size_t memory_bytes_ = 0;
    uint64_t occupied_[kLevels] = {};
    Stack* levels_[kLevels] = {};    // 64 stacks each, allocated when first needed
    Stack overdue_ = nullptr;        // being fired
    Stack overdue_added_ = nullptr;  // added since
    Stack far_ = nullptr;            // two words for each token: token, tick
    Stack far_reviewed_ = nullptr;   // being looked through
    Stack spare_[2] = {};            // empty chunks, large and small
    uint8_t spare_count_[2] = {};
    uint8_t phase_ms_;
    bool is_advancing_ = false;
};

}  // namespace gyre::containers
