// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_parser.h"
#include "snapshot/json_bytes.h"
#include "snapshot/json_format.h"
#include "snapshot/json_value_reader.h"
#include "snapshot/key_set.h"

namespace gyre::snapshot {

namespace {

using base::JsonEvent;
using base::JsonKind;
using base::JsonPlace;

/// Document, array of keys, record, in a stream groups, group, pending entries and one of them,
/// object with base64; and some more for errors that say what is wrong rather than that it is deep.
constexpr size_t kDepthMax = 13;
/// No limit of the caller's makes a name of a member too long.
constexpr size_t kTextBytesMin = 64;

constexpr std::array<std::string_view, 3> kHeadMembers = {
    json_format::kFormat, json_format::kVersionMember, json_format::kKeys};

enum class Member : uint8_t { database, key, type, value, expire_at, timestamp };
constexpr size_t kMembers = 6;
constexpr size_t kMembersRequired = 4;  // the first ones
constexpr std::array<std::string_view, kMembers> kMemberNames = {
    json_format::kDatabase, json_format::kKey,      json_format::kType,
    json_format::kValue,    json_format::kExpireAt, json_format::kTimestamp};

/// What the next event belongs to.
enum class State : uint8_t {
    document,    ///< nothing read
    head,        ///< a member of the document
    head_value,  ///< its value
    keys,        ///< a record, or the end of the array
    record,      ///< a member of the record, or its end
    value,       ///< the value of member_
    bytes,       ///< within a key or a string
    collection,  ///< within the value of another type
    tail,        ///< the end of the document
};

/// The document's grammar as a machine over events. Its depth is the grammar's, so nothing here
/// recurses.
class DocumentReader {
public:
    DocumentReader(const RecordHandler& handler, const JsonReadOptions& options)
        : handler_(handler), options_(options), bytes_(options.string_bytes_max) {}

    Result<void> on_event(const JsonEvent& event) {
        switch (state_) {
            case State::document:
                return on_document(event);
            case State::head:
                return on_head(event);
            case State::head_value:
                return on_head_value(event);
            case State::keys:
                return on_keys(event);
            case State::record:
                return on_record(event);
            case State::value:
                return on_value(event);
            case State::bytes:
                return on_bytes(event);
            case State::collection:
                return on_collection(event);
            case State::tail:
                return on_tail(event);
        }
        return {};
    }

    uint64_t records() const { return records_; }

private:
    Result<void> on_document(const JsonEvent& event) {
        if (event.kind != JsonKind::object) {
            return json_fail(event.place,
                             fmt::format("the document is {}; a data set is an object that begins "
                                         "{{\"format\":\"{}\",\"version\":{},\"keys\":[",
                                         base::json_kind_name(event.kind), json_format::kFormatName,
                                         json_format::kVersion));
        }
        state_ = State::head;
        return {};
    }

    Result<void> on_head(const JsonEvent& event) {
        const std::string_view wanted = kHeadMembers[head_members_];
        if (event.kind == JsonKind::object_end) {
            return json_fail(event.place,
                             fmt::format("the document has no \"{}\"; a data set has \"format\", "
                                         "\"version\" and \"keys\", in this order",
                                         wanted));
        }
        if (*event.text == wanted) {
            state_ = State::head_value;
            return {};
        }
        return json_fail(event.place,
                         fmt::format("member {} where \"{}\" must stand; a data set begins with "
                                     "\"format\", \"version\" and \"keys\", in this order, and has "
                                     "nothing else",
                                     shown_in_json(*event.text), wanted));
    }

    Result<void> on_head_value(const JsonEvent& event) {
        const std::string_view member = kHeadMembers[head_members_++];
        state_ = State::head;
        if (member == json_format::kFormat) return on_format(event);
        if (member == json_format::kVersionMember) return on_version(event);
        if (event.kind != JsonKind::array)
            return wrong_json_kind(event, member, "an array of records");
        state_ = State::keys;
        return {};
    }

