// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A hash table of references to objects that live elsewhere. A bucket is one cache line of seven
// references with 16-bit tags and chains overflow buckets when full; the table grows and shrinks by
// linear hashing (W. Litwin 1980; P.-A. Larson, CACM 31(4), 1988): one bucket is split or merged at
// a time, so there is never a second table and never a pause.
//
// Of a 64-bit hash the low bits choose the bucket, bits 24..39 are the tag. The low 40 bits, the
// "token", are enough to find an object's chain again. The top bits are left to whoever chose the
// table (shards).
//
// The Policy says what a reference is:
//     using Reference                             a type of its own, copied freely
//     static uint64_t to_bits(Reference)          at most 48 bits
//     static Reference from_bits(uint64_t)
//     uint64_t hash(Reference) const              the full hash; called when a chain is split
//   and may say
//     void prefetch(Reference) const              default: the cache lines at the address to_bits()
//                                                 gives, two or as many as are asked for
//     static constexpr base::Purpose kPurpose     default: Purpose::index
//
// Ownership: the table owns its buckets and no object.
// Threads: caller holds the shard lock, for the const functions too.
// Errors: running out of memory ends the process.
// Complexity: find, insert and erase O(1) expected, with one split or merge of one chain; 1.1
// to 1.2
//     cache lines for each find. Index bytes for each key: 13 to 14 at the top fill.
// Invariants: 1. bucket_count() is 2^L + p; home buckets below p and from 2^L on have been split at
// level L.
//             2. in a chain all buckets but the last are full; no overflow bucket is empty.
//             3. fill stays at or under 0.95, and not under 0.35 while there is more than one
//             bucket.
//             4. an empty table owns no memory.

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "containers/bucket_memory.h"

namespace gyre::containers {

/// Bits of a hash that find an object's chain again and tell most of its objects apart.
inline constexpr uint64_t kTokenMask = (uint64_t{1} << 40) - 1;
inline constexpr uint64_t token_of(uint64_t hash) noexcept { return hash & kTokenMask; }

namespace detail {

constexpr uint64_t reverse_bits(uint64_t v) noexcept {
    v = ((v >> 1) & 0x5555555555555555u) | ((v & 0x5555555555555555u) << 1);
    v = ((v >> 2) & 0x3333333333333333u) | ((v & 0x3333333333333333u) << 2);
    v = ((v >> 4) & 0x0F0F0F0F0F0F0F0Fu) | ((v & 0x0F0F0F0F0F0F0F0Fu) << 4);
    return __builtin_bswap64(v);
}

}  // namespace detail

/// Where a hash stands in the order in which BucketTable::scan() visits, and where the chains begin
/// that are left to visit from a cursor on.
inline constexpr uint64_t scan_place(uint64_t hash_or_cursor) noexcept {
    return detail::reverse_bits(hash_or_cursor);
}

template <class P>
concept BucketPolicy = requires(const P policy, typename P::Reference reference, uint64_t bits) {
    { P::to_bits(reference) } -> std::same_as<uint64_t>;
    { P::from_bits(bits) } -> std::same_as<typename P::Reference>;
    { policy.hash(reference) } -> std::same_as<uint64_t>;
};

template <class Policy>
class BucketTable {
public:
    using Reference = typename Policy::Reference;

    /// Where find() found a reference; false when it did not. Valid until the next insert or erase.
    class Position {
    public:
        Position() noexcept = default;
        explicit operator bool() const noexcept { return bucket_ != nullptr; }

    private:
        friend class BucketTable;
        Position(Bucket* bucket, unsigned slot) noexcept : bucket_(bucket), slot_(slot) {}
        Bucket* bucket_ = nullptr;
        unsigned slot_ = 0;
    };

    explicit BucketTable(Policy policy = Policy()) : policy_(std::move(policy)) {
        static_assert(BucketPolicy<Policy>);
    }
    BucketTable(BucketTable&& other) noexcept
        : policy_(other.policy_), memory_(std::move(other.memory_)) {
        swap_counts(other);
    }
    BucketTable& operator=(BucketTable&& other) noexcept {
        swap(other);
        return *this;
    }
    ~BucketTable() {
        clear([](Reference) {});
    }
    void swap(BucketTable& other) noexcept {
        std::swap(policy_, other.policy_);
        memory_.swap(other.memory_);
        swap_counts(other);
    }

