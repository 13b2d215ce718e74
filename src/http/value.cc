// SPDX-License-Identifier: BSD-3-Clause
#include "http/value.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/numbers.h"
#include "http/json_text.h"
#include "http/transaction.h"
#include "types/digest.h"

namespace gyre::http {
namespace {

/// How often a key is looked at again that became another type between two looks.
constexpr int kLooksMax = 4;

struct TypeRow {
    std::string_view type;
    std::string_view reader;
    std::string_view options[3];  // behind the key
    std::string_view writer;
};

constexpr TypeRow kTypeRows[] = {
    {"list", "LRANGE", {"0", "-1", ""}, "RPUSH"},
    {"set", "SMEMBERS", {"", "", ""}, "SADD"},
    {"hash", "HGETALL", {"", "", ""}, "HSET"},
    {"zset", "ZRANGE", {"0", "-1", "WITHSCORES"}, "ZADD"},
    {"stream", "XRANGE", {"-", "+", ""}, ""},
};

const TypeRow* find_type(std::string_view type) {
    const auto row = std::ranges::find(kTypeRows, type, &TypeRow::type);
    return row == std::end(kTypeRows) ? nullptr : row;
}

WordList read_words(std::string_view type, std::string_view key) {
    const TypeRow* row = find_type(type);
    if (row == nullptr) return {"GET", key};
    WordList words{row->reader, key};
    for (const std::string_view option : row->options) {
        if (!option.empty()) words.push_back(option);
    }
    return words;
}

void take_deadline(KeyValue& value, const Reply& pttl) { value.ttl_ms = pttl.integer; }

bool is_wrong_type(const Reply& reply) {
    return reply.is_error() && reply.text.starts_with("WRONGTYPE ");
}

/// What is read as a value of `type`; false: it is of another one.
ring::Task<bool> read_as(Backend& backend, std::string_view key, KeyValue& value) {
    const WordList commands[] = {read_words(value.type, key), {"PTTL", key}};
    Outcome outcome = co_await run_atomically(backend, commands);
    if (!outcome.error.empty()) {
        value.error = std::move(outcome.error);
        co_return true;
    }
    if (is_wrong_type(outcome.replies[0])) co_return false;
    if (outcome.replies[0].is_error()) value.error = outcome.replies[0].text;
    value.value = std::move(outcome.replies[0]);
    take_deadline(value, outcome.replies[1]);
    value.exists = outcome.replies[1].integer != -2;
    co_return true;
}

/// A list of names and values in turn, out of an object or out of pairs.
Result<void> append_pairs(const JsonValue& value, bool is_swapped,
                          std::vector<std::string>& words) {
    const bool is_object = value.is(base::JsonKind::object);
    for (const JsonValue& part : value.parts) {
        if (!is_object && (!part.is(base::JsonKind::array) || part.parts.size() != 2)) {
            return fail("An element is no pair. Give an object, or an array of arrays of two.");
        }
        auto first = is_object ? Result<std::string>(part.name) : bytes_of(part.parts[0], "A name");
        auto second = bytes_of(is_object ? part : part.parts[1], "A value");
        if (!first) return tl::unexpected(std::move(first.error()));
        if (!second) return tl::unexpected(std::move(second.error()));
        if (is_swapped) std::swap(*first, *second);
        // Behind the command that clears the place nothing may fail any more.
        if (is_swapped && !base::parse_double(*first)) {
            return fail("A score is no number. Give a number, or one of inf and -inf.");
        }
        words.push_back(*std::move(first));
        words.push_back(*std::move(second));
    }
    return {};
}

}  // namespace

std::string KeyValue::json() const {
    std::string text;
    append_reply(text, value);
    return text;
}

/// Elements of sets and pairs of hashes come in an order that tells of the past, not of the value:
/// their digests are sorted.
uint64_t KeyValue::digest() const {
    if (is_string()) return types::digest(value.text);
    const size_t step = type == "hash" ? 2 : 1;
    if (type != "set" && type != "hash") return types::digest(json());
    std::vector<uint64_t> digests;
    digests.reserve(value.elements.size() / step);
    std::string text;
    for (size_t index = 0; index + step <= value.elements.size(); index += step) {
        text.clear();
        append_reply(text, value.elements[index]);
        text += ',';
        if (step == 2) append_reply(text, value.elements[index + 1]);
        digests.push_back(types::digest(text));
    }
    std::ranges::sort(digests);
    return types::digest(
        {reinterpret_cast<const char*>(digests.data()), digests.size() * sizeof(uint64_t)});
}

std::string KeyValue::fingerprint() const {
    char digits[types::kDigestChars];
    types::write_digest(digits, digest());
    return fmt::format("{}-{}", type, std::string_view(digits, types::kDigestChars));
}

ring::Task<KeyValue> read_key(Backend& backend, std::string_view key) {
    KeyValue value;
    value.type = "string";
    for (int look = 0; look < kLooksMax; ++look) {
        const bool is_read = co_await read_as(backend, key, value);
        if (is_read) co_return value;
        const std::string_view words[] = {"TYPE", key};
        Reply type = co_await backend.run(words);
        if (type.is_error()) {
            value.error = std::move(type.text);
            co_return value;
        }
        if (type.text == "none") {
            value.type = "string";
            co_return value;
        }
        value.type = std::move(type.text);
    }
    value.error = "TRYAGAIN The key changes its type all the time. Try again.";
    co_return value;
}

ring::Task<KeyValue> read_watched(Backend& backend, std::string_view key) {
    KeyValue value;
    const std::string_view ask_type[] = {"TYPE", key};
    Reply type = co_await backend.run(ask_type);
    const std::string_view ask_deadline[] = {"PTTL", key};
    const Reply deadline = co_await backend.run(ask_deadline);
    if (type.is_error()) {
        value.error = std::move(type.text);
        co_return value;
    }
    value.type = std::move(type.text);
    value.exists = value.type != "none";
    if (!value.exists) co_return value;
    take_deadline(value, deadline);
    const WordList ask_value = read_words(value.type, key);
    value.value = co_await backend.run(ask_value);
    // It went or became another type since: whoever watches finds out.
    if (is_wrong_type(value.value)) value.exists = false;
    co_return value;
}

std::string_view type_of(const JsonValue& value) {
    if (value.is(base::JsonKind::array)) return "list";
    if (value.is(base::JsonKind::object) && value.find("base64") == nullptr) return "hash";
    return "string";
}

Result<std::vector<std::string>> elements_of(std::string_view type, const JsonValue& value,
                                             std::string_view& command) {
    const TypeRow* row = find_type(type);
    if (row == nullptr || row->writer.empty()) {
        return fail(
            "The type is none of string, list, set, hash and zset. Name one of them; a "
            "stream is written by XADD through /v1/command.");
    }
    command = row->writer;
    const bool is_paired = type == "hash" || type == "zset";
    const bool is_array = value.is(base::JsonKind::array);
    if (!is_array && !(is_paired && value.is(base::JsonKind::object))) {
        return fail(fmt::format("A {} is an array{}. Give one.", type,
                                is_paired ? " of pairs or an object" : ""));
    }
    if (value.parts.empty()) {
        return fail("No collection is empty. Give it an element, or DELETE the key.");
    }
    std::vector<std::string> words;
    if (is_paired) {
        if (auto added = append_pairs(value, type == "zset", words); !added) {
            return tl::unexpected(std::move(added.error()));
        }
        return words;
    }
    for (const JsonValue& part : value.parts) {
        auto word = bytes_of(part, "An element");
        if (!word) return tl::unexpected(std::move(word.error()));
        words.push_back(*std::move(word));
    }
    return words;
}

}  // namespace gyre::http
