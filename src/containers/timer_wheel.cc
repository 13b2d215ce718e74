// SPDX-License-Identifier: BSD-3-Clause
#include "containers/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

#include "base/memory.h"
#include "base/prefetch.h"

namespace gyre::containers {

namespace {

constexpr uint64_t kTokenBits = 40;
constexpr uint64_t kTokenBitsMask = (uint64_t{1} << kTokenBits) - 1;

// The first chunk of a stack is small, most slots hold few tokens. Both sizes with malloc's own
// word are a multiple of 16, and fit the 64- and 512-byte classes of other allocators.
constexpr uint32_t kSmallChunkBytes = 56;
constexpr uint32_t kLargeChunkBytes = 504;

constexpr size_t kCacheLine = 64;

/// How many tokens ahead settle() asks for the chunk a token will be put into.
constexpr uint32_t kTokensAhead = 8;

}  // namespace

struct TimerWheel::Chunk {
    Chunk* next;     // below, all full; null in the first one, which is small
    uint32_t used;   // words in this chunk
    uint32_t below;  // words in the chunks below

    uint64_t* words() noexcept { return reinterpret_cast<uint64_t*>(this + 1); }
    const uint64_t* words() const noexcept { return reinterpret_cast<const uint64_t*>(this + 1); }
    uint32_t capacity() const noexcept {
        const uint32_t bytes = next == nullptr ? kSmallChunkBytes : kLargeChunkBytes;
        return (bytes - static_cast<uint32_t>(sizeof(Chunk))) / 8;
    }
    int64_t total() const noexcept { return int64_t{used} + below; }
};

void* TimerWheel::obtain(size_t bytes) {
    void* memory = base::allocate(base::Purpose::wheel, bytes);
    memory_bytes_ += base::usable_size(memory);
    return memory;
}

void TimerWheel::give_back(void* memory) noexcept {
    memory_bytes_ -= base::usable_size(memory);
    base::release(base::Purpose::wheel, memory);
}

/// Puts an empty chunk on top.
void TimerWheel::add_chunk(Stack& stack) {
    const bool is_small = stack == nullptr;
    const uint32_t below = is_small ? 0 : stack->used + stack->below;
    void* memory = spare_[is_small];
    if (memory != nullptr) {
        spare_[is_small] = spare_[is_small]->next;
        --spare_count_[is_small];
    } else {
        memory = obtain(is_small ? kSmallChunkBytes : kLargeChunkBytes);
    }
    stack = new (memory) Chunk{stack, 0, below};
}

/// Takes the chunk on top away, which is empty.
void TimerWheel::remove_chunk(Stack& stack) noexcept {
    Chunk* chunk = std::exchange(stack, stack->next);
    const bool is_small = chunk->next == nullptr;
    if (spare_count_[is_small] == kSpareChunksMax) return give_back(chunk);
    chunk->next = std::exchange(spare_[is_small], chunk);
    ++spare_count_[is_small];
}

/// Makes sure that `words_needed` words fit in the topmost chunk, then puts one there.
void TimerWheel::push(Stack& stack, uint64_t word, unsigned words_needed) {
    if (stack == nullptr || stack->used + words_needed > stack->capacity()) add_chunk(stack);
    stack->words()[stack->used++] = word;
}

uint64_t TimerWheel::pop(Stack& stack) noexcept {
    const uint64_t word = stack->words()[--stack->used];
    if (stack->used == 0) remove_chunk(stack);
    return word;
}

/// Frees up to `chunks_max` chunks of a stack; returns how many.
size_t TimerWheel::drop(Stack& stack, size_t chunks_max) noexcept {
    size_t dropped = 0;
    for (; stack != nullptr && dropped < chunks_max; ++dropped) {
        give_back(std::exchange(stack, stack->next));
    }
    return dropped;
}

uint64_t TimerWheel::pop_slot(unsigned level, unsigned slot) noexcept {
    Stack& stack = levels_[level][slot];
    const uint64_t word = pop(stack);
    if (stack == nullptr) occupied_[level] &= ~(uint64_t{1} << slot);
    return word;
}

void TimerWheel::push_far(uint64_t token, int64_t tick) {
    if (far_ == nullptr) far_review_ = (window(position_, 4) + kFarReviewSlots) << kTimeBits;
    push(far_, static_cast<uint64_t>(tick), 2);
    push(far_, token, 1);
}

void TimerWheel::place(uint64_t token, int64_t tick) {
    for (unsigned level = 0; level < kLevels; ++level) {
        if (window(tick, level) - window(position_, level) >= int64_t{kSlots}) continue;
        if (levels_[level] == nullptr) {
            void* heads = obtain(kSlots * sizeof(Stack));
            std::memset(heads, 0, kSlots * sizeof(Stack));
            levels_[level] = static_cast<Stack*>(heads);
        }
        const unsigned slot = slot_of(tick, level);
        push(levels_[level][slot], token | static_cast<uint64_t>(tick & kTimeMask) << kTokenBits,
             1);
        occupied_[level] |= uint64_t{1} << slot;
        return;
    }
    push_far(token, tick);
}

void TimerWheel::add(uint64_t token, int64_t deadline_ms) {
    token &= kTokenBitsMask;
    const int64_t tick = tick_of(deadline_ms);
    ++size_;
    // While fire() runs, all of the past is over: what it adds there must not fire in this call.
    if (tick < (is_advancing_ ? target_ : position_)) {
        push(overdue_added_, token, 1);
    } else {
        place(token, tick);
    }
}

void TimerWheel::begin_advance(int64_t now_ms) {
    CHECK(!is_advancing_);
    is_advancing_ = true;
    time_ms_ = std::max(time_ms_, now_ms);
    target_ = tick_of(time_ms_);
    if (overdue_ == nullptr) std::swap(overdue_, overdue_added_);
    position_ = std::min({next_fire_tick(), next_move_tick(), target_});
}

void TimerWheel::end_advance() noexcept {
    is_advancing_ = false;
    if (size_ == 0) drop_levels();
}

bool TimerWheel::settle_far(size_t budget, size_t& work) {
    if (far_reviewed_ == nullptr) {
        if (far_ == nullptr || position_ < far_review_) return true;
        std::swap(far_, far_reviewed_);
    }
    while (far_reviewed_ != nullptr) {
        if (work >= budget) return false;
        ++work;
        const uint64_t token = pop(far_reviewed_);
        const int64_t tick = static_cast<int64_t>(pop(far_reviewed_));
        place(token, tick);
    }
    return true;
}

/// Asks for what will be needed soon when the tokens of a slot are moved down: where one of them
/// goes to, and the chunk below, which is read from its end.
void TimerWheel::prefetch_move(unsigned level, unsigned slot) const noexcept {
    const Chunk* top = levels_[level][slot];
    if (top->used > kTokensAhead) {
        const uint64_t word = top->words()[top->used - 1 - kTokensAhead];
        const Stack* below = levels_[level - 1];
        if (below != nullptr) {
            base::prefetch(below[slot_of(static_cast<int64_t>(word >> kTokenBits), level - 1)]);
        }
    } else if (top->used == kTokensAhead && top->next != nullptr) {
        const char* next = reinterpret_cast<const char*>(top->next);
        base::prefetch(next);
        base::prefetch(next + kLargeChunkBytes - 8);
        base::prefetch(next + kLargeChunkBytes - 72);
    }
}

bool TimerWheel::settle(size_t budget, size_t& work) {
    if (!settle_far(budget, work)) return false;
    for (unsigned level = kLevels - 1; level >= 1; --level) {
        const unsigned slot = slot_of(position_, level);
        while (occupied_[level] >> slot & 1) {
            if (work >= budget) return false;
            ++work;
            prefetch_move(level, slot);
            const uint64_t word = pop_slot(level, slot);
            // P stands at the beginning of the slot's time, and both agree in all bits above it.
            const int64_t tick =
                (position_ & ~kTimeMask) | static_cast<int64_t>(word >> kTokenBits);
            place(word & kTokenBitsMask, tick);
        }
    }
    return true;
}

bool TimerWheel::next_to_fire(size_t budget, size_t& work, uint64_t& token) {
    if (work >= budget) return false;
    if (overdue_ != nullptr) {
        token = pop(overdue_);
        --size_;
        ++work;
        return true;
    }
    for (;;) {
        if (!settle(budget, work)) return false;
        if (position_ >= target_) return false;
        const unsigned slot = slot_of(position_, 0);
        if (occupied_[0] >> slot & 1) {
            if (work >= budget) return false;
            token = pop_slot(0, slot) & kTokenBitsMask;
            --size_;
            ++work;
            return true;
        }
        position_ = std::min({next_fire_tick(), next_move_tick(), target_});
    }
}

unsigned TimerWheel::distance(unsigned level) const noexcept {
    const int here = static_cast<int>(slot_of(position_, level));
    return static_cast<unsigned>(std::countr_zero(std::rotr(occupied_[level], here)));
}

int64_t TimerWheel::next_fire_tick() const noexcept {
    return occupied_[0] == 0 ? kNever : position_ + distance(0);
}

int64_t TimerWheel::next_move_tick() const noexcept {
    int64_t next = kNever;
    if (far_reviewed_ != nullptr) return position_;
    if (far_ != nullptr) next = far_review_;
    for (unsigned level = 1; level < kLevels; ++level) {
        if (occupied_[level] == 0) continue;
        // P's own slot is being moved: P stands where its time begins, which is what this gives
        // then.
        next = std::min(next, (window(position_, level) + distance(level)) << (level * kSlotBits));
    }
    return next;
}

int64_t TimerWheel::next_due_ms() const noexcept {
    if (size_ == 0) return kNever;
    if (overdue_ != nullptr || overdue_added_ != nullptr) return time_ms_;
    const int64_t fire = next_fire_tick();
    const int64_t move = next_move_tick();
    const int64_t tick = std::min(fire == kNever ? kNever : fire + 1, move);
    return beginning_of(tick);
}

int64_t TimerWheel::first_deadline_ms() const noexcept {
    if (size_ == 0) return kNever;
    if (overdue_ != nullptr || overdue_added_ != nullptr) return 0;
    return beginning_of(std::min(next_fire_tick(), next_move_tick()));
}

/// The tick behind the last one of a slot.
int64_t TimerWheel::end_of(unsigned level, unsigned slot) const noexcept {
    const int64_t here = window(position_, level);
    const int64_t index = here + ((slot - static_cast<unsigned>(here)) & (kSlots - 1));
    return (index + 1) << (level * kSlotBits);
}

void TimerWheel::visit_level(unsigned level, int64_t last_tick,
                             const std::function<void(uint64_t)>& visit) const {
    for (uint64_t left = occupied_[level]; left != 0; left &= left - 1) {
        const auto slot = static_cast<unsigned>(std::countr_zero(left));
        const int64_t begin = end_of(level, slot) - (int64_t{1} << (level * kSlotBits));
        if (begin > last_tick) continue;
        for (const Chunk* chunk = levels_[level][slot]; chunk != nullptr; chunk = chunk->next) {
            for (const uint64_t word : std::span(chunk->words(), chunk->used)) {
                const auto tick = (begin & ~kTimeMask) | static_cast<int64_t>(word >> kTokenBits);
                if (tick <= last_tick) visit(word & kTokenBitsMask);
            }
        }
    }
}

void TimerWheel::visit_due(int64_t now_ms, const std::function<void(uint64_t)>& visit) const {
    const int64_t last_tick = tick_of(std::max(time_ms_, now_ms));
    for (const Chunk* stack : {overdue_, overdue_added_}) {
        for (const Chunk* chunk = stack; chunk != nullptr; chunk = chunk->next) {
            for (const uint64_t word : std::span(chunk->words(), chunk->used)) {
                visit(word & kTokenBitsMask);
            }
        }
    }
    for (unsigned level = 0; level < kLevels; ++level) visit_level(level, last_tick, visit);
    // What waits in far_ lies beyond the time at which it is to be looked through.
    for (const Chunk* stack : {last_tick < far_review_ ? nullptr : far_, far_reviewed_}) {
        for (const Chunk* chunk = stack; chunk != nullptr; chunk = chunk->next) {
            for (uint32_t i = 0; i < chunk->used; i += 2) {
                if (static_cast<int64_t>(chunk->words()[i]) <= last_tick) {
                    visit(chunk->words()[i + 1] & kTokenBitsMask);
                }
            }
        }
    }
}

void TimerWheel::drop_levels() noexcept {
    for (unsigned level = 0; level < kLevels; ++level) {
        if (levels_[level] != nullptr) give_back(std::exchange(levels_[level], nullptr));
    }
    for (Stack& spare : spare_) {
        while (spare != nullptr) give_back(std::exchange(spare, spare->next));
    }
    spare_count_[0] = spare_count_[1] = 0;
}

void TimerWheel::clear() noexcept { clear_some(SIZE_MAX); }

size_t TimerWheel::clear_some(size_t chunks_max) noexcept {
    CHECK(!is_advancing_);
    size_t dropped = 0;
    for (unsigned level = 0; level < kLevels; ++level) {
        for (; occupied_[level] != 0; occupied_[level] &= occupied_[level] - 1) {
            Stack& stack = levels_[level][std::countr_zero(occupied_[level])];
            dropped += drop(stack, chunks_max - dropped);
            if (stack != nullptr) return dropped;
        }
    }
    for (Stack* stack : {&overdue_, &overdue_added_, &far_, &far_reviewed_}) {
        dropped += drop(*stack, chunks_max - dropped);
        if (*stack != nullptr) return dropped;
    }
    drop_levels();
    size_ = 0;
    return dropped;
}

void TimerWheel::swap(TimerWheel& other) noexcept {
    CHECK(!is_advancing_);
    CHECK(!other.is_advancing_);
    std::swap(phase_ms_, other.phase_ms_);
    std::swap(time_ms_, other.time_ms_);
    std::swap(position_, other.position_);
    std::swap(target_, other.target_);
    std::swap(far_review_, other.far_review_);
    std::swap(size_, other.size_);
    std::swap(memory_bytes_, other.memory_bytes_);
    std::swap(occupied_, other.occupied_);
    std::swap(levels_, other.levels_);
    std::swap(overdue_, other.overdue_);
    std::swap(overdue_added_, other.overdue_added_);
    std::swap(far_, other.far_);
    std::swap(far_reviewed_, other.far_reviewed_);
    std::swap(spare_, other.spare_);
    std::swap(spare_count_, other.spare_count_);
}

/// The token on top of the first stack, of a wheel that is not empty. In far_ too it is the last of
/// its words.
uint64_t TimerWheel::first_token() const noexcept {
    const Chunk* top = nullptr;
    for (unsigned level = 0; level < kLevels && top == nullptr; ++level) {
        if (occupied_[level] != 0) top = levels_[level][std::countr_zero(occupied_[level])];
    }
    for (const Chunk* stack : {overdue_, overdue_added_, far_, far_reviewed_}) {
        if (top == nullptr) top = stack;
    }
    return top->words()[top->used - 1] & kTokenBitsMask;
}

/// Takes first_token() out.
void TimerWheel::pop_first() noexcept {
    --size_;
    for (unsigned level = 0; level < kLevels; ++level) {
        if (occupied_[level] == 0) continue;
        pop_slot(level, static_cast<unsigned>(std::countr_zero(occupied_[level])));
        if (size_ == 0) drop_levels();
        return;
    }
    for (Stack* stack : {&overdue_, &overdue_added_, &far_, &far_reviewed_}) {
        if (*stack == nullptr) continue;
        pop(*stack);
        if (stack == &far_ || stack == &far_reviewed_) pop(*stack);
        break;
    }
    if (size_ == 0) drop_levels();
}

size_t TimerWheel::take_current(uint64_t* out, size_t count) noexcept {
    CHECK(!is_advancing_);
    if (position_ != target_) return 0;
    const unsigned slot = slot_of(position_, 0);
    size_t taken = 0;
    for (; taken < count && (occupied_[0] >> slot & 1) != 0; ++taken) {
        out[taken] = pop_slot(0, slot) & kTokenBitsMask;
        --size_;
    }
    if (size_ == 0) drop_levels();
    return taken;
}

/// The slot to be fired next; level 0 has tokens.
const TimerWheel::Stack& TimerWheel::next_slot() const noexcept {
    return levels_[0][slot_of(next_fire_tick(), 0)];
}

void TimerWheel::prefetch_slot() const noexcept {
    if (occupied_[0] != 0) base::prefetch(&next_slot());
}

void TimerWheel::prefetch_chunks() const noexcept {
    if (occupied_[0] == 0) return;
    const char* top = reinterpret_cast<const char*>(next_slot());
    // Most slots hold a few more tokens than the small chunk at the bottom does.
    base::prefetch(top);
    base::prefetch(top + kCacheLine);
}

size_t TimerWheel::peek_due(int64_t now_ms, uint64_t* out, size_t count) const noexcept {
    if (occupied_[0] == 0 || next_move_tick() <= next_fire_tick()) return 0;
    if (next_fire_tick() >= tick_of(now_ms)) return 0;
    size_t peeked = 0;
    for (const Chunk* chunk = next_slot(); chunk != nullptr; chunk = chunk->next) {
        for (uint32_t left = chunk->used; left > 0 && peeked < count; --left) {
            out[peeked++] = chunk->words()[left - 1] & kTokenBitsMask;
        }
        if (peeked == count) break;
    }
    return peeked;
}

/// Tokens of the chunk that holds the `place`-th word below the top, from a place in it on.
size_t TimerWheel::copy_tokens(const Chunk* top, uint64_t place, uint32_t words_per_token,
                               uint64_t* out, size_t count) noexcept {
    const Chunk* chunk = top;
    uint64_t depth = 0;
    while (place >= chunk->used && chunk->next != nullptr && depth++ < kSampleDepthMax) {
        place -= chunk->used;
        chunk = chunk->next;
    }
    const uint64_t tokens = chunk->used / words_per_token;
    const uint64_t first = place / words_per_token;
    const auto copied = static_cast<size_t>(std::min<uint64_t>(tokens, count));
    for (size_t index = 0; index < copied; ++index) {
        // The token is the last of its words.
        const uint64_t word = (first + index) % tokens * words_per_token + words_per_token - 1;
        out[index] = chunk->words()[word] & kTokenBitsMask;
    }
    return copied;
}

size_t TimerWheel::sample(uint64_t random, uint64_t* out, size_t count) const noexcept {
    __extension__ using Wide = unsigned __int128;
    auto place = static_cast<uint64_t>(static_cast<Wide>(random) * size_ >> 64);
    for (unsigned level = 0; level < kLevels; ++level) {
        for (uint64_t bits = occupied_[level]; bits != 0; bits &= bits - 1) {
            const Chunk* top = levels_[level][std::countr_zero(bits)];
            const auto words = static_cast<uint64_t>(top->total());
            if (place < words) return copy_tokens(top, place, 1, out, count);
            place -= words;
        }
    }
    for (const Chunk* top : {overdue_, overdue_added_}) {
        const uint64_t words = top == nullptr ? 0 : static_cast<uint64_t>(top->total());
        if (place < words) return copy_tokens(top, place, 1, out, count);
        place -= words;
    }
    for (const Chunk* top : {far_, far_reviewed_}) {
        const uint64_t words = top == nullptr ? 0 : static_cast<uint64_t>(top->total());
        if (place < words / 2) return copy_tokens(top, place * 2, 2, out, count);
        place -= words / 2;
    }
    return 0;
}

}  // namespace gyre::containers
