// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/rdb_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/crc64.h"
#include "base/numbers.h"

namespace gyre::snapshot {

namespace {

/// How much of a key or field an error shows.
constexpr size_t kShownBytesMax = 64;

std::string shown(std::string_view text) {
    const bool is_cut = text.size() > kShownBytesMax;
    return base::quote(text.substr(0, kShownBytesMax)) + (is_cut ? "..." : "");
}

/// Nine characters of six bits each; the ten lowest bits are a version.
std::string module_name(uint64_t id) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string name;
    for (int shift = 58; shift >= 10; shift -= 6) name += kAlphabet[(id >> shift) & 63];
    return name;
}

/// How a module's values are told apart.
enum class ModulePart : uint64_t {
    end = 0,
    signed_integer = 1,
    unsigned_integer = 2,
    real_4 = 3,
    real_8 = 4,
    string = 5
};

}  // namespace

Result<void> RdbHandler::aux(std::string_view /*name*/, std::string_view /*value*/) { return {}; }

Result<void> RdbHandler::select_database(size_t /*database*/) { return {}; }

Result<void> RdbHandler::resize_database(uint64_t /*keys*/, uint64_t /*keys_with_deadline*/) {
    return {};
}

Result<void> RdbHandler::function_library(std::string_view /*source*/, uint64_t offset) {
    return gyre::fail(
        fmt::format("RDB file: a library of functions at offset {}, and there are no "
                    "functions here; keep a copy with FUNCTION DUMP, then save again after "
                    "FUNCTION FLUSH where the file was made",
                    offset));
}

Result<void> RdbHandler::module_aux(std::string_view module, uint64_t offset) {
    return gyre::fail(
        fmt::format("RDB file: data of the module {} at offset {}, and there are no modules "
                    "here; save again where the file was made, without that module",
                    shown(module), offset));
}

Result<void> RdbHandler::end(const RdbSummary& /*summary*/) { return {}; }

RdbReader::RdbReader(RdbHandler& handler, RdbReaderOptions options)
    : handler_(handler), options_(options) {}

// --- chunks and items ---

Result<size_t> RdbReader::feed(std::string_view chunk) {
    std::string_view rest = chunk;
    checksum_from_ = state_ < State::checksum ? chunk.data() : nullptr;
    if (!cut_item_.is_empty()) rest = feed_cut_item(rest);
    rest = feed_items(rest);
    if (state_ == State::failed) return tl::unexpected(error_);
    add_to_checksum(rest.data());
    return chunk.size() - rest.size();
}

/// Completes the item at hand by as many bytes as it needs and no more, so that what follows it is
/// read from the chunk itself. Returns the rest of the chunk.
std::string_view RdbReader::feed_cut_item(std::string_view rest) {
    while (!rest.empty() && state_ < State::done) {
        CHECK(bytes_needed_ > cut_item_.size());
        const size_t missing = std::min(rest.size(), bytes_needed_ - cut_item_.size());
        cut_item_.append(rest.substr(0, missing), bytes_needed_);
        rest.remove_prefix(missing);
        if (cut_item_.size() < bytes_needed_) break;
        const size_t taken = read_item(cut_item_.view());
        if (taken == 0) continue;
        CHECK(taken == cut_item_.size());
        cut_item_.trim();
        break;
    }
    return rest;
}

std::string_view RdbReader::feed_items(std::string_view rest) {
    while (!rest.empty() && state_ < State::done) {
        const size_t taken = read_item(rest);
        if (taken == 0) {
            if (state_ != State::failed) cut_item_.append(rest);
            rest.remove_prefix(rest.size());
            break;
        }
        rest.remove_prefix(taken);
        // The end mark is one byte, so it is never a part of a cut item.
        if (state_ >= State::checksum) {
            add_to_checksum(rest.data());
            checksum_from_ = nullptr;
        }
    }
    return rest;
}

void RdbReader::add_to_checksum(const char* until) {
    if (checksum_from_ == nullptr) return;
    const auto size = static_cast<size_t>(until - checksum_from_);
    checksum_ = base::crc64(checksum_, std::string_view(checksum_from_, size));
    checksum_from_ = until;
}

