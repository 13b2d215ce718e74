// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The elements of a record as one text, for tests that compare: whatever form a collection has, the
// same elements give the same text. Those of a list in their order, all others sorted.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/record.h"
#include "types/hash.h"
#include "types/intset.h"
#include "types/list.h"
#include "types/listpack.h"
#include "types/set.h"

namespace gyre::test {

inline std::vector<std::string> listpack_texts(std::string_view bytes) {
    std::vector<std::string> texts;
    const types::Listpack listpack(bytes);
    for (size_t at = listpack.begin(); at != listpack.end(); at = listpack.next(at)) {
        types::ListpackValue::Digits digits;
        texts.emplace_back(listpack.at(at).text(digits));
    }
    return texts;
}

inline std::vector<std::string> texts_of_hash(const snapshot::Record& record, bool with_deadlines) {
    std::vector<std::string> texts;
    if (record.object == nullptr) {
        const std::vector<std::string> flat = listpack_texts(record.value);
        for (size_t i = 0; i + 1 < flat.size(); i += 2)
            texts.push_back(flat[i] + ":" + flat[i + 1]);
        return texts;
    }
    static_cast<const types::Hash&>(*record.object).for_each([&](const types::Hash::Field& field) {
        std::string text = std::string(field.name) + ":" + std::string(field.value);
        if (with_deadlines && field.deadline_ms != types::Hash::kNoDeadline) {
            text += "@" + std::to_string(field.deadline_ms);
        }
        texts.push_back(std::move(text));
    });
    return texts;
}

inline std::vector<std::string> texts_of_set(const snapshot::Record& record) {
    std::vector<std::string> texts;
    if (record.object != nullptr) {
        static_cast<const types::Set&>(*record.object).for_each([&](std::string_view member) {
            texts.emplace_back(member);
        });
    } else if (record.kind.encoding == store::Encoding::intset) {
        const types::Intset set(record.value);
        for (size_t i = 0; i < set.size(); ++i) texts.push_back(std::to_string(set.at(i)));
    } else {
        texts = listpack_texts(record.value);
    }
    return texts;
}

inline std::vector<std::string> texts_of_list(const snapshot::Record& record) {
    if (record.object == nullptr) return listpack_texts(record.value);
    std::vector<std::string> texts;
    const auto& list = static_cast<const types::List&>(*record.object);
    for (types::List::Cursor at(list, 0); at; at.next()) {
        types::ListpackValue::Digits digits;
        texts.emplace_back(at.value().text(digits));
    }
    return texts;
}

inline std::string elements_of(const snapshot::Record& record, bool with_deadlines = true) {
    if (record.kind.type == store::Type::string) return std::string(record.value);
    std::vector<std::string> texts;
    if (record.kind.type == store::Type::list) {
        texts = texts_of_list(record);
    } else if (record.kind.type == store::Type::set) {
        texts = texts_of_set(record);
    } else {
        texts = texts_of_hash(record, with_deadlines);
    }
    if (record.kind.type != store::Type::list) std::sort(texts.begin(), texts.end());
    std::string joined = store::type_name(record.kind.type);
    for (const std::string& text : texts) joined += "[" + text + "]";
    return joined;
}

}  // namespace gyre::test