    static Result<void> on_format(const JsonEvent& event) {
        if (event.kind != JsonKind::string || *event.text != json_format::kFormatName) {
            return json_fail(event.place,
                             fmt::format("\"format\" is not \"{}\"; this is another kind of file: "
                                         "convert it first",
                                         json_format::kFormatName));
        }
        return {};
    }

    static Result<void> on_version(const JsonEvent& event) {
        if (event.kind != JsonKind::integer) {
            return wrong_json_kind(event, json_format::kVersionMember, "a whole number");
        }
        if (event.integer != json_format::kVersion) {
            return json_fail(event.place,
                             fmt::format("version {} of the format, of which this program reads "
                                         "{}; read it with the program that wrote it",
                                         event.integer, json_format::kVersion));
        }
        return {};
    }

    Result<void> on_keys(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            state_ = State::tail;
            return {};
        }
        if (event.kind != JsonKind::object) {
            return json_fail(event.place, fmt::format("{} among the keys; each is an object with "
                                                      "\"db\", \"key\", \"type\" and \"value\"",
                                                      base::json_kind_name(event.kind)));
        }
        state_ = State::record;
        record_ = {};
        record_place_ = event.place;
        seen_.reset();
        return {};
    }

    static Result<void> on_tail(const JsonEvent& event) {
        if (event.kind == JsonKind::object_end) return {};
        return json_fail(
            event.place,
            fmt::format("member {} behind \"keys\", which is the last; take it out, or "
                        "join two documents by their records",
                        shown_in_json(*event.text)));
    }

    Result<void> on_record(const JsonEvent& event) {
        if (event.kind == JsonKind::object_end) return on_complete();
        for (size_t index = 0; index < kMembers; ++index) {
            if (*event.text == kMemberNames[index]) return on_member(index, event.place);
        }
        return json_fail(event.place,
                         fmt::format("unknown member {} in a record; there are \"db\", \"key\", "
                                     "\"type\", \"value\", \"expireat_ms\" and \"timestamp_ms\": "
                                     "correct the name, or take it out",
                                     shown_in_json(*event.text)));
    }

    Result<void> on_member(size_t index, const JsonPlace& place) {
        if (seen_.test(index)) {
            return json_fail(place,
                             fmt::format("member \"{}\" twice in a record; take one of the two out",
                                         kMemberNames[index]));
        }
        member_ = static_cast<Member>(index);
        if (member_ == Member::value && !seen_.test(static_cast<size_t>(Member::type))) {
            return json_fail(place,
                             "\"value\" before \"type\", which says how to read it; write "
                             "\"type\" before");
        }
        seen_.set(index);
        state_ = State::value;
        return {};
    }

    Result<void> on_value(const JsonEvent& event) {
        state_ = State::record;
        switch (member_) {
            case Member::database: {
                const auto last = static_cast<int64_t>(options_.databases) - 1;
                const auto number = json_number(event, member_name(), {0, last});
                if (!number) return tl::unexpected<Error>(number.error());
                record_.database = static_cast<size_t>(*number);
                return {};
            }
            case Member::expire_at:
                return set_time(event, {INT64_MIN, store::kNoExpiry - 1}, record_.expire_ms);
            case Member::timestamp:
                return set_time(event, {store::kNoTimestamp + 1, INT64_MAX}, record_.timestamp_ms);
            case Member::type:
                return on_type(event);
            case Member::key:
                return begin_bytes(event, key_);
            case Member::value:
                return on_value_itself(event);
        }
        return {};
    }

    Result<void> set_time(const JsonEvent& event, JsonRange range, int64_t& time_ms) const {
        const auto number = json_number(event, member_name(), range);
        if (!number) return tl::unexpected<Error>(number.error());
        time_ms = *number;
        return {};
    }

