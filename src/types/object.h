// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The form of a large collection: an object that an entry owns. Small collections are bytes and
// need none.
//
// Ownership: an Object belongs to one entry, or to whoever took it out of one; all its memory comes
// from base::allocate under Purpose::keyspace. Threads: caller holds the shard lock while it stands
// in the keyspace, none is needed afterwards. Errors: running out of memory ends the process.

#include <cstddef>

#include "base/memory.h"

namespace gyre::types {

class Object {
public:
    virtual ~Object() = default;
    /// Elements.
    virtual size_t size() const = 0;
    /// Bytes from the allocators, itself included. Exact, O(1).
    virtual size_t footprint() const = 0;
    virtual Object* clone() const = 0;
    /// Frees about `budget` elements; true when nothing is left whose freeing takes long. After the
    /// first call only drain and the destructor may be called.
    virtual bool drain(size_t budget) = 0;

    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::keyspace, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::keyspace, memory); }
};

}  // namespace gyre::types
