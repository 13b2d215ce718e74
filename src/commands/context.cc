// SPDX-License-Identifier: BSD-3-Clause
#include "commands/context.h"

#include "base/numbers.h"

namespace gyre::commands {

bool Context::is(size_t index, std::string_view word) const {
    return base::equals_ignore_case(argument(index), word);
}

std::optional<int64_t> Context::integer(size_t index, std::string_view message) {
    const auto value = base::parse_integer(argument(index));
    if (!value) error(message);
    return value;
}

std::optional<int64_t> Context::integer_between(size_t index, int64_t low, int64_t high,
                                                std::string_view message) {
    const auto value = base::parse_integer(argument(index));
    if (value && *value >= low && *value <= high) return value;
    error(message);
    return std::nullopt;
}

std::optional<long double> Context::real(size_t index) {
    const auto value = base::parse_long_double(argument(index));
    if (!value) error(errors::kNotFloat);
    return value;
}

std::optional<uint32_t> Context::database(size_t index) {
    const auto value = integer(index);
    if (!value) return std::nullopt;
    if (*value < INT32_MIN || *value > INT32_MAX) {
        error("ERR value is out of range, value must between -2147483648 and 2147483647");
        return std::nullopt;
    }
    if (*value < 0 || *value >= static_cast<int64_t>(services.dataset.databases())) {
        error(errors::kDatabaseRange);
        return std::nullopt;
    }
    return static_cast<uint32_t>(*value);
}

bool Context::require_string(const store::Entry* entry) {
    if (entry == nullptr || entry->type() == store::Type::string) [[likely]]
        return true;
    error(errors::kWrongType);
    return false;
}

std::string_view Context::string_bytes(const store::Entry& entry, char (&digits)[24]) {
    if (entry.encoding() != store::Encoding::integer) return entry.bytes();
    const char* end = base::write_integer(digits, entry.integer());
    return {digits, static_cast<size_t>(end - digits)};
}

size_t Context::string_length(const store::Entry& entry) {
    if (entry.encoding() == store::Encoding::integer) return base::integer_chars(entry.integer());
    return entry.bytes().size();
}

void Context::write_string(resp::ReplyWriter& reply, const store::Entry& entry) {
    if (entry.encoding() == store::Encoding::integer) {
        reply.bulk_integer(entry.integer());
    } else if (entry.has(store::Entry::external) &&
               entry.block()->size() >= resp::ReplyWriter::kReferenceBytes) {
        reply.bulk_shared(base::SharedBytesRef::share(entry.block()));
    } else {
        reply.bulk(entry.bytes());
    }
}

void Context::tell_set(const store::Key& key, const store::Entry& entry, std::string_view value) {
    tell(log::SetEffect{.key = key.bytes, .value = value, .expire_ms = entry.expire_ms()},
         entry.timestamp_ms());
}

void Context::tell_deadline(const store::Key& key, const store::Entry& entry) {
    if (entry.has_expiry()) {
        tell(log::ExpireEffect{key.bytes, entry.expire_ms()}, entry.timestamp_ms());
    } else {
        tell(log::PersistEffect{key.bytes}, entry.timestamp_ms());
    }
}

types::StringContent Context::content(size_t index) const {
    const resp::Argument& argument = arguments[index];
    // Quoted words of inline commands are blocks too: only what will be external anyway is taken
    // over.
    if (argument.block == nullptr || argument.bytes.size() <= store::Entry::kInlineValueMax) {
        return types::encode_string(argument.bytes);
    }
    argument.block->retain();
    return types::block_string(argument.block);
}

}  // namespace gyre::commands
