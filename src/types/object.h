// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A value too large for its packed form: a list of many nodes, a hash table, a B+tree, a stream. An
// entry owns it through a pointer (store/entry.h); what kind it is the entry says.
//
// Ownership: one entry, or whoever took it out of one. All memory of an object comes from
// base::allocate(Purpose::keyspace), itself included, so that footprint() can be checked against
// what was obtained.
//
// An object can be saved part by part while it goes on being changed, so that no change has to
// save more than the part it touches. What is told is the object as it was at begin_saving(), each
// part once. Where parts may stand in any order (hashes, sets, sorted sets) one that is about to be
// changed is told first. Where they may not (lists, streams) the object keeps it aside as it was,
// until its turn comes; that memory counts as Purpose::snapshot and is not in footprint().
//
// Threads: the caller holds the lock of the shard of the entry; once taken out, its owner's.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/memory.h"
#include "containers/part_saver.h"

namespace gyre::types {

class Object;

/// Who saves an object.
class ObjectSaver : public containers::PartSaver {
public:
    /// The object keeps so many bytes more aside.
    virtual void note_kept(size_t bytes) = 0;
    /// What has no parts is about to change.
    virtual void save_rest() = 0;
    /// The object, which has left its entry for good, is the saver's now.
    virtual void adopt(Object* object) = 0;

protected:
    virtual ~ObjectSaver() = default;
};

class Object {
public:
    virtual ~Object() = default;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    /// Elements: of a list, members of a set, fields of a hash ...
    virtual size_t size() const = 0;
    /// Bytes from the allocators for what it owns; exact, O(1). Stays so while it is drained.
    virtual size_t contents_bytes() const = 0;
    /// The same, itself included.
    size_t footprint() const { return base::usable_size(this) + contents_bytes(); }
    /// An equal object. O(n).
    virtual Object* clone() const = 0;
    /// Frees about `budget` elements; true when nothing is left whose freeing takes long. After the
    /// first call only size(), footprint(), drain() and the destructor may be called.
    virtual bool drain(size_t budget) = 0;

    // --- fetching ahead -----------------------------------------------------------------------
    /// Before elements are looked for: brings in what looking for this one reads first; returns
    /// what prefetch_found() is to get once that has come, which brings in the element itself.
    /// Where elements are not found by their bytes, nothing.
    virtual uint64_t prefetch(std::string_view /*element*/) const { return 0; }
    virtual void prefetch_found(uint64_t /*hint*/) const {}

    // --- saving -------------------------------------------------------------------------------
    /// From here on the saver is told of all parts.
    virtual void begin_saving(ObjectSaver& saver) { saver_ = &saver; }
    /// Tells it of the next part, if that one is not saved yet; false when all are. `place` begins
    /// with 0.
    virtual bool save_next(size_t& place) = 0;
    virtual void end_saving() { saver_ = nullptr; }
    /// Null: it is not being saved.
    ObjectSaver* saver() const { return saver_; }
    /// To be called before somebody changes the object through its own functions.
    void will_edit() {
        if (saver_ != nullptr) [[unlikely]]
            save_rest();
    }

    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::keyspace, bytes);
    }
    static void operator delete(void* object) noexcept {
        base::release(base::Purpose::keyspace, object);
    }

protected:
    Object() = default;
    /// Saves what changes without being asked part by part.
    virtual void save_rest() {}

private:
    ObjectSaver* saver_ = nullptr;
};

}  // namespace gyre::types
