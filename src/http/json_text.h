// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Replies as JSON. Bytes are a string when they are valid UTF-8, else {"base64": "..."}. A map is
// an object when each of its keys is such a text or a whole number, else an array of pairs. A
// double is a number where JSON has one, and else the string that Redis writes: "inf", "-inf",
// "nan". An error within a reply is {"error": {"code": "ERR", "message": "..."}}.
//
// Threads: any. Complexity: O(size of the reply); recursion is as deep as the reply, which the
// parser of replies limits.

#include <cstdint>
#include <string>
#include <string_view>

#include "gyre/reply.h"

namespace gyre::http {

/// Bytes by the rule above.
void append_bytes(std::string& out, std::string_view bytes);
/// A text that is valid UTF-8; what is not becomes U+FFFD.
void append_text(std::string& out, std::string_view text);
void append_reply(std::string& out, const Reply& reply);
/// {"code": "ERR", "message": "..."}
void append_error(std::string& out, std::string_view text);

}  // namespace gyre::http
