// SPDX-License-Identifier: BSD-3-Clause

// Any command and any list of commands: /v1/command, /v1/transaction.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/endpoint.h"
#include "http/json_text.h"
#include "http/json_value.h"
#include "http/transaction.h"

namespace gyre::http {
namespace {

WordList views_of(const std::vector<std::string>& words) { return {words.begin(), words.end()}; }

Response bad_body(const Error& error) { return error_response(400, "BODY", error.message); }

ring::Task<Response> run_command(Exchange& exchange) {
    const auto body = parse_json_value(exchange.request.body);
    if (!body) co_return bad_body(body.error());
    const auto words = words_of(*body);
    if (!words) co_return bad_body(words.error());
    const WordList views = views_of(*words);
    const Reply reply = co_await exchange.backend.run(views);
    if (reply.is_error()) co_return failed_command(reply.text);
    Response response;
    response.body = R"({"result":)";
    append_reply(response.body, reply);
    response.body += '}';
    co_return response;
}

Result<std::vector<std::vector<std::string>>> commands_of(const JsonValue& body) {
    if (!body.is(base::JsonKind::array) || body.parts.empty()) {
        return fail(
            "A transaction is an array of commands, each an array of its words, such as "
            "[[\"SET\", \"a\", \"1\"], [\"GET\", \"a\"]].");
    }
    std::vector<std::vector<std::string>> commands;
    for (const JsonValue& part : body.parts) {
        auto words = words_of(part);
        if (!words) return tl::unexpected(std::move(words.error()));
        commands.push_back(std::move(*words));
    }
    return commands;
}

std::string results_of(const std::vector<Reply>& replies) {
    std::string text = R"({"results":[)";
    for (size_t index = 0; index < replies.size(); ++index) {
        if (index > 0) text += ',';
        const bool is_error = replies[index].is_error();
        text += is_error ? "" : R"({"result":)";
        append_reply(text, replies[index]);
        text += is_error ? "" : "}";
    }
    text += "]}";
    return text;
}

ring::Task<Response> run_transaction(Exchange& exchange) {
    const auto body = parse_json_value(exchange.request.body);
    if (!body) co_return bad_body(body.error());
    const auto commands = commands_of(*body);
    if (!commands) co_return bad_body(commands.error());
    std::vector<WordList> views;
    for (const auto& words : *commands) views.push_back(views_of(words));
    Outcome outcome = co_await run_atomically(exchange.backend, views);
    if (!outcome.error.empty()) {
        Response response = failed_command(outcome.error);
        // Which of them is at fault; of none, the transaction as a whole.
        if (outcome.failed_at < views.size()) {
            response.body.pop_back();
            response.body += R"(,"command":)" + std::to_string(outcome.failed_at + 1) + "}";
        }
        co_return response;
    }
    Response response;
    response.body = results_of(outcome.replies);
    co_return response;
}

constexpr Endpoint kCommandEndpoints[] = {
    {.method = Method::post,
     .path = "/v1/command",
     .handler = run_command,
     .body = Body::words,
     .answers = R"({"result": the reply})",
     .schema = R"({"$ref":"#/components/schemas/Result"})",
     .statuses = "200 409 507",
     .summary = "Runs one command, given as an array of its words. One that would wait acts as in "
                "a transaction."},
    {.method = Method::post,
     .path = "/v1/transaction",
     .handler = run_transaction,
     .body = Body::transaction,
     .answers = R"({"results": [{"result": a reply} or {"error": ...}, ...]})",
     .schema = R"({"type":"object","properties":{"results":{"type":"array","items":{"oneOf":[)"
               R"({"$ref":"#/components/schemas/Result"},)"
               R"({"$ref":"#/components/schemas/CommandError"}]}}},"required":["results"]})",
     .statuses = "200 409 507",
     .summary =
         "Runs several commands at one moment, as MULTI and EXEC do. When one of them cannot "
         "be queued none is run, and `command` of the error says which."},
};

}  // namespace

std::span<const Endpoint> command_endpoints() { return kCommandEndpoints; }

}  // namespace gyre::http
