// SPDX-License-Identifier: BSD-3-Clause

// Keys as resources: /v1/keys and /v1/keys/{key}.
//
// A conditional write watches its key, looks at it, and writes in a transaction that comes to
// nothing when somebody else was quicker: then it looks again. So the comparison and the write are
// one.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/numbers.h"
#include "http/accept.h"
#include "http/endpoint.h"
#include "http/guard.h"
#include "http/json_text.h"
#include "http/json_value.h"
#include "http/transaction.h"
#include "http/value.h"

namespace gyre::http {
namespace {

/// How often a conditional write looks again at a key that others change meanwhile.
constexpr int kAttemptsMax = 16;
constexpr std::string_view kJsonVariant = "-json";

std::string entity_tag(std::string_view fingerprint, bool is_json) {
    return fmt::format("\"{}{}\"", fingerprint, is_json ? kJsonVariant : "");
}

/// Whether a list of entity tags names the value; in which form it was read is the same.
bool names_value(std::string_view list, const KeyValue& value) {
    if (!value.exists) return false;
    if (list == "*") return true;
    const std::string wanted = value.fingerprint();
    while (!list.empty()) {
        const size_t begin = list.find('"');
        if (begin == std::string_view::npos) return false;
        const size_t end = list.find('"', begin + 1);
        if (end == std::string_view::npos) return false;
        std::string_view tag = list.substr(begin + 1, end - begin - 1);
        const bool is_weak = begin >= 2 && list.substr(begin - 2, 2) == "W/";
        if (tag.ends_with(kJsonVariant)) tag.remove_suffix(kJsonVariant.size());
        if (!is_weak && tag == wanted) return true;
        list.remove_prefix(end + 1);
    }
    return false;
}

enum class Form : uint8_t { json, bytes, none };

/// Bytes are for who names them and wants nothing more; a field that speaks of neither form says
/// nothing. Only a string has both.
Form form_for(const Request& request, bool is_string) {
    const auto accept = request.field(Field::accept);
    const auto json = quality_of(accept, kJsonType);
    const auto bytes = quality_of(accept, kBytesType);
    const uint16_t json_quality = json ? json->thousandths : 0;
    const bool takes_bytes = bytes && bytes->thousandths > 0;
    if (is_string && takes_bytes) {
        if (bytes->is_named && bytes->thousandths >= json_quality) return Form::bytes;
        if (json && json_quality == 0) return Form::bytes;
    }
    const bool takes_json = json ? json_quality > 0 : !takes_bytes;
    return takes_json ? Form::json : Form::none;
}

Response no_such_key() {
    return error_response(404, "NOTFOUND", "There is no such key. PUT makes it.");
}

void describe(Response& response, const KeyValue& value, std::string tag) {
    response.add("ETag", std::move(tag));
    response.add("Gyre-Type", value.type);
    if (value.ttl_ms >= 0) response.add("Gyre-Ttl-Ms", std::to_string(value.ttl_ms));
    response.add("Cache-Control", "no-cache");
    response.add("Vary", "Accept");
}

enum class Condition : uint8_t { match, none_match };

Response unmet_condition(const KeyValue& value, Condition condition) {
    std::string_view message = "There is no such key, and the request is for one that is there.";
    if (condition == Condition::none_match) {
        message =
            "The key exists, with a value that the request is not for. GET it and decide "
            "anew.";
    } else if (value.exists) {
        message = "The key has another value than the request is for. GET it and decide anew.";
    }
    Response response = error_response(412, "PRECONDITION", message);
    if (value.exists) response.add("ETag", entity_tag(value.fingerprint(), true));
    return response;
}

// --- reading ------------------------------------------------------------------------------------

ring::Task<Response> get_key(Exchange& exchange) {
    KeyValue value = co_await read_key(exchange.backend, exchange.key);
    if (!value.error.empty()) co_return failed_command(value.error);
    if (!value.exists) {
        if (exchange.request.field(Field::if_match)) {
            co_return unmet_condition(value, Condition::match);
        }
        co_return no_such_key();
    }
    const Form form = form_for(exchange.request, value.is_string());
    if (form == Form::none) {
        co_return error_response(406, "NOTACCEPTABLE",
                                 "The value is JSON, and that of a string is bytes as well; the "
                                 "field Accept wants neither. Accept application/json.");
    }
    const bool is_bytes = form == Form::bytes;
    const auto match = exchange.request.field(Field::if_match);
    if (match && !names_value(*match, value)) co_return unmet_condition(value, Condition::match);
    Response response;
    describe(response, value, entity_tag(value.fingerprint(), !is_bytes));
    const auto known = exchange.request.field(Field::if_none_match);
    if (known && (*known == "*" || known->find(response.fields[0].second) != known->npos)) {
        response.status = 304;
        co_return response;
    }
    response.content_type = is_bytes ? kBytesType : kJsonType;
    response.body = is_bytes ? std::move(value.value.text) : value.json();
    co_return response;
}

/// SCAN's words for a page.
WordList page_words(const Target& target) {
    WordList words{"SCAN", target.value("cursor").value_or("0")};
    for (const std::string_view option : {"match", "count", "type"}) {
        const auto value = target.value(option);
        if (!value) continue;
        words.push_back(option);
        words.push_back(*value);
    }
    return words;
}

ring::Task<Response> list_keys(Exchange& exchange) {
    const WordList words = page_words(exchange.target);
    const Reply reply = co_await exchange.backend.run(words);
    if (reply.is_error()) co_return failed_command(reply.text);
    Response response;
    response.body = R"({"cursor":)";
    append_reply(response.body, reply.elements[0]);
    response.body += R"(,"keys":)";
    append_reply(response.body, reply.elements[1]);
    response.body += '}';
    co_return response;
}

// --- writing ------------------------------------------------------------------------------------

/// What a PUT asks for: the commands that do it, and the words they are made of.
struct Write {
    std::vector<std::string> words;
    std::string lifetime;
    std::vector<WordList> commands;
    bool is_string = false;
};

/// The lifetime in milliseconds that the request gives; "keep", or empty for none.
Result<std::string> lifetime_of(const Exchange& exchange) {
    const auto ms = exchange.target.value("ttl_ms");
    const auto field = exchange.request.field(Field::gyre_ttl_ms);
    const auto seconds = exchange.target.value("ttl");
    if ((ms ? 1 : 0) + (field ? 1 : 0) + (seconds ? 1 : 0) > 1) {
        return fail("The lifetime is given twice. Give one of ttl, ttl_ms and Gyre-Ttl-Ms.");
    }
    if (seconds == "keep") return "keep";
    if (!ms && !field && !seconds) return "";
    const auto number = base::parse_integer(seconds ? *seconds : ms.value_or(field.value_or("")));
    const int64_t most = seconds ? INT64_MAX / 1000 : INT64_MAX;
    if (!number || *number <= 0 || *number > most) {
        return fail(
            "The lifetime is no positive whole number. ttl is in seconds, ttl_ms and "
            "Gyre-Ttl-Ms in milliseconds; ttl=keep keeps a string's.");
    }
    return std::to_string(seconds ? *number * 1000 : *number);
}

void write_string(std::string_view key, std::string_view value, Write& write) {
    WordList set{"SET", key, value};
    if (write.lifetime == "keep") {
        set.push_back("KEEPTTL");
    } else if (!write.lifetime.empty()) {
        set.push_back("PX");
        set.push_back(write.lifetime);
    }
    write.commands.push_back(std::move(set));
    write.is_string = true;
}

Result<void> write_collection(std::string_view key, std::string_view type, const JsonValue& value,
                              Write& write) {
    if (write.lifetime == "keep") {
        return fail("Only a string keeps its lifetime. Give the new one in ttl_ms.");
    }
    std::string_view command;
    auto words = elements_of(type, value, command);
    if (!words) return tl::unexpected(std::move(words.error()));
    write.words = *std::move(words);
    WordList fill{command, key};
    fill.insert(fill.end(), write.words.begin(), write.words.end());
    write.commands.push_back({"DEL", key});
    write.commands.push_back(std::move(fill));
    if (!write.lifetime.empty()) write.commands.push_back({"PEXPIRE", key, write.lifetime});
    return {};
}

/// Fills `write`, whose words its commands refer to: it stays where it is.
Result<void> plan_write(const Exchange& exchange, Write& write) {
    auto lifetime = lifetime_of(exchange);
    if (!lifetime) return tl::unexpected(std::move(lifetime.error()));
    write.lifetime = *std::move(lifetime);
    write.commands.push_back({"EXISTS", exchange.key});
    const auto given = exchange.target.value("type");
    const auto type = given ? given : exchange.request.field(Field::gyre_type);
    if (is_bytes(exchange.request.field(Field::content_type))) {
        if (type && *type != "string") {
            return fail("Bytes are a string. Send a collection as application/json.");
        }
        write_string(exchange.key, exchange.request.body, write);
        return {};
    }
    const auto value = parse_json_value(exchange.request.body);
    if (!value) return tl::unexpected(value.error());
    const std::string_view kind = type ? *type : type_of(*value);
    if (kind != "string") return write_collection(exchange.key, kind, *value, write);
    auto bytes = bytes_of(*value, "The value of a string");
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    write.words.push_back(*std::move(bytes));
    write_string(exchange.key, write.words[0], write);
    return {};
}

/// The field If-Match or If-None-Match against the value as it is. Nothing: go on.
std::optional<Response> unmet(const Request& request, const KeyValue& value) {
    const auto match = request.field(Field::if_match);
    const auto none = request.field(Field::if_none_match);
    if (match && !names_value(*match, value)) return unmet_condition(value, Condition::match);
    if (none && names_value(*none, value)) return unmet_condition(value, Condition::none_match);
    return std::nullopt;
}

struct Written {
    std::optional<Response> refused = {};
    Outcome outcome = {};
};

/// Watches, compares, and runs the commands. Within a transaction what is read is watched anyway.
ring::Task<Written> write_compared(Exchange& exchange, const std::vector<WordList>& commands) {
    Written written;
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        const std::string_view watch[] = {"WATCH", exchange.key};
        Reply watched;
        if (!exchange.backend.is_in_transaction()) {
            watched = co_await exchange.backend.run_own(watch);
        }
        const KeyValue value = co_await read_watched(exchange.backend, exchange.key);
        if (watched.is_error() || !value.error.empty()) {
            written.refused = failed_command(watched.is_error() ? watched.text : value.error);
            co_return written;
        }
        written.refused = unmet(exchange.request, value);
        if (written.refused) co_return written;
        written.outcome = co_await run_atomically(exchange.backend, commands);
        if (!written.outcome.is_void) co_return written;
    }
    written.refused = error_response(409, "CONFLICT",
                                     "Others change the key all the time. GET it and decide anew.");
    co_return written;
}

/// With the conditions of the request, if it has any.
ring::Task<Written> write_key(Exchange& exchange, const std::vector<WordList>& commands) {
    const Request& request = exchange.request;
    Written written;
    if (request.field(Field::if_match) || request.field(Field::if_none_match)) {
        written = co_await write_compared(exchange, commands);
    } else {
        written.outcome = co_await run_atomically(exchange.backend, commands);
    }
    if (written.refused) co_return written;
    if (!written.outcome.error.empty()) written.refused = failed_command(written.outcome.error);
    for (const Reply& reply : written.outcome.replies) {
        if (reply.is_error() && !written.refused) written.refused = failed_command(reply.text);
    }
    co_return written;
}

ring::Task<Response> put_key(Exchange& exchange) {
    Write write;
    const auto planned = plan_write(exchange, write);
    if (!planned) co_return error_response(400, "BODY", planned.error().message);
    Written written = co_await write_key(exchange, write.commands);
    if (written.refused) co_return *std::move(written.refused);
    Response response;
    response.status = written.outcome.replies[0].integer == 0 ? 201 : 204;
    if (response.status == 201) response.body = "{}";
    if (write.is_string) {
        KeyValue value{.exists = true, .type = "string"};
        value.value.text = write.commands.back()[2];
        const bool is_json = !is_bytes(exchange.request.field(Field::content_type));
        response.add("ETag", entity_tag(value.fingerprint(), is_json));
    }
    co_return response;
}

ring::Task<Response> delete_key(Exchange& exchange) {
    const std::vector<WordList> commands{{"DEL", exchange.key}};
    Written written = co_await write_key(exchange, commands);
    if (written.refused) co_return *std::move(written.refused);
    if (written.outcome.replies[0].integer == 0) co_return no_such_key();
    Response response;
    response.status = 204;
    co_return response;
}

constexpr Parameter kPageParameters[] = {
    {"cursor", false, "Where the page before ended; 0, or left out, at the start"},
    {"match", false, "Glob pattern that the keys match"},
    {"count", false, "About how many keys to look at"},
    {"type", false, "Type of the keys"},
};
constexpr Parameter kReadParameters[] = {
    {"Accept", true, "application/octet-stream for the bytes of a string, else JSON"},
    {"If-Match", true, "Entity tags, or *: 412 when none of them is the value's"},
    {"If-None-Match", true, "Entity tags: 304 when one of them is the value's"},
};
constexpr Parameter kWriteParameters[] = {
    {"type", false, "string, list, set, hash or zset; left out: what the JSON looks like"},
    {"ttl", false, "Lifetime in seconds; keep: that of the string there is"},
    {"ttl_ms", false, "Lifetime in milliseconds"},
    {"Gyre-Ttl-Ms", true, "The same"},
    {"Gyre-Type", true, "As type"},
    {"If-Match", true, "Entity tags, or *: only in place of such a value"},
    {"If-None-Match", true, "*: only where there is no key"},
};
constexpr Parameter kRemoveParameters[] = {
    {"If-Match", true, "Entity tags, or *: only such a value"},
};

constexpr Endpoint kKeyEndpoints[] = {
    {.method = Method::get,
     .path = "/v1/keys",
     .handler = list_keys,
     .answers = R"({"cursor": "0 at the end", "keys": [...]})",
     .schema = R"({"type":"object","properties":{"cursor":{"type":"string"},"keys":{)"
               R"("type":"array","items":{"$ref":"#/components/schemas/Bytes"}}},)"
               R"("required":["cursor","keys"]})",
     .summary = "Lists keys, page by page. A key that is there from the first page to the last is "
                "listed, perhaps more than once.",
     .parameters = kPageParameters},
    {.method = Method::get,
     .path = "/v1/keys/{key}",
     .handler = get_key,
     .flags = endpoint_flag::reads_bytes,
     .answers = "The value; its type in Gyre-Type, its lifetime in Gyre-Ttl-Ms, its entity tag in "
                "ETag",
     .schema = R"({"$ref":"#/components/schemas/Value"})",
     .statuses = "200 304 404 406 412",
     .summary = "Reads a key. JSON: a string, an array of a list or a set, an object of a hash, "
                "pairs of a sorted set, entries of a stream.",
     .parameters = kReadParameters},
    {.method = Method::put,
     .path = "/v1/keys/{key}",
     .handler = put_key,
     .body = Body::value,
     .answers = "Nothing",
     .schema = R"({"type":"object"})",
     .statuses = "201 204 409 412 507",
     .summary = "Makes a key or replaces it. With If-Match or If-None-Match comparing and writing "
                "are one.",
     .parameters = kWriteParameters},
    {.method = Method::remove,
     .path = "/v1/keys/{key}",
     .handler = delete_key,
     .answers = "Nothing",
     .statuses = "204 404 409 412",
     .summary = "Removes a key.",
     .parameters = kRemoveParameters},
};

}  // namespace

std::span<const Endpoint> key_endpoints() { return kKeyEndpoints; }

}  // namespace gyre::http
