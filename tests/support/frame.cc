// SPDX-License-Identifier: BSD-3-Clause
#include "support/frame.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace gyre::test {

namespace {

constexpr std::size_t kShownBytes = 200;

[[noreturn]] void malformed(std::string_view bytes, std::size_t offset) {
    std::fprintf(stderr, "malformed reply at byte %zu: %s\n", offset,
                 quote(bytes.substr(offset, kShownBytes)).c_str());
    std::abort();
}

std::optional<std::string_view> take_line(std::string_view bytes, std::size_t& offset) {
    const std::size_t end = bytes.find("\r\n", offset);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = bytes.substr(offset, end - offset);
    offset = end + 2;
    return line;
}

bool is_bulk(char type) { return type == '$' || type == '=' || type == '!'; }

bool is_list(char type) {
    return type == '*' || type == '%' || type == '~' || type == '>' || type == '|';
}

bool is_scalar(char type) {
    return std::string_view("+-:,#(_").find(type) != std::string_view::npos;
}

bool take_bulk(std::string_view bytes, std::size_t& offset, Frame& frame) {
    const auto length = static_cast<std::size_t>(std::atoll(frame.text.c_str()));
    if (bytes.size() < offset + length + 2) return false;
    if (bytes.substr(offset + length, 2) != "\r\n") malformed(bytes, offset);
    frame.text = bytes.substr(offset, length);
    offset += length + 2;
    return true;
}

bool take_items(std::string_view bytes, std::size_t& offset, Frame& frame) {
    long long count = std::atoll(frame.text.c_str());
    if (frame.type == '%' || frame.type == '|') count *= 2;
    frame.text.clear();
    for (long long i = 0; i < count; ++i) {
        std::optional<Frame> item = parse_frame(bytes, offset);
        if (!item) return false;
        frame.items.push_back(std::move(*item));
    }
    return true;
}

}  // namespace

long long Frame::integer() const {
    return type == ':' ? std::strtoll(text.c_str(), nullptr, 10) : 0;
}

std::optional<Frame> parse_frame(std::string_view bytes, std::size_t& offset) {
    if (offset >= bytes.size()) return std::nullopt;
    const std::size_t start = offset;
    Frame frame;
    frame.type = bytes[offset++];
    const std::optional<std::string_view> line = take_line(bytes, offset);
    if (!line) return std::nullopt;
    frame.text = *line;
    if (is_bulk(frame.type) || is_list(frame.type)) {
        if (frame.text == "-1") {
            frame.is_null = true;
            frame.text.clear();
        } else if (is_bulk(frame.type) ? !take_bulk(bytes, offset, frame)
                                       : !take_items(bytes, offset, frame)) {
            return std::nullopt;
        }
    } else if (!is_scalar(frame.type)) {
        malformed(bytes, start);
    }
    if (frame.type == '_') frame.is_null = true;
    frame.raw = bytes.substr(start, offset - start);
    return frame;
}

std::string quote(std::string_view bytes) {
    std::string text = "\"";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            text += "\\n";
        } else if (c == '\r') {
            text += "\\r";
        } else if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (byte < 0x20 || byte > 0x7e) {
            char escaped[5];
            std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
            text += escaped;
        } else {
            text += c;
        }
    }
    return text + "\"";
}

std::string describe(const Frame& frame) {
    std::string text(1, frame.type);
    if (frame.is_null) return text + "nil";
    if (!frame.is_aggregate()) {
        if (frame.text.size() <= kShownBytes) return text + quote(frame.text);
        return text + quote(frame.text.substr(0, kShownBytes)) + "... (" +
               std::to_string(frame.text.size()) + " bytes)";
    }
    text += "[";
    for (std::size_t i = 0; i < frame.items.size(); ++i) {
        if (i != 0) text += ", ";
        text += describe(frame.items[i]);
    }
    return text + "]";
}

std::string describe(const std::vector<std::string>& command) {
    std::string text;
    for (const std::string& argument : command) {
        if (!text.empty()) text += ' ';
        const bool is_plain =
            !argument.empty() && argument.find_first_not_of(
                                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789_-+.*?:") == std::string::npos;
        const bool is_long = argument.size() > kShownBytes;
        if (is_long) {
            text += quote(argument.substr(0, kShownBytes)) + "...(" +
                    std::to_string(argument.size()) + ")";
        } else {
            text += is_plain ? argument : quote(argument);
        }
    }
    return text;
}

std::string encode(const std::vector<std::string>& command) {
    std::string bytes = "*" + std::to_string(command.size()) + "\r\n";
    for (const std::string& argument : command) {
        bytes += "$" + std::to_string(argument.size()) + "\r\n";
        bytes += argument;
        bytes += "\r\n";
    }
    return bytes;
}

}  // namespace gyre::test