    /// The first reference in the chain of `hash` with its tag for which match(reference) is true.
    template <class Match>
    Position find(uint64_t hash, Match&& match) const {
        if (bucket_count_ == 0) return {};
        for (Bucket* bucket = home(hash); bucket != nullptr; bucket = bucket->overflow()) {
            for (uint32_t hits = tag_matches(*bucket, tag_of(hash)); hits != 0; hits &= hits - 1) {
                unsigned slot = slot_of_lowest(hits);
                if (match(reference_at(*bucket, slot))) return Position(bucket, slot);
            }
        }
        return {};
    }
    Reference at(Position position) const {
        return reference_at(*position.bucket_, position.slot_);
    }
    /// Adds a reference that is not in the table. May split one chain.
    void insert(uint64_t hash, Reference reference);
    /// Buckets for `count` references in an empty table, which are then not split one by one until
    /// there are more. Void what was too many: call trim() afterwards.
    void reserve(size_t count);
    /// Merges until invariant 3 holds, after a reserve() for more than came.
    void trim();
    /// Removes what `position` names; `hash` is its hash. May merge one chain into another.
    void erase(Position position, uint64_t hash);
    /// The object moved: same key, same hash, new reference.
    void replace(Position position, Reference reference) {
        uint64_t& word = position.bucket_->slots[position.slot_];
        word = (word & ~Bucket::kReferenceMask) | checked_bits(reference);
    }
    /// Calls on_each(reference) for all and gives all memory back. on_each may destroy the object
    /// but not touch the table.
    template <class F>
    void clear(F&& on_each);
    /// The same for the last home bucket alone; returns how many references it had. Calls until
    /// empty() clear a table in slices: what is left can be used between them, but for invariant 3.
    template <class F>
    size_t clear_last(F&& on_each);

    /// Visits one chain and returns the cursor of the next one; begins with 0, ends with 0. What is
    /// in the table from the first call to the last is given at least once, however the table grows
    /// and shrinks between the calls. f(reference) must not change the table.
    template <class F>
    uint64_t scan(uint64_t cursor, F&& f) const;
    /// scan_place() of the first hash that may be in the chain which scan() visits at `cursor`: the
    /// cursor's own, unless the chain has been merged since it was given.
    uint64_t scan_begin(uint64_t cursor) const noexcept {
        return bucket_count_ == 0 ? 0 : scan_place(bucket_of(cursor));
    }
    /// As scan(), but gives nothing twice: what a merge has brought back in front of the cursor is
    /// left out, because its hash says that it was given before. Hashes each reference of the
    /// chain.
    template <class F>
    uint64_t scan_once(uint64_t cursor, F&& f) const;
    /// f(reference) for all; must not change the table.
    template <class F>
    void for_each(F&& f) const {
        for (size_t i = 0; i < bucket_count_; ++i) for_each_in_bucket(i, f);
    }
    /// f(reference) for each one in the chain of `token` whose tag agrees with it; must not change
    /// the table.
    template <class F>
    void visit_chain(uint64_t token, F&& f) const {
        find(token, [&f](Reference reference) {
            f(reference);
            return false;
        });
    }

    /// The same for the low 32 bits of a token, of which eight are of the tag: f sees each
    /// reference that agrees in these, one in 256 of those that are not meant among them. For
    /// tables of at most 2^32 buckets.
    template <class F>
    void visit_chain_short(uint32_t token, F&& f) const {
        if (bucket_count_ == 0) return;
        for_each_slot(bucket_of(token), [&](const Bucket& bucket, unsigned slot) {
            const uint64_t tag = bucket.slots[slot] >> Bucket::kTagShift;
            if ((tag & 0xFF) == (tag_of(token) & 0xFF)) f(reference_at(bucket, slot));
        });
    }

    /// Brings the home bucket of `hash` into the cache.
    void prefetch_bucket(uint64_t hash) const {
        if (bucket_count_ != 0) base::prefetch(home(hash));
    }
    /// Brings the objects in the home bucket that `hash` may mean into the cache, so many lines of
    /// each. Reads the bucket.
    void prefetch_entry(uint64_t hash, size_t lines = kPrefetchedLines) const {
        if (bucket_count_ == 0) return;
        const Bucket& bucket = *home(hash);
        for (uint32_t hits = tag_matches(bucket, tag_of(hash)); hits != 0; hits &= hits - 1) {
            prefetch(reference_at(bucket, slot_of_lowest(hits)), lines);
        }
    }

