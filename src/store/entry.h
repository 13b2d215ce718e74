// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// An entry: one key with its value, in one allocation. The hash table refers to entries and owns no
// node of its own.
//
//   off 0  u8   type:4 | encoding:4
//   off 1  u8   flags (Flag)
//   off 2  u24  access word: LRU seconds, or LFU minutes:16 | counter:8 (the bits Redis uses)
//   off 5  u8   key length, 255: a u32 with the length stands before the key
//   off 6  u16  length of the value field in bytes
//   [+8 B  deadline, Unix milliseconds, when has_expire_field]
//   [+8 B  timestamp of the last write, Unix milliseconds, when has_timestamp]
//   [+4 B  key length]   key bytes   value field
//
// The value field of a string is its bytes; 8 bytes of integer (Encoding::integer); or, when
// external, 8 bytes that point to a SharedBytes of which the entry holds one reference. A small
// collection is bytes in the same way (Encoding::listpack, intset), a large one 8 bytes that point
// to the types::Object that the entry owns. Nothing in an entry is aligned beyond its header:
// fields are read with memcpy.
//
// Ownership: entries belong to the Partition that made them; they move when they change size, so an
// Entry* is good until the next write to its key. Threads: caller holds the shard lock.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "base/shared_bytes.h"
#include "types/object.h"

namespace gyre::store {

enum class Type : uint8_t { string, list, set, zset, hash, stream };
inline constexpr size_t kTypeCount = 6;
/// "string", "list", ...: what TYPE answers.
const char* type_name(Type type);

enum class Encoding : uint8_t {
    raw,
    embstr,
    integer,
    listpack,   ///< packed: the bytes of a listpack
    intset,     ///< packed: the bytes of an intset
    hashtable,  ///< this and what follows are objects
    quicklist,
    skiplist,  ///< Redis' name for a large sorted set; here a B+tree
    stream,
};
/// "raw", "embstr", "int", "listpack" ...: what OBJECT ENCODING answers.
const char* encoding_name(Encoding encoding);

/// What a value is and how it is kept.
struct Kind {
    Type type = Type::string;
    Encoding encoding = Encoding::raw;
    bool operator==(const Kind&) const = default;
};

/// A deadline that never comes: keys without a TTL.
inline constexpr int64_t kNoExpiry = INT64_MAX;
/// Stands for "no timestamp recorded", older than any.
inline constexpr int64_t kNoTimestamp = INT64_MIN;

class Entry {
public:
    enum Flag : uint8_t {
        has_expire_field = 1,
        has_timestamp = 2,
        wheel_armed = 4,   ///< at least one token of this key is in the wheel
        external = 8,      ///< the value field points to a SharedBytes
        owns_object = 16,  ///< the value field points to a types::Object
    };
    static constexpr size_t kHeaderBytes = 8;
    static constexpr size_t kLongKey = 255;
    static constexpr size_t kPointerBytes = 8;
    /// Longest value kept inside the entry; a longer one is external.
    static constexpr size_t kInlineValueMax = 4096;

    /// Bytes an entry needs.
    static size_t bytes_needed(size_t key_length, size_t value_field, bool expires, bool stamped) {
        return kHeaderBytes + (expires ? 8 : 0) + (stamped ? 8 : 0) +
               (key_length >= kLongKey ? 4 : 0) + key_length + value_field;
    }

    Type type() const { return static_cast<Type>(type_encoding_ >> 4); }
    Encoding encoding() const { return static_cast<Encoding>(type_encoding_ & 15); }
    Kind kind() const { return {type(), encoding()}; }
    void set_kind(Kind kind) {
        type_encoding_ = static_cast<uint8_t>(static_cast<unsigned>(kind.type) << 4 |
                                              static_cast<unsigned>(kind.encoding));
    }

    bool has(Flag flag) const { return (flags_ & flag) != 0; }
    void set(Flag flag, bool on) {
        flags_ = static_cast<uint8_t>(on ? flags_ | flag : flags_ & ~flag);
    }
    uint8_t flags() const { return flags_; }
    void set_flags(uint8_t flags) { flags_ = flags; }

