// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/json_value_writer.h"

#include <array>

#include "base/numbers.h"
#include "snapshot/json_format.h"
#include "types/hash.h"
#include "types/intset.h"
#include "types/list.h"
#include "types/listpack.h"
#include "types/set.h"
#include "types/sorted_set.h"
#include "types/stream.h"

namespace gyre::snapshot {

namespace {

using types::Hash;
using types::Listpack;
using types::ListpackValue;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamNode;
using types::StreamPendingMap;

/// Commas between elements.
class Separator {
public:
    explicit Separator(JsonOutput& out) : out_(out) {}
    void next() {
        if (!is_first_) out_.put(",");
        is_first_ = false;
    }

private:
    JsonOutput& out_;
    bool is_first_ = true;
};

void put_element(const ListpackValue& value, JsonOutput& out) {
    ListpackValue::Digits digits;
    out.put_bytes(value.text(digits));
}

void write_listpack(std::string_view bytes, JsonOutput& out) {
    const Listpack elements(bytes);
    Separator comma(out);
    for (size_t at = elements.begin(); at != elements.end() && out.is_good();
         at = elements.next(at)) {
        comma.next();
        put_element(elements.at(at), out);
    }
}

void write_list(const Record& record, JsonOutput& out) {
    if (record.object == nullptr) return write_listpack(record.value, out);
    const auto& list = static_cast<const types::List&>(*record.object);
    Separator comma(out);
    for (types::List::Cursor at(list, 0); at && out.is_good(); at.next()) {
        comma.next();
        put_element(at.value(), out);
    }
}

void write_set(const Record& record, JsonOutput& out) {
    Separator comma(out);
    if (record.object != nullptr) {
        const auto& set = static_cast<const types::Set&>(*record.object);
        for (size_t bucket = 0; bucket < set.buckets() && out.is_good(); ++bucket) {
            set.for_each_in_bucket(bucket, [&](std::string_view member) {
                comma.next();
                out.put_bytes(member);
            });
        }
    } else if (record.kind.encoding == store::Encoding::intset) {
        const types::Intset set(record.value);
        for (size_t i = 0; i < set.size() && out.is_good(); ++i) {
            comma.next();
            put_element(ListpackValue{nullptr, 0, set.at(i)}, out);
        }
    } else {
        write_listpack(record.value, out);
    }
}

void write_hash(const Record& record, JsonOutput& out) {
    Separator comma(out);
    if (record.object == nullptr) {
        const Listpack fields(record.value);
        for (size_t at = fields.begin(); at != fields.end() && out.is_good();) {
            const size_t value_at = fields.next(at);
            comma.next();
            out.put("[");
            put_element(fields.at(at), out);
            out.put(",");
            put_element(fields.at(value_at), out);
            out.put("]");
            at = fields.next(value_at);
        }
        return;
    }
    const auto& hash = static_cast<const Hash&>(*record.object);
    for (size_t bucket = 0; bucket < hash.buckets() && out.is_good(); ++bucket) {
        hash.for_each_in_bucket(bucket, [&](const Hash::Field& field) {
            comma.next();
            out.put("[");
            out.put_bytes(field.name);
            out.put(",");
            out.put_bytes(field.value);
            if (field.deadline_ms != Hash::kNoDeadline) {
                out.put(",");
                out.put_number(field.deadline_ms);
            }
            out.put("]");
        });
    }
}

void write_sorted_set(const Record& record, JsonOutput& out) {
    Separator comma(out);
    const auto write_member = [&](std::string_view member, double score) {
        std::array<char, base::kDoubleCharsMax> text;
        const char* const end = base::write_double(text.data(), score);
        comma.next();
        out.put("[");
        out.put_bytes(member);
        out.put(",\"");
        out.put({text.data(), end});
        out.put("\"]");
        return out.is_good();
    };
    if (record.object == nullptr) {
        return types::PackedSortedSet(record.value).for_each(write_member);
    }
    const auto& set = static_cast<const types::SortedSet&>(*record.object).set;
    for (auto at = set.first(); at; at = set.next(at)) {
        const auto item = set.at(at);
        if (!write_member(item.member, item.score)) return;
    }
}

// --- streams -------------------------------------------------------------------------------------

void put_id(const StreamId& id, JsonOutput& out) {
    std::array<char, types::kStreamIdCharsMax> text;
    const char* const end = types::write_stream_id(text.data(), id);
    out.put("\"");
    out.put({text.data(), end});
    out.put("\"");
}

void write_entries(const Stream& stream, JsonOutput& out) {
    Separator comma(out);
    stream.visit({}, StreamId::max(), [&](const StreamNode& node, const StreamNode::Entry& entry) {
        comma.next();
        out.put("[");
        put_id(entry.id, out);
        out.put(",[");
        Separator field_comma(out);
        node.for_each_field(entry, [&](const ListpackValue& field, const ListpackValue& value) {
            field_comma.next();
            put_element(field, out);
            out.put(",");
            put_element(value, out);
        });
        out.put("]]");
        return out.is_good();
    });
}

void write_consumers(const StreamGroup& group, JsonOutput& out) {
    Separator comma(out);
    for (const StreamConsumer* consumer : group.consumers()) {
        if (!out.is_good()) return;
        comma.next();
        out.put("{\"");
        out.put(json_format::kName);
        out.put("\":");
        out.put_bytes(consumer->name());
        out.put_name(json_format::kSeen);
        out.put_number(consumer->seen_ms);
        if (consumer->active_ms >= 0) {
            out.put_name(json_format::kActive);
            out.put_number(consumer->active_ms);
        }
        out.put("}");
    }
}

void write_pending(const StreamPendingMap& pending, JsonOutput& out) {
    Separator comma(out);
    for (auto at = pending.begin(); !pending.is_end(at) && out.is_good(); at = pending.next(at)) {
        const types::StreamPending& entry = *pending.value(at);
        comma.next();
        out.put("[");
        put_id(StreamId::of(pending.key(at)), out);
        out.put(",");
        out.put_bytes(entry.consumer->name());
        out.put(",");
        out.put_number(entry.delivered_ms);
        out.put(",");
        out.put_number(static_cast<int64_t>(entry.deliveries));
        out.put("]");
    }
}

void write_group(const StreamGroup& group, JsonOutput& out) {
    out.put("{\"");
    out.put(json_format::kName);
    out.put("\":");
    out.put_bytes(group.name());
    out.put_name(json_format::kLastId);
    put_id(group.last_id, out);
    if (group.entries_read != StreamGroup::kUnknown) {
        out.put_name(json_format::kEntriesRead);
        out.put_number(group.entries_read);
    }
    out.put_name(json_format::kConsumers);
    out.put("[");
    write_consumers(group, out);
    out.put("]");
    out.put_name(json_format::kPending);
    out.put("[");
    write_pending(group.pending(), out);
    out.put("]}");
}

void write_stream(const Record& record, JsonOutput& out) {
    const auto& stream = static_cast<const Stream&>(*record.object);
    out.put("{\"");
    out.put(json_format::kLastId);
    out.put("\":");
    put_id(stream.last_id, out);
    out.put_name(json_format::kMaxDeletedId);
    put_id(stream.max_deleted_id, out);
    out.put_name(json_format::kEntriesAdded);
    out.put_number(static_cast<int64_t>(stream.entries_added));
    out.put_name(json_format::kEntries);
    out.put("[");
    write_entries(stream, out);
    out.put("]");
    out.put_name(json_format::kGroups);
    out.put("[");
    Separator comma(out);
    for (const StreamGroup* group : stream.groups()) {
        if (!out.is_good()) break;
        comma.next();
        write_group(*group, out);
    }
    out.put("]}");
}

void write_elements(const Record& record, JsonOutput& out) {
    switch (record.kind.type) {
        case store::Type::list:
            return write_list(record, out);
        case store::Type::set:
            return write_set(record, out);
        case store::Type::zset:
            return write_sorted_set(record, out);
        default:
            return write_hash(record, out);
    }
}

}  // namespace

void write_json_value(const Record& record, JsonOutput& out) {
    if (record.kind.type == store::Type::string) return out.put_bytes(record.value);
    if (record.kind.type == store::Type::stream) return write_stream(record, out);
    out.put("[");
    write_elements(record, out);
    out.put("]");
}

}  // namespace gyre::snapshot
