// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/numbers.h"
#include "snapshot/rdb_format.h"
#include "snapshot/record_encoder.h"

namespace gyre::snapshot {

namespace {

using types::Listpack;
using types::ListpackElement;
using types::ListpackValue;

/// How much of an element an error shows.
constexpr size_t kShownBytesMax = 64;

}  // namespace

const ValueWriter* value_writer(store::Type type) {
    switch (type) {
        case store::Type::list:
            return &kListWriter;
        case store::Type::set:
            return &kSetWriter;
        case store::Type::zset:
            return &kSortedSetWriter;
        case store::Type::hash:
            return &kHashWriter;
        case store::Type::stream:
            return &kStreamWriter;
        case store::Type::string:
            break;
    }
    return nullptr;
}

std::unique_ptr<ValueReader> make_value_reader(uint8_t type, ReadContext context) {
    switch (static_cast<RdbType>(type)) {
        case RdbType::list:
        case RdbType::list_ziplist:
        case RdbType::list_quicklist:
        case RdbType::list_quicklist_2:
            return make_list_reader(type, std::move(context));
        case RdbType::set:
        case RdbType::set_intset:
        case RdbType::set_listpack:
            return make_set_reader(type, std::move(context));
        case RdbType::zset:
        case RdbType::zset_2:
        case RdbType::zset_ziplist:
        case RdbType::zset_listpack:
            return make_sorted_set_reader(type, std::move(context));
        case RdbType::hash:
        case RdbType::hash_zipmap:
        case RdbType::hash_ziplist:
        case RdbType::hash_listpack:
        case RdbType::hash_metadata_early:
        case RdbType::hash_listpack_ex_early:
        case RdbType::hash_metadata:
        case RdbType::hash_listpack_ex:
            return make_hash_reader(type, std::move(context));
        case RdbType::stream_listpacks:
        case RdbType::stream_listpacks_2:
        case RdbType::stream_listpacks_3:
            return make_stream_reader(type, std::move(context));
        default:
            return nullptr;
    }
}

std::string_view ValueReader::decode(RdbInput& input, StringDecoder& decoder,
                                     const EncodedText& text) {
    if (!input.is_complete()) return {};
    auto decoded = decoder.decode(text);
    if (decoded) return *decoded;
    input.refuse(std::move(decoded.error()));
    return {};
}

void ValueReader::refuse_packed(RdbInput& input, const EncodedText& text, std::string_view what) {
    input.refuse(text.offset, fmt::format("the packed form of {} makes no sense", what));
}

void ValueReader::refuse_twice(RdbInput& input, uint64_t offset, std::string_view element) {
    const bool is_cut = element.size() > kShownBytesMax;
    input.refuse(offset,
                 fmt::format("the element {}{} is there twice",
                             base::quote(element.substr(0, kShownBytesMax)), is_cut ? "..." : ""));
}

void write_element_time(const ElementTime& time, Buffer& out) {
    RecordEncoder::length(time.index, out);
    RecordEncoder::little_endian(static_cast<uint64_t>(time.time_ms), sizeof(time.time_ms), out);
}

bool read_element_times(std::string_view text, int64_t max_ms, std::vector<ElementTime>& times) {
    RdbInput input(text, 0, 0);
    while (input.bytes_taken() < text.size()) {
        ElementTime time{.index = input.take_length()};
        time.time_ms = static_cast<int64_t>(input.take_little_endian(sizeof(time.time_ms)));
        if (!input.is_complete()) return false;
        if (time.time_ms < 0 || time.time_ms > max_ms) return false;
        if (!times.empty() && times.back().index >= time.index) return false;
        times.push_back(time);
    }
    return true;
}

bool are_distinct(const Listpack& listpack, size_t step) {
    // By hash, so that only those with equal ones are compared.
    std::vector<std::pair<uint64_t, size_t>> places;
    for (size_t at = listpack.begin(); at != listpack.end(); at = listpack.advance(at, step)) {
        ListpackValue::Digits digits;
        places.emplace_back(base::hash_bytes(listpack.at(at).text(digits)), at);
    }
    std::sort(places.begin(), places.end());
    for (size_t i = 0; i < places.size(); ++i) {
        for (size_t j = i + 1; j < places.size() && places[j].first == places[i].first; ++j) {
            ListpackValue::Digits left;
            ListpackValue::Digits right;
            if (listpack.at(places[i].second).text(left) ==
                listpack.at(places[j].second).text(right)) {
                return false;
            }
        }
    }
    return true;
}

void append(std::string& listpack, const ListpackElement& element) {
    const std::array added{element};
    const Listpack present(listpack);
    present.insert(present.end(), added).apply(listpack);
}

void append(std::string& listpack, std::string_view element) {
    append(listpack, ListpackElement::of(element));
}

void append(std::string& listpack, const ListpackValue& element) {
    append(listpack, ListpackElement::of(element));
}

}  // namespace gyre::snapshot