    /// A random reference, each about as likely as another; the table is not empty. `generator` has
    /// next() or operator() giving at least 32 random bits.
    template <class Generator>
    Reference random(Generator& generator) const;
    /// Fills `out` with up to `count` different references from a random place on; returns how
    /// many.
    template <class Generator>
    size_t sample(Generator& generator, Reference* out, size_t count) const;

    const Policy& policy() const { return policy_; }
    size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    /// Home buckets.
    size_t bucket_count() const noexcept { return bucket_count_; }
    /// Buckets in the longest chain an insert has seen since the table was last empty.
    size_t longest_chain() const noexcept { return longest_chain_; }
    /// Bytes obtained for buckets, overflow buckets and the directory.
    size_t memory_bytes() const noexcept { return memory_.bytes(); }

    /// For a snapshot: the home buckets by number, each with an epoch of 8 bits, and the table's
    /// own. An insert splits split_bucket() when will_split(); an erase folds the last bucket into
    /// merge_bucket() when will_merge(). The new half of a split inherits the epoch, a merge keeps
    /// the target's, and the first bucket of an empty table begins with the table's.
    size_t bucket_of(uint64_t hash) const noexcept {
        size_t index = hash & mask_;
        return index < bucket_count_ ? index : index & (mask_ >> 1);
    }
    uint8_t epoch(size_t bucket) const noexcept { return memory_.at(bucket)->epoch(); }
    void set_epoch(size_t bucket, uint8_t epoch) noexcept { memory_.at(bucket)->set_epoch(epoch); }
    uint8_t epoch() const noexcept { return epoch_; }
    void begin_epoch() noexcept { ++epoch_; }
    bool will_split() const noexcept {
        return bucket_count_ != 0 && (size_ + 1) * 100 > kFillMaxPercent * slot_count();
    }
    bool will_merge() const noexcept {
        return bucket_count_ > 1 && size_ != 0 &&
               (size_ - 1) * 100 < kFillMinPercent * slot_count();
    }
    size_t split_bucket() const noexcept { return bucket_count_ - std::bit_floor(bucket_count_); }
    size_t merge_bucket() const noexcept {
        return (bucket_count_ - 1) - std::bit_floor(bucket_count_ - 1);
    }
    /// f(reference) for the whole chain of home bucket `bucket`; must not change the table.
    template <class F>
    void for_each_in_bucket(size_t bucket, F&& f) const {
        for_each_slot(bucket, [&](const Bucket& b, unsigned i) { f(reference_at(b, i)); });
    }

private:
    static constexpr size_t kFillMaxPercent = 95;
    static constexpr size_t kFillMinPercent = 35;
    // random(): a chain is accepted in proportion to its length up to this many entries. Before
    // they are split, the last chains of a round have 13 on average, and more than 24 once in 500.
    static constexpr size_t kRandomSlots = 24;
    static constexpr size_t kRandomTriesMax = 128;

    static constexpr uint64_t tag_of(uint64_t hash) noexcept { return (hash >> 24) & 0xFFFF; }
    static uint64_t checked_bits(Reference reference) noexcept {
        uint64_t bits = Policy::to_bits(reference);
        DCHECK((bits & ~Bucket::kReferenceMask) == 0);
        return bits;
    }
    static uint64_t pack(uint64_t hash, Reference reference) noexcept {
        return (tag_of(hash) << Bucket::kTagShift) | checked_bits(reference);
    }
    static constexpr size_t kPrefetchedLines = 2;
    static Reference reference_at(const Bucket& bucket, unsigned slot) {
        return Policy::from_bits(bucket.slots[slot] & Bucket::kReferenceMask);
    }
    void prefetch(Reference reference, size_t lines = kPrefetchedLines) const {
        if constexpr (requires { policy_.prefetch(reference); }) {
            policy_.prefetch(reference);
        } else {
            const char* address = reinterpret_cast<const char*>(Policy::to_bits(reference));
            for (size_t line = 0; line < lines; ++line) base::prefetch(address + line * 64);
        }
    }
    static constexpr base::Purpose purpose() {
        if constexpr (requires { Policy::kPurpose; }) return Policy::kPurpose;
        return base::Purpose::index;
    }
    template <class F>
    void for_each_slot(size_t bucket, F&& f) const {
        for (const Bucket* b = memory_.at(bucket); b != nullptr; b = b->overflow()) {
            for (unsigned i = 0; i < b->count(); ++i) f(*b, i);
        }
    }
    template <class Generator>
    static uint64_t draw(Generator& generator) {
        if constexpr (requires { generator.next(); })
            return generator.next();
        else
            return generator();
    }

