// SPDX-License-Identifier: BSD-3-Clause

// Streams out of JSON: entries are appended as they come, groups are built as they come. Members of
// an object stand in any order but where one needs another: the name of a group is first, its
// consumers are before what is pending for them.

#include <fmt/format.h>

#include <array>
#include <bitset>
#include <charconv>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/json_bytes.h"
#include "snapshot/json_format.h"
#include "snapshot/json_value_reader.h"
#include "types/stream.h"

namespace gyre::snapshot {

namespace {

using base::json_fail;
using base::JsonEvent;
using base::JsonKind;
using base::JsonPlace;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;

/// More than an element takes in a listpack beside its bytes.
constexpr size_t kElementBytes = 16;
constexpr JsonRange kCount{0, INT64_MAX};

/// The members of one object: which there are, and which were seen.
template <size_t count>
class Members {
public:
    constexpr Members(std::string_view object, std::array<std::string_view, count> names,
                      size_t required)
        : object_(object), names_(names), required_(required) {}

    void begin(const JsonPlace& place) {
        place_ = place;
        seen_.reset();
    }
    /// Makes the member that `event` names the current one.
    Result<void> on_name(const JsonEvent& event) {
        for (current_ = 0; current_ < count; ++current_) {
            if (*event.text != names_[current_]) continue;
            if (seen_.test(current_)) {
                return json_fail(event.place, fmt::format("member \"{}\" twice in a {}; take one "
                                                          "of the two out",
                                                          name(), object_));
            }
            seen_.set(current_);
            return {};
        }
        return json_fail(event.place, fmt::format("unknown member {} in a {}; correct the name, "
                                                  "or take it out",
                                                  shown_in_json(*event.text), object_));
    }
    [[nodiscard]] size_t current() const { return current_; }
    [[nodiscard]] std::string_view name() const { return names_[current_]; }
    [[nodiscard]] bool has(size_t member) const { return seen_.test(member); }
    /// Those that must be there, the first ones, are.
    Result<void> check() const {
        for (size_t member = 0; member < required_; ++member) {
            if (seen_.test(member)) continue;
            return json_fail(place_, fmt::format("a {} without \"{}\"; write it, or take the {} "
                                                 "out",
                                                 object_, names_[member], object_));
        }
        return {};
    }
    [[nodiscard]] const JsonPlace& place() const { return place_; }

private:
    std::string_view object_;
    std::array<std::string_view, count> names_;
    size_t required_;
    std::bitset<count> seen_;
    size_t current_ = 0;
    JsonPlace place_;
};

class StreamReader final : public JsonValueReader {
public:
    StreamReader(const ValueLimits& limits, size_t string_bytes_max)
        : node_limits_(limits.stream_node),
          stream_(std::make_unique<Stream>()),
          bytes_(string_bytes_max) {}

    Result<void> on_event(const JsonEvent& event) override {
        if (!bytes_.is_done()) return on_bytes_event(event);
        switch (state_) {
            case State::start:
                return on_start(event);
            case State::stream:
                return on_stream(event);
            case State::stream_value:
                return on_stream_value(event);
            case State::entries:
                return on_entries(event);
            case State::entry:
                return on_entry(event);
            case State::fields:
                return on_fields(event);
            case State::groups:
                return on_groups(event);
            case State::group:
                return on_group(event);
            case State::group_value:
                return on_group_value(event);
            case State::consumers:
                return on_consumers(event);
            case State::consumer:
                return on_consumer(event);
            case State::consumer_value:
                return on_consumer_value(event);
            case State::all_pending:
                return on_all_pending(event);
            case State::pending:
                return on_pending(event);
        }
        return {};
    }

private:
    /// What the next event belongs to: a member of an object, or the end; its value; an element of
    /// an array, or the end.
    enum class State : uint8_t {
        start,
        stream,
        stream_value,
        entries,
        entry,
        fields,
        groups,
        group,
        group_value,
        consumers,
        consumer,
        consumer_value,
        all_pending,
        pending,
    };
    enum StreamMember : size_t { kLastId, kEntriesAdded, kEntries, kMaxDeletedId, kGroups };
    enum GroupMember : size_t { kName, kGroupLastId, kEntriesRead, kConsumers, kPending };
    enum ConsumerMember : size_t { kConsumerName, kSeen, kActive };