/// Returns how many bytes the first item has; 0 when it is not complete, or when reading failed.
size_t RdbReader::read_item(std::string_view bytes) {
    RdbInput input(bytes, offset_, options_.string_bytes_max);
    read(input);
    if (const std::optional<RdbProblem>& problem = input.problem()) {
        fail_with(Error{fmt::format("RDB file: {} at offset {}; {}", problem->text, problem->offset,
                                    problem->advice)});
    }
    if (state_ == State::failed) return 0;
    if (!input.is_complete()) {
        bytes_needed_ = input.bytes_needed();
        return 0;
    }
    offset_ += input.bytes_taken();
    return input.bytes_taken();
}

void RdbReader::fail_with(Error error) {
    error_ = std::move(error);
    state_ = State::failed;
}

void RdbReader::tell(Result<void> result) {
    if (!result) fail_with(std::move(result.error()));
}

Result<void> RdbReader::finish() {
    if (state_ == State::done) return {};
    if (state_ != State::failed) {
        const uint64_t end = offset_ + cut_item_.size();
        fail_with(
            Error{fmt::format("RDB file: ends at offset {} within {} that begins at offset {}; "
                              "the file is truncated, restore it from a copy",
                              end, item_name(), offset_)});
    }
    return tl::unexpected(error_);
}

std::string_view RdbReader::item_name() const {
    switch (state_) {
        case State::header:
            return "the header";
        case State::module_value:
            return "the data of a module";
        case State::value:
            return "a collection";
        case State::checksum:
            return "the checksum";
        default:
            break;
    }
    if (cut_item_.is_empty()) return "the records, before the end mark, in the one";
    const auto first = static_cast<uint8_t>(cut_item_.view().front());
    return first < kRdbOpcodeFirst ? "a key" : "a field";
}

// --- the items ---

void RdbReader::read(RdbInput& input) {
    switch (state_) {
        case State::header:
            return read_header(input);
        case State::body:
            return read_body(input);
        case State::module_value:
            return read_module_value(input);
        case State::value:
            return read_value(input);
        default:
            return read_checksum(input);
    }
}

void RdbReader::read_header(RdbInput& input) {
    const std::string_view header = input.take_bytes(kRdbHeaderBytes);
    if (!input.is_complete()) return;
    const bool is_valkey = header.starts_with("VALKEY");
    if (!is_valkey && !header.starts_with("REDIS")) {
        return input.refuse({"no RDB file: the first bytes are " + base::quote(header), 0,
                             "give the path of an RDB file"});
    }
    int version = 0;
    for (const char digit : header.substr(is_valkey ? 6 : 5)) {
        if (digit < '0' || digit > '9') {
            return input.refuse(0, "the version is no number in the header " + base::quote(header));
        }
        version = 10 * version + (digit - '0');
    }
    if (!is_rdb_version_known(version) || (is_valkey && version != kRdbVersionValkey)) {
        return input.refuse({fmt::format("version {} is unknown in the header", version), 0,
                             "1 to 12 and Valkey's 80 are read: save with an older server"});
    }
    summary_.version = version;
    state_ = State::body;
}

void RdbReader::read_body(RdbInput& input) {
    const uint8_t first = input.take_byte();
    if (first == kRdbTypeString) return read_record(input);
    if (first < kRdbOpcodeFirst) return begin_value(input, first);
    read_opcode(input, first);
}

void RdbReader::read_opcode(RdbInput& input, uint8_t opcode) {
    switch (static_cast<RdbOpcode>(opcode)) {
        case RdbOpcode::idle:
        case RdbOpcode::frequency:
        case RdbOpcode::expire_time:
        case RdbOpcode::expire_time_ms:
            return read_attribute(input, static_cast<RdbOpcode>(opcode));
        case RdbOpcode::aux:
            return read_aux(input);
        case RdbOpcode::slot_info:
            // The slot, its keys, and those with a deadline: hints for a cluster's index.
            for (int i = 0; i < 3; ++i) static_cast<void>(input.take_length());
            return;
        case RdbOpcode::select_database:
            if (const uint64_t database = input.take_length(); input.is_complete()) {
                record_.database = database;
                tell(handler_.select_database(database));
            }
            return;
        case RdbOpcode::resize_database: {
            const uint64_t keys = input.take_length();
            const uint64_t keys_with_deadline = input.take_length();
            if (input.is_complete()) tell(handler_.resize_database(keys, keys_with_deadline));
            return;
        }
        case RdbOpcode::function:
            return read_function(input);
        case RdbOpcode::function_before_release:
            return input.refuse({"a function in the form of a release candidate of Redis 7.0",
                                 offset_, "save again with a released version"});
        case RdbOpcode::module_aux:
            return read_module_aux(input);
        case RdbOpcode::end:
            return read_end_mark(input);
    }
    input.refuse(
        {fmt::format("unknown opcode {}", opcode), offset_,
         "the file is damaged, or of a server newer than this one: save with an older one"});
}