    /// Bit 4*(i+1)+3 is set when slot i is in use and has the tag.
    static uint32_t tag_matches(const Bucket& bucket, uint64_t tag) noexcept;
    static unsigned slot_of_lowest(uint32_t hits) noexcept {
        return static_cast<unsigned>(std::countr_zero(hits)) / 4 - 1;
    }
    size_t chain_length(size_t index) const noexcept {
        size_t length = 0;
        for (const Bucket* b = memory_.at(index); b != nullptr; b = b->overflow())
            length += b->count();
        return length;
    }
    size_t copy_chain(size_t index, size_t begin, size_t end, Reference* out, size_t count) const;
    size_t slot_count() const noexcept { return bucket_count_ * Bucket::kSlots; }
    Bucket* home(uint64_t hash) const noexcept { return memory_.at(bucket_of(hash)); }
    Bucket* append_word(Bucket* tail, uint64_t word);
    void free_overflow(Bucket* bucket) noexcept;
    void drop_last_bucket();
    void set_bucket_count(size_t count) noexcept {
        bucket_count_ = count;
        mask_ = count == 0 ? 0 : 2 * std::bit_floor(count) - 1;
    }
    void split();
    void prepare_split() const;
    void merge();
    void swap_counts(BucketTable& other) noexcept {
        std::swap(bucket_count_, other.bucket_count_);
        std::swap(mask_, other.mask_);
        std::swap(size_, other.size_);
        std::swap(longest_chain_, other.longest_chain_);
        std::swap(epoch_, other.epoch_);
    }

    [[no_unique_address]] Policy policy_;
    BucketMemory memory_{purpose()};
    size_t bucket_count_ = 0;
    size_t mask_ = 0;  // 2^(L+1) - 1
    size_t size_ = 0;
    size_t longest_chain_ = 0;
    uint8_t epoch_ = 0;
};

template <class Policy>
uint32_t BucketTable<Policy>::tag_matches(const Bucket& bucket, uint64_t tag) noexcept {
    uint32_t hits = 0;
#ifdef __SSE2__
    // 16-bit lanes are compared; lane 3 of each word is its tag. Packing the lanes to bytes leaves
    // four bits for each word, the tag's the highest. Word 0 is the control word.
    const __m128i* line = reinterpret_cast<const __m128i*>(&bucket);
    const __m128i wanted = _mm_set1_epi16(static_cast<short>(tag));
    const __m128i a = _mm_cmpeq_epi16(_mm_load_si128(line), wanted);
    const __m128i b = _mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted);
    const __m128i c = _mm_cmpeq_epi16(_mm_load_si128(line + 2), wanted);
    const __m128i d = _mm_cmpeq_epi16(_mm_load_si128(line + 3), wanted);
    hits = static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(a, b))) |
           static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(c, d))) << 16;
    hits &= 0x88888880u;
#else
    for (unsigned i = 0; i < Bucket::kSlots; ++i) {
        hits |= uint32_t{bucket.slots[i] >> Bucket::kTagShift == tag} << (4 * (i + 1) + 3);
    }
#endif
    // Slots beyond count() hold what was there before.
    return hits & static_cast<uint32_t>((uint64_t{1} << (4 * (bucket.count() + 1))) - 1);
}

/// Puts a word behind `tail`, the last bucket of a chain; returns the bucket that is last now.
template <class Policy>
Bucket* BucketTable<Policy>::append_word(Bucket* tail, uint64_t word) {
    unsigned count = tail->count();
    if (count == Bucket::kSlots) {
        Bucket* added = memory_.take_overflow(bucket_count_);
        tail->set_overflow(added);
        tail = added;
        count = 0;
    }
    tail->slots[count] = word;
    tail->set_count(count + 1);
    return tail;
}

/// Gives `bucket` and all overflow buckets behind it back.
template <class Policy>
void BucketTable<Policy>::free_overflow(Bucket* bucket) noexcept {
    while (bucket != nullptr) memory_.give_overflow(std::exchange(bucket, bucket->overflow()));
}

