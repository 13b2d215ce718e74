// SPDX-License-Identifier: BSD-3-Clause
#include "cli/format.h"

#include <string_view>

#include "base/json_text.h"
#include "base/numbers.h"

namespace gyre::cli {
namespace {

void append_raw(std::string& out, const Reply& reply, const std::string& delimiter);

void append_raw_elements(std::string& out, const Reply& reply, const std::string& delimiter) {
    const bool is_map = reply.type == ReplyType::map;
    for (size_t i = 0; i < reply.elements.size(); ++i) {
        if (is_map && i % 2 == 1) {
            out += ' ';
        } else if (i > 0) {
            out += delimiter;
        }
        append_raw(out, reply.elements[i], delimiter);
    }
}

void append_raw(std::string& out, const Reply& reply, const std::string& delimiter) {
    switch (reply.type) {
        case ReplyType::null:
            return;
        case ReplyType::error:
            out += reply.text + '\n';
            return;
        case ReplyType::integer:
            out += std::to_string(reply.integer);
            return;
        case ReplyType::boolean:
            out += reply.integer != 0 ? "(true)" : "(false)";
            return;
        case ReplyType::status:
        case ReplyType::bulk:
        case ReplyType::real:
        case ReplyType::big_number:
        case ReplyType::verbatim:
            out += reply.text;
            return;
        case ReplyType::array:
        case ReplyType::map:
        case ReplyType::set:
        case ReplyType::push:
            return append_raw_elements(out, reply, delimiter);
    }
}

/// Numbers and truth, which CSV and JSON write alike.
void append_literal(std::string& out, const Reply& reply) {
    if (reply.type == ReplyType::integer) {
        out += std::to_string(reply.integer);
    } else if (reply.type == ReplyType::boolean) {
        out += reply.integer != 0 ? "true" : "false";
    } else {
        out += reply.text;
    }
}

void append_csv(std::string& out, const Reply& reply) {
    switch (reply.type) {
        case ReplyType::null:
            out += "NULL";
            return;
        case ReplyType::error:
            out += "ERROR," + base::quote(reply.text);
            return;
        case ReplyType::integer:
        case ReplyType::boolean:
        case ReplyType::real:
        case ReplyType::big_number:
            return append_literal(out, reply);
        case ReplyType::status:
        case ReplyType::bulk:
        case ReplyType::verbatim:
            out += base::quote(reply.text);
            return;
        case ReplyType::array:
        case ReplyType::map:
        case ReplyType::set:
        case ReplyType::push:
            break;
    }
    for (size_t i = 0; i < reply.elements.size(); ++i) {
        if (i > 0) out += ',';
        append_csv(out, reply.elements[i]);
    }
}

void append_json_string(std::string& out, std::string_view text, bool is_quoted) {
    out += '"';
    if (is_quoted) {
        const std::string escaped = base::quote(text);
        base::append_json_escaped(out, std::string_view(escaped).substr(1, escaped.size() - 2));
    } else {
        base::append_json_escaped(out, text);
    }
    out += '"';
}

void append_json(std::string& out, const Reply& reply, bool is_quoted);

/// JSON wants texts as keys: other replies become the text of their JSON.
void append_json_key(std::string& out, const Reply& key, bool is_quoted) {
    if (key.type == ReplyType::bulk || key.type == ReplyType::status ||
        key.type == ReplyType::verbatim) {
        return append_json_string(out, key.text, is_quoted);
    }
    std::string text;
    append_json(text, key, is_quoted);
    append_json_string(out, text, false);
}

void append_json_elements(std::string& out, const Reply& reply, bool is_quoted) {
    const bool is_map = reply.type == ReplyType::map;
    out += is_map ? '{' : '[';
    for (size_t i = 0; i < reply.elements.size(); ++i) {
        if (is_map && i % 2 == 0) {
            if (i > 0) out += ',';
            append_json_key(out, reply.elements[i], is_quoted);
            continue;
        }
        if (is_map) {
            out += ':';
        } else if (i > 0) {
            out += ',';
        }
        append_json(out, reply.elements[i], is_quoted);
    }
    out += is_map ? '}' : ']';
}

void append_json(std::string& out, const Reply& reply, bool is_quoted) {
    switch (reply.type) {
        case ReplyType::null:
            out += "null";
            return;
        case ReplyType::error:
            out += "error:";
            return append_json_string(out, reply.text, is_quoted);
        case ReplyType::integer:
        case ReplyType::boolean:
        case ReplyType::real:
        case ReplyType::big_number:
            return append_literal(out, reply);
        case ReplyType::status:
        case ReplyType::bulk:
        case ReplyType::verbatim:
            return append_json_string(out, reply.text, is_quoted);
        case ReplyType::array:
        case ReplyType::map:
        case ReplyType::set:
        case ReplyType::push:
            return append_json_elements(out, reply, is_quoted);
    }
}

struct Report {
    std::string_view name;
    std::string_view subcommand;  // empty: whatever follows
};

constexpr Report kReports[] = {
    {"info", ""},         {"lolwut", ""},       {"memory", "malloc-stats"},
    {"memory", "doctor"}, {"debug", "htstats"}, {"debug", "htstats-key"},
    {"cluster", "nodes"}, {"cluster", "info"},  {"client", "list"},
    {"client", "info"},   {"latency", "graph"}, {"latency", "doctor"},
};

}  // namespace

std::string format_report(const Reply& reply) {
    std::string out;
    append_raw(out, reply, "\n");
    return out;
}

std::string format_reply(const Reply& reply, const Layout& layout) {
    std::string out;
    switch (layout.format) {
        case Format::standard:
            return reply.to_string() + '\n';
        case Format::raw:
            append_raw(out, reply, layout.element_delimiter);
            return out + layout.reply_delimiter;
        case Format::csv:
            append_csv(out, reply);
            return out + '\n';
        case Format::json:
        case Format::quoted_json:
            append_json(out, reply, layout.format == Format::quoted_json);
            return out + '\n';
    }
    return out;
}

bool is_report(std::span<const std::string> words) {
    for (const Report& report : kReports) {
        if (words.empty() || !base::equals_ignore_case(words[0], report.name)) continue;
        if (report.subcommand.empty()) return true;
        if (words.size() > 1 && base::equals_ignore_case(words[1], report.subcommand)) return true;
    }
    return false;
}

}  // namespace gyre::cli
