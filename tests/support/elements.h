// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The elements of a record as one text, for tests that compare: whatever form a collection has, the
// same elements give the same text. Those of a list, a sorted set and a stream in their order, all
// others sorted.

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
#include "types/sorted_set.h"
#include "types/stream.h"

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

inline std::vector<std::string> texts_of_sorted_set(const snapshot::Record& record) {
    std::vector<std::string> texts;
    const auto add = [&](std::string_view member, double score) {
        // Minus zero becomes zero: a packed set has no other, so its sign does not outlive a file.
        texts.push_back(std::string(member) + ":" + base::format_double(score + 0.0));
        return true;
    };
    if (record.object == nullptr) {
        types::PackedSortedSet(record.value).for_each(add);
    } else {
        static_cast<const types::SortedSet&>(*record.object).set.for_each([&](const auto& item) {
            add(item.member, item.score);
        });
    }
    return texts;
}

inline std::string text_of(const types::StreamId& id) {
    return std::to_string(id.ms) + "-" + std::to_string(id.seq);
}

inline std::string text_of_group(const types::StreamGroup& group, bool with_times) {
    std::string text = std::string(group.name()) + " last " + text_of(group.last_id) + " read " +
                       std::to_string(group.entries_read);
    const types::StreamPendingMap& pending = group.pending();
    for (auto at = pending.begin(); !pending.is_end(at); at = pending.next(at)) {
        const types::StreamPending& entry = *pending.value(at);
        text += " " + text_of(types::StreamId::of(pending.key(at))) + ">" +
                std::string(entry.consumer->name()) + "@" + std::to_string(entry.delivered_ms) +
                "*" + std::to_string(entry.deliveries);
    }
    for (const types::StreamConsumer* consumer : group.consumers()) {
        text += " " + std::string(consumer->name()) + "(" +
                std::to_string(consumer->pending.size()) + ")@" + std::to_string(consumer->seen_ms);
        if (with_times) text += "/" + std::to_string(consumer->active_ms);
    }
    return text;
}

inline std::vector<std::string> texts_of_stream(const snapshot::Record& record, bool with_times) {
    const auto& stream = static_cast<const types::Stream&>(*record.object);
    std::vector<std::string> texts{std::to_string(stream.size()) + " of " +
                                   std::to_string(stream.entries_added) + " from " +
                                   text_of(stream.first_id()) + " to " + text_of(stream.last_id) +
                                   " without " + text_of(stream.max_deleted_id)};
    using types::StreamNode;
    stream.for_each_node([&](const types::StreamId& master, std::string_view bytes) {
        const StreamNode node(master, bytes);
        for (auto entry = node.first(); !node.is_end(entry); entry = node.next(entry)) {
            std::string text = (entry.is_deleted() ? "deleted " : "") + text_of(entry.id);
            node.for_each_field(entry, [&](const auto& field, const auto& value) {
                types::ListpackValue::Digits field_digits;
                types::ListpackValue::Digits value_digits;
                text += " " + std::string(field.text(field_digits)) + "=" +
                        std::string(value.text(value_digits));
            });
            texts.push_back(std::move(text));
        }
    });
    for (const types::StreamGroup* group : stream.groups()) {
        texts.push_back(text_of_group(*group, with_times));
    }
    return texts;
}

/// `with_times`: with deadlines of fields, and times at which consumers were active.
inline std::string elements_of(const snapshot::Record& record, bool with_times = true) {
    std::vector<std::string> texts;
    switch (record.kind.type) {
        case store::Type::string:
            return std::string(record.value);
        case store::Type::list:
            texts = texts_of_list(record);
            break;
        case store::Type::set:
            texts = texts_of_set(record);
            break;
        case store::Type::zset:
            texts = texts_of_sorted_set(record);
            break;
        case store::Type::hash:
            texts = texts_of_hash(record, with_times);
            break;
        case store::Type::stream:
            texts = texts_of_stream(record, with_times);
            break;
    }
    if (record.kind.type == store::Type::set || record.kind.type == store::Type::hash) {
        std::sort(texts.begin(), texts.end());
    }
    std::string joined = store::type_name(record.kind.type);
    for (const std::string& text : texts) joined += "[" + text + "]";
    return joined;
}

}  // namespace gyre::test
