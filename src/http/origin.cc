// SPDX-License-Identifier: BSD-3-Clause

// The origin systems' endpoints: each runs one command. What comes in is {"command": "..."}, what
// goes out is {"received", "status", "message", "data"}.
//
// The text of `command` is what stands behind the command's name, or a whole line: "k" and "get k"
// are the same to /get. A first word that is the name counts as such, always: the key `get` is "get
// get". One that is the name of another command here is an error, not a key.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/registry.h"
#include "http/endpoint.h"
#include "http/json_text.h"
#include "http/json_value.h"
#include "http/transaction.h"
#include "resp/request_parser.h"

namespace gyre::http {
namespace {

struct Answer {
    std::string received;
    std::string_view message = {};
    std::string data = "null";
    uint16_t status = 200;
};

Response shaped(const Answer& answer) {
    Response response;
    response.status = answer.status;
    response.body = R"({"received":)";
    append_text(response.body, answer.received);
    response.body += R"(,"status":)";
    response.body += answer.status < 300 ? R"("success")" : R"("error")";
    response.body += R"(,"message":)";
    append_text(response.body, answer.message);
    response.body += R"(,"data":)" + answer.data + "}";
    return response;
}

Response wrong_body(std::string_view command, std::string_view message) {
    return shaped({.received = std::string(command), .message = message, .status = 400});
}

bool fits(std::string_view command, size_t words) {
    const commands::CommandSpec* spec = commands::find_command(command);
    if (spec == nullptr) return words > 1;
    const auto arity = static_cast<int64_t>(spec->arity);
    const auto count = static_cast<int64_t>(words);
    return arity >= 0 ? count == arity : count >= -arity;
}

/// Whether a word is the name of a command that an endpoint of this family runs with words.
bool is_name_of_another(std::string_view word, std::string_view command) {
    return std::ranges::any_of(origin_endpoints(), [&](const Endpoint& one) {
        return one.body != Body::none && one.command != command &&
               base::equals_ignore_case(one.command, word);
    });
}

/// The command with the words of the line.
Result<std::vector<std::string>> words_of_line(std::string_view command, std::string_view line) {
    std::vector<std::string> words;
    if (!resp::split_line(line, words)) {
        return fail("A quote in `command` is not closed. Close it.");
    }
    const std::string first = words.empty() ? std::string() : words[0];
    if (base::equals_ignore_case(first, command)) {
        words[0] = command;
        return words;
    }
    if (is_name_of_another(first, command)) {
        const std::string name = base::to_lower(command);
        return fail(
            fmt::format("`command` begins with the name of another command. Write `{} {}` "
                        "if {} is meant, or use the endpoint of the other.",
                        name, line, name));
    }
    words.insert(words.begin(), std::string(command));
    return words;
}

/// BATCH cuts a text into commands itself, and takes each of several as one.
Result<std::vector<std::string>> words_of_lines(std::string_view command, const JsonValue& body) {
    std::vector<std::string> words{std::string(command)};
    for (const JsonValue& part : body.parts) {
        if (!part.is(base::JsonKind::string)) {
            return fail("The body is no array of commands. Each is a text, such as \"put a 1\".");
        }
        words.push_back(part.text);
    }
    return words;
}

Result<std::vector<std::string>> words_of_request(const Exchange& exchange) {
    const std::string_view command = exchange.endpoint.command;
    const bool may_lack = fits(command, 1);
    const std::string_view text = exchange.request.body;
    if (text.empty() && may_lack) return std::vector<std::string>{std::string(command)};
    const auto body = parse_json_value(text);
    if (!body) return tl::unexpected(body.error());
    const bool takes_lines = exchange.endpoint.body == Body::lines;
    if (takes_lines && body->is(base::JsonKind::array)) return words_of_lines(command, *body);
    const JsonValue* line = body->find("command");
    if (line == nullptr && may_lack && body->is(base::JsonKind::object)) {
        return std::vector<std::string>{std::string(command)};
    }
    if (line == nullptr || !line->is(base::JsonKind::string)) {
        return fail("The body has no text named `command`. Send {\"command\": \"...\"}.");
    }
    if (takes_lines) return std::vector<std::string>{std::string(command), line->text};
    return words_of_line(command, line->text);
}

std::string joined(const WordList& words) {
    std::string text;
    for (const std::string_view word : words) {
        if (!text.empty()) text += ' ';
        const bool is_plain = !word.empty() && word.find_first_of(" \t\r\n\"'\\") == word.npos;
        text += is_plain ? std::string(word) : base::quote(word);
    }
    return text;
}

ring::Task<Response> run_words(Exchange& exchange, const WordList& words) {
    Answer answer{.received = joined(words)};
    const Reply reply = co_await exchange.backend.run(words);
    if (reply.is_error()) {
        answer.message = reply.text;
        answer.status = status_of_error(reply.text);
        co_return shaped(answer);
    }
    const bool is_missing = reply.is_null() && exchange.endpoint.command == "GET";
    answer.status = is_missing ? 404 : 200;
    answer.message = is_missing ? std::string_view("There is no such key.") : "OK";
    answer.data.clear();
    append_reply(answer.data, reply);
    co_return shaped(answer);
}

ring::Task<Response> run_line(Exchange& exchange) {
    const auto words = words_of_request(exchange);
    if (!words) co_return wrong_body(exchange.endpoint.command, words.error().message);
    const WordList views(words->begin(), words->end());
    co_return co_await run_words(exchange, views);
}

/// What reads without a body.
ring::Task<Response> run_plain(Exchange& exchange) {
    WordList words{exchange.endpoint.command};
    if (exchange.endpoint.command == "KEYS") words.push_back("*");
    co_return co_await run_words(exchange, words);
}

/// A transaction belongs to its token, which the requests of it bring along.
ring::Task<Response> run_begin(Exchange& exchange) {
    Answer answer{.received = "BEGIN"};
    auto token = co_await exchange.backend.begin_transaction();
    if (!token) {
        answer.message = token.error().message;
        answer.status = status_of_error(token.error().message);
        co_return shaped(answer);
    }
    answer.message = "OK";
    answer.data = R"({"transaction":)";
    append_text(answer.data, *token);
    answer.data += '}';
    Response response = shaped(answer);
    response.add("Gyre-Transaction", *std::move(token));
    response.add("Cache-Control", "no-store");
    co_return response;
}

ring::Task<Response> run_end(Exchange& exchange) {
    const std::string_view words[] = {exchange.endpoint.command};
    Answer answer{.received = std::string(exchange.endpoint.command), .message = "OK"};
    const Reply reply = co_await exchange.backend.run_own(words);
    if (reply.is_error()) {
        answer.message = reply.text;
        answer.status = status_of_error(reply.text);
    }
    Response response = shaped(answer);
    response.add("Cache-Control", "no-store");
    co_return response;
}

constexpr std::string_view kAnswers =
    R"({"received": the command, "status": "success" or "error", "message", "data": the reply})";

constexpr uint8_t kNoDatabase = endpoint_flag::no_database;

// What `data` is.
constexpr std::string_view kNull = R"({"type":"string","nullable":true,"enum":[null]})";
constexpr std::string_view kOk = R"({"type":"string","enum":["OK"]})";
constexpr std::string_view kCount = R"({"type":"integer","minimum":0})";
constexpr std::string_view kText = R"({"$ref":"#/components/schemas/Bytes"})";
constexpr std::string_view kTexts =
    R"({"type":"array","items":{"$ref":"#/components/schemas/Bytes"}})";
constexpr std::string_view kMap = R"({"$ref":"#/components/schemas/Map"})";
constexpr std::string_view kReplies =
    R"({"type":"array","items":{"$ref":"#/components/schemas/Value"}})";
constexpr std::string_view kToken =
    R"({"type":"object","properties":{"transaction":{"type":"string"}},)"
    R"("required":["transaction"]})";

constexpr Endpoint reading(std::string_view path, std::string_view command, std::string_view schema,
                           std::string_view summary, uint8_t flags = 0) {
    return {.method = Method::get,
            .path = path,
            .handler = run_plain,
            .command = command,
            .flags = flags,
            .answers = kAnswers,
            .schema = schema,
            .summary = summary};
}

constexpr Endpoint ending(std::string_view path, std::string_view command,
                          std::string_view summary) {
    return {.method = Method::get,
            .path = path,
            .handler = run_end,
            .command = command,
            .flags = endpoint_flag::changes | kNoDatabase,
            .answers = kAnswers,
            .schema = kNull,
            .statuses = "200 404 409",
            .summary = summary};
}

constexpr Endpoint working(Method method, std::string_view path, std::string_view command,
                           std::string_view schema, std::string_view summary,
                           Body body = Body::line, uint8_t flags = 0) {
    return {.method = method,
            .path = path,
            .handler = run_line,
            .command = command,
            .flags = flags,
            .body = body,
            .may_lack_body = command == "CLEAR" || command == "RESET-ALIAS",
            .answers = kAnswers,
            .schema = schema,
            .statuses = "200 404 409 507",
            .summary = summary};
}

constexpr Endpoint kOriginEndpoints[] = {
    reading("/keys", "KEYS", kTexts, "All keys."),
    reading("/values", "VALUES", kTexts, "All values."),
    reading("/items", "ITEMS", kMap, "All keys with their values."),
    reading("/size", "SIZE", kCount, "The number of keys."),
    reading("/help", "HELP", kMap, "The commands.", kNoDatabase),
    reading("/show-alias", "SHOW-ALIAS", kMap, "The aliases.", kNoDatabase),
    {.method = Method::get,
     .path = "/begin",
     .handler = run_begin,
     .command = "BEGIN",
     .flags = endpoint_flag::changes | kNoDatabase,
     .answers = kAnswers,
     .schema = kToken,
     .statuses = "200",
     .summary =
         "Begins a transaction: its token is in `data` and in the field Gyre-Transaction, which "
         "the requests of the transaction bring along."},
    ending("/commit", "COMMIT", "Does what was done since /begin, or answers 409."),
    ending("/rollback", "ROLLBACK", "Forgets what was done since /begin."),
    working(Method::post, "/get", "GET", kText, "The value of a key: {\"command\": \"key\"}."),
    working(Method::post, "/exists", "EXISTS", kCount, "How many of some keys there are."),
    working(Method::post, "/alias", "ALIAS", kOk, "Gives a command a name: name command.",
            Body::line, kNoDatabase),
    working(Method::post, "/find", "FIND", kTexts, "Finds keys or values."),
    working(Method::post, "/clear", "CLEAR", kOk, "Removes all keys."),
    working(Method::put, "/put", "PUT", kOk, "Sets a key: key value [seconds]."),
    working(Method::post, "/put", "PUT", kOk, "The same."),
    working(Method::put, "/batch", "BATCH", kReplies, "Runs several commands, all or none.",
            Body::lines),
    working(Method::remove, "/delete", "DELETE", kCount, "Removes keys."),
    working(Method::remove, "/reset-alias", "RESET-ALIAS", kOk, "Removes an alias, or all.",
            Body::line, kNoDatabase),
};

}  // namespace

std::span<const Endpoint> origin_endpoints() { return kOriginEndpoints; }

}  // namespace gyre::http
