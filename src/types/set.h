// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A large set: its members in a hash table that grows one bucket at a time. An element is the
// length of the member, one byte or 255 and eight, and the member.
//
// Ownership: a Set owns its members; views of them are good until the next change. Threads: caller
// holds the shard lock. Errors: running out of memory ends the process. Complexity: O(1) expected.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "types/element_table.h"
#include "types/object.h"

namespace gyre::types {

class Set final : public Object {
public:
    size_t size() const override { return elements_.size(); }
    size_t contents_bytes() const override { return elements_.memory_bytes(); }
    Set* clone() const override;
    bool drain(size_t budget) override { return elements_.drain(budget); }
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

    bool contains(std::string_view member) const {
        return static_cast<bool>(elements_.find(member, base::hash_bytes(member)));
    }
    /// False: it was there. `member` must not lie in this set.
    bool add(std::string_view member);
    /// False: it was not there. `member` may be the member itself.
    bool remove(std::string_view member);

    /// f(member) for all; must not change the set.
    template <class F>
    void for_each(F&& f) const {
        elements_.table().for_each([&f](ElementRef element) { f(Layout::key(element.data())); });
    }
    /// The same until f(member) returns false.
    template <class F>
    void for_each_until(F&& f) const {
        bool goes_on = true;
        const size_t buckets = elements_.table().bucket_count();
        for (size_t i = 0; i < buckets && goes_on; ++i) {
            elements_.table().for_each_in_bucket(i, [&](ElementRef element) {
                if (goes_on) goes_on = f(Layout::key(element.data()));
            });
        }
    }
    /// The same in parts, as long as the set does not change: for each bucket below buckets().
    size_t buckets() const { return elements_.table().bucket_count(); }
    template <class F>
    void for_each_in_bucket(size_t bucket, F&& f) const {
        elements_.table().for_each_in_bucket(
            bucket, [&f](ElementRef element) { f(Layout::key(element.data())); });
    }
    /// See BucketTable::scan().
    template <class F>
    uint64_t scan(uint64_t cursor, F&& f) const {
        return elements_.table().scan(cursor,
                                      [&f](ElementRef element) { f(Layout::key(element.data())); });
    }
    /// Some member, each about as likely as another; there is one.
    template <class Generator>
    std::string_view random(Generator& generator) const {
        return Layout::key(elements_.table().random(generator).data());
    }

private:
    struct Layout {
        static std::string_view key(const char* element) noexcept;
        static size_t bytes(const char* element) noexcept;
    };

    ElementTable<Layout> elements_;
};

}  // namespace gyre::types
