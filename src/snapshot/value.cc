// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/numbers.h"
#include "snapshot/rdb_format.h"

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
        case store::Type::hash:
            return &kHashWriter;
        default:
            return nullptr;
    }
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
        case RdbType::hash:
        case RdbType::hash_zipmap:
        case RdbType::hash_ziplist:
        case RdbType::hash_listpack:
        case RdbType::hash_metadata_early:
        case RdbType::hash_listpack_ex_early:
        case RdbType::hash_metadata:
        case RdbType::hash_listpack_ex:
            return make_hash_reader(type, std::move(context));
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

bool read_field_deadlines(std::string_view text, std::vector<FieldDeadline>& deadlines) {
    RdbInput input(text, 0, 0);
    while (input.bytes_taken() < text.size()) {
        FieldDeadline deadline{.index = input.take_length()};
        deadline.deadline_ms = static_cast<int64_t>(input.take_little_endian(sizeof(int64_t)));
        if (!input.is_complete()) return false;
        if (deadline.deadline_ms < 0 || deadline.deadline_ms > kFieldDeadlineMax) return false;
        if (!deadlines.empty() && deadlines.back().index >= deadline.index) return false;
        deadlines.push_back(deadline);
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

namespace {

void append_element(std::string& listpack, const ListpackElement& element) {
    const std::array added{element};
    const Listpack present(listpack);
    present.insert(present.end(), added).apply(listpack);
}

}  // namespace

void append(std::string& listpack, std::string_view element) {
    append_element(listpack, ListpackElement::of(element));
}

void append(std::string& listpack, const ListpackValue& element) {
    append_element(listpack, ListpackElement::of(element));
}

}  // namespace gyre::snapshot
