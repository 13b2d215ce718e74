// SPDX-License-Identifier: BSD-3-Clause
#include "store/entry.h"

namespace gyre::store {

const char* type_name(Type type) {
    static constexpr const char* kNames[kTypeCount] = {"string", "list", "set",
                                                       "zset",   "hash", "stream"};
    return kNames[static_cast<size_t>(type)];
}

const char* encoding_name(Encoding encoding) {
    static constexpr const char* kNames[] = {"raw",       "embstr",   "int",
                                             "listpack",  "intset",   "hashtable",
                                             "quicklist", "skiplist", "stream"};
    return kNames[static_cast<size_t>(encoding)];
}

Entry* Entry::construct(void* memory, std::string_view key, uint8_t flags, size_t value_field) {
    DCHECK(value_field <= UINT16_MAX);
    Entry* entry = static_cast<Entry*>(memory);
    entry->flags_ = flags;
    entry->value_length_ = static_cast<uint16_t>(value_field);
    const bool is_long = key.size() >= kLongKey;
    entry->key_length_ = static_cast<uint8_t>(is_long ? kLongKey : key.size());
    char* at = entry->base() + entry->key_offset();
    if (!key.empty()) std::memcpy(at, key.data(), key.size());
    if (is_long) store(at - 4, static_cast<uint32_t>(key.size()));
    return entry;
}

}  // namespace gyre::store
