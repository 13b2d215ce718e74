// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/data_digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <boost/uuid/detail/sha1.hpp>
#include <utility>

#include "types/hash.h"
#include "types/intset.h"
#include "types/list.h"
#include "types/listpack.h"
#include "types/set.h"
#include "types/sorted_set.h"
#include "types/stream.h"

namespace gyre::snapshot {

namespace {

using store::Type;
using types::Listpack;
using types::ListpackValue;

constexpr std::string_view kHasDeadline = "!!expire!!";
constexpr std::string_view kFieldHasDeadline = "!!hexpire!!";

/// Five words in the host's order, or bytes from Boost 1.86 on.
using Sha1Words = boost::uuids::detail::sha1::digest_type;

void join_hash(std::string_view text, std::array<uint8_t, DataDigest::kBytes>& bytes) {
    boost::uuids::detail::sha1 hash;
    hash.process_bytes(text.data(), text.size());
    Sha1Words words;
    hash.get_digest(words);
    constexpr size_t kWordBytes = sizeof(words[0]);
    for (size_t at = 0; at < bytes.size(); ++at) {
        const size_t shift = 8 * (kWordBytes - 1 - at % kWordBytes);
        bytes[at] ^= static_cast<uint8_t>(words[at / kWordBytes] >> shift);
    }
}

/// As Redis numbers them; 5 is its modules'.
uint32_t number_of(Type type) {
    switch (type) {
        case Type::string:
            return 0;
        case Type::list:
            return 1;
        case Type::set:
            return 2;
        case Type::zset:
            return 3;
        case Type::hash:
            return 4;
        case Type::stream:
            break;
    }
    return 6;
}

template <class T>
const T& object_of(const Record& record) {
    return static_cast<const T&>(*record.object);
}

/// f(text) for each element of a listpack.
template <class F>
void for_each_packed(std::string_view bytes, F&& f) {
    const Listpack pack(bytes);
    ListpackValue::Digits digits;
    for (size_t at = pack.begin(); at != pack.end(); at = pack.next(at))
        f(pack.at(at).text(digits));
}

void mix_list(const Record& record, DataDigest& digest) {
    const auto mix = [&digest](std::string_view element) { digest.mix(element); };
    if (record.object == nullptr) return for_each_packed(record.value, mix);
    ListpackValue::Digits digits;
    for (types::List::Cursor at(object_of<types::List>(record), 0); at; at.next()) {
        mix(at.value().text(digits));
    }
}

void add_set(const Record& record, DataDigest& digest) {
    const auto add = [&digest](std::string_view member) { digest.add(member); };
    if (record.object != nullptr) return object_of<types::Set>(record).for_each(add);
    if (record.kind.encoding != store::Encoding::intset) return for_each_packed(record.value, add);
    const types::Intset numbers(record.value);
    for (size_t index = 0; index < numbers.size(); ++index) add(std::to_string(numbers.at(index)));
}

void add_pair(std::string_view first, std::string_view second, std::string_view mark,
              DataDigest& digest) {
    DataDigest pair;
    pair.mix(first);
    pair.mix(second);
    if (!mark.empty()) pair.add(mark);
    digest.add(pair);
}

void add_sorted_set(const Record& record, DataDigest& digest) {
    const auto add = [&digest](std::string_view member, double score) {
        add_pair(member, fmt::format("{:.17g}", score), {}, digest);
        return true;
    };
    if (record.object == nullptr) return types::PackedSortedSet(record.value).for_each(add);
    object_of<types::SortedSet>(record).set.for_each(
        [&add](const containers::RankedSet::Item& item) { add(item.member, item.score); });
}

void add_hash(const Record& record, DataDigest& digest) {
    if (record.object != nullptr) {
        object_of<types::Hash>(record).for_each([&digest](const types::Hash::Field& field) {
            const bool has_deadline = field.deadline_ms != types::Hash::kNoDeadline;
            add_pair(field.name, field.value, has_deadline ? kFieldHasDeadline : "", digest);
        });
        return;
    }
    std::optional<std::string> name;
    for_each_packed(record.value, [&](std::string_view element) {
        if (!name) {
            name = element;
        } else {
            add_pair(*std::exchange(name, {}), element, {}, digest);
        }
    });
}

void mix_stream(const Record& record, DataDigest& digest) {
    object_of<types::Stream>(record).visit(
        {}, types::StreamId::max(),
        [&digest](const types::StreamNode& node, const types::StreamNode::Entry& entry) {
            digest.mix(fmt::format("{}.{}", entry.id.ms, entry.id.seq));
            node.for_each_field(entry, [&](const ListpackValue& name, const ListpackValue& value) {
                ListpackValue::Digits digits;
                digest.mix(name.text(digits));
                digest.mix(value.text(digits));
            });
            return true;
        });
}

void take_value(const Record& record, DataDigest& digest) {
    digest.mix(number_of(record.kind.type));
    switch (record.kind.type) {
        case Type::string:
            digest.mix(record.value);
            break;
        case Type::list:
            mix_list(record, digest);
            break;
        case Type::set:
            add_set(record, digest);
            break;
        case Type::zset:
            add_sorted_set(record, digest);
            break;
        case Type::hash:
            add_hash(record, digest);
            break;
        case Type::stream:
            mix_stream(record, digest);
            break;
    }
    if (record.expire_ms != store::kNoExpiry) digest.add(kHasDeadline);
}

}  // namespace

void DataDigest::add(std::string_view bytes) { join_hash(bytes, bytes_); }

void DataDigest::mix(std::string_view bytes) {
    add(bytes);
    std::array<uint8_t, kBytes> hash{};
    join_hash(view(), hash);
    bytes_ = hash;
}

void DataDigest::mix(uint32_t number) {
    const uint32_t network =
        std::endian::native == std::endian::little ? __builtin_bswap32(number) : number;
    mix({reinterpret_cast<const char*>(&network), sizeof(network)});
}

void DataDigest::join(const DataDigest& other) {
    for (size_t at = 0; at < kBytes; ++at) bytes_[at] ^= other.bytes_[at];
}

std::string DataDigest::text() const { return fmt::format("{:02x}", fmt::join(bytes_, "")); }

DataDigest digest_of_value(const Record& record) {
    DataDigest digest;
    take_value(record, digest);
    return digest;
}

DataDigest digest_of_key(const Record& record) {
    DataDigest digest;
    digest.mix(record.key);
    take_value(record, digest);
    return digest;
}

}  // namespace gyre::snapshot
