// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A value too large for its packed form: a list of many nodes, a hash table, a B+tree, a stream. An
// entry owns it through a pointer (store/entry.h); what kind it is the entry says.
//
// Ownership: one entry, or whoever took it out of one. All memory of an object comes from
// base::allocate(Purpose::keyspace), itself included, so that footprint() can be checked against
// what was obtained.
// Threads: the caller holds the lock of the shard of the entry; once taken out, its owner's.

#include <cstddef>

#include "base/memory.h"

namespace gyre::types {

class Object {
public:
    virtual ~Object() = default;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    /// Elements: of a list, members of a set, fields of a hash ...
    virtual size_t size() const = 0;
    /// Bytes from the allocators, itself included; exact, O(1). Stays so while it is drained.
    virtual size_t footprint() const = 0;
    /// An equal object. O(n).
    virtual Object* clone() const = 0;
    /// Frees about `budget` elements; true when nothing is left whose freeing takes long. After the
    /// first call only size(), footprint(), drain() and the destructor may be called.
    virtual bool drain(size_t budget) = 0;

    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::keyspace, bytes);
    }
    static void operator delete(void* object) noexcept {
        base::release(base::Purpose::keyspace, object);
    }

protected:
    Object() = default;
};

}  // namespace gyre::types