    // --- words ---
    /// Bytes that go to `target`; the state is that behind them.
    Result<void> begin_bytes(const JsonEvent& event, std::string_view name, std::string& target) {
        bytes_.begin(name, target);
        return on_bytes_event(event);
    }
    Result<void> on_bytes_event(const JsonEvent& event) {
        auto done = bytes_.on_event(event);
        if (!done || !bytes_.is_done()) return done;
        if (state_ == State::fields) return add_field(event);
        if (state_ == State::group) return add_group(event);
        return done;
    }
    Result<void> open(const JsonEvent& event, JsonKind kind, std::string_view name, State next) {
        if (event.kind != kind) {
            return wrong_json_kind(event, name, kind == JsonKind::array ? "an array" : "an object");
        }
        state_ = next;
        return {};
    }
    static Result<StreamId> read_id(const JsonEvent& event, std::string_view name) {
        if (event.kind == JsonKind::string) {
            const std::string& text = *event.text;
            const char* const end = text.data() + text.size();
            StreamId id;
            const char* at = std::from_chars(text.data(), end, id.ms).ptr;
            if (at != end) std::from_chars(at + 1, end, id.seq);
            // The one way to write it.
            std::array<char, types::kStreamIdCharsMax> same;
            const char* const same_end = types::write_stream_id(same.data(), id);
            if (text == std::string_view(same.data(), same_end)) return id;
        }
        return wrong_json_kind(event, name,
                               "the id of an entry, as \"1700000000000-0\", two numbers of 64 "
                               "bits without leading zeros");
    }
    static Result<void> set_id(const JsonEvent& event, std::string_view name, StreamId& target) {
        const auto id = read_id(event, name);
        if (!id) return tl::unexpected<Error>(id.error());
        target = *id;
        return {};
    }
    static Result<void> set_number(const JsonEvent& event, std::string_view name, int64_t& target) {
        const auto number = json_number(event, name, kCount);
        if (!number) return tl::unexpected<Error>(number.error());
        target = *number;
        return {};
    }

    // --- the stream ---
    Result<void> on_start(const JsonEvent& event) {
        members_.begin(event.place);
        return open(event, JsonKind::object, json_format::kValue, State::stream);
    }
    Result<void> on_stream(const JsonEvent& event) {
        if (event.kind == JsonKind::object_end) return on_complete();
        state_ = State::stream_value;
        return members_.on_name(event);
    }
    Result<void> on_stream_value(const JsonEvent& event) {
        state_ = State::stream;
        const std::string_view name = members_.name();
        switch (members_.current()) {
            case kLastId:
                return set_id(event, name, last_id_);
            case kMaxDeletedId:
                return set_id(event, name, stream_->max_deleted_id);
            case kEntriesAdded:
                return set_number(event, name, entries_added_);
            case kEntries:
                return open(event, JsonKind::array, name, State::entries);
            default:
                return open(event, JsonKind::array, name, State::groups);
        }
    }
    Result<void> on_complete() {
        if (auto done = members_.check(); !done) return done;
        if (last_id_ < stream_->last_id) {
            return json_fail(members_.place(),
                             "\"last_id\" is below the id of the last entry; write that, or a "
                             "higher one");
        }
        if (static_cast<uint64_t>(entries_added_) < stream_->size()) {
            return json_fail(members_.place(),
                             fmt::format("\"entries_added\" is {} of {} entries; it counts those "
                                         "that are gone, too: write as many, or more",
                                         entries_added_, stream_->size()));
        }
        stream_->last_id = last_id_;
        stream_->entries_added = static_cast<uint64_t>(entries_added_);
        end({.kind = {store::Type::stream, store::Encoding::stream}, .object = std::move(stream_)});
        return {};
    }

