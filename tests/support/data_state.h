// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Everything a data set holds, as texts to compare: whatever form a value has and in whatever order
// its elements lie, the same data gives the same texts. What is past its deadline and still there
// counts. Left out is what no command of another server could set: when a consumer was last seen.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "base/numbers.h"
#include "snapshot/record_encoder.h"
#include "support/command_runner.h"
#include "support/elements.h"
#include "types/sorted_set.h"
#include "types/stream.h"

namespace gyre::test {

/// Of database and key: value, deadline and timestamp.
using State = std::map<std::tuple<size_t, std::string>, std::tuple<std::string, int64_t, int64_t>>;

inline std::string id_text(const types::StreamId& id) {
    return std::to_string(id.ms) + "-" + std::to_string(id.seq);
}

inline std::string group_text(const types::StreamGroup& group) {
    std::string text = "{" + std::string(group.name()) + " " + id_text(group.last_id) + " " +
                       std::to_string(group.entries_read);
    for (const types::StreamConsumer* consumer : group.consumers()) {
        text += " <" + std::string(consumer->name()) + ">";
    }
    const types::StreamPendingMap& list = group.pending();
    for (auto at = list.begin(); !list.is_end(at); at = list.next(at)) {
        const types::StreamPending& pending = *list.value(at);
        text += " " + id_text(types::StreamId::of(list.key(at))) + ">" +
                std::string(pending.consumer->name()) + "@" + std::to_string(pending.delivered_ms) +
                "x" + std::to_string(pending.deliveries);
    }
    return text + "}";
}

inline std::string stream_text(const types::Stream& stream) {
    std::string text = "stream " + id_text(stream.last_id) + " " + id_text(stream.max_deleted_id) +
                       " " + std::to_string(stream.entries_added);
    stream.visit(
        types::StreamId{}, types::StreamId::max(),
        [&](const types::StreamNode& node, const types::StreamNode::Entry& entry) {
            text += "[" + id_text(entry.id);
            node.for_each_field(
                entry, [&](const types::ListpackValue& field, const types::ListpackValue& value) {
                    types::ListpackValue::Digits one;
                    types::ListpackValue::Digits two;
                    text += " " + std::string(field.text(one)) + "=" + std::string(value.text(two));
                });
            text += "]";
            return true;
        });
    for (const types::StreamGroup* group : stream.groups()) text += group_text(*group);
    return text;
}

inline std::string sorted_set_text(const store::Entry& entry) {
    std::string text = "zset";
    const auto add = [&](std::string_view member, double score) {
        char digits[base::kDoubleCharsMax];
        text += "[" + std::string(member) + "=" +
                std::string(digits, base::write_double(digits, score + 0.0)) + "]";
        return true;
    };
    if (entry.has(store::Entry::owns_object)) {
        static_cast<const types::SortedSet*>(entry.object())->set.for_each([&](const auto& item) {
            add(item.member, item.score);
        });
    } else {
        types::PackedSortedSet(entry.bytes()).for_each(add);
    }
    return text;
}

inline std::string value_text(const store::Entry& entry) {
    if (entry.type() == store::Type::zset) return sorted_set_text(entry);
    if (entry.type() == store::Type::stream) {
        return stream_text(*static_cast<const types::Stream*>(entry.object()));
    }
    if (entry.type() == store::Type::string) {
        char digits[24];
        return std::string(commands::Context::string_bytes(entry, digits));
    }
    snapshot::Record record;
    snapshot::describe_value(entry, record);
    return elements_of(record);
}

inline State state_of(CommandRunner& runner) {
    State state;
    runner.dataset().for_each_shard(runner.executor(), [&](store::Shard& shard) {
        for (size_t database = 0; database < shard.databases(); ++database) {
            const store::Partition* partition = shard.find_database(database);
            if (partition == nullptr) continue;
            uint64_t cursor = 0;
            do {
                cursor = partition->scan(cursor, [&](const store::Entry& entry) {
                    state[{database, std::string(entry.key())}] = {
                        value_text(entry), entry.expire_ms(), entry.timestamp_ms()};
                });
            } while (cursor != 0);
        }
    });
    return state;
}

}  // namespace gyre::test
