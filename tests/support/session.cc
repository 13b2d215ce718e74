// SPDX-License-Identifier: BSD-3-Clause
#include "support/session.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <utility>

namespace gyre::test {

namespace {

constexpr std::chrono::milliseconds kPollInterval{5};
constexpr int kTimeoutMs = 30'000;

Client connect_or_throw(const ServerProcess& server, ClientOptions options) {
    options.port = static_cast<uint16_t>(server.port());
    options.timeout_ms = kTimeoutMs;
    Result<Client> client = Client::connect(options);
    if (!client) {
        throw std::runtime_error("connecting failed: " + client.error().message +
                                 "\nthe server's log:\n" + server.log());
    }
    return std::move(*client);
}

}  // namespace

std::string brief(const Reply& reply) {
    switch (reply.type) {
        case ReplyType::null:
            return "(nil)";
        case ReplyType::integer:
            return ":" + std::to_string(reply.integer);
        case ReplyType::error:
            return "-" + reply.text;
        case ReplyType::real:
            return "," + reply.text;
        case ReplyType::boolean:
            return reply.integer != 0 ? "#t" : "#f";
        default:
            break;
    }
    if (!reply.is_aggregate()) return reply.text;
    std::string text = "[";
    for (const Reply& element : reply.elements) {
        if (text.size() > 1) text += " ";
        text += brief(element);
    }
    return text + "]";
}

bool wait_until(const std::function<bool()>& is_true, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!is_true()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(kPollInterval);
    }
    return true;
}

Session::Session(const ServerProcess& server, ClientOptions options)
    : client_(connect_or_throw(server, std::move(options))) {}

Reply Session::command(const std::vector<std::string>& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    Result<Reply> reply = client_.command(views);
    if (reply) return std::move(*reply);
    Reply failed;
    failed.type = ReplyType::status;
    failed.text = "(connection failed: " + reply.error().message + ")";
    ADD_FAILURE() << describe(words) << ": " << failed.text;
    return failed;
}

std::string Session::info(const std::string& section, std::string_view field) {
    const std::string text = reply("INFO", section).text;
    const std::string line = "\n" + std::string(field) + ":";
    const std::size_t at = text.find(line);
    if (at == std::string::npos) return "";
    const std::size_t start = at + line.size();
    return text.substr(start, text.find('\r', start) - start);
}

int64_t Session::info_number(const std::string& section, std::string_view field) {
    return std::atoll(info(section, field).c_str());
}

}  // namespace gyre::test