    // --- entries ---
    Result<void> on_entries(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            state_ = State::stream;
            return {};
        }
        parts_ = 0;
        return open(event, JsonKind::array, "entry", State::entry);
    }
    Result<void> on_entry(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            if (parts_ == 2) return add_entry(event);
            return json_fail(event.place,
                             "an entry that is cut off; it is [\"id\",[\"field\",\"value\",...]]");
        }
        switch (parts_++) {
            case 0:
                return set_id(event, "id", id_);
            case 1:
                fields_count_ = 0;
                fields_bytes_ = 0;
                return open(event, JsonKind::array, "fields", State::fields);
            default:
                return json_fail(event.place,
                                 "a third part of an entry; it is [\"id\",[\"field\",\"value\","
                                 "...]]");
        }
    }
    Result<void> on_fields(const JsonEvent& event) {
        if (event.kind != JsonKind::array_end) {
            if (fields_count_ == fields_.size()) fields_.emplace_back();
            return begin_bytes(event, fields_count_ % 2 == 0 ? "field" : "value",
                               fields_[fields_count_]);
        }
        state_ = State::entry;
        if (fields_count_ % 2 == 0) return {};
        return json_fail(event.place,
                         "a field without a value in an entry; fields and values "
                         "stand in turn");
    }
    Result<void> add_field(const JsonEvent& event) {
        fields_bytes_ += fields_[fields_count_++].size() + kElementBytes;
        if (fields_bytes_ <= Stream::kNodeBytesMax) return {};
        return json_fail(event.place, fmt::format("an entry of more than {} bytes; take it out",
                                                  Stream::kNodeBytesMax));
    }
    Result<void> add_entry(const JsonEvent& event) {
        state_ = State::entries;
        if (id_ <= stream_->last_id) {
            return json_fail(event.place,
                             "an entry whose id is not above that of the one before, or is 0-0; "
                             "put the entries in order");
        }
        const std::vector<std::string_view> pairs(
            fields_.begin(), fields_.begin() + static_cast<ptrdiff_t>(fields_count_));
        stream_->append(id_, pairs, node_limits_);
        for (std::string& text : std::span(fields_).first(fields_count_)) forget_long(text);
        if (fields_.size() > kFieldsKept) fields_.resize(kFieldsKept);
        return {};
    }