    uint32_t access_word() const {
        return static_cast<uint32_t>(access_[0] | access_[1] << 8 | access_[2] << 16);
    }
    void set_access_word(uint32_t word) {
        access_[0] = static_cast<uint8_t>(word);
        access_[1] = static_cast<uint8_t>(word >> 8);
        access_[2] = static_cast<uint8_t>(word >> 16);
    }

    /// Deadline in Unix milliseconds, kNoExpiry when there is none.
    int64_t expire_ms() const {
        return has(has_expire_field) ? load<int64_t>(base() + kHeaderBytes) : kNoExpiry;
    }
    bool has_expiry() const { return expire_ms() != kNoExpiry; }
    /// Redis' rule: a key is gone once the clock has passed its deadline, not while it equals it.
    bool is_expired(int64_t now_ms) const { return now_ms > expire_ms(); }
    /// Only when has_expire_field.
    void store_expire_ms(int64_t deadline) { store(base() + kHeaderBytes, deadline); }

    /// Timestamp of the last write, kNoTimestamp when none is recorded.
    int64_t timestamp_ms() const {
        return has(has_timestamp) ? load<int64_t>(base() + timestamp_offset()) : kNoTimestamp;
    }
    void store_timestamp_ms(int64_t timestamp) { store(base() + timestamp_offset(), timestamp); }

    std::string_view key() const {
        const char* at = base() + key_offset();
        if (key_length_ != kLongKey) [[likely]]
            return {at, key_length_};
        return {at, load<uint32_t>(at - 4)};
    }

    size_t value_field_bytes() const { return value_length_; }
    /// Only when the memory has room for so many.
    void set_value_field_bytes(size_t bytes) { value_length_ = static_cast<uint16_t>(bytes); }
    char* value_field() { return base() + key_offset() + key().size(); }
    const char* value_field() const { return base() + key_offset() + key().size(); }

    // --- strings ------------------------------------------------------------------------------
    int64_t integer() const { return load<int64_t>(value_field()); }
    base::SharedBytes* block() const { return load<base::SharedBytes*>(value_field()); }
    /// The bytes of a string that is not integer encoded, and of a packed collection.
    std::string_view bytes() const {
        if (has(external)) return block()->view();
        return {value_field(), value_length_};
    }

    // --- collections --------------------------------------------------------------------------
    /// Only when owns_object.
    types::Object* object() const { return load<types::Object*>(value_field()); }

    /// Bytes of the entry itself, as asked for at allocation.
    size_t size() const {
        return bytes_needed(key().size(), value_length_, has(has_expire_field), has(has_timestamp));
    }

    /// Lays out header and key of a new entry in raw memory; deadline, timestamp and value follow.
    /// `key` lies elsewhere.
    static Entry* construct(void* memory, std::string_view key, uint8_t flags, size_t value_field);

    template <class T>
    static T load(const char* at) {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
    template <class T>
    static void store(char* at, T value) {
        std::memcpy(at, &value, sizeof value);
    }

private:
    char* base() { return reinterpret_cast<char*>(this); }
    const char* base() const { return reinterpret_cast<const char*>(this); }
    size_t timestamp_offset() const { return kHeaderBytes + (has(has_expire_field) ? 8 : 0); }
    size_t key_offset() const {
        return timestamp_offset() + (has(has_timestamp) ? 8 : 0) +
               (key_length_ == kLongKey ? 4 : 0);
    }

    uint8_t type_encoding_;
    uint8_t flags_;
    uint8_t access_[3];
    uint8_t key_length_;
    uint16_t value_length_;
};
static_assert(sizeof(Entry) == Entry::kHeaderBytes);

/// Refers to an entry from a table's slot. A type of its own, so that 32-bit handles into an arena
/// can take its place without touching the users of the table.
class EntryRef {
public:
    EntryRef() = default;
    explicit EntryRef(Entry* entry) : entry_(entry) {}
    Entry* get() const { return entry_; }
    Entry* operator->() const { return entry_; }
    bool operator==(const EntryRef&) const = default;

private:
    Entry* entry_ = nullptr;
};

}  // namespace gyre::store
