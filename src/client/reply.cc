// SPDX-License-Identifier: BSD-3-Clause
#include "gyre/reply.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace gyre {
namespace {

// redis-cli's spelling: quotes, backslash and control bytes escaped, other unprintable ones as
// \xHH.
void append_quoted(std::string& out, std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out.push_back('"');
    for (const char byte : bytes) {
        switch (byte) {
            case '\\':
                out += "\\\\";
                continue;
            case '"':
                out += "\\\"";
                continue;
            case '\n':
                out += "\\n";
                continue;
            case '\r':
                out += "\\r";
                continue;
            case '\t':
                out += "\\t";
                continue;
            case '\a':
                out += "\\a";
                continue;
            case '\b':
                out += "\\b";
                continue;
            default:
                break;
        }
        const auto code = static_cast<unsigned char>(byte);
        if (code >= 0x20 && code < 0x7f) {
            out.push_back(byte);
        } else {
            out += "\\x";
            out.push_back(kDigits[code >> 4]);
            out.push_back(kDigits[code & 15]);
        }
    }
    out.push_back('"');
}

std::string_view empty_name(ReplyType type) {
    switch (type) {
        case ReplyType::map:
            return "(empty hash)";
        case ReplyType::set:
            return "(empty set)";
        case ReplyType::push:
            return "(empty push)";
        default:
            return "(empty array)";
    }
}

// How many lines of its own an aggregate is numbered with.
size_t entry_count(const Reply& reply) {
    return reply.type == ReplyType::map ? reply.elements.size() / 2 : reply.elements.size();
}

char index_mark(ReplyType type) {
    if (type == ReplyType::set) return '~';
    return type == ReplyType::map ? '#' : ')';
}

void append_reply(std::string& out, const Reply& reply, const std::string& indent);

// An aggregate that is printed in more than one line: somewhere within it are two entries.
bool takes_lines(const Reply& reply) {
    return entry_count(reply) > 1 || std::ranges::any_of(reply.elements, takes_lines);
}

// Each element behind its number; the first stands on the line that is already begun.
void append_elements(std::string& out, const Reply& reply, const std::string& indent) {
    const bool is_map = reply.type == ReplyType::map;
    const size_t step = is_map ? 2 : 1;
    const size_t width = std::to_string(entry_count(reply)).size();
    const std::string inner = indent + std::string(width + 2, ' ');
    for (size_t i = 0; i + step <= reply.elements.size(); i += step) {
        if (i > 0) out += '\n' + indent;
        const std::string number = std::to_string(i / step + 1);
        out.append(width - number.size(), ' ');
        out += number;
        out += index_mark(reply.type);
        out += ' ';
        append_reply(out, reply.elements[i], inner);
        if (is_map) {
            out += " => ";
            const Reply& value = reply.elements[i + 1];
            if (takes_lines(value)) out += '\n' + inner;
            append_reply(out, value, inner);
        }
    }
}

void append_reply(std::string& out, const Reply& reply, const std::string& indent) {
    switch (reply.type) {
        case ReplyType::status:
        case ReplyType::big_number:
        case ReplyType::verbatim:
            out += reply.text;
            return;
        case ReplyType::error:
            out += "(error) " + reply.text;
            return;
        case ReplyType::integer:
            out += "(integer) " + std::to_string(reply.integer);
            return;
        case ReplyType::bulk:
            append_quoted(out, reply.text);
            return;
        case ReplyType::null:
            out += "(nil)";
            return;
        case ReplyType::real:
            out += "(double) " + reply.text;
            return;
        case ReplyType::boolean:
            out += reply.integer != 0 ? "(true)" : "(false)";
            return;
        case ReplyType::array:
        case ReplyType::map:
        case ReplyType::set:
        case ReplyType::push:
            break;
    }
    if (reply.elements.empty()) {
        out += empty_name(reply.type);
    } else {
        append_elements(out, reply, indent);
    }
}

// Two numbers that are not numbers are the same reply.
bool is_same_real(double left, double right) {
    return left == right || (left != left && right != right);
}

}  // namespace

std::string_view reply_type_name(ReplyType type) {
    constexpr std::array<std::string_view, 13> kNames = {
        "status", "error", "integer", "bulk",    "null",       "array",   "map",
        "set",    "push",  "double",  "boolean", "big_number", "verbatim"};
    return kNames[static_cast<size_t>(type)];
}

std::string_view Reply::error_code() const {
    if (!is_error()) return {};
    return std::string_view(text).substr(0, text.find(' '));
}

const Reply* Reply::find(std::string_view key) const {
    if (type != ReplyType::map && type != ReplyType::array) return nullptr;
    for (size_t i = 0; i + 1 < elements.size(); i += 2) {
        if (!elements[i].is_aggregate() && elements[i].text == key) return &elements[i + 1];
    }
    return nullptr;
}

std::string Reply::to_string() const {
    std::string out;
    append_reply(out, *this, "");
    return out;
}

bool Reply::operator==(const Reply& other) const {
    return type == other.type && std::memcmp(format, other.format, sizeof(format)) == 0 &&
           integer == other.integer && is_same_real(real, other.real) && text == other.text &&
           elements == other.elements && attributes == other.attributes;
}

}  // namespace gyre
