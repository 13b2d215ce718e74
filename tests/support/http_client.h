// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A blocking HTTP client for tests that care about bytes and about what stays open: it sends what
// it is told to and reads responses by their Content-Length. Every wait has a deadline.
//
// Ownership: owns its socket. Threads: one at a time. Errors: status 0 for what is no response.

#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/raw_socket.h"

namespace gyre::test {

struct HttpResponse {
    int status = 0;
    std::map<std::string, std::string> fields;  ///< names in lower case
    std::string body;

    std::string field(const std::string& name) const {
        const auto found = fields.find(name);
        return found == fields.end() ? "" : found->second;
    }
};

class HttpClient {
public:
    explicit HttpClient(int port) : socket_(RawSocket::connect_tcp(port)) {}
    bool is_connected() const { return socket_.has_value(); }
    RawSocket& socket() { return *socket_; }

    bool send(std::string_view bytes) { return socket_ && socket_->send(bytes); }
    bool send_request(std::string_view method, std::string_view target, std::string_view body = "",
                      std::string_view fields = "") {
        std::string text = std::string(method) + " " + std::string(target) +
                           " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields);
        if (fields.find("Content-Type") == std::string_view::npos && !body.empty()) {
            text += "Content-Type: application/json\r\n";
        }
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
        return send(text + std::string(body));
    }
    /// Sends a request and reads its response.
    HttpResponse ask(std::string_view method, std::string_view target, std::string_view body = "",
                     std::string_view fields = "") {
        if (!send_request(method, target, body, fields)) return {};
        return read(method == "HEAD");
    }
    HttpResponse read(bool is_head = false) {
        HttpResponse response;
        size_t end = std::string::npos;
        while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
            if (!fill()) return response;
        }
        parse_head(input_.substr(0, end), response);
        input_.erase(0, end + 4);
        const bool has_body =
            !is_head && response.status != 204 && response.status != 304 && response.status >= 200;
        const size_t length =
            has_body ? std::strtoul(response.field("content-length").c_str(), nullptr, 10) : 0;
        while (input_.size() < length) {
            if (!fill()) return {};
        }
        response.body = input_.substr(0, length);
        input_.erase(0, length);
        return response;
    }
    /// The peer ends the stream in time, and sends nothing more.
    bool is_closed() { return input_.empty() && !fill() && is_at_end_; }
    /// What was received and belongs to no response.
    const std::string& rest() const { return input_; }
    /// Receives once; false at the end, or when nothing comes in time.
    bool fill() {
        if (!socket_) return false;
        pollfd poll{socket_->descriptor(), POLLIN, 0};
        if (::poll(&poll, 1, static_cast<int>(kPatience.count())) <= 0) return false;
        char buffer[65536];
        const ssize_t bytes = ::recv(socket_->descriptor(), buffer, sizeof buffer, 0);
        is_at_end_ = bytes <= 0;
        if (bytes > 0) input_.append(buffer, static_cast<size_t>(bytes));
        return bytes > 0;
    }

private:
    static void parse_head(std::string head, HttpResponse& response) {
        response.status = std::atoi(head.substr(std::min<size_t>(head.size(), 9)).c_str());
        size_t at = head.find("\r\n");
        while (at != std::string::npos) {
            const size_t next = head.find("\r\n", at + 2);
            const std::string line = head.substr(at + 2, next - at - 2);
            const size_t colon = line.find(": ");
            std::string name = line.substr(0, colon);
            for (char& letter : name) {
                if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter | 0x20);
            }
            response.fields[name] =
                colon == std::string::npos ? std::string() : line.substr(colon + 2);
            at = next;
        }
    }

    std::optional<RawSocket> socket_;
    std::string input_;
    bool is_at_end_ = false;
};

}  // namespace gyre::test