    // --- groups ---
    Result<void> on_groups(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            state_ = State::stream;
            return {};
        }
        group_members_.begin(event.place);
        group_ = nullptr;
        group_last_id_ = {};
        entries_read_ = StreamGroup::kUnknown;
        return open(event, JsonKind::object, "group", State::group);
    }
    Result<void> on_group(const JsonEvent& event) {
        if (event.kind == JsonKind::object_end) {
            state_ = State::groups;
            if (auto done = group_members_.check(); !done) return done;
            group_->last_id = group_last_id_;
            group_->entries_read = entries_read_;
            return {};
        }
        if (auto done = group_members_.on_name(event); !done) return done;
        if (!group_members_.has(kName)) {
            return json_fail(event.place,
                             fmt::format("\"{}\" before the \"name\" of a group; write \"name\" "
                                         "first",
                                         group_members_.name()));
        }
        state_ = State::group_value;
        return {};
    }
    Result<void> on_group_value(const JsonEvent& event) {
        state_ = State::group;
        const std::string_view name = group_members_.name();
        switch (group_members_.current()) {
            case kName:
                return begin_bytes(event, name, text_);
            case kGroupLastId:
                return set_id(event, name, group_last_id_);
            case kEntriesRead:
                return set_number(event, name, entries_read_);
            case kConsumers:
                return open(event, JsonKind::array, name, State::consumers);
            default:
                before_.reset();
                return open(event, JsonKind::array, name, State::all_pending);
        }
    }
    /// In order, so that a long list of names costs what it has bytes.
    Result<void> add_group(const JsonEvent& event) {
        const auto present = stream_->groups();
        if (!present.empty() && text_ <= present.back()->name()) {
            return json_fail(event.place,
                             fmt::format("the group {} is there twice, or not in the order of "
                                         "names, which is that of bytes; put it where it belongs",
                                         shown_in_json(text_)));
        }
        group_ = stream_->add_group(text_, {}, StreamGroup::kUnknown);
        return {};
    }

    // --- consumers ---
    Result<void> on_consumers(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            state_ = State::group;
            return {};
        }
        consumer_members_.begin(event.place);
        active_ms_ = -1;
        return open(event, JsonKind::object, "consumer", State::consumer);
    }
    Result<void> on_consumer(const JsonEvent& event) {
        if (event.kind == JsonKind::object_end) return add_consumer();
        state_ = State::consumer_value;
        return consumer_members_.on_name(event);
    }
    Result<void> on_consumer_value(const JsonEvent& event) {
        state_ = State::consumer;
        const std::string_view name = consumer_members_.name();
        switch (consumer_members_.current()) {
            case kConsumerName:
                return begin_bytes(event, name, text_);
            case kSeen:
                return set_number(event, name, seen_ms_);
            default:
                return set_number(event, name, active_ms_);
        }
    }
    Result<void> add_consumer() {
        state_ = State::consumers;
        if (auto done = consumer_members_.check(); !done) return done;
        const auto present = group_->consumers();
        if (!present.empty() && text_ <= present.back()->name()) {
            return json_fail(consumer_members_.place(),
                             fmt::format("the consumer {} is there twice, or not in the order of "
                                         "names, which is that of bytes; put it where it belongs",
                                         shown_in_json(text_)));
        }
        group_->add_consumer(text_, seen_ms_)->active_ms = active_ms_;
        return {};
    }

    // --- pending entries ---
    Result<void> on_all_pending(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            state_ = State::group;
            return {};
        }
        parts_ = 0;
        pending_place_ = event.place;
        return open(event, JsonKind::array, "pending entry", State::pending);
    }
    Result<void> on_pending(const JsonEvent& event) {
        constexpr std::string_view kShape =
            "it is [\"id\",\"consumer\",time of delivery,number of deliveries]";
        if (event.kind == JsonKind::array_end) {
            if (parts_ == 4) return add_pending();
            return json_fail(event.place,
                             fmt::format("a pending entry of {} parts; {}", parts_, kShape));
        }
        switch (parts_++) {
            case 0:
                return set_id(event, "id", id_);
            case 1:
                return begin_bytes(event, "consumer", text_);
            case 2:
                return set_number(event, "time of delivery", delivered_ms_);
            case 3:
                return set_number(event, "number of deliveries", deliveries_);
            default:
                return json_fail(event.place,
                                 fmt::format("a fifth part of a pending entry; {}", kShape));
        }
    }
    Result<void> add_pending() {
        state_ = State::all_pending;
        if (before_ && id_ <= *before_) {
            return json_fail(pending_place_,
                             "a pending entry whose id is not above that of the one before; put "
                             "them in order");
        }
        StreamConsumer* const consumer = group_->find_consumer(text_);
        if (consumer == nullptr) {
            return json_fail(pending_place_,
                             fmt::format("an entry is pending for {}, whom \"consumers\" does not "
                                         "name before; write that consumer there",
                                         shown_in_json(text_)));
        }
        before_ = id_;
        group_->add_pending(id_, consumer, delivered_ms_)->deliveries =
            static_cast<uint64_t>(deliveries_);
        return {};
    }

    /// Strings of an entry that are kept for the next.
    static constexpr size_t kFieldsKept = 64;

    const types::StreamNodeLimits node_limits_;
    std::unique_ptr<Stream> stream_;
    State state_ = State::start;
    JsonBytes bytes_;
    std::string text_;  // the name at hand
    StreamId id_;
    size_t parts_ = 0;  // of the array at hand

    Members<5> members_{"stream",
                        {json_format::kLastId, json_format::kEntriesAdded, json_format::kEntries,
                         json_format::kMaxDeletedId, json_format::kGroups},
                        3};
    StreamId last_id_;
    int64_t entries_added_ = 0;

    std::vector<std::string> fields_;  // of the entry at hand, fields and values in turn
    size_t fields_count_ = 0;
    size_t fields_bytes_ = 0;

    Members<5> group_members_{"group",
                              {json_format::kName, json_format::kLastId, json_format::kEntriesRead,
                               json_format::kConsumers, json_format::kPending},
                              2};
    StreamGroup* group_ = nullptr;
    StreamId group_last_id_;
    int64_t entries_read_ = 0;

    Members<3> consumer_members_{
        "consumer", {json_format::kName, json_format::kSeen, json_format::kActive}, 2};
    int64_t seen_ms_ = 0;
    int64_t active_ms_ = -1;

    JsonPlace pending_place_;
    std::optional<StreamId> before_;  // the pending entry before
    int64_t delivered_ms_ = 0;
    int64_t deliveries_ = 0;
};

}  // namespace

std::unique_ptr<JsonValueReader> make_json_stream_reader(const ValueLimits& limits,
                                                         size_t string_bytes_max) {
    return std::make_unique<StreamReader>(limits, string_bytes_max);
}

}  // namespace gyre::snapshot