    Result<void> on_type(const JsonEvent& event) {
        if (event.kind != JsonKind::string) {
            return wrong_json_kind(event, json_format::kType, "a string, the name of a type");
        }
        for (size_t index = 0; index < store::kTypeCount; ++index) {
            const auto type = static_cast<store::Type>(index);
            if (*event.text != store::type_name(type)) continue;
            record_.kind.type = type;
            return {};
        }
        return json_fail(event.place,
                         fmt::format("type {}, which this program does not know; take the record "
                                     "out, or read it with one that knows it",
                                     shown_in_json(*event.text)));
    }

    Result<void> begin_bytes(const JsonEvent& event, std::string& target) {
        bytes_.begin(member_name(), target);
        return on_bytes(event);
    }

    Result<void> on_bytes(const JsonEvent& event) {
        auto done = bytes_.on_event(event);
        state_ = bytes_.is_done() ? State::record : State::bytes;
        return done;
    }

    Result<void> on_value_itself(const JsonEvent& event) {
        if (record_.kind.type == store::Type::string) return begin_bytes(event, value_);
        collection_ =
            make_json_value_reader(record_.kind.type, options_.limits, options_.string_bytes_max);
        return on_collection(event);
    }

    Result<void> on_collection(const JsonEvent& event) {
        auto done = collection_->on_event(event);
        state_ = collection_->is_done() ? State::record : State::collection;
        return done;
    }

    Result<void> on_complete() {
        for (size_t index = 0; index < kMembersRequired; ++index) {
            if (!seen_.test(index)) {
                return json_fail(record_place_,
                                 fmt::format("a record without \"{}\"; write it, or take "
                                             "the record out",
                                             kMemberNames[index]));
            }
        }
        record_.key = key_;
        if (collection_) {
            BuiltValue& built = collection_->value();
            record_.kind = built.kind;
            record_.value = built.bytes;
            record_.object = built.object.get();
            record_.owner = &built.object;
        } else {
            record_.value = value_;
        }
        if (options_.finds_duplicate_keys && !keys_.insert(record_.database, record_.key)) {
            return json_fail(record_place_,
                             fmt::format("key {} twice in database {}; take one of the two out",
                                         shown_in_json(record_.key), record_.database));
        }
        if (const Result<void> taken = handler_(record_); !taken) {
            return json_fail(record_place_, taken.error().message, taken.error().code);
        }
        collection_.reset();
        forget_long(key_);
        forget_long(value_);
        ++records_;
        state_ = State::keys;
        return {};
    }

    std::string_view member_name() const { return kMemberNames[static_cast<size_t>(member_)]; }

    const RecordHandler& handler_;
    const JsonReadOptions& options_;
    State state_ = State::document;
    size_t head_members_ = 0;
    uint64_t records_ = 0;
    KeySet keys_;

    // Of the record at hand.
    Record record_;
    JsonPlace record_place_;
    std::bitset<kMembers> seen_;
    Member member_ = Member::database;
    std::string key_;
    std::string value_;
    JsonBytes bytes_;
    std::unique_ptr<JsonValueReader> collection_;  ///< of any type but string
};

}  // namespace

Result<uint64_t> read_json(const base::ByteSource& source, const RecordHandler& handler,
                           const JsonReadOptions& options) {
    CHECK(options.databases > 0);
    CHECK(std::in_range<int64_t>(options.databases));
    DocumentReader reader(handler, options);
    CHECK(options.string_bytes_max < SIZE_MAX / 2);
    // The parser counts texts, names among them; the bytes they stand for are counted here.
    const base::JsonLimits limits{
        .string_bytes_max = std::max(base::base64_chars(options.string_bytes_max), kTextBytesMin),
        .depth_max = kDepthMax,
        .chunk_bytes = options.chunk_bytes};
    const Result<void> done = base::parse_json(
        source, [&reader](const JsonEvent& event) { return reader.on_event(event); }, limits);
    if (!done) return tl::unexpected<Error>(done.error());
    return reader.records();
}

}  // namespace gyre::snapshot
