// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A large hash: its fields in a hash table that grows one bucket at a time. An element is
//
//   u8    widths of the two lengths, and whether there is a deadline
//   1, 4 or 8 bytes     length of the field
//   1, 4 or 8 bytes     length of the value
//   [4 bytes            place in the heap of deadlines]
//   field, value
//
// so that a deadline costs only where there is one.
//
// Ownership: a Hash owns its fields; views of them are good until the next change. Threads: caller
// holds the shard lock. Errors: running out of memory ends the process.
// Complexity: O(1) expected; O(log n) in the number of deadlines where one is changed.
// Invariant: a field has a place in the heap exactly when it has a deadline.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "types/element_table.h"
#include "types/field_deadlines.h"
#include "types/object.h"

namespace gyre::types {

class Hash final : public Object {
public:
    /// A deadline that never comes.
    static constexpr int64_t kNoDeadline = INT64_MAX;
    /// The latest deadline that commands give, Unix milliseconds: Redis' limit. Files hold
    /// deadlines up to four times as far, and nothing beyond.
    static constexpr int64_t kDeadlineMax = (int64_t{1} << 46) - 1;
    /// The latest that a hash may have, from a file.
    static constexpr int64_t kKeptDeadlineMax = (int64_t{1} << 48) - 2;

    struct Field {
        std::string_view name;
        std::string_view value;
        int64_t deadline_ms = kNoDeadline;
    };

    size_t size() const override { return elements_.size(); }
    size_t contents_bytes() const override {
        return elements_.memory_bytes() + deadlines_.memory_bytes();
    }
    Hash* clone() const override;
    bool drain(size_t budget) override;
    uint64_t prefetch(std::string_view element) const override {
        return elements_.prefetch(element);
    }
    void prefetch_found(uint64_t hint) const override { elements_.prefetch_found(hint); }
    /// A part is a bucket.
    void begin_saving(ObjectSaver& saver) override {
        Object::begin_saving(saver);
        elements_.begin_saving(saver);
    }
    bool save_next(size_t& place) override { return elements_.save_next(place); }
    void end_saving() override {
        elements_.end_saving();
        Object::end_saving();
    }

    std::optional<Field> find(std::string_view name) const;
    enum class Deadline : uint8_t { drop, keep };
    /// Sets a field; true when it is new. Neither name nor value may lie in this hash.
    bool set(std::string_view name, std::string_view value, Deadline deadline = Deadline::drop);
    /// False: it was not there. `name` may be the field's own.
    bool remove(std::string_view name);

    // --- deadlines ----------------------------------------------------------------------------
    /// Fields with one.
    size_t with_deadline() const { return deadlines_.size(); }
    /// Sets, or with kNoDeadline removes, the deadline of a field that is there. `name` must not
    /// lie in this hash.
    void set_deadline(std::string_view name, int64_t deadline_ms);
    /// kNoDeadline when no field has one.
    int64_t nearest_deadline_ms() const {
        return deadlines_.size() == 0 ? kNoDeadline : deadlines_.nearest_ms();
    }
    /// The field with the nearest deadline; there is one.
    Field nearest() const { return field_at(deadlines_.nearest().data()); }

    /// Removes up to `budget` fields whose deadline the clock has passed, each after
    /// on_due(name); returns how many.
    template <class F>
    size_t remove_due(int64_t now_ms, size_t budget, F&& on_due);

    /// f(field) for all; must not change the hash.
    template <class F>
    void for_each(F&& f) const {
        elements_.table().for_each([&](ElementRef element) { f(field_at(element.data())); });
    }
    /// The same in parts, as long as the hash does not change: for each bucket below buckets().
    size_t buckets() const { return elements_.table().bucket_count(); }
    template <class F>
    void for_each_in_bucket(size_t bucket, F&& f) const {
        elements_.table().for_each_in_bucket(
            bucket, [&](ElementRef element) { f(field_at(element.data())); });
    }
    /// See BucketTable::scan().
    template <class F>
    uint64_t scan(uint64_t cursor, F&& f) const {
        return elements_.table().scan(cursor,
                                      [&](ElementRef element) { f(field_at(element.data())); });
    }
    /// Some field, each about as likely as another; there is one.
    template <class Generator>
    Field random(Generator& generator) const {
        return field_at(elements_.table().random(generator).data());
    }

private:
    struct Layout {
        static std::string_view key(const char* element) noexcept;
        static size_t bytes(const char* element) noexcept;
    };
    using Table = ElementTable<Layout>;
    static void set_place(char* element, uint32_t place);
    Field field_at(const char* element) const;
    void erase(Table::Position position, uint64_t hash);
    char* rewrite(Table::Position position, std::string_view name, std::string_view value,
                  bool has_place);

    Table elements_;
    FieldDeadlines deadlines_{set_place};
};

template <class F>
size_t Hash::remove_due(int64_t now_ms, size_t budget, F&& on_due) {
    size_t removed = 0;
    while (removed < budget && nearest_deadline_ms() < now_ms) {
        const std::string_view name = nearest().name;
        on_due(name);
        remove(name);
        ++removed;
    }
    return removed;
}

}  // namespace gyre::types
