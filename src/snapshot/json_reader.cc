// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_parser.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "snapshot/json_format.h"
#include "snapshot/key_set.h"

namespace gyre::snapshot {

namespace {

using base::JsonEvent;
using base::JsonKind;
using base::JsonPlace;

/// Document, array of keys, record, object with base64, and some more for errors that say what is
/// wrong rather than that it is deep.
constexpr size_t kDepthMax = 8;
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
    document,     ///< nothing read
    head,         ///< a member of the document
    head_value,   ///< its value
    keys,         ///< a record, or the end of the array
    record,       ///< a member of the record, or its end
    value,        ///< the value of member_
    base64,       ///< the name in an object for bytes
    base64_text,  ///< its value
    base64_end,   ///< its end
    tail,         ///< the end of the document
};

/// A name as it stands in the document, made fit for an error.
std::string shown(std::string_view name) {
    constexpr size_t kShownMax = 64;
    return base::quote(name.substr(0, kShownMax)) + (name.size() > kShownMax ? "..." : "");
}

/// The document's grammar as a machine over events. Its depth is the grammar's, so nothing here
/// recurses.
class DocumentReader {
public:
    DocumentReader(const RecordHandler& handler, const JsonReadOptions& options)
        : handler_(handler), options_(options) {}

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
            case State::base64:
                return on_base64(event);
            case State::base64_text:
                return on_base64_text(event);
            case State::base64_end:
                return on_base64_end(event);
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
                                         base::json_kind_name(event.kind), json_format::kName,
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
                                     shown(*event.text), wanted));
    }

    Result<void> on_head_value(const JsonEvent& event) {
        const std::string_view member = kHeadMembers[head_members_++];
        state_ = State::head;
        if (member == json_format::kFormat) return on_format(event);
        if (member == json_format::kVersionMember) return on_version(event);
        if (event.kind != JsonKind::array) return wrong_kind(event, member, "an array of records");
        state_ = State::keys;
        return {};
    }

    static Result<void> on_format(const JsonEvent& event) {
        if (event.kind != JsonKind::string || *event.text != json_format::kName) {
            return json_fail(event.place,
                             fmt::format("\"format\" is not \"{}\"; this is another kind of file: "
                                         "convert it first",
                                         json_format::kName));
        }
        return {};
    }

    static Result<void> on_version(const JsonEvent& event) {
        if (event.kind != JsonKind::integer) {
            return wrong_kind(event, json_format::kVersionMember, "a whole number");
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
                        shown(*event.text)));
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
                                     shown(*event.text)));
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
                const auto number = whole_number(event, {0, last});
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
                return on_bytes(event, key_);
            case Member::value:
                return on_bytes(event, value_);
        }
        return {};
    }

    struct Range {
        int64_t min;
        int64_t max;
    };

    Result<int64_t> whole_number(const JsonEvent& event, Range range) const {
        if (event.kind != JsonKind::integer) {
            return wrong_kind(
                event, member_name(),
                fmt::format("a whole number from {} to {}, without fraction or exponent", range.min,
                            range.max));
        }
        if (event.integer < range.min || event.integer > range.max) {
            return json_fail(event.place,
                             fmt::format("\"{}\" is {}; it must be from {} to {}", member_name(),
                                         event.integer, range.min, range.max));
        }
        return event.integer;
    }

    Result<void> set_time(const JsonEvent& event, Range range, int64_t& time_ms) const {
        const auto number = whole_number(event, range);
        if (!number) return tl::unexpected<Error>(number.error());
        time_ms = *number;
        return {};
    }

    static Result<void> on_type(const JsonEvent& event) {
        if (event.kind != JsonKind::string) {
            return wrong_kind(event, json_format::kType, "a string, the name of a type");
        }
        if (*event.text != store::type_name(store::Type::string)) {
            return json_fail(event.place,
                             fmt::format("type {}, of which this program knows only \"string\"; "
                                         "take the record out, or read it with one that knows it",
                                         shown(*event.text)));
        }
        return {};
    }

    Result<void> on_bytes(const JsonEvent& event, std::string& target) {
        target_ = &target;
        if (event.kind == JsonKind::object) {
            state_ = State::base64;
            return {};
        }
        if (event.kind != JsonKind::string) {
            return wrong_kind(event, member_name(),
                              "a string, or for bytes that are no text {\"base64\":\"...\"}");
        }
        if (event.text->size() > options_.string_bytes_max) return too_long(event);
        // The parser goes on with what the target had: no copy, and no new allocation either.
        target.swap(*event.text);
        return {};
    }

    tl::unexpected<Error> too_long(const JsonEvent& event) const {
        return json_fail(event.place, fmt::format("\"{}\" is longer than {} bytes; take the record "
                                                  "out, or read with a higher limit",
                                                  member_name(), options_.string_bytes_max));
    }

    Result<void> on_base64(const JsonEvent& event) {
        if (event.kind == JsonKind::object_end) {
            return json_fail(event.place, fmt::format("an empty object as \"{}\"; write a string, "
                                                      "or {{\"base64\":\"...\"}}",
                                                      member_name()));
        }
        if (*event.text != json_format::kBase64) {
            return json_fail(event.place,
                             fmt::format("unknown member {} in the object for \"{}\"; it has only "
                                         "\"base64\"",
                                         shown(*event.text), member_name()));
        }
        state_ = State::base64_text;
        return {};
    }

    Result<void> on_base64_text(const JsonEvent& event) {
        if (event.kind != JsonKind::string) {
            return wrong_kind(event, json_format::kBase64, "a string");
        }
        std::string& bytes = *event.text;
        const auto length = base::decode_base64(bytes.data(), bytes);
        if (!length) {
            return json_fail(event.place,
                             "no base64 as RFC 4648 has it (the standard alphabet, padded with =, "
                             "no blanks, the bits left over zero); encode the bytes again");
        }
        bytes.resize(*length);
        if (bytes.size() > options_.string_bytes_max) return too_long(event);
        if (base::is_utf8(bytes)) {
            return json_fail(event.place,
                             fmt::format("base64 of what is valid UTF-8; write \"{}\" as a string: "
                                         "there is one way for each",
                                         member_name()));
        }
        target_->swap(bytes);
        state_ = State::base64_end;
        return {};
    }

    Result<void> on_base64_end(const JsonEvent& event) {
        if (event.kind != JsonKind::object_end) {
            return json_fail(event.place,
                             fmt::format("member {} beside \"base64\"; take it out, the object "
                                         "has one member",
                                         shown(*event.text)));
        }
        state_ = State::record;
        return {};
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
        record_.value = value_;
        if (options_.finds_duplicate_keys && !keys_.insert(record_.database, record_.key)) {
            return json_fail(record_place_,
                             fmt::format("key {} twice in database {}; take one of the two out",
                                         shown(record_.key), record_.database));
        }
        if (const Result<void> taken = handler_(record_); !taken) {
            return json_fail(record_place_, taken.error().message, taken.error().code);
        }
        forget_long(key_);
        forget_long(value_);
        ++records_;
        state_ = State::keys;
        return {};
    }

    /// Buffers of short strings are used again. Long ones are not kept: the parser would swap them
    /// round until each of its strings and ours were that long.
    static void forget_long(std::string& bytes) {
        constexpr size_t kKeptBytes = size_t{1} << 20;
        if (bytes.capacity() > kKeptBytes) std::string().swap(bytes);
    }

    static tl::unexpected<Error> wrong_kind(const JsonEvent& event, std::string_view member,
                                            std::string_view wanted) {
        return json_fail(event.place, fmt::format("\"{}\" is {}; it must be {}", member,
                                                  base::json_kind_name(event.kind), wanted));
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
    std::string* target_ = nullptr;
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
