// SPDX-License-Identifier: BSD-3-Clause
#include "http/json_text.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/base64.h"
#include "base/json_text.h"
#include "base/utf8.h"

namespace gyre::http {
namespace {

/// A text, or a whole number: its digits are one.
bool is_name(const Reply& reply) {
    if (reply.type == ReplyType::integer) return true;
    const bool has_text = reply.type == ReplyType::bulk || reply.type == ReplyType::status ||
                          reply.type == ReplyType::verbatim;
    return has_text && base::is_utf8(reply.text);
}

void append_name(std::string& out, const Reply& reply) {
    append_text(out, reply.type == ReplyType::integer ? std::to_string(reply.integer) : reply.text);
}

bool has_names(const Reply& map) {
    for (size_t index = 0; index < map.elements.size(); index += 2) {
        if (!is_name(map.elements[index])) return false;
    }
    return true;
}

void append_object(std::string& out, const Reply& map) {
    out += '{';
    for (size_t index = 0; index + 1 < map.elements.size(); index += 2) {
        if (index > 0) out += ',';
        append_name(out, map.elements[index]);
        out += ':';
        append_reply(out, map.elements[index + 1]);
    }
    out += '}';
}

void append_pairs(std::string& out, const Reply& map) {
    out += '[';
    for (size_t index = 0; index + 1 < map.elements.size(); index += 2) {
        out += index > 0 ? ",[" : "[";
        append_reply(out, map.elements[index]);
        out += ',';
        append_reply(out, map.elements[index + 1]);
        out += ']';
    }
    out += ']';
}

void append_elements(std::string& out, const Reply& reply) {
    out += '[';
    for (size_t index = 0; index < reply.elements.size(); ++index) {
        if (index > 0) out += ',';
        append_reply(out, reply.elements[index]);
    }
    out += ']';
}

}  // namespace

void append_text(std::string& out, std::string_view text) {
    out += '"';
    if (base::is_utf8(text)) {
        base::append_json_escaped(out, text);
    } else {
        for (const char byte : text) {
            const bool is_ascii = static_cast<unsigned char>(byte) < 0x80;
            base::append_json_escaped(out, is_ascii ? std::string_view(&byte, 1) : "\uFFFD");
        }
    }
    out += '"';
}

void append_bytes(std::string& out, std::string_view bytes) {
    if (base::is_utf8(bytes)) return append_text(out, bytes);
    out += R"({"base64":")";
    out += base::encode_base64(bytes);
    out += "\"}";
}

void append_error(std::string& out, std::string_view text) {
    const size_t end = std::min(text.find(' '), text.size());
    out += R"({"code":)";
    append_text(out, text.substr(0, end));
    out += R"(,"message":)";
    append_text(out, text.substr(std::min(end + 1, text.size())));
    out += '}';
}

void append_reply(std::string& out, const Reply& reply) {
    switch (reply.type) {
        case ReplyType::null:
            out += "null";
            return;
        case ReplyType::boolean:
            out += reply.integer != 0 ? "true" : "false";
            return;
        case ReplyType::integer:
            out += std::to_string(reply.integer);
            return;
        case ReplyType::big_number:
            out += reply.text;
            return;
        case ReplyType::real:
            if (std::isfinite(reply.real)) {
                out += reply.text;
            } else {
                append_text(out, reply.text);
            }
            return;
        case ReplyType::error:
            out += R"({"error":)";
            append_error(out, reply.text);
            out += '}';
            return;
        case ReplyType::status:
        case ReplyType::bulk:
        case ReplyType::verbatim:
            return append_bytes(out, reply.text);
        case ReplyType::map:
            return has_names(reply) ? append_object(out, reply) : append_pairs(out, reply);
        case ReplyType::array:
        case ReplyType::set:
        case ReplyType::push:
            return append_elements(out, reply);
    }
}

}  // namespace gyre::http