template <class Policy>
void BucketTable<Policy>::insert(uint64_t hash, Reference reference) {
    if (bucket_count_ == 0) {
        memory_.add_bucket(0);
        memory_.at(0)->reset(epoch_);
        set_bucket_count(1);
    }
    Bucket* tail = home(hash);
    size_t length = 1;
    while (Bucket* next = tail->overflow()) {
        tail = next;
        ++length;
    }
    Bucket* last = append_word(tail, pack(hash, reference));
    length += last != tail;
    if (length > longest_chain_) longest_chain_ = length;
    ++size_;
    if (size_ * 100 > kFillMaxPercent * slot_count()) {
        split();
    } else if (will_split()) {
        prepare_split();
    }
}

template <class Policy>
void BucketTable<Policy>::reserve(size_t count) {
    if (size_ != 0 || count == 0) return;
    const size_t wanted = count * 100 / (kFillMaxPercent * Bucket::kSlots) + 1;
    for (size_t index = bucket_count_; index < wanted; ++index) {
        memory_.add_bucket(index);
        memory_.at(index)->reset(epoch_);
        set_bucket_count(index + 1);
    }
}

template <class Policy>
void BucketTable<Policy>::trim() {
    if (size_ == 0) return clear([](Reference) {});
    while (bucket_count_ > 1 && size_ * 100 < kFillMinPercent * slot_count()) merge();
}

template <class Policy>
void BucketTable<Policy>::erase(Position position, uint64_t hash) {
    DCHECK(position);
    Bucket* before = nullptr;
    Bucket* tail = home(hash);
    while (Bucket* next = tail->overflow()) {
        before = tail;
        tail = next;
    }
    unsigned last = tail->count() - 1;
    position.bucket_->slots[position.slot_] = tail->slots[last];
    tail->set_count(last);
    if (last == 0 && before != nullptr) {
        before->set_overflow(nullptr);
        memory_.give_overflow(tail);
    }
    --size_;
    if (bucket_count_ > 1) {
        if (size_ * 100 < kFillMinPercent * slot_count()) merge();
    } else if (size_ == 0) {
        clear([](Reference) {});
    }
}

/// Has fetched what the next split will look at: every object of a chain.
template <class Policy>
void BucketTable<Policy>::prepare_split() const {
    const Bucket& source = *memory_.at(split_bucket());
    for (unsigned i = 0; i < source.count(); ++i) prefetch(reference_at(source, i));
}

/// Splits the chain at the split pointer by one more bit of the hashes.
template <class Policy>
void BucketTable<Policy>::split() {
    const size_t level_bit = std::bit_floor(bucket_count_);
    const size_t source_index = bucket_count_ - level_bit;
    memory_.add_bucket(bucket_count_);
    Bucket* source = memory_.at(source_index);
    Bucket* target = memory_.at(bucket_count_);
    target->reset(source->epoch());
    set_bucket_count(bucket_count_ + 1);
    for (unsigned i = 0; i < source->count(); ++i) prefetch(reference_at(*source, i));
    // What stays is written back over the same chain; the writer never overtakes the reader.
    Bucket* keep = source;
    unsigned kept = 0;
    for (Bucket* bucket = source; bucket != nullptr; bucket = bucket->overflow()) {
        for (unsigned i = 0, n = bucket->count(); i < n; ++i) {
            uint64_t word = bucket->slots[i];
            if (policy_.hash(reference_at(*bucket, i)) & level_bit) {
                target = append_word(target, word);
                continue;
            }
            if (kept == Bucket::kSlots) {
                keep = keep->overflow();
                kept = 0;
            }
            keep->slots[kept++] = word;
        }
    }
    free_overflow(keep->overflow());
    keep->set_overflow(nullptr);
    keep->set_count(kept);
    base::prefetch(memory_.at(split_bucket()));
}

/// Folds the last bucket back into the one it was split from.
template <class Policy>
void BucketTable<Policy>::merge() {
    Bucket* tail = memory_.at(merge_bucket());
    while (Bucket* next = tail->overflow()) tail = next;
    const size_t last = bucket_count_ - 1;
    Bucket* source = memory_.at(last);
    for (Bucket* bucket = source; bucket != nullptr; bucket = bucket->overflow()) {
        for (unsigned i = 0; i < bucket->count(); ++i) tail = append_word(tail, bucket->slots[i]);
    }
    free_overflow(source->overflow());
    memory_.remove_bucket(last);
    set_bucket_count(last);
}

template <class Policy>
void BucketTable<Policy>::drop_last_bucket() {
    const size_t last = bucket_count_ - 1;
    free_overflow(memory_.at(last)->overflow());
    memory_.remove_bucket(last);
    set_bucket_count(last);
}

