// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The numbers of the RDB format, which docs/formats/rdb.md describes.
//
// Threads: any.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gyre::snapshot {

/// What is written unless somebody asks for another: Redis 7.0 and everything later reads it.
inline constexpr int kRdbVersion = 10;
/// The highest version of Redis' own numbering that is read (Redis 7.4 and 8).
inline constexpr int kRdbVersionMax = 12;
/// Valkey 9 went its own way with this one.
inline constexpr int kRdbVersionValkey = 80;
/// From this version on there is a checksum behind the end mark.
inline constexpr int kRdbVersionWithChecksum = 5;

constexpr bool is_rdb_version_known(int version) {
    return (version >= 1 && version <= kRdbVersionMax) || version == kRdbVersionValkey;
}

/// "REDIS" and four digits, or "VALKEY" and three.
inline constexpr size_t kRdbHeaderBytes = 9;
inline constexpr size_t kRdbChecksumBytes = 8;

/// First byte of what is not a key.
enum class RdbOpcode : uint8_t {
    slot_info = 244,
    function = 245,
    function_before_release = 246,
    module_aux = 247,
    idle = 248,
    frequency = 249,
    aux = 250,
    resize_database = 251,
    expire_time_ms = 252,
    expire_time = 253,
    select_database = 254,
    end = 255,
};
/// Types of values have numbers below; what no version gave a meaning lies between.
inline constexpr uint8_t kRdbOpcodeFirst = 243;

inline constexpr uint8_t kRdbTypeString = 0;
/// Numbers of the types that are written or read. Those up to 25 mean the same everywhere but for
/// one: in Valkey's version 80 number 22 is a hash with a deadline behind each field.
enum class RdbType : uint8_t {
    string = 0,
    list = 1,
    set = 2,
    zset = 3,
    hash = 4,
    zset_2 = 5,
    hash_zipmap = 9,
    list_ziplist = 10,
    set_intset = 11,
    zset_ziplist = 12,
    hash_ziplist = 13,
    list_quicklist = 14,
    stream_listpacks = 15,
    hash_listpack = 16,
    zset_listpack = 17,
    list_quicklist_2 = 18,
    stream_listpacks_2 = 19,
    set_listpack = 20,
    stream_listpacks_3 = 21,
    hash_metadata_early = 22,     ///< of Redis 7.4 before its release
    hash_listpack_ex_early = 23,  ///< the same
    hash_metadata = 24,
    hash_listpack_ex = 25,
};
/// What a node of list_quicklist_2 is.
enum class RdbListNode : uint8_t { plain = 1, packed = 2 };
/// What stands for a score in the text of zset, by the byte that else is its length.
enum class RdbTextScore : uint8_t { not_a_number = 253, infinity = 254, minus_infinity = 255 };
/// From these versions on a packed set, a stream with the times at which consumers were active, and
/// a hash with deadlines of fields have types of their own.
inline constexpr int kRdbVersionSetListpack = 11;
inline constexpr int kRdbVersionActiveTimes = 11;
inline constexpr int kRdbVersionFieldDeadlines = 12;
/// The latest deadline of a field, Unix milliseconds: Redis'.
inline constexpr int64_t kFieldDeadlineMax = (int64_t{1} << 48) - 2;
/// "list", "hash", ...: the type of a value by its number in the file; "" for an unknown number.
std::string_view rdb_type_name(uint8_t type);

/// How a length begins: the two highest bits of its first byte.
enum class RdbLengthForm : uint8_t { bits_6 = 0, bits_14 = 1, wide = 2, encoded = 3 };
inline constexpr uint8_t kRdbLength32 = 0x80;
inline constexpr uint8_t kRdbLength64 = 0x81;

/// What the other six bits of RdbLengthForm::encoded say of a string.
enum class RdbStringEncoding : uint8_t { int8 = 0, int16 = 1, int32 = 2, lzf = 3 };

/// An integer in decimal that is longer is not one of 32 bits.
inline constexpr size_t kRdbIntegerCharsMax = 11;
/// Strings of up to this length are not compressed.
inline constexpr size_t kRdbPlainBytesMax = 20;

/// One reference of LZF takes three bytes and stands for 264 at most, so no honest string is larger
/// than 88 times its compressed form.
inline constexpr uint64_t kLzfRatioMax = 88;

/// A string longer than this is taken for damage unless the caller says otherwise: Redis'
/// proto-max-bulk-len.
inline constexpr uint64_t kRdbStringBytesMax = uint64_t{512} * 1024 * 1024;

/// The AUX field before a key that carries the timestamp of its last write.
inline constexpr std::string_view kTimestampField = "gyre-timestamp";
/// The AUX fields before a hash that carry the deadlines of its fields.
inline constexpr std::string_view kFieldDeadlinesField = "gyre-field-deadlines";
/// The AUX fields before a stream that carry when its consumers were active.
inline constexpr std::string_view kActiveTimesField = "gyre-active-times";

}  // namespace gyre::snapshot