/// Attributes stand before the key that they belong to.
void RdbReader::read_attribute(RdbInput& input, RdbOpcode opcode) {
    if (opcode == RdbOpcode::frequency) {
        const uint8_t frequency = input.take_byte();
        if (input.is_complete()) record_.frequency = frequency;
        return;
    }
    if (opcode == RdbOpcode::idle) {
        const uint64_t seconds = input.take_length();
        constexpr uint64_t kSecondsMax = std::numeric_limits<uint32_t>::max();
        if (input.is_complete()) {
            record_.idle_seconds = static_cast<uint32_t>(std::min(seconds, kSecondsMax));
        }
        return;
    }
    const bool is_ms = opcode == RdbOpcode::expire_time_ms;
    const uint64_t raw = input.take_little_endian(is_ms ? sizeof(int64_t) : sizeof(int32_t));
    if (!input.is_complete()) return;
    const int64_t deadline = is_ms
                                 ? static_cast<int64_t>(raw)
                                 : int64_t{static_cast<int32_t>(static_cast<uint32_t>(raw))} * 1000;
    // -1 is how Redis says "none" in memory, and so what it makes of a file that says so.
    record_.expire_ms = deadline == -1 ? store::kNoExpiry : deadline;
}

void RdbReader::read_aux(RdbInput& input) {
    const EncodedText name_text = input.take_string();
    const EncodedText value_text = input.take_string();
    if (!input.is_complete()) return;
    const std::string_view name = decode(input, key_, name_text);
    const std::string_view value = decode(input, value_, value_text);
    if (!input.is_complete()) return;
    if (name == kTimestampField) {
        take_timestamp(input, value);
    } else if (name == kFieldDeadlinesField) {
        take_element_times(input, store::Type::hash, value);
    } else if (name == kActiveTimesField) {
        take_element_times(input, store::Type::stream, value);
    } else {
        tell(handler_.aux(name, value));
    }
    key_.trim();
    value_.trim();
}

void RdbReader::take_element_times(RdbInput& input, store::Type type, std::string_view text) {
    const bool is_hash = type == store::Type::hash;
    const int64_t max_ms = is_hash ? kFieldDeadlineMax : std::numeric_limits<int64_t>::max();
    if ((!times_.empty() && times_type_ != type) || !read_element_times(text, max_ms, times_)) {
        input.refuse(offset_, is_hash ? "the deadlines of a hash's fields make no sense"
                                      : "the times of a stream's consumers make no sense");
    }
    times_type_ = type;
}

void RdbReader::refuse_times(RdbInput& input, std::string_view what) {
    const bool is_hash = times_type_ == store::Type::hash;
    input.refuse(
        offset_,
        fmt::format("{} before {}", is_hash ? "deadlines of fields" : "times of consumers", what));
}

void RdbReader::take_timestamp(RdbInput& input, std::string_view text) {
    const std::optional<int64_t> timestamp = base::parse_integer(text);
    if (!timestamp) return input.refuse(offset_, "the timestamp " + shown(text) + " is no number");
    record_.timestamp_ms = *timestamp;
}

void RdbReader::read_function(RdbInput& input) {
    const EncodedText text = input.take_string();
    if (!input.is_complete()) return;
    const std::string_view source = decode(input, value_, text);
    if (input.is_complete()) tell(handler_.function_library(source, offset_));
    value_.trim();
}

void RdbReader::read_module_aux(RdbInput& input) {
    const uint64_t id = input.take_length();
    const uint64_t mark = input.take_length();
    static_cast<void>(input.take_length());  // when: before or after the keys
    if (!input.is_complete()) return;
    if (static_cast<ModulePart>(mark) != ModulePart::unsigned_integer) {
        return input.refuse(offset_,
                            fmt::format("the data of a module begins with the part {}", mark));
    }
    state_ = State::module_value;
    tell(handler_.module_aux(module_name(id), offset_));
}

/// One part of what a module wrote; nobody wants it.
void RdbReader::read_module_value(RdbInput& input) {
    const uint64_t part = input.take_length();
    switch (static_cast<ModulePart>(part)) {
        case ModulePart::end:
            if (input.is_complete()) state_ = State::body;
            return;
        case ModulePart::signed_integer:
        case ModulePart::unsigned_integer:
            static_cast<void>(input.take_length());
            return;
        case ModulePart::real_4:
            static_cast<void>(input.take_bytes(4));
            return;
        case ModulePart::real_8:
            static_cast<void>(input.take_bytes(8));
            return;
        case ModulePart::string:
            static_cast<void>(input.take_string());
            return;
    }
    input.refuse(offset_, fmt::format("unknown part {} in the data of a module", part));
}

