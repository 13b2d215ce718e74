// SPDX-License-Identifier: BSD-3-Clause

// The layout of an entry: every combination of fields, key and value, at the borders of their
// lengths.

#include "store/entry.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyre::store {
namespace {

std::string pattern(size_t bytes, char first) {
    std::string text(bytes, '\0');
    for (size_t index = 0; index < bytes; ++index) {
        text[index] = static_cast<char>(first + static_cast<char>(index * 7));
    }
    return text;
}

/// Exactly as much memory as the entry says it needs, so that a sanitizer sees a byte too many.
class EntryMemory {
public:
    EntryMemory(std::string_view key, unsigned flags, size_t value_field)
        : bytes_(Entry::bytes_needed(key.size(), value_field,
                                     (flags & Entry::has_expire_field) != 0,
                                     (flags & Entry::has_timestamp) != 0)),
          entry_(Entry::construct(bytes_.data(), key, static_cast<uint8_t>(flags), value_field)) {}
    Entry* operator->() { return entry_; }
    size_t size() const { return bytes_.size(); }

private:
    std::vector<char> bytes_;
    Entry* entry_;
};

TEST(Entry, every_combination_of_fields_keeps_what_is_put_in) {
    for (const unsigned flags : {0U, 1U, 2U, 3U}) {
        for (const size_t key_bytes : {0U, 1U, 16U, 254U, 255U, 256U, 1000U}) {
            for (const size_t value_bytes : {0U, 1U, 8U, 44U, 4096U}) {
                const std::string key = pattern(key_bytes, 'k');
                const std::string value = pattern(value_bytes, 'v');
                EntryMemory entry(key, flags, value_bytes);
                entry->set_kind({Type::string, Encoding::raw});
                entry->set_access_word(0xABCDEF);
                if (entry->has(Entry::has_expire_field)) entry->store_expire_ms(-5);
                if (entry->has(Entry::has_timestamp)) entry->store_timestamp_ms(77);
                if (!value.empty()) value.copy(entry->value_field(), value.size());
                EXPECT_EQ(entry->key(), key);
                EXPECT_EQ(entry->bytes(), value);
                EXPECT_EQ(entry->value_field_bytes(), value_bytes);
                EXPECT_EQ(entry->access_word(), 0xABCDEFU);
                EXPECT_EQ(entry->expire_ms(), (flags & 1) != 0 ? -5 : kNoExpiry);
                EXPECT_EQ(entry->timestamp_ms(), (flags & 2) != 0 ? 77 : kNoTimestamp);
                EXPECT_EQ(entry->size(), entry.size());
                EXPECT_EQ(entry->flags(), flags);
            }
        }
    }
}

TEST(Entry, a_key_without_bytes_may_have_no_address) {
    EntryMemory entry(std::string_view(), Entry::has_expire_field, 0);
    EXPECT_EQ(entry->key(), "");
    EXPECT_EQ(entry.size(), 16U);
}

TEST(Entry, a_new_layout_over_the_old_one_is_whole) {
    for (const size_t key_bytes : {3U, 254U, 255U, 300U}) {
        const std::string key = pattern(key_bytes, 'a');
        std::vector<char> memory(Entry::bytes_needed(key_bytes, 40, true, true));
        Entry* entry = Entry::construct(memory.data(), key, 0, 40);
        for (const unsigned flags : {3U, 1U, 2U, 0U, 2U, 3U, 0U}) {
            entry = Entry::construct(memory.data(), key, static_cast<uint8_t>(flags), 10);
            EXPECT_EQ(entry->key(), key) << key_bytes << " bytes, flags " << flags;
        }
    }
}

TEST(Entry, a_key_is_gone_when_the_clock_has_passed_its_deadline) {
    EntryMemory entry("k", Entry::has_expire_field, 0);
    entry->store_expire_ms(1000);
    EXPECT_FALSE(entry->is_expired(999));
    EXPECT_FALSE(entry->is_expired(1000));
    EXPECT_TRUE(entry->is_expired(1001));
    entry->store_expire_ms(kNoExpiry);
    EXPECT_FALSE(entry->has_expiry());
    EXPECT_FALSE(entry->is_expired(INT64_MAX));
    entry->store_expire_ms(INT64_MAX - 1);
    EXPECT_TRUE(entry->has_expiry());
    EXPECT_TRUE(entry->is_expired(INT64_MAX));
    entry->store_expire_ms(INT64_MIN);
    EXPECT_FALSE(entry->is_expired(INT64_MIN));
    EXPECT_TRUE(entry->is_expired(INT64_MIN + 1));
}

TEST(Entry, flags_are_set_one_by_one) {
    EntryMemory entry("k", 0, 8);
    for (const auto flag : {Entry::wheel_armed, Entry::external}) {
        entry->set(flag, true);
        EXPECT_TRUE(entry->has(flag));
    }
    entry->set(Entry::wheel_armed, false);
    EXPECT_FALSE(entry->has(Entry::wheel_armed));
    EXPECT_TRUE(entry->has(Entry::external));
    EXPECT_EQ(entry->key(), "k");
}

TEST(Entry, kinds_have_the_names_of_redis) {
    EntryMemory entry("k", 0, 8);
    for (const auto type :
         {Type::string, Type::list, Type::set, Type::zset, Type::hash, Type::stream}) {
        for (const auto encoding : {Encoding::raw, Encoding::embstr, Encoding::integer}) {
            entry->set_kind({type, encoding});
            EXPECT_EQ(entry->type(), type);
            EXPECT_EQ(entry->encoding(), encoding);
        }
    }
    EXPECT_STREQ(type_name(Type::string), "string");
    EXPECT_STREQ(type_name(Type::zset), "zset");
    EXPECT_STREQ(type_name(Type::stream), "stream");
    EXPECT_STREQ(encoding_name(Encoding::raw), "raw");
    EXPECT_STREQ(encoding_name(Encoding::embstr), "embstr");
    EXPECT_STREQ(encoding_name(Encoding::integer), "int");
}

}  // namespace
}  // namespace gyre::store