template <class Policy>
template <class F>
size_t BucketTable<Policy>::clear_last(F&& on_each) {
    if (bucket_count_ == 0) return 0;
    const size_t length = chain_length(bucket_count_ - 1);
    for_each_in_bucket(bucket_count_ - 1, on_each);
    drop_last_bucket();
    size_ -= length;
    if (size_ != 0) return length;
    // The buckets that are left are empty.
    while (bucket_count_ != 0) drop_last_bucket();
    longest_chain_ = 0;
    return length;
}

template <class Policy>
template <class F>
void BucketTable<Policy>::clear(F&& on_each) {
    while (bucket_count_ != 0) clear_last(on_each);
}

// The cursor counts with its bits reversed (the most significant bit of the bucket number changes
// fastest), as Redis' dictScan does. The two halves of a split bucket are then neighbours in the
// order, and so all of what a bucket held is either before the cursor or not, whichever level it is
// read at. In a linear hash table a bucket counts with L+1 bits when it was split at this level and
// with L bits when not.
template <class Policy>
template <class F>
uint64_t BucketTable<Policy>::scan(uint64_t cursor, F&& f) const {
    if (bucket_count_ == 0) return 0;
    for_each_in_bucket(bucket_of(cursor), f);
    const uint64_t low_mask = mask_ >> 1;
    const uint64_t mask = (cursor & low_mask) < split_bucket() ? uint64_t{mask_} : low_mask;
    return detail::reverse_bits(detail::reverse_bits(cursor | ~mask) + 1);
}

// A cursor is a place in the order of reversed hashes, and everything before it has been visited. A
// chain that was merged since begins before the cursor; only what stands behind it is new.
template <class Policy>
template <class F>
uint64_t BucketTable<Policy>::scan_once(uint64_t cursor, F&& f) const {
    const uint64_t place = detail::reverse_bits(cursor);
    return scan(cursor, [&](Reference reference) {
        if (detail::reverse_bits(policy_.hash(reference)) >= place) f(reference);
    });
}

template <class Policy>
template <class Generator>
typename BucketTable<Policy>::Reference BucketTable<Policy>::random(Generator& generator) const {
    CHECK(size_ != 0);
    size_t index = 0;
    for (size_t tries = 0; tries < kRandomTriesMax; ++tries) {
        index = draw(generator) % bucket_count_;
        const size_t length = chain_length(index);
        if (length == 0) continue;
        size_t pick = draw(generator) % (length > kRandomSlots ? length : kRandomSlots);
        if (pick >= length) continue;
        const Bucket* bucket = memory_.at(index);
        for (; pick >= Bucket::kSlots; pick -= Bucket::kSlots) bucket = bucket->overflow();
        return reference_at(*bucket, static_cast<unsigned>(pick));
    }
    // Hardly a chain has anything in it (hashes that collide): the next one that has.
    while (memory_.at(index)->count() == 0) index = index + 1 == bucket_count_ ? 0 : index + 1;
    return reference_at(*memory_.at(index), 0);
}

/// Copies entries `begin` to `end` of a chain, at most `count`; returns how many.
template <class Policy>
size_t BucketTable<Policy>::copy_chain(size_t index, size_t begin, size_t end, Reference* out,
                                       size_t count) const {
    size_t place = 0;
    size_t copied = 0;
    for (const Bucket* b = memory_.at(index); b != nullptr; b = b->overflow()) {
        for (unsigned i = 0; i < b->count(); ++i, ++place) {
            if (copied == count || place >= end) return copied;
            if (place >= begin) out[copied++] = reference_at(*b, i);
        }
    }
    return copied;
}

template <class Policy>
template <class Generator>
size_t BucketTable<Policy>::sample(Generator& generator, Reference* out, size_t count) const {
    if (size_ == 0) return 0;
    // From the middle of a chain on, or the end of a long one would never be seen by small samples.
    const size_t first = draw(generator) % bucket_count_;
    const size_t length = chain_length(first);
    const size_t skipped = length == 0 ? 0 : draw(generator) % length;
    size_t found = copy_chain(first, skipped, length, out, count);
    for (size_t i = 1; i < bucket_count_ && found < count; ++i) {
        const size_t index = first + i < bucket_count_ ? first + i : first + i - bucket_count_;
        found += copy_chain(index, 0, SIZE_MAX, out + found, count - found);
    }
    return found + copy_chain(first, 0, skipped, out + found, count - found);
}

}  // namespace gyre::containers