void RdbReader::read_record(RdbInput& input) {
    const EncodedText key = input.take_string();
    const EncodedText value = input.take_string();
    if (!input.is_complete()) return;
    record_.key = decode(input, key_, key);
    record_.value = decode(input, value_, value);
    if (!input.is_complete()) return;
    if (!times_.empty()) return refuse_times(input, "a string");
    tell_record();
    key_.trim();
    value_.trim();
}

void RdbReader::tell_record() {
    ++summary_.records;
    tell(handler_.record(record_));
    record_ = Record{.database = record_.database};
}

/// Type and key; the parts of the value are items of their own.
void RdbReader::begin_value(RdbInput& input, uint8_t type) {
    const bool is_of_valkey = summary_.version == kRdbVersionValkey;
    ReadContext context{.version = summary_.version, .limits = &options_.limits};
    std::unique_ptr<ValueReader> reader = make_value_reader(type, context);
    if (!reader) return refuse_type(input, type);
    const EncodedText text = input.take_string();
    const std::string_view key = decode(input, key_, text);
    if (!input.is_complete()) return;
    if (!times_.empty()) {
        if (reader->kind().type != times_type_ || is_of_valkey) {
            return refuse_times(input, "what has none");
        }
        context.times = std::exchange(times_, {});
        reader = make_value_reader(type, std::move(context));
    }
    key_bytes_.clear();
    key_bytes_.append(key);
    key_.trim();
    collection_ = std::move(reader);
    state_ = State::value;
}

void RdbReader::read_value(RdbInput& input) {
    collection_->read(input);
    if (!input.is_complete() || !collection_->is_done()) return;
    state_ = State::body;
    if (collection_->is_empty()) {
        ++summary_.empty_records;
        record_ = Record{.database = record_.database};
    } else {
        record_.key = key_bytes_.view();
        record_.kind = collection_->kind();
        record_.value = collection_->bytes();
        record_.object = collection_->object().get();
        record_.owner = &collection_->object();
        tell_record();
    }
    collection_.reset();
    key_bytes_.trim();
}

void RdbReader::refuse_type(RdbInput& input, uint8_t type) {
    const std::string_view name = rdb_type_name(type);
    if (name.empty()) {
        return input.refuse(
            {fmt::format("unknown type {} of a value", type), offset_,
             "the file is damaged, or of a server newer than this one: save with an older one"});
    }
    const EncodedText text = input.take_string();
    if (!input.is_complete()) return;
    const std::string_view key = decode(input, key_, text);
    input.refuse({fmt::format("the key {} of database {} is a {} (type {})", shown(key),
                              record_.database, name, type),
                  offset_,
                  "values of that type are not there: delete such keys where the file was made, "
                  "and save again"});
}

void RdbReader::read_end_mark(RdbInput& input) {
    if (summary_.version >= kRdbVersionWithChecksum) {
        state_ = State::checksum;
    } else {
        end_file(input.offset());
    }
}

void RdbReader::read_checksum(RdbInput& input) {
    const uint64_t claimed = input.take_little_endian(kRdbChecksumBytes);
    if (!input.is_complete()) return;
    // Zero stands for "not computed": directive rdbchecksum no.
    if (options_.verifies_checksum && claimed != 0) {
        if (claimed != checksum_) {
            return input.refuse(offset_, fmt::format("checksum {:016x} expected, {:016x} found",
                                                     checksum_, claimed));
        }
        summary_.is_verified = true;
    }
    end_file(input.offset());
}

void RdbReader::end_file(uint64_t bytes) {
    state_ = State::done;
    summary_.bytes = bytes;
    tell(handler_.end(summary_));
}

std::string_view RdbReader::decode(RdbInput& input, StringDecoder& decoder,
                                   const EncodedText& text) {
    // Of a text that was cut off or refused nothing is there to be unpacked.
    if (!input.is_complete()) return {};
    tl::expected<std::string_view, RdbProblem> decoded = decoder.decode(text);
    if (decoded) return *decoded;
    input.refuse(std::move(decoded.error()));
    return {};
}

}  // namespace gyre::snapshot
