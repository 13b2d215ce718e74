// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Replies written down in short, for the tests of how they are shown.

#include <string>
#include <utility>
#include <vector>

#include "gyre/reply.h"

namespace gyre::cli {

inline Reply text_reply(ReplyType type, std::string text) {
    Reply reply;
    reply.type = type;
    reply.text = std::move(text);
    return reply;
}
inline Reply bulk(std::string text) { return text_reply(ReplyType::bulk, std::move(text)); }
inline Reply status(std::string text) { return text_reply(ReplyType::status, std::move(text)); }
inline Reply error(std::string text) { return text_reply(ReplyType::error, std::move(text)); }

inline Reply integer(int64_t value) {
    Reply reply;
    reply.type = ReplyType::integer;
    reply.integer = value;
    return reply;
}
inline Reply boolean(bool value) {
    Reply reply = integer(value ? 1 : 0);
    reply.type = ReplyType::boolean;
    return reply;
}

inline Reply aggregate(ReplyType type, std::vector<Reply> elements) {
    Reply reply;
    reply.type = type;
    reply.elements = std::move(elements);
    return reply;
}
inline Reply array(std::vector<Reply> elements) {
    return aggregate(ReplyType::array, std::move(elements));
}
inline Reply map(std::vector<Reply> elements) {
    return aggregate(ReplyType::map, std::move(elements));
}

}  // namespace gyre::cli
