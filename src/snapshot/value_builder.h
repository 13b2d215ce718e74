// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Collections that are built element by element, from whatever format, in the form that the limits
// ask for: packed while they are small, an object from the first element on that is too many or too
// long. That is Redis' rule for what is loaded, which is not always the one for what commands make.
//
// Ownership: a builder owns what it has built until it is taken, once; elements are copied.
// Threads: one at a time. Errors: false for an element that was there. Complexity: O(bytes),
// expected, and O(limit) for each element while a collection is packed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "containers/ranked_set.h"
#include "snapshot/value.h"
#include "store/entry.h"
#include "types/hash.h"
#include "types/intset.h"
#include "types/list.h"
#include "types/listpack.h"
#include "types/set.h"
#include "types/sorted_set.h"

namespace gyre::snapshot {

class ListBuilder {
public:
    explicit ListBuilder(const types::List::Options& options) : options_(options) {}

    /// At the tail.
    void push(std::string_view element) { list().push(types::ListEnd::tail, element); }
    /// A listpack with elements, as a node of its own.
    void push_node(std::string_view listpack) { list().append_node(listpack); }
    [[nodiscard]] bool is_empty() const { return list_ == nullptr; }
    BuiltValue take();

private:
    types::List& list() {
        if (!list_) list_ = std::make_unique<types::List>(options_);
        return *list_;
    }

    const types::List::Options options_;
    std::unique_ptr<types::List> list_;
};

class SetBuilder {
public:
    explicit SetBuilder(const ValueLimits& limits) : limits_(limits) {}

    /// Claimed, and right in an honest file; it costs nothing.
    void expect(uint64_t members) {
        if (members > std::max(intset_max(), limits_.set_listpack_entries)) make_large();
    }
    /// So many integers may be an intset.
    [[nodiscard]] size_t intset_max() const;
    void make_large();
    bool add(std::string_view member);
    [[nodiscard]] bool is_empty() const;
    BuiltValue take();

private:
    bool add_integer(int64_t number);
    [[nodiscard]] bool may_be_listpack(std::string_view member) const;
    template <class F>
    void for_each_packed(F&& f) const;
    void make_listpack();

    const ValueLimits& limits_;
    bool is_intset_ = true;  // the packed form
    std::string packed_{types::Intset::kEmpty};
    std::unique_ptr<types::Set> set_;
};

class SortedSetBuilder {
public:
    explicit SortedSetBuilder(const ValueLimits& limits) : limits_(limits) {}

    bool add(std::string_view member, double score);
    /// False also for one that belongs before the last one.
    bool append(std::string_view member, double score);
    void make_large() { is_large_ = true; }
    [[nodiscard]] bool is_empty() const { return set_ == nullptr; }
    BuiltValue take();

private:
    containers::RankedSet& set() {
        if (!set_) set_ = std::make_unique<types::SortedSet>();
        return set_->set;
    }

    const ValueLimits& limits_;
    bool is_large_ = false;
    std::unique_ptr<types::SortedSet> set_;
    size_t longest_ = 0;
    size_t bytes_ = 0;
};

class HashBuilder {
public:
    explicit HashBuilder(const ValueLimits& limits) : limits_(limits) {}

    /// Claimed, and right in an honest file; it costs nothing.
    void expect(uint64_t fields) {
        if (fields > limits_.hash_listpack_entries) make_large();
    }
    void make_large();
    /// With a deadline, or types::Hash::kNoDeadline.
    bool add(std::string_view name, std::string_view value, int64_t deadline_ms);
    [[nodiscard]] bool is_empty() const { return !hash_ && types::Listpack(packed_).is_empty(); }
    BuiltValue take();

private:
    const ValueLimits& limits_;
    std::string packed_{types::Listpack::kEmpty};
    std::unique_ptr<types::Hash> hash_;
};

}  // namespace gyre::snapshot
